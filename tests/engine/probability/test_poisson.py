"""The Poisson lab: laws against mpmath and scipy.stats, simulation against the reference and against the laws."""

import dataclasses
import itertools
import json
import math
import pickle
import tracemalloc

import mpmath
import numpy as np
import pytest
from scipy import integrate, stats

from engine.core import Refused, results
from engine.core.experiments import discover
from engine.probability.poisson import (
    PoissonProcess,
    binomial_ladder,
    cost,
    laws,
    poisson,
    reference,
    runs_made,
    setting_of,
    simulation,
    wording,
)
from engine.probability.poisson.goodness import chi_square
from engine.probability.poisson.measurements import WaitMeasurement, inspection
from engine.probability.poisson.simulation import Setting, Simulation, arrivals

MEANS = [1e-5, 0.3, 3.0, 15.999, 16.0, 47.3, 1234.5, 1e4, 2e4]
WORST_Z = 4.5


def covering_gap(times: list[float], moment: float, next_after: float) -> float:
    """Length of the gap around `moment`, from the last arrival (or 0) to the next; `next_after` follows the last."""
    before = max((time for time in times if time <= moment), default=0.0)
    after = min((time for time in times if time > moment), default=next_after)
    return after - before


def pmf(k: int, mean: float) -> float:
    """P(N = k) = e^{-μ} μ^k / k!"""
    return math.exp(-mean) * math.prod(mean / i for i in range(1, k + 1))


def total_variation(n: int, mean: float) -> float:
    """½ Σ |Binomial(n, μ/n) - Poisson(μ)| over all counts, the Poisson tail beyond n included."""
    p = mean / n
    poisson = [pmf(k, mean) for k in range(n + 1)]
    binomial = [math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]
    tail = 1 - math.fsum(poisson)
    return (math.fsum(abs(b - q) for b, q in zip(binomial, poisson, strict=True)) + tail) / 2


def setting(**changes) -> Setting:
    base = Setting(rate=3.0, window=1.0, second_rate=2.0, keep=0.4, depth=0.8, period=1.0, first=3)
    return dataclasses.replace(base, **changes)


