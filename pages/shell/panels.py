"""Panels: sets of axes, their titles, and the words that stand on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args

import numpy as np

from engine.core.words import T, Words
from pages.shell.axes import Axis, layout_of
from pages.shell.colors import INK_2, SURFACE

Symbol = Literal[  # as Plotly names markers
    "circle-open",
    "cross",
    "diamond",
    "diamond-open",
    "line-ew-open",
    "line-ns-open",
    "square",
    "square-open",
    "triangle-up",
    "x",
    "x-thin-open",
]
Swatch = Literal["line", "dash", "dot", "patch"] | Symbol


@dataclass(frozen=True)
class Panel:
    """One set of axes; `z` makes it three-dimensional. Panels stand side by side, on a phone one under the other.

    key: what its colours mean, above it: (colour, words) or (colour, words, swatch) each; True for its named traces.
    """

    x: Axis = field(default_factory=Axis)
    y: Axis = field(default_factory=Axis)
    z: Axis | None = None
    title: Words = ""
    key: bool | Sequence[tuple[str, Words] | tuple[str, Words, Swatch]] = ()


@dataclass(frozen=True)
class Label:
    """Words on the figure, in data units of a panel (a logarithmic axis takes the value, not its logarithm).

    The browser moves them as little as it must so that they stand apart from other words and within the figure.
    """

    x: float
    y: float
    text: Words
    color: str = INK_2
    anchor: str = "left"
    panel: int = 0


def axes_of(panels: Sequence[Panel], columns: int) -> dict[str, Any]:
    """The panels' axes as Plotly's layout takes them, so many panels side by side."""
    layout: dict[str, Any] = {}
    if len(panels) > 1:
        across = min(columns, len(panels))
        layout["grid"] = {"rows": -(-len(panels) // across), "columns": across, "pattern": "independent"}
    for place, panel in enumerate(panels):
        number = _number(place)
        if panel.z is not None:
            scene = {"xaxis": layout_of(panel.x, across=True), "yaxis": layout_of(panel.y), "zaxis": layout_of(panel.z)}
            if len(panels) > 1:
                scene["domain"] = {"row": place // columns, "column": place % columns}
            layout[f"scene{number}"] = scene
            continue
        layout[f"xaxis{number}"], layout[f"yaxis{number}"] = layout_of(panel.x, across=True), layout_of(panel.y)
        if panel.y.equal:
            layout[f"yaxis{number}"] |= {"scaleanchor": f"x{number}", "scaleratio": 1}
            layout[f"xaxis{number}"]["constrain"] = layout[f"yaxis{number}"]["constrain"] = "domain"
            layout[f"yaxis{number}"]["constraintoward"] = "top"  # where the title is
    return layout


def notes_of(panels: Sequence[Panel], labels: Sequence[Label]) -> list[dict[str, Any]]:
    """The panels' titles and the labels as Plotly's annotations."""
    return [_title(place, panel) for place, panel in enumerate(panels) if panel.title and panel.z is None] + [
        _note(panels[label.panel], label) for label in labels
    ]


def keys_of(panels: Sequence[Panel], traces: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """What the panels' colours mean: for each panel that says so, rows of (colour, words, swatch)."""
    found = {}
    for place, panel in enumerate(panels):
        if panel.key is True:
            mine = [t for t in traces if t["name"] and t.get("xaxis", "x") == f"x{_number(place)}" and "scene" not in t]
            rows = {T.of(t["name"]): (_color(t), T.of(t["name"]), _swatch(t)) for t in mine}
            found[str(place)] = list(rows.values())
        elif panel.key:
            found[str(place)] = [(row[0], T.of(row[1]), row[2] if len(row) > 2 else "patch") for row in panel.key]
    return found


def _color(trace: Mapping[str, Any]) -> str:
    styles = [trace.get(part, {}).get("color") for part in ("line", "marker")]
    return next((color.partition("/")[0] for color in styles if isinstance(color, str)), INK_2)


def _swatch(trace: Mapping[str, Any]) -> Swatch:
    if "fill" in trace:
        return "patch"
    if "lines" in trace.get("mode", ""):
        return "dash" if trace["line"].get("dash", "solid") != "solid" else "line"
    if not trace["type"].startswith("scatter"):
        return "patch"
    return swatch_of(trace.get("marker", {}).get("symbol"))


def swatch_of(symbol: Any) -> Swatch:
    """The swatch of a marker; of many markers that differ, a dot. Raises ValueError at a shape that a key cannot show."""
    if not isinstance(symbol, str) or symbol == "circle":
        return "dot"
    if symbol not in get_args(Symbol):
        raise ValueError(f"a key shows no marker {symbol!r}: give it a sign in labels.js")
    return cast(Symbol, symbol)


def _number(place: int) -> str:
    """How Plotly counts axes: x, x2, x3, …"""
    return "" if place == 0 else str(place + 1)


def _title(place: int, panel: Panel) -> dict[str, Any]:
    number = _number(place)
    return {
        "text": T.of(panel.title),
        "xref": f"x{number} domain",
        "yref": f"y{number} domain",
        "x": 0.5,
        "y": 1,
        "xanchor": "center",
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"color": INK_2, "size": 13},
    }


def _note(panel: Panel, label: Label) -> dict[str, Any]:
    number = _number(label.panel)
    return {
        "x": float(np.log10(label.x)) if panel.x.log else float(label.x),
        "y": float(np.log10(label.y)) if panel.y.log else float(label.y),
        "xref": f"x{number}",
        "yref": f"y{number}",
        "text": T.of(label.text),
        "showarrow": False,
        "xanchor": label.anchor,
        "font": {"color": label.color, "size": 13},
        "bgcolor": f"{SURFACE}/0.8",
        "borderpad": 1,
    }
