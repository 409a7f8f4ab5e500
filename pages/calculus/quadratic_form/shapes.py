"""The figures of a quadratic form's shape: surface and sections, definiteness three ways, the turn of the axes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine.calculus.quadratic_form import Analysed, morph
from engine.calculus.quadratic_form.definiteness import short
from pages.calculus.quadratic_form.parts import form_facts, ground, half, joined, silent, verdict
from pages.shell import T
from pages.shell.axes import Axis
from pages.shell.colors import ACCEPT, INK_2, MEASURED, MUTE, REJECT, THEORY
from pages.shell.figures import Figure
from pages.shell.moments import Frame, Frames
from pages.shell.panels import Label, Panel
from pages.shell.traces import bars, heat, line, points, surface, trace

CUBE = {"aspectmode": "cube", "camera": {"eye": {"x": 1.6, "y": -1.7, "z": 0.95}}}
NEAR = {"aspectmode": "cube", "camera": {"eye": {"x": 1.0, "y": -1.15, "z": 0.65}}}
SIGNS = {1: ACCEPT, 0: MUTE, -1: REJECT}


def shape_figure(a: Analysed) -> Figure:
    """The surface with the sections along its principal axes, and the way on which f falls without end."""
    s = a.slice
    signs = np.where(np.abs(s.eigenvalues) <= a.tolerance, 0, np.sign(s.eigenvalues)).astype(int)
    colors = [SIGNS[sign] if sign else THEORY for sign in signs]
    flat = 0 if s.z is None else 1
    solid = [] if s.z is None else _solid(a, colors)
    traces, panel, labels = _sections(a, signs, colors, flat)
    panels = [Panel(Axis(T.of(s.labels[0])), Axis(T.of(s.labels[1])), Axis("f")), panel] if s.z is not None else [panel]
    return Figure(
        [*solid, *traces],
        panels,
        T.of(a.stationary.sentence),
        labels,
        facts=[*form_facts(a), (T("f at the centre", "中心处的 f"), short(s.profile[len(s.profile) // 2]))],
        layout={"scene": CUBE} if solid else {},
    )


def _solid(a: Analysed, colors: list[str]) -> list[dict]:
    s = a.slice
    lift = 0.012 * float(np.ptp(s.z))  # above the surface, or the curves would hide in places
    traces = [surface(s.z[::2, ::2], s.u[::2], s.v[::2], hoverinfo="skip", name="f")]
    for i, color in enumerate(colors):
        at = s.centre + s.reach[:, None] * s.eigenvectors[:, i]
        traces.append(_curve(a, at, s.sections[i] + lift, color, 6, T("principal section", "主截线")))
    if a.escape is not None and len(a.b) == 2:
        down = a.escape.t >= 0
        at = a.escape.origin + a.escape.t[down, None] * a.escape.direction
        traces.append(_curve(a, at, a.escape.value[down] + 2 * lift, REJECT, 12, T("escape", "逃逸")))
    return traces


def _sections(a: Analysed, signs: np.ndarray, colors: list[str], panel: int) -> tuple[list[dict], Panel, list[Label]]:
    """f along each principal axis, and along the way of escape."""
    s, width, labels = a.slice, half(a), []
    values = [short(value if sign else 0.0) for value, sign in zip(s.eigenvalues, signs, strict=True)]
    traces = [
        line(s.reach, section, color, width=2.4, panel=panel, name=f"λ = {value}")
        for section, color, value in zip(s.sections, colors, values, strict=True)
    ]
    low, high = float(s.sections.min()), float(s.sections.max())
    if a.escape is not None:
        seen = (a.escape.t >= 0) & (a.escape.t <= width)
        # On the side to which it goes along the axis that it follows.
        shares = s.eigenvectors.T @ (s.directions @ a.escape.direction)
        side = -1 if shares[np.argmax(np.abs(shares))] < -0.99 else 1
        along, fall = side * a.escape.t[seen], a.escape.value[seen]
        traces.append(line(along, fall, REJECT, width=5, panel=panel, name=T("escape", "逃逸")))
        low, high, middle = min(low, float(fall.min())), max(high, float(fall.max())), len(fall) // 2
        at = along[middle] - 0.06 * side * width, fall[middle] - 0.06 * (high - low)
        labels.append(Label(*at, T("escape", "逃逸"), REJECT, "right" if side > 0 else "left", panel))
    room, ends = 0.1 * (high - low) or 1.0, s.sections[:, -1]
    close = len(ends) == 2 and abs(ends[1] - ends[0]) < 1.4 * room
    level = np.ptp(s.sections, axis=1) < 1e-9 * (high - low)
    ways = {1: T("rises", "上升"), 0: T("a slope", "斜坡"), -1: T("falls", "下降")}
    for i, sign in enumerate(signs):
        height = ends.mean() + (0.7 if i else -0.7) * room if close else ends[i]
        word = T("flat", "平坦") if level[i] else ways[int(sign)]
        text = T("λ = {values}<br>{word}", "λ = {values}<br>{word}", values=values[i], word=word)
        labels.append(Label(1.04 * width, height, text, colors[i], "left", panel))
    across = Axis(T("distance along a principal axis", "沿主轴的距离"), range=(-width, 1.7 * width))
    return traces, Panel(across, Axis("f", range=(low - room, high + room))), labels


def _curve(a: Analysed, at: np.ndarray, value: np.ndarray, color: str, width: float, name: T) -> dict:
    """A curve on the surface, within the map."""
    inside = (np.abs(at - a.slice.centre) <= half(a) * 1.0001).all(axis=1)
    style = {"color": color, "width": width}
    return trace("scatter3d", x=at[inside, 0], y=at[inside, 1], z=value[inside], mode="lines", line=style, name=name)


def definite_figure(a: Analysed) -> Figure:
    """Eigenvalues, leading minors and Cholesky's pivots side by side, and what each of them can tell."""
    n = len(a.b)
    k = np.arange(1, n + 1)
    zero = np.abs(a.eigenvalues) <= a.tolerance
    minors, cholesky = a.minors, a.cholesky
    rooted = n > 4  # for a determinant of many rows: the size of a typical factor
    size = np.where(minors.sign == 0, 0.0, minors.sign * 10 ** (np.nan_to_num(minors.log10) / (k if rooted else 1)))
    pivots = cholesky.pivots.copy()
    stopped = cholesky.judgement.verdict == "undecided"
    if stopped and cholesky.broke_at:
        pivots[cholesky.broke_at - 1] = 0.0
    judged = [
        (a.eigenvalues * ~zero, T("eigenvalue λᵢ", "特征值 λᵢ"), "i", a.by_eigenvalues),
        (
            size,
            (T("leading minor Δₖ, k-th root", "顺序主子式 Δₖ 的 k 次根") if rooted else T("leading minor Δₖ", "顺序主子式 Δₖ")),
            "k",
            minors.judgement,
        ),
        (pivots, T("Cholesky’s pivot dₖ", "Cholesky 主元 dₖ"), "k", cholesky.judgement),
    ]
    traces, panels, labels = [], [], []
    for panel, (values, title, index, judgement) in enumerate(judged):
        colors = [MUTE if not np.isfinite(v) else SIGNS[int(np.sign(v))] for v in values]
        traces.append(bars(k, values, panel=panel, marker={"color": colors, "line": {"width": 0}}, opacity=0.85))
        none = values == 0
        if none.any():
            traces.append(points(k[none], values[none], INK_2, size=10, symbol="diamond-open", panel=panel, name=T("zero", "零")))
        few = (k.tolist(), [str(i) for i in k]) if n <= 8 else None
        known = np.append(values[np.isfinite(values)], 0.0)
        low, high = float(known.min()), float(known.max())
        room = 0.12 * (high - low) or 1.0
        panels.append(
            Panel(
                Axis(index, range=(0.3, n + 0.7), ticks=few), Axis(title, range=(low - room, high + room)), title=verdict(judgement.verdict)
            )
        )
    if cholesky.broke_at and cholesky.broke_at < n:
        low, high = panels[2].y.range or (0.0, 1.0)
        where = T("stops at row {broke_at}", "停在第 {broke_at} 行", broke_at=cholesky.broke_at)
        labels.append(Label(n + 0.6, low + 0.06 * (high - low), where, REJECT, "right", 2))
    table = [[T("test", "方法"), T("what it says", "结论"), T("what it can tell at all", "能判定什么")]]
    tests = [
        (T("Eigenvalues", "特征值"), a.by_eigenvalues),
        (T("Leading minors", "顺序主子式"), minors.judgement),
        (T("Cholesky", "Cholesky 分解"), cholesky.judgement),
    ]
    if minors.principal_judgement is not None:
        tests.append((T("All principal minors", "全部主子式"), minors.principal_judgement))
    table += [[name, T.of(judgement.sentence), T.of(judgement.reach)] for name, judgement in tests]
    return Figure(traces, panels, T.of(a.agreement), labels, table=table, columns=3)


