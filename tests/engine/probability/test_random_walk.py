"""The random walk's simulation: the fast paths held to the plain one, and every count to its exact law."""

import pickle
import tracemalloc

import numpy as np
import pytest
from scipy import stats

from engine.core import Partial, Refused, devices, results
from engine.probability.random_walk import (
    Plan,
    RandomWalk,
    Walked,
    bits,
    cost,
    packed,
    plan,
    planes,
    positions,
    random_walk,
    reference,
    ruin,
    simulate,
)

Z = 4.5
SIZES = [1, 7, 16, 17, 48, 63, 200]
WALKERS = 301


def walked(**given) -> Walked:
    return random_walk(RandomWalk.parse(given))


def z_of_counts(shares, chances, total) -> float:
    """Pearson's chi-square of pooled cells (at least five expected each) as a normal deviate (Wilson and Hilferty)."""
    expected, seen, pooled = total * np.asarray(chances, float), total * np.asarray(shares, float), []
    seen_sum = expected_sum = 0.0
    for a, b in zip(seen, expected, strict=True):
        seen_sum, expected_sum = seen_sum + a, expected_sum + b
        if expected_sum >= 5:
            pooled.append((seen_sum, expected_sum))
            seen_sum = expected_sum = 0.0
    rest = total - sum(b for _, b in pooled)
    if rest >= 5:
        pooled.append((total - sum(a for a, _ in pooled), rest))
    elif pooled:
        a, b = pooled.pop()
        pooled.append((a + total - sum(c for c, _ in pooled) - a, b + rest))
    if len(pooled) < 2:
        assert seen.sum() == pytest.approx(total) and expected.sum() == pytest.approx(total, abs=5)
        return 0.0
    chi2, degrees = sum((a - b) ** 2 / b for a, b in pooled), len(pooled) - 1
    return ((chi2 / degrees) ** (1 / 3) - (1 - 2 / (9 * degrees))) / np.sqrt(2 / (9 * degrees))


def z_of_share(share, chance, total) -> float:
    """A share as deviate from its chance; small expected counts are left to the exact binomial tail."""
    if min(chance, 1 - chance) * total < 20:
        tail = stats.binomtest(round(share * total), total, min(max(chance, 0.0), 1.0)).pvalue
        return float(stats.norm.isf(tail / 2))
    return (share - chance) / np.sqrt(chance * (1 - chance) / total)


# ---------------------------------------------------------------- bits


@pytest.mark.parametrize("p", [0.5, 0.25, 0.1, 0.52, 1 / 3, 1 - 2**-53, 5e-324])
def test_binary_places_are_those_of_p(p):
    from fractions import Fraction

    places = bits.binary_places(p)
    assert sum(Fraction(1, 2**i) for i, place in enumerate(places, 1) if place) == Fraction(p)
    assert places[-1]


@pytest.mark.parametrize("p", [0.5, 0.25, 0.1, 0.52, 0.999, 1e-4, 1 / 3])
def test_bits_are_one_with_chance_p(p):
    for seed in range(4):
        words = bits.bernoulli(bits.generator(seed), p, 40_000)
        share = np.bitwise_count(words).sum() / (64 * words.size)
        assert abs(z_of_share(share, p, 64 * words.size)) <= Z
        lanes = (words[:, None] >> np.arange(64, dtype=np.uint64) & np.uint64(1)).sum(0)
        z = (lanes - p * words.size) / np.sqrt(p * (1 - p) * words.size)
        assert p < 1e-3 or np.abs(z).max() <= Z


def test_bits_at_the_ends_and_repeatable():
    assert (bits.bernoulli(bits.generator(0), 0.0, 9) == 0).all()
    assert (bits.bernoulli(bits.generator(0), 1.0, 9) == 2**64 - 1).all()
    assert not bits.bernoulli(bits.generator(0), 5e-324, 1000).any()
    first, again, other = (bits.bernoulli(bits.generator(s, 3), 0.3, 50) for s in (1, 1, 2))
    assert (first == again).all() and (first != other).any()


