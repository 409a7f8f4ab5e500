"""Positions, slab by slab: free in any dimension, or between an absorbing or reflecting pair of walls on a line."""

from __future__ import annotations

import functools

import numpy as np
from jaxtyping import Int
from numpy import ndarray

from engine.probability.random_walk.packed import Slab

BYTE = 8


class Free:
    """Positions of free walkers, slab by slab: of shape (walkers,) on a line, else (d, walkers)."""

    def advance(self, slab: Slab) -> None:
        """Move on by one slab."""
        self.slab = slab

    def position(self, time: int) -> np.ndarray:
        """Where the walkers are after `time` steps, a time within the slab."""
        return self.slab.position(time)

    def trail(self, walkers: int, times: np.ndarray) -> np.ndarray:
        """Positions of the first `walkers` at some times within the slab, times first."""
        slab = self.slab
        return slab.moves(walkers).cumsum(0, dtype=np.int32)[times - slab.begun - 1] + slab.at[0, ..., :walkers]


@functools.lru_cache(8)
def hops(target: int, walls: str) -> Int[ndarray, "9 places"]:
    """Where eight steps lead between walls at 0 and `target`: hops[k, 256 * site + byte] is 256 times the site after
    the first k steps of the byte. An absorbing wall keeps its walkers, a reflecting one folds the step past it back."""
    site, byte = (np.arange(256 * (target + 1), dtype=np.int32) // 256), np.arange(256 * (target + 1)) % 256
    led = [site]
    for step in range(BYTE):
        here, move = led[-1], 2 * (byte >> step & 1) - 1
        if walls == "absorbing":
            led.append(here + np.where((here > 0) & (here < target), move, 0))
        else:
            led.append(target - np.abs(target - np.abs(here + move)))
    return (256 * np.stack(led)).astype(np.int32)


class Walled(Free):
    """Walkers from `start` between walls at 0 and `target`: eight steps to a look into a table.

    Sites are held times 256, so that adding a byte of steps is the place in the table.
    """

    def __init__(self, walkers: int, start: int, target: int, walls: str):
        self.now = np.full(walkers, 256 * start, np.int32)
        self.hops = hops(target, walls)

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
