"""The one place where code is timed: warm-up, synchronise, interleave, rotate inputs, report median and spread."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

Item = TypeVar("Item")


@dataclass(frozen=True)
class Timing:
    """Seconds of one contender: the median, and the span that holds the middle 60 % of its runs (20 to 80 %)."""

    median: float
    low: float
    high: float
    runs: int

    @staticmethod
    def of(seconds: Sequence[float]) -> Timing:
        low, median, high = np.quantile(seconds, [0.2, 0.5, 0.8])
        return Timing(float(median), float(low), float(high), len(seconds))


def synchronise(device: str) -> None:
    """Wait until all work queued on `device` ("cpu" or "cuda…") is done."""
    if device.startswith("cuda"):
        import torch

        torch.cuda.synchronize(device)


def interleave(
    contenders: Mapping[str, Callable[..., Any]],
    inputs: Sequence[tuple],
    *,
    device: str = "cpu",
    warm_up: int = 1,
    runs: int = 7,
    seconds: float | None = None,
    every_run: bool = False,
) -> Iterator[dict[str, Timing]]:
    """Time contenders against each other, one run of each in turn, so that a drift of the machine hits all alike.

    inputs: argument tuples, taken in rotation. Give more bytes than the last-level cache holds, unless a warm
        cache is what is being measured.
    seconds: stop after the round that passes this much time, at the earliest after one round.
    every_run: yield after every run instead of every round: what may be cancelled does not wait for a round's end.
    Yields after every round the timings so far, by contender.
    """
    for name in contenders:
        for arguments in itertools.islice(itertools.cycle(inputs), warm_up):
            contenders[name](*arguments)
    synchronise(device)
    seen: dict[str, list[float]] = {name: [] for name in contenders}
    turn, begun = itertools.cycle(inputs), time.perf_counter()
    for _ in range(runs):
        arguments = next(turn)
        for name, call in contenders.items():
            synchronise(device)
            start = time.perf_counter()
            call(*arguments)
            synchronise(device)
            seen[name].append(time.perf_counter() - start)
            if every_run:
                yield {name: Timing.of(times) for name, times in seen.items() if times}
        if not every_run:
            yield {name: Timing.of(times) for name, times in seen.items()}
        if seconds is not None and time.perf_counter() - begun > seconds:
            return


def laps(work: Iterable[Item], device: str = "cpu") -> Iterator[tuple[Item, float]]:
    """Every item of `work` with the seconds that producing it took; what the caller does between is not counted."""
    turn = iter(work)
    while True:
        start = time.perf_counter()
        try:
            item = next(turn)
        except StopIteration:
            return
        synchronise(device)
        yield item, time.perf_counter() - start


def measure(contenders: Mapping[str, Callable[..., Any]], inputs: Sequence[tuple], **options: Any) -> dict[str, Timing]:
    """The last timings of `interleave`."""
    timings: dict[str, Timing] = {}
    for timings in interleave(contenders, inputs, **options):
        pass
    return timings