# ---------------------------------------------------------------- fast paths against the reference


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("p", [0.5, 0.3])
@pytest.mark.parametrize("slab_words", [2**18, 2 * WALKERS, 1])
def test_line_against_reference(n, p, slab_words, monkeypatch):
    monkeypatch.setattr(packed, "SLAB_WORDS", slab_words)
    seen = packed.Functionals(WALKERS)
    laws = (positions.Free(), *(positions.Walled(WALKERS, 3, 9, kind) for kind in ("absorbing", "reflecting")))
    moves, trails, places = [], [[], [], []], [[], [], []]
    for slab in packed.slabs(bits.generator(n), p, n, WALKERS):
        seen.advance(slab)
        moves.append(slab.moves(WALKERS))
        times = np.arange(slab.begun + 1, slab.ended + 1)
        for law, trail, place in zip(laws, trails, places, strict=True):
            law.advance(slab)
            trail.append(law.trail(WALKERS, times))
            place.extend(law.position(t).copy() for t in times.tolist())
    moves = np.concatenate(moves).astype(int)
    path = reference.positions(moves[:, :, None])
    assert moves.shape == (n, WALKERS) and set(np.unique(moves)) <= {-1, 1}
    assert (seen.first_return == reference.first_return(path)).all()
    assert (seen.last_zero == reference.last_zero(path)).all()
    wanted = [path[:, :, 0], *(reference.between_walls(moves, 3, 9, kind) for kind in ("absorbing", "reflecting"))]
    for way, trail, place in zip(wanted, trails, places, strict=True):
        assert (np.concatenate(trail) == way[1:]).all()
        assert (np.stack(place) == way[1:]).all()


@pytest.mark.parametrize("n", [1, 7, 8, 9, 63, 250, 600])
@pytest.mark.parametrize(("dimension", "p"), [(2, 0.5), (2, 0.7), (3, 0.5), (3, 0.2)])
def test_plane_and_space_against_reference(n, dimension, p, monkeypatch):
    monkeypatch.setattr(planes, "SLAB_BYTES", 3 * WALKERS)
    seen, free, trail = planes.Functionals(WALKERS), positions.Free(), []
    for slab in planes.slabs(bits.generator(n), p, n, WALKERS, dimension):
        seen.advance(slab)
        free.advance(slab)
        times = np.arange(slab.begun + 1, slab.ended + 1)
        trail.append(free.trail(WALKERS, times))
        assert (np.stack([slab.position(t) for t in times.tolist()]) == trail[-1]).all()
    path = np.concatenate(trail).transpose(0, 2, 1)
    path = np.concatenate([np.zeros_like(path[:1]), path])
    moves = np.diff(path, axis=0)
    assert path.shape == (n + 1, WALKERS, dimension) and (np.abs(moves).sum(2) == 1).all()
    assert (seen.first_return == reference.first_return(path)).all()
    assert (seen.last_zero == reference.last_zero(path)).all()


def test_reference_takes_each_axis_equally_often():
    moves = reference.simulate(40, 5000, 0.3, 3, np.random.default_rng(1))
    taken = (moves != 0).sum((0, 1))
    assert np.abs((taken - 200_000 / 3) / np.sqrt(200_000 * 2 / 9)).max() <= Z
    assert abs((moves == 1).sum() - 60_000) / np.sqrt(200_000 * 0.21) <= Z
    with pytest.raises(ValueError, match="walls must be absorbing or reflecting; got open"):
        reference.between_walls(moves[:, :, 0], 1, 2, "open")


def test_reference_gambler():
    rng = np.random.default_rng(3)
    games = np.array([reference.ruin(3, 8, 0.45, rng) for _ in range(3000)], float)
    assert abs(z_of_share(games[:, 0].mean(), ruin.win(0.45, 8)[3], 3000)) <= Z
    assert abs(games[:, 1].mean() - ruin.duration(0.45, 8)[3]) / (games[:, 1].std() / np.sqrt(3000)) <= Z


