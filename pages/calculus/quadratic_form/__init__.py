"""The quadratic form on a page: five ways down, its shape, its definiteness, and each method's theory."""

from __future__ import annotations

import numpy as np

from engine.calculus.quadratic_form import Analysed, definiteness, descent, morph, quadratic_form, rates, stationary
from engine.calculus.quadratic_form.definiteness import NAMES, short
from pages.calculus.quadratic_form.methods import arrived, edge_figure, lag_figure, momentum_figure, polynomial_figure, zigzag_figure
from pages.calculus.quadratic_form.parts import COLORS, METHODS, form_facts, ground, handles, moments, steps_of, verdict, way
from pages.calculus.quadratic_form.shapes import definite_figure, morph_figure, shape_figure
from pages.shell import Lab, Preset, T, View
from pages.shell.axes import Axis
from pages.shell.colors import INK_2
from pages.shell.figures import Figure
from pages.shell.moments import Frame, Frames
from pages.shell.panels import Label, Panel
from pages.shell.traces import bars, points


def race_figure(a: Analysed) -> Figure:
    """Five methods from one start on the map, and how many steps each needs."""
    base, panel, labels = ground(a)
    order = list(METHODS)
    made = np.array([len(a.trajectories[m].value) - 1 for m in order])
    last = max(int(made.max()), 1)
    ways = [steps_of(a, m) for m in order]
    there = np.array([a.trajectories[m].status == "converged" for m in order])
    colors = [COLORS[m] for m in order]
    here = points(*zip(*[(x[-1], y[-1]) for x, y in ways], strict=True), hoverinfo="skip")
    here["marker"] = {"color": colors, "size": 9}
    counts = bars(made, np.arange(5) + 0.14, panel=1, orientation="h", width=0.3, opacity=1, hoverinfo="skip")
    counts["marker"] = {"color": colors, "opacity": np.where(there, 0.9, 0.35)}
    traces = [*base, *(way(a, m) for m in order), here, counts]
    first = len(base)
    frames = _race_frames(ways, made, first)
    for i, m in enumerate(order):
        labels.append(Label(0, i - 0.24, METHODS[m], colors[i], "left", 1))
        labels.append(Label(made[i] + 0.02 * last, i + 0.14, arrived(a, m), INK_2, "left", 1))
    best = min((a.iterations[m] for m in order if a.iterations[m] is not None), default=None)
    en = ", ".join(f"{METHODS[m].en.lower()} {arrived(a, m).en}" for m in order)
    zh = "、".join(f"{METHODS[m].zh} {arrived(a, m).zh}" for m in order)
    return Figure(
        traces,
        [panel, Panel(Axis(T("steps", "步数"), range=(0, 1.5 * last)), Axis(hidden=True, range=(-0.6, 4.5), reverse=True))],
        T("Steps from one start to the stationary point: {en}.", "从同一起点到驻点的步数：{en}。", en=T(en, zh))
        if best is not None
        else T("From one start none arrives: {en}.", "从同一起点，没有一种方法到达：{en}。", en=T(en, zh)),
        labels,
        frames,
        facts=[
            *form_facts(a)[:1],
            (T("Verdict", "判定"), verdict(a.verdict)),
            ("κ", short(a.condition_number) if np.isfinite(a.condition_number) else "∞"),
            *lowest(a),
        ],
        handles=handles(a),
    )


def _race_frames(ways: list[tuple[np.ndarray, np.ndarray]], made: np.ndarray, first: int) -> Frames | None:
    """The moments of the race: ways that grow from trace `first` on, then where each method is, then its count."""
    steps = moments(int(made.max()))
    if len(steps) == 1:
        return None
    places = [np.minimum(steps, len(x) - 1) for x, _ in ways]
    x, y = (np.stack([way[axis][at] for way, at in zip(ways, places, strict=True)], axis=1) for axis in (0, 1))
    rows = {first + len(ways): {"x": x, "y": y}, first + len(ways) + 1: {"x": np.minimum(made, steps[:, None])}}
    frames = [Frame(str(k), {first + i: {"upto": k + 1} for i, (way, _) in enumerate(ways) if k + 1 < len(way)}) for k in steps.tolist()]
    return Frames(T("step", "步"), frames, rows=rows)


