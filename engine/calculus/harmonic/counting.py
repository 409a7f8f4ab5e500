"""The forward sum of any length by counting, exactly: how 2^48 additions in fp64 take a moment instead of days.

While the machine's sum lies in one binade it is a whole number of units u = 2^-q, and adding 1/k moves it by
round(2^q / k) units. That is m for every k up to b_m = floor(2^(q+1) / (2m - 1)), so the terms fall into runs of
equal steps, about sqrt of their number, and a cumulative sum over the runs replaces one over the terms.

Two things must hold, and do for p bits wherever q <= p - 2, which is for sums from 2 on. A tie, 1/k = (m - 1/2) u,
needs (2m - 1) k = 2^(q+1), so m = 1 and k = 2^(q+1): the only one, at the very stall. And rounding the term 1/k
to p bits first never makes a tie of what is none: 1/k is at least 2^-(q+1) of itself away from one.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from engine.calculus.harmonic.summation import Block

RUNS = 1 << 18


def forward_by_counting(precision: int, done: int, total: float, n: int, marks: np.ndarray, runs: int = RUNS) -> Iterator[Block]:
    """The forward sum in `precision` bits, taken on from the first `done` terms, whose sum is `total` >= 2, to n.

    marks: k > done at which the sum is wanted. Yields after every `runs` runs of equal steps, and at the stall.
    """
    while done < n:
        places = precision - int(np.frexp(total)[1])  # q: the sum is a multiple of 2^-q
        units, stall = int(total * 2.0**places), 2 ** (places + 1)
        limit = min(n, stall - 1)
        while done < limit:
            steps, ends, sums = _runs(units, done, limit, places, runs)
            if sums[-1] >= 2**precision:  # the binade ends: go up to the term before
                last = int(np.searchsorted(sums, 2**precision))
                steps, ends, sums = steps[: last + 1], ends[: last + 1], sums[: last + 1]
                over = -(-(int(sums[-1]) - 2**precision + 1) // int(steps[-1]))
                ends[-1] -= over
                sums[-1] -= over * steps[-1]
                limit = int(ends[-1])
            inside = marks[(marks > done) & (marks <= ends[-1])]
            at = np.searchsorted(ends, inside)
            done, units, total = int(ends[-1]), int(sums[-1]), float(sums[-1]) * 2.0**-places
            yield Block(done, inside, (sums[at] - (ends[at] - inside) * steps[at]) * 2.0**-places, total)
        if done < n:  # the term that ends the binade, or the tie at the stall
            done, before = done + 1, total
            total = _rounded(Fraction(total) + Fraction(1, done), precision)
            still = done + (total != before) if done == stall else None
            inside = marks[marks == done] if still is None else marks[marks >= done]
            yield Block(done, inside, np.full(len(inside), total), total, still)
            if still is not None:
                return


def _runs(units: int, done: int, limit: int, places: int, runs: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The next runs of equal steps: their steps in units, their last k, and the sum in units after them."""
    largest = (2 ** (places + 1) // (done + 1) + 1) // 2  # round(2^places / k) for the next k
    steps = np.arange(largest, max(largest - runs, 0), -1, dtype=np.int64)
    ends = np.minimum(2 ** (places + 1) // (2 * steps - 1), limit)
    begins = np.concatenate([[done], ends[:-1]])
    return steps, ends, units + np.cumsum((ends - begins) * steps)


def _rounded(x: Fraction, precision: int) -> float:
    """x >= 1 rounded to `precision` bits, ties to even."""
    exponent = (x.numerator // x.denominator).bit_length() - 1
    unit = Fraction(2) ** (exponent - precision + 1)
    return float(round(x / unit) * unit)
