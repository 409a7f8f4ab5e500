"""Nearest code and its gradients, as the equations say."""

from __future__ import annotations

import torch
from torch import Tensor


def nearest_code(z: Tensor, codebook: Tensor) -> Tensor:
    """Index (N,) of the closest codebook vector (K, D) to each row of `z` (N, D); ties go to the lower index.

    One row at a time, in float64. Source: van den Oord et al. 2017, eq. 1.
    """
    e = codebook.double()
    return torch.stack([(e - row).square().sum(-1).argmin() for row in z.double()])


def codebook_gradient(gradient: Tensor, index: Tensor, codes: int) -> Tensor:
    """(K, D): the sum, over the vectors that chose each code, of the gradient (N, D) of what they were replaced by."""
    made = torch.zeros(codes, gradient.shape[1], dtype=torch.float64, device=gradient.device)
    for row, code in zip(gradient.double(), index.tolist(), strict=True):
        made[code] += row
    return made
