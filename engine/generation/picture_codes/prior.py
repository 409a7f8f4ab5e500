"""A small autoregressive prior over pages of codes: each integer is drawn from a law of those before it.

Letters: B pages, S cells to a side, T = S² cells read row by row, K codes, D width, H heads.
A plain decoder: learned places by row and by column, pre-norm, one causal softmax. Source: van den Oord et al. 2017,
section 3.3 (with a PixelCNN); with attention, Chen et al. 2020 (Image GPT), section 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, scaled_dot_product_attention


@dataclass(frozen=True)
class PriorShape:
    """side: cells. codes: K. The pages are those of the autoencoder of this `factor`."""

    side: int = 16
    codes: int = 256
    factor: int = 8
    layers: int = 4
    width: int = 160
    heads: int = 5


class Layer(nn.Module):
    """Attention, then a feed-forward part, each on a normed copy of what flows by."""

    def __init__(self, shape: PriorShape):
        super().__init__()
        D = shape.width
        self.heads = shape.heads
        self.before, self.middle = nn.LayerNorm(D), nn.LayerNorm(D)
        self.qkv, self.out = nn.Linear(D, 3 * D), nn.Linear(D, D)
        self.up, self.down = nn.Linear(D, 4 * D), nn.Linear(4 * D, D)

    def forward(self, x: Tensor, past: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """x (B, t, D) with the keys and values of what went before (B, H, T, D / H); the new ones too."""
        q, k, v = self.qkv(self.before(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        if past is not None:
            k, v = torch.cat([past[0], k], 2), torch.cat([past[1], v], 2)
        seen = scaled_dot_product_attention(q, k, v, is_causal=past is None and x.shape[1] > 1)
        x = x + self.out(seen.transpose(1, 2).flatten(2))
        return x + self.down(gelu(self.up(self.middle(x)))), (k, v)


class Prior(nn.Module):
    """The law of a page. A start token, K, stands before the first cell."""

    def __init__(self, shape: PriorShape):
        super().__init__()
        D, S = shape.width, shape.side
        self.shape = shape
        self.token = nn.Embedding(shape.codes + 1, D)
        self.row, self.column = nn.Parameter(torch.randn(S, 1, D) * 0.02), nn.Parameter(torch.randn(1, S, D) * 0.02)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm, self.head = nn.LayerNorm(D), nn.Linear(D, shape.codes)
        nn.init.normal_(self.token.weight, std=0.02)

    def places(self) -> Tensor:
        """(T, D)."""
        return (self.row + self.column).flatten(0, 1)

    def forward(self, pages: Tensor) -> Tensor:
        """Logits (B, T, K) of each cell given those before it in pages (B, T) int64."""
        start = torch.full_like(pages[:, :1], self.shape.codes)
        x = self.token(torch.cat([start, pages[:, :-1]], 1)) + self.places()[: pages.shape[1]]
        for layer in self.layers:
            x, _ = layer(x)
        return self.head(self.norm(x))

    @torch.inference_mode()
    def sample(self, count: int, temperature: float, generator: torch.Generator) -> Tensor:
        """Pages (count, S, S) int64, cell by cell, the keys and values of earlier cells kept. At temperature 0 each is
        the likeliest."""
        places, token = self.places(), torch.full((count, 1), self.shape.codes)
        past: list[tuple[Tensor, Tensor] | None] = [None] * len(self.layers)
        made = []
        for t in range(self.shape.side**2):
            x = self.token(token) + places[t]
            for i, layer in enumerate(self.layers):
                x, past[i] = layer(x, past[i])
            logits = self.head(self.norm(x[:, -1]))
            if temperature <= 0:
                token = logits.argmax(-1, keepdim=True)
            else:
                token = torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator)
            made.append(token)
        return torch.cat(made, 1).view(count, self.shape.side, self.shape.side)
