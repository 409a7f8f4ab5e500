"""Attention by its definition, in numpy float64, and what is read off its weights.

Letters: L layers, H heads, n tokens, d width of a head. Row i of a map is the query's, column j the key's.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

Mask = Literal["causal", "sliding", "prefix"]


def allowed(n: int, mask: Mask = "causal", window: int = 1, prefix: int = 0) -> np.ndarray:
    """Which keys each query may see, (n, n) bool: itself and all before it ("causal"), of those the last `window`
    ("sliding"), or also all of the first `prefix` tokens among each other ("prefix", Liu et al. 2018)."""
    i, j = np.arange(n)[:, None], np.arange(n)[None, :]
    seen = j <= i
    if mask == "sliding":
        return seen & (j > i - window)
    if mask == "prefix":
        return seen | ((i < prefix) & (j < prefix))
    return seen


def scores(q: np.ndarray, k: np.ndarray, scaling: float) -> np.ndarray:
    """q·k for every pair, times `scaling` (1/√d), (n, n), from q and k of shape (n, d)."""
    return q.astype(np.float64) @ k.astype(np.float64).T * scaling


def softmax(s: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """softmax over the keys that are seen; each row must see one. Source: Vaswani et al. 2017, eq. 1."""
    s = np.where(seen, s, -np.inf)
    e = np.exp(s - s.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def entropy(a: np.ndarray) -> np.ndarray:
    """Bits of uncertainty of each row of weights, (…, n) from (…, n, n): 0 for one key, log₂ m for m alike."""
    a = a.astype(np.float64)
    return -(a * np.log2(np.where(a > 0, a, 1.0))).sum(-1)


def distance(a: np.ndarray) -> np.ndarray:
    """How many tokens away each row looks on average, Σ_j a_ij |i − j|, (…, n) from (…, n, n)."""
    n = a.shape[-1]
    away = np.abs(np.arange(n)[:, None] - np.arange(n)[None, :])
    return (a.astype(np.float64) * away).sum(-1)


def even(seen: np.ndarray) -> np.ndarray:
    """The weights of a head that prefers nothing: alike over all keys that are seen."""
    return seen / seen.sum(-1, keepdims=True)
