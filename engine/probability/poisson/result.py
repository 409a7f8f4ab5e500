"""What the Poisson lab finds: counts, waits, places and streams of simulated arrivals, each beside its law."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Bool, Float, Int
from numpy import ndarray

from engine.core import Finding, T
from engine.probability.poisson.parameters import Setting


@dataclass(frozen=True)
class Fit:
    """Pearson's χ², its degrees of freedom, and the chance of a value as large if the law holds.

    `p_value` is NaN where dof is 0: too few samples for a test.
    """

    chi2: float
    dof: int
    p_value: float


@dataclass(frozen=True)
class CountLaw:
    """How many runs counted k arrivals, beside the Poisson law of mean `mean_exact`.

    support, counts: the counts and the runs that had them; runs off the support, whose chance is below
    1e-12, are put at its ends. observed, exact: share of runs, and chance. standard_error: of `observed`
    if the law holds. mean, variance: of the counts seen; both are `mean_exact` in law; NaN variance for one run.
    """

    support: Int[ndarray, " k"]
    counts: Int[ndarray, " k"]
    observed: Float[ndarray, " k"]
    exact: Float[ndarray, " k"]
    standard_error: Float[ndarray, " k"]
    mean: float
    variance: float
    mean_exact: float
    fit: Fit


@dataclass(frozen=True)
class Histogram:
    """Samples in bins, beside their law.

    observed, exact, standard_error: density seen, the law's mean density over the bin, and how far
    the two may differ by chance (one standard deviation). curve_x, curve_y: the law's density. beyond,
    beyond_exact: share past the last edge. mean: of all the samples, with its `mean_exact`. With no sample,
    what is observed is NaN.
    """

    edges: Float[ndarray, " b+1"]
    observed: Float[ndarray, " b"]
    exact: Float[ndarray, " b"]
    standard_error: Float[ndarray, " b"]
    curve_x: Float[ndarray, " c"]
    curve_y: Float[ndarray, " c"]
    samples: int
    beyond: float
    beyond_exact: float
    mean: float
    mean_exact: float
    fit: Fit


@dataclass(frozen=True)
class Inspection:
    """The inspection paradox: in each run a moment is chosen blindly in the window, and the gap around it measured.

    length: those gaps, against their exact law in this window. limit_y (c,): the size-biased density λ² x e^{-λx} at
    `length.curve_x`, which a long window brings. mean_gap, mean_gap_exact: of the gaps counted one by one.
    mean_limit: 2/λ. moment_edges (m+1,), mean_at, mean_at_exact, error_at (m,): the mean length by the moment chosen;
    NaN where there are too few.
    """

    length: Histogram
    limit_y: Float[ndarray, " c"]
    mean_gap: float
    mean_gap_exact: float
    mean_limit: float
    moment_edges: Float[ndarray, " m+1"]
    mean_at: Float[ndarray, " m"]
    mean_at_exact: Float[ndarray, " m"]
    error_at: Float[ndarray, " m"]


@dataclass(frozen=True)
class Uniformity:
    """Given how many arrivals a window holds, they lie in it like points thrown at random.

    position: all arrivals' times, pooled, against the uniform law on [0, t]. given: the count n of the runs chosen;
    chosen: how many they are. ranks: which arrivals of those n; rank_edges (b+1,) as shares of the window;
    rank_observed, rank_exact (r, b): density of the rank-th time over the window's share, against
    Beta(rank, n + 1 - rank); rank_mean, rank_mean_exact, rank_error (r,): mean time as a share of the window.
    """

    position: Histogram
    given: int
    chosen: int
    ranks: Int[ndarray, " r"]
    rank_edges: Float[ndarray, " b+1"]
    rank_observed: Float[ndarray, "r b"]
    rank_exact: Float[ndarray, "r b"]
    rank_mean: Float[ndarray, " r"]
    rank_mean_exact: Float[ndarray, " r"]
    rank_error: Float[ndarray, " r"]


@dataclass(frozen=True)
class Superposition:
    """Two independent streams seen as one.

    merged: arrivals of both in the window, against Poisson((λ₁ + λ₂)t). first: wait to the first of either, against
    the exponential law of rate λ₁ + λ₂. first_share, first_share_exact, first_share_error: how often the first was the
    first stream's, λ₁ / (λ₁ + λ₂).
    """

    merged: CountLaw
    first: Histogram
    first_share: float
    first_share_exact: float
    first_share_error: float


@dataclass(frozen=True)
class Thinning:
    """One stream, each arrival kept with chance p: two independent streams.

    kept, dropped: counts against Poisson(pλt) and Poisson((1-p)λt). correlation: of kept and dropped counts over the
    runs, 0 in law; correlation_error: its standard deviation in law. kept_with_all, kept_with_all_exact: correlation
    of the kept with all arrivals, √p in law, as a contrast. NaN where a part never varies. pairs (≤ 500, 2): kept and
    dropped counts of the first runs.
    """

    kept: CountLaw
    dropped: CountLaw
    correlation: float
    correlation_error: float
    kept_with_all: float
    kept_with_all_exact: float
    pairs: Int[ndarray, "p 2"]


@dataclass(frozen=True)
class Varying:
    """A rate λ(s) = λ(1 + a sin(2πs/P)), simulated by thinning a stream of its largest value.

    curve_x, curve_y: the rate. observed, exact, standard_error: arrivals per run and unit of
    time in each bin, the rate's mean over it, and the chance deviation; fit: of the bins' counts. total: arrivals
    in the window against Poisson(∫λ). acceptance, acceptance_exact: share of the candidates kept.
    candidate_time, candidate_height, candidate_run, accepted (≤ 1000,): candidates of the first runs, as points at a
    height uniform on [0, largest rate], kept where that is under the curve.
    """

    period: float
    curve_x: Float[ndarray, " c"]
    curve_y: Float[ndarray, " c"]
    edges: Float[ndarray, " b+1"]
    observed: Float[ndarray, " b"]
    exact: Float[ndarray, " b"]
    standard_error: Float[ndarray, " b"]
    fit: Fit
    total: CountLaw
    acceptance: float
    acceptance_exact: float
    candidate_time: Float[ndarray, " p"]
    candidate_height: Float[ndarray, " p"]
    candidate_run: Int[ndarray, " p"]
    accepted: Bool[ndarray, " p"]


@dataclass(frozen=True)
class Unfolding:
    """The counts of arrivals so far, at moments of the window.

    moments (f,): ascending, from 0 to the timeline's end; between these, times of arrivals shown in the timeline.
    starts (c,): cell i holds the counts from starts[i] to starts[i+1] - 1, the last one all from its start on.
    observed, exact (f, c): share of runs in each cell at each moment, and its chance by Poisson(λs).
    """

    moments: Float[ndarray, " f"]
    starts: Int[ndarray, " c"]
    observed: Float[ndarray, "f c"]
    exact: Float[ndarray, "f c"]


@dataclass(frozen=True)
class Timeline:
    """Arrivals of the first runs, at most 1000 of a kind and 40 runs, each run complete up to `end`.

    time, run, kept (m,): of the stream, run by run, with whether thinning keeps them. second_time, second_run (m2,):
    of the second stream in the same runs. runs: how many are shown. end: the window, or an earlier time
    where a single run holds more than 1000 arrivals.
    """

    time: Float[ndarray, " m"]
    run: Int[ndarray, " m"]
    kept: Bool[ndarray, " m"]
    second_time: Float[ndarray, " m2"]
    second_run: Int[ndarray, " m2"]
    runs: int
    end: float


@dataclass(frozen=True)
class BinomialLadder:
    """Binomial(n, μ/n) beside Poisson(μ). trials: n. support: at most 200 counts, at equal strides. law, poisson: the two laws there."""

    trials: Int[ndarray, " r"]
    support: Int[ndarray, " k"]
    law: Float[ndarray, "r k"]
    poisson: Float[ndarray, " k"]


@dataclass(frozen=True)
class Arrived:
    """What was counted and timed in simulated arrivals, and what theory says.

    setting, at_least, unit_of_time, event: what was asked. mean: μ = λt. runs: made, of those asked for.
    arrivals: simulated inside the window, all runs together.
    support: numbers of arrivals; counts: runs that had them; observed, exact, standard_error: share of
    runs, chance by the Poisson law, deviation of the share by chance; tail: P(N >= k).
    sample_mean, sample_variance: of the counts; both are μ in law.
    chi2, dof, p_value: the counts tested against their law, cells expecting fewer than 5 runs pooled.
    probability, probability_exactly, probability_none: P(N >= n), P(N = n), P(N = 0) for n = `at_least`; the same
    three as shares of runs in measured_…; answer: the box in words.
    gaps: those that begin in the window, the first at 0, however late they end (leaving out the one that outlasts the window
    would favour short ones). kth_wait: from 0 to the k-th arrival, against the Erlang law. residual_wait: from a moment
    chosen blindly to the next arrival: the same law as a whole gap.
    tv_distance, le_cam_bound, barbour_hall_bound (r,): of Binomial(n, μ/n) from Poisson(μ) along `binomial.trials`:
    ½Σ|·|, μ²/n, and (1 - e^{-μ})μ/n.
    """

    setting: Setting
    at_least: int
    unit_of_time: str
    event: str
    mean: float
    runs: int
    runs_asked: int
    arrivals: int
    support: Int[ndarray, " k"]
    counts: Int[ndarray, " k"]
    observed: Float[ndarray, " k"]
    exact: Float[ndarray, " k"]
    standard_error: Float[ndarray, " k"]
    tail: Float[ndarray, " k"]
    sample_mean: float
    sample_variance: float
    chi2: float
    dof: int
    p_value: float
    probability: float
    probability_exactly: float
    probability_none: float
    measured_at_least: float
    measured_exactly: float
    measured_none: float
    answer: T
    findings: tuple[Finding, ...]
    timeline: Timeline
    unfolding: Unfolding
    gaps: Histogram
    kth_wait: Histogram
    residual_wait: Histogram
    binomial: BinomialLadder
    tv_distance: Float[ndarray, " r"]
    le_cam_bound: Float[ndarray, " r"]
    barbour_hall_bound: Float[ndarray, " r"]
    superposition: Superposition
    thinning: Thinning
    uniformity: Uniformity
    inspection: Inspection
    varying: Varying
