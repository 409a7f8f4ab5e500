"""Linear attention: the brackets moved, the maps compared, the recurrence watched, and the crossover measured.

The operator is `engine.attention.linear_attention.operator.linear_attention`; torch is imported only where it is used.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from engine.attention.linear_attention import counts, features, maps, recurrence
from engine.attention.linear_attention.parameters import LinearAttention
from engine.attention.linear_attention.result import LinearAttended, Maps
from engine.core import Finding, Partial, T, experiment

__all__ = ["LinearAttended", "LinearAttention", "linear_lab"]


@experiment("linear-attention", uses_gpu=True, limits={"cpu": {"length": 16_384}})
def linear_lab(params: LinearAttention) -> Iterator[Partial[LinearAttended]]:
    """Maps, states and counts at once; the timing sweep, when asked for, as it is measured."""
    result = picture(params)
    if params.task == "maps":
        yield Partial(result, 1.0)
        return
    from engine.attention.contest import machine
    from engine.attention.flash_attention import operator
    from engine.attention.linear_attention import sweep

    result = dataclasses.replace(result, backend=operator.fastest(machine.device()), dtype=params.dtype)
    for fields, fraction in sweep.run(params):
        yield Partial(dataclasses.replace(result, **fields), fraction)


def picture(params: LinearAttention) -> LinearAttended:
    """Everything that is computed at once."""
    letters = "".join(params.text.split())
    tokens = maps.example(params.tokens, params.width, params.sharpness, params.seed, letters)
    pairs = maps.mapped(tokens, params.features, params.seed)
    found = maps.all_maps(tokens, pairs, params.causal, params.decay)
    width, length = params.head_dim, params.length
    return LinearAttended(
        topics=tokens.topics,
        chosen=found.names.index(params.feature_map),
        maps=found,
        variance=features.variances(params.width, params.radius, params.angle, params.features, params.seed),
        recurrence=recurrence.trace(*pairs[params.feature_map], tokens.v, params.decay),
        brackets=dataclasses.replace(counts.brackets(length, width, width), first=params.first),
        chunks=counts.chunks(length, width, width),
        cache=counts.cache(params.batch * params.heads, width, width, params.item, length),
        findings=(nearest(found),),
        letters=letters,
    )


def nearest(found: Maps) -> Finding:
    """Which feature map comes nearest to softmax on this example, and what its draw of directions has to do with it."""
    best = 1 + int(np.argmin(found.error[1:]))
    text = T(
        "Nearest to softmax on these {n} tokens is “{title}”: its outputs are {error:percent.2} off. {draw}",
        "在这 {n} 个词元上，最接近 softmax 的是“{title}”：输出相差 {error:percent.2}。{draw}",
        n=found.weights.shape[1],
        title=found.titles[best],
        error=found.error[best],
        draw=T("Another seed may draw luckier directions.", "换一个种子，随机方向的好坏可能不同。")
        if found.names[best] in ("performer", "orthogonal")
        else T("Another seed brings other tokens.", "换一个种子就是另一些词元。"),
    )
    return Finding(text, "maps")
