"""The figures of a quadratic form that hold a method to its theory: the bound, the edge, the plane, the polynomials."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine.calculus.quadratic_form import Analysed
from engine.calculus.quadratic_form.definiteness import short
from pages.calculus.quadratic_form.parts import (
    METHODS,
    decay,
    ground,
    half,
    handles,
    log_axis,
    moments,
    silent,
    span,
    steps_axis,
    steps_of,
    way,
)
from pages.shell import T
from pages.shell.axes import Axis
from pages.shell.colors import ACCEPT, BRASS, INK_2, INK_3, MEASURED, MUTE, REJECT, SURFACE, THEORY
from pages.shell.figures import Figure, Handle
from pages.shell.moments import Frame, Frames
from pages.shell.panels import Label, Panel
from pages.shell.traces import bars, heat, line, points, ticks

LEFT_OF_IT = T("share of f − f* left", "f − f* 剩下的比例")
MEASURED_RUN = T("measured", "实测")
BELOW_ONE = [[0, MEASURED], [0.5, SURFACE], [0.5, f"{REJECT}/0.14"], [1, f"{REJECT}/0.5"]]
MOST_DIRECTIONS = 5


def zigzag_figure(a: Analysed) -> Figure:
    """Steepest descent on the map, and what it leaves of f − f* beside Kantorovich's bound."""
    traces, panel, labels = ground(a)
    theory, run = a.line_search, a.trajectories["steepest"]
    path = len(traces)
    if a.start_at == "worst" and panel.y.equal:
        panel = close_up(a, panel)
    traces.append(way(a, "steepest", width=2.4))
    facts = []
    if theory is None:
        side = silent(T("No minimum, so Kantorovich’s bound<br>has nothing to say.", "没有极小点，<br>坎托罗维奇不等式无从谈起。"), 1)
        says = T.of(run.sentence)
    else:
        words = (MEASURED_RUN, T("Kantorovich’s bound", "坎托罗维奇界"))
        side = decay(theory.observed, theory.bound, LEFT_OF_IT, 1, words)
        says = T.of(theory.sentence)
        known = theory.step_ratio[np.isfinite(theory.step_ratio)]
        facts = [
            ("κ", short(theory.kappa)),
            (T("The bound: a step leaves at most", "界：每步至多留下"), short(theory.rate)),
            (T("The worst step left", "最差的一步留下"), short(float(known.max())) if known.size else "–"),
        ]
        if len(theory.cosine):
            worst = float(np.abs(theory.cosine[: max(1, len(known) - 1)]).max())
            angle = f"{np.degrees(np.arccos(min(worst, 1.0))):.4g}°"
            facts.append((T("Angle from move to move", "相邻两步的夹角"), angle))
    last = len(run.value) - 1
    frames = [Frame(str(k), {path: {"upto": int(k) + 1}}) for k in moments(last)]
    return Figure(
        [*traces, *side[0]],
        [panel, side[1]],
        says,
        [*labels, *side[2]],
        Frames(T("step", "步"), frames) if last else None,
        facts=facts,
        handles=handles(a),
    )


def close_up(a: Analysed, panel: Panel) -> Panel:
    """The map's panel drawn in on steepest descent's way."""
    x, y = steps_of(a, "steepest")
    middle = (x.max() + x.min()) / 2, (y.max() + y.min()) / 2
    reach = 0.6 * float(max(np.ptp(x), np.ptp(y))) or half(a)
    ranges = [(m - reach, m + reach) for m in middle]
    return replace(panel, x=replace(panel.x, range=ranges[0]), y=replace(panel.y, range=ranges[1]))


def error_of(a: Analysed, method: str) -> tuple[np.ndarray, T]:
    """A method's distance to the nearest stationary point over that at the start; of the gradient where there is none."""
    run = a.trajectories[method]
    if np.isfinite(run.error_norm[0]):
        return run.error_norm / (run.error_norm[0] or 1.0), T("distance left", "剩下的距离")
    return run.gradient_norm / (run.gradient_norm[0] or 1.0), T("gradient left", "剩下的梯度")


