"""Running the rotary kernel: how many tokens and heads go to one program."""

from __future__ import annotations

from typing import NamedTuple

import torch
import triton
from torch import Tensor

from engine.attention.position_encoding import kernel

TILE = 2048  # pairs that a program holds at a time: 32 tokens of heads of 128
WAVES = 4  # programs wanted for each multiprocessor, so that the heads are not all left to one


class Tune(NamedTuple):
    """How a launch is cut: tokens to a program, groups of heads, warps."""

    tokens: int
    groups: int
    warps: int = 4


def choose(q: Tensor, k: Tensor) -> Tune:
    """Few programs with all heads each reuse the cosines most; more are made where the tokens alone fill no GPU."""
    B, H, T, D = q.shape
    tokens = max(1, min(TILE // triton.next_power_of_2(D // 2), triton.next_power_of_2(T)))
    blocks = triton.cdiv(T, tokens) * B
    wanted = WAVES * (torch.cuda.get_device_properties(q.device).multi_processor_count if q.is_cuda else 1)
    return Tune(tokens, max(1, min(H, triton.cdiv(wanted, blocks))))


def unit(x: Tensor) -> Tensor:
    """The tensor with unit stride along its last axis."""
    return x if x.stride(-1) == 1 else x.contiguous()


def rotate_both(
    q: Tensor,
    k: Tensor,
    cos: Tensor,
    sin: Tensor,
    interleaved: bool,
    *,
    backward: bool = False,
    out: tuple[Tensor, Tensor] | None = None,
    tune: Tune | None = None,
) -> tuple[Tensor, Tensor]:
    """q and k turned, or turned back. `out` gives the tensors to write to, `tune` overrules the cut."""
    q, k, cos, sin = (unit(x) for x in (q, k, cos.float(), sin.float()))
    B, H, T, D = q.shape
    results = out or (torch.empty_like(q), torch.empty_like(k))
    tokens, groups, warps = tune or choose(q, k)
    if cos.stride() != sin.stride():
        cos, sin = cos.contiguous(), sin.contiguous()
    table = (cos.stride(0) if cos.ndim == 3 else 0, cos.stride(-2))
    strides = tuple(x.stride()[:3] for x in (q, k, *results))
    cut = {"P": D // 2, "BLOCK_T": tokens, "BLOCK_P": triton.next_power_of_2(D // 2), "WAY": (interleaved, backward), "num_warps": warps}
    grid = (triton.cdiv(T, tokens), B, groups)
    kernel.rotate_kernel[grid](q, k, *results, cos, sin, strides, table, (H, k.shape[1], T, groups), **cut)
    return results
