"""(QKᵀ)V against Q(KᵀV): the matrices in between, true to scale, and what each order costs, while n grows."""

from __future__ import annotations

import numpy as np

from engine.attention.linear_attention import LinearAttended
from engine.attention.linear_attention.result import Brackets
from engine.core import amounts
from pages.shell import T, draw

LEFT, RIGHT = "(QKᵀ)V", "Q(KᵀV)"
NAMES = {"left": {"order": LEFT, "name": "QKᵀ"}, "right": {"order": RIGHT, "name": "KᵀV"}}
Rows = dict[int, dict[str, np.ndarray]]


def shapes(b: Brackets) -> tuple[list[dict], Rows, list[draw.Label], draw.Panel]:
    """Q to the left of QKᵀ and Kᵀ above it, V to its right, KᵀV in the corner of Kᵀ and V, at every moment. What the brackets
    make first is filled, what they never make an outline."""
    n, d = b.moments, np.full(len(b.moments), float(b.width))
    unit = float(max(b.chosen, b.width))
    gap, lift = 0.09 * unit, 0.07 * unit  # between two matrices, and of a word from its matrix
    left = top = b.width + gap
    far = left + b.chosen + gap
    traces, rows = [], Rows()
    for x, y, width, height, color, name in (
        (0.0, top, d, n, draw.INK_3, "Q"),
        (left, 0.0, n, d, draw.INK_3, "Kᵀ"),
        (far, top, d, n, draw.INK_3, "V"),
        (left, top, n, n, draw.SECOND, "QKᵀ"),
        (far, 0.0, d, d, draw.MEASURED, "KᵀV"),
    ):
        never = name == ("KᵀV" if b.first == "left" else "QKᵀ")
        xs = x + width[:, None] * np.array([0, 1, 1, 0, 0])  # the outline, from the upper left corner round
        ys = y + height[:, None] * np.array([0, 0, 1, 1, 0])
        rows[len(traces)] = {"x": xs.astype(np.float32), "y": ys.astype(np.float32)}
        filled = {"fill": "toself", "fillcolor": f"{color}/{0 if never else 0.35}", "hoverinfo": "name"}
        traces.append(draw.line(xs[-1], ys[-1], color, width=1.6, dash="dot" if never else "", name=name, **filled))
    middle, bottom, right = left + b.chosen / 2, top + b.chosen, far + b.width
    held, small = (T("{n:count} numbers", "{n:count} 个数", n=b.here[f"{order}_numbers"]) for order in NAMES)
    absent = T("never made", "根本不出现")
    labels = [
        draw.Label(0, bottom + lift, "Q"),
        draw.Label(left, -lift, "Kᵀ"),
        draw.Label(right, bottom + lift, "V", anchor="right"),
        draw.Label(middle, middle, T("QKᵀ: {what}", "QKᵀ：{what}", what=held if b.first == "left" else absent), draw.SECOND, "center"),
        draw.Label(right, -lift, T("KᵀV: {what}", "KᵀV：{what}", what=small if b.first == "right" else absent), draw.MEASURED, "right"),
    ]
    title = T("{order}: {name} comes first", "{order}：先算 {name}", **NAMES[b.first])
    across = draw.Axis(hidden=True, range=(-0.03 * unit, right + 0.03 * unit))
    down = draw.Axis(hidden=True, range=(-0.16 * unit, bottom + 0.16 * unit), reverse=True, equal=True)
    return traces, rows, labels, draw.Panel(across, down, title=title)


def brackets_figure(r: LinearAttended) -> draw.Figure:
    """Both orders of the two products as shapes and as costs."""
    b = r.brackets
    traces, rows, labels, drawing = shapes(b)
    both = {LEFT: b.left_flops, RIGHT: b.right_flops}
    traces += draw.curves(b.lengths, both, colors=(draw.SECOND, draw.MEASURED), panel=1, width=2.4)
    for values, color in ((b.moments_left, draw.SECOND), (b.moments_right, draw.MEASURED)):
        rows[len(traces)] = {"x": b.moments[:, None].astype(np.float32), "y": values[:, None].astype(np.float32)}
        traces.append(draw.points(b.moments[-1:], values[-1:], color, size=11, panel=1, hoverinfo="skip"))
    if b.lengths[0] < b.crossing < b.lengths[-1]:
        equal = T("equal at n = {n:count}", "n = {n:count} 时相等", n=b.crossing)
        ends = [float(b.right_flops[0]), float(b.left_flops[-1])]
        traces.append(draw.line([b.crossing] * 2, ends, draw.THEORY, dash="dot", width=1.3, panel=1, name=equal, label="end"))
    flop = lambda value: amounts.quantity(value, "FLOP")  # noqa: E731
    frames = [
        draw.Frame(
            amounts.count(n),
            facts=[
                (T("{order} takes", "{order} 需", order=LEFT), flop(one)),
                (T("{order} takes", "{order} 需", order=RIGHT), flop(other)),
                (T("times as much", "倍数"), one / other),
                (T("numbers between, n²", "中间的数 n²"), (n * n, "count")),
                (T("numbers between, d²", "中间的数 d²"), (b.here["right_numbers"], "count")),
            ],
        )
        for n, one, other in zip(b.moments.tolist(), b.moments_left.tolist(), b.moments_right.tolist(), strict=True)
    ]
    axes = draw.Axis(T("tokens n", "词元数 n"), log=True), draw.Axis("FLOP", log=True, format="~s")
    return draw.Figure(
        traces,
        [drawing, draw.Panel(*axes)],
        T(
            "With {n:count} tokens of {d} numbers, {left} holds {held:count} numbers in between and takes {ratio:number} times the FLOPs of {right}, which holds {small:count}.",
            "{n:count} 个词元、每个 {d} 个数时，{left} 中间要存 {held:count} 个数，计算量是 {right} 的 {ratio:number} 倍；后者只存 {small:count} 个数。",
            n=b.chosen,
            d=b.width,
            left=LEFT,
            right=RIGHT,
            held=b.here["left_numbers"],
            small=b.here["right_numbers"],
            ratio=b.here["left_flops"] / b.here["right_flops"],
        ),
        labels,
        draw.Frames("n", frames, rows=rows),
    )