def edge_figure(a: Analysed) -> Figure:
    """The worst direction's rate over the step length, with its edge; the run at the step length given."""
    theory, alpha = a.fixed_step, a.alpha
    reach = float(theory.alpha[-1])
    top = max(1.6, min(float(theory.rate.max()) * 1.02, 4.0))
    traces = [
        line(theory.alpha, theory.rate, THEORY, name=T("slowest direction", "最慢的方向")),
        line([0, reach], [1, 1], REJECT, width=1.2, dash="dash", hoverinfo="skip"),
    ]
    labels = [Label(0.01 * reach, 1 + 0.04 * top, T("diverges above 1", "大于 1 则发散"), REJECT)]
    if theory.edge is not None and theory.best is not None:
        traces.append(line([theory.edge] * 2, [0, 1], REJECT, width=1.2, hoverinfo="skip"))
        traces.append(points([theory.best], [theory.best_rate], ACCEPT, size=9, name=T("best", "最佳")))
        labels += [
            Label(theory.edge, 0.05 * top, T(" edge", " 界限"), REJECT),
            Label(theory.best, theory.best_rate - 0.06 * top, T("best {best}", "最佳 {best}", best=short(theory.best)), ACCEPT, "center"),
        ]
    if alpha <= reach:
        traces.append(line([alpha, alpha], [0, top], BRASS, width=2, hoverinfo="skip"))
        traces.append(
            points(
                [alpha] * len(a.eigenvalues),
                theory.direction_rate,
                MEASURED,
                size=8,
                customdata=a.eigenvalues,
                hovertemplate="λ = %{customdata:.6g}<br>|1 − αλ| = %{y:.6g}<extra></extra>",
            )
        )
        right = alpha > 0.6 * reach
        least = theory.direction_rate.min() if len(a.eigenvalues) > 1 else None
        if least is not None and least < top:
            labels.append(
                Label(alpha, least + 0.04 * top, T(" a dot for each λ ", " 每个 λ 一点 "), MEASURED, "right" if right else "left")
            )
        labels.append(
            Label(alpha, 0.96 * top, f"α = {short(alpha)} " if right else f" α = {short(alpha)}", BRASS, "right" if right else "left")
        )
    else:
        labels.append(Label(reach, 0.96 * top, f"α = {short(alpha)} →", BRASS, "right"))
    error, title = error_of(a, "fixed")
    side = decay(error, theory.promise, title, 1, (MEASURED_RUN, T("theory: rateᵏ", "理论：速率的 k 次方")))
    left = Panel(
        Axis(T("step length α", "步长 α"), range=(0, reach)),
        Axis(T("error kept a step, |1 − αλ|", "每步保留的误差 |1 − αλ|"), range=(0, top)),
    )
    return Figure(
        [*traces, *side[0]],
        [left, side[1]],
        T.of(theory.sentence),
        [*labels, *side[2]],
        facts=[
            (T("Edge 2/λmax", "界限 2/λmax"), short(theory.edge) if theory.edge else T("none: some λ < 0", "没有：有 λ < 0")),
            (T("Rate at this α", "此 α 的速率"), short(theory.here)),
            (T("Best rate (κ − 1)/(κ + 1)", "最佳速率 (κ − 1)/(κ + 1)"), short(theory.best_rate) if theory.best_rate is not None else "–"),
            (T("Steps taken", "步数"), arrived(a, "fixed")),
        ],
    )


def arrived(a: Analysed, method: str) -> T:
    """How many steps a method needed, or why it did not arrive."""
    run = a.trajectories[method]
    made = len(run.value) - 1
    return {
        "converged": T.of(str(made)),
        "stopped": T("not in {made}", "{made} 步未到", made=made),
        "diverged": T("diverges", "发散"),
        "unbounded": T("f has no lowest point", "f 没有最低点"),
        "no solution": T("no step to take", "无步可走"),
    }[run.status]


