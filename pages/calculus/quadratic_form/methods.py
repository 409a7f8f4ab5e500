"""The figures of a quadratic form's methods: their race, and each held to its theory."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine.calculus.quadratic_form import Analysed
from engine.calculus.quadratic_form.parameters import METHODS
from engine.calculus.quadratic_form.result import NAMES
from engine.calculus.quadratic_form.stationary import vector
from pages.calculus.quadratic_form import parts
from pages.shell import T, draw

TAKEN = T("Steps taken", "步数")
BELOW_ONE = [[0, draw.THIRD], [0.5, draw.SURFACE], [0.5, f"{draw.REJECT}/0.14"], [1, f"{draw.REJECT}/0.5"]]
RATE = T("α = %{x:.3g}, β = %{y:.3g}<br>rate %{z:.4f}<extra></extra>", "α = %{x:.3g}，β = %{y:.3g}<br>速率 %{z:.4f}<extra></extra>")


def race_figure(a: Analysed) -> draw.Figure:
    """Five methods from one start on the map, and how many steps each needs."""
    base, panel, labels = parts.ground(a)
    runs, order, first = a.descents.runs, list(METHODS), len(base)
    made = np.array([len(runs[m].value) - 1 for m in order])
    last = max(int(made.max()), 1)
    ways = [parts.steps_of(a, m) for m in order]
    there = np.array([runs[m].status == "converged" for m in order])
    colors = [parts.COLORS[m] for m in order]
    here = draw.points([x[-1] for x, _ in ways], [y[-1] for _, y in ways], hoverinfo="skip", marker={"color": colors, "size": 9})
    shades = {"color": colors, "opacity": np.where(there, 0.9, 0.35)}
    counts = draw.bars(made, np.arange(5) + 0.14, panel=1, orientation="h", width=0.3, opacity=1, hoverinfo="skip", marker=shades)
    for i, m in enumerate(order):
        labels.append(draw.Label(0, i - 0.24, METHODS[m], colors[i], "left", 1))
        labels.append(draw.Label(made[i] + 0.02 * last, i + 0.14, parts.arrived(a, m), draw.INK_2, "left", 1))
    steps = parts.moments(last)
    places = [np.minimum(steps, len(x) - 1) for x, _ in ways]
    x, y = (np.stack([way[axis][at] for way, at in zip(ways, places, strict=True)], axis=1) for axis in (0, 1))
    rows = {first + 5: {"x": x, "y": y}, first + 6: {"x": np.minimum(made, steps[:, None])}}
    frames = [
        draw.Frame(str(k), {first + i: {"upto": k + 1} for i, (way, _) in enumerate(ways) if k + 1 < len(way)}) for k in steps.tolist()
    ]
    outcomes = [T("{method} {steps}", "{method} {steps}", method=METHODS[m], steps=parts.arrived(a, m)) for m in order]
    minimum = T("none", "没有")
    if a.minimiser is not None:
        minimum = T("{value:number.4} at {at}", "{value:number.4}，在 {at}", value=a.minimum, at=vector(a.minimiser))
    return draw.Figure(
        [*base, *(parts.way(a, m) for m in order), here, counts],
        [panel, draw.Panel(draw.Axis(T("steps", "步数"), range=(0, 1.5 * last)), draw.Axis(hidden=True, range=(-0.6, 4.5), reverse=True))],
        T("Steps from one start to the stationary point: {outcomes}.", "从同一起点到驻点的步数：{outcomes}。", outcomes=T.joined(outcomes)),
        labels,
        draw.Frames(T("step", "步"), frames, rows=rows) if made.any() else None,
        facts=[
            *parts.form_facts(a)[:1],
            (T("Verdict", "判定"), NAMES[a.spectrum.judgement.verdict]),
            ("κ", (a.spectrum.condition_number, "number.4")),
            (T("Minimum", "极小值"), minimum),
        ],
        handles=parts.handles(a),
    )


def zigzag_figure(a: Analysed) -> draw.Figure:
    """Steepest descent on the map, and what it leaves of f − f* beside Kantorovich's bound."""
    traces, panel, labels = parts.ground(a)
    theory, run, facts, path = a.line_search, a.descents.runs["steepest"], [], len(traces)
    if a.descents.start_at == "worst" and panel.y.equal:
        panel = close_up(a, panel)
    traces.append(parts.way(a, "steepest", width=2.4))
    if theory is None:
        side, beside, words = parts.silent(
            T("No minimum, so Kantorovich’s bound<br>has nothing to say.", "没有极小点，<br>坎托罗维奇不等式无从谈起。")
        )
    else:
        words, title = [], T("share of f − f* left", "f − f* 剩下的比例")
        bound = (theory.bound, draw.THEORY, T("Kantorovich’s bound", "坎托罗维奇界"))
        side, beside = parts.decay([(theory.observed, parts.COLORS["steepest"], parts.MEASURED_RUN)], [bound], title)
        known = theory.step_ratio[np.isfinite(theory.step_ratio)]
        facts = [
            ("κ", (theory.kappa, "number.4")),
            (T("The bound: a step leaves at most", "界：每步至多留下"), (theory.rate, "number.4")),
            (T("The worst step left", "最差的一步留下"), (known.max() if known.size else None, "number.4")),
        ]
        if len(theory.cosine):
            worst = float(np.abs(theory.cosine[: max(1, len(known) - 1)]).max())
            angle = T("{angle:number.4}°", "{angle:number.4}°", angle=np.degrees(np.arccos(min(worst, 1.0))))
            facts.append((T("Angle from move to move", "相邻两步的夹角"), angle))
    last = len(run.value) - 1
    frames = [draw.Frame(str(k), {path: {"upto": int(k) + 1}}) for k in parts.moments(last)]
    return draw.Figure(
        [*traces, *side],
        [panel, beside],
        run.sentence if theory is None else theory.sentence,
        [*labels, *words],
        draw.Frames(T("step", "步"), frames) if last else None,
        facts=facts,
        handles=parts.handles(a),
    )


