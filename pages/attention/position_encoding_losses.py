"""The figures of losses: the embedded model beyond its training length, small models with each encoding, all moved."""

from __future__ import annotations

import numpy as np

from engine.attention.position_encoding import PositionEncoded
from engine.attention.position_encoding.losses import SmallLosses
from pages.attention.position_encoding_parts import NATS, SCALING_COLORS, dotted, nats, number, room, spread, title
from pages.shell import T, grouped
from pages.shell.axes import Axis
from pages.shell.colors import INK_3, MEASURED, MUTE, SECOND
from pages.shell.figures import Figure
from pages.shell.panels import Label, Panel
from pages.shell.traces import line

BEFORE = T("tokens before the predicted one", "被预测词元之前的词元数")
NAMES = 1.3  # how much longer an axis is for the names at the ends of its curves
GAP = 0.07  # between two names, of an axis's height


def target_figure(p: PositionEncoded) -> Figure:
    """The embedded model's loss by place under each scaling."""
    t, (en, zh) = p.loss_by_position.target, p.loss_by_position.target_source
    low, high = room(t.losses)
    traces, labels = [], []
    for i, words in enumerate(t.titles):
        traces.append(line(t.places, t.losses[i], SCALING_COLORS[i], name=T(*words), connectgaps=True))
    labels += named(t.places, t.losses, [T(*words) for words in t.titles], SCALING_COLORS, (low, high))
    gained = t.losses - t.losses[0]
    fewest, most = room(gained[2:], 0.15)
    most = max(most, -0.25 * fewest)
    for i, words in enumerate(t.titles):
        inside = np.where(gained[i] <= most, gained[i], np.nan)
        traces.append(line(t.places, inside, SCALING_COLORS[i], name=T(*words), panel=1))
    if np.isfinite(gained[1]).any() and np.nanmin(gained[1]) > most:
        off = T("interpolation is above this scale", "线性内插在此刻度之上")
        labels.append(Label(t.length, most - 0.05 * (most - fewest), off, SCALING_COLORS[1], "right", 1))
    for panel, (bottom, top) in enumerate([(low, high), (fewest, most)]):
        mark = line([t.context] * 2, [bottom, top], INK_3, width=1, dash="dash", hoverinfo="skip", panel=panel)
        traces.append(mark)
    labels.append(Label(t.context, high, T(f" trained up to {t.context}", f" 训练到 {t.context}"), INK_3))
    ends = [nats(v) for v in t.at_end]
    return Figure(
        traces,
        [
            Panel(Axis(BEFORE, range=(0, NAMES * t.length)), Axis(NATS, range=(low, high))),
            Panel(Axis(BEFORE, range=(0, t.length)), Axis(T("nats more than as trained", "比照旧多出的 nat"), range=(fewest, most))),
        ],
        T(
            f"Loss of the embedded model by place, stretched {number(t.factor)} times without training. Near token {grouped(t.length)}: as trained {ends[0]}, interpolation {ends[1]}, NTK-aware {ends[2]}, YaRN {ends[3]} nats. {t.windows} texts, {en}.",
            f"内置模型按位置的损失，不经训练延长 {number(t.factor)} 倍。第 {grouped(t.length)} 个词元附近：照旧 {ends[0]}，线性内插 {ends[1]}，NTK 感知 {ends[2]}，YaRN {ends[3]} nat。{t.windows} 篇文本，{zh}。",
        ),
        labels,
        table=[
            [T("Scaling", "缩放"), T(f"up to {t.context}", f"{t.context} 以内"), T("beyond", "以外"), T(f"near {grouped(t.length)}", f"{grouped(t.length)} 附近")],
            *([T(*words), nats(a), nats(b), nats(c)] for words, a, b, c in zip(t.titles, t.inside, t.beyond, t.at_end, strict=True)),
        ],
        facts=[(T("Texts", "文本数"), str(t.windows)), *asked(p)],
        recorded=T(en, zh) if p.loss_by_position.target_recorded else "",
    )  # fmt: skip


