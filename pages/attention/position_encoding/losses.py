"""The figures of losses: the embedded model beyond its training length, small models with each encoding, all moved."""

from __future__ import annotations

import numpy as np

from engine.attention.position_encoding import PositionEncoded
from engine.attention.position_encoding.result import Curves
from pages.attention.position_encoding.parts import NATS, SCALING_COLORS, around, title
from pages.shell import T, draw

BEFORE = T("tokens before the predicted one", "被预测词元之前的词元数")
NAMES = 1.35  # how much longer an axis is for the names at the ends of its curves


def by_place(c: Curves) -> tuple[T, T, T]:
    """The heads of a table of means: within the training length, beyond it, at the end."""
    near = T("near {length:count}", "{length:count} 附近", length=c.length)
    return T("up to {context:count}", "{context:count} 以内", context=c.context), T("beyond", "以外"), near


def trained(c: Curves, height: tuple[float, float], panel: int = 0) -> dict:
    """A stroke where the training length ends."""
    name = T("trained on {context:count}", "训练到 {context:count}", context=c.context)
    return draw.line([c.context] * 2, height, draw.INK_3, width=1, dash="dash", name=name, label="end", panel=panel, hoverinfo="skip")


def fixed(values: np.ndarray, i: int) -> tuple[float, str]:
    return float(values[i]), "fixed"


def target_figure(p: PositionEncoded) -> draw.Figure:
    """Loss of the embedded model by place under each scaling."""
    t, source = p.loss_by_position.target, p.loss_by_position.target_source
    gained = t.losses - t.losses[0]
    height = around(t.losses)
    # Interpolation, untrained, is far worse than the others: the second panel is theirs.
    fewest, most = around(gained[2:], 0.15)
    most = max(most, -0.25 * fewest)
    within = np.where(gained <= most, gained, np.nan)
    traces = draw.curves(t.places, dict(zip(t.titles, t.losses, strict=True)), colors=SCALING_COLORS, connectgaps=True)
    traces += draw.curves(t.places, dict(zip(t.titles, within, strict=True)), colors=SCALING_COLORS, panel=1, label=None)
    traces += [trained(t, height), trained(t, (fewest, most), 1)]
    ends = T.joined([T("{name} {loss:fixed}", "{name} {loss:fixed}", name=n, loss=v) for n, v in zip(t.titles, t.at_end, strict=True)])
    rows = [(t.titles[i], *(fixed(values, i) for values in (t.inside, t.beyond, t.at_end))) for i in range(len(t.names))]
    gain = T("nats more than as trained", "比照旧多出的 nat")
    return draw.Figure(
        traces,
        [
            draw.Panel(draw.Axis(BEFORE, range=(0, NAMES * t.length)), draw.Axis(NATS, range=height)),
            draw.Panel(draw.Axis(BEFORE, range=(0, t.length)), draw.Axis(gain, range=(fewest, most))),
        ],
        T(
            "Loss of the embedded model by place, stretched {factor:number} times without training. Near token {length:count}, in nats: {ends}. {n} texts, {source}.",
            "内置模型按位置的损失，不经训练延长 {factor:number} 倍。第 {length:count} 个词元附近（nat）：{ends}。{n} 篇文本，{source}。",
            factor=t.factor,
            length=t.length,
            ends=ends,
            n=t.windows,
            source=source,
        ),
        table=[(T("Scaling", "缩放"), *by_place(t)), *rows],
        facts=[(T("Texts", "文本数"), t.windows), *asked(p), (T("Positions from", "位置起于"), t.shift)],
        recorded=source if p.loss_by_position.target_recorded else "",
    )


def asked(p: PositionEncoded) -> list[tuple[T, T]]:
    """What the embedded model was read with, and how to read it with what is asked for, where that is something else."""
    t, found = p.loss_by_position.target, []
    for name, read, wanted in ((T("Stretched by", "延长倍数"), t.factor, p.stretch.factor), (T("Base", "底数"), t.base, p.base)):
        same = T("{read:number}", "{read:number}", read=read)
        other = T(
            "{read:number} (the task measures with {wanted:number})",
            "{read:number}（改选实测任务即用 {wanted:number}）",
            read=read,
            wanted=wanted,
        )
        found.append((name, same if read == wanted else other))
    return found


