"""The Poisson process: arrivals at a constant rate, and every law that follows from their exponential gaps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.core import Field, Finding, Params, Partial, experiment
from engine.core.words import T
from engine.probability.poisson import laws, wording
from engine.probability.poisson.measurements import (
    CountLaw,
    CountTally,
    Histogram,
    Inspection,
    Uniformity,
    UniformityMeasurement,
    WaitMeasurement,
    inspection,
)
from engine.probability.poisson.simulation import MOST_DRAWS, Block, Setting, Simulation
from engine.probability.poisson.streams import (
    Superposition,
    SuperpositionMeasurement,
    Thinning,
    ThinningMeasurement,
    Varying,
    VaryingMeasurement,
)
from engine.probability.poisson.unfolding import Unfolding, UnfoldingMeasurement, moments_of

INSTANT_DRAWS = 500_000
MOST_SHOWN = 1000
MOST_RUNS_SHOWN = 40
BINOMIAL_COLUMNS = 200
PER_UNIT = T("per unit of time", "每单位时间")
IN_UNITS = T("units of time", "个时间单位")


class PoissonProcess(Params):
    """Events that arrive at a constant mean rate, one by one and independently, watched for a window of time.

    Each run starts afresh at time 0. The number of runs is lowered where all of them together would need more than
    100 million simulated gaps; the result says how many were made.
    """

    rate: float = Field(3.0, ge=0.001, le=100, title=T("Rate λ", "速率 λ"), unit=PER_UNIT)
    window: float = Field(1.0, ge=0.01, le=100, title=T("Window t", "时间窗 t"), unit=IN_UNITS)
    runs: int = Field(2_000, ge=1, le=1_000_000, title=T("Runs", "模拟次数"))
    at_least: int = Field(
        6,
        ge=0,
        le=20_000,
        title=T("Question: n", "提问：n"),
        control="number",
        help=T("Exactly n, none, at least n in the window?", "窗内恰好 n 次、一次也没有、至少 n 次？"),
    )
    kth: int = Field(3, ge=1, le=100, title=T("Wait for the k-th, k", "等到第 k 次，k"))
    most_trials: int = Field(
        1_000,
        ge=1,
        le=1_000_000,
        title=T("Binomial trials up to", "二项试验次数至多"),
        help=T("Raised to λt where that is more", "小于 λt 时取 λt"),
    )
    second_rate: float = Field(2.0, ge=0.001, le=100, title=T("Second stream, λ₂", "第二个流的速率 λ₂"))
    keep: float = Field(0.5, ge=0, le=1, step=0.01, title=T("Kept with chance p", "保留概率 p"))
    depth: float = Field(0.8, ge=0, le=1, step=0.01, title=T("Swing of the rate, a", "速率的起伏幅度 a"))
    cycles: float = Field(1.0, ge=0.25, le=8, step=0.25, title=T("Cycles of the rate", "窗内起伏次数"))
    unit_of_time: Literal["second", "minute", "hour", "day"] = Field(
        "hour", title=T("Unit of time", "时间单位"), labels={unit: one for unit, (one, _) in wording.UNITS.items()}
    )
    event: Literal["arrival", "birth", "call", "tin", "visit"] = Field(
        "birth",
        title=T("What arrives", "到达的是"),
        labels={
            "arrival": T("arrivals", "到达"),
            "birth": T("births", "出生"),
            "call": T("phone calls", "电话"),
            "tin": T("tins of milk powder", "奶粉"),
            "visit": T("visits", "访问"),
        },
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, title=T("Seed", "随机种子"), control="seed")


@dataclass(frozen=True)
class Timeline:
    """Arrivals of the first runs, at most 1000 of a kind and 40 runs, each run complete up to `end`.

    time, run, kept (m,): of the stream, run by run, with whether thinning keeps them. second_time, second_run (m2,):
    of the second stream in the same runs. runs: how many are shown. end: the window, or an earlier time
    where a single run holds more than 1000 arrivals.
    """

    time: np.ndarray
    run: np.ndarray
    kept: np.ndarray
    second_time: np.ndarray
    second_run: np.ndarray
    runs: int
    end: float


@dataclass(frozen=True)
class BinomialLadder:
    """Binomial(n, μ/n) beside Poisson(μ). trials (r,): n. support (k,): at most 200 counts, at equal strides.
    law (r, k), poisson (k,): the two laws there."""

    trials: np.ndarray
    support: np.ndarray
    law: np.ndarray
    poisson: np.ndarray


@dataclass(frozen=True)
class Arrived:
    """What was counted and timed in simulated arrivals, and what theory says.

    setting, at_least, unit_of_time, event: what was asked. mean: μ = λt. runs: made, of those asked for.
    arrivals: simulated inside the window, all runs together.
    support (k,): numbers of arrivals; counts (k,): runs that had them; observed, exact, standard_error (k,): share of
    runs, chance by the Poisson law, deviation of the share by chance; tail (k,): P(N >= k).
    sample_mean, sample_variance: of the counts; both are μ in law.
    chi2, dof, p_value: the counts tested against their law, cells expecting fewer than 5 runs pooled.
    probability, probability_exactly, probability_none: P(N >= n), P(N = n), P(N = 0) for n = `at_least`; the same
    three as shares of runs in measured_…; answer: the box in words.
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
    support: np.ndarray
    counts: np.ndarray
    observed: np.ndarray
    exact: np.ndarray
    standard_error: np.ndarray
    tail: np.ndarray
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
    tv_distance: np.ndarray
    le_cam_bound: np.ndarray
    barbour_hall_bound: np.ndarray
    superposition: Superposition
    thinning: Thinning
    uniformity: Uniformity
    inspection: Inspection
    varying: Varying


