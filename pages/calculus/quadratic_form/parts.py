"""What the figures of a quadratic form share: its map, the ways on it, a decay beside its promise, and words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy import ndarray

from engine.calculus.quadratic_form import Analysed
from engine.calculus.quadratic_form.parameters import METHODS
from engine.calculus.quadratic_form.result import KINDS
from engine.core import amounts
from pages.shell import T, draw

COLORS = dict(zip(METHODS, (draw.MEASURED, draw.SECOND, draw.THIRD, draw.FOURTH, draw.CLASSES[7]), strict=True))
STEP = T("step %{pointNumber}<br>f = %{customdata:.6g}<extra></extra>", "第 %{pointNumber} 步<br>f = %{customdata:.6g}<extra></extra>")
FLOOR = 1e-17  # of what is drawn on a logarithmic axis
MOMENTS = 48
LINES = {
    "flat of minima": T("line of minima", "一整条极小点"),
    "flat of maxima": T("line of maxima", "一整条极大点"),
    "flat of saddles": T("line of saddles", "一整条鞍点"),
}
MEASURED_RUN, PRINCIPAL = T("measured", "实测"), T("principal axes", "主轴")


def moments(last: int) -> ndarray:
    """At most 48 of the steps 0 … last, the first ones closest."""
    if last < MOMENTS:
        return np.arange(last + 1)
    return np.unique(np.round(last * np.linspace(0, 1, MOMENTS) ** 1.7).astype(int))


def rows(matrix: ndarray) -> str:
    """A small matrix as it is typed: '2, 1; 1, 3'."""
    return "; ".join(", ".join(amounts.number(value, 4) for value in row) for row in np.atleast_2d(matrix))


def form_facts(a: Analysed) -> list[tuple]:
    """f, and A with the step from the matrix as it was given."""
    form = a.form
    if len(form.b) > 3:
        return [(T("Dimensions", "维数"), len(form.b))]
    name = T("f({variables})", "f({variables})", variables=", ".join(form.names))
    facts = [(name, a.formula.replace("^2", "²").replace("*", "").replace("-", "−"))]
    if (form.given == form.a).all():
        return [*facts, ("A", rows(form.a))]
    return [*facts, (T("M as given", "给出的 M"), rows(form.given)), (T("A = ½(M + Mᵀ)", "A = ½(M + Mᵀ)"), rows(form.a))]


def joined(curves: ndarray) -> ndarray:
    """Curves (..., c, p, d) as one, (..., d, c·(p + 1)), the pen lifted between them."""
    d = curves.shape[-1]
    lifted = np.concatenate([curves, np.full((*curves.shape[:-2], 1, d), np.nan)], axis=-2)
    return np.swapaxes(lifted.reshape(*curves.shape[:-3], -1, d), -1, -2)


def half(a: Analysed) -> float:
    """Half the width of the map."""
    return float(a.slice.reach[-1])


def arrived(a: Analysed, method: str) -> T:
    """How many steps a method needed, or why it did not arrive."""
    run = a.descents.runs[method]
    steps = len(run.value) - 1
    return {
        "converged": T.of(str(steps)),
        "stopped": T("not in {steps}", "{steps} 步未到", steps=steps),
        "diverged": T("diverges", "发散"),
        "unbounded": T("f has no lowest point", "f 没有最低点"),
        "no solution": T("no step to take", "无步可走"),
    }[run.status]


# --- the map -------------------------------------------------------------------------------------------------------


def ground(a: Analysed) -> tuple[list[dict], draw.Panel, list[draw.Label]]:
    """f seen from above, with principal axes and stationary point; the graph of f where it has one variable."""
    s = a.slice
    across = draw.Axis(s.labels[0], range=(s.u[0], s.u[-1]))
    if s.v is None:
        low, high = float(s.sections.min()), float(s.sections.max())
        margin = 0.08 * (high - low) or 1.0
        panel = draw.Panel(across, draw.Axis("f", range=(low - margin, high + margin)))
        return [draw.line(s.u, s.sections[0], name="f")], panel, []
    axes, labels = _axes(a)
    title = T("", "")
    if len(a.form.b) > 2:
        through = T("stationary point", "驻点") if a.stationary.point is not None else T("start", "起点")
        title = T("the slice through the {point}; ways projected", "过{point}的切片；路径投影其上", point=through)
    key = [(draw.INK_3, T("f low", "f 低"), "line"), (draw.HAIRLINE, T("f high", "f 高"), "line"), (draw.THEORY, PRINCIPAL, "line")]
    panel = draw.Panel(across, draw.Axis(s.labels[1], range=(s.v[0], s.v[-1]), equal=True), title=title, key=key)
    traces = [_levels(a), *axes]
    if a.stationary.point is not None:
        kind = (LINES if len(a.stationary.directions) == 1 else KINDS).get(a.stationary.kind, KINDS[a.stationary.kind])
        traces.append(draw.points(s.centre[:1], s.centre[1:], draw.THEORY, size=7, name=kind, hoverinfo="name", label="end"))
    return traces, panel, labels


def _levels(a: Analysed) -> dict:
    """Level lines at equal steps of √|f − f₀| where f lies on one side of f₀, so that a bowl's lie at equal distances; else
    at equal steps of f; darker where f is low."""
    s = a.slice
    z = s.z - s.z[len(s.z) // 2, len(s.z) // 2]
    if z.min() >= 0 or z.max() <= 0:
        z = np.sign(z) * np.sqrt(np.abs(z))
    step = float(np.ptp(z)) / 13 or 1.0
    low, high = (step * np.trunc(end / step - side * 1e-6) for end, side in ((z.min(), -1), (z.max(), 1)))
    low, high = (low + step if low == 0 else low), (high - step if high == 0 else high)
    contours = {"coloring": "lines", "start": low, "end": high, "size": step}
    look = {"showscale": False, "hoverinfo": "skip", "line": {"width": 1.1}, "colorscale": [[0, draw.INK_3], [1, draw.HAIRLINE]]}
    return draw.trace("contour", x=s.u, y=s.v, z=z, autocontour=False, contours=contours, **look)


def _axes(a: Analysed) -> tuple[list[dict], list[draw.Label]]:
    """The principal axes, with the ellipse whose semi-axes they are; a flat direction runs across the map."""
    s, traces, labels = a.slice, [], []
    away = a.descents.start @ s.directions.T - s.centre
    for value, vector, axis in zip(s.eigenvalues, s.eigenvectors.T, s.axes, strict=True):
        flat = bool(np.isnan(axis).any())
        arm = vector * 3 * half(a) if flat else axis
        ends = np.array([s.centre - arm, s.centre + arm])
        style = {"dash": "dot", "width": 2.2} if flat else {"width": 1.3}
        traces.append(draw.line(ends[:, 0], ends[:, 1], draw.THEORY, hoverinfo="skip", **style))
        # A name stands at the end away from the start; where neither end is, at the upper one.
        toward = float(arm @ away)
        aside = abs(toward) < 0.5 * float(np.linalg.norm(arm) * np.linalg.norm(away))
        side = -1 if (arm[1] < 0 if aside else toward > 0) else 1
        bend = 0.0 if flat else value
        text = T("λ = {bend:number.4}", "λ = {bend:number.4}", bend=bend)
        if len(a.form.b) > 2:
            text = T("bends by {bend:number.4}", "弯曲 {bend:number.4}", bend=bend)
        x, y = s.centre + side * (vector * 0.62 * half(a) if flat else 1.1 * axis)
        labels.append(
            draw.Label(x, y, text, draw.THEORY, "center" if abs(arm[0]) < abs(arm[1]) else "left" if side * arm[0] > 0 else "right")
        )
    if s.ellipse is not None:
        traces.append(draw.line(s.ellipse[:, 0], s.ellipse[:, 1], draw.THEORY, width=1.3, hoverinfo="skip"))
    return traces, labels


def handles(a: Analysed) -> list[draw.Handle]:
    """The start as a point to be dragged, where the map is spanned by coordinates and the start is the one given."""
    if a.slice.coordinates is None or len(a.slice.coordinates) < 2 or a.descents.start_at != "point":
        return []
    x, y = (f"start[{i}]" for i in a.slice.coordinates)
    return [draw.Handle(x, y, text=T("start", "起点"))]


def steps_of(a: Analysed, method: str) -> tuple[ndarray, ndarray]:
    """Where a method has been on the map, step by step."""
    path, run = a.slice.paths[method], a.descents.runs[method]
    return path[:, 0], path[:, 1] if a.slice.v is not None else run.value


def way(a: Analysed, method: str, width: float = 0.0) -> dict:
    """A method's way on the map; that of the chosen method is wider."""
    x, y = steps_of(a, method)
    dash = "dash" if method == "newton" else ""
    drawn = draw.line(x, y, COLORS[method], dash=dash, width=width or (3 if method == a.descents.method else 1.8), name=METHODS[method])
    dots = {"mode": "lines+markers", "marker": {"color": COLORS[method], "size": 4}}
    return drawn | dots | {"customdata": a.descents.runs[method].value, "hovertemplate": STEP}


