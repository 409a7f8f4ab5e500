"""The walk on a line, sixteen steps to a word: path functionals from tables instead of one step at a time.

`words[i, w]` holds steps 16 i + 1 … 16 i + 16 of walker w (bit 0 first, 1 = up); `at[i, w]` is where it stands before
them. Within a word the walk spans every height between its lowest and highest point, so a table of those two per word
tells whether it touches a level; only the one word that matters is then looked into step by step.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from engine.probability.random_walk import bits

WORD = 16
SLAB_WORDS = 2**18
SLAB_ROWS = 255


@functools.lru_cache(WORD)
def extremes(length: int = WORD) -> np.ndarray:
    """Highest and lowest point over steps 1 … `length` of each of the 65,536 words, as high * 256 + (low mod 256)."""
    words = np.arange(2**WORD, dtype=np.uint16)
    points = [height_within(words, step) for step in range(1, length + 1)]
    low, high = np.minimum.reduce(points), np.maximum.reduce(points)
    return (high << 8) + (low & 255)


def ups(words: np.ndarray) -> np.ndarray:
    """Steps up in each word: int16. `words` is contiguous."""
    # numpy counts bits of bytes with vector instructions, those of 16-bit words one by one.
    count = np.bitwise_count(words.view(np.uint8)).view(np.uint16)
    count += count >> np.uint16(8)
    count &= np.uint16(255)
    return count.view(np.int16)


def height_within(words: np.ndarray, length: int) -> np.ndarray:
    """Rise over the first `length` steps of each word: int16. `words` is contiguous."""
    rise = ups(words if length == WORD else words & np.uint16((1 << length) - 1))
    rise += rise
    rise -= np.int16(length)
    return rise


def step_at(words: np.ndarray, level: np.ndarray, length: np.ndarray | None = None, last: bool = False) -> np.ndarray:
    """First (or last) step of each word, 1 … 16, after which its rise is its `level`; 0 where it never is. uint8.

    words: uint16, contiguous, shape (k,). level: int8, shape (k,). length: steps that count in each word, uint8,
    shape (k,); None where all do.
    """
    # The best step so far is the one of largest weight: a masked assignment would cost ten times this.
    best, risen = np.zeros(words.shape, np.uint8), np.zeros(words.shape, np.int8)
    whole = WORD if length is None else int(length.min(initial=WORD))
    for byte, half in enumerate(np.ascontiguousarray(words.view(np.uint8).reshape(-1, 2).T)):
        for place in range(1, 9):
            step = 8 * byte + place
            rise = np.bitwise_count(half & np.uint8((1 << place) - 1)).view(np.int8)
            rise += rise
            rise += risen
            rise -= np.int8(place)
            hit = rise == level
            if step > whole:
                hit &= length >= step
            weight = hit.view(np.uint8)
            weight *= np.uint8(step if last else WORD + 1 - step)
            np.maximum(best, weight, out=best)
        risen = rise
    if not last:
        np.subtract(np.uint8(WORD + 1), best, out=best)
        best *= best <= WORD
    return best


@dataclass
class Slab:
    """Some rows of words of one block of walkers: steps `begun` + 1 … `ended`. The last row may be part of a word."""

    words: np.ndarray
    at: np.ndarray
    begun: int
    ended: int

    @classmethod
    def of(cls, words: np.ndarray, at: np.ndarray, begun: int, ended: int) -> Slab:
        """The slab of these words for walkers who stand at heights `at` before it."""
        slab = cls(words, np.empty((len(words) + 1, len(at)), at.dtype), begun, ended)
        rises, slab.at[0] = height_within(words, WORD), at
        if slab.tail < WORD:
            rises[-1] = height_within(words[-1], slab.tail)
        for row, rise in enumerate(rises):
            np.add(slab.at[row], rise, out=slab.at[row + 1])
        return slab

    @property
    def tail(self) -> int:
        """Steps in the last row."""
        return self.ended - self.begun - WORD * (len(self.words) - 1)

    def position(self, time: int) -> np.ndarray:
        """Where the walkers are after `time` steps, begun < time <= ended."""
        row, step = divmod(time - self.begun, WORD)
        return self.at[row] + height_within(self.words[row], step) if step else self.at[row]

    def moves(self, walkers: int) -> np.ndarray:
        """Single steps of the first `walkers`, shape (steps, walkers), int8."""
        some = self.words[:, None, :walkers] >> np.arange(WORD, dtype=np.uint16)[None, :, None]
        return ((some & 1).astype(np.int8) * 2 - 1).reshape(-1, some.shape[2])[: self.ended - self.begun]

    @functools.cached_property
    def span(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest height within each word, of the shape of `words`."""
        low = extremes().take(self.words)
        if self.tail < WORD:
            low[-1] = extremes(self.tail).take(self.words[-1])
        high = low >> 8
        low <<= 8
        low >>= 8
        low, high = low.astype(self.at.dtype, copy=False), high.astype(self.at.dtype, copy=False)
        low += self.at[:-1]
        high += self.at[:-1]
        return low, high

    def home(self, touched: np.ndarray, who: np.ndarray | None, last: bool) -> tuple[np.ndarray, np.ndarray]:
        """Of every walker with a touched word, or of those among `who`: its number, and the first (or last) time at 0."""
        weight = np.arange(1, len(touched) + 1, dtype=np.uint8)
        if not last:
            weight = weight[::-1]
        best = (touched.view(np.uint8) * weight[:, None]).max(0)
        walkers = np.flatnonzero(best.astype(bool) if who is None else best.astype(bool) & who)
        row = best.take(walkers).astype(np.intp)
        row = row - 1 if last else len(touched) - row
        place = row * touched.shape[1] + walkers
        length = None
        if self.tail < WORD:
            length = np.where(row == len(touched) - 1, np.uint8(self.tail), np.uint8(WORD))
        words, at = self.words.ravel().take(place), self.at.ravel().take(place)
        return walkers, self.begun + row * WORD + step_at(words, (-at).astype(np.int8), length, last)


