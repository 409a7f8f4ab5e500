"""A lesson: steps over a lab's own figures, some of which ask for a prediction before they show.

What a step withholds never leaves the server before one has committed oneself: `veiled` keeps of a figure only what is
named. Whatever holds a number is a function: of the parameters in a step's words (a function of the result would tell it),
of the result in the truth, in why people go wrong, and in where to look.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from engine.core.params import Params
from engine.core.words import T, Words
from pages.shell.axes import Axis
from pages.shell.colors import SURFACE
from pages.shell.figures import Figure
from pages.shell.panels import Panel
from pages.shell.traces import points

MOST_WORDS = 60
NUMBER = re.compile(r"(?<![A-Za-z_])\d+(?:\.\d+)?(?!-?D)")  # not the 2 of "conv2", nor that of "2-D"
PLAIN_LAYOUT = ("height", "margin", "barmode", "bargap")  # what a figure's own layout may say of an empty panel
PICTURES = ("image", "heatmap")  # their edges are known before anything is found

Ends = tuple[float, float]
Said = T | Callable[[Any], T]


@dataclass(frozen=True)
class Predict:
    """What is asked before a figure shows.

    ask: the question; with numbers in it a function of the parameters.
    truth: the answer, from the result. why: from the result, one or two sentences on why people go wrong there.
    keep: names or kinds of traces, words of labels, titles of strips that stay in sight; all else is withheld.
    panel: the place of the panel that is asked about, of those that the step shows.
    x, y: the ends of its axes, before and after; or a function of the parameters that gives them.
    """

    ask: Said
    truth: Callable[[Any], Any]
    why: Callable[[Any], T]
    keep: Sequence[str] = field(default=(), kw_only=True)
    panel: int = field(default=0, kw_only=True)
    x: Ends | Callable[[Any], Ends] | None = field(default=None, kw_only=True)
    y: Ends | Callable[[Any], Ends] | None = field(default=None, kw_only=True)
    kind: ClassVar[str] = ""
    drawn: ClassVar[bool] = False  # on the figure's own axes

    def data(self, params: Params) -> dict[str, Any]:
        """As it is sent: without the truth."""
        return {"kind": self.kind, "panel": self.panel, "ask": spoken(self.ask, params).data()}

    def told(self, result: Any) -> Any:
        """The truth as it is sent."""
        raise NotImplementedError


@dataclass(frozen=True)
class Choice(Predict):
    """One of some options; the truth is its place, counted from 0."""

    options: Sequence[T] = field(default=(), kw_only=True)
    kind = "choice"

    def data(self, params: Params) -> dict[str, Any]:
        return super().data(params) | {"options": [option.data() for option in self.options]}

    def told(self, result: Any) -> int:
        return int(self.truth(result))


@dataclass(frozen=True)
class Number(Predict):
    """A number on a line from `between[0]` to `between[1]`, on a logarithmic scale where `log`.

    along: "x" or "y" draws the guess across the figure as well, at that place of the axis. share: written in percent.
    unit: "B" and "s" are written as bytes and durations are. whole: it counts.
    """

    between: Ends = field(default=(0, 1), kw_only=True)
    unit: Words = field(default="", kw_only=True)
    along: str = field(default="", kw_only=True)
    log: bool = field(default=False, kw_only=True)
    share: bool = field(default=False, kw_only=True)
    whole: bool = field(default=False, kw_only=True)
    kind = "number"

    @property
    def drawn(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return bool(self.along)

    def data(self, params: Params) -> dict[str, Any]:
        own = {"between": self.between, "unit": T.of(self.unit).data(), "along": self.along}
        own |= {"log": self.log, "share": self.share, "whole": self.whole}
        return super().data(params) | own

    def told(self, result: Any) -> float:
        return float(self.truth(result))


@dataclass(frozen=True)
class Place(Predict):
    """A place on the figure. truth: (x, y), or a box (x0, y0, x1, y1) that a click should fall into; with `box` one draws a
    box oneself, and how far both overlap is said."""

    unit: Words = field(default="", kw_only=True)
    box: bool = field(default=False, kw_only=True)
    kind = "place"
    drawn = True

    def data(self, params: Params) -> dict[str, Any]:
        return super().data(params) | {"unit": T.of(self.unit).data(), "box": self.box}

    def told(self, result: Any) -> list[float]:
        return [float(v) for v in self.truth(result)]


@dataclass(frozen=True)
class Curve(Predict):
    """A curve that one draws on the empty axes. truth: x, y and, where places have names, these; y of NaN is left out.

    at: how many numbers give it where one cannot draw. share: y is written in percent.
    """

    unit: Words = field(default="", kw_only=True)
    share: bool = field(default=False, kw_only=True)
    at: int = field(default=5, kw_only=True)
    kind = "curve"
    drawn = True

    def data(self, params: Params) -> dict[str, Any]:
        return super().data(params) | {"unit": T.of(self.unit).data(), "at": self.at, "share": self.share}

    def told(self, result: Any) -> dict[str, Any]:
        x, y, *names = self.truth(result)
        x, y = np.asarray(x, float), np.asarray(y, float)
        known = np.flatnonzero(np.isfinite(y))
        made = {"x": x[known].tolist(), "y": y[known].tolist()}
        return made | ({"names": [T.of(names[0][i]).data() for i in known]} if names else {})


@dataclass(frozen=True)
class Step:
    """One step of a lesson.

    words: at most sixty; with numbers in them a function of the parameters. They may not tell what is asked.
    params, view, moment: the state that it shows; a moment by its name among the figure's frames.
    control: the one parameter that can be turned beside it. only: the place of the one panel that it is about.
    look: from the result, a place (x, y) of the asked or first panel, which is ringed.
    predict: what is asked before it shows.
    """

    words: Said
    params: Mapping[str, Any] = field(default_factory=dict)
    view: int = 0
    moment: str = ""
    control: str = ""
    only: int | None = None
    look: Callable[[Any], Ends] | None = None
    predict: Predict | None = None

    def data(self, model: type[Params]) -> dict[str, Any]:
        """As it is sent when the lesson begins: nothing in it comes from a result."""
        params = model.parse(self.params)
        made: dict[str, Any] = {"words": spoken(self.words, params).data(), "params": dict(self.params), "view": self.view}
        made |= {name: value for name in ("moment", "control") if (value := getattr(self, name))}
        return made | ({"predict": self.predict.data(params)} if self.predict else {})


def spoken(words: Said, params: Params) -> T:
    """Words that may be a function of the parameters."""
    return words(params) if callable(words) else words


def check(steps: Sequence[Step], lab: Any) -> None:
    """Assert what can be known of a lesson without a result: its names are the lab's, its words short, its numbers true."""
    model: type[Params] = lab.experiment.params
    for n, step in enumerate(steps, 1):
        at = f"step {n} of the lesson of {lab.slug}"
        params = model.parse(step.params)
        assert 0 <= step.view < len(lab.views), f"{at} names no view: {step.view}"
        assert lab.offers(lab.views[step.view], params), f"{at}: its view is not offered with its parameters"
        assert not step.control or step.control in model.model_fields, f"{at} names no parameter: {step.control}"
        asked = step.predict
        for words in (step.words, *((asked.ask,) if asked else ())):
            text = spoken(words, params)
            assert len(text.en.split()) <= MOST_WORDS, f"{at} has more than {MOST_WORDS} words: {text.en!r}"
            if not callable(words):
                known = {amount for value in params.model_dump().values() for amount in NUMBER.findall(str(value))}
                typed = set(NUMBER.findall(f"{text.en} {text.zh}")) - known
                assert not typed, f"{at} has typed numbers: let its words be a function: {sorted(typed)}"
        if asked is None:
            continue
        assert not isinstance(asked, Choice) or len(asked.options) > 1, f"{at} has no options"
        assert not isinstance(asked, Number) or asked.between[0] < asked.between[1], f"{at}: an empty line"
        drawn = isinstance(asked, Curve) or (isinstance(asked, Number) and asked.drawn)
        assert not drawn or (asked.x and asked.y), f"{at}: what is drawn needs the ends of both axes"