@pytest.mark.parametrize("n", [1, 8, 13, 200, 999])
def test_end_points_alone(n):
    for p in (0.5, 0.81):
        at = packed.ends(bits.generator(n), p, n, 20_000)
        assert ((at + n) % 2 == 0).all() and np.abs(at).max() <= n
        law = stats.binom.pmf(np.arange(n + 1), n, p)
        shares = np.bincount((at + n) // 2, minlength=n + 1) / 20_000
        assert abs(z_of_counts(shares, law, 20_000)) <= Z


@pytest.mark.parametrize(
    ("p", "start", "target"), [(0.5, 1, 2), (0.5, 5, 10), (0.5, 30, 100), (0.47, 9, 20), (0.9, 3, 60), (1, 2, 9), (0, 2, 9)]
)
def test_games_played_to_the_end(p, start, target):
    for seed in range(3):
        won, rounds = ruin.play(bits.generator(seed), p, start, target, 6000)
        assert abs(z_of_share(won.mean(), ruin.win(p, target)[start], 6000)) <= Z
        error = max(rounds.std() / np.sqrt(6000), 1e-9)
        assert abs(rounds.mean() - ruin.duration(p, target)[start]) / error <= Z
        needed = np.where(won, target - start, start)
        assert (rounds >= needed).all() and ((rounds - needed) % 2 == 0).all()


# ---------------------------------------------------------------- the experiment against the exact laws

CASES = [
    {},
    {"up": 0.52},
    {"steps": 37, "up": 0.813},
    {"steps": 3, "up": 0.25},
    {"steps": 1000, "walkers": 8000, "up": 0.499},
    {"steps": 5000, "walkers": 3000},
    {"dimension": 2},
    {"dimension": 2, "up": 0.64, "steps": 75},
    {"dimension": 3},
    {"dimension": 3, "up": 0.31, "steps": 300, "walkers": 8000},
    {"walls": "absorbing", "start": 7, "target": 23, "up": 0.53},
    {"walls": "absorbing", "start": 2, "target": 200, "steps": 600},
    {"walls": "reflecting", "start": 7, "target": 23, "up": 0.47, "steps": 333},
    {"walls": "reflecting", "start": 1, "target": 2},
    {"steps_law": "gaussian", "steps": 60, "up": 0.7},
    {"steps_law": "gaussian", "steps": 25, "dimension": 3, "up": 0.4},
    {"up": 1.0},
    {"up": 0.0, "dimension": 2, "walkers": 5000},
]


def deviates(r: Walked, p: RandomWalk) -> dict[str, float]:
    """Every simulated quantity of a result as a standard normal deviate from its exact law."""
    n = r.ended
    z = {"law": z_of_counts(r.observed, r.exact, n)}
    sigma = np.sqrt(r.variance_exact / n)
    z["mean"] = (r.mean - r.mean_exact) / sigma if sigma > 0 else 1e9 * (r.mean - r.mean_exact)
    x = r.support - r.mean_exact
    fourth = float(r.exact @ x**4)
    error = np.sqrt(max(fourth - r.variance_exact**2, 0) / n)
    if error > 1e-6:
        z["variance"] = (r.variance - r.variance_exact) / error
    for row in (0, len(r.times) // 2, -1):
        z[f"frame {row}"] = z_of_counts(r.frames.observed[row], r.frames.exact[row], p.walkers)
    if p.dimension == 1 and p.walls == "free":
        law, away = r.frames.exact.astype(float), r.frames.sites**2.0
        for row in (0, len(r.times) // 3, -1):
            if r.frames.per_bar == 1 or p.steps_law == "gaussian":
                second, fourth = law[row] @ away, law[row] @ away**2
                error = np.sqrt(max(fourth - second**2, 0) / p.walkers)
                z[f"msd {row}"] = (r.msd[row] - r.msd_exact[row]) / error if error > 1e-3 else 0.0
    for at in (2, 4, 16, len(r.return_steps) - 1):
        if at < len(r.return_steps):
            z[f"return {at}"] = z_of_share(r.return_by_step[at], r.return_exact[at], r.tracked)
    if len(r.first_return):
        never = 1 - r.first_return_exact.sum()
        shares = [*r.first_return, 1 - r.first_return.sum()]
        z["first return"] = z_of_counts(shares, [*r.first_return_exact, never], r.tracked)
    z["last zero"] = z_of_counts(r.last_zero, r.last_zero_exact, r.tracked)
    z["win"] = z_of_share(r.ruin_win, r.ruin_win_exact, r.ruin_games)
    late = 1 - r.ruin_rounds_exact.sum()
    shares = [*r.ruin_rounds_observed, 1 - r.ruin_rounds_observed.sum()]
    z["rounds"] = z_of_counts(shares, [*r.ruin_rounds_exact, late], r.ruin_games)
    return z


@pytest.mark.parametrize("given", CASES, ids=str)
def test_every_count_against_its_law(given):
    total = []
    for seed in (1, 2, 3, 4):
        p = RandomWalk.parse({"seed": seed, **given})
        found = deviates(random_walk(p), p)
        bad = {name: z for name, z in found.items() if not abs(z) <= Z}
        assert not bad, f"seed {seed}: {bad}"
        total.append(found["law"])
    assert given.get("up") in (0.0, 1.0) or given.get("target") == 2 or np.std(total) > 0


def test_msd_in_plane_and_space():
    for dimension, up in ((2, 0.5), (2, 0.8), (3, 0.3)):
        for seed in range(4):
            r = walked(dimension=dimension, up=up, steps=90, walkers=20_000, seed=seed)
            m = (2 * up - 1) ** 2 / dimension
            assert r.msd_exact[-1] == pytest.approx(90 * (1 - m) + 90**2 * m)
            spread = np.sqrt(2 * r.msd_exact[-1] ** 2 / dimension + 4 * r.msd_exact[-1] * 90**2 * m) / np.sqrt(20_000)
            assert abs(r.msd[-1] - r.msd_exact[-1]) / spread <= Z


def test_watched_times_increase_to_the_last_step():
    for n in [*range(1, 120), 999, 1000, 100_000]:
        times = plan.watched(n)
        assert times[0] == 1 and times[-1] == n and (np.diff(times) > 0).all() and len(times) <= plan.TIMES
        assert ((times[plan.EARLY :] - n) % 2 == 0).all() or n <= plan.TIMES


def test_formulas_of_the_free_walk():
    for n, p in ((200, 0.5), (123, 0.7), (5000, 0.499)):
        r = walked(steps=n, up=p, walkers=2000)
        assert r.variance_exact == pytest.approx(4 * p * (1 - p) * n)
        assert r.mean_exact == pytest.approx((2 * p - 1) * n)
        assert r.msd_exact[-1] == pytest.approx(4 * p * (1 - p) * n + (2 * p - 1) ** 2 * n**2)
        assert r.times[-1] == n and r.return_limit == pytest.approx(1 - abs(2 * p - 1))
        assert (r.exact[(r.support - n) % 2 == 1] == 0).all() and (r.observed[(r.support - n) % 2 == 1] == 0).all()
        assert np.diff(r.support).tolist() == [1] * (len(r.support) - 1)
    assert walked(walkers=100).slope_exact == pytest.approx(1)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"steps": 201, "up": 0.52},
        {"steps": 5000, "up": 0.6},
        {"dimension": 2, "steps": 5000},
        {"dimension": 2, "steps": 301, "up": 0.7},
        {"dimension": 3, "steps": 800, "up": 0.8},
        {"steps_law": "gaussian", "steps": 60, "up": 0.7},
        {"steps_law": "gaussian", "steps": 25, "dimension": 3, "up": 0.4},
        {"steps": 40_000, "walkers": 50},
    ],
    ids=str,
)
def test_the_normal_limit_stands_on_the_scale_of_its_bars(given):
    """The limit gives each bar that walkers can be in what scipy's normal law gives the stretch that the bar stands for."""
    r = walked(**{"walkers": 200, **given})
    law = stats.norm(r.mean_exact, np.sqrt(r.variance_exact))
    bars, gap = r.frames, r.frames.spacing
    reachable = bars.exact[-1] > 0
    limit, exact_ = bars.normal[reachable], bars.exact[-1][reachable].astype(float)
    if gap == bars.per_bar or bars.per_bar == 1:
        aside = 0.0 if given.get("dimension", 1) > 1 or given.get("steps_law") or bars.per_bar == 1 else None
        if aside is not None:
            at = bars.sites[reachable]
            np.testing.assert_allclose(limit, law.cdf(at + gap / 2) - law.cdf(at - gap / 2), atol=1e-7)
    assert limit.sum() == pytest.approx(1, abs=2e-3)
    assert limit.max() == pytest.approx(exact_.max(), rel=0.02), "curve and bars peak at one height"
    assert np.abs(limit - exact_).max() < 0.05 * exact_.max()
    on = r.exact > 1e-12
    assert r.normal[on].sum() == pytest.approx(1, abs=2e-3) and r.normal.max() == pytest.approx(r.exact.max(), rel=0.02)


