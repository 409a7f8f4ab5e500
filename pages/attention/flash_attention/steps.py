"""The online softmax tile by tile, with every number."""

from __future__ import annotations

import numpy as np

from engine.attention.flash_attention import Attention
from engine.attention.flash_attention.steps import Steps
from engine.core import amounts
from pages.shell import T, draw

NBSP, NARROW = "\u00a0", "\u202f"  # spaces where no line breaks
GAP = 1.0  # cells between two blocks
ROUNDING = 1e-12  # differences below it are none
FORGOTTEN = [[0, f"{draw.MUTE}/0.4"], [0.5, f"{draw.MUTE}/0.4"], [0.5, f"{draw.SURFACE}/0"], [1, f"{draw.SURFACE}/0"]]


KEY = (
    (draw.INK, T("in fast memory now", "此刻在快速存储中"), "line"),
    (draw.MUTE, T("scores used and forgotten", "用过即弃的分数"), "patch"),
    (draw.MEASURED, T("above 0", "大于 0"), "patch"),
    (draw.SECOND, T("below 0", "小于 0"), "patch"),
)


class Places:
    """Where the blocks stand, in cells: Q, the scores, m ℓ α and O beside each other; Kᵀ and Vᵀ above the scores."""

    def __init__(self, n: int, d: int):
        self.q = -(d + GAP)
        self.state = n - 1 + 2 * GAP
        self.o = self.state + 3 + GAP
        self.k, self.v = -(d + GAP), -2 * (d + GAP)
        self.left, self.right, self.top = self.q - 0.6, self.o + d - 0.4, self.v - 0.8


def cells(z: np.ndarray, x0: float, y0: float, most: float, name: T | str, **options: object) -> dict:
    """A block of numbers as coloured cells with the numbers in them."""
    made = {"x0": x0, "dx": 1, "y0": y0, "dy": 1, "zmin": -most, "zmax": most, "xgap": 1, "ygap": 1}
    shown = {"texttemplate": "%{z:.2f}", "hovertemplate": "%{z:.5f}", "hoverongaps": False}
    return draw.heat(z, scale=draw.DIVERGING, name=name, **(made | shown | options))


def box(x: float, y: float, width: float, height: float) -> list[tuple[float, float]]:
    """The outline of a block of cells whose first cell is centred on (x, y)."""
    left, top = x - 0.5, y - 0.5
    return [(left, top), (left + width, top), (left + width, top + height), (left, top + height), (left, top), (np.nan, np.nan)]


def outlines(s: Steps, at: Places) -> tuple[np.ndarray, np.ndarray]:
    """What is in fast memory at each tile, as (tiles, points) of x and of y."""
    (n, d), (_, rows, columns) = s.q.shape, s.tile_weights.shape
    found = []
    for i, j in zip(s.row.tolist(), s.column.tolist(), strict=True):
        b, c = min(rows, n - i), min(columns, n - j)
        found.append(
            box(at.q, i, d, b) + box(j, i, c, b) + box(j, at.k, c, d) + box(j, at.v, c, d) + box(at.state, i, 3, b) + box(at.o, i, d, b)
        )
    both = np.array(found)
    return both[:, :, 0], both[:, :, 1]


def held(s: Steps) -> tuple[np.ndarray, np.ndarray]:
    """m, ℓ, α (tiles, n, 3) and O (tiles, n, d) as they stand after each tile; what is finished stays, divided."""
    (n, d), t = s.q.shape, len(s.row)
    state, o = np.full((t, n, 3), np.nan), np.full((t, n, d), np.nan)
    for k, i in enumerate(s.row.tolist()):
        if k:
            state[k], o[k] = state[k - 1], o[k - 1]
            state[k, :, 2] = np.nan
        here = slice(i, min(i + s.maximum.shape[1], n))
        b = here.stop - here.start
        state[k, here] = np.stack([s.maximum[k, :b], s.total[k, :b], s.factor[k, :b]], -1)
        o[k, here] = s.output[here] if s.stored[k] else s.accumulated[k, :b]
    return state, o


def running(value: float, digits: int = 2) -> str:
    """A number as the table writes it; the maximum of nothing, which is NaN, is minus infinity."""
    return amounts.fixed(-np.inf if value != value else value, digits)


HEAD = (T("row", "行"), T("scores s", "分数 s"), "m → m′", "p = exp(s − m′)", "ℓ′ = αℓ + Σp", "O′ = αO + pV")


