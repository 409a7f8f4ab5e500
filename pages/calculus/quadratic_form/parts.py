"""What the figures of a quadratic form share: its map, the ways on it, a decay beside its promise, and words."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from engine.calculus.quadratic_form import Analysed, descent
from engine.calculus.quadratic_form.definiteness import NAMES, short
from engine.calculus.quadratic_form.stationary import KINDS
from pages.shell import T
from pages.shell.axes import Axis
from pages.shell.colors import FOURTH, INK_2, MEASURED, MUTE, SECOND, THEORY, THIRD
from pages.shell.figures import Handle
from pages.shell.panels import Label, Panel
from pages.shell.traces import line, points, trace

METHODS = {method: T.of(words) for method, words in descent.METHODS.items()}
COLORS = {"steepest": MEASURED, "fixed": SECOND, "momentum": THIRD, "conjugate": FOURTH, "newton": THEORY}
STEP = T("step %{pointNumber}<br>f = %{customdata:.6g}<extra></extra>", "第 %{pointNumber} 步<br>f = %{customdata:.6g}<extra></extra>")
FLOOR = 1e-17  # of what is drawn on a logarithmic axis
MOMENTS = 48
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def moments(last: int) -> ndarray:
    """At most 48 of the steps 0 … last, the first ones closest."""
    if last < MOMENTS:
        return np.arange(last + 1)
    return np.unique(np.round(last * np.linspace(0, 1, MOMENTS) ** 1.7).astype(int))


def rows(matrix: ndarray) -> str:
    """A small matrix as it is typed: '2, 1; 1, 3'."""
    return "; ".join(", ".join(short(v) for v in row) for row in np.atleast_2d(matrix))


def written(a: Analysed) -> str:
    """f as people write it."""
    return a.formula.replace("^2", "²").replace("*", "").replace("-", "−")


def verdict(name: str) -> T:
    return T(name, NAMES[name])


def form_facts(a: Analysed) -> list[tuple]:
    """f, and A with the step from the matrix as it was given."""
    if len(a.b) > 3:
        return [(T("Dimensions", "维数"), str(len(a.b)))]
    facts = [(f"f({', '.join(a.names)})", written(a))]
    if (a.given_matrix != a.a_symmetric).any():
        facts.append((T("M as given", "给出的 M"), rows(a.given_matrix)))
        facts.append((T("A = ½(M + Mᵀ)", "A = ½(M + Mᵀ)"), rows(a.a_symmetric)))
    else:
        facts.append(("A", rows(a.a_symmetric)))
    return facts


def joined(curves: ndarray) -> ndarray:
    """Curves (..., c, p, d) as one, (..., d, c·(p + 1)), the pen lifted between them."""
    d = curves.shape[-1]
    lifted = np.concatenate([curves, np.full((*curves.shape[:-2], 1, d), np.nan)], axis=-2)
    return np.swapaxes(lifted.reshape(*curves.shape[:-3], -1, d), -1, -2)


def half(a: Analysed) -> float:
    """Half the width of the map."""
    return float(a.slice.reach[-1])


# --- the map -------------------------------------------------------------------------------------------------------


def ground(a: Analysed) -> tuple[list[dict], Panel, list[Label]]:
    """f seen from above, with principal axes and stationary point; the graph of f where it has one variable."""
    s = a.slice
    if s.v is None:
        low, high = float(s.profile.min()), float(s.profile.max())
        room = 0.08 * (high - low) or 1.0
        panel = Panel(Axis(T.of(s.labels[0]), range=(s.u[0], s.u[-1])), Axis("f", range=(low - room, high + room)))
        return [line(s.u, s.profile, name="f")], panel, []
    axes, labels = _axes(a)
    title: Any = ""
    if len(a.b) > 2:
        title = (
            T("the slice through the stationary point; ways projected", "过驻点的切片；路径投影其上")
            if a.stationary.point is not None
            else T("the slice through the start; ways projected", "过起点的切片；路径投影其上")
        )
    panel = Panel(
        Axis(T.of(s.labels[0]), range=(s.u[0], s.u[-1])), Axis(T.of(s.labels[1]), range=(s.v[0], s.v[-1]), equal=True), title=title
    )
    traces = [_levels(a), *axes]
    if a.stationary.point is not None:
        traces.append(points(s.centre[:1], s.centre[1:], THEORY, size=7, name=T.of(_kind(a)), hoverinfo="name"))
        labels.append(Label(s.centre[0] + 0.05 * half(a), s.centre[1] + 0.09 * half(a), T.of(_kind(a)), THEORY))
    return traces, panel, labels


def _kind(a: Analysed) -> T:
    kind = a.stationary.kind
    if kind.startswith("flat of ") and len(a.stationary.directions) == 1:
        return kind.replace("flat", "line"), "一整条" + {"minima": "极小点", "maxima": "极大点"}.get(kind[8:], "鞍点")
    return kind, KINDS[kind]


def _levels(a: Analysed) -> dict:
    """Level lines at equal steps of √|f − f₀| where f lies on one side of f₀, so that a bowl's lie at equal
    distances; else at equal steps of f. The colours turn at f₀."""
    s = a.slice
    base = s.profile[len(s.profile) // 2]
    z = s.z - base
    one_sided = z.min() >= 0 or z.max() <= 0
    if one_sided:
        z = np.sign(z) * np.sqrt(np.abs(z))
    step = float(np.ptp(z)) / 13 or 1.0
    low, high = (step * np.trunc(end / step - side * 1e-6) for end, side in ((z.min(), -1), (z.max(), 1)))
    low, high = (low + step if low == 0 else low), (high - step if high == 0 else high)
    below = [[0, SECOND]] if low < 0 else []
    middle = [[-low / (high - low), MUTE]] if low < 0 < high else [[float(high <= 0), MUTE]]
    above = [[1, MEASURED]] if high > 0 else []
    return trace(
        "contour",
        x=s.u,
        y=s.v,
        z=z,
        autocontour=False,
        showscale=False,
        hoverinfo="skip",
        line={"width": 1.1},
        contours={"coloring": "lines", "start": low, "end": high, "size": step},
        colorscale=below + middle + above,
        name=T("√|f − f₀|, signed", "√|f − f₀|，带符号") if one_sided else T("f − f₀", "f − f₀"),
    )


def _axes(a: Analysed) -> tuple[list[dict], list[Label]]:
    """The principal axes, with the ellipse whose semi-axes they are; a flat direction runs across the map."""
    s, traces, labels = a.slice, [], []
    name = "λ" if len(a.b) == 2 else T("bends by", "弯曲")
    away = a.start @ s.directions.T - s.centre
    for value, vector, axis in zip(s.eigenvalues, s.eigenvectors.T, s.axes, strict=True):
        flat = bool(np.isnan(axis).any())
        arm = vector * 3 * half(a) if flat else axis
        ends = np.array([s.centre - arm, s.centre + arm])
        style = {"dash": "dot", "width": 2.2} if flat else {"width": 1.3}
        traces.append(line(ends[:, 0], ends[:, 1], THEORY, hoverinfo="skip", **style))
        # A name stands at the end away from the start; where neither end is, at the upper one.
        toward = float(arm @ away)
        aside = abs(toward) < 0.5 * float(np.linalg.norm(arm) * np.linalg.norm(away))
        side = -1 if (arm[1] < 0 if aside else toward > 0) else 1
        text = f"λ = {short(0 if flat else value)}"
        if name != "λ":
            text = T("bends by {value}", "弯曲 {value}", value=short(0 if flat else value))
        labels.append(_tip(s.centre, side * (vector * 0.62 * half(a) if flat else axis), half(a), text))
    if s.ellipse is not None:
        traces.append(line(s.ellipse[:, 0], s.ellipse[:, 1], THEORY, width=1.3, hoverinfo="skip"))
    return traces, labels


def _tip(centre: ndarray, arm: ndarray, width: float, text: Any) -> Label:
    """Words beyond the end of an axis, within the map."""
    out = arm / (float(np.linalg.norm(arm)) or 1.0)
    if abs(out[0]) > abs(out[1]) and abs(arm[0]) < 0.6 * width:
        x, y = centre + arm + 0.05 * width * out
        return Label(x, y, text, THEORY, "left" if out[0] > 0 else "right")
    x, y = centre + arm + np.array([0.0, 0.1 * width * (1 if out[1] >= 0 else -1)])
    return Label(x, y, text, THEORY, "center" if abs(arm[0]) < 0.6 * width else "right" if arm[0] > 0 else "left")


def handles(a: Analysed) -> list[Handle]:
    """The start as a point to be dragged, where the map is spanned by coordinates and the start is the one given."""
    if a.slice.coordinates is None or len(a.slice.coordinates) < 2 or a.start_at != "point":
        return []
    i, j = a.slice.coordinates
    return [Handle(f"start[{i}]", f"start[{j}]", text=T("start", "起点"))]


def steps_of(a: Analysed, method: str) -> tuple[ndarray, ndarray]:
    """Where a method has been on the map, step by step."""
    way = a.trajectories[method]
    return way.path[:, 0], way.path[:, 1] if a.slice.v is not None else way.value[: len(way.path)]


def way(a: Analysed, method: str, width: float = 0.0) -> dict:
    """A method's way on the map; that of the chosen method is wider."""
    x, y = steps_of(a, method)
    color = COLORS[method]
    style = {"color": color, "width": width or (3 if method == a.method else 1.8)}
    return trace(
        "scatter",
        x=x,
        y=y,
        mode="lines+markers",
        line=style | ({"dash": "dash"} if method == "newton" else {}),
        marker={"color": color, "size": 4},
        name=METHODS[method],
        customdata=a.trajectories[method].value[: len(x)],
        hovertemplate=STEP,
    )


