"""The operator `flash_attention`: exact attention in memory that grows with the length, not with its square."""

from __future__ import annotations

import importlib.util
import os
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from engine.attention.flash_attention import reference, tiled

Backend = Literal["reference", "torch", "triton"]
WIDEST_HEAD = 256
DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def unavailable(backend: Backend, device: torch.device | str) -> str:
    """Why `backend` cannot run on `device`, as a phrase; empty where it can."""
    if backend != "triton":
        return ""
    if importlib.util.find_spec("triton") is None:
        return "Triton is not installed"
    if torch.device(device).type != "cuda" and os.environ.get("TRITON_INTERPRET") != "1":
        return "the Triton kernel needs a CUDA device"
    return ""


def fastest(device: torch.device | str) -> Backend:
    """The backend to be timed on a device: never the interpreter, which is there for tests."""
    return "triton" if torch.device(device).type == "cuda" and not unavailable("triton", device) else "torch"


class _Attend(torch.autograd.Function):
    """Forward and backward of one backend, either `tiled` or `launch`."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, causal: bool, scale: float, passes: Any) -> Any:
        o, lse = passes.forward(q, k, v, causal, scale)
        ctx.save_for_backward(q, k, v, o, lse)
        ctx.causal, ctx.scale, ctx.passes = causal, scale, passes
        ctx.mark_non_differentiable(lse)
        return o, lse

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, do: Tensor, _lse: Tensor) -> Any:
        return *ctx.passes.backward(*ctx.saved_tensors, do, ctx.causal, ctx.scale), None, None, None


def attend(q: Tensor, k: Tensor, v: Tensor, causal: bool, scale: float, passes: Any) -> tuple[Tensor, Tensor]:
    """Output and log-sum-exp by the `forward` of `passes`, differentiable through its `backward`."""
    return _Attend.apply(q, k, v, causal, scale, passes)


def flash_attention(
    q: Float[Tensor, "B H N D"],
    k: Float[Tensor, "B Hkv T D"],
    v: Float[Tensor, "B Hkv T D"],
    *,
    causal: bool,
    scale: float | None = None,
    backend: Backend = "torch",
    return_lse: bool = False,
) -> Float[Tensor, "B H N D"] | tuple[Float[Tensor, "B H N D"], Float[Tensor, "B H N"]]:
    """softmax(scale Q K^T) V without the matrix of weights ever being stored.

    H is a multiple of Hkv (grouped queries), D at most 256; one dtype, one device.
    causal: query i sees keys 0 to i; needs N = T. scale: 1/sqrt(D) unless given.
    backend: "reference" (fp64, keeps the matrix), "torch" (tiles, any device), "triton" (CUDA, or the interpreter;
        fp16, bf16 and fp32).
    Returns the output in q's dtype; with `return_lse` also the log-sum-exp of the scaled scores, natural logarithm,
    without gradient. Differentiable once.
    Raises ValueError for shapes that do not fit, RuntimeError where the backend cannot run.
    Source: Dao, "FlashAttention-2" (2023).
    """
    _check(q, k, v, causal)
    if why := unavailable(backend, q.device):
        raise RuntimeError(f"backend={backend!r} is unavailable here: {why}")
    scale = q.shape[-1] ** -0.5 if scale is None else float(scale)
    if backend == "reference":
        o, lse = reference.attention(q, k, v, causal=causal, scale=scale)
        o, lse = o.to(q.dtype), lse.detach()
    elif backend in ("torch", "triton"):
        passes = tiled
        if backend == "triton":
            if q.dtype == torch.float64:
                raise ValueError("backend='triton' takes fp16, bf16 or fp32; got torch.float64")
            from engine.attention.flash_attention import launch as passes
        o, lse = attend(q, k, v, causal, scale, passes)
    else:
        raise ValueError(f"backend must be one of reference, torch, triton; got {backend!r}")
    return (o, lse) if return_lse else o


def _check(q: Tensor, k: Tensor, v: Tensor, causal: bool) -> None:
    """Raise ValueError, naming the rule and the shapes, where the tensors do not fit together."""
    shapes = f"got q {tuple(q.shape)}, k {tuple(k.shape)}, v {tuple(v.shape)}"
    if not q.ndim == k.ndim == v.ndim == 4 or 0 in (*q.shape, *k.shape):
        raise ValueError(f"q, k and v must be (batch, heads, length, head dimension), none of them 0; {shapes}")
    if k.shape != v.shape or q.shape[0] != k.shape[0] or q.shape[-1] != k.shape[-1]:
        raise ValueError(f"k and v must have one shape, and q's batch and head dimension; {shapes}")
    if q.shape[1] % k.shape[1]:
        raise ValueError(f"the number of query heads must be a multiple of the key-value heads; {shapes}")
    if q.shape[-1] > WIDEST_HEAD:
        raise ValueError(f"the head dimension must be at most {WIDEST_HEAD}; got {q.shape[-1]}")
    if causal and q.shape[2] != k.shape[2]:
        raise ValueError(f"causal attention needs as many queries as keys; {shapes}")
    if not q.dtype == k.dtype == v.dtype or q.dtype not in DTYPES:
        raise ValueError(f"q, k and v must share one floating dtype; got {q.dtype}, {k.dtype}, {v.dtype}")
    if not q.device == k.device == v.device:
        raise ValueError(f"q, k and v must be on one device; got {q.device}, {k.device}, {v.device}")
