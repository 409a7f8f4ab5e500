"""What the figures of attention maps have in common: tokens as words, colours of kinds, strips and rows that follow."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.language.attention_maps import Attended
from pages.shell.axes import Axis
from pages.shell.colors import BRASS, FOURTH, INK_3, MEASURED, SECOND, SURFACE, THEORY, THIRD
from pages.shell.moments import Frame, Frames
from pages.shell.strips import Strip
from pages.shell.text import T, Words
from pages.shell.traces import line

LINK = "tokens"
# Weights are mostly small: the ramp rises early, about as the square root does.
WEIGHTS = [
    [0, SURFACE],
    [0.01, f"{MEASURED}/0.1"],
    [0.06, f"{MEASURED}/0.26"],
    [0.25, f"{MEASURED}/0.5"],
    [1, MEASURED],
]
KIND_COLORS = (MEASURED, THEORY, SECOND, THIRD, FOURTH)
MIXED_COLOR = INK_3
MIXED = T("mixed", "混合")
SHORT = 18  # characters of a token in a label


def word(token: str) -> str:
    """A token as one visible word: a line's end, a tab and an empty text written, spaces at its ends kept visible."""
    text = token.replace("\n", "↵").replace("\r", "␍").replace("\t", "→")
    text = "·" * (len(text) - len(text.lstrip(" "))) + text.lstrip(" ")
    text = text[:SHORT] + "…" if len(text) > SHORT else text or "∅"
    return f"\u200b{text}" if text.startswith("--") else text  # "--ink" is a colour's name


def marked(token: str) -> str:
    """The same where Plotly would take "<b>" for markup."""
    return html.escape(word(token), quote=False)


def name(layer: int, head: int) -> str:
    """A head as `ablate` writes it; both count from 1."""
    return f"{layer}.{head}"


def names(r: Attended, which: np.ndarray) -> str:
    """The heads that are set in an array (L, H)."""
    return ", ".join(name(a + 1, b + 1) for a, b in zip(*np.nonzero(which), strict=True)) or "–"


def kind_of(r: Attended, layer: int, head: int) -> T:
    """What the head, counted from 1, was found to be."""
    kind = int(r.head_kinds.kind[layer - 1, head - 1])
    return T(*r.head_kinds.names[kind]) if kind >= 0 else MIXED


def color_of(r: Attended, layer: int, head: int) -> str:
    """Its colour."""
    kind = int(r.head_kinds.kind[layer - 1, head - 1])
    return KIND_COLORS[kind] if kind >= 0 else MIXED_COLOR


def places(r: Attended) -> np.ndarray:
    """0 … n − 1."""
    return np.arange(len(r.tokens))


def text(r: Attended, title: Words, strength: np.ndarray | None = None, colors: Any = MEASURED) -> Strip:
    """The tokens above a figure."""
    return Strip(r.tokens, title, colors, strength)


def upto(r: Attended) -> np.ndarray:
    """How many tokens are not ahead of each query: those up to the last that it may see."""
    n = len(r.tokens)
    return n - np.argmax(r.seen[:, ::-1], axis=1)


def moments(r: Attended, *, facts: Any = None, table: Any = None, start: int | None = None, **rest: Any) -> Frames:
    """One frame a token, followed by the pointer. facts, table: functions of the token's place."""
    frames = [
        Frame(f"{i + 1} {word(token)}", facts=facts(i) if facts else None, table=table(i) if table else None)
        for i, token in enumerate(r.tokens)
    ]
    return Frames(T("token", "词元"), frames, start=telling(r) if start is None else start, follow=True, **rest)


def telling(r: Attended) -> int:
    """The token whose row is shown first: the one of the chosen head's strongest look back at something but itself, the
    one before it, or the first."""
    a = np.array(r.chosen.weights, float)
    if len(a) < 4:
        return len(a) - 1
    a[:, 0] = 0
    a[np.arange(len(a)), np.arange(len(a))] = 0
    a[np.arange(1, len(a)), np.arange(len(a) - 1)] = 0
    # The further down the text, the more there was to choose from.
    return int((a.max(1) * np.sqrt(np.arange(1, len(a) + 1))).argmax())


def cursor(r: Attended, axis: str = "y") -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """A line across the current token's row of a map, and its places for each frame."""
    n = len(r.tokens)
    ends, here = np.array([-0.5, n - 0.5]), np.repeat(places(r)[:, None], 2, 1)
    x, y = (ends, here[0]) if axis == "y" else (here[0], ends)
    made = line(x, y, BRASS, width=1.4, hoverinfo="skip", meta={"link": "none"}, name=T("query", "查询"))
    return made, {axis: here}


def strongest(r: Attended, weights: np.ndarray, i: int, count: int = 3) -> T:
    """The keys at which a row looks most, in words."""
    best = np.argsort(-weights[i], kind="stable")[:count]
    parts = [f"{word(r.tokens[j])} {weights[i, j]:.2f}" for j in best if weights[i, j] >= 0.005]
    return T(", ".join(parts), "，".join(parts)) if parts else T("–", "–")


def token_axis(title: Words, n: int, **options: Any) -> Axis:
    """An axis of places in the text, counted from 1 as people do."""
    step = max(1, round(n / 8))
    at = list(range(0, n, step))
    return Axis(title, ticks=(at, [str(i + 1) for i in at]), range=(-0.5, n - 0.5), **options)


def no_link(trace: Mapping[str, Any]) -> dict[str, Any]:
    """A trace whose points are no tokens."""
    return {**trace, "meta": {"link": "none"}}
