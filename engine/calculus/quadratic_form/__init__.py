"""Quadratic forms: definiteness, the stationary point, and five ways down, from one symmetric matrix."""

from __future__ import annotations

import numpy as np

from engine.calculus.quadratic_form import descent, entry, morph, polynomial, rates, slices, stationary
from engine.calculus.quadratic_form.definiteness import agreement, factor, find_minors, find_spectrum
from engine.calculus.quadratic_form.parameters import METHODS, QuadraticForm
from engine.calculus.quadratic_form.result import Analysed, Descents, Form, Spectrum, Stationary
from engine.core import Finding, T, experiment

__all__ = ["Analysed", "QuadraticForm", "quadratic_form", "read_form"]


def read_form(params: QuadraticForm) -> Form:
    """The form that the parameters describe. Raises `Refused` for a text that describes none."""
    if params.given == "drawn":
        return entry.draw_form(params.dimension, params.kappa, params.spread, params.negative, params.null, params.solvable, params.seed)
    if params.polynomial.strip():
        return polynomial.read_polynomial(params.polynomial)
    matrix = entry.read_matrix(params.matrix)
    return entry.make_form(matrix, entry.read_vector(params.b, len(matrix), "b"), params.c)


def choose_start(params: QuadraticForm, form: Form, spectrum: Spectrum, solved: Stationary) -> tuple[np.ndarray, T | None]:
    """The start (n,) asked for, and what is to be said of it."""
    typed, note = entry.fit_vector(params.start, len(form.b), "start")
    if params.start_at == "point":
        return typed, note
    if solved.kind not in ("minimum", "flat of minima"):
        return typed, T("Without a minimum no start is the worst; the point given is used.", "没有极小点，也就没有最坏的起点；用给定的点。")
    assert solved.point is not None
    length = float(np.linalg.norm(typed - solved.point)) or 1.0
    return descent.find_worst_start(spectrum, solved.point, length), None


@experiment("quadratic-form", cost="instant")
def quadratic_form(params: QuadraticForm) -> Analysed:
    """Everything about one quadratic form; raises `Refused` where a text describes none."""
    form = read_form(params)
    spectrum = find_spectrum(form.a)
    minors, cholesky = find_minors(form.a, spectrum), factor(form.a, spectrum)
    solved = stationary.find_stationary(form, spectrum)
    start, note = choose_start(params, form, spectrum, solved)
    escape = stationary.find_escape(form, spectrum, solved, start)
    problem = descent.Problem(form, spectrum, solved.point, start, params.alpha, params.beta, params.steps, params.tolerance)
    runs = {method: descent.run(method, problem) for method in METHODS}
    line_search = rates.compare_line_search(runs["steepest"], spectrum)
    fixed_step = rates.rate_fixed(spectrum, params.alpha, len(runs["fixed"].value))
    momentum = rates.rate_momentum(spectrum, params.alpha, params.beta, len(runs["momentum"].value))
    conjugate = rates.trace_polynomials(runs["conjugate"], spectrum)
    plane = slices.choose_plane(params.slice_axes, params.first_axis, params.second_axis, form, spectrum)
    turned = form.a if len(start) in (2, 3) else plane.bends(form)
    said = {
        "form": [entry.symmetrisation(form), spectrum.judgement.sentence, solved.sentence, escape and escape.sentence],
        "way": [runs[params.method].sentence, note],
        "line search": [line_search and line_search.sentence],
        "momentum": [fixed_step.sentence, momentum.sentence],
        "conjugate": [conjugate.sentence],
    }
    return Analysed(
        form=form,
        formula=polynomial.write_polynomial(form),
        spectrum=spectrum,
        minors=minors,
        cholesky=cholesky,
        agreement=agreement(spectrum.judgement.verdict, minors, cholesky),
        determinant=float(np.linalg.det(form.a)),
        stationary=solved,
        minimiser=solved.point if escape is None else None,
        minimum=solved.value if escape is None else None,
        escape=escape,
        descents=Descents(start, params.start_at, params.alpha, params.beta, params.method, runs),
        line_search=line_search,
        fixed_step=fixed_step,
        momentum=momentum,
        conjugate=conjugate,
        slice=slices.cut(form, spectrum, solved.point if solved.point is not None else start, plane, runs),
        morph=morph.turn(turned, spectrum.tolerance, params.morph) if len(start) > 1 else None,
        findings=tuple(Finding(text, topic) for topic, texts in said.items() for text in texts if text),
    )