def binomial_ladder(mean: float, most_trials: int) -> tuple[BinomialLadder, np.ndarray]:
    """The ladder up to `most_trials`, and the total-variation distance (r,) at each rung."""
    trials, shown = laws.ladder(mean, most_trials), laws.support(mean)
    poisson = laws.pmf(np.arange(shown[-1] + 1), mean)
    shown = shown[:: -(-len(shown) // BINOMIAL_COLUMNS)]
    excess = laws.binomial_excess(trials, mean, poisson)
    law = poisson[shown] + excess[:, shown]
    return BinomialLadder(trials, shown, law, poisson[shown]), np.abs(excess).sum(axis=1) / 2


def timeline(block: Block, window: float) -> Timeline:
    """The first runs of the first block."""
    ends = np.maximum(np.cumsum(block.count), np.cumsum(block.second_count))[:MOST_RUNS_SHOWN]
    runs = max(1, int(np.searchsorted(ends, MOST_SHOWN, side="right")))
    (run, place), (second_run, second_place) = (np.nonzero(times[:runs] <= window) for times in (block.times, block.second))
    time, second = block.times[run, place], block.second[second_run, second_place]
    end = min([window, *(times[MOST_SHOWN - 1] for times in (time, second) if len(times) > MOST_SHOWN)])
    one, two = time <= end, second <= end
    return Timeline(time[one], run[one], block.kept[: len(time)][one], second[two], second_run[two], runs, float(end))


class Answers:
    """The three questions of the box, by theory and by the share of runs."""

    def __init__(self, params: PoissonProcess, mean: float):
        self.params, n = params, params.at_least
        self.at_least, self.exactly = float(laws.at_least(n, mean)), float(laws.pmf(n, mean))
        self.none = float(np.exp(-mean))
        self.seen = np.zeros(3, dtype=np.int64)

    def add(self, block: Block) -> None:
        n, count = self.params.at_least, block.count
        self.seen += [np.count_nonzero(count >= n), np.count_nonzero(count == n), np.count_nonzero(count == 0)]

    def words(self) -> T:
        p = self.params
        return wording.answer(p.at_least, p.event, p.window, p.unit_of_time, self.at_least, self.exactly, self.none)


def setting_of(params: PoissonProcess) -> Setting:
    """What is to be simulated."""
    return Setting(params.rate, params.window, params.second_rate, params.keep, params.depth, params.window / params.cycles, params.kth)


def runs_made(params: PoissonProcess) -> int:
    """Runs that fit under the bound on simulated gaps: those asked for, or as many as fit, at least one."""
    return max(1, min(params.runs, MOST_DRAWS // setting_of(params).draws))


def cost(params: PoissonProcess) -> Literal["instant", "seconds"]:
    """Judged by the gaps that will be simulated."""
    return "instant" if runs_made(params) * setting_of(params).draws <= INSTANT_DRAWS else "seconds"


@experiment("poisson", cost=cost)
def poisson(params: PoissonProcess) -> Iterator[Partial[Arrived]]:
    """Simulate the runs in blocks, and tell after each what has been measured so far."""
    setting, runs = setting_of(params), runs_made(params)
    mean, made, arrivals, shown = setting.mean, 0, 0, None
    counts, waits, answers = CountTally(mean), WaitMeasurement(setting, params.kth), Answers(params, mean)
    merged, split, uniform = (SuperpositionMeasurement(setting), ThinningMeasurement(setting), UniformityMeasurement(setting))
    varying = VaryingMeasurement(setting, MOST_SHOWN)
    tail = laws.at_least(counts.support, mean)
    ladder, distance = binomial_ladder(mean, params.most_trials)
    for block in Simulation(setting, params.seed).blocks(runs):
        made, arrivals = made + block.runs, arrivals + block.position.size
        if shown is None:
            shown = timeline(block, params.window)
            unfolding = UnfoldingMeasurement(setting, moments_of(shown.time, shown.end))
        counts.add(block.count)
        for measurement in (unfolding, waits, answers, merged, split, uniform, varying):
            measurement.add(block)
        law: CountLaw = counts.result()
        wait = waits.result()
        result = Arrived(
            setting,
            params.at_least,
            params.unit_of_time,
            params.event,
            mean,
            made,
            params.runs,
            arrivals,
            law.support,
            law.counts,
            law.observed,
            law.exact,
            law.standard_error,
            tail,
            law.mean,
            law.variance,
            law.fit.chi2,
            law.fit.dof,
            law.fit.p_value,
            answers.at_least,
            answers.exactly,
            answers.none,
            *(answers.seen / made).tolist(),
            answers.words(),
            wording.findings(made, runs, params.runs, law.fit),
            shown,
            unfolding.result(),
            wait.gaps,
            wait.kth,
            wait.residual,
            ladder,
            distance,
            mean**2 / ladder.trials,
            -np.expm1(-mean) * mean / ladder.trials,
            merged.result(),
            split.result(),
            uniform.result(),
            inspection(waits, setting),
            varying.result(),
        )
        yield Partial(result, made / runs)
