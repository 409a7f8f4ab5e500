"""Shapes of the family, and its members as `transformers` models: RoPE, RMSNorm, SwiGLU, tied embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.language.code_model.tokenizer import VOCABULARY

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM


@dataclass(frozen=True)
class Shape:
    """Sizes of one model: `layers` of `width`, with `heads` heads and a feed-forward part of `inner` units."""

    layers: int
    width: int
    heads: int
    inner: int
    context: int = 512
    vocabulary: int = VOCABULARY


SHAPES = {
    "target": Shape(layers=6, width=256, heads=4, inner=704),  # 5.3 M parameters
    "draft": Shape(layers=1, width=192, heads=3, inner=512),  # 0.8 M
    "larger target": Shape(layers=8, width=288, heads=6, inner=768),  # 8.6 M
}


def configuration(shape: Shape) -> dict[str, Any]:
    """What `transformers`' LlamaConfig needs to know of the shape: plain data, kept beside the weights."""
    return {
        "vocab_size": shape.vocabulary,
        "hidden_size": shape.width,
        "intermediate_size": shape.inner,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.heads,
        "max_position_embeddings": shape.context,
        "rms_norm_eps": 1e-6,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0},
        "tie_word_embeddings": True,
        "bos_token_id": 0,
        "eos_token_id": 0,
    }


def build(shape: Shape) -> LlamaForCausalLM:
    """A model of this shape with fresh weights, drawn from torch's global generator."""
    return revive(configuration(shape))


def revive(config: dict[str, Any], attention: str = "sdpa") -> LlamaForCausalLM:
    """A model from a saved configuration, its weights yet to be filled in."""
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(LlamaConfig(**config, attn_implementation=attention))
