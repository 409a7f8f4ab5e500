"""What the figures of the gradient share: the map with its arrows, the handles, and how numbers are written."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from engine.calculus.gradient import Differentiated
from pages.shell import T
from pages.shell.axes import Axis
from pages.shell.colors import MUTE, SURFACE
from pages.shell.figures import Handle
from pages.shell.panels import Panel
from pages.shell.traces import line, trace

TERRAIN = [[0, SURFACE], [1, f"{MUTE}/0.75"]]
HANDLES = [Handle("x", "y", text=T("point", "点")), Handle("vx", "vy", origin=("x", "y"), text=T("direction", "方向"))]


def number(value: float) -> str:
    """A number as read off; a dash where there is none."""
    return f"{value:.4g}".replace("-", "−") if np.isfinite(value) else "–"


def pair(values: Any) -> str:
    return f"({number(values[0])}, {number(values[1])})"


def degrees(vector: ndarray) -> str:
    """The direction of a vector, or a dash."""
    return f"{np.rad2deg(np.arctan2(vector[1], vector[0])):.0f}°".replace("-", "−") if np.isfinite(vector).all() else "–"


def half(r: Differentiated) -> float:
    """Half the width of the map."""
    return float(r.map.x[-1] - r.map.x[0]) / 2


def arrows(x: ndarray, y: ndarray, dx: ndarray, dy: ndarray, head: float) -> tuple[ndarray, ndarray]:
    """Arrows from (x, y) by (dx, dy) as one polyline, the pen lifted between them; heads are `head` of the length."""
    tips = x + dx, y + dy
    back = x + (1 - head) * dx, y + (1 - head) * dy
    gap = np.full(x.shape, np.nan)
    wide = 0.5 * head
    across = np.stack([x, tips[0], gap, back[0] - wide * dy, tips[0], back[0] + wide * dy, gap], axis=-1)
    along = np.stack([y, tips[1], gap, back[1] + wide * dx, tips[1], back[1] - wide * dx, gap], axis=-1)
    return across.reshape(-1).astype(np.float32), along.reshape(-1).astype(np.float32)


def arrow(at: ndarray, by: ndarray, color: str, *, width: float = 3, **options: Any) -> dict:
    """One bold arrow."""
    x, y = arrows(at[:1], at[1:], by[:1], by[1:], 0.22)
    return line(x, y, color, width=width, hoverinfo="skip", **options)


def drawn(r: Differentiated, by: ndarray, longest: float) -> ndarray:
    """Gradients (2, n) as they are drawn: `longest` for the steepest of the map, others by the root of their length."""
    top = float(np.nanmax(r.map.arrow_length, initial=0.0)) or 1.0
    length = np.hypot(*by)
    with np.errstate(invalid="ignore", divide="ignore"):
        return by * np.where(length > 0, longest * np.minimum(np.sqrt(length / top), 1.3) / length, 0.0)


def levels(r: Differentiated, *, hover: bool = False) -> dict:
    """f from above: contours at equal ranks, so that they are legible however steep f is; f itself on hover."""
    m = r.map
    # thousandths take half the bytes of float32; a hole needs its NaN
    rank = np.rint(1000 * m.rank).astype(np.int16) if m.undefined == 0 else (1000 * m.rank).astype(np.float32)
    told: dict[str, Any] = {"hoverinfo": "skip"}
    if hover:
        told = {"customdata": m.f, "hovertemplate": "(%{x:.3~g}, %{y:.3~g})<br>f = %{customdata:.4~g}<extra></extra>"}
    return trace(
        "contour",
        x=m.x,
        y=m.y,
        z=rank,
        autocontour=False,
        showscale=False,
        colorscale=TERRAIN,
        zmin=0,
        zmax=1000,
        contours={"start": 50, "end": 950, "size": 75, "coloring": "fill"},
        line={"width": 0.7, "color": f"{MUTE}/0.9"},
        name=T("rank of f, ‰", "f 的名次，‰"),
        **told,
    )


def ground(r: Differentiated, title: Any = "") -> Panel:
    """The axes of a map."""
    return Panel(
        Axis("x", range=(float(r.map.x[0]), float(r.map.x[-1]))),
        Axis("y", range=(float(r.map.y[0]), float(r.map.y[-1])), equal=True),
        title=title,
    )


def spread(curve: ndarray, room: float = 0.12) -> tuple[float, float]:
    """The range of an axis around a curve, with room above and below."""
    known = curve[np.isfinite(curve)]
    if not known.size:
        return -1.0, 1.0
    low, high = float(known.min()), float(known.max())
    pad = room * (high - low) or 0.5 * abs(high) or 1.0
    return low - pad, high + pad
