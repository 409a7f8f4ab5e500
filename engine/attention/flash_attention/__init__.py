"""FlashAttention: the online softmax tile by tile, the bytes that it saves, and the time that it takes.

The operator is `engine.attention.flash_attention.operator.flash_attention`; torch is imported only where it is used.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from engine.attention.flash_attention import steps, traffic
from engine.attention.flash_attention.parameters import FlashAttention
from engine.attention.flash_attention.result import Accounting, Attention, Steps
from engine.core import Finding, Partial, T, experiment, gather

__all__ = ["Accounting", "Attention", "FlashAttention", "Steps", "flash_lab"]


@experiment("flash-attention", uses_gpu=True, limits={"cpu": {"length": 16_384}})
def flash_lab(params: FlashAttention) -> Iterator[Partial[Attention]]:
    """Steps and accounting at once; the timing sweep, when asked for, as it is measured."""
    example = steps.example(params.tokens, params.width, params.sharpness, params.seed)
    accounting = traffic.account(params)
    result = Attention(
        steps=steps.trace(*example, params.tile_rows, params.tile_columns, params.causal),
        accounting=accounting,
        roof=traffic.datasheet(params, accounting),
        findings=gather(saving(accounting)),
    )
    if params.task == "steps":
        yield Partial(result, 1.0)
        return
    from engine.attention.contest import machine
    from engine.attention.flash_attention import operator, sweep

    backend = operator.fastest(machine.device())
    for timing, said, fraction in sweep.run(params):
        roof = traffic.roofline(accounting, "", timing.ceiling_tflops, timing.bandwidth)
        measured = dataclasses.replace(result, timing=timing, roof=roof, findings=said, backend=backend, dtype=params.dtype)
        yield Partial(measured, fraction)


def saving(a: Accounting) -> Finding:
    """How the counted bytes compare."""
    values = {"memory": a.chosen["fast_bytes"], "tiled": a.tiled_bytes, "naive": a.naive_bytes}
    if a.tiled_bytes <= a.naive_bytes:
        said = T(
            "With {memory:bytes} of fast memory, tiles move {tiled:bytes} and naive attention {times:number.2} times as much, {naive:bytes}.",
            "快速存储为 {memory:bytes} 时，分块搬运 {tiled:bytes}，朴素注意力搬运 {naive:bytes}，为其 {times:number.2} 倍。",
            times=a.naive_bytes / a.tiled_bytes,
            **values,
        )
    else:
        said = T(
            "With only {memory:bytes} of fast memory, tiles move {tiled:bytes}, {times:number.2} times as much as naive attention's {naive:bytes}.",
            "快速存储只有 {memory:bytes} 时，分块反而搬运 {tiled:bytes}，是朴素注意力 {naive:bytes} 的 {times:number.2} 倍。",
            times=a.tiled_bytes / a.naive_bytes,
            **values,
        )
    return Finding(said, "bytes")
