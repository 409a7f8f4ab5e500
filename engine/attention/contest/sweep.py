"""A contest along a sweep, point by point, streamed as it is measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from engine.attention.contest import machine, softmax
from engine.attention.contest.race import ROUNDS, Board, Entry, exponents
from engine.attention.contest.result import Measured
from engine.attention.contest.softmax import Shape
from engine.core.findings import Finding, beyond_ceiling, verdict
from engine.core.words import T


@dataclass(frozen=True)
class Sweep:
    """What is swept and who takes part.

    axis: the name of what is swept. values, shapes: of each point. where: a value as a sentence names it. titles: of the
    contenders, in their order. entries: from a shape, the contenders at a point, and how many inputs they rotate through.
    weights: of each point in the progress. seconds: aim of each point's timing rounds. inputs_held: bytes that a point
    keeps for each input, over the input's own. notes: what is to be said in any case.
    """

    axis: str
    values: Sequence[int]
    shapes: Sequence[Shape]
    where: Callable[[int], T]
    titles: Mapping[str, T]
    entries: Callable[[Shape], tuple[Mapping[str, Entry], int]]
    device: str
    weights: Sequence[float]
    seconds: Sequence[float]
    inputs_held: float = 2.5
    notes: Sequence[T] = ()


def run(sweep: Sweep) -> Iterator[tuple[Measured, list[T], float]]:
    """What has been measured so far, the notes so far, and the fraction of the work done: 1 at the end."""
    dtype = sweep.shapes[-1].dtype
    board = Board(sweep.titles, len(sweep.values))
    board.notes += sweep.notes
    ceiling, bandwidth = machine.ceilings(dtype, sweep.device)
    done = np.concatenate([[0.0], np.cumsum(sweep.weights)]) / np.sum(sweep.weights)

    def found() -> tuple[Measured, list[T]]:
        return measured(sweep, board, ceiling, bandwidth), list(board.notes)

    yield *found(), 0.0
    for point, (value, shape) in enumerate(zip(sweep.values, sweep.shapes, strict=True)):
        where = sweep.where(value)
        if sweep.inputs_held * shape.input_bytes * softmax.rotation(shape, sweep.device) > machine.free_memory(sweep.device):
            board.note(T("The inputs alone do not fit in memory at {where}.", "{where} 时，仅输入就已放不进内存。", where=where))
            break
        entries, inputs = sweep.entries(shape)
        steps = len(entries) + ROUNDS
        race = board.race(point, where, entries, inputs=inputs, device=sweep.device, ceiling=ceiling, seconds=sweep.seconds[point])
        for step, _ in enumerate(race):
            share = min(1.0, (step + 1) / steps)
            yield *found(), min(0.999, float(done[point] + share * (done[point + 1] - done[point])))
        del entries  # and with them the inputs, before the next point makes larger ones
    yield *found(), 1.0


def measured(sweep: Sweep, board: Board, ceiling: float, bandwidth: float) -> Measured:
    """The board as a result, its arrays copied, so that what was yielded never changes."""
    values, dtype = np.array(sweep.values), sweep.shapes[-1].dtype
    return Measured(
        axis=sweep.axis,
        swept=values,
        lengths=np.array([shape.length for shape in sweep.shapes]),
        contenders=tuple(board.names),
        titles=tuple(board.titles.values()),
        milliseconds=board.milliseconds.copy(),
        milliseconds_low=board.low.copy(),
        milliseconds_high=board.high.copy(),
        runs=board.runs.copy(),
        extra_bytes=board.extra_bytes.copy(),
        tflops=board.tflops.copy(),
        share=board.tflops / ceiling,
        error=board.error.copy(),
        ceiling_tflops=ceiling,
        bandwidth=bandwidth,
        least_milliseconds=np.array([shape.flops / (ceiling * 1e9) for shape in sweep.shapes]),
        matrix_bytes=np.array([float(shape.matrix_bytes) for shape in sweep.shapes]),
        rounding=torch.finfo(dtype).eps / 2,
        time_exponents=exponents(values, board.milliseconds),
        memory_exponents=exponents(values, board.extra_bytes),
    )


def halves(most: int, least: int, points: int = 6) -> tuple[int, ...]:
    """At most `points` values that end at `most`, each about half of the next, none below `least`."""
    return tuple(sorted({max(least, most >> k) for k in range(points)}))


def too_high(found: Measured, topic: str) -> Finding | None:
    """The finding on a share of the ceiling that nothing can reach, where one was measured."""
    shares = found.share[np.isfinite(found.share)]
    return beyond_ceiling(float(shares.max()), topic) if shares.size else None


def faster(found: Measured, theirs: str, ours: str, at: int, names: Mapping[str, T]) -> T:
    """By how much `ours` is the faster at a point, as far as the clock tells. names: "where", "theirs" and "ours" as a
    sentence calls them."""
    time = found.ratio(theirs, ours, at)
    values = {**names, "low": time.low, "high": time.high, "runs": time.runs}
    match verdict(time.low, time.high):
        case "above":
            return T(
                "At {where} {ours} is {times:number.2} times as fast as {theirs} ({low:number.2} to {high:number.2}; {runs} runs each).",
                "{where} 时，{ours}的速度是{theirs}的 {times:number.2} 倍（{low:number.2} 至 {high:number.2}；各运行 {runs} 次）。",
                times=time.middle,
                **values,
            )
        case "below":
            return T(
                "At {where} {ours} takes {times:number.2} times as long as {theirs} ({theirs} over {ours} is {low:number.2} to {high:number.2}; {runs} runs each).",
                "{where} 时，{ours}的用时是{theirs}的 {times:number.2} 倍（{theirs} ÷ {ours}为 {low:number.2} 至 {high:number.2}；各运行 {runs} 次）。",
                times=1 / time.middle,
                **values,
            )
        case _:
            return T(
                "At {where} the clock cannot tell {ours} from {theirs}: {theirs} over {ours} is {low:number.2} to {high:number.2} in {runs} runs each.",
                "{where} 时，时钟分不出{ours}与{theirs}的快慢：{theirs} ÷ {ours}为 {low:number.2} 至 {high:number.2}（各运行 {runs} 次）。",
                **values,
            )
