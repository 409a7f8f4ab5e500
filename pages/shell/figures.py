"""Figures: Plotly's data, layout and frames, with colours as the look's tokens and texts in both languages.

A view is a pure function from a lab's result to a `Figure`. Colours such as "--measured" and texts are resolved in
the browser, so that theme and language change without a trip to the server. Figures are plain dictionaries until
they are sent: building and validating `plotly.graph_objects` costs more than computing most results. `to_plotly`
gives the validated Plotly figure; a test sends every view of every lab through it.
"""

from __future__ import annotations

import base64
import functools
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pages.shell.axes import Axis, layout_of
from pages.shell.packing import packed
from pages.shell.strips import Strip
from pages.shell.text import T, Words

MEASURED, THEORY, SECOND, THIRD, FOURTH = "--measured", "--theory", "--second", "--third", "--fourth"
ACCEPT, REJECT, MUTE, BRASS = "--accept", "--reject", "--mute", "--brass"
INK, INK_2, INK_3, HAIRLINE, PAPER, SURFACE = "--ink", "--ink-2", "--ink-3", "--hairline", "--paper", "--surface"
CLASSES = tuple(f"--class-{k}" for k in range(10))  # labels of a segmentation, the tenth and on alike
RAMP = [[0, SURFACE], [1, MEASURED]]  # for heat maps that start at zero
DIVERGING = [[0, SECOND], [0.5, SURFACE], [1, MEASURED]]  # for heat maps centred at zero


@dataclass(frozen=True)
class Panel:
    """One set of axes; `z` makes it three-dimensional. Panels stand side by side, on a phone one under the other."""

    x: Axis = field(default_factory=Axis)
    y: Axis = field(default_factory=Axis)
    z: Axis | None = None
    title: Words = ""


@dataclass(frozen=True)
class Label:
    """Words on the figure, in data units of a panel (a logarithmic axis takes the value, not its logarithm)."""

    x: float
    y: float
    text: Words
    color: str = INK_2
    anchor: str = "left"
    panel: int = 0


@dataclass(frozen=True)
class Handle:
    """A point to be dragged, bound to two parameters; with `origin`, the parameters are offsets from that point, given as
    two parameters or two numbers.
    `scale` divides what is dragged: a handle drawn at origin + scale · (x, y). "start[1]" names an entry, counted
    from 0, of a text parameter such as "-2,2". A number for x lets the point move up and down alone. share: y names an
    entry of a distribution: it stays between 0 and 1, and the other entries take what is left in their proportions."""

    x: str | float
    y: str
    origin: tuple[str | float, str | float] | None = None
    scale: float = 1.0
    color: str = BRASS
    text: Words = ""
    panel: int = 0
    share: bool = False


@dataclass(frozen=True)
class Pick:
    """A click that sets parameters: in a panel, or on a chip of a strip.

    x, y: the parameters that take the clicked place, counted in cells of that many data units, the first cell being
        centred on (or beginning half a unit before) 0; a chip gives its number to x.
    sets: instead, for each clickable item in turn the parameters that it sets; with `columns`, the items are the
        tiles of a mosaic that many across, row by row, each `cell` data units wide and high.
    """

    panel: int = 0
    strip: int | None = None
    x: str = ""
    y: str = ""
    cell: float = 1.0
    sets: Sequence[Mapping[str, Any]] = ()
    columns: int = 0

    def data(self) -> dict[str, Any]:
        """As it is sent."""
        made = {"panel": self.panel, "strip": self.strip, "x": self.x, "y": self.y, "cell": self.cell,
                "sets": [dict(one) for one in self.sets]}  # fmt: skip
        return made | ({"columns": self.columns} if self.columns else {})


@dataclass(frozen=True)
class Divider:
    """A line to be dragged across a panel: of the picture `trace` only what lies right of it is shown, and so what lies
    under that to its left. `start` is its place, from 0 on the left to 1."""

    trace: int
    panel: int = 0
    start: float = 0.5
    text: Words = ""


@dataclass(frozen=True)
class Frame:
    """One moment of a figure: for some traces, by their place, what differs from the figure's own data.

    Of a trace that grows, {"upto": k} shows the first k points: that costs a number a frame, not an array. Words,
    facts and table, where given, stand for the figure's own.
    """

    name: str
    data: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    labels: Sequence[Label] | None = None
    facts: Sequence[tuple[Words, Words]] | None = None
    table: Sequence[Sequence[Words]] | None = None


