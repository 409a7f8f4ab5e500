"""Steps drawn from a normal law instead of a coin, one at a time, free or between walls."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np


def walk(
    source: np.random.SFC64,
    steps: int,
    walkers: int,
    dimension: int,
    drift: float,
    sigma: float,
    walls: tuple[str, float, float] | None = None,
) -> Iterator[np.ndarray]:
    """Positions after step 1, 2, …, n: the same array each time, float64, shape (dimension, walkers).

    drift, sigma: mean and deviation of a step along every axis.
    walls: None in the free walk from the origin; else ("absorbing" or "reflecting", start, target), on a line.
        Who passes an absorbing wall is set on it and stays; who passes a reflecting one is folded back.
    """
    rng = np.random.Generator(source)
    at = np.zeros((dimension, walkers))
    if walls is not None:
        kind, start, target = walls
        at += start
        folds = math.ceil(9 * (sigma + abs(drift)) / target) + 1
    for _ in range(steps):
        step = rng.standard_normal(at.shape)
        step *= sigma
        step += drift
        if walls is None:
            at += step
        elif kind == "absorbing":
            step *= (at > 0) & (at < target)
            at += step
            np.clip(at, 0, target, out=at)
        else:
            at += step
            for _ in range(folds):
                np.abs(at, out=at)
                np.subtract(target, at, out=at)
                np.abs(at, out=at)
                np.subtract(target, at, out=at)
        yield at
