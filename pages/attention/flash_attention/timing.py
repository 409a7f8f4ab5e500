"""What was measured on this machine: time, memory, the share of what the machine can do, and error."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.attention.contest.result import Measured
from engine.attention.flash_attention import Attention
from engine.core import amounts
from pages.shell import T, draw

STYLES = {
    "naive": (draw.FOURTH, "", 1.8),
    "math": (draw.THIRD, "", 1.8),
    "flash": (draw.SECOND, "", 2.2),
    "efficient": (draw.SECOND, "dash", 1.8),
    "cudnn": (draw.SECOND, "dot", 1.8),
    "ours, without TMA": (draw.MEASURED, "dot", 1.6),
    "ours": (draw.MEASURED, "", 3.0),
}
AXES = {
    "length": T("length N, tokens", "长度 N，词元"),
    "tokens": T("length N, batch × N held", "长度 N（批 × N 不变）"),
    "heads": T("heads", "头数"),
    "head_dim": T("head dimension d", "头维度 d"),
}
LETTERS = {"heads": "H", "head_dim": "d"}
NAMES = 4.5  # of the axis to the right of the last point, for the names that stand there


def waiting(r: Attention) -> draw.Figure | None:
    """What stands in while nothing has been measured."""
    if r.timing is None:
        return draw.absent(T("Choose “time it here” to measure.", "选择“在本机计时”开始测量。"))
    if not np.isfinite(r.timing.milliseconds).any():
        return draw.absent(T("The first point is being measured.", "正在测量第一个点。"))
    return None


def swept(m: Measured, places: int = 1) -> draw.Axis:
    """What is swept, with room for names at the right; of `places` panels side by side, every second value is written."""
    values = m.swept.tolist()
    span = max(values[-1] / values[0], 2)
    ticks = [amounts.count(v) if (len(values) - i) % places == 0 or places == 1 else "" for i, v in enumerate(values)]
    return draw.Axis(
        AXES[m.axis], log=True, range=(values[0] / 1.2, values[-1] * NAMES ** (np.log(span) / np.log(32))), ticks=(values, ticks)
    )


def contenders(m: Measured, values: np.ndarray, bars: bool = False, **options: Any) -> list[dict[str, Any]]:
    """A line for each contender with its name at its end; with the middle 60 % of its runs where `bars`."""
    traces = []
    for name in (name for name in STYLES if name in m.contenders):
        row, (color, dash, width) = m.row(name), STYLES[name]
        shown = np.where(values[row] > 0, values[row], np.nan)
        trace = draw.line(m.swept, shown, color, dash=dash, width=width, name=m.titles[row], label="end", **options)
        trace |= {"mode": "lines+markers", "marker": {"color": color, "size": 7}}
        if bars:
            ends = {"array": m.milliseconds_high[row] - values[row], "arrayminus": values[row] - m.milliseconds_low[row]}
            trace["error_y"] = {"type": "data", "symmetric": False, "color": color, "thickness": 1.2, "width": 3, **ends}
        traces.append(trace)
    return traces


def law(m: Measured, values: Any, name: T, **options: Any) -> dict[str, Any]:
    """A dotted line to hold the measurements against."""
    style = {"dash": "dot", "width": 1.4, "name": name, "label": "end"} | options
    return draw.line(m.swept, np.broadcast_to(values, m.swept.shape), draw.THEORY, **style)


def last(m: Measured, values: np.ndarray) -> tuple[T, float, float]:
    """The last point where naive attention and ours were both measured, and the two values there."""
    at = m.last("naive", "ours")
    if at is None:
        return T.of("–"), np.nan, np.nan
    letter = LETTERS.get(m.axis, "N")
    where = T("{letter} = {value:count}", "{letter} = {value:count}", letter=letter, value=m.swept[at])
    return where, float(values[m.row("naive"), at]), float(values[m.row("ours"), at])


def growth(m: Measured, exponents: np.ndarray, name: str) -> str:
    """How a contender's cost grows, as a power of what is swept."""
    exponent = float(exponents[m.row(name)])
    power = amounts.power_of(LETTERS.get(m.axis, "N"), amounts.fixed(exponent, 1))
    return power.replace(".", "·") if np.isfinite(exponent) else amounts.NONE  # there is no raised point


def time_figure(r: Attention) -> draw.Figure:
    """Time of every contender, with the middle 60 % of its runs, over what the machine's ceiling allows."""
    if (figure := waiting(r)) is not None:
        return figure
    m = r.timing
    where, naive, ours = last(m, m.milliseconds)
    return draw.Figure(
        [*contenders(m, m.milliseconds, bars=True), law(m, m.least_milliseconds, T("at the ceiling", "达到上限时"))],
        [draw.Panel(swept(m), draw.Axis(T("milliseconds", "毫秒"), log=True, format="~g"))],
        T(
            "At {where} naive attention takes {naive:seconds} and ours {ours:seconds} here, {times:number.2} times as long to one; bars span the middle 60 % of the runs.",
            "在本机 {where} 时，朴素注意力用 {naive:seconds}，本站实现用 {ours:seconds}，前者是后者的 {times:number.2} 倍；竖线为中间 60 % 的运行。",
            where=where,
            naive=naive / 1000,
            ours=ours / 1000,
            times=naive / ours,
        ),
        facts=[
            (T("naive over ours", "朴素 ÷ 本站"), (naive / ours, "times")),
            (T("at", "位于"), where),
            (T("naive grows like", "朴素增长如"), growth(m, m.time_exponents, "naive")),
            (T("ours grows like", "本站增长如"), growth(m, m.time_exponents, "ours")),
            (T("runs a point", "每点运行"), amounts.spread(int(m.runs[m.runs > 0].min()), int(m.runs.max()))),
        ],
        table=table(m),
    )


