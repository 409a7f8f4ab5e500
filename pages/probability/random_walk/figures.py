"""What the random walk's views draw."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from engine.core import amounts
from engine.probability.random_walk import Walked
from pages.shell import T
from pages.shell.axes import Axis
from pages.shell.colors import FOURTH, MEASURED, MUTE, SECOND, THEORY, THIRD
from pages.shell.figures import Figure, absent
from pages.shell.moments import Frame, Frames
from pages.shell.panels import Label, Panel
from pages.shell.traces import bars, line, points, ticks, trace

MOMENTS = 20
UNSEEN = 1e-5  # a bar up to this height cannot be seen
SHARE = T("share of walkers", "行走者的比例")
STEPS = T("steps", "步数")
MEASURED_, EXACT, LAW = T("measured", "实测"), T("exact", "精确"), T("exact law", "精确分布")
NORMAL = T("normal limit", "正态极限")
DIMENSIONS = (T("line", "直线"), T("plane", "平面"), T("space", "空间"))
ROOT_MEAN_SQUARE = T("± root mean square distance, exact", "± 均方根距离（精确）")


def said(walked: Walked, topic: str) -> T:
    """The finding of a topic, which tells what its figure shows."""
    return next(finding.text for finding in walked.findings if finding.topic == topic)


def beside(measured: float, exact: float, say: Callable[[float], str] = amounts.number) -> T:
    """A measured value and the exact one."""
    return T("{measured} (exact {exact})", "{measured}（精确 {exact}）", measured=say(measured), exact=say(exact))


def where_figure(walked: Walked) -> Figure:
    """Shares of walkers on each site, moment by moment, beside the exact law; at the end, the normal limit."""
    heap = walked.frames
    rows = np.unique(np.linspace(0, len(heap.times) - 1, MOMENTS).astype(int))
    seen = np.flatnonzero((heap.exact[rows] > UNSEEN).any(0))
    part = slice(seen[0], seen[-1] + 1)
    sites, observed, law = heap.sites[part], heap.observed[rows, part], heap.exact[rows, part]
    law, gap = np.where(law > UNSEEN, law, np.nan), heap.spacing
    top = 1.22 * float(np.nanmax([*observed[-1], *law[-1]]))
    traces = [bars(sites, observed[-1], name=MEASURED_, width=0.65 * gap), ticks(sites, law[-1], name=LAW)]
    middle, spread = walked.mean_exact, max(walked.variance_exact, 1.0) ** 0.5
    labels = [
        Label(middle - 0.9 * spread, 0.93 * top, T("{n:count} walkers", "{n:count} 名行走者", n=walked.ended), MEASURED, "right"),
        Label(middle + 1.1 * spread, 0.80 * top, LAW, THEORY),
    ]
    last = len(rows) - 1
    frames = [Frame(str(time), {}) for time in heap.times[rows]]
    if heap.normal is not None:
        traces.append(line(sites, heap.normal[part], SECOND, dash="dot", width=1.6, name=NORMAL))
        frames = [Frame(frame.name, {2: {"visible": moment == last}}) for moment, frame in enumerate(frames)]
        labels.append(Label(middle + 1.7 * spread, 0.42 * top, NORMAL, SECOND))
    return Figure(
        traces,
        [
            Panel(
                Axis(T("site after n steps", "n 步后的位置"), range=(float(sites[0]) - gap, float(sites[-1]) + gap)),
                Axis(SHARE, format=".1~%", range=(0, top)),
            )
        ],
        said(walked, "place"),
        labels,
        Frames("n", frames, rows={0: {"y": observed}, 1: {"y": law}}),
        link="site",
    )


def paths_figure(walked: Walked) -> Figure:
    """Twelve walkers as their paths unfold."""
    last = len(walked.path_times)
    moments = np.unique(np.linspace(min(2, last), last, 40).astype(int)).tolist()
    colors = [MEASURED if i % 3 == 0 else MUTE for i in range(len(walked.paths))]
    style = {"opacity": 0.8, "hoverinfo": "skip"}
    if walked.paths.ndim == 2:
        traces = [line(walked.path_times, way, color, width=1.3, **style) for way, color in zip(walked.paths, colors, strict=True)]
        origin, away = float(walked.paths[0, 0]), np.sqrt(walked.msd_exact)
        others = [line(walked.times, origin + sign * away, THEORY, dash="dash", width=1.3) for sign in (1, -1)]
        panel = Panel(Axis(T("step", "步"), range=(0, float(walked.path_times[-1]))), Axis(T("site", "位置")))
        labels = [Label(0.55 * float(walked.times[-1]), origin + float(away[-1]), ROOT_MEAN_SQUARE, THEORY, "center")]
    else:
        size = walked.paths.shape[2]
        kind, dims, wide = ("scatter", "xy", 1.3) if size == 2 else ("scatter3d", "xyz", 3)
        traces = [
            trace(kind, mode="lines", line={"color": color, "width": wide}, **style, **dict(zip(dims, way.T, strict=True)))
            for way, color in zip(walked.paths, colors, strict=True)
        ]
        marker = {"color": SECOND, "size": 5 - size, "opacity": 0.45}
        ends = {} if walked.cloud is None else dict(zip(dims, walked.cloud.T, strict=True))
        others = [trace(kind, mode="markers", marker=marker, hoverinfo="skip", **ends)] if ends else []
        panel, labels = Panel(*(Axis(name, equal=size == 2) for name in dims)), []
    frames = [Frame(str(int(walked.path_times[k - 1])), {i: {"upto": k} for i in range(len(traces))}) for k in moments]
    return Figure(
        traces + others,
        [panel],
        T(
            "Twelve walkers' paths from their common start; dashed, how far walkers are on average, or, as dots, where many of them end.",
            "十二名行走者从同一起点出发的路径；虚线为平均走出的距离，散点为许多行走者的终点。",
        ),
        labels,
        Frames("n", frames),
    )


def spread_figure(walked: Walked) -> Figure:
    """Mean square displacement over time on logarithmic axes."""
    moved = walked.msd_exact > 0
    time, law, seen = walked.times[moved], walked.msd_exact[moved], walked.msd[moved]
    if not len(time):
        return absent(T("Nobody has moved.", "没有人移动过。"))
    middle = len(time) // 2
    formula = T("exact: 4pqn + (p−q)²n² when free", "精确：自由时为 4pqn + (p−q)²n²")
    return Figure(
        [line(time, law, THEORY, name=EXACT), points(time, np.where(seen > 0, seen, np.nan), name=MEASURED_)],
        [Panel(Axis(STEPS, log=True), Axis(T("mean square distance from the start", "到起点的均方距离"), log=True))],
        said(walked, "spread"),
        [Label(float(time[middle]), float(law[middle]) * 2.2, formula, THEORY, "right")],
        facts=[
            (T("slope", "斜率"), beside(walked.slope, walked.slope_exact)),
            (T("mean place", "平均位置"), beside(walked.mean, walked.mean_exact)),
            (T("variance", "方差"), beside(walked.variance, walked.variance_exact)),
        ],
    )


def home_figure(walked: Walked) -> Figure:
    """The chance of having been home again, in one, two and three dimensions, and when it first happens."""
    own = int(np.argmin(np.abs(walked.return_exact_by_dimension - walked.return_exact).sum(1)))
    steps, limit = walked.return_steps[1:], walked.return_limit
    traces, labels = [], []
    for d, curve in enumerate(walked.return_exact_by_dimension[:, 1:]):
        color = THEORY if d == own else MUTE
        traces.append(line(steps, curve, color, width=2 if d == own else 1.4, name=DIMENSIONS[d]))
        labels.append(Label(float(steps[-1]), min(float(curve[-1]) + 0.035, 1.06), DIMENSIONS[d], color, "right"))
    traces += [
        points(steps, walked.return_by_step[1:], size=4, name=MEASURED_),
        line([steps[0], steps[-1]], [limit, limit], SECOND, dash="dot", width=1.4, name=T("ever", "终将返回")),
        bars(walked.first_return_steps, walked.first_return, panel=1, name=MEASURED_),
        ticks(walked.first_return_steps, walked.first_return_exact, panel=1, name=EXACT),
    ]
    been = Axis(T("have been home again", "已回过家的比例"), format=".0%", range=(0, 1.1))
    ever = T("ever, on a line, in a plane, in space", "终将返回：直线、平面、空间")
    return Figure(
        traces,
        [
            Panel(Axis(STEPS, log=True), been, title=T("Back by step n", "n 步之内回家")),
            Panel(Axis(STEPS), Axis(SHARE, format=".1~%"), title=T("The first time back", "首次回家的时刻")),
        ],
        said(walked, "home"),
        labels,
        facts=[
            (T("home by step n", "n 步内回家"), beside(walked.return_by_step[-1], walked.return_exact[-1], amounts.percent)),
            (ever, T.joined([amounts.percent(chance) for chance in walked.return_limit_by_dimension])),
        ],
    )


def last_home_figure(walked: Walked) -> Figure:
    """When the walk was last at home within its n steps."""
    step = walked.last_zero_steps + (walked.last_zero_width / 2 - 1)
    middle, top = float(step[len(step) // 2]), float(np.max(walked.last_zero_exact))
    arcsine = T("arcsine law", "反正弦律")
    traces = [bars(step, walked.last_zero, name=MEASURED_), ticks(step, walked.last_zero_exact, name=LAW)]
    labels = [Label(middle, 0.9 * top, LAW, THEORY, "center")]
    if walked.last_zero_arcsine is not None:
        traces.append(line(step, walked.last_zero_arcsine, SECOND, dash="dot", width=1.6, name=arcsine))
        labels.append(Label(middle, 0.78 * top, arcsine, SECOND, "center"))
    return Figure(
        traces,
        [Panel(Axis(T("last step at home", "最后一次在家的步数")), Axis(SHARE, format=".1~%"))],
        T(
            "When {n:count} free walkers were last at home; the first and the last bar together hold {ends:percent}.",
            "{n:count} 名自由行走者最后一次在家的时刻；首尾两根柱子合计占 {ends:percent}。",
            n=walked.tracked,
            ends=walked.last_zero[0] + walked.last_zero[-1],
        ),
        labels,
    )


def ruin_figure(walked: Walked) -> Figure:
    """The gambler: chance to win from every start, and how long the game lasts."""
    win, fortune = walked.ruin_win_by_start, np.arange(len(walked.ruin_win_by_start))
    start = int(np.argmin(np.abs(win - walked.ruin_win_exact) + np.abs(walked.ruin_duration_by_start - walked.ruin_duration_exact)))
    edges = walked.ruin_rounds
    middle, width = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    chance = Axis(T("chance to reach the target first", "先达到目标的概率"), format=".0%", range=(-0.03, 1.05))
    games = Axis(T("share of games", "赌局的比例"), format=".1~%")
    return Figure(
        [
            line(fortune, win, THEORY, name=EXACT),
            points([start], [walked.ruin_win], size=11, name=MEASURED_),
            bars(middle, walked.ruin_rounds_observed, panel=1, width=0.85 * width, name=MEASURED_),
            ticks(middle, walked.ruin_rounds_exact, panel=1, name=EXACT),
        ],
        [
            Panel(Axis(T("start", "起始赌资")), chance, title=T("Who wins?", "谁赢？")),
            Panel(Axis(T("rounds", "轮数")), games, title=T("How long does it last?", "持续多久？")),
        ],
        said(walked, "ruin"),
        [Label(start, walked.ruin_win - 0.09, MEASURED_, MEASURED, "center")] if np.isfinite(walked.ruin_win) else (),
        facts=[
            (T("won", "获胜"), beside(walked.ruin_win, walked.ruin_win_exact, amounts.percent)),
            (T("rounds", "轮数"), beside(walked.ruin_duration, walked.ruin_duration_exact)),
        ],
    )


def law_figure(walked: Walked) -> Figure:
    """(px + q/x)^k multiplied out, power by power: its coefficients are the law after k steps."""
    triangle = walked.triangle
    powers = triangle.shape[0] - 1
    place = np.arange(-powers, powers + 1)
    shown = [np.where(row > 0, row, np.nan) for row in triangle]
    written = [[amounts.number(v) if v > 0 else "" for v in row] for row in triangle]
    top = 1.35 * float(triangle[1].max())

    def product(k: int) -> list[Label]:
        terms = [f"{written[k][powers + j] or 0}·x<sup>{j}</sup>".replace("-", amounts.MINUS) for j in range(k, -k - 1, -2)]
        text = " + ".join([*terms[:2], "…"] if len(terms) > 3 else terms)
        return [Label(0, 0.92 * top, f"(px + q/x)<sup>{k}</sup> = {text}", THEORY, "center")]

    frames = [Frame(str(k), {0: {"y": shown[k], "text": written[k]}}, product(k)) for k in range(1, powers + 1)]
    style = {"textposition": "outside", "cliponaxis": False, "constraintext": "none", "textfont": {"size": 11}}
    return Figure(
        [bars(place, shown[4], THIRD, width=0.7, name=T("coefficient", "系数"), text=written[4], **style)],
        [
            Panel(
                Axis(T("power of x: the place after k steps", "x 的幂次：k 步后的位置"), range=(-powers - 1, powers + 1)),
                Axis(T("coefficient: the chance", "系数：概率"), range=(0, top)),
            )
        ],
        T(
            "Each factor px + q/x shifts the law up with weight p and down with weight q; the coefficients are the chances.",
            "每个因子 px + q/x 以权重 p 把分布上移、以权重 q 下移；系数就是概率。",
        ),
        product(4),
        Frames("k", frames, start=3),
    )


def diffusion_figure(walked: Walked) -> Figure:
    """The walk rescaled: time by n, distance from the mean by the deviation after n steps; beside it the heat kernel."""
    far = walked.diffusion
    if far is None:
        return absent(
            T("Between walls, or where every step is the same, there is nothing to rescale.", "有壁，或每一步都相同时，没有可缩放的极限。")
        )
    place = Axis(T("(place − mean) / (σ√n)", "（位置 − 均值）/（σ√n）"), range=(-4, 4))
    traces = [line(far.time, way, MEASURED if i < 3 else MUTE, width=1.1, hoverinfo="skip") for i, way in enumerate(far.paths)]
    labels = []
    rows = zip(far.times, far.kernel, far.sites, far.density, (MEASURED, SECOND, THIRD, FOURTH), strict=True)
    for u, kernel, sites, density, color in rows:
        moment, near = f"u = {amounts.number(u, 2)}", np.isfinite(density) & (np.abs(sites) < 4)
        traces.append(points(sites[near], density[near], color, size=4, panel=1, name=moment))
        traces.append(line(far.x, kernel, color, width=1.4, panel=1, name=T("heat kernel", "热核")))
        labels.append(Label(0.15, float(kernel.max()) + 0.03, moment, color, panel=1))
    return Figure(
        traces,
        [
            Panel(Axis(T("time u = step / n", "时间 u = 步数 / n")), place, title=T("Paths, seen from afar", "从远处看路径")),
            Panel(place, Axis(T("density", "密度")), title=T("The heat kernel", "热核")),
        ],
        T(
            "Rescaled paths, and the density of {n:count} walkers at four times on the heat kernel; σ² is the variance of one step.",
            "缩放后的路径，以及四个时刻 {n:count} 名行走者的密度与热核；σ² 是一步的方差。",
            n=walked.ended,
        ),
        labels,
    )
