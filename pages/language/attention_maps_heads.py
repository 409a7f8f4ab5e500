"""Figures of what heads look at: all of them, one, its arcs, and one row unfolded to its products."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.language.attention_maps import Attended
from pages.language.attention_maps_parts import (
    LINK,
    WEIGHTS,
    color_of,
    cursor,
    kind_of,
    marked,
    moments,
    name,
    no_link,
    places,
    strongest,
    text,
    token_axis,
    upto,
    word,
)
from pages.shell.axes import Axis
from pages.shell.colors import BRASS, HAIRLINE, INK_3, MEASURED, MUTE, THEORY
from pages.shell.figures import Figure, Pick
from pages.shell.panels import Label, Panel
from pages.shell.text import T
from pages.shell.traces import bars, heat, line, points

CELLS, TRACE = 40_000, 18_000  # of the mosaic, and of one trace
NUMBERED = 60  # heads that still have room for their number
ARCS, ARC_POINTS, FAINT = 5, 8, 100
PRODUCTS = 4  # rows of the table


def pooled(a: np.ndarray, side: int) -> np.ndarray:
    """Maps (…, n, n) with at most `side` cells a side, each the largest weight of those that it stands for."""
    n = a.shape[-1]
    if n <= side:
        return a
    begin = np.arange(side) * n // side
    return np.maximum.reduceat(np.maximum.reduceat(a, begin, axis=-1), begin, axis=-2)


def mosaic_figure(r: Attended) -> Figure:
    """Every head of every layer as a thumbnail; layers from left to right, heads from top to bottom."""
    layers, heads, n, _ = r.attentions.shape
    side = min(n, max(6, int((CELLS / (layers * heads)) ** 0.5)))
    tiles = pooled(r.attentions, side)
    cell = side + 1
    board = np.full((heads * cell, layers * cell), np.nan)
    for layer, head in np.ndindex(layers, heads):
        board[head * cell : head * cell + side, layer * cell : layer * cell + side] = tiles[layer, head]
    # Weights in 250 steps, as fine as a screen shows them; 255 is the gap between tiles.
    drawn = np.where(np.isnan(board), 255, np.round(board * 250)).astype(np.uint8)
    scale = [[at * 250 / 255, color] for at, color in WEIGHTS] + [[0.985, HAIRLINE], [1, HAIRLINE]]
    x, y = np.arange(cell, cell * (layers + 1)), np.arange(cell, cell * (heads + 1))
    some = cell * max(1, TRACE // (heads * cell * cell))
    maps = [heat(drawn[:, at : at + some], x[at : at + some], y, scale=scale, zmin=0, zmax=255, hoverinfo="none",
                 meta={"link": {"axis": "y", "cell": cell, "of": n}}, name=T("weights of all heads", "所有头的权重"))
            for at in range(0, layers * cell, some)]  # fmt: skip
    rows, along = np.full((n, 3 * heads), np.nan), np.full(3 * heads, np.nan)
    for head in range(heads):
        rows[:, 3 * head] = rows[:, 3 * head + 1] = cell * (head + 1) + (np.arange(n) + 0.5) * side / n - 0.5
        along[3 * head], along[3 * head + 1] = cell - 0.5, cell * (layers + 1) - 1.5
    here = line(along, rows[0], BRASS, width=1, hoverinfo="skip", meta={"link": "none"}, opacity=0.7)
    left, top = cell * r.chosen.layer - 0.5, cell * r.chosen.head - 0.5
    frame = line([left, left + side, left + side, left, left], [top, top, top + side, top + side, top], BRASS, width=2.2,
                 hoverinfo="skip", meta={"link": "none"})  # fmt: skip
    labels = [
        Label(cell * layer + side - 1.5, cell * head + side * 0.13, name(layer, head), color_of(r, layer, head), "right")
        for layer in range(1, layers + 1) for head in range(1, heads + 1) if layers * heads <= NUMBERED
    ]  # fmt: skip
    middle, together = (side - 1) / 2, r.attentions.mean((0, 1))
    return Figure(
        [*maps, here, frame],
        [Panel(
            Axis(T("layer", "层"), ticks=([cell * k + middle for k in range(1, layers + 1)], [str(k) for k in range(1, layers + 1)]),
                 range=(cell - 1, cell * (layers + 1) - 0.5)),
            Axis(T("head", "注意力头"), ticks=([cell * k + middle for k in range(1, heads + 1)], [str(k) for k in range(1, heads + 1)]),
                 range=(cell - 1, cell * (heads + 1) - 0.5), reverse=True, equal=True),
        )],
        T(f"Attention of {layers} layers of {heads} heads over {n} tokens; head {name(r.chosen.layer, r.chosen.head)} is chosen.",
          f"{layers} 层、每层 {heads} 个头对 {n} 个词元的注意力；选中的是 {name(r.chosen.layer, r.chosen.head)}。"),
        labels,
        facts=kinds_found(r),
        frames=moments(r, rows={len(maps): {"y": rows}}, strips={0: {"strength": together / together.max(1, keepdims=True), "upto": upto(r)}}),
        strips=[text(r, T("what the token looks at, all heads together; click a head to enlarge it",
                          "该词元所看之处（所有头的平均）；点击某个头可放大"))],
        picks=[Pick(x="layer", y="head", cell=cell)],
        link=LINK,
    )  # fmt: skip


def kinds_found(r: Attended) -> list[tuple]:
    """How many heads of each kind there are, and which."""
    found = []
    for place, (en, zh) in enumerate(r.head_kinds.names):
        which = np.argwhere(r.head_kinds.kind == place) + 1
        listed = ", ".join(name(*pair) for pair in which[:6]) + (" …" if len(which) > 6 else "")
        found.append((T(en, zh), listed or "–"))
    return found


def head_facts(r: Attended, i: int) -> list[tuple]:
    """What can be read off a row."""
    a = r.chosen.weights[i].astype(float)
    bits = float(-(a * np.log2(np.where(a > 0, a, 1))).sum())
    return [
        (T("query", "查询"), f"{i + 1} {word(r.tokens[i])}"),
        (T("looks most at", "最关注"), strongest(r, r.chosen.weights, i)),
        (T("entropy of the row", "该行的熵"), T(f"{bits:.2f} bits", f"{bits:.2f} 比特")),
        (T("head", "注意力头"), T(*(f"{name(r.chosen.layer, r.chosen.head)}{mark}{what}" for what, mark in
                                zip(kind_of(r, r.chosen.layer, r.chosen.head), (": ", "："), strict=True)))),
    ]  # fmt: skip


def even(r: Attended) -> tuple[np.ndarray, np.ndarray]:
    """Of a head that looks at all alike: from where to where each row reaches, and its weight there, (n, 2) each."""
    first = r.seen.argmax(1)
    span = np.stack([first - 0.5, upto(r) - 0.5], 1)
    return span, np.repeat(1 / r.seen.sum(1, keepdims=True), 2, 1)


def head_figure(r: Attended) -> Figure:
    """One head large, and the row of the token that is pointed at."""
    n, a = len(r.tokens), r.chosen.weights
    here, rows = cursor(r)
    span, level = even(r)
    start = moments(r).start
    return Figure(
        [
            heat(a, scale=WEIGHTS, zmin=0, zmax=1, meta={"link": "y"}, name=T("weight", "权重"),
                 hovertemplate=T("query %{y}, key %{x}<br>weight %{z:.4f}<extra></extra>", "查询 %{y}，键 %{x}<br>权重 %{z:.4f}<extra></extra>")),
            here,
            no_link(bars(places(r), a[start], panel=1, name=T("weight", "权重"))),
            no_link(line(span[start], level[start], THEORY, panel=1, name=T("even", "均匀"))),
        ],
        [Panel(token_axis(T("key", "键"), n), token_axis(T("query", "查询"), n, reverse=True, equal=True)),
         Panel(token_axis(T("key", "键"), n), Axis(T("weight in the query's row", "查询行中的权重"), range=(0, 1.02)))],
        T(f"Weights of head {name(r.chosen.layer, r.chosen.head)}, {kind_of(r, r.chosen.layer, r.chosen.head).en}, over {n} tokens.",
          f"注意力头 {name(r.chosen.layer, r.chosen.head)}（{kind_of(r, r.chosen.layer, r.chosen.head).zh}）对 {n} 个词元的权重。"),
        [Label((n - 1) * 0.98, 0.97, T("line: looking at all alike", "细线：一视同仁"), INK_3, "right", panel=1)],
        frames=moments(r, facts=lambda i: head_facts(r, i),
                       rows={1: rows, 2: {"y": a}, 3: {"x": span, "y": level}},
                       strips={0: {"strength": a, "upto": upto(r)}}),
        strips=[text(r, T("point at a token: tinted is what it looks at", "指向一个词元：着色处即它所看之处"))],
        link=LINK,
    )  # fmt: skip


def arcs(i: np.ndarray, j: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Half ellipses from tokens i to tokens j (…,), as high as half their width, as one line with gaps: (…·points,)."""
    turn = np.linspace(0, np.pi, ARC_POINTS)
    middle, half = (i + j)[..., None] / 2, (i - j)[..., None] / 2
    gap = np.full((*i.shape, 1), np.nan)
    x, y = middle + half * np.cos(turn), np.abs(half) * np.sin(turn)
    both = (np.concatenate([part, gap], -1).astype(np.float32) for part in (x, y))
    x, y = (part.reshape(*i.shape[:-1], -1) for part in both)
    return x, y


