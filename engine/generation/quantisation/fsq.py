"""Finite scalar quantisation: no codebook at all, each number is bounded and rounded to a few levels.

Letters: N vectors z (N, D), L₁ … L_D levels.
Source: Mentzer et al. 2023 (Finite scalar quantization), section 3.1 and the code of appendix A.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

EDGE = 1e-3


def bounded(z: Tensor, levels: Sequence[int]) -> Tensor:
    """Each number within what its levels round to: (L − 1)/2 · tanh, shifted by a half where L is even."""
    L = torch.tensor(levels, dtype=z.dtype, device=z.device)
    half = (L - 1) * (1 - EDGE) / 2
    offset = torch.where(L % 2 == 1, 0.0, 0.5).to(z.dtype)
    shift = torch.tan(offset / half)
    return torch.tanh(z + shift) * half - offset


def quantise(z: Tensor, levels: Sequence[int]) -> Tensor:
    """The rounded numbers, scaled to [−1, 1]; the gradient goes straight through the rounding."""
    inside = bounded(z, levels)
    rounded = inside + (inside.round() - inside).detach()
    return rounded / _halves(levels, z)


def _halves(levels: Sequence[int], z: Tensor) -> Tensor:
    return torch.tensor([level // 2 for level in levels], dtype=z.dtype, device=z.device)


def indices(q: Tensor, levels: Sequence[int]) -> Tensor:
    """The one integer (N,) of each quantised vector: its numbers as digits, the first counting least."""
    half = _halves(levels, q)
    digits = (q * half + half).round().long()
    base = torch.tensor([math.prod(levels[:d]) for d in range(len(levels))], device=q.device)
    return (digits * base).sum(-1)


def codes(levels: Sequence[int], dtype: torch.dtype = torch.float32) -> Tensor:
    """The implied codebook (K, D), row i the vector whose integer is i."""
    at = torch.arange(math.prod(levels))
    base = [math.prod(levels[:d]) for d in range(len(levels))]
    digits = torch.stack([(at // b) % level for b, level in zip(base, levels, strict=True)], -1).to(dtype)
    half = torch.tensor([level // 2 for level in levels], dtype=dtype)
    return (digits - half) / half


def levels_for(codes: int, width: int) -> tuple[int, ...]:
    """Levels of `width` numbers, descending, whose product is the largest that is at most `codes`; of those the most
    even. Each has at least 2; where that is too many, fewer numbers are given levels."""
    width = max(1, min(width, int(math.log2(codes))))

    def ways(left: int, room: int, top: int) -> Iterator[tuple[int, ...]]:
        if not left:
            yield ()
            return
        for level in range(2, min(top, room // 2 ** (left - 1)) + 1):
            yield from ((level, *rest) for rest in ways(left - 1, room // level, level))

    return max(ways(width, codes, codes), key=lambda levels: (math.prod(levels), -max(levels)))
