"""Attention maps: 64 tokens through all heads, and the figures of every view, in seconds of CPU."""

from __future__ import annotations

import time

from engine.language import code_model
from engine.language.attention_maps import AttentionMaps, attention_maps
from pages.language.attention_maps import LAB

TEXT = (
    """
def mean(values):
    total = 0
    for value in values:
        total += value
    return total / len(values)
"""
    * 2
)


def once(number: int) -> tuple[float, float, float, int]:
    """CPU seconds to the first maps of a new text, to the whole result, and for all figures; tokens read."""
    begun, first = time.process_time(), 0.0
    for part in attention_maps.stream(AttentionMaps(text=f"# {number}\n{TEXT}", tokens=64)):
        first = first or time.process_time() - begun
    whole = time.process_time() - begun
    for view in LAB.views:
        view.figure(part.result).data()
    return first, whole, time.process_time() - begun - whole, len(part.result.tokens)


def main() -> None:
    """Print the medians of a few new texts."""
    code_model.warm_up()
    once(-1)
    rows = sorted(once(number) for number in range(7))
    first, whole, drawn, read = rows[3]
    print(f"  {read} tokens through all heads: first maps {first:.3f} s of CPU, each head off in turn {whole:.3f} s")
    print(f"  the figures of all {len(LAB.views)} views: {drawn:.3f} s of CPU (asked for at most 1 s in all)")


if __name__ == "__main__":
    main()
