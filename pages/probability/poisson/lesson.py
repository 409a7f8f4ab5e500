"""The lesson of the Poisson process: gaps without memory, waits that do not shorten, and crowds that thin out."""

from __future__ import annotations

import numpy as np

from engine.probability.poisson import Arrived, laws
from pages.shell import Choice, Curve, Number, Step, T

COUNTS, WAITS, WHY, INSPECTION = 1, 2, 3, 7
LONGEST = 2.0  # hours of the drawn gaps
BUSES = {"rate": 0.1, "window": 100, "unit_of_time": "minute", "event": "arrival", "runs": 1000}
DAY = {"window": 24, "at_least": 144, "runs": 1000}


def gap_law(a: Arrived) -> tuple[np.ndarray, np.ndarray]:
    """The density of the gaps, as far as one draws it."""
    seen = a.gaps.curve_x <= LONGEST
    return a.gaps.curve_x[seen], a.gaps.curve_y[seen]


def rarer(a: Arrived) -> int:
    """Which option tells how rare so large a count is in the window."""
    return int(np.searchsorted([-0.1, -0.01, -1e-6], -float(laws.at_least(a.at_least, a.mean))))


LESSON = [
    Step(
        lambda p: T(
            "In a hospital {rate:number} children are born an hour, on average. None knows of the others: each comes when it pleases. "
            "Let the hour pass, and look how bunched the strokes are.",
            "一家医院平均每小时有 {rate:number} 个孩子出生。彼此毫不相干，想来就来。让这一小时过去，看看这些竖线有多么扎堆。",
            rate=p.rate,
        )
    ),
    Step(
        lambda p: T(
            "Note the gaps from each birth to the next. Their mean is {gap:number.3} hours.",
            "记下每次出生到下一次之间的间隔，平均是 {gap:number.3} 小时。",
            gap=1 / p.rate,
        ),
        view=WAITS,
        only=0,
        predict=Curve(
            T("Draw how often gaps of each length occur.", "画出各种长度的间隔出现得有多频繁。"),
            gap_law,
            lambda a: T(
                "Most people draw a hill around the mean. But the shortest gaps are the most frequent, and {short:percent} are shorter than the "
                "mean: a few long ones make up for them. That is why chance looks bunched.",
                "多数人在平均值附近画一座小山。其实最短的间隔最常见，{short:percent} 短于平均值，靠少数很长的来补。所以随机看起来总是扎堆。",
                short=-np.expm1(-a.gaps.mean_exact * a.setting.rate),
            ),
            x=(0, LONGEST),
            y=(0, 3.6),
        ),
    ),
    Step(
        lambda p: T(
            "A bus line as careless as births: a bus every {gap:number} minutes on average, each when it pleases. You come to the stop at any moment.",
            "一条公交线像出生一样随意：平均每 {gap:number} 分钟一班，各自想来就来。你在任意时刻来到车站。",
            gap=1 / p.rate,
        ),
        params=BUSES,
        view=WAITS,
        only=0,
        predict=Number(
            T("How long do you wait, on average?", "你平均要等多久？"),
            lambda a: a.residual_wait.mean,
            lambda a: T(
                "Half a gap, most people say; that holds for a timetable. These buses have no memory: however long ago the last one came, the next "
                "is {gap:number} minutes away on average.",
                "多数人说是半个间隔，那是按时刻表开的车。这些车没有记忆：无论上一班走了多久，下一班平均都还要 {gap:number} 分钟。",
                gap=a.gaps.mean_exact,
            ),
            between=(0, 30),
            unit=T("minutes", "分钟"),
            along="x",
            x=(0, 40),
            y=(0, 0.12),
        ),
    ),
    Step(
        lambda p: T(
            "Stay at that stop. Ask when the bus before you came, and wait for the next. Between these two lies the gap that you fell into; "
            "the line's mean gap is still {gap:number} minutes.",
            "还在那个车站。问问你来之前的那班何时开走，再等下一班：这两班之间就是你落入的间隔。全线的平均间隔仍是 {gap:number} 分钟。",
            gap=1 / p.rate,
        ),
        params=BUSES,
        view=INSPECTION,
        only=0,
        predict=Number(
            T("How long is your gap, on average?", "你落入的间隔平均有多长？"),
            lambda a: a.inspection.length.mean,
            lambda a: T(
                "A blind moment falls more easily into a long gap than into a short one. So passengers meet {blind:number.3} minutes where "
                "the company, counting bus by bus, honestly reports {gap:number.3}.",
                "任意时刻更容易落进长间隔。所以乘客遇到的是 {blind:number.3} 分钟，而公司逐班统计，老老实实报出 {gap:number.3} 分钟。",
                blind=a.inspection.length.mean,
                gap=a.inspection.mean_gap,
            ),
            between=(0, 40),
            unit=T("minutes", "分钟"),
            along="x",
            x=(0, 60),
            y=(0, 0.12),
        ),
    ),
    Step(
        lambda p: T(
            "Back in the hospital. In {hours:percent} of single hours, twice the mean or more are born. "
            "Now count a whole day, {window:number} hours: the mean is {mean:number}.",
            "回到医院。单看一小时，有 {hours:percent} 的时候出生数达到平均的两倍或更多。现在数一整天，{window:number} 小时：平均 {mean:number} 个。",
            hours=laws.at_least(int(2 * p.rate), p.rate),
            window=p.window,
            mean=p.rate * p.window,
        ),
        params=DAY,
        view=COUNTS,
        predict=Choice(
            lambda p: T(
                "How often does a day bring {n:count} or more, twice its mean?",
                "一天达到两倍，即 {n:count} 个或更多，有多常见？",
                n=p.at_least,
            ),
            rarer,
            lambda a: T(
                "The spread grows only with the root of the mean: √{mean:number} is {spread:number.2}, and twice the mean lies {away:number.2} "
                "spreads away. We carry the noise of small counts over to large ones.",
                "散布只随均值的平方根增长：√{mean:number} 是 {spread:number.2}，两倍均值远在 {away:number.2} 个标准差之外。人们常把小数目的起伏套到大数目上。",
                mean=a.mean,
                spread=a.mean**0.5,
                away=(a.at_least - a.mean) / a.mean**0.5,
            ),
            options=[
                T("more often: there is more time for it", "更常见：时间更多了"),
                T("about as often", "差不多一样常见"),
                T("a few days in a year", "一年里有几天"),
                T("practically never", "几乎从不"),
            ],
            x=(0, 160),
            y=(0, 0.06),
        ),
    ),
    Step(
        T(
            "Why this law? Cut the hour into ever more pieces and toss a coin for each: a birth or none. As the pieces shrink, the coins' law becomes "
            "Poisson's, and only the mean is left. Now change the rate.",
            "为什么是这条定律？把一小时切成越来越多的小段，每段掷一枚硬币：出生或没有。段越短，硬币的分布就越接近泊松分布，最后只剩下均值。现在改变速率试试。",
        ),
        view=WHY,
        control="rate",
    ),
]