def arithmetic(s: Steps, k: int) -> list[tuple]:
    """One tile row by row: every number that goes in, and every number that comes out."""
    i, j = int(s.row[k]), int(s.column[k])
    rows, columns = (min(size, len(s.q) - start) for size, start in zip(s.tile_weights.shape[1:], (i, j), strict=True))
    join = lambda values: NBSP.join(amounts.fixed(v) for v in values.tolist())  # noqa: E731
    made: list[tuple] = [HEAD]
    for r in range(rows):
        p = s.tile_weights[k, r, :columns]
        before = s.total_before[k, r]
        made.append(
            (
                str(i + r),
                join(s.scores[i + r, j : j + columns]),
                f"{running(s.maximum_before[k, r])} → {running(s.maximum[k, r])}".replace(" ", NARROW),
                join(p),
                f"{running(s.factor[k, r], 3)}·{running(before)} + {running(np.nansum(p))} = {running(s.total[k, r])}".replace(" ", NARROW),
                join(s.accumulated[k, r]),
            )
        )
    return made


def in_words(s: Steps, k: int) -> T:
    """The sum of one row at tile k: of those that meet a higher score the one whose past counts least from now on."""
    r = int(np.nanargmin(s.factor[k]))
    old, top, before, total = (float(numbers[k, r]) for numbers in (s.maximum_before, s.maximum, s.total_before, s.total))
    begins = T(
        "Row {row} begins. Its highest score is m = {top:fixed.2}; exp of every score less m sums to ℓ = {total:fixed.2}, and these weights times V to O.",
        "第 {row} 行开始。最大分数 m = {top:fixed.2}；每个分数减去 m 再取 exp，相加得 ℓ = {total:fixed.2}；以它们为权重对 V 求和，得 O。",
        **(values := {"row": int(s.row[k]) + r, "top": top, "total": total}),
    )
    values |= {"before": before, "more": np.nansum(s.tile_weights[k, r])}
    adds = T(
        "No row meets a higher score: nothing is rescaled, the new terms are added. In row {row}: ℓ = {before:fixed.2} + {more:fixed.2} = {total:fixed.2}.",
        "没有一行遇到更高的分数：不必缩放，直接把新的项加上。第 {row} 行：ℓ = {before:fixed.2} + {more:fixed.2} = {total:fixed.2}。",
        **values,
    )
    rescales = T(
        "Row {row} meets a higher score: m goes from {old:fixed.3} to {top:fixed.3}. What it has summed now counts α = exp(−{gap:fixed.3}) = {factor:fixed.3} times: "
        "ℓ = {factor:fixed.3} · {before:fixed.2} + {more:fixed.2} = {total:fixed.2}, and O is rescaled alike.",
        "第 {row} 行遇到更高的分数：m 由 {old:fixed.3} 升到 {top:fixed.3}。此前的累加从此乘以 α = exp(−{gap:fixed.3}) = {factor:fixed.3}："
        "ℓ = {factor:fixed.3} · {before:fixed.2} + {more:fixed.2} = {total:fixed.2}，O 也乘同一个因子。",
        **(values | {"old": old, "gap": top - old, "factor": s.factor[k, r]}),
    )
    return begins if before == 0 else adds if top == old else rescales


def frame(s: Steps, k: int, most: float) -> draw.Frame:
    """What changes when tile k is taken in."""
    n, (_, rows, columns) = len(s.q), s.tile_weights.shape
    i, j = int(s.row[k]), int(s.column[k])
    here, across = slice(i, min(i + rows, n)), slice(j, min(j + columns, n))
    facts = [
        (T("comes in", "读入"), (s.loaded[k], "count")),
        (T("goes out", "写出"), (s.stored[k], "count")),
        (T("in fast memory", "快速存储中"), (s.held[k], "count")),
        (T("moved so far", "累计搬运"), (s.moved[k], "count")),
        (T("naive attention moves", "朴素注意力搬运"), (s.naive_moved, "count")),
        (T("answer still off by", "与最终答案相差"), (s.distance[k] if s.distance[k] > ROUNDING else 0, "number.2")),
    ]
    return draw.Frame(
        f"{k + 1} / {len(s.row)}",
        {
            0: {"zmin": 2 * k - len(s.row) + 1, "zmax": len(s.row) - 1},
            4: {"z": s.scores[here, across], "x0": j, "y0": i},
            5: {"z": s.q[here], "y0": i},
            6: {"z": s.k[across].T, "x0": j},
            7: {"z": s.v[across].T, "x0": j},
        },
        facts=facts,
        table=arithmetic(s, k),
        tells=in_words(s, k),
    )


def order_of_visits(s: Steps) -> np.ndarray:
    """(n, n): which tile, in order, computes each pair; NaN where none does."""
    order = np.full(s.scores.shape, np.nan)
    _, rows, columns = s.tile_weights.shape
    for k, (i, j) in enumerate(zip(s.row.tolist(), s.column.tolist(), strict=True)):
        order[i : i + rows, j : j + columns] = k
    return order


