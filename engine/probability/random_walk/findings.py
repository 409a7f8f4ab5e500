"""What the numbers say: each sentence with how many were looked at and how far chance may carry them."""

from __future__ import annotations

import math

from engine.core import Finding, T, gather
from engine.probability.random_walk.end_points import Fields
from engine.probability.random_walk.parameters import RandomWalk
from engine.probability.random_walk.plan import Plan


def law(plan: Plan) -> T:
    """Which law `exact` is."""
    if plan.walled:
        return T("powers of the transition matrix between the walls", "两壁之间转移矩阵的幂")
    if plan.gaussian:
        return T("the normal law, exact for Gaussian steps", "正态分布（对高斯步是精确的）")
    if plan.dimension == 1:
        return T("the binomial law", "二项分布")
    return T(
        "the law of one coordinate, which moves in one step of {d} on average",
        "一个坐标的分布：该坐标平均每 {d} 步动一次",
        d=plan.dimension,
    )


def chance_error(share: float, n: int) -> float:
    """Standard deviation of a share of n whose chance is `share`."""
    return math.sqrt(share * (1 - share) / n) if n else math.nan


def findings(params: RandomWalk, plan: Plan, fields: Fields) -> tuple[Finding, ...]:
    """What is said under the figures, by topic: "place", "spread", "home", "ruin"; "walk" is of all that walls change."""
    ended, tracked, games = fields["ended"], fields["tracked"], fields["ruin_games"]
    place = T(
        "{n:count} walkers stand at {mean:number} ± {error:number.2} on average, with variance {variance:number}; by the exact law, "
        "{law}, at {mean_exact:number} with variance {variance_exact:number}.",
        "{n:count} 名行走者的平均位置为 {mean:number} ± {error:number.2}，方差 {variance:number}；按精确分布（{law}），均值为 "
        "{mean_exact:number}，方差为 {variance_exact:number}。",
        n=ended,
        error=math.sqrt(fields["variance_exact"] / ended) if ended else math.nan,
        law=law(plan),
        **{name: fields[name] for name in ("mean", "mean_exact", "variance", "variance_exact")},
    )
    spread = T(
        "Over {n:count} walkers the mean square distance grows with slope {slope:number} on logarithmic axes; exactly, {exact:number}.",
        "{n:count} 名行走者的均方距离在双对数坐标下斜率为 {slope:number}；精确值为 {exact:number}。",
        n=ended,
        slope=fields["slope"],
        exact=fields["slope_exact"],
    )
    home_exact = float(fields["return_exact"][-1])
    home = T(
        "Of {n:count} free walkers with ±1 steps, looked at step by step, {share:percent} ± {error:percent.2} have been home again; "
        "exactly, {exact:percent} are by now, and {ever:percent} ever will be.",
        "逐步观察 {n:count} 名步长 ±1、无壁的行走者：{share:percent} ± {error:percent.2} 回过家；到此为止的精确值为 {exact:percent}，"
        "终将回家的为 {ever:percent}。",
        n=tracked,
        share=float(fields["return_by_step"][-1]),
        error=chance_error(home_exact, tracked),
        exact=home_exact,
        ever=fields["return_limit"],
    )
    win = fields["ruin_win_exact"]
    ruin = T(
        "Of {n:count} games {won:percent} ± {error:percent.2} are won, exactly {win:percent}; a game lasts {rounds:number} rounds on "
        "average, exactly {rounds_exact:number}.",
        "{n:count} 局中赢了 {won:percent} ± {error:percent.2}，精确值 {win:percent}；平均持续 {rounds:number} 轮，精确值 {rounds_exact:number}。",
        n=games,
        won=fields["ruin_win"],
        error=chance_error(win, games),
        win=win,
        rounds=fields["ruin_duration"],
        rounds_exact=fields["ruin_duration_exact"],
    )
    open_ = T(
        "Walls stand on a line, in the way of ±1 steps; here the walk is free.", "壁只立在直线上、挡住步长 ±1 的行走；这里的行走是自由的。"
    )
    ignored = params.walls != plan.walls
    said = {"place": place, "spread": spread, "home": home, "ruin": ruin} | ({"walk": open_} if ignored else {})
    return gather(*(Finding(text, topic) for topic, text in said.items()))
