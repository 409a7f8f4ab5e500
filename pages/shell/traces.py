"""Traces: what is drawn in a panel, as plain Plotly traces in the look's colours."""

from __future__ import annotations

import base64
import functools
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from engine.core.words import T, Words
from pages.shell.colors import ACCEPT, CLASSES, DIVERGING, FOURTH, MEASURED, MUTE, RAMP, REJECT, SECOND, THEORY, THIRD

Place = Literal["end", "start", "peak", "middle"]
COLORS = (MEASURED, SECOND, THIRD, FOURTH, ACCEPT, REJECT)  # of named curves, in this order


def trace(kind: str, *, name: Words = "", panel: int = 0, label: Place | None = None, **options: Any) -> dict[str, Any]:
    """Any Plotly trace, placed in a panel. Three-dimensional kinds take the panel's scene.

    label: where along the trace its name is written, in its colour; the browser keeps it apart from other words.
    """
    made: dict[str, Any] = {"type": kind, "name": T.of(name), **options}
    if label:
        made["meta"] = {**made.get("meta", {}), "label": label}
    if panel:
        number = str(panel + 1)
        made |= (
            {"scene": f"scene{number}"} if kind in {"surface", "scatter3d", "mesh3d"} else {"xaxis": f"x{number}", "yaxis": f"y{number}"}
        )
    return made


def bars(x: Any, y: Any, color: str = MEASURED, **options: Any) -> dict[str, Any]:
    """Filled bars: what was measured."""
    return trace("bar", x=x, y=y, **{"marker": {"color": color, "line": {"width": 0}}, "opacity": 0.75, **options})


def line(x: Any, y: Any, color: str = THEORY, *, dash: str = "", width: float = 1.8, **options: Any) -> dict[str, Any]:
    """A line: a law, a curve, a path. `dash` is Plotly's ("dot", "dash")."""
    style = {"color": color, "width": width} | ({"dash": dash} if dash else {})
    return trace("scatter", x=x, y=y, mode="lines", line=style, **options)


def boxes(edges: Iterable[np.ndarray], color: str, *, width: float = 2.2, **options: Any) -> dict[str, Any]:
    """Boxes x0, y0, x1, y1 as one trace: six points a box, the last of them a gap, so that {"upto": 6 k} shows k boxes."""
    return line(*_outlines(edges), color, width=width, **{"hoverinfo": "skip", **options})


def boxes_at(moments: Sequence[Iterable[np.ndarray]]) -> dict[str, np.ndarray]:
    """The boxes of each moment, however many, as `Frames.rows` takes them."""
    lines = [_outlines(edges) for edges in moments]
    most = max((len(x) for x, _ in lines if len(x)), default=6)  # one gap at least: a trace of nothing is none
    padded = lambda values: np.pad(values, (0, most - len(values)), constant_values=np.nan)  # noqa: E731
    return {axis: np.array([padded(both[i]) for both in lines]) for i, axis in enumerate("xy")}


