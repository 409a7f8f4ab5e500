"""What the figures of position encodings share: words, colours, numbers as they are read."""

from __future__ import annotations

import numpy as np

from engine.attention.position_encoding import PositionEncoded
from pages.shell import T
from pages.shell.colors import FOURTH, HAIRLINE, MEASURED, SECOND, THIRD
from pages.shell.traces import line

SCALING_COLORS = (MEASURED, SECOND, THIRD, FOURTH)
POSITION_M = T("query’s position m", "查询位置 m")
POSITION_N = T("key’s position n", "键位置 n")
DISTANCE = T("distance m − n", "距离 m − n")
NATS = T("loss, nats a token", "损失，nat/词元")
ENTERS = {
    "none": (T("nowhere", "无处"), T("–", "–"), "0"),
    "learned": (T("embedding", "嵌入"), T("adds a row", "加一行"), "L·D"),
    "sinusoidal": (T("embedding", "嵌入"), T("adds waves", "加正弦波"), "0"),
    "recurrent": (T("embedding", "嵌入"), T("adds a state", "加一个状态"), T("a flow’s", "流的参数")),
    "complex": (T("embedding", "嵌入"), T("multiplies", "相乘"), "V·D/2"),
    "shaw": (T("key", "键"), T("adds a row", "加一行"), "(2K + 1)·d"),
    "xlnet": (T("score", "分数"), T("adds three terms", "加三项"), "D² + 2D"),
    "t5": (T("score", "分数"), T("adds a number", "加一个数"), T("buckets", "桶数")),
    "deberta": (T("score", "分数"), T("adds two terms", "加两项"), "2K·D + 2D²"),
    "alibi": (T("score", "分数"), T("adds a slope", "加一条斜线"), "0"),
    "rotary": (T("query and key", "查询与键"), T("multiplies", "相乘"), "0"),
}


def title(p: PositionEncoded, name: str) -> T:
    """The encoding's name."""
    return T(*p.titles[p.names.index(name)])


def number(value: float, digits: int = 3) -> str:
    """A number as read off: 1.74, 2.6e−7, –."""
    if not np.isfinite(value):
        return "–"
    mantissa, e, exponent = f"{value:.{digits}g}".partition("e")
    return (mantissa + (f"e{int(exponent)}" if e else "")).replace("-", "−")


def nats(value: float) -> str:
    """A loss as read off."""
    return f"{value:.2f}" if np.isfinite(value) else "–"


def outlines(corners: np.ndarray, side: float, color: str = HAIRLINE, **options) -> dict:
    """Squares of a side, their upper left corners at (k, 2), as one trace."""
    steps = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0], [np.nan, np.nan]]) * side
    points = (np.asarray(corners, dtype=float)[:, None] + steps).reshape(-1, 2)
    return line(points[:, 0], points[:, 1], color, **({"width": 1, "hoverinfo": "skip"} | options))


def dotted(x: np.ndarray, y: np.ndarray, color: str, **options) -> dict:
    """A curve whose measured points are marked."""
    return line(x, y, color, **options) | {"mode": "lines+markers", "marker": {"size": 5, "color": color}}


def spread(heights: list[float], gap: float, floor: float = -np.inf) -> list[float]:
    """Descending heights moved apart where they stand closer than `gap`, none of them below `floor`."""
    placed: list[float] = []
    for y in heights:
        placed.append(min(y, placed[-1] - gap) if placed else y)
    for i in reversed(range(len(placed))):
        least = placed[i + 1] + gap if i + 1 < len(placed) else floor
        placed[i] = max(placed[i], least)
    return placed


def room(values: np.ndarray, share: float = 0.08) -> tuple[float, float]:
    """A range around finite values; (0, 1) where there are none."""
    known = values[np.isfinite(values)]
    if not known.size:
        return 0.0, 1.0
    low, high = float(known.min()), float(known.max())
    gap = share * (high - low) or 0.5
    return low - gap, high + gap
