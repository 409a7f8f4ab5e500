"""Figures of what heads look at: all of them, one, and one row unfolded to its products."""

from __future__ import annotations

import numpy as np

from engine.language.attention_maps import reference
from engine.language.attention_maps.result import Attended
from pages.language.attention_maps import parts
from pages.language.attention_maps.next import next_bars
from pages.language.attention_maps.parts import KEY, LINK, QUERY, WEIGHT, WEIGHTS, moments, no_link, placed, places, token_axis, upto, word
from pages.shell import T, draw

CELLS, TRACE = 40_000, 18_000  # of the mosaic, and of one trace
LEVELS, GAP = 250, 255  # weights are drawn in so many steps, as fine as a screen shows them; the gap between tiles
SHARES = (0, 0.25, 0.5, 0.75, 1)  # on the scale of weights
NUMBERED = 60  # heads that still have room for their number
PRODUCTS = 4  # rows of the table
ALL = T("weights of all heads", "所有头的权重")


def pooled(a: np.ndarray, side: int) -> np.ndarray:
    """Maps (…, n, n) with at most `side` cells a side, each the largest weight of those that it stands for."""
    n = a.shape[-1]
    if n <= side:
        return a
    begin = np.arange(side) * n // side
    return np.maximum.reduceat(np.maximum.reduceat(a, begin, axis=-1), begin, axis=-2)


