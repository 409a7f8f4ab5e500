"""How a rotary score falls with distance, on average and for one query and key.

Source: Su et al. 2021, section 3.4.3 and eq. 37.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FURTHEST, POINTS = 32_768, 120


@dataclass(frozen=True)
class Decay:
    """distances: (p,) from 0 on. score: (p,) of the query and key at hand over |q||k|. alike: (p,) of equal random
    vectors on average, the mean of cos(r θ). bound: (p,) the mean length of the partial sums of turns (eq. 37), over
    its value at 0. unscaled: (p,) `alike` as trained, without the scaling. falls_to_half: the first distance from
    which `alike` stays below a half, NaN if it never does."""

    distances: np.ndarray
    score: np.ndarray
    alike: np.ndarray
    bound: np.ndarray
    unscaled: np.ndarray
    falls_to_half: float


def decay(q: np.ndarray, k: np.ndarray, rates: np.ndarray, own: np.ndarray, gain: float) -> Decay:
    """The curves at the given rates, beside those at the rates as trained; gain multiplies cosines and sines."""
    distances = np.unique(np.r_[0, np.geomspace(1, FURTHEST, POINTS).astype(int)])
    turns = np.exp(1j * distances[:, None] * rates)
    alike = gain**2 * turns.real.mean(1)
    lengths = np.abs(np.cumsum(turns, 1)).mean(1)
    score = (turns @ ((q[0::2] + 1j * q[1::2]) * (k[0::2] - 1j * k[1::2]))).real
    above = np.flatnonzero(alike >= alike[0] / 2)
    last = above[-1] + 1
    score *= gain**2 / (np.linalg.norm(q) * np.linalg.norm(k))
    return Decay(
        distances=distances, score=score, alike=alike, bound=lengths / lengths[0],
        unscaled=alike / gain**2 if own is rates else np.cos(distances[:, None] * own).mean(1),
        falls_to_half=float(distances[last]) if last < len(distances) else float("nan"),
    )  # fmt: skip
