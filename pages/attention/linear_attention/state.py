"""The recurrence: the state written and read, the chunks between recurrence and all pairs, the cache it replaces."""

from __future__ import annotations

import numpy as np

from engine.attention.linear_attention import LinearAttended
from pages.attention.linear_attention.maps import SHORT, chips
from pages.shell import T, draw

MOST = 12_288  # numbers of all the states that are sent


def state_figure(r: LinearAttended) -> draw.Figure:
    """Token by token: what is written into the state, the state, and what is read out of it."""
    c, softmax = r.recurrence, r.maps.outputs[0]
    t, F, D = c.states.shape
    t = min(t, max(4, MOST // (F * D)))
    column, feature = np.arange(1, D + 1), np.arange(1, F + 1)
    height = 1.15 * float(max(np.abs(c.outputs[:t]).max(), np.abs(softmax[:t]).max(), 1e-9))
    unlinked = {"link": "none"}
    traces, rows = [], {}
    for panel, (matrices, name) in enumerate(((c.writes[:t], T("written", "写入")), (c.states[:t], T("state", "状态")))):
        largest = float(np.abs(matrices).max()) or 1.0
        shades = {"diverging": True, "zmin": -largest, "zmax": largest, "bar": True, "hovertemplate": "%{z:.3g}", "meta": unlinked}
        rows[panel] = {"z": matrices.astype(np.float32)}
        traces.append(draw.heat(matrices[-1], column, feature, panel=panel, name=name, **shades))
    traces.append(draw.bars(column, c.outputs[t - 1], panel=2, meta=unlinked, name=T("read from the state", "从状态读出")))
    traces.append(draw.ticks(column, softmax[t - 1], panel=2, meta=unlinked, name=SHORT[0]))
    rows |= {2: {"y": c.outputs[:t].astype(np.float32)}, 3: {"y": softmax[:t].astype(np.float32)}}
    size = np.sqrt((c.states**2).sum((1, 2)))
    frames = [
        draw.Frame(
            str(i + 1),
            facts=[
                (T("size of the state", "状态的大小"), size[i]),
                (T("divisor φ(q)·z", "除数 φ(q)·z"), c.totals[i]),
                (T("left of token 1", "词元 1 还剩"), (c.kept[i, 0], "percent.2")),
                (T("numbers kept", "保存的数"), (c.states[0].size + F, "count")),
            ],
        )
        for i in range(t)
    ]
    value = draw.Axis(T("entry of the value", "值的分量"))
    return draw.Figure(
        traces,
        [
            draw.Panel(value, draw.Axis(T("feature", "特征"), reverse=True), title=T("written: φ(k)vᵀ", "写入：φ(k)vᵀ")),
            draw.Panel(value, draw.Axis(reverse=True), title=T("the state S", "状态 S")),
            draw.Panel(value, draw.Axis(range=(-height, height)), title=T("read: φ(q)ᵀS ÷ φ(q)·z", "读出：φ(q)ᵀS ÷ φ(q)·z"), key=True),
        ],
        T(
            "Each token writes a rank-one matrix into a state of {f} × {d} numbers and reads its output from it; bars are what {map} reads, strokes softmax's outputs.",
            "每个词元向 {f} × {d} 的状态写入一个秩一矩阵，再从中读出自己的输出；条形为“{map}”读出的值，短线为 softmax 的输出。",
            f=F,
            d=D,
            map=SHORT[r.chosen],
        ),
        (),
        draw.Frames(T("token", "词元"), frames, rows=rows, follow=True, strips={0: {"upto": np.arange(1, t + 1)}}),
        columns=3,
        strips=[chips(r, T("tokens read so far", "已读词元"), t)],
        link="token",
    )


def chunk_figure(r: LinearAttended) -> draw.Figure:
    """Work and numbers moved by chunk size."""
    c, q = r.chunks, r.recurrence
    work, moved = c.flops / c.flops.min(), c.moved / c.moved.min()
    best = int(np.flatnonzero(c.sizes == c.best)[0])
    worst = max(float(q.chunk_difference.max()), q.parallel_difference)
    chosen = T("C = {best}", "C = {best}", best=c.best)
    counted = {T("FLOPs, over the least", "FLOP 与最少者之比"): work, T("numbers moved, over the least", "搬运的数与最少者之比"): moved}
    traces = draw.curves(c.sizes, counted, colors=(draw.THEORY, draw.SECOND), label=None, width=2.2)
    traces.append(draw.points([c.best], [max(work[best], moved[best])], draw.MEASURED, size=10, name=chosen, label="end"))
    title = T("counted: 1 is the recurrence, N all pairs", "计数：1 为递推，N 为全部成对")
    axes = draw.Axis(T("tokens to a chunk C", "每块词元数 C"), log=True), draw.Axis(T("over the least", "与最少者之比"), log=True)
    return draw.Figure(
        traces,
        [draw.Panel(*axes, title=title, key=True)],
        T(
            "Counted, chunks of about {best} tokens cost little work and little traffic. Every chunk size gives the same outputs, to {worst:number.2}.",
            "按计数，每块约 {best} 个词元时计算与搬运都少。任何块长给出同样的输出，差不超过 {worst:number.2}。",
            best=c.best,
            worst=worst,
        ),
        facts=[
            (T("both low at", "两者都低于"), chosen),
            (T("FLOPs there", "此处 FLOP"), (work[best], "times")),
            (T("numbers moved", "搬运的数"), (moved[best], "times")),
            (T("steps in a row", "串行步数"), (c.steps[best], "count")),
            (T("forms differ by", "各形式相差"), (worst, "number.2")),
        ],
    )


def cache_figure(r: LinearAttended) -> draw.Figure:
    """Bytes kept while generating: a cache that grows by a key and a value a token, or a state that does not."""
    c = r.cache
    last, tokens = float(c.cache_bytes[-1]), int(c.tokens[-1])
    curves = {T("key–value cache", "键值缓存"): c.cache_bytes, T("state", "状态"): np.full(len(c.tokens), c.state_bytes)}
    traces = draw.curves(c.tokens, curves, colors=(draw.SECOND, draw.MEASURED), label="middle", width=2.6)
    equal = T("equal at {n:number} tokens", "{n:number} 个词元时相等", n=c.crossing)
    traces.append(draw.points([c.crossing], [c.state_bytes], draw.THEORY, size=9, name=equal, label="end"))
    axes = (
        draw.Axis(T("tokens so far", "已有词元数"), log=True),
        draw.Axis(T("bytes kept for one layer", "一层保存的字节"), log=True, format="~s"),
    )
    values = {"tokens": tokens, "last": last, "state": c.state_bytes}
    more = T(
        "After {tokens:count} tokens the key–value cache holds {last:bytes}, the state {state:bytes} from the first token on: {ratio:number} times less.",
        "{tokens:count} 个词元之后，键值缓存占 {last:bytes}，而状态自始至终只有 {state:bytes}：为其 1/{ratio:number}。",
        ratio=last / c.state_bytes,
        **values,
    )
    less = T(
        "After {tokens:count} tokens the key–value cache still holds less, {last:bytes}, than the state, {state:bytes}.",
        "{tokens:count} 个词元之后，键值缓存只占 {last:bytes}，仍少于状态的 {state:bytes}。",
        **values,
    )
    return draw.Figure(
        traces,
        [draw.Panel(*axes)],
        more if last > c.state_bytes else less,
        facts=[
            (T("cache, to a token", "缓存，每词元"), (last / tokens, "bytes")),
            (T("cache now", "缓存"), (last, "bytes")),
            (T("state", "状态"), (c.state_bytes, "bytes")),
            (T("equal at token", "相等于词元"), c.crossing),
            (T("cache ÷ state", "缓存 ÷ 状态"), last / c.state_bytes),
        ],
    )