@dataclass(frozen=True)
class Frames:
    """A figure's moments, scrubbed and played in the browser. `title` names the quantity: "n" shows as "n = 124".

    rows: for a trace and one of its axes, an array of shape (frames, points), or (frames, rows, columns), whose k-th
        part is drawn in frame k: one packing for all moments, where a frame's own `data` costs one each.
    products: for a trace and one of its axes (base, factors) of shapes (rows, columns) and (frames, rows): frame k
        draws base · factors[k], row by row.
    strips: for a strip, by its place, what differs: "strength" (frames, tokens), "upto" (frames,).
    follow: frame k belongs to item k of the figure's link: to point at the item is to go to the frame.
    bound: a parameter whose values the frames' names are, ascending: its control and the scrubber are one, and neither
        asks the server while this figure is shown.
    real_time: the frames' names are seconds from the start, ascending; they are played at that pace, or so many times
    faster that the whole takes a few seconds, and the moment is shown as a clock.
    """

    title: Words
    frames: Sequence[Frame]
    start: int = -1
    seconds: float = 6.0  # of a whole playing
    real_time: bool = False
    rows: Mapping[int, Mapping[str, np.ndarray]] = field(default_factory=dict)
    products: Mapping[int, Mapping[str, tuple[np.ndarray, np.ndarray]]] = field(default_factory=dict)
    strips: Mapping[int, Mapping[str, np.ndarray]] = field(default_factory=dict)
    follow: bool = False
    bound: str = ""

    def at(self, moment: int) -> dict[int, dict[str, Any]]:
        """What differs in a frame, by trace."""
        patches = {i: {axis: array[moment] for axis, array in axes.items()} for i, axes in self.rows.items()}
        for i, axes in self.products.items():
            made = {axis: base * factors[moment][:, None] for axis, (base, factors) in axes.items()}
            patches[i] = patches.get(i, {}) | made
        for i, patch in self.frames[moment].data.items():
            patches[i] = patches.get(i, {}) | dict(patch)
        return patches

    def data(self, shown: dict[int, list]) -> dict[str, Any]:
        """What holds for all moments, as it is sent. An array that the figure sends already, found in `shown` by its
        identity, is not sent again: {"same": [the path to it]}."""
        made: dict[str, Any] = {"title": T.of(self.title).data(), "start": self.start % len(self.frames),
                                "seconds": self.seconds}  # fmt: skip
        for name in ("rows", "products", "strips"):
            if parts := getattr(self, name):
                made[name] = {
                    str(i): {axis: _once(array, ["frames", name, str(i), axis], shown) for axis, array in axes.items()}
                    for i, axes in parts.items()
                }
        return made | {name: value for name in ("real_time", "follow", "bound") if (value := getattr(self, name))}


