"""Verification of a batch in one Triton kernel: accepted length and the added token, without writing a residual down.

One program a sequence. It looks at the γ decisions at once, then runs over the vocabulary twice in blocks: for the mass
of what it draws from, and for the place at which the running sum passes the uniform's share of it.

B sequences, G = γ drafted tokens, V vocabulary; p (B, G + 1, V), q (B, G, V), drafted (B, G), uniforms (B, G + 1), all
contiguous. The same law as `reference.py`; sums are accumulated in p's dtype, at least fp32.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK_V = 1024


@triton.jit
def _weights(p_row, q_row, at, V, rejected, WIDE: tl.constexpr):
    """What the added token is drawn from: (p − q)₊ after a rejection, else p."""
    p = tl.load(p_row + at, mask=at < V, other=0.0).to(WIDE)
    q = tl.load(q_row + at, mask=(at < V) & rejected, other=0.0).to(WIDE)
    return tl.maximum(p - q, 0.0)


@triton.jit
def _mass(p_row, q_row, V, rejected, WIDE: tl.constexpr, BLOCK_V: tl.constexpr):
    total = tl.sum(tl.zeros([BLOCK_V], WIDE))
    for start in range(0, V, BLOCK_V):
        total += tl.sum(_weights(p_row, q_row, start + tl.arange(0, BLOCK_V), V, rejected, WIDE))
    return total


@triton.jit(do_not_specialize=["G", "V"])
def verify_kernel(p, q, drafted, uniforms, accepted, token, G, V, WIDE: tl.constexpr, BLOCK_G: tl.constexpr, BLOCK_V: tl.constexpr):
    b = tl.program_id(0).to(tl.int64)
    g = tl.arange(0, BLOCK_G)
    guess = tl.load(drafted + b * G + g, mask=g < G, other=0)
    p_guess = tl.load(p + (b * (G + 1) + g) * V + guess, mask=g < G, other=0.0).to(WIDE)
    q_guess = tl.load(q + (b * G + g) * V + guess, mask=g < G, other=0.0).to(WIDE)
    u = tl.load(uniforms + b * (G + 1) + g, mask=g < G, other=0.0).to(WIDE)
    kept = tl.min(tl.where((g < G) & (u * q_guess < p_guess), BLOCK_G, tl.minimum(g, G)))
    kept = tl.minimum(kept, G)

    rejected = kept < G
    p_row = p + (b * (G + 1) + kept) * V
    q_row = q + (b * G + tl.minimum(kept, G - 1)) * V
    total = _mass(p_row, q_row, V, rejected, WIDE, BLOCK_V)
    if total <= 0:  # p = q up to rounding
        rejected = kept < 0
        total = _mass(p_row, q_row, V, rejected, WIDE, BLOCK_V)

    threshold = tl.load(uniforms + b * (G + 1) + G).to(WIDE) * total
    passed = total * 0
    found = V
    last = V * 0
    for start in range(0, V, BLOCK_V):
        at = start + tl.arange(0, BLOCK_V)
        w = _weights(p_row, q_row, at, V, rejected, WIDE)
        sums = passed + tl.cumsum(w)
        found = tl.minimum(found, tl.min(tl.where((w > 0) & (sums > threshold), at, V)))
        last = tl.maximum(last, tl.max(tl.where(w > 0, at, 0)))
        passed += tl.sum(w)
    tl.store(accepted + b, kept)
    tl.store(token + b, tl.minimum(found, last))


def verify(
    p: Tensor, q: Tensor, drafted: Tensor, uniforms: Tensor, *, out: tuple[Tensor, Tensor] | None = None, block: int = BLOCK_V
) -> tuple[Tensor, Tensor]:
    """See `verification.verify`. `out` gives the tensors (B,) of int64 to write to."""
    B, G, V = q.shape
    accepted, token = out or (torch.empty(2, B, dtype=torch.int64, device=p.device)).unbind()
    wide = tl.float64 if p.dtype == torch.float64 else tl.float32
    verify_kernel[(B,)](
        p.contiguous(),
        q.contiguous(),
        drafted.contiguous(),
        uniforms.contiguous(),
        accepted,
        token,
        G,
        V,
        WIDE=wide,
        BLOCK_G=triton.next_power_of_2(max(G, 2)),
        BLOCK_V=block,
    )
    return accepted, token
