"""The gradient lab: values against torch and mpmath, paths against torch.optim, verdicts against known functions."""

import dataclasses
import itertools

import numpy as np
import pytest
import sympy
import torch

from engine.calculus.gradient import Gradient, gradient
from engine.calculus.gradient import basins as basin_map
from engine.calculus.gradient.descent import race, run
from engine.calculus.gradient.landscape import read
from engine.calculus.gradient.parameters import METHODS, Settings
from engine.core import Refused, results

HIMMELBLAU = "(x^2+y-11)^2 + (x+y^2-7)^2"
ROSENBROCK = "(1-x)^2 + 100(y-x^2)^2"
BATTERY = [
    Gradient().f,
    "x^2 + y^2",
    "sin(x)*y + exp(-x^2)",
    ROSENBROCK,
    HIMMELBLAU,
    "x^3 - 3x y^2",
    "log(x^2+y^2+1)",
    "atan2(y, x)",
    "x y exp(-x^2-y^2)",
    "tanh(x y) + sqrt(x^2+2)",
    "20+x^2+y^2-10cos(2pi x)-10cos(2pi y)",
    "(x^2+y)/(1+y^2)",
    "2^(x y/4)",
    "max(x, y)^2 + abs(x - 3)",
    "cosh(x/3)sinh(y/3)",
]
RATES = {"gd": 0.02, "momentum": 0.01, "nesterov": 0.01, "adagrad": 0.3, "rmsprop": 0.03, "adam": 0.1, "newton": 1.0}


def at(f, x, y, **more):
    return gradient(Gradient(f=f, x=x, y=y, **more))


def test_defaults_carry_what_every_view_needs():
    seen = gradient(Gradient())
    assert seen.formula.text == "sin(x)*cos(y) + (x^2 + y^2)/10"
    assert seen.formula.dx == "cos(x)*cos(y) + x/5"
    assert seen.formula.dy == "-sin(x)*sin(y) + y/5" or seen.formula.dy == "y/5 - sin(x)*sin(y)"
    assert seen.map.f.shape == seen.map.dx.shape == seen.map.dy.shape == seen.map.rank.shape == (61, 61)
    assert seen.near.plane_z.shape == (15, 15) and seen.near.slice_f.shape == (201,)
    assert seen.touch.kind == "plane" and seen.touch.residual.shape == (6, 72)
    assert seen.race.paths.shape == (7, 61, 2) and seen.race.losses.shape == (7, 61)
    assert seen.basins is None
    numbers = {k: v for k, v in results.arrays(seen).items() if v.dtype.kind == "f"}
    assert all(np.isfinite(v).all() for v in numbers.values())
    store = {}
    again = results.decode(results.encode(seen, store), store)
    assert np.array_equal(again.map.f, seen.map.f) and again.findings[0].text == seen.findings[0].text
    assert sum(v.size for v in numbers.values()) < 30_000


@pytest.mark.parametrize("f", BATTERY)
def test_symbolic_automatic_and_central_agree(f):
    """Symbolic and autograd to 1e-12 of each other, of sympy and of 40 digits; central differences to 1e-7."""
    rng = np.random.default_rng(len(f))
    for x, y in rng.uniform(0.3, 2, (4, 2)):
        seen = at(f, float(x), float(y))
        place = dict(zip(sympy.symbols("x y", real=True), (x, y), strict=True))
        judge = np.array([float(sympy.diff(read(f, "undefined").f.sympy(), name).subs(place).evalf(30)) for name in place])
        scale = max(1.0, np.abs(judge).max())
        symbolic, automatic, central = seen.ways.values
        assert np.abs(symbolic - judge).max() <= 1e-12 * scale
        assert np.abs(automatic - judge).max() <= 1e-12 * scale
        assert np.abs(central - judge).max() <= 1e-7 * scale
        assert np.abs(seen.ways.reference - judge).max() <= 1e-12 * scale
        assert np.array_equal(seen.ways.errors, np.abs(seen.ways.values - seen.ways.reference))
        np.testing.assert_allclose(seen.gradient, symbolic, rtol=1e-12, atol=1e-12 * scale)
        v = seen.direction
        assert seen.directional_derivative == pytest.approx(judge @ v, rel=1e-12, abs=1e-12 * scale)


