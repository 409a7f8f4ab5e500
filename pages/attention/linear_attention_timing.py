"""What was measured on this machine: time, memory, the crossover, error, and the share of what the machine can do."""

from __future__ import annotations

import numpy as np

from engine.attention.linear_attention import LinearAttended
from pages.attention.linear_attention_parts import apart, decades, duration, memory, number, percent, reach, span, whole
from pages.shell import T
from pages.shell.axes import Axis
from pages.shell.colors import FOURTH, INK_2, MEASURED, MUTE, SECOND, THEORY, THIRD
from pages.shell.figures import Figure, absent
from pages.shell.panels import Label, Panel
from pages.shell.traces import line, points

SHORT = {
    "naive": T("softmax, naive", "softmax，朴素"),
    "flash": T("softmax, flash", "softmax，flash"),
    "efficient": T("softmax, efficient", "softmax，efficient"),
    "cudnn": T("softmax, cuDNN", "softmax，cuDNN"),
    "chunked": T("linear, chunked", "线性，分块"),
    "unmasked": T("linear, Q(KᵀV)", "线性，Q(KᵀV)"),
    "with features": T("with feature map", "含特征映射"),
    "all pairs": T("linear, all pairs", "线性，逐对"),
    "recurrent": T("linear, one by one", "线性，逐个"),
}
STYLES = {
    "naive": (FOURTH, "", 1.6), "flash": (SECOND, "", 2.4), "efficient": (SECOND, "dash", 1.8), "cudnn": (SECOND, "dot", 1.8),
    "chunked": (MEASURED, "", 3.0), "unmasked": (MEASURED, "", 3.0), "with features": (MEASURED, "dot", 1.4),
    "all pairs": (THIRD, "", 1.6), "recurrent": (MUTE, "dash", 1.6),
}  # fmt: skip
OURS = ("chunked", "unmasked")
ROOM = 9.0  # of a logarithmic axis to the right of the last length, for the names


def ours(r: LinearAttended) -> int:
    return next(r.contenders.index(name) for name in OURS if name in r.contenders)


def curves(
    r: LinearAttended,
    values: np.ndarray,
    shown: list[str],
    scale: tuple[float, float],
    gap: float = 0.06,
    **options: object,
) -> tuple[list, list[Label]]:
    """A line with points for each contender, and its name at the end of it. scale: the ends of the
    values' axis. gap: the least share of it between two names."""
    panel = int(options.get("panel", 0))
    lengths = r.lengths.astype(float)
    rows = [r.contenders.index(name) for name in shown]
    traces, ends = [], np.full(len(rows), np.nan)
    last = np.zeros(len(rows), int)
    for place, row in enumerate(rows):
        color, dash, width = STYLES[shown[place]]
        seen = np.flatnonzero(np.isfinite(values[row]) & (values[row] > 0))
        traces.append(line(lengths, values[row], color, dash=dash, width=width, hoverinfo="skip", panel=panel))
        traces.append(points(lengths, values[row], color, size=7, name=SHORT[shown[place]], panel=panel))
        if len(seen):
            last[place], ends[place] = seen[-1], values[row, seen[-1]]
    whole_way = last == last.max()
    labels = []
    at_end = apart(np.where(whole_way, ends, np.nan), (scale[1] / scale[0]) ** gap)
    for place, name in enumerate(shown):
        color = STYLES[name][0]
        if np.isfinite(at_end[place]):
            labels.append(
                Label(lengths[-1] * 1.12, at_end[place], SHORT[name], color if color != MUTE else INK_2, "left", panel)
            )
        elif np.isfinite(ends[place]):
            labels.append(
                Label(
                    lengths[last[place]] * 1.1,
                    ends[place] * 1.25,
                    SHORT[name],
                    INK_2 if color == MUTE else color,
                    "left",
                    panel,
                )
            )
    return traces, labels


