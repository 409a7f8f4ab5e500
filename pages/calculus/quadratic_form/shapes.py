"""The figures of a quadratic form's shape: surface and sections, definiteness three ways, the turn of the axes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine.calculus.quadratic_form import Analysed
from engine.calculus.quadratic_form.result import NAMES, Morph
from engine.core import amounts
from pages.calculus.quadratic_form.parts import PRINCIPAL, form_facts, ground, half, joined, silent
from pages.shell import T, draw

CUBE = {"aspectmode": "cube", "camera": {"eye": {"x": 1.85, "y": -1.95, "z": 1.1}}}
NEAR = {"aspectmode": "cube", "camera": {"eye": {"x": 1.0, "y": -1.15, "z": 0.65}}}
SIGNS = {1: draw.ACCEPT, 0: draw.MUTE, -1: draw.REJECT}
SIGNED = [[0, draw.REJECT], [0.5, draw.SURFACE], [1, draw.ACCEPT]]
ESCAPE = T("escape", "逃逸")


def shape_figure(a: Analysed) -> draw.Figure:
    """The surface with the sections along its principal axes, and the way on which f falls without end."""
    s = a.slice
    signs = np.where(np.abs(s.eigenvalues) <= a.spectrum.tolerance, 0, np.sign(s.eigenvalues)).astype(int)
    colors = [SIGNS[sign] if sign else draw.THEORY for sign in signs]
    solid = [] if s.z is None else _solid(a, colors)
    traces, panel = _sections(a, signs, colors, 1 if solid else 0)
    space = draw.Panel(draw.Axis(s.labels[0]), draw.Axis(s.labels[-1]), draw.Axis("f"))
    centre = s.sections[0][len(s.reach) // 2]
    return draw.Figure(
        [*solid, *traces],
        [space, panel] if solid else [panel],
        a.stationary.sentence,
        facts=[*form_facts(a), (T("f at the centre", "中心处的 f"), (centre, "number.4"))],
        layout={"scene": CUBE} if solid else {},
    )


def _solid(a: Analysed, colors: list[str]) -> list[dict]:
    s = a.slice
    lift = 0.012 * float(np.ptp(s.z))  # above the surface, or the curves would hide in places
    traces = [draw.surface(s.z[::2, ::2], s.u[::2], s.v[::2], hoverinfo="skip", name="f")]
    for i, color in enumerate(colors):
        at = s.centre + s.reach[:, None] * s.eigenvectors[:, i]
        traces.append(_curve(a, at, s.sections[i] + lift, color, 6, T("principal section", "主截线")))
    if a.escape is not None and len(a.form.b) == 2:
        down = a.escape.t >= 0
        at = a.escape.origin + a.escape.t[down, None] * a.escape.direction
        traces.append(_curve(a, at, a.escape.value[down] + 2 * lift, draw.REJECT, 12, ESCAPE))
    return traces


def _curve(a: Analysed, at: np.ndarray, value: np.ndarray, color: str, width: float, name: T) -> dict:
    """A curve on the surface, within the map."""
    inside = (np.abs(at - a.slice.centre) <= half(a) * 1.0001).all(axis=1)
    style = {"color": color, "width": width}
    return draw.trace("scatter3d", x=at[inside, 0], y=at[inside, 1], z=value[inside], mode="lines", line=style, name=name)


def _sections(a: Analysed, signs: np.ndarray, colors: list[str], panel: int) -> tuple[list[dict], draw.Panel]:
    """f along each principal axis, and along the way of escape."""
    s, width, traces = a.slice, half(a), []
    low, high = float(s.sections.min()), float(s.sections.max())
    ways = {1: T("rises", "上升"), 0: T("a slope", "斜坡"), -1: T("falls", "下降")}
    for value, sign, section, color in zip(s.eigenvalues, signs, s.sections, colors, strict=True):
        word = T("flat", "平坦") if np.ptp(section) < 1e-9 * (high - low) else ways[int(sign)]
        name = T("λ = {value:number.4}: {word}", "λ = {value:number.4}：{word}", value=value if sign else 0.0, word=word)
        traces.append(draw.line(s.reach, section, color, width=2.4, panel=panel, name=name, label="end"))
    if a.escape is not None:
        seen = (a.escape.t >= 0) & (a.escape.t <= width)
        # On the side to which it goes along the axis that it follows.
        shares = s.eigenvectors.T @ (s.directions @ a.escape.direction)
        side = -1 if shares[np.argmax(np.abs(shares))] < -0.99 else 1
        fall = a.escape.value[seen]
        traces.append(draw.line(side * a.escape.t[seen], fall, draw.REJECT, width=5, panel=panel, name=ESCAPE, label="middle"))
        low, high = min(low, float(fall.min())), max(high, float(fall.max()))
    margin = 0.1 * (high - low) or 1.0
    across = draw.Axis(T("distance along a principal axis", "沿主轴的距离"), range=(-width, 1.7 * width))
    return traces, draw.Panel(across, draw.Axis("f", range=(low - margin, high + margin)))


def definite_figure(a: Analysed) -> draw.Figure:
    """Eigenvalues, leading minors and Cholesky's pivots side by side, and what each of them can tell."""
    n, minors, cholesky = len(a.form.b), a.minors, a.cholesky
    k = np.arange(1, n + 1)
    rooted = n > 4  # for a determinant of many rows: the size of a typical factor
    size = np.where(minors.sign == 0, 0.0, minors.sign * 10 ** (np.nan_to_num(minors.log10) / (k if rooted else 1)))
    pivots = cholesky.pivots.copy()
    if cholesky.broke_at and cholesky.judgement.verdict == "undecided":
        pivots[cholesky.broke_at - 1] = 0.0
    minor = T("leading minor Δₖ, k-th root", "顺序主子式 Δₖ 的 k 次根") if rooted else T("leading minor Δₖ", "顺序主子式 Δₖ")
    shown = [
        (a.spectrum.eigenvalues * ~a.spectrum.null, T("eigenvalue λᵢ", "特征值 λᵢ"), "i", a.spectrum.judgement),
        (size, minor, "k", minors.judgement),
        (pivots, T("Cholesky’s pivot dₖ", "Cholesky 主元 dₖ"), "k", cholesky.judgement),
    ]
    traces, panels, labels = [], [], []
    for panel, (values, title, index, judgement) in enumerate(shown):
        colors = [draw.MUTE if not np.isfinite(v) else SIGNS[int(np.sign(v))] for v in values]
        traces.append(draw.bars(k, values, panel=panel, marker={"color": colors, "line": {"width": 0}}, opacity=0.85))
        none = values == 0
        if none.any():
            traces.append(draw.points(k[none], values[none], draw.INK_2, size=10, symbol="diamond-open", panel=panel, name=T("zero", "零")))
        few = (k.tolist(), [str(i) for i in k]) if n <= 8 else None
        known = np.append(values[np.isfinite(values)], 0.0)
        low, high = float(known.min()), float(known.max())
        margin = 0.12 * (high - low) or 1.0
        across, up = draw.Axis(index, range=(0.3, n + 0.7), ticks=few), draw.Axis(title, range=(low - margin, high + margin))
        key = [(draw.ACCEPT, T("positive", "正")), (draw.REJECT, T("negative", "负")), (draw.INK_2, T("zero", "零"), "dot")]
        panels.append(draw.Panel(across, up, title=NAMES[judgement.verdict], key=() if panel else key))
    if cholesky.broke_at and cholesky.broke_at < n:
        low, high = panels[2].y.range or (0.0, 1.0)
        where = T("stops at row {row}", "停在第 {row} 行", row=cholesky.broke_at)
        labels.append(draw.Label(n + 0.6, low + 0.06 * (high - low), where, draw.REJECT, "right", 2))
    tests = [
        (T("Eigenvalues", "特征值"), a.spectrum.judgement),
        (T("Leading minors", "顺序主子式"), minors.judgement),
        (T("Cholesky", "Cholesky 分解"), cholesky.judgement),
    ]
    if minors.principal_judgement is not None:
        tests.append((T("All principal minors", "全部主子式"), minors.principal_judgement))
    head = (T("test", "方法"), T("what it says", "结论"), T("what it can tell at all", "能判定什么"))
    table = [head, *((name, judgement.sentence, judgement.reach) for name, judgement in tests)]
    return draw.Figure(traces, panels, a.agreement, labels, table=table, columns=3)