def bow(x: np.ndarray, y: np.ndarray, color: str, width: float, **options: Any) -> dict[str, Any]:
    """A line bent smoothly through the points of its arcs."""
    made = line(x, y, color, width=width, hoverinfo="skip", meta={"link": "none"}, **options)
    made["line"] |= {"shape": "spline", "smoothing": 1.2}
    return made


def arcs_figure(r: Attended) -> Figure:
    """Tokens in a line, arcs to what they look at; below, the weights of one token's row."""
    n, a = len(r.tokens), r.chosen.weights
    others = np.where(np.eye(n, dtype=bool), 0, a)
    keys = np.argsort(-others, axis=1, kind="stable")[:, :ARCS]
    worth = np.take_along_axis(others, keys, 1) > 0.04
    x, y = arcs(np.where(worth, places(r)[:, None], np.nan), keys)
    strong = np.argsort(-others, axis=None, kind="stable")[:FAINT]
    strong = strong[others.ravel()[strong] > 0.1]
    faint = arcs(*np.divmod(strong, n))
    deep = max(n / 2, 1.0)
    start = moments(r).start
    turned = {"tickangle": -90, "tickfont": {"size": 11 if n <= 40 else 9 if n <= 72 else 7}}
    return Figure(
        [
            bow(faint[0], faint[1], f"{MUTE}/0.55", width=0.8, name=T("all rows", "所有行")),
            bow(x[start], y[start], MEASURED, width=2, name=T("this token's", "该词元的")),
            bars(places(r), -a[start] * deep * 0.5, name=T("weight (downwards)", "权重（向下）"), customdata=a[start], meta={"link": "x"},
                 hovertemplate=T("key %{x}: %{customdata:.4f}<extra></extra>", "键 %{x}：%{customdata:.4f}<extra></extra>")),
            points(places(r), np.zeros(n), INK_3, size=5, name=T("tokens", "词元"), text=[marked(token) for token in r.tokens], meta={"link": "x"},
                   hovertemplate="%{text}<extra></extra>"),
        ],
        [Panel(Axis(ticks=(places(r).tolist(), [marked(token) for token in r.tokens]), range=(-0.7, n - 0.3)),
               Axis(hidden=True, range=(-deep * 0.55, deep * 1.02)))],
        T(f"Arcs of head {name(r.chosen.layer, r.chosen.head)} between {n} tokens; bars below the line are the weights of one row.",
          f"注意力头 {name(r.chosen.layer, r.chosen.head)} 在 {n} 个词元之间的弧线；线下的条形是某一行的权重。"),
        frames=moments(r, facts=lambda i: head_facts(r, i),
                       rows={1: {"x": x, "y": y}, 2: {"y": (-a * deep * 0.5).astype(np.float32), "customdata": a}},
                       strips={0: {"strength": a, "upto": upto(r)}}),
        strips=[text(r, T("point at a token, here or below: its arcs and weights appear", "指向一个词元（此处或下方）：显示其弧线与权重"))],
        layout={"xaxis": turned},
        link=LINK,
    )  # fmt: skip