def asked(p: PositionEncoded) -> list[tuple[T, T]]:
    """What the embedded model was read with, and how to read it with what is asked for, where that is something else."""
    t = p.loss_by_position.target
    pairs = [(T("Stretched by", "延长倍数"), t.factor, p.stretch.factor), (T("Base", "底数"), t.base, p.base)]
    made, told = [], lambda v: number(v) if v < 1000 else grouped(v)
    for name, read, wanted in pairs:
        en = zh = told(read)
        if read != wanted:
            en, zh = f"{en} (the task measures with {told(wanted)})", f"{zh}（改选实测任务即用 {told(wanted)}）"
        made.append((name, T(en, zh)))
    return [*made, (T("Positions from", "位置起于"), T.of(str(t.shift)))]


def named(
    x: np.ndarray,
    curves: np.ndarray,
    names: list[T],
    colors: list,
    rows: tuple[float, float],
    panel: int = 0,
    tail: int = 8,
) -> list[Label]:
    """Each curve's name right of its end, apart from the others', at its mean over its last `tail` points."""
    ends = [np.flatnonzero(np.isfinite(curve)) for curve in curves]
    last = [i for i, known in enumerate(ends) if known.size and known[-1] == len(x) - 1]
    heights = {i: float(np.nanmean(curves[i][-tail:])) for i in last}
    last.sort(key=lambda i: -heights[i])
    low, high = rows
    spots = spread([heights[i] for i in last], GAP * (high - low), low + GAP / 2 * (high - low))
    step = 0.015 * float(x[-1])
    return [Label(float(x[-1]) + step, y, names[i], colors[i], "left", panel) for i, y in zip(last, spots, strict=True)]


def best_of(values: np.ndarray) -> int:
    """The place of the least number, 0 where there is none."""
    return int(np.nanargmin(values)) if np.isfinite(values).any() else 0


def small_figure(p: PositionEncoded) -> Figure:
    """Held-out loss while small models learn, and their loss by place inside and beyond the training length."""
    s, (en, zh) = p.loss_by_position.small, p.loss_by_position.small_source
    best, chosen = best_of(s.at_end), (s.names.index(p.chosen.name) if p.chosen.name in s.names else 0)
    traces = [*ghosts(s, s.steps, s.curves, 0), *ghosts(s, s.places, s.losses, 1)]
    for i in dict.fromkeys((best, chosen)):
        color = MEASURED if i == chosen else SECOND
        traces.append(line(s.steps, s.curves[i], color, width=2.5, name=T(*s.titles[i])))
        traces.append(line(s.places, s.losses[i], color, width=2.5, name=T(*s.titles[i]), panel=1))
    tail = s.curves[:, 1:] if s.curves.shape[1] > 2 else s.curves
    (low, high), (floor, top) = room(tail), room(s.losses)
    traces.append(line([s.context] * 2, [floor, top], INK_3, width=1, dash="dash", hoverinfo="skip", panel=1))
    name, other = title(p, s.names[chosen]), T(*s.titles[best])
    colors = [MEASURED if i == chosen else SECOND if i == best else INK_3 for i in range(len(s.names))]
    labels = [
        Label(s.context, top, T(f" trained on {s.context}", f" 训练到 {s.context}"), INK_3, "left", 1),
        Label(float(s.steps[-1]), high - 0.08 * (high - low), name, MEASURED, "right"),
        *named(s.places, s.losses, [T(*words) for words in s.titles], colors, (floor, top), 1),
    ]
    if best != chosen:
        words = T(f"{other.en}: best far out", f"{other.zh}：远处最好")
        labels.append(Label(float(s.steps[-1]), high - 0.16 * (high - low), words, SECOND, "right"))
    rows = np.argsort(np.where(np.isfinite(s.at_end), s.at_end, np.inf))
    return Figure(
        traces,
        [
            Panel(Axis(T("training step", "训练步")), Axis(T("held-out loss, nats a token", "留出文件的损失，nat/词元"), range=(low, high))),
            Panel(Axis(BEFORE, range=(0, NAMES * s.length)), Axis(NATS, range=(floor, top))),
        ],
        T(
            f"{len(s.names)} small models that differ in their encoding alone. Up to token {s.context}, {name.en} loses {nats(s.inside[chosen])} nats; near {s.length}, {nats(s.at_end[chosen])}. Least far out: {other.en}, {nats(s.at_end[best])}. {en[0].upper()}{en[1:]}.",
            f"{len(s.names)} 个只在编码上不同的小模型。{s.context} 以内，{name.zh}的损失为 {nats(s.inside[chosen])} nat；{s.length} 附近为 {nats(s.at_end[chosen])}。远处最小的是{other.zh}：{nats(s.at_end[best])}。{zh}。",
        ),
        labels,
        table=[
            [T("Encoding", "编码"), T("parameters", "参数量"), T(f"up to {s.context}", f"{s.context} 以内"), T("beyond", "以外"), T(f"near {s.length}", f"{s.length} 附近"), T("CPU seconds", "CPU 秒")],
            *([T(*s.titles[i]), grouped(s.parameters[i]), nats(s.inside[i]), nats(s.beyond[i]), nats(s.at_end[i]), grouped(s.cpu_seconds[i])] for i in rows),
        ],
        facts=[(T("Tokens seen by each", "每个模型见过的词元"), grouped(s.tokens)), (T("Texts", "文本数"), str(s.windows)), (T("Positions from", "位置起于"), str(s.shift))],
        recorded=T(en, zh) if p.loss_by_position.small_recorded else "",
    )  # fmt: skip


