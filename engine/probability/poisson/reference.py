"""The Poisson process as it is defined, one arrival at a time: what the vectorised simulation must agree with."""

from __future__ import annotations

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


def varying(rate_at: Callable[[float], float], most: float, window: float, exponential: Draw, uniform: Draw) -> list:
    """Arrivals of a process of rate `rate_at(time)` <= `most`, by thinning one of constant rate `most`.

    Source: Lewis and Shedler, "Simulation of nonhomogeneous Poisson processes by thinning", 1979.
    """
    return [time for time in arrivals(most, window, exponential) if most * uniform() < rate_at(time)]
