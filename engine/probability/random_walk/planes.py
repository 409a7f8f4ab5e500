"""The walk in two and three dimensions, eight steps to a byte: which way, and on which axis.

`ways[i, w]` holds the signs (1 = up) of steps 8 i + 1 … 8 i + 8 of walker w, `axes[a][i, w]` marks those on axis a.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from engine.probability.random_walk import bits

BYTE = 8
SLAB_BYTES = 2**19
SLAB_ROWS = 31


def height_within(ways: np.ndarray, axis: np.ndarray, length: int = BYTE) -> np.ndarray:
    """Rise along an axis over the first `length` steps of each byte: int8."""
    if length < BYTE:
        axis = axis & np.uint8((1 << length) - 1)
    rise = np.bitwise_count(ways & axis).view(np.int8)
    rise += rise
    rise -= np.bitwise_count(axis).view(np.int8)
    return rise


def choose(source: np.random.SFC64, shape: tuple[int, int], dimension: int) -> list[np.ndarray]:
    """For every step one axis of `dimension`, evenly at random: a mask of bytes per axis."""
    if dimension == 2:
        second = bits.rows(source, 0.5, shape, np.uint8)
        return [~second, second]
    first = bits.rows(source, 1 / 3, shape, np.uint8)
    second = bits.rows(source, 0.5, shape, np.uint8)
    return [first, ~first & second, ~first & ~second]


@dataclass
class Slab:
    """Some rows of bytes of one block of walkers: steps `begun` + 1 … `ended`. at: int32, shape (rows + 1, d, w)."""

    ways: np.ndarray
    axes: list[np.ndarray]
    at: np.ndarray
    begun: int
    ended: int

    def position(self, time: int) -> np.ndarray:
        """Where the walkers are after `time` steps, begun < time <= ended: shape (d, w)."""
        row, step = divmod(time - self.begun, BYTE)
        if not step:
            return self.at[row]
        return self.at[row] + np.stack([height_within(self.ways[row], axis[row], step) for axis in self.axes])

    def moves(self, walkers: int) -> np.ndarray:
        """Single steps of the first `walkers`, shape (steps, d, walkers), int8."""
        bit = np.arange(BYTE, dtype=np.uint8)[None, :, None]
        up, *axes = ((part[:, None, :walkers] >> bit & np.uint8(1)).view(np.int8) for part in (self.ways, *self.axes))
        return np.stack([(2 * up - 1) * axis for axis in axes], 2).reshape(-1, len(axes), up.shape[2])


def slabs(source: np.random.SFC64, up: float, steps: int, walkers: int, dimension: int) -> Iterator[Slab]:
    """The walk in slabs that fit a processor's cache. Bits beyond the last step belong to no axis."""
    dtype = np.int16 if steps < 2**15 - BYTE else np.int32
    at, begun = np.zeros((dimension, walkers), dtype), 0
    most = max(1, min(SLAB_ROWS, SLAB_BYTES // walkers))
    while begun < steps:
        rows = min(most, -(-(steps - begun) // BYTE))
        ways = bits.rows(source, up, (rows, walkers), np.uint8)
        axes = choose(source, ways.shape, dimension)
        ended = min(steps, begun + rows * BYTE)
        if (ended - begun) % BYTE:
            for axis in axes:
                axis[-1] &= np.uint8((1 << (ended - begun) % BYTE) - 1)
        rises = [height_within(ways, axis) for axis in axes]
        heights = np.empty((rows + 1, dimension, walkers), dtype)
        heights[0] = at
        for row in range(rows):
            for axis, rise in enumerate(rises):
                np.add(heights[row, axis], rise[row], out=heights[row + 1, axis])
        yield Slab(ways, axes, heights, begun, ended)
        at, begun = heights[-1], ended


class Functionals:
    """First return to the origin and last time there, kept up to date slab by slab.

    first_return is 0 where a walker has not come back; both are int32, shape (walkers,).
    """

    def __init__(self, walkers: int):
        self.first_return = np.zeros(walkers, np.int32)
        self.last_zero = np.zeros(walkers, np.int32)

    def advance(self, slab: Slab) -> None:
        """Take account of a slab; slabs come in the order of time."""
        for row in range(len(slab.ways)):
            steps = min(BYTE, slab.ended - slab.begun - row * BYTE)
            near = np.flatnonzero(np.abs(slab.at[row]).sum(0) <= steps)
            self._note(slab, row, near, steps)

    def _note(self, slab: Slab, row: int, near: np.ndarray, steps: int) -> None:
        """Times at the origin within one byte, of the walkers near enough to come there."""
        ways, axes = slab.ways[row].take(near), [axis[row].take(near) for axis in slab.axes]
        levels = [(-at.take(near)).astype(np.int8) for at in slab.at[row]]
        first, last = np.zeros(near.size, np.uint8), np.zeros(near.size, np.uint8)
        for step in range(1, steps + 1):
            home = np.logical_and.reduce([height_within(ways, axis, step) == level for axis, level in zip(axes, levels, strict=True)]).view(
                np.uint8
            )
            np.maximum(last, home * np.uint8(step), out=last)
            np.maximum(first, home * np.uint8(BYTE + 1 - step), out=first)
        came = np.flatnonzero(last.astype(bool))
        who, time = near.take(came), slab.begun + row * BYTE
        self.last_zero[who] = time + last.take(came).astype(np.int32)
        fresh = self.first_return[who] == 0
        self.first_return[who[fresh]] = time + BYTE + 1 - first.take(came)[fresh].astype(np.int32)
