"""The random walk's exact laws, held to enumeration, linear algebra, scipy and known constants."""

import math

import numpy as np
import pytest
from scipy import special, stats

from engine.probability.random_walk import exact, returns, ruin, walls

RNG = np.random.default_rng(20)
CHANCES = [0.0, 1.0, 0.5, 1e-9, 0.37, 0.9, *RNG.random(3).tolist()]


def stepped(steps: int, up: float, dimension: int = 1) -> np.ndarray:
    """Law on a box after `steps` steps by adding neighbours up: shape (2 steps + 1,) * dimension."""
    law = np.zeros((2 * steps + 1,) * dimension)
    law[(steps,) * dimension] = 1
    for _ in range(steps):
        law = neighbours(law, up)
    return law


def neighbours(law: np.ndarray, up: float) -> np.ndarray:
    """One step on a box large enough that nothing leaves it."""
    total = np.zeros_like(law)
    for axis in range(law.ndim):
        total += (up * np.roll(law, 1, axis) + (1 - up) * np.roll(law, -1, axis)) / law.ndim
    return total


@pytest.mark.parametrize("n", [1, 2, 17, 1000, 100_000])
@pytest.mark.parametrize("p", CHANCES)
def test_binomial_law_against_scipy(n, p):
    middle = round(n * p)
    k = np.unique(np.clip(np.arange(middle - 60, middle + 61), -1, n + 1))
    np.testing.assert_allclose(exact.binomial(n, p, k), stats.binom.pmf(k, n, p), rtol=1e-9, atol=1e-300)
    whole = np.arange(max(0, middle - 5000), min(n, middle + 5000) + 1)
    assert exact.binomial(n, p, whole).sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("p", CHANCES)
def test_walk_law_has_parity_gaps_and_equals_the_product_multiplied_out(p):
    triangle = exact.multiplied_out(p, 12)
    for n in (1, 5, 12):
        law = exact.walk(np.array([n]), p, np.array([-12]), 25)[0]
        np.testing.assert_allclose(law, triangle[n], atol=1e-14)
        assert (law[(np.arange(-12, 13) - n) % 2 == 1] == 0).all()
    assert triangle.sum(1) == pytest.approx(1, abs=1e-14)


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("p", CHANCES)
def test_law_of_one_coordinate(dimension, p):
    times, lowest = np.array([1, 6, 9]), np.array([-9, -8, -10])
    laws = exact.axis(times, p, dimension, lowest, 20)
    for time, low, law in zip(times, lowest, laws, strict=True):
        line = stepped(time, p, dimension).sum(tuple(range(1, dimension)))
        sites = np.arange(-time, time + 1)
        np.testing.assert_allclose(law[sites - low], line, atol=1e-14)
        assert law.sum() == pytest.approx(1, abs=1e-13)