def unfolded_figure(r: Attended) -> Figure:
    """One row: the products of query and keys, their sums over √d, and softmax of those."""
    n, d = r.chosen.q.shape
    q, k = r.chosen.q.astype(np.float32), r.chosen.k.astype(np.float32)
    s, a = np.where(r.seen, r.chosen.scores, np.nan).astype(np.float32), r.chosen.weights
    start, base = moments(r).start, k.T.copy()
    largest = (
        float(np.abs(q[:, :, None] * k.T[None]).max(initial=0, where=np.broadcast_to(r.seen[:, None], (n, d, n))))
        or 1.0
    )
    low, high = float(np.nanmin(s)), float(np.nanmax(s))

    def facts(i: int) -> list[tuple]:
        j = int(a[i].argmax())
        return [
            (T("query → strongest key", "查询 → 最强的键"), f"{word(r.tokens[i])} → {word(r.tokens[j])}"),
            (T("q·k, the sum of its products", "q·k，各乘积之和"), f"{r.chosen.scores[i, j] / r.chosen.scaling:.3f}"),
            (T("times 1/√d", "乘以 1/√d"), f"{r.chosen.scores[i, j]:.3f}"),
            (T("after softmax", "softmax 之后"), f"{a[i, j]:.4f}"),
        ]

    def table(i: int) -> list[list]:
        j = int(a[i].argmax())
        product = q[i] * k[j]
        rows = np.argsort(-np.abs(product), kind="stable")[:PRODUCTS]
        head = [T("dimension", "维"), "q", "k", "q · k"]
        return [head] + [[str(m + 1), f"{q[i, m]:.3f}", f"{k[j, m]:.3f}", f"{product[m]:.3f}"] for m in rows]

    return Figure(
        [
            heat(base, diverging=True, zmin=-largest, zmax=largest, name=T("product", "乘积"), meta={"link": "none"},
                 hovertemplate=T("key %{x}, dimension %{y}<br>q·k = %{z:.4f}<extra></extra>", "键 %{x}，维 %{y}<br>q·k = %{z:.4f}<extra></extra>")),
            no_link(bars(places(r), s[start], panel=1, name=T("score", "得分"))),
            no_link(bars(places(r), a[start], panel=2, name=T("weight", "权重"))),
        ],
        [Panel(token_axis(T("key", "键"), n), Axis(T("dimension", "维"), range=(-0.5, d - 0.5)), title=T(f"{d} products a key", f"每个键 {d} 个乘积")),
         Panel(token_axis(T("key", "键"), n), Axis(range=(min(low, 0) * 1.05, max(high, 0) * 1.05)), title=T("their sum · 1/√d", "求和 · 1/√d")),
         Panel(token_axis(T("key", "键"), n), Axis(range=(0, 1.02)), title="softmax")],
        T(f"A row of head {name(r.chosen.layer, r.chosen.head)}: {d} products for each of {n} keys, their sums times {r.chosen.scaling:.4g}, and softmax of those.",
          f"注意力头 {name(r.chosen.layer, r.chosen.head)} 的一行：{n} 个键各有 {d} 个乘积，求和后乘以 {r.chosen.scaling:.4g}，再取 softmax。"),
        columns=3,
        frames=moments(r, facts=facts, table=table, rows={1: {"y": s}, 2: {"y": a}}, products={0: {"z": (base, q)}},
                       strips={0: {"strength": a, "upto": upto(r)}}),
        strips=[text(r, T("point at the query", "指向查询词元"))],
        link=LINK,
    )  # fmt: skip
