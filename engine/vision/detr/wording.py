"""What is to be said of a result beside its figures."""

from __future__ import annotations

from typing import Any


def clamped(params: Any, layer: int, query: int, brought: bool) -> tuple[tuple[str, str], ...]:
    """Sentences where what was asked for does not exist in this model."""
    made = []
    if layer != params.layer:
        made.append((f"This model has {layer} decoder layers: layer {layer} is shown, not {params.layer}.",
                     f"此模型有 {layer} 层解码器：显示第 {layer} 层，而非第 {params.layer} 层。"))  # fmt: skip
    if query != params.query:
        made.append((f"This model has {query + 1} queries: query {query} is shown, not {params.query}.",
                     f"此模型有 {query + 1} 个查询：显示查询 {query}，而非 {params.query}。"))  # fmt: skip
    if brought:
        made.append(
            ("Masks, slots and training are the embedded model's alone.", "掩码、槽位与训练过程只有内置模型才有。")
        )
    return tuple(made)
