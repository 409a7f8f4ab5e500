"""What FlashAttention gives: the example tile by tile, bytes, the roofline, and what a sweep measured."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float, Int
from numpy import ndarray

from engine.attention.contest.result import Measured
from engine.core.findings import Finding


@dataclass(frozen=True)
class Passes:
    """One softmax row at a time, the four ways, after key j of row i; NaN above the diagonal.

    maximum: running maximum, the first pass of the safe softmax (three reads of every score) and the state of the
        online one. safe_sum: sum of exp(s - final maximum), its second pass. online_sum: sum that is rescaled whenever
        the maximum rises (two reads). naive_sum: sum of exp(s) in half precision, NaN once it has overflowed.
    distance: the one-pass (Flash) output so far against the final one, largest difference of any component.
    """

    maximum: Float[ndarray, "n n"]
    safe_sum: Float[ndarray, "n n"]
    online_sum: Float[ndarray, "n n"]
    naive_sum: Float[ndarray, "n n"]
    distance: Float[ndarray, "n n"]
    reads: dict[str, int]  # of every score, by method
    overflow: float  # the score above which exp overflows half precision


@dataclass(frozen=True)
class Steps:
    """A small attention of n tokens of d numbers, in t tiles of b rows and c columns; tiles cut off at the edge are NaN.

    scores, weights: NaN above the diagonal. lse: log-sum-exp. row, column: first row and column of each tile visited, in
    order; skipped: those that are not. maximum, total: running maximum m and sum l after the tile; ..._before: what stood
    there before (NaN and 0 at a row's first tile). factor: exp(m before - m after), which rescales l and O. tile_weights:
    exp(s - m). accumulated: unnormalised O. answer: O / l so far; distance: its largest difference from the final one.
    loaded, stored: numbers that come from and go to slow memory at the tile; moved: all so far. held: numbers in fast
    memory. naive_moved: numbers that the three steps of naive attention move.
    """

    q: Float[ndarray, "n d"]
    k: Float[ndarray, "n d"]
    v: Float[ndarray, "n d"]
    scores: Float[ndarray, "n n"]
    weights: Float[ndarray, "n n"]
    output: Float[ndarray, "n d"]
    lse: Float[ndarray, " n"]
    row: Int[ndarray, " t"]
    column: Int[ndarray, " t"]
    skipped: Int[ndarray, "s 2"]
    maximum_before: Float[ndarray, "t b"]
    maximum: Float[ndarray, "t b"]
    total_before: Float[ndarray, "t b"]
    total: Float[ndarray, "t b"]
    factor: Float[ndarray, "t b"]
    tile_weights: Float[ndarray, "t b c"]
    accumulated: Float[ndarray, "t b d"]
    answer: Float[ndarray, "t b d"]
    distance: Float[ndarray, " t"]
    loaded: Int[ndarray, " t"]
    stored: Int[ndarray, " t"]
    moved: Int[ndarray, " t"]
    held: Int[ndarray, " t"]
    naive_moved: int
    passes: Passes


@dataclass(frozen=True)
class Along:
    """Bytes along one of N, d and M, the others held. law: the leading term of the tiled count, naive_law that of the
    naive one, where there is one."""

    values: Float[ndarray, " x"]
    naive: Float[ndarray, " x"]
    tiled: Float[ndarray, " x"]
    law: Float[ndarray, " x"] | None = None
    naive_law: Float[ndarray, " x"] | None = None


@dataclass(frozen=True)
class Accounting:
    """What attention must move, modelled; bytes are of all heads of the batch.

    chosen: length, head_dim and fast_bytes, as they were asked for. tile: rows R and columns C of the largest forward tile
    that fits. naive_bytes, tiled_bytes: at the chosen sizes; least_bytes: every input read and every output written once,
    keys and values once for each of their own heads. flops: of the matrix products.
    """

    chosen: dict[str, float]
    tile: tuple[int, int]
    naive_bytes: float
    tiled_bytes: float
    least_bytes: float
    flops: float
    by_length: Along
    by_memory: Along
    by_head_dim: Along


@dataclass(frozen=True)
class Roof:
    """A roofline: peak_tflops and bandwidth (GB/s) from the datasheet of `chip`, or measured in the run ("").

    ridge: FLOP per byte at which they meet. intensities, roof: FLOP per byte, and TFLOP/s attainable there. intensity,
    attainable, modelled_ms: of "naive" and "tiled": FLOP per byte, TFLOP/s under the roof, and milliseconds if the roof
    were reached.
    """

    chip: str
    peak_tflops: float
    bandwidth: float
    ridge: float
    intensities: Float[ndarray, " i"]
    roof: Float[ndarray, " i"]
    intensity: dict[str, float]
    attainable: dict[str, float]
    modelled_ms: dict[str, float]


@dataclass(frozen=True)
class Attention:
    """What FlashAttention does (always), and what every way of attending costs on this machine (task "timing").

    steps: exact. accounting, roof: modelled, at the chosen sizes. timing: measured; None in the other task.
    """

    steps: Steps
    accounting: Accounting
    roof: Roof
    timing: Measured | None = None
    findings: tuple[Finding, ...] = ()
    backend: str = "numpy"
    dtype: str = "float64"