def test_arcsine_law_is_near_the_exact_one():
    r = walked(steps=2000, walkers=200)
    assert r.last_zero_arcsine is not None and r.last_zero_arcsine.sum() == pytest.approx(1)
    inner = slice(50, -50)
    np.testing.assert_allclose(r.last_zero_arcsine[inner], r.last_zero_exact[inner], rtol=0.02)
    assert walked(up=0.6, walkers=10).last_zero_arcsine is None


def test_rescaled_walk_lies_on_the_heat_kernel():
    far = walked(steps=1600, walkers=20_000).diffusion
    assert far is not None and far.paths.shape == (12, len(far.time)) and far.time[-1] == 1
    for u, sites, density, kernel in zip(far.times, far.sites, far.density, far.kernel, strict=True):
        seen = np.isfinite(density)
        wanted = np.exp(-(sites[seen] ** 2) / (2 * u)) / np.sqrt(2 * np.pi * u)
        assert np.abs(density[seen] - wanted).max() < 0.09 * wanted.max() + 0.03
        assert np.trapezoid(kernel, far.x) == pytest.approx(1, abs=1e-3)
    assert walked(walls="absorbing").diffusion is None and walked(up=1).diffusion is None


# ---------------------------------------------------------------- seeds, streams, limits


def same(a: Walked, b: Walked) -> bool:
    first, second = results.arrays(a), results.arrays(b)
    return first.keys() == second.keys() and all(np.array_equal(first[k], second[k], equal_nan=first[k].dtype.kind == "f") for k in first)


