"""Merging: what it restores, and what a forward pass costs before it, after it, and without any adapter."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from engine.core import timing
from engine.training.lora.bank import Method
from engine.training.lora.layers import DoRALinear, LoRALinear

WIDTH, ROWS, ROTATION = 768, 256, 8
RUNS = 24
NAMES = ("base", "beside", "merged")


@dataclass(frozen=True)
class Merging:
    """One layer of `width` × `width` on `rows` inputs, at `rank`, timed here.

    milliseconds, low, high: (3,) of the base layer, the adapter beside it, and merged: medians and the span of the
    middle 60 % of `runs` runs. difference: the largest relative one between merged outputs and those beside.
    restored: whether unmerging gave back every bit of W. numbers: (3,) multiplications of one input.
    """

    milliseconds: np.ndarray
    low: np.ndarray
    high: np.ndarray
    difference: float
    restored: bool
    numbers: np.ndarray
    rank: int
    width: int
    rows: int
    runs: int


def merging(rank: int, method: Method, seed: int) -> Iterator[Merging]:
    """The measurement, after every round."""
    drawn = torch.Generator().manual_seed(seed)
    weight = torch.randn(WIDTH, WIDTH, generator=drawn) / WIDTH**0.5
    kind = DoRALinear if method.dora else LoRALinear
    made = [
        kind(weight, rank=rank, alpha=method.alpha, stabilised=method.stabilised,
             initialisation=method.initialisation, generator=torch.Generator().manual_seed(seed)) for _ in range(2)
    ]  # fmt: skip
    for layer in made:  # as if trained: an update of a tenth of the weight
        with torch.no_grad():
            layer.B += torch.randn(layer.B.shape, generator=torch.Generator().manual_seed(seed + 1)) / WIDTH**0.5
    beside, merged = made
    before = merged.weight.clone()
    merged.merge()
    merged.unmerge()
    restored = torch.equal(merged.weight, before)
    merged.merge()
    base = functools.partial(torch.nn.functional.linear, weight=weight)
    inputs = [(torch.randn(ROWS, WIDTH, generator=drawn),) for _ in range(ROTATION)]
    with torch.no_grad():
        y = beside(inputs[0][0])
        difference = float((merged(inputs[0][0]) - y).norm() / y.norm())
        full, extra = WIDTH * WIDTH, 2 * WIDTH * rank
        for found in timing.interleave(dict(zip(NAMES, (base, beside, merged), strict=True)), inputs, runs=RUNS):
            each = 1e3 * np.array([(t.low, t.median, t.high) for t in found.values()])
            yield Merging(
                each[:, 1], each[:, 0], each[:, 2], difference, restored, np.array([full, full + extra, full]), rank,
                WIDTH, ROWS, next(iter(found.values())).runs,
            )  # fmt: skip
