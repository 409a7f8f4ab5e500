"""Where the gradient Ax − b vanishes, what f has there, and which way f falls without end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from engine.calculus.quadratic_form.definiteness import EPSILON, Spectrum, short
from engine.calculus.quadratic_form.entry import Form
from engine.core.words import T

PROFILE_POINTS = 81
KINDS = {
    "minimum": "极小点",
    "maximum": "极大点",
    "saddle": "鞍点",
    "flat of minima": "一整片极小点",
    "flat of maxima": "一整片极大点",
    "flat of saddles": "一整片鞍点",
    "constant": "处处驻点",
    "none": "没有驻点",
}


@dataclass(frozen=True)
class Stationary:
    """The solutions of Ax = b.

    kind: a key of `KINDS`. point: (n,), the solution of least norm A⁺b, None where there is none.
    value: f there. directions: (d, n), orthonormal, the flat point + span(directions) of all solutions; d = 0 for
    one point. residual: ‖A·A⁺b − b‖, the part of b that A cannot reach. residual_allowed: what rounding explains.
    """

    kind: str
    sentence: T
    point: ndarray | None
    value: float | None
    directions: ndarray
    residual: float
    residual_allowed: float


@dataclass(frozen=True)
class Escape:
    """A way on which f falls without end: from `origin` (n,) along the unit vector `direction` (n,).

    f(origin + t·direction) = value(0) + slope·t + ½·curvature·t²; t, value: (81,) that curve.
    """

    origin: ndarray
    direction: ndarray
    slope: float
    curvature: float
    t: ndarray
    value: ndarray
    sentence: T


def vector(values: ndarray, names: tuple[str, ...]) -> str:
    """A vector as a sentence writes it: all of it up to four entries, else the first three."""
    shown = [short(0.0 if abs(v) < 1e-12 * np.abs(values).max() else v) for v in values]
    return f"({', '.join(shown)})" if len(names) <= 4 else f"({', '.join(shown[:3])}, …)"


def find_stationary(form: Form, spectrum: Spectrum) -> Stationary:
    """Solve Ax = b through the eigenvectors, the null ones left out.

    It counts as solvable where ‖A·A⁺b − b‖ ≤ 8·n·ε·(‖A‖·‖A⁺b‖ + ‖b‖): then A⁺b solves a system that differs from
    this one by rounding only (Rigal and Gaches' backward error).
    """
    values, vectors, null = spectrum.eigenvalues, spectrum.eigenvectors, spectrum.null
    kept = ~null
    coordinates = vectors.T @ form.b
    point = vectors[:, kept] @ (coordinates[kept] / values[kept])
    if kept.all():
        point = np.linalg.solve(form.a, form.b)
    residual = float(np.linalg.norm(coordinates[null]))
    norm = float(np.abs(values).max())
    allowed = 8 * len(form.b) * EPSILON * float(norm * np.linalg.norm(point) + np.linalg.norm(form.b))
    kind = _kind(spectrum, bool(residual <= allowed))
    if kind == "none":
        sentence = _sentence(kind, form, None, None, int(null.sum()), residual)
        return Stationary(kind, sentence, None, None, np.zeros((0, len(form.b))), residual, allowed)
    value = form.c - 0.5 * float(form.b @ point)
    # what is left of terms that cancel to within rounding is an exact 0
    terms = abs(form.c) + 0.5 * float(np.abs(form.b) @ np.abs(point))
    value = 0.0 if abs(value) <= 8 * len(form.b) * EPSILON * terms else value
    sentence = _sentence(kind, form, point, value, int(null.sum()), residual)
    return Stationary(kind, sentence, point, value, vectors[:, null].T, residual, allowed)


def _kind(spectrum: Spectrum, solvable: bool) -> str:
    if not solvable:
        return "none"
    return {
        "positive definite": "minimum",
        "negative definite": "maximum",
        "positive semidefinite": "flat of minima",
        "negative semidefinite": "flat of maxima",
        "zero": "constant",
        "indefinite": "flat of saddles" if spectrum.null.any() else "saddle",
    }[spectrum.judgement.verdict]


def _flat(dimension: int) -> T:
    names = {1: T("a whole line", "一整条直线上的"), 2: T("a whole plane", "一整个平面上的")}
    return names.get(dimension, T("a whole {dimension}-dimensional flat", "一整个 {dimension} 维仿射子空间上的", dimension=dimension))


def _sentence(kind: str, form: Form, point: ndarray | None, value: float | None, nullity: int, residual: float) -> T:
    if point is None or value is None:
        return T(
            "No stationary point: A is singular and b has a part of length {residual} outside its range, so the gradient never vanishes.",
            "没有驻点：A 奇异，而 b 有长为 {residual} 的一部分落在 A 的值域之外，梯度处处不为零。",
            residual=short(residual),
        )
    at = vector(point, form.names)
    flat_en, flat_zh = _flat(nullity)
    return {
        "minimum": T(
            "One minimum, at {at}, where f = {value}: f rises in every direction.",
            "唯一的极小点在 {at}，f = {value}：向任何方向 f 都上升。",
            at=at,
            value=short(value),
        ),
        "maximum": T(
            "One maximum, at {at}, where f = {value}: f falls in every direction, and has no minimum.",
            "唯一的极大点在 {at}，f = {value}：向任何方向 f 都下降，没有极小值。",
            at=at,
            value=short(value),
        ),
        "saddle": T(
            "A saddle at {at}, where f = {value}: f rises in some directions and falls in others.",
            "鞍点在 {at}，f = {value}：向有些方向 f 上升，向另一些方向下降。",
            at=at,
            value=short(value),
        ),
        "flat of minima": T(
            "{flat_en} of minimisers through {at}, all with f = {value}; that point is the one nearest to the origin.",
            "{flat_zh}点都是极小点，f 都等于 {value}；其中离原点最近的是 {at}。",
            flat_en=flat_en.capitalize(),
            at=at,
            value=short(value),
            flat_zh=flat_zh,
        ),
        "flat of maxima": T(
            "{flat_en} of maximisers through {at}, all with f = {value}; f has no minimum.",
            "{flat_zh}点都是极大点，f 都等于 {value}，其中一点是 {at}；没有极小值。",
            flat_en=flat_en.capitalize(),
            at=at,
            value=short(value),
            flat_zh=flat_zh,
        ),
        "flat of saddles": T(
            "{flat_en} of saddle points through {at}, all with f = {value}.",
            "{flat_zh}点都是鞍点，f 都等于 {value}，其中一点是 {at}。",
            flat_en=flat_en.capitalize(),
            at=at,
            value=short(value),
            flat_zh=flat_zh,
        ),
        "constant": T(
            "f is the constant {value}: every point is stationary, and a minimiser.",
            "f 是常数 {value}：每一点都是驻点，也都是极小点。",
            value=short(value),
        ),
    }[kind]


def find_escape(form: Form, spectrum: Spectrum, stationary: Stationary, start: ndarray) -> Escape | None:
    """The way down that has no end; None where f is bounded below.

    Along the eigenvector of the least eigenvalue where that is negative, else along the part of b outside A's range,
    on which f is a straight line. It begins at the stationary point, or at `start` (n,) where there is none.
    """
    values, vectors, null = spectrum.eigenvalues, spectrum.eigenvectors, spectrum.null
    origin = stationary.point if stationary.point is not None else start
    if values[0] < -spectrum.tolerance:
        direction, curvature = vectors[:, 0], float(values[0])
        slope = float(direction @ (form.a @ origin - form.b)) if stationary.point is None else 0.0
        direction, slope = (-direction, -slope) if slope > 0 else (direction, slope)
    elif stationary.point is None:
        outside = vectors[:, null] @ (vectors[:, null].T @ form.b)
        direction = outside / np.linalg.norm(outside)
        curvature, slope = 0.0, -float(np.linalg.norm(outside))
    else:
        return None
    # From −1 to 3 units of length on which f changes by about its own slope or curvature.
    t = np.linspace(-1.0, 3.0, PROFILE_POINTS)
    value = float(form.value(origin)) + slope * t + 0.5 * curvature * t * t
    return Escape(origin, direction, slope, curvature, t, value, _say_escape(form, direction, slope, curvature))


def _say_escape(form: Form, direction: ndarray, slope: float, curvature: float) -> T:
    along = vector(direction, form.names)
    if curvature < 0:
        return T(
            "Escape along {along}, the eigenvector of λ = {curvature}: f falls like ½·({curvature})·t², without end.",
            "沿 {along}（λ = {curvature} 的特征向量）逃逸：f 按 ½·({curvature})·t² 下降，没有下界。",
            along=along,
            curvature=short(curvature),
        )
    return T(
        "Escape along {along}, in the null space of A: f falls as a line of slope {slope}, without end.",
        "沿 {along} 逃逸，它在 A 的零空间里：f 沿斜率为 {slope} 的直线下降，没有下界。",
        along=along,
        slope=short(slope),
    )
