"""Streams made of streams: two merged, one split in two, and one whose rate varies in time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.probability.poisson import laws
from engine.probability.poisson.goodness import Fit, chi_square
from engine.probability.poisson.measurements import RATE_BINS, CountLaw, CountTally, Histogram, gap_tally, ratio
from engine.probability.poisson.simulation import Block, Setting

MOST_PAIRS = 500
CURVE = 400


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
    pairs: np.ndarray


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


@dataclass(frozen=True)
class Varying:
    """A rate λ(s) = λ(1 + a sin(2πs/P)), simulated by thinning a stream of its largest value.

    curve_x, curve_y (c,): the rate. edges (b+1,); observed, exact, standard_error (b,): arrivals per run and unit of
    time in each bin, the rate's mean over it, and the chance deviation; fit: of the bins' counts. total: arrivals
    in the window against Poisson(∫λ). acceptance, acceptance_exact: share of the candidates kept.
    candidate_time, candidate_height, candidate_run, accepted (≤ 1000,): candidates of the first runs, as points at a
    height uniform on [0, largest rate], kept where that is under the curve.
    """

    period: float
    curve_x: np.ndarray
    curve_y: np.ndarray
    edges: np.ndarray
    observed: np.ndarray
    exact: np.ndarray
    standard_error: np.ndarray
    fit: Fit
    total: CountLaw
    acceptance: float
    acceptance_exact: float
    candidate_time: np.ndarray
    candidate_height: np.ndarray
    candidate_run: np.ndarray
    accepted: np.ndarray


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
