"""Positions on a line, slab by slab: free, or between an absorbing or reflecting pair of walls."""

from __future__ import annotations

import functools

import numpy as np

from engine.probability.random_walk.packed import Slab, settle, touching

BYTE = 8
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


@functools.lru_cache(8)
def hops(target: int) -> np.ndarray:
    """Where eight steps lead between reflecting walls at 0 and `target`: hops[k, 256 * site + byte] is 256 times the
    site after the first k steps of the byte. int32, shape (9, 256 * (target + 1))."""
    site, byte = (np.arange(256 * (target + 1), dtype=np.int32) // 256), np.arange(256 * (target + 1)) % 256
    led = [site]
    for step in range(BYTE):
        past = np.abs(led[-1] + 2 * (byte >> step & 1) - 1)
        led.append(target - np.abs(target - past))
    return (256 * np.stack(led)).astype(np.int32)


class Reflecting(Free):
    """Walkers from `start` between 0 and `target`, where a step past a wall is folded back: eight steps to a table.

    Sites are held times 256, so that adding a byte of steps is the place in the table.
    """

    def __init__(self, walkers: int, start: int, target: int):
        self.now = np.full(walkers, 256 * start, np.int32)
        self.hops = hops(target)

    def advance(self, slab: Slab) -> None:
        self.slab = slab
        rows, walkers = slab.words.shape
        self.bytes = slab.words.view(np.uint8).reshape(rows, walkers, 2).transpose(0, 2, 1).reshape(2 * rows, walkers)
        self.before = [self.now]
        for byte in self.bytes[:-1]:
            self.before.append(self.hops[BYTE].take(self.before[-1] + byte))
        self.now = self._after(slab.ended)

    def _after(self, time: int, walkers: int | None = None) -> np.ndarray:
        """256 times the sites of the first `walkers` after `time` steps."""
        byte = (time - self.slab.begun - 1) // BYTE
        step = time - self.slab.begun - BYTE * byte
        return self.hops[step].take(self.before[byte][:walkers] + self.bytes[byte][:walkers])

    def position(self, time: int) -> np.ndarray:
        return self._after(time) >> 8

    def trail(self, walkers: int, times: np.ndarray) -> np.ndarray:
        return np.stack([self._after(time, walkers) >> 8 for time in times.tolist()])
