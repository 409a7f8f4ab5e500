"""Many runs of the process at once: exponential gaps laid end to end, and what is done to the arrivals.

Nothing here draws a count, a position or a waiting time from its law: all of them follow from the arrivals.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from engine.probability.poisson import laws
from engine.probability.poisson.parameters import Setting, enough

BLOCK_DRAWS = 300_000  # exponential draws simulated at a time: about 15 ms, and a few MB
MOST_DRAWS = 100_000_000


def arrivals(rng: np.random.Generator, runs: int, rate: float, window: float, columns: int) -> np.ndarray:
    """Arrival times (runs, c) from 0 on, ascending in each row, c >= columns; every row passes the end of the window.

    Rows that pass it early are padded with infinity where others need more than `columns` arrivals. What others need
    is drawn from spawned generators, row by row, so that more runs leave the first ones as they were.
    """
    times = rng.standard_exponential((runs, columns))
    np.cumsum(times, axis=1, out=times)
    times /= rate
    while (short := np.flatnonzero(times[:, -1] <= window)).size:
        more = np.full((runs, enough(rate * window) // 4 + 4), np.inf)
        gaps = rng.spawn(1)[0].standard_exponential((short.size, more.shape[1]))
        more[short] = times[short, -1:] + np.cumsum(gaps, axis=1) / rate
        times = np.concatenate([times, more], axis=1)
    return times


@dataclass(frozen=True)
class Block:
    """Some runs. Arrays "flat" hold one item per arrival inside the window, run by run, in order of time.

    times, second: arrival times (runs, c) of the stream and of the second stream, beyond the window's end too.
    inside: whether each of `times` lies in the window.
    kept: whether thinning keeps the arrival, flat. inspected_at: one moment of [0, window] per run.
    candidates, candidate_run: flat times and runs of the stream of the largest rate. height: uniform on
    [0, largest rate] for each. accepted: whether it falls below the varying rate.
    """

    setting: Setting
    times: np.ndarray
    inside: np.ndarray
    second: np.ndarray
    kept: np.ndarray
    inspected_at: np.ndarray
    candidates: np.ndarray
    candidate_run: np.ndarray
    height: np.ndarray
    accepted: np.ndarray

    @property
    def runs(self) -> int:
        return len(self.times)

    @cached_property
    def count(self) -> np.ndarray:
        """Arrivals of each run in the window."""
        return np.count_nonzero(self.inside, axis=1)

    @cached_property
    def second_count(self) -> np.ndarray:
        """Arrivals of the second stream in the window, run by run."""
        return np.count_nonzero(self.second <= self.setting.window, axis=1)

    @cached_property
    def run(self) -> np.ndarray:
        """The run of each arrival, flat."""
        return np.repeat(np.arange(self.runs), self.count)

    @cached_property
    def rank(self) -> np.ndarray:
        """Which arrival of its run each arrival is, from 1 on, flat."""
        return np.arange(1, len(self.run) + 1) - np.repeat(np.cumsum(self.count) - self.count, self.count)

    @cached_property
    def position(self) -> np.ndarray:
        """The time of each arrival, flat."""
        return self.times[self.inside]


class Simulation:
    """A reproducible source of runs; each ingredient has a random stream of its own."""

    def __init__(self, setting: Setting, seed: int):
        self.setting = setting
        streams = np.random.SeedSequence(seed).spawn(6)
        self._first, self._second, self._marks, self._moments, self._candidates, self._heights = (
            np.random.Generator(np.random.SFC64(stream)) for stream in streams
        )

    def block(self, runs: int) -> Block:
        """The next `runs` runs."""
        s = self.setting
        columns, second_columns, candidate_columns = s.columns
        times = arrivals(self._first, runs, s.rate, s.window, columns)
        inside = times <= s.window
        second = arrivals(self._second, runs, s.second_rate, s.window, second_columns)
        kept = self._marks.random(np.count_nonzero(inside)) < s.keep
        moments = s.window * self._moments.random(runs)
        all_candidates = arrivals(self._candidates, runs, s.most_rate, s.window, candidate_columns)
        early = all_candidates <= s.window
        candidates, owner = all_candidates[early], np.repeat(np.arange(runs), np.count_nonzero(early, axis=1))
        height = s.most_rate * self._heights.random(candidates.size)
        accepted = height < laws.varying_rate(candidates, s.rate, s.depth, s.period)
        return Block(s, times, inside, second, kept, moments, candidates, owner, height, accepted)

    def blocks(self, runs: int) -> Iterator[Block]:
        """`runs` runs in blocks of bounded memory."""
        rows = max(1, BLOCK_DRAWS // self.setting.draws)
        for start in range(0, runs, rows):
            yield self.block(min(rows, runs - start))