def close_up(a: Analysed, panel: draw.Panel) -> draw.Panel:
    """The map's panel drawn in on steepest descent's way."""
    x, y = parts.steps_of(a, "steepest")
    reach = 0.6 * float(max(np.ptp(x), np.ptp(y))) or parts.half(a)
    across, up = ((float(v.max() + v.min()) / 2 - reach, float(v.max() + v.min()) / 2 + reach) for v in (x, y))
    return replace(panel, x=replace(panel.x, range=across), y=replace(panel.y, range=up))


def momentum_figure(a: Analysed) -> draw.Figure:
    """Rates over the (α, β) plane with the pair given as a handle, its lowest row the fixed step's; both runs at that pair
    beside their rates."""
    plane, fixed, runs, alpha = a.momentum, a.fixed_step, a.descents.runs, a.descents.alpha
    reach, depth = float(plane.alpha[-1]), max(1 - (plane.best_rate or 0.0), 1e-3)
    shades = {"scale": BELOW_ONE, "zmin": 1 - depth, "zmax": 1 + depth, "zsmooth": "best", "bar": True}
    traces = [draw.heat(plane.rate, plane.alpha, plane.beta, scale_title=T("rate", "速率"), hovertemplate=RATE, **shades)]
    labels, knobs = [], [draw.Handle("alpha", "beta", text=T("α and β", "α 与 β"))]
    if np.isfinite(plane.edge).all():
        traces.append(draw.line(plane.edge, plane.beta, draw.REJECT, width=1.5, hoverinfo="skip"))
        labels.append(draw.Label(0.98 * reach, 0.06, T("diverges", "发散"), draw.REJECT, "right"))
    if plane.best_alpha is not None:
        best = {"size": 9, "symbol": "x", "label": "end"}
        traces.append(draw.points([plane.best_alpha], [plane.best_beta], draw.THEORY, name=T("Polyak’s best", "波利亚克最佳"), **best))
        traces.append(draw.points([fixed.best], [0], draw.THEORY, name=T("best without momentum", "无动量时最佳"), **best))
    if alpha > reach:
        knobs = []
        labels.append(
            draw.Label(0.98 * reach, 0.5, T("α = {alpha:number.4} →", "α = {alpha:number.4} →", alpha=alpha), draw.BRASS, "right")
        )
    solved = a.stationary.point is not None
    left, measured, promised = T("distance left", "剩下的距离") if solved else T("gradient left", "剩下的梯度"), [], []
    for method, theory, dash in (("momentum", plane, T("like rateᵏ", "如速率的 k 次方")), ("fixed", fixed, T("rateᵏ", "速率的 k 次方"))):
        norm = runs[method].error_norm if solved else runs[method].gradient_norm
        measured.append((norm / (norm[0] or 1.0), parts.COLORS[method], METHODS[method]))
        promised.append((theory.promise, parts.COLORS[method], T("its theory: {law}", "其理论：{law}", law=dash)))
    side, beside = parts.decay(measured, promised, left)
    return draw.Figure(
        [*traces, *side],
        [draw.Panel(draw.Axis(T("step length α", "步长 α"), range=(0, reach)), draw.Axis(T("momentum β", "动量 β"), range=(0, 1))), beside],
        plane.sentence,
        labels,
        facts=[
            (T("Rate here", "此处速率"), (plane.here, "number.4")),
            (T("Best rate", "最佳速率"), (plane.best_rate, "number.4")),
            (
                T("at α, β", "取 α、β 为"),
                T("{alpha:number.4}, {beta:number.4}", "{alpha:number.4}, {beta:number.4}", alpha=plane.best_alpha, beta=plane.best_beta),
            ),
            (T("Without momentum, β = 0", "没有动量时，β = 0"), (fixed.here, "number.4")),
            (T("its best", "其最佳"), (fixed.best_rate, "number.4")),
            (T("its edge 2/λmax", "其界限 2/λmax"), (fixed.edge, "number.4")),
            (TAKEN, parts.arrived(a, "momentum")),
        ],
        table=directions(a),
        handles=knobs,
    )