def ghosts(s: SmallLosses, x: np.ndarray, curves: np.ndarray, panel: int) -> list[dict]:
    """Every model's curve, thin and grey."""
    return [
        line(x, row, MUTE, width=1, opacity=0.55, panel=panel, name=T(*words))
        for words, row in zip(s.titles, curves, strict=True)
    ]


def shifted_figure(p: PositionEncoded) -> Figure:
    """Loss of short texts whose positions all moved: only what depends on m − n alone stays level."""
    s, chosen = p.loss_by_position.small, p.chosen.name
    x = np.arange(len(s.shifts))
    moved = s.shifted - s.shifted[:, :1]
    relative = {name: bool(yes) for name, yes in zip(p.names, p.theory, strict=True)}
    absolute = [i for i, name in enumerate(s.names) if not relative[name]]
    colors = [MEASURED if relative[name] else SECOND for name in s.names]
    traces = [
        dotted(x, row, color, width=3.5 if name == chosen else 1.4, name=T(*words))
        for name, words, row, color in zip(s.names, s.titles, moved, colors, strict=True)
    ]
    low, high = room(moved, 0.12)
    titles = [T(*words) for words in s.titles]
    labels = named(x, moved[absolute], [titles[i] for i in absolute], [SECOND] * len(absolute), (low, high), tail=1)
    level = T("all that see m − n alone", "只看 m − n 的各种")
    labels.append(Label(float(x[-1]), -0.045 * (high - low), level, MEASURED, "right"))
    for i in absolute:
        if (end := np.flatnonzero(np.isfinite(moved[i]))[-1]) < len(x) - 1:
            above = float(moved[i, end]) + 0.06 * (high - low)
            labels.append(Label(float(end), above, T(f"{titles[i].en} ends", f"{titles[i].zh}到头"), SECOND, "right"))
    at = s.names.index(chosen) if chosen in s.names else 0
    worst = moved[at][np.isfinite(moved[at])][-1]
    name, (en, zh) = title(p, s.names[at]), p.loss_by_position.shifted_source
    return Figure(
        traces,
        [Panel(Axis(T("all positions moved by", "所有位置平移"), ticks=(x.tolist(), [str(v) for v in s.shifts]), range=(-0.3, x[-1] + 1.1)), Axis(T("loss gained, nats a token", "损失增量，nat/词元"), range=(low, high)))],
        T(
            f"Short texts read with all positions moved. {name.en} loses {number(float(worst), 2)} nats more at the furthest. Models that see m − n alone do not notice; learned positions end at {s.context}.",
            f"把所有位置平移后再读短文本。{name.zh}在最远处多损失 {number(float(worst), 2)} nat。只看 m − n 的模型毫无察觉；可学习的位置到 {s.context} 为止。",
        ),
        labels,
        table=[
            [T("Encoding", "编码"), *(f"+{v}" for v in s.shifts)],
            *([titles[i], *(nats(v) for v in s.shifted[i])] for i in np.argsort(-np.nan_to_num(moved[:, -1], nan=np.inf))),
        ],
        facts=[(T("Encoding", "编码"), name), (T("Gained at the furthest", "最远处的增量"), f"{number(float(worst), 2)} nat"), (T("Furthest", "最远"), str(s.shifts[np.isfinite(moved[at])][-1]))],
        recorded=T(en, zh),
    )  # fmt: skip
