"""The harmonic series: where machines stop adding, why it never ends, and where else it turns up."""

from __future__ import annotations

import numpy as np

from engine.calculus.harmonic import Summed, harmonic_series, reference
from engine.calculus.harmonic.asymptotic import truncation_errors
from engine.calculus.harmonic.coupons import collect
from engine.calculus.harmonic.pictures import tower
from engine.calculus.harmonic.rearranged import rearrange
from engine.calculus.harmonic.result import Tower
from engine.core import amounts
from pages.calculus.harmonic.lesson import LESSON
from pages.calculus.harmonic.machine import orders_figure, positive, said, stop_figure, why_figure
from pages.shell import Lab, Picture, Preset, T, View, draw

UNSEEN = 1e-30  # errors below this are not drawn
BEYOND = T("block lengths beyond the edge", "伸出桌沿的长度（块长）")
BRICKS = 60  # up to so many blocks are drawn one by one
MOMENTS = 54
SUM_AXIS, TERMS_TAKEN = T("sum", "和"), T("terms taken", "已取的项数")
SEEN, CENTRE, TABLE = T("measured", "实测"), T("centre of mass", "重心"), T("table", "桌子")


def growth_figure(r: Summed) -> draw.Figure:
    """H_n beside ln n, and how fast each further term of the expansion closes the rest of the gap."""
    g = r.growth
    n = g.n.astype(float)
    errors = np.abs(g.errors)
    colors = (draw.THEORY, draw.SECOND, draw.THIRD, draw.FOURTH, draw.ACCEPT)
    names = dict(zip(g.names, np.where(errors > UNSEEN, errors, np.nan), strict=True))
    x = draw.Axis("n", log=True)
    return draw.Figure(
        [
            draw.line(n, g.h, draw.MEASURED, width=2.6, name="H<sub>n</sub>"),
            draw.line(n, np.log(n), dash="dash", width=1.5, name="ln n"),
            *draw.curves(n, names, colors=colors, label=None, panel=1),
        ],
        [
            draw.Panel(x, draw.Axis(SUM_AXIS), title=T("no ceiling", "没有上限"), key=True),
            draw.Panel(
                x, draw.Axis(T("|H − formula|", "|H − 公式|"), log=True), title=T("what each formula is off by", "每个公式差多少"), key=True
            ),
        ],
        said(r, "growth"),
        facts=[
            ("Hₙ", amounts.number(r.h_n, 12)),
            ("ln n", amounts.number(r.log_n, 12)),
            ("Hₙ − ln n", amounts.number(r.gamma_estimate, 9)),
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


def proof_figure(r: Summed) -> draw.Figure:
    """Bars above the curve 1/x, with what sticks out slid together; and Oresme's groups, none below a half."""
    a, h = r.areas, r.halves
    k = a.k.astype(float)
    end, curve, group = float(k[-1] + 1), np.linspace(1, k[-1] + 1, 120), np.arange(len(h.last))
    solid = {"fill": "toself", "fillcolor": f"{draw.SECOND}/0.55", "hoverinfo": "skip", "name": T("above the curve", "曲线之上")}
    across = [-0.6, group[-1] + 0.6]
    slid = T(
        "slid left, they fill {slid:fixed.3};<br>all of them: γ = {gamma:fixed.3}",
        "推到左边，共占 {slid:fixed.3}；<br>全部合计：γ = {gamma:fixed.3}",
        slid=a.slivers[-1],
        gamma=r.gamma,
    )
    return draw.Figure(
        [
            draw.bars(k + 0.5, a.height, width=0.97, opacity=0.45, name="1/k"),
            *(draw.line(*_slivers(k, shift), draw.SECOND, width=0.8, **solid) for shift in (np.zeros(len(k)), -k)),
            draw.line(curve, 1 / curve, width=2, name="1/x"),
            draw.bars(group, h.total, panel=1, name=T("sum of the group", "该组之和"), width=0.8),
            draw.line(across, [0.5, 0.5], panel=1, name=T("1/2: never below it", "1/2：从不更低")),
            draw.line(across, [np.log(2)] * 2, draw.THIRD, dash="dot", panel=1, name=T("ln 2: the limit", "ln 2：极限")),
        ],
        [
            draw.Panel(
                draw.Axis("x", range=(-0.1, end + 0.1)),
                draw.Axis(T("height", "高度"), range=(0, 1.2)),
                title=T("bars 1/k above the curve 1/x", "条形 1/k 高过曲线 1/x"),
                key=True,
            ),
            draw.Panel(
                draw.Axis(
                    T("group j: the terms up to k = 2<sup>j</sup>", "第 j 组：直到 k = 2<sup>j</sup> 的项"), range=(-0.7, group[-1] + 0.7)
                ),
                draw.Axis(T("sum of the group", "该组之和"), range=(0, 1.1)),
                title=T("halves without end", "无穷多个一半"),
                key=True,
            ),
        ],
        T.many(
            "The bars lie above 1/x, so Hₙ exceeds ln(n + 1) = {lower:number.6}; {n:count} whole group up to n makes H at least {floor:number.6}.",
            "The bars lie above 1/x, so Hₙ exceeds ln(n + 1) = {lower:number.6}; {n:count} whole groups up to n, all but the first at least one "
            "half, make H at least {floor:number.6}.",
            "条形高过 1/x，故 Hₙ 大于 ln(n + 1) = {lower:number.6}；到 n 为止有 {n:count} 个完整的组，除第一组外每组不小于一半，故 H 至少为 "
            "{floor:number.6}。",
            n=len(h.last),
            lower=a.lower,
            floor=h.floor[-1],
        ),
        [draw.Label(0.3 * end + 1, 0.62, slid, draw.SECOND)],
        facts=[
            ("ln(n + 1)", amounts.number(a.lower, 7)),
            ("Hₙ", amounts.number(r.h_n, 7)),
            ("1 + ln n", amounts.number(a.upper, 7)),
            (T("Oresme's floor", "奥雷姆下界"), amounts.number(h.floor[-1], 4)),
        ],
    )


def rearranged_figure(r: Summed) -> draw.Figure:
    """The first steps towards the target, and how the distance to it shrinks under its bound."""
    a = r.rearranged
    step, added = np.arange(1, len(a.path) + 1), a.path > 0
    ends = [0, max(int(step[-1]), 2)]
    moments = np.unique(np.linspace(1, len(step), MOMENTS).astype(int)).tolist()
    frames = [draw.Frame(str(i), {2: {"upto": i}, 3: {"upto": i}, 4: {"upto": i}}) for i in moments]
    return draw.Figure(
        [
            draw.line(ends, [a.target, a.target], name=T("target", "目标")),
            draw.line(ends, [a.natural, a.natural], draw.MUTE, dash="dot", width=1.4, name=T("ln 2: usual order", "ln 2：原来的次序")),
            draw.line(step, a.path_sums, draw.MUTE, width=1, hoverinfo="skip"),
            draw.points(step, np.where(added, a.path_sums, np.nan), size=5, name=T("added", "加")),
            draw.points(step, np.where(added, np.nan, a.path_sums), draw.SECOND, size=5, symbol="diamond", name=T("subtracted", "减")),
            draw.line(a.taken, a.bound, panel=1, name=T("the larger of the last two terms", "最近一正一负两项中较大者")),
            draw.line(a.taken, positive(a.drift), draw.MEASURED, panel=1, name=T("distance", "距离")),
        ],
        [
            draw.Panel(
                draw.Axis(TERMS_TAKEN, range=(0, ends[1] * 1.02)), draw.Axis(SUM_AXIS), title=T("the first steps", "最初几步"), key=True
            ),
            draw.Panel(
                draw.Axis(TERMS_TAKEN, log=True),
                draw.Axis(T("|sum − target|", "|和 − 目标|"), log=True),
                title=T("never further than the last term", "距离不超过最近的一项"),
                key=True,
            ),
        ],
        said(r, "rearranged"),
        frames=draw.Frames(T("terms", "项数"), frames) if len(frames) > 1 else None,
        facts=[
            (SUM_AXIS, amounts.number(a.sums[-1], 9)),
            (T("terms added", "加的项"), amounts.count(a.positives[-1])),
            (T("terms subtracted", "减的项"), amounts.count(a.negatives[-1])),
            (T("ratio", "比值"), amounts.number(a.ratio, 5)),
            (T("limit ¼ exp(2 · target)", "极限 ¼ exp(2 · 目标)"), amounts.number(a.ratio_limit, 5)),
        ],
    )


def coupons_figure(r: Summed) -> draw.Figure:
    """How many draws until all kinds are there, beside the exact law; and what each further kind costs."""
    c = r.coupons
    middle, width = (c.edges[1:] + c.edges[:-1] + 1) / 2, np.diff(c.edges)
    last = T.many("the last kind: {n:count} draw", "the last kind: {n:count} draws", "最后一种：{n:count} 次", n=c.kinds)
    gumbel = np.diff(np.interp(c.edges, c.draws, c.gumbel))
    return draw.Figure(
        [
            draw.bars(middle, c.observed, width=0.85 * width, name=SEEN),
            draw.ticks(middle, c.exact, name=T("exact law", "精确分布")),
            draw.line(middle, gumbel, draw.SECOND, dash="dot", width=1.6, name=T("Gumbel limit", "Gumbel 极限")),
            draw.points(c.stage, c.wait, size=5, panel=1, name=SEEN),
            draw.line(c.stage, c.exact_wait, panel=1, name=T("exact", "精确")),
        ],
        [
            draw.Panel(
                draw.Axis(T("draws until all kinds are there", "集齐所有种类的抽取次数")),
                draw.Axis(T("share of collections", "占比"), format=".1~%"),
                title=T("the whole collection", "整套收集"),
                key=True,
            ),
            draw.Panel(
                draw.Axis(T("kinds already there", "已有的种类数")),
                draw.Axis(T("draws for the next one", "得到下一种的次数"), log=True),
                title=T("kind by kind", "逐种来看"),
                key=True,
            ),
        ],
        said(r, "coupons"),
        [draw.Label(float(c.stage[-1]), float(c.exact_wait[-1]) * 1.5, last, draw.THEORY, "right", 1)],
        facts=[
            (T("mean, measured", "均值，实测"), amounts.number(c.mean, 6)),
            (T("m · H, exact", "m · H，精确"), amounts.number(c.exact_mean, 6)),
            (T("spread, measured", "标准差，实测"), amounts.number(c.spread, 4)),
            (T("spread, exact", "标准差，精确"), amounts.number(c.exact_spread, 4)),
            (T("off by", "相差"), f"{amounts.signed(round(c.z, 1))} σ"),
        ],
    )


def _bricks(t: Tower) -> tuple[list, draw.Axis]:
    """The tower's outline: its blocks one by one, or, where there are too many, its two sides over log level."""
    height = int(t.level[-1])
    if height <= BRICKS:
        y = height - t.level + 0.5
        colors = [draw.REJECT if level <= (t.tips or 0) else draw.MEASURED for level in t.level.tolist()]
        blocks = draw.bars(np.ones(len(y)), y, colors, base=t.left, orientation="h", width=0.86, hoverinfo="skip")
        table = draw.bars([1.2], [-0.3], draw.MUTE, base=[-1.2], orientation="h", width=0.6, hoverinfo="skip", name=TABLE)
        marks = draw.points(t.centre, y - 0.5, draw.THEORY, size=5 if height > 9 else 9, symbol="triangle-up", name=CENTRE)
        edge = draw.line([0, 0], [0, height * 1.04], draw.INK_2, width=1, dash="dot", hoverinfo="skip")
        return [blocks, table, marks, edge], draw.Axis(T("blocks above the table", "桌面以上的块数"), range=(-0.8, height * 1.1 + 0.4))
    sides = np.concatenate([t.left, t.right[::-1]]), np.concatenate([t.level, t.level[::-1]])
    body = draw.line(*sides, draw.MEASURED, width=1.2, fill="toself", fillcolor=f"{draw.MEASURED}/0.45", hoverinfo="skip")
    marks = draw.line(t.centre, t.level + 0.5, dash="dot", width=1.4, name=CENTRE)
    table = draw.line([-1.2, 0], [height * 1.4, height * 1.4], draw.MUTE, width=7, hoverinfo="skip", name=TABLE)
    edge = draw.line([0, 0], [1, height * 1.4], draw.INK_2, width=1, dash="dot", hoverinfo="skip")
    level = draw.Axis(T("level, counted from the top", "层数，从顶端数起"), log=True, reverse=True, range=(0.5, height * 1.9))
    return [body, table, marks, edge], level


def tower_figure(r: Summed) -> draw.Figure:
    """Blocks stacked out over the edge of a table, and how many a given overhang takes."""
    t = r.tower
    height = int(t.level[-1])
    traces, rows = _bricks(t)
    small = height <= BRICKS
    out = T("{overhang:fixed.3} out", "伸出 {overhang:fixed.3}", overhang=t.overhang)
    price = T("e² ≈ 7.4 times as many<br>for each length more", "每多伸出一个块长，<br>块数乘以 e² ≈ 7.4")
    return draw.Figure(
        [
            *traces,
            draw.points(t.wanted, t.needed, draw.THEORY, size=7, panel=1, name=T("needed", "所需")),
            draw.points([t.overhang], [height], size=11, panel=1, name=T("this tower", "这座塔")),
        ],
        [
            draw.Panel(
                draw.Axis(BEYOND, range=(-1.25, max(1.2, t.overhang + 0.25))),
                rows,
                title=T("▲ each part's centre of mass is on the edge below", "▲ 上面各块的重心恰在下一块的边上")
                if small
                else T("the tower over log level", "塔（层数取对数）"),
                key=True,
            ),
            draw.Panel(
                draw.Axis(T("overhang wanted", "想要伸出的长度"), range=(0, 15.6)),
                draw.Axis(T("blocks needed", "所需块数"), log=True),
                title=T("what an overhang costs", "伸得越远，代价越大"),
                key=True,
            ),
        ],
        said(r, "tower"),
        [
            draw.Label(t.overhang, height * 1.06 if small else 0.7, out, draw.MEASURED, "right"),
            draw.Label(15, 12.0, price, draw.THEORY, "right", 1),
        ],
        facts=[
            (T("overhang {lengths}", "伸出 {lengths}", lengths=lengths), T("{blocks:count} blocks", "{blocks:count} 块", blocks=blocks))
            for lengths, blocks in zip(t.wanted[:6].tolist(), t.needed[:6], strict=True)
        ],
    )


def hand_figure(r: Summed) -> draw.Figure:
    """Four blocks, each dragged by its end; what tips is red."""
    t = r.hand
    traces, rows = _bricks(t)
    fallen = T.many("the top block tips over", "the {n} top blocks tip over", "最上面 {n} 块翻倒", n=t.tips or 0)
    state = fallen if t.tips else T("it stands", "立得住")
    says = T(
        "Four blocks, {out:fixed.3} lengths out: {state}.", "四块积木，伸出 {out:fixed.3} 个块长：{state}。", out=t.overhang, state=state
    )
    return draw.Figure(
        traces,
        [draw.Panel(draw.Axis(BEYOND, range=(-1.3, 1.9)), rows, key=True)],
        says,
        [draw.Label(t.overhang + 0.05, len(t.level) - 0.15, state, draw.REJECT if t.tips else draw.MEASURED)],
        facts=[(T("the top block’s end", "顶块末端"), (t.overhang, "fixed.3")), (T("the tower", "这座塔"), state)],
        handles=[
            draw.Handle(f"shift_{i}", len(t.level) - i + 0.5, (end, 0.0), text=T("block {i} from the top", "从上数第 {i} 块", i=i))
            for i, end in enumerate(t.support.tolist(), 1)
        ],
    )


SUM, HAND = ("n", "dtype", "order"), ("shift_1", "shift_2", "shift_3", "shift_4")
LAB = Lab(
    experiment=harmonic_series,
    picture=Picture(view=7),
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
        View(T("How slowly does it grow?", "它长得有多慢？"), growth_figure, "exact", uses=("n",), more=True, topics=("growth",)),
        View(T("Why does it never end?", "为什么没有尽头？"), proof_figure, "exact", uses=("bars", "n")),
        View(T("Can any number be reached?", "能凑出任何数吗？"), rearranged_figure, "exact", uses=("target", "n"), topics=("rearranged",)),
        View(
            T("When are all collected?", "何时能集齐？"), coupons_figure, uses=("coupons", "runs", "seed"), more=True, topics=("coupons",)
        ),
        View(T("How far do blocks lean?", "积木能伸出多远？"), tower_figure, "exact", uses=("blocks",), topics=("tower",)),
        View(T("How far do you get with four?", "四块能伸多远？"), hand_figure, "exact", uses=HAND, topics=("hand",), more=True),
    ],
    lesson=LESSON,
    presets=[
        Preset(T("fp16 stalls", "fp16 停住"), {}, view=0),
        Preset(T("fp32, 10⁸ terms", "fp32，10⁸ 项"), {"dtype": "fp32", "n": 10**8}, view=0),
        Preset(T("fp64, 10¹⁵ terms", "fp64，10¹⁵ 项"), {"dtype": "fp64", "n": 10**15}, view=1),
        Preset(T("Kahan stalls too", "Kahan 也会停"), {"dtype": "bf16", "order": "kahan", "n": 200_000}, view=0),
        Preset(T("To π", "凑出 π"), {"target": 3.14159, "n": 50_000}, view=5),
        Preset(T("365 birthdays", "365 个生日"), {"coupons": 365}, view=6),
        Preset(T("Five lengths out", "伸出五个块长"), {"blocks": 12_367}, view=7),
    ],
    sources=[reference, truncation_errors, rearrange, collect, tower],
    sample=lambda r: T("n = {n:count}", "n = {n:count}", n=r.n),
)
