"""Contenders at one point, measured against each other: time, memory, error, rate.

All times come from `engine.core.timing`. A contender is left out of a point, with a note, where its memory would not fit
or where it would take too long. Nothing here knows what is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from engine.attention.contest import machine
from engine.core import timing
from engine.core.words import T

PATIENCE = {"cpu": 12.0, "cuda": 20.0}  # seconds that one run of one contender may be expected to take
ROUNDS = 7
OVERHEAD = 1.5  # seconds below which a time may say more about a busy machine than about the work


@dataclass(frozen=True)
class Entry:
    """One contender at one point. `once` computes its results, with memory to be counted; `timed(i)` runs on input i.

    once: called in one go, returns what `error` takes. error: relative error of those results against fp64.
    prepare: called before the timing, to make what `timed` starts from (a graph to go back through, say).
    flops: of the result, however it is computed. needs: bytes that it is sure to hold at once, beyond the inputs.
    work: a number in proportion to which its time grows, to judge the next point by; `flops` unless given.
    """

    once: Callable[[], Any]
    timed: Callable[[int], Any]
    error: Callable[[Any], float]
    flops: float
    needs: float
    work: float | None = None
    prepare: Callable[[], None] = lambda: None


class Board:
    """What has been measured, one row per contender and one column per point; NaN where nothing was."""

    def __init__(self, titles: Mapping[str, T], points: int):
        self.names, self.titles = list(titles), dict(titles)
        shape = (len(titles), points)
        self.milliseconds, self.low, self.high = (np.full(shape, np.nan) for _ in range(3))
        self.extra_bytes, self.tflops, self.error = (np.full(shape, np.nan) for _ in range(3))
        self.runs = np.zeros(shape, dtype=int)
        self.notes: list[T] = []
        self._pace: dict[str, float] = {}  # seconds per unit of work at the last point, once work is what takes them

    def note(self, text: T) -> None:
        """Say something about the race, once."""
        if text not in self.notes:
            self.notes.append(text)

    def race(
        self, point: int, where: T, entries: Mapping[str, Entry], *, inputs: int, device: str, ceiling: float, seconds: float
    ) -> Iterator[None]:
        """Measure the entries at a point; yields after every step, when the board is a little fuller.

        where: the point as a note names it. inputs: how many inputs `timed` may rotate through. ceiling: TFLOP/s that
        nothing is expected to beat. seconds: aim of the timing rounds, passed by at most one round.
        """
        running = {name: entry for name, entry in entries.items() if self._admits(name, entry, where, device, ceiling)}
        for name, entry in list(running.items()):
            row = self.names.index(name)
            try:
                results, self.extra_bytes[row, point] = machine.peak_memory(entry.once, device)
            except torch.cuda.OutOfMemoryError:
                self._left_out(name, where, T("it ran out of memory", "内存不足"))
                del running[name]
                continue
            self.error[row, point] = entry.error(results)
            del results
            entry.prepare()
            yield
        contenders = {name: entry.timed for name, entry in running.items()}
        rotation = [(i,) for i in range(inputs)]
        # On a CPU `once` has warmed up all but the threads, which the first point starts.
        warm = 2 if device != "cpu" else 1 if point == 0 else 0
        for timings in timing.interleave(contenders, rotation, device=device, warm_up=warm, runs=ROUNDS, seconds=seconds):
            for name, t in timings.items():
                row, entry = self.names.index(name), running[name]
                self.milliseconds[row, point] = 1e3 * t.median
                self.low[row, point], self.high[row, point] = 1e3 * t.low, 1e3 * t.high
                self.tflops[row, point], self.runs[row, point] = entry.flops / t.median / 1e12, t.runs
                if t.low > OVERHEAD:
                    self._pace[name] = t.low / (entry.work or entry.flops)
            yield

    def _admits(self, name: str, entry: Entry, where: T, device: str, ceiling: float) -> bool:
        free = machine.free_memory(device)
        if entry.needs > free:
            why = T(
                "it would need {need:bytes}, and {free:bytes} are free",
                "需要 {need:bytes}，而可用 {free:bytes}",
                need=entry.needs,
                free=free,
            )
            self._left_out(name, where, why)
            return False
        work = entry.work or entry.flops
        expected = max(self._pace.get(name, 0.0) * work, entry.flops / (ceiling * 1e12))
        if expected > PATIENCE[device.partition(":")[0]]:
            self._left_out(
                name, where, T("one run would take about {expected:seconds}", "运行一次约需 {expected:seconds}", expected=expected)
            )
            return False
        return True

    def _left_out(self, name: str, where: T, why: T) -> None:
        title = self.titles[name]
        self.note(T("“{title}” is left out at {where}: {why}.", "{where} 处略去“{title}”：{why}。", title=title, where=where, why=why))


def exponents(x: Float[np.ndarray, " p"], y: Float[np.ndarray, "c p"]) -> Float[np.ndarray, " c"]:
    """Slope of log y over log x along the last three points measured, row by row; NaN with fewer than two."""
    slopes = np.full(len(y), np.nan)
    for row, values in enumerate(y):
        known = np.flatnonzero(np.isfinite(values) & (values > 0))[-3:]
        if len(known) >= 2:
            slopes[row] = np.polyfit(np.log(x[known].astype(float)), np.log(values[known]), 1)[0]
    return slopes


def relative_error(results: Sequence[Tensor], truths: Sequence[Tensor]) -> float:
    """The largest of ||result - truth|| / ||truth|| over the tensors, in fp64."""
    errors = [(r.double() - t).norm() / t.norm().clamp_min(1e-300) for r, t in zip(results, truths, strict=True)]
    return float(torch.stack(errors).max())
