"""Rotary positions in plain numpy: turning vectors, the matrix that does it, its two layouts, and its arithmetic.

d numbers to a head. Interleaved: pair i is the numbers 2i and 2i + 1. Half-split: the numbers i and i + d / 2.
Source: Su et al. 2021 (RoFormer), eqs. 14 to 16 and 34.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

SHOWN = 12  # rows of the matrices that a page draws
HANDS = 9
NEAR = np.array([1, 2, 4])  # how far before the query the keys lie whose scores are checked in each format


def turn(x: np.ndarray, angles: np.ndarray, layout: str = "interleaved") -> np.ndarray:
    """x (…, d) with its pairs turned by angles (…, d / 2)."""
    c, s = np.cos(angles), np.sin(angles)
    out = np.empty(np.broadcast_shapes(x.shape[:-1], angles.shape[:-1]) + x.shape[-1:], dtype=x.dtype)
    half = x.shape[-1] // 2
    first, second = (
        (slice(0, None, 2), slice(1, None, 2)) if layout == "interleaved" else (slice(0, half), slice(half, None))
    )
    a, b = x[..., first], x[..., second]
    out[..., first], out[..., second] = a * c - b * s, a * s + b * c
    return out


def matrix(position: float, rates: np.ndarray, layout: str = "interleaved") -> np.ndarray:
    """R (d, d) such that R x is x turned by its position: the columns are the turned unit vectors."""
    d = 2 * len(rates)
    return turn(np.eye(d), np.broadcast_to(position * rates, (d, len(rates))), layout).T


def permutation(d: int) -> np.ndarray:
    """P (d, d) that puts interleaved numbers in half-split order: P x is the even ones, then the odd ones."""
    return np.eye(d)[np.concatenate([np.arange(0, d, 2), np.arange(1, d, 2)])]


@dataclass(frozen=True)
class Turning:
    """A query at m and a key at n = m − distance while m runs: the hands turn, their products stand still.

    positions: (f,) of the query. pairs: (h,) the numbers of the pairs drawn, rates: (h,) their radians per position.
    query, key: (f, h, 2) those pairs of numbers, turned. products: (f, d / 2) what each pair adds to the score,
    over the root of d. scores: (f,) their sums.
    """

    positions: np.ndarray
    distance: int
    pairs: np.ndarray
    rates: np.ndarray
    query: np.ndarray
    key: np.ndarray
    products: np.ndarray
    scores: np.ndarray


def turning(q: np.ndarray, k: np.ndarray, rates: np.ndarray, distance: int, start: int, frames: int) -> Turning:
    """Positions start + distance and on, so that the key begins at start."""
    m = start + distance + np.arange(frames)
    turned_q, turned_k = (turn(x, at[:, None] * rates) for x, at in ((q, m), (k, m - distance)))
    pairs = np.unique(np.linspace(0, len(rates) - 1, min(HANDS, len(rates))).round().astype(int))
    as_pairs = lambda x: x.reshape(frames, -1, 2)  # noqa: E731
    products = (as_pairs(turned_q) * as_pairs(turned_k)).sum(-1) / np.sqrt(len(q))
    hands = (as_pairs(x)[:, pairs] for x in (turned_q, turned_k))
    return Turning(m, distance, pairs, rates[pairs], *hands, products, products.sum(1))


@dataclass(frozen=True)
class Composition:
    """R(m)ᵀ R(n) = R(n − m), and what else a rotation promises, checked on the matrices themselves.

    m, n: positions. left, right, product, expected: (h, h) corners of R(m)ᵀ, R(n), their product, R(n − m).
    gap: largest difference of the last two, in full. norm_gap: of |R(m) q| from |q|, relative. inverse_gap: of
    R(m) R(−m) from the identity. half, interleaved, reordered, order: (h, h) R(n) in half-split layout, in
    interleaved layout, P R Pᵀ of the latter, and P. layout_gap: largest difference of the first and the third.
    formats: number formats; far: (p,) positions; error: (formats, p) of scores of near neighbours at those
    positions, over |q||k|, when positions, angles, cosines and turned numbers are kept in that format.
    """

    m: int
    n: int
    left: np.ndarray
    right: np.ndarray
    product: np.ndarray
    expected: np.ndarray
    gap: float
    norm_gap: float
    inverse_gap: float
    half: np.ndarray
    interleaved: np.ndarray
    reordered: np.ndarray
    order: np.ndarray
    layout_gap: float
    formats: tuple[str, ...]
    far: np.ndarray
    error: np.ndarray


def composition(q: np.ndarray, k: np.ndarray, rates: np.ndarray, m: int, n: int) -> Composition:
    """All of it, for one pair of positions."""
    left, right, expected, back = (matrix(p, rates) for p in (m, n, n - m, -m))
    product = left.T @ right
    small = (
        rates[: SHOWN // 2]
        if len(rates) <= SHOWN // 2
        else rates[np.linspace(0, len(rates) - 1, SHOWN // 2).astype(int)]
    )
    corner = [matrix(p, small) for p in (m, n, n - m)]
    order, whole = permutation(len(corner[0])), permutation(len(q))
    half = matrix(n, rates, "half")
    far = np.unique(np.logspace(0, 6, 25).astype(np.int64))
    return Composition(
        m=m, n=n, left=corner[0].T, right=corner[1], product=corner[0].T @ corner[1], expected=corner[2],
        gap=float(np.abs(product - expected).max()),
        norm_gap=float(abs(np.linalg.norm(left @ q) / np.linalg.norm(q) - 1)),
        inverse_gap=float(np.abs(left @ back - np.eye(len(q))).max()),
        half=matrix(n, small, "half"), interleaved=corner[1], reordered=order @ corner[1] @ order.T, order=order,
        layout_gap=float(np.abs(whole @ right @ whole.T - half).max()),
        formats=tuple(FORMATS), far=far, error=np.stack([format_error(q, k, rates, far, f) for f in FORMATS.values()]),
    )  # fmt: skip


def to_bfloat16(x: np.ndarray) -> np.ndarray:
    """Rounded to the nearest bfloat16, ties to even, and kept in float32."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)).view(np.float32)


def _as(dtype: type) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: np.asarray(x).astype(dtype)


FORMATS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "float64": _as(np.float64), "float32": _as(np.float32), "float16": _as(np.float16), "bfloat16": to_bfloat16,
}  # fmt: skip


def format_error(q: np.ndarray, k: np.ndarray, rates: np.ndarray, far: np.ndarray, rounded: Callable) -> np.ndarray:
    """(p,) error of the scores of a query at each position p and the keys `NEAR` before it: the root of their mean
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
