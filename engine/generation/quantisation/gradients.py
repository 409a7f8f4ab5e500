"""How a gradient passes a quantiser that has none of its own.

Letters: N vectors z (N, D), each replaced by its code q (N, D).
"""

from __future__ import annotations

import torch
from torch import Tensor


def straight_through(z: Tensor, q: Tensor) -> Tensor:
    """z + sg[q − z]: q going forward; going back, the gradient of q is handed to z as it is.

    Source: Bengio et al. 2013; van den Oord et al. 2017, section 3.2.
    """
    return z + (q - z).detach()


def rotated(z: Tensor, q: Tensor) -> Tensor:
    """sg[‖q‖/‖z‖ · R] z with R the rotation that takes z's direction to q's: q going forward; going back, the gradient
    turns with it, so that it keeps its angle to the vector that it belongs to.

    R = 1 − 2 r rᵀ + 2 q̂ ẑᵀ with r the unit vector along ẑ + q̂. Where z or q is nearly 0, or they are opposite, there is
    no such turn, and the gradient goes straight through.
    Source: Fifty et al. 2024 (Restructuring vector quantization with the rotation trick), eq. 4 and section 4.2.
    """
    with torch.no_grad():
        long, short = z.norm(dim=-1, keepdim=True), q.norm(dim=-1, keepdim=True)
        a, b = z / long.clamp(min=1e-12), q / short.clamp(min=1e-12)
        middle = a + b
        r = middle / middle.norm(dim=-1, keepdim=True).clamp(min=1e-12)
        plain = (long < 1e-6) | (short < 1e-6) | (middle.norm(dim=-1, keepdim=True) < 1e-6)
        scale = short / long.clamp(min=1e-12)

    def dot(u: Tensor, v: Tensor) -> Tensor:
        return (u * v).sum(-1, keepdim=True)

    turned = scale * (z - 2 * r * dot(r, z) + 2 * b * dot(a, z))
    return torch.where(plain, straight_through(z, q), turned)


def commitment(z: Tensor, q: Tensor) -> Tensor:
    """‖z − sg[q]‖², the mean over all numbers: it draws the encoder to the codes. Source: van den Oord 2017, eq. 3."""
    return (z - q.detach()).square().mean()


def codebook_loss(z: Tensor, q: Tensor) -> Tensor:
    """‖sg[z] − q‖², the mean over all numbers: the codes are drawn to the encoder. Source: as above."""
    return (z.detach() - q).square().mean()
