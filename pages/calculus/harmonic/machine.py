"""The harmonic sum in a number format: where it stops, why, and what the other orders of addition do."""

from __future__ import annotations

import numpy as np

from engine.calculus.harmonic import Summed
from engine.calculus.harmonic.parameters import ORDERS
from engine.core import amounts
from pages.shell import T, draw

MOMENTS = 48
LAST_ADDED = T("k, the term 1/k being the last one added", "k（最后加入的项是 1/k）")
BACKWARDS = T("k, added from the right end to the left", "k（从右端加到左端）")
HALF_UNIT = T("half a unit in the last place", "末位单位的一半")
ERROR = T("error", "误差")
NOTICED = 0.04  # of the height: a smaller error is no gap that one sees


def said(r: Summed, topic: str) -> T:
    """The finding of a topic, which tells what its figure shows."""
    return next(finding.text for finding in r.findings if finding.topic == topic)


def stop_figure(r: Summed) -> draw.Figure:
    """The machine's sum beside the exact one, term by term, and what is missing at the end."""
    m = r.machine
    stop, backward = m.still_from, m.order == "backward"
    end, left = max(m.terms, 2), _start(r)
    top = 1.12 * float(max(m.exact_sums.max(), m.sums.max(), r.h_n))
    seen = m.k >= left
    k = m.k[seen]
    traces = [
        draw.line(k, m.exact_sums[seen], width=1.6, name=T("exact", "精确")),
        draw.line(k, m.sums[seen], draw.MEASURED, width=2.8, name=T("on the machine", "机器上")),
    ]
    last, side = (left, "left") if backward else (end, "right")
    labels = [draw.Label(last, m.total - 0.08 * top, amounts.number(m.total, 6), draw.MEASURED, side)]
    if abs(m.error) > NOTICED * top and m.added == m.terms:
        traces.append(draw.line([last, last], [m.total, m.exact], draw.REJECT, width=5, name=T("missing", "缺少")))
        missing = (
            T("{missing:number.3} is missing", "缺少 {missing:number.3}", missing=-m.error)
            if m.error < 0
            else T("{surplus:number.3} too much", "多了 {surplus:number.3}", surplus=m.error)
        )
        labels.append(draw.Label(last, max(m.total, m.exact) + 0.05 * top, missing, draw.REJECT, side))
    if stop is not None and left < stop <= end:
        traces.append(draw.line([stop, stop], [0, m.sums[-1]], draw.REJECT, dash="dot", width=1.6, name=T("stops", "停止")))
        labels.append(draw.Label(stop, 0.07 * top, T("stops at k = {k:count}", "停在 k = {k:count}", k=stop), draw.REJECT, "right"))
    moments = np.unique(np.linspace(1, len(k), MOMENTS).astype(int)).tolist()
    frames = [draw.Frame(amounts.count(k[i - 1]), {0: {"upto": i}, 1: {"upto": i}}) for i in moments]
    x = draw.Axis(BACKWARDS if backward else LAST_ADDED, log=True, range=(left, end * 1.04))
    return draw.Figure(
        traces,
        [draw.Panel(x, draw.Axis(T("sum so far", "到此为止的和"), range=(0, top)), key=True)],
        T("{finding} It was {way}.", "{finding}（{way}。）", finding=said(r, "machine"), way=m.how) if stop else said(r, "machine"),
        labels,
        draw.Frames("k", frames) if len(frames) > 1 else None,
        facts=[
            (T("the machine's sum", "机器的和"), amounts.number(m.total, 9)),
            (T("exact sum", "精确的和"), amounts.number(m.exact, 9)),
            (ERROR, amounts.number(m.error, 3)),
            (T("stops at k", "停在 k"), amounts.count(stop) if stop else T("not by here", "尚未停")),
        ],
    )


