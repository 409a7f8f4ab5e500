"""The online softmax on an example small enough to read: every tile, every running number, every float moved.

n tokens, d numbers to a token, b rows and c columns to a tile, t tiles visited. A tile wholly above the diagonal is
never visited. Source: Dao et al. 2022, algorithm 1, in the loop order of Dao 2023; Milakov and Gimelshein 2018.
"""

from __future__ import annotations

import itertools

import numpy as np
from jaxtyping import Float

from engine.attention.flash_attention.parameters import MOST_TILES
from engine.attention.flash_attention.result import Passes, Steps

HALF_MOST = 65_504.0  # the largest number in half precision


def example(tokens: int, width: int, sharpness: float, seed: int) -> tuple[Float[np.ndarray, "n d"], ...]:
    """Random q, k, v, to two decimals; scores q k / sqrt(width) vary by about `sharpness`."""
    generator = np.random.Generator(np.random.PCG64(seed))
    q, k, v = generator.standard_normal((3, tokens, width))
    return np.round(q * sharpness, 2), np.round(k, 2), np.round(v, 2)


def trace(
    q: Float[np.ndarray, "n d"], k: Float[np.ndarray, "n d"], v: Float[np.ndarray, "n d"], rows: int, columns: int, causal: bool
) -> Steps:
    """FlashAttention's forward pass over tiles of `rows` x `columns`, with everything that it holds on the way.

    Tiles that would be more than `MOST_TILES` to a side are made larger.
    """
    n, d = q.shape
    rows, columns = (min(max(size, -(-n // MOST_TILES)), n) for size in (rows, columns))
    scores = q @ k.T / np.sqrt(d)
    if causal:
        scores[np.triu_indices(n, 1)] = -np.inf
    weights, lse = _softmax(scores)
    output = weights @ v
    corners = list(itertools.product(range(0, n, rows), range(0, n, columns)))
    visited = [(i, j) for i, j in corners if not causal or j < i + rows]
    state = _fold(scores, v, output, visited, rows, columns)
    masked = np.where(np.isneginf(scores), np.nan, scores)
    skipped = np.array([c for c in corners if c not in set(visited)], dtype=int).reshape(-1, 2)
    seen = np.where(np.isnan(masked), np.nan, weights)
    moved = 4 * n * d + 4 * n * n  # Q, K, V, O once; S and P, each out and back in
    whole = (q, k, v, masked, seen, output, lse, *np.array(visited).T, skipped)
    return Steps(*whole, **state, naive_moved=moved, passes=_passes(masked, v, output))


def _softmax(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    top = scores.max(1, keepdims=True)
    powers = np.exp(scores - top)
    total = powers.sum(1, keepdims=True)
    return powers / total, (top + np.log(total))[:, 0]


def _fold(scores, v, output, visited, rows, columns) -> dict[str, np.ndarray]:
    """The state after each visited tile, and what moved for it."""
    t, d = len(visited), v.shape[1]
    by_row = ("maximum_before", "maximum", "total_before", "total", "factor")
    kept = {name: np.full((t, rows), np.nan) for name in by_row}
    kept |= {"tile_weights": np.full((t, rows, columns), np.nan), "answer": np.full((t, rows, d), np.nan)}
    kept |= {"accumulated": np.full((t, rows, d), np.nan)}
    distance, loaded, stored, held = np.zeros((4, t))
    for step, (i, j) in enumerate(visited):
        s, values = scores[i : i + rows, j : j + columns], v[j : j + columns]
        b, c = s.shape
        if j == 0:
            m, l, acc = np.full(b, -np.inf), np.zeros(b), np.zeros((b, d))
        higher = np.maximum(m, s.max(1))
        factor, p = np.exp(m - higher), np.exp(s - higher[:, None])
        kept["maximum_before"][step, :b], kept["total_before"][step, :b] = np.where(np.isneginf(m), np.nan, m), l
        m, l, acc = higher, l * factor + p.sum(1), acc * factor[:, None] + p @ values
        kept["maximum"][step, :b], kept["total"][step, :b], kept["factor"][step, :b] = m, l, factor
        kept["tile_weights"][step, :b, :c] = np.where(np.isneginf(s), np.nan, p)
        kept["accumulated"][step, :b], kept["answer"][step, :b] = acc, acc / l[:, None]
        distance[step] = np.abs(acc / l[:, None] - output[i : i + b]).max()
        last = step + 1 == t or visited[step + 1][0] != i
        loaded[step] = 2 * c * d + (b * d if j == 0 else 0)
        stored[step] = b * d + b if last else 0
        held[step] = 2 * b * d + 2 * c * d + b * c + 2 * b
    counts = {"loaded": loaded, "stored": stored, "moved": np.cumsum(loaded + stored), "held": held}
    return kept | {"distance": distance} | {name: value.astype(int) for name, value in counts.items()}


def _passes(scores: np.ndarray, v: np.ndarray, output: np.ndarray) -> Passes:
    """The running numbers of each softmax along every row; `scores` is NaN where masked."""
    seen = ~np.isnan(scores)
    filled = np.where(seen, scores, -np.inf)
    maximum = np.maximum.accumulate(filled, axis=1)
    safe = np.cumsum(np.exp(filled - maximum[:, -1:]), axis=1)
    # The online sum after key j is the safe sum with the maximum so far in place of the final one.
    online = np.zeros_like(safe)
    l = np.zeros(len(scores))
    before = np.full(len(scores), -np.inf)
    for j in range(scores.shape[1]):
        l = l * np.exp(before - maximum[:, j]) + np.exp(filled[:, j] - maximum[:, j])
        online[:, j], before = l, maximum[:, j]
    with np.errstate(over="ignore"):
        naive = np.cumsum(np.exp(filled.astype(np.float16)), axis=1, dtype=np.float16).astype(float)
    # After key j the one-pass output is the attention over the keys so far.
    so_far = np.exp(filled - maximum[:, -1:])
    parts = np.cumsum(so_far[:, :, None] * v, axis=1) / np.maximum(np.cumsum(so_far, axis=1), 1e-300)[:, :, None]
    distance = np.abs(parts - output[:, None]).max(-1)
    known = (np.where(seen & np.isfinite(x), x, np.nan) for x in (maximum, safe, online, naive, distance))
    return Passes(*known, {"naive": 2, "safe": 3, "online": 2, "flash": 1}, float(np.log(HALF_MOST)))