def small_figure(p: PositionEncoded) -> draw.Figure:
    """Held-out loss while small models learn, and their loss by place inside and beyond the training length."""
    s, source = p.loss_by_position.small, p.loss_by_position.small_source
    order = np.argsort(np.where(np.isfinite(s.at_end), s.at_end, np.inf))
    chosen, best = s.names.index(p.chosen.name), int(order[0])
    colors = {chosen: draw.MEASURED} | ({best: draw.SECOND} if best != chosen else {})
    traces = []
    for panel, (x, curves) in enumerate(((s.steps, s.curves), (s.places, s.losses))):
        for i in sorted(range(len(s.names)), key=lambda i: i in colors):  # what is picked out lies on top
            style = {"width": 2.5, "label": "end"} if i in colors else {"width": 1, "opacity": 0.55}
            traces.append(draw.line(x, curves[i], colors.get(i, draw.MUTE), name=s.titles[i], panel=panel, **style))
    tail = s.curves[:, 1:] if s.curves.shape[1] > 2 else s.curves  # the loss of a fresh model would flatten the rest
    height = around(s.losses)
    traces.append(trained(s, height, 1))
    held_out = T("held-out loss, nats a token", "留出文件的损失，nat/词元")
    rows = [
        (
            s.titles[i],
            (s.parameters[i], "count"),
            *(fixed(values, i) for values in (s.inside, s.beyond, s.at_end)),
            (s.cpu_seconds[i], "seconds"),
        )
        for i in order
    ]
    return draw.Figure(
        traces,
        [
            draw.Panel(
                draw.Axis(T("training step", "训练步"), range=(0, NAMES * float(s.steps[-1]))),
                draw.Axis(held_out, range=around(tail)),
                key=[(draw.MUTE, T("the other encodings", "其余的编码"), "line")],
            ),
            draw.Panel(draw.Axis(BEFORE, range=(0, NAMES * s.length)), draw.Axis(NATS, range=height)),
        ],
        T(
            "{n} small models that differ in their encoding alone. Up to token {context}, {name} loses {inside:fixed} nats; near {length:count}, {end:fixed}; {other}, {least:fixed}. {windows} texts, {source}.",
            "{n} 个只在编码上不同的小模型。{context} 以内，{name}的损失为 {inside:fixed} nat；{length:count} 附近为 {end:fixed}，{other}为 {least:fixed}。{windows} 篇文本，{source}。",
            n=len(s.names),
            context=s.context,
            name=title(p, p.chosen.name),
            inside=s.inside[chosen],
            length=s.length,
            end=s.at_end[chosen],
            other=s.titles[best],
            least=s.at_end[best],
            windows=s.windows,
            source=source,
        ),
        table=[(T("Encoding", "编码"), T("parameters", "参数量"), *by_place(s), T("CPU time", "CPU 时间")), *rows],
        facts=[
            (T("Tokens seen by each", "每个模型见过的词元"), (s.tokens, "count")),
            (T("Texts", "文本数"), s.windows),
            (T("Positions from", "位置起于"), s.shift),
        ],
        recorded=source if p.loss_by_position.small_recorded else "",
    )


def shifted_figure(p: PositionEncoded) -> draw.Figure:
    """Loss of short texts whose positions all moved: only what depends on m − n alone stays level."""
    s, source = p.loss_by_position.small, p.loss_by_position.shifted_source
    x, moved = np.arange(len(s.shifts)), s.shifted - s.shifted[:, :1]
    relative = dict(zip(p.names, p.theory.tolist(), strict=True))
    traces = []
    for name, words, gained in zip(s.names, s.titles, moved, strict=True):
        color, width = draw.MEASURED if relative[name] else draw.SECOND, 3.5 if name == p.chosen.name else 1.4
        label = {"label": "end"} if not relative[name] or name == p.chosen.name else {}
        traces.append(draw.line(x, gained, color, width=width, name=words, **label) | {"mode": "lines+markers"})
    own = moved[s.names.index(p.chosen.name)]
    last = int(np.flatnonzero(np.isfinite(own))[-1])
    steps = draw.Axis(
        T("all positions moved by", "所有位置平移"), ticks=(x.tolist(), [str(v) for v in s.shifts]), range=(-0.3, x[-1] + 1.3)
    )
    key = [(draw.MEASURED, T("see m − n alone", "只看 m − n")), (draw.SECOND, T("see m and n", "看 m 与 n"))]
    rows = [(s.titles[i], *(fixed(s.shifted[i], j) for j in x)) for i in np.argsort(-np.nan_to_num(moved[:, -1], nan=np.inf))]
    name = title(p, p.chosen.name)
    return draw.Figure(
        traces,
        [draw.Panel(steps, draw.Axis(T("loss gained, nats a token", "损失增量，nat/词元"), range=around(moved, 0.12)), key=key)],
        T(
            "Short texts read with all positions moved. {name} loses {worst:number.2} nats more at the furthest. Models that see m − n alone do not notice; learned positions end at {context}.",
            "把所有位置平移后再读短文本。{name}在最远处多损失 {worst:number.2} nat。只看 m − n 的模型毫无察觉；可学习的位置到 {context} 为止。",
            name=name,
            worst=own[last],
            context=s.context,
        ),
        table=[(T("Encoding", "编码"), *(f"+{v}" for v in s.shifts)), *rows],
        facts=[
            (T("Encoding", "编码"), name),
            (T("Gained at the furthest", "最远处的增量"), T("{worst:number.2} nat", "{worst:number.2} nat", worst=own[last])),
            (T("Furthest", "最远"), (s.shifts[last], "count")),
        ],
        recorded=source,
    )
