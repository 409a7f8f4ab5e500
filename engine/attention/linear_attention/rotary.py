"""Rotary positions: features turned by their token's position, so that products depend on the distance alone.

Source: Su et al. 2021 (RoFormer), eqs. 15 and 34 to 37, and eq. 19 for linear attention.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Rotary:
    """What rotation does to the product of one query's and one key's features.

    offsets: (o,) key's position less the query's. scores: (p, o) the product with the query at each of `positions`
    (p,): the rows are one. spread: the largest difference between them. bound: (o,) mean over pairs of the length of
    the summed turns, over its value at 0, which bounds how products fall with distance (eq. 37).
    """

    offsets: np.ndarray
    positions: np.ndarray
    scores: np.ndarray
    spread: float
    bound: np.ndarray


def frequencies(width: int, base: float) -> np.ndarray:
    """Radians per position of each pair of numbers; an odd last number stays unturned."""
    return base ** (-np.arange(width // 2) * 2 / width)


def rotate(x: np.ndarray, base: float, positions: np.ndarray | None = None) -> np.ndarray:
    """x (n, F) with pairs (2i, 2i + 1) turned by position times frequency; positions are 0 to n - 1 unless given."""
    n, width = x.shape
    turns = (np.arange(n) if positions is None else positions)[:, None] * frequencies(width, base)
    c, s, even = np.cos(turns), np.sin(turns), width // 2 * 2
    out = np.array(x)
    a, b = x[:, 0:even:2], x[:, 1:even:2]
    out[:, 0:even:2], out[:, 1:even:2] = a * c - b * s, a * s + b * c
    return out


def relative(fq: np.ndarray, fk: np.ndarray, base: float) -> Rotary:
    """The product of one query's features (F,) and one key's, at each distance and from several positions."""
    offsets, positions = np.arange(-64, 65), np.array([64, 200, 1000])
    places = (positions[:, None] + offsets).ravel()
    queries = rotate(np.broadcast_to(fq, (len(positions), len(fq))), base, positions)
    keys = rotate(np.broadcast_to(fk, (len(places), len(fk))), base, places)
    scores = np.matmul(keys.reshape(len(positions), len(offsets), -1), queries[:, :, None])[..., 0]
    turns = np.exp(1j * offsets[:, None] * frequencies(len(fq), base)) if len(fq) > 1 else np.ones((len(offsets), 1))
    lengths = np.abs(np.cumsum(turns, axis=1)).mean(1)
    return Rotary(offsets, positions, scores, float(np.ptp(scores, axis=0).max()), lengths / lengths[offsets == 0])
