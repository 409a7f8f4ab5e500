"""What theory promises for each method, from the eigenvalues alone.

λ₁ ≤ … ≤ λ_n are the eigenvalues that do not count as zero; on the null space nothing has to converge.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from engine.calculus.quadratic_form.definiteness import EPSILON
from engine.calculus.quadratic_form.descent import residual_polynomials
from engine.calculus.quadratic_form.result import ConjugatePolynomials, ExactLineSearch, FixedStep, MomentumPlane, Run, Spectrum
from engine.core import T

CURVE, PLANE = 121, 51
CONVERGES = {True: T("converges", "收敛"), False: T("does not converge", "不收敛")}


def heavy_ball_rate(alpha: ndarray | float, beta: ndarray | float, lam: ndarray | float) -> ndarray:
    """Size of the larger root of z² − (1 + β − αλ)z + β = 0: the rate along an eigenvector. Broadcasts."""
    half = 0.5 * (1.0 + np.asarray(beta) - np.asarray(alpha) * lam)
    inside = half * half - beta
    real = np.abs(half) + np.sqrt(np.maximum(inside, 0.0))
    return np.where(inside < 0, np.sqrt(np.maximum(beta, 0.0)), real)


def compare_line_search(way: Run, spectrum: Spectrum) -> ExactLineSearch | None:
    """Steepest descent's measured decrease beside Kantorovich's bound; None without a minimum or curvature."""
    kept = spectrum.kept
    if not len(kept) or kept[0] < 0 or np.isnan(way.gap[0]):
        return None
    kappa = float(kept[-1] / kept[0])
    rate = ((kappa - 1) / (kappa + 1)) ** 2
    start = way.gap[0] or 1.0
    ratio = way.gap[1:] / np.where(way.gap[:-1] > 0, way.gap[:-1], 1.0)
    moves = np.diff(way.points, axis=0)
    lengths = np.linalg.norm(moves, axis=1)
    scale = lengths[1:] * lengths[:-1]
    cosine = np.sum(moves[1:] * moves[:-1], axis=1) / np.where(scale > 0, scale, 1.0)
    # Nearer to the minimum than this, rounding moves the ratio by more than 1e-4.
    noise = 1e4 * kappa * EPSILON * float(np.linalg.norm(way.points, axis=1).max())
    ratio = np.where(way.error_norm[1:] > noise, ratio, np.nan)
    sentence = T(
        "κ = {kappa:number.4}: by Kantorovich no step leaves more than {rate:number.4} of f − f*; here the worst left {worst:number.4}.",
        "κ = {kappa:number.4}：按坎托罗维奇不等式，每步至多留下 f − f* 的 {rate:number.4}；这里最差的一步留下 {worst:number.4}。",
        kappa=kappa,
        rate=rate,
        worst=float(np.nanmax(ratio)) if np.any(ratio > 0) else 0.0,
    )
    return ExactLineSearch(kappa, rate, rate ** np.arange(len(way.gap)), way.gap / start, ratio, cosine, sentence)


def _powers(rate: float, points: int) -> Float[ndarray, " m+1"]:
    """rateᵏ for k = 0 … points − 1, cut to 1e300."""
    with np.errstate(over="ignore"):
        return np.minimum(rate ** np.arange(points), 1e300)


def rate_fixed(spectrum: Spectrum, alpha: float, points: int) -> FixedStep:
    """Theory of gradient descent with the fixed step `alpha`, for a way of so many points."""
    kept = spectrum.kept
    here = float(np.abs(1 - alpha * kept).max(initial=1.0 if not len(kept) else 0.0))
    edge = best = best_rate = None
    if not len(kept):
        sentence = T("A = 0: the gradient is the same everywhere, and no step length converges.", "A = 0：梯度处处相同，任何步长都不收敛。")
    elif kept[0] < 0:
        sentence = T(
            "λ₁ = {least:number.4} < 0: along its eigenvector every step length grows the error, by {rate:number.4} at α = {alpha:number.4}.",
            "λ₁ = {least:number.4} < 0：沿它的特征向量，任何步长都使误差增长，α = {alpha:number.4} 时每步乘 {rate:number.4}。",
            least=kept[0],
            alpha=alpha,
            rate=here,
        )
    else:
        low, high = float(kept[0]), float(kept[-1])
        edge, best, best_rate = 2 / high, 2 / (low + high), (high - low) / (high + low)
        sentence = T(
            "α = {alpha:number.4} {converges}: the edge is 2/λmax = {edge:number.4}, and the slowest direction keeps {rate:number.4} of its error.",
            "α = {alpha:number.4} 时{converges}：界限是 2/λmax = {edge:number.4}，最慢的方向每步保留误差的 {rate:number.4}。",
            alpha=alpha,
            converges=CONVERGES[here < 1],
            edge=edge,
            rate=here,
        )
    return FixedStep(edge, best, best_rate, here, here < 1, _powers(here, points), sentence)


def rate_momentum(spectrum: Spectrum, alpha: float, beta: float, points: int) -> MomentumPlane:
    """Theory of the heavy ball over the (α, β) plane and at the pair given, for a way of so many points.

    The rate over all eigenvalues is the larger of those at λ₁ and λ_n: along λ it falls, stays at √β, then rises.
    """
    kept = spectrum.kept
    ends = kept[[0, -1]] if len(kept) else np.zeros(1)
    reach = 4.2 / float(np.abs(kept).max()) if len(kept) else 2 * alpha
    alphas, betas = np.linspace(0.0, reach, PLANE), np.linspace(0.0, 1.0, PLANE)
    lam = np.where(spectrum.null, 0.0, spectrum.eigenvalues)
    here = float(heavy_ball_rate(alpha, beta, ends).max())
    best_alpha = best_beta = best_rate = None
    if len(kept) and kept[0] > 0:
        low, high = np.sqrt(kept[0]), np.sqrt(kept[-1])
        best_rate = float((high - low) / (high + low))
        best_alpha, best_beta = float((2 / (low + high)) ** 2), best_rate**2
        sentence = T(
            "α = {alpha:number.4}, β = {beta:number.4} {converges}: the error is multiplied by about {rate:number.4} a step; the best pair reaches {best:number.4}.",
            "α = {alpha:number.4}、β = {beta:number.4} 时{converges}：误差每步约乘 {rate:number.4}；最好的一对能到 {best:number.4}。",
            alpha=alpha,
            beta=beta,
            converges=CONVERGES[here < 1],
            rate=here,
            best=best_rate,
        )
    else:
        sentence = T(
            "No pair (α, β) converges: A does not bend upwards everywhere. At α = {alpha:number.4}, β = {beta:number.4} the rate is {rate:number.4}.",
            "没有收敛的 (α, β)：A 不是处处向上弯。α = {alpha:number.4}、β = {beta:number.4} 时速率为 {rate:number.4}。",
            alpha=alpha,
            beta=beta,
            rate=here,
        )
    return MomentumPlane(
        alpha=alphas,
        beta=betas,
        rate=heavy_ball_rate(alphas, betas[:, None], ends[:, None, None]).max(axis=0),
        edge=2 * (1 + betas) / ends[-1] if ends[-1] > 0 else np.full(PLANE, np.nan),
        best_alpha=best_alpha,
        best_beta=best_beta,
        best_rate=best_rate,
        here=here,
        direction_rate=heavy_ball_rate(alpha, beta, lam),
        oscillates=(1 + beta - alpha * lam) ** 2 < 4 * beta,
        converges=here < 1,
        promise=_powers(here, points),
        sentence=sentence,
    )


def trace_polynomials(way: Run, spectrum: Spectrum) -> ConjugatePolynomials:
    """Conjugate gradients' residual polynomials and their Chebyshev bound, from the steps of the run."""
    values, kept = spectrum.eigenvalues, spectrum.kept
    top = float(np.abs(values).max()) or 1.0
    lam = np.linspace(min(0.0, float(values[0])) * 1.05, max(float(values[-1]), 0.0) * 1.05 or 0.05 * top, CURVE)
    bound = observed = None
    if len(kept) and kept[0] > 0 and not np.isnan(way.gap[0]):
        root = np.sqrt(kept[-1] / kept[0])
        bound = np.minimum(1.0, 2 * ((root - 1) / (root + 1)) ** np.arange(len(way.gap)))
        observed = np.sqrt(way.gap / (way.gap[0] or 1.0))
    # each eigenvalue is known to within τ: two are different when their gap exceeds what both may be off
    distinct = 1 + int(np.sum(np.diff(kept) > 2 * spectrum.tolerance)) if len(kept) else 0
    # Only the first n steps are the method's own; past them rounding speaks.
    rows = residual_polynomials(way, np.concatenate([lam, values]), len(values))
    more = len(way.lengths) > distinct and way.status == "converged"
    sentence = T(
        "In exact arithmetic {distinct} distinct non-zero eigenvalues take at most {distinct} steps; taken: {taken}{rest}.",
        "若无舍入误差，{distinct} 个不同的非零特征值至多需 {distinct} 步；这里走了 {taken} 步{rest}。",
        distinct=distinct,
        taken=len(way.lengths),
        rest=T(", the rest for rounding", "，多出的归于舍入误差") if more else "",
    )
    return ConjugatePolynomials(lam, rows[:, :CURVE], rows[:, CURVE:], bound, observed, distinct, sentence)
