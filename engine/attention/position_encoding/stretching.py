"""A trained model stretched to longer texts: every scaling of its rates, side by side."""

from __future__ import annotations

import numpy as np

from engine.attention.position_encoding.parameters import SCALINGS
from engine.attention.position_encoding.result import Stretch
from engine.attention.position_models import frequencies

BEYOND = 1.001  # of the largest angle seen: what rounding cannot be


def stretch(d: int, base: float, factor: float, context: int) -> Stretch:
    """All scalings side by side."""
    found = np.stack([frequencies.scaled(d, base, name, factor, context) for name in frequencies.SCALINGS])
    own = found[0]
    turns, reach = context * own / (2 * np.pi), factor * found / own
    return Stretch(
        names=tuple(SCALINGS),
        titles=tuple(SCALINGS.values()),
        rates=found,
        wavelengths=2 * np.pi / found,
        turns=turns,
        reach=reach,
        new=((reach > BEYOND) & (turns < 1)).sum(1),
        ramp=frequencies.untouched(d, base, context),
        temperature=np.array([frequencies.temperature(name, factor) for name in frequencies.SCALINGS]),
        context=context,
        factor=factor,
    )
