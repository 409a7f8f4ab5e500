"""Figures of the gradient at work: the race of seven descents, their basins, and how machines differentiate."""

from __future__ import annotations

import numpy as np

from engine.calculus.gradient import METHOD_NAMES, Differentiated
from engine.core import amounts
from pages.calculus.gradient.parts import HANDLES, ground, levels, number, pair
from pages.shell import T
from pages.shell.axes import Axis
from pages.shell.colors import FOURTH, INK, INK_2, MEASURED, MUTE, SECOND, SURFACE, THEORY, THIRD
from pages.shell.figures import Figure, absent
from pages.shell.moments import Frame, Frames
from pages.shell.panels import Label, Panel
from pages.shell.traces import bars, heat, line, points

NAMES = {method: T.of(words) for method, words in METHOD_NAMES.items()}
SHORT = NAMES | {"gd": T("Gradient", "梯度下降"), "nesterov": T("Nesterov", "Nesterov")}
STYLES = {
    "gd": (MEASURED, ""),
    "momentum": (SECOND, ""),
    "nesterov": (SECOND, "dash"),
    "adagrad": (THIRD, ""),
    "rmsprop": (THIRD, "dash"),
    "adam": (FOURTH, ""),
    "newton": (THEORY, ""),
}
FATES = {
    "minimum": T("a minimum", "极小值点"),
    "saddle": T("a saddle", "鞍点"),
    "maximum": T("a maximum", "极大值点"),
    "flat": T("a flat place", "平坦处"),
    "moving": T("still moving", "仍在移动"),
    "diverged": T("diverged", "发散"),
    "outside": T("left the domain", "走出定义域"),
    "lost": T("no gradient", "梯度不存在"),
    "singular": T("singular Hessian", "Hessian 奇异"),
}
KINDS = {"minimum": T("minimum", "极小"), "maximum": T("maximum", "极大"), "saddle": T("saddle", "鞍点")}
MOMENTS = 48


def race_figure(r: Differentiated) -> Figure:
    """Seven methods from one start, on the map and by how far above the lowest value they are."""
    race = r.race
    if race is None:
        return absent(T("There is no start: f has no value at the point.", "没有起点：f 在该点没有值。"))
    steps = race.losses.shape[1] - 1
    lowest = float(race.lowest.min())
    above = race.losses - lowest
    floor = 1e-16 * max(1.0, abs(lowest))
    above = np.where(above > floor, above, np.nan).astype(np.float32)
    ways, heights = [], []
    for method, path, height in zip(race.methods, race.paths.astype(np.float32), above, strict=True):
        color, dash = STYLES[method]
        ways.append(line(path[:, 0], path[:, 1], color, dash=dash, width=2.2, name=NAMES[method]))
        heights.append(line(np.arange(steps + 1), height, color, dash=dash, panel=1, name=NAMES[method]))
    low, high = _powers(above)
    shown = [
        ground(r),
        Panel(
            Axis(T("step", "步"), range=(0, 1.62 * steps)),
            Axis(T("f above the lowest found", "f 高出最低值的量"), log=True, range=(low, high)),
        ),
    ]
    moments = np.unique(np.linspace(1, steps + 1, min(steps + 1, MOMENTS)).astype(int)).tolist()
    frames = [Frame(str(k - 1), {i: {"upto": k} for i in range(1, 15)}) for k in moments]
    places = race.paths[:, np.array(moments) - 1].astype(np.float32)  # (7, frames, 2)
    here = points(*places[:, -1].T, hoverinfo="skip", name=T("now", "此刻"))
    here["marker"] = {"color": [STYLES[m][0] for m in race.methods], "size": 9}
    winner = NAMES.get(race.winner, T("nobody", "无"))
    return Figure(
        [levels(r), *ways, *heights, here],
        shown,
        _told(r, steps),
        _names(race, above, low, high, 1.03 * steps),
        Frames(T("step", "步"), frames, rows={15: {"x": places[..., 0].T, "y": places[..., 1].T}}),
        facts=[(T("lowest at the end", "最后最低"), winner), ("f", number(_last(race, race.winner)))],
        table=[
            [T("Method", "方法"), T("ended at", "结局"), T("in words", "详情")],
            *([NAMES[m], FATES[f], T.of(v)] for m, f, v in zip(race.methods, race.fate, race.verdicts, strict=True)),
        ],
        handles=HANDLES[:1],
    )


def _told(r: Differentiated, steps: int) -> T:
    """Who won the race."""
    winner = r.race.winner
    if not winner:
        return T(
            "From {point} every method stopped within {steps} steps.",
            "从 {point} 出发，每种方法都在 {steps} 步之内中止。",
            point=pair(r.point),
            steps=steps,
        )
    end, name = number(_last(r.race, winner)), NAMES[winner]
    return T(
        "From {point}, after {steps} steps, {name} is lowest, at f = {end}.",
        "从 {point} 出发，{steps} 步之后最低的是{name}，f = {end}。",
        point=pair(r.point),
        steps=steps,
        name=name,
        end=end,
    )


