"""What drafting should bring if every guess were kept with the same chance α, independently of the others.

α: chance that a drafted token is kept; γ: tokens drafted at a time; c: time of a draft pass over that of a target pass;
v: time of a target pass over γ + 1 tokens over that of one over a single token (1 in the papers).
Source: Leviathan, Kalman & Matias 2023, eq. 1 and theorem 3.8.
"""

from __future__ import annotations

import numpy as np

MOST_GAMMA = 32


def tokens_per_step(alpha: np.ndarray | float, gamma: np.ndarray | float) -> np.ndarray:
    """(1 − α^(γ+1)) / (1 − α): tokens that a target pass yields; γ + 1 at α = 1. Broadcasts."""
    alpha, gamma = np.broadcast_arrays(np.asarray(alpha, float), np.asarray(gamma, float))
    sure = alpha >= 1
    return np.where(sure, gamma + 1, (1 - alpha ** (gamma + 1)) / np.where(sure, 1, 1 - alpha))


def speedup(alpha: np.ndarray | float, gamma: np.ndarray | float, c: np.ndarray | float, v: np.ndarray | float = 1.0) -> np.ndarray:
    """(1 − α^(γ+1)) / ((1 − α)(γ c + v)): how many times faster than one token a pass. Broadcasts."""
    return tokens_per_step(alpha, gamma) / (np.asarray(gamma, float) * c + v)


def length_law(alpha: float, gamma: int) -> np.ndarray:
    """(γ + 1,): chance that a step yields 1, 2, … γ + 1 tokens."""
    kept = alpha ** np.arange(gamma + 1)
    return np.append(kept[:-1] * (1 - alpha), kept[-1])


def checking(v: float, measured_at: int, gamma: np.ndarray) -> np.ndarray:
    """v at every γ from what was measured at one: each further token adds the same to a pass over a single one."""
    return 1 + (v - 1) * np.asarray(gamma, float) / measured_at


def best_gamma(alpha: float, c: float, most: int = MOST_GAMMA, v: float = 1.0, measured_at: int = 1) -> int:
    """The γ from 1 to `most` at which `speedup` is greatest, with v as in `checking`; the smallest such."""
    gammas = np.arange(1, most + 1)
    return int(gammas[np.argmax(speedup(alpha, gammas, c, checking(v, measured_at, gammas)))])


def least_alpha(c: float, gamma: int) -> float:
    """The α above which drafting γ tokens pays, or NaN where it never does (γ c ≥ γ)."""
    if not c < 1:
        return float("nan")
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if speedup(middle, gamma, c) < 1 else (low, middle)
    return high
