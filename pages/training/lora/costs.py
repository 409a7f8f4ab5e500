"""What it costs: memory by architecture under each way of accounting, and the formula laid on measured peaks."""

from __future__ import annotations

import numpy as np

from engine.core import amounts
from engine.training.lora import Adapted
from engine.training.memory import ACCOUNTINGS, CARD
from pages.shell import T, draw

PARTS = (T("weights", "权重"), T("gradients", "梯度"), T("optimiser", "优化器"), T("activations", "激活"))
SHADES = (draw.THIRD, draw.CLASSES[6], draw.FOURTH, draw.CLASSES[8])  # orange and blue are full fine-tuning and LoRA
ROOM = 1.35  # of the longest bar, for what is written at its end
GIGA = 1e9


def memory_figure(r: Adapted) -> draw.Figure:
    """Bytes of each way of training, stacked, one moment an architecture; and how many cards that takes."""
    m = r.memory
    found, total = m.bytes / GIGA, m.bytes.sum(-1)
    at = np.arange(len(m.titles))[::-1].astype(float)
    base = np.cumsum(found, -1) - found
    traces, rows = [], {}
    for p, (name, shade) in enumerate(zip(PARTS, SHADES, strict=True)):
        rows[p] = {"x": found[..., p].astype(np.float32), "base": base[..., p].astype(np.float32)}
        traces.append(
            draw.bars(found[-1, :, p], at, shade, base=base[-1, :, p], orientation="h", name=name, width=0.72, hovertemplate="%{x:.3g} GB")
        )
    traces.append(draw.line([CARD / GIGA] * 2, [-0.6, len(at) - 0.4], dash="dash", name=T("one card, 80 GB", "一张卡，80 GB")))
    words = [[totals(t, c) for t, c in zip(*pair, strict=True)] for pair in zip(total, m.cards, strict=True)]
    sums = [[amounts.size(float(t)) for t in row] for row in total]
    ends = np.concatenate([total, ROOM * total.max(1, keepdims=True)], 1) / GIGA  # the last point only keeps room
    rows[5] = {"x": ends.astype(np.float32)}
    traces.append(
        draw.trace("scatter", x=ends[-1], y=[*at, at[0]], mode="text", text=sums[-1], textposition="middle right", hoverinfo="skip")
    )
    frames = []
    for a, name in enumerate(m.architectures):
        facts = [(T("parameters", "参数量"), (int(m.parameters[a]), "count"))]
        facts += [(m.titles[w], words[a][w]) for w in range(len(m.titles)) if w == 0 or m.full[w]]
        frames.append(draw.Frame(name, {5: {"text": sums[a]}}, facts=facts))
    return draw.Figure(
        traces,
        [
            draw.Panel(
                draw.Axis(T("gigabytes", "GB")), draw.Axis(range=(-0.6, len(at) - 0.4), ticks=(at.tolist(), list(m.titles))), key=True
            )
        ],
        T(
            "Memory of training {name}: “{full}” takes {most}; “{small}” on {targets} takes {least}.",
            "训练 {name} 所需的内存：“{full}”需 {most}；“{small}”（{targets}）需 {least}。",
            name=m.architectures[-1],
            full=m.titles[-1],
            most=words[-1][-1],
            small=m.titles[0],
            targets=m.targets,
            least=words[-1][0],
        ),
        frames=draw.Frames(T("model", "模型"), frames, rows=rows),
        table=accounting_table(),
        layout={"barmode": "overlay", "xaxis": {"autorange": True, "rangemode": "tozero"}},
    )


def totals(bytes_: float, cards: int) -> T:
    """A sum and its cards: 1.45 TB, 19 × 80 GB."""
    return T("{total:bytes}, {cards} × 80 GB", "{total:bytes}，{cards} 张 80 GB", total=float(bytes_), cards=int(cards))


def accounting_table() -> list[tuple]:
    """Bytes of a trained parameter, and which frameworks hold so many."""
    head = (
        T("bytes a trained parameter", "每个被训练参数的字节"),
        T("weight", "权重"),
        T("gradient", "梯度"),
        T("float32 gradient", "float32 梯度"),
        T("float32 weight", "float32 权重"),
        T("Adam’s moments", "Adam 的动量"),
        T("who", "何处如此"),
    )
    return [head, *((a.trained, a.weight, a.gradient, a.wide_gradient, a.master, a.moments, a.who) for a in ACCOUNTINGS)]


def peaks_figure(r: Adapted) -> draw.Figure:
    """Predicted against measured peaks of real training steps."""
    p = r.peaks
    if p is None:
        return draw.absent(T("The first step is being measured.", "正在测量第一步。"))
    both = np.concatenate([p.measured, p.predicted]) / 1e6
    ends = np.array([both.min() / 1.25, both.max() * 1.25])
    traces = [
        draw.line(ends, factor * ends, hue, dash=dash, name=name, label="end")
        for factor, hue, dash, name in (
            (1.0, draw.THEORY, "", T("as predicted", "与预测一致")),
            (1.1, draw.INK_3, "dot", "+10 %"),
            (0.9, draw.INK_3, "dot", "−10 %"),
        )
    ]
    for tokens, shade in zip(np.unique(p.tokens), (draw.MEASURED, draw.THIRD), strict=False):
        rows = np.flatnonzero(p.tokens == tokens)
        name = T("{n} tokens a step", "每步 {n} 个词元", n=int(tokens))
        traces.append(draw.points(p.predicted[rows] / 1e6, p.measured[rows] / 1e6, shade, size=12, name=name, label="start"))
    off = p.predicted / p.measured - 1
    rows = zip(p.titles, p.tokens, p.trained, p.predicted, p.measured, off, strict=True)
    return draw.Figure(
        traces,
        [
            draw.Panel(
                draw.Axis(T("predicted peak, MB", "预测峰值，MB"), log=True, range=tuple(ends)),
                draw.Axis(T("measured peak, MB", "实测峰值，MB"), log=True, range=tuple(ends), equal=True),
            )
        ],
        T(
            "{n} training steps of a small decoder, every live tensor counted: the formula is off by {off:percent} at most.",
            "对一个小解码器的 {n} 次训练统计所有存活张量：公式至多相差 {off:percent}。",
            n=len(off),
            off=float(np.abs(off).max()),
        ),
        facts=[
            (T("off by at most", "至多相差"), (float(np.abs(off).max()), "percent.2")),
            (T("median", "中位"), (float(np.median(np.abs(off))), "percent.2")),
            (T("runs", "次数"), len(off)),
        ],
        table=[
            (
                T("trained", "训练方式"),
                T("tokens", "词元"),
                T("numbers", "参数"),
                T("predicted", "预测"),
                T("measured", "实测"),
                T("off by", "相差"),
            ),
            *((t, (n, "count"), (k, "count"), (a, "bytes"), (b, "bytes"), (o, "percent.2")) for t, n, k, a, b, o in rows),
        ],
    )