def about(figure: Figure, panel: int | None) -> Figure:
    """The figure with one of its panels alone."""
    if panel is None or len(figure.panels) == 1:
        return figure
    mine = [i for i, trace in enumerate(figure.traces) if panel_of(trace) == panel]
    place = {old: new for new, old in enumerate(mine)}

    def only(parts: Mapping[int, Any]) -> dict[int, Any]:
        return {place[i]: part for i, part in parts.items() if i in place}

    def moved(parts: Sequence[Any]) -> list[Any]:
        return [replace(part, panel=0) for part in parts if part.panel == panel]

    frames = figure.frames
    if frames is not None:
        moments = [
            replace(f, data=only(f.data), labels=None if f.labels is None else moved(f.labels), facts=None, table=None, tells=None)
            for f in frames.frames
        ]
        frames = replace(frames, frames=moments, rows=only(frames.rows), products=only(frames.products), bound="")
    picks = [replace(pick, trace=place.get(pick.trace)) if pick.trace is not None else pick for pick in moved(figure.picks)]
    divider = figure.divider if figure.divider is not None and figure.divider.panel == panel else None
    return replace(
        figure,
        traces=[{key: v for key, v in figure.traces[i].items() if key not in ("xaxis", "yaxis", "scene")} for i in mine],
        panels=[figure.panels[panel]],
        frames=frames,
        layout={},
        labels=moved(figure.labels),
        handles=moved(figure.handles),
        picks=picks,
        divider=None if divider is None else replace(divider, panel=0, trace=place[divider.trace]),
    )


