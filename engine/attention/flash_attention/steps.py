"""The online softmax on an example small enough to read: every tile, every running number, every float moved.

n tokens, d numbers to a token, b rows and c columns to a tile, t tiles visited. A tile wholly above the diagonal is
never visited. Source: Dao et al. 2022, algorithm 1, in the loop order of Dao 2023; Milakov and Gimelshein 2018.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

MOST_TILES = 8  # to a side: what can still be drawn and stepped through


@dataclass(frozen=True)
class Passes:
    """One softmax row at a time, the three ways, after key j of row i: all (n, n), NaN above the diagonal.

    maximum: running maximum, the first pass of the safe softmax (three reads of every score) and the state of the
        online one. safe_sum: sum of exp(s - final maximum), its second pass. online_sum: sum that is rescaled whenever
        the maximum rises (two reads). naive_sum: sum of exp(s) in half precision, NaN once it has overflowed.
    naive_lse, safe_lse, online_lse: logarithm of each sum with its maximum added back: what all of them come to.
    distance: the one-pass (Flash) output so far against the final one, largest difference of any component.
    """

    maximum: np.ndarray
    safe_sum: np.ndarray
    online_sum: np.ndarray
    naive_sum: np.ndarray
    naive_lse: np.ndarray
    safe_lse: np.ndarray
    online_lse: np.ndarray
    distance: np.ndarray
    reads: dict[str, int]  # of every score, by method
    overflow: float  # the score above which exp overflows half precision


@dataclass(frozen=True)
class Steps:
    """A small attention computed tile by tile. Shapes as in the module; tiles cut off at the edge are NaN there.

    q, k, v, output: (n, d). scores, weights: (n, n), NaN above the diagonal. lse: (n,).
    row, column: (t,) first row and first column of each tile visited, in order. skipped: (s, 2), those that are not.
    maximum, total: (t, b) running maximum m and sum l after the tile; maximum_before, total_before: what stood there
        before (NaN and 0 at a row's first tile). factor: (t, b) exp(m before - m after), which rescales l and O.
    tile_weights: (t, b, c) exp(s - m). accumulated: (t, b, d) unnormalised O. answer: (t, b, d) O / l so far.
    distance: (t,) largest difference of that answer from the final one.
    loaded, stored: (t,) numbers that come from and go to slow memory at the tile; moved: (t,) all so far.
    held: (t,) numbers in fast memory. naive_moved: numbers that the three steps of naive attention move.
    """

    q: np.ndarray
    k: np.ndarray
    v: np.ndarray
    scores: np.ndarray
    weights: np.ndarray
    output: np.ndarray
    lse: np.ndarray
    row: np.ndarray
    column: np.ndarray
    skipped: np.ndarray
    maximum_before: np.ndarray
    maximum: np.ndarray
    total_before: np.ndarray
    total: np.ndarray
    factor: np.ndarray
    tile_weights: np.ndarray
    accumulated: np.ndarray
    answer: np.ndarray
    distance: np.ndarray
    loaded: np.ndarray
    stored: np.ndarray
    moved: np.ndarray
    held: np.ndarray
    naive_moved: int
    passes: Passes


def example(tokens: int, width: int, sharpness: float, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Random q, k, v of shape (tokens, width), to two decimals; scores q k / sqrt(width) vary by about `sharpness`."""
    generator = np.random.Generator(np.random.PCG64(seed))
    q, k, v = generator.standard_normal((3, tokens, width))
    return np.round(q * sharpness, 2), np.round(k, 2), np.round(v, 2)


def trace(q: np.ndarray, k: np.ndarray, v: np.ndarray, rows: int, columns: int, causal: bool) -> Steps:
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
    return Steps(
        q, k, v, masked, np.where(np.isnan(masked), np.nan, weights), output, lse, *np.array(visited).T, skipped,
        **state, naive_moved=4 * n * d + 4 * n * n, passes=_passes(masked, v, output),
    )  # fmt: skip


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
    with np.errstate(over="ignore", divide="ignore"):
        naive = np.cumsum(np.exp(filled.astype(np.float16)), axis=1, dtype=np.float16).astype(float)
        logs = [np.log(naive), np.log(safe) + maximum[:, -1:], np.log(online) + maximum]
    # After key j the one-pass output is the attention over the keys so far.
    so_far = np.exp(filled - maximum[:, -1:])
    parts = np.cumsum(so_far[:, :, None] * v, axis=1) / np.maximum(np.cumsum(so_far, axis=1), 1e-300)[:, :, None]
    distance = np.abs(parts - output[:, None]).max(-1)
    hide = lambda x: np.where(seen & np.isfinite(x), x, np.nan)  # noqa: E731
    reads = {"naive": 2, "safe": 3, "online": 2, "flash": 1}
    found = map(hide, (maximum, safe, online, naive, *logs, distance))
    return Passes(*found, reads, float(np.log(65504.0)))
