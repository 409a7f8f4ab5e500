"""Quadratic forms against numpy, scipy, closed forms and exact integers, degenerate matrices included."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse.linalg

from engine.calculus.quadratic_form import QuadraticForm, descent, entry, morph, polynomial, quadratic_form, read_form
from engine.calculus.quadratic_form.definiteness import classify, factor, find_minors, find_spectrum
from engine.calculus.quadratic_form.parameters import METHODS
from engine.calculus.quadratic_form.rates import heavy_ball_rate
from engine.calculus.quadratic_form.stationary import find_escape, find_stationary
from engine.core import Refused
from engine.core.results import arrays, plain


def analyse(**values):
    return quadratic_form(QuadraticForm.parse(values))


def verdict(result) -> str:
    return result.spectrum.judgement.verdict


def text(matrix) -> str:
    return ";".join(",".join(repr(float(v)) for v in row) for row in np.atleast_2d(matrix))


def definite(rng, n, kappa=None):
    """A random symmetric positive definite matrix, of a given condition where one is asked for."""
    q = np.linalg.qr(rng.normal(size=(n, n)))[0]
    values = rng.uniform(0.1, 3, n) if kappa is None else np.geomspace(1, kappa, n)
    a = (q * values) @ q.T
    return 0.5 * (a + a.T)


def exact_inertia(gram, signs):
    """Inertia of FᵀSF for an integer F of full row rank: that of S, by Sylvester's law."""
    return int(np.sum(signs > 0)), len(gram) - len(signs), int(np.sum(signs < 0))


def integer_form(rng):
    """An integer matrix FᵀSF of known inertia, singular more often than not."""
    n = int(rng.integers(1, 7))
    rank = int(rng.integers(0, n + 1))
    while True:
        f = rng.integers(-3, 4, size=(rank, n))
        if rank == 0 or np.linalg.matrix_rank(f) == rank:
            break
    signs = rng.choice([1, -1], size=rank) if rng.random() < 0.4 else np.full(rank, rng.choice([1, -1]))
    a = (f.T * signs) @ f
    return a.astype(float), exact_inertia(a, signs)


def verdict_of(inertia):
    positive, zero, negative = inertia
    return classify(np.repeat([1, 0, -1], [positive, zero, negative]))


# Definiteness


def test_verdicts_on_thousands_of_integer_matrices_of_known_inertia():
    rng = np.random.default_rng(1)
    seen = set()
    for _ in range(2000):
        a, inertia = integer_form(rng)
        truth = verdict_of(inertia)
        seen.add(truth)
        spectrum = find_spectrum(a)
        assert spectrum.judgement.verdict == truth
        minors, cholesky = find_minors(a, spectrum), factor(a, spectrum)
        assert minors.judgement.verdict in (truth, "undecided")
        assert cholesky.judgement.verdict in (truth, "undecided")
        if "definite" in truth.split():
            assert minors.judgement.verdict == cholesky.judgement.verdict == truth
        if minors.principal_judgement is not None:
            assert minors.principal_judgement.verdict == truth
    assert len(seen) == 6


def test_verdicts_agree_with_numpy_on_random_matrices_up_to_fifty():
    rng = np.random.default_rng(2)
    for k in range(400):
        n = int(rng.integers(1, 51)) if k % 10 == 0 else int(rng.integers(1, 9))
        a = rng.normal(size=(n, n))
        a = a + a.T + rng.choice([0, 3 * n**0.5, -3 * n**0.5]) * np.eye(n)
        spectrum = find_spectrum(a)
        values = np.linalg.eigvalsh(a)
        np.testing.assert_allclose(spectrum.eigenvalues, values, atol=1e-12 * np.abs(values).max())
        truth = "positive definite" if values[0] > 0 else "negative definite" if values[-1] < 0 else "indefinite"
        tests = [spectrum.judgement, find_minors(a, spectrum).judgement, factor(a, spectrum).judgement]
        assert [judgement.verdict for judgement in tests] == [truth] * 3
        v = spectrum.eigenvectors
        np.testing.assert_allclose(v.T @ v, np.eye(n), atol=1e-13)
        np.testing.assert_allclose(a @ v, v * spectrum.eigenvalues, atol=1e-11 * n)


@pytest.mark.parametrize("scale", [1e-12, 1e-5, 1.0, 1e6])
def test_verdicts_do_not_depend_on_scale(scale):
    rng = np.random.default_rng(3)
    for _ in range(200):
        a, inertia = integer_form(rng)
        spectrum = find_spectrum(scale * a)
        truth = verdict_of(inertia)
        assert spectrum.judgement.verdict == truth
        assert factor(scale * a, spectrum).judgement.verdict in (truth, "undecided")
        assert find_minors(scale * a, spectrum).judgement.verdict in (truth, "undecided")


def test_products_of_rounded_decimals_count_as_singular():
    rng = np.random.default_rng(4)
    for _ in range(300):
        n = int(rng.integers(2, 9))
        f = np.round(rng.normal(size=(n - 1, n)), 1)
        if np.linalg.svd(f, compute_uv=False)[-1] < 0.05:
            continue
        assert find_spectrum(f.T @ f).judgement.verdict == "positive semidefinite"


