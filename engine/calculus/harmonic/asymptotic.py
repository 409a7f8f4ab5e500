"""The harmonic numbers and their expansion H_n ~ ln n + γ + 1/2n - 1/12n² + 1/120n⁴ - … (DLMF 5.11.2)."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import accumulate

import numpy as np

EULER = 0.5772156649015329
_EULER_DIGITS = Decimal("0.57721566490153286060651209008240243104215933593992")
_DIGITS = 34
# -B_2j / 2j: the coefficients of n^-2, n^-4, …
_EXPANSION = (
    Fraction(-1, 12),
    Fraction(1, 120),
    Fraction(-1, 252),
    Fraction(1, 240),
    Fraction(-1, 132),
    Fraction(691, 32760),
    Fraction(-1, 12),
    Fraction(3617, 8160),
)
_FROM = 32  # from here on the expansion's first terms are exact to rounding
_COEFFICIENTS = [float(c) for c in _EXPANSION]
_SMALL = np.array([0.0, *(float(h) for h in accumulate(Fraction(1, k) for k in range(1, _FROM)))])

TRUNCATIONS = ("ln n", "ln n + γ", "ln n + γ + 1/2n", "… − 1/12n²", "… + 1/120n⁴")


def harmonic(n: np.ndarray | float) -> np.ndarray:
    """H_n of whole numbers n >= 0, any shape, in float64, within a few units of its last place."""
    n = np.asarray(n, np.float64)
    large = np.maximum(n, _FROM)
    series = np.log(large) + (EULER + 0.5 / large + _tail(large, 0, 4))
    return np.where(n < _FROM, _SMALL[np.minimum(n, _FROM - 1).astype(np.int64)], series)


def harmonic_decimal(n: int) -> Decimal:
    """H_n to 30 digits: what errors of fp64 sums are measured against."""
    with localcontext() as context:
        context.prec = _DIGITS
        if n < 128:
            return sum((1 / Decimal(k) for k in range(1, n + 1)), Decimal(0))
        square = Decimal(n) * n
        tail = Decimal(0)
        for c in reversed(_EXPANSION):
            tail = (tail + Decimal(c.numerator) / c.denominator) / square
        return Decimal(n).ln() + _EULER_DIGITS + 1 / (2 * Decimal(n)) + tail


def truncation_errors(n: np.ndarray) -> np.ndarray:
    """H_n minus each of TRUNCATIONS, shape (5, len(n)), without subtracting two nearly equal numbers.

    From 32 on it is the sum of the terms left out. Below, H_n - ln n - γ follows by recurrence down from 32.
    """
    n = np.asarray(n, np.float64)
    large = np.maximum(n, _FROM)
    beyond = np.array([0.5 / large + _tail(large, 0), *(_tail(large, j) for j in range(3))])
    k = np.arange(1, _FROM)
    drops = 1 / (k + 1) - np.log1p(1 / k)  # of H_k - ln k from k to k + 1
    below = 0.5 / _FROM + float(_tail(np.array(float(_FROM)), 0)) - np.cumsum(drops[::-1])[::-1]
    small = below[np.minimum(n, _FROM - 1).astype(np.int64) - 1]
    known = np.array([0 * n, 0.5 / n, 0.5 / n - 1 / (12 * n**2), 0.5 / n - 1 / (12 * n**2) + 1 / (120 * n**4)])
    errors = np.where(n < _FROM, small - known, beyond)
    return np.vstack([errors[0] + EULER, errors])


def terms_for(total: np.ndarray) -> np.ndarray:
    """The least n with H_n >= total, for 0 < total <= 30, any shape."""
    n = np.maximum(np.floor(np.exp(np.asarray(total) - EULER) - 0.5) - 1, 1)
    for _ in range(3):
        n += harmonic(n) < total
    return n.astype(np.int64)


def _tail(n: np.ndarray, skip: int, until: int | None = None) -> np.ndarray:
    """The expansion's terms in n^-2, n^-4, … without the first `skip`."""
    inverse = 1 / (n * n)
    total = np.zeros_like(inverse)
    for c in reversed(_COEFFICIENTS[skip:until]):
        total = (total + c) * inverse
    return total * inverse**skip