def table(m: Measured) -> list[tuple]:
    """The last point of every contender in numbers."""
    p = int(np.flatnonzero(np.isfinite(m.milliseconds).any(0))[-1])
    point = T("{letter} = {value:count}", "{letter} = {value:count}", letter=LETTERS.get(m.axis, "N"), value=m.swept[p])
    head = (point, T("time", "时间"), T("extra memory", "额外内存"), "FLOP/s", T("of the ceiling", "占上限"), T("error", "误差"))
    rows: list[tuple] = [head]
    for i in (m.row(name) for name in reversed(STYLES) if name in m.contenders):
        if np.isfinite(m.milliseconds[i, p]):
            numbers = ((m.milliseconds[i, p] / 1000, "seconds"), (m.extra_bytes[i, p], "bytes"), rate(m.tflops[i, p]))
            rows.append((m.titles[i], *numbers, (m.share[i, p], "percent"), (m.error[i, p], "number.2")))
        else:
            rows.append((m.titles[i], T("left out", "略去"), *[amounts.NONE] * 4))
    return rows


def rate(teraflops: float) -> str:
    """FLOP/s as read off."""
    return amounts.quantity(1e12 * teraflops, "FLOP/s")


def memory_figure(r: Attention) -> draw.Figure:
    """The most that each contender holds at one time beyond its inputs, beside one matrix of all pairs."""
    if (figure := waiting(r)) is not None:
        return figure
    m = r.timing
    where, naive, ours = last(m, m.extra_bytes)
    return draw.Figure(
        [*contenders(m, m.extra_bytes), law(m, m.matrix_bytes, T("one matrix", "一个矩阵"))],
        [draw.Panel(swept(m), draw.Axis(T("extra memory, bytes", "额外内存，字节"), log=True, format="~s"))],
        T(
            "At {where} naive attention holds {naive:bytes} beyond its inputs and ours {ours:bytes}.",
            "{where} 时，除输入外朴素注意力占用 {naive:bytes}，本站实现占用 {ours:bytes}。",
            where=where,
            naive=naive,
            ours=ours,
        ),
        facts=[
            (T("naive over ours", "朴素 ÷ 本站"), (naive / ours, "times")),
            (T("at", "位于"), where),
            (T("naive grows like", "朴素增长如"), growth(m, m.memory_exponents, "naive")),
            (T("ours grows like", "本站增长如"), growth(m, m.memory_exponents, "ours")),
        ],
    )


def work_figure(r: Attention) -> draw.Figure:
    """FLOP/s against what a large matrix product reached in the same run; and the error against fp64, beside a rounding."""
    if (figure := waiting(r)) is not None:
        return figure
    m = r.timing
    best = float(np.nanmax(m.share[m.row("ours")], initial=0.0))
    worst = {name: float(np.nanmax(m.error[m.row(name)], initial=0.0)) for name in ("ours", "naive")}
    product = T("a large matrix product: {rate}", "大矩阵乘法：{rate}", rate=rate(m.ceiling_tflops))
    rounding = T("one rounding in {dtype}", "{dtype} 的一次舍入", dtype=r.dtype)
    return draw.Figure(
        [
            *contenders(m, m.share),
            law(m, 1.0, product, label=None),
            *contenders(m, m.error, panel=1),
            law(m, m.rounding, rounding, label=None, panel=1),
        ],
        [
            draw.Panel(swept(m, 2), draw.Axis(T("share of the ceiling", "占上限的份额"), log=True, format=".1~%")),
            draw.Panel(swept(m, 2), draw.Axis(T("relative error against fp64", "相对 fp64 的误差"), log=True)),
        ],
        T(
            "A large matrix product reaches {ceiling} here, ours at best {best:percent} of it; against fp64 ours errs by at most {ours:number.2}, naive attention by {naive:number.2}: the same answer, in another order.",
            "此处大矩阵乘法达到 {ceiling}，本站实现最高达到其 {best:percent}；相对 fp64，本站实现误差不超过 {ours:number.2}，朴素注意力为 {naive:number.2}：同一个答案，只是计算次序不同。",
            ceiling=rate(m.ceiling_tflops),
            best=best,
            **worst,
        ),
        [
            draw.Label(float(m.swept[0]), 1.15, product, draw.THEORY),
            draw.Label(float(m.swept[0]), 1.15 * m.rounding, rounding, draw.THEORY, panel=1),
        ],
        facts=[
            (T("ours, of the ceiling", "本站，占上限"), (best, "percent")),
            (T("ceiling", "上限"), rate(m.ceiling_tflops)),
            (T("a copy moves", "拷贝搬运"), amounts.quantity(1e9 * m.bandwidth, "B/s")),
            (T("ours, largest error", "本站，最大误差"), (worst["ours"], "number.2")),
            (T("one rounding", "一次舍入"), (m.rounding, "number.2")),
        ],
    )
