"""Quadratic forms: definiteness, the stationary point, and five ways down, from one symmetric matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy import ndarray

from engine.calculus.quadratic_form import descent, entry, morph, polynomial, rates, slices, stationary
from engine.calculus.quadratic_form.definiteness import (
    Cholesky,
    Judgement,
    Minors,
    Spectrum,
    factor,
    find_minors,
    find_spectrum,
    say_agreement,
)
from engine.core import Field, Params, experiment
from engine.core.words import T

SHOWN_STEPS = 101
TYPED, DRAWN = {"given": ["typed"]}, {"given": ["drawn"]}
MATRIX = TYPED | {"polynomial": [""]}


class QuadraticForm(Params):
    """f(x) = ½xᵀAx − bᵀx + c in 1 to 50 dimensions: its definiteness, its stationary points, five methods' descent.

    A typed polynomial wins over the matrix, b and c. Only the symmetric part of a typed matrix counts.
    """

    given: Literal["typed", "drawn"] = Field(
        "typed",
        title=T("Where f comes from", "f 的来源"),
        labels={"typed": T("typed in", "键入"), "drawn": T("drawn with a spectrum", "按谱随机生成")},
    )
    polynomial: str = Field(
        "",
        title=T("Polynomial", "多项式"),
        max_length=polynomial.LONGEST,
        control="text",
        when=TYPED,
        help=T("in x, y, z… or x1, x2…; empty: the matrix below counts", "用 x、y、z……或 x1、x2……；留空则用下面的矩阵"),
    )
    matrix: str = Field(
        "2,1;1,3",
        title=T("Matrix A", "矩阵 A"),
        max_length=60_000,
        control="matrix",
        when=MATRIX,
        help=T("rows end with ; and entries with ,", "行之间用分号，数之间用逗号"),
    )
    b: str = Field(
        "1",
        title=T("Vector b", "向量 b"),
        max_length=2_000,
        control="text",
        when=MATRIX,
        help=T("one number stands for every entry", "只写一个数则各分量都取它"),
    )
    c: float = Field(0.0, ge=-1e6, le=1e6, title=T("Constant c", "常数 c"), control="number", when=MATRIX)
    dimension: int = Field(20, ge=1, le=50, title=T("Dimensions n", "维数 n"), when=DRAWN)
    kappa: float = Field(100.0, ge=1, le=1e6, title=T("Largest over smallest |λ|", "最大与最小 |λ| 之比"), when=DRAWN)
    spread: Literal["logarithmic", "even", "clusters"] = Field(
        "logarithmic",
        title=T("Eigenvalues", "特征值的分布"),
        when=DRAWN,
        labels={
            "logarithmic": T("logarithmic steps", "按对数等距"),
            "even": T("even steps", "等距"),
            "clusters": T("two clusters", "两簇"),
        },
    )
    negative: int = Field(0, ge=0, le=50, title=T("Negative eigenvalues", "负特征值的个数"), when=DRAWN)
    null: int = Field(0, ge=0, le=50, title=T("Zero eigenvalues", "零特征值的个数"), when=DRAWN)
    solvable: bool = Field(True, title=T("Ax = b has a solution", "Ax = b 有解"), when=DRAWN)
    seed: int = Field(0, ge=0, le=2**31 - 1, title=T("Seed", "随机种子"), control="seed", when=DRAWN)
    method: Literal["steepest", "fixed", "momentum", "conjugate", "newton"] = Field(
        "steepest", title=T("Method", "方法"), labels=descent.METHODS
    )
    alpha: float = Field(0.3, ge=1e-6, le=100, title=T("Step length α", "步长 α"))
    beta: float = Field(0.5, ge=0, le=1, title=T("Momentum β", "动量 β"))
    start: str = Field(
        "-2,2",
        title=T("Start x₀", "起点 x₀"),
        max_length=2_000,
        control="text",
        when={"start_at": ["point"]},
        help=T("numbers too few are filled with 0, too many left out", "个数不足补 0，多出的不用"),
    )
    start_at: Literal["point", "worst"] = Field(
        "point",
        title=T("Start from", "起点的选法"),
        labels={"point": T("the point given", "给定的点"), "worst": T("the worst point for steepest descent", "最速下降法最坏的点")},
    )
    steps: int = Field(60, ge=1, le=500, title=T("Steps at most", "最多步数"))
    tolerance: float = Field(
        1e-10, ge=1e-15, le=0.1, title=T("Gradient counts as zero at", "梯度视为零的界限"), unit=T("of its start", "（相对起点）")
    )
    slice_axes: Literal["coordinates", "eigenvectors", "extremes"] = Field(
        "coordinates",
        title=T("Slice spanned by", "切片由何张成"),
        labels={
            "coordinates": T("two coordinates", "两条坐标轴"),
            "eigenvectors": T("two eigenvectors", "两个特征向量"),
            "extremes": T("least and greatest eigenvectors", "最小与最大特征值的特征向量"),
        },
    )
    first_axis: int = Field(1, ge=1, le=50, title=T("First axis", "第一轴"), when={"slice_axes": ["coordinates", "eigenvectors"]})
    second_axis: int = Field(2, ge=1, le=50, title=T("Second axis", "第二轴"), when={"slice_axes": ["coordinates", "eigenvectors"]})
    morph: float = Field(0.0, ge=0, le=1, title=T("From A (0) to D (1)", "从 A(0)到 D(1)"), control="hidden")


@dataclass(frozen=True)
class Analysed:
    """All that can be said of one quadratic form in n variables, and five descents on it.

    names: of the variables. formula: f as a polynomial, "" for n > 4. given_matrix: M (n, n) with f = ½xᵀMx − bᵀx + c.
    a_symmetric: A (n, n). symmetrisation: the step from M to A, said. b: (n,). c.
    eigenvalues: (n,), ascending. eigenvectors: (n, n), v_i in column i. principal_axes: (n, n), row i is v_i/√|λ_i|,
    NaN where λ_i counts as zero. tolerance: τ, below which an eigenvalue does. condition_number: max|λ|/min|λ|,
    infinite where some λ counts as zero. determinant: of A. verdict: a key of `definiteness.NAMES`, by the eigenvalues; verdict_sentence,
    by_eigenvalues, minors, cholesky: the three tests; agreement: what they say together.
    stationary: the solutions of Ax = b. minimiser: (n,), of least norm where there are many, None where f has none;
    minimum: f there. escape: the way down without end, None where f is bounded below.
    alpha, beta, start_at, method: as asked for. start: (n,). iterations: by method, the steps to the
    tolerance, None where it does not get there. trajectories: by method. eigen_step: (s ≤ 101,) step
    numbers; eigen_error: (s, n), v_iᵀ(x_k − x*) at those steps of `method`, 0 where λ_i counts as zero;
    eigen_predicted: (s, n), p_k(λ_i) times the error at the start; None where there is no stationary point.
    line_search, fixed_step, momentum_plane, conjugate: theory beside measurement for each of those methods.
    slice: what to draw of f. morph: A turned into D, None where n = 1. findings: what is worth saying.
    """

    names: tuple[str, ...]
    formula: str
    given_matrix: ndarray
    a_symmetric: ndarray
    symmetrisation: T
    b: ndarray
    c: float
    eigenvalues: ndarray
    eigenvectors: ndarray
    principal_axes: ndarray
    tolerance: float
    condition_number: float
    determinant: float
    verdict: str
    verdict_sentence: T
    by_eigenvalues: Judgement
    minors: Minors
    cholesky: Cholesky
    agreement: T
    stationary: stationary.Stationary
    minimiser: ndarray | None
    minimum: float | None
    escape: stationary.Escape | None
    start: ndarray
    start_at: str
    alpha: float
    beta: float
    method: str
    iterations: dict[str, int | None]
    trajectories: dict[str, slices.Trajectory]
    eigen_step: ndarray
    eigen_error: ndarray | None
    eigen_predicted: ndarray | None
    line_search: rates.ExactLineSearch | None
    fixed_step: rates.FixedStep
    momentum_plane: rates.MomentumPlane
    conjugate: rates.ConjugatePolynomials
    slice: slices.Slice
    morph: morph.Morph | None
    findings: tuple[T, ...]


def read_form(params: QuadraticForm) -> entry.Form:
    """The form that the parameters describe. Raises `Refused` for a text that describes none."""
    if params.given == "drawn":
        return entry.draw_form(params.dimension, params.kappa, params.spread, params.negative, params.null, params.solvable, params.seed)
    if params.polynomial.strip():
        return polynomial.read_polynomial(params.polynomial)
    matrix = entry.read_matrix(params.matrix)
    return entry.make_form(matrix, entry.read_vector(params.b, len(matrix), "b"), params.c)


def _choose_start(params: QuadraticForm, form: entry.Form, spectrum: Spectrum, solved: stationary.Stationary) -> tuple[ndarray, T | None]:
    typed, note = entry.fit_vector(params.start, len(form.b), "start")
    if params.start_at == "point":
        return typed, note
    if solved.kind not in ("minimum", "flat of minima"):
        return typed, T("Without a minimum no start is the worst; the point given is used.", "没有极小点，也就没有最坏的起点；用给定的点。")
    assert solved.point is not None
    length = float(np.linalg.norm(typed - solved.point)) or 1.0
    return descent.find_worst_start(spectrum, solved.point, length), None


def _trace_eigenvectors(way: descent.Run, problem: descent.Problem) -> tuple[ndarray, ndarray | None, ndarray | None]:
    """Step numbers, the error along every eigenvector at those steps, and what the run's polynomials predict."""
    m = len(way.points) - 1
    steps = np.linspace(0, m, min(m + 1, SHOWN_STEPS)).round().astype(int)
    if problem.target is None:
        return steps, None, None
    spectrum = problem.spectrum
    error = (way.points - problem.target) @ spectrum.eigenvectors
    error[:, spectrum.null] = 0.0
    predicted = descent.polynomials(way, spectrum.eigenvalues) * error[0]
    return steps, error[steps], predicted[steps]


