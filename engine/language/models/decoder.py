"""Decoding one text token by token: a lean decoder for models built as Llama is, and one for all others.

At this size a pass takes as long to ask for as to compute. The lean decoder asks for little: the norms' weights are
folded into the matrices behind them, the three projections of attention are one matrix, as are the two of the gate,
keys and values lie in one static tensor that is cut by setting a number, and the first layer's projections, which know
a token but not its place, are a table (Graef 2024, "Transformer tricks: precomputing the first layer"). Its logits are
`transformers`' up to rounding.

n tokens of one text, V vocabulary, W width, H query heads, G key-value heads, D head dimension, L layers.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, addmm
from torch.nn.functional import linear, scaled_dot_product_attention, silu

if TYPE_CHECKING:
    from transformers import PreTrainedModel

LEAN_KINDS = {"llama", "mistral", "qwen2"}
LEAN_MOST = 300_000_000  # parameters: folding keeps a second copy of the weights
TABLE_MOST = 8_000_000  # numbers in the table of the first layer's projections
FEW = 32  # queries
STATIC_ROPE = {"default", "llama3", "linear", "yarn"}
_folded: WeakKeyDictionary[PreTrainedModel, Folded] = WeakKeyDictionary()
_folding = threading.Lock()


class Decoder(Protocol):
    """A model at a place of one text. `length`: tokens in its cache; `fed`: tokens it has ever worked on."""

    length: int
    fed: int

    def feed(self, tokens: Sequence[int], last: int = 0) -> Tensor:
        """Logits (n, V) behind each token, or behind the `last` ones alone; keys and values are kept."""
        ...

    def crop(self, length: int) -> None:
        """Forget all but the first `length` tokens, without computing anything again."""
        ...


def open_text(model: PreTrainedModel, capacity: int) -> Decoder:
    """A decoder at the start of a text of at most `capacity` tokens: the lean one where the model allows."""
    return LeanDecoder(fold(model), capacity) if is_lean(model) else CachedDecoder(model)


def is_lean(model: PreTrainedModel) -> bool:
    """Whether the lean decoder computes what the model does."""
    config = model.config
    rope = (getattr(config, "rope_parameters", None) or {}).get("rope_type", "default")
    return (
        config.model_type in LEAN_KINDS
        and getattr(config, "hidden_act", "") == "silu"
        and not (getattr(config, "use_sliding_window", True) and getattr(config, "sliding_window", None))
        and rope in STATIC_ROPE
        and sum(p.numel() for p in model.parameters()) <= LEAN_MOST
    )


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer's matrices, norms folded in. in_, gate_up read the scaled residual stream; out, down, which stand
    transposed, add to it in the same call."""

    in_: tuple[Tensor, Tensor | None]
    out: tuple[Tensor, Tensor | None]
    gate_up: tuple[Tensor, Tensor | None]
    down: tuple[Tensor, Tensor | None]