def names(s: Steps, at: Places) -> list[draw.Label]:
    """What each block is, and what no tile visits."""
    n, d = s.q.shape
    made = [
        draw.Label(at.q + (d - 1) / 2, -1.05, "Q", draw.INK_2, "center"),
        draw.Label(-0.8, at.k + (d - 1) / 2, "Kᵀ", draw.INK_2, "right"),
        draw.Label(-0.8, at.v + (d - 1) / 2, "Vᵀ", draw.INK_2, "right"),
        draw.Label(at.o + (d - 1) / 2, -1.05, "O", draw.INK_2, "center"),
        *(draw.Label(at.state + i, -1.05, name, draw.INK_2, "center") for i, name in enumerate(("m", "ℓ", "α"))),
    ]
    if len(s.skipped):
        far = s.skipped[-1] + np.array(s.tile_weights.shape[1:]) / 2 - 0.5
        x, y = min(float(s.skipped[:, 1].max()) + float(s.tile_weights.shape[2] - 1), n - 1), float(s.skipped[0, 0])
        made.append(draw.Label(x + 0.5, y + min(far[0], 1.0), T("never computed", "从不计算"), draw.INK_3, "right"))
    return made


def steps_figure(r: Attention) -> draw.Figure:
    """Every block in slow memory; outlined, what is in fast memory at this tile; every number in its cell."""
    s = r.steps
    n, d = s.q.shape
    at, t = Places(n, d), len(s.row)
    most = lambda *blocks: max(1e-9, *(float(np.nanmax(np.abs(b))) for b in blocks))  # noqa: E731
    inputs, scores = most(s.q, s.k, s.v), most(s.scores)
    state, o = held(s)
    x, y = outlines(s, at)
    start = min(t - 1, -(-n // s.tile_weights.shape[2]) + 1)
    frames = [frame(s, k, scores) for k in range(t)]
    dim = {"opacity": 0.45, "textfont": {"color": draw.INK}}
    first = frames[start].data
    traces = [
        draw.heat(order_of_visits(s), scale=FORGOTTEN, x0=0, dx=1, y0=0, dy=1, xgap=1, ygap=1, hoverinfo="skip", **first[0]),
        cells(s.q, at.q, 0, inputs, "Q", **dim),
        cells(s.k.T, 0, at.k, inputs, "K", **dim),
        cells(s.v.T, 0, at.v, inputs, "V", **dim),
        cells(first[4]["z"], first[4]["x0"], first[4]["y0"], scores, T("scores", "分数")),
        cells(first[5]["z"], at.q, first[5]["y0"], inputs, "Q"),
        cells(first[6]["z"], first[6]["x0"], at.k, inputs, "K"),
        cells(first[7]["z"], first[7]["x0"], at.v, inputs, "V"),
        cells(state[start], at.state, 0, 1, "m, ℓ, α", colorscale=[[0, f"{draw.HAIRLINE}/0.5"], [1, f"{draw.HAIRLINE}/0.5"]]),
        cells(o[start], at.o, 0, most(o), "O"),
        draw.line(x[start], y[start], draw.INK, width=2.2, hoverinfo="skip"),
    ]
    rows, columns = s.tile_weights.shape[1:]
    saved = s.naive_moved / s.moved[-1]
    fewer = T("{times:number.2} times fewer than", "后者的 1/{times:number.2}", times=saved)
    more = T("{times:number.2} times as many as", "后者的 {times:number.2} 倍", times=1 / saved)
    return draw.Figure(
        traces,
        [
            draw.Panel(
                draw.Axis(hidden=True, range=(at.left, at.right)), draw.Axis(hidden=True, range=(at.top, n - 0.2), reverse=True), key=KEY
            )
        ],
        T(
            "{t} tiles of {rows} × {columns} scores give the exact output of {n} tokens and move {moved:count} numbers, {share} the {naive:count} of naive attention.",
            "{t} 个 {rows} × {columns} 的分块给出 {n} 个词元的精确输出，共搬运 {moved:count} 个数；朴素注意力搬运 {naive:count} 个，前者是{share}。",
            t=t,
            rows=rows,
            columns=columns,
            n=n,
            moved=s.moved[-1],
            naive=s.naive_moved,
            share=fewer if saved >= 1 else more,
        ),
        names(s, at),
        draw.Frames(T("tile", "块"), frames, start, rows={8: {"z": state}, 9: {"z": o}, 10: {"x": x, "y": y}}),
    )
