"""Rotary positions in plain numpy: turning vectors in two layouts, and what number formats do to it.

d numbers to a head. Interleaved: pair i is the numbers 2i and 2i + 1. Half-split: the numbers i and i + d / 2.
Source: Su et al. 2021 (RoFormer), eq. 34.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from engine.attention.position_encoding.result import Formats, Turning

HANDS = 9  # pairs that are drawn
NEAR = np.array([1, 2, 4])  # how far before the query the keys lie whose scores are checked in each format


def turn(x: Float[np.ndarray, "*n d"], angles: Float[np.ndarray, "*n pairs"], layout: str = "interleaved") -> Float[np.ndarray, "*n d"]:
    """x with its pairs turned by angles."""
    c, s = np.cos(angles), np.sin(angles)
    out = np.empty(np.broadcast_shapes(x.shape[:-1], angles.shape[:-1]) + x.shape[-1:], dtype=x.dtype)
    half = x.shape[-1] // 2
    first, second = (slice(0, None, 2), slice(1, None, 2)) if layout == "interleaved" else (slice(0, half), slice(half, None))
    a, b = x[..., first], x[..., second]
    out[..., first], out[..., second] = a * c - b * s, a * s + b * c
    return out


def turning(q: np.ndarray, k: np.ndarray, rates: np.ndarray, distance: int, start: int, frames: int) -> Turning:
    """Positions start + distance and on, so that the key begins at start."""
    m = start + distance + np.arange(frames)
    turned_q, turned_k = (turn(x, at[:, None] * rates) for x, at in ((q, m), (k, m - distance)))
    pairs = np.unique(np.linspace(0, len(rates) - 1, min(HANDS, len(rates))).round().astype(int))
    as_pairs = lambda x: x.reshape(frames, -1, 2)  # noqa: E731
    products = (as_pairs(turned_q) * as_pairs(turned_k)).sum(-1) / np.sqrt(len(q))
    hands = (as_pairs(x)[:, pairs] for x in (turned_q, turned_k))
    return Turning(m, distance, pairs, rates[pairs], *hands, products, products.sum(1))


def to_bfloat16(x: np.ndarray) -> np.ndarray:
    """Rounded to the nearest bfloat16, ties to even, and kept in float32."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)).view(np.float32)


def _as(dtype: type) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: np.asarray(x).astype(dtype)


FORMATS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "float64": _as(np.float64),
    "float32": _as(np.float32),
    "float16": _as(np.float16),
    "bfloat16": to_bfloat16,
}


def formats(q: Float[np.ndarray, " d"], k: Float[np.ndarray, " d"], rates: Float[np.ndarray, " pairs"]) -> Formats:
    """Every format at positions up to a million."""
    far = np.unique(np.logspace(0, 6, 25).astype(np.int64))
    return Formats(tuple(FORMATS), far, np.stack([format_error(q, k, rates, far, f) for f in FORMATS.values()]))


def format_error(q: np.ndarray, k: np.ndarray, rates: np.ndarray, far: Int[np.ndarray, " p"], rounded: Callable) -> Float[np.ndarray, " p"]:
    """Error of the scores of a query at each position p and the keys `NEAR` before it: the root of their mean
    square, over |q||k|; NaN where a number overflows.

    Positions, rates, angles, cosines and turned numbers are rounded to the format; the sum of products is exact.
    """
    wide = (lambda x: x.astype(np.float32)) if rounded is not FORMATS["float64"] else (lambda x: x)

    def turned(x: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        angles = wide(rounded(wide(rounded(at))[..., None] * wide(rounded(rates))))
        c, s = wide(rounded(np.cos(angles))), wide(rounded(np.sin(angles)))
        a, b = wide(rounded(x[0::2])), wide(rounded(x[1::2]))
        return rounded(a * c - b * s).astype(np.float64), rounded(a * s + b * c).astype(np.float64)

    with np.errstate(over="ignore", invalid="ignore"):
        (qa, qb), (ka, kb) = turned(q, far), turned(k, far[:, None] - NEAR)
        scores = (ka * qa[:, None] + kb * qb[:, None]).sum(-1)
    exact = turn(k, -NEAR[:, None] * rates) @ q
    return np.sqrt(((scores - exact) ** 2).mean(1)) / (np.linalg.norm(q) * np.linalg.norm(k))
