"""The harmonic series: where machines stop adding, why it never ends, and where else it turns up."""

from __future__ import annotations

import numpy as np

from engine.calculus.harmonic import Summed, harmonic_series, reference
from engine.calculus.harmonic.asymptotic import truncation_errors
from engine.calculus.harmonic.coupons import collect
from engine.calculus.harmonic.pictures import tower
from engine.calculus.harmonic.rearranged import rearrange
from engine.core import amounts
from pages.calculus.harmonic.machine import orders_figure, reach, said, stop_figure, why_figure
from pages.shell import Lab, Preset, T, View
from pages.shell.axes import Axis
from pages.shell.colors import FOURTH, INK_2, MEASURED, MUTE, SECOND, THEORY, THIRD
from pages.shell.figures import Figure
from pages.shell.moments import Frame, Frames
from pages.shell.panels import Label, Panel
from pages.shell.traces import bars, line, points, ticks, trace

UNSEEN = 1e-30  # errors below this are not drawn
BRICKS = 60  # up to so many blocks are drawn one by one
MOMENTS = 54


def growth_figure(r: Summed) -> Figure:
    """H_n beside ln n, and how fast each further term of the expansion closes the rest of the gap."""
    g = r.growth
    n = g.n.astype(float)
    top = 1.12 * float(g.h[-1])
    log_n = np.log(n)
    errors = np.abs(g.errors)
    errors = np.where(errors > UNSEEN, errors, np.nan)
    colors = (MUTE, SECOND, THIRD, FOURTH, MEASURED)
    traces = [line(n, g.h, MEASURED, width=2.6, name="H_n"), line(n, log_n, THEORY, dash="dash", width=1.5, name="ln n")]
    place = len(n) * 3 // 5
    labels = [
        Label(n[place], float(g.h[place]) + 0.08 * top, "H<sub>n</sub>", MEASURED, "right"),
        Label(n[place], float(log_n[place]) - 0.08 * top, "ln n", THEORY, "left"),
        Label(n[-1], 0.06 * top, T("gap → γ = {gamma:fixed.4}", "差距 → γ = {gamma:fixed.4}", gamma=r.gamma), INK_2, "right"),
    ]
    floor = 1.0
    for name, error, color in zip(g.names, errors, colors, strict=True):
        traces.append(line(n, error, color, panel=1, name=name))
        seen = np.flatnonzero(np.isfinite(error))
        if len(seen):
            x, y = n[seen[-1]], float(error[seen[-1]])
            floor = min(floor, y)
            labels.append(Label(x, y**1.05 * 0.35, name, color, "right", 1))
    return Figure(
        traces,
        [
            Panel(
                Axis("n", log=True, range=reach(n, log=True, pad=0.03)),
                Axis(T("sum", "和"), range=(-0.04 * top, top)),
                title=T("no ceiling", "没有上限"),
            ),
            Panel(
                Axis("n", log=True, range=reach(n, log=True, pad=0.03)),
                Axis(T("|H − formula|", "|H − 公式|"), log=True, range=(floor**1.1 / 5, 5)),
                title=T("what each formula is off by", "每个公式差多少"),
            ),
        ],
        said(r, "growth"),
        labels,
        facts=[
            (T("H_n", "H_n"), amounts.number(r.h_n, 12)),
            ("ln n", amounts.number(r.log_n, 12)),
            (T("H_n − ln n", "H_n − ln n"), amounts.number(r.gamma_estimate, 9)),
            ("γ", amounts.number(r.gamma, 9)),
        ],
    )


