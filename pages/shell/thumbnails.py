"""Small drawings of real results for the gallery: a figure's traces as inline SVG in the theme's own colours."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from engine.core.words import T
from pages.shell.figures import Figure

WIDTH, HEIGHT, PAD = 240.0, 120.0, 6.0
MOST_POINTS = 120
MOST_PARTS = 2000  # points of a line that is made of separate strokes
HEAT_CELLS = 24


def svg(figure: Figure) -> str:
    """The figure's first panel that shows something: bars, lines, points, contours and heat maps, without axes."""
    traces = [dict(t) for t in figure.traces if not any(k in t for k in ("xaxis", "yaxis", "scene")) or t.get("xaxis") == "x"]
    if not traces:  # the first panel has nothing to show yet
        traces = [t for t in figure.traces if t.get("xaxis") == figure.traces[0].get("xaxis")]
    maps = [t for t in traces if t["type"] in ("heatmap", "contour")]
    body = [_heat(maps[0])] if maps else []
    seen = [t for t in traces if t["type"] == "image"]
    if seen and not maps:
        body.append(_picture(seen[-1]))
    curves = [t for t in traces if t["type"] in ("scatter", "scattergl", "bar") and t.get("y") is not None]
    if curves:
        body += _curves(curves, figure, over_map=maps[0] if maps else None)
    says = html.escape(T.of(figure.says).en)
    return f'<svg viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" role="img" aria-label="{says}">{"".join(body)}</svg>'


def _picture(trace: Mapping[str, Any]) -> str:
    """A picture, made small."""
    raw = base64.b64decode(trace["source"].partition(",")[2])
    with Image.open(io.BytesIO(raw)) as whole:
        small = whole.convert("RGB")
    small.thumbnail((WIDTH, HEIGHT))
    file = io.BytesIO()
    small.save(file, "JPEG", quality=80)
    source = "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
    return f'<image href="{source}" width="{WIDTH:.0f}" height="{HEIGHT:.0f}"/>'


def _numbers(values: Any) -> np.ndarray:
    return np.asarray([np.nan if v is None else v for v in values], float)


def _curves(curves: Sequence[Mapping[str, Any]], figure: Figure, over_map: Mapping[str, Any] | None) -> list[str]:
    panel = figure.panels[0]
    xs, ys = [], []
    for curve in curves:
        y = _numbers(curve["y"])
        x = _numbers(curve["x"]) if curve.get("x") is not None else np.arange(len(y), dtype=float)
        xs.append(np.log10(np.maximum(x, 1e-300)) if panel.x.log else x)
        ys.append(np.log10(np.maximum(y, 1e-300)) if panel.y.log else y)
    if over_map is not None and over_map.get("x") is not None:
        spans = [(np.min(over_map["x"]), np.max(over_map["x"])), (np.min(over_map["y"]), np.max(over_map["y"]))]
    else:
        spans = [_span(xs, panel.x), _span(ys, panel.y, floor=any(c["type"] == "bar" for c in curves))]
    made = []
    for curve, x, y in zip(curves, xs, ys, strict=True):
        px = PAD + (x - spans[0][0]) / (spans[0][1] - spans[0][0] or 1) * (WIDTH - 2 * PAD)
        py = HEIGHT - PAD - (y - spans[1][0]) / (spans[1][1] - spans[1][0] or 1) * (HEIGHT - 2 * PAD)
        keep = np.isfinite(px) & np.isfinite(py) & (px > -50) & (px < WIDTH + 50) & (py > -50) & (py < HEIGHT + 50)
        if "lines" in curve.get("mode", "") and curve["type"] != "bar":
            made.append(_line(curve, px, py, keep))
        else:
            made.append(_curve(curve, px[keep], py[keep]))
    return made


def _span(values: list[np.ndarray], axis: Any, floor: bool = False) -> tuple[float, float]:
    if axis.range is not None:
        return tuple(np.log10(v) if axis.log else v for v in axis.range)  # type: ignore[return-value]
    known = np.concatenate([v[np.isfinite(v)] for v in values] or [np.zeros(1)])
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    return (min(low, 0.0) if floor and not axis.log else low), high


def _color(curve: Mapping[str, Any]) -> str:
    for part in ("line", "marker"):
        color = curve.get(part, {}).get("color")
        if isinstance(color, str) and (part == "marker" or "marker" not in curve or curve.get("mode") == "lines"):
            return f"var({color.partition('/')[0]})" if color.startswith("--") else color
    return "var(--measured)"


def _line(curve: Mapping[str, Any], px: np.ndarray, py: np.ndarray, keep: np.ndarray) -> str:
    """A line, with the pen lifted where points are missing or out of sight."""
    if keep.all() and len(px) > MOST_POINTS:
        some = np.linspace(0, len(px) - 1, MOST_POINTS).astype(int)
        px, py, keep = px[some], py[some], keep[some]
    path, drawing = [], False
    for x, y, seen in zip(px[:MOST_PARTS], py[:MOST_PARTS], keep[:MOST_PARTS], strict=True):
        if seen:
            path.append(f"{'L' if drawing else 'M'}{x:.1f} {y:.1f}")
        drawing = bool(seen)
    style = f"stroke:{_color(curve)}"
    return f'<path d="{"".join(path)}" style="{style}" fill="none" stroke-width="1.4" stroke-linejoin="round"/>'


def _curve(curve: Mapping[str, Any], px: np.ndarray, py: np.ndarray) -> str:
    if len(px) > MOST_POINTS:
        keep = np.linspace(0, len(px) - 1, MOST_POINTS).astype(int)
        px, py = px[keep], py[keep]
    color = _color(curve)
    if curve["type"] == "bar":
        width = max((WIDTH - 2 * PAD) / max(len(px), 1) * 0.72, 0.8)
        rects = (f"M{x - width / 2:.1f} {HEIGHT - PAD:.1f}V{y:.1f}h{width:.1f}V{HEIGHT - PAD:.1f}z" for x, y in zip(px, py, strict=True))
        return f'<path d="{"".join(rects)}" style="fill:{color}" opacity=".75"/>'
    upright = str(curve.get("marker", {}).get("symbol", "")).startswith("line-ns")
    stroke = "M{:.1f} {:.1f}v5" if upright else "M{:.1f} {:.1f}h2.8"
    dots = "".join(stroke.format(x - 1.4 * (not upright), y - 2.5 * upright) for x, y in zip(px, py, strict=True))
    return f'<path d="{dots}" style="stroke:{color}" stroke-width="2.2" fill="none"/>'


def _heat(trace: Mapping[str, Any]) -> str:
    z = np.asarray(trace["z"], float)
    z = z[:: max(1, z.shape[0] // HEAT_CELLS), :: max(1, z.shape[1] // HEAT_CELLS)]
    known = z[np.isfinite(z)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    share = np.nan_to_num((z - low) / (high - low or 1.0))
    wide, tall = WIDTH / z.shape[1], HEIGHT / z.shape[0]
    cells = [
        f'<rect x="{c * wide:.1f}" y="{HEIGHT - (r + 1) * tall:.1f}" width="{wide + 0.3:.1f}" '
        f'height="{tall + 0.3:.1f}" opacity="{share[r, c]:.2f}"/>'
        for r in range(z.shape[0])
        for c in range(z.shape[1])
        if share[r, c] > 0.02
    ]
    return f'<g style="fill:var(--measured)">{"".join(cells)}</g>'