def directions(a: Analysed) -> list[tuple]:
    """At most six eigen-directions with momentum's rate along each, and whether it swings."""
    values, plane, n = a.spectrum.eigenvalues, a.momentum, len(a.form.b)
    table: list[tuple] = [(T("direction", "方向"), "λ", T("rate", "速率"), T("how it goes", "走法"))]
    for i in np.unique(np.linspace(0, n - 1, min(n, 6)).round().astype(int)):
        how = T("swings through the bottom", "来回越过谷底") if plane.oscillates[i] else T("creeps", "缓缓爬行")
        if plane.direction_rate[i] > 1 + 1e-12:
            how = T("swings ever wider", "越摆越大") if plane.oscillates[i] else T("runs away", "越走越远")
        table.append((T("v{i}", "v{i}", i=i + 1), (values[i], "number.4"), (plane.direction_rate[i], "fixed.4"), how))
    return table


def polynomial_figure(a: Analysed) -> draw.Figure:
    """Conjugate gradients' residual polynomial, step by step, and the error beside Chebyshev's bound."""
    theory, run, n, color = a.conjugate, a.descents.runs["conjugate"], len(a.form.b), parts.COLORS["conjugate"]
    last = len(theory.values) - 1
    seen, at = np.clip(theory.values, -9, 9), np.clip(theory.at_eigenvalues, -9, 9)
    ends = (theory.lam[0], theory.lam[-1])
    traces = [
        draw.line(ends, [0, 0], draw.INK_3, width=1, hoverinfo="skip"),
        draw.line(theory.lam, seen[-1], color, width=2.2, name=T("residual polynomial pₖ(λ)", "残差多项式 pₖ(λ)")),
        draw.points(a.spectrum.eigenvalues, at[-1], draw.THEORY, size=7, name=T("at the eigenvalues", "在特征值处")),
    ]
    across = draw.Axis(T("eigenvalue λ", "特征值 λ"), range=ends)
    panel = draw.Panel(across, draw.Axis(T("share of the residual kept", "残差保留的份额"), range=(-1.4, 1.4)), key=True)
    rows, words = {1: {"y": seen}, 2: {"y": at}}, []
    if theory.observed is None:
        side, beside, words = parts.silent(T("No minimum: there is no error to bound.", "没有极小点：无误差可言。"))
    else:
        bound = (theory.bound, draw.THEORY, T("Chebyshev’s bound", "切比雪夫界"))
        side, beside = parts.decay([(theory.observed, color, parts.MEASURED_RUN)], [bound], T("error left, √(eᵀAe)", "剩下的误差 √(eᵀAe)"))
        left = np.where(theory.observed > 0, theory.observed, np.nan)[: last + 1]
        rows[len(traces) + len(side)] = {"x": np.arange(last + 1)[:, None], "y": left[:, None]}
        side.append(draw.points([last], left[-1:], draw.BRASS, size=12, symbol="circle-open", panel=1, hoverinfo="skip"))
        if len(theory.observed) > n + 1:
            name = T("n = {n}", "n = {n}", n=n)
            side.append(draw.line([n, n], beside.y.range, draw.INK_3, dash="dot", width=1.3, panel=1, hoverinfo="skip", name=name))
    return draw.Figure(
        [*traces, *side],
        [panel, beside],
        theory.sentence,
        words,
        draw.Frames("k", [draw.Frame(str(k)) for k in range(last + 1)], start=min(last, 4), seconds=5.0, rows=rows) if last else None,
        facts=[
            (T("Dimensions n", "维数 n"), n),
            (T("Distinct eigenvalues", "不同的特征值"), theory.distinct),
            (TAKEN, parts.arrived(a, "conjugate")),
            (T("True residual at the end", "最终的真实残差"), (run.gradient_norm[-1], "number.2")),
            (T("which it believes to be", "算法以为的残差"), (run.recurred_norm[-1], "number.2")),
        ],
    )
