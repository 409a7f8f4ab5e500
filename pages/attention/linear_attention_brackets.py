"""(QKᵀ)V against Q(KᵀV): the matrices in between, true to scale, and what each order costs, while n grows."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.attention.linear_attention import LinearAttended
from engine.attention.linear_attention.counts import Brackets
from pages.attention.linear_attention_parts import amount, decades, number, reach, whole
from pages.shell import T
from pages.shell.figures import (
    INK_2,
    INK_3,
    MEASURED,
    SECOND,
    THEORY,
    Axis,
    Figure,
    Frame,
    Frames,
    Label,
    Panel,
    line,
    points,
)

LEFT, RIGHT = "(QKᵀ)V", "Q(KᵀV)"
Rows = dict[int, dict[str, np.ndarray]]


def rectangle(x: float, y: float, width: np.ndarray, height: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Outlines (frames, 5) of rectangles that hang from one corner, (x, y) being the upper left."""
    return x + width[:, None] * np.array([0, 1, 1, 0, 0]), y + height[:, None] * np.array([0, 0, 1, 1, 0])


def shapes(b: Brackets, traces: list[Any], rows: Rows) -> tuple[list[Label], float, float]:
    """Both orders as two rows of rectangles, added to traces and rows; their words, and how far they reach."""
    n, d = b.moments, np.full(len(b.moments), float(b.width))
    unit = float(max(b.chosen, b.width))
    down, gap, lift, deep = 1.55 * unit, 0.12 * unit, 0.10 * unit, 1.10 * unit
    column = [0.0]
    for width in (b.width, b.chosen, unit, b.width):  # Q, K transposed, their product or the state, V
        column.append(column[-1] + max(float(width), 0.06 * unit) + gap)

    def shape(place: int, y: float, width: np.ndarray, height: np.ndarray, color: str, name: T | str) -> None:
        xs, ys = rectangle(column[place], y, width, height)
        rows[len(traces)] = {"x": xs.astype(np.float32), "y": ys.astype(np.float32)}
        style = {"fill": "toself", "fillcolor": f"{color}/0.35", "hoverinfo": "name"}
        traces.append(line(xs[-1], ys[-1], color, width=1.4, name=name, **style))

    labels = []
    for y, order, product, held, color, side in (
        (0.0, LEFT, "QKᵀ", b.here["left_numbers"], SECOND, n),
        (down, RIGHT, "KᵀV", b.here["right_numbers"], MEASURED, d),
    ):
        shape(0, y, d, n, INK_3, "Q")
        shape(1, y, n, d, INK_3, "Kᵀ")
        shape(2, y, side, side, color, product)
        shape(3, y, d, n, INK_3, "V")
        labels += [Label(column[i], y - lift, name, INK_2, "left") for i, name in ((0, "Q"), (1, "Kᵀ"), (3, "V"))]
        labels += [
            Label(column[2], y - lift, product, color, "left"),
            Label(0, y + deep, f"<b>{order}</b>", color, "left"),
            Label(column[3] - gap, y + deep, T(f"{amount(held)} numbers between", f"中间 {amount(held)} 个数"), color, "right"),
        ]  # fmt: skip
    return labels, column[-1], down + unit


def costs(b: Brackets, traces: list[Any], rows: Rows) -> tuple[list[Label], Panel]:
    """FLOPs of both orders against n, added to traces and rows; their words and their panel."""
    ends = float(b.lengths[0]) / 1.3, float(b.lengths[-1]) * 1.3
    low, high = reach(b.left_flops, b.right_flops, pad=2)
    traces += [
        line(b.lengths, b.left_flops, SECOND, width=2.4, panel=1, name=LEFT),
        line(b.lengths, b.right_flops, MEASURED, width=2.4, panel=1, name=RIGHT),
    ]
    for values, color in ((b.moments_left, SECOND), (b.moments_right, MEASURED)):
        rows[len(traces)] = {"x": b.moments[:, None].astype(np.float32), "y": values[:, None].astype(np.float32)}
        traces.append(points(b.moments[-1:], values[-1:], color, size=11, panel=1, hoverinfo="skip"))
    labels = [
        Label(ends[1] / 3.5, float(b.left_flops[-1]), LEFT, SECOND, "right", 1),
        Label(ends[1] / 1.2, float(b.right_flops[-1]) / 12, RIGHT, MEASURED, "right", 1),
    ]
    if ends[0] < b.crossing < ends[1]:
        traces.append(line([b.crossing] * 2, [low, high], THEORY, dash="dot", width=1.3, panel=1, hoverinfo="skip"))
        equal = T(f"equal at n = d = {whole(b.crossing)}", f"n = d = {whole(b.crossing)} 时相等")
        labels.append(Label(b.crossing * 1.15, low * 3, equal, THEORY, "left", 1))
    x = Axis(T("tokens n", "词元数 n"), log=True, range=ends, ticks=decades(*ends))
    return labels, Panel(x, Axis("FLOP", log=True, range=(low, high), format="~s"))


def brackets_figure(r: LinearAttended) -> Figure:
    """Both orders of the two products as shapes and as costs."""
    b = r.brackets
    traces: list[Any] = []
    rows: Rows = {}
    labels, right, bottom = shapes(b, traces, rows)
    more, panel = costs(b, traces, rows)
    unit = float(max(b.chosen, b.width))
    d2 = amount(b.here["right_numbers"])
    frames = [
        Frame(whole(n), facts=[
            (T(f"{LEFT} takes", f"{LEFT} 需"), f"{amount(one)} FLOP"), (T(f"{RIGHT} takes", f"{RIGHT} 需"), f"{amount(other)} FLOP"),
            (T("times as much", "倍数"), number(one / other)), (T("numbers between, n²", "中间的数 n²"), amount(n * n)), (T("numbers between, d²", "中间的数 d²"), d2),
        ]) for n, one, other in zip(b.moments.tolist(), b.moments_left.tolist(), b.moments_right.tolist(), strict=True)
    ]  # fmt: skip
    ratio = number(b.here["left_flops"] / b.here["right_flops"])
    n, d, n2 = whole(b.chosen), whole(b.width), amount(b.here["left_numbers"])
    return Figure(
        traces,
        [Panel(Axis(hidden=True, range=(-0.03 * unit, right)), Axis(hidden=True, range=(-0.25 * unit, bottom + 0.25 * unit), reverse=True, equal=True)),
         panel],
        T(f"With {n} tokens of {d} numbers, {LEFT} holds {n2} numbers in between and takes {ratio} times the FLOPs of {RIGHT}, which holds {d2}.",
          f"{n} 个词元、每个 {d} 个数时，{LEFT} 中间要存 {n2} 个数，计算量是 {RIGHT} 的 {ratio} 倍；后者只存 {d2} 个数。"),
        labels + more,
        Frames("n", frames, rows=rows),
    )  # fmt: skip
