"""Linear attention as its two equations say it, in double precision: all pairs at once, and one token after another.

B batch, H heads, N tokens, F features of queries and keys, D numbers to a value. Features are given already mapped.
With log-decays g, the weight of token j for token i is exp(g_{j+1} + ... + g_i) phi(q_i) . phi(k_j).
Source: Katharopoulos et al. 2020, eq. 9 and eqs. 16 to 20; with decay, Sun et al. 2023 (RetNet), eqs. 5 and 6.
"""

from __future__ import annotations

import torch
from torch import Tensor

from engine.attention.linear_attention.features import EPS


def parallel(q: Tensor, k: Tensor, v: Tensor, *, causal: bool, log_decay: Tensor | None = None, normalize: bool = True) -> Tensor:
    """The masked product of all pairs: q, k (B, H, N, F), v (B, H, N, D), log_decay (B, H, N) -> (B, H, N, D), fp64."""
    q, k, v = q.double(), k.double(), v.double()
    weights = q @ k.mT
    if log_decay is not None:
        sums = log_decay.double().cumsum(-1)
        weights = weights * torch.exp((sums[..., :, None] - sums[..., None, :]).tril())
    if causal:
        weights = weights.tril()
    out = weights @ v
    return out / (weights.sum(-1, keepdim=True) + EPS) if normalize else out


def recurrent(q: Tensor, k: Tensor, v: Tensor, *, log_decay: Tensor | None = None, normalize: bool = True) -> tuple[Tensor, Tensor]:
    """One token after another with a state S <- exp(g) S + k v^T, a matrix F x D; also the last state (B, H, F, D)."""
    q, k, v = q.double(), k.double(), v.double()
    state = torch.zeros(*k.shape[:2], k.shape[-1], v.shape[-1], dtype=torch.float64, device=q.device)
    total = torch.zeros_like(state[..., 0])
    outs = []
    for i in range(q.shape[2]):
        keep = 1.0 if log_decay is None else log_decay[..., i, None].double().exp()
        total = keep * total + k[:, :, i]
        state = (keep if log_decay is None else keep[..., None]) * state + k[:, :, i, :, None] * v[:, :, i, None, :]
        out = torch.einsum("bhf,bhfd->bhd", q[:, :, i], state)
        if normalize:
            out = out / ((q[:, :, i] * total).sum(-1, keepdim=True) + EPS)
        outs.append(out)
    return torch.stack(outs, dim=2), state