def panel_of(trace: Mapping[str, Any]) -> int:
    """The place of the panel that a trace is drawn in."""
    number = re.sub(r"\D", "", str(trace.get("scene", trace.get("xaxis", ""))))
    return int(number) - 1 if number else 0


def framed(figure: Figure, asked: Predict, params: Params) -> Figure:
    """The figure on the axes that the prediction is made on: the same before and after."""
    ends = [end(params) if callable(end) else end for end in (asked.x, asked.y)]
    panel = figure.panels[asked.panel]
    x, y = (replace(axis, range=own) if own else axis for axis, own in zip((panel.x, panel.y), ends, strict=True))
    panels = [replace(panel, x=x, y=y) if place == asked.panel else other for place, other in enumerate(figure.panels)]
    layout = {
        key: {name: v for name, v in over.items() if name not in ("range", "autorange", "rangemode")} if "axis" in key else over
        for key, over in figure.layout.items()
    }
    return replace(figure, panels=panels, layout=layout)


def frozen(figure: Figure, moment: str) -> Figure:
    """The figure at one of its moments, without the others."""
    frames = figure.frames
    if frames is None:
        return figure
    names = [frame.name for frame in frames.frames]
    at = names.index(moment) if moment else frames.start % len(names)
    patches = frames.at(at)
    traces = [{**trace, **patches.get(i, {})} for i, trace in enumerate(figure.traces)]
    labels = frames.frames[at].labels
    return replace(figure, traces=traces, frames=None, labels=figure.labels if labels is None else labels)


def kept(figure: Figure, asked: Predict) -> list[Mapping[str, Any]]:
    """The traces that stay in sight: those that are named, by name or by kind."""
    return [trace for trace in figure.traces if T.of(trace.get("name", "")).en in asked.keep or trace["type"] in asked.keep]


def veiled(figure: Figure, asked: Predict, params: Params, moment: str = "") -> Figure:
    """What may be seen before one has committed oneself: axes that tell nothing, and what is kept by name."""
    figure = frozen(framed(figure, asked, params), moment)
    traces = kept(figure, asked)
    strips = [replace(s, title="", colors=SURFACE, strength=None, notes=None) for s in figure.strips if T.of(s.title).en in asked.keep]
    layout = {name: figure.layout[name] for name in PLAIN_LAYOUT if name in figure.layout}
    return Figure(
        traces=traces or [points([None], [None], SURFACE, hoverinfo="skip")],  # without a trace Plotly draws no axes
        panels=[_bare(place, panel, traces, asked) for place, panel in enumerate(figure.panels)],
        says=spoken(asked.ask, params),
        labels=[label for label in figure.labels if T.of(label.text).en in asked.keep],
        columns=figure.columns,
        layout=layout,
        strips=strips,
    )


def _bare(place: int, panel: Panel, traces: Sequence[Mapping[str, Any]], asked: Predict) -> Panel:
    """A panel's axes alone: the ends that the step gives, a picture's own, or those of what is kept."""
    here = [trace for trace in traces if panel_of(trace) == place]
    picture = any(trace["type"] in PICTURES for trace in here)
    given = (asked.x, asked.y) if place == asked.panel else (None, None)

    def bare(axis: Axis, own: Any) -> Axis:
        if own or picture:
            return axis
        return replace(axis, range=None) if here else replace(axis, range=(1, 10) if axis.log else (0, 1), ticks=((), ()))

    return Panel(bare(panel.x, given[0]), bare(panel.y, given[1]), panel.z)