def momentum_figure(a: Analysed) -> Figure:
    """Rates over the (α, β) plane with the pair given as a handle; the run at that pair beside its rate."""
    plane, alpha = a.momentum_plane, a.alpha
    reach = float(plane.alpha[-1])
    best = plane.best_rate if plane.best_rate is not None else 0.0
    depth = max(1 - best, 1e-3)
    traces = [
        heat(
            plane.rate,
            plane.alpha,
            plane.beta,
            scale=BELOW_ONE,
            zmin=1 - depth,
            zmax=1 + depth,
            zsmooth="best",
            hovertemplate=T(
                "α = %{x:.3g}, β = %{y:.3g}<br>rate %{z:.4f}<extra></extra>", "α = %{x:.3g}，β = %{y:.3g}<br>速率 %{z:.4f}<extra></extra>"
            ),
        )
    ]
    labels = []
    if np.isfinite(plane.edge).all():
        traces.append(line(plane.edge, plane.beta, REJECT, width=1.5, hoverinfo="skip"))
        labels.append(Label(0.98 * reach, 0.06, T("diverges", "发散"), REJECT, "right"))
    if plane.best_alpha is not None:
        traces.append(points([plane.best_alpha], [plane.best_beta], THEORY, size=9, symbol="x", name=T("Polyak’s best", "波利亚克最佳")))
        right = plane.best_alpha > 0.45 * reach
        at = plane.best_alpha + (-0.03 if right else 0.03) * reach
        labels.append(
            Label(
                at,
                plane.best_beta + (-0.05 if plane.best_beta > 0.9 else 0.05),
                T("Polyak’s best", "波利亚克最佳"),
                THEORY,
                "right" if right else "left",
            )
        )
    knobs = []
    if alpha <= reach:
        knobs = [Handle("alpha", "beta", text=T("α and β", "α 与 β"))]
    else:
        labels.append(Label(0.98 * reach, 0.5, f"α = {short(alpha)} →", BRASS, "right"))
    error, title = error_of(a, "momentum")
    side = decay(error, plane.promise, title, 1, (MEASURED_RUN, T("theory: like rateᵏ", "理论：如速率的 k 次方")))
    left = Panel(Axis(T("step length α", "步长 α"), range=(0, reach)), Axis(T("momentum β", "动量 β"), range=(0, 1)))
    return Figure(
        [*traces, *side[0]],
        [left, side[1]],
        T.of(plane.sentence),
        [*labels, *side[2]],
        facts=[
            (T("Rate here", "此处速率"), short(plane.here)),
            (T("Best rate", "最佳速率"), short(plane.best_rate) if plane.best_rate is not None else "–"),
            (T("at α, β", "取 α、β 为"), f"{short(plane.best_alpha)}, {short(plane.best_beta)}" if plane.best_alpha is not None else "–"),
            (T("without momentum", "没有动量时"), short(a.fixed_step.best_rate) if a.fixed_step.best_rate is not None else "–"),
            (T("Steps taken", "步数"), arrived(a, "momentum")),
        ],
        table=directions(a),
        handles=knobs,
    )


def directions(a: Analysed) -> list[list[T | str]]:
    """At most six eigen-directions with momentum's rate along each, and whether it swings."""
    n, plane = len(a.eigenvalues), a.momentum_plane
    some = np.unique(np.linspace(0, n - 1, min(n, 6)).round().astype(int))
    made: list[list[T | str]] = [[T("direction", "方向"), "λ", T("rate", "速率"), T("how it goes", "走法")]]
    for i in some:
        how = T("swings through the bottom", "来回越过谷底") if plane.oscillates[i] else T("creeps", "缓缓爬行")
        if plane.direction_rate[i] > 1 + 1e-12:
            how = T("swings ever wider", "越摆越大") if plane.oscillates[i] else T("runs away", "越走越远")
        made.append([f"v{i + 1}", short(a.eigenvalues[i]), f"{plane.direction_rate[i]:.4f}", how])
    return made


