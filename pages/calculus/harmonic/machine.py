"""The harmonic sum in a number format: where it stops, why, and what the other orders of addition do."""

from __future__ import annotations

import numpy as np

from engine.calculus.harmonic import Summed
from engine.core import amounts
from pages.shell import T
from pages.shell.axes import Axis
from pages.shell.colors import MEASURED, MUTE, REJECT, SECOND, THEORY
from pages.shell.figures import Figure
from pages.shell.moments import Frame, Frames
from pages.shell.panels import Label, Panel
from pages.shell.traces import band, line, points

MOMENTS = 48
ORDERS = {
    "forward": T("forward", "从前往后"),
    "backward": T("backward", "从后往前"),
    "pairwise": T("pairwise", "两两相加"),
    "kahan": T("Kahan", "Kahan 补偿"),
}
LAST_ADDED = T("k, the term 1/k being the last one added", "k（最后加入的项是 1/k）")
BACKWARDS = T("k, added from the right end to the left", "k（从右端加到左端）")


def said(r: Summed, topic: str) -> T:
    """The finding of a topic, which tells what its figure shows."""
    return next(finding.text for finding in r.findings if finding.topic == topic)


def reach(*values: np.ndarray | float, log: bool = False, pad: float = 0.05) -> tuple[float, float]:
    """The ends of an axis that shows all of the values, with a margin of so much of their span at either end."""
    flat = np.concatenate([np.ravel(np.asarray(v, float)) for v in values])
    flat = flat[np.isfinite(flat) & ((flat > 0) | (not log))]
    if not len(flat):
        return (0.1, 10.0) if log else (0.0, 1.0)
    ends = np.array([flat.min(), flat.max()])
    low, high = np.log(ends) if log else ends
    margin = pad * (high - low) or 0.5
    low, high = (low - margin, high + margin) if not log else np.exp([low - margin, high + margin])
    return float(low), float(high)


def stop_figure(r: Summed) -> Figure:
    """The machine's sum beside the exact one, term by term, and what is missing at the end."""
    m = r.machine
    stop = m.still_from
    end, left = max(m.terms, 2), _start(r)
    top = 1.18 * float(max(m.exact_sums.max(), m.sums.max(), r.h_n))
    seen = m.k >= left
    k, sums, exact = m.k[seen], m.sums[seen], m.exact_sums[seen]
    traces = [
        line(k, exact, THEORY, width=1.6, name=T("exact", "精确")),
        line(k, sums, MEASURED, width=2.8, name=T("on the machine", "机器上")),
    ]
    width = np.log(end / left)
    at = lambda share: float(left * np.exp(share * width))  # noqa: E731
    last = end if m.order != "backward" else left
    off, side = abs(m.error), "right" if m.order != "backward" else "left"
    labels = []
    if off > 0.04 * top and m.added == m.terms:
        traces.append(line([last, last], [m.total, m.exact], REJECT, width=5, name=T("missing", "缺少")))
        missing = (
            T("{off:number.3} is missing ", "缺少 {off:number.3} ", off=off)
            if m.error < 0
            else T("{off:number.3} too much ", "多了 {off:number.3} ", off=off)
        )
        labels.append(Label(at(0.985) if side == "right" else at(0.015), max(m.total, m.exact) + 0.06 * top, missing, REJECT, side))
    if stop is not None and left < stop <= end:
        traces.append(line([stop, stop], [0, m.sums[-1]], REJECT, dash="dot", width=1.6, name=T("stops", "停止")))
        words = T("stops at k = {stop} ", "停在 k = {stop} ", stop=amounts.count(stop))
        labels.append(Label(stop, 0.07 * top, words, REJECT, "right"))
    turned = -1 if m.order == "backward" else 1
    rises = np.interp(np.log(at(0.45)), np.log(k[::turned]), exact[::turned])
    labels += [
        Label(at(0.45), float(rises) + 0.07 * top, T("exact sum", "精确的和"), THEORY, "right" if turned == 1 else "left"),
        Label(
            at(0.98 if turned == 1 else 0.02),
            m.total - 0.09 * top,
            T("{dtype}: {total}", "{dtype}：{total}", dtype=m.dtype, total=amounts.number(m.total, 6)),
            MEASURED,
            side,
        ),
    ]
    moments = np.unique(np.linspace(1, len(k), MOMENTS).astype(int)).tolist()
    frames = [Frame(amounts.count(k[i - 1]), {0: {"upto": i}, 1: {"upto": i}}) for i in moments]
    return Figure(
        traces,
        [
            Panel(
                Axis(BACKWARDS if turned == -1 else LAST_ADDED, log=True, range=(left, end * 1.04)),
                Axis(T("sum so far", "到此为止的和"), range=(0, top)),
            )
        ],
        (T("{machine} It was {how}.", "{machine}（{how}。）", machine=said(r, "machine"), how=T.of(m.how)) if stop else said(r, "machine")),
        labels,
        Frames("k", frames) if len(frames) > 1 else None,
        facts=[
            (T("the machine's sum", "机器的和"), amounts.number(m.total, 9)),
            (T("exact sum", "精确的和"), amounts.number(m.exact, 9)),
            (T("error", "误差"), amounts.number(m.error, 3)),
            (T("stops at k", "停在 k"), amounts.count(stop) if stop else T("not by here", "尚未停")),
        ],
    )


def _start(r: Summed) -> float:
    """Where the axis starts: at 1, or where a long climb to the stop would leave little room for what follows it."""
    stop = r.machine.still_from
    if r.machine.order != "forward" or stop is None or stop >= r.machine.terms:
        return 1.0
    return 10.0 ** np.floor(np.log10(max(stop / 50, 1.0)))


