"""How long runs take here: what experiments say of the reference machine, by this machine's pace, corrected by what was measured.

The reference machine does `WORK` in `REFERENCE` seconds: one core of a server of 2023.
"""

from __future__ import annotations

import functools
import math
import os
import threading
import time
from typing import TYPE_CHECKING

import numpy as np

from engine.core.params import Cost, Params, Refused
from engine.core.words import T

if TYPE_CHECKING:
    from engine.core.experiments import Experiment

AT_ONCE, LONG = 0.25, 20.0  # seconds up to which a run follows a slider, and from which it waits for its button
TYPICAL: dict[Cost, float] = {"instant": 0.02, "seconds": 5.0, "minutes": 90.0}  # of those that say no more than their cost
REFERENCE = 0.010
LONGEST = 600.0  # seconds of a run that a server computes, unless its operator says otherwise
LEARNING = 0.3  # weight of the newest measurement
FURTHEST = 3.0  # by which measurements may correct what an experiment says


def cost(seconds: float) -> Cost:
    """The class of a run that takes so long on the reference machine."""
    return "instant" if seconds <= AT_ONCE else "seconds" if seconds <= LONG else "minutes"


@functools.cache
def pace() -> float:
    """Seconds here for one second of the reference machine: a matrix product, a sum over arrays and a loop, the best of three."""
    array, best = np.random.default_rng(0).standard_normal((160, 160)), math.inf
    for _ in range(3):
        begun = time.thread_time()  # of the processor: others may be at work beside
        for _ in range(40):
            array = np.tanh(array @ array.T / 160)
        sum(math.sqrt(k) for k in range(60_000))
        best = min(best, time.thread_time() - begun)
    return best / REFERENCE


def longest() -> float:
    """The longest run, in seconds as far as one can tell, that this server computes: ORRERY_LONGEST_RUN, or 600.

    Raises ValueError where the operator wrote no positive number.
    """
    text = os.environ.get("ORRERY_LONGEST_RUN", "").strip()
    try:
        found = float(text) if text else LONGEST
    except ValueError:
        found = math.nan
    if not found > 0:
        raise ValueError(f"ORRERY_LONGEST_RUN must be a positive number of seconds; got {text[:40]!r}")
    return found


class Estimates:
    """What runs are likely to take here, by lab. Safe to use from many threads."""

    def __init__(self) -> None:
        self._correction: dict[str, float] = {}
        self._lock = threading.Lock()

    def seconds(self, experiment: Experiment, params: Params) -> float | None:
        """Seconds that a run takes here; None of an experiment that says no more than its cost."""
        if experiment.seconds_of is None:
            return None
        return experiment.seconds_of(params) * pace() * self._correction.get(experiment.slug, 1.0)

    def learn(self, experiment: Experiment, params: Params, measured: float) -> None:
        """A run took this long."""
        if experiment.seconds_of is None or (said := experiment.seconds_of(params) * pace()) <= 0 or measured <= 0:
            return
        ratio = min(max(measured / said, 1 / FURTHEST), FURTHEST)
        with self._lock:
            before = self._correction.get(experiment.slug, 1.0)
            self._correction[experiment.slug] = before ** (1 - LEARNING) * ratio**LEARNING


def refuse_beyond(seconds: float, most: float) -> None:
    """Raise `Refused` for a run that would take longer than this server computes."""
    if seconds > most:
        raise Refused(
            T(
                "a run may take at most {most:seconds} here; with these parameters it would take about {seconds:seconds}: "
                "ask for less, or set ORRERY_LONGEST_RUN on a machine of your own",
                "此处一次运行最多 {most:seconds}；按这组参数约需 {seconds:seconds}：请减小规模，或在自己的机器上设置 ORRERY_LONGEST_RUN",
                most=most,
                seconds=seconds,
            )
        )