@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize("p", [0.5, 0.37, 0.9, 0.0])
def test_returns_and_last_visits_against_enumeration(dimension, p):
    n = 12
    centre = (n,) * dimension
    law = np.zeros((2 * n + 1,) * dimension)
    law[centre] = 1
    still, first, home, last = law.copy(), [0.0], [1.0], []
    for _ in range(n):
        still, law = neighbours(still, p), neighbours(law, p)
        first.append(float(still[centre]))
        home.append(float(law[centre]))
        still[centre] = 0
    np.testing.assert_allclose(returns.first(dimension, p, n), first[::2], atol=1e-15)
    scale = (4 * p * (1 - p)) ** np.arange(n // 2 + 1)
    np.testing.assert_allclose(returns.home(dimension, n // 2) * scale, home[::2], atol=1e-15)
    for steps in (n, n - 1):
        last = [home[k] * (1 - sum(first[: steps - k + 1])) for k in range(0, steps + 1, 2)]
        np.testing.assert_allclose(returns.last_zero(dimension, p, steps), last, atol=1e-14)
        assert returns.last_zero(dimension, p, steps).sum() == pytest.approx(1, abs=1e-14)


def test_returns_on_a_long_walk():
    n = 600
    for dimension in (1, 2, 3):
        u, f = returns.home(dimension, n), returns.first(dimension, 0.5, 2 * n)
        renewed = [f[: k + 1] @ u[k::-1] for k in range(1, n + 1)]
        np.testing.assert_allclose(renewed, u[1:], rtol=1e-10)
        assert (f[1:] > 0).all()
    u = returns.home(1, n)
    np.testing.assert_allclose(returns.last_zero(1, 0.5, 2 * n), u * u[::-1], rtol=1e-10)
    np.testing.assert_allclose(returns.returned(1, 0.5, 2 * n), 1 - u, atol=1e-13)


@pytest.mark.parametrize("k", [1, 5, 60, 500])
def test_home_in_space_is_a_sum_of_multinomials(k):
    """u_k = C(2k, k) / 36^k times the sum over a of C(k, a)² C(2a, a)."""
    a = np.arange(k + 1)
    factorial = np.array([math.lgamma(i + 1) for i in range(2 * k + 1)])
    terms = 2 * (factorial[k] - factorial[a] - factorial[k - a]) + factorial[2 * a] - 2 * factorial[a]
    log = special.logsumexp(terms) + factorial[2 * k] - 2 * factorial[k] - k * math.log(36)
    assert math.log(returns.home(3, 600)[k]) == pytest.approx(log, abs=1e-11)


@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize("p", [0.45, 0.6, 0.97])
def test_chance_of_ever_returning_is_the_limit(dimension, p):
    assert returns.ever(dimension, p) == pytest.approx(returns.returned(dimension, p, 20_000)[-1], abs=1e-11)
    assert returns.ever(dimension, p) == pytest.approx(returns.ever(dimension, 1 - p), abs=1e-14)


def test_polya():
    assert returns.ever(1, 0.5) == returns.ever(2, 0.5) == 1
    assert returns.ever(3, 0.5) == pytest.approx(0.3405373295509991, abs=1e-15)
    assert returns.ever(3, 0.5 + 1e-9) == pytest.approx(returns.ever(3, 0.5), abs=1e-7)
    assert [returns.ever(1, p) for p in (0, 0.3, 1)] == pytest.approx([0, 0.6, 0])
    assert 0.339 < returns.returned(3, 0.5, 100_000)[-1] < returns.POLYA


@pytest.mark.parametrize("target", [2, 7, 100])
@pytest.mark.parametrize("p", [*CHANCES, 0.5 + 1e-4, 0.5 - 1e-8, 0.5 + 1e-12])
def test_ruin_against_linear_equations(target, p):
    inside = walls.lattice(p, target, "absorbing")[1:-1, 1:-1]
    system = np.eye(target - 1) - inside
    to_target = np.zeros(target - 1)
    to_target[-1] = p
    np.testing.assert_allclose(ruin.win(p, target)[1:-1], np.linalg.solve(system, to_target), rtol=1e-8, atol=1e-14)
    np.testing.assert_allclose(ruin.duration(p, target)[1:-1], np.linalg.solve(system, np.ones(target - 1)), rtol=1e-8)
    assert ruin.win(p, target)[[0, -1]].tolist() == [0, 1]
    assert ruin.duration(p, target)[[0, -1]] == pytest.approx([0, 0], abs=1e-9)


@pytest.mark.parametrize(("p", "start", "target"), [(0.5, 5, 10), (0.3, 4, 9), (1.0, 1, 5), (0.0, 3, 8), (0.5, 1, 2)])
def test_law_of_the_ruin_time(p, start, target):
    edges, chance = ruin.duration_law(p, start, target)
    matrix, law, ended = walls.lattice(p, target, "absorbing"), np.eye(target + 1)[start], [0.0]
    for _ in range(int(edges[-1])):
        law = law @ matrix
        ended.append(law[0] + law[-1])
    np.testing.assert_allclose(chance, np.diff(np.array(ended)[edges.astype(int)]), atol=1e-14)
    assert 0.999 < chance.sum() <= 1 + 1e-12
    assert len(chance) <= 60


@pytest.mark.parametrize("kind", ["absorbing", "reflecting"])
@pytest.mark.parametrize("p", [0.5, 0.31, 1.0])
def test_law_between_walls(kind, p):
    times = (1, 2, 5, 40, 1001)
    laws = walls.lattice_law(p, 9, 4, kind, times)
    matrix = walls.lattice(p, 9, kind)
    assert matrix.sum(1) == pytest.approx(1)
    for time, law in zip(times, laws, strict=True):
        np.testing.assert_allclose(law, np.linalg.matrix_power(matrix, time)[4], atol=1e-13)


def test_reflecting_walls_at_one_half_are_facing_mirrors():
    n, target, start = 60, 7, 3
    free = exact.walk(np.array([n]), 0.5, np.array([-n]), 2 * n + 1)[0]
    folded = np.zeros(target + 1)
    for site, chance in zip(np.arange(-n, n + 1) + start, free, strict=True):
        m = site % (2 * target)
        folded[min(m, 2 * target - m)] += chance
    np.testing.assert_allclose(walls.lattice_law(0.5, target, start, "reflecting", (n,))[0], folded, atol=1e-13)


def test_normal_limit_approaches_the_law():
    n = 10_000
    x = np.arange(-400, 401)
    law = exact.walk(np.array([n]), 0.3, np.array([-4400]), 801)[0]
    limit = exact.normal(x - 4000.0, 2.0, -4000.0, np.sqrt(8400.0))
    on = law > 0
    assert np.abs(law[on] - limit[on]).max() < 0.01 * law.max()
    np.testing.assert_allclose(
        limit, stats.norm(-4000, np.sqrt(8400)).cdf(x - 3999) - stats.norm(-4000, np.sqrt(8400)).cdf(x - 4001), atol=1e-12
    )
