"""Nearest code and the codebook's gradient in Triton. `launch.py` runs them.

A program takes BLOCK_N vectors and runs over the codebook in blocks of BLOCK_K: distances are made and compared in
registers, so that no table of N × K ever exists; what goes through memory is z once, the codebook from the cache, and
one index a vector. ½|e|² − z·e has the least where |z − e|² has it; of a few numbers (DIRECT) the squares of the
differences are summed as they are, since close codes leave that difference no digits.

N vectors z (N, D), K codes e (K, D), both contiguous; BLOCK_D the power of two at or above D, at least 16.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit(do_not_specialize=["N", "K"])
def nearest_kernel(
    Z, E, CENTRE, INDEX, N, K, D: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, BLOCK_D: tl.constexpr, DIRECT: tl.constexpr
):
    """Grid (blocks of vectors,). CENTRE (D,) is taken off both sides: less is cancelled in the difference."""
    rows = tl.program_id(0).to(tl.int64) * BLOCK_N + tl.arange(0, BLOCK_N)
    d = tl.arange(0, BLOCK_D)
    centre = tl.load(CENTRE + d, mask=d < D, other=0.0)
    inside = (rows[:, None] < N) & (d[None, :] < D)
    z = tl.load(Z + rows[:, None] * D + d[None, :], mask=inside, other=0.0).to(tl.float32) - centre[None, :]
    least = tl.full([BLOCK_N], float("inf"), tl.float32)
    index = tl.zeros([BLOCK_N], tl.int32)
    for first in range(0, K, BLOCK_K):
        k = first + tl.arange(0, BLOCK_K)
        if DIRECT:
            distance = tl.zeros([BLOCK_N, BLOCK_K], tl.float32)
            for i in tl.static_range(D):
                a = tl.load(Z + rows * D + i, mask=rows < N, other=0.0).to(tl.float32)
                b = tl.load(E + k * D + i, mask=k < K, other=0.0).to(tl.float32)
                apart = a[:, None] - b[None, :]
                distance += apart * apart
        else:
            here = (k[:, None] < K) & (d[None, :] < D)
            e = tl.load(E + k[:, None] * D + d[None, :], mask=here, other=0.0).to(tl.float32)
            e = tl.where(here, e - centre[None, :], 0.0)
            distance = 0.5 * tl.sum(e * e, 1)[None, :] - tl.dot(z, tl.trans(e), input_precision="ieee")
        distance = tl.where(k[None, :] < K, distance, float("inf"))
        best, place = tl.min(distance, 1, return_indices=True, return_indices_tie_break_left=True)
        closer = best < least  # strictly: ties stay with the lower index
        least = tl.where(closer, best, least)
        index = tl.where(closer, first + place, index)
    tl.store(INDEX + rows, index.to(tl.int64), mask=rows < N)


@triton.jit(do_not_specialize=["N"])
def scatter_kernel(GRADIENT, INDEX, OUT, N, D: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_D: tl.constexpr):
    """Grid (blocks of vectors,). OUT (K, D) fp32, zero before, is given each vector's gradient at its code's row."""
    rows = tl.program_id(0).to(tl.int64) * BLOCK_N + tl.arange(0, BLOCK_N)
    d = tl.arange(0, BLOCK_D)
    inside = (rows[:, None] < N) & (d[None, :] < D)
    code = tl.load(INDEX + rows, mask=rows < N, other=0)
    gradient = tl.load(GRADIENT + rows[:, None] * D + d[None, :], mask=inside, other=0.0).to(tl.float32)
    tl.atomic_add(OUT + code[:, None] * D + d[None, :], gradient, mask=inside, sem="relaxed")
