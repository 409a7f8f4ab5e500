"""(QKᵀ)V against Q(KᵀV): the matrices in between, true to scale, and what each order costs, while n grows."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.attention.linear_attention import LinearAttended
from engine.attention.linear_attention.counts import Brackets
from pages.attention.linear_attention_parts import amount, decades, number, reach, whole
from pages.shell import T
from pages.shell.axes import Axis
from pages.shell.colors import INK_2, INK_3, MEASURED, SECOND, THEORY
from pages.shell.figures import Figure
from pages.shell.moments import Frame, Frames
from pages.shell.panels import Label, Panel
from pages.shell.traces import line, points

LEFT, RIGHT = "(QKᵀ)V", "Q(KᵀV)"
Rows = dict[int, dict[str, np.ndarray]]


def rectangle(x: float, y: float, width: np.ndarray, height: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Outlines (frames, 5) of rectangles that hang from one corner, (x, y) being the upper left."""
    return x + width[:, None] * np.array([0, 1, 1, 0, 0]), y + height[:, None] * np.array([0, 0, 1, 1, 0])


def shapes(b: Brackets, traces: list[Any], rows: Rows) -> tuple[list[Label], Panel]:
    """Q to the left of QKᵀ and Kᵀ above it, V to its right, KᵀV in the corner of Kᵀ and V: traces, words, their panel."""
    n, d = b.moments, np.full(len(b.moments), float(b.width))
    unit = float(max(b.chosen, b.width))
    gap, lift = 0.09 * unit, 0.07 * unit
    left, top = b.width + gap, b.width + gap
    far = left + b.chosen + gap
    held, small = amount(b.here["left_numbers"]), amount(b.here["right_numbers"])
    for x, y, width, height, color, name in (
        (0.0, top, d, n, INK_3, "Q"), (left, 0.0, n, d, INK_3, "Kᵀ"), (far, top, d, n, INK_3, "V"),
        (left, top, n, n, SECOND, "QKᵀ"), (far, 0.0, d, d, MEASURED, "KᵀV"),
    ):  # fmt: skip
        xs, ys = rectangle(x, y, width, height)
        rows[len(traces)] = {"x": xs.astype(np.float32), "y": ys.astype(np.float32)}
        style = {"fill": "toself", "fillcolor": f"{color}/0.35", "hoverinfo": "name"}
        traces.append(line(xs[-1], ys[-1], color, width=1.6, name=name, **style))
    bottom, right = top + b.chosen, far + b.width
    labels = [
        Label(0, bottom + lift, "Q", INK_2, "left"),
        Label(left, -lift, "Kᵀ", INK_2, "left"),
        Label(right, bottom + lift, "V", INK_2, "right"),
        Label(
            left + b.chosen / 2, top + b.chosen / 2, T(f"QKᵀ: {held} numbers", f"QKᵀ：{held} 个数"), SECOND, "center"
        ),
        Label(right, -lift, T(f"KᵀV: {small} numbers", f"KᵀV：{small} 个数"), MEASURED, "right"),
    ]
    span = Axis(hidden=True, range=(-0.03 * unit, right + 0.03 * unit))
    return labels, Panel(span, Axis(hidden=True, range=(-0.16 * unit, bottom + 0.16 * unit), reverse=True, equal=True))


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
        late = b.crossing**2 > ends[0] * ends[1]  # past the middle of the axis
        labels.append(
            Label(b.crossing * (0.87 if late else 1.15), low * 3, equal, THEORY, "right" if late else "left", 1)
        )
    x = Axis(T("tokens n", "词元数 n"), log=True, range=ends, ticks=decades(*ends))
    return labels, Panel(x, Axis("FLOP", log=True, range=(low, high), format="~s"))


def brackets_figure(r: LinearAttended) -> Figure:
    """Both orders of the two products as shapes and as costs."""
    b = r.brackets
    traces: list[Any] = []
    rows: Rows = {}
    labels, drawing = shapes(b, traces, rows)
    more, panel = costs(b, traces, rows)
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
        [drawing, panel],
        T(f"With {n} tokens of {d} numbers, {LEFT} holds {n2} numbers in between and takes {ratio} times the FLOPs of {RIGHT}, which holds {d2}.",
          f"{n} 个词元、每个 {d} 个数时，{LEFT} 中间要存 {n2} 个数，计算量是 {RIGHT} 的 {ratio} 倍；后者只存 {d2} 个数。"),
        labels + more,
        Frames("n", frames, rows=rows),
    )  # fmt: skip
