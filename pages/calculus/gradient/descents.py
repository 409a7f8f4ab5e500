"""Figures of the gradient at work: the race of seven descents, their basins, and how machines differentiate."""

from __future__ import annotations

import numpy as np

from engine.calculus.gradient import Differentiated
from engine.calculus.gradient.basins import sentence
from engine.calculus.gradient.parameters import METHODS
from engine.core import amounts
from pages.calculus.gradient.parts import GRADIENT, HIGHER, LAW, POINT, SEEN, ground, levels, pair
from pages.shell import T, draw

STYLES = {
    "gd": (draw.FOURTH, ""),
    "momentum": (draw.CLASSES[9], ""),
    "nesterov": (draw.CLASSES[9], "dash"),
    "adagrad": (draw.CLASSES[6], ""),
    "rmsprop": (draw.CLASSES[6], "dash"),
    "adam": (draw.CLASSES[7], ""),
    "newton": (draw.CLASSES[8], ""),
}
KINDS = {"minimum": T("minimum", "极小"), "maximum": T("maximum", "极大"), "saddle": T("saddle", "鞍点")}
FATES = KINDS | {
    "flat": T("a flat place", "平坦处"),
    "moving": T("still moving", "仍在移动"),
    "diverged": T("diverged", "发散"),
    "outside": T("left the domain", "走出定义域"),
    "lost": T("no gradient", "梯度不存在"),
    "singular": T("singular Hessian", "Hessian 奇异"),
}
WAYS = {
    "symbolic": T("symbolic", "符号求导"),
    "autograd": T("autograd", "自动求导"),
    "central": T("central difference, step h", "中心差分，步长 h"),
}
TINTS = [f"{hue}/{alpha}" for alpha in (0.85, 0.5, 0.28) for hue in (draw.MEASURED, draw.SECOND, draw.THIRD, draw.FOURTH)]
MOMENTS = 48
MOST_OPERATIONS, LONGEST_NAME = 14, 22  # of the bars of reverse mode


def race_figure(r: Differentiated) -> draw.Figure:
    """Seven methods from one start, on the map and by how far above the lowest value they are."""
    race = r.race
    if race is None:
        return draw.absent(T("There is no start: f has no value at the point.", "没有起点：f 在该点没有值。"))
    steps, lowest = race.losses.shape[1] - 1, float(race.lowest.min())
    above = race.losses - lowest
    above = np.where(above > 1e-16 * max(1.0, abs(lowest)), above, np.nan).astype(np.float32)
    ways, heights = [], []
    for method, path, height, stopped in zip(race.methods, race.paths.astype(np.float32), above, race.stopped_at, strict=True):
        (color, dash), name = STYLES[method], METHODS[method]
        end = T("{method} ✕", "{method} ✕", method=name) if stopped >= 0 else name
        ways.append(draw.line(path[:, 0], path[:, 1], color, dash=dash, width=2.2, name=name))
        heights.append(draw.line(np.arange(steps + 1), height, color, dash=dash, panel=1, name=end, label="end"))
    moments = np.unique(np.linspace(1, steps + 1, min(steps + 1, MOMENTS)).astype(int)).tolist()
    frames = [draw.Frame(str(k - 1), {i: {"upto": k} for i in range(1, 15)}) for k in moments]
    places = race.paths[:, np.array(moments) - 1].astype(np.float32)  # (7, frames, 2)
    here = draw.points(*places[:, -1].T, hoverinfo="skip", marker={"color": [STYLES[m][0] for m in race.methods], "size": 9})
    up = draw.Axis(T("f above the lowest found", "f 高出最低值的量"), log=True, range=_powers(above))
    end = float(race.losses[race.methods.index(race.winner), -1]) if race.winner else np.nan
    says = T(
        "From {point:point.4} every method stopped within {steps} steps.",
        "从 {point:point.4} 出发，每种方法都在 {steps} 步之内中止。",
        point=r.point,
        steps=steps,
    )
    if race.winner:
        says = T(
            "From {point:point.4}, after {steps} steps, {method} is lowest, at f = {end:number.4}.",
            "从 {point:point.4} 出发，{steps} 步之后最低的是{method}，f = {end:number.4}。",
            point=r.point,
            steps=steps,
            method=METHODS[race.winner],
            end=end,
        )
    rows = [(METHODS[m], FATES[f], verdict) for m, f, verdict in zip(race.methods, race.fate, race.verdicts, strict=True)]
    return draw.Figure(
        [levels(r), *ways, *heights, here],
        [ground(r, key=[HIGHER]), draw.Panel(draw.Axis(T("step", "步"), range=(0, 1.62 * steps)), up)],
        says,
        (),
        draw.Frames(T("step", "步"), frames, rows={15: {"x": places[..., 0].T, "y": places[..., 1].T}}),
        facts=[(T("lowest at the end", "最后最低"), METHODS.get(race.winner, T("nobody", "无"))), ("f", (end, "number.4"))],
        table=[(T("Method", "方法"), T("ended at", "结局"), T("in words", "详情")), *rows],
        handles=[POINT],
    )


