"""Causal linear attention as a recurrence one can watch: a state is written and read, and three forms agree.

n tokens, t of them shown, F features, D numbers to a value. S <- gamma S + phi(k) v^T, z <- gamma z + phi(k).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.attention.linear_attention.features import divided

SHOWN = 16


@dataclass(frozen=True)
class Recurrence:
    """The first tokens one by one, and how far the three forms stray from each other over all of them (fp64).

    queries, keys: (t, F) features. values: (t, D). writes, states: (t, F, D) what token i adds, and the state after.
    sums: (t, F) the running sum of keys z. reads: (t, D) phi(q) S. totals: (t,) phi(q) z. outputs: (t, D) their
    quotient. kept: (t, t) how much of what token j wrote is left at token i (the decay to the power of i - j).
    chunks: (c,) chunk sizes. chunk_difference: (c,) largest |chunked - recurrent|. parallel_difference: the same of
    all pairs at once.
    """

    queries: np.ndarray
    keys: np.ndarray
    values: np.ndarray
    writes: np.ndarray
    states: np.ndarray
    sums: np.ndarray
    reads: np.ndarray
    totals: np.ndarray
    outputs: np.ndarray
    kept: np.ndarray
    chunks: np.ndarray
    chunk_difference: np.ndarray
    parallel_difference: float


def trace(
    q: np.ndarray, k: np.ndarray, v: np.ndarray, decay: float, q_sum: np.ndarray, k_sum: np.ndarray
) -> Recurrence:
    """Run the recurrence over features q, k (n, F) and values v (n, D) with one decay for all tokens.

    q_sum, k_sum: the features in the sum that divides: q and k again, or as they were before a rotation.
    """
    n, t = len(q), min(len(q), SHOWN)
    writes = k[:, :, None] * v[:, None, :]
    states, sums = np.empty_like(writes), np.empty_like(k)
    state, total = np.zeros_like(writes[0]), np.zeros_like(k[0])
    for i in range(n):
        state, total = decay * state + writes[i], decay * total + k_sum[i]
        states[i], sums[i] = state, total
    reads, totals = np.einsum("nf,nfd->nd", q, states), (q_sum * sums).sum(1)
    outputs = divided(reads, totals[:, None])
    left = kept(n, True, decay)
    weights = (q @ k.T) * left
    pairs = divided(weights @ v, ((q_sum @ k_sum.T) * left).sum(1, keepdims=True))
    chunks = np.unique([min(size, n) for size in (4, 7, 16, n)])
    strays, wide = [], np.concatenate([v, np.ones((n, 1))], axis=1)
    for chunk in chunks.tolist():
        # The sum that divides is one more value, 1 for every token, unless its features are not the same.
        above = chunked(q, k, wide, decay, chunk)
        below = above[:, -1:] if q is q_sum else chunked(q_sum, k_sum, wide[:, -1:], decay, chunk)
        strays.append(np.abs(divided(above[:, :-1], below) - outputs).max())
    return Recurrence(
        q[:t], k[:t], v[:t], writes[:t], states[:t], sums[:t], reads[:t], totals[:t], outputs[:t], left[:t, :t],
        chunks, np.array(strays), float(np.abs(pairs - outputs).max()),
    )  # fmt: skip


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
