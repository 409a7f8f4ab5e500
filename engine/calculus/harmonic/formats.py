"""Number formats of the machine: the terms 1/k, single additions and running sums, each with exactly one rounding.

fp16, fp32 and fp64 are numpy's own types, bf16 is ml_dtypes'. Their elementwise addition rounds once, and numpy's
`add.accumulate` adds one term after another in the array's own type. (A wider accumulator, such as torch.cumsum's for
16- and 32-bit types, would hide the very effect this lab is about.) fp16 and bf16 add in float32 and round the
sum: since 24 >= 2p + 2, that gives what one rounding of the exact sum gives (Figueroa 1995, "When is double
rounding innocuous?").
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np


@dataclass(frozen=True)
class Format:
    """A binary floating-point format with rounding to nearest, ties to even.

    precision: bits p of the significand, the hidden one included.
    lowest: exponent of the smallest positive (subnormal) number.
    carrier: the numpy type that holds its numbers.
    """

    name: str
    precision: int
    lowest: int
    carrier: type

    @property
    def unit(self) -> float:
        """Unit roundoff u = 2^-p: the largest relative error of one rounding."""
        return 2.0**-self.precision

    @property
    def reach(self) -> int:
        """The last k whose term is not rounded to 0 (half the smallest number is a tie, and goes to 0)."""
        return 2 ** (1 - self.lowest) - 1

    def cast(self, x: np.ndarray) -> np.ndarray:
        """float64 numbers rounded once to this format."""
        return x.astype(self.carrier)

    def terms(self, k: np.ndarray) -> np.ndarray:
        """1/k, correctly rounded, for consecutive k >= 1, rising or falling, as float64.

        The quotient is rounded to float64 first. A second rounding does harm only if the first one hits a midpoint
        m/2^j of the format, m odd with p + 1 bits. But |1/k - m/2^j| >= 1/(k 2^j), which is 2^-j of 1/k, where
        2^j is about m k < 2^(p + 1) k: more than float64's 2^-53 as long as k < 2^(52 - p). Beyond (k >= 2^28
        in fp32) the few midpoints are decided by exact fractions.
        """
        quotients = 1.0 / k
        rounded = self.cast(quotients)
        if self.precision < 53 and max(k[0], k[-1]) >= 2.0 ** (52 - self.precision):
            self._mend_midpoints(k, quotients, rounded)
        return rounded

    def _mend_midpoints(self, k: np.ndarray, quotients: np.ndarray, rounded: np.ndarray) -> None:
        dropped = 53 - self.precision
        low_bits = quotients.view(np.int64) & ((1 << dropped) - 1)
        for at in np.flatnonzero(low_bits == 1 << (dropped - 1)):
            exact, midpoint = Fraction(1, int(k[at])), Fraction(float(quotients[at]))
            if exact != midpoint:
                aside = np.nextafter(quotients[at], np.inf if exact > midpoint else 0.0)
                rounded[at] = self.cast(np.array([aside]))[0]

    def ulp(self, x: np.ndarray | float) -> np.ndarray:
        """Distance from |x| to the next larger number of the format, in float64."""
        significand, exponent = np.frexp(np.abs(np.asarray(x, np.float64)))
        return np.ldexp(1.0, np.where(significand == 0, self.lowest, np.maximum(exponent - self.precision, self.lowest)))


class Half(Format):
    """fp16. Where numpy rounds to subnormal numbers it raises a status flag each time, which takes 20 times as long
    as the rounding; so they are first rounded to multiples of the smallest number, which then convert exactly."""

    def cast(self, x: np.ndarray) -> np.ndarray:
        smallest = 2.0**self.lowest
        subnormal = np.abs(x) < smallest * 2.0 ** (self.precision - 1)
        if subnormal.any():
            x = np.where(subnormal, np.rint(x / smallest) * smallest, x)
        return x.astype(self.carrier)


class Bfloat16(Format):
    """bf16. Its type's own conversion from float64 goes by float32 and may round twice; this one rounds once."""

    def cast(self, x: np.ndarray) -> np.ndarray:
        dropped = 53 - self.precision
        bits = x.astype(np.float64).view(np.int64)
        bits += ((bits >> dropped) & 1) + ((1 << (dropped - 1)) - 1)  # a carry goes to the exponent, as it should
        return (bits & -(1 << dropped)).view(np.float64).astype(self.carrier)


def _bfloat16() -> Format:
    import ml_dtypes

    return Bfloat16("bf16", 8, -133, ml_dtypes.bfloat16)


_MAKERS: dict[str, Callable[[], Format]] = {
    "fp16": lambda: Half("fp16", 11, -24, np.float16),
    "bf16": _bfloat16,
    "fp32": lambda: Format("fp32", 24, -149, np.float32),
    "fp64": lambda: Format("fp64", 53, -1074, np.float64),
}


@functools.cache
def number_format(name: str) -> Format:
    """The format called "fp16", "bf16", "fp32" or "fp64"."""
    return _MAKERS[name]()
