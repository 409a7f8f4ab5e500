"""Rotary positions in Triton, queries and keys in one launch. `launch.py` runs it.

A program takes some tokens of one sequence and a group of heads: it loads the tokens' cosines and sines once, then
turns head after head of q, then of k. Nothing but q, k and their results goes through memory otherwise.
The turn is linear, and its transpose is the turn by the opposite angles: the backward pass is this kernel with
BACKWARD, which negates the sines. Source: Su et al. 2021 (RoFormer), eq. 34.

B batch, H heads, T tokens, D numbers to a head, P = D / 2 pairs (BLOCK_P the power of two at or above).
q, k and their results have any strides over (B, H, T) and unit stride over D; tables are (T, P) or (B, T, P), fp32.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _turn(X, OUT, rows, pairs, mask, wide_mask, c, s, stride, out_stride, P: tl.constexpr,
          BLOCK_T: tl.constexpr, BLOCK_P: tl.constexpr, INTERLEAVED: tl.constexpr):  # fmt: skip
    """One head of some tokens: X and OUT point at the head."""
    if INTERLEAVED:
        both = tl.arange(0, 2 * BLOCK_P)
        x = tl.load(X + rows[:, None] * stride + both[None, :], mask=wide_mask, other=0.0)
        a, b = tl.split(tl.reshape(x.to(tl.float32), (BLOCK_T, BLOCK_P, 2)))
        y = tl.reshape(tl.join(a * c - b * s, a * s + b * c), (BLOCK_T, 2 * BLOCK_P))
        tl.store(OUT + rows[:, None] * out_stride + both[None, :], y.to(OUT.dtype.element_ty), mask=wide_mask)
    else:
        at = rows[:, None] * stride + pairs[None, :]
        a = tl.load(X + at, mask=mask, other=0.0).to(tl.float32)
        b = tl.load(X + at + P, mask=mask, other=0.0).to(tl.float32)
        to = rows[:, None] * out_stride + pairs[None, :]
        tl.store(OUT + to, (a * c - b * s).to(OUT.dtype.element_ty), mask=mask)
        tl.store(OUT + to + P, (a * s + b * c).to(OUT.dtype.element_ty), mask=mask)


@triton.jit
def rotate_kernel(
    Q, K, OUT_Q, OUT_K, COS, SIN,
    sqb, sqh, sqt, skb, skh, skt, sob, soh, sot, spb, sph, spt, table_batch, table_token,
    HQ, HK, T, GROUPS, P: tl.constexpr, BLOCK_T: tl.constexpr, BLOCK_P: tl.constexpr,
    INTERLEAVED: tl.constexpr, BACKWARD: tl.constexpr,
):  # fmt: skip
    """Grid (blocks of tokens, B, GROUPS): group g turns the heads g, g + GROUPS, … of q and of k."""
    batch, group = tl.program_id(1).to(tl.int64), tl.program_id(2)
    rows = (tl.program_id(0) * BLOCK_T + tl.arange(0, BLOCK_T)).to(tl.int64)
    pairs = tl.arange(0, BLOCK_P)
    mask = (rows[:, None] < T) & (pairs[None, :] < P)
    wide_mask = (rows[:, None] < T) & (tl.arange(0, 2 * BLOCK_P)[None, :] < 2 * P)
    at = batch * table_batch + rows[:, None] * table_token + pairs[None, :]
    c = tl.load(COS + at, mask=mask, other=0.0)
    s = tl.load(SIN + at, mask=mask, other=0.0)
    if BACKWARD:
        s = -s
    for head in range(group, HQ, GROUPS):
        _turn(Q + batch * sqb + head * sqh, OUT_Q + batch * sob + head * soh, rows, pairs, mask, wide_mask, c, s,
              sqt, sot, P, BLOCK_T, BLOCK_P, INTERLEAVED)  # fmt: skip
    for head in range(group, HK, GROUPS):
        _turn(K + batch * skb + head * skh, OUT_K + batch * spb + head * sph, rows, pairs, mask, wide_mask, c, s,
              skt, spt, P, BLOCK_T, BLOCK_P, INTERLEAVED)  # fmt: skip
