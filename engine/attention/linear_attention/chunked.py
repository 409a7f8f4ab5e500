"""Causal linear attention chunk by chunk in plain torch: inside a chunk all pairs, between chunks a state.

`fold` is the one operation that both passes are made of; `launch.py` has the same in Triton. For targets i and sources
j that come no later (no earlier when `reverse`),

    out_i = r_i * sum_j w_ij (q_i . k_j + a_i b_j) c_j v_j,     w_ij = exp(sum of g between them).

B batch, H heads, N tokens, F features, D numbers to a value, C tokens to a chunk. q, k (B, H, N, F), v (B, H, N, D),
all the vectors (B, H, N). Source: Hua et al. 2022 (chunks), Yang et al. 2024 (GLA, section 4).
"""

from __future__ import annotations

import torch
from torch import Tensor

from engine.attention.linear_attention.features import EPS
from engine.attention.workers import pool

CHUNK = 128
BATCH = 8  # chunks that one call of torch works on


def fold(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    decay: Tensor | None = None,
    reverse: bool = False,
    sums: bool = False,
    row: Tensor | None = None,
    source: Tensor | None = None,
    target_bias: Tensor | None = None,
    source_bias: Tensor | None = None,
    chunk: int | None = None,
    dtype: torch.dtype | None = None,
) -> tuple[Tensor, Tensor | None]:
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

    pool.spread(one, [(b, h) for b in range(B) for h in range(H)], pool.count(q.device, q.numel() * 4))
    return out, total


def _fold_head(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    vectors: list[Tensor | None],
    reverse: bool,
    wide: torch.dtype,
    out: Tensor,
    total: Tensor | None,
    chunk: int,
) -> None:
    """`fold` for one head: q, k (N, F), v (N, D); writes into out and total."""
    decay, row, source, target_bias, source_bias = vectors
    biased, ones = target_bias is not None or source_bias is not None, q.new_ones(len(q), 1, dtype=wide)
    bias = lambda x, at: ones[at] if x is None else x[at, None]  # noqa: E731
    state = torch.zeros(k.shape[1] + biased, v.shape[1] + (total is not None), dtype=wide, device=q.device)
    for at, length in _batches(len(q), chunk, reverse):
        q_, k_, v_ = (x[at].to(wide) for x in (q, k, v))
        if biased:  # a b is one feature more of targets and sources
            q_, k_ = torch.cat([q_, bias(target_bias, at)], 1), torch.cat([k_, bias(source_bias, at)], 1)
        if total is not None:  # and the sum of the weights is one value more, 1 for every source
            v_ = torch.cat([v_, ones[at]], 1)
        if source is not None:
            v_ = v_ * source[at, None]
        g = None if decay is None else decay[at].view(-1, length)
        result, state = _fold_chunks(*(x.view(-1, length, x.shape[1]) for x in (q_, k_, v_)), g, state, reverse)
        result = result.flatten(0, 1)
        if total is not None:
            total[at] = result[:, -1]
            result = result[:, :-1] / (result[:, -1:] + EPS)
        out[at] = result if row is None else result * row[at, None]


def _batches(N: int, chunk: int, reverse: bool) -> list[tuple[slice, int]]:
    """Stretches of whole chunks, BATCH at a time, in the order of the recurrence; what is left over is a chunk too."""
    whole = N // chunk * chunk
    found = [(slice(i, min(i + BATCH * chunk, whole)), chunk) for i in range(0, whole, BATCH * chunk)]
    if whole < N:
        found.append((slice(whole, N), N - whole))
    return found[::-1] if reverse else found


def _fold_chunks(q: Tensor, k: Tensor, v: Tensor, g: Tensor | None, state: Tensor, reverse: bool) -> tuple[Tensor, Tensor]:
    """Several chunks (c, C, F), (c, C, F), (c, C, D) from the state before them: outputs (c, C, D), the state after."""
    weights, kept = q @ k.mT, [1.0] * len(q)
    if g is None:
        weights = weights.triu_() if reverse else weights.tril_()
    else:
        # From source to target the decays between them: sums of g that are never positive, since one comes later.
        sums = g.cumsum(1)
        apart = sums[:, None, :] - sums[:, :, None] if reverse else sums[:, :, None] - sums[:, None, :]
        weights *= apart.triu_().exp_().triu_() if reverse else apart.tril_().exp_().tril_()
        ahead, behind = torch.exp(sums[:, -1:] - sums)[..., None], torch.exp(sums)[..., None]
        to_state, from_state = (behind, ahead) if reverse else (ahead, behind)
        q, k, kept = q * from_state, k * to_state, sums[:, -1].exp().tolist()
    written = k.mT @ v
    states = torch.empty_like(written)
    for i in reversed(range(len(q))) if reverse else range(len(q)):
        states[i] = state
        state = torch.add(written[i], state, alpha=kept[i])
    return torch.baddbmm(weights @ v, q, states), state