def morph_figure(a: Analysed) -> Figure:
    """Level curves and matrix while the coordinates turn from x to the eigenvectors."""
    m = a.morph
    if m is None:
        traces, panel, labels = ground(a)
        side = silent(T("One variable: nothing to turn.", "只有一个变量：没有什么可转。"), 1)
        return Figure([*traces, *side[0]], [panel, side[1]], T("One variable.", "只有一个变量。"), labels + side[2])
    d, size = m.matrix.shape[1], float(np.abs(m.matrix).max()) or 1.0
    what = "A" if len(a.b) == d else "PᵀAP"

    def text(matrix: np.ndarray) -> list[list[str]]:
        return [[short(0.0 if abs(v) < 1e-9 * size else v) for v in row] for row in matrix]

    traces, panel, rows = _turned_plane(m) if d == 2 else _turned_space(m)
    cells = heat(
        m.matrix[-1],
        diverging=True,
        zmin=-size,
        zmax=size,
        text=text(m.matrix[-1]),
        texttemplate="%{text}",
        textfont={"size": 20 if d == 2 else 16},
        panel=1,
        hoverinfo="skip",
        xgap=3,
        ygap=3,
    )
    frames = [
        Frame(f"{t:.2f}", {len(traces): {"z": matrix, "text": text(matrix)}}, _tips(m, k) if d == 2 else None)
        for k, (t, matrix) in enumerate(zip(m.t, m.matrix, strict=True))
    ]
    blank = Axis(hidden=True, range=(-0.5, d - 0.5))
    spectrum = ", ".join(row[i] for i, row in enumerate(text(m.matrix[-1])))
    return Figure(
        [*traces, cells],
        [panel, Panel(blank, replace(blank, reverse=True, equal=True), title=f"Rᵀ·{what}·R")],
        T(
            "Turning the coordinates by {angle:.3g}° makes {what} diagonal: {spectrum}.",
            "坐标转过 {angle:.3g}°，{what} 就成为对角矩阵：{spectrum}。",
            angle=m.angle,
            what=what,
            spectrum=spectrum,
        ),
        frames[m.frame].labels or (),
        Frames("t", frames, start=m.frame, seconds=4.0, rows=rows),
        facts=[
            (T("Whole turn", "共转过"), f"{m.angle:.4g}°"),
            (T("Diagonal at the end", "最后的对角线"), spectrum),
            (T("Off the diagonal at the start", "开始时的非对角部分"), short(m.off_diagonal[0])),
        ],
        layout={} if d == 2 else {"scene": NEAR},
    )