def mosaic_figure(r: Attended) -> draw.Figure:
    """Every head of every layer as a thumbnail, layers from left to right; beside them, what they make of the next token."""
    layers, heads, n, _ = r.attentions.shape
    off = r.ablated.off
    side = min(n, max(6, int((CELLS / (layers * heads)) ** 0.5)))
    tiles, cell = pooled(r.attentions, side), side + 1
    board = np.full((heads * cell, layers * cell), np.nan)
    for layer, head in np.ndindex(layers, heads):
        board[head * cell : head * cell + side, layer * cell : layer * cell + side] = 0 if off[layer, head] else tiles[layer, head]
    drawn = np.where(np.isnan(board), GAP, np.round(board * LEVELS)).astype(np.uint8)
    scale = [[at * LEVELS / GAP, color] for at, color in WEIGHTS] + [[0.985, draw.HAIRLINE], [1, draw.HAIRLINE]]
    x, y = np.arange(cell, cell * (layers + 1)), np.arange(cell, cell * (heads + 1))
    wide = cell * max(1, TRACE // (heads * cell * cell))
    link = {"link": {"axis": "y", "cell": cell, "of": n}}
    look = {"scale": scale, "zmin": 0, "zmax": GAP, "hoverinfo": "none", "meta": link, "name": ALL, "scale_title": WEIGHT}
    maps = [draw.heat(drawn[:, at : at + wide], x[at : at + wide], y, **look) for at in range(0, layers * cell, wide)]
    maps[0]["colorbar"] |= {"tickvals": [LEVELS * share for share in SHARES], "ticktext": [f"{share:g}" for share in SHARES]}
    # The token's row in every head of a column, as one line with gaps.
    rows, along = np.full((n, 3 * heads), np.nan), np.full(3 * heads, np.nan)
    rows[:, 0::3] = rows[:, 1::3] = cell * np.arange(1, heads + 1) + (np.arange(n)[:, None] + 0.5) * side / n - 0.5
    along[0::3], along[1::3] = cell - 0.5, cell * (layers + 1) - 1.5
    here = no_link(draw.line(along, rows[0], parts.CHOSEN_COLOR, width=1, hoverinfo="skip", opacity=0.7))
    left, top = cell * r.chosen.layer - 0.5, cell * r.chosen.head - 0.5
    around = left + side * np.array([0, 1, 1, 0, 0]), top + side * np.array([0, 0, 1, 1, 0])
    frame = no_link(draw.line(*around, parts.CHOSEN_COLOR, width=2.2, hoverinfo="skip"))
    labels = [
        draw.Label(
            cell * layer + side - 1.5, cell * head + 0.13 * side, parts.title(r, layer, head), parts.color_of(r, layer, head), "right"
        )
        for layer in range(1, layers + 1)
        for head in range(1, heads + 1)
        if layers * heads <= NUMBERED
    ]

    def axis(title: T, count: int, **options: bool) -> draw.Axis:
        at = [cell * k + (side - 1) / 2 for k in range(1, count + 1)]
        return draw.Axis(title, ticks=(at, [str(k) for k in range(1, count + 1)]), range=(cell - 1, cell * (count + 1) - 0.5), **options)

    together = r.attentions.mean((0, 1))
    strips = {0: {"strength": together / together.max(1, keepdims=True), "upto": upto(r)}}

    def clicked(layer: int, head: int) -> dict:
        again = (layer, head) == (r.chosen.layer, r.chosen.head)
        return {"ablate": r.ablated.toggled[(layer - 1) * heads + head - 1]} if again else {"layer": layer, "head": head}

    bars, follows = next_bars(r, 1)
    return draw.Figure(
        [*maps, here, frame, *bars],
        [
            draw.Panel(
                axis(T("layer", "层"), layers),
                axis(T("head", "注意力头"), heads, reverse=True, equal=True),
                key=[*parts.kinds_key(r), parts.CHOSEN_HEAD],
            ),
            follows,
        ],
        T(
            "Attention of {layers} layers of {heads} heads over {n} tokens; head {head} is chosen.",
            "{layers} 层、每层 {heads} 个头对 {n} 个词元的注意力；选中的是 {head}。",
            layers=layers,
            heads=heads,
            n=n,
            head=parts.chosen_name(r),
        ),
        labels,
        facts=[(kind, parts.names(r.head_kinds.kind == place)) for place, kind in enumerate(r.head_kinds.names)],
        frames=moments(r, rows={len(maps): {"y": rows}}, strips=strips),
        strips=[parts.text(r, T("all heads: click one to choose it, again to switch it off", "所有头合起来：点击选中一个，再点将其关闭"))],
        picks=[draw.Pick(sets=[clicked(a, b) for b in range(heads + 1) for a in range(layers + 1)], columns=layers + 1, cell=cell)],
        link=LINK,
    )


def head_figure(r: Attended) -> draw.Figure:
    """One head large, and the row of the token that is pointed at."""
    n, a = len(r.tokens), r.chosen.weights
    here, rows = parts.cursor(r)
    # A head that looks at all alike: from where to where each row reaches, and its weight there.
    span = np.stack([r.seen.argmax(1) - 0.5, upto(r) - 0.5], 1)
    level = np.repeat(1 / r.seen.sum(1, keepdims=True), 2, 1)
    start, kind = parts.telling(r), parts.kind_of(r, r.chosen.layer, r.chosen.head)
    bits = reference.entropy(a)
    hover = T("query %{y}, key %{x}<br>weight %{z:.4f}<extra></extra>", "查询 %{y}，键 %{x}<br>权重 %{z:.4f}<extra></extra>")

    def facts(i: int) -> list[tuple]:
        return [
            (QUERY, placed(r, i)),
            (T("looks most at", "最关注"), parts.strongest(r, a, i)),
            (T("entropy of the row", "该行的熵"), T("{bits:number} bits", "{bits:number} 比特", bits=float(bits[i]))),
            (T("head", "注意力头"), T("{head}: {kind}", "{head}：{kind}", head=parts.chosen_name(r), kind=kind)),
        ]

    return draw.Figure(
        [
            draw.heat(a, scale=WEIGHTS, zmin=0, zmax=1, meta={"link": "y"}, name=WEIGHT, hovertemplate=hover, scale_title=WEIGHT),
            here,
            no_link(draw.bars(places(r), a[start], panel=1, name=WEIGHT)),
            no_link(draw.line(span[start], level[start], panel=1, name=T("looking at all alike", "一视同仁"))),
        ],
        [
            draw.Panel(token_axis(KEY, n), token_axis(QUERY, n, reverse=True, equal=True), key=[parts.CHOSEN_TOKEN]),
            draw.Panel(token_axis(KEY, n), draw.Axis(T("weight in the query's row", "查询行中的权重"), range=(0, 1.02)), key=True),
        ],
        T(
            "Weights of head {head}, {kind}, over {n} tokens.",
            "注意力头 {head}（{kind}）对 {n} 个词元的权重。",
            head=parts.chosen_name(r),
            kind=kind,
            n=n,
        ),
        frames=moments(
            r, facts=facts, rows={1: rows, 2: {"y": a}, 3: {"x": span, "y": level}}, strips={0: {"strength": a, "upto": upto(r)}}
        ),
        strips=[parts.text(r, T("point at a token: tinted is what it looks at", "指向一个词元：着色处即它所看之处"))],
        link=LINK,
    )


def unfolded_figure(r: Attended) -> draw.Figure:
    """One row: the products of query and keys, their sums over √d, and softmax of those."""
    n, d = r.chosen.q.shape
    q, k = r.chosen.q.astype(np.float32), r.chosen.k.astype(np.float32)
    s, a = np.where(r.seen, r.chosen.scores, np.nan).astype(np.float32), r.chosen.weights
    start, base = parts.telling(r), k.T.copy()
    # Of every query and the keys that it may see, the largest product: one scale for all rows.
    largest = max(float(np.abs(q[i] * k[r.seen[i]]).max(initial=0)) for i in range(n)) or 1.0
    low, high = float(np.nanmin(s)), float(np.nanmax(s))
    hover = T("key %{x}, dimension %{y}<br>q·k = %{z:.4f}<extra></extra>", "键 %{x}，维 %{y}<br>q·k = %{z:.4f}<extra></extra>")

    def facts(i: int) -> list[tuple]:
        j = int(a[i].argmax())
        return [
            (T("query → strongest key", "查询 → 最强的键"), f"{word(r.tokens[i])} → {word(r.tokens[j])}"),
            (T("q·k, the sum of its products", "q·k，各乘积之和"), (r.chosen.scores[i, j] / r.chosen.scaling, "number.4")),
            (T("times 1/√d", "乘以 1/√d"), (r.chosen.scores[i, j], "number.4")),
            (T("after softmax", "softmax 之后"), (float(a[i, j]), "number.4")),
        ]

    def table(i: int) -> list[tuple]:
        j = int(a[i].argmax())
        product = q[i] * k[j]
        rows = np.argsort(-np.abs(product), kind="stable")[:PRODUCTS]
        return [(T("dimension", "维"), "q", "k", "q · k"), *((m + 1, float(q[i, m]), float(k[j, m]), float(product[m])) for m in rows)]

    return draw.Figure(
        [
            draw.heat(base, diverging=True, zmin=-largest, zmax=largest, name=T("product", "乘积"), hovertemplate=hover, scale_title="q·k")
            | {"meta": {"link": "none"}},
            no_link(draw.bars(places(r), s[start], panel=1, name=T("score", "得分"))),
            no_link(draw.bars(places(r), a[start], panel=2, name=WEIGHT)),
        ],
        [
            draw.Panel(
                token_axis(KEY, n),
                draw.Axis(T("dimension", "维"), range=(-0.5, d - 0.5)),
                title=T("{d} products a key", "每个键 {d} 个乘积", d=d),
            ),
            draw.Panel(
                token_axis(KEY, n), draw.Axis(range=(min(low, 0) * 1.05, max(high, 0) * 1.05)), title=T("their sum · 1/√d", "求和 · 1/√d")
            ),
            draw.Panel(token_axis(KEY, n), draw.Axis(range=(0, 1.02)), title="softmax"),
        ],
        T(
            "A row of head {head}: {d} products for each of {n} keys, their sums times {scaling:number}, and softmax of those.",
            "注意力头 {head} 的一行：{n} 个键各有 {d} 个乘积，求和后乘以 {scaling:number}，再取 softmax。",
            head=parts.chosen_name(r),
            d=d,
            n=n,
            scaling=r.chosen.scaling,
        ),
        columns=3,
        frames=moments(
            r,
            facts=facts,
            table=table,
            rows={1: {"y": s}, 2: {"y": a}},
            products={0: {"z": (base, q)}},
            strips={0: {"strength": a, "upto": upto(r)}},
        ),
        strips=[parts.text(r, T("point at a token: its row is unfolded", "指向一个词元：展开它的一行"))],
        link=LINK,
    )