def _powers(above: np.ndarray) -> tuple[float, float]:
    """Powers of ten around what is drawn."""
    known = above[np.isfinite(above)]
    if not known.size:
        return 0.1, 10.0
    high = min(float(known.max()), 1e8 * float(known[0]))
    low = max(float(known.min()), 1e-14 * high)
    return float(10 ** np.floor(np.log10(low) - 0.1)), float(10 ** np.ceil(np.log10(high) + 0.1))


def basins_figure(r: Differentiated) -> draw.Figure:
    """Every start coloured by the stationary point at which it ends."""
    b = r.basins
    if b is None:
        why = T(
            "No starts yet: set “Starts” above 0,<br>or press “Newton's basins”.",
            "还没有起点：把“起点数”调到 0 以上，<br>或点“牛顿法的吸引域”。",
        )
        return draw.absent(why)
    count, starts = len(b.attractors), len(b.x) ** 2
    colors = [draw.INK, draw.SURFACE, *(TINTS[k % len(TINTS)] for k in range(count))]
    scale = [[(k + side) / len(colors), color] for k, color in enumerate(colors) for side in (0, 1)]
    numbers = [str(k + 1) for k in range(count)]
    traces = [
        draw.heat(b.label.astype(np.int16), b.x, b.y, scale=scale, zmin=-2.5, zmax=count - 0.5, hoverinfo="skip"),
        draw.points(*b.attractors.T, draw.INK, size=8, hoverinfo="skip")
        | {"mode": "markers+text", "text": numbers, "textposition": "top center"},
    ]
    kinds = [
        T("{number} {kind}", "{number} {kind}", number=number, kind=KINDS[kind]) for number, kind in zip(numbers, b.kinds, strict=True)
    ]
    key = [*((color.partition("/")[0], kind) for color, kind in zip(colors[2:6], kinds, strict=False)), (draw.INK, T("diverged", "发散"))]
    x, y = (
        draw.Axis(T("x of the start", "起点的 x"), range=(b.x[0], b.x[-1])),
        draw.Axis(T("y of the start", "起点的 y"), range=(b.y[0], b.y[-1]), equal=True),
    )
    rows = zip(numbers, (KINDS[kind] for kind in b.kinds), b.attractors, b.heights, b.share, strict=False)
    return draw.Figure(
        traces,
        [draw.Panel(x, y, key=key)],
        T(
            "{method} from {starts:count} starts: {finding}",
            "{method}，{starts:count} 个起点：{finding}",
            method=METHODS[b.method],
            starts=starts,
            finding=sentence(b),
        ),
        facts=[
            (T("method", "方法"), METHODS[b.method]),
            (T("starts", "起点"), (starts, "count")),
            (T("steps", "步数"), b.step),
            (T("still moving (blank)", "仍在移动（空白）"), (b.share[-2], "percent")),
            (T("diverged", "发散"), (b.share[-1], "percent")),
        ],
        table=[
            (T("No.", "编号"), T("kind", "类型"), T("place", "位置"), "f", T("share of starts", "起点比例")),
            *((number, kind, amounts.point(place, 4), (f, "number.4"), (share, "percent")) for number, kind, place, f, share in rows),
        ],
    )