def axis_of_lengths(r: LinearAttended) -> Axis:
    some = r.lengths.tolist()
    return Axis(
        T("length N, tokens", "长度 N，词元"),
        log=True,
        range=(some[0] / 1.3, some[-1] * ROOM),
        ticks=(some, [whole(n) if (len(some) - i) % 2 else "" for i, n in enumerate(some)]),
    )


def waiting(r: LinearAttended) -> Figure | None:
    """What stands in while nothing has been measured."""
    if r.lengths is None:
        return absent(T("Choose “time it here” to measure.", "选择“在本机计时”开始测量。"))
    if not np.isfinite(r.milliseconds).any():
        return absent(T("The first length is being measured.", "正在测量第一个长度。"))
    return None


def crossing_figure(r: LinearAttended) -> Figure:
    """Time against length for every contender, and where linear attention overtakes softmax."""
    if (figure := waiting(r)) is not None:
        return figure
    shown = [name for name in STYLES if name in r.contenders]
    low, high = reach(r.milliseconds, pad=2.2)
    traces, labels = curves(r, r.milliseconds, shown, (low, high))
    row = ours(r)
    error = {"type": "data", "symmetric": False, "array": r.milliseconds_high[row] - r.milliseconds[row],
             "arrayminus": r.milliseconds[row] - r.milliseconds_low[row], "color": MEASURED, "thickness": 1.2, "width": 3}  # fmt: skip
    traces[2 * shown.index(r.contenders[row]) + 1]["error_y"] = error
    if np.isfinite(r.crossover):
        traces.append(
            line([r.crossover, r.crossover], [low, high], THEORY, dash="dot", width=1.4, name=T("crossover", "交叉点"))
        )
        labels.append(
            Label(
                r.crossover,
                high / 1.5,
                T(f" crossover: {whole(round(r.crossover))}", f" 交叉点：{whole(round(r.crossover))}"),
                THEORY,
                "right",
            )
        )
    return Figure(
        traces,
        [Panel(axis_of_lengths(r), Axis(T("milliseconds", "毫秒"), log=True, range=(low, high), ticks=decades(low, high)))],
        T(*r.finding) if r.finding[0] and np.isfinite(r.milliseconds[:, -1]).any() else T("Time against length, as it is measured.", "时间随长度的变化，正在测量。"),
        labels,
        facts=[
            (T("crossover", "交叉点"), T(f"N = {whole(round(r.crossover))}", f"N = {whole(round(r.crossover))}") if np.isfinite(r.crossover) else T("none here", "此处没有")),
            (T("linear, longest", "线性，最长处"), duration(float(r.milliseconds[row][-1]))),
            (T("best softmax", "最快的 softmax"), duration(float(r.best_softmax_milliseconds[-1]))),
            (T("linear grows like", "线性增长如"), T(f"N^{number(r.time_exponents[row], 2)}", f"N^{number(r.time_exponents[row], 2)}")),
            (T("matrix product reaches", "矩阵乘法达到"), f"{number(1000 * r.ceiling_tflops)} GFLOP/s"),
            (T("a copy reaches", "拷贝达到"), f"{number(r.bandwidth)} GB/s"),
        ],
        table=table(r),
    )  # fmt: skip


def table(r: LinearAttended) -> list[tuple]:
    """Every contender at the last length where it was measured."""
    head = (T("contender", "方案"), "N", T("median", "中位数"), T("middle 60 %", "中间 60 %"), T("runs", "次数"), T("GFLOP/s", "GFLOP/s"),
            T("of the ceiling", "占上限"), T("memory", "内存"), T("error", "误差"), T("time grows", "时间增长"))  # fmt: skip
    rows = []
    for i, name in enumerate(r.contenders):
        seen = np.flatnonzero(np.isfinite(r.milliseconds[i]))
        if not len(seen):
            rows.append((SHORT[name], *["–"] * 9))
            continue
        p = seen[-1]
        rows.append((
            SHORT[name], whole(r.lengths[p]), duration(r.milliseconds[i, p]),
            span(r.milliseconds_low[i, p], r.milliseconds_high[i, p]), str(int(r.runs[i, p])),
            number(1000 * r.tflops[i, p]), percent(r.share[i, p]), memory(r.extra_bytes[i, p]), number(r.error[i, p], 2),
            f"N^{number(r.time_exponents[i], 2)}" if np.isfinite(r.time_exponents[i]) else "–",
        ))  # fmt: skip
    return [head, *rows]


