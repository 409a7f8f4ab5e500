"""Causal linear attention chunk by chunk in plain torch: inside a chunk all pairs, between chunks a state.

`fold` is the one operation that both passes are made of; `kernel.py` has the same in Triton. For targets i and sources
j that come no later (no earlier when `reverse`),

    out_i = r_i * sum_j w_ij (q_i . k_j + a_i b_j) c_j v_j,     w_ij = exp(sum of g between them).

B batch, H heads, N tokens, F features, D numbers to a value, C tokens to a chunk. q, k (B, H, N, F), v (B, H, N, D),
all the vectors (B, H, N). Source: Hua et al. 2022 (chunks), Yang et al. 2024 (GLA, section 4).
"""

from __future__ import annotations

import torch
from torch import Tensor

from engine.attention.flash_attention import workers
from engine.attention.linear_attention.reference import EPS

CHUNK = 128


def fold(
    q: Tensor, k: Tensor, v: Tensor, *, decay: Tensor | None = None, reverse: bool = False, sums: bool = False,
    row: Tensor | None = None, source: Tensor | None = None, target_bias: Tensor | None = None,
    source_bias: Tensor | None = None, chunk: int | None = None, dtype: torch.dtype | None = None,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """out (B, H, N, D) in v's dtype or the one given; with `sums`, divided by the sums of the weights, and those too.

    decay, row, source: g, r, c above, absent for 0, 1, 1. target_bias, source_bias: a and b; with one of them alone
    the other is 1; with neither there is no second term. sums: total_i = sum_j w_ij q_i . k_j, (B, H, N), in fp32 or
    wider, which no bias may be joined with; out is then out_i / (total_i + EPS).
    """
    B, H, N, _ = q.shape
    wide = torch.promote_types(q.dtype, torch.float32)
    out = torch.empty(B, H, N, v.shape[-1], dtype=dtype or v.dtype, device=q.device)
    total = torch.empty(B, H, N, dtype=wide, device=q.device) if sums else None
    vectors = (decay, row, source, target_bias, source_bias)

    def one(_worker: int, head: tuple[int, int]) -> None:
        of_head = [None if x is None else x[head].to(wide) for x in vectors]
        totals = None if total is None else total[head]
        _fold_head(q[head], k[head], v[head], of_head, reverse, wide, out[head], totals, min(chunk or CHUNK, N))

    workers.spread(one, [(b, h) for b in range(B) for h in range(H)], workers.count(q.device, q.numel() * 4))
    return out, total


def _fold_head(
    q: Tensor, k: Tensor, v: Tensor, vectors: list[Tensor | None], reverse: bool, wide: torch.dtype, out: Tensor,
    total: Tensor | None, chunk: int,
) -> None:  # fmt: skip
    """`fold` for one head: q, k (N, F), v (N, D); writes into out and total."""
    decay, row, source, target_bias, source_bias = vectors
    N = len(q)
    biased = target_bias is not None or source_bias is not None
    state = torch.zeros(k.shape[1], v.shape[1], dtype=wide, device=q.device)
    keys, values = torch.zeros_like(state[:, :1]), torch.zeros_like(state[:1])
    starts = range(0, N, chunk)
    for start in reversed(starts) if reverse else starts:
        at = slice(start, min(start + chunk, N))
        cut = lambda x: x[at].to(wide)  # noqa: B023, E731
        q_, k_, v_ = cut(q), cut(k), cut(v)
        to_state, from_state, kept, between = _decays(None if decay is None else decay[at], reverse)
        if source is not None:
            v_ = v_ * source[at, None]
        weights = q_ @ k_.T
        if biased:
            ones = torch.ones(len(q_), dtype=wide, device=q.device)
            a, b = (ones if x is None else x[at] for x in (target_bias, source_bias))
            weights += a[:, None] * b
        weights = weights.mul_(between) if between is not None else (weights.triu_() if reverse else weights.tril_())
        result = torch.addmm(weights @ v_, q_ * from_state, state)
        if biased:
            result += (a[:, None] * from_state) * values
            values = kept * values + ((b[:, None] * to_state) * v_).sum(0, keepdim=True)
        if total is not None:
            total[at] = weights.sum(1) + ((q_ * from_state) @ keys)[:, 0]
            keys = kept * keys + (k_ * to_state).sum(0)[:, None]
            result /= (total[at] + EPS)[:, None]
        out[at] = result if row is None else result * row[at, None]
        state = torch.addmm(state * kept, (k_ * to_state).T, v_)


def _decays(g: Tensor | None, reverse: bool) -> tuple:
    """How much of a source reaches the state past the chunk, of the state a target, of the state the next chunk, and of
    a source a target within the chunk, masked. Exponents are never positive."""
    if g is None:
        return 1.0, 1.0, 1.0, None
    sums = g.cumsum(0)
    ahead, behind = torch.exp(sums[-1] - sums)[:, None], torch.exp(sums)[:, None]
    if reverse:
        # From source i to target j <= i: g_{j+1} + ... + g_i. The state is kept as seen from before the chunk.
        between = torch.exp((sums[None, :] - sums[:, None]).triu_()).triu_()
        return behind, ahead, torch.exp(sums[-1]), between
    between = torch.exp((sums[:, None] - sums[None, :]).tril_()).tril_()
    return ahead, behind, torch.exp(sums[-1]), between
