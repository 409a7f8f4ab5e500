"""What the figures of attention maps have in common: tokens as words, colours of kinds, strips and rows that follow."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.core import amounts
from engine.core.words import Words
from engine.language.attention_maps.result import Attended
from pages.shell import T, draw

LINK = "tokens"
# Weights are mostly small: the ramp rises early, about as the square root does.
WEIGHTS = [
    [0, draw.SURFACE],
    [0.01, f"{draw.MEASURED}/0.1"],
    [0.06, f"{draw.MEASURED}/0.26"],
    [0.25, f"{draw.MEASURED}/0.5"],
    [1, draw.MEASURED],
]
KIND_COLORS = (draw.THIRD, draw.CLASSES[9], draw.FOURTH, draw.CLASSES[7], draw.SECOND)  # none of them a weight's
CHOSEN_COLOR = draw.BRASS
MIXED, MIXED_COLOR = T("mixed", "混合"), draw.INK_3
SHORT = 18  # characters of a token in a label
LEAST = 0.005  # weight of a key that is named
WEIGHT, KEY, QUERY = T("weight", "权重"), T("key", "键"), T("query", "查询")
CHOSEN_HEAD = (CHOSEN_COLOR, T("the chosen head", "选中的头"), "line")
CHOSEN_TOKEN = (CHOSEN_COLOR, T("the chosen token", "选中的词元"), "line")


def word(token: str) -> str:
    """A token as one visible word: a line's end, a tab and an empty text written, spaces at its ends kept visible."""
    text = token.replace("\n", "↵").replace("\r", "␍").replace("\t", "→")
    text = "·" * (len(text) - len(text.lstrip(" "))) + text.lstrip(" ")
    text = text[:SHORT] + "…" if len(text) > SHORT else text or "∅"
    return f"\u200b{text}" if text.startswith("--") else text  # "--ink" is a colour's name


def marked(token: str) -> str:
    """The same where Plotly would take "<b>" for markup."""
    return html.escape(word(token), quote=False)


def placed(r: Attended, i: int) -> str:
    """A token with its place, counted from 1."""
    return f"{i + 1} {word(r.tokens[i])}"


def name(layer: int, head: int) -> str:
    """A head as `ablate` writes it; both count from 1."""
    return f"{layer}.{head}"


def title(r: Attended, layer: int, head: int) -> str:
    """The same, crossed out where it is switched off."""
    return f"✗ {name(layer, head)}" if r.ablated.off[layer - 1, head - 1] else name(layer, head)


def names(which: np.ndarray) -> str:
    """The heads that are set in an array (L, H)."""
    return ", ".join(name(a + 1, b + 1) for a, b in zip(*np.nonzero(which), strict=True)) or "–"


def chosen_name(r: Attended) -> str:
    """The head that is looked at."""
    return name(r.chosen.layer, r.chosen.head)


def kind_of(r: Attended, layer: int, head: int) -> T:
    """What the head, counted from 1, was found to be."""
    kind = int(r.head_kinds.kind[layer - 1, head - 1])
    return r.head_kinds.names[kind] if kind >= 0 else MIXED


def color_of(r: Attended, layer: int, head: int) -> str:
    """Its colour."""
    kind = int(r.head_kinds.kind[layer - 1, head - 1])
    return KIND_COLORS[kind] if kind >= 0 else MIXED_COLOR


def kinds_key(r: Attended) -> list[tuple[str, T, str]]:
    """What the colours of heads mean, of the kinds that there are."""
    found = sorted({int(kind) for kind in r.head_kinds.kind.ravel()} - {-1})
    return [(KIND_COLORS[k], r.head_kinds.names[k], "dot") for k in found] + [(MIXED_COLOR, MIXED, "dot")]


def places(r: Attended) -> np.ndarray:
    """0 … n − 1."""
    return np.arange(len(r.tokens))


def text(r: Attended, title: Words, strength: np.ndarray | None = None, colors: Any = draw.MEASURED) -> draw.Strip:
    """The tokens above a figure."""
    return draw.Strip(r.tokens, title, colors, strength)


def upto(r: Attended) -> np.ndarray:
    """How many tokens are not ahead of each query: those up to the last that it may see."""
    return len(r.tokens) - np.argmax(r.seen[:, ::-1], axis=1)


def moments(r: Attended, *, facts: Any = None, table: Any = None, start: int | None = None, **rest: Any) -> draw.Frames:
    """One frame a token, followed by the pointer. facts, table: functions of the token's place."""
    frames = [draw.Frame(placed(r, i), facts=facts(i) if facts else None, table=table(i) if table else None) for i in range(len(r.tokens))]
    return draw.Frames(T("token", "词元"), frames, start=telling(r) if start is None else start, follow=True, **rest)


def telling(r: Attended) -> int:
    """The token whose row is shown first: the one of the chosen head's strongest look back at something but itself, the
    one before it, or the first."""
    a = np.array(r.chosen.weights, float)
    n = len(a)
    if n < 4:
        return n - 1
    a[:, 0] = a[np.arange(n), np.arange(n)] = a[np.arange(1, n), np.arange(n - 1)] = 0
    # The further down the text, the more there was to choose from.
    return int((a.max(1) * np.sqrt(np.arange(1, n + 1))).argmax())


def cursor(r: Attended, axis: str = "y") -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """A line across the current token's row of a map, and its places for each frame."""
    ends, here = np.array([-0.5, len(r.tokens) - 0.5]), np.repeat(places(r)[:, None], 2, 1)
    x, y = (ends, here[0]) if axis == "y" else (here[0], ends)
    return no_link(draw.line(x, y, CHOSEN_COLOR, width=1.4, hoverinfo="skip", name=QUERY)), {axis: here}


def strongest(r: Attended, weights: np.ndarray, i: int, count: int = 3) -> T:
    """The keys at which a row looks most, in words."""
    best = np.argsort(-weights[i], kind="stable")[:count]
    parts = [f"{word(r.tokens[j])} {amounts.number(float(weights[i, j]), 2)}" for j in best if weights[i, j] >= LEAST]
    return T.joined(parts, ", ", "，") if parts else T.of("–")


def token_axis(title: Words, n: int, **options: Any) -> draw.Axis:
    """An axis of places in the text, counted from 1 as people do."""
    at = list(range(0, n, max(1, round(n / 8))))
    return draw.Axis(title, ticks=(at, [str(i + 1) for i in at]), range=(-0.5, n - 0.5), **options)


def no_link(trace: Mapping[str, Any]) -> dict[str, Any]:
    """A trace whose points are no tokens."""
    return {**trace, "meta": {**trace.get("meta", {}), "link": "none"}}