def polynomial_figure(a: Analysed) -> Figure:
    """Conjugate gradients' residual polynomial, step by step, and the error beside Chebyshev's bound."""
    theory, run = a.conjugate, a.trajectories["conjugate"]
    last = len(theory.values) - 1
    seen, at = np.clip(theory.values, -9, 9), np.clip(theory.at_eigenvalues, -9, 9)
    traces = [
        line([theory.lam[0], theory.lam[-1]], [0, 0], INK_3, width=1, hoverinfo="skip"),
        line(theory.lam, seen[-1], MEASURED, width=2.2, name=T("residual polynomial", "残差多项式")),
        points(a.eigenvalues, at[-1], THEORY, size=7, name=T("at the eigenvalues", "在特征值处")),
    ]
    labels = [
        Label(theory.lam[-1], 1.28, T("residual polynomial pₖ(λ)", "残差多项式 pₖ(λ)"), MEASURED, "right"),
        Label(theory.lam[-1], 1.08, T("dots: at the eigenvalues", "点：在特征值处"), THEORY, "right"),
    ]
    left = Panel(
        Axis(T("eigenvalue λ", "特征值 λ"), range=(theory.lam[0], theory.lam[-1])),
        Axis(T("share of the residual kept", "残差保留的份额"), range=(-1.4, 1.4)),
    )
    rows = {1: {"y": seen}, 2: {"y": at}}
    if theory.observed is None:
        side = silent(T("No minimum: there is no error to bound.", "没有极小点：无误差可言。"), 1)
    else:
        words = (MEASURED_RUN, T("Chebyshev’s bound", "切比雪夫界"))
        side = decay(theory.observed, theory.bound, T("error left, √(eᵀAe)", "剩下的误差 √(eᵀAe)"), 1, words)
        left_over = np.where(theory.observed > 0, theory.observed, np.nan)[: last + 1]
        ring = points([last], left_over[-1:], BRASS, size=12, symbol="circle-open", panel=1, hoverinfo="skip")
        rows[len(traces) + len(side[0])] = {"x": np.arange(last + 1)[:, None], "y": left_over[:, None]}
        side[0].append(ring)
        if len(theory.observed) > len(a.b) + 1:
            low, high = side[1].y.range or (0.1, 1.0)
            side[0].append(line([len(a.b)] * 2, [low, high], MUTE, dash="dot", panel=1, hoverinfo="skip"))
            side[2].append(Label(len(a.b), low * (high / low) ** 0.05, T(" n = {b}", " n = {b}", b=len(a.b)), INK_2, panel=1))
    frames = [Frame(str(k), {}) for k in range(last + 1)]
    return Figure(
        [*traces, *side[0]],
        [left, side[1]],
        T.of(theory.sentence),
        [*labels, *side[2]],
        Frames("k", frames, start=min(last, 4), seconds=5.0, rows=rows) if last else None,
        facts=[
            (T("Dimensions n", "维数 n"), str(len(a.b))),
            (T("Distinct eigenvalues", "不同的特征值"), str(theory.distinct)),
            (T("Steps taken", "步数"), arrived(a, "conjugate")),
            (T("True residual at the end", "最终的真实残差"), f"{run.gradient_norm[-1]:.2g}"),
            (T("which it believes to be", "算法以为的残差"), f"{run.recurred_norm[-1]:.2g}"),
        ],
    )


