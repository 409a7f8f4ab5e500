"""What was measured on this machine: time and the crossover, memory, error, and the share of what the machine can do."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.attention.contest.result import Measured
from engine.attention.linear_attention import LinearAttended
from engine.core import amounts
from pages.shell import T, draw

STYLES = {
    "naive": (T("softmax, naive", "softmax，朴素"), draw.FOURTH, "", 1.6),
    "flash": (T("softmax, flash", "softmax，flash"), draw.SECOND, "", 2.4),
    "efficient": (T("softmax, efficient", "softmax，efficient"), draw.SECOND, "dash", 1.8),
    "cudnn": (T("softmax, cuDNN", "softmax，cuDNN"), draw.SECOND, "dot", 1.8),
    "chunked": (T("linear, chunked", "线性，分块"), draw.MEASURED, "", 3.0),
    "unmasked": (T("linear, Q(KᵀV)", "线性，Q(KᵀV)"), draw.MEASURED, "", 3.0),
    "with features": (T("with feature map", "含特征映射"), draw.MEASURED, "dot", 1.4),
    "all pairs": (T("linear, all pairs", "线性，逐对计算"), draw.THIRD, "", 1.6),
    "recurrent": (T("linear, one by one", "线性，逐个"), draw.INK_3, "dash", 1.6),
}
BESIDE = [name for name in STYLES if name not in ("with features", "recurrent")]  # what else than time is shown of
NAMES = 9.0  # of the axis to the right of the last length, for the names that stand there


def contenders(m: Measured, values: np.ndarray, shown: Any = STYLES, **options: Any) -> list[dict[str, Any]]:
    """A line for each contender with its name at its end."""
    traces = []
    for name in (name for name in shown if name in m.contenders):
        title, color, dash, width = STYLES[name]
        y = values[m.row(name)]
        trace = draw.line(m.lengths, np.where(y > 0, y, np.nan), color, dash=dash, width=width, name=title, label="end", **options)
        traces.append(trace | {"mode": "lines+markers", "marker": {"size": 7, "color": color}})
    return traces


def lengths(m: Measured, places: int = 1) -> draw.Axis:
    """The lengths, with room for names; of `places` panels side by side, every so many are written."""
    values = m.lengths.tolist()
    texts = [amounts.count(n) if (len(values) - 1 - i) % (1 + places) == 0 else "" for i, n in enumerate(values)]
    return draw.Axis(T("length N, tokens", "长度 N，词元"), log=True, range=(values[0] / 1.3, values[-1] * NAMES), ticks=(values, texts))


def growth(exponent: float) -> str:
    """A power of the length, as mathematics."""
    power = amounts.power_of("N", amounts.fixed(exponent, 1)).replace(".", "·")  # there is no raised point
    return power if np.isfinite(exponent) else amounts.NONE


def waiting(r: LinearAttended) -> draw.Figure | None:
    """What stands in while nothing has been measured."""
    if r.timing is None:
        return draw.absent(T("Choose “time it here” to measure.", "选择“在本机计时”开始测量。"))
    if not np.isfinite(r.timing.milliseconds).any():
        return draw.absent(T("The first length is being measured.", "正在测量第一个长度。"))
    return None


def crossing_figure(r: LinearAttended) -> draw.Figure:
    """Time against length for every contender, and where linear attention overtakes softmax."""
    if (figure := waiting(r)) is not None:
        return figure
    m, c = r.timing, r.crossing
    traces = contenders(m, m.milliseconds)
    ours = next(trace for trace in traces if trace["name"] == STYLES[m.contenders[c.ours]][0])
    y = m.milliseconds[c.ours]
    ends = {"array": m.milliseconds_high[c.ours] - y, "arrayminus": y - m.milliseconds_low[c.ours]}
    ours["error_y"] = {"type": "data", "symmetric": False, "color": draw.MEASURED, "thickness": 1.2, "width": 3, **ends}
    none = T("none here", "此处没有")
    where = T("N = {n:count}", "N = {n:count}", n=c.crossover) if np.isfinite(c.crossover) else none
    if np.isfinite(c.crossover):
        name = T("the medians cross at {n:count}", "中位数在 {n:count} 处交叉", n=c.crossover)
        height = [float(np.nanmin(m.milliseconds)), float(np.nanmax(m.milliseconds))]
        traces.append(draw.line([c.crossover] * 2, height, draw.THEORY, dash="dot", width=1.4, name=name, label="end"))
    linear, softmax = float(y[-1]) / 1000, float(c.best_softmax_milliseconds[-1]) / 1000
    return draw.Figure(
        traces,
        [draw.Panel(lengths(m), draw.Axis(T("milliseconds", "毫秒"), log=True))],
        T(
            "Time against length: at {n:count} tokens linear attention takes {linear:seconds} and the best softmax {softmax:seconds}; bars span the middle 60 % of the runs.",
            "时间随长度的变化：{n:count} 个词元时，线性注意力用 {linear:seconds}，最快的 softmax 用 {softmax:seconds}；竖线为中间 60 % 的运行。",
            n=m.lengths[-1],
            linear=linear,
            softmax=softmax,
        ),
        facts=[
            (T("crossover of the medians", "中位数的交叉点"), where),
            (T("linear, longest", "线性，最长处"), (linear, "seconds")),
            (T("best softmax", "最快的 softmax"), (softmax, "seconds")),
            (T("linear grows like", "线性增长如"), growth(m.time_exponents[c.ours])),
            (T("matrix product reaches", "矩阵乘法达到"), amounts.quantity(1e12 * m.ceiling_tflops, "FLOP/s")),
        ],
        table=table(m),
    )


def table(m: Measured) -> list[tuple]:
    """Every contender at the last length where it was measured."""
    head = (
        T("contender", "方案"),
        "N",
        T("median", "中位数"),
        T("middle 60 %", "中间 60 %"),
        T("runs", "次数"),
        "FLOP/s",
        T("of the ceiling", "占上限"),
        T("memory", "内存"),
        T("error", "误差"),
        T("time grows", "时间增长"),
    )
    rows = []
    for i, name in enumerate(m.contenders):
        known = np.flatnonzero(np.isfinite(m.milliseconds[i]))
        if not len(known):
            rows.append((STYLES[name][0], *[amounts.NONE] * 9))
            continue
        p = known[-1]
        rows.append(
            (
                STYLES[name][0],
                (m.lengths[p], "count"),
                (m.milliseconds[i, p] / 1000, "seconds"),
                amounts.spread(m.milliseconds_low[i, p] / 1000, m.milliseconds_high[i, p] / 1000, amounts.duration),
                (m.runs[i, p], "count"),
                amounts.quantity(1e12 * m.tflops[i, p], "FLOP/s"),
                (m.share[i, p], "percent.2"),
                (m.extra_bytes[i, p], "bytes"),
                (m.error[i, p], "number.2"),
                growth(m.time_exponents[i]),
            )
        )
    return [head, *rows]


def work_figure(r: LinearAttended) -> draw.Figure:
    """Extra memory, share of the measured ceiling, and error against fp64, by length."""
    if (figure := waiting(r)) is not None:
        return figure
    m, ours, naive = r.timing, r.crossing.ours, r.timing.row("naive")
    at = int(np.flatnonzero(np.isfinite(m.extra_bytes[[ours, naive]]).all(0))[-1])
    best, worst = (float(np.nanmax(values[ours], initial=0.0)) for values in (m.share, m.error))
    traces = contenders(m, m.extra_bytes, BESIDE) + contenders(m, m.share, BESIDE, panel=1) + contenders(m, m.error, BESIDE, panel=2)
    return draw.Figure(
        traces,
        [
            draw.Panel(lengths(m, 2), draw.Axis(log=True, format="~s"), title=T("extra memory, bytes", "额外内存，字节")),
            draw.Panel(lengths(m, 2), draw.Axis(log=True, format=".1~%"), title=T("FLOP/s, of a matrix product's", "FLOP/s，占矩阵乘法")),
            draw.Panel(lengths(m, 2), draw.Axis(log=True), title=T("error against fp64", "相对 fp64 的误差")),
        ],
        T(
            "At {n:count} tokens naive softmax holds {times:number} times the memory of linear attention, which reaches {best:percent.2} of what a large matrix product reaches here, with an error of at most {worst:number.2}.",
            "{n:count} 个词元时，朴素 softmax 占用的内存是线性注意力的 {times:number} 倍；后者达到此处大矩阵乘法的 {best:percent.2}，误差不超过 {worst:number.2}。",
            n=m.lengths[at],
            times=m.extra_bytes[naive, at] / m.extra_bytes[ours, at],
            best=best,
            worst=worst,
        ),
        facts=[
            (T("memory, linear", "内存，线性"), (m.extra_bytes[ours, at], "bytes")),
            (T("memory, naive softmax", "内存，朴素 softmax"), (m.extra_bytes[naive, at], "bytes")),
            (T("linear grows like", "线性增长如"), growth(m.memory_exponents[ours])),
            (T("naive grows like", "朴素增长如"), growth(m.memory_exponents[naive])),
            (T("ceiling", "上限"), amounts.quantity(1e12 * m.ceiling_tflops, "FLOP/s")),
            (T("format", "格式"), r.dtype),
        ],
        columns=3,
    )
