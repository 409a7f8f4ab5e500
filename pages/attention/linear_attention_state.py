"""The recurrence: the state written and read, the chunks between recurrence and all pairs, the cache it replaces."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from engine.attention.linear_attention import LinearAttended
from pages.attention.linear_attention_maps import chips
from pages.attention.linear_attention_parts import (
    MAPS,
    SOFTMAX,
    amount,
    decades,
    duration,
    memory,
    number,
    percent,
    reach,
    whole,
)
from pages.shell import T
from pages.shell.axes import Axis
from pages.shell.colors import INK_2, INK_3, MEASURED, SECOND, THEORY, THIRD
from pages.shell.figures import Figure
from pages.shell.moments import Frame, Frames
from pages.shell.panels import Label, Panel
from pages.shell.traces import bars, heat, line, points, ticks

MOST = 12_288  # numbers of all the states that are sent


def state_figure(r: LinearAttended) -> Figure:
    """Token by token: what is written into the state, the state, and what is read out of it."""
    c = r.recurrence
    t, F, D = c.states.shape
    t = min(t, max(4, MOST // (F * D)))
    column, feature = np.arange(1, D + 1), np.arange(1, F + 1)
    largest = float(np.abs(c.states[:t]).max()) or 1.0
    written = float(np.abs(c.writes[:t]).max()) or 1.0
    reach_ = 1.15 * float(max(np.abs(c.outputs[:t]).max(), np.abs(r.outputs[0][:t]).max(), 1e-9))
    places = {"link": "none"}
    number_of = {"hovertemplate": "%{z:.3g}", "meta": places}
    traces = [
        heat(c.writes[t - 1], column, feature, diverging=True, zmin=-written, zmax=written, name=T("written", "写入"), **number_of),
        heat(c.states[t - 1], column, feature, diverging=True, zmin=-largest, zmax=largest, panel=1, name=T("state", "状态"), **number_of),
        bars(column, c.outputs[t - 1], panel=2, meta=places, name=T("read from the state", "从状态读出")),
        ticks(column, r.outputs[0][t - 1], panel=2, meta=places, name=SOFTMAX),
    ]  # fmt: skip
    rows = {
        0: {"z": c.writes[:t].astype(np.float32)}, 1: {"z": c.states[:t].astype(np.float32)},
        2: {"y": c.outputs[:t].astype(np.float32)}, 3: {"y": r.outputs[0][:t].astype(np.float32)},
    }  # fmt: skip
    size = np.sqrt((c.states**2).sum((1, 2)))
    frames = [
        Frame(str(i + 1), facts=[
            (T("size of the state", "状态的大小"), number(size[i])), (T("divisor φ(q)·z", "除数 φ(q)·z"), number(c.totals[i])),
            (T("left of token 1", "词元 1 还剩"), percent(c.kept[i, 0])),
            (T("numbers kept", "保存的数"), amount(c.states[0].size + c.sums.shape[1])),
        ]) for i in range(t)
    ]  # fmt: skip
    value = Axis(T("entry of the value", "值的分量"))
    return Figure(
        traces,
        [Panel(value, Axis(T("feature", "特征"), reverse=True), title=T("written: φ(k)vᵀ", "写入：φ(k)vᵀ")),
         Panel(value, Axis("", reverse=True), title=T("the state S", "状态 S")),
         Panel(value, Axis("", range=(-reach_, reach_)), title=T("read: φ(q)ᵀS ÷ φ(q)·z", "读出：φ(q)ᵀS ÷ φ(q)·z"))],
        T(f"Each token writes a rank-one matrix into a state of {F} × {D} numbers and reads its output from it; bars are what {MAPS[r.chosen].en} reads, strokes softmax's outputs.",
          f"每个词元向 {F} × {D} 的状态写入一个秩一矩阵，再从中读出自己的输出；条形为“{MAPS[r.chosen].zh}”读出的值，短线为 softmax 的输出。"),
        [Label(D / 2 + 0.5, -0.93 * reach_, T("bars: state, strokes: softmax", "条形：状态，短线：softmax"), INK_2, "center", 2)],
        Frames(T("token", "词元"), frames, rows=rows, follow=True, strips={0: {"upto": np.arange(1, t + 1)}}),
        columns=3,
        strips=[chips(r, T("tokens so far", "已读词元"), t)],
        link="token",
    )  # fmt: skip


def chunk_figure(r: LinearAttended) -> Figure:
    """Work and numbers moved by chunk size; beside it the measured time, or how exactly the forms agree."""
    c = r.chunks
    work, moved = c.flops / c.flops.min(), c.moved / c.moved.min()
    best = int(np.flatnonzero(c.sizes == c.best)[0])
    both = float(max(work[best], moved[best]))
    high, last = float(max(work.max(), moved.max())), float(c.sizes[-1])
    traces = [
        line(c.sizes, work, THEORY, width=2.2, name=T("FLOPs, over the least", "FLOP 与最少者之比")),
        line(c.sizes, moved, SECOND, width=2.2, name=T("numbers moved, over the least", "搬运的数与最少者之比")),
        points([float(c.best)], [both], MEASURED, size=10, name=T("neither many", "两者都不多")),
    ]
    labels = [
        Label(last, high * 1.3, T("FLOPs", "FLOP"), THEORY, "right"),
        Label(1, high * 1.3, T("numbers moved", "搬运的数"), SECOND, "left"),
        Label(float(c.best), both * 2.2, f"C = {c.best}", MEASURED, "center"),
    ]
    facts = [
        (T("both low at", "两者都低于"), f"C = {c.best}"),
        (T("FLOPs there", "此处 FLOP"), f"{number(float(work[best]))} ×"),
        (T("numbers moved", "搬运的数"), f"{number(float(moved[best]))} ×"),
        (T("steps in a row", "串行步数"), whole(float(c.steps[best]))),
    ]
    beside = _differences(r) if r.chunk_milliseconds is None else _measured(r)
    left = Panel(
        Axis(T("tokens to a chunk C", "每块词元数 C"), log=True, range=(0.8, 1.25 * last), ticks=decades(0.8, last)),
        Axis(T("over the least", "与最少者之比"), log=True, range=(0.8, 2.2 * high), ticks=decades(0.8, 2.2 * high)),
        title=T("counted: 1 is the recurrence, N all pairs", "计数：1 为递推，N 为全部成对"),
    )
    says = T(f"Counted, chunks of about {c.best} tokens cost little work and little traffic. {beside.says.en}",
             f"按计数，每块约 {c.best} 个词元时计算与搬运都少。{beside.says.zh}")  # fmt: skip
    return Figure(
        traces + beside.traces, [left, beside.panel], says, labels + beside.labels, facts=facts + beside.facts
    )


class Beside(NamedTuple):
    """A second panel: what it draws, its words, the facts and the sentence that it adds."""

    panel: Panel
    traces: list
    labels: list
    facts: list
    says: T


def _measured(r: LinearAttended) -> Beside:
    """Time of the chunked form by chunk size."""
    x, y = r.chunk_sizes, r.chunk_milliseconds
    error = {"type": "data", "array": r.chunk_milliseconds_high - y, "arrayminus": y - r.chunk_milliseconds_low,
             "color": MEASURED, "thickness": 1.2, "width": 3, "symmetric": False}  # fmt: skip
    at = int(np.argmin(y))
    low, high = reach(r.chunk_milliseconds_low, r.chunk_milliseconds_high, pad=1.5)
    n = whole(r.chunk_length)
    panel = Panel(
        Axis("C", log=True, range=(float(x[0]) / 1.5, float(x[-1]) * 1.5), ticks=(x.tolist(), [str(size) for size in x])),
        Axis(T("milliseconds", "毫秒"), log=True, range=(low, high), ticks=decades(low, high)),
        title=T(f"measured, {n} tokens", f"实测，{n} 个词元"),
    )  # fmt: skip
    traces = [
        line(x, y, MEASURED, panel=1, hoverinfo="skip"),
        points(x, y, size=8, panel=1, error_y=error, name=T("measured", "实测")),
    ]
    words = Label(float(x[at]), low * 1.15, T(f"fastest: {x[at]}", f"最快：{x[at]}"), MEASURED, "center", 1)
    facts = [(T("fastest here", "此处最快"), f"C = {x[at]}"), (T("takes", "用时"), duration(float(y[at])))]
    says = T(f"Measured, chunks of {x[at]} are the fastest.", f"按实测，每块 {x[at]} 个最快。")
    return Beside(panel, traces, [words], facts, says)


def _differences(r: LinearAttended) -> Beside:
    """How far the chunked form strays from the recurrence in double precision."""
    q = r.recurrence
    y = np.maximum(np.append(q.chunk_difference, q.parallel_difference), 1e-18)
    x = np.arange(len(y))
    names = [*(str(size) for size in q.chunks), T("all pairs", "逐对")]
    scale = (1e-18, 1e-9)
    panel = Panel(
        Axis("C", range=(-0.5, len(y) - 0.5), ticks=(x.tolist(), names)),
        Axis(T("largest |difference|", "最大 |差|"), log=True, range=scale, ticks=decades(*scale)),
        title=T("chunked − recurrent, in fp64", "分块 − 递推，fp64"),
    )
    traces = [points(x, y, size=9, panel=1, name=T("largest difference", "最大差"))]
    worst = number(float(y.max()), 2)
    says = T(f"Every chunk size gives the same outputs, to {worst}.", f"任何块长给出同样的输出，差不超过 {worst}。")
    return Beside(panel, traces, [], [(T("forms differ by", "各形式相差"), worst)], says)


def cache_figure(r: LinearAttended) -> Figure:
    """Bytes kept while generating: a cache that grows by a key and a value a token, or a state that does not."""
    c = r.cache
    x = c.tokens.astype(float)
    state = np.full(len(x), c.state_bytes)
    low, high = reach(c.cache_bytes, state, pad=2.5)
    traces = [
        line(x, c.cache_bytes, SECOND, width=2.6, name=T("key–value cache", "键值缓存")),
        line(x, state, MEASURED, width=2.6, name=T("state", "状态")),
        points([c.crossing], [c.state_bytes], THEORY, size=9, name=T("equal", "相等")),
    ]
    last = float(c.cache_bytes[-1])
    ratio = last / c.state_bytes
    labels = [
        Label(x[-1] / 1.6, last, T(f"cache: {memory(last)}", f"缓存：{memory(last)}"), SECOND, "right"),
        Label(x[-1], c.state_bytes * (1.5 if c.crossing > x[0] * 20 else 0.6), T(f"state: {memory(c.state_bytes)}", f"状态：{memory(c.state_bytes)}"), MEASURED, "right"),
        Label(c.crossing, low * 1.6, T(f"equal at {whole(c.crossing)} tokens", f"{whole(c.crossing)} 个词元时相等"), THEORY, "center" if c.crossing > 3 else "left"),
    ]  # fmt: skip
    return Figure(
        traces,
        [Panel(Axis(T("tokens so far", "已有词元数"), log=True, range=(0.8, 1.4 * x[-1]), ticks=decades(0.8, x[-1])), Axis(T("bytes kept for one layer", "一层保存的字节"), log=True, range=(low, high), format="~s"))],
        T(f"After {whole(x[-1])} tokens the key–value cache holds {memory(last)}, the state {memory(c.state_bytes)} from the first token on: {number(ratio)} times less.",
          f"{whole(x[-1])} 个词元之后，键值缓存占 {memory(last)}，而状态自始至终只有 {memory(c.state_bytes)}：为其 1/{number(ratio)}。"),
        labels,
        facts=[
            (T("cache, to a token", "缓存，每词元"), memory(last / x[-1])), (T("cache now", "缓存"), memory(last)),
            (T("state", "状态"), memory(c.state_bytes)), (T("equal at token", "相等于词元"), whole(c.crossing)), (T("cache ÷ state", "缓存 ÷ 状态"), number(ratio)),
        ],
    )  # fmt: skip


def rotary_figure(r: LinearAttended) -> Figure:
    """The product of one query and one key under rotation, by distance, from three positions."""
    f = r.rotary
    colors = (MEASURED, SECOND, THIRD)
    starts = [i * (len(f.offsets) // len(colors) // 8) for i in range(len(colors))]
    traces = [line(f.offsets, f.scores[0], INK_3, width=1.0, hoverinfo="skip")]
    for p, score, color, start in zip(f.positions, f.scores, colors, starts, strict=True):
        traces.append(
            points(f.offsets[start::4], score[start::4], color, size=7, name=T(f"query at {p}", f"查询位于 {p}"))
        )
    traces.append(
        line(f.offsets, f.bound, THEORY, width=2.0, panel=1, name=T("mean reach of the turns", "旋转和的平均长度"))
    )
    low, high = float(f.scores.min()), float(f.scores.max())
    span = max(high - low, 1e-6)
    labels = [
        Label(-62, high + (0.50 - 0.16 * i) * span, T(f"query at {p}", f"查询位于 {p}"), color)
        for i, (p, color) in enumerate(zip(f.positions, colors, strict=True))
    ]  # fmt: skip
    return Figure(
        traces,
        [Panel(Axis(T("key's position less the query's", "键的位置减查询的位置"), range=(-67, 67)), Axis(T("product of the features", "特征之积"), range=(low - 0.1 * span, high + 0.62 * span)),
               title=T("three positions, one curve", "三个位置，同一条曲线")),
         Panel(Axis(T("distance", "距离"), range=(-67, 67)), Axis(T("over its value at 0", "与 0 处之比"), range=(0, 1.08)), title=T("how the bound falls with distance", "上界随距离下降"))],
        T(f"Turned by their positions, the same query and key give the same product wherever they stand: from positions 64, 200 and 1000 it differs by at most {number(f.spread, 2)}.",
          f"按位置旋转之后，同一查询与键的积只取决于距离：查询位于 64、200、1000 时相差不超过 {number(f.spread, 2)}。"),
        labels,
        facts=[
            (T("largest difference", "最大差"), number(f.spread, 2)), (T("product at distance 0", "距离 0 处的积"), number(float(f.scores[0][64]))),
            (T("at distance 16", "距离 16 处"), number(float(f.scores[0][64 + 16]))), (T("bound at 16", "16 处的上界"), percent(float(f.bound[64 + 16]))),
        ],
    )  # fmt: skip
