"""Figures: Plotly's data, layout and frames, with colours as the look's tokens and texts in both languages.

A view is a pure function from a lab's result to a `Figure`. Colours such as "--measured" and texts are resolved in
the browser, so that theme and language change without a trip to the server. Figures are plain dictionaries until
they are sent: building and validating `plotly.graph_objects` costs more than computing most results. `to_plotly`
gives the validated Plotly figure; a test sends every view of every lab through it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.core.words import T, Words
from pages.shell.axes import Axis
from pages.shell.colors import BRASS, INK_2, SURFACE, resolved
from pages.shell.moments import Frames, grown, large
from pages.shell.packing import Cell, packed, rows_of
from pages.shell.panels import Label, Panel, axes_of, keys_of, notes_of
from pages.shell.strips import Strip
from pages.shell.traces import points


@dataclass(frozen=True)
class Handle:
    """A point to be dragged, bound to two parameters; with `origin`, the parameters are offsets from that point, given as
    two parameters or two numbers.
    `scale` divides what is dragged: a handle drawn at origin + scale · (x, y). "start[1]" names an entry, counted
    from 0, of a text parameter such as "-2,2". A number for x lets the point move up and down alone, one for y along. share: y names an
    entry of a distribution: it stays between 0 and 1, and the other entries take what is left in their proportions."""

    x: str | float
    y: str | float
    origin: tuple[str | float, str | float] | None = None
    scale: float = 1.0
    color: str = BRASS
    text: Words = ""
    panel: int = 0
    share: bool = False

    def data(self) -> dict[str, Any]:
        """As it is sent."""
        made = {
            "x": self.x,
            "y": self.y,
            "origin": self.origin,
            "scale": self.scale,
            "color": self.color,
            "panel": self.panel,
            "text": T.of(self.text).data(),
        }
        return made | ({"share": True} if self.share else {})


@dataclass(frozen=True)
class Pick:
    """A click that sets parameters: in a panel, or on a chip of a strip.

    x, y: the parameters that take the clicked place, counted in cells of that many data units, the first cell being
        centred on (or beginning half a unit before) 0; a chip gives its number to x.
    sets: instead, for each clickable item in turn the parameters that it sets; with `columns`, the items are the
        tiles of a mosaic that many across, row by row, each `cell` data units wide and high; with `trace`, they are the
        points of that trace alone.
    """

    panel: int = 0
    strip: int | None = None
    x: str = ""
    y: str = ""
    cell: float = 1.0
    sets: Sequence[Mapping[str, Any]] = ()
    columns: int = 0
    trace: int | None = None

    def data(self) -> dict[str, Any]:
        """As it is sent."""
        made = {
            "panel": self.panel,
            "strip": self.strip,
            "x": self.x,
            "y": self.y,
            "cell": self.cell,
            "sets": [dict(one) for one in self.sets],
        }
        made |= {"columns": self.columns} if self.columns else {}
        return made | ({} if self.trace is None else {"trace": self.trace})


@dataclass(frozen=True)
class Divider:
    """A line to be dragged across a panel: of the picture `trace` only what lies right of it is shown, and so what lies
    under that to its left. `start` is its place, from 0 on the left to 1."""

    trace: int
    panel: int = 0
    start: float = 0.5
    text: Words = ""

    def data(self) -> dict[str, Any]:
        """As it is sent."""
        return {"trace": self.trace, "panel": self.panel, "start": self.start, "text": T.of(self.text).data()}


@dataclass(frozen=True)
class Figure:
    """What a view draws: traces (see `pages.shell.traces`), their panels, words, and numbers to read off.

    says: one sentence that tells what the figure shows, for those who cannot see it.
    facts: pairs of a name and its value, set as a row of numbers under the figure.
    table: rows of cells under the figure, the first row being the header. A value or cell is words, a number, or a number
        and its kind, (0.34, "percent"): see `engine.core.amounts`.
    recorded: where and when, if what is drawn was not computed by the run that it belongs to but measured before.
    """

    traces: Sequence[Mapping[str, Any]]
    panels: Sequence[Panel]
    says: Words
    labels: Sequence[Label] = ()
    frames: Frames | None = None
    facts: Sequence[tuple[Words, Cell]] = ()
    table: Sequence[Sequence[Cell]] = ()
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
            shown = {id(v): ["data", i, k] for i, t in enumerate(self.traces) for k, v in t.items() if large(v)}
            found["frames"] = self.frames.data(shown) | {"list": [frame.sent(self.panels) for frame in self.frames.frames]}
        if self.facts:
            found["facts"] = rows_of(self.facts)
        if self.table:
            found["table"] = rows_of(self.table)
        for name in ("handles", "strips", "picks"):
            if parts := getattr(self, name):
                found[name] = [part.data() for part in parts]
        if self.link:
            found["link"] = self.link
        if self.divider is not None:
            found["divider"] = self.divider.data()
        if self.recorded:
            found["recorded"] = T.of(self.recorded).data()
        return found

    def to_plotly(self) -> Any:
        """The same as a validated `plotly.graph_objects.Figure`, in English and the light theme's colours."""
        import plotly.graph_objects as go

        figure = resolved({"data": list(self.traces), "layout": self._layout()})
        frames = []
        moments = self.frames
        for moment, frame in enumerate(moments.frames if moments else ()):
            assert moments is not None
            moved = moments.at(moment)
            patches = [resolved(grown(self.traces[i], patch)) for i, patch in moved.items()]
            frames.append(go.Frame(name=frame.name, data=patches, traces=list(moved)))
        return go.Figure(data=figure["data"], layout=figure["layout"], frames=frames)

    def _layout(self) -> dict[str, Any]:
        """Axes and words, with the figure's own layout laid over them: of an axis or a scene, only what it names."""
        made: dict[str, Any] = {**axes_of(self.panels, self.columns), "annotations": notes_of(self.panels, self.labels)}
        if keys := keys_of(self.panels, self.traces):
            made["meta"] = {"keys": keys}
        for key, over in self.layout.items():
            both = isinstance(over, Mapping) and isinstance(made.get(key), Mapping)
            made[key] = {**made[key], **over} if both else over
        return made


def absent(why: T) -> Figure:
    """A figure of nothing, which says why there is nothing."""
    return Figure(
        [points([0], [0], SURFACE, hoverinfo="skip")],
        [Panel(Axis(hidden=True), Axis(hidden=True))],
        why,
        [Label(0, 0, why, INK_2, "center")],
    )