def lowest(a: Analysed) -> list[tuple]:
    """The minimum and where it is; what stands in its place where there is none."""
    if a.minimiser is None or a.minimum is None:
        return [(T("Minimum", "极小值"), T("none", "没有"))]
    at = stationary.vector(a.minimiser, a.names)
    return [(T("Minimum", "极小值"), T("{minimum} at {at}", "{minimum}，在 {at}", minimum=short(a.minimum), at=at))]


FORM = ["given", "polynomial", "matrix", "b", "c", "dimension", "kappa", "spread", "negative", "null", "solvable", "seed"]
RUN = [*FORM, "start", "start_at", "steps", "tolerance"]
SLICE = ["slice_axes", "first_axis", "second_axis"]
HILBERT = ";".join(",".join(f"1/{i + j + 1}" for j in range(10)) for i in range(10))


def findings(a: Analysed) -> list[T]:
    step = [a.symmetrisation] if (a.given_matrix != a.a_symmetric).any() else []
    return [T.of(sentence) for sentence in (*step, *a.findings)]


LAB = Lab(
    experiment=quadratic_form,
    title=T("Quadratic form", "二次型"),
    words=T(
        "Newton's method, newton, gradient descent, conjugate gradients, CG, eigenvalue, eigenvector, condition number, Hessian, positive definite, saddle point, momentum, optimizer, line search, ellipse",
        "牛顿法、梯度下降、共轭梯度、特征值、特征向量、条件数、黑塞矩阵、正定、鞍点、动量、优化器、最优化",
    ),
    claim=T(
        "A symmetric matrix is a landscape: its eigenvalues say whether it is a bowl, and how slowly one walks to the bottom.",
        "对称矩阵就是一片地形：特征值说明它是不是一只碗，也说明走到碗底有多慢。",
    ),
    order=2,
    views=[
        View(T("Which way down?", "怎样下到谷底？"), race_figure, uses=[*RUN, "method", "alpha", "beta", *SLICE]),
        View(T("Bowl or saddle?", "是碗还是鞍？"), shape_figure, "exact", uses=[*RUN, "alpha", "beta", *SLICE]),
        View(T("Positive definite?", "正定吗？"), definite_figure, "exact", uses=FORM),
        View(T("Why zig-zag?", "为何走之字？"), zigzag_figure, uses=[*RUN, "alpha", "beta", *SLICE]),
        View(T("How long a step?", "步子能迈多大？"), edge_figure, uses=[*RUN, "alpha"], more=True),
        View(T("Why momentum?", "为何要动量？"), momentum_figure, uses=[*RUN, "alpha", "beta"]),
        View(T("Why n steps?", "为何 n 步就到？"), polynomial_figure, uses=RUN),
        View(T("Which direction lags?", "哪个方向落后？"), lag_figure, uses=[*RUN, *SLICE, "method", "alpha", "beta"], more=True),
        View(T("In the right axes?", "换到合适的轴？"), morph_figure, "exact", uses=[*FORM, *SLICE], more=True),
    ],
    presets=[
        Preset(T("A bowl", "一只碗"), {}, view=0),
        Preset(T("Zig-zag", "之字形"), {"matrix": "1,0;0,10", "b": "0", "start_at": "worst"}, view=3),
        Preset(T("Over the edge", "越过界限"), {"method": "fixed", "alpha": 0.6}, view=4),
        Preset(T("A typed saddle", "键入的鞍"), {"polynomial": "x^2 + 4x*y + y^2 - x"}, view=1),
        Preset(T("A line of minimisers", "一线极小点"), {"matrix": "1,2;2,4", "b": "1,2"}, view=1),
        Preset(T("No minimiser", "没有极小点"), {"matrix": "1,2;2,4", "b": "1,1"}, view=1),
        Preset(T("Minors are blind", "主子式看不见"), {"matrix": "0,0;0,-1", "b": "0"}, view=2),
        Preset(T("Hilbert’s matrix", "希尔伯特矩阵"), {"matrix": HILBERT, "method": "conjugate"}, view=6),
    ],
    sources=[descent, definiteness.factor, definiteness.find_minors, rates.rate_momentum, morph.turn],
    sample=lambda a: T("n = {b}", "n = {b}", b=len(a.b)),
    fit=lambda a: T(a.verdict, NAMES[a.verdict]),
    findings=findings,
)