def test_well_graded_definite_matrices_stay_definite_in_all_three_tests():
    rng = np.random.default_rng(5)
    for kappa in (1e3, 1e6, 1e9, 1e12):
        for n in (2, 5, 12):
            a = definite(rng, n, kappa)
            spectrum = find_spectrum(a)
            for judgement in (spectrum.judgement, find_minors(a, spectrum).judgement, factor(a, spectrum).judgement):
                assert judgement.verdict == "positive definite"


def test_minors_are_determinants_and_pivots_their_ratios():
    rng = np.random.default_rng(6)
    for n in (1, 2, 5, 9):
        a = definite(rng, n)
        spectrum = find_spectrum(a)
        minors, cholesky = find_minors(a, spectrum), factor(a, spectrum)
        expected = [scipy.linalg.det(a[:k, :k]) for k in range(1, n + 1)]
        np.testing.assert_allclose(minors.values, expected, rtol=1e-12)
        np.testing.assert_allclose(minors.log10, np.log10(expected), atol=1e-11)
        np.testing.assert_allclose(cholesky.factor, np.linalg.cholesky(a), atol=1e-13)
        np.testing.assert_allclose(cholesky.pivots, np.array(expected) / np.array([1, *expected[:-1]]), rtol=1e-11)


def test_a_breakdown_of_cholesky_hands_over_a_direction_with_that_curvature():
    rng = np.random.default_rng(7)
    met = 0
    for _ in range(300):
        n = int(rng.integers(2, 8))
        a = rng.normal(size=(n, n))
        a = a + a.T
        cholesky = factor(a, find_spectrum(a))
        if cholesky.broke_at is not None:
            met += 1
            z = cholesky.witness
            np.testing.assert_allclose(z @ a @ z, cholesky.pivots[cholesky.broke_at - 1], rtol=1e-8, atol=1e-10)
    assert met > 200


def test_minors_and_cholesky_cannot_tell_diag_0_minus_1_from_diag_0_1():
    down, up = analyse(matrix="0,0;0,-1", b="0"), analyse(matrix="0,0;0,1", b="0")
    for field in ("minors", "cholesky"):
        assert getattr(down, field).judgement.verdict == getattr(up, field).judgement.verdict == "undecided"
    np.testing.assert_array_equal(down.minors.sign, up.minors.sign)
    assert (verdict(down), verdict(up)) == ("negative semidefinite", "positive semidefinite")
    assert down.minors.principal_judgement.verdict == "negative semidefinite"
    assert "cannot decide" in down.agreement[0] and "特征值" in down.agreement[1]
    assert (down.minimum, up.minimum) == (None, 0.0)


def test_all_principal_minors_are_listed_where_the_leading_ones_do_not_decide():
    minors = analyse(matrix="0,0,0;0,1,2;0,2,1").minors
    assert minors.subsets == ("1", "2", "3", "1,2", "1,3", "2,3", "1,2,3")
    np.testing.assert_allclose(minors.principal_values, [0, 1, 1, 0, 0, -3, 0], atol=1e-15)
    assert minors.principal_judgement.verdict == "indefinite"
    assert analyse(matrix="0,1;1,0").minors.judgement.verdict == "indefinite"
    assert analyse(matrix="0,0,1;0,1,0;1,0,0").minors.judgement.verdict == "indefinite"


def test_hilbert_matrices_are_definite_until_rounding_hides_it():
    for n in (3, 6, 10):
        assert verdict(analyse(matrix=text(scipy.linalg.hilbert(n)))) == "positive definite"
    hidden = analyse(matrix=text(scipy.linalg.hilbert(14)))
    assert verdict(hidden) == "positive semidefinite" and "rounding" in hidden.spectrum.judgement.sentence.en


def test_the_distinct_eigenvalues_are_counted_however_small():
    for values, distinct in (([1, 1e-9, 3e-9], 3), ([1, 1, 1e-12], 2), ([2, 2, 2], 1), ([1e6, 1e-3, 1.001e-3], 3)):
        assert analyse(matrix=text(np.diag(values)), method="conjugate").conjugate.distinct == distinct


# The stationary point