def test_the_tape_is_reverse_mode():
    seen = at("x y + sin(x)", 1.2, 0.7)
    tape = dict(zip(seen.ways.steps, zip(seen.ways.step_values, seen.ways.adjoints, strict=True), strict=True))
    assert tape["x"] == pytest.approx((1.2, 0.7 + np.cos(1.2)), rel=1e-15)
    assert tape["sin(x)"] == pytest.approx((np.sin(1.2), 1.0))
    assert tape["x*y + sin(x)"] == pytest.approx((1.2 * 0.7 + np.sin(1.2), 1.0))


@pytest.mark.parametrize("seed", range(6))
def test_directions_slices_and_planes(seed):
    rng = np.random.default_rng(seed)
    x, y, vx, vy = (float(a) for a in rng.uniform(-2, 2, 4))
    seen = at(BATTERY[seed], x, y, vx=vx, vy=vy)
    assert np.hypot(*seen.direction) == pytest.approx(1, abs=1e-15)
    assert np.cross(np.append(seen.direction, 0), [vx, vy, 0])[2] == pytest.approx(0, abs=1e-15)
    assert seen.max_rate == pytest.approx(np.hypot(*seen.gradient))
    assert seen.direction_of_max @ seen.gradient == pytest.approx(seen.max_rate)
    rose = seen.touch.plane_by_angle
    assert rose.max() <= seen.max_rate and rose.max() >= 0.999 * seen.max_rate
    scale = max(1.0, seen.max_rate, np.abs(seen.hessian).max())
    np.testing.assert_allclose(seen.touch.slope_by_angle, rose, atol=1e-6 * scale)
    land, (dx, dy) = read(BATTERY[seed], "undefined"), seen.gradient
    assert abs(seen.directional_derivative - (dx * vx + dy * vy) / np.hypot(vx, vy)) < 1e-12 * scale
    np.testing.assert_allclose(seen.near.slice_f, land.value(seen.near.slice_x, seen.near.slice_y))
    middle = len(seen.near.t) // 2
    assert seen.near.t[middle] == 0 and seen.near.tangent[middle] == seen.value
    assert seen.near.slice_f[middle] == pytest.approx(seen.value, rel=1e-14, abs=1e-14)
    ahead = np.diff(seen.near.tangent) / np.diff(seen.near.t)
    np.testing.assert_allclose(ahead, seen.directional_derivative, atol=1e-9 * scale)
    assert seen.near.plane_z[7, 7] == seen.value
    tilt = (seen.near.plane_z[7, -1] - seen.value) / (seen.near.plane_x[-1] - x)
    assert tilt == pytest.approx(dx, abs=1e-9 * scale)
    np.testing.assert_allclose(seen.map.f, land.value(seen.map.x[None, :], seen.map.y[:, None]))
    np.testing.assert_allclose(seen.map.dy, land.gradient(seen.map.x[None, :], seen.map.y[:, None])[1])


def test_the_map_ranks_heights():
    seen = at("x", 0, 0).map
    assert seen.rank.min() == 0 and 0.98 < seen.rank.max() <= 1
    assert np.all(np.diff(seen.rank[0]) > 0)