def _find_axes(spectrum: Spectrum) -> ndarray:
    lengths = np.full(len(spectrum.eigenvalues), np.nan)
    bent = ~spectrum.null
    lengths[bent] = 1 / np.sqrt(np.abs(spectrum.eigenvalues[bent]))
    return lengths[:, None] * spectrum.eigenvectors.T


def _condition(spectrum: Spectrum) -> float:
    sizes = np.abs(spectrum.eigenvalues)
    return float("inf") if spectrum.null.any() else float(sizes.max() / sizes.min())


@experiment("quadratic-form", cost="instant")
def quadratic_form(params: QuadraticForm) -> Analysed:
    """Everything about one quadratic form; raises `Refused` where a text describes none."""
    form = read_form(params)
    spectrum = find_spectrum(form.a)
    minors, cholesky = find_minors(form.a, spectrum), factor(form.a, spectrum)
    solved = stationary.find_stationary(form, spectrum)
    start, note = _choose_start(params, form, spectrum, solved)
    escape = stationary.find_escape(form, spectrum, solved, start)
    problem = descent.Problem(form, spectrum, solved.point, start, params.alpha, params.beta, params.steps, params.tolerance)
    ways = {method: descent.run(method, problem) for method in descent.METHODS}
    steps, error, predicted = _trace_eigenvectors(ways[params.method], problem)
    plane = slices.choose_plane(params.slice_axes, params.first_axis, params.second_axis, form, spectrum)
    origin = solved.point if solved.point is not None else start
    view = slices.cut(form, spectrum, origin, plane, start, list(ways.values()))
    turned = form.a if len(start) in (2, 3) else view.matrix
    lowest = solved.point if escape is None else None
    verdict, judgement = spectrum.judgement.verdict, spectrum.judgement
    fixed_step = rates.rate_fixed(spectrum, params.alpha, len(ways["fixed"].value))
    plane_of_momentum = rates.rate_momentum(spectrum, params.alpha, params.beta, len(ways["momentum"].value))
    line_search = rates.compare_line_search(ways["steepest"], spectrum)
    traced = rates.trace_polynomials(ways["conjugate"], problem)
    theory = {"steepest": line_search, "fixed": fixed_step, "momentum": plane_of_momentum, "conjugate": traced}
    about = theory.get(params.method)
    findings = [
        judgement.sentence,
        solved.sentence,
        escape and escape.sentence,
        ways[params.method].sentence,
        about and about.sentence,
        note,
    ]
    return Analysed(
        names=form.names,
        formula=polynomial.write_polynomial(form),
        given_matrix=form.given,
        a_symmetric=form.a,
        symmetrisation=entry.say_symmetrisation(form),
        b=form.b,
        c=form.c,
        eigenvalues=spectrum.eigenvalues,
        eigenvectors=spectrum.eigenvectors,
        principal_axes=_find_axes(spectrum),
        tolerance=spectrum.tolerance,
        condition_number=_condition(spectrum),
        determinant=float(np.linalg.det(form.a)),
        verdict=verdict,
        verdict_sentence=judgement.sentence,
        by_eigenvalues=judgement,
        minors=minors,
        cholesky=cholesky,
        agreement=say_agreement(
            verdict, {T("Leading minors", "顺序主子式"): minors.judgement, T("Cholesky", "Cholesky 分解"): cholesky.judgement}
        ),
        stationary=solved,
        minimiser=lowest,
        minimum=None if lowest is None else solved.value,
        escape=escape,
        start=start,
        start_at=params.start_at,
        alpha=params.alpha,
        beta=params.beta,
        method=params.method,
        iterations={method: way.iterations for method, way in ways.items()},
        trajectories={method: slices.look(way, plane[0]) for method, way in ways.items()},
        eigen_step=steps,
        eigen_error=error,
        eigen_predicted=predicted,
        line_search=line_search,
        fixed_step=fixed_step,
        momentum_plane=plane_of_momentum,
        conjugate=traced,
        slice=view,
        morph=morph.turn(turned, spectrum.tolerance, params.morph) if len(start) > 1 else None,
        findings=tuple(finding for finding in findings if finding),
    )