# --- decay ---------------------------------------------------------------------------------------------------------


def span(*curves: ndarray, floor: float = FLOOR) -> tuple[float, float]:
    """Powers of ten between which the positive values of curves lie, cut below at `floor` times the largest."""
    known = np.concatenate([c[np.isfinite(c) & (c > 0)] for c in curves] or [np.ones(1)])
    if not known.size:
        return 0.1, 10.0
    high = min(float(known.max()), 1e300)
    low = max(float(known.min()), floor * high)
    bottom, top = np.floor(np.log10(low) - 0.3), np.ceil(np.log10(high) + 0.15)
    return float(10.0**bottom), float(10.0 ** max(top, bottom + 1))


def decay(
    measured: ndarray, promised: ndarray | None, title: T, panel: int, words: tuple[T, T], *, points_only: bool = True
) -> tuple[list[dict], Panel, list[Label]]:
    """What is left after each step, measured, beside what theory promises, on a logarithmic axis."""
    k = np.arange(len(measured))
    low, high = span(measured, *([] if promised is None else [promised]))
    traces = [points(k, measured, MEASURED, size=5, panel=panel, name=words[0])]
    if promised is not None:
        traces.insert(0, line(k[: len(promised)], promised, THEORY, panel=panel, name=words[1]))
    last = max(len(k) - 1, 1)
    high *= (high / low) ** 0.2  # room for the words
    made = Panel(steps_axis(last, 1.03), log_axis(title, low, high))
    rise = np.log10(high / low)
    labels = [Label(1.02 * last, high / 10 ** (0.05 * rise), words[0], MEASURED, "right", panel)]
    if promised is not None:
        labels.append(Label(1.02 * last, high / 10 ** (0.125 * rise), words[1], THEORY, "right", panel))
    return traces, made, labels


