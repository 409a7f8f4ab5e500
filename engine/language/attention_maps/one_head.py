"""One head taken apart: its queries, keys, their products and the weights they become."""

from __future__ import annotations

from engine.language.attention_maps import reference
from engine.language.attention_maps.reading import Reading
from engine.language.attention_maps.result import OneHead


def take_apart(reading: Reading, layer: int, head: int) -> OneHead:
    """The head of this layer and number, both from 1; numbers beyond the model's take its last."""
    layers, heads = reading.attentions.shape[:2]
    layer, head = min(layer, layers), min(head, heads)
    groups = heads // reading.keys.shape[1]
    q, k = reading.queries[layer - 1, head - 1], reading.keys[layer - 1, (head - 1) // groups]
    scaling = float(reading.scaling[layer - 1])
    weights = reading.attentions[layer - 1, head - 1]
    return OneHead(layer, head, q, k, scaling, reference.scores(q, k, scaling), weights)
