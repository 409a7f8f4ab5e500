"""How a rotary score falls with distance, on average and for one query and key.

Source: Su et al. 2021, section 3.4.3 and eq. 37.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from engine.attention.position_encoding.result import Decay

FURTHEST, POINTS = 32_768, 120


def decay(
    q: Float[np.ndarray, " d"],
    k: Float[np.ndarray, " d"],
    rates: Float[np.ndarray, " pairs"],
    own: Float[np.ndarray, " pairs"],
    gain: float,
) -> Decay:
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
        distances=distances,
        score=score,
        alike=alike,
        bound=lengths / lengths[0],
        unscaled=alike / gain**2 if own is rates else np.cos(distances[:, None] * own).mean(1),
        falls_to_half=float(distances[last]) if last < len(distances) else float("nan"),
    )
