"""H_n summed on the machine: forward, backward, pairwise and Kahan, one rounding per addition, in that very order.

Each order is a generator over blocks of terms, so that memory is bounded and a person can stop it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from engine.calculus.harmonic.formats import Format

BLOCK = 1 << 14  # several arrays of this many terms stay in a core's own cache
WIDE_BLOCK = 1 << 16
FIRST_GUESS = 1 << 7  # Kahan's blocks grow from here as long as guesses are nearly right
EASY = 4


@dataclass(frozen=True)
class Block:
    """What a block of additions did.

    done: terms added so far. marks, sums: the marks k that lie in the block, and the running sum once 1/k was in.
    total: the sum so far (Kahan: without the correction in hand). still_from: the first k whose term, like all
    later ones, leaves the machine's state as it was; None while sums still change.
    """

    done: int
    marks: np.ndarray
    sums: np.ndarray
    total: float
    still_from: int | None = None


def forward(fmt: Format, n: int, marks: np.ndarray) -> Iterator[Block]:
    """1 + 1/2 + 1/3 + …, until the sum stalls: rounding is monotone, so no smaller term can move it again."""
    total = fmt.carrier(0)
    for first in range(1, n + 1, BLOCK):
        k = _indices(first, min(first + BLOCK - 1, n))
        sums = running(total, fmt.terms(k))
        still = None
        if sums[-1] == (sums[-2] if len(k) > 1 else total):
            still = first if sums[-1] == total else first + int(np.searchsorted(sums, sums[-1])) + 1
        total = sums[-1]
        yield Block(first + len(k) - 1, *_pick(marks, first, sums, still is not None), float(total), still)
        if still is not None:
            return


def backward(fmt: Format, n: int, marks: np.ndarray) -> Iterator[Block]:
    """1/n + 1/(n-1) + … + 1. Terms that are 0 in the format change nothing and are passed over."""
    total, start = fmt.carrier(0), min(n, fmt.reach)
    if start < n:
        early = marks[marks > start]
        yield Block(n - start, early, np.zeros(len(early)), 0.0)
    for last in range(start, 0, -BLOCK):
        k = _indices(max(last - BLOCK + 1, 1), last)
        sums = running(total, fmt.terms(k)[::-1])
        total = sums[-1]
        yield Block(n - int(k[0]) + 1, *_pick(marks, int(k[0]), sums[::-1], False), float(total))


def pairwise(fmt: Format, n: int, marks: np.ndarray) -> Iterator[Block]:
    """Neighbours are added in pairs, then their sums in pairs, and so on; a last odd one waits for the next round.

    Terms that are 0 in the format change nothing and are passed over. Blocks are aligned, so each is a subtree.
    """
    n_nonzero = min(n, fmt.reach + 1)
    subtrees: list[tuple[int, np.ndarray]] = []  # (terms, sum), larger ones first, as the bits of a binary counter
    for first in range(1, n_nonzero + 1, WIDE_BLOCK):
        last = min(first + WIDE_BLOCK - 1, n_nonzero)
        terms = fmt.terms(_indices(first, last))
        inside = marks[(marks >= first) & (marks <= last)]
        sums = [_join([*subtrees, (0, tree(terms[: mark - first + 1]))]) for mark in inside.tolist()]
        subtrees.append((len(terms), tree(terms)))
        total = _join(subtrees)
        yield Block(last, inside, np.array(sums, np.float64), total)
        while len(subtrees) > 1 and subtrees[-1][0] == subtrees[-2][0]:
            (size, right), (_, left) = subtrees.pop(), subtrees.pop()
            subtrees.append((2 * size, left + right))
    if n > n_nonzero:
        late = marks[marks > n_nonzero]
        yield Block(n, late, np.full(len(late), total), total)


def tree(x: np.ndarray) -> np.ndarray:
    """The pairwise sum of x, shape (1,)."""
    while len(x) > 1:
        odd = x[len(x) - len(x) % 2 :]
        x = x[0 : len(x) - 1 : 2] + x[1::2]
        if len(odd):
            x = np.concatenate([x, odd])
    return x


def _join(subtrees: list[tuple[int, np.ndarray]]) -> float:
    """The sum of subtrees of falling size: the smallest waits until a larger neighbour is ready for it."""
    total = subtrees[-1][1]
    for _, left in reversed(subtrees[:-1]):
        total = left + total
    return float(total[0])


def kahan(fmt: Format, n: int, marks: np.ndarray) -> Iterator[Block]:
    """Kahan's compensated sum, forward: y = 1/k + e; s' = s + y; e = y - (s' - s). Four operations, each rounded.

    e = -c, the error still to be made good. Source: Kahan 1965; Higham 2002, algorithm 4.2.
    Once neither s nor e moves they never will: rounding is monotone, and the terms shrink.
    """
    total, error = fmt.carrier(0), fmt.carrier(0)
    first, size = 1, FIRST_GUESS
    while first <= n:
        k = _indices(first, min(first + size - 1, n))
        # H_k - H_(first-1) but for what does not matter to a guess
        growth = np.log(k + 0.5) - np.log(first - 0.5)
        guess = fmt.cast(float(total) + float(error) + growth)
        sums, chain, rounds = compensated(total, error, fmt.terms(k), guess)
        still = None
        if chain[-2] == chain[-3]:  # the last y is the error it began with
            moved = np.flatnonzero(chain[1::2] != chain[:-1:2])
            still = first + (int(moved[-1]) + 1 if len(moved) else 0)
        total, error = sums[-1], chain[-1]
        yield Block(first + len(k) - 1, *_pick(marks, first, sums, still is not None), float(total), still)
        if still is not None:
            return
        first += len(k)
        size = min(2 * size, BLOCK) if rounds <= EASY else max(size // 2, FIRST_GUESS)


def compensated(total: np.floating, error: np.floating, terms: np.ndarray, guess: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Kahan's sums s_1, s_2, …, the chain e_0, y_1, e_1, y_2, e_2, …, and the rounds that it took to be sure.

    The chain is one running sum: e_0 + t_1 - d_1 + t_2 - d_2 + … It needs d = s' - s; so the sums are guessed, the
    chain is added up from the guess one term after another, and then s' = s + y is computed and compared with
    the guess at every term. All equal: by induction each operation had the loop's own operands, and these are the
    loop's numbers, bit for bit. Otherwise all is right before the first difference, and s' there too: s' is the
    next guess.
    """
    steps = np.empty(2 * len(terms) + 1, terms.dtype)
    steps[0], steps[1::2] = error, terms
    before = np.empty_like(guess)
    rounds = 0
    while True:
        rounds += 1
        before[0], before[1:] = total, guess[:-1]
        np.subtract(before, guess, out=steps[2::2])
        chain = np.add.accumulate(steps)
        sums = before + chain[1::2]
        if np.array_equal(sums, guess):
            return sums, chain, rounds
        guess = sums


def running(start: np.floating, terms: np.ndarray) -> np.ndarray:
    """(start + t_1) + t_2 + …: every partial sum, one rounding per addition. Shape (len(terms),)."""
    steps = np.empty(len(terms) + 1, terms.dtype)
    steps[0], steps[1:] = start, terms
    return np.add.accumulate(steps)[1:]


ORDERS: dict[str, Callable[[Format, int, np.ndarray], Iterator[Block]]] = {
    "forward": forward,
    "backward": backward,
    "pairwise": pairwise,
    "kahan": kahan,
}


def _indices(first: int, last: int) -> np.ndarray:
    return np.arange(first, last + 1, dtype=np.float64)


def _pick(marks: np.ndarray, first: int, sums: np.ndarray, to_the_end: bool) -> tuple[np.ndarray, np.ndarray]:
    """The marks in a block that begins at k = first, with their sums; with all later marks once nothing changes."""
    inside = marks[(marks >= first) & ((marks < first + len(sums)) | to_the_end)]
    return inside, sums[np.minimum(inside - first, len(sums) - 1)].astype(np.float64)