def _last(race, method: str) -> float:
    return float(race.losses[race.methods.index(method), -1]) if method else np.nan


def _powers(above: np.ndarray) -> tuple[float, float]:
    """Powers of ten around what is drawn."""
    known = above[np.isfinite(above)]
    if not known.size:
        return 0.1, 10.0
    high = min(float(known.max()), 1e8 * float(known[0]))
    low = max(float(known.min()), 1e-14 * high)
    return float(10 ** np.floor(np.log10(low) - 0.1)), float(10 ** np.ceil(np.log10(high) + 0.1))


def _names(race, above: np.ndarray, low: float, high: float, x: float) -> list[Label]:
    """Each method's name at the height where it ended, moved apart where they would touch; what stopped says so."""
    rise = np.log10(high / low)
    heights = np.zeros(len(race.methods))
    for i, curve in enumerate(above):
        known = curve[np.isfinite(curve)]
        ended = np.log10(float(known[-1]) / low) / rise if known.size else 0.0
        heights[i] = 0.0 if np.isnan(curve[-1]) and race.stopped_at[i] < 0 else ended
    gap, placed, labels = 0.085, -1.0, []
    order = np.argsort(heights, kind="stable")
    at = np.clip(heights, 0.04, 0.96)
    for i in order:
        placed = at[i] = max(at[i], placed + gap)
    for k, i in enumerate(order[::-1]):
        at[i] = min(at[i], 0.96 - gap * k)
    for i, method in enumerate(race.methods):
        name = SHORT[method]
        if race.stopped_at[i] >= 0:
            name = T("{name} ✕", "{name} ✕", name=name)
        labels.append(Label(x, float(low * 10 ** (rise * at[i])), name, STYLES[method][0], "left", 1))
    return labels


def basins_figure(r: Differentiated) -> Figure:
    """Every start coloured by the stationary point at which it ends."""
    b = r.basins
    if b is None:
        return absent(
            T(
                "No starts yet: set “Starts” above 0,<br>or press “Newton's basins”.",
                "还没有起点：把“起点数”调到 0 以上，<br>或点“牛顿法的吸引域”。",
            )
        )
    count = len(b.attractors)
    tints = [f"{hue}/{alpha}" for alpha in (0.85, 0.5, 0.28) for hue in (MEASURED, SECOND, THIRD, FOURTH)]
    colors = [INK, SURFACE, *(tints[k % len(tints)] for k in range(count))]
    scale = [[(k + side) / len(colors), color] for k, color in enumerate(colors) for side in (0, 1)]
    traces = [
        heat(b.label.astype(np.int16), b.x, b.y, scale=scale, zmin=-2.5, zmax=count - 0.5, hoverinfo="skip", name=T("attractor", "吸引点")),
        points(b.attractors[:, 0], b.attractors[:, 1], INK, size=8, hoverinfo="skip", name=T("stationary", "驻点")),
    ]
    wide = float(b.x[-1] - b.x[0]) / 2
    inside = (np.abs(b.attractors - [b.x.mean(), b.y.mean()]) < 1.02 * wide).all(1)
    labels = [Label(float(x), float(y) + 0.085 * wide, str(k + 1), INK, "center") for k, (x, y) in enumerate(b.attractors) if inside[k]]
    rows = [
        [str(k + 1), KINDS.get(b.kinds[k], T.of(b.kinds[k])), pair(b.attractors[k]), number(b.heights[k]), _share(b.share[k])]
        for k in range(count)
    ]
    name = NAMES[b.method]
    return Figure(
        traces,
        [
            Panel(
                Axis(T("x of the start", "起点的 x"), range=(float(b.x[0]), float(b.x[-1]))),
                Axis(T("y of the start", "起点的 y"), range=(float(b.y[0]), float(b.y[-1])), equal=True),
            )
        ],
        T(
            "{name} from {side} starts: {finding}.",
            "{name}，{side} 个起点：{finding}。",
            name=name,
            side=amounts.count(b.side**2),
            finding=T.of(b.finding),
        ),
        labels,
        facts=[
            (T("method", "方法"), name),
            (T("starts", "起点"), amounts.count(b.side**2)),
            (T("steps", "步数"), str(b.step)),
            (T("still moving (blank)", "仍在移动（空白）"), _share(b.share[-2])),
            (T("diverged", "发散"), _share(b.share[-1])),
        ],
        table=[[T("No.", "编号"), T("kind", "类型"), T("place", "位置"), "f", T("share of starts", "起点比例")], *rows],
    )


def _share(value: float) -> str:
    return f"{100 * value:.3g} %"