def morph_figure(a: Analysed) -> draw.Figure:
    """Level curves and matrix while the coordinates turn from x to the eigenvectors."""
    m = a.morph
    if m is None:
        traces, panel, labels = ground(a)
        side = silent(T("One variable: nothing to turn.", "只有一个变量：没有什么可转。"))
        return draw.Figure([*traces, *side[0]], [panel, side[1]], T("One variable.", "只有一个变量。"), labels + side[2])
    d, size = m.matrix.shape[1], float(np.abs(m.matrix).max()) or 1.0
    what = "A" if len(a.form.b) == d else "PᵀAP"

    def text(matrix: np.ndarray) -> list[list[str]]:
        return [[amounts.number(0.0 if abs(v) < 1e-9 * size else v, 4) for v in row] for row in matrix]

    traces, panel, turning = _turned_plane(m) if d == 2 else _turned_space(m)
    look = {"texttemplate": "%{text}", "textfont": {"size": 20 if d == 2 else 16}, "hoverinfo": "skip", "xgap": 3, "ygap": 3}
    cells = draw.heat(m.matrix[-1], scale=SIGNED, bar=True, zmin=-size, zmax=size, text=text(m.matrix[-1]), panel=1, **look)
    frames = [
        draw.Frame(amounts.fixed(t), {len(traces): {"z": matrix, "text": text(matrix)}}, _tips(m, k) if d == 2 else None)
        for k, (t, matrix) in enumerate(zip(m.t, m.matrix, strict=True))
    ]
    blank = draw.Axis(hidden=True, range=(-0.5, d - 0.5))
    diagonal = ", ".join(row[i] for i, row in enumerate(text(m.matrix[-1])))
    matrix = draw.Panel(blank, replace(blank, reverse=True, equal=True), title=T("Rᵀ·{matrix}·R", "Rᵀ·{matrix}·R", matrix=what))
    return draw.Figure(
        [*traces, cells],
        [panel, matrix],
        T(
            "Turning the coordinates by {angle:number}° makes {matrix} diagonal: {diagonal}.",
            "坐标转过 {angle:number}°，{matrix} 就成为对角矩阵：{diagonal}。",
            angle=m.angle,
            matrix=what,
            diagonal=diagonal,
        ),
        frames[m.frame].labels or (),
        draw.Frames("t", frames, start=m.frame, seconds=4.0, rows=turning),
        facts=[
            (T("Whole turn", "共转过"), T("{angle:number.4}°", "{angle:number.4}°", angle=m.angle)),
            (T("Diagonal at the end", "最后的对角线"), diagonal),
            (T("Off the diagonal at the start", "开始时的非对角部分"), (m.off_diagonal[0], "number.4")),
        ],
        layout={} if d == 2 else {"scene": NEAR},
    )


