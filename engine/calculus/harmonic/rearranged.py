"""The alternating series 1 - 1/2 + 1/3 - 1/4 + …, rearranged so that it tends to any target (Riemann 1854).

Greedy: while the sum is at most the target take the next of 1, 1/3, 1/5, …, else subtract the next of 1/2, 1/4, ….
With P(p) = 1 + 1/3 + … + 1/(2p-1) = H_2p - H_p/2 and N(q) = 1/2 + … + 1/2q = H_q/2, the (q+1)-th subtraction
comes when for the first time P(p) > target + N(q). That p is found by inverting P, so no term need be passed through.
"""

from __future__ import annotations

import numpy as np

from engine.calculus.harmonic.asymptotic import EULER, harmonic
from engine.calculus.harmonic.result import Rearranged

FOLLOWED = 10**12  # beyond, float64 no longer tells neighbouring p apart
PATH = 160
CHECKPOINTS = 160


def rearrange(target: float, terms: int) -> Rearranged:
    """The rearrangement to `target`, -12 to 12, followed for min(terms, 10^12) terms."""
    terms = min(terms, FOLLOWED)
    head = np.arange(0, min(terms, PATH) + 1)
    taken = np.unique(np.round(np.geomspace(1, terms, CHECKPOINTS)).astype(np.int64))
    positives, negatives, sums = _after(target, np.concatenate([head, taken]))
    first = slice(1, len(head))
    added = np.diff(positives[: len(head)]) == 1
    path, path_sums = np.where(added, 2 * positives[first] - 1, -2 * negatives[first]), sums[first]
    positives, negatives, sums = (a[len(head) :] for a in (positives, negatives, sums))
    with np.errstate(divide="ignore"):
        bound = np.maximum(1 / (2 * positives - 1.0), 0.5 / negatives)
    bound[(positives == 0) | (negatives == 0)] = np.nan
    ratio = float(positives[-1] / negatives[-1]) if negatives[-1] else float("nan")
    return Rearranged(
        target, terms, path, path_sums, taken, sums, positives, negatives, sums - target, bound, ratio, float(np.exp(2 * target) / 4)
    )


def _after(target: float, taken: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positives, negatives and the sum after each number of terms taken."""
    negatives = subtracted(target, taken)
    return taken - negatives, negatives, positive_sum(taken - negatives) - harmonic(negatives) / 2


def positive_sum(p: np.ndarray) -> np.ndarray:
    """P(p) = 1 + 1/3 + … + 1/(2p - 1)."""
    return harmonic(2 * np.asarray(p, np.float64)) - harmonic(p) / 2


def positives_needed(level: np.ndarray) -> np.ndarray:
    """The least p with P(p) > level. As P(p) = ln p / 2 + ln 2 + γ/2 + 1/48p² - …, the real root lies less than
    0.06 below e^(2 level - γ)/4 where it is 1 or more."""
    below = np.maximum(np.floor(np.exp(2 * (level - np.log(2)) - EULER) - 0.06), 0)
    return np.where(level < 0, 0, below + 1 + (positive_sum(below + 1) <= level))


def subtracted(target: float, taken: np.ndarray) -> np.ndarray:
    """How many of the first `taken` terms are subtracted.

    The (q+1)-th subtraction is term number p(q) + q + 1, where p(q) = positives_needed(target + N(q)) is about
    e^(2 target)/4 (q + 1/2): q is found from that line, and put right by stepping.
    """
    slope = np.exp(2 * target) / 4
    q = np.maximum(np.floor((taken - 1 - slope / 2) / (1 + slope)) - 1, 0)
    for _ in range(3):
        q += positives_needed(target + harmonic(q) / 2) + q + 1 <= taken
    return q.astype(np.int64)