def machine_figure(r: Differentiated) -> Figure:
    """The error of difference quotients over the step h, and three ways to the partial derivatives side by side."""
    c, ways = r.error_curve, r.ways
    table = [[T("Way", "方法"), "∂f/∂x", "∂f/∂y", T("error in ∂f/∂x", "∂f/∂x 的误差"), T("error in ∂f/∂y", "∂f/∂y 的误差")]]
    names = {
        "symbolic": T("symbolic", "符号求导"),
        "autograd": T("autograd", "自动求导"),
        "central": T("central difference, step h", "中心差分，步长 h"),
    }
    for way, values, errors in zip(ways.ways, ways.values, ways.errors, strict=True):
        table.append(
            [
                names[way],
                *(f"{v:.12g}" if np.isfinite(v) else "–" for v in values),
                *(f"{e:.1e}" if np.isfinite(e) else "–" for e in errors),
            ]
        )
    if not np.isfinite(c.central).any():
        empty = absent(T("No slope along v, so no error.", "沿 v 没有斜率，也就没有误差。"))
        return Figure(empty.traces, empty.panels, empty.says, empty.labels, table=table)
    theory = [np.where(curve > 1e-18, curve, np.nan) for curve in (c.truncation, c.rounding)]
    traces = [
        line(c.h, theory[0], THEORY, name=T("truncation, theory", "截断误差，理论")),
        line(c.h, theory[1], THEORY, dash="dash", name=T("rounding, theory", "舍入误差，理论")),
        points(c.h, c.forward, SECOND, size=5, symbol="diamond", name=T("forward", "前向差分")),
        points(c.h, c.central, MEASURED, size=6, name=T("central", "中心差分")),
    ]
    labels = [
        Label(2e-15, 3e-16, T("circles: central difference", "圆点：中心差分"), MEASURED),
        Label(2e-15, 6e-18, T("diamonds: forward difference", "菱形：前向差分"), SECOND),
        Label(1e-13, 20.0, T("rounding ε|f|/h", "舍入 ε|f|/h"), THEORY),
        Label(0.8, 20.0, T("truncation ~h²", "截断 ~h²"), THEORY, "right"),
    ]
    facts = [(T("best step h, theory", "最佳步长 h，理论"), f"{c.best_h:.1e}" if np.isfinite(c.best_h) else "–")]
    best = int(np.nanargmin(c.central))
    facts.append((T("best step h, measured", "最佳步长 h，实测"), f"{c.h[best]:.1e}"))
    facts.append((T("its error", "其误差"), f"{c.central[best]:.1e}"))
    return Figure(
        traces,
        [
            Panel(
                Axis(T("step h", "步长 h"), log=True, range=(1e-15, 1)), Axis(T("error of Dᵥf", "Dᵥf 的误差"), log=True, range=(1e-18, 1e2))
            )
        ],
        c.sentence,
        labels,
        facts=facts,
        table=table,
    )


def backward_figure(r: Differentiated) -> Figure:
    """The computation of f, operation by operation, and the derivative of f by each of them."""
    w = r.ways
    if not len(w.steps) or not np.isfinite(w.adjoints).any():
        return absent(T("f has no derivative to be carried back here.", "此处没有可以反向传播的导数。"))
    last = min(len(w.steps), 14)
    names = [text if len(text) <= 22 else f"{text[:20]}…" for text in w.steps[-last:]]
    place, adjoint = np.arange(last), w.adjoints[-last:]
    low, high = float(np.nanmin(adjoint, initial=0.0)), float(np.nanmax(adjoint, initial=0.0))
    room = 0.16 * (high - low) or 1.0
    labels = [
        Label(float(a) + (0.02 if a >= 0 else -0.02) * (high - low), float(k), number(a), INK_2, "left" if a >= 0 else "right")
        for k, a in zip(place, adjoint, strict=True)
        if np.isfinite(a)
    ]
    return Figure(
        [
            bars(adjoint, place, MEASURED, orientation="h", width=0.55, hoverinfo="skip"),
            line([0, 0], [-0.6, last - 0.4], MUTE, width=1, hoverinfo="skip"),
        ],
        [
            Panel(
                Axis(T("derivative of f by this quantity", "f 对该量的导数"), range=(low - room, high + room)),
                Axis("", range=(-0.6, last - 0.4), ticks=(place.tolist(), names)),
            )
        ],
        T(
            "Reverse mode walks down from f itself, whose derivative is 1, to x and y: {gradient} and {gradient2}.",
            "反向模式从 f 本身（导数为 1）逐步向下，直到 x 和 y：{gradient} 和 {gradient2}。",
            gradient=number(r.gradient[0]),
            gradient2=number(r.gradient[1]),
        ),
        labels,
        table=[
            [
                T("computed forwards, top to bottom", "前向计算，自上而下"),
                T("value", "值"),
                T("∂f/∂(it), filled in from below", "∂f/∂（它），自下而上填入"),
            ],
            *([text, number(v), number(a)] for text, v, a in zip(w.steps, w.step_values, w.adjoints, strict=True)),
        ],
    )
