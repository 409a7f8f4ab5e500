"""Positions on a line, slab by slab: free, or between an absorbing or reflecting pair of walls."""

from __future__ import annotations

import numpy as np

from engine.probability.random_walk.packed import WORD, Slab, settle, touching

NEVER = np.iinfo(np.int32).max


class Free:
    """Positions of free walkers on a line, slab by slab."""

    def advance(self, slab: Slab) -> None:
        """Move on by one slab."""
        self.slab = slab

    def position(self, time: int) -> np.ndarray:
        """Where the walkers are after `time` steps, a time within the slab."""
        return self.slab.position(time)

    def trail(self, walkers: int, times: np.ndarray) -> np.ndarray:
        """Positions of the first `walkers` at some times within the slab, shape (times, walkers)."""
        return (
            self.slab.moves(walkers).cumsum(0, dtype=np.int32)[times - self.slab.begun - 1] + self.slab.at[0, :walkers]
        )


class Absorbing(Free):
    """Walkers from `start` who stay at 0 or `target` once they reach it.

    time: the step of absorption, NEVER before it; won: whether it was at `target`.
    """

    def __init__(self, walkers: int, start: int, target: int):
        self.start, self.target = start, target
        self.time = np.full(walkers, NEVER, np.int32)
        self.won = np.zeros(walkers, bool)

    def advance(self, slab: Slab) -> None:
        self.slab = slab
        low, high = -self.start, self.target - self.start
        found = touching(slab, low, high, self.time == NEVER)
        self.time[found.walkers], self.won[found.walkers] = settle(found, low, high)

    def position(self, time: int) -> np.ndarray:
        return self._stopped(self.slab.position(time), time, len(self.time))

    def trail(self, walkers: int, times: np.ndarray) -> np.ndarray:
        return self._stopped(super().trail(walkers, times), times[:, None], walkers)

    def _stopped(self, free: np.ndarray, time: int | np.ndarray, walkers: int) -> np.ndarray:
        here = free + free.dtype.type(self.start)
        wall = self.won[:walkers].astype(here.dtype) * here.dtype.type(self.target)
        return np.where(self.time[:walkers] <= time, wall, here)


class Reflecting(Free):
    """Walkers from `start` between 0 and `target`, where a step past a wall is folded back.

    Each step needs the last, so they are taken one by one. wanted: times at which positions will be asked for.
    trail: walkers whose every position will be.
    """

    def __init__(self, walkers: int, start: int, target: int, wanted: np.ndarray, trail: int):
        self.now = np.full(walkers, start, np.int16)
        self.target, self.wanted, self.kept = np.int16(target), set(wanted.tolist()), trail

    def advance(self, slab: Slab) -> None:
        self.slab, self.seen, self.way = slab, {}, []
        for time in range(slab.begun + 1, slab.ended + 1):
            row, step = divmod(time - slab.begun - 1, WORD)
            self._move((slab.words[row] >> np.uint16(step)).view(np.int16) & np.int16(1))
            if time in self.wanted:
                self.seen[time] = self.now.copy()
            if self.kept:
                self.way.append(self.now[: self.kept].copy())

    def _move(self, up: np.ndarray) -> None:
        up += up
        up -= np.int16(1)
        self.now += up
        np.abs(self.now, out=self.now)
        np.subtract(self.target, self.now, out=self.now)
        np.abs(self.now, out=self.now)
        np.subtract(self.target, self.now, out=self.now)

    def position(self, time: int) -> np.ndarray:
        return self.seen[time]

    def trail(self, walkers: int, times: np.ndarray) -> np.ndarray:
        return np.stack(self.way)[times - self.slab.begun - 1, :walkers]