def slabs(source: np.random.SFC64, up: float, steps: int, walkers: int) -> Iterator[Slab]:
    """The walk in slabs that fit a processor's cache."""
    dtype = np.int16 if steps < 2**15 - WORD else np.int32
    at, begun = np.zeros(walkers, dtype), 0
    most = max(1, min(SLAB_ROWS, SLAB_WORDS // walkers))
    while begun < steps:
        rows = min(most, -(-(steps - begun) // WORD))
        slab = Slab.of(bits.rows(source, up, (rows, walkers)), at, begun, min(steps, begun + rows * WORD))
        yield slab
        at, begun = slab.at[-1], slab.ended


def ends(source: np.random.SFC64, up: float, steps: int, walkers: int) -> np.ndarray:
    """End points of free walkers, int32: the number of steps up by population count, and nothing kept of the way."""
    risen = np.zeros(walkers, np.int32)
    most, begun = max(1, min(255 // 8, 2 * SLAB_WORDS // walkers)), 0
    while begun < steps:
        count = min(most, -(-(steps - begun) // 8))
        words = bits.rows(source, up, (count, walkers), np.uint8)
        begun += count * 8
        if begun > steps:
            words[-1] &= np.uint8((1 << (8 - (begun - steps))) - 1)
        risen += np.bitwise_count(words).sum(0, dtype=np.uint8)
    return 2 * risen - steps


class Functionals:
    """First return to 0 and last time at 0 of free walkers, kept up to date slab by slab.

    first_return is 0 where a walker has not come back; both are int32, shape (walkers,).
    """

    def __init__(self, walkers: int):
        self.first_return = np.zeros(walkers, np.int32)
        self.last_zero = np.zeros(walkers, np.int32)

    def advance(self, slab: Slab) -> None:
        """Take account of a slab; slabs come in the order of time."""
        low, high = slab.span
        touched = (low <= 0) & (high >= 0)
        for times, who, last in ((self.last_zero, None, True), (self.first_return, self.first_return == 0, False)):
            walkers, at_home = slab.home(touched, who, last)
            times[walkers] = at_home
