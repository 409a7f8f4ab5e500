"""Attention as the equation says it, in double precision, with the whole matrix of weights in memory."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def attention(
    q: Float[Tensor, "B H N D"], k: Float[Tensor, "B Hkv T D"], v: Float[Tensor, "B Hkv T D"], *, causal: bool, scale: float | None = None
) -> tuple[Float[Tensor, "B H N D"], Float[Tensor, "B H N"]]:
    """O = softmax(scale Q K^T) V and the log-sum-exp of each row, both in fp64 whatever the inputs' dtype.

    H is a multiple of Hkv. Row i sees keys 0 to i when causal. `scale` is 1/sqrt(D) unless given. Gradients flow through both results.
    Source: Vaswani et al. 2017, eq. 1.
    """
    group = q.shape[1] // k.shape[1]
    q, k, v = q.double(), k.double().repeat_interleave(group, dim=1), v.double().repeat_interleave(group, dim=1)
    scores = q @ k.mT * (q.shape[-1] ** -0.5 if scale is None else scale)
    if causal:
        above = torch.ones(scores.shape[-2:], dtype=torch.bool, device=q.device).triu(1)
        scores = scores.masked_fill(above, -torch.inf)
    return torch.softmax(scores, dim=-1) @ v, torch.logsumexp(scores, dim=-1)
