"""What it costs: memory of full fine-tuning and of LoRA by architecture, the formula checked, merging timed."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.training.lora import Adapted
from pages.shell import T, grouped
from pages.shell.axes import Axis
from pages.shell.colors import FOURTH, INK_2, INK_3, MEASURED, SECOND, THEORY, THIRD
from pages.shell.figures import Figure, absent
from pages.shell.moments import Frame, Frames
from pages.shell.panels import Label, Panel
from pages.shell.traces import bars, line, points
from pages.training.lora_parts import count, number, size

PARTS = (T("weights", "权重"), T("gradients", "梯度"), T("optimiser", "优化器"), T("activations", "激活"))
SHADES = (MEASURED, SECOND, FOURTH, THIRD)
CARD = 80e9


def memory_figure(r: Adapted) -> Figure:
    """Bytes of each way of training, stacked, one moment an architecture; and how many cards that takes."""
    found = r.memory_bytes / 1e9  # (architectures, S, 4)
    at = np.arange(found.shape[1])[::-1].astype(float)
    names = [T(*words) for words in r.memory_titles]
    traces: list[Any] = []
    rows: dict[int, dict[str, np.ndarray]] = {}
    starts = np.concatenate([np.zeros_like(found[..., :1]), np.cumsum(found, -1)[..., :-1]], -1)
    for p, (words, shade) in enumerate(zip(PARTS, SHADES, strict=True)):
        rows[p] = {"x": found[..., p].astype(np.float32), "base": starts[..., p].astype(np.float32)}
        traces.append(bars(found[-1, :, p], at, shade, base=starts[-1, :, p], orientation="h", name=words,
                           width=0.72, hovertemplate="%{x:.3g} GB"))  # fmt: skip
    totals = found.sum(-1)
    last = np.full(2, CARD / 1e9)
    traces.append(line(last, [-0.6, len(at) - 0.2], THEORY, dash="dash", width=1.4, hoverinfo="skip"))
    frames = []
    for a, name in enumerate(r.architectures):
        facts = [
            (T("parameters", "参数量"), count(float(r.architecture_parameters[a]))),
            *((names[s], T(f"{size(1e9 * totals[a, s])}, {int(r.cards[a, s])} × 80 GB", f"{size(1e9 * totals[a, s])}，{int(r.cards[a, s])} 张 80 GB")) for s in (0, found.shape[1] - 1)),
        ]  # fmt: skip
        frames.append(Frame(name, facts=facts, labels=frame_labels(r, a, names, totals[a], at, found[a])))
    a = len(r.architectures) - 1
    seven = r.architectures.index("7B")
    full = found.shape[1] - 1
    return Figure(
        traces,
        [Panel(Axis(T("gigabytes", "GB")), Axis("", range=(-0.6, len(at) + 0.15), ticks=(at.tolist(), names)))],
        T(f"Memory of training {r.architectures[a]}: “{names[full].en}” takes {size(1e9 * totals[a, full])}, {int(r.cards[a, full])} cards of 80 GB; “{names[0].en}” on {r.targets[0]} takes {size(1e9 * totals[a, 0])}, {int(r.cards[a, 0])}. For 7B: {int(r.cards[seven, full])} and {int(r.cards[seven, 0])}.",
          f"训练 {r.architectures[a]} 所需的内存：“{names[full].zh}”需 {size(1e9 * totals[a, full])}，即 {int(r.cards[a, full])} 张 80 GB 卡；“{names[0].zh}”（{r.targets[1]}）需 {size(1e9 * totals[a, 0])}，{int(r.cards[a, 0])} 张。7B 则为 {int(r.cards[seven, full])} 张与 {int(r.cards[seven, 0])} 张。"),
        frame_labels(r, a, names, totals[a], at, found[a]),
        Frames(T("model", "模型"), frames, rows=rows),
        table=table(r, names, totals),
        layout={"barmode": "overlay", "xaxis": {"autorange": True, "rangemode": "tozero"}},
    )  # fmt: skip


def frame_labels(
    r: Adapted, a: int, names: list[T], totals: np.ndarray, at: np.ndarray, parts: np.ndarray
) -> list[Label]:
    """Totals at the bars' ends, the parts' names over the longest bar, the card."""
    made = [
        Label(float(t) + 0.008 * float(totals.max()), float(y), T(f"{size(1e9 * t)}, {int(c)} × 80 GB", f"{size(1e9 * t)}，{int(c)} 张 80 GB"), INK_2)
        for t, y, c in zip(totals, at, r.cards[a], strict=True) if t < 0.72 * totals.max()
    ]  # fmt: skip
    longest = int(np.argmax(totals))
    where = np.cumsum(parts[longest]) - parts[longest] / 2
    for p, words in enumerate(PARTS):
        if parts[longest, p] > 0.07 * totals.max():
            made.append(Label(float(where[p]), float(at[longest]) - 0.52, words, SHADES[p], "center"))
    made.append(
        Label(
            float(totals.max()),
            float(at[longest]) + 0.52,
            T(
                f"{size(1e9 * totals[longest])}, {int(r.cards[a, longest])} × 80 GB",
                f"{size(1e9 * totals[longest])}，{int(r.cards[a, longest])} 张 80 GB",
            ),
            INK_2,
            "right",
        )
    )
    if totals.max() > 30:
        made.append(Label(CARD / 1e9, len(at) - 0.05, T("one card, 80 GB", "一张卡，80 GB"), THEORY, "center"))
    return made


def table(r: Adapted, names: list[T], totals: np.ndarray) -> list[tuple]:
    """Gigabytes and cards of every architecture and way of training."""
    head = (T("model", "模型"), T("parameters", "参数量"), *names)
    rows = [
        (name, count(float(r.architecture_parameters[a])), *(f"{size(1e9 * t)} · {int(c)}" for t, c in zip(totals[a], r.cards[a], strict=True)))
        for a, name in enumerate(r.architectures)
    ]  # fmt: skip
    return [head, *rows]


def peaks_figure(r: Adapted) -> Figure:
    """Predicted against measured peaks of real training steps."""
    p = r.peaks
    if p is None:
        why = T("Choose the task “memory and speed” to measure.", "选择任务“内存与速度”开始测量。")
        return absent(T("The first step is being measured.", "正在测量第一步。") if r.task == "memory" else why)
    few, many = p.tokens.min(), p.tokens.max()
    low, high = (
        float(min(p.measured.min(), p.predicted.min())) / 1.25,
        float(max(p.measured.max(), p.predicted.max())) * 1.25,
    )
    ends = np.array([low, high]) / 1e6
    traces: list[Any] = [
        line(ends, ends, THEORY, width=1.6, name=T("as predicted", "与预测一致")),
        line(ends, 1.1 * ends, INK_3, dash="dot", width=1, hoverinfo="skip"), line(ends, 0.9 * ends, INK_3, dash="dot", width=1, hoverinfo="skip"),
    ]  # fmt: skip
    for tokens, shade in ((few, MEASURED), (many, SECOND)) if many > few else ((few, MEASURED),):
        rows = np.flatnonzero(p.tokens == tokens)
        traces.append(
            points(
                p.predicted[rows] / 1e6,
                p.measured[rows] / 1e6,
                shade,
                size=12,
                name=T(f"{tokens} tokens a step", f"每步 {tokens} 个词元"),
            )
        )
    off = np.abs(p.predicted / p.measured - 1)
    labels = [
        Label(float(ends[0]) * 1.06, float(ends[1]) / 1.06, T(f"{few} tokens a step", f"每步 {few} 个词元"), MEASURED),
        Label(float(ends[0]) * 1.06, float(ends[1]) / 1.06**2.6, T(f"{many} tokens a step", f"每步 {many} 个词元"), SECOND),
        Label(float(ends[1]) / 1.5, float(ends[1]) / 1.5 * 1.14, "+10 %", INK_2, "right"), Label(float(ends[1]) / 1.5, float(ends[1]) / 1.5 * 0.84, "−10 %", INK_2),
    ]  # fmt: skip
    rows = [(T(*t), grouped(float(n)), grouped(float(k)), size(a), size(b), f"{100 * (a / b - 1):+.1f} %".replace("-", "−"))
            for t, n, k, a, b in zip(p.titles, p.tokens, p.trained, p.predicted, p.measured, strict=True)]  # fmt: skip
    return Figure(
        traces,
        [Panel(Axis(T("predicted peak, MB", "预测峰值，MB"), log=True, range=(ends[0], ends[1])), Axis(T("measured peak, MB", "实测峰值，MB"), log=True, range=(ends[0], ends[1]), equal=True))],
        T(f"{len(p.measured)} training steps of a small decoder, every live tensor counted: the formula is off by {100 * off.max():.1f} % at most.",
          f"对一个小解码器的 {len(p.measured)} 次训练统计所有存活张量：公式至多相差 {100 * off.max():.1f} %。"),
        labels,
        facts=[(T("off by at most", "至多相差"), f"{100 * off.max():.1f} %"), (T("median", "中位"), f"{100 * np.median(off):.1f} %"), (T("runs", "次数"), str(len(off)))],
        table=[(T("trained", "训练方式"), T("tokens", "词元"), T("numbers", "参数"), T("predicted", "预测"), T("measured", "实测"), T("off by", "相差")), *rows],
    )  # fmt: skip


def merging_figure(r: Adapted) -> Figure:
    """Milliseconds of a forward pass: the base layer, the adapter beside it, merged."""
    m = r.merging
    if m is None:
        return absent(T("This is timed when training is done.", "训练结束后才会计时。"))
    names = [T("base", "原层"), T("adapter beside it", "旁挂适配器"), T("merged", "合并后")]
    at = np.array([2.0, 1.0, 0.0])
    traces: list[Any] = []
    for k, shade in enumerate((INK_3, SECOND, MEASURED)):
        error = {"type": "data", "symmetric": False, "array": [m.high[k] - m.milliseconds[k]], "arrayminus": [m.milliseconds[k] - m.low[k]], "color": INK_2, "thickness": 1.5, "width": 6}  # fmt: skip
        traces.append(
            bars([m.milliseconds[k]], [at[k]], shade, orientation="h", width=0.6, name=names[k], error_x=error)
        )
    ratio = m.milliseconds / m.milliseconds[0]
    top = float(m.high.max())
    labels = [
        Label(0.015 * top, float(at[k]) + 0.42, T(f"{number(m.milliseconds[k])} ms · {ratio[k]:.2f} × base · {grouped(float(m.numbers[k]))} products", f"{number(m.milliseconds[k])} ms · 原层的 {ratio[k]:.2f} 倍 · {grouped(float(m.numbers[k]))} 次乘法"), INK_2)
        for k in range(3)
    ]  # fmt: skip
    restored = T("every bit", "逐位一致") if m.restored else T("not exactly", "不完全一致")
    return Figure(
        traces,
        [Panel(Axis(T("milliseconds, median and middle 60 %", "毫秒，中位数与中间 60 %"), range=(0, top * 1.08)), Axis("", range=(-0.5, 2.7), ticks=(at.tolist(), names)))],
        T(f"A layer of {m.width} × {m.width} on {m.rows} inputs: the adapter of rank {m.rank} beside it takes {ratio[1]:.2f} times the base’s time, merged {ratio[2]:.2f} times, timed here.",
          f"{m.width} × {m.width} 的层，{m.rows} 个输入：旁挂秩 {m.rank} 的适配器用时为原层的 {ratio[1]:.2f} 倍，合并后为 {ratio[2]:.2f} 倍（本机计时）。"),
        labels,
        facts=[
            (T("merged against beside", "合并与旁挂之差"), number(m.difference, 2)), (T("unmerging restores", "撤销合并后恢复"), restored),
            (T("rank", "秩"), str(m.rank)), (T("runs", "次数"), str(m.runs)),
        ],
    )  # fmt: skip
