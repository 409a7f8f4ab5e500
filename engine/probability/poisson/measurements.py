"""What is measured on blocks of runs, each beside its exact law.

A measurement is fed with `add(block)` and tells what it has so far with `result()`; it holds counts, never the runs.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from engine.probability.poisson import laws
from engine.probability.poisson.goodness import chi_square
from engine.probability.poisson.parameters import Setting
from engine.probability.poisson.result import CountLaw, Histogram, Inspection, Uniformity
from engine.probability.poisson.simulation import Block

BINS = 48
CURVE = 200
MOST_ORDER_STATISTICS = 6
MOMENT_BINS = 20
RATE_BINS = 40


def ratio(part: float, whole: float) -> float:
    """part / whole, NaN where there is nothing to divide by."""
    return float(part / whole) if whole else float("nan")


class CountTally:
    """Counts of a Poisson number of events per run."""

    def __init__(self, mean: float):
        self.mean_exact, self.support = mean, laws.support(mean)
        self.exact = laws.pmf(self.support, mean)
        self.counts = np.zeros(len(self.support), dtype=np.int64)
        self.runs = self.total = self.squares = 0

    def add(self, count: np.ndarray) -> None:
        place = np.clip(count - self.support[0], 0, len(self.support) - 1)
        self.counts += np.bincount(place, minlength=len(self.support))
        self.total += int(count.sum())
        self.squares += int(count @ count)
        self.runs += len(count)

    @property
    def scatter(self) -> int:
        """runs · Σ (count - its mean)², whole and so without rounding."""
        return self.runs * self.squares - self.total**2

    def result(self) -> CountLaw:
        n = self.runs
        return CountLaw(
            self.support,
            self.counts.copy(),
            self.counts / n,
            self.exact,
            np.sqrt(self.exact * (1 - self.exact) / n),
            self.total / n,
            ratio(self.scatter, n * (n - 1)),
            self.mean_exact,
            chi_square(self.counts, n * self.exact),
        )


class SampleTally:
    """Samples from 0 on in equal bins up to `top`, and beyond; its law by `survival` and `density`."""

    def __init__(
        self,
        top: float,
        survival: Callable[[np.ndarray], np.ndarray],
        density: Callable[[np.ndarray], np.ndarray],
        mean: float,
        bins: int = BINS,
    ):
        self.edges, self.scale, self.mean_exact = np.linspace(0, top, bins + 1), bins / top, mean
        above = survival(self.edges)
        self.chance = np.append(above[:-1] - above[1:], above[-1])
        self.curve_x = np.linspace(0, top, CURVE)
        self.curve_y = density(self.curve_x)
        self.counts = np.zeros(bins + 1, dtype=np.int64)
        self.total = 0.0

    def add(self, samples: np.ndarray) -> None:
        last = len(self.counts) - 1
        self.counts += np.bincount(np.minimum(samples * self.scale, last).astype(np.intp), minlength=last + 1)
        self.total += float(samples.sum())

    def result(self) -> Histogram:
        n, inner, width = int(self.counts.sum()), self.chance[:-1], 1 / self.scale
        share = self.counts / n if n else np.full(len(self.counts), np.nan)
        error = np.sqrt(inner * (1 - inner) / n) / width if n else np.full(len(inner), np.nan)
        return Histogram(
            self.edges,
            share[:-1] / width,
            inner / width,
            error,
            self.curve_x,
            self.curve_y,
            n,
            float(share[-1]),
            float(self.chance[-1]),
            ratio(self.total, n),
            self.mean_exact,
            chi_square(self.counts, n * self.chance),
        )


def gap_tally(rate: float) -> SampleTally:
    """For waits of an exponential law, up to six times their mean."""
    return SampleTally(6 / rate, lambda x: laws.gap_survival(x, rate), lambda x: laws.gap_density(x, rate), 1 / rate)


class WaitMeasurement:
    """Gaps, waits to the k-th arrival, waits from a blind moment, and the gap around that moment."""

    def __init__(self, setting: Setting, k: int):
        rate, window = setting.rate, setting.window
        self.k, self.gaps, self.residual = k, gap_tally(rate), gap_tally(rate)
        self.kth = SampleTally(
            (k + 5 * k**0.5 + 3) / rate, lambda x: laws.erlang_survival(x, k, rate), lambda x: laws.erlang_density(x, k, rate), k / rate
        )
        self.covering = SampleTally(
            9 / rate,
            lambda x: laws.inspected_survival(x, rate, window),
            lambda x: laws.inspected_density(x, rate, window),
            float(laws.inspected_mean(rate, 0, window)),
        )
        self.moments = np.linspace(0, window, MOMENT_BINS + 1)
        self.sums = np.zeros((3, MOMENT_BINS))  # of 1, length, length²

    def add(self, block: Block) -> None:
        times, run = block.times, np.arange(block.runs)
        begins = np.empty_like(block.inside)
        begins[:, 0], begins[:, 1:] = True, block.inside[:, :-1]
        gap = times.copy()
        with np.errstate(invalid="ignore"):  # inf - inf where a run's row is padded; never selected
            gap[:, 1:] -= times[:, :-1]
        self.gaps.add(gap[begins])
        self.kth.add(times[:, self.k - 1])
        after = np.count_nonzero(times <= block.inspected_at[:, None], axis=1)
        length = gap[run, after]
        self.residual.add(times[run, after] - block.inspected_at)
        self.covering.add(length)
        place = np.minimum(block.inspected_at * (MOMENT_BINS / block.setting.window), MOMENT_BINS - 1).astype(np.intp)
        for row, weight in zip(self.sums, (np.ones(block.runs), length, length**2), strict=True):
            row += np.bincount(place, weight, MOMENT_BINS)

    def result(self) -> tuple[Histogram, Histogram, Histogram]:
        """Gaps, waits for the k-th, waits from a blind moment."""
        return self.gaps.result(), self.kth.result(), self.residual.result()


def inspection(waits: WaitMeasurement, setting: Setting) -> Inspection:
    """What the waits' measurement knows of the gaps around blind moments."""
    rate, (n, total, squares) = setting.rate, waits.sums
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(n > 0, total / n, np.nan)
        error = np.where(n > 1, np.sqrt(np.maximum(squares / n - mean**2, 0) / (n - 1)), np.nan)
    return Inspection(
        waits.covering.result(),
        rate * rate * waits.covering.curve_x * np.exp(-rate * waits.covering.curve_x),
        ratio(waits.gaps.total, int(waits.gaps.counts.sum())),
        1 / rate,
        2 / rate,
        waits.moments,
        mean,
        laws.inspected_mean(rate, waits.moments[:-1], waits.moments[1:]),
        error,
    )


