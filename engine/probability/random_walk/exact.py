"""Exact laws of the free walk for finitely many steps, and the normal law they tend to.

n or t: steps; p: chance of a step up, q = 1 - p; x: site.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float
from numpy import ndarray

_SERIES = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188)
_SMALL = np.array([0.0] + [math.lgamma(k + 1) - (k + 0.5) * math.log(k) + k - 0.5 * math.log(2 * math.pi) for k in range(1, 16)])


def stirling_error(k: np.ndarray) -> np.ndarray:
    """ln k! less Stirling's approximation of it, to rounding, for whole numbers k >= 0 (0 is given 0)."""
    inverse = 1 / np.maximum(k, 16.0)
    square, total = inverse * inverse, 0.0
    for term in reversed(_SERIES):
        total = total * square + term
    return np.where(k < 16, _SMALL.take(np.minimum(k, 15).astype(np.intp)), total * inverse)


def binomial(n: np.ndarray, p: float, k: np.ndarray) -> np.ndarray:
    """P(Bin(n, p) = k) for n >= 1, broadcasting, accurate to about 1e-13 even at n = 100,000; 0 outside 0 … n.

    Source: Loader 2000, Fast and accurate computation of binomial probabilities.
    """
    n, k = np.broadcast_arrays(np.asarray(n, float), np.asarray(k, float))
    if p in (0, 1):
        return (k == p * n).astype(float)
    inner = np.clip(k, 1, np.maximum(n - 1, 1))
    rest = np.maximum(n - inner, 1)
    with np.errstate(over="ignore"):
        exponent = stirling_error(n) - stirling_error(inner) - stirling_error(rest)
        exponent -= _deviance(inner, n * p) + _deviance(rest, n * (1 - p))
        law = np.exp(exponent) * np.sqrt(n / (2 * math.pi * inner * rest))
    law = np.where(k == 0, np.exp(n * math.log1p(-p)), law)
    law = np.where(k == n, np.exp(n * math.log(p)), law)
    return np.where((k < 0) | (k > n), 0.0, law)


def _deviance(k: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """k ln(k / mean) + mean - k, without cancellation near the mean."""
    gap = k - mean
    return k * np.log1p(gap / mean) - gap


def walk(times: np.ndarray, p: float, lowest: np.ndarray, width: int) -> np.ndarray:
    """Law of the walk on a line: chance of sites lowest … lowest + width - 1 after each time, 0 where parity forbids.

    times, lowest: shape (t,). Returns shape (t, width).
    """
    times, lowest = np.asarray(times)[:, None], np.asarray(lowest)[:, None]
    first = (times + lowest) % 2
    sites = lowest + first + 2 * np.arange((width + 1) // 2)
    law = np.zeros((len(times), width + 2))
    np.put_along_axis(law, sites - lowest, binomial(times, p, (times + sites) // 2), 1)
    return law[:, :width]


def axis(times: np.ndarray, p: float, dimension: int, lowest: np.ndarray, width: int) -> np.ndarray:
    """Law of one coordinate in `dimension` dimensions: it rests with chance 1 - 1/d, else steps up with chance p.

    By Fourier inversion of its characteristic function on a ring of sites so large that what wraps round is below
    rounding; the error is about 1e-16 absolute. Shapes as in `walk`.
    """
    times, lowest = np.asarray(times), np.asarray(lowest)
    ring = 1 << (2 * width - 1).bit_length()
    turn = 2 * math.pi * np.arange(ring // 2 + 1) / ring
    wave = (1 - 1 / dimension) + (np.cos(turn) + (2 * p - 1) * 1j * np.sin(turn)) / dimension
    log = np.log(wave + 1e-300)
    law = np.fft.irfft(np.exp(np.conj(times[:, None] * log + 1j * (-lowest[:, None] * turn))), ring, axis=1)
    return np.maximum(law[:, :width], 0)


def normal(x: Float[ndarray, "*k"], width: float, mean: Float[ndarray, "*k"], sigma: Float[ndarray, "*k"]) -> Float[ndarray, "*k"]:
    """What the normal law gives to stretches of `width` around each x, broadcasting; sigma > 0."""
    from scipy.special import ndtr

    return ndtr((x + width / 2 - mean) / sigma) - ndtr((x - width / 2 - mean) / sigma)


def normal_cells(edges: Float[ndarray, " k+1"], mean: Float[ndarray, "*t"], sigma: Float[ndarray, "*t"]) -> Float[ndarray, "*t k"]:
    """What the normal law gives to the cells between neighbouring edges: with shared edges nothing is lost to rounding."""
    from scipy.special import ndtr

    return np.diff(ndtr((edges - mean) / sigma))


def multiplied_out(p: float, powers: int) -> np.ndarray:
    """Coefficients of (p x + q / x)^k, k = 0 … powers, multiplied out one factor at a time.

    Row k, column powers + j holds the coefficient of x^j, which is the chance to stand at j after k steps.
    """
    rows = np.zeros((powers + 1, 2 * powers + 1))
    rows[0, powers] = 1
    for k in range(powers):
        rows[k + 1, 1:] += p * rows[k, :-1]
        rows[k + 1, :-1] += (1 - p) * rows[k, 1:]
    return rows