@dataclass(frozen=True)
class Figure:
    """What a view draws: traces (see the functions below), their panels, words, and numbers to read off.

    says: one sentence that tells what the figure shows, for those who cannot see it.
    facts: pairs of a name and its value, set as a row of numbers under the figure.
    table: rows of cells under the figure, the first row being the header.
    recorded: where and when, if what is drawn was not computed by the run that it belongs to but measured before.
    """

    traces: Sequence[Mapping[str, Any]]
    panels: Sequence[Panel]
    says: Words
    labels: Sequence[Label] = ()
    frames: Frames | None = None
    facts: Sequence[tuple[Words, Words]] = ()
    table: Sequence[Sequence[Words]] = ()
    handles: Sequence[Handle] = ()
    columns: int = 2
    layout: Mapping[str, Any] = field(default_factory=dict)
    link: str = ""  # figures of a page with the same link share the hovered item; a trace's `meta` says which it is
    strips: Sequence[Strip] = ()
    picks: Sequence[Pick] = ()
    divider: Divider | None = None
    recorded: Words = ""

    def data(self) -> dict[str, Any]:
        """As it is sent: JSON-ready, arrays packed, tokens and texts unresolved."""
        found: dict[str, Any] = {
            "data": [packed(trace) for trace in self.traces],
            "layout": packed(self._layout()),
            "says": T.of(self.says).data(),
        }
        if self.frames is not None:
            shown = {id(v): ["data", i, k] for i, t in enumerate(self.traces) for k, v in t.items() if _large(v)}
            found["frames"] = self.frames.data(shown) | {"list": [self._frame(frame) for frame in self.frames.frames]}
        if self.facts:
            found["facts"] = _cells(self.facts)
        if self.table:
            found["table"] = _cells(self.table)
        if self.handles:
            found["handles"] = [
                {"x": h.x, "y": h.y, "origin": h.origin, "scale": h.scale, "color": h.color, "panel": h.panel,
                 "text": T.of(h.text).data()} | ({"share": True} if h.share else {}) for h in self.handles
            ]  # fmt: skip
        for name in ("strips", "picks"):
            if parts := getattr(self, name):
                found[name] = [part.data() for part in parts]
        if self.link:
            found["link"] = self.link
        if (line := self.divider) is not None:
            found["divider"] = {"trace": line.trace, "panel": line.panel, "start": line.start,
                                "text": T.of(line.text).data()}  # fmt: skip
        if self.recorded:
            found["recorded"] = T.of(self.recorded).data()
        return found

    def to_plotly(self) -> Any:
        """The same as a validated `plotly.graph_objects.Figure`, in English and the light theme's colours."""
        import plotly.graph_objects as go

        figure = _resolved({"data": list(self.traces), "layout": self._layout()})
        frames = []
        for moment, frame in enumerate(self.frames.frames if self.frames else ()):
            moved = self.frames.at(moment)
            patches = [_resolved(_grown(self.traces[i], patch)) for i, patch in moved.items()]
            frames.append(go.Frame(name=frame.name, data=patches, traces=list(moved)))
        return go.Figure(data=figure["data"], layout=figure["layout"], frames=frames)

    def _layout(self) -> dict[str, Any]:
        """Axes and words, with the figure's own layout laid over them: of an axis or a scene, only what it names."""
        made: dict[str, Any] = {**self._axes(), "annotations": self._annotations()}
        for key, over in self.layout.items():
            both = isinstance(over, Mapping) and isinstance(made.get(key), Mapping)
            made[key] = {**made[key], **over} if both else over
        return made

    def _frame(self, frame: Frame) -> dict[str, Any]:
        made: dict[str, Any] = {"name": frame.name, "data": {str(i): packed(patch) for i, patch in frame.data.items()}}
        if frame.labels is not None:
            made["annotations"] = packed(self._titles() + [self._note(label) for label in frame.labels])
        for name in ("facts", "table"):
            if (rows := getattr(frame, name)) is not None:
                made[name] = _cells(rows)
        return made

    def _axes(self) -> dict[str, Any]:
        layout: dict[str, Any] = {}
        flat = [panel for panel in self.panels if panel.z is None]
        if len(self.panels) > 1:
            columns = min(self.columns, len(self.panels))
            rows = -(-len(self.panels) // columns)
            layout["grid"] = {"rows": rows, "columns": columns, "pattern": "independent"}
        for place, panel in enumerate(self.panels):
            number = "" if place == 0 else str(place + 1)
            if panel.z is not None:
                scene = {
                    "xaxis": layout_of(panel.x, across=True),
                    "yaxis": layout_of(panel.y),
                    "zaxis": layout_of(panel.z),
                }
                if len(self.panels) > 1:
                    scene["domain"] = {"row": place // self.columns, "column": place % self.columns}
                layout[f"scene{number}"] = scene
                continue
            layout[f"xaxis{number}"], layout[f"yaxis{number}"] = layout_of(panel.x, across=True), layout_of(panel.y)
            if panel.y.equal:
                layout[f"yaxis{number}"] |= {"scaleanchor": f"x{number}", "scaleratio": 1}
                layout[f"xaxis{number}"]["constrain"] = layout[f"yaxis{number}"]["constrain"] = "domain"
                layout[f"yaxis{number}"]["constraintoward"] = "top"  # where the title is
        assert flat or all(p.z is not None for p in self.panels)
        return layout

    def _titles(self) -> list[dict[str, Any]]:
        made = []
        for place, panel in enumerate(self.panels):
            if not panel.title or panel.z is not None:
                continue
            number = "" if place == 0 else str(place + 1)
            made.append(
                {"text": T.of(panel.title), "xref": f"x{number} domain", "yref": f"y{number} domain", "x": 0.5, "y": 1,
                 "xanchor": "center", "yanchor": "bottom", "showarrow": False, "font": {"color": INK_2, "size": 13}}
            )  # fmt: skip
        return made

    def _annotations(self) -> list[dict[str, Any]]:
        return self._titles() + [self._note(label) for label in self.labels]

    def _note(self, label: Label) -> dict[str, Any]:
        panel, number = self.panels[label.panel], "" if label.panel == 0 else str(label.panel + 1)
        return {
            "x": float(np.log10(label.x)) if panel.x.log else float(label.x),
            "y": float(np.log10(label.y)) if panel.y.log else float(label.y),
            "xref": f"x{number}", "yref": f"y{number}", "text": T.of(label.text), "showarrow": False,
            "xanchor": label.anchor, "font": {"color": label.color, "size": 13}, "bgcolor": f"{SURFACE}/0.8", "borderpad": 1,
        }  # fmt: skip


def _large(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.ndim > 1


def _once(value: Any, path: list, shown: dict[int, list]) -> Any:
    if isinstance(value, tuple):
        return [_once(part, [*path, place], shown) for place, part in enumerate(value)]
    if not _large(value):
        return packed(value)
    if (known := shown.setdefault(id(value), path)) is not path:
        return {"same": known}
    return packed(value)


def absent(why: T) -> Figure:
    """A figure of nothing, which says why there is nothing."""
    return Figure(
        [points([0], [0], SURFACE, hoverinfo="skip")],
        [Panel(Axis(hidden=True), Axis(hidden=True))],
        why,
        [Label(0, 0, why, INK_2, "center")],
    )


def trace(kind: str, *, name: Words = "", panel: int = 0, **options: Any) -> dict[str, Any]:
    """Any Plotly trace, placed in a panel. Three-dimensional kinds take the panel's scene."""
    made: dict[str, Any] = {"type": kind, "name": T.of(name), **options}
    if panel:
        number = str(panel + 1)
        made |= (
            {"scene": f"scene{number}"}
            if kind in {"surface", "scatter3d", "mesh3d"}
            else {"xaxis": f"x{number}", "yaxis": f"y{number}"}
        )
    return made


def bars(x: Any, y: Any, color: str = MEASURED, **options: Any) -> dict[str, Any]:
    """Filled bars: what was measured."""
    return trace("bar", x=x, y=y, **{"marker": {"color": color, "line": {"width": 0}}, "opacity": 0.75, **options})


def line(x: Any, y: Any, color: str = THEORY, *, dash: str = "", width: float = 1.8, **options: Any) -> dict[str, Any]:
    """A line: a law, a curve, a path. `dash` is Plotly's ("dot", "dash")."""
    style = {"color": color, "width": width} | ({"dash": dash} if dash else {})
    return trace("scatter", x=x, y=y, mode="lines", line=style, **options)


def points(
    x: Any, y: Any, color: str = MEASURED, *, size: float = 6, symbol: str = "", **options: Any
) -> dict[str, Any]:
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
    upper = trace(
        "scatter",
        x=x,
        y=high,
        mode="lines",
        line=edge,
        hoverinfo="skip",
        fill="tonexty",
        fillcolor=f"{color}/0.2",
        **options,
    )
    return [lower, upper]


def heat(
    z: Any, x: Any = None, y: Any = None, *, diverging: bool = False, scale: Any = None, **options: Any
) -> dict[str, Any]:
    """A heat map of z[row, column]; a diverging one is centred at zero. Numbers are shown on hover."""
    places = {key: value for key, value in (("x", x), ("y", y)) if value is not None}
    made = {"z": z, **places, "colorscale": scale or (DIVERGING if diverging else RAMP), "showscale": False}
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
    made = {"z": z, "x": x, "y": y, "ncontours": levels, "showscale": False, "contours": {"coloring": "lines"},
            "colorscale": [[0, MUTE], [1, MEASURED]], "line": {"width": 1.2}}  # fmt: skip
    return trace("contour", **(made | options))


def surface(z: Any, x: Any, y: Any, **options: Any) -> dict[str, Any]:
    """A surface over the plane, in the panel's scene."""
    made = {"z": z, "x": x, "y": y, "showscale": False, "colorscale": "Cividis", "opacity": 0.92}
    return trace("surface", **(made | options))


def _cells(rows: Sequence[Sequence[Words]]) -> list[list[Any]]:
    return [[T.of(cell).data() for cell in row] for row in rows]


def _grown(trace: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """A frame's patch as Plotly knows it: the first `upto` points written out."""
    made = {"type": trace["type"], **patch}
    upto = made.pop("upto", None)
    return made if upto is None else {axis: trace[axis][:upto] for axis in "xyz" if axis in trace} | made


def light_tokens() -> dict[str, str]:
    """The look's tokens in the light theme, e.g. {"--measured": "#2b6cb0"}."""
    css = (Path(__file__).parent / "static" / "tokens.css").read_text()
    return dict(re.findall(r"(--[\w-]+):\s*([^;]+);", css[: css.index(".dark")]))


def _resolved(value: Any) -> Any:
    if isinstance(value, T):
        return value.en
    if isinstance(value, str) and value.startswith("--"):
        token, _, alpha = value.partition("/")
        color = light_tokens()[token]
        if not alpha:
            return color
        red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
        return f"rgba({red},{green},{blue},{alpha})"
    if isinstance(value, Mapping):
        return {key: _resolved(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_resolved(item) for item in value]
    return value