def _turned_plane(m: morph.Morph) -> tuple[list[dict], Panel, dict]:
    """Level lines and principal axes of two variables, and their rows for every moment of the turn."""
    level, crossed = joined(m.curves), joined(np.stack([-m.axes, m.axes], axis=2))
    traces = [
        line(*level[-1], MEASURED, width=1.4, hoverinfo="skip", name=T("level lines", "等高线")),
        line(*crossed[-1], THEORY, width=2, hoverinfo="skip", name=T("principal axes", "主轴")),
    ]
    panel = Panel(Axis("y₁", range=(-1.35, 1.35)), Axis("y₂", range=(-1.35, 1.35), equal=True))
    return traces, panel, {i: {"x": way[:, 0], "y": way[:, 1]} for i, way in enumerate((level, crossed))}


def _turned_space(m: morph.Morph) -> tuple[list[dict], Panel, dict]:
    """The same of three variables: principal axes, and on an ellipsoid the ellipses that they span."""
    ways = [joined(np.stack([-m.axes, m.axes], axis=2))] + ([joined(m.curves)] if m.curves is not None else [])
    names = [name for value in np.diag(m.matrix[-1]) for name in ("", f"λ = {short(value)}", "")]
    looks: list[dict] = [
        {
            "mode": "lines+text",
            "line": {"color": THEORY, "width": 7},
            "text": names,
            "name": T("principal axes", "主轴"),
            "textfont": {"color": THEORY, "size": 13},
        },
        {"mode": "lines", "line": {"color": MEASURED, "width": 3}, "name": T("level surface", "等值面")},
    ]
    traces = [
        trace("scatter3d", **dict(zip("xyz", way[-1], strict=True)), hoverinfo="skip", **look)
        for way, look in zip(ways, looks, strict=False)
    ]
    panel = Panel(*(Axis(name, range=(-1, 1), ticks=((-0.5, 0, 0.5), ("", "", ""))) for name in ("y₁", "y₂", "y₃")))
    return traces, panel, {i: dict(zip("xyz", np.moveaxis(way, 1, 0), strict=True)) for i, way in enumerate(ways)}


def _tips(m: morph.Morph, t: int) -> list[Label]:
    """The axes' names at their tips, which turn with them."""
    made, values = [], np.diag(m.matrix[-1])
    for i, axis in enumerate(m.axes[t]):
        if not np.isnan(axis).any():
            x, y = axis * (1 + 0.13 / (float(np.linalg.norm(axis)) or 1.0))
            made.append(Label(round(x, 3), round(y, 3), f"λ = {short(values[i])}", THEORY, "center"))
    return made
