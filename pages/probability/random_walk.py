"""The random walk: where walkers are, how far they stray, whether they come home, and who is ruined."""

from __future__ import annotations

import numpy as np

from engine.probability.random_walk import Walked, exact, packed, random_walk, reference, returns, ruin
from pages.shell import Lab, Preset, T, View, grouped
from pages.shell.axes import Axis
from pages.shell.colors import FOURTH, MEASURED, MUTE, SECOND, THEORY, THIRD
from pages.shell.figures import Figure, absent
from pages.shell.moments import Frame, Frames
from pages.shell.panels import Label, Panel
from pages.shell.traces import bars, line, points, ticks, trace

MOMENTS = 20
SEEN = 1e-5  # a bar below this height cannot be seen
DIMENSIONS = (T("line", "直线"), T("plane", "平面"), T("space", "空间"))
STEP = T("step", "步")
SHARE = T("share of walkers", "行走者的比例")
EXACT = T("exact law", "精确分布")
UP_TO_N = ("steps", "walkers", "up", "seed")
WALK = (*UP_TO_N, "dimension", "steps_law", "walls")


def percent(value: float) -> str:
    """A share as read off: 34.1 %."""
    return "–" if np.isnan(value) else f"{100 * value:.3g} %"


def number(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.4g}"


def heap(walked: Walked) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The moments that are shown, and the bars that can be seen at one of them: sites, observed and exact shares."""
    frames = walked.frames
    some = np.unique(np.linspace(0, len(frames.times) - 1, MOMENTS).astype(int))
    seen = np.flatnonzero((frames.exact[some] > SEEN).any(0))
    bars_ = slice(seen[0], seen[-1] + 1)
    law = frames.exact[some, bars_]
    return frames.times[some], frames.sites[bars_], frames.observed[some, bars_], np.where(law > SEEN, law, np.nan)


def where_figure(walked: Walked) -> Figure:
    """Shares of walkers on each site, moment by moment, beside the exact law; at the end, the normal limit."""
    times, sites, observed, law = heap(walked)
    per_bar = walked.frames.per_bar
    gap = (
        2.0 if per_bar == 1 and len(times) and np.isnan(law[-1, 1:2]).any() != np.isnan(law[-1, :1]).any() else per_bar
    )
    top = 1.22 * float(np.nanmax(np.append(observed[-1], np.nanmax(law[-1]))))
    traces = [
        bars(sites, observed[-1], name=T("measured", "实测"), width=0.65 * gap),
        ticks(sites, law[-1], name=EXACT),
    ]
    frames = [Frame(str(t), {}) for t in times.tolist()]
    middle, spread = float(walked.mean_exact), float(np.sqrt(max(walked.variance_exact, 1.0)))
    who = T(f"{grouped(walked.ended)} walkers", f"{grouped(walked.ended)} 名行走者")
    labels = [
        Label(middle - 0.9 * spread, 0.93 * top, who, MEASURED, "right"),
        Label(middle + 1.1 * spread, 0.80 * top, EXACT, THEORY),
    ]
    if walked.normal is not None:
        sites_, limit = walked.support, walked.normal * max(per_bar / 2, 1.0)
        keep = np.flatnonzero(limit > SEEN)
        keep = keep[:: max(1, len(keep) // 160)]
        traces.append(
            line(sites_[keep], limit[keep], SECOND, dash="dot", width=1.6, name=T("normal limit", "正态极限"))
        )
        frames = [Frame(f.name, {2: {"visible": i == len(frames) - 1}}) for i, f in enumerate(frames)]
        labels.append(Label(middle + 1.7 * spread, 0.42 * top, T("normal limit", "正态极限"), SECOND))
    return Figure(
        traces,
        [Panel(Axis(T("site after n steps", "n 步后的位置"), range=(float(sites[0]) - gap, float(sites[-1]) + gap)),
               Axis(SHARE, format=".1~%", range=(0, top)))],
        T(f"After {times[-1]} steps {grouped(walked.ended)} walkers stand around {number(walked.mean)}, with variance {number(walked.variance)}; the exact law has {number(walked.mean_exact)} and {number(walked.variance_exact)}.",
          f"{times[-1]} 步之后，{grouped(walked.ended)} 名行走者分布在 {number(walked.mean)} 附近，方差 {number(walked.variance)}；精确分布的均值为 {number(walked.mean_exact)}，方差为 {number(walked.variance_exact)}。"),
        labels=labels,
        frames=Frames("n", frames, rows={0: {"y": observed}, 1: {"y": law}}),
        link="site",
    )  # fmt: skip


def paths_figure(walked: Walked) -> Figure:
    """Twelve walkers as their paths unfold."""
    last = len(walked.path_times)
    moments = np.unique(np.linspace(min(2, last), last, 40).astype(int))
    names = [str(int(walked.path_times[k - 1])) for k in moments]
    style = {"opacity": 0.8, "hoverinfo": "skip"}
    colors = [MEASURED if i % 3 == 0 else MUTE for i in range(len(walked.paths))]
    if walked.paths.ndim == 2:
        traces = [
            line(walked.path_times, way, color, width=1.3, **style)
            for way, color in zip(walked.paths, colors, strict=True)
        ]
        origin = float(walked.paths[0, 0])
        reach = np.sqrt(walked.msd_exact)
        edges = [line(walked.times, origin + sign * reach, THEORY, dash="dash", width=1.3) for sign in (1, -1)]
        panel = Panel(Axis(STEP, range=(0, float(walked.path_times[-1]))), Axis(T("site", "位置")))
        labels = [Label(0.55 * float(walked.times[-1]), origin + float(reach[-1]), T("± root mean square distance, exact", "± 均方根距离（精确）"),
                        THEORY, "center")]  # fmt: skip
        dims = ("x", "y")
    else:
        size = walked.paths.shape[2]
        kind, dims = ("scatter", ("x", "y")) if size == 2 else ("scatter3d", ("x", "y", "z"))
        traces = [
            trace(kind, mode="lines", line={"color": color, "width": 1.3 if size == 2 else 3}, **style,
                  **dict(zip(dims, way.T, strict=True))) for way, color in zip(walked.paths, colors, strict=True)
        ]  # fmt: skip
        edges = []
        if walked.cloud is not None:
            marker = {"color": SECOND, "size": 3 if size == 2 else 2, "opacity": 0.45}
            edges = [
                trace(
                    kind,
                    mode="markers",
                    marker=marker,
                    hoverinfo="skip",
                    **dict(zip(dims, walked.cloud.T, strict=True)),
                )
            ]
        axes = [Axis(name, equal=size == 2) for name in dims]
        panel, labels = Panel(*axes), []
    frames = [
        Frame(name, {i: {"upto": int(k)} for i in range(len(traces))}) for k, name in zip(moments, names, strict=True)
    ]
    return Figure(
        traces + edges, [panel],
        T("Twelve walkers' paths from their common start; dashed, how far walkers are on average, or the places where many end.",
          "十二名行走者从同一起点出发的路径；虚线为平均走出的距离，散点为许多行走者的终点。"),
        labels=labels, frames=Frames("n", frames),
    )  # fmt: skip


def spread_figure(walked: Walked) -> Figure:
    """Mean square displacement over time on logarithmic axes."""
    shown = walked.msd_exact > 0
    t, exact_, seen = walked.times[shown], walked.msd_exact[shown], walked.msd[shown]
    if not len(t):
        return absent(T("Nobody has moved.", "没有人移动过。"))
    return Figure(
        [line(t, exact_, THEORY, name=T("exact", "精确")), points(t, np.where(seen > 0, seen, np.nan), name=T("measured", "实测"))],
        [Panel(Axis(T("steps", "步数"), log=True), Axis(T("mean square distance from the start", "到起点的均方距离"), log=True))],
        T(f"The mean square distance grows with slope {number(walked.slope)} on logarithmic axes; exactly {number(walked.slope_exact)}.",
          f"双对数坐标下均方距离的斜率为 {number(walked.slope)}；精确值为 {number(walked.slope_exact)}。"),
        labels=[Label(float(t[len(t) // 2]), float(exact_[len(t) // 2]) * 2.2, T("exact: 4pqn + (p−q)²n² when free", "精确：自由时为 4pqn + (p−q)²n²"),
                      THEORY, "right")],
        facts=[
            (T("slope, measured", "斜率，实测"), number(walked.slope)), (T("slope, exact", "斜率，精确"), number(walked.slope_exact)),
            (T("mean place, measured", "平均位置，实测"), number(walked.mean)), (T("exact", "精确"), number(walked.mean_exact)),
            (T("variance, measured", "方差，实测"), number(walked.variance)), (T("variance, exact", "方差，精确"), number(walked.variance_exact)),
        ],
    )  # fmt: skip


def home_figure(walked: Walked) -> Figure:
    """The chance of having been home again, in one, two and three dimensions, and when it first happens."""
    own = int(np.argmin(np.abs(walked.return_exact_by_dimension - walked.return_exact).sum(1)))
    keep = walked.return_steps >= 1
    steps = walked.return_steps[keep]
    traces, labels = [], []
    for d, curve in enumerate(walked.return_exact_by_dimension[:, keep]):
        traces.append(
            line(steps, curve, THEORY if d == own else MUTE, width=2 if d == own else 1.4, name=DIMENSIONS[d])
        )
        labels.append(
            Label(
                float(steps[-1]),
                min(float(curve[-1]) + 0.035, 1.06),
                DIMENSIONS[d],
                THEORY if d == own else MUTE,
                "right",
            )
        )
    traces.append(points(steps, walked.return_by_step[keep], size=4, name=T("measured", "实测")))
    limit = walked.return_limit
    traces.append(
        line(
            [float(steps[0]), float(steps[-1])],
            [limit, limit],
            SECOND,
            dash="dot",
            width=1.4,
            name=T("ever", "终将返回"),
        )
    )
    traces += [
        bars(walked.first_return_steps, walked.first_return, panel=1, name=T("measured", "实测")),
        ticks(walked.first_return_steps, walked.first_return_exact, panel=1, name=T("exact", "精确")),
    ]
    return Figure(
        traces,
        [Panel(Axis(T("steps", "步数"), log=True), Axis(T("have been home again", "已回过家的比例"), format=".0%", range=(0, 1.1)),
               title=T("Back by step n", "n 步之内回家")),
         Panel(Axis(T("steps", "步数")), Axis("", format=".1~%"), title=T("The first time back", "首次回家的时刻"))],
        T(f"{percent(walked.return_by_step[-1])} of the walkers have been home again by the last step, exactly "
          f"{percent(walked.return_exact[-1])}; {percent(limit)} ever will.",
          f"到最后一步为止，{percent(walked.return_by_step[-1])} 的行走者回过家，精确值为 {percent(walked.return_exact[-1])}；"
          f"终将回家的为 {percent(limit)}。"),
        labels=labels,
        facts=[
            (T("home by step n, measured", "n 步内回家，实测"), percent(walked.return_by_step[-1])),
            (T("exact", "精确"), percent(walked.return_exact[-1])),
            (T("ever, line", "终将返回，直线"), percent(walked.return_limit_by_dimension[0])),
            (T("ever, plane", "平面"), percent(walked.return_limit_by_dimension[1])),
            (T("ever, space", "空间"), percent(walked.return_limit_by_dimension[2])),
        ],
    )  # fmt: skip


def last_zero_figure(walked: Walked) -> Figure:
    """When the walk was last at home within its n steps."""
    x = walked.last_zero_steps + (walked.last_zero_width / 2 - 1)
    traces = [
        bars(x, walked.last_zero, name=T("measured", "实测")),
        ticks(x, walked.last_zero_exact, name=EXACT),
    ]
    labels = [Label(float(x[len(x) // 2]), 0.9 * float(np.max(walked.last_zero_exact)), EXACT, THEORY, "center")]
    if walked.last_zero_arcsine is not None:
        traces.append(
            line(x, walked.last_zero_arcsine, SECOND, dash="dot", width=1.6, name=T("arcsine law", "反正弦律"))
        )
        labels.append(
            Label(
                float(x[len(x) // 2]),
                0.78 * float(np.max(walked.last_zero_exact)),
                T("arcsine law", "反正弦律"),
                SECOND,
                "center",
            )
        )
    ends = walked.last_zero[0] + walked.last_zero[-1]
    return Figure(
        traces,
        [Panel(Axis(T("last step at home", "最后一次在家的步数")), Axis(SHARE, format=".1~%"))],
        T(f"When {grouped(walked.tracked)} free walkers were last at home; the first and the last bar together hold {percent(ends)}.",
          f"{grouped(walked.tracked)} 名自由行走者最后一次在家的时刻；首尾两根柱子合计占 {percent(ends)}。"),
        labels=labels,
    )  # fmt: skip


def maximum_figure(walked: Walked) -> Figure:
    """The greatest height within n steps."""
    seen = (walked.maximum_exact > SEEN) | (walked.maximum > SEEN)
    x, law = walked.maximum_heights[seen], walked.maximum_exact[seen]
    if len(x) > 300:
        width = -(-len(x) // 150)
        starts = np.arange(0, len(x), width)
        measured, law = (np.add.reduceat(v[seen], starts) for v in (walked.maximum, walked.maximum_exact))
        x = x[starts] + (width - 1) / 2
    else:
        measured = walked.maximum[seen]
    return Figure(
        [bars(x, measured, name=T("measured", "实测")), ticks(x, law, name=EXACT)],
        [Panel(Axis(T("greatest height on the way", "途中到达的最大高度")), Axis(SHARE, format=".1~%"))],
        T(f"The greatest height that {grouped(walked.tracked)} free walkers reached; most often {int(walked.maximum_heights[np.argmax(walked.maximum_exact)])}.",
          f"{grouped(walked.tracked)} 名自由行走者到达的最大高度；最常见的是 {int(walked.maximum_heights[np.argmax(walked.maximum_exact)])}。"),
        labels=[Label(float(x[len(x) // 2]), float(np.max(law)), EXACT, THEORY)],
    )  # fmt: skip


def ruin_figure(walked: Walked) -> Figure:
    """The gambler: chance to win from every start, and how long the game lasts."""
    win, place = walked.ruin_win_by_start, np.arange(len(walked.ruin_win_by_start))
    start = int(
        np.argmin(
            np.abs(win - walked.ruin_win_exact) + np.abs(walked.ruin_duration_by_start - walked.ruin_duration_exact)
        )
    )
    edges = walked.ruin_rounds
    middle, width = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    return Figure(
        [
            line(place, win, THEORY, name=T("exact", "精确")),
            points([start], [walked.ruin_win], size=11, name=T("measured", "实测")),
            bars(middle, walked.ruin_rounds_observed, panel=1, width=0.85 * width, name=T("measured", "实测")),
            ticks(middle, walked.ruin_rounds_exact, panel=1, name=T("exact", "精确")),
        ],
        [Panel(Axis(T("start", "起始赌资")), Axis(T("chance to reach the target first", "先达到目标的概率"), format=".0%", range=(-0.03, 1.05)),
               title=T("Who wins?", "谁赢？")),
         Panel(Axis(T("rounds", "轮数")), Axis(T("share of games", "赌局的比例"), format=".1~%"), title=T("How long does it last?", "持续多久？"))],
        T(f"Of {grouped(walked.ruin_games)} games {percent(walked.ruin_win)} are won, exactly {percent(walked.ruin_win_exact)}; a game "
          f"lasts {number(walked.ruin_duration)} rounds, exactly {number(walked.ruin_duration_exact)}.",
          f"{grouped(walked.ruin_games)} 局中赢了 {percent(walked.ruin_win)}，精确值 {percent(walked.ruin_win_exact)}；平均持续 "
          f"{number(walked.ruin_duration)} 轮，精确值 {number(walked.ruin_duration_exact)}。"),
        labels=[Label(start, walked.ruin_win - 0.09, T("measured", "实测"), MEASURED, "center")] if np.isfinite(walked.ruin_win) else (),
        facts=[
            (T("won, measured", "获胜，实测"), percent(walked.ruin_win)), (T("won, exact", "获胜，精确"), percent(walked.ruin_win_exact)),
            (T("rounds, measured", "轮数，实测"), number(walked.ruin_duration)),
            (T("rounds, exact", "轮数，精确"), number(walked.ruin_duration_exact)),
        ],
    )  # fmt: skip


def law_figure(walked: Walked) -> Figure:
    """(px + q/x)^k multiplied out, power by power: its coefficients are the law after k steps."""
    triangle = walked.triangle
    powers = triangle.shape[0] - 1
    place = np.arange(-powers, powers + 1)
    shown = [np.where(row > 0, row, np.nan) for row in triangle]
    written = [[f"{v:.3g}" if v > 0 else "" for v in row] for row in triangle]
    top = 1.35 * float(triangle[1].max())

    def product(k: int) -> list[Label]:
        terms = [f"{triangle[k, powers + j]:.3g}·x<sup>{j}</sup>" for j in range(k, -k - 1, -2)]
        text = " + ".join([*terms[:2], "…"] if len(terms) > 3 else terms)
        return [Label(0, 0.92 * top, f"(px + q/x)<sup>{k}</sup> = {text}", THEORY, "center")]

    frames = [Frame(str(k), {0: {"y": shown[k], "text": written[k]}}, product(k)) for k in range(1, powers + 1)]
    style = {"textposition": "outside", "cliponaxis": False, "constraintext": "none", "textfont": {"size": 11}}
    return Figure(
        [bars(place, shown[4], THIRD, width=0.7, name=T("coefficient", "系数"), text=written[4], **style)],
        [Panel(Axis(T("power of x: the place after k steps", "x 的幂次：k 步后的位置"), range=(-powers - 1, powers + 1)), Axis(T("coefficient: the chance", "系数：概率"), range=(0, top)))],
        T("Each factor px + q/x shifts the law up with weight p and down with weight q; the coefficients are the chances.",
          "每个因子 px + q/x 以权重 p 把分布上移、以权重 q 下移；系数就是概率。"),
        labels=product(4),
        frames=Frames("k", frames, start=3),
    )  # fmt: skip


def diffusion_figure(walked: Walked) -> Figure:
    """The walk rescaled: time by n, distance by the root of n; beside it the heat kernel."""
    far = walked.diffusion
    if far is None:
        return absent(
            T(
                "Between walls, or where every step is the same, there is nothing to rescale.",
                "有壁，或每一步都相同时，没有可缩放的极限。",
            )
        )
    colors = (MEASURED, SECOND, THIRD, FOURTH)
    traces = [
        line(far.time, way, MEASURED if i < 3 else MUTE, width=1.1, hoverinfo="skip") for i, way in enumerate(far.paths)
    ]
    labels = []
    for u, kernel, sites, density, color in zip(far.times, far.kernel, far.sites, far.density, colors, strict=True):
        near = np.isfinite(density) & (np.abs(sites) < 4)
        traces.append(points(sites[near], density[near], color, size=4, panel=1, name=f"u = {u:.2g}"))
        traces.append(line(far.x, kernel, color, width=1.4, panel=1, name=T("heat kernel", "热核")))
        labels.append(Label(0.15, float(kernel.max()) + 0.03, f"u = {u:.2g}", color, panel=1))
    return Figure(
        traces,
        [Panel(Axis(T("time u = step / n", "时间 u = 步数 / n")), Axis(T("place / √n (drift removed)", "位置 / √n（去除漂移）"), range=(-4, 4)),
               title=T("Paths, seen from afar", "从远处看路径")),
         Panel(Axis(T("place / √n", "位置 / √n"), range=(-4, 4)), Axis(T("density", "密度")), title=T("The heat kernel", "热核"))],
        T("Rescaled paths, and the density of walkers at four times on the heat kernel.", "缩放后的路径，以及四个时刻行走者的密度与热核。"),
        labels=labels,
    )  # fmt: skip


LAB = Lab(
    experiment=random_walk,
    title=T("Random walk", "随机游走"),
    claim=T(
        "Each second a step forward or back, by the toss of a coin. Nobody knows where one walker goes; where all of them "
        "end is known exactly.",
        "每秒掷一次硬币，向前或向后走一步。没人知道某一个人会走到哪里；所有人最终落在哪里，却可以精确知道。",
    ),
    order=1,
    views=[
        View(T("Where is the walker?", "行走者在哪里？"), where_figure, uses=WALK),
        View(T("How does it get there?", "怎样走到那里？"), paths_figure, uses=WALK),
        View(T("How far has it strayed?", "走了多远？"), spread_figure, uses=WALK),
        View(T("Does it come home?", "会回家吗？"), home_figure, uses=(*UP_TO_N, "dimension")),
        View(T("Who is ruined?", "谁会破产？"), ruin_figure, uses=("walkers", "up", "start", "target", "seed")),
        View(T("What is the law?", "规律是什么？"), law_figure, kind="exact", uses=("up",)),
        View(T("When was it last even?", "最后打平在何时？"), last_zero_figure, uses=(*UP_TO_N, "dimension")),
        View(T("How high did it get?", "最高到过哪里？"), maximum_figure, uses=(*UP_TO_N, "dimension")),
        View(T("And from afar?", "从远处看呢？"), diffusion_figure, uses=WALK),
    ],
    presets=[
        Preset(T("Fair coin", "公平硬币"), {}, view=0),
        Preset(T("Leaning", "偏硬币"), {"up": 0.52, "steps": 2000}, view=2),
        Preset(T("Two walls", "两面墙"), {"walls": "absorbing", "start": 12, "target": 40}, view=0),
        Preset(T("In 3-D", "三维"), {"dimension": 3, "steps": 1000, "walkers": 5000}, view=3),
        Preset(T("The gambler", "赌徒"), {"up": 0.49, "start": 50, "target": 100, "walkers": 2000}, view=4),
    ],
    sources=[reference, packed.Slab, packed.ends, exact.walk, returns.returned, ruin.win],
    sample=lambda walked: T(f"{grouped(walked.ended)} walkers", f"{grouped(walked.ended)} 名行走者"),
    fit=lambda walked: T(*walked.law),
)