def _start(r: Summed) -> float:
    """Where the axis starts: at 1, or where a long climb to the stop would leave little room for what follows it."""
    stop = r.machine.still_from
    if r.machine.order != "forward" or stop is None or stop >= r.machine.terms:
        return 1.0
    return 10.0 ** np.floor(np.log10(max(stop / 50, 1.0)))


def why_figure(r: Summed) -> draw.Figure:
    """The next term against half a unit in the sum's last place; beside it, the error that follows."""
    m = r.machine
    k, half, term, stop = m.k, m.half_ulp, m.term, m.still_from
    traces = [
        draw.line(k, half, draw.MEASURED, width=2.2, name=HALF_UNIT),
        draw.line(k, term, name=T("the term 1/k", "项 1/k")),
        draw.line(k, positive(m.errors), draw.SECOND, panel=1, name=ERROR),
    ]
    bottom = float(min(term.min(), half.min())) ** 1.12 / 4
    labels = []
    if stop is not None and (k >= stop).sum() > 1:
        lost = k >= stop
        shade = draw.REJECT if m.order == "forward" else draw.MUTE
        traces += draw.band(k[lost], term[lost], half[lost], shade, name=T("rounded away", "被舍去"))
        traces.append(draw.line([stop, stop], [bottom, half.max() * 3], shade, dash="dot", width=1.4, hoverinfo="skip"))
        labels.append(draw.Label(stop, bottom * 2.5, T("k = {k:count}", "k = {k:count}", k=stop), shade, "right"))
    x = draw.Axis(BACKWARDS if m.order == "backward" else "k", log=True)
    sizes, errors = (
        draw.Axis(T("size", "大小"), log=True, range=(bottom, 3.0)),
        draw.Axis(T("|error of the sum|", "|和的误差|"), log=True),
    )
    return draw.Figure(
        traces,
        [
            draw.Panel(x, sizes, title=_cause(m.order, stop), key=True),
            draw.Panel(x, errors, title=T("what the sum is off by", "和偏离了多少")),
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
        T("tie at k", "恰为半个单位的 k"),
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


def orders_figure(r: Summed) -> draw.Figure:
    """The errors of the four orders at growing n, each under its bound."""
    o = r.orders
    errors, last = positive(o.errors), o.errors[:, -1]
    drawn = np.concatenate([errors[np.isfinite(errors)], o.bound.ravel()])
    y = draw.Axis(T("|error|", "|误差|"), log=True, range=(float(drawn.min()) / 3, float(drawn.max()) * 5))
    traces, panels = [], []
    for place, name in enumerate(o.names):
        traces += [
            draw.line(o.n, o.bound[place], dash="dash", width=1.4, panel=place, name=T("bound", "上界")),
            draw.points(o.n, errors[place], draw.SECOND, size=7, panel=place, name=ERROR),
        ]
        off = T("off by {error:number.2}", "误差 {error:number.2}", error=errors[place, -1]) if last[place] else T("no error", "无误差")
        title = T("{order}: {off}", "{order}：{off}", order=ORDERS[name], off=off)
        panels.append(draw.Panel(draw.Axis("n" if place > 1 else "", log=True), y, title=title, key=place == 0))
    best = int(np.nanargmin(np.abs(last))) if np.isfinite(last).any() else 0
    return draw.Figure(
        traces,
        panels,
        T(
            "At n = {n:count} the least error in {dtype} is that of the {order} sum; each error stays under its dashed bound.",
            "n = {n:count} 时，{dtype} 中误差最小的是“{order}”；每个误差都在各自的虚线上界之下。",
            n=o.n[-1],
            dtype=r.dtype,
            order=ORDERS[o.names[best]],
        ),
        facts=[(ORDERS[name], amounts.number(value, 3)) for name, value in zip(o.names, last, strict=True)],
    )


def positive(values: np.ndarray) -> np.ndarray:
    """Sizes for a logarithmic axis, which has no place for 0."""
    size = np.abs(values)
    return np.where(size > 0, size, np.nan)