def test_minimisers_match_numpy_on_thousands_of_random_forms():
    rng = np.random.default_rng(8)
    kinds = set()
    for _ in range(2000):
        a, _ = integer_form(rng)
        n = len(a)
        reachable = bool(rng.random() < 0.6)
        b = a @ rng.integers(-3, 4, n) if reachable else rng.integers(-3, 4, n)
        form = entry.make_form(a, b.astype(float), 1.0)
        spectrum = find_spectrum(a)
        solved = find_stationary(form, spectrum)
        kinds.add(solved.kind)
        least, *_ = np.linalg.lstsq(a, b, rcond=1e-10)
        solvable = np.linalg.norm(a @ least - b) <= 1e-9 * (1 + np.linalg.norm(b))
        assert (solved.kind != "none") == solvable
        escape = find_escape(form, spectrum, solved, rng.normal(size=n))
        assert (escape is None) == (solvable and spectrum.eigenvalues[0] > -1e-9)
        if solvable:
            np.testing.assert_allclose(solved.point, least, atol=1e-8 * (1 + np.abs(least).max()))
            np.testing.assert_allclose(a @ solved.directions.T, 0, atol=1e-12)
            assert len(solved.directions) == n - np.linalg.matrix_rank(a)
            away = solved.point + rng.normal(size=len(solved.directions)) @ solved.directions
            assert form.value(away) == pytest.approx(solved.value, abs=1e-7)
        if escape is not None:
            far = escape.origin + 1e3 * escape.direction
            assert form.value(far) < form.value(escape.origin) - 10
            x = escape.origin + escape.t[:, None] * escape.direction
            np.testing.assert_allclose(escape.value, form.value(x), atol=1e-9 * (1 + np.abs(escape.value).max()))
    assert kinds == {"minimum", "maximum", "saddle", "flat of minima", "flat of maxima", "flat of saddles", "constant", "none"}


def test_the_minimum_is_below_every_other_point():
    rng = np.random.default_rng(9)
    for _ in range(100):
        n = int(rng.integers(1, 6))
        result = analyse(matrix=text(definite(rng, n)), b=",".join(map(repr, rng.normal(size=n).tolist())), c=rng.normal())
        assert result.spectrum.condition_number == pytest.approx(np.linalg.cond(result.form.a), rel=1e-10)
        form = entry.make_form(result.form.given, result.form.b, result.form.c)
        assert result.minimum == pytest.approx(form.value(result.minimiser), abs=1e-12)
        assert (form.value(result.minimiser + rng.normal(size=(50, n))) > result.minimum).all()


def test_a_line_of_minimisers_none_at_all_and_a_constant():
    line = analyse(matrix="1,2;2,4", b="1,2")
    np.testing.assert_allclose(line.minimiser, [0.2, 0.4], atol=1e-15)
    assert line.stationary.kind == "flat of minima" and "line" in line.stationary.sentence[0]
    assert line.spectrum.condition_number == np.inf
    none = analyse(matrix="1,2;2,4", b="1,1")
    assert none.stationary.kind == "none" and none.minimiser is None and none.minimum is None
    assert none.escape.slope == pytest.approx(-1 / np.sqrt(5))
    np.testing.assert_allclose(np.abs(none.escape.direction), [2 / 5**0.5, 1 / 5**0.5])
    constant = analyse(matrix="0", b="0", c=7)
    assert constant.minimum == 7 and verdict(constant) == "zero"
    assert analyse(matrix="0", b="1").escape.slope == -1


def test_the_escape_from_a_saddle_is_the_eigenvector_of_the_least_eigenvalue():
    result = analyse(matrix="1,4;0,1", b="0")
    assert result.spectrum.eigenvalues == pytest.approx([-1, 3])
    np.testing.assert_allclose(np.abs(result.escape.direction), [0.5**0.5] * 2)
    assert result.escape.curvature == pytest.approx(-1) and "Escape" in result.escape.sentence[0]


# The methods


def points_of_scipy(a, b, start, atol):
    points = [start]
    scipy.sparse.linalg.cg(a, b, x0=start, rtol=0, atol=atol, callback=lambda x: points.append(x.copy()))
    return np.array(points)


def test_conjugate_gradients_match_scipy_step_by_step():
    rng = np.random.default_rng(10)
    for n in (1, 2, 3, 8, 20, 50):
        a, b, start = definite(rng, n, 30), rng.normal(size=n), rng.normal(size=n)
        form = entry.make_form(a, b, 0.0)
        spectrum = find_spectrum(form.a)
        problem = descent.Problem(form, spectrum, np.linalg.solve(a, b), start, 0.1, 0.5, 200, 1e-12)
        way = descent.run("conjugate", problem)
        np.testing.assert_allclose(way.points, points_of_scipy(a, b, start, problem.threshold), atol=1e-10)
        assert way.status == "converged"


def test_conjugate_gradients_end_in_as_many_steps_as_there_are_distinct_eigenvalues():
    rng = np.random.default_rng(11)
    for n, distinct in ((5, 2), (10, 3), (30, 1), (8, 8)):
        q = np.linalg.qr(rng.normal(size=(n, n)))[0]
        a = (q * np.resize(np.linspace(1, 3, distinct), n)) @ q.T
        form = entry.make_form(a, rng.normal(size=n), 0.0)
        spectrum = find_spectrum(form.a)
        target = np.linalg.solve(form.a, form.b)
        problem = descent.Problem(form, spectrum, target, rng.normal(size=n), 0.1, 0.0, 100, 1e-9)
        assert descent.run("conjugate", problem).iterations == distinct