def lag_figure(a: Analysed) -> Figure:
    """The error along every eigenvector: at one step as bars, over all steps as lines; measured beside predicted."""
    if a.eigen_error is None or a.eigen_predicted is None:
        traces, panel, labels = ground(a)
        side = silent(T("No stationary point:<br>nothing to measure an error from.", "没有驻点：<br>误差无从量起。"), 1)
        return Figure([*traces, way(a, a.method), *side[0]], [panel, side[1]], T.of(a.stationary.sentence), labels + side[2])
    n, k = len(a.eigenvalues), a.eigen_step
    measured, predicted = np.abs(a.eigen_error), np.abs(a.eigen_predicted)
    low, high = span(measured, predicted)
    alive = np.where((measured >= low) & (measured > 0), measured, np.nan)
    expected = np.where((predicted >= low) & (predicted > 0), predicted, np.nan)
    some = np.unique(np.linspace(0, n - 1, min(n, MOST_DIRECTIONS)).round().astype(int))
    last = max(int(k[-1]), 1)
    number = np.arange(1, n + 1)
    traces = [
        bars(number, alive[-1], name=MEASURED_RUN),
        ticks(number, expected[-1], name=T("pₖ(λ) · error at the start", "pₖ(λ) · 起点误差")),
    ]
    final = np.nan_to_num(alive[:, some])
    order = np.lexsort((final.sum(axis=0), final[-1]))
    emphasis = {int(order[-1]): 2.4, int(order[0]): 2.4}
    for place, i in enumerate(some):
        traces.append(line(k, expected[:, i], THEORY, width=1.2, panel=1, name=f"λ = {short(a.eigenvalues[i])}"))
        traces.append(points(k, alive[:, i], MEASURED, size=3 + emphasis.get(place, 0.5), panel=1, name=f"λ = {short(a.eigenvalues[i])}"))
    labels, ends = [], [(order[0], T("fastest", "最快"), 0.08)] if len(some) > 1 else []
    for place, word, least in [*ends, (order[-1], T("slowest", "最慢"), 0.24)]:
        known = np.flatnonzero(np.isfinite(alive[:, some[place]]))
        if len(known):
            at, value = known[-1], short(a.eigenvalues[some[place]])
            height = max(alive[at, some[place]], low * (high / low) ** least)
            text = T("{word}<br>λ = {value}", "{word}<br>λ = {value}", word=word, value=value)
            labels.append(Label(k[at] + 0.03 * last, height, text, INK_2, "left", 1))
    few = [f"{short(v)}" for v in a.eigenvalues] if n <= 6 else None
    axis = Axis(
        T("eigenvalue λ", "特征值 λ") if few else T("direction, from the least λ", "方向，按 λ 由小到大"),
        range=(0.4, n + 0.6),
        ticks=(number.tolist(), few) if few else None,
    )
    moving = line([last, last], [low, high], BRASS, width=1.6, panel=1, hoverinfo="skip")
    traces.append(moving)
    some_steps = moments(len(k) - 1)
    now = np.repeat(k[some_steps, None], 2, axis=1)
    rows = {0: {"y": alive[some_steps]}, 1: {"y": expected[some_steps]}, len(traces) - 1: {"x": now}}
    frames = [Frame(str(step), {}) for step in k[some_steps]]
    title = T("error |vᵢᵀ(x − x*)|", "误差 |vᵢᵀ(x − x*)|")
    name = METHODS[a.method]
    slow = short(a.eigenvalues[some[order[-1]]])
    return Figure(
        traces,
        [
            Panel(axis, log_axis(title, low, high), title=T("at this step", "这一步")),
            Panel(steps_axis(last, 1.42), log_axis(title, low, high), title=T("over all steps", "全部步数")),
        ],
        T(
            "{name} over {k} steps, along each of {n} eigenvectors: the direction of λ = {slow} lags most.",
            "{name}走 {k} 步，沿 {n} 个特征向量分别看：λ = {slow} 的方向落后最多。",
            name=name,
            k=k[-1],
            n=n,
            slow=slow,
        ),
        labels,
        Frames(T("step", "步"), frames, rows=rows) if len(frames) > 1 else None,
        facts=[(T("Method", "方法"), name), (T("Steps taken", "步数"), arrived(a, a.method))],
    )


__all__ = ["arrived", "edge_figure", "lag_figure", "momentum_figure", "polynomial_figure", "zigzag_figure"]
