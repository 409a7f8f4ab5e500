"""What the random walk's views draw."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from engine.core import amounts
from engine.probability.random_walk import Walked
from pages.shell import T, draw

MOMENTS = 20
UNSEEN = 1e-5  # a bar up to this height cannot be seen
SHARE = T("share of walkers", "行走者的比例")
PICKED = T("walkers picked out", "挑出的行走者"), T("the others", "其余的")
STEPS = T("steps", "步数")
SEEN, EXACT, LAW = T("measured", "实测"), T("exact", "精确"), T("exact law", "精确分布")
NORMAL = T("normal limit", "正态极限")
DIMENSIONS = (T("line", "直线"), T("plane", "平面"), T("space", "空间"))
ENDS = T("where many of them end", "许多行走者的终点")
KEY_OF_PATHS = [(draw.MEASURED, PICKED[0], "line"), (draw.MUTE, PICKED[1], "line"), (draw.SECOND, ENDS, "dot")]
ROOT_MEAN_SQUARE = T("± root mean square distance, exact", "± 均方根距离（精确）")


def said(walked: Walked, topic: str) -> T:
    """The finding of a topic, which tells what its figure shows."""
    return next(finding.text for finding in walked.findings if finding.topic == topic)


def beside(measured: float, exact: float, say: Callable[[float], str] = amounts.number) -> T:
    """A measured value and the exact one."""
    return T("{measured} (exact {exact})", "{measured}（精确 {exact}）", measured=say(measured), exact=say(exact))


def where_figure(walked: Walked) -> draw.Figure:
    """Shares of walkers on each site, moment by moment, beside the exact law; at the end, the normal limit."""
    heap = walked.frames
    rows = np.unique(np.linspace(0, len(heap.times) - 1, MOMENTS).astype(int))
    seen = np.flatnonzero((heap.exact[rows] > UNSEEN).any(0))
    part = slice(seen[0], seen[-1] + 1)
    sites, observed, law = heap.sites[part], heap.observed[rows, part], heap.exact[rows, part]
    law, gap = np.where(law > UNSEEN, law, np.nan), heap.spacing
    top = 1.06 * float(np.nanmax([*observed[-1], *law[-1]]))
    traces = [draw.bars(sites, observed[-1], name=SEEN, width=0.65 * gap), draw.ticks(sites, law[-1], name=LAW)]
    last = len(rows) - 1
    frames = [draw.Frame(str(time), {}) for time in heap.times[rows]]
    if heap.normal is not None:
        traces.append(draw.line(sites, heap.normal[part], draw.SECOND, dash="dot", width=1.6, name=NORMAL))
        frames = [draw.Frame(frame.name, {2: {"visible": moment == last}}) for moment, frame in enumerate(frames)]
    return draw.Figure(
        traces,
        [
            draw.Panel(
                draw.Axis(T("site after n steps", "n 步后的位置"), range=(float(sites[0]) - gap, float(sites[-1]) + gap)),
                draw.Axis(SHARE, format=".1~%", range=(0, top)),
                key=True,
            )
        ],
        said(walked, "place"),
        frames=draw.Frames("n", frames, rows={0: {"y": observed}, 1: {"y": law}}),
        link="site",
    )


def paths_figure(walked: Walked) -> draw.Figure:
    """Twelve walkers as their paths unfold."""
    last = len(walked.path_times)
    moments = np.unique(np.linspace(min(2, last), last, 40).astype(int)).tolist()
    styles = [(draw.MEASURED, PICKED[0]) if i % 3 == 0 else (draw.MUTE, PICKED[1]) for i in range(len(walked.paths))]
    style = {"opacity": 0.8, "hoverinfo": "skip"}
    if walked.paths.ndim == 2:
        traces = [
            draw.line(walked.path_times, way, color, width=1.3, name=name, **style)
            for way, (color, name) in zip(walked.paths, styles, strict=True)
        ]
        origin, away = float(walked.paths[0, 0]), np.sqrt(walked.msd_exact)
        others = [draw.line(walked.times, origin + sign * away, dash="dash", width=1.3, name=ROOT_MEAN_SQUARE) for sign in (1, -1)]
        panel = draw.Panel(draw.Axis(T("step", "步"), range=(0, float(walked.path_times[-1]))), draw.Axis(T("site", "位置")), key=True)
    else:
        size = walked.paths.shape[2]
        kind, dims, wide = ("scatter", "xy", 1.3) if size == 2 else ("scatter3d", "xyz", 3)
        traces = [
            draw.trace(kind, name=name, mode="lines", line={"color": color, "width": wide}, **style, **dict(zip(dims, way.T, strict=True)))
            for way, (color, name) in zip(walked.paths, styles, strict=True)
        ]
        marker = {"color": draw.SECOND, "size": 5 - size, "opacity": 0.45}
        ends = {} if walked.cloud is None else dict(zip(dims, walked.cloud.T, strict=True))
        others = [draw.trace(kind, name=ENDS, mode="markers", marker=marker, hoverinfo="skip", **ends)] if ends else []
        panel = draw.Panel(*(draw.Axis(name, equal=size == 2) for name in dims), key=KEY_OF_PATHS if size == 3 else True)
    frames = [draw.Frame(str(int(walked.path_times[k - 1])), {i: {"upto": k} for i in range(len(traces))}) for k in moments]
    return draw.Figure(
        traces + others,
        [panel],
        T(
            "Twelve walkers' paths from their common start; dashed, how far walkers are on average, or, as dots, where many of them end.",
            "十二名行走者从同一起点出发的路径；虚线为平均走出的距离，散点为许多行走者的终点。",
        ),
        frames=draw.Frames("n", frames),
    )


def spread_figure(walked: Walked) -> draw.Figure:
    """Mean square displacement over time on logarithmic axes."""
    moved = walked.msd_exact > 0
    time, law, seen = walked.times[moved], walked.msd_exact[moved], walked.msd[moved]
    if not len(time):
        return draw.absent(T("Nobody has moved.", "没有人移动过。"))
    return draw.Figure(
        [
            draw.line(time, law, name=T("exact: 4pqn + (p−q)²n² when free", "精确：自由时为 4pqn + (p−q)²n²")),
            draw.points(time, np.where(seen > 0, seen, np.nan), name=SEEN),
        ],
        [
            draw.Panel(
                draw.Axis(STEPS, log=True), draw.Axis(T("mean square distance from the start", "到起点的均方距离"), log=True), key=True
            )
        ],
        said(walked, "spread"),
        facts=[
            (T("slope", "斜率"), beside(walked.slope, walked.slope_exact)),
            (T("mean place", "平均位置"), beside(walked.mean, walked.mean_exact)),
            (T("variance", "方差"), beside(walked.variance, walked.variance_exact)),
        ],
    )


def home_figure(walked: Walked) -> draw.Figure:
    """The chance of having been home again, in one, two and three dimensions, and when it first happens."""
    own = int(np.argmin(np.abs(walked.return_exact_by_dimension - walked.return_exact).sum(1)))
    steps, limit = walked.return_steps[1:], walked.return_limit
    traces = []
    for d, curve in enumerate(walked.return_exact_by_dimension[:, 1:]):
        color = draw.THEORY if d == own else draw.MUTE
        traces.append(draw.line(steps, curve, color, width=2 if d == own else 1.4, name=DIMENSIONS[d], label="end"))
    traces += [
        draw.points(steps, walked.return_by_step[1:], size=4, name=SEEN),
        draw.line([steps[0], steps[-1]], [limit, limit], draw.SECOND, dash="dot", width=1.4, name=T("ever", "终将返回")),
        draw.bars(walked.first_return_steps, walked.first_return, panel=1, name=SEEN),
        draw.ticks(walked.first_return_steps, walked.first_return_exact, panel=1, name=EXACT),
    ]
    been = draw.Axis(T("have been home again", "已回过家的比例"), format=".0%", range=(0, 1.1))
    ever = T("ever, on a line, in a plane, in space", "终将返回：直线、平面、空间")
    return draw.Figure(
        traces,
        [
            draw.Panel(
                draw.Axis(STEPS, log=True),
                been,
                title=T("Back by step n", "n 步之内回家"),
                key=[(draw.MEASURED, SEEN, "dot"), (draw.SECOND, T("ever", "终将返回"), "dash")],
            ),
            draw.Panel(draw.Axis(STEPS), draw.Axis(SHARE, format=".1~%"), title=T("The first time back", "首次回家的时刻"), key=True),
        ],
        said(walked, "home"),
        facts=[
            (T("home by step n", "n 步内回家"), beside(walked.return_by_step[-1], walked.return_exact[-1], amounts.percent)),
            (ever, T.joined([amounts.percent(chance) for chance in walked.return_limit_by_dimension])),
        ],
    )


def last_home_figure(walked: Walked) -> draw.Figure:
    """When the walk was last at home within its n steps."""
    step = walked.last_zero_steps + (walked.last_zero_width / 2 - 1)
    traces = [draw.bars(step, walked.last_zero, name=SEEN), draw.ticks(step, walked.last_zero_exact, name=LAW)]
    if walked.last_zero_arcsine is not None:
        traces.append(draw.line(step, walked.last_zero_arcsine, draw.SECOND, dash="dot", width=1.6, name=T("arcsine law", "反正弦律")))
    return draw.Figure(
        traces,
        [draw.Panel(draw.Axis(T("last step at home", "最后一次在家的步数")), draw.Axis(SHARE, format=".1~%"), key=True)],
        T(
            "When {n:count} free walkers were last at home; the first and the last bar together hold {ends:percent}.",
            "{n:count} 名自由行走者最后一次在家的时刻；首尾两根柱子合计占 {ends:percent}。",
            n=walked.tracked,
            ends=walked.last_zero[0] + walked.last_zero[-1],
        ),
    )


def ruin_figure(walked: Walked) -> draw.Figure:
    """The gambler: chance to win from every start, and how long the game lasts."""
    win, fortune = walked.ruin_win_by_start, np.arange(len(walked.ruin_win_by_start))
    start = int(np.argmin(np.abs(win - walked.ruin_win_exact) + np.abs(walked.ruin_duration_by_start - walked.ruin_duration_exact)))
    edges = walked.ruin_rounds
    middle, width = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    chance = draw.Axis(T("chance to reach the target first", "先达到目标的概率"), format=".0%", range=(-0.03, 1.05))
    games = draw.Axis(T("share of games", "赌局的比例"), format=".1~%")
    return draw.Figure(
        [
            draw.line(fortune, win, draw.THEORY, name=EXACT),
            draw.points([start], [walked.ruin_win], size=11, name=SEEN),
            draw.bars(middle, walked.ruin_rounds_observed, panel=1, width=0.85 * width, name=SEEN),
            draw.ticks(middle, walked.ruin_rounds_exact, panel=1, name=EXACT),
        ],
        [
            draw.Panel(draw.Axis(T("start", "起始赌资")), chance, title=T("Who wins?", "谁赢？"), key=True),
            draw.Panel(draw.Axis(T("rounds", "轮数")), games, title=T("How long does it last?", "持续多久？"), key=True),
        ],
        said(walked, "ruin"),
        facts=[
            (T("won", "获胜"), beside(walked.ruin_win, walked.ruin_win_exact, amounts.percent)),
            (T("rounds", "轮数"), beside(walked.ruin_duration, walked.ruin_duration_exact)),
        ],
    )


def law_figure(walked: Walked) -> draw.Figure:
    """(px + q/x)^k multiplied out, power by power: its coefficients are the law after k steps."""
    triangle = walked.triangle
    powers = triangle.shape[0] - 1
    place = np.arange(-powers, powers + 1)
    shown = [np.where(row > 0, row, np.nan) for row in triangle]
    written = [[amounts.number(v) if v > 0 else "" for v in row] for row in triangle]
    top = 1.35 * float(triangle[1].max())

    def product(k: int) -> list[draw.Label]:
        terms = [f"{written[k][powers + j] or 0}·x<sup>{j}</sup>".replace("-", amounts.MINUS) for j in range(k, -k - 1, -2)]
        text = " + ".join([*terms[:2], "…"] if len(terms) > 3 else terms)
        return [draw.Label(0, 0.92 * top, f"(px + q/x)<sup>{k}</sup> = {text}", draw.THEORY, "center")]

    frames = [draw.Frame(str(k), {0: {"y": shown[k], "text": written[k]}}, product(k)) for k in range(1, powers + 1)]
    style = {"textposition": "outside", "cliponaxis": False, "constraintext": "none", "textfont": {"size": 11}}
    return draw.Figure(
        [draw.bars(place, shown[4], draw.THIRD, width=0.7, name=T("coefficient", "系数"), text=written[4], **style)],
        [
            draw.Panel(
                draw.Axis(T("power of x: the place after k steps", "x 的幂次：k 步后的位置"), range=(-powers - 1, powers + 1)),
                draw.Axis(T("coefficient: the chance", "系数：概率"), range=(0, top)),
            )
        ],
        T(
            "Each factor px + q/x shifts the law up with weight p and down with weight q; the coefficients are the chances.",
            "每个因子 px + q/x 以权重 p 把分布上移、以权重 q 下移；系数就是概率。",
        ),
        product(4),
        draw.Frames("k", frames, start=3),
    )


def diffusion_figure(walked: Walked) -> draw.Figure:
    """The walk rescaled: time by n, distance from the mean by the deviation after n steps; beside it the heat kernel."""
    far = walked.diffusion
    if far is None:
        return draw.absent(
            T("Between walls, or where every step is the same, there is nothing to rescale.", "有壁，或每一步都相同时，没有可缩放的极限。")
        )
    place = draw.Axis(T("(place − mean) / (σ√n)", "（位置 − 均值）/（σ√n）"), range=(-4, 4))
    traces = [
        draw.line(far.time, way, draw.MEASURED if i < 3 else draw.MUTE, width=1.1, name=PICKED[i >= 3], hoverinfo="skip")
        for i, way in enumerate(far.paths)
    ]
    rows = zip(far.times, far.kernel, far.sites, far.density, (draw.SECOND, draw.THIRD, draw.FOURTH, draw.ACCEPT), strict=True)
    for u, kernel, sites, density, color in rows:
        moment, near = T("u = {u:number.2}", "u = {u:number.2}", u=u), np.isfinite(density) & (np.abs(sites) < 4)
        traces.append(draw.points(sites[near], density[near], color, size=4, panel=1, name=moment))
        traces.append(draw.line(far.x, kernel, color, width=1.4, panel=1, hoverinfo="skip"))
    return draw.Figure(
        traces,
        [
            draw.Panel(
                draw.Axis(T("time u = step / n", "时间 u = 步数 / n")), place, title=T("Paths, seen from afar", "从远处看路径"), key=True
            ),
            draw.Panel(
                place, draw.Axis(T("density", "密度")), title=T("Dots: walkers; lines: heat kernel", "点：行走者；线：热核"), key=True
            ),
        ],
        T(
            "Rescaled paths, and the density of {n:count} walkers at four times on the heat kernel; σ² is the variance of one step.",
            "缩放后的路径，以及四个时刻 {n:count} 名行走者的密度与热核；σ² 是一步的方差。",
            n=walked.ended,
        ),
    )
