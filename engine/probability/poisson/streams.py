"""Streams made of streams: two merged, one split in two, and one whose rate varies in time."""

from __future__ import annotations

import numpy as np

from engine.probability.poisson import laws
from engine.probability.poisson.goodness import chi_square
from engine.probability.poisson.measurements import RATE_BINS, CountTally, gap_tally, ratio
from engine.probability.poisson.parameters import Setting
from engine.probability.poisson.result import Superposition, Thinning, Varying
from engine.probability.poisson.simulation import Block

MOST_PAIRS = 500
CURVE = 400


class SuperpositionMeasurement:
    """The sum of two streams' counts, and the race to the first arrival."""

    def __init__(self, setting: Setting):
        both = setting.rate + setting.second_rate
        self.share = setting.rate / both
        self.merged, self.first = CountTally(both * setting.window), gap_tally(both)
        self.runs = self.won = 0

    def add(self, block: Block) -> None:
        one, two = block.times[:, 0], block.second[:, 0]
        self.merged.add(block.count + block.second_count)
        self.first.add(np.minimum(one, two))
        self.won += int(np.count_nonzero(one < two))
        self.runs += block.runs

    def result(self) -> Superposition:
        error = (self.share * (1 - self.share) / self.runs) ** 0.5
        return Superposition(self.merged.result(), self.first.result(), self.won / self.runs, self.share, error)


class ThinningMeasurement:
    """Counts of the kept and of the dropped arrivals, and how they go together."""

    def __init__(self, setting: Setting):
        self.keep = setting.keep
        self.kept = CountTally(setting.keep * setting.mean)
        self.dropped = CountTally((1 - setting.keep) * setting.mean)
        self.product = 0
        self.pairs = np.zeros((0, 2), dtype=np.int64)

    def add(self, block: Block) -> None:
        kept = np.bincount(block.run[block.kept], minlength=block.runs)
        dropped = block.count - kept
        self.kept.add(kept)
        self.dropped.add(dropped)
        self.product += int(kept @ dropped)
        room = MOST_PAIRS - len(self.pairs)
        self.pairs = np.concatenate([self.pairs, np.stack([kept[:room], dropped[:room]], axis=1)])

    def result(self) -> Thinning:
        a, b = self.kept, self.dropped
        together = a.runs * self.product - a.total * b.total
        whole = a.scatter + b.scatter + 2 * together
        return Thinning(
            a.result(),
            b.result(),
            ratio(together, (a.scatter * b.scatter) ** 0.5),
            a.runs**-0.5,
            ratio(a.scatter + together, (a.scatter * whole) ** 0.5),
            self.keep**0.5,
            self.pairs,
        )


class VaryingMeasurement:
    """Arrivals by their time of day."""

    def __init__(self, setting: Setting, most_points: int):
        self.setting, self.most_points = setting, most_points
        law = setting.rate, setting.depth, setting.period
        self.edges = np.linspace(0, setting.window, RATE_BINS + 1)
        self.expected = laws.varying_integral(self.edges[:-1], self.edges[1:], *law)
        self.curve_x = np.linspace(0, setting.window, CURVE)
        self.curve_y = laws.varying_rate(self.curve_x, *law)
        self.total = CountTally(float(laws.varying_integral(0, setting.window, *law)))
        self.counts = np.zeros(RATE_BINS, dtype=np.int64)
        self.runs = self.candidates = 0
        self.points: tuple[np.ndarray, ...] | None = None

    def add(self, block: Block) -> None:
        time = block.candidates[block.accepted]
        place = np.minimum(time * (RATE_BINS / self.setting.window), RATE_BINS - 1).astype(np.intp)
        self.counts += np.bincount(place, minlength=RATE_BINS)
        self.total.add(np.bincount(block.candidate_run[block.accepted], minlength=block.runs))
        self.runs += block.runs
        self.candidates += block.candidates.size
        if self.points is None:
            drawn = block.candidates, block.height, block.candidate_run, block.accepted
            self.points = tuple(array[: self.most_points].copy() for array in drawn)

    def result(self) -> Varying:
        per_run = self.setting.window / RATE_BINS * self.runs
        expected = self.runs * self.expected
        return Varying(
            self.setting.period,
            self.curve_x,
            self.curve_y,
            self.edges,
            self.counts / per_run,
            expected / per_run,
            np.sqrt(expected) / per_run,
            chi_square(self.counts, expected, constraints=0),
            self.total.result(),
            ratio(int(self.counts.sum()), self.candidates),
            self.total.mean_exact / (self.setting.most_rate * self.setting.window),
            *self.points,
        )