def machine_figure(r: Differentiated) -> draw.Figure:
    """The error of difference quotients over the step h, and three ways to the partial derivatives side by side."""
    c, ways = r.error_curve, r.ways
    head = (T("Way", "方法"), "∂f/∂x", "∂f/∂y", T("error in ∂f/∂x", "∂f/∂x 的误差"), T("error in ∂f/∂y", "∂f/∂y 的误差"))
    rows = zip(ways.ways, ways.values, ways.errors, strict=True)
    table = [head, *((WAYS[way], *((v, "number.12") for v in values), *((e, "number.2") for e in errors)) for way, values, errors in rows)]
    if not np.isfinite(c.central).any():
        empty = draw.absent(T("No slope along v, so no error.", "沿 v 没有斜率，也就没有误差。"))
        return draw.Figure(empty.traces, empty.panels, empty.says, empty.labels, table=table)
    truncation, rounding = (np.where(curve > 1e-18, curve, np.nan) for curve in (c.truncation, c.rounding))
    traces = [
        draw.line(c.h, truncation, LAW, name=T("truncation ~h², theory", "截断 ~h²，理论")),
        draw.line(c.h, rounding, LAW, dash="dash", name=T("rounding ε|f|/h, theory", "舍入 ε|f|/h，理论")),
        draw.points(c.h, c.forward, GRADIENT, size=5, symbol="diamond", name=T("forward difference", "前向差分")),
        draw.points(c.h, c.central, SEEN, size=6, name=T("central difference", "中心差分")),
    ]
    best = int(np.nanargmin(c.central))
    across = draw.Axis(T("step h", "步长 h"), log=True, range=(1e-15, 1))
    return draw.Figure(
        traces,
        [draw.Panel(across, draw.Axis(T("error of Dᵥf", "Dᵥf 的误差"), log=True, range=(1e-18, 1e2)), key=True)],
        c.sentence,
        facts=[
            (T("best step h, theory", "最佳步长 h，理论"), (c.best_h, "number.2")),
            (T("best step h, measured", "最佳步长 h，实测"), (c.h[best], "number.2")),
            (T("its error", "其误差"), (c.central[best], "number.2")),
        ],
        table=table,
    )


def backward_figure(r: Differentiated) -> draw.Figure:
    """The computation of f, operation by operation, and the derivative of f by each of them."""
    w = r.ways
    if not len(w.steps) or not np.isfinite(w.adjoints).any():
        return draw.absent(T("f has no derivative to be carried back here.", "此处没有可以反向传播的导数。"))
    last = min(len(w.steps), MOST_OPERATIONS)
    names = [text if len(text) <= LONGEST_NAME else text[: LONGEST_NAME - 2] + "…" for text in w.steps[-last:]]
    place, adjoint = np.arange(last), w.adjoints[-last:]
    low, high = float(np.nanmin(adjoint, initial=0.0)), float(np.nanmax(adjoint, initial=0.0))
    margin, gap = 0.16 * (high - low) or 1.0, 0.02 * (high - low)
    labels = [
        draw.Label(a + (gap if a >= 0 else -gap), k, amounts.number(a, 4), draw.INK_2, "left" if a >= 0 else "right")
        for k, a in enumerate(adjoint)
        if np.isfinite(a)
    ]
    across = draw.Axis(T("derivative of f by this quantity", "f 对该量的导数"), range=(low - margin, high + margin))
    head = (
        T("computed forwards, top to bottom", "前向计算，自上而下"),
        T("value", "值"),
        T("∂f/∂(it), filled in from below", "∂f/∂（它），自下而上填入"),
    )
    rows = zip(w.steps, w.step_values, w.adjoints, strict=True)
    return draw.Figure(
        [
            draw.bars(adjoint, place, SEEN, orientation="h", width=0.55, hoverinfo="skip"),
            draw.line([0, 0], [-0.6, last - 0.4], draw.MUTE, width=1, hoverinfo="skip"),
        ],
        [draw.Panel(across, draw.Axis(range=(-0.6, last - 0.4), ticks=(place.tolist(), names)))],
        T(
            "Reverse mode walks down from f itself, whose derivative is 1, to x and y: {values}.",
            "反向模式从 f 本身（导数为 1）逐步向下，直到 x 和 y：{values}。",
            values=pair(r.gradient),
        ),
        labels,
        table=[head, *((text, (value, "number.4"), (a, "number.4")) for text, value, a in rows)],
    )
