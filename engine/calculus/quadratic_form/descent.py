"""Five ways down a quadratic form, step by step, and the polynomial that each applies to the error.

Every method starts at x₀ and multiplies the error e = x − x* by a polynomial of A: e_k = p_k(A)·e₀ with p_k(0) = 1,
and the same p_k takes the gradient from g₀ to g_k. Source of all five: Nocedal & Wright, Numerical Optimization,
2nd ed., chapters 3 and 5; heavy ball: Polyak 1964.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field

import numpy as np
from numpy import ndarray

from engine.calculus.quadratic_form.definiteness import EPSILON, Spectrum, short
from engine.calculus.quadratic_form.entry import Form
from engine.core.words import T

DIVERGED = 1e8
METHODS = {
    "steepest": T("Steepest descent", "最速下降法"),
    "fixed": T("Fixed step", "固定步长"),
    "momentum": T("Momentum", "动量法"),
    "conjugate": T("Conjugate gradients", "共轭梯度法"),
    "newton": T("Newton", "牛顿法"),
}
SUBJECTS = {
    "steepest": "Steepest descent",
    "fixed": "The fixed step",
    "momentum": "Momentum",
    "conjugate": "The conjugate gradient method",
    "newton": "Newton's method",
}
Steps = Generator[tuple[ndarray, ndarray, tuple[float, float]], None, str]


@dataclass(frozen=True)
class Run:
    """One method's way: `points` (m + 1, n) from the start on, `coefficients` (m, 2) of its polynomial's recurrence.

    status: "converged" (gradient below tolerance), "stopped" (the allowed steps are used up), "diverged" (the
    gradient grew 1e8-fold), "unbounded" (the line searched falls without end), "no solution" (Newton's equation
    has none). iterations: steps to the tolerance, None unless converged. value: f (m + 1,). gap: f − f* (m + 1,), NaN
    where f has no minimum. gradient_norm: ‖Ax − b‖ (m + 1,). error_norm: distance (m + 1,) to the nearest stationary
    point, NaN where there is none. recurred_norm: (m + 1,), conjugate gradients' own residual, which it updates and
    never recomputes; None for the others.
    """

    method: str
    status: str
    iterations: int | None
    sentence: T
    points: ndarray = field(repr=False)
    coefficients: ndarray = field(repr=False)
    value: ndarray = field(repr=False)
    gap: ndarray = field(repr=False)
    gradient_norm: ndarray = field(repr=False)
    error_norm: ndarray = field(repr=False)
    recurred_norm: ndarray | None = field(repr=False)


@dataclass(frozen=True)
class Problem:
    """What the methods are given: the form, its spectrum, the stationary point (n,) or None, start (n,), α, β, limits.

    The gradient counts as zero when its norm is within `tolerance` times that at the start, or within rounding,
    n·ε·(‖A‖·‖x*‖ + ‖b‖).
    """

    form: Form
    spectrum: Spectrum
    target: ndarray | None
    start: ndarray
    alpha: float
    beta: float
    steps: int
    tolerance: float

    @property
    def threshold(self) -> float:
        """The gradient norm at which a method may stop."""
        norm = float(np.abs(self.spectrum.eigenvalues).max())
        reach = norm * float(np.linalg.norm(self.target)) if self.target is not None else 0.0
        rounding = len(self.start) * EPSILON * (reach + float(np.linalg.norm(self.form.b)))
        first = float(np.linalg.norm(self.form.a @ self.start - self.form.b))
        return max(self.tolerance * first, rounding)


def steepest(problem: Problem) -> Steps:
    """Along the gradient to the lowest point on that line: α_k = gᵀg / gᵀAg. Coefficients (α_k, 0)."""
    a, b, x = problem.form.a, problem.form.b, problem.start
    g = a @ x - b
    yield x, g, (0.0, 0.0)
    while True:
        gg, bend = float(g @ g), float(g @ (a @ g))
        if bend <= problem.spectrum.tolerance * gg:
            return "unbounded"
        x = x - (gg / bend) * g
        g = a @ x - b
        yield x, g, (gg / bend, 0.0)


def fixed(problem: Problem) -> Steps:
    """x ← x − α·g. Coefficients (α, 0)."""
    a, b, x, alpha = problem.form.a, problem.form.b, problem.start, problem.alpha
    g = a @ x - b
    yield x, g, (0.0, 0.0)
    while True:
        x = x - alpha * g
        g = a @ x - b
        yield x, g, (alpha, 0.0)


def momentum(problem: Problem) -> Steps:
    """Heavy ball: x_{k+1} = x_k − α·g_k + β·(x_k − x_{k−1}), with x_{−1} = x₀. Coefficients (α, β)."""
    a, b, x, alpha, beta = problem.form.a, problem.form.b, problem.start, problem.alpha, problem.beta
    g, move = a @ x - b, np.zeros_like(x)
    yield x, g, (0.0, 0.0)
    while True:
        move = beta * move - alpha * g
        x = x + move
        g = a @ x - b
        yield x, g, (alpha, beta)


def conjugate(problem: Problem) -> Steps:
    """Conjugate gradients of Hestenes and Stiefel, the residual updated, not recomputed.

    Coefficients (α_k, β_k) with x ← x + α·d, r ← r − α·Ad, d ← r + β·d; it yields −r as its gradient.
    Source: Hestenes & Stiefel 1952, eqs. 3:1 a–f.
    """
    a, x = problem.form.a, problem.start
    r = problem.form.b - a @ x
    d, rr, beta = r, float(r @ r), 0.0
    yield x, -r, (0.0, 0.0)
    while True:
        ad = a @ d
        bend = float(d @ ad)
        if bend <= problem.spectrum.tolerance * float(d @ d):
            return "unbounded"
        alpha = rr / bend
        x, r = x + alpha * d, r - alpha * ad
        before, rr = rr, float(r @ r)
        beta = rr / before
        d = r + beta * d
        yield x, -r, (alpha, beta)


def newton(problem: Problem) -> Steps:
    """x ← x − A⁻¹g, to the stationary point at once, of whatever kind it is; A⁺ where A is singular."""
    a, b, x, spectrum = problem.form.a, problem.form.b, problem.start, problem.spectrum
    g = a @ x - b
    yield x, g, (0.0, 0.0)
    if problem.target is None:
        return "no solution"
    while True:
        if spectrum.null.any():
            kept = ~spectrum.null
            v = spectrum.eigenvectors[:, kept]
            x = x - v @ ((v.T @ g) / spectrum.eigenvalues[kept])
        else:
            x = x - np.linalg.solve(a, g)
        g = a @ x - b
        yield x, g, (1.0, 0.0)


STEPPERS: dict[str, Callable[[Problem], Steps]] = {
    "steepest": steepest,
    "fixed": fixed,
    "momentum": momentum,
    "conjugate": conjugate,
    "newton": newton,
}


def run(method: str, problem: Problem) -> Run:
    """Let one of `METHODS` go until the gradient is small, the steps are used up, or it cannot go on."""
    stepper, enough, too_much = STEPPERS[method](problem), problem.threshold**2, float("inf")
    points, gradients, coefficients, status = [], [], [], "stopped"
    while True:
        try:
            x, g, pair = next(stepper)
        except StopIteration as end:
            status = end.value
            break
        points.append(x)
        gradients.append(g)
        coefficients.append(pair)
        size = float(g @ g)
        if size <= enough:
            status = "converged"
            break
        if size > too_much:
            status = "diverged"
            break
        if len(points) == 1:
            too_much = DIVERGED**2 * size
        if len(points) > problem.steps:
            break
    way = np.array(points)
    recurred = np.linalg.norm(np.array(gradients), axis=1) if method == "conjugate" else None
    return _describe(method, status, way, np.array(coefficients)[1:], recurred, problem)


def _describe(method: str, status: str, way: ndarray, coefficients: ndarray, recurred: ndarray | None, problem: Problem) -> Run:
    form, spectrum = problem.form, problem.spectrum
    value = form.value(way)
    gradient = np.linalg.norm(way @ form.a - form.b, axis=1)
    gap, distance = np.full(len(way), np.nan), np.full(len(way), np.nan)
    if problem.target is not None:
        error = (way - problem.target) @ spectrum.eigenvectors
        error[:, spectrum.null] = 0.0
        distance = np.linalg.norm(error, axis=1)
        if spectrum.eigenvalues[0] >= -spectrum.tolerance:
            # ½eᵀAe keeps its digits where f − f* would cancel.
            gap = 0.5 * (error * error) @ np.where(spectrum.null, 0.0, spectrum.eigenvalues)
    steps = len(way) - 1
    iterations = steps if status == "converged" else None
    sentence = _say(method, status, steps, problem)
    return Run(method, status, iterations, sentence, way, coefficients, value, gap, gradient, distance, recurred)


def _say(method: str, status: str, steps: int, problem: Problem) -> T:
    en, zh = SUBJECTS[method], METHODS[method][1]
    falling = problem.spectrum.eigenvalues[0] < -problem.spectrum.tolerance
    plural = "" if steps == 1 else "s"
    tolerance = short(problem.tolerance)
    if status == "converged" and steps == 0:
        return T("{en} has nothing to do: the gradient at the start is zero.", "{en}无事可做：起点处梯度为零。", en=T(en, zh))
    if status == "converged" and falling:
        return T(
            "{en} reaches the stationary point in {steps} step{plural_}; it is no minimum.",
            "{en}用 {steps} 步到达驻点；但它不是极小点。",
            en=T(en, zh),
            steps=steps,
            plural_=plural,
        )
    return {
        "converged": T(
            "{en} brings the gradient to {tolerance} of its start in {steps} step{plural_}.",
            "{en}用 {steps} 步把梯度降到开始时的 {tolerance}。",
            en=T(en, zh),
            tolerance=tolerance,
            steps=steps,
            plural_=plural,
        ),
        "stopped": T(
            "{en} has not brought the gradient to {tolerance} of its start after {steps} step{plural_}.",
            "{en}走了 {steps} 步，梯度还没有降到开始时的 {tolerance}。",
            en=T(en, zh),
            tolerance=tolerance,
            steps=steps,
            plural_=plural,
        ),
        "diverged": T(
            "{en} diverges: after {steps} step{plural_} the gradient is 1e8 times as large as at the start.",
            "{en}发散：{steps} 步后梯度已增至开始时的 1e8 倍以上。",
            en=T(en, zh),
            steps=steps,
            plural_=plural,
        ),
        "unbounded": T(
            "{en} stops after {steps} step{plural_}: on the line it searches f has no lowest point.",
            "{en}在第 {steps} 步后停下：沿搜索方向 f 没有最低点。",
            en=T(en, zh),
            steps=steps,
            plural_=plural,
        ),
        "no solution": T(
            "{en} cannot take a step: A is singular and its equation has no solution.",
            "{en}一步也走不了：A 奇异，它的方程无解。",
            en=T(en, zh),
        ),
    }[status]


def find_worst_start(spectrum: Spectrum, point: ndarray, length: float) -> ndarray:
    """The start (n,), `length` from `point`, at which steepest descent attains Kantorovich's bound at every step.

    Its error is v₁/λ₁ + v_n/λ_n, of the least and the greatest of the eigenvalues that are not zero.
    """
    kept = np.flatnonzero(~spectrum.null)
    error = np.zeros_like(point)
    for i in {kept[0], kept[-1]}:
        error = error + spectrum.eigenvectors[:, i] / spectrum.eigenvalues[i]
    return point + error * (length / float(np.linalg.norm(error)))


def polynomials(way: Run, points: ndarray, most: int | None = None) -> ndarray:
    """p_k at each of `points` (q,), for k = 0 … m, (m + 1, q): from the coefficients that the run really used.

    `most` cuts m. Between the eigenvalues p_k may grow without limit as k does.

    Newton's polynomial is taken as 1 − λ/λ = 0 at the eigenvalues, so it is defined there only.
    """
    rows, coefficients = [np.ones_like(points)], way.coefficients[:most]
    if way.method == "newton":
        return np.vstack([rows[0], np.zeros((len(coefficients), len(points)))])
    if way.method == "conjugate":
        search = rows[0]
        for alpha, beta in coefficients:
            rows.append(rows[-1] - alpha * points * search)
            search = rows[-1] + beta * search
        return np.array(rows)
    before = rows[0]
    for alpha, beta in coefficients:
        now = rows[-1]
        rows.append(now - alpha * points * now + beta * (now - before))
        before = now
    return np.array(rows)
