"""Back at the origin: exact chances for every finite number of steps, in one, two and three dimensions.

At p = 1/2 a walk is home after 2k steps with chance u_k. Every way home has as many steps up as down on each axis, so
at another p both u_k and the chance f_k of the *first* return there are those at 1/2 times (4 p q)^k: one table of f
per dimension serves every p. Steps are counted in pairs throughout this module: index k stands for 2k steps.
"""

from __future__ import annotations

import math

import numpy as np

from engine.core.recent import remembered

POLYA = 0.340537329550999142833
"""Chance that the walk in three dimensions ever returns (Pólya 1921; the value by Watson's integral, OEIS A086230)."""


@remembered(64)
def home(dimension: int, pairs: int) -> np.ndarray:
    """u_0 … u_pairs at p = 1/2: chance to be at the origin after 2k steps.

    1-D: C(2k, k) / 4^k. 2-D: its square. 3-D: by the recurrence of OEIS A002896, whose wanted solution dominates.
    """
    k = np.arange(1.0, pairs + 1)
    if dimension < 3:
        return np.concatenate([[1.0], np.cumprod(1 - 1 / (2 * k)) ** dimension])
    u = [1.0, 1 / 6]
    for n in range(2, pairs + 1):
        now = 2 * (2 * n - 1) * (10 * n * n - 10 * n + 3) * u[-1] - (n - 1) * (2 * n - 1) * (2 * n - 3) * u[-2]
        u.append(now / (36 * n**3))
    return np.array(u[: pairs + 1])


@remembered(64)
def _first_up_to(dimension: int, pairs: int) -> np.ndarray:
    """f_0 … f_pairs at p = 1/2, from F(s) = 1 - 1/U(s) by Newton's iteration on power series."""
    u = home(dimension, pairs)
    if dimension == 1:
        return np.concatenate([[0.0], u[1:] / (2 * np.arange(1, pairs + 1) - 1)])
    inverse, known = np.array([1.0]), 1
    while known <= pairs:
        known = min(2 * known, pairs + 1)
        length = 1 << (3 * known - 1).bit_length()
        a, b = np.fft.rfft(u[:known], length), np.fft.rfft(inverse, length)
        inverse = np.fft.irfft(b * (2 - a * b), length)[:known]
    inverse *= -1
    inverse[0] = 0
    return inverse


def first(dimension: int, up: float, steps: int) -> np.ndarray:
    """Chance that the first return to the origin happens at step 2k, k = 0 … steps // 2.

    Source: Feller, An Introduction to Probability Theory I, XIII.3, eq. 3.1 (renewal equation).
    """
    pairs = steps // 2
    table = _first_up_to(dimension, 1 << max(6, pairs.bit_length()))[: pairs + 1]
    return table * (4 * up * (1 - up)) ** np.arange(pairs + 1)


def returned(dimension: int, up: float, steps: int) -> np.ndarray:
    """Chance to have been back at the origin within 2k steps, k = 0 … steps // 2."""
    return first(dimension, up, steps).cumsum()


def last_zero(dimension: int, up: float, steps: int) -> np.ndarray:
    """Chance that the last visit to the origin within `steps` steps is at step 2k, k = 0 … steps // 2.

    Home after 2k steps, and no return in the rest. At p = 1/2 on a line and for even `steps` this is the discrete
    arcsine law u_k u_{n-k} (Feller I, III.4, theorem 1).
    """
    pairs = steps // 2
    at_home = home(dimension, 1 << max(6, pairs.bit_length()))[: pairs + 1]
    at_home = at_home * (4 * up * (1 - up)) ** np.arange(pairs + 1)
    return at_home * (1 - returned(dimension, up, steps)[::-1])


def ever(dimension: int, up: float) -> float:
    """Chance of ever returning: 1 - 1/U, U being the mean number of visits to the origin, the start included.

    1-D: 1 - |2p - 1|. 2-D: 1 - agm(1, |2p - 1|). 3-D: Joyce's closed form of the cubic lattice's Green function.
    Source: Joyce 1998, J. Phys. A 31, 5105, eq. 1.5 (3-D); the complete elliptic integral by Gauss's mean (2-D, 3-D).
    """
    lean = abs(2 * up - 1)
    if dimension == 1:
        return 1 - lean
    if dimension == 2:
        return 1 - _mean(1.0, lean)
    if lean == 0:
        return POLYA
    z2 = 4 * up * (1 - up)
    xi = math.sqrt((1 - math.sqrt(1 - z2 / 9)) / (1 + lean))
    below = (1 - xi) ** 3 * (1 + 3 * xi)
    visits = (1 - 9 * xi**4) / below / _mean(1.0, math.sqrt(max(0.0, 1 - 16 * xi**3 / below))) ** 2
    return 1 - 1 / visits


def _mean(a: float, b: float) -> float:
    """Arithmetic–geometric mean of a > 0 and b >= 0."""
    if b == 0:
        return 0.0
    while abs(a - b) > 1e-15 * a:
        a, b = (a + b) / 2, math.sqrt(a * b)
    return a
