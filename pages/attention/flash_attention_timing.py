"""What was measured on this machine: time, memory, the share of what the machine can do, and error."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.attention.flash_attention import Attention
from pages.attention.flash_attention_parts import apart, duration, memory, number, percent, rate, reach, whole
from pages.shell import T
from pages.shell.axes import Axis
from pages.shell.colors import FOURTH, INK_2, MEASURED, SECOND, THEORY, THIRD
from pages.shell.figures import Figure, absent
from pages.shell.panels import Label, Panel
from pages.shell.traces import line, points

STYLES = {
    "naive": (FOURTH, "", 1.8), "math": (THIRD, "", 1.8), "flash": (SECOND, "", 2.2), "efficient": (SECOND, "dash", 1.8),
    "cudnn": (SECOND, "dot", 1.8), "ours, without TMA": (MEASURED, "dot", 1.6), "ours": (MEASURED, "", 3.0),
}  # fmt: skip
AXES = {
    "length": T("length N, tokens", "长度 N，词元"), "tokens": T("length N, batch × N held", "长度 N（批 × N 不变）"),
    "heads": T("heads", "头数"), "head_dim": T("head dimension d", "头维度 d"),
}  # fmt: skip
ROOM = 4.5  # of a logarithmic axis to the right of the last point, for the names


def waiting(r: Attention) -> Figure | None:
    """What stands in while nothing has been measured."""
    if r.swept is None:
        return absent(T("Choose “time it here” to measure.", "选择“在本机计时”开始测量。"))
    if not np.isfinite(r.milliseconds).any():
        return absent(T("The first point is being measured.", "正在测量第一个点。"))
    return None


def swept_axis(r: Attention) -> Axis:
    some = r.swept.tolist()
    room = 2 * ROOM if "ours, without TMA" in r.contenders else ROOM
    span = (some[-1] / some[0]) ** 0.06 if len(some) > 1 else 1.5
    reach_ = room ** (np.log(max(some[-1] / some[0], 2)) / np.log(32))
    return Axis(
        AXES[r.axis], log=True, range=(some[0] / span, some[-1] * reach_), ticks=(some, [whole(n) for n in some])
    )


def curves(r: Attention, values: np.ndarray, gap: float, panel: int = 0) -> tuple[list[dict[str, Any]], list[Label]]:
    """A line with points for each contender, and its name at its end."""
    shown = [name for name in STYLES if name in r.contenders]
    ends, last = np.full(len(shown), np.nan), np.zeros(len(shown), int)
    traces = []
    for place, name in enumerate(shown):
        row = r.contenders.index(name)
        color, dash, width = STYLES[name]
        seen = np.flatnonzero(np.isfinite(values[row]) & (values[row] > 0))
        title = T(*r.titles[row])
        traces.append(line(r.swept, values[row], color, dash=dash, width=width, hoverinfo="skip", panel=panel))
        traces.append(points(r.swept, values[row], color, size=7, name=title, panel=panel))
        if len(seen):
            last[place], ends[place] = seen[-1], values[row, seen[-1]]
    at_end = last == last.max()
    heights = np.where(at_end, apart(np.where(at_end, ends, np.nan), gap), ends * gap)
    labels = [
        Label(float(r.swept[last[i]]) * 1.1, float(heights[i]), T(*r.titles[r.contenders.index(name)]), STYLES[name][0], "left", panel)
        for i, name in enumerate(shown) if np.isfinite(heights[i])
    ]  # fmt: skip
    return traces, labels


def room_for(labels: list[Label], *values: np.ndarray | float, pad: float) -> tuple[float, float]:
    """The ends of a logarithmic axis for the values, with the names at their ends inside."""
    (low, high), heights = reach(*values, pad=pad), [label.y for label in labels]
    return min([low, *(y / 1.2 for y in heights)]), max([high, *(y * 1.2 for y in heights)])


def both(r: Attention, values: np.ndarray) -> tuple[int, float, float]:
    """The last point where naive attention and ours were both measured, and the two values there."""
    naive, ours = (r.contenders.index(name) for name in ("naive", "ours"))
    at = np.flatnonzero(np.isfinite(values[naive]) & np.isfinite(values[ours]))
    return (int(at[-1]), float(values[naive, at[-1]]), float(values[ours, at[-1]])) if len(at) else (-1, np.nan, np.nan)


def power(r: Attention, exponents: np.ndarray, name: str) -> str:
    value = exponents[r.contenders.index(name)]
    letter = {"heads": "H", "head_dim": "d"}.get(r.axis, "N")
    return f"{letter}^{number(value, 2)}" if np.isfinite(value) else "–"


def named(r: Attention, point: int) -> T:
    letter = {"heads": T("heads", "头数"), "head_dim": T("d", "d")}.get(r.axis, T("N", "N"))
    value = whole(r.swept[point])
    return T(f"{letter.en} = {value}", f"{letter.zh} = {value}")


def time_figure(r: Attention) -> Figure:
    """Time of every contender, with the middle 60 % of its runs, over what the machine's ceiling allows."""
    if (figure := waiting(r)) is not None:
        return figure
    traces, labels = curves(r, r.milliseconds, 1.9)
    shown = [name for name in STYLES if name in r.contenders]
    for place, name in enumerate(shown):
        row = r.contenders.index(name)
        up, down = r.milliseconds_high[row] - r.milliseconds[row], r.milliseconds[row] - r.milliseconds_low[row]
        traces[2 * place + 1]["error_y"] = {"type": "data", "symmetric": False, "array": up, "arrayminus": down,
                                            "color": STYLES[name][0], "thickness": 1.2, "width": 3}  # fmt: skip
    low, high = room_for(labels, r.milliseconds, r.least_milliseconds, pad=1.8)
    traces.append(
        line(r.swept, r.least_milliseconds, THEORY, dash="dot", width=1.4, name=T("at the ceiling", "达到上限时"))
    )
    labels.append(
        Label(float(r.swept[0]), float(r.least_milliseconds[0]) / 1.1, T("at the ceiling", "达到上限时"), THEORY)
    )
    at, naive, ours = both(r, r.milliseconds)
    where = named(r, at)
    return Figure(
        traces,
        [Panel(swept_axis(r), Axis(T("milliseconds", "毫秒"), log=True, range=(low, high), format="~g"))],
        T(f"At {where.en} naive attention takes {duration(naive)} and ours {duration(ours)} here, {number(naive / ours, 2)} times as long to one.",
          f"在本机 {where.zh} 时，朴素注意力用 {duration(naive)}，本站实现用 {duration(ours)}，前者是后者的 {number(naive / ours, 2)} 倍。"),
        labels,
        facts=[
            (T("naive over ours", "朴素 ÷ 本站"), number(naive / ours, 3)), (T("at", "位于"), where),
            (T("naive grows like", "朴素增长如"), power(r, r.time_exponents, "naive")), (T("ours grows like", "本站增长如"), power(r, r.time_exponents, "ours")),
            (T("runs a point", "每点运行"), f"{int(r.runs[r.runs > 0].min())}–{int(r.runs.max())}"),
        ],
        table=table(r),
    )  # fmt: skip


