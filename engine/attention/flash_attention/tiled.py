"""FlashAttention-2 in plain torch: tiles of scores that stay in a core's cache, never the whole matrix.

Source: Dao, "FlashAttention-2" (2023), algorithms 1 and 2. B batch, H query heads, G query heads to a key-value head,
N queries, T keys, D head dimension. The G heads that share keys are stacked into one tile. fp16 and bf16 tiles are
widened to fp32 one by one. On a CPU each tile, or each head of the backward pass, is one core's work.
"""

from __future__ import annotations

import torch
from torch import Tensor

from engine.attention.workers import pool

ROWS, COLUMNS = 256, 512  # a tile of fp32 scores takes 512 KiB


def _wide(x: Tensor) -> Tensor:
    return x if x.dtype == torch.float64 else x.float()


def _stacked(x: Tensor, heads: int) -> Tensor:
    """(B, H, N, ...) as (B Hkv, G, N, ...)."""
    B, H, *rest = x.shape
    return x.reshape(B * heads, H // heads, *rest)


def _scratch(q: Tensor, k: Tensor, dtype: torch.dtype, tiles: int) -> tuple[int, Tensor]:
    """Rows to a tile, fewer where many heads are stacked, and for each worker room for so many tiles."""
    group, N, T = q.shape[1] // k.shape[1], q.shape[2], k.shape[2]
    rows = min(N, max(16, ROWS // group))
    size = group * rows * min(COLUMNS, T)
    at_a_time = pool.count(q.device, q.shape[0] * q.shape[1] * N * T)
    return rows, torch.empty(at_a_time, tiles, size, dtype=dtype, device=q.device)


def _hide(s: Tensor, group: int, row: int, column: int) -> None:
    """Put -inf above the diagonal of a tile (G rows, columns) that starts at (row, column)."""
    columns = s.shape[-1]
    if column + columns > row + 1:
        s = s.view(group, -1, columns)
        above = torch.ones(s.shape[1:], dtype=torch.bool, device=s.device).triu_(row - column + 1)
        s.masked_fill_(above, -torch.inf)


def forward(q: Tensor, k: Tensor, v: Tensor, causal: bool, scale: float) -> tuple[Tensor, Tensor]:
    """Output like q, and log-sum-exp (B, H, N) in fp32 (fp64 for fp64)."""
    (B, H, N, D), heads, T = q.shape, k.shape[1], k.shape[2]
    wide = torch.promote_types(q.dtype, torch.float32)
    o = torch.empty(q.shape, dtype=q.dtype, device=q.device)
    lse = torch.empty(B, H, N, dtype=wide, device=q.device)
    qs, os, ls = (_stacked(x, heads) for x in (q, o, lse))
    ks, vs = k.reshape(B * heads, T, D), v.reshape(B * heads, T, D)
    rows, scratch = _scratch(q, k, wide, 1)

    def attend(worker: int, tile: tuple[int, int]) -> None:
        head, row = tile
        at = slice(row, row + rows)
        os[head, :, at], ls[head, :, at] = _attend_rows(qs[head, :, at], ks[head], vs[head], row, causal, scale, scratch[worker, 0])

    # The longest rows first, so that under a causal mask no long one is left for the end.
    tiles = [(head, row) for row in reversed(range(0, N, rows)) for head in range(B * heads)]
    pool.spread(attend, tiles, len(scratch))
    return o, lse


def _attend_rows(q: Tensor, k: Tensor, v: Tensor, row: int, causal: bool, scale: float, scratch: Tensor) -> tuple[Tensor, Tensor]:
    """Output and log-sum-exp of one tile of queries (G, rows, D), which starts at `row`."""
    group, rows, D = q.shape
    q = (_wide(q) * scale).reshape(group * rows, D)
    m = q.new_full((group * rows, 1), -torch.inf)
    l, acc = torch.zeros_like(m), torch.zeros_like(q)
    end = row + rows if causal else k.shape[0]
    for column in range(0, end, COLUMNS):
        at = slice(column, min(column + COLUMNS, end))
        s = scratch[: len(q) * (at.stop - column)].view(len(q), -1)
        torch.mm(q, _wide(k[at]).T, out=s)
        if causal:
            _hide(s, group, row, column)
        higher = torch.maximum(m, s.amax(-1, keepdim=True))
        p, alpha = s.sub_(higher).exp_(), m.sub_(higher).exp_()
        l.mul_(alpha).add_(p.sum(-1, keepdim=True))
        acc.mul_(alpha).addmm_(p, _wide(v[at]))
        m = higher
    return acc.div_(l).view(group, rows, D), l.log_().add_(m).view(group, rows)


def backward(
    q: Tensor, k: Tensor, v: Tensor, o: Tensor, lse: Tensor, do: Tensor, causal: bool, scale: float
) -> tuple[Tensor, Tensor, Tensor]:
    """dQ, dK and dV, recomputing each tile of weights from the log-sum-exp."""
    B, heads, T, D = k.shape
    dq = torch.zeros(q.shape, dtype=lse.dtype, device=q.device)
    dk, dv = (torch.empty(x.shape, dtype=x.dtype, device=x.device) for x in (k, v))
    qs, os, gs, ls, dqs = (_stacked(x, heads) for x in (q, o, do, lse, dq))
    ks, vs = k.reshape(B * heads, T, D), v.reshape(B * heads, T, D)
    dks, dvs = dk.view(B * heads, T, D), dv.view(B * heads, T, D)
    rows, scratch = _scratch(q, k, lse.dtype, 2)

    def attend(worker: int, head: int) -> None:
        delta = torch.stack([(_wide(a) * _wide(b)).sum(-1) for a, b in zip(os[head], gs[head], strict=True)])
        for column in range(0, T, COLUMNS):
            at = slice(column, column + COLUMNS)
            dks[head, at], dvs[head, at] = _attend_columns(
                qs[head], gs[head], ls[head], delta, dqs[head], ks[head, at], vs[head, at], column, rows, causal, scale, scratch[worker]
            )

    pool.spread(attend, range(B * heads), len(scratch))
    return dq.to(q.dtype), dk, dv


def _attend_columns(
    q: Tensor,
    do: Tensor,
    lse: Tensor,
    delta: Tensor,
    dq: Tensor,
    k: Tensor,
    v: Tensor,
    column: int,
    rows: int,
    causal: bool,
    scale: float,
    scratch: Tensor,
) -> tuple[Tensor, Tensor]:
    """dK and dV of one tile of keys (columns, D); adds what that tile gives to `dq` (G, N, D) in place."""
    group, N, D = q.shape
    k, v = _wide(k), _wide(v)
    dk, dv = torch.zeros_like(k), torch.zeros_like(v)
    for row in range(column // rows * rows if causal else 0, N, rows):
        at = slice(row, row + rows)
        seen = slice(0, max(0, row + rows - column) if causal else None)
        q_tile, do_tile = (_wide(x[:, at]).reshape(-1, D) for x in (q, do))
        k_tile, v_tile = k[seen], v[seen]
        p, ds = (x[: len(q_tile) * len(k_tile)].view(len(q_tile), -1) for x in scratch)
        torch.mm(q_tile.mul(scale), k_tile.T, out=p)
        if causal:
            _hide(p, group, row, column)
        p.sub_(lse[:, at].reshape(-1, 1)).exp_()
        dv[seen].addmm_(p.T, do_tile)
        torch.mm(do_tile, v_tile.T, out=ds)
        ds.sub_(delta[:, at].reshape(-1, 1)).mul_(p)
        dk[seen].addmm_(ds.T, q_tile, alpha=scale)
        dq[:, at].add_(torch.mm(ds, k_tile).view(group, -1, D), alpha=scale)
    return dk, dv
