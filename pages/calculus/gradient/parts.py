"""What the figures of the gradient share: the map with its arrows, the handles, the four things to be told apart."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from engine.calculus.gradient import Differentiated
from engine.core import amounts
from pages.shell import T, draw

TERRAIN = [[0, draw.SURFACE], [1, f"{draw.MUTE}/0.75"]]
POINT = draw.Handle("x", "y", text=T("point", "点"))
HANDLES = [POINT, draw.Handle("vx", "vy", origin=("x", "y"), text=T("direction", "方向"))]
# One colour for one thing in all figures; methods have theirs in `descents`.
V, GRADIENT, SEEN, LAW = draw.MEASURED, draw.SECOND, draw.THIRD, draw.THEORY
SIGNED = [[0, draw.REJECT], [0.5, draw.SURFACE], [1, draw.ACCEPT]]
EVERY = 5  # of the map's places, from arrow to arrow


def degrees(vector: ndarray) -> T:
    """The direction of a vector, or a dash."""
    angle = float(np.rad2deg(np.arctan2(vector[1], vector[0])))
    return T("{angle:fixed.0}°", "{angle:fixed.0}°", angle=angle) if np.isfinite(angle) else T.of(amounts.NONE)


def pair(vector: ndarray) -> str:
    """Two numbers that are no vector."""
    return ", ".join(amounts.number(value, 4) for value in vector)


def vector_of(r: Differentiated) -> T:
    """The gradient as an arrow, where there is one."""
    if r.touch.kind != "plane":
        return T("none: not differentiable", "不存在：不可微")
    if not np.isfinite(r.direction_of_max).all():
        return T("0, no direction", "0，没有方向")
    way = degrees(r.direction_of_max)
    return T("length {length:number.4}, towards {way}", "长 {length:number.4}，指向 {way}", length=r.max_rate, way=way)


def four(r: Differentiated) -> list[tuple]:
    """One number, several numbers, a vector; the functions stand with the partial derivatives."""
    return [
        (T("f at the point", "f 在该点"), r.value_text),
        (T("Dᵥf, one number", "Dᵥf，一个数"), (r.directional_derivative, "number.4")),
        (T("∂f/∂x, ∂f/∂y there, two numbers", "该点 ∂f/∂x、∂f/∂y，两个数"), pair(r.gradient)),
        (T("∇f there, a vector", "该点 ∇f，一个向量"), vector_of(r)),
    ]


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


def arrow(at: ndarray, by: ndarray, color: str, **options: Any) -> dict:
    """One bold arrow."""
    return draw.line(*arrows(at[:1], at[1:], by[:1], by[1:], 0.22), color, width=3, hoverinfo="skip", **options)


def drawn(r: Differentiated, by: ndarray, longest: float) -> ndarray:
    """Gradients (2, …) as they are drawn: `longest` for the steepest of the map, others by the root of their length."""
    places = (slice(None, None, EVERY), slice(None, None, EVERY))
    top = float(np.nanmax(np.hypot(r.map.dx[places], r.map.dy[places]), initial=0.0)) or 1.0
    length = np.hypot(*by)
    with np.errstate(invalid="ignore", divide="ignore"):
        return by * np.where(length > 0, longest * np.minimum(np.sqrt(length / top), 1.3) / length, 0.0)


def levels(r: Differentiated, *, hover: bool = False) -> dict:
    """f from above: contours at equal ranks, so that they are legible however steep f is; f itself on hover."""
    m = r.map
    # thousandths take half the bytes of float32; a hole needs its NaN
    rank = np.rint(1000 * m.rank).astype(np.int16) if m.undefined == 0 else (1000 * m.rank).astype(np.float32)
    hovering: dict[str, Any] = {"hoverinfo": "skip"}
    if hover:
        hovering = {"customdata": m.f, "hovertemplate": "(%{x:.3~g}, %{y:.3~g})<br>f = %{customdata:.4~g}<extra></extra>"}
    shades = {"colorscale": TERRAIN, "zmin": 0, "zmax": 1000, "showscale": False, "autocontour": False}
    contours = {"start": 50, "end": 950, "size": 75, "coloring": "fill"}
    stroke = {"width": 0.7, "color": f"{draw.MUTE}/0.9"}
    return draw.trace("contour", x=m.x, y=m.y, z=rank, contours=contours, line=stroke, **shades, **hovering)


def ground(r: Differentiated, title: Any = "", *, key: Any = ()) -> draw.Panel:
    """The axes of a map, whose shades are said."""
    x, y = (draw.Axis(name, range=(axis[0], axis[-1]), equal=name == "y") for name, axis in (("x", r.map.x), ("y", r.map.y)))
    return draw.Panel(x, y, title=title, key=key)


HIGHER = (draw.MUTE, T("f high", "f 高"))


def spread(curve: ndarray, margin: float = 0.12) -> tuple[float, float]:
    """The range of an axis around a curve, with some margin above and below."""
    known = curve[np.isfinite(curve)]
    if not known.size:
        return -1.0, 1.0
    low, high = float(known.min()), float(known.max())
    pad = margin * (high - low) or 0.5 * abs(high) or 1.0
    return low - pad, high + pad
