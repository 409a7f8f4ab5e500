"""Where the gradient Ax − b vanishes, what f has there, and which way f falls without end."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from engine.calculus.quadratic_form.definiteness import EPSILON
from engine.calculus.quadratic_form.result import Escape, Form, Spectrum, Stationary
from engine.core import T, amounts

PROFILE_POINTS = 81
OF_VERDICT = {
    "positive definite": "minimum",
    "negative definite": "maximum",
    "positive semidefinite": "flat of minima",
    "negative semidefinite": "flat of maxima",
    "zero": "constant",
}
SENTENCES = {
    "minimum": T(
        "One minimum, at {at}, where f = {value:number.4}: f rises in every direction.",
        "唯一的极小点在 {at}，f = {value:number.4}：向任何方向 f 都上升。",
    ),
    "maximum": T(
        "One maximum, at {at}, where f = {value:number.4}: f falls in every direction, and has no minimum.",
        "唯一的极大点在 {at}，f = {value:number.4}：向任何方向 f 都下降，没有极小值。",
    ),
    "saddle": T(
        "A saddle at {at}, where f = {value:number.4}: f rises in some directions and falls in others.",
        "鞍点在 {at}，f = {value:number.4}：向有些方向 f 上升，向另一些方向下降。",
    ),
    "flat of minima": T(
        "Minimisers fill {flat} through {at}, all with f = {value:number.4}; that point is the one nearest to the origin.",
        "{flat}点都是极小点，f 都等于 {value:number.4}；其中离原点最近的是 {at}。",
    ),
    "flat of maxima": T(
        "Maximisers fill {flat} through {at}, all with f = {value:number.4}; f has no minimum.",
        "{flat}点都是极大点，f 都等于 {value:number.4}，其中一点是 {at}；没有极小值。",
    ),
    "flat of saddles": T(
        "Saddle points fill {flat} through {at}, all with f = {value:number.4}.",
        "{flat}点都是鞍点，f 都等于 {value:number.4}，其中一点是 {at}。",
    ),
    "constant": T(
        "f is the constant {value:number.4}: every point is stationary, and a minimiser.",
        "f 是常数 {value:number.4}：每一点都是驻点，也都是极小点。",
    ),
    "none": T(
        "No stationary point: A is singular and b has a part of length {residual:number.4} outside its range, so the gradient never vanishes.",
        "没有驻点：A 奇异，而 b 有长为 {residual:number.4} 的一部分落在 A 的值域之外，梯度处处不为零。",
    ),
}
FLATS = {1: T("a whole line", "一整条直线上的"), 2: T("a whole plane", "一整个平面上的")}


def vector(values: Float[ndarray, " n"]) -> str:
    """A vector as a sentence writes it: all of it up to four entries, else the first three."""
    clean = np.where(np.abs(values) < 1e-12 * np.abs(values).max(), 0.0, values)
    return amounts.point(clean, 4) if len(values) <= 4 else amounts.point(clean[:3], 4).replace(")", ", …)")


def find_stationary(form: Form, spectrum: Spectrum) -> Stationary:
    """Solve Ax = b through the eigenvectors, the null ones left out.

    It counts as solvable where ‖A·A⁺b − b‖ ≤ 8·n·ε·(‖A‖·‖A⁺b‖ + ‖b‖): then A⁺b solves a system that differs from
    this one by rounding only (Rigal and Gaches' backward error).
    """
    vectors, null = spectrum.eigenvectors, spectrum.null
    coordinates = vectors.T @ form.b
    point = np.linalg.solve(form.a, form.b) if not null.any() else vectors[:, ~null] @ (coordinates[~null] / spectrum.kept)
    residual = float(np.linalg.norm(coordinates[null]))
    rounding = 8 * len(form.b) * EPSILON
    allowed = rounding * float(np.abs(spectrum.eigenvalues).max() * np.linalg.norm(point) + np.linalg.norm(form.b))
    if residual > allowed:
        return Stationary("none", T(*SENTENCES["none"], residual=residual), None, None, np.zeros((0, len(form.b))), residual, allowed)
    kind = OF_VERDICT.get(spectrum.judgement.verdict, "flat of saddles" if null.any() else "saddle")
    value = form.c - 0.5 * float(form.b @ point)
    # what is left of terms that cancel to within rounding is an exact 0
    terms = abs(form.c) + 0.5 * float(np.abs(form.b) @ np.abs(point))
    value = 0.0 if abs(value) <= rounding * terms else value
    dimension = int(null.sum())
    flat = FLATS.get(dimension) or T("a whole {n}-dimensional flat", "一整个 {n} 维仿射子空间上的", n=dimension)
    sentence = T(*SENTENCES[kind], at=vector(point), value=value, flat=flat)
    return Stationary(kind, sentence, point, value, vectors[:, null].T, residual, allowed)


def find_escape(form: Form, spectrum: Spectrum, stationary: Stationary, start: Float[ndarray, " n"]) -> Escape | None:
    """The way down that has no end; None where f is bounded below.

    Along the eigenvector of the least eigenvalue where that is negative, else along the part of b outside A's range,
    on which f is a straight line. It begins at the stationary point, or at `start` where there is none.
    """
    values, vectors, null = spectrum.eigenvalues, spectrum.eigenvectors, spectrum.null
    origin = stationary.point if stationary.point is not None else start
    if values[0] < -spectrum.tolerance:
        direction, curvature = vectors[:, 0], float(values[0])
        slope = float(direction @ (form.a @ origin - form.b)) if stationary.point is None else 0.0
        direction, slope = (-direction, -slope) if slope > 0 else (direction, slope)
        sentence = T(
            "Escape along {along}, the eigenvector of λ = {curvature:number.4}: f falls like ½·({curvature:number.4})·t², without end.",
            "沿 {along}（λ = {curvature:number.4} 的特征向量）逃逸：f 按 ½·({curvature:number.4})·t² 下降，没有下界。",
            along=vector(direction),
            curvature=curvature,
        )
    elif stationary.point is None:
        outside = vectors[:, null] @ (vectors[:, null].T @ form.b)
        slope, curvature = -float(np.linalg.norm(outside)), 0.0
        direction = outside / -slope
        sentence = T(
            "Escape along {along}, in the null space of A: f falls as a line of slope {slope:number.4}, without end.",
            "沿 {along} 逃逸，它在 A 的零空间里：f 沿斜率为 {slope:number.4} 的直线下降，没有下界。",
            along=vector(direction),
            slope=slope,
        )
    else:
        return None
    # From −1 to 3 units of length on which f changes by about its own slope or curvature.
    t = np.linspace(-1.0, 3.0, PROFILE_POINTS)
    value = float(form.value(origin)) + slope * t + 0.5 * curvature * t * t
    return Escape(origin, direction, slope, curvature, t, value, sentence)
