"""The four orders of addition as plain loops over exact fractions, each operation rounded to p bits. For tests."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

Round = Callable[[Fraction], Fraction]


def rounding(precision: int, lowest: int) -> Round:
    """To the nearest number with `precision` bits that is a multiple of 2^lowest, ties to even."""

    def nearest(x: Fraction) -> Fraction:
        if x == 0:
            return x
        size = abs(x)
        exponent = size.numerator.bit_length() - size.denominator.bit_length()
        if size < Fraction(2) ** exponent:
            exponent -= 1
        unit = Fraction(2) ** max(exponent - precision + 1, lowest)
        return round(x / unit) * unit

    return nearest


def forward(n: int, fl: Round) -> Fraction:
    total = Fraction(0)
    for k in range(1, n + 1):
        total = fl(total + fl(Fraction(1, k)))
    return total


def backward(n: int, fl: Round) -> Fraction:
    total = Fraction(0)
    for k in range(n, 0, -1):
        total = fl(total + fl(Fraction(1, k)))
    return total


def pairwise(n: int, fl: Round) -> Fraction:
    row = [fl(Fraction(1, k)) for k in range(1, n + 1)]
    while len(row) > 1:
        row = [fl(sum(row[i : i + 2])) for i in range(0, len(row), 2)]
    return row[0]


def kahan(n: int, fl: Round) -> Fraction:
    """Kahan 1965, as in Higham 2002, algorithm 4.2, with c = -e."""
    total = c = Fraction(0)
    for k in range(1, n + 1):
        y = fl(fl(Fraction(1, k)) - c)
        grown = fl(total + y)
        c = fl(fl(grown - total) - y)
        total = grown
    return total


ORDERS: dict[str, Callable[[int, Round], Fraction]] = {"forward": forward, "backward": backward, "pairwise": pairwise, "kahan": kahan}