@dataclass(frozen=True, eq=False)
class Folded:
    """A model's weights as the lean decoder reads them. projected (V, (H + 2 G) D): the first layer's queries, keys and
    values of every token, where such a table is small."""

    layers: tuple[Layer, ...]
    embedding: Tensor
    projected: Tensor | None
    head: tuple[Tensor, Tensor | None]
    heads: int
    groups: int
    head_dim: int
    small: Tensor  # √(W ε)
    model: PreTrainedModel

    def rotations(self, length: int) -> Tensor:
        """cos + i sin by position and pair of dimensions: (length, 1, D / 2)."""
        places = torch.arange(length, device=self.embedding.device)[None]
        cos, sin = self.model.model.rotary_emb(self.embedding[:1, :1], places)
        return torch.complex(cos[0, :, : self.head_dim // 2], sin[0, :, : self.head_dim // 2])[:, None]


def fold(model: PreTrainedModel) -> Folded:
    """The model's weights folded, once for each model."""
    with _folding:
        if model not in _folded:
            with torch.inference_mode(False), torch.no_grad():
                _folded[model] = _fold(model)
        return _folded[model]


def _fold(model: PreTrainedModel) -> Folded:
    config, root = model.config, math.sqrt(model.config.hidden_size)
    heads, groups = config.num_attention_heads, config.num_key_value_heads
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // heads

    def join(parts: Sequence[torch.nn.Linear], norm: Tensor) -> tuple[Tensor, Tensor | None]:
        weight = torch.cat([p.weight for p in parts]) * (norm * root)
        biases = [p.bias if p.bias is not None else p.weight.new_zeros(len(p.weight)) for p in parts]
        return weight, torch.cat(biases) if any(p.bias is not None for p in parts) else None

    def scaled(matrix: tuple[Tensor, Tensor | None]) -> tuple[Tensor, Tensor | None]:
        """Queries divided by √D here, once."""
        by = matrix[0].new_ones(matrix[0].shape[0])
        by[: heads * head_dim] = 1 / math.sqrt(head_dim)
        return matrix[0] * by[:, None], None if matrix[1] is None else matrix[1] * by

    def in_pairs(matrix: tuple[Tensor, Tensor | None]) -> tuple[Tensor, Tensor | None]:
        """Rows of queries and keys in the order in which a rotation takes them: i beside i + D / 2."""
        turned = (heads + groups) * head_dim
        order = torch.arange(turned).view(-1, 2, head_dim // 2).mT.reshape(-1)
        order = torch.cat([order, torch.arange(turned, turned + groups * head_dim)])
        return matrix[0][order], None if matrix[1] is None else matrix[1][order]

    layers = [
        Layer(
            in_pairs(scaled(join([a.q_proj, a.k_proj, a.v_proj], block.input_layernorm.weight))),
            (a.o_proj.weight.mT, a.o_proj.bias),
            join([m.gate_proj, m.up_proj], block.post_attention_layernorm.weight),
            (m.down_proj.weight.mT, m.down_proj.bias),
        )
        for block in model.model.layers
        for a, m in [(block.self_attn, block.mlp)]
    ]
    small = model.lm_head.weight.new_tensor(root * math.sqrt(config.rms_norm_eps))
    embedding, first = model.model.embed_tokens.weight.detach(), layers[0].in_
    projected = linear(normed(embedding, small), *first) if len(embedding) * len(first[0]) <= TABLE_MOST else None
    return Folded(
        tuple(layers), embedding, projected, join([model.lm_head], model.model.norm.weight), heads, groups, head_dim, small, model
    )


def normed(x: Tensor, small: Tensor) -> Tensor:
    """x / √(|x|² + small²): RMSNorm without its weight and √W, which stand in the next matrix."""
    return x / torch.hypot(torch.linalg.vector_norm(x, dim=-1, keepdim=True), small)


def add(x: Tensor, a: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """x + a weight + bias."""
    x = addmm(x, a, weight)
    return x if bias is None else x + bias


class LeanDecoder:
    """A text in the works on a folded model. One thread at a time."""

    def __init__(self, weights: Folded, capacity: int):
        w = self.weights = weights
        self.length = self.fed = 0
        like = w.embedding
        with torch.inference_mode():
            self.kept = like.new_empty(len(w.layers), 2 * w.groups, capacity, w.head_dim)
            self.rotation = w.rotations(capacity)
            self.mask = like.new_full((capacity, capacity), float("-inf")).triu(1)
        self.grouped = {"enable_gqa": True} if w.groups != w.heads else {}

    @property
    def layers(self) -> int:
        return len(self.weights.layers)

    def feed(self, tokens: Sequence[int], last: int = 0) -> Tensor:
        """See `Decoder`."""
        with torch.inference_mode():
            x = self.begin(tokens, self.length, self.layers)
            self.length += len(tokens)
            return self.logits(x[-last:])

    def crop(self, length: int) -> None:
        """See `Decoder`. What lies behind stays in memory and is written over."""
        self.length = min(length, self.length)

    def logits(self, x: Tensor) -> Tensor:
        """(n, V) of the residual stream (n, W)."""
        return linear(normed(x, self.weights.small), *self.weights.head)

    def begin(self, tokens: Sequence[int], start: int, behind: int) -> Tensor:
        """The residual stream (n, W) after layers 0 to `behind` − 1, of tokens at places start, start + 1, …"""
        self.fed += len(tokens)
        table = self.weights.projected
        known = None if table is None else rows(table, tokens).clone()  # to be turned in place
        return self.through(rows(self.weights.embedding, tokens), start, 0, behind, known)

    def through(self, x: Tensor, start: int, first: int, behind: int, projected: Tensor | None = None) -> Tensor:
        """The same after layers `first` to `behind` − 1, of the stream before them; their keys and values are kept.

        projected (n, (H + 2 G) D): queries, keys and values of layer `first`, where they are known; written over.
        """
        n = len(x)
        end = start + n
        rotation, mask = self.rotation[start:end], self.mask[start:end, :end] if n > 1 else None
        for layer, kept in zip(self.weights.layers[first:behind], self.kept[first:behind], strict=True):
            if projected is None:
                projected = linear(normed(x, self.weights.small), *layer.in_)
            x = self._layer(x, projected, layer, kept, start, end, rotation, mask)
            projected = None
        return x

    def _layer(
        self, x: Tensor, projected: Tensor, layer: Layer, kept: Tensor, start: int, end: int, rotation: Tensor, mask: Tensor | None
    ) -> Tensor:
        w, n = self.weights, len(x)
        turned = w.heads + w.groups
        qkv = projected.view(n, turned + w.groups, w.head_dim)
        torch.view_as_complex(qkv[:, :turned].unflatten(-1, (-1, 2))).mul_(rotation)
        kept[:, start:end] = qkv[:, w.heads :].transpose(0, 1)
        a = self._attend(qkv[:, : w.heads].transpose(0, 1), kept[:, :end], mask)
        x = add(x, a.transpose(0, 1).reshape(n, -1), *layer.out)
        gate, up = linear(normed(x, w.small), *layer.gate_up).chunk(2, -1)
        return add(x, silu(gate) * up, *layer.down)

    def _attend(self, q: Tensor, kept: Tensor, mask: Tensor | None) -> Tensor:
        """(H, n, D) of scaled queries (H, n, D) over keys and values (2 G, T, D). Two plain products beat the fused
        kernel where there are few queries."""
        heads, n, d = q.shape
        keys, values = kept[: self.weights.groups], kept[self.weights.groups :]
        if n > FEW:
            return scaled_dot_product_attention(q[None], keys[None], values[None], attn_mask=mask, scale=1.0, **self.grouped)[0]
        if self.grouped:
            q = q.reshape(len(keys), -1, d)
            mask = mask if mask is None else mask.repeat(heads // len(keys), 1)
        scores = torch.bmm(q, keys.mT) if mask is None else torch.baddbmm(mask, q, keys.mT)
        return torch.bmm(scores.softmax(-1), values).view(heads, n, d)


def rows(table: Tensor, tokens: Sequence[int]) -> Tensor:
    """The rows of these tokens; a view of the table for a single one."""
    return table[tokens[0] : tokens[0] + 1] if len(tokens) == 1 else table[torch.tensor(tokens)]


class CachedDecoder:
    """A text in the works on any decoder of `transformers`, with its own cache."""

    def __init__(self, model: PreTrainedModel):
        from transformers import DynamicCache

        # Made without the configuration, the cache keeps every key, also where layers look through a window: one that
        # forgets could not be cropped. The layers' own mask still lets them see no further than their window.
        self.model, self.cache = model, DynamicCache()
        self.length = self.fed = 0

    def feed(self, tokens: Sequence[int], last: int = 0) -> Tensor:
        """See `Decoder`."""
        with torch.inference_mode():
            fed = torch.tensor([list(tokens)], device=self.model.device)
            out = self.model(input_ids=fed, past_key_values=self.cache, use_cache=True, logits_to_keep=last)
        self.length += len(tokens)
        self.fed += len(tokens)
        return out.logits[0]

    def crop(self, length: int) -> None:
        """See `Decoder`. `transformers` 5.23 takes the number of tokens to remove, as a negative number."""
        if length < self.length:
            self.cache.crop(length - self.length)
            self.length = length