def test_rounding_keeps_conjugate_gradients_from_ending_in_n_steps():
    result = analyse(matrix=text(scipy.linalg.hilbert(10)), method="conjugate", tolerance=1e-13, steps=200, start="0")
    assert result.conjugate.distinct == 10 and (result.descents.runs["conjugate"].iterations or 201) > 10
    run = result.descents.runs["conjugate"]
    np.testing.assert_allclose(run.recurred_norm[:3], run.gradient_norm[:3], rtol=1e-9)


def test_every_method_reaches_the_same_minimiser():
    rng = np.random.default_rng(12)
    for _ in range(20):
        n = int(rng.integers(1, 7))
        result = analyse(
            matrix=text(definite(rng, n, 5)),
            b=",".join(map(repr, rng.normal(size=n).tolist())),
            start="1.5",
            alpha=0.3,
            beta=0.3,
            steps=500,
            tolerance=1e-12,
        )
        for way in result.descents.runs.values():
            assert way.status == "converged" and way.error_norm[-1] < 1e-9
            assert way.gap[-1] < 1e-18
        assert result.descents.runs["newton"].iterations <= 2


def test_newton_takes_one_step_to_any_stationary_point():
    for matrix in ("2,1;1,3", "1,4;0,1", "-1,0;0,-5", "1,2;2,4"):
        result = analyse(matrix=matrix, b="1,2")
        assert result.descents.runs["newton"].iterations == 1
        assert result.descents.runs["newton"].error_norm[-1] < 1e-14
    assert analyse(matrix="1,2;2,4", b="1").descents.runs["newton"].status == "no solution"


def test_methods_match_their_formulas_in_plain_loops():
    rng = np.random.default_rng(13)
    a, b, start, alpha, beta = definite(rng, 4), rng.normal(size=4), rng.normal(size=4), 0.21, 0.63
    form = entry.make_form(a, b, 0.0)
    problem = descent.Problem(form, find_spectrum(form.a), np.linalg.solve(a, b), start, alpha, beta, 15, 1e-15)
    x = start
    fixed, exact, heavy = [x], [x], [x, x]
    for _ in range(15):
        fixed.append(fixed[-1] - alpha * (a @ fixed[-1] - b))
        g = a @ exact[-1] - b
        exact.append(exact[-1] - (g @ g) / (g @ a @ g) * g)
        heavy.append(heavy[-1] - alpha * (a @ heavy[-1] - b) + beta * (heavy[-1] - heavy[-2]))
    for method, expected in (("fixed", fixed), ("steepest", exact), ("momentum", heavy[1:])):
        np.testing.assert_allclose(descent.run(method, problem).points, expected, atol=1e-12)


def test_descent_on_what_has_no_minimum_says_so():
    assert analyse(matrix="1,0;0,-1", b="0", start="1,2").descents.runs["steepest"].status == "unbounded"
    fixed = analyse(matrix="1,0;0,-1", b="0", start="1,2", steps=500).descents.runs["fixed"]
    assert fixed.status == "diverged" and np.isnan(fixed.gap).all() and np.isfinite(fixed.value).all()
    assert analyse(matrix="1,2;2,4", b="1").descents.runs["conjugate"].status == "unbounded"
    assert analyse(alpha=1).descents.runs["fixed"].status == "diverged"
    still = analyse(matrix="2,0;0,2", b="2", start="1")
    assert {way.iterations for way in still.descents.runs.values()} == {0}


# Theory


def test_steepest_descent_keeps_to_kantorovich_and_zigzags_at_right_angles():
    rng = np.random.default_rng(14)
    for k in range(60):
        n = int(rng.integers(2, 8))
        start = ",".join(map(repr, rng.normal(size=n).tolist()))
        result = analyse(matrix=text(definite(rng, n, 10 ** rng.uniform(0.1, 4))), b="1", start=start)
        search = result.line_search
        ratio = search.step_ratio[~np.isnan(search.step_ratio)]
        assert (ratio <= search.rate * (1 + 1e-3) + 1e-12).all()
        assert search.rate == pytest.approx(((search.kappa - 1) / (search.kappa + 1)) ** 2)
        np.testing.assert_allclose(search.cosine[: max(len(ratio) - 1, 0)], 0, atol=1e-3)


@pytest.mark.parametrize("matrix", ["1,0;0,20", "2,1;1,3", "3,1,0;1,5,1;0,1,9", "1,1,0;1,3,0;0,0,0"])
def test_the_worst_start_attains_kantorovichs_bound(matrix):
    search = analyse(matrix=matrix, b="1,1,0" if "0,0,0" in matrix else "1", start_at="worst", steps=20).line_search
    kept = ~np.isnan(search.step_ratio)
    assert kept.any()
    np.testing.assert_allclose(search.step_ratio[kept], search.rate, rtol=1e-3, atol=1e-12)