def _outlines(edges: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    gap = (np.nan, np.nan)
    rows = np.array([[[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0], gap] for x0, y0, x1, y1 in edges], float).reshape(-1, 2)
    return rows[:, 0], rows[:, 1]


def points(x: Any, y: Any, color: str = MEASURED, *, size: float = 6, symbol: str = "", **options: Any) -> dict[str, Any]:
    """Points: measurements one by one."""
    marker = {"color": color, "size": size} | ({"symbol": symbol} if symbol else {})
    return trace("scatter", x=x, y=y, mode="markers", **{"marker": marker, **options})


def ticks(x: Any, y: Any, color: str = THEORY, **options: Any) -> dict[str, Any]:
    """Short level strokes: an exact law laid on bars."""
    marker = {"color": color, "size": 7, "symbol": "line-ew-open", "line": {"width": 2, "color": color}}
    return trace("scatter", x=x, y=y, mode="markers", marker=marker, **options)


def band(x: Any, low: Any, high: Any, color: str = MEASURED, **options: Any) -> list[dict[str, Any]]:
    """A shaded band between two curves, as two traces."""
    edge = {"width": 0, "color": color}
    lower = trace("scatter", x=x, y=low, mode="lines", line=edge, hoverinfo="skip", **options)
    upper = trace("scatter", x=x, y=high, mode="lines", line=edge, hoverinfo="skip", fill="tonexty", fillcolor=f"{color}/0.2", **options)
    return [lower, upper]


def curves(
    x: Any,
    named: Mapping[Words, Any],
    *,
    colors: Sequence[str] | Mapping[Words, str] = COLORS,
    spread: Mapping[Words, tuple[Any, Any]] | None = None,
    dash: str | Mapping[Words, str] = "",
    label: Place | None = "end",
    **options: Any,
) -> list[dict[str, Any]]:
    """Named curves over one x, each in the next colour and with its name at its end; bands from low to high under them.

    colors: in the curves' order, or by name. spread, dash: by name.
    """
    hues = [colors[name] if isinstance(colors, Mapping) else colors[i % len(colors)] for i, name in enumerate(named)]
    shades, lines = [], []
    for (name, y), hue in zip(named.items(), hues, strict=True):
        if spread and name in spread:
            shades += band(x, *spread[name], hue, panel=options.get("panel", 0))
        stroke = dash if isinstance(dash, str) else dash.get(name, "")
        lines.append(line(x, y, hue, dash=stroke, name=name, label=label, **options))
    return shades + lines


def heat(
    z: Any,
    x: Any = None,
    y: Any = None,
    *,
    diverging: bool = False,
    scale: Any = None,
    bar: bool = False,
    scale_title: Words = "",
    **options: Any,
) -> dict[str, Any]:
    """A heat map of z[row, column]; a diverging one is centred at zero. Numbers are shown on hover.

    bar, scale_title: a scale of its colours stands beside the panel, with its title if there is one; of several maps in a
        panel the first one's is shown. Signed maps have one.
    """
    places = {key: value for key, value in (("x", x), ("y", y)) if value is not None}
    made = {"z": z, **places, "colorscale": scale or (DIVERGING if diverging else RAMP), "showscale": bar or bool(scale_title)}
    if scale_title:
        made["colorbar"] = {"title": {"text": T.of(scale_title)}}
    if diverging:
        largest = float(np.nanmax(np.abs(z))) if np.isfinite(z).any() else 1.0
        made |= {"zmin": -largest or -1.0, "zmax": largest or 1.0}
    return trace("heatmap", **(made | options))


def class_map(z: Any, **options: Any) -> dict[str, Any]:
    """A map of labels z[row, column], each in its class's colour."""
    steps = [[(k + end) / 10, color] for k, color in enumerate(CLASSES) for end in (0, 1)]
    return heat(np.asarray(z), scale=steps, **{"zmin": -0.5, "zmax": 9.5, **options})


def picture(pixels: np.ndarray, **options: Any) -> dict[str, Any]:
    """A picture (H, W, 3) uint8, its pixel in row r and column c centred at x = c + 0.5, y = r + 0.5.

    A frame draws another by {"source": source(pixels)}.
    """
    made = {"source": options.pop("source", None) or source(pixels), "x0": 0.5, "y0": 0.5, "hoverinfo": "skip"}
    return trace("image", **(made | options))


def source(pixels: np.ndarray, quality: int | None = None) -> str:
    """Pixels (H, W, 3) uint8 as an image of their own within a figure: exact, or at a quality from 0 to 100 where many
    of them must be small."""
    if quality is None:
        return _png(pixels.shape, pixels.tobytes())
    return _data_url(pixels, "webp", quality=quality, method=2)


@functools.lru_cache(maxsize=16)
def _png(shape: tuple[int, ...], raw: bytes) -> str:
    """An exact picture; while one of several pictures changes, the others are not packed again."""
    return _data_url(np.frombuffer(raw, np.uint8).reshape(shape), "png", compress_level=1)


def _data_url(pixels: np.ndarray, kind: str, **options: Any) -> str:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return f"data:image/{kind};base64," + base64.b64encode(file.getvalue()).decode()


def contours(z: Any, x: Any, y: Any, *, levels: int = 18, **options: Any) -> dict[str, Any]:
    """Level lines of z[row, column] without filling."""
    made = {
        "z": z,
        "x": x,
        "y": y,
        "ncontours": levels,
        "showscale": False,
        "contours": {"coloring": "lines"},
        "colorscale": [[0, MUTE], [1, MEASURED]],
        "line": {"width": 1.2},
    }
    return trace("contour", **(made | options))


def surface(z: Any, x: Any, y: Any, **options: Any) -> dict[str, Any]:
    """A surface over the plane, in the panel's scene."""
    made = {"z": z, "x": x, "y": y, "showscale": False, "colorscale": "Cividis", "opacity": 0.92}
    return trace("surface", **(made | options))
