"""The operator `linear_attention`: a weighted mean whose weights are products of features, in time linear in length."""

from __future__ import annotations

from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from engine.attention.flash_attention.operator import DTYPES, unavailable
from engine.attention.linear_attention import chunked, reference
from engine.attention.linear_attention.features import EPS

Backend = Literal["reference", "torch", "triton"]


class _Causal(torch.autograd.Function):
    """Both passes from one operation, `fold`, since the transpose of a causal product is an anticausal one."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, g: Tensor | None, normalize: bool, chunk: int | None, fold: Any) -> Tensor:
        o, total = fold(q, k, v, decay=g, sums=normalize, chunk=chunk)
        inverse = (total + EPS).reciprocal() if normalize else None
        ctx.save_for_backward(q, k, v, g, o if normalize else None, inverse)
        ctx.chunk, ctx.fold = chunk, fold
        return o

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, do: Tensor) -> Any:
        q, k, v, g, o, inverse = ctx.saved_tensors
        fold, options = ctx.fold, {"decay": g, "chunk": ctx.chunk}
        if g is not None:
            options["dtype"] = torch.promote_types(q.dtype, torch.float32)  # dg is a sum of small differences
        # With weights A and o_i = sum_j A_ij v_j / l_i, dA_ij = (do_i . v_j - do_i . o_i) / l_i.
        delta = None if inverse is None else -(do.to(inverse.dtype) * o.to(inverse.dtype)).sum(-1)
        dq, _ = fold(do, v, k, row=inverse, target_bias=delta, **options)
        dk, _ = fold(v, do, q, reverse=True, source=inverse, source_bias=delta, **options)
        dv, _ = fold(k, q, do, reverse=True, source=inverse, **options)
        dg = None
        if g is not None and ctx.needs_input_grad[3]:
            # g_t stands in the weight of every pair j < t <= i: a sum from the end over rows less columns of A dA.
            parts = (q.to(dq.dtype) * dq).sum(-1) - (k.to(dk.dtype) * dk).sum(-1)
            dg = parts.flip(-1).cumsum(-1).flip(-1).to(g.dtype)
        return dq.to(q.dtype), dk.to(k.dtype), dv.to(v.dtype), dg, None, None, None


def linear_attention(
    q: Float[Tensor, "B H N F"],
    k: Float[Tensor, "B H N F"],
    v: Float[Tensor, "B H N D"],
    *,
    causal: bool,
    log_decay: Float[Tensor, " H"] | Float[Tensor, "B H N"] | None = None,
    normalize: bool = True,
    chunk: int | None = None,
    backend: Backend = "torch",
) -> Float[Tensor, "B H N D"]:
    """sum_j w_ij (q_i . k_j) v_j over the keys that i sees, divided by the sum of the weights if `normalize`.

    q, k: features already mapped (not negative, where they are to be normalised).
    log_decay: g <= 0, causal only: w_ij = exp(g_{j+1} + ... + g_i), that is, the state is
        multiplied by exp(g_i) before token i is written into it. 1e-6 is added to the sum that divides.
    chunk: tokens worked on at once in the chunked form; a good size unless given.
    backend: "reference" (fp64, all pairs), "torch" (chunks, any device), "triton" (CUDA, or the interpreter; F and D
        at most 256; without the mask, where two matrix products are all, the same as "torch").
    Returns the output in v's dtype; differentiable once. Sums are kept in fp32 for fp16 and bf16.
    Raises ValueError for shapes that do not fit, RuntimeError where the backend cannot run.
    Source: Katharopoulos et al. 2020; decay, Sun et al. 2023 and Yang et al. 2024.
    """
    _check(q, k, v, causal, log_decay, chunk)
    if why := unavailable(backend, q.device):
        raise RuntimeError(f"backend={backend!r} is unavailable here: {why}")
    if log_decay is not None:
        g = log_decay[None, :, None] if log_decay.ndim == 1 else log_decay
        log_decay = g.expand(q.shape[:3])
    if backend == "reference":
        out = reference.parallel(q, k, v, causal=causal, log_decay=log_decay, normalize=normalize)
        return out.to(v.dtype)
    if backend not in ("torch", "triton"):
        raise ValueError(f"backend must be one of reference, torch, triton; got {backend!r}")
    if not causal:
        return _unmasked(q, k, v, normalize)
    fold = chunked.fold
    if backend == "triton":
        from engine.attention.linear_attention.launch import fold
    return _Causal.apply(q, k, v, log_decay, normalize, chunk, fold)


def _unmasked(q: Tensor, k: Tensor, v: Tensor, normalize: bool) -> Tensor:
    """Q (K^T V): the state first, in fp32 or wider, then every query at once."""
    wide = torch.promote_types(q.dtype, torch.float32)
    state = (k.mT @ v) if q.dtype == wide else k.mT.to(wide) @ v.to(wide)
    out = q.to(wide) @ state
    if normalize:
        out = out / ((q.to(wide) @ k.sum(2, dtype=wide)[..., None]) + EPS)
    return out.to(v.dtype)


def _check(q: Tensor, k: Tensor, v: Tensor, causal: bool, log_decay: Tensor | None, chunk: int | None) -> None:
    """Raise ValueError, naming the rule and the shapes, where the tensors do not fit together."""
    shapes = f"got q {tuple(q.shape)}, k {tuple(k.shape)}, v {tuple(v.shape)}"
    if not q.ndim == k.ndim == v.ndim == 4 or 0 in (*q.shape, *v.shape):
        raise ValueError(f"q, k and v must be (batch, heads, length, features), none of them 0; {shapes}")
    if q.shape != k.shape or q.shape[:3] != v.shape[:3]:
        raise ValueError(f"q and k must have one shape, and v their batch, heads and length; {shapes}")
    if not q.dtype == k.dtype == v.dtype or q.dtype not in DTYPES:
        raise ValueError(f"q, k and v must share one floating dtype; got {q.dtype}, {k.dtype}, {v.dtype}")
    if log_decay is not None:
        if not causal:
            raise ValueError("log_decay needs causal=True: without an order of tokens nothing decays")
        if tuple(log_decay.shape) not in ((q.shape[1],), tuple(q.shape[:3])):
            expected = f"({q.shape[1]},) or {tuple(q.shape[:3])}"
            raise ValueError(f"log_decay must be of shape {expected}; got {tuple(log_decay.shape)}")
    if chunk is not None and chunk < 1:
        raise ValueError(f"chunk must be at least 1; got {chunk}")
