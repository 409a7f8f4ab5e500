"""Rotary positions for queries and keys, read top to bottom: the equation in plain torch.

Letters: B batch, H heads of q, Hkv heads of k, T tokens, D numbers to a head.
Source: Su et al. 2021 (RoFormer), eq. 34.
"""

from __future__ import annotations

import torch
from torch import Tensor


def rotate(x: Tensor, cos: Tensor, sin: Tensor, interleaved: bool) -> Tensor:
    """x (B, H, T, D) with each pair of numbers turned; cos and sin are (T, D / 2) or (B, T, D / 2).

    A pair is the numbers 2i and 2i + 1 where `interleaved`, else i and i + D / 2. Computed in fp32 or more.
    """
    wide = torch.promote_types(x.dtype, torch.float32)
    c, s = (table.to(wide)[..., None, :, :] for table in (cos, sin))  # (…, 1, T, D / 2): the same for every head
    half = x.shape[-1] // 2
    a, b = (x[..., 0::2], x[..., 1::2]) if interleaved else (x[..., :half], x[..., half:])
    a, b = a.to(wide), b.to(wide)
    turned = (a * c - b * s, a * s + b * c)
    out = torch.stack(turned, -1).flatten(-2) if interleaved else torch.cat(turned, -1)
    return out.to(x.dtype)


def rotate_both(q: Tensor, k: Tensor, cos: Tensor, sin: Tensor, interleaved: bool) -> tuple[Tensor, Tensor]:
    """q (B, H, T, D) and k (B, Hkv, T, D), each turned by its tokens' positions."""
    return rotate(q, cos, sin, interleaved), rotate(k, cos, sin, interleaved)