@pytest.mark.parametrize("given", [{}, {"dimension": 2, "up": 0.4}, {"steps_law": "gaussian", "steps": 20}])
def test_the_seed_repeats_and_others_differ(given):
    small = {"walkers": 3000, **given}
    assert same(walked(**small, seed=5), walked(**small, seed=5))
    a, b = walked(**small, seed=5), walked(**small, seed=6)
    assert not same(a, b) and (a.paths != b.paths).any() and a.ruin_duration != b.ruin_duration
    assert a.return_by_step[-1] != b.return_by_step[-1]


def test_the_number_of_threads_changes_nothing(monkeypatch):
    monkeypatch.setattr(simulate, "AT_ONCE", 0.0)
    sizes = {kind: (2**19, 64, 1024, pace) for kind, (_, _, _, pace) in simulate.SIZES.items()}
    monkeypatch.setattr(simulate, "SIZES", sizes)
    for given in ({"walkers": 9000}, {"walkers": 2500, "steps_law": "gaussian", "steps": 30}):
        seen = []
        for threads in (1, 3):
            monkeypatch.setattr(devices, "threads", lambda threads=threads: threads)
            seen.append(walked(**given))
        assert same(*seen)
        assert seen[0].ended == seen[0].ruin_games == given["walkers"]


def test_untracked_walkers_count_too(monkeypatch):
    monkeypatch.setattr(plan, "TRACKED_STEPS", {1: 2000 * 50, 2: 2000 * 50, 3: 2000 * 50})
    for given in ({}, {"up": 0.3}, {"dimension": 2}, {"walls": "absorbing"}, {"walls": "reflecting", "up": 0.4}):
        p = RandomWalk.parse({"steps": 50, "walkers": 30_000, **given})
        r = random_walk(p)
        assert r.tracked == 2000 and r.ended == 30_000
        assert abs(z_of_counts(r.observed, r.exact, 30_000)) <= Z
        assert abs(r.mean - r.mean_exact) <= Z * np.sqrt(r.variance_exact / 30_000)


def test_a_stream_improves_and_stops_when_it_is_closed():
    p = RandomWalk(walkers=2_000_000, steps=400)
    stream, fractions = random_walk.stream(p), []
    for partial in stream:
        assert isinstance(partial, Partial)
        fractions.append(partial.fraction)
        results.plain(partial.result)
        if len(fractions) == 4:
            break
    stream.close()
    assert fractions == sorted(fractions) and fractions[-1] < 1
    finished = list(random_walk.stream(RandomWalk(walkers=100_000)))
    assert finished[-1].fraction == 1 and finished[-1].result.ended == 100_000


