"""A transformer's body whose linear maps are handed in: one forward pass for G runs that differ in those maps.

Letters: G runs, B sequences a run, T tokens, d width, H heads, D = d / H.
The body is Llama's (Touvron et al. 2023): RMSNorm before each part, SwiGLU; causal with rotary positions for text,
neither for images.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import rms_norm, scaled_dot_product_attention, silu

from engine.training.memory import ATTENTION, Matrix

Maps = Mapping[str, Callable[[Tensor], Tensor]]  # by a matrix's name: (G, N, d_in) -> (G, N, d_out)
EPS = 1e-6


@dataclass(frozen=True)
class Body:
    """Sizes: `layers` of `width`, `heads` heads, `inner` units between. base: of the rotation; 0 for no positions."""

    layers: int
    width: int
    heads: int
    inner: int
    causal: bool
    base: float = 0.0

    def matrices(self) -> tuple[Matrix, ...]:
        """Every weight matrix inside the layers, in the order of computation."""
        found = []
        for layer in range(self.layers):
            for kind in ATTENTION:
                found.append(Matrix(f"{kind}{layer}", kind, layer, self.width, self.width))
            for kind in ("gate", "up"):
                found.append(Matrix(f"{kind}{layer}", kind, layer, self.inner, self.width))
            found.append(Matrix(f"down{layer}", "down", layer, self.width, self.inner))
        return tuple(found)


def rotation(tokens: int, width: int, base: float, device: torch.device) -> tuple[Tensor, Tensor]:
    """cos and sin of the angles m θ_i, (T, D), for pairs (i, i + D/2)."""
    rates = base ** (-torch.arange(0, width, 2, device=device, dtype=torch.float32) / width)
    angles = (torch.arange(tokens, device=device)[:, None] * rates).repeat(1, 2)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    """Rotary positions (Su et al. 2021) of (…, T, D)."""
    half = x.shape[-1] // 2
    return x * turn[0] + torch.cat([-x[..., half:], x[..., :half]], -1) * turn[1]


def forward(body: Body, maps: Maps, norms: Mapping[str, Tensor], x: Tensor) -> Tensor:
    """(G, B, T, d) -> (G, B, T, d), after the last norm.

    norms: weights (d,) of "before attention {layer}", "before feed-forward {layer}" and "last".
    """
    G, B, T, d = x.shape
    width = d // body.heads
    turn = rotation(T, width, body.base, x.device) if body.base else None
    x = x.reshape(G, B * T, d)
    split = lambda y: y.view(G * B, T, body.heads, width).transpose(1, 2)  # noqa: E731
    for layer in range(body.layers):
        h = rms_norm(x, (d,), norms[f"before attention {layer}"], EPS)
        q, k, v = (split(maps[f"{kind}{layer}"](h)) for kind in "qkv")
        if turn is not None:
            q, k = rotate(q, turn), rotate(k, turn)
        mixed = scaled_dot_product_attention(q, k, v, is_causal=body.causal)
        x = x + maps[f"o{layer}"](mixed.transpose(1, 2).reshape(G, B * T, d))
        h = rms_norm(x, (d,), norms[f"before feed-forward {layer}"], EPS)
        x = x + maps[f"down{layer}"](silu(maps[f"gate{layer}"](h)) * maps[f"up{layer}"](h))
    return rms_norm(x, (d,), norms["last"], EPS).view(G, B, T, d)
