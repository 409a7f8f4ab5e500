"""Verification of a batch of sequences, by any of its backends."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from engine.language.verification import reference

Backend = Literal["reference", "torch", "triton"]


def verify(
    p: Float[Tensor, "B G+1 V"],
    q: Float[Tensor, "B G V"],
    drafted: Int[Tensor, "B G"],
    uniforms: Float[Tensor, "B G+1"],
    backend: Backend = "torch",
) -> tuple[Int[Tensor, " B"], Int[Tensor, " B"]]:
    """How many drafted tokens of each sequence are kept, and the token that the target adds.

    p, q: distributions of target and draft, as weights, for G = γ ≥ 1 guesses; drafted: drawn from q; uniforms: in
    [0, 1), the last one for the added token.
    Raises ValueError where the shapes do not belong together.
    Source: Leviathan, Kalman & Matias 2023, algorithm 1.
    """
    B, G, V = q.shape
    wanted = {"p": (B, G + 1, V), "drafted": (B, G), "uniforms": (B, G + 1)}
    for (name, shape), tensor in zip(wanted.items(), (p, drafted, uniforms), strict=True):
        if tuple(tensor.shape) != shape:
            raise ValueError(f"{name} must have the shape {shape}; got {tuple(tensor.shape)}")
    if G < 1:
        raise ValueError("γ must be at least 1; got 0")
    match backend:
        case "reference":
            arrays = [x.cpu().numpy() for x in (p, q, drafted, uniforms)]
            found = torch.tensor([reference.verify(*row) for row in zip(*arrays, strict=True)], device=p.device)
            return found[:, 0], found[:, 1]
        case "triton":
            from engine.language.verification import kernel

            return kernel.verify(p, q, drafted, uniforms)
        case "torch":
            return _verify(p, q, drafted, uniforms)
    raise ValueError(f"backend must be reference, torch or triton; got {backend}")


def _verify(p: Tensor, q: Tensor, drafted: Tensor, uniforms: Tensor) -> tuple[Tensor, Tensor]:
    B, G, _ = q.shape
    p_guess = p[:, :G].gather(-1, drafted[..., None])[..., 0]
    q_guess = q.gather(-1, drafted[..., None])[..., 0]
    kept = (uniforms[:, :G] * q_guess < p_guess).long().cumprod(-1).sum(-1)
    rows = torch.arange(B, device=p.device)
    weights = p[rows, kept]
    left = (weights - q[rows, kept.clamp(max=G - 1)]).clamp(min=0)
    rejected = (kept < G) & (left.sum(-1) > 0)
    weights = torch.where(rejected[:, None], left, weights)
    sums = weights.double().cumsum(-1)
    token = torch.searchsorted(sums, uniforms[:, G:].double() * sums[:, -1:], right=True)[:, 0]
    last = (weights > 0).long().cumsum(-1).argmax(-1)
    return kept, torch.minimum(token, last)
