"""The nearest code of each vector without a table of all distances: on a CPU in chunks, on a GPU in one kernel.

Letters: N vectors z, D numbers each, K codes.
"""

from __future__ import annotations

import importlib.util
import os
from typing import Literal

import torch
from torch import Tensor

from engine.generation.quantisation import reference

Backend = Literal["auto", "reference", "torch", "triton"]
NARROW = 4  # numbers to a vector
TRUSTED = 1 / 64  # share of |z|² + |e|²: of a distance above it fp32 leaves 1e-5
CHUNK = 2**18  # distances held at a time: they stay in the cache


def unavailable(backend: Backend, device: torch.device | str) -> str:
    """Why `backend` cannot run on `device`, as a phrase; empty where it can."""
    if backend != "triton":
        return ""
    if importlib.util.find_spec("triton") is None:
        return "Triton is not installed"
    if torch.device(device).type != "cuda" and os.environ.get("TRITON_INTERPRET") != "1":
        return "the Triton kernel needs a CUDA device"
    return ""


def choose(z: Tensor, backend: Backend) -> str:
    """The backend by name: "auto" is Triton on a GPU, torch elsewhere. Raises ValueError where it cannot run."""
    named = backend if backend != "auto" else "triton" if z.is_cuda else "torch"
    if why := unavailable(named, z.device):
        raise ValueError(why)
    return named


def nearest_code(z: Tensor, codebook: Tensor, backend: Backend = "auto") -> Tensor:
    """Index (N,) int64 of the closest row of `codebook` (K, D) to each row of `z` (N, D), in Euclidean distance.

    Where two codes' distances differ by less than 1e-5 of them, rounding may decide; ties go to the lower index.
    Raises ValueError if the widths differ. Source: van den Oord et al. 2017, eq. 1.
    """
    if z.ndim != 2 or codebook.ndim != 2 or z.shape[1] != codebook.shape[1]:
        raise ValueError(f"z and codebook must be (N, D) and (K, D); got {tuple(z.shape)} and {tuple(codebook.shape)}")
    z, codebook = z.detach(), codebook.detach()
    match choose(z, backend):
        case "reference":
            return reference.nearest_code(z, codebook)
        case "triton":
            from engine.generation.quantisation import launch

            return launch.nearest_code(z, codebook)
    return _chunked(z, codebook)


def _chunked(z: Tensor, codebook: Tensor) -> Tensor:
    """Some rows at a time, so that few distances are held."""
    centre = codebook.double().mean(0)
    e, rows = codebook.double() - centre, max(1, CHUNK // len(codebook))
    index = torch.empty(len(z), dtype=torch.int64, device=z.device)
    for first in range(0, len(z), rows):
        index[first : first + rows] = _nearest(z[first : first + rows].double() - centre, e)
    return index


def _nearest(z: Tensor, e: Tensor) -> Tensor:
    """In fp32, and again in fp64 where a distance is so small beside the lengths that fp32 leaves it too few digits: of
    vectors of a few numbers that is most of them, and all are done in fp64."""
    if z.shape[1] <= NARROW:
        return _least(z, e)
    index = _least(z.float(), e.float())
    apart = (z - e[index]).square().sum(1)
    doubtful = (apart < TRUSTED * (z.square().sum(1) + e.square().sum(1)[index])).nonzero()[:, 0]
    index[doubtful] = _least(z[doubtful], e)
    return index


def _least(z: Tensor, e: Tensor) -> Tensor:
    """The first least ½|e|² − z·e of each row. On a CPU by numpy, whose argmin is vectorised: 20 times as fast as
    torch's."""
    found = torch.addmm(e.square().sum(1) / 2, z, e.mT, alpha=-1)
    return found.argmin(1) if found.is_cuda else torch.from_numpy(found.numpy().argmin(1))


def codebook_gradient(gradient: Tensor, index: Tensor, codes: int, backend: Backend = "auto") -> Tensor:
    """(K, D): the sum, over the vectors that chose each code, of the gradient (N, D) of what they were replaced by."""
    match choose(gradient, backend):
        case "reference":
            return reference.codebook_gradient(gradient, index, codes).to(gradient.dtype)
        case "triton":
            from engine.generation.quantisation import launch

            return launch.codebook_gradient(gradient, index, codes).to(gradient.dtype)
    made = torch.zeros(codes, gradient.shape[1], dtype=gradient.dtype, device=gradient.device)
    return made.index_add_(0, index, gradient)


class _Lookup(torch.autograd.Function):
    """The chosen rows of the codebook; their gradients go back to the codes that were chosen."""

    @staticmethod
    def forward(ctx, codebook: Tensor, index: Tensor, backend: Backend) -> Tensor:
        ctx.save_for_backward(index)
        ctx.codes, ctx.backend = len(codebook), backend
        return codebook[index]

    @staticmethod
    def backward(ctx, gradient: Tensor):
        (index,) = ctx.saved_tensors
        return codebook_gradient(gradient.contiguous(), index, ctx.codes, ctx.backend), None, None


def lookup(codebook: Tensor, index: Tensor, backend: Backend = "auto") -> Tensor:
    """(N, D): row `index` (N,) of `codebook` (K, D) for each, with the scattered gradient."""
    return _Lookup.apply(codebook, index, backend)
