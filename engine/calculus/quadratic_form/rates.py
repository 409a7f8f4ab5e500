"""What theory promises for each method, from the eigenvalues alone.

λ₁ ≤ … ≤ λ_n are the eigenvalues that do not count as zero; on the null space nothing has to converge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from engine.calculus.quadratic_form.definiteness import EPSILON, Spectrum, short
from engine.calculus.quadratic_form.descent import Problem, Run, polynomials
from engine.core.words import T

CURVE, PLANE = 121, 51


@dataclass(frozen=True)
class ExactLineSearch:
    """Steepest descent against Kantorovich's bound; only where f has a minimum.

    kappa: λ_n/λ₁. rate: ((κ−1)/(κ+1))², the most that can be left of f − f* after a step. bound: rateᵏ (m + 1,).
    observed: (f_k − f*)/(f_0 − f*) (m + 1,). step_ratio: (f_{k+1} − f*)/(f_k − f*) (m,), NaN where it
    would be rounding only. cosine: of the angle
    between one move and the next (m − 1,): 0, for the line search ends where the next gradient is perpendicular.
    """

    kappa: float
    rate: float
    bound: ndarray
    observed: ndarray
    step_ratio: ndarray
    cosine: ndarray
    sentence: T


@dataclass(frozen=True)
class FixedStep:
    """A step length α for good: the error along v_i shrinks by |1 − αλ_i| a step.

    edge: 2/λ_n, where it stops converging; best: 2/(λ₁ + λ_n), with best_rate (κ−1)/(κ+1); None where some
    λ_i < 0 (no α converges) or A = 0. alpha, rate: (121,), max_i |1 − αλ_i|. here: that rate at the α given.
    direction_rate: (n,), |1 − αλ_i| at the α given. converges: whether here < 1. promise: hereᵏ, k = 0 … m, of which
    the error over that at the start stays below.
    """

    edge: float | None
    best: float | None
    best_rate: float | None
    alpha: ndarray
    rate: ndarray
    here: float
    direction_rate: ndarray
    converges: bool
    promise: ndarray
    sentence: T


@dataclass(frozen=True)
class MomentumPlane:
    """Spectral radius of the heavy-ball iteration over (α, β).

    alpha: (51,), beta: (51,), rate: (51, 51), rows β, columns α. best_alpha, best_beta, best_rate: Polyak's
    (2/(√λ₁+√λ_n))², ((√κ−1)/(√κ+1))² and √best_beta, None where some λ_i < 0 or A = 0. edge: 2(1+β)/λ_n for each
    β (51,), NaN where λ_n ≤ 0. here, direction_rate (n,), oscillates (n,), converges: at the α, β given; a direction
    oscillates where its pair of roots is complex. promise: hereᵏ, k = 0 … m: what the error falls like in the end.
    """

    alpha: ndarray
    beta: ndarray
    rate: ndarray
    edge: ndarray
    best_alpha: float | None
    best_beta: float | None
    best_rate: float | None
    here: float
    direction_rate: ndarray
    oscillates: ndarray
    converges: bool
    promise: ndarray
    sentence: T


@dataclass(frozen=True)
class ConjugatePolynomials:
    """What conjugate gradients do to each eigenvalue's share of the residual: r_k = p_k(A)·r₀, p_k(0) = 1.

    lam: (121,), 0 to a little past λ_n (from below λ₁ where that is negative). values: (m + 1, 121).
    at_eigenvalues: (m + 1, n). bound: 2((√κ−1)/(√κ+1))ᵏ (m + 1,) for ‖e_k‖_A/‖e_0‖_A, with observed (m + 1,) beside it,
    None where f has no minimum. distinct: the number of clearly different non-zero eigenvalues, the steps that exact
    arithmetic would need at most.
    """

    lam: ndarray
    values: ndarray
    at_eigenvalues: ndarray
    bound: ndarray | None
    observed: ndarray | None
    distinct: int
    sentence: T


def heavy_ball_rate(alpha: ndarray | float, beta: ndarray | float, lam: ndarray | float) -> ndarray:
    """Size of the larger root of z² − (1 + β − αλ)z + β = 0: the rate along an eigenvector. Broadcasts."""
    half = 0.5 * (1.0 + np.asarray(beta) - np.asarray(alpha) * lam)
    inside = half * half - beta
    real = np.abs(half) + np.sqrt(np.maximum(inside, 0.0))
    return np.where(inside < 0, np.sqrt(np.maximum(beta, 0.0)), real)


def compare_line_search(way: Run, spectrum: Spectrum) -> ExactLineSearch | None:
    """Steepest descent's measured decrease beside Kantorovich's bound; None without a minimum or curvature."""
    kept = spectrum.eigenvalues[~spectrum.null]
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
    worst = short(float(np.nanmax(ratio))) if np.any(ratio > 0) else "0"
    k, r = short(kappa), short(rate)
    sentence = T(
        "κ = {k}: by Kantorovich no step leaves more than {r} of f − f*; here the worst left {worst}.",
        "κ = {k}：按坎托罗维奇不等式，每步至多留下 f − f* 的 {r}；这里最差的一步留下 {worst}。",
        k=k,
        r=r,
        worst=worst,
    )
    return ExactLineSearch(kappa, rate, rate ** np.arange(len(way.gap)), way.gap / start, ratio, cosine, sentence)


def _window(kept: ndarray, alpha: float, reach: float) -> float:
    """How far the α axis goes: `reach` over the largest |λ|, or twice the given α where A = 0."""
    return reach / float(np.abs(kept).max()) if len(kept) else 2 * alpha


def _powers(rate: float, points: int) -> ndarray:
    """rateᵏ for k = 0 … points − 1, cut to 1e300."""
    with np.errstate(over="ignore"):
        return np.minimum(rate ** np.arange(points), 1e300)


def rate_fixed(spectrum: Spectrum, alpha: float, points: int) -> FixedStep:
    """Theory of gradient descent with the fixed step `alpha`, for a way of so many points."""
    kept = spectrum.eigenvalues[~spectrum.null]
    axis = np.linspace(0.0, _window(kept, alpha, 2.5), CURVE)
    ends = kept[[0, -1]] if len(kept) else np.zeros(1)
    rate = np.abs(1 - axis[:, None] * ends).max(axis=1)
    direction = np.abs(1 - alpha * np.where(spectrum.null, 0.0, spectrum.eigenvalues))
    here = float(np.abs(1 - alpha * ends).max())
    edge = best = best_rate = None
    if len(kept) and kept[0] > 0:
        low, high = float(kept[0]), float(kept[-1])
        edge, best, best_rate = 2 / high, 2 / (low + high), (high - low) / (high + low)
    return FixedStep(
        edge, best, best_rate, axis, rate, here, direction, here < 1, _powers(here, points), _say_fixed(kept, alpha, edge, here)
    )


def _say_fixed(kept: ndarray, alpha: float, edge: float | None, here: float) -> T:
    a, r = short(alpha), short(here)
    if not len(kept):
        return T("A = 0: the gradient is the same everywhere, and no step length converges.", "A = 0：梯度处处相同，任何步长都不收敛。")
    if edge is None:
        return T(
            "λ₁ = {kept} < 0: along its eigenvector every step length grows the error, by {r} at α = {a}.",
            "λ₁ = {kept} < 0：沿它的特征向量，任何步长都使误差增长，α = {a} 时每步乘 {r}。",
            kept=short(kept[0]),
            r=r,
            a=a,
        )
    verb_en, verb_zh = T("converges", "收敛") if here < 1 else T("does not converge", "不收敛")
    return T(
        "α = {a} {verb_en}: the edge is 2/λmax = {edge}, and the slowest direction keeps {r} of its error.",
        "α = {a} 时{verb_en}：界限是 2/λmax = {edge}，最慢的方向每步保留误差的 {r}。",
        a=a,
        verb_en=T(verb_en, verb_zh),
        edge=short(edge),
        r=r,
    )


def rate_momentum(spectrum: Spectrum, alpha: float, beta: float, points: int) -> MomentumPlane:
    """Theory of the heavy ball over the (α, β) plane and at the pair given, for a way of so many points.

    The rate over all eigenvalues is the larger of those at λ₁ and λ_n: along λ it falls, stays at √β, then rises.
    """
    kept = spectrum.eigenvalues[~spectrum.null]
    ends = kept[[0, -1]] if len(kept) else np.zeros(1)
    alphas = np.linspace(0.0, _window(kept, alpha, 4.2), PLANE)
    betas = np.linspace(0.0, 1.0, PLANE)
    plane = heavy_ball_rate(alphas, betas[:, None], ends[:, None, None]).max(axis=0)
    lam = np.where(spectrum.null, 0.0, spectrum.eigenvalues)
    direction = heavy_ball_rate(alpha, beta, lam)
    here = float(heavy_ball_rate(alpha, beta, ends).max())
    top = float(ends[-1])
    edge = 2 * (1 + betas) / top if top > 0 else np.full(PLANE, np.nan)
    best_alpha = best_beta = best_rate = None
    if len(kept) and kept[0] > 0:
        low, high = np.sqrt(kept[0]), np.sqrt(kept[-1])
        best_rate = float((high - low) / (high + low))
        best_alpha, best_beta = float((2 / (low + high)) ** 2), best_rate**2
    return MomentumPlane(
        alphas,
        betas,
        plane,
        edge,
        best_alpha,
        best_beta,
        best_rate,
        here,
        direction,
        (1 + beta - alpha * lam) ** 2 < 4 * beta,
        here < 1,
        _powers(here, points),
        _say_momentum(kept, alpha, beta, best_rate, here),
    )


def _say_momentum(kept: ndarray, alpha: float, beta: float, best: float | None, here: float) -> T:
    pair, r = f"α = {short(alpha)}, β = {short(beta)}", short(here)
    if best is None:
        return T(
            "No pair (α, β) converges: A has no smallest positive curvature to go by. At {pair} the rate is {r}.",
            "没有收敛的 (α, β)：A 不是处处向上弯。{pair} 时速率为 {r}。",
            pair=pair,
            r=r,
        )
    verb_en, verb_zh = T("converges", "收敛") if here < 1 else T("does not converge", "不收敛")
    return T(
        "{pair} {verb_en}: the error is multiplied by about {r} a step; the best pair reaches {best}.",
        "{pair} 时{verb_en}：误差每步约乘 {r}；最好的一对能到 {best}。",
        pair=pair,
        verb_en=T(verb_en, verb_zh),
        r=r,
        best=short(best),
    )


def trace_polynomials(way: Run, problem: Problem) -> ConjugatePolynomials:
    """Conjugate gradients' residual polynomials and their Chebyshev bound, from the coefficients of the run."""
    values, null = problem.spectrum.eigenvalues, problem.spectrum.null
    kept = values[~null]
    top = float(np.abs(values).max()) or 1.0
    low = min(0.0, float(values[0])) * 1.05
    lam = np.linspace(low, max(float(values[-1]), 0.0) * 1.05 or 0.05 * top, CURVE)
    bound = observed = None
    if len(kept) and kept[0] > 0 and not np.isnan(way.gap[0]):
        root = np.sqrt(kept[-1] / kept[0])
        bound = np.minimum(1.0, 2 * ((root - 1) / (root + 1)) ** np.arange(len(way.gap)))
        observed = np.sqrt(way.gap / (way.gap[0] or 1.0))
    # each eigenvalue is known to within τ: two are different when their gap exceeds what both may be off
    distinct = 1 + int(np.sum(np.diff(kept) > 2 * problem.spectrum.tolerance)) if len(kept) else 0
    # Only the first n steps are the method's own; past them rounding speaks.
    first = min(len(way.coefficients), len(values))
    rows = polynomials(way, np.concatenate([lam, values]), first)
    taken = len(way.coefficients)
    more = taken > distinct and way.status == "converged"
    sentence = (
        T(
            "In exact arithmetic {distinct} distinct non-zero eigenvalues take at most {distinct} steps; taken: {taken}, the rest for rounding.",
            "若无舍入误差，{distinct} 个不同的非零特征值至多需 {distinct} 步；这里走了 {taken} 步,多出的归于舍入误差。",
            distinct=distinct,
            taken=taken,
        )
        if more
        else T(
            "In exact arithmetic {distinct} distinct non-zero eigenvalues take at most {distinct} steps; taken: {taken}.",
            "若无舍入误差，{distinct} 个不同的非零特征值至多需 {distinct} 步；这里走了 {taken} 步。",
            distinct=distinct,
            taken=taken,
        )
    )
    return ConjugatePolynomials(lam, rows[:, :CURVE], rows[:, CURVE:], bound, observed, distinct, sentence)
