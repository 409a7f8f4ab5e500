"""Noise schedules: how much of the picture is left at each step, ᾱ from nearly nothing to 1.

A state is x = √ᾱ x₀ + √(1−ᾱ) ε (variance preserving). The same state divided by √ᾱ has noise of deviation
σ = √((1−ᾱ)/ᾱ) (variance exploding), in which EDM writes its schedule and the ODE is solved.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy import ndarray

TRAINING_STEPS = 1000
SIGMA_MIN, SIGMA_MAX, RHO = 0.002, 80.0, 7.0
LARGEST_BETA = 0.999


def linear_training() -> ndarray:
    """ᾱ after each of 1000 noising steps whose β grows evenly from 10⁻⁴ to 0.02. Source: Ho et al. 2020, §4."""
    return np.cumprod(1 - np.linspace(1e-4, 0.02, TRAINING_STEPS))


def cosine_training() -> ndarray:
    """ᾱ of the cosine schedule at 1000 steps, β at most 0.999. Source: Nichol & Dhariwal 2021, eq. 17."""
    left = np.cos((np.arange(TRAINING_STEPS + 1) / TRAINING_STEPS + 0.008) / 1.008 * np.pi / 2) ** 2
    return np.cumprod(1 - np.minimum(1 - left[1:] / left[:-1], LARGEST_BETA))


def spaced(training: ndarray, steps: int) -> ndarray:
    """The training levels that `steps` steps visit, evenly spaced and ending on the noisiest ("trailing").

    Source: Lin et al. 2024, table 2.
    """
    places = np.arange(len(training), 0, -len(training) / steps).round().astype(int) - 1
    return training[places[:steps]]


def edm(steps: int) -> ndarray:
    """ᾱ = 1/(1+σ²) for σ from 80 to 0.002, evenly spaced in σ^(1/7). Source: Karras et al. 2022, eq. 5."""
    ends = np.array([SIGMA_MAX, SIGMA_MIN]) ** (1 / RHO)
    return 1 / (1 + (np.linspace(ends[0], ends[1], steps) ** RHO) ** 2)


SCHEDULES: dict[str, Callable[[int], ndarray]] = {
    "linear": lambda steps: spaced(linear_training(), steps),
    "cosine": lambda steps: spaced(cosine_training(), steps),
    "edm": edm,
}


def alphas_cumprod(schedule: str, steps: int) -> ndarray:
    """ᾱ (steps + 1,) float64 at which a run of `steps` steps stands, from the noisiest level to 1, the clean one."""
    return np.append(SCHEDULES[schedule](steps), 1.0)


def sigma(alpha_bar: ndarray | float) -> ndarray | float:
    """The deviation of the noise beside an unscaled picture: √((1−ᾱ)/ᾱ)."""
    return ((1 - alpha_bar) / alpha_bar) ** 0.5
