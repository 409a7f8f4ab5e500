"""The Poisson process as it is defined, one arrival at a time: what the vectorised simulation must agree with."""

from __future__ import annotations

import math
from collections.abc import Callable

Draw = Callable[[], float]


def arrivals(rate: float, window: float, exponential: Draw) -> list[float]:
    """Arrival times in [0, window]: gaps, exponential with mean 1/rate, laid end to end.

    exponential: gives a fresh draw of mean 1 at each call.
    """
    times, time = [], exponential() / rate
    while time <= window:
        times.append(time)
        time += exponential() / rate
    return times


def split(times: list[float], keep: float, uniform: Draw) -> tuple[list[float], list[float]]:
    """Thinning: each arrival is kept with chance `keep`, by itself. The kept and the dropped, both in order."""
    kept, dropped = [], []
    for time in times:
        (kept if uniform() < keep else dropped).append(time)
    return kept, dropped


def superpose(first: list[float], second: list[float]) -> list[float]:
    """The arrivals of both streams, in order."""
    return sorted(first + second)


def varying(rate_at: Callable[[float], float], most: float, window: float, exponential: Draw, uniform: Draw) -> list:
    """Arrivals of a process of rate `rate_at(time)` <= `most`, by thinning one of constant rate `most`.

    Source: Lewis and Shedler, "Simulation of nonhomogeneous Poisson processes by thinning", 1979.
    """
    return [time for time in arrivals(most, window, exponential) if most * uniform() < rate_at(time)]


def covering_gap(times: list[float], moment: float, next_after: float) -> float:
    """Length of the gap around `moment`, from the last arrival (or 0) to the next; `next_after` follows the last."""
    before = max((time for time in times if time <= moment), default=0.0)
    after = min((time for time in times if time > moment), default=next_after)
    return after - before


def pmf(k: int, mean: float) -> float:
    """P(N = k) = e^{-μ} μ^k / k!"""
    return math.exp(-mean) * math.prod(mean / i for i in range(1, k + 1))


def total_variation(n: int, mean: float) -> float:
    """½ Σ |Binomial(n, μ/n) - Poisson(μ)| over all counts, the Poisson tail beyond n included."""
    p = mean / n
    poisson = [pmf(k, mean) for k in range(n + 1)]
    binomial = [math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]
    tail = 1 - math.fsum(poisson)
    return (math.fsum(abs(b - q) for b, q in zip(binomial, poisson, strict=True)) + tail) / 2