def test_one_block_of_a_long_walk_shows_its_progress(monkeypatch):
    monkeypatch.setattr(simulate, "AT_ONCE", 0.0)
    monkeypatch.setattr(simulate, "BREATH", 0.002)
    p = RandomWalk(walkers=1500, steps=1500, steps_law="gaussian", up=0.4)
    parts = list(random_walk.stream(p))
    assert len(parts) > 2 and any(0 < part.fraction < 1 for part in parts)
    assert parts[-1].result.ended == 1500


def test_many_walkers_need_little_memory():
    tracemalloc.start()
    for partial in random_walk.stream(RandomWalk(walkers=300_000, steps=2000)):
        result = partial.result
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert result.ended == 300_000 and peak < 100e6
    assert abs(z_of_counts(result.observed, result.exact, result.ended)) <= Z


def test_cost_grows_with_the_work():
    assert cost(RandomWalk()) == "instant"
    assert cost(RandomWalk(walkers=2_000_000)) == "seconds"
    assert cost(RandomWalk(walkers=10_000_000, steps=10_000, up=0.3)) == "minutes"


@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize("steps_law", ["lattice", "gaussian"])
@pytest.mark.parametrize("walls", ["free", "absorbing", "reflecting"])
@pytest.mark.parametrize("up", [0.0, 1.0, 1e-12, 0.37, 0.97])
def test_everything_reachable_is_valid_and_fits_a_page(dimension, steps_law, walls, up):
    for steps, walkers, start, target in ((1, 1, 1, 2), (45, 40, 199, 200)):
        r = walked(dimension=dimension, steps_law=steps_law, walls=walls, up=up, steps=steps, walkers=walkers, start=start, target=target)
        assert r.ended == walkers and r.paths.shape[:2] == (min(12, walkers), steps + 1)
        assert r.observed.shape == r.exact.shape == r.support.shape
        assert r.observed.sum() == pytest.approx(1) and r.last_zero.sum() == pytest.approx(1)
        assert r.exact.sum() == pytest.approx(1, abs=1e-9)
        if dimension > 1:
            assert r.cloud is not None and r.cloud.shape == (walkers, dimension)
        for name, array in results.arrays(r).items():
            assert array.size <= 20_000, name
        assert same(pickle.loads(pickle.dumps(r)), r)


def test_long_walks_fit_a_page():
    r = walked(steps=100_000, walkers=64, up=0.9)
    assert r.frames.observed.shape[1] <= 301 and r.frames.per_bar % 2 == 0 and r.path_times.size == 401
    assert r.return_steps.size <= 1000 and r.last_zero.size <= 400 and r.support.size < 6000
    assert r.return_steps[-1] == 100_000 and r.frames.exact.sum(1) == pytest.approx(1, abs=1e-5)
    assert results.size(walked()) < 150_000


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"steps": 0}, "steps must be a whole number from 1 to 100000; got 0"),
        ({"up": float("nan")}, "up must be a number from 0 to 1; got nan"),
        ({"up": 1.5}, "up must be a number from 0 to 1; got 1.5"),
        ({"walkers": "many"}, "walkers must be a whole number from 1 to 1000000000; got 'many'"),
        ({"dimension": 4}, "dimension must be one of 1, 2, 3; got 4"),
        ({"walls": "porous"}, "walls must be one of free, absorbing, reflecting; got 'porous'"),
        ({"start": 10, "target": 10}, "start must be below target, which is 10; got 10"),
        ({"speed": 3}, "'speed' is not a parameter"),
        ({"seed": -1}, "seed must be a whole number from 0 to 2147483647; got -1"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(given, words):
    with pytest.raises(Refused) as refused:
        RandomWalk.parse(given)
    assert refused.value.en.startswith(words)
    assert refused.value.zh


def test_the_cpu_takes_fewer_walkers_than_a_gpu():
    params = RandomWalk(walkers=10**9)
    random_walk.check(params, "cuda")
    with pytest.raises(Refused, match="walkers must be at most 1e"):
        random_walk.check(params, "cpu")


def test_walls_stand_on_a_line_only():
    assert Plan.of(RandomWalk(dimension=2, walls="absorbing")).walls == "free"
    assert not Plan.of(RandomWalk(up=1.0, steps_law="gaussian")).gaussian
    assert Plan.of(RandomWalk(steps_law="gaussian", walls="absorbing")).walls == "free"
    assert Plan.of(RandomWalk(up=0.9995, steps_law="gaussian")).gaussian
