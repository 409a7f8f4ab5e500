"""The moments of a figure, scrubbed and played in the browser: what differs in each, packed once for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine.core.words import T, Words
from pages.shell.packing import Cell, packed, rows_of
from pages.shell.panels import Label, Panel, notes_of


@dataclass(frozen=True)
class Frame:
    """One moment of a figure: for some traces, by their place, what differs from the figure's own data.

    Of a trace that grows, {"upto": k} shows the first k points: that costs a number a frame, not an array. Words,
    facts and table, where given, stand for the figure's own. tells: a sentence on what happens at this moment, under
    the scrubber.
    """

    name: str
    data: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    labels: Sequence[Label] | None = None
    facts: Sequence[tuple[Words, Cell]] | None = None
    table: Sequence[Sequence[Cell]] | None = None
    tells: T | None = None

    def sent(self, panels: Sequence[Panel]) -> dict[str, Any]:
        """As it is sent, its words placed in the figure's panels."""
        made: dict[str, Any] = {"name": self.name, "data": {str(i): packed(patch) for i, patch in self.data.items()}}
        if self.labels is not None:
            made["annotations"] = packed(notes_of(panels, self.labels))
        for name in ("facts", "table"):
            if (rows := getattr(self, name)) is not None:
                made[name] = rows_of(rows)
        return made if self.tells is None else made | {"tells": self.tells.data()}


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
        made: dict[str, Any] = {"title": T.of(self.title).data(), "start": self.start % len(self.frames), "seconds": self.seconds}
        for name in ("rows", "products", "strips"):
            if parts := getattr(self, name):
                made[name] = {
                    str(i): {axis: _once(array, ["frames", name, str(i), axis], shown) for axis, array in axes.items()}
                    for i, axes in parts.items()
                }
        return made | {name: value for name in ("real_time", "follow", "bound") if (value := getattr(self, name))}


def large(value: Any) -> bool:
    """Whether an array is worth sending only once."""
    return isinstance(value, np.ndarray) and value.ndim > 1


def _once(value: Any, path: list, shown: dict[int, list]) -> Any:
    if isinstance(value, tuple):
        return [_once(part, [*path, place], shown) for place, part in enumerate(value)]
    if not large(value):
        return packed(value)
    if (known := shown.setdefault(id(value), path)) is not path:
        return {"same": known}
    return packed(value)


def grown(trace: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """A frame's patch as Plotly knows it: the first `upto` points written out."""
    made = {"type": trace["type"], **patch}
    upto = made.pop("upto", None)
    return made if upto is None else {axis: trace[axis][:upto] for axis in "xyz" if axis in trace} | made