def _slivers(k: np.ndarray, shift: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Outlines of what each bar has above the curve 1/x, shifted along x, with gaps between them."""
    way = np.linspace(1, 0, 9)
    x = k[:, None] + way
    height = np.repeat(1 / k[:, None], 2, axis=1)
    gap = np.full((len(k), 1), np.nan)
    xs = np.hstack([np.stack([k, k + 1], axis=1), x, gap]) + shift[:, None]
    return xs.ravel(), np.hstack([height, 1 / x, gap]).ravel()


def proof_figure(r: Summed) -> Figure:
    """Bars above the curve 1/x, with what sticks out slid together; and Oresme's groups, none below a half."""
    a, h = r.areas, r.halves
    k = a.k.astype(float)
    curve = np.linspace(1, k[-1] + 1, 120)
    solid = {"fill": "toself", "fillcolor": f"{SECOND}/0.55", "hoverinfo": "skip"}
    out = [line(*_slivers(k, shift), SECOND, width=0.8, name=T("above the curve", "曲线之上"), **solid) for shift in (np.zeros(len(k)), -k)]
    group = np.arange(len(h.last))
    traces = [
        bars(k + 0.5, a.height, width=0.97, opacity=0.45, name="1/k"),
        *out,
        line(curve, 1 / curve, THEORY, width=2, name="1/x"),
        bars(group, h.total, panel=1, name=T("sum of the group", "该组之和"), width=0.8),
        line([-0.6, group[-1] + 0.6], [0.5, 0.5], THEORY, panel=1, name="1/2"),
        line([-0.6, group[-1] + 0.6], [np.log(2)] * 2, SECOND, dash="dot", panel=1, name="ln 2"),
    ]
    total = float(a.slivers[-1])
    end = float(k[-1] + 1)
    labels = [
        Label(0.5, 1.1, T.of(amounts.fixed(total, 3)), SECOND, "center"),
        Label(
            0.3 * end + 1,
            0.62,
            T(
                "slid left, they fill {total:fixed.3};<br>all of them: γ = {gamma:fixed.3}",
                "推到左边，共占 {total:fixed.3}；<br>全部合计：γ = {gamma:fixed.3}",
                total=total,
                gamma=r.gamma,
            ),
            SECOND,
        ),
        Label(0.5 * end + 1, 1.6 / end + 0.12, "1/x", THEORY),
        Label(group[-1] + 0.55, 0.44, T("never below 1/2", "从不低于 1/2"), THEORY, "right", 1),
        Label(group[-1] + 0.55, 0.77, "→ ln 2", SECOND, "right", 1),
    ]
    return Figure(
        traces,
        [
            Panel(
                Axis("x", range=(-0.1, end + 0.1)),
                Axis(T("height", "高度"), range=(0, 1.2)),
                title=T("bars 1/k above the curve 1/x", "条形 1/k 高过曲线 1/x"),
            ),
            Panel(
                Axis(
                    T("group j: the terms up to k = 2<sup>j</sup>", "第 j 组：直到 k = 2<sup>j</sup> 的项"), range=(-0.7, group[-1] + 0.7)
                ),
                Axis(T("sum of the group", "该组之和"), range=(0, 1.1)),
                title=T("halves without end", "无穷多个一半"),
            ),
        ],
        T(
            "The bars lie above 1/x, so H_n exceeds ln(n + 1) = {lower}; {last} whole groups up to n, none below one half, make H at least {floor}.",
            "条形高过 1/x，故 H_n 大于 ln(n + 1) = {lower}；到 n 为止有 {last} 个完整的组，每组不小于一半，故 H 至少为 {floor}。",
            lower=amounts.number(a.lower, 6),
            last=len(h.last),
            floor=amounts.number(h.floor[-1], 6),
        ),
        labels,
        facts=[
            ("ln(n + 1)", amounts.number(a.lower, 7)),
            ("H_n", amounts.number(r.h_n, 7)),
            ("1 + ln n", amounts.number(a.upper, 7)),
            (T("Oresme's floor", "奥雷姆下界"), amounts.number(h.floor[-1], 4)),
        ],
    )


def rearranged_figure(r: Summed) -> Figure:
    """The first steps towards the target, and how the distance to it shrinks under its bound."""
    a = r.rearranged
    step = np.arange(1, len(a.path) + 1)
    added = a.path > 0
    end = float(max(step[-1], 2))
    spread = max(float(np.ptp(np.append(a.path_sums, [a.target, a.natural]))), 0.5)
    mid = {"hoverinfo": "skip"}
    traces = [
        line([0, end], [a.target, a.target], THEORY, name=T("target", "目标")),
        line([0, end], [a.natural, a.natural], MUTE, dash="dot", width=1.4, name="ln 2"),
        line(step, a.path_sums, MUTE, width=1, **mid),
        points(step, np.where(added, a.path_sums, np.nan), MEASURED, size=5, name=T("added", "加")),
        points(step, np.where(added, np.nan, a.path_sums), SECOND, size=5, symbol="diamond", name=T("subtracted", "减")),
        line(a.taken, a.bound, THEORY, panel=1, name=T("bound", "上界")),
        line(a.taken, np.where(a.drift != 0, np.abs(a.drift), np.nan), MEASURED, panel=1, name=T("distance", "距离")),
    ]
    above = 1 if a.target >= a.natural else -1
    low, high = reach(a.path_sums, a.target, a.natural, pad=0.0)
    far = reach(np.abs(a.drift), a.bound, log=True, pad=0.12)
    labels = [
        Label(
            end, a.target + above * 0.16 * spread, T("target {target:number.6}", "目标 {target:number.6}", target=a.target), THEORY, "right"
        ),
        Label(end, a.natural - above * 0.06 * spread, T("ln 2: usual order", "ln 2：原来的次序"), INK_2, "right"),
        Label(0.03 * end, low - 0.12 * spread, T("● added", "● 加"), MEASURED),
        Label(0.97 * end, low - 0.12 * spread, T("◆ subtracted", "◆ 减"), SECOND, "right"),
        Label(float(a.taken[0]) * 1.2, far[0] * 5, T("distance", "距离"), MEASURED, "left", 1),
        Label(float(a.taken[-1]), far[1] / 1.5, T("the larger of the last two terms", "最近一正一负两项中较大者"), THEORY, "right", 1),
    ]
    moments = np.unique(np.linspace(1, len(step), MOMENTS).astype(int)).tolist()
    frames = Frames(T("terms", "项数"), [Frame(str(i), {2: {"upto": i}, 3: {"upto": i}, 4: {"upto": i}}) for i in moments])
    plus, minus = int(a.positives[-1]), int(a.negatives[-1])
    return Figure(
        traces,
        [
            Panel(
                Axis(T("terms taken", "已取的项数"), range=(0, end * 1.02)),
                Axis(T("sum", "和"), range=(low - 0.2 * spread, high + 0.22 * spread)),
                title=T("the first steps", "最初几步"),
            ),
            Panel(
                Axis(T("terms taken", "已取的项数"), log=True, range=reach(a.taken, log=True)),
                Axis(T("|sum − target|", "|和 − 目标|"), log=True, range=far),
                title=T("never further than the last term", "距离不超过最近的一项"),
            ),
        ],
        said(r, "rearranged"),
        labels,
        frames if len(moments) > 1 else None,
        facts=[
            (T("sum", "和"), amounts.number(a.sums[-1], 9)),
            (T("added", "加的项"), amounts.count(plus)),
            (T("subtracted", "减的项"), amounts.count(minus)),
            (T("ratio", "比值"), amounts.number(a.ratio, 5)),
            (T("limit ¼e^(2·target)", "极限 ¼e^（2·目标）"), amounts.number(a.ratio_limit, 5)),
        ],
    )


def coupons_figure(r: Summed) -> Figure:
    """How many draws until all kinds are there, beside the exact law; and what each further kind costs."""
    c = r.coupons
    middle, width = (c.edges[1:] + c.edges[:-1] + 1) / 2, np.diff(c.edges)
    gumbel = np.diff(np.interp(c.edges, c.draws, c.gumbel))
    top = 1.2 * float(max(np.nanmax(c.observed, initial=0), c.exact.max(), 1e-9))
    peak = int(np.argmax(c.exact))
    traces = [
        bars(middle, c.observed, width=0.85 * width, name=T("measured", "实测")),
        ticks(middle, c.exact, name=T("exact law", "精确分布")),
        line(middle, gumbel, SECOND, dash="dot", width=1.6, name=T("Gumbel limit", "Gumbel 极限")),
        points(c.stage, c.wait, MEASURED, size=5, panel=1, name=T("measured", "实测")),
        line(c.stage, c.exact_wait, THEORY, panel=1, name=T("exact", "精确")),
    ]
    right = float(middle[min(peak + len(middle) // 5, len(middle) - 1)])
    labels = [
        Label(right, 0.92 * top, T("{runs} collections", "{runs} 次收集", runs=amounts.count(c.runs)), MEASURED),
        Label(right, 0.82 * top, T("exact law", "精确分布"), THEORY),
        Label(right, 0.72 * top, T("Gumbel limit", "Gumbel 极限"), SECOND),
        Label(
            float(c.stage[-1]),
            float(c.exact_wait[-1]) * 1.5,
            T("the last kind: {kinds} draws", "最后一种：{kinds} 次", kinds=amounts.count(c.kinds)),
            THEORY,
            "right",
            1,
        ),
    ]
    return Figure(
        traces,
        [
            Panel(
                Axis(T("draws until all kinds are there", "集齐所有种类的抽取次数")),
                Axis(T("share of collections", "占比"), format=".1~%", range=(0, top)),
                title=T("the whole collection", "整套收集"),
            ),
            Panel(
                Axis(T("kinds already there", "已有的种类数")),
                Axis(T("draws for the next one", "得到下一种的次数"), log=True),
                title=T("kind by kind", "逐种来看"),
            ),
        ],
        said(r, "coupons"),
        labels,
        facts=[
            (T("mean, measured", "均值，实测"), amounts.number(c.mean, 6)),
            (T("m · H, exact", "m · H，精确"), amounts.number(c.exact_mean, 6)),
            (T("spread, measured", "标准差，实测"), amounts.number(c.spread, 4)),
            (T("spread, exact", "标准差，精确"), amounts.number(c.exact_spread, 4)),
            (T("off by", "相差"), f"{amounts.signed(round(c.z, 1))} σ"),
        ],
    )


def _bricks(r: Summed) -> tuple[list, Axis]:
    """The tower's outline: its blocks one by one, or, where there are too many, its two sides over log level."""
    t = r.tower
    height = int(t.level[-1])
    if height <= BRICKS:
        y = height - t.level + 0.5
        blocks = bars(np.ones(len(y)), y, base=t.left, orientation="h", width=0.86, hoverinfo="skip")
        table = bars([1.2], [-0.3], MUTE, base=[-1.2], orientation="h", width=0.6, hoverinfo="skip")
        marks = points(t.centre, y - 0.5, THEORY, size=5, symbol="triangle-up", name=T("centre of mass", "重心"))
        return [blocks, table, marks], Axis(T("blocks above the table", "桌面以上的块数"), range=(-0.8, height * 1.1 + 0.4))
    sides = np.concatenate([t.left, t.right[::-1]]), np.concatenate([t.level, t.level[::-1]])
    body = line(*sides, MEASURED, width=1.2, fill="toself", fillcolor=f"{MEASURED}/0.45", hoverinfo="skip")
    marks = line(t.centre, t.level + 0.5, THEORY, dash="dot", width=1.4, name=T("centre of mass", "重心"))
    table = line([-1.2, 0], [height * 1.4, height * 1.4], MUTE, width=7, hoverinfo="skip")
    level = Axis(T("level, counted from the top", "层数，从顶端数起"), log=True, reverse=True, range=(0.5, height * 1.9))
    return [body, table, marks], level


def tower_figure(r: Summed) -> Figure:
    """Blocks stacked out over the edge of a table, and how many a given overhang takes."""
    t = r.tower
    height = int(t.level[-1])
    traces, rows = _bricks(r)
    small = height <= BRICKS
    here = [(t.overhang, height)]
    traces += [
        points(t.wanted, t.needed, THEORY, size=7, panel=1, name=T("needed", "所需")),
        points(*zip(*here, strict=True), MEASURED, size=11, panel=1, name=T("this tower", "这座塔")),
        trace(
            "scatter",
            x=[0, 0],
            y=[0, height * 1.04] if small else [1, height * 1.4],
            mode="lines",
            line={"color": INK_2, "width": 1, "dash": "dot"},
            hoverinfo="skip",
        ),
    ]
    reach = amounts.fixed(t.overhang, 3)
    labels = [
        Label(t.overhang, height * 1.06 if small else 0.7, T("{reach} out", "伸出 {reach}", reach=reach), MEASURED, "right"),
        Label(-0.05, height * 0.9 if small else 2, T("table's edge", "桌沿"), INK_2, "right"),
        Label(t.overhang + 0.5, height / 1.0 if height > 3 else 3.0, T("this tower", "这座塔"), MEASURED, "left", 1),
        Label(15, 12.0, T("e² ≈ 7.4 times as many<br>for each length more", "每多伸出一个块长，<br>块数乘以 e² ≈ 7.4"), THEORY, "right", 1),
    ]
    return Figure(
        traces,
        [
            Panel(
                Axis(T("block lengths beyond the edge", "伸出桌沿的长度（块长）"), range=(-1.25, max(1.2, t.overhang + 0.25))),
                rows,
                title=T("▲ each part's centre of mass is on the edge below", "▲ 上面各块的重心恰在下一块的边上")
                if small
                else T("the tower over log level", "塔（层数取对数）"),
            ),
            Panel(
                Axis(T("overhang wanted", "想要伸出的长度"), range=(0, 15.6)),
                Axis(T("blocks needed", "所需块数"), log=True),
                title=T("what an overhang costs", "伸得越远，代价越大"),
            ),
        ],
        said(r, "tower"),
        labels,
        facts=[
            (T("overhang {w}", "伸出 {w}", w=w), T("{k} blocks", "{k} 块", k=amounts.count(k)))
            for w, k in zip(t.wanted[:6].tolist(), t.needed[:6], strict=True)
        ],
    )


SUM = ("n", "dtype", "order")
LAB = Lab(
    experiment=harmonic_series,
    title=T("Harmonic series", "调和级数"),
    words=T(
        "divergence, convergence, series, Euler, gamma constant, logarithm, Basel, zeta, p-series, Riemann rearrangement, overhang, floating point sum, Kahan",
        "发散、收敛、级数、欧拉常数、对数、重排、叠木块、浮点求和",
    ),
    claim=T(
        "1 + ½ + ⅓ + ¼ + … grows beyond every bound. Yet on every machine it comes to a standstill.",
        "1 + ½ + ⅓ + ¼ + … 会超过任何界限；然而在任何一台机器上，它都会停下来。",
    ),
    order=3,
    views=[
        View(T("Where does the machine stop?", "机器停在哪里？"), stop_figure, uses=SUM, topics=("machine",)),
        View(T("Why does it stop?", "为什么会停？"), why_figure, uses=SUM, topics=("machine",)),
        View(T("Does another order help?", "换个次序有用吗？"), orders_figure, uses=("n", "dtype")),
        View(T("How slowly does it grow?", "它长得有多慢？"), growth_figure, kind="exact", uses=("n",), more=True, topics=("growth",)),
        View(T("Why does it never end?", "为什么没有尽头？"), proof_figure, kind="exact", uses=("bars", "n")),
        View(
            T("Can any number be reached?", "能凑出任何数吗？"),
            rearranged_figure,
            kind="exact",
            uses=("target", "n"),
            topics=("rearranged",),
        ),
        View(
            T("When are all collected?", "何时能集齐？"), coupons_figure, uses=("coupons", "runs", "seed"), more=True, topics=("coupons",)
        ),
        View(T("How far do blocks lean?", "积木能伸出多远？"), tower_figure, kind="exact", uses=("blocks",), topics=("tower",)),
    ],
    presets=[
        Preset(T("fp16 stalls", "fp16 停住"), {}, view=0),
        Preset(T("fp32， 10⁸ terms", "fp32，10⁸ 项"), {"dtype": "fp32", "n": 10**8}, view=0),
        Preset(T("fp64， 10¹⁵ terms", "fp64，10¹⁵ 项"), {"dtype": "fp64", "n": 10**15}, view=1),
        Preset(T("Kahan stalls too", "Kahan 也会停"), {"dtype": "bf16", "order": "kahan", "n": 200_000}, view=0),
        Preset(T("To π", "凑出 π"), {"target": 3.14159, "n": 50_000}, view=5),
        Preset(T("365 birthdays", "365 个生日"), {"coupons": 365}, view=6),
        Preset(T("Five lengths out", "伸出五个块长"), {"blocks": 12_367}, view=7),
    ],
    sources=[reference, truncation_errors, rearrange, collect, tower],
    sample=lambda r: T("n = {n}", "n = {n}", n=amounts.count(r.n)),
)