def test_the_stability_edge_of_a_fixed_step():
    rng = np.random.default_rng(15)
    for _ in range(12):
        a = definite(rng, 3, 10 ** rng.uniform(0.2, 1.5))
        edge = 2 / np.linalg.eigvalsh(a)[-1]
        for factor_, converges in ((0.98, True), (1.02, False)):
            result = analyse(matrix=text(a), alpha=factor_ * edge, method="fixed", steps=500, start="1")
            assert result.fixed_step.edge == pytest.approx(edge)
            assert result.fixed_step.converges is converges
            gap = result.descents.runs["fixed"].gap
            assert bool(gap[-1] < gap[0]) is converges
        best = analyse(matrix=text(a), alpha=result.fixed_step.best)
        assert best.fixed_step.here == pytest.approx(best.fixed_step.best_rate)
        assert best.fixed_step.here <= best.momentum.rate[0].min() + 1e-12
        slowest = np.abs(1 - np.outer(best.momentum.alpha, np.linalg.eigvalsh(a))).max(axis=1)
        np.testing.assert_allclose(best.momentum.rate[0], slowest, atol=1e-12)


def test_the_heavy_ball_rate_is_the_spectral_radius_of_its_iteration():
    rng = np.random.default_rng(16)
    for _ in range(500):
        alpha, beta, lam = rng.uniform(0, 2), rng.uniform(0, 1), rng.uniform(-1, 4)
        matrix = np.array([[1 + beta - alpha * lam, -beta], [1, 0]])
        radius = np.abs(np.linalg.eigvals(matrix)).max()
        assert heavy_ball_rate(alpha, beta, lam) == pytest.approx(radius, abs=1e-7)


def test_the_momentum_plane_has_its_valley_where_polyak_says():
    rng = np.random.default_rng(17)
    for _ in range(20):
        a = definite(rng, 4, 10 ** rng.uniform(0.3, 3))
        values = np.linalg.eigvalsh(a)
        plane = analyse(matrix=text(a)).momentum
        all_of_them = heavy_ball_rate(plane.alpha, plane.beta[:, None], values[:, None, None]).max(axis=0)
        np.testing.assert_allclose(plane.rate, all_of_them, atol=1e-7)
        there = analyse(matrix=text(a), alpha=plane.best_alpha, beta=plane.best_beta).momentum
        assert there.here == pytest.approx(plane.best_rate, abs=1e-6)
        assert plane.best_rate <= plane.rate.min() + 1e-9
        stable = plane.alpha[None, :] < plane.edge[:, None] * (1 - 1e-9)
        inner = (plane.beta < 1)[:, None] & (plane.alpha > 0)[None, :]
        np.testing.assert_array_equal((plane.rate < 1 - 1e-12)[inner[:, 0]][:, 1:], (stable & inner)[inner[:, 0]][:, 1:])


def test_the_residual_polynomials_are_those_of_the_run():
    """r_k = p_k(A)·r₀ along every eigenvector, of the run's own residuals."""
    rng = np.random.default_rng(18)
    for n in (1, 2, 6):
        result = analyse(matrix=text(definite(rng, n, 8)), b="1", start="2")
        form, traced = result.form, result.conjugate
        residual = (form.b - result.descents.runs["conjugate"].points @ form.a) @ result.spectrum.eigenvectors
        np.testing.assert_allclose(residual[: n + 1], traced.at_eigenvalues * residual[0], atol=1e-9)


def test_the_residual_polynomials_start_at_one_vanish_at_the_end_and_obey_chebyshev():
    rng = np.random.default_rng(19)
    for n in (2, 5, 9):
        traced = analyse(matrix=text(definite(rng, n, 20)), b="1", start="3", method="conjugate").conjugate
        at_zero = int(np.argmin(np.abs(traced.lam)))
        np.testing.assert_allclose(traced.values[:, at_zero], 1, atol=1e-12)
        np.testing.assert_allclose(traced.at_eigenvalues[-1], 0, atol=1e-6)
        assert len(traced.values) <= n + 1
        assert (traced.observed <= traced.bound * (1 + 1e-9) + 1e-12).all()


# Coming in


def test_a_polynomial_becomes_a_matrix_a_vector_and_a_constant():
    result = analyse(polynomial="x^2 + 3x*y + 2y² - x + 5")
    np.testing.assert_array_equal(result.form.given, [[2, 6], [0, 4]])
    np.testing.assert_array_equal(result.form.a, [[2, 3], [3, 4]])
    np.testing.assert_array_equal(result.form.b, [1, 0])
    assert result.form.c == 5 and result.form.names == ("x", "y")
    assert "both become 3" in entry.symmetrisation(result.form).en
    assert result.formula == "x^2 + 2*y^2 + 3*x*y - x + 5"
    assert analyse(polynomial="x12 x3 + (x3-1)^2").form.names == ("x3", "x12")
    np.testing.assert_array_equal(read_form(QuadraticForm(polynomial="x^2", matrix="broken")).a, [[2]])


def test_polynomials_have_the_values_of_the_forms_they_become():
    rng = np.random.default_rng(20)
    for _ in range(200):
        n = int(rng.integers(1, 5))
        m, b, c = rng.normal(size=(n, n)), rng.normal(size=n), rng.normal()
        form = entry.make_form(m, b, c)
        back = polynomial.read_polynomial(polynomial.write_polynomial(form))
        assert back.names == form.names
        x = rng.normal(size=(5, n))
        direct = [0.5 * p @ m @ p - b @ p + c for p in x]
        np.testing.assert_allclose(form.value(x), direct, atol=1e-12)
        np.testing.assert_allclose(back.value(x), direct, atol=1e-9)