def memory_figure(r: LinearAttended) -> Figure:
    """Extra memory against length."""
    if (figure := waiting(r)) is not None:
        return figure
    shown = [name for name in STYLES if name in r.contenders and name not in ("with features", "recurrent")]
    low, high = reach(r.extra_bytes, pad=2.5)
    traces, labels = curves(r, r.extra_bytes, shown, (low, high))
    row = ours(r)
    naive = r.contenders.index("naive")
    at = np.flatnonzero(np.isfinite(r.extra_bytes[naive]) & np.isfinite(r.extra_bytes[row]))
    times = r.extra_bytes[naive, at[-1]] / r.extra_bytes[row, at[-1]] if len(at) else np.nan
    n = whole(r.lengths[at[-1]]) if len(at) else "–"
    return Figure(
        traces,
        [Panel(axis_of_lengths(r), Axis(T("extra memory, bytes", "额外内存，字节"), log=True, range=(low, high), format="~s"))],
        T(f"At {n} tokens naive softmax holds {number(times)} times the memory of linear attention; its memory grows with the square of the length.",
          f"{n} 个词元时，朴素 softmax 占用的内存是线性注意力的 {number(times)} 倍；其内存随长度的平方增长。"),
        labels,
        facts=[
            (T("linear", "线性"), memory(r.extra_bytes[row, at[-1]] if len(at) else np.nan)),
            (T("softmax, naive", "softmax，朴素"), memory(r.extra_bytes[naive, at[-1]] if len(at) else np.nan)),
            (T("linear grows like", "线性增长如"), f"N^{number(r.memory_exponents[row], 2)}"),
            (T("naive grows like", "朴素增长如"), f"N^{number(r.memory_exponents[naive], 2)}"),
        ],
    )  # fmt: skip


def accuracy_figure(r: LinearAttended) -> Figure:
    """Share of the measured ceiling, and error against fp64, by length."""
    if (figure := waiting(r)) is not None:
        return figure
    shown = [name for name in STYLES if name in r.contenders and name not in ("with features", "recurrent")]
    row, shares, errors = ours(r), reach(r.share, pad=2), reach(r.error, pad=4)
    left, names = curves(r, r.share, shown, shares, 0.085)
    right, others = curves(
        r, np.where(r.error > 0, r.error, np.nan), [n for n in shown if n != "all pairs"], errors, 0.085, panel=1
    )
    best = float(np.nanmax(r.share[row])) if np.isfinite(r.share[row]).any() else np.nan
    worst = float(np.nanmax(r.error[row])) if np.isfinite(r.error[row]).any() else np.nan
    return Figure(
        left + right,
        [Panel(axis_of_lengths(r), Axis(T("FLOP/s ÷ matrix product's", "FLOP/s ÷ 矩阵乘法的"), log=True, range=shares, ticks=(decades(*shares)[0], [percent(x) for x in decades(*shares)[0]])),
               title=T("useful work, of the ceiling", "有效计算占上限")),
         Panel(axis_of_lengths(r), Axis("", log=True, range=errors, ticks=decades(*errors)), title=T("error against fp64", "相对 fp64 的误差"))],
        T(f"Linear attention reaches {percent(best)} of what a large matrix product reaches here, with an error of at most {number(worst, 2)} against fp64.",
          f"线性注意力达到此处大矩阵乘法的 {percent(best)}，相对 fp64 的误差不超过 {number(worst, 2)}。"),
        names + others,
        facts=[
            (T("linear, of the ceiling", "线性，占上限"), percent(best)), (T("ceiling", "上限"), f"{number(1000 * r.ceiling_tflops)} GFLOP/s"),
            (T("largest error", "最大误差"), number(worst, 2)), (T("format", "格式"), r.dtype),
        ],
    )  # fmt: skip
