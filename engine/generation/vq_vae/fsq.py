"""Finite scalar quantisation: no codebook at all, each number is bounded and rounded to a few levels.

Letters: N vectors z (N, D), L₁ … L_D levels.
Source: Mentzer et al. 2023 (Finite scalar quantization), section 3.1 and the code of appendix A.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

# Table 1: levels recommended for codebooks of about 2⁸, 2¹⁰, 2¹², 2¹⁴ and 2¹⁶.
RECOMMENDED = {2**8: (8, 6, 5), 2**10: (8, 5, 5, 5), 2**12: (7, 5, 5, 5, 5), 2**14: (8, 8, 8, 6, 5),
               2**16: (8, 8, 8, 5, 5, 5)}  # fmt: skip
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
    """Levels of `width` numbers, as even as can be, whose product is the largest that is at most `codes`.

    Each has at least 2; where that is too many, fewer numbers are given levels."""
    width = max(1, min(width, int(math.log2(codes))))
    best: tuple[int, ...] = (2,) * width
    stack: list[tuple[int, ...]] = [()]
    while stack:
        part = stack.pop()
        left = width - len(part)
        if not left:
            if (math.prod(part), -max(part)) > (math.prod(best), -max(best)):
                best = part
            continue
        room = codes // math.prod(part)
        top = min(part[-1] if part else codes, room // 2 ** (left - 1))
        low = max(2, math.floor(room ** (1 / left)) - 2)
        stack.extend((*part, level) for level in range(low, top + 1) if len(part) or level <= room ** (1 / left) + 4)
    return best