def table(r: Attention) -> list[tuple]:
    """The last point of every contender in numbers."""
    measured = np.flatnonzero(np.isfinite(r.milliseconds).any(0))
    p = int(measured[-1])
    rows: list[tuple] = [
        (
            named(r, p),
            T("time", "时间"),
            T("extra memory", "额外内存"),
            T("FLOP/s", "FLOP/s"),
            T("of the ceiling", "占上限"),
            T("error", "误差"),
        )
    ]
    for name in [name for name in reversed(STYLES) if name in r.contenders]:
        i = r.contenders.index(name)
        if np.isfinite(r.milliseconds[i, p]):
            rows.append(
                (
                    T(*r.titles[i]),
                    duration(r.milliseconds[i, p]),
                    memory(r.extra_bytes[i, p]),
                    rate(r.tflops[i, p]),
                    percent(r.share[i, p]),
                    number(r.error[i, p], 2),
                )
            )
        else:
            rows.append((T(*r.titles[i]), *[T("left out", "略去")], *["–"] * 4))
    return rows  # fmt: skip


def memory_figure(r: Attention) -> Figure:
    """The most that each contender holds at one time beyond its inputs, beside one matrix of all pairs."""
    if (figure := waiting(r)) is not None:
        return figure
    traces, labels = curves(r, r.extra_bytes, 2.0)
    low, high = room_for(labels, r.extra_bytes, r.matrix_bytes, pad=2.2)
    traces.append(line(r.swept, r.matrix_bytes, THEORY, dash="dot", width=1.4, name=T("one matrix", "一个矩阵")))
    labels.append(
        Label(float(r.swept[-1]) * 1.1, float(r.matrix_bytes[-1]) / 1.25, T("one matrix", "一个矩阵"), THEORY)
    )
    at, naive, ours = both(r, r.extra_bytes)
    where = named(r, at)
    return Figure(
        traces,
        [Panel(swept_axis(r), Axis(T("extra memory, bytes", "额外内存，字节"), log=True, range=(low, high), format="~s"))],
        T(f"At {where.en} naive attention holds {memory(naive)} beyond its inputs and ours {memory(ours)}.",
          f"{where.zh} 时，除输入外朴素注意力占用 {memory(naive)}，本站实现占用 {memory(ours)}。"),
        labels,
        facts=[
            (T("naive over ours", "朴素 ÷ 本站"), number(naive / ours, 3)), (T("at", "位于"), where),
            (T("naive grows like", "朴素增长如"), power(r, r.memory_exponents, "naive")), (T("ours grows like", "本站增长如"), power(r, r.memory_exponents, "ours")),
        ],
    )  # fmt: skip