def test_only_the_symmetric_part_of_a_matrix_counts():
    rng = np.random.default_rng(21)
    for _ in range(20):
        m = rng.normal(size=(3, 3))
        one, other = analyse(matrix=text(m)), analyse(matrix=text(m.T))
        np.testing.assert_array_equal(one.form.a, other.form.a)
        np.testing.assert_array_equal(one.form.a, 0.5 * (m + m.T))
        np.testing.assert_array_equal(one.slice.z, other.slice.z)
    assert entry.symmetrisation(analyse().form) is None


def test_matrices_may_be_typed_in_several_ways():
    for typed in ("2,1;1,3", "2 1\n1 3", "2,1;1,3;", " 2 ; 1 \n1;3 ".replace(";", ",", 1).replace("1;3", "1,3")):
        np.testing.assert_array_equal(analyse(matrix=typed).form.given, [[2, 1], [1, 3]])
    for typed in ("２，１；１，３", "2、1；1、3", "[[2,1],[1,3]]", "[2 1; 1 3]", "[[2, 1]\n [1, 3]]"):
        result = analyse(matrix=typed, b="１，２")
        np.testing.assert_array_equal(result.form.given, [[2, 1], [1, 3]])
        assert result.determinant == pytest.approx(5) and result.minimum == pytest.approx(-0.7)
    np.testing.assert_array_equal(analyse(matrix="1/2,−1;.5,1e1").form.given, [[0.5, -1], [0.5, 10]])
    np.testing.assert_array_equal(analyse(matrix="1,0;0,1", b="").form.b, [0, 0])
    np.testing.assert_array_equal(analyse(matrix="1,0;0,1", b="3").form.b, [3, 3])
    cut = analyse(matrix="4", start="1,2,3")
    np.testing.assert_array_equal(cut.descents.start, [1])
    assert any("left out" in said.text.en for said in cut.findings)


@pytest.mark.parametrize(
    ("values", "name", "part"),
    [
        ({"matrix": "1,2;3"}, "matrix", "row 1 has 2 entries, row 2 has 1"),
        ({"matrix": "1,2;3,x"}, "matrix", "row 2, entry 2 is 'x'"),
        ({"matrix": "1,2;,3"}, "matrix", "row 2, entry 1 is empty"),
        ({"matrix": "1,nan;3,4"}, "matrix", "row 1, entry 2 is 'nan'"),
        ({"matrix": "1,inf;3,4"}, "matrix", "row 1, entry 2 is 'inf'"),
        ({"matrix": "1,1_0;3,4"}, "matrix", "row 1, entry 2 is '1_0'"),
        ({"matrix": "1,1e9;3,4"}, "matrix", "row 1, entry 2 is '1e9'"),
        ({"matrix": "1,1e999;3,4"}, "matrix", "row 1, entry 2 is '1e999'"),
        ({"matrix": "1,1e-20;3,4"}, "matrix", "row 1, entry 2"),
        ({"matrix": "1/0"}, "matrix", "row 1, entry 1"),
        ({"matrix": "__import__('os')"}, "matrix", "row 1, entry 1"),
        ({"matrix": "1,2,3;4,5,6"}, "matrix", "square; got 2 rows of 3"),
        ({"matrix": "1;;1"}, "matrix", "row 2 is empty"),
        ({"matrix": " ;\n"}, "matrix", "at least one row"),
        ({"matrix": ";".join(["1"] * 51)}, "matrix", "at most 50 rows; got 51"),
        ({"matrix": "1," * 40_000}, "matrix", "characters"),
        ({"b": "1,2,3"}, "b", "each of the 2 rows"),
        ({"b": "1,?"}, "b", "entry 2 is '?'"),
        ({"start": "1,?"}, "start", "entry 2 is '?'"),
        ({"polynomial": "x^3 + y"}, "polynomial", "got x^3"),
        ({"polynomial": "x*y*z"}, "polynomial", "degree at most 2"),
        ({"polynomial": "x + sin(y)"}, "polynomial", "got sin(y)"),
        ({"polynomial": "1/x"}, "polynomial", "got 1/x"),
        ({"polynomial": "x^x"}, "polynomial", "got x^x"),
        ({"polynomial": "3"}, "polynomial", "variables"),
        ({"polynomial": "1e9 x^2"}, "polynomial", "coefficients"),
        ({"polynomial": "x^2 + "}, "polynomial", "missing"),
        ({"polynomial": "x" * 4000}, "polynomial", "more than 1500 parts"),
        ({"polynomial": "exp(710)*x"}, "polynomial", "coefficients"),
        ({"polynomial": "+".join(f"x{i}" for i in range(1, 51)) + "+x"}, "polynomial", "got 51"),
        ({"alpha": 0}, "alpha", "from 1e-06 to 100"),
        ({"steps": 0}, "steps", "from 1 to 500"),
        ({"method": "adam"}, "method", "one of"),
        ({"c": float("nan")}, "c", "number"),
    ],
)
def test_bad_input_is_one_sentence_with_its_place(values, name, part):
    with pytest.raises(Refused) as caught:
        analyse(**values)
    assert caught.value.name == name
    assert part in caught.value.en and "\n" not in caught.value.en and len(caught.value.en) < 260
    assert any("一" <= character <= "鿿" for character in caught.value.zh)


