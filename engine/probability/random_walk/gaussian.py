"""Steps drawn from a normal law instead of a coin, one at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float
from numpy import ndarray


def walk(
    source: np.random.SFC64, steps: int, walkers: int, dimension: int, drift: float, sigma: float
) -> Iterator[Float[ndarray, "dimension walkers"]]:
    """Positions after step 1, 2, …, n, from the origin: the same array each time.

    drift, sigma: mean and deviation of a step along every axis.
    """
    rng = np.random.Generator(source)
    at = np.zeros((dimension, walkers))
    for _ in range(steps):
        step = rng.standard_normal(at.shape)
        step *= sigma
        step += drift
        at += step
        yield at