def rate_figure(r: Attention) -> Figure:
    """FLOP/s of the mathematics against what a large matrix product reached in the same run."""
    if (figure := waiting(r)) is not None:
        return figure
    traces, labels = curves(r, r.share, 1.35)
    low, high = room_for(labels, r.share, 1.0, pad=1.5)
    traces.append(
        line([float(r.swept[0]), float(r.swept[-1])], [1, 1], THEORY, dash="dot", width=1.4, hoverinfo="skip")
    )
    labels.append(
        Label(
            float(r.swept[0]),
            1.13,
            T(f"a large matrix product: {rate(r.ceiling_tflops)}", f"大矩阵乘法：{rate(r.ceiling_tflops)}"),
            THEORY,
        )
    )
    best = {name: float(np.nanmax(r.share[i])) for i, name in enumerate(r.contenders) if np.isfinite(r.share[i]).any()}
    first = max(best, key=best.get)
    title = T(*r.titles[r.contenders.index(first)])
    mine = best.get("ours", np.nan)
    return Figure(
        traces,
        [Panel(swept_axis(r), Axis(T("share of the ceiling", "占上限的份额"), log=True, range=(low, high), format=".1~%"))],
        T(f"A large matrix product reaches {rate(r.ceiling_tflops)} here; ours reaches {percent(mine)} of it, and the best, {title.en}, {percent(best[first])}.",
          f"此处大矩阵乘法达到 {rate(r.ceiling_tflops)}；本站实现达到其 {percent(mine)}，最好的 {title.zh} 达到 {percent(best[first])}。"),
        labels,
        facts=[
            (T("ours, at best", "本站，最高"), percent(mine)), (T("the best", "最好者"), percent(best[first])),
            (T("ceiling", "上限"), rate(r.ceiling_tflops)), (T("ours, FLOP/s", "本站，FLOP/s"), rate(mine * r.ceiling_tflops)),
            (T("a copy moves", "拷贝搬运"), f"{number(r.bandwidth)} GB/s"),
        ],
        layout={"yaxis": {"dtick": "D2"}},
    )  # fmt: skip


def error_figure(r: Attention) -> Figure:
    """Relative error against fp64, beside the rounding of the format."""
    if (figure := waiting(r)) is not None:
        return figure
    traces, labels = curves(r, np.where(r.error > 0, r.error, np.nan), 1.22)
    low, high = room_for(labels, r.error, r.rounding, pad=1.7)
    ends = [float(r.swept[0]), float(r.swept[-1])]
    traces.append(line(ends, [r.rounding] * 2, THEORY, dash="dot", width=1.4, hoverinfo="skip"))
    labels.append(Label(ends[0], r.rounding / 1.12, T(f"one rounding in {r.dtype}", f"{r.dtype} 的一次舍入"), INK_2))
    worst = {name: float(np.nanmax(r.error[i])) for i, name in enumerate(r.contenders) if np.isfinite(r.error[i]).any()}
    mine, naive = (worst.get(name, np.nan) for name in ("ours", "naive"))
    return Figure(
        traces,
        [Panel(swept_axis(r), Axis(T("relative error against fp64", "相对 fp64 的误差"), log=True, range=(low, high), format=".1~e"))],
        T(f"Against fp64 ours errs by at most {number(mine, 2)} and naive attention by {number(naive, 2)}: the same answer, in another order.",
          f"相对 fp64，本站实现误差不超过 {number(mine, 2)}，朴素注意力为 {number(naive, 2)}：同一个答案，只是计算次序不同。"),
        labels,
        facts=[
            (T("ours, largest", "本站，最大"), number(mine, 2)), (T("naive, largest", "朴素，最大"), number(naive, 2)),
            (T("one rounding", "一次舍入"), number(r.rounding, 2)), (T("format", "格式"), r.dtype),
        ],
        layout={"yaxis": {"dtick": "D2"}},
    )  # fmt: skip
