"""Four softmaxes that read the same row: how often, and what they hold on the way."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.attention.flash_attention import Attention
from engine.attention.flash_attention.result import Passes, Steps
from engine.attention.flash_attention.steps import HALF_MOST
from engine.core import amounts
from pages.shell import T, draw

LANES = (
    ("naive", T("naive, half precision", "朴素，半精度"), draw.FOURTH, (T("sum", "求和"), T("divide", "相除")), T("naive", "朴素")),
    (
        "safe",
        T("safe, three passes", "安全，三趟"),
        draw.SECOND,
        (T("max", "求最大"), T("sum", "求和"), T("divide", "相除")),
        T("safe", "安全"),
    ),
    ("online", T("online, two passes", "在线，两趟"), draw.THIRD, (T("both", "同时求"), T("divide", "相除")), T("online", "在线")),
    ("flash", T("FlashAttention, one pass", "FlashAttention，一趟"), draw.MEASURED, (T("all", "全部"),), "Flash"),
)


def passes_row(s: Steps) -> int:
    """The row that is shown: of those that see all keys, the one with the highest score."""
    return int(np.nanargmax(s.passes.maximum[:, -1]))


def progress(p: Passes, row: int, n: int, r: int) -> list[tuple]:
    """What each softmax holds after r reads of the row."""
    rows: list[tuple] = [(T("softmax", "softmax"), T("pass", "趟"), T("maximum m", "最大值 m"), T("sum ℓ", "和 ℓ"), T("says", "状态"))]
    sums = {"naive": p.naive_sum, "safe": p.safe_sum, "online": p.online_sum, "flash": p.online_sum}
    for name, title, _, passes, _ in LANES:
        total = p.reads[name] * n
        at, j = min(r, total), min(r, n) - 1
        summed = at - n - 1 if name == "safe" else j
        value = sums[name][row, min(summed, n - 1)] if summed >= 0 else 0.0
        top = amounts.NONE if name == "naive" else amounts.fixed(p.maximum[row, j])
        if name == "naive" and np.isnan(value):
            says = T("overflow: the weights are NaN", "溢出：权重为 NaN")
        elif name == "flash":
            off = p.distance[row, j]
            says = T("done", "完成") if at == total else T("answer off by {off:number.2}", "答案相差 {off:number.2}", off=off)
        else:
            says = T("done", "完成") if at == total else T.many("{n} read to go", "{n} reads to go", "还要读 {n} 次", n=total - at)
        rows.append(
            (
                title,
                f"{min(len(passes), 1 + (at - 1) // n)} / {len(passes)}",
                top,
                amounts.number(np.inf if np.isnan(value) else value, 4),
                says,
            )
        )
    return rows


def lanes(p: Passes, n: int, moments: np.ndarray) -> tuple[list[dict[str, Any]], dict[int, dict[str, np.ndarray]]]:
    """A lane for each softmax, a box for each of its passes, filled as far as it has read; and where all are now."""
    traces, rows, written, x, y = [], {}, [], [], []
    for place, (name, title, color, passes, _) in enumerate(LANES):
        level, total = [len(LANES) - 1 - place] * 2, p.reads[name] * n
        traces.append(draw.line([0, total], level, f"{color}/0.5", width=22, hoverinfo="skip"))
        rows[len(traces)] = {"x": np.stack([0 * moments, np.minimum(moments, total)], 1)}
        traces.append(draw.line([0, total], level, color, width=22, name=title))
        middles = (np.arange(len(passes)) + 0.5) * n
        written.append(
            draw.trace(
                "scatter",
                x=middles,
                y=level[:1] * len(passes),
                mode="text",
                text=list(passes),
                textfont={"color": draw.SURFACE, "size": 12},
                hoverinfo="skip",
            )
        )
        for k in range(1, len(passes)):
            x += [k * n, k * n, np.nan]
            y += [level[0] - 0.3, level[0] + 0.3, np.nan]
    traces += [*written, draw.line(x, y, draw.SURFACE, width=2, hoverinfo="skip")]
    rows[len(traces)] = {"x": np.stack([moments, moments], 1)}
    traces.append(draw.line([3 * n] * 2, [-0.6, 3.7], draw.THEORY, width=1, hoverinfo="skip"))
    return traces, rows


def held(p: Passes, row: int, scores: np.ndarray) -> list[dict[str, Any]]:
    """The scores with the maximum so far, then the three sums so far, then the place of an overflow."""
    key = np.arange(len(scores))

    def growing(y: np.ndarray, color: str, width: float, panel: int, name: T, shape: str = "linear") -> dict[str, Any]:
        style = {"line": {"color": color, "width": width, "shape": shape}, "marker": {"size": 5, "color": color}}
        return draw.trace("scatter", x=key, y=y, mode="lines+markers", panel=panel, name=name, **style)

    return [
        draw.bars(key, scores, draw.MUTE, panel=1, name=T("score", "分数")),
        growing(p.maximum[row], draw.THEORY, 2.2, 1, T("running maximum", "当前最大值"), "hv"),
        growing(p.naive_sum[row], draw.FOURTH, 1.6, 2, LANES[0][1]),
        growing(p.safe_sum[row], draw.SECOND, 1.6, 2, LANES[1][1]),
        growing(p.online_sum[row], draw.THIRD, 2.4, 2, T("online", "在线")),
        draw.points([], [], draw.REJECT, size=12, symbol="x", panel=2, hoverinfo="skip"),
    ]


def passes_figure(r: Attention) -> draw.Figure:
    """How often each softmax reads a row of scores, and what it holds on the way."""
    s, p = r.steps, r.steps.passes
    n, row = len(s.q), passes_row(s)
    scores, naive, online = s.scores[row], p.naive_sum[row], p.online_sum[row]
    moments = np.arange(1, 3 * n + 1)
    traces, rows = lanes(p, n, moments)
    grown = len(traces)
    traces += held(p, row, scores)
    sums = np.concatenate([naive, p.safe_sum[row], online])
    low, top = max(1e-6, float(np.nanmin(sums[sums > 0]))), float(np.nanmax(sums))
    span = float(np.nanmax(scores) - np.nanmin(scores)) or 1.0
    heights = (float(np.nanmin(scores)) - 0.06 * span, float(p.maximum[row, -1]) + 0.06 * span)
    labels: list[draw.Label] = []
    broken = np.flatnonzero(np.isnan(naive) & ~np.isnan(scores))[:1].tolist()
    if broken or top > 2000:
        top = HALF_MOST
        traces.append(draw.line([0, n - 1], [HALF_MOST, HALF_MOST], draw.REJECT, dash="dot", width=1.4, panel=2, hoverinfo="skip"))
        labels.append(draw.Label(-0.3, 3 * HALF_MOST, T("naive: half precision ends", "朴素：半精度到此为止"), draw.REJECT, "left", 2))
    frames = []
    for m in moments.tolist():
        seen, fell = min(m, n), [key for key in broken if key < m]
        parts = {grown + k: {"upto": seen} for k in (1, 2, 4)} | {grown + 3: {"upto": min(max(m - n, 0), n)}}
        parts[grown + 5] = {"x": fell, "y": [HALF_MOST] * len(fell)}
        frames.append(draw.Frame(f"{m} / {3 * n}", parts, table=progress(p, row, n, m)))
    keys = draw.Axis(T("key", "键"), range=(-0.6, n - 0.4))
    names = draw.Axis("", range=(-0.7, 3.7), ticks=([3, 2, 1, 0], [short for *_, short in LANES]))
    end = T("overflows at key {broken}", "在第 {broken} 个键处溢出", broken=broken[0]) if broken else T("still fits", "尚未溢出")
    return draw.Figure(
        traces,
        [
            draw.Panel(
                draw.Axis(T("reads of the row’s scores", "对该行分数的读取次数"), range=(0, 3.05 * n)),
                names,
                title=T("Who is done when?", "谁先完成？"),
            ),
            draw.Panel(keys, draw.Axis(T("score", "分数"), range=heights), title=T("The row’s scores", "该行的分数"), key=True),
            draw.Panel(keys, draw.Axis("", log=True, range=(low / 2, top * 6)), title=T("The sums so far", "到此为止的和"), key=True),
        ],
        T(
            "Row {row} of {n} scores: the safe softmax reads it 3 times, the online one 2 times, FlashAttention once and has the output as well; in half precision the naive sum {end}.",
            "第 {row} 行的 {n} 个分数：安全 softmax 读 3 次，在线 softmax 读 2 次，FlashAttention 读 1 次并同时得到输出；半精度下朴素求和{end}。",
            row=row,
            n=n,
            end=T.of(end),
        ),
        labels,
        draw.Frames(T("read", "读"), frames, rows=rows),
        columns=3,
    )
