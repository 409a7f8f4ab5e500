"""The harmonic series: how slowly it grows, what machines make of it, and where else it turns up."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np

from engine.calculus.harmonic import findings
from engine.calculus.harmonic.asymptotic import EULER, TRUNCATIONS, harmonic, truncation_errors
from engine.calculus.harmonic.coupons import Coupons, collect
from engine.calculus.harmonic.machine import MachineSum, Orders, Stall, add_up, compare, compare_seconds, seconds_for, stalls
from engine.calculus.harmonic.pictures import Areas, Halves, Tower, areas, halves, tower
from engine.calculus.harmonic.rearranged import Rearranged, rearrange
from engine.core import Field, Finding, Params, Partial, experiment, gather
from engine.core.words import T

V = TypeVar("V")
CURVE = 160
OPENING = 4096  # terms that a long run shows at once
INSTANT = 0.04  # seconds
A_WHILE = 15.0
SECONDS_PER_WAIT = 12e-9


class Harmonic(Params):
    """The harmonic series 1 + 1/2 + 1/3 + … + 1/n: its growth, its sum in four number formats and four orders of
    addition, its alternating sister rearranged to any target, coupon collecting and the leaning tower of blocks."""

    n: int = Field(2_000, ge=1, le=10**15, title=T("Terms n", "项数 n"))
    dtype: Literal["fp16", "bf16", "fp32", "fp64"] = Field(
        "fp16",
        title=T("Number format", "数的格式"),
        labels={"fp16": T("fp16", "fp16"), "bf16": T("bf16", "bf16"), "fp32": T("fp32", "fp32"), "fp64": T("fp64", "fp64")},
    )
    order: Literal["forward", "backward", "pairwise", "kahan"] = Field(
        "forward",
        title=T("Order of addition", "相加次序"),
        labels={
            "forward": T("forward", "从前往后"),
            "backward": T("backward", "从后往前"),
            "pairwise": T("pairwise", "两两相加"),
            "kahan": T("Kahan", "Kahan 补偿"),
        },
    )
    target: float = Field(1.5, ge=-12, le=12, step=0.01, title=T("Target of the rearranged series", "重排级数的目标值"))
    coupons: int = Field(50, ge=1, le=1000, title=T("Kinds of coupon", "卡片种类数"))
    runs: int = Field(1000, ge=1, le=20_000, title=T("Collections simulated", "模拟收集次数"))
    blocks: int = Field(31, ge=1, le=100_000, title=T("Blocks in the tower", "塔的块数"))
    bars: int = Field(12, ge=1, le=60, title=T("Bars in the picture proof", "图证中的条数"), scale="linear")
    seed: int = Field(0, ge=0, le=2**31 - 1, title=T("Seed", "种子"), control="seed")


@dataclass(frozen=True)
class Growth:
    """H_n against its expansion.

    n: up to 160 whole numbers from 1 to the n asked for (at least 10), log-spaced; h: H_n there. names: the five
    truncations ln n, ln n + γ, … + 1/2n, … - 1/12n², … + 1/120n⁴; errors: H_n minus each, shape (5, len(n)), exact
    however small. values, value_errors: the truncations and their errors at the n asked for.
    """

    n: np.ndarray
    h: np.ndarray
    names: tuple[str, ...]
    errors: np.ndarray
    values: np.ndarray
    value_errors: np.ndarray


@dataclass(frozen=True)
class Summed:
    """Everything about H_n that the lab shows.

    h_n = 1 + 1/2 + … + 1/n; log_n = ln n; gamma_estimate = H_n - ln n, which falls to gamma = 0.5772…
    stall_at: forward, the first k whose term, like all later ones, leaves the format's sum as it is, whether or not n
    gets there; Kahan, the same once it was met with; None for the other orders. stalled: whether it was met with.
    While a long run streams, `machine` and `orders` hold fewer terms, or NaN.
    """

    n: int
    h_n: float
    log_n: float
    gamma_estimate: float
    gamma: float
    stall_at: int | None
    stalled: bool
    growth: Growth
    areas: Areas
    halves: Halves
    stalls: tuple[Stall, ...]
    machine: MachineSum
    orders: Orders
    rearranged: Rearranged
    coupons: Coupons
    tower: Tower
    findings: tuple[Finding, ...]
    dtype: str


def estimated_seconds(params: Harmonic) -> float:
    """About how long a run takes."""
    return (
        seconds_for(params.dtype, params.order, params.n)
        + compare_seconds(params.dtype, params.n)
        + params.coupons * params.runs * SECONDS_PER_WAIT
        + 0.005
    )


def cost(params: Harmonic) -> Literal["instant", "seconds", "minutes"]:
    seconds = estimated_seconds(params)
    return "instant" if seconds <= INSTANT else "seconds" if seconds <= A_WHILE else "minutes"


@experiment("harmonic", cost=cost)
def harmonic_series(params: Harmonic) -> Iterator[Partial[Summed]]:
    """Sums, compares, rearranges, collects and stacks. What takes long opens with the first terms and is streamed."""
    n, whole = params.n, estimated_seconds(params)
    instant = cost(params) == "instant"
    opening = n if instant else min(n, OPENING)
    collections = collect(params.coupons, params.runs, params.seed)
    result = _opening(params, opening, next(collections))
    if not instant:
        yield Partial(result, 0.0)
    adding, comparing = seconds_for(params.dtype, params.order, n), compare_seconds(params.dtype, n)
    for found in collections:
        result = _retold(replace(result, coupons=found))
        if not instant:
            share = (whole - adding - comparing) * found.runs / params.runs
            yield Partial(result, min(share / whole, 0.98))
    if instant:
        yield Partial(result, 1.0)
        return
    before = (whole - adding - comparing) / whole
    for fraction, machine in add_up(params.dtype, params.order, n):
        result = _retold(replace(result, machine=machine))
        yield Partial(result, min(before + fraction * adding / whole, 0.98))
    for orders in compare(params.dtype, n):
        result = replace(result, orders=orders)
        yield Partial(result, 0.99)
    yield Partial(result, 1.0)


def _opening(params: Harmonic, n: int, coupons: Coupons) -> Summed:
    """The whole result, with machine sums of the first n terms."""
    h_n, log_n = float(harmonic(params.n)), math.log(params.n)
    return _retold(
        Summed(
            n=params.n,
            h_n=h_n,
            log_n=log_n,
            gamma_estimate=h_n - log_n,
            gamma=EULER,
            stall_at=None,
            stalled=False,
            growth=_growth(params.n),
            areas=areas(params.bars, params.n),
            halves=halves(params.n),
            stalls=stalls(),
            machine=_last(add_up(params.dtype, params.order, n))[1],
            orders=_last(compare(params.dtype, n)),
            rearranged=rearrange(params.target, params.n),
            coupons=coupons,
            tower=tower(params.blocks),
            dtype=params.dtype,
            findings=(),
        )
    )


def _retold(result: Summed) -> Summed:
    """The result with what follows from its machine sum and its collections."""
    machine = result.machine
    stall = next(row for row in result.stalls if row.dtype == machine.dtype)
    said = {
        "growth": findings.growth(result.n, result.h_n),
        "machine": findings.machine(machine, stall),
        "rearranged": findings.rearranged(result.rearranged),
        "coupons": findings.coupons(result.coupons),
        "tower": findings.tower(int(result.tower.level[-1]), result.tower),
    }
    at = stall.stall_at if machine.order == "forward" else machine.still_from
    found = gather(*(Finding(text, topic) for topic, text in said.items()))
    return replace(result, stall_at=at, stalled=machine.still_from is not None, findings=found)


def _last(stream: Iterator[V]) -> V:
    return deque(stream, maxlen=1)[0]


def _growth(n: int) -> Growth:
    ns = np.unique(np.round(np.geomspace(1, max(n, 10), CURVE)).astype(np.int64))
    value_errors = truncation_errors(np.array([n]))[:, 0]
    return Growth(ns, harmonic(ns), TRUNCATIONS, truncation_errors(ns), float(harmonic(n)) - value_errors, value_errors)