def _turned_plane(m: Morph) -> tuple[list[dict], draw.Panel, dict]:
    """Level lines and principal axes of two variables, and their rows for every moment of the turn."""
    level, crossed = joined(m.curves), joined(np.stack([-m.axes, m.axes], axis=2))
    traces = [
        draw.line(*level[-1], draw.INK_3, width=1.4, hoverinfo="skip", name=T("level lines", "等高线")),
        draw.line(*crossed[-1], draw.THEORY, width=2, hoverinfo="skip", name=PRINCIPAL),
    ]
    panel = draw.Panel(draw.Axis("y₁", range=(-1.35, 1.35)), draw.Axis("y₂", range=(-1.35, 1.35), equal=True), key=True)
    return traces, panel, {i: {"x": way[:, 0], "y": way[:, 1]} for i, way in enumerate((level, crossed))}


def _turned_space(m: Morph) -> tuple[list[dict], draw.Panel, dict]:
    """The same of three variables: principal axes, and on an ellipsoid the ellipses that they span."""
    ways = [joined(np.stack([-m.axes, m.axes], axis=2))] + ([joined(m.curves)] if m.curves is not None else [])
    names = [T("λ = {value:number.4}", "λ = {value:number.4}", value=value) for value in np.diag(m.matrix[-1])]
    words = {"text": [part for name in names for part in ("", name, "")], "textfont": {"color": draw.THEORY, "size": 13}}
    looks: list[dict] = [
        {"mode": "lines+text", "line": {"color": draw.THEORY, "width": 7}, "name": PRINCIPAL, **words},
        {"mode": "lines", "line": {"color": draw.INK_3, "width": 3}, "name": T("level surface", "等值面")},
    ]
    traces = [
        draw.trace("scatter3d", **dict(zip("xyz", way[-1], strict=True)), hoverinfo="skip", **look)
        for way, look in zip(ways, looks, strict=False)
    ]
    panel = draw.Panel(*(draw.Axis(name, range=(-1, 1), ticks=((-0.5, 0, 0.5), ("", "", ""))) for name in ("y₁", "y₂", "y₃")))
    return traces, panel, {i: dict(zip("xyz", np.moveaxis(way, 1, 0), strict=True)) for i, way in enumerate(ways)}


def _tips(m: Morph, t: int) -> list[draw.Label]:
    """The axes' names at their tips, which turn with them."""
    labels = []
    for value, axis in zip(np.diag(m.matrix[-1]), m.axes[t], strict=True):
        if not np.isnan(axis).any():
            x, y = axis * (1 + 0.13 / (float(np.linalg.norm(axis)) or 1.0))
            text = T("λ = {value:number.4}", "λ = {value:number.4}", value=value)
            labels.append(draw.Label(round(x, 3), round(y, 3), text, draw.THEORY, "center"))
    return labels