# --- decay ---------------------------------------------------------------------------------------------------------


def span(*curves: ndarray) -> tuple[float, float]:
    """Powers of ten between which the positive values of curves lie, cut below at `FLOOR` times the largest."""
    known = np.concatenate([curve[np.isfinite(curve) & (curve > 0)] for curve in curves])
    if not known.size:
        return 0.1, 10.0
    high = min(float(known.max()), 1e300)
    low = max(float(known.min()), FLOOR * high)
    bottom, top = np.floor(np.log10(low) - 0.3), np.ceil(np.log10(high) + 0.15)
    return float(10.0**bottom), float(10.0 ** max(top, bottom + 1))


Curve = tuple[ndarray, str, T]  # what is left after each step, its colour, its name


def decay(measured: Sequence[Curve], promised: Sequence[Curve], title: T) -> tuple[list[dict], draw.Panel]:
    """What is left after each step, measured as points, beside what theory promises as lines: in the second panel."""
    curves = [curve for curve, _, _ in (*measured, *promised)]
    last = max(*(len(curve) - 1 for curve in curves), 1)
    traces = [draw.line(np.arange(len(y)), y, color, panel=1, name=name) for y, color, name in promised]
    traces += [draw.points(np.arange(len(y)), y, color, size=5, panel=1, name=name) for y, color, name in measured]
    few = (list(range(last + 1)), [str(k) for k in range(last + 1)]) if last <= 8 else None
    across = draw.Axis(T("step", "步"), range=(-0.03 * last, 1.03 * last), ticks=few)
    return traces, draw.Panel(across, draw.Axis(title, log=True, range=span(*curves)), key=True)


def silent(text: T) -> tuple[list[dict], draw.Panel, list[draw.Label]]:
    """A second panel that has only a sentence to say."""
    blank = draw.Axis(hidden=True, range=(0, 1))
    dot = draw.points([0.5], [0.5], draw.MUTE, opacity=0, hoverinfo="skip", panel=1)
    return [dot], draw.Panel(blank, blank), [draw.Label(0.5, 0.5, text, draw.INK_2, "center", 1)]