def why_figure(r: Summed) -> Figure:
    """The next term against half a unit in the sum's last place; beside it, the error that follows."""
    m = r.machine
    k, half, term = m.k, m.half_ulp, m.term
    traces = [
        line(k, half, MEASURED, width=2.2, name=T("half a unit in the last place", "末位单位的一半")),
        line(k, term, THEORY, name=T("the term 1/k", "项 1/k")),
        line(k, _positive(m.errors), SECOND, panel=1, name=T("error", "误差")),
    ]
    first = float(k.min())
    low = float(min(term.min(), half.min()))
    bottom, top = low**1.12 / 4, 3.0
    at = first * (float(k.max()) / first) ** 0.36
    labels = [
        Label(
            first * 1.15,
            float(half.min()) * (bottom / float(half.min())) ** 0.4,
            T("half a unit in the last place", "末位单位的一半"),
            MEASURED,
        ),
        Label(at, (top / at) ** 0.5, T("the next term, 1/k", "下一项 1/k"), THEORY),
    ]
    stop = m.still_from
    if stop is not None and (k >= stop).sum() > 1:
        lost = k >= stop
        shade = REJECT if m.order == "forward" else MUTE
        traces += band(k[lost], term[lost], half[lost], shade, name=T("rounded away", "被舍去"))
        traces.append(line([stop, stop], [bottom, half.max() * 3], shade, dash="dot", width=1.4, hoverinfo="skip"))
        words = T("k = {stop} ", "k = {stop} ", stop=amounts.count(stop))
        labels.append(Label(stop, bottom * 2.5, words, shade, "right"))
    return Figure(
        traces,
        [
            Panel(
                Axis(BACKWARDS if m.order == "backward" else T("k", "k"), log=True),
                Axis(T("size", "大小"), log=True, range=(bottom, top)),
                title=_cause(m.order, stop),
            ),
            Panel(
                Axis(BACKWARDS if m.order == "backward" else T("k", "k"), log=True),
                Axis(T("|error of the sum|", "|和的误差|"), log=True),
                title=T("what the sum is off by", "和偏离了多少"),
            ),
        ],
        said(r, "machine"),
        labels,
        table=_stalls(r),
    )


def _cause(order: str, stop: int | None) -> T:
    if order == "backward":
        return T("small terms first: both grow", "先加小项：两者一起增长")
    if order == "pairwise":
        return T("terms are added in pairs, not to the sum", "项成对相加，不直接加到和上")
    if order == "kahan":
        return T("Kahan carries on where the curves cross", "曲线相交之后 Kahan 仍在累加")
    if stop is None:
        return T("the curves have not crossed yet", "两条曲线尚未相交")
    return T("below the stairs, a term is rounded away", "低于台阶的项被舍去")


def _stalls(r: Summed) -> list[list[T | str]]:
    """Where the forward sum stops in each format, for the table."""
    head = [
        T("format", "格式"),
        T("bits", "有效位"),
        T("tie at k", "平局 k"),
        T("stops at k", "停在 k"),
        T("sum", "和"),
        T("exact there", "此处精确值"),
        T("found", "来源"),
    ]
    rows: list[list[T | str]] = [
        [
            row.dtype,
            str(row.bits),
            amounts.power_of("2", row.bits - row.binade),
            amounts.count(row.stall_at),
            amounts.number(row.total, 6),
            amounts.number(row.exact, 6),
            T("added up", "逐项相加") if row.observed else T("counted", "计数推得"),
        ]
        for row in r.stalls
    ]
    return [head, *rows]


def orders_figure(r: Summed) -> Figure:
    """The errors of the four orders at growing n, each under its bound."""
    o = r.orders
    errors = _positive(o.errors)
    kept = np.concatenate([errors[np.isfinite(errors)], o.bound.ravel()])
    low, high = float(kept.min()) / 3, float(kept.max()) * 5
    traces, panels, labels = [], [], []
    for place, name in enumerate(o.names):
        traces += [
            line(o.n, o.bound[place], THEORY, dash="dash", width=1.4, panel=place, name=T("bound", "上界")),
            points(o.n, errors[place], MEASURED, size=7, panel=place, name=T("error", "误差")),
        ]
        worst = errors[place][-1]
        off = T("off by {worst}", "误差 {worst}", worst=amounts.number(worst, 2)) if np.isfinite(worst) else T("exact", "无误差")
        title = T("{orders}: {off}", "{orders}：{off}", orders=ORDERS[name], off=off)
        panels.append(
            Panel(Axis("n" if place > 1 else "", log=True), Axis(T("|error|", "|误差|"), log=True, range=(low, high)), title=title)
        )
    middle = len(o.n) // 3
    labels.append(Label(float(o.n[middle]), float(o.bound[0][middle]) * 4, T("bound", "上界"), THEORY, "right"))
    labels.append(Label(float(o.n[-1]), low * 4, T("measured", "实测"), MEASURED, "right"))
    best = int(np.nanargmin(np.abs(o.errors[:, -1]))) if np.isfinite(o.errors[:, -1]).any() else 0
    en, zh = ORDERS[o.names[best]]
    n = amounts.count(o.n[-1])
    return Figure(
        traces,
        panels,
        T(
            "At n = {n} the least error in {dtype} is that of the {en} sum; each error stays under its dashed bound.",
            "n = {n} 时，{dtype} 中误差最小的是“{en}”；每个误差都在各自的虚线上界之下。",
            n=n,
            dtype=r.dtype,
            en=T(en, zh),
        ),
        labels,
        facts=[(ORDERS[name], amounts.number(value, 3)) for name, value in zip(o.names, o.errors[:, -1], strict=True)],
    )


def _positive(values: np.ndarray) -> np.ndarray:
    """Sizes for a logarithmic axis, which has no place for 0."""
    size = np.abs(values)
    return np.where(size > 0, size, np.nan)
