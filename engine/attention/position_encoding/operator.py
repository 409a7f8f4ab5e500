"""The operator `rotate_both`: rotary positions for queries and keys in one pass, forward and backward."""

from __future__ import annotations

from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from engine.attention.flash_attention.operator import unavailable
from engine.attention.position_encoding import reference

Backend = Literal["reference", "triton"]
Layout = Literal["half", "interleaved"]
WIDEST_HEAD = 512
DTYPES = (torch.float16, torch.bfloat16, torch.float32)


def tables(positions: Tensor, rates: Tensor, temperature: float = 1.0) -> tuple[Tensor, Tensor]:
    """Cosines and sines (…, D / 2) in fp32 of positions (…) times rates (D / 2,), the angles taken in fp64."""
    angles = positions.double()[..., None] * rates.double()
    return (angles.cos() * temperature).float(), (angles.sin() * temperature).float()


class _Rotate(torch.autograd.Function):
    """The kernel both ways: the gradient of a turn is the turn back."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, cos: Tensor, sin: Tensor, interleaved: bool) -> Any:
        from engine.attention.position_encoding import launch

        ctx.save_for_backward(cos, sin)
        ctx.interleaved = interleaved
        return launch.rotate_both(q, k, cos, sin, interleaved)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, dq: Tensor, dk: Tensor) -> Any:
        from engine.attention.position_encoding import launch

        grads = launch.rotate_both(dq, dk, *ctx.saved_tensors, ctx.interleaved, backward=True)
        return *grads, None, None, None


def rotate_both(
    q: Float[Tensor, "B H T D"],
    k: Float[Tensor, "B Hkv T D"],
    cos: Float[Tensor, "*B T pairs"],
    sin: Float[Tensor, "*B T pairs"],
    *,
    layout: Layout = "half",
    backend: Backend = "reference",
) -> tuple[Float[Tensor, "B H T D"], Float[Tensor, "B Hkv T D"]]:
    """q and k with their pairs of numbers turned by their tokens' positions.

    D is even and at most 512; q and k are in one dtype, on one device, with any strides. cos, sin: see `tables`; they get
    no gradient.
    layout: "half" turns the numbers i and i + D / 2 together (LLaMA in `transformers`), "interleaved" 2i and 2i + 1
        (GPT-J, RoFormer): the same up to a permutation of the D numbers.
    backend: "reference" (any device), "triton" (CUDA, or the interpreter; one launch each way).
    Returns new tensors in the dtype of q and k; the arithmetic is fp32. Differentiable once.
    Raises ValueError for shapes that do not fit, RuntimeError where the backend cannot run.
    Source: Su et al. 2021 (RoFormer), eq. 34.
    """
    _check(q, k, cos, sin)
    if layout not in ("half", "interleaved"):
        raise ValueError(f"layout must be one of half, interleaved; got {layout!r}")
    if backend not in ("reference", "triton"):
        raise ValueError(f"backend must be one of reference, triton; got {backend!r}")
    if why := unavailable(backend, q.device):
        raise RuntimeError(f"backend={backend!r} is unavailable here: {why}")
    if backend == "reference":
        return reference.rotate_both(q, k, cos, sin, layout == "interleaved")
    if q.dtype not in DTYPES:
        raise ValueError(f"backend='triton' takes fp16, bf16 or fp32; got {q.dtype}")
    return _Rotate.apply(q, k, cos, sin, layout == "interleaved")


def _check(q: Tensor, k: Tensor, cos: Tensor, sin: Tensor) -> None:
    """Raise ValueError, naming the rule and the shapes, where the tensors do not fit together."""
    shapes = f"got q {tuple(q.shape)}, k {tuple(k.shape)}, cos {tuple(cos.shape)}, sin {tuple(sin.shape)}"
    if not q.ndim == k.ndim == 4 or 0 in (*q.shape, *k.shape):
        raise ValueError(f"q and k must be (batch, heads, tokens, head dimension), none of them 0; {shapes}")
    B, _, T, D = q.shape
    if (k.shape[0], k.shape[2], k.shape[3]) != (B, T, D):
        raise ValueError(f"q and k must agree in batch, tokens and head dimension; {shapes}")
    if D % 2 or D > WIDEST_HEAD:
        raise ValueError(f"the head dimension must be even and at most {WIDEST_HEAD}; got {D}")
    if cos.shape != sin.shape or tuple(cos.shape) not in ((T, D // 2), (B, T, D // 2)):
        raise ValueError(f"cos and sin must be (tokens, head dimension / 2), with or without a batch; {shapes}")
    if q.dtype != k.dtype or not q.is_floating_point():
        raise ValueError(f"q and k must share one floating dtype; got {q.dtype}, {k.dtype}")
    if not q.device == k.device == cos.device == sin.device:
        raise ValueError(f"all tensors must be on one device; got {q.device}, {k.device}, {cos.device}, {sin.device}")
