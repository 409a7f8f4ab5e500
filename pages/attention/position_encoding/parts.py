"""What the figures of position encodings share: words, colours, ranges."""

from __future__ import annotations

import numpy as np

from engine.attention.position_encoding import PositionEncoded
from pages.shell import T, draw

SCALING_COLORS = (draw.MEASURED, draw.SECOND, draw.THIRD, draw.FOURTH)
POSITION_M = T("query’s position m", "查询位置 m")
POSITION_N = T("key’s position n", "键位置 n")
DISTANCE = T("distance m − n", "距离 m − n")
NATS = T("loss, nats a token", "损失，nat/词元")


def title(p: PositionEncoded, name: str) -> T:
    """The encoding's name."""
    return p.titles[p.names.index(name)]


def around(values: np.ndarray, share: float = 0.08) -> tuple[float, float]:
    """A range around finite values; (0, 1) where there are none."""
    known = values[np.isfinite(values)]
    if not known.size:
        return 0.0, 1.0
    low, high = float(known.min()), float(known.max())
    gap = share * (high - low) or 0.5
    return low - gap, high + gap