@pytest.mark.parametrize(
    ("f", "hole", "point", "kind", "gradient_", "slope"),
    [
        ("x^2+y^2", "undefined", (0, 0), "plane", (0, 0), 0),
        ("x^2 y/(x^2+y^2)", "zero", (0, 0), "no-plane", (0, 0), 0.8**2 * 0.6),
        ("x^3/(x^2+y^2)", "zero", (0, 0), "no-plane", (1, 0), 0.8**3),
        ("x^2 sin(1/x)", "zero", (0, 0), "plane", (0, 0), 0),
        ("x^2 y^2/(x^2+y^2)", "zero", (0, 0), "plane", (0, 0), 0),
        ("x y/(x^2+y^2)", "zero", (0, 0), "jump", (0, 0), np.nan),
        ("x^2 y/(x^4+y^2)", "zero", (0, 0), "no-plane", (0, 0), 0.8**2 / 0.6),
        ("sin(x)/x", "zero", (0, 0), "jump", (np.nan, 0), np.nan),
        ("x sin(1/x)", "zero", (0, 0), "oscillating", (np.nan, np.nan), np.nan),
        ("abs(x)+y", "undefined", (0, 1), "corner", (np.nan, 1), np.nan),
        ("abs(x)+y", "undefined", (0.3, 1), "plane", (1, 1), 1.4),
        ("sqrt(x^2+y^2)", "undefined", (0, 0), "corner", (np.nan, np.nan), np.nan),
        ("max(x,y)", "undefined", (1, 1), "corner", (np.nan, np.nan), np.nan),
        ("cbrt(x)", "undefined", (0, 1), "vertical", (np.nan, np.nan), np.nan),
        ("abs(x)^1.5", "undefined", (0, 1), "plane", (0, 0), 0),
        ("sqrt(x)", "undefined", (0, 0), "edge", (np.nan, np.nan), np.nan),
        ("log(x)", "undefined", (0.0005, 0), "plane", (2000, 0), 1600),
        ("log(x)", "undefined", (-1, 0), "undefined", (np.nan, np.nan), np.nan),
        ("x^2/(x^2+y^2)", "undefined", (0, 0), "undefined", (np.nan, np.nan), np.nan),
        ("7", "undefined", (0, 0), "plane", (0, 0), 0),
        ("1e6 x y", "undefined", (3, 4), "plane", (4e6, 3e6), 5e6),
        ("sin(40x)", "undefined", (0, 0), "plane", (40, 0), 32),
    ],
)
def test_existence_and_differentiability(f, hole, point, kind, gradient_, slope):
    """Textbook functions at their textbook points, along v = (0.8, 0.6)."""
    seen = at(f, *point, hole=hole, vx=8, vy=6)
    assert seen.touch.kind == kind
    np.testing.assert_allclose(seen.gradient, gradient_, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(seen.directional_derivative, slope, rtol=1e-6, atol=1e-7)
    assert all(seen.findings[0].text) and all(seen.touch.verdict)
    largest = seen.touch.largest
    if kind == "plane":
        assert largest[-1] <= 0.02 * max(np.nanmax(largest), 1e-3)
    elif kind in ("no-plane", "jump"):
        assert largest[-1] > 0.05 or np.isnan(largest[-1])


def test_steepest_without_a_plane():
    """D_u f = cos²θ·sinθ has its maximum 2/(3√3) at sinθ = 1/√3."""
    seen = at("x^2 y/(x^2+y^2)", 0, 0, hole="zero")
    assert seen.max_rate == pytest.approx(2 / 27**0.5, rel=1e-9)
    assert seen.direction_of_max[1] == pytest.approx(3**-0.5, rel=1e-5)
    assert abs(seen.by_gradient) < 1e-15 < abs(seen.directional_derivative)
    angles = seen.touch.rose_angles
    np.testing.assert_allclose(seen.touch.slope_by_angle, np.cos(angles) ** 2 * np.sin(angles), atol=1e-12)
    stationary = at("x^2+y^2", 0, 0)
    assert stationary.max_rate == 0 and np.isnan(stationary.direction_of_max).all()
    assert "no direction is steepest" in stationary.findings[0].text.en


@pytest.mark.parametrize(
    ("f", "kind", "proved", "gradient_"),
    [
        ("sqrt(x^2+1e-12)", "plane", True, (0, 0)),
        ("sqrt(x^2+1e-12)+3y", "plane", True, (0, 3)),
        ("tanh(1e6 x)", "plane", True, (1e6, 0)),
        ("atan(1e5 x) + y", "plane", True, (1e5, 1)),
        ("abs(x)^1.1", "plane", True, (0, 0)),
        ("abs(x)^1.01 + 2y", "plane", True, (0, 2)),
        ("x abs(x)", "plane", True, (0, 0)),
        ("x cbrt(y)", "plane", True, (0, 0)),
        ("cos(abs(x))", "plane", True, (0, 0)),
        ("max(x, x + y^2)", "plane", True, (1, 0)),
        ("abs(x) - abs(x)", "plane", True, (0, 0)),
        ("1e-9 abs(x) + 1000 y", "corner", True, (np.nan, 1000)),
        ("abs(x) + x^2", "corner", True, (np.nan, 0)),
        ("exp(abs(y)) + sin(x)", "corner", True, (1, np.nan)),
        ("sqrt(x^2+y^2) + x", "corner", True, (np.nan, np.nan)),
        ("sqrt(abs(x)) + y", "vertical", True, (np.nan, np.nan)),
        ("abs(x-0.1-0.2)", "plane", True, (-1, 0)),
    ],
)
def test_the_formula_decides_where_its_operations_do(f, kind, proved, gradient_):
    """Calculus at the origin: derivatives known in closed form, however steep or narrow they are."""
    seen = at(f, 0, 0)
    assert (seen.touch.kind, seen.touch.proved) == (kind, proved)
    known = np.isfinite(gradient_)
    np.testing.assert_allclose(seen.gradient[known], np.array(gradient_)[known], rtol=1e-12, atol=1e-12)
    assert np.isnan(seen.gradient[~known][:1]).all() or kind == "vertical"


def test_decimals_meet_at_their_corner_and_exact_zeros_are_zero():
    assert at("abs(x-0.1-0.2)", 0.3, 0).touch.kind == "corner"
    assert at("10x-3", 0.3, 0).value == at("sin(2pi x)", 1, 0).value == 0
    tiny = at("exp(-x)", 10, 0, half_width=1)
    assert tiny.value == pytest.approx(np.exp(-10), rel=1e-15)
    assert at("exp(-1000x)", 10, 0).value_text == "1.14 × 10⁻⁴³⁴³".replace(" ", "\u00a0")


@pytest.mark.parametrize(("f", "hole"), [("x^2 y/(x^4+y^2)", "zero"), ("y^2/x", "zero"), ("x y^2/(x^2+y^4)", "zero")])
def test_slopes_without_a_bound_have_no_greatest(f, hole):
    seen = at(f, 0, 0, hole=hole)
    assert not np.isfinite(seen.max_rate) and np.isnan(seen.direction_of_max).all()
    assert "seen, not proved" in seen.touch.verdict[0]


@pytest.mark.parametrize("f", ["log(x)", "sqrt(x y)", "log(x^2-4)", "acos(x)+y", "exp(-1/x^2)", "x log(x)", "x^0.5 + log(y)"])
def test_nothing_has_a_slope_where_f_has_no_value(f):
    seen = at(f, -3, 0)
    blank = np.isnan(seen.map.f)
    assert blank.any()
    for part in (seen.map.dx, seen.map.dy):
        assert np.isnan(part[blank]).all()
    if np.isnan(seen.value):
        assert np.isnan(seen.ways.values).all() and np.isnan(seen.ways.adjoints).all()
    places = basin_map.attractors(read(f, "undefined"), np.zeros(2), 4.0)[1]
    assert np.isfinite(places).all()


def test_smaller_steps_do_not_help_where_nothing_is_truncated():
    assert "no truncation error" in at("x^2 + 3x y", 1, 2).error_curve.sentence[0]
    assert "Smaller steps help" in at("sin(x) y", 1, 2).error_curve.sentence[0]


def test_undefined_is_said_not_drawn_blank():
    seen = at("log(x)", -1, 0)
    said = seen.findings[0].text
    assert "At (−1, 0) f has no value" in said.en and "logarithm of −1" in said.en and "取对数" in said.zh
    assert np.isnan(seen.value) and seen.race is None
    assert seen.map.undefined == pytest.approx(31 / 61)
    assert "logarithm" in seen.map.why[0] and "取对数" in seen.map.why[1]
    everywhere = at("log(-1)", 0, 0)
    assert everywhere.map.undefined == 1 and np.isnan(everywhere.map.rank).all()
    huge = at("exp(exp(exp(9x)))", 1, 1)
    assert "too large" in huge.findings[0].text.en


def test_the_error_curve_obeys_its_two_laws():
    for f, x, y in [("sin(x)*y + exp(-x^2)", 0.7, 1.3), (Gradient().f, 1.6, 1.2), (HIMMELBLAU, 1.1, 0.4)]:
        curve = at(f, x, y).error_curve
        wide = (curve.h > 3e-3) & (curve.h < 3e-2)
        np.testing.assert_allclose(curve.central[wide], curve.truncation[wide], rtol=0.05)
        narrow = curve.h < 1e-9
        assert np.median(curve.central[narrow] / curve.rounding[narrow]) == pytest.approx(1, abs=0.95)
        assert curve.central[narrow].max() < 50 * curve.rounding[narrow].max()
        lowest = np.exp(np.log(curve.h[np.argsort(curve.central)[:7]]).mean())
        assert 0.05 < lowest / curve.best_h < 20
        assert np.median(curve.forward / curve.central) > 1
    assert np.isnan(at("abs(x)", 0, 0).error_curve.central).all()


@pytest.mark.parametrize(("f", "start"), [(HIMMELBLAU, (0.5, -1.0)), (ROSENBROCK, (-0.5, 0.7)), (BATTERY[0], (1.6, 1.2))])
@pytest.mark.parametrize("scale", [1.0, 0.37])
def test_paths_are_torch_optims(f, start, scale):
    """Step by step to 1e-10, in float64, at two learning rates."""
    rate = {name: value * scale * (0.02 if f == ROSENBROCK and value < 0.03 else 1) for name, value in RATES.items()}
    settings = Settings(rate, momentum=0.85, beta1=0.8, beta2=0.95)
    optim = torch.optim
    makers = {
        "gd": lambda p: optim.SGD(p, lr=rate["gd"]),
        "momentum": lambda p: optim.SGD(p, lr=rate["momentum"], momentum=0.85),
        "nesterov": lambda p: optim.SGD(p, lr=rate["nesterov"], momentum=0.85, nesterov=True),
        "adagrad": lambda p: optim.Adagrad(p, lr=rate["adagrad"]),
        "rmsprop": lambda p: optim.RMSprop(p, lr=rate["rmsprop"], alpha=0.95),
        "adam": lambda p: optim.Adam(p, lr=rate["adam"], betas=(0.8, 0.95)),
    }
    land = read(f, "undefined")
    record = run(land, start, 80, settings, 1e4)
    for k, method in enumerate(makers):
        p = torch.tensor(start, dtype=torch.float64, requires_grad=True)
        optimiser = makers[method]([p])
        path = [p.detach().clone().numpy()]
        for _ in range(80):
            optimiser.zero_grad()
            p.grad = torch.tensor(land.gradient(*p.detach().numpy()))
            optimiser.step()
            path.append(p.detach().clone().numpy())
        np.testing.assert_allclose(record.paths[k], np.array(path), rtol=1e-10, atol=1e-10, err_msg=method)


def test_newton_solves_the_linear_system():
    land = read(HIMMELBLAU, "undefined")
    record = run(land, (0.5, -1.0), 12, Settings(RATES, 0.9, 0.9, 0.99), 1e4)
    p = np.array([0.5, -1.0])
    for step in range(8):
        np.testing.assert_allclose(record.paths[-1, step], p, rtol=1e-9, atol=1e-12)
        p = p - np.linalg.solve(land.hessian(*p), land.gradient(*p))


def test_fates_are_told():
    start, settings = (0.5, 0.6), Settings({**RATES, "gd": 3.0}, 0.9, 0.9, 0.99)
    bowl = race(read("x^2+3y^2", "undefined"), start, 60, settings, 4.0)
    seen = dict(zip(bowl.methods, bowl.fate, strict=True))
    said = dict(zip(bowl.methods, bowl.verdicts, strict=True))
    assert seen["newton"] == "minimum" and "settled at a minimum, (0, 0)" in said["newton"][0]
    assert seen["gd"] == "diverged" and "diverged at step" in said["gd"][0] and "发散" in said["gd"][1]
    stopped = bowl.stopped_at[0]
    assert np.isnan(bowl.paths[0, stopped:]).all() and np.isfinite(bowl.paths[0, :stopped]).all()
    assert bowl.winner not in ("", "gd")
    gentle = Settings({**RATES, "gd": 0.1}, 0.9, 0.9, 0.99)
    fates = {
        "x^2-y^2": "saddle",
        "-x^2-2y^2": "maximum",
        "x^3-3x y^2": "flat",
        "x^2": "singular",
        "sin(5y) + x/9": "singular",
        "abs(x)+y^2": "singular",
    }
    for f, expected in fates.items():
        told = race(read(f, "undefined"), start, 60, gentle, 4.0)
        assert told.fate[-1] == expected, f
        assert all(en and zh for en, zh in told.verdicts)
    slow = race(read("x^2+y^2", "undefined"), start, 5, gentle, 4.0)
    assert slow.fate[0] == "moving" and "still moving after 5 steps" in slow.verdicts[0][0]
    log = race(read("log(x)+y^2", "undefined"), start, 60, gentle, 4.0)
    assert log.fate[0] == "outside" and "f has no value" in log.verdicts[0][0]
    hole = race(read("x^2 y/(x^2+y^2)", "zero"), (0.0, 0.0), 60, gentle, 4.0)
    assert set(hole.fate) == {"lost"} and np.array_equal(hole.ends, np.zeros((7, 2)))


def test_basins_agree_with_single_descents():
    """Labels and shares against the race run from every start of a coarse grid."""
    settings = Gradient(rate_gd=0.01, rate_momentum=0.01, rate_adam=0.3).settings()
    land, centre = read(HIMMELBLAU, "undefined"), np.array([0.3, -0.2])
    for method in ("gd", "momentum", "adam", "newton"):
        *_, (last, fraction) = basin_map.explore(land, method, 6, 60, settings, centre, 5.0)
        assert fraction == 1 and last.step == 60 and last.label.shape == (6, 6)
        minima = last.attractors[[kind == "minimum" for kind in last.kinds]]
        assert len(minima) == 4 and len(last.attractors) == 9
        k = list(METHODS).index(method)
        for row, column in itertools.product(range(6), range(6)):
            start = float(last.x[column]), float(last.y[row])
            path = run(land, start, 60, settings, 1e4).paths[k]
            gaps = np.hypot(*(path[:, None] - last.attractors[None]).transpose(2, 0, 1))
            end = gaps[-1].min()
            if not 0.09 < end < 0.11:  # on the rim of an attractor's disc either answer is right
                expected = int(gaps[-1].argmin()) if end < 0.1 else -1 if np.isfinite(end) else -2
                assert last.label[row, column] == expected
        assert last.share.sum() == pytest.approx(1)
        labels, counts = np.unique(last.label, return_counts=True)
        for label, count in zip(labels, counts, strict=True):
            assert last.share[{-1: -2, -2: -1}.get(label, label)] == pytest.approx(count / 36)


def test_critical_points_of_himmelblau():
    places, heights, kinds = basin_map.attractors(read(HIMMELBLAU, "undefined"), np.zeros(2), 5.0)
    assert kinds == ["minimum"] * 4 + ["saddle"] * 4 + ["maximum"]
    expected = [[3, 2], [3.58442834, -1.84812653], [-3.77931025, -3.28318599], [-2.80511809, 3.13131252]]
    for point in expected:
        assert np.hypot(*(places[:4] - point).T).min() < 1e-7
    np.testing.assert_allclose(heights[-1], 181.6165215, rtol=1e-8)


@pytest.mark.parametrize(
    ("f", "kinds"),
    [
        ("x^2 y^2", []),
        ("log(-1)", []),
        ("(x+y/3)^2", []),
        ("x", []),
        ("x^4+y^4", ["minimum"]),
        ("-x^4-y^4", ["maximum"]),
        ("x^3-3x y^2", ["saddle"]),
        (ROSENBROCK, ["minimum"]),
        ("(x^2+y^2-4)^2", ["maximum"]),
        ("x^2+y^4-y^2", ["minimum", "minimum", "saddle"]),
    ],
)
def test_attractors_are_isolated(f, kinds):
    assert basin_map.attractors(read(f, "undefined"), np.zeros(2), 4.0)[2] == kinds


def test_the_map_of_basins_streams_and_stops():
    params = Gradient(starts=40_000, steps=30, method="gd")
    parts = list(gradient.stream(params))
    fractions = [part.fraction for part in parts]
    assert fractions == sorted(fractions) and fractions[-1] == 1 and len(parts) > 20
    assert parts[0].result.basins is None and parts[0].result.race is not None
    final = parts[-1].result
    assert final.basins.label.shape == (200, 200)
    assert 0.5 < final.basins.share[:4].sum() <= 1 and "of the starts are at" in final.findings[-1].text.en
    assert final.basins.label.min() >= -2 and final.basins.label.max() < len(final.basins.attractors)
    shares = [part.result.basins.share[-2] for part in parts[1:]]
    assert shares[0] > 0.9 and shares[-1] < shares[0]
    stream = gradient.stream(params)
    next(stream), next(stream)
    stream.close()


def test_costs():
    cost = gradient.cost_of
    assert cost(Gradient()) == cost(Gradient(starts=3)) == "instant"
    assert cost(Gradient(starts=40_000)) == "seconds"
    assert cost(Gradient(starts=160_000, steps=100)) == "minutes"
    assert gradient(Gradient(starts=3)).basins is None
    assert gradient(Gradient(starts=4, steps=3)).basins.label.shape == (2, 2)


@pytest.mark.parametrize(
    ("values", "name", "said"),
    [
        ({"vx": 0, "vy": 0}, "vx", "must not be 0"),
        ({"f": "x +"}, "f", "at character"),
        ({"f": "foo(x)"}, "f", "foo"),
        ({"f": "__import__('os')"}, "f", "__import__"),
        ({"f": "x" * 201}, "f", "200 characters"),
        ({"f": 3}, "f", "text"),
        ({"x": 10.5}, "x", "10"),
        ({"y": "nan"}, "y", "y must"),
        ({"half_width": 0}, "half_width", "0.01"),
        ({"h": 0}, "h", "h must"),
        ({"steps": 0}, "steps", "1"),
        ({"steps": 501}, "steps", "500"),
        ({"starts": 10**7}, "starts", "160000"),
        ({"method": "sgd"}, "method", "one of"),
        ({"hole": "limit"}, "hole", "one of"),
        ({"rate_adam": 11}, "rate_adam", "10"),
        ({"momentum": 1}, "momentum", "0.999"),
        ({"z": 1}, "z", "not a parameter"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(values, name, said):
    with pytest.raises(Refused) as caught:
        Gradient.parse(values)
    assert caught.value.name == name
    assert said in caught.value.en and caught.value.zh
    assert "\n" not in caught.value.en


@pytest.mark.parametrize("seed", range(4))
def test_whatever_the_controls_can_reach_is_answered(seed):
    """Random corners of every bound: the experiment answers, without a warning, and its result can be sent."""
    rng = np.random.default_rng(seed)
    formulas = [*BATTERY, "1/x", "log(x y)", "x^y", "tan(x)", "sqrt(-x^2)", "1e300 x y", "1e-300x", "exp(x^2+y^2)", "0", "x/0"]
    for f in rng.choice(formulas, 12, replace=False):
        values = {"f": str(f), "hole": str(rng.choice(["undefined", "zero"])), "method": str(rng.choice(list(METHODS)))}
        for name in Gradient.model_fields:
            low, high = Gradient.bounds(name)
            if low is not None and name not in ("starts", "steps") and rng.random() < 0.6:
                values[name] = float(rng.choice([low, high, rng.uniform(low, high), 0 if low <= 0 <= high else low]))
        if values.get("vx", 1) == 0 == values.get("vy", 1):
            values["vx"] = 1.0
        seen = gradient(Gradient.parse({**values, "steps": 20, "starts": 25 if rng.random() < 0.3 else 0}))
        results.plain(dataclasses.asdict(seen), 100)
        assert all(seen.findings[0].text)
        if seen.touch.kind == "plane":
            assert np.isfinite(seen.gradient).all() and np.isfinite(seen.directional_derivative)