def log_axis(title: T, low: float, high: float) -> Axis:
    """A logarithmic axis with at most seven ticks, at powers of ten; between them too where there are few of those."""
    first, last = int(np.ceil(np.log10(low) - 1e-9)), int(np.floor(np.log10(high) + 1e-9))
    if last - first < 2:
        places = [m * 10.0**p for p in range(first - 1, last + 1) for m in (1, 2, 5)]
        return Axis(title, log=True, range=(low, high), ticks=(places, [f"{v:g}" for v in places]))
    every = -(-(last - first + 1) // 7)
    powers = [p for p in range(first, last + 1) if p % every == 0]
    texts = [f"10{str(p).translate(RAISED)}" if p not in (0, 1) else str(10**p) for p in powers]
    return Axis(title, log=True, range=(low, high), ticks=([10.0**p for p in powers], texts))


def steps_axis(last: int, end: float) -> Axis:
    """The steps 0 … last, each with its tick where they are few; `end` is how far the axis goes, in units of last."""
    few = (list(range(last + 1)), [str(k) for k in range(last + 1)]) if last <= 8 else None
    return Axis(T("step", "步"), range=(-0.03 * last, end * last), ticks=few)


def silent(text: T, panel: int) -> tuple[list[dict], Panel, list[Label]]:
    """A panel that has only a sentence to say."""
    blank = Axis(hidden=True, range=(0, 1))
    dot = points([0.5], [0.5], MUTE, opacity=0, hoverinfo="skip", panel=panel)
    return [dot], Panel(blank, blank), [Label(0.5, 0.5, text, INK_2, "center", panel)]
