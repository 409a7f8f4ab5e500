"""Five ways down a quadratic form, step by step.

Every method starts at x₀ and multiplies the error e = x − x* by a polynomial of A: e_k = p_k(A)·e₀ with p_k(0) = 1,
and the same p_k takes the gradient from g₀ to g_k. Source of all five: Nocedal & Wright, Numerical Optimization,
2nd ed., chapters 3 and 5; heavy ball: Polyak 1964.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from engine.calculus.quadratic_form.definiteness import EPSILON
from engine.calculus.quadratic_form.parameters import METHODS
from engine.calculus.quadratic_form.result import Form, Run, Spectrum
from engine.core import T

DIVERGED = 1e8
SUBJECTS = METHODS | {
    "fixed": T("The fixed step", "固定步长"),
    "conjugate": T("The conjugate gradient method", "共轭梯度法"),
    "newton": T("Newton's method", "牛顿法"),
}
OUTCOMES = {
    "done": T("{method} has nothing to do: the gradient at the start is zero.", "{method}无事可做：起点处梯度为零。"),
    "converged": T(
        "{method} brings the gradient to {tolerance:number.2} of its start in {steps}.",
        "{method}用 {steps}把梯度降到开始时的 {tolerance:number.2}。",
    ),
    "no minimum": T("{method} reaches the stationary point in {steps}; it is no minimum.", "{method}用 {steps}到达驻点；但它不是极小点。"),
    "stopped": T(
        "{method} has not brought the gradient to {tolerance:number.2} of its start after {steps}.",
        "{method}走了 {steps}，梯度还没有降到开始时的 {tolerance:number.2}。",
    ),
    "diverged": T(
        "{method} diverges: after {steps} the gradient is 10⁸ times as large as at the start.",
        "{method}发散：{steps}后梯度已增至开始时的 10⁸ 倍以上。",
    ),
    "unbounded": T(
        "{method} stops after {steps}: on the line it searches f has no lowest point.",
        "{method}走了 {steps}后停下：沿搜索方向 f 没有最低点。",
    ),
    "no solution": T(
        "{method} cannot take a step: A is singular and its equation has no solution.", "{method}一步也走不了：A 奇异，它的方程无解。"
    ),
}
# A point, the gradient that the method knows of it, and the length of the step that led there; in the end a status.
Steps = Generator[tuple[ndarray, ndarray, float], None, str]


@dataclass(frozen=True)
class Problem:
    """What the methods are given: the form, its spectrum, the stationary point or None, start, α, β, limits.

    The gradient counts as zero when its norm is within `tolerance` times that at the start, or within rounding,
    n·ε·(‖A‖·‖x*‖ + ‖b‖).
    """

    form: Form
    spectrum: Spectrum
    target: Float[ndarray, " n"] | None
    start: Float[ndarray, " n"]
    alpha: float
    beta: float
    steps: int
    tolerance: float

    @property
    def first(self) -> float:
        """The gradient's norm at the start."""
        return float(np.linalg.norm(self.form.a @ self.start - self.form.b))

    @property
    def threshold(self) -> float:
        """The gradient norm at which a method may stop."""
        norm = float(np.abs(self.spectrum.eigenvalues).max())
        reach = norm * float(np.linalg.norm(self.target)) if self.target is not None else 0.0
        rounding = len(self.start) * EPSILON * (reach + float(np.linalg.norm(self.form.b)))
        return max(self.tolerance * self.first, rounding)


def steepest(problem: Problem) -> Steps:
    """Along the gradient to the lowest point on that line: α_k = gᵀg / gᵀAg."""
    a, b, x, length = problem.form.a, problem.form.b, problem.start, 0.0
    while True:
        g = a @ x - b
        yield x, g, length
        gg, bend = float(g @ g), float(g @ (a @ g))
        if bend <= problem.spectrum.tolerance * gg:
            return "unbounded"
        length = gg / bend
        x = x - length * g


def heavy_ball(problem: Problem, beta: float) -> Steps:
    """x_{k+1} = x_k − α·g_k + β·(x_k − x_{k−1}), with x_{−1} = x₀; with β = 0 the fixed step."""
    a, b, x, alpha = problem.form.a, problem.form.b, problem.start, problem.alpha
    move = np.zeros_like(x)
    while True:
        g = a @ x - b
        yield x, g, alpha
        move = beta * move - alpha * g
        x = x + move


def conjugate(problem: Problem) -> Steps:
    """Conjugate gradients of Hestenes and Stiefel, the residual updated, not recomputed: it yields −r as its gradient.

    Source: Hestenes & Stiefel 1952, eqs. 3:1 a–f.
    """
    a, x, alpha = problem.form.a, problem.start, 0.0
    r = problem.form.b - a @ x
    d, rr = r, float(r @ r)
    while True:
        yield x, -r, alpha
        ad = a @ d
        bend = float(d @ ad)
        if bend <= problem.spectrum.tolerance * float(d @ d):
            return "unbounded"
        alpha = rr / bend
        x, r = x + alpha * d, r - alpha * ad
        before, rr = rr, float(r @ r)
        d = r + rr / before * d


