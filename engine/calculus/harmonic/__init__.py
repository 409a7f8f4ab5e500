"""The harmonic series: how slowly it grows, what machines make of it, and where else it turns up."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal, TypeVar

import numpy as np

from engine.calculus.harmonic import findings
from engine.calculus.harmonic.asymptotic import EULER, TRUNCATIONS, harmonic, truncation_errors
from engine.calculus.harmonic.coupons import collect
from engine.calculus.harmonic.machine import add_up, compare, compare_seconds, seconds_for, stalls
from engine.calculus.harmonic.parameters import Harmonic
from engine.calculus.harmonic.pictures import areas, halves, stacked, tower
from engine.calculus.harmonic.rearranged import rearrange
from engine.calculus.harmonic.result import Coupons, Growth, Summed
from engine.core import Partial, experiment

V = TypeVar("V")
CURVE = 160
OPENING = 4096  # terms that a long run shows at once
INSTANT = 0.04  # seconds
A_WHILE = 15.0
SECONDS_PER_WAIT = 12e-9


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


@experiment("harmonic", cost=cost, seconds=estimated_seconds, apart=True)
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
            hand=stacked(np.cumsum([params.shift_4, params.shift_3, params.shift_2, params.shift_1])[::-1]),
            dtype=params.dtype,
            findings=(),
        )
    )


def _retold(result: Summed) -> Summed:
    """The result with what follows from its machine sum and its collections."""
    machine = result.machine
    stall = next(row for row in result.stalls if row.dtype == machine.dtype)
    at = stall.stall_at if machine.order == "forward" else machine.still_from
    return replace(result, stall_at=at, stalled=machine.still_from is not None, findings=findings.all_of(result, stall))


def _last(stream: Iterator[V]) -> V:
    return deque(stream, maxlen=1)[0]


def _growth(n: int) -> Growth:
    ns = np.unique(np.round(np.geomspace(1, max(n, 10), CURVE)).astype(np.int64))
    value_errors = truncation_errors(np.array([n]))[:, 0]
    return Growth(ns, harmonic(ns), TRUNCATIONS, truncation_errors(ns), float(harmonic(n)) - value_errors, value_errors)
