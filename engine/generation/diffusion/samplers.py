"""Samplers: from noise to a sample in a few short steps, each written over the same three primitives.

x: a state √ᾱ x₀ + √(1−ᾱ) ε, an array or tensor of any shape; ε: what the model takes for the noise in it.
levels: ᾱ (steps + 1,) from the noisiest to 1. `epsilon(x, ᾱ)` is the model, guided or not; `noise(k)` gives fresh
standard normal numbers of x's shape for step k. A sampler yields what it stands at before every step, then the end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from engine.generation.diffusion.schedules import sigma

Array = Any
Epsilon = Callable[[Array, float], Array]
Noise = Callable[[int], Array]


@dataclass(frozen=True)
class Step:
    """Where a sampler stands at level `index`: the state, the noise that the model sees in it (None at the end),
    and the clean sample that this implies."""

    index: int
    x: Array
    epsilon: Array | None
    clean: Array


def predict_clean(x: Array, epsilon: Array, alpha_bar: float) -> Array:
    """x̂₀ = (x − √(1−ᾱ) ε) / √ᾱ."""
    return (x - math.sqrt(1 - alpha_bar) * epsilon) / math.sqrt(alpha_bar)


def ddpm(epsilon: Epsilon, x: Array, levels: Sequence[float], noise: Noise, eta: float = 0.0) -> Iterator[Step]:
    """A draw from the posterior q(x_prev | x, x̂₀) at each step, with its own ("small") variance; η plays no part.

    Source: Ho et al. 2020, eq. 7 and algorithm 2.
    """
    for k, (now, after) in enumerate(_pairs(levels)):
        found = epsilon(x, now)
        clean = predict_clean(x, found, now)
        yield Step(k, x, found, clean)
        kept = now / after  # α of this step
        x = (math.sqrt(after) * (1 - kept) * clean + math.sqrt(kept) * (1 - after) * x) / (1 - now)
        if after < 1:
            x = x + math.sqrt((1 - after) / (1 - now) * (1 - kept)) * noise(k)
    yield Step(len(levels) - 1, x, None, x)


def ddim(epsilon: Epsilon, x: Array, levels: Sequence[float], noise: Noise, eta: float = 0.0) -> Iterator[Step]:
    """Straight to the predicted x̂₀ and back to the next level; η of 1 adds as much fresh noise as DDPM, 0 none.

    Source: Song, Meng & Ermon 2021, eq. 12 and 16.
    """
    for k, (now, after) in enumerate(_pairs(levels)):
        found = epsilon(x, now)
        clean = predict_clean(x, found, now)
        yield Step(k, x, found, clean)
        fresh = eta * math.sqrt((1 - after) / (1 - now) * (1 - now / after))
        x = math.sqrt(after) * clean + math.sqrt(max(0.0, 1 - after - fresh**2)) * found
        if fresh > 0:
            x = x + fresh * noise(k)
    yield Step(len(levels) - 1, x, None, x)


def euler(epsilon: Epsilon, x: Array, levels: Sequence[float], noise: Noise, eta: float = 0.0) -> Iterator[Step]:
    """Euler's method on d(x/√ᾱ)/dσ = ε: the numbers of DDIM without fresh noise. Source: Karras et al. 2022, eq. 4."""
    for k, (now, after) in enumerate(_pairs(levels)):
        found = epsilon(x, now)
        yield Step(k, x, found, predict_clean(x, found, now))
        x = _along(x, found, now, after)
    yield Step(len(levels) - 1, x, None, x)


def heun(epsilon: Epsilon, x: Array, levels: Sequence[float], noise: Noise, eta: float = 0.0) -> Iterator[Step]:
    """Heun's method: the slope averaged over both ends of a step, two calls each; the last step is Euler's.

    Source: Karras et al. 2022, algorithm 1 without churn.
    """
    for k, (now, after) in enumerate(_pairs(levels)):
        found = epsilon(x, now)
        yield Step(k, x, found, predict_clean(x, found, now))
        ahead = _along(x, found, now, after)
        x = _along(x, (found + epsilon(ahead, after)) / 2, now, after) if after < 1 else ahead
    yield Step(len(levels) - 1, x, None, x)


def dpm(epsilon: Epsilon, x: Array, levels: Sequence[float], noise: Noise, eta: float = 0.0) -> Iterator[Step]:
    """DPM-Solver++ (2M): x̂₀ extrapolated through the last two predictions; the first and last step are of order one.

    Source: Lu et al. 2022 (DPM-Solver++), algorithm 2.
    """
    before, h_before = None, 0.0
    for k, (now, after) in enumerate(_pairs(levels)):
        found = epsilon(x, now)
        clean = predict_clean(x, found, now)
        yield Step(k, x, found, clean)
        if after < 1:
            h = math.log(sigma(now) / sigma(after))  # of λ = log(√ᾱ / √(1−ᾱ))
            ahead = clean if before is None else clean + (clean - before) * (h / (2 * h_before))
            x = math.sqrt((1 - after) / (1 - now)) * x - math.sqrt(after) * math.expm1(-h) * ahead
            before, h_before = clean, h
        else:
            x = clean
    yield Step(len(levels) - 1, x, None, x)


def _pairs(levels: Sequence[float]) -> Iterator[tuple[float, float]]:
    return zip(map(float, levels[:-1]), map(float, levels[1:]), strict=True)


def _along(x: Array, slope: Array, now: float, after: float) -> Array:
    """A straight step of x/√ᾱ over σ, in x."""
    return math.sqrt(after) * (x / math.sqrt(now) + (sigma(after) - sigma(now)) * slope)


SAMPLERS: dict[str, Callable[..., Iterator[Step]]] = {"ddpm": ddpm, "ddim": ddim, "euler": euler, "heun": heun, "dpm": dpm}


def calls(sampler: str, steps: int) -> int:
    """How often a sampler asks the model in a run."""
    return 2 * steps - 1 if sampler == "heun" else steps
