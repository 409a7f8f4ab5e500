"""Bytes between slow and fast memory, counted tile by tile, for naive and for tiled attention; and the roofline.

N queries and keys, d head dimension, M numbers that fit in fast memory, R rows and C columns to a tile. Counts are
numbers of one head. Source: Dao et al. 2022, theorem 2; Williams et al. 2009 (the roofline).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

POINTS = 41
# Dense 16-bit matrix TFLOP/s with fp32 sums, plain fp32 TFLOP/s, memory GB/s: the makers' datasheets.
CHIPS: dict[str, tuple[str, float, float, float]] = {
    "t4": ("NVIDIA T4", 65.0, 8.1, 320.0),
    "rtx4090": ("NVIDIA RTX 4090", 165.2, 82.6, 1008.0),
    "a100": ("NVIDIA A100 80 GB SXM", 312.0, 19.5, 2039.0),
    "h100": ("NVIDIA H100 SXM", 989.4, 66.9, 3350.0),
    "h200": ("NVIDIA H200 SXM", 989.4, 66.9, 4800.0),
}


@dataclass(frozen=True)
class Accounting:
    """What attention must move, for the chosen sizes and along each of them. Bytes are of all heads of the batch.

    chosen: length, head_dim and fast_bytes, as they were asked for.
    tile: rows R and columns C of the largest forward tile that fits. naive_bytes, tiled_bytes: at the chosen sizes;
    least_bytes: every input read and every output written once. flops: of the matrix products.
    lengths, memories, head_dims: (41,) values of N, of M in bytes, and of d; `naive_by_...`, `tiled_by_...`: bytes
    along each, the others held. law_by_length, law_by_memory: (41,) the leading term of the tiled count, a constant
    times N²d²/M; naive_law_by_length: that of the naive one, a constant times N².
    chip: whose datasheet gives peak_tflops and bandwidth (GB/s). ridge: FLOP per byte at which they meet.
    intensities, roof: (165,) FLOP per byte, and TFLOP/s attainable there. intensity, attainable, modelled_ms: of
    "naive" and "tiled": FLOP per byte, TFLOP/s under the roof, and milliseconds if the roof were reached.
    """

    chosen: dict[str, float]
    tile: tuple[int, int]
    naive_bytes: float
    tiled_bytes: float
    least_bytes: float
    flops: float
    lengths: np.ndarray
    naive_by_length: np.ndarray
    tiled_by_length: np.ndarray
    law_by_length: np.ndarray
    naive_law_by_length: np.ndarray
    memories: np.ndarray
    naive_by_memory: np.ndarray
    tiled_by_memory: np.ndarray
    law_by_memory: np.ndarray
    head_dims: np.ndarray
    naive_by_head_dim: np.ndarray
    tiled_by_head_dim: np.ndarray
    chip: str
    peak_tflops: float
    bandwidth: float
    ridge: float
    intensities: np.ndarray
    roof: np.ndarray
    intensity: dict[str, float]
    attainable: dict[str, float]
    modelled_ms: dict[str, float]


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


def flops(N: int, d: int, causal: bool, backward: bool) -> float:
    """Multiplications and additions of the matrix products of one head: two products forward, five backward."""
    pairs = N * (N + 1) / 2 if causal else float(N) * N
    return (10.0 if backward else 4.0) * pairs * d


def account(
    heads: int, N: int, d: int, fast_bytes: float, item: int, causal: bool, backward: bool, chip: str
) -> Accounting:
    """The whole accounting for `heads` heads in all, with `item` bytes to a number."""
    scale = heads * item
    tiled = lambda n, w, m: scale * tiled_numbers(n, w, m / item, causal, backward)  # noqa: E731
    naive = lambda n, w: scale * naive_numbers(n, w, backward)  # noqa: E731
    lengths = np.unique(np.geomspace(64, max(4 * N, 1024), POINTS).astype(int))
    memories = np.geomspace(8 * 1024, 4 * 1024**2, POINTS)
    widths = np.unique(np.geomspace(16, 256, POINTS).astype(int))
    most = (22 if backward else 6) * (0.5 if causal else 1.0)
    law = lambda n, m: scale * most * n.astype(float) ** 2 * d**2 / (m / item)  # noqa: E731
    here = {"naive": naive(N, d), "tiled": tiled(N, d, fast_bytes)}
    work = heads * flops(N, d, causal, backward)
    name, matrix, plain, bandwidth = CHIPS[chip]
    peak = matrix if item == 2 else plain
    intensity = {way: work / moved for way, moved in here.items()}
    attainable = {way: min(peak, i * bandwidth / 1000) for way, i in intensity.items()}
    axis = np.sort(np.append(np.geomspace(1, 10_000, 4 * POINTS), 1000 * peak / bandwidth))
    return Accounting(
        chosen={"length": N, "head_dim": d, "fast_bytes": fast_bytes},
        tile=largest_tile(N, d, fast_bytes / item), naive_bytes=here["naive"], tiled_bytes=here["tiled"],
        least_bytes=float(scale * N * (d * (8 if backward else 4) + 1)), flops=work,
        lengths=lengths, naive_by_length=np.array([naive(n, d) for n in lengths]),
        tiled_by_length=np.array([tiled(n, d, fast_bytes) for n in lengths]),
        law_by_length=law(lengths, fast_bytes), naive_law_by_length=scale * (7.0 if backward else 4.0) * lengths**2.0,
        memories=memories, naive_by_memory=np.full(POINTS, float(here["naive"])),
        tiled_by_memory=np.array([tiled(N, d, m) for m in memories]), law_by_memory=law(np.full(POINTS, N), memories),
        head_dims=widths, naive_by_head_dim=np.array([naive(N, w) for w in widths]),
        tiled_by_head_dim=np.array([tiled(N, w, fast_bytes) for w in widths]),
        chip=name, peak_tflops=peak, bandwidth=bandwidth, ridge=peak * 1000 / bandwidth,
        intensities=axis, roof=np.minimum(peak, axis * bandwidth / 1000), intensity=intensity, attainable=attainable,
        modelled_ms={way: work / (rate * 1e9) for way, rate in attainable.items()},
    )  # fmt: skip
