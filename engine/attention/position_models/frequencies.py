"""How fast each pair of numbers turns: the base, and the ways of stretching a trained model to longer texts.

d numbers to a head, turned in d / 2 pairs; L the training length, s the factor by which it is exceeded.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

SCALINGS = ("none", "linear", "ntk", "yarn")
FAST, SLOW = 32.0, 1.0  # full turns within L: YaRN leaves pairs alone that make more, and interpolates those below


def rates(d: int, base: float) -> Float[np.ndarray, " pairs"]:
    """Radians per position: base^(−2i/d). Source: Su et al. 2021, section 3.2.2."""
    return base ** (-np.arange(0, d, 2) / d)


def scaled(d: int, base: float, scaling: str, factor: float, context: int) -> Float[np.ndarray, " pairs"]:
    """Radians per position once the positions are stretched by `factor` = s over `context` = L.

    none: as trained. linear: s times slower (Chen et al. 2023). ntk: the base grows to base · s^(d/(d−2)), so that the
    slowest pair slows down by s and the fastest hardly (bloc97 2023). yarn: each pair between the two, by how many
    full turns it makes within L (Peng et al. 2023, section 3.2, its ramp linear in the pair's number as in their
    code and in `transformers`). Raises ValueError for another name, or d below 4 with "ntk".
    """
    if scaling == "none":
        return rates(d, base)
    if scaling == "linear":
        return rates(d, base) / factor
    if scaling == "ntk":
        if d < 4:
            raise ValueError(f"NTK-aware scaling needs d of at least 4; got {d}")
        return rates(d, base * factor ** (d / (d - 2)))
    if scaling == "yarn":
        kept = untouched(d, base, context)
        return rates(d, base) * (kept + (1 - kept) / factor)
    raise ValueError(f"scaling must be one of {', '.join(SCALINGS)}; got {scaling!r}")


def untouched(d: int, base: float, context: int) -> Float[np.ndarray, " pairs"]:
    """How much YaRN leaves of each pair's own rate: 1 for fast pairs, 0 for slow ones, a ramp between."""
    pair_of = lambda turns: d * math.log(context / (turns * 2 * math.pi)) / (2 * math.log(base))  # noqa: E731
    low, high = max(math.floor(pair_of(FAST)), 0), min(math.ceil(pair_of(SLOW)), d - 1)
    width = max(high - low, 0.001)
    return 1 - np.clip((np.arange(d // 2) - low) / width, 0, 1)


def temperature(scaling: str, factor: float) -> float:
    """What YaRN multiplies cosines and sines by, 0.1 ln s + 1 (Peng et al. 2023, eq. 22); 1 for the others."""
    return 0.1 * math.log(factor) + 1 if scaling == "yarn" and factor > 1 else 1.0
