"""Rotary positions in Triton, queries and keys in one launch. `launch.py` runs it.

A program takes some tokens of one sequence and a group of heads: it loads the tokens' cosines and sines once, then
turns head after head of q, then of k. Nothing but q, k and their results goes through memory otherwise.
The turn is linear, and its transpose is the turn by the opposite angles: the backward pass is this kernel with
BACKWARD, which negates the sines. Source: Su et al. 2021 (RoFormer), eq. 34.

B batch, H heads, T tokens, D numbers to a head, P = D / 2 pairs (BLOCK_P the power of two at or above).
q, k and their results have any strides over (B, H, T), of which `strides` holds those of each in this order, and unit
stride over D; tables are (T, P) or (B, T, P), fp32, with `table` their strides over batch and token.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _turn(X, OUT, rows, c, s, stride, out_stride, T, P, BLOCK_P, BLOCK_T, INTERLEAVED):
    """One head of some tokens: X and OUT point at the head."""
    if INTERLEAVED:
        both = tl.arange(0, 2 * BLOCK_P)
        mask = (rows[:, None] < T) & (both[None, :] < 2 * P)
        x = tl.load(X + rows[:, None] * stride + both[None, :], mask=mask, other=0.0)
        a, b = tl.split(tl.reshape(x.to(tl.float32), (BLOCK_T, BLOCK_P, 2)))
        y = tl.reshape(tl.join(a * c - b * s, a * s + b * c), (BLOCK_T, 2 * BLOCK_P))
        tl.store(OUT + rows[:, None] * out_stride + both[None, :], y.to(OUT.dtype.element_ty), mask=mask)
    else:
        pairs = tl.arange(0, BLOCK_P)
        mask = (rows[:, None] < T) & (pairs[None, :] < P)
        at = rows[:, None] * stride + pairs[None, :]
        a = tl.load(X + at, mask=mask, other=0.0).to(tl.float32)
        b = tl.load(X + at + P, mask=mask, other=0.0).to(tl.float32)
        to = rows[:, None] * out_stride + pairs[None, :]
        tl.store(OUT + to, (a * c - b * s).to(OUT.dtype.element_ty), mask=mask)
        tl.store(OUT + to + P, (a * s + b * c).to(OUT.dtype.element_ty), mask=mask)


@triton.jit
def rotate_kernel(
    Q, K, OUT_Q, OUT_K, COS, SIN, strides, table, sizes, P: tl.constexpr, BLOCK_T: tl.constexpr, BLOCK_P: tl.constexpr, WAY: tl.constexpr
):
    """Grid (blocks of tokens, B, GROUPS): group g turns the heads g, g + GROUPS, … of q and of k. `sizes` is (heads of q,
    of k, T, GROUPS); WAY is (interleaved, backward)."""
    HQ, HK, T, GROUPS = sizes
    batch, group = tl.program_id(1).to(tl.int64), tl.program_id(2)
    rows = (tl.program_id(0) * BLOCK_T + tl.arange(0, BLOCK_T)).to(tl.int64)
    pairs = tl.arange(0, BLOCK_P)
    mask = (rows[:, None] < T) & (pairs[None, :] < P)
    at = batch * table[0] + rows[:, None] * table[1] + pairs[None, :]
    c = tl.load(COS + at, mask=mask, other=0.0)
    s = tl.load(SIN + at, mask=mask, other=0.0)
    if WAY[1]:
        s = -s
    for head in range(group, HQ, GROUPS):
        x, out = Q + batch * strides[0][0] + head * strides[0][1], OUT_Q + batch * strides[2][0] + head * strides[2][1]
        _turn(x, out, rows, c, s, strides[0][2], strides[2][2], T, P, BLOCK_P, BLOCK_T, WAY[0])
    for head in range(group, HK, GROUPS):
        x, out = K + batch * strides[1][0] + head * strides[1][1], OUT_K + batch * strides[3][0] + head * strides[3][1]
        _turn(x, out, rows, c, s, strides[1][2], strides[3][2], T, P, BLOCK_P, BLOCK_T, WAY[0])
