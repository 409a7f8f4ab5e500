"""What the figures of DETR have in common: pictures as planes, boxes as lines, attention laid over a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.core.words import T, Words
from engine.vision.detection_metrics.boxes import iou
from engine.vision.detr import Found
from pages.shell.draw import CLASSES, INK_3, Axis, Figure, Panel, Pick, boxes, heat, line, picture, trace
from pages.shell.panels import Swatch

LIGHT = "#ffffff"  # truths on a picture, whatever the theme
ON_PICTURE = {"color": LIGHT, "size": 12, "shadow": "0px 0px 3px #000, 0px 0px 3px #000, 0px 0px 4px #000"}
# Attention over a picture: what is not looked at stays as it is.
OVER = [[0, "rgba(255,214,64,0)"], [0.15, "rgba(255,190,40,0.25)"], [0.5, "rgba(255,120,20,0.6)"], [1, "rgba(240,30,10,0.85)"]]
CHOSEN = T("the chosen query", "所选查询")
LOOKS = ("rgba(240,120,20,1)", T("where it looks", "它所看之处"), "patch")
DOTTED = T("dotted: what is there", "虚线：实际存在的物体")


def color(label: int) -> str:
    """A class's colour, the same on every figure."""
    return CLASSES[1 + label % (len(CLASSES) - 1)]


def name(r: Found, label: int) -> T:
    """A class's name."""
    return T.of(r.names[label])


def plane(pixels: np.ndarray, title: Words = "", key: Sequence[tuple[str, T, Swatch]] = ()) -> Panel:
    """The axes of a picture (H, W, 3), rows counted downward."""
    high, wide = pixels.shape[:2]
    return Panel(Axis(hidden=True, range=(0, wide)), Axis(hidden=True, range=(0, high), reverse=True, equal=True), title=title, key=key)


def keyed(r: Found, labels: np.ndarray, swatch: Swatch = "line") -> list[tuple[str, T, Swatch]]:
    """The key of some classes. A model that was brought may have more classes than there are colours: of those of one colour
    the first is named."""
    rows = {color(k): name(r, k) for k in reversed([int(k) for k in labels])}
    return [(stroke, title, swatch) for stroke, title in reversed(rows.items())]


def shown(r: Found, panel: int = 0, **options: Any) -> dict[str, Any]:
    """The picture itself."""
    return picture(r.pixels, panel=panel, **options)


def unknown(r: Found, picks: Sequence[Pick]) -> Figure:
    """The picture alone, where nobody has said what is in it: there is no verdict without truth."""
    why = T("Nobody has said what is in this picture.", "没有人说明图中有什么。")
    return Figure([shown(r)], [plane(r.pixels, T("click to draw a true box", "点击可画真值框") if picks else why)], why, picks=picks)


def true_boxes(r: Found, panel: int = 0) -> dict[str, Any]:
    """What is to be found, dotted."""
    return boxes(r.true_boxes, LIGHT, width=1.6, dash="dot", panel=panel, name=T("truth", "真值"))


def words(x: Any, y: Any, texts: list[Words], panel: int = 0) -> dict[str, Any]:
    """Words on a picture, readable on any ground."""
    style = {"textposition": "bottom right", "textfont": ON_PICTURE, "hoverinfo": "skip"}
    return trace("scatter", x=x, y=y, mode="text", text=[T.of(t) for t in texts], panel=panel, **style)


def looked(r: Found, weights: np.ndarray, panel: int = 0, **options: Any) -> dict[str, Any]:
    """Attention (h, w) laid over the picture."""
    (h, w), (high, wide) = weights.shape, r.pixels.shape[:2]
    made = {"scale": OVER, "zmin": 0, "zmax": float(weights.max()) or 1.0, "zsmooth": "best", "name": T("attention", "注意力"), **options}
    return heat(weights, (np.arange(w) + 0.5) * wide / w, (np.arange(h) + 0.5) * high / h, panel=panel, **made)


def cursor(x: np.ndarray, low: float, high: float, panel: int) -> tuple[dict[str, Any], np.ndarray]:
    """An upright line for each frame's place (k,), and its places for `Frames.rows`."""
    rows = np.repeat(np.asarray(x, float)[:, None], 2, 1)
    return line(rows[-1], [low, high], INK_3, width=1.2, dash="dot", panel=panel, hoverinfo="skip"), rows


def right_of(r: Found) -> np.ndarray:
    """(Q,) whether a query's box is right: the class and IoU ≥ 0.5 with an object that no surer one took."""
    free, right = np.ones(len(r.true_boxes), bool), np.zeros(len(r.boxes), bool)
    overlap = iou(r.boxes, r.true_boxes) * (r.labels[:, None] == r.true_labels)
    for q in np.argsort(-r.scores, kind="stable"):
        offered = np.where(free, overlap[q], 0)
        if offered.max(initial=0) >= 0.5:
            free[offered.argmax()], right[q] = False, True
    return right
