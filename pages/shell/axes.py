"""One axis of a figure: its range, its ticks, and names that are too long for their place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.core.words import T, Words


@dataclass(frozen=True)
class Axis:
    """One axis. `format` is a d3 format (".0%"); `range` fixes the ends; `ticks` are places with their own texts."""

    title: Words = ""
    format: str = ""
    log: bool = False
    range: tuple[float, float] | None = None
    ticks: tuple[Sequence[float], Sequence[Words]] | None = None
    hidden: bool = False
    equal: bool = False  # the same length per unit as the panel's other axis
    reverse: bool = False


def layout_of(axis: Axis, across: bool = False) -> dict[str, Any]:
    """The axis as Plotly's layout takes it. across: it is an x axis."""
    made: dict[str, Any] = {"title": {"text": T.of(axis.title)}} if axis.title else {}
    if axis.format:
        made["tickformat"] = axis.format
    if axis.log:
        made["type"] = "log"
    if axis.range is not None:
        low, high = (float(np.log10(v)) for v in axis.range) if axis.log else axis.range
        made["range"] = [high, low] if axis.reverse else [low, high]
    elif axis.reverse:
        made["autorange"] = "reversed"
    if axis.ticks is not None:
        texts = [T.of(text) for text in axis.ticks[1]]
        if across:  # else Plotly turns long names, and hides the last where it would leave the figure
            texts = [T(_in_two_lines(text.en), _in_two_lines(text.zh)) for text in texts]
        made |= {"tickvals": list(axis.ticks[0]), "ticktext": texts}
    if axis.hidden:
        made["visible"] = False
    return made


def _in_two_lines(text: str) -> str:
    """A long name broken at the space, hyphen or comma nearest to its middle."""
    places = [i + 1 for i, c in enumerate(text) if c in " -，"]
    wide = sum(1 + (ord(c) > 0x2E80) for c in text)
    if wide < 10 or "<" in text or not places:
        return text
    at = min(places, key=lambda place: abs(2 * place - len(text)))
    return f"{text[:at].rstrip()}<br>{text[at:]}"