# --- the laws ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mean", MEANS)
def test_pmf_and_tail_against_mpmath(mean):
    mpmath.mp.dps = 40
    support = laws.support(mean)
    for k in np.unique(np.r_[support[:: max(1, len(support) // 9)], support[-1], 0, 1, 15, 16, 17]).tolist():
        m = mpmath.mpf(mean)
        wanted = mpmath.exp(k * mpmath.log(m) - m - mpmath.loggamma(k + 1))
        assert float(laws.pmf(k, mean)) == pytest.approx(float(wanted), rel=2e-12, abs=1e-300)
        tail = mpmath.mpf(1) if k == 0 else mpmath.gammainc(k, 0, m, regularized=True)
        assert float(laws.at_least(k, mean)) == pytest.approx(float(tail), rel=1e-11, abs=1e-300)


@pytest.mark.parametrize("mean", MEANS)
def test_law_sums_to_one_and_tails_are_its_sums(mean):
    k = laws.support(mean)
    exact = laws.pmf(k, mean)
    assert exact.sum() == pytest.approx(1, abs=2e-12)
    assert (k * exact).sum() == pytest.approx(mean, rel=1e-11)
    assert ((k - mean) ** 2 @ exact) == pytest.approx(mean, rel=1e-9)
    tail = laws.at_least(k, mean)
    np.testing.assert_allclose(tail[:-1] - tail[1:], exact[:-1], atol=1e-13)
    assert len(k) < 2_300


def test_law_of_mean_zero_is_certain():
    assert laws.pmf(np.arange(40), 0).tolist() == [1.0] + [0.0] * 39


def test_superposition_and_thinning_are_identities_of_the_law():
    rng = np.random.default_rng(1)
    for a, b in rng.uniform(0.1, 20, (5, 2)):
        k = np.arange(120)
        both = np.convolve(laws.pmf(k, a), laws.pmf(k, b))[:120]
        np.testing.assert_allclose(both, laws.pmf(k, a + b), atol=1e-15, rtol=1e-12)
        p = a / (a + b)
        kept = stats.binom.pmf(k[:, None], k[None, :], p) @ laws.pmf(k, a + b)
        np.testing.assert_allclose(kept[:30], laws.pmf(k[:30], a), atol=1e-14, rtol=1e-10)


def test_waits_against_scipy():
    rng = np.random.default_rng(2)
    for _ in range(10):
        rate, k, x = rng.uniform(0.01, 50), int(rng.integers(1, 60)), rng.uniform(0, 3, 20)
        law = stats.gamma(k, scale=1 / rate)
        x = law.ppf(rng.uniform(0.01, 0.99, 20))
        np.testing.assert_allclose(laws.erlang_survival(x, k, rate), law.sf(x), rtol=1e-10)
        np.testing.assert_allclose(laws.erlang_density(x, k, rate), law.pdf(x), rtol=1e-10)
        np.testing.assert_allclose(laws.erlang_survival(x, 1, rate), laws.gap_survival(x, rate), rtol=1e-10)
        np.testing.assert_allclose(laws.erlang_density(x, 1, rate), laws.gap_density(x, rate), rtol=1e-10)


@pytest.mark.parametrize(("rate", "window"), [(3.0, 1.0), (0.01, 5.0), (40.0, 2.5)])
def test_inspected_gap_against_quadrature(rate, window):
    """The law given the moment s: Erlang below s, and an exponential tail of weight 1 + λs from s on."""

    def survival(x, s):  # age is min(A, s), A and the residual R independent exponentials
        inner = integrate.quad(lambda a: rate * math.exp(-rate * a) * math.exp(-rate * max(x - a, 0)), 0, s)[0]
        return inner + math.exp(-rate * s) * math.exp(-rate * max(x - s, 0))

    for x in np.array([0.1, 0.9, 2.0]) / rate:
        points = [x] if x < window else None
        wanted = integrate.quad(lambda s: survival(x, s) / window, 0, window, points=points)[0]  # noqa: B023
        assert float(laws.inspected_survival(x, rate, window)) == pytest.approx(wanted, rel=1e-6)
        h = 1e-6 / rate
        slope = (laws.inspected_survival(x - h, rate, window) - laws.inspected_survival(x + h, rate, window)) / (2 * h)
        assert float(laws.inspected_density(x, rate, window)) == pytest.approx(float(slope), rel=1e-6)
    mean = integrate.quad(lambda x: float(laws.inspected_survival(x, rate, window)), 0, 60 / rate, points=[window], limit=200)[0]
    assert float(laws.inspected_mean(rate, 0, window)) == pytest.approx(mean, rel=1e-6)


def test_inspected_mean_runs_from_one_gap_to_two():
    assert float(laws.inspected_mean(2.0, 0, 1e-9)) == pytest.approx(1 / 2.0, rel=1e-6)
    assert float(laws.inspected_mean(2.0, 50, 51)) == pytest.approx(2 / 2.0, rel=1e-12)
    edges = np.linspace(0, 1.7, 9)
    parts = laws.inspected_mean(3.0, edges[:-1], edges[1:])
    assert parts.mean() == pytest.approx(float(laws.inspected_mean(3.0, 0, 1.7)), rel=1e-13)


def test_varying_integral_against_quadrature():
    rng = np.random.default_rng(3)
    for _ in range(10):
        law = rate, _, period = rng.uniform(0.01, 50), rng.uniform(), rng.uniform(0.1, 9)
        low = rng.uniform(0, 5)
        high = low + rng.uniform(0.001, 3)
        wanted = integrate.quad(lambda s: laws.varying_rate(s, *law), low, high, limit=200)[0]  # noqa: B023
        assert float(laws.varying_integral(low, high, *law)) == pytest.approx(wanted, rel=1e-9)
    whole = laws.varying_integral(0, 4 * period, *law)
    assert float(whole) == pytest.approx(rate * 4 * period, rel=1e-12)


def test_order_statistics_share_against_scipy():
    edges = np.linspace(0, 1, 21)
    for j, n in ((1, 1), (2, 5), (30, 31), (5000, 10_000)):
        got = laws.order_statistic_share(edges, j, n)
        np.testing.assert_allclose(got, np.diff(stats.beta(j, n + 1 - j).cdf(edges)), atol=1e-13)
        assert got.sum() == pytest.approx(1, abs=1e-13)


# --- binomial becoming Poisson ----------------------------------------------------------------------------------


@pytest.mark.parametrize("mean", [0.01, 0.7, 3.0, 12.5])
def test_total_variation_against_the_plain_sum(mean):
    ladder, distance = binomial_ladder(mean, 200)
    for n, got, law in zip(ladder.trials.tolist(), distance, ladder.law, strict=True):
        assert got == pytest.approx(total_variation(n, mean), rel=1e-9, abs=1e-14)
        np.testing.assert_allclose(law, stats.binom.pmf(ladder.support, n, mean / n), rtol=1e-9, atol=1e-15)


def test_total_variation_keeps_its_digits_for_many_trials():
    mpmath.mp.dps = 50
    n, mean = 10**6, mpmath.mpf(3)
    wanted = mpmath.mpf(0)
    for k in range(60):
        binomial = mpmath.binomial(n, k) * (mean / n) ** k * (1 - mean / n) ** (n - k)
        wanted += abs(binomial - mpmath.exp(-mean) * mean**k / mpmath.factorial(k)) / 2
    assert binomial_ladder(3.0, n)[1][-1] == pytest.approx(float(wanted), rel=1e-9)


@pytest.mark.parametrize("mean", [1e-5, 0.25, 1.0, 3.0, 100.0, 9999.5, 1e4])
@pytest.mark.parametrize("most", [1, 1000, 10**6])
def test_distance_obeys_both_bounds_and_falls(mean, most):
    ladder, distance = binomial_ladder(mean, most)
    n = ladder.trials
    assert (n >= mean).all()
    assert n[-1] == max(most, math.ceil(mean))
    assert (distance > 0).all()
    assert (distance <= mean**2 / n * (1 + 1e-9)).all()
    assert (distance <= -math.expm1(-mean) * mean / n * (1 + 1e-9)).all()
    assert (distance <= 1).all()
    assert (np.diff(distance) < 0).all()
    assert ladder.law.shape == (len(n), len(ladder.support))
    assert len(ladder.support) <= 200
    assert len(n) <= 40


# --- goodness of fit --------------------------------------------------------------------------------------------


def test_chi_square_against_scipy():
    rng = np.random.default_rng(4)
    expected = rng.uniform(6, 90, 15)
    observed = rng.multinomial(1000, expected / expected.sum())
    expected *= 1000 / expected.sum()
    wanted = stats.chisquare(observed, expected)
    got = chi_square(observed, expected)
    assert (got.chi2, got.dof, got.p_value) == pytest.approx((wanted.statistic, 14, wanted.pvalue))
    assert chi_square(observed, expected, constraints=0).dof == 15


def test_chi_square_pools_small_cells_and_keeps_every_count():
    got = chi_square(np.array([1, 0, 7, 20, 3, 1]), np.array([0.5, 1.5, 6.0, 21.0, 2.0, 1.0]))
    assert got.dof == 1  # cells (0.5 + 1.5 + 6) and (21 + 2 + 1)
    assert got.chi2 == pytest.approx(0 / 8 + 0 / 24)
    for few in (np.array([1.0]), np.array([2.0, 2.9]), np.array([5.0, 1.0]), np.zeros(4)):
        nothing = chi_square(np.zeros(len(few)), few)
        assert nothing.dof == 0
        assert math.isnan(nothing.p_value)


def test_chi_square_notices_a_wrong_rate():
    made = poisson(PoissonProcess(runs=20_000))
    assert chi_square(made.counts, made.runs * laws.pmf(made.support, 3.15)).p_value < 1e-9
    assert made.p_value > 1e-4


# --- the simulation against the reference ---------------------------------------------------------------------


def test_arrivals_are_the_reference_on_the_same_draws():
    for rate, window, columns in ((3.0, 1.0, 14), (0.2, 4.0, 9), (8.0, 5.0, 90)):
        times = arrivals(np.random.default_rng(5), 50, rate, window, columns)
        draws = np.random.default_rng(5).standard_exponential((50, columns))
        assert times.shape == (50, columns)
        for row, gaps in zip(times, draws, strict=True):
            wanted = reference.arrivals(rate, window, iter(gaps).__next__)
            np.testing.assert_allclose(row[row <= window], wanted, rtol=1e-12)


def test_short_rows_are_continued_until_they_pass_the_window():
    times = arrivals(np.random.default_rng(6), 400, 30.0, 1.0, 3)
    finite = np.isfinite(times)
    assert times.shape[1] > 3
    assert (np.where(finite, times, -1).max(axis=1) > 1).all()
    with np.errstate(invalid="ignore"):
        assert (np.diff(times, axis=1)[finite[:, 1:]] > 0).all()
    count = np.count_nonzero(times <= 1, axis=1)
    assert abs(count.mean() - 30) < WORST_Z * (30 / 400) ** 0.5


def test_block_is_the_reference_row_by_row():
    s = setting()
    block = Simulation(s, 7).block(60)
    rate_at = lambda time: float(laws.varying_rate(time, s.rate, s.depth, s.period))  # noqa: E731
    marks = iter(np.where(block.kept, 0.0, 1.0))
    waits, k = block.times, 0
    for run in range(60):
        row = waits[run][waits[run] <= s.window].tolist()
        assert len(row) == block.count[run]
        kept, dropped = reference.split(row, s.keep, marks.__next__)
        flat = block.run == run
        assert kept == block.position[flat & block.kept].tolist()
        assert dropped == block.position[flat & ~block.kept].tolist()
        mine = block.candidate_run == run
        gaps = iter([*np.diff(block.candidates[mine], prepend=0) * s.most_rate, 1e9])
        heights = iter(block.height[mine] / s.most_rate)
        wanted = reference.varying(rate_at, s.most_rate, s.window, gaps.__next__, heights.__next__)
        np.testing.assert_allclose(block.candidates[mine & block.accepted], wanted, rtol=1e-12)
        second = block.second[run][block.second[run] <= s.window].tolist()
        assert len(second) == block.second_count[run]
        k += len(row)
    assert k == block.position.size == block.kept.size


def test_covering_gap_is_the_references():
    s = setting(rate=6.0)
    block = Simulation(s, 8).block(200)
    measured = WaitMeasurement(s, 3)
    measured.add(block)
    wanted = [
        covering_gap(row[inside].tolist(), moment, row[np.count_nonzero(inside)])
        for row, inside, moment in zip(block.times, block.inside, block.inspected_at, strict=True)
    ]
    seen = inspection(measured, s)
    assert seen.length.samples == 200
    assert seen.length.mean == pytest.approx(np.mean(wanted), rel=1e-12)
    place = np.minimum(block.inspected_at * 20, 19).astype(int)
    for m in np.unique(place):
        assert seen.mean_at[m] == pytest.approx(np.array(wanted)[place == m].mean(), rel=1e-12)


# --- the experiment: identities ------------------------------------------------------------------------------


def random_params(rng: np.random.Generator, **changes) -> PoissonProcess:
    mean = float(np.exp(rng.uniform(np.log(0.2), np.log(40))))
    window = float(np.exp(rng.uniform(np.log(0.05), np.log(50))))
    values = {
        "window": window,
        "rate": min(100.0, mean / window),
        "runs": int(rng.integers(300, 3000)),
        "second_rate": min(100.0, mean / window * rng.uniform(0.1, 2)),
        "keep": rng.uniform(0.05, 0.95),
        "depth": rng.uniform(),
        "cycles": rng.uniform(0.25, 8),
        "kth": int(rng.integers(1, 30)),
        "at_least": int(rng.integers(0, 2 * mean + 3)),
        "seed": int(rng.integers(2**31)),
    }
    return PoissonProcess(**(values | changes))


@pytest.fixture(scope="module")
def many():
    rng = np.random.default_rng(20)
    return [(p, poisson(p)) for p in (random_params(rng) for _ in range(80))]


def test_what_is_counted_adds_up(many):
    for p, made in many:
        assert made.runs == p.runs == made.counts.sum() == made.runs_asked
        assert made.arrivals == made.counts @ made.support == made.uniformity.position.samples
        assert made.gaps.samples == made.arrivals + made.runs
        assert made.sample_mean == pytest.approx(made.arrivals / made.runs, rel=1e-14)
        wanted = np.repeat(made.support, made.counts).var(ddof=1)
        assert made.sample_variance == pytest.approx(wanted, rel=1e-10)
        parts = made.thinning
        assert parts.kept.mean + parts.dropped.mean == pytest.approx(made.sample_mean, rel=1e-12)
        assert made.counts[made.support == made.uniformity.given].sum() == made.uniformity.chosen
        assert made.measured_none == made.observed[0] if made.support[0] == 0 else made.measured_none == 0
        np.testing.assert_allclose(made.observed, made.counts / made.runs)


def test_box_is_exact(many):
    for p, made in many:
        law = stats.poisson(p.rate * p.window)
        assert made.probability == pytest.approx(law.sf(p.at_least - 1), rel=1e-10)
        assert made.probability_exactly == pytest.approx(law.pmf(p.at_least), rel=1e-10)
        assert made.probability_none == pytest.approx(math.exp(-made.mean), rel=1e-14)
        beyond = made.support >= p.at_least
        assert made.measured_at_least == pytest.approx(made.observed[beyond].sum(), abs=1e-12)
        np.testing.assert_allclose(made.exact, law.pmf(made.support), rtol=1e-9)
        np.testing.assert_allclose(made.tail, law.sf(made.support - 1), rtol=1e-9)


def test_waiting_and_counting_are_the_same_event():
    """The k-th arrival has come by t exactly when at least k are counted."""
    for k in (1, 3, 6):
        made = poisson(PoissonProcess(kth=k, at_least=k))
        block = Simulation(setting_of(PoissonProcess(kth=k)), 0).block(2000)
        assert np.mean(block.times[:, k - 1] <= 1) == made.measured_at_least
        assert float(laws.erlang_survival(1.0, k, 3.0)) == pytest.approx(1 - made.probability, rel=1e-12)


def test_histograms_hold_all_their_law(many):
    for _, made in many:
        for h in (made.gaps, made.kth_wait, made.residual_wait, made.inspection.length, made.superposition.first):
            width = np.diff(h.edges)
            assert h.exact @ width + h.beyond_exact == pytest.approx(1, abs=1e-12)
            assert h.observed @ width + h.beyond == pytest.approx(1, abs=1e-12)
            if h is made.inspection.length:  # its density has a corner at the window's end
                continue
            middle = np.interp((h.edges[:-1] + h.edges[1:]) / 2, h.curve_x, h.curve_y)
            np.testing.assert_allclose(middle, h.exact, atol=0.03 * h.curve_y.max())


# --- the experiment: statistics ------------------------------------------------------------------------------

FITS = {
    "counts": lambda made: (made.chi2, made.dof, made.p_value),
    "gaps": lambda made: dataclasses.astuple(made.gaps.fit),
    "kth_wait": lambda made: dataclasses.astuple(made.kth_wait.fit),
    "residual_wait": lambda made: dataclasses.astuple(made.residual_wait.fit),
    "merged": lambda made: dataclasses.astuple(made.superposition.merged.fit),
    "first": lambda made: dataclasses.astuple(made.superposition.first.fit),
    "kept": lambda made: dataclasses.astuple(made.thinning.kept.fit),
    "dropped": lambda made: dataclasses.astuple(made.thinning.dropped.fit),
    "position": lambda made: dataclasses.astuple(made.uniformity.position.fit),
    "length": lambda made: dataclasses.astuple(made.inspection.length.fit),
    "varying": lambda made: dataclasses.astuple(made.varying.fit),
    "varying total": lambda made: dataclasses.astuple(made.varying.total.fit),
}


@pytest.mark.parametrize("name", FITS)
def test_fits_over_many_seeds_and_parameters(many, name):
    fits = [fit for _, made in many if (fit := FITS[name](made))[1] > 0]
    chi2, dof, p_value = np.array(fits).T
    assert len(fits) > 70
    assert abs(chi2.sum() - dof.sum()) / math.sqrt(2 * dof.sum()) < WORST_Z
    assert abs(p_value.mean() - 0.5) * math.sqrt(12 * len(fits)) < WORST_Z
    rare = 2 * stats.norm.sf(WORST_Z)
    assert rare < p_value.min()
    assert p_value.max() < 1 - rare


def gap_spread(p, made):
    return 1 / p.rate / math.sqrt(made.gaps.samples)


ZED = {
    "mean": lambda p, r: (r.sample_mean - r.mean) / math.sqrt(r.mean / r.runs),
    "variance": lambda p, r: (r.sample_variance - r.mean) / math.sqrt((r.mean + 2 * r.mean**2) / r.runs),
    "at least": lambda p, r: (r.measured_at_least - r.probability) / math.sqrt(r.probability * (1 - r.probability) / r.runs + 1e-12),
    "gap": lambda p, r: (r.gaps.mean - r.gaps.mean_exact) / gap_spread(p, r),
    "k-th wait": lambda p, r: (r.kth_wait.mean - p.kth / p.rate) * p.rate / math.sqrt(p.kth / r.runs),
    "residual": lambda p, r: (r.residual_wait.mean - 1 / p.rate) * p.rate * math.sqrt(r.runs),
    "merged": lambda p, r: (
        (r.superposition.merged.mean - (p.rate + p.second_rate) * p.window) / math.sqrt((p.rate + p.second_rate) * p.window / r.runs)
    ),
    "first share": lambda p, r: (r.superposition.first_share - p.rate / (p.rate + p.second_rate)) / r.superposition.first_share_error,
    "kept": lambda p, r: (r.thinning.kept.mean - p.keep * r.mean) / math.sqrt(p.keep * r.mean / r.runs),
    "correlation": lambda p, r: r.thinning.correlation / r.thinning.correlation_error,
    "position": lambda p, r: (r.uniformity.position.mean / p.window - 0.5) * math.sqrt(12 * r.arrivals),
    "varying": lambda p, r: (r.varying.total.mean - r.varying.total.mean_exact) / math.sqrt(r.varying.total.mean_exact / r.runs),
}


@pytest.mark.parametrize("name", ZED)
def test_means_over_many_seeds_and_parameters(many, name):
    z = np.array([ZED[name](p, made) for p, made in many])
    z = z[np.isfinite(z)]
    assert len(z) > 70
    assert np.abs(z).max() < WORST_Z
    assert abs(z.sum()) / math.sqrt(len(z)) < WORST_Z
    assert abs((z**2).sum() - len(z)) / math.sqrt(2 * len(z)) < WORST_Z


def test_gap_that_covers_a_moment(many):
    for p, r in many:
        x = np.linspace(0, 60 / p.rate, 20_001)
        square = np.trapezoid(2 * x * laws.inspected_survival(x, p.rate, p.window), x)
        seen = r.inspection.length
        assert abs(seen.mean - seen.mean_exact) / math.sqrt((square - seen.mean_exact**2) / r.runs) < WORST_Z
    long = poisson(PoissonProcess(rate=50, runs=20_000)).inspection
    assert long.length.mean == pytest.approx(long.mean_limit, rel=0.04)
    assert long.mean_gap == pytest.approx(long.mean_limit / 2, rel=0.02)
    np.testing.assert_allclose(long.length.curve_y, long.limit_y, atol=0.02 * long.limit_y.max())


def test_gap_that_covers_a_moment_by_the_moment(many):
    """Given s it is min(A, s) + R, A and R exponential: its exact mean and variance bin by bin."""
    for p, r in many[:20]:
        measured = WaitMeasurement(setting_of(p), p.kth)
        measured.add(Simulation(setting_of(p), p.seed).block(r.runs))
        n, total, _ = measured.sums
        s = np.linspace(measured.moments[:-1], measured.moments[1:], 201)
        u = p.rate * s
        square = (2 * (1 - np.exp(-u) * (1 + u)) + 2 * (1 - np.exp(-u)) + 2) / p.rate**2
        variance = np.trapezoid(square, axis=0) / 200 - r.inspection.mean_at_exact**2
        wanted = n * r.inspection.mean_at_exact
        assert np.abs((total - wanted) / np.sqrt(n * variance)).max() < WORST_Z
        np.testing.assert_allclose(r.inspection.mean_at, total / n, rtol=1e-9)
        assert np.median(r.inspection.error_at / np.sqrt(variance / n)) == pytest.approx(1, abs=0.3)


def test_order_statistics_given_the_count(many):
    z = np.concatenate([((u := r.uniformity).rank_mean - u.rank_mean_exact) / u.rank_error for _, r in many])
    assert np.abs(z[np.isfinite(z)]).max() < WORST_Z
    chi2 = dof = 0
    for p, r in many:
        u = r.uniformity
        assert u.ranks[0] == 1
        assert u.ranks[-1] == u.given
        np.testing.assert_allclose(u.rank_exact.mean(axis=1), 1, rtol=1e-12)
        if u.chosen:
            rank = p.seed % len(u.ranks)  # one of them only: the ranks of one run go together
            fit = chi_square(u.rank_observed[rank] / 40 * u.chosen, u.rank_exact[rank] / 40 * u.chosen)
            chi2, dof = chi2 + fit.chi2, dof + fit.dof
    assert dof > 500
    assert abs(chi2 - dof) / math.sqrt(2 * dof) < WORST_Z


def test_thinning_contrast():
    made = poisson(PoissonProcess(keep=0.3, runs=40_000))
    rho = made.thinning.kept_with_all_exact
    assert rho == pytest.approx(math.sqrt(0.3))
    assert abs(made.thinning.kept_with_all - rho) < WORST_Z * 1.2 * (1 - rho**2) / math.sqrt(40_000)
    pairs = made.thinning.pairs
    assert pairs.shape == (500, 2)


def test_acceptance_of_the_varying_rate():
    made = poisson(PoissonProcess(runs=30_000, depth=1.0, cycles=2.0)).varying
    assert made.acceptance_exact == pytest.approx(0.5)
    assert made.acceptance == pytest.approx(0.5, abs=0.005)
    assert made.curve_y.min() == pytest.approx(0, abs=1e-3)
    assert made.curve_y.max() == pytest.approx(6, rel=1e-3)
    assert made.exact @ np.diff(made.edges) == pytest.approx(made.total.mean_exact, rel=1e-12)


# --- the experiment: behaviour --------------------------------------------------------------------------------


def same(a, b) -> bool:
    return json.dumps(results.plain(a)) == json.dumps(results.plain(b))


def test_more_runs_keep_the_first_ones():
    for seed in range(5):
        few, more = (poisson(PoissonProcess(runs=runs, seed=seed)) for runs in (250, 9000))
        assert same(few.timeline, more.timeline)
        points = min(len(few.varying.accepted), len(more.varying.accepted))
        for name in ("candidate_time", "candidate_height", "candidate_run", "accepted"):
            one, two = getattr(few.varying, name), getattr(more.varying, name)
            np.testing.assert_array_equal(one[:points], two[:points])


@pytest.mark.parametrize(("rate", "window"), [(3.0, 1.0), (0.001, 0.01), (100.0, 9.0), (100.0, 100.0)])
def test_timeline(rate, window):
    p = PoissonProcess(rate=rate, window=window, runs=50, second_rate=max(0.001, 0.7 * rate))
    line = poisson(p).timeline
    block = Simulation(setting_of(p), 0).block(50)
    for time, run, all_times in ((line.time, line.run, block.times), (line.second_time, line.second_run, block.second)):
        assert len(time) == len(run) <= 1000
        for r in range(line.runs):
            np.testing.assert_array_equal(time[run == r], all_times[r][all_times[r] <= line.end])
    assert line.kept.shape == line.time.shape
    assert line.runs == 40 if rate * window < 10 else line.runs == 1
    assert line.end == window if rate * window < 1000 else 0 < line.end < window


@pytest.mark.parametrize(("rate", "window"), [(3.0, 1.0), (0.001, 0.01), (9.0, 30.0), (100.0, 30.0)])
def test_counts_unfold_as_the_window_passes(rate, window):
    p = PoissonProcess(rate=rate, window=window, runs=60)
    made = poisson(p)
    so_far, times = made.unfolding, Simulation(setting_of(p), 0).block(60).times
    assert so_far.moments[0] == 0
    assert so_far.moments[-1] == made.timeline.end
    assert (np.diff(so_far.moments) > 0).all()
    assert set(so_far.moments[1:-1]) <= set(made.timeline.time)
    assert so_far.exact.shape == so_far.observed.shape == (len(so_far.moments), len(so_far.starts))
    assert so_far.observed.size <= 60 * 40
    ends = np.append(so_far.starts[1:], 10**9)
    for moment, observed, exact in zip(so_far.moments, so_far.observed, so_far.exact, strict=True):
        count = np.count_nonzero(times <= moment, axis=1)[:, None]
        np.testing.assert_allclose(observed, ((count >= so_far.starts) & (count < ends)).mean(axis=0), atol=1e-12)
        law = stats.poisson(rate * moment)
        np.testing.assert_allclose(exact, law.cdf(ends - 1) - law.cdf(so_far.starts - 1), atol=1e-9)


def test_large_runs_stream_in_bounded_memory():
    p = PoissonProcess(runs=60_000)
    tracemalloc.start()
    try:
        partials = list(poisson.stream(p))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    fractions = [partial.fraction for partial in partials]
    assert len(fractions) >= 6
    assert fractions == sorted(set(fractions))
    assert fractions[-1] == 1
    assert partials[-1].result.runs == 60_000
    assert partials[0].result.runs == partials[0].result.counts.sum() < 60_000
    assert peak < 40e6


def test_cost_and_bound_on_the_work():
    assert cost(PoissonProcess()) == "instant"
    assert cost(PoissonProcess(runs=1_000_000)) == "seconds"
    assert runs_made(PoissonProcess(runs=1_000_000)) == 1_000_000
    heavy = PoissonProcess(rate=100, window=100, second_rate=100, depth=1, runs=1_000_000)
    assert 1 <= runs_made(heavy) < 1_000_000
    assert runs_made(heavy) * setting_of(heavy).draws <= simulation.MOST_DRAWS
    en, zh = wording.findings(1, runs_made(heavy), heavy.runs, chi_square(np.ones(2), np.ones(2)))[-1].text
    assert "of 1\u202f000\u202f000 runs" in en
    assert "1\u202f000\u202f000" in zh


CORNERED = ("rate", "window", "runs", "at_least", "kth", "most_trials", "second_rate", "keep", "depth", "cycles")


def test_every_corner_of_the_parameters_works():
    rng = np.random.default_rng(11)
    corners = list(itertools.product((0, 1), repeat=len(CORNERED)))
    for index in rng.choice(len(corners), 60, replace=False):
        values = {n: PoissonProcess.bounds(n)[end] for n, end in zip(CORNERED, corners[index], strict=True)}
        if values["runs"] > 1:
            values["runs"] = 7
        made = poisson(PoissonProcess(**values))
        assert made.runs == values["runs"]
        for name, array in results.arrays(made).items():
            if array.dtype.kind != "f":
                continue
            assert not np.isinf(array).any(), (name, values)
            measured = (
                "p_value",
                "mean",
                "variance",
                "observed",
                "beyond",
                "error",
                "correlation",
                "acceptance",
                "mean_at",
                "error_at",
                "with_all",
            )
            assert not np.isnan(array).any() or any(part in name for part in measured), (name, values)
        for array in (made.exact, made.tail, made.tv_distance, made.binomial.law):
            assert ((array >= -1e-15) & (array <= 1 + 1e-9)).all()


def test_thinning_to_nothing_and_to_all():
    nothing, everything = (poisson(PoissonProcess(keep=keep)).thinning for keep in (0.0, 1.0))
    assert nothing.kept.mean == 0 == everything.dropped.mean
    assert nothing.kept.exact[0] == 1
    assert math.isnan(nothing.correlation)
    assert everything.kept_with_all == pytest.approx(1)


def test_results_can_be_kept_and_shipped():
    made = poisson(PoissonProcess(runs=100))
    assert same(pickle.loads(pickle.dumps(made)), made)
    store = {}
    assert same(results.decode(results.encode(made, store), store), made)
    assert results.size(made) < 200_000
    assert discover()["poisson"] is poisson


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rate", 0),
        ("rate", 101),
        ("rate", float("nan")),
        ("rate", "fast"),
        ("window", -1),
        ("window", float("inf")),
        ("runs", 0),
        ("runs", 10**7),
        ("runs", 2.5),
        ("at_least", -1),
        ("at_least", 10**9),
        ("kth", 0),
        ("most_trials", 0),
        ("second_rate", 0),
        ("keep", 1.1),
        ("keep", -0.1),
        ("depth", 2),
        ("cycles", 0),
        ("unit_of_time", "year"),
        ("event", "bus"),
        ("seed", -1),
        ("lambda", 3),
    ],
)
def test_bad_input_is_refused_in_both_languages(name, value):
    with pytest.raises(Refused) as caught:
        PoissonProcess.parse({name: value})
    assert caught.value.name == name
    assert name in caught.value.en
    assert name in caught.value.zh


def test_words():
    made = poisson(PoissonProcess(event="birth", at_least=6))
    en, zh = made.answer
    assert en.startswith("In the next hour: at least 6 births with probability 0.0839179, exactly 6 with")
    assert "none with probability 0.0497871" in en
    assert "至少 6 次出生的概率为 0.0839179" in zh
    one = poisson(PoissonProcess(event="call", at_least=1, unit_of_time="minute", window=10, rate=0.1))
    assert "In the next 10 minutes: at least 1 call with" in one.answer[0]
    assert "接下来 10 分钟内" in one.answer[1]
    assert made.findings == (), "counts that agree with their law are no news"
    strange = chi_square(np.array([50, 150]), np.array([100, 100]))
    assert "seeds stray" in wording.findings(1, 1, 1, strange)[0].text.en
    few = poisson(PoissonProcess(runs=3))
    assert few.findings[0].text.en.startswith("3 runs are too few")
    assert poisson(PoissonProcess(runs=1)).findings[0].text.en.startswith("1 run is too few")
    first = next(poisson.stream(PoissonProcess(rate=100, window=100, runs=1_000_000))).result
    assert first.findings[0].text.en.startswith(f"{first.runs} runs "), "a stream speaks of the runs that it has made"
    assert math.isnan(few.p_value)
