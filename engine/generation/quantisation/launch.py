"""Running the kernels of the nearest code and of the codebook's gradient."""

from __future__ import annotations

import torch
import triton
from torch import Tensor

from engine.generation.quantisation import kernel

WIDEST = 256  # numbers to a code that a program's registers hold
BLOCK_K = 64
DIRECT = 8  # numbers to a code up to which differences are squared one by one


def _cut(D: int) -> tuple[int, int]:
    """Vectors to a program, and the padded width: fewer vectors where each is wide."""
    wide = max(16, triton.next_power_of_2(D))
    return (128 if wide <= 32 else 64 if wide <= 64 else 32), wide


def nearest_code(z: Tensor, codebook: Tensor, out: Tensor | None = None) -> Tensor:
    """Index (N,) int64 of the nearest code; `out` is written to where it is given.

    Raises ValueError for codes of more than 256 numbers.
    """
    (N, D), K = z.shape, len(codebook)
    if D > WIDEST:
        raise ValueError(f"a code of the kernel has at most {WIDEST} numbers; got {D}")
    index = torch.empty(N, dtype=torch.int64, device=z.device) if out is None else out
    if N:
        rows, wide = _cut(D)
        centre = codebook.float().mean(0)
        kernel.nearest_kernel[(triton.cdiv(N, rows),)](
            z.contiguous(), codebook.contiguous(), centre, index, N, K, D=D, BLOCK_N=rows, BLOCK_K=BLOCK_K, BLOCK_D=wide, DIRECT=D <= DIRECT
        )
    return index


def codebook_gradient(gradient: Tensor, index: Tensor, codes: int) -> Tensor:
    """(K, D) fp32: for each code the sum of the gradients (N, D) of the vectors that chose it."""
    N, D = gradient.shape
    made = torch.zeros(codes, D, dtype=torch.float32, device=gradient.device)
    if N:
        rows, wide = 64, max(16, triton.next_power_of_2(D))
        kernel.scatter_kernel[(triton.cdiv(N, rows),)](gradient.contiguous(), index, made, N, D=D, BLOCK_N=rows, BLOCK_D=wide)
    return made