def test_random_texts_never_do_worse_than_a_refusal():
    rng = np.random.default_rng(22)
    alphabet = np.array(list("0123456789.,;-+/eE xX\n\t^*()²一−,;nai_"))
    for _ in range(1500):
        typed = "".join(rng.choice(alphabet, rng.integers(0, 14)))
        for read in (entry.read_matrix, lambda t: entry.fit_vector(t, 3, "start"), polynomial.read_polynomial):
            try:
                read(typed)
            except Refused as refused:
                assert refused.en and refused.zh


def test_a_drawn_form_has_the_spectrum_asked_for():
    for spread in ("logarithmic", "even", "clusters"):
        for n in (1, 2, 7, 50):
            result = analyse(given="drawn", dimension=n, kappa=200, spread=spread, seed=5)
            assert verdict(result) == "positive definite" and result.minimiser is not None
            if n > 2 or (n == 2 and spread != "clusters"):
                assert result.spectrum.condition_number == pytest.approx(200, rel=0.02)
    mixed = analyse(given="drawn", dimension=9, negative=2, null=3)
    assert verdict(mixed) == "indefinite" and mixed.stationary.kind == "flat of saddles"
    assert (np.sum(mixed.spectrum.eigenvalues < -1e-9), len(mixed.stationary.directions)) == (2, 3)
    assert analyse(given="drawn", dimension=9, null=3).stationary.kind == "flat of minima"
    assert analyse(given="drawn", dimension=9, null=3, solvable=False).stationary.kind == "none"
    assert verdict(analyse(given="drawn", dimension=3, null=50, negative=50)) == "zero"
    one, same, other = (read_form(QuadraticForm(given="drawn", seed=s)).a for s in (1, 1, 2))
    assert (one == same).all() and (one != other).any()


# What is drawn


def test_the_slice_holds_the_values_of_f():
    rng = np.random.default_rng(23)
    for n in (2, 3, 6):
        m = rng.normal(size=(n, n))
        for kind in ("coordinates", "eigenvectors", "extremes"):
            result = analyse(matrix=text(m), b="1", slice_axes=kind, first_axis=2, second_axis=50, start="1")
            cut, form = result.slice, entry.make_form(result.form.given, result.form.b, result.form.c)
            np.testing.assert_allclose(cut.directions @ cut.directions.T, np.eye(2), atol=1e-12)
            u, v = np.meshgrid(cut.u - cut.centre[0], cut.v - cut.centre[1])
            x = cut.origin + u[..., None] * cut.directions[0] + v[..., None] * cut.directions[1]
            np.testing.assert_allclose(cut.z, form.value(x), atol=1e-9 * np.abs(cut.z).max())
            np.testing.assert_allclose(x @ cut.directions[0], np.broadcast_to(cut.u, (61, 61)), atol=1e-9)
            assert cut.z.shape == (61, 61)
            start = result.descents.start @ cut.directions.T
            assert cut.u[0] <= start[0] <= cut.u[-1] and cut.v[0] <= start[1] <= cut.v[-1]
            np.testing.assert_allclose(cut.paths["fixed"][0], start, atol=1e-12)
            assert cut.coordinates == ((1, 0 if n == 2 else n - 1) if kind == "coordinates" else None)
            along = (cut.centre + cut.reach[:, None, None] * cut.eigenvectors.T) @ cut.directions  # (61, 2, n)
            off_plane = cut.origin - cut.centre @ cut.directions
            heights = form.value(along + off_plane).T
            np.testing.assert_allclose(cut.sections, heights, atol=1e-9 * np.abs(heights).max())


def test_the_fixed_step_keeps_its_promise_and_momentum_does_in_the_end():
    rng = np.random.default_rng(31)
    for _ in range(20):
        matrix = text(definite(rng, 3, 30))
        result = analyse(matrix=matrix, b="1", alpha=rng.uniform(0.001, 0.05), beta=rng.uniform(0.2, 0.9), steps=300)
        run, theory = result.descents.runs["fixed"].error_norm, result.fixed_step
        assert theory.promise.shape == run.shape and theory.converges
        assert (run <= run[0] * theory.promise * (1 + 1e-9) + 1e-12).all()
        run, plane = result.descents.runs["momentum"].error_norm, result.momentum
        np.testing.assert_allclose(plane.promise, plane.here ** np.arange(len(run)))
        assert run[-1] <= 100 * len(run) * run[0] * plane.promise[-1] + 1e-12
    assert analyse(matrix="0.001,0;0,1e6", b="0", start="1,0", alpha=100, steps=500).fixed_step.promise.max() == 1e300


