"""Random bits that are 1 with chance exactly p, many steps to a machine word.

A bit is 1 when a uniform number u is below p. Both are written in binary, and 64 comparisons run at once in one
word: the first binary place where u and p differ decides. After eight places one bit in 256 is still open; only the
words that hold one are drawn further, so that a step costs about nine random bits and no rounding of p at all.
At p = 1/2 the first place decides everything: one random bit a step.
"""

from __future__ import annotations

import numpy as np

PLACES_BEFORE_SIEVING = 8
PLACES_BETWEEN_SIEVINGS = 4
ALL = np.uint64(2**64 - 1)


def generator(seed: int, *key: int) -> np.random.SFC64:
    """The source of random words of one block of work: the same for the same seed and key on every machine."""
    return np.random.SFC64(np.random.SeedSequence(seed, spawn_key=key))


def binary_places(p: float) -> list[bool]:
    """Binary digits of 0 < p < 1 after the point, the last of them a 1."""
    numerator, denominator = p.as_integer_ratio()
    return [digit == "1" for digit in f"{numerator:0{denominator.bit_length() - 1}b}"]


def bernoulli(source: np.random.SFC64, p: float, words: int) -> np.ndarray:
    """`words` 64-bit words whose bits are independent and 1 with chance p, 0 <= p <= 1."""
    if p in (0, 1):
        return np.full(words, ALL if p else np.uint64(0))
    places = binary_places(p)
    if len(places) == 1:
        return source.random_raw(words)
    ones, open_ = np.zeros(words, np.uint64), np.full(words, ALL)
    _compare(source, places[:PLACES_BEFORE_SIEVING], ones, open_)
    where, done = None, PLACES_BEFORE_SIEVING
    while done < len(places):
        kept = np.flatnonzero(open_)
        if not kept.size:
            break
        where = kept if where is None else where[kept]
        fresh, open_ = np.zeros(kept.size, np.uint64), open_[kept]
        _compare(source, places[done : done + PLACES_BETWEEN_SIEVINGS], fresh, open_)
        ones[where] |= fresh
        done += PLACES_BETWEEN_SIEVINGS
    return ones


def _compare(source: np.random.SFC64, places: list[bool], ones: np.ndarray, open_: np.ndarray) -> None:
    """Compare further binary places of u with those of p, in place: `ones` gains the bits found below p."""
    for place in places:
        u = source.random_raw(open_.size)
        if place:
            ones |= open_ & ~u
            open_ &= u
        else:
            open_ &= ~u


def rows(source: np.random.SFC64, p: float, shape: tuple[int, int], dtype: type = np.uint16) -> np.ndarray:
    """Steps of many walkers: bit j of `rows[i, w]` is step i * size + j of walker w, size being 8 or 16 bits.

    shape: (rows, walkers). dtype: np.uint8 or np.uint16.
    """
    count = shape[0] * shape[1]
    per_word = 8 // np.dtype(dtype).itemsize
    words = bernoulli(source, p, -(-count // per_word))
    return words.view(dtype)[:count].reshape(shape)
