"""How many have arrived so far: the counts of all runs as the window passes, beside their law at every moment."""

from __future__ import annotations

import numpy as np

from engine.probability.poisson import laws
from engine.probability.poisson.parameters import Setting
from engine.probability.poisson.result import Unfolding
from engine.probability.poisson.simulation import Block

MOST_MOMENTS = 60
MOST_CELLS = 40


def moments_of(time: np.ndarray, end: float) -> np.ndarray:
    """0, every so many of the arrivals at `time`, and `end`."""
    stride = -(-max(len(time), 1) // (MOST_MOMENTS - 2))
    return np.unique([0.0, *np.sort(time)[::stride], end])


class UnfoldingMeasurement:
    """A run has at least e from the time of its e-th arrival on: so the runs are counted arrival by arrival."""

    def __init__(self, setting: Setting, moments: np.ndarray):
        self.moments = moments
        mean = setting.rate * moments[-1]
        top = int(mean + 4.5 * mean**0.5) + 4
        self.width = -(-top // MOST_CELLS)
        self.starts = np.arange(0, top, self.width)
        tail = laws.at_least(self.starts, setting.rate * moments[:, None])
        self.exact = -np.diff(tail, axis=1, append=0)
        self.passed = np.zeros((len(moments) + 1, len(self.starts)), dtype=np.int64)
        self.runs = 0

    def add(self, block: Block) -> None:
        self.runs += block.runs
        cell, beyond = np.divmod(block.rank, self.width)
        enters = (beyond == 0) & (cell < len(self.starts))
        frame = np.searchsorted(self.moments, block.position[enters])
        cells = self.passed.shape[1]
        self.passed += np.bincount(frame * cells + cell[enters], minlength=self.passed.size).reshape(-1, cells)

    def result(self) -> Unfolding:
        tail = np.cumsum(self.passed[:-1], axis=0) / self.runs
        tail[:, 0] = 1
        return Unfolding(self.moments, self.starts, -np.diff(tail, axis=1, append=0), self.exact)
