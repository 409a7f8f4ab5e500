"""Bytes between slow and fast memory, counted tile by tile, for naive and for tiled attention; and the roofline.

N queries and keys, d head dimension, M numbers that fit in fast memory, R rows and C columns to a tile. Counts are
numbers of one head. Source: Dao et al. 2022, theorem 2; Williams et al. 2009 (the roofline).
"""

from __future__ import annotations

import math

import numpy as np

from engine.attention.contest.result import attention_flops
from engine.attention.flash_attention.parameters import CHIPS, FlashAttention
from engine.attention.flash_attention.result import Accounting, Along, Roof

POINTS = 41
# Dense 16-bit matrix TFLOP/s with fp32 sums, plain fp32 TFLOP/s, memory GB/s: the makers' datasheets.
DATASHEETS: dict[str, tuple[float, float, float]] = {
    "t4": (65.0, 8.1, 320.0),
    "rtx4090": (165.2, 82.6, 1008.0),
    "a100": (312.0, 19.5, 2039.0),
    "h100": (989.4, 66.9, 3350.0),
    "h200": (989.4, 66.9, 4800.0),
}


def largest_tile(N: int, d: int, M: float, resident: int = 2, streaming: int = 2, scores: int = 1) -> tuple[int, int]:
    """Rows R and columns C (at most d) of a tile, such that resident R d + streaming C d + scores R C numbers fit in M.

    The forward pass keeps Q and O, streams K and V, and has one tile of scores.
    """
    both = (resident + streaming) * d
    square = (-both + math.sqrt(both**2 + 4 * scores * M)) / (2 * scores)
    if square <= d:
        R = C = max(1, int(square))
    else:
        C = d
        R = int((M - streaming * d * d) / (resident * d + scores * d))
    return min(R, N), min(C, N)


def columns_visited(N: int, R: int, C: int, causal: bool) -> int:
    """Columns read, summed over the row tiles: up to the end of the tile that the diagonal crosses, when causal."""
    if not causal:
        return N * -(-N // R)
    ends = np.minimum(np.arange(R, N + R, R), N)
    return int(np.minimum(-(-ends // C) * C, N).sum())


def rows_visited(N: int, R: int, C: int, causal: bool) -> int:
    """Rows read, summed over the column tiles: from the tile that the diagonal crosses on, when causal."""
    if not causal:
        return N * -(-N // C)
    return int((N - np.arange(0, N, C) // R * R).sum())


def tiled_numbers(N: int, d: int, M: float, causal: bool, backward: bool) -> int:
    """Numbers moved by tiled attention: FlashAttention-2's forward pass, or its backward pass in our two kernels."""
    if not backward:
        R, C = largest_tile(N, d, M)
        return forward_numbers(N, d, R, C, causal)
    R, C = largest_tile(N, d, M, resident=3, streaming=2, scores=2)  # keeps Q, dO, dQ
    of_dq = 3 * N * d + 2 * N + 2 * d * columns_visited(N, R, C, causal)
    C, R = largest_tile(N, d, M, resident=4, streaming=2, scores=2)  # keeps K, V, dK, dV
    of_dkv = 4 * N * d + (2 * d + 2) * rows_visited(N, R, C, causal)
    return 2 * N * d + N + of_dq + of_dkv


def forward_numbers(N: int, d: int, R: int, C: int, causal: bool) -> int:
    """Q in, O and the log-sum-exp out once; K and V once for every row tile that sees them."""
    return 2 * N * d + N + 2 * d * columns_visited(N, R, C, causal)


def naive_numbers(N: int, d: int, backward: bool) -> int:
    """Numbers moved when S and P go through slow memory (Dao et al. 2022, algorithms 0 and 3). A mask saves nothing."""
    return 8 * N * d + 7 * N * N if backward else 4 * N * d + 4 * N * N


def least_numbers(N: int, d: int, heads: int, kv_heads: int, backward: bool) -> int:
    """Numbers of all heads if each moved once: Q, O and the log-sum-exp, or Q, O, dO, dQ and the log-sum-exp, for every
    query head; K and V, or K, V, dK and dV, for every key head."""
    times = 2 if backward else 1
    return N * (heads * (2 * times * d + 1) + kv_heads * 2 * times * d)


def account(p: FlashAttention) -> Accounting:
    """Bytes at the chosen sizes, and along each of them."""
    heads, N, d, fast = p.batch * p.heads, p.length, p.head_dim, p.fast_memory * 1024.0
    scale = heads * p.item

    def naive(n: float, width: float) -> float:
        return float(scale * naive_numbers(int(n), int(width), p.backward))

    def tiled(n: float, width: float, memory: float) -> float:
        whole = scale * tiled_numbers(int(n), int(width), memory / p.item, p.causal, p.backward)
        # The kernel of dK and dV sums over the group: K, V, dK, dV pass once for each key head, not for each query head.
        shared = (p.heads - p.kv_heads) * p.batch * p.item * 4 * n * width
        return float(whole - shared) if p.backward else float(whole)

    leading = (22 if p.backward else 6) * (0.5 if p.causal else 1.0)  # of N²d²/M numbers, from R and C at their largest
    lengths = np.unique(np.geomspace(64, max(4 * N, 1024), POINTS).astype(int)).astype(float)
    memories = np.geomspace(8 * 1024, 4 * 1024**2, POINTS)
    widths = np.unique(np.geomspace(16, 256, POINTS).astype(int)).astype(float)
    return Accounting(
        chosen={"length": N, "head_dim": d, "fast_bytes": fast},
        tile=largest_tile(N, d, fast / p.item),
        naive_bytes=naive(N, d),
        tiled_bytes=tiled(N, d, fast),
        least_bytes=float(p.item * p.batch * least_numbers(N, d, p.heads, p.kv_heads, p.backward)),
        flops=heads * attention_flops(N, d, p.causal, p.backward),
        by_length=Along(
            lengths,
            np.array([naive(n, d) for n in lengths]),
            np.array([tiled(n, d, fast) for n in lengths]),
            scale * leading * lengths**2 * d**2 / (fast / p.item),
            scale * (7.0 if p.backward else 4.0) * lengths**2,
        ),
        by_memory=Along(
            memories,
            np.full(POINTS, naive(N, d)),
            np.array([tiled(N, d, m) for m in memories]),
            scale * leading * N**2 * d**2 / (memories / p.item),
        ),
        by_head_dim=Along(widths, np.array([naive(N, w) for w in widths]), np.array([tiled(N, w, fast) for w in widths])),
    )


def datasheet(p: FlashAttention, a: Accounting) -> Roof:
    """The roofline of the chosen chip, for the chosen number format."""
    matrix, plain, bandwidth = DATASHEETS[p.chip]
    return roofline(a, CHIPS[p.chip], matrix if p.item == 2 else plain, bandwidth)


def roofline(a: Accounting, chip: str, peak: float, bandwidth: float) -> Roof:
    """What a peak (TFLOP/s) and a bandwidth (GB/s) allow; on it naive and tiled attention as they are counted."""
    ridge = 1000 * peak / bandwidth
    intensities = np.sort(np.append(np.geomspace(1, 10_000, 4 * POINTS), ridge))
    intensity = {"naive": a.flops / a.naive_bytes, "tiled": a.flops / a.tiled_bytes}
    attainable = {way: min(peak, i * bandwidth / 1000) for way, i in intensity.items()}
    modelled = {way: a.flops / (rate * 1e9) for way, rate in attainable.items()}
    roof = np.minimum(peak, intensities * bandwidth / 1000)
    return Roof(chip, peak, bandwidth, ridge, intensities, roof, intensity, attainable, modelled)