class UniformityMeasurement:
    """Positions of arrivals, and the order statistics of the runs with the commonest count."""

    def __init__(self, setting: Setting):
        t = setting.window
        self.position = SampleTally(t, lambda x: 1 - x / t, lambda x: np.full_like(x, 1 / t), t / 2, RATE_BINS)
        self.given = n = max(1, int(setting.mean))
        self.ranks = np.unique(np.linspace(1, n, min(n, MOST_ORDER_STATISTICS)).astype(np.int64))
        self.edges = np.linspace(0, 1, RATE_BINS + 1)
        self.exact = np.array([laws.order_statistic_share(self.edges, int(j), n) for j in self.ranks]) * RATE_BINS
        self.counts = np.zeros(self.exact.shape, dtype=np.int64)
        self.total = np.zeros(len(self.ranks))
        self.chosen = 0

    def add(self, block: Block) -> None:
        self.position.add(block.position)
        chosen = block.times[block.count == self.given][:, self.ranks - 1] / block.setting.window
        self.chosen += len(chosen)
        self.total += chosen.sum(axis=0)
        place = np.minimum(chosen * RATE_BINS, RATE_BINS - 1).astype(np.intp) + RATE_BINS * np.arange(len(self.ranks))
        self.counts += np.bincount(place.ravel(), minlength=self.counts.size).reshape(self.counts.shape)

    def result(self) -> Uniformity:
        n, j, chosen = self.given, self.ranks, self.chosen or np.nan
        spread = np.sqrt(j * (n + 1 - j) / ((n + 1) ** 2 * (n + 2)))
        return Uniformity(
            self.position.result(),
            n,
            self.chosen,
            j,
            self.edges,
            self.counts / chosen * RATE_BINS,
            self.exact,
            self.total / chosen,
            j / (n + 1),
            spread / chosen**0.5,
        )