def newton(problem: Problem) -> Steps:
    """x ← x − A⁻¹g, to the stationary point at once, of whatever kind it is; A⁺ where A is singular."""
    a, b, x, spectrum = problem.form.a, problem.form.b, problem.start, problem.spectrum
    v = spectrum.eigenvectors[:, ~spectrum.null]
    while True:
        g = a @ x - b
        yield x, g, 1.0
        if problem.target is None:
            return "no solution"
        x = x - (v @ ((v.T @ g) / spectrum.kept) if spectrum.null.any() else np.linalg.solve(a, g))


STEPPERS: dict[str, Callable[[Problem], Steps]] = {
    "steepest": steepest,
    "fixed": lambda problem: heavy_ball(problem, 0.0),
    "momentum": lambda problem: heavy_ball(problem, problem.beta),
    "conjugate": conjugate,
    "newton": newton,
}


def run(method: str, problem: Problem) -> Run:
    """Let one of `METHODS` go until the gradient is small, the steps are used up, or it cannot go on."""
    stepper, enough, too_much = STEPPERS[method](problem), problem.threshold, DIVERGED * problem.first
    points, norms, lengths, status = [], [], [], "stopped"
    while len(points) <= problem.steps and status == "stopped":
        try:
            x, g, length = next(stepper)
        except StopIteration as end:
            status = end.value
            break
        points.append(x)
        norms.append(float(np.linalg.norm(g)))
        lengths.append(length)
        if norms[-1] <= enough:
            status = "converged"
        elif norms[-1] > too_much:
            status = "diverged"
    return _described(method, status, np.array(points), np.array(lengths)[1:], np.array(norms), problem)


def _described(method: str, status: str, points: ndarray, lengths: ndarray, norms: ndarray, problem: Problem) -> Run:
    form, spectrum, steps = problem.form, problem.spectrum, len(points) - 1
    gap, distance = np.full(len(points), np.nan), np.full(len(points), np.nan)
    falling = spectrum.eigenvalues[0] < -spectrum.tolerance
    if problem.target is not None:
        error = (points - problem.target) @ spectrum.eigenvectors
        error[:, spectrum.null] = 0.0
        distance = np.linalg.norm(error, axis=1)
        if not falling:
            # ½eᵀAe keeps its digits where f − f* would cancel.
            gap = 0.5 * (error * error) @ np.where(spectrum.null, 0.0, spectrum.eigenvalues)
    arrived = status == "converged"
    outcome = "done" if arrived and not steps else "no minimum" if arrived and falling else status
    counted = T.many("{n} step", "{n} steps", "{n} 步", n=steps)
    return Run(
        status=status,
        iterations=steps if arrived else None,
        sentence=T(*OUTCOMES[outcome], method=SUBJECTS[method], tolerance=problem.tolerance, steps=counted),
        points=points,
        lengths=lengths,
        value=form.value(points),
        gap=gap,
        gradient_norm=np.linalg.norm(points @ form.a - form.b, axis=1),
        error_norm=distance,
        recurred_norm=norms if method == "conjugate" else None,
    )


def find_worst_start(spectrum: Spectrum, point: Float[ndarray, " n"], length: float) -> Float[ndarray, " n"]:
    """The start, `length` from `point`, at which steepest descent attains Kantorovich's bound at every step.

    Its error is v₁/λ₁ + v_n/λ_n, of the least and the greatest of the eigenvalues that are not zero.
    """
    kept = np.flatnonzero(~spectrum.null)
    ends = np.unique(kept[[0, -1]])
    error = spectrum.eigenvectors[:, ends] @ (1 / spectrum.eigenvalues[ends])
    return point + error * (length / float(np.linalg.norm(error)))


def residual_polynomials(way: Run, points: Float[ndarray, " q"], most: int) -> Float[ndarray, "k+1 q"]:
    """Conjugate gradients' p_k at each of `points`, for k = 0 … at most `most`, from the steps that the run really took.

    Between the eigenvalues p_k may grow without limit as k does.
    """
    assert way.recurred_norm is not None, "the run of another method"
    rows = [np.ones_like(points)]
    search, ratios = rows[0], (way.recurred_norm[1:] / way.recurred_norm[:-1]) ** 2
    for alpha, beta in zip(way.lengths[:most], ratios, strict=False):
        rows.append(rows[-1] - alpha * points * search)
        search = rows[-1] + beta * search
    return np.array(rows)
