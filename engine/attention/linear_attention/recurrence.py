"""Causal linear attention as a recurrence one can watch: a state is written and read, and three forms agree.

n tokens, t of them shown, F features, D numbers to a value. S <- gamma S + phi(k) v^T, z <- gamma z + phi(k).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from engine.attention.linear_attention.features import divided
from engine.attention.linear_attention.result import Recurrence

SHOWN = 16


def trace(q: Float[np.ndarray, "n F"], k: Float[np.ndarray, "n F"], v: Float[np.ndarray, "n D"], decay: float) -> Recurrence:
    """Run the recurrence over features q, k and values v with one decay for all tokens; show the first of them."""
    n, t = len(q), min(len(q), SHOWN)
    writes = k[:, :, None] * v[:, None, :]
    states, sums = np.empty_like(writes), np.empty_like(k)
    state, total = np.zeros_like(writes[0]), np.zeros_like(k[0])
    for i in range(n):
        state, total = decay * state + writes[i], decay * total + k[i]
        states[i], sums[i] = state, total
    reads, totals = np.einsum("nf,nfd->nd", q, states), (q * sums).sum(1)
    outputs = divided(reads, totals[:, None])
    left = kept(n, True, decay)
    weights = (q @ k.T) * left
    pairs = divided(weights @ v, weights.sum(1, keepdims=True))
    chunks = np.unique([min(size, n) for size in (4, 7, 16, n)])
    wide = np.concatenate([v, np.ones((n, 1))], axis=1)  # the sum that divides is one more value, 1 for every token
    sliced = [chunked(q, k, wide, decay, chunk) for chunk in chunks.tolist()]
    strays = [np.abs(divided(x[:, :-1], x[:, -1:]) - outputs).max() for x in sliced]
    shown = (x[:t] for x in (writes, states, sums, reads, totals, outputs))
    return Recurrence(*shown, left[:t, :t], chunks, np.array(strays), float(np.abs(pairs - outputs).max()))


def kept(n: int, causal: bool, decay: float) -> np.ndarray:
    """How much of token j's weight is left at token i (n, n): the mask, and the decay to the power of i - j."""
    if not causal:
        return np.ones((n, n))
    apart = np.arange(n)[:, None] - np.arange(n)
    return np.where(apart >= 0, decay ** np.maximum(apart, 0.0), 0.0)


def chunked(q: np.ndarray, k: np.ndarray, v: np.ndarray, decay: float, chunk: int) -> np.ndarray:
    """The sums of the chunked form, not yet divided: all pairs inside a chunk of tokens, a state between chunks."""
    state, out = np.zeros((k.shape[1], v.shape[1])), np.empty_like(v)
    powers = decay ** np.arange(chunk + 1.0)[:, None]
    between = np.tril(powers[:-1] / powers[:-1, 0])
    for start in range(0, len(q), chunk):
        q_, k_, v_ = (x[start : start + chunk] for x in (q, k, v))
        length = len(q_)
        pairs = (q_ @ k_.T) * between[:length, :length]
        out[start : start + length] = pairs @ v_ + (q_ * powers[1 : length + 1]) @ state
        state = powers[length] * state + (k_ * powers[length - 1 :: -1]).T @ v_
    return out