def test_the_principal_axes_are_semi_axes_of_a_contour():
    rng = np.random.default_rng(24)
    for _ in range(20):
        result = analyse(matrix=text(definite(rng, 2, 10)), b="1")
        cut, form = result.slice, entry.make_form(result.form.given, result.form.b, result.form.c)
        heights = form.value(cut.centre + cut.axes)
        np.testing.assert_allclose(heights, heights[0], rtol=1e-9)
        np.testing.assert_allclose(form.value(cut.ellipse), heights[0], rtol=1e-9)
        lengths = np.linalg.norm(cut.axes, axis=1) * result.spectrum.eigenvalues**0.5
        np.testing.assert_allclose(lengths, lengths[0])
    flat = analyse(matrix="1,0;0,0", b="1,0").slice
    assert np.isnan(flat.axes[0]).all() and flat.ellipse is None


def test_the_morph_turns_a_into_a_diagonal_matrix_by_rotations_alone():
    rng = np.random.default_rng(25)
    for _ in range(60):
        d = int(rng.integers(2, 4))
        a = rng.normal(size=(d, d))
        a = a + a.T
        turned = morph.turn(a, 1e-12, 0.5)
        r = turned.rotation
        np.testing.assert_allclose(np.swapaxes(r, 1, 2) @ r, np.broadcast_to(np.eye(d), r.shape), atol=1e-13)
        np.testing.assert_allclose(np.linalg.det(r), 1, atol=1e-12)
        np.testing.assert_allclose(r[0], np.eye(d), atol=1e-15)
        np.testing.assert_allclose(turned.matrix[0], a, atol=1e-14)
        np.testing.assert_allclose(turned.matrix[-1], np.diag(np.diag(turned.matrix[-1])), atol=1e-12)
        np.testing.assert_allclose(np.linalg.eigvalsh(turned.matrix), np.tile(np.linalg.eigvalsh(a), (21, 1)), atol=1e-12)
        half = scipy.linalg.expm(0.5 * scipy.linalg.logm(r[-1]))
        np.testing.assert_allclose(r[10], half, atol=1e-7)
        assert turned.frame == 10 and turned.angle <= 63
        if d == 2:
            assert turned.angle <= 45 + 1e-9 and turned.off_diagonal[-1] < 1e-12
            heights = 0.5 * np.einsum("klpi,kij,klpj->klp", turned.curves, turned.matrix, turned.curves)
            for level in range(4):
                sizes = np.abs(heights[:, level])
                sizes = sizes[~np.isnan(sizes)]
                assert len(sizes) > 500
                np.testing.assert_allclose(sizes, sizes[0], rtol=1e-9)


def test_the_ellipses_of_three_variables_lie_on_one_level_surface():
    rng = np.random.default_rng(26)
    for sign in (1, -1):
        turned = morph.turn(sign * definite(rng, 3, 9), 1e-12, 0)
        heights = np.einsum("klpi,kij,klpj->klp", turned.curves, turned.matrix, turned.curves)
        np.testing.assert_allclose(heights, heights[0, 0, 0], rtol=1e-9)
        assert turned.curves.shape == (21, 3, 33, 3)
    assert morph.turn(np.diag([1.0, 2.0, -1.0]), 1e-12, 0).curves is None


def test_a_diagonal_matrix_does_not_turn():
    for matrix in ("3,0;0,1", "5,0,0;0,1,0;0,0,-2", "2,0;0,2"):
        assert analyse(matrix=matrix).morph.angle == pytest.approx(0, abs=1e-12)
    assert analyse(matrix="2,1;1,2").morph.angle == pytest.approx(45)


def test_every_result_is_finite_where_it_must_be_and_can_be_shown():
    rng = np.random.default_rng(26)
    may_be_missing = {"gap", "error_norm", "axes", "curves", "log10", "pivots", "edge", "step_ratio"}
    for k in range(60):
        a, _ = integer_form(rng)
        n = len(a)
        result = analyse(
            matrix=text(a * rng.choice([1, 1e-3, 1e3])),
            b=",".join(map(str, rng.integers(-2, 3, n))),
            start=",".join(map(str, rng.integers(-3, 4, n))),
            alpha=10 ** rng.uniform(-3, 1),
            beta=rng.uniform(0, 1),
            method=str(rng.choice(list(METHODS))),
            start_at=str(rng.choice(["point", "worst"])),
            slice_axes=str(rng.choice(["coordinates", "eigenvectors", "extremes"])),
        )
        if k % 10 == 0:
            plain(result)
        for name, array in arrays(result).items():
            if array.dtype.kind == "f" and name.split(".")[-1] not in may_be_missing and name != "spectrum.condition_number":
                assert np.isfinite(array).all(), name
        for en, zh in (said.text for said in result.findings):
            assert en.endswith(".") and zh.endswith("。") and "nan" not in en
