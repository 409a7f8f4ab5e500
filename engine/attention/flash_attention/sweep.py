"""The timing sweep: every contender at every point, streamed as it is measured."""

from __future__ import annotations

import functools
import math
import types
from collections.abc import Iterator
from dataclasses import replace

from torch import Tensor

from engine.attention.contest import machine, softmax
from engine.attention.contest import sweep as contest
from engine.attention.contest.race import Entry
from engine.attention.contest.result import Measured
from engine.attention.contest.softmax import Attend, Shape, Trial
from engine.attention.contest.sweep import Sweep
from engine.attention.flash_attention import operator
from engine.attention.flash_attention.parameters import FlashAttention
from engine.core.findings import Finding, gather
from engine.core.words import T

SECONDS = {"cpu": 1.7, "cuda": 0.5}  # aim of the timing rounds of one point
LEAST = {"length": 16, "tokens": 16, "heads": 1, "head_dim": 16}
TITLES = {
    "naive": T("naive", "朴素"),
    "ours": T("ours", "本站实现"),
    "ours, without TMA": T("ours, without TMA", "本站实现（不用 TMA）"),
    "math": T("torch: math", "torch：math"),
    "flash": T("torch: flash", "torch：flash"),
    "efficient": T("torch: efficient", "torch：efficient"),
    "cudnn": T("torch: cuDNN", "torch：cuDNN"),
}


def where(axis: str, value: int) -> T:
    """A point as a sentence names it."""
    if axis == "heads":
        return T.many("{n} head", "{n} heads", "{n} 个头", n=value)
    if axis == "head_dim":
        return T("head dimension {value}", "头维度 {value}", value=value)
    return T("length {value:count}", "长度 {value:count}", value=value)


def without_tma(q: Tensor, k: Tensor, v: Tensor, *, causal: bool) -> Tensor:
    """Our Triton kernel fetching through pointers even where Hopper's copy engine could."""
    from engine.attention.flash_attention import launch

    passes = types.SimpleNamespace(
        forward=functools.partial(launch.forward, tma=False), backward=functools.partial(launch.backward, tma=False)
    )
    return operator.attend(q, k, v, causal, q.shape[-1] ** -0.5, passes)[0]


def ours(shape: Shape, device: str) -> tuple[dict[str, Attend], list[T]]:
    """What this project brings to the race, and a note where it is not the kernel."""
    backend = operator.fastest(device)
    found: dict[str, Attend] = {"ours": functools.partial(operator.flash_attention, causal=shape.causal, backend=backend)}
    if backend == "torch":
        note = T(
            "Ours is FlashAttention-2 in tiles of torch operations: the Triton kernel needs a CUDA device.",
            "本站实现是用 torch 分块运算写的 FlashAttention-2：Triton 内核需要 CUDA 设备。",
        )
        return found, [note]
    from engine.attention.flash_attention import launch

    tiny = replace(shape, batch=1, heads=1, kv_heads=1, length=128).inputs(None, device)
    if launch.copy_engine_takes(*tiny[:3]):
        found["ours, without TMA"] = functools.partial(without_tma, causal=shape.causal)
    return found, []


def shapes(params: FlashAttention) -> tuple[tuple[int, ...], list[Shape]]:
    """The swept values, ending at the one that is set, and the size of each point.

    "tokens" sweeps the length as well, with batch x length held at what is set.
    """
    own = Shape(
        params.batch,
        params.heads,
        params.kv_heads,
        params.length,
        params.head_dim,
        params.causal,
        softmax.DTYPES[params.dtype],
        params.backward,
    )
    values = contest.halves(params.length if params.axis == "tokens" else getattr(params, params.axis), LEAST[params.axis])
    if params.axis == "heads":
        group = params.heads // params.kv_heads
        return values, [replace(own, heads=n, kv_heads=n // math.gcd(n, group)) for n in values]
    if params.axis == "tokens":
        return values, [replace(own, length=n, batch=max(1, own.batch * own.length // n)) for n in values]
    return values, [replace(own, **{params.axis: n}) for n in values]


def run(params: FlashAttention) -> Iterator[tuple[Measured, tuple[Finding, ...], float]]:
    """What has been measured, what is to be said of it, and the fraction of the work done."""
    device = machine.device()
    values, points = shapes(params)
    theirs, missing = softmax.present(points[-1], device)
    own, notes = ours(points[-1], device)
    contenders = {name: (own | theirs)[name] for name in TITLES if name in own | theirs}

    def entries(shape: Shape) -> tuple[dict[str, Entry], int]:
        trial = Trial(shape, params.seed, device)
        return {name: trial.entry(name, attend) for name, attend in contenders.items()}, len(trial.inputs)

    sweep = Sweep(
        axis=params.axis,
        values=values,
        shapes=points,
        where=functools.partial(where, params.axis),
        titles={name: TITLES[name] for name in contenders},
        entries=entries,
        device=device,
        weights=[shape.flops**0.7 for shape in points],  # small points cost more than their FLOPs
        seconds=[SECONDS[device]] * len(points),
        notes=[*notes, *missing],
    )
    for found, said, fraction in contest.run(sweep):
        yield found, findings(found, said, done=fraction == 1), fraction


def findings(found: Measured, notes: list[T], done: bool) -> tuple[Finding, ...]:
    """What the sweep comes to, and what was left out."""
    left = (Finding(note, "timing") for note in notes)
    if not done:
        return gather(*left)
    return gather(*compared(found), contest.too_high(found, "rate"), *left)


def compared(found: Measured) -> tuple[Finding, ...]:
    """Ours against naive attention at the last point where both were measured: time, as far as the clock tells, and memory."""
    at = found.last("naive", "ours")
    if at is None:
        return (
            Finding(T("No point was measured for both naive attention and ours.", "没有一个点同时测得朴素注意力与本站实现。"), "timing"),
        )
    place = where(found.axis, int(found.swept[at]))
    names = {"where": place, "theirs": T("naive attention", "朴素注意力"), "ours": T("ours", "本站实现")}
    said = contest.faster(found, "naive", "ours", at, names)
    memory = found.extra_bytes[found.row("naive"), at] / found.extra_bytes[found.row("ours"), at]
    held = T(
        "At {where} naive attention holds {times:number.3} times the memory of ours.",
        "{where} 时，朴素注意力占用的内存是本站实现的 {times:number.3} 倍。",
        where=place,
        times=memory,
    )
    return Finding(said, "time"), Finding(held, "memory")
