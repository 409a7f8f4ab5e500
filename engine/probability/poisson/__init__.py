"""The Poisson process: arrivals at a constant rate, and every law that follows from their exponential gaps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np

from engine.core import Partial, experiment
from engine.probability.poisson import laws, wording
from engine.probability.poisson.measurements import CountTally, UniformityMeasurement, WaitMeasurement, inspection
from engine.probability.poisson.parameters import PoissonProcess, Setting
from engine.probability.poisson.result import Arrived, BinomialLadder, Timeline
from engine.probability.poisson.simulation import MOST_DRAWS, Block, Simulation
from engine.probability.poisson.streams import SuperpositionMeasurement, ThinningMeasurement, VaryingMeasurement
from engine.probability.poisson.unfolding import UnfoldingMeasurement, moments_of

INSTANT_DRAWS = 500_000
MOST_SHOWN = 1000
MOST_RUNS_SHOWN = 40
BINOMIAL_COLUMNS = 200


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


def setting_of(params: PoissonProcess) -> Setting:
    """What is to be simulated."""
    return Setting(params.rate, params.window, params.second_rate, params.keep, params.depth, params.window / params.cycles, params.kth)


def runs_made(params: PoissonProcess) -> int:
    """Runs that fit under the bound on simulated gaps: those asked for, or as many as fit, at least one."""
    return max(1, min(params.runs, MOST_DRAWS // setting_of(params).draws))


def cost(params: PoissonProcess) -> Literal["instant", "seconds"]:
    """Judged by the gaps that will be simulated."""
    return "instant" if runs_made(params) * setting_of(params).draws <= INSTANT_DRAWS else "seconds"


@experiment("poisson", cost=cost, apart=True)
def poisson(params: PoissonProcess) -> Iterator[Partial[Arrived]]:
    """Simulate the runs in blocks, and tell after each what has been measured so far."""
    setting, runs = setting_of(params), runs_made(params)
    mean, made, arrivals, shown = setting.mean, 0, 0, None
    counts, waits, n = CountTally(mean), WaitMeasurement(setting, params.kth), params.at_least
    merged, split, uniform = (SuperpositionMeasurement(setting), ThinningMeasurement(setting), UniformityMeasurement(setting))
    varying = VaryingMeasurement(setting, MOST_SHOWN)
    tail = laws.at_least(counts.support, mean)
    asked = float(laws.at_least(n, mean)), float(laws.pmf(n, mean)), float(np.exp(-mean))
    came_true = np.stack([counts.support >= n, counts.support == n, counts.support == 0])
    ladder, distance = binomial_ladder(mean, params.most_trials)
    for block in Simulation(setting, params.seed).blocks(runs):
        made, arrivals = made + block.runs, arrivals + block.position.size
        if shown is None:
            shown = timeline(block, params.window)
            unfolding = UnfoldingMeasurement(setting, moments_of(shown.time, shown.end))
        counts.add(block.count)
        for measurement in (unfolding, waits, merged, split, uniform, varying):
            measurement.add(block)
        law = counts.result()
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
            *asked,
            *(came_true @ law.counts / made).tolist(),
            wording.answer(n, params.event, params.window, params.unit_of_time, *asked),
            wording.findings(made, runs, params.runs, law.fit),
            shown,
            unfolding.result(),
            *waits.result(),
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
