"""The lesson of the random walk: steps that cancel, ways home, and small disadvantages that add up."""

from __future__ import annotations

import numpy as np

from engine.probability.random_walk import Walked
from pages.shell import Choice, Curve, Number, Step, T

WHERE, HOME, RUIN, LAST_HOME = 0, 3, 4, 7
TURNS = {"up": 0.49, "start": 50, "target": 100, "walkers": 2000}


def typical(walked: Walked) -> float:
    """The root mean square distance after the last step."""
    return float(np.sqrt(walked.msd[-1]))


def wider(walked: Walked) -> int:
    """Which option tells how much wider the heap is than after a quarter of the steps."""
    return int(np.argmin(np.abs(typical(walked) / np.sqrt(walked.times[-1] / 4) - [1, np.sqrt(2), 2, 4])))


def last_visits(walked: Walked) -> tuple[np.ndarray, np.ndarray]:
    return walked.last_zero_steps + (walked.last_zero_width / 2 - 1), walked.last_zero_exact


LESSON = [
    Step(
        lambda p: T(
            "{walkers:count} walkers start at one place. {steps:count} times each tosses a coin: heads, one site up; tails, one down.",
            "{walkers:count} 名行走者从同一处出发，各掷 {steps:count} 次硬币：正面向上走一格，反面向下走一格。",
            walkers=p.walkers,
            steps=p.steps,
        ),
        params={"steps": 400},
        predict=Number(
            T(
                "How far from the start does a typical one end (root mean square)? Drag the line.",
                "典型的行走者最终离起点多远（均方根距离）？请拖动这条线。",
            ),
            typical,
            lambda walked: T(
                "Most people guess far too much: up and down cancel. What is left grows not with n but with its root, √{n} = {root:number}.",
                "多数人猜得太远：向上与向下相互抵消。剩下的不随 n 增长，而随它的平方根增长：√{n} = {root:number}。",
                n=int(walked.times[-1]),
                root=float(walked.times[-1]) ** 0.5,
            ),
            between=(0, 200),
            unit=T("sites", "格"),
            along="x",
            x=(-210, 210),
            y=(0, 0.06),
        ),
    ),
    Step(
        lambda p: T(
            "The heap that you saw stood after {before:count} steps. Now all walk four times as long, {steps:count} steps.",
            "刚才看到的山堆是走了 {before:count} 步之后的样子。现在每人走四倍的步数：{steps:count} 步。",
            before=p.steps // 4,
            steps=p.steps,
        ),
        params={"steps": 1600},
        control="steps",
        predict=Choice(
            T("What becomes of the heap?", "山堆会变成什么样？"),
            wider,
            lambda walked: T(
                "Four times the steps, twice the width: to get ten times as far, one must walk a hundred times as long. Turn n and see.",
                "步数四倍，宽度两倍：要走出十倍远，就得走一百倍久。转动 n 试试。",
            ),
            options=[
                T("as wide as before, since steps cancel", "一样宽，因为步子相互抵消"),
                T("a little wider", "略宽一些"),
                T("twice as wide, and half as high", "宽一倍，高减半"),
                T("four times as wide", "四倍宽"),
            ],
            x=(-210, 210),
            y=(0, 0.06),
        ),
    ),
    Step(
        lambda p: T(
            "Do walkers come home? On a line and in a plane the share that has been home again climbs towards all of them, if slowly. "
            "Now they walk in space: six directions.",
            "行走者会回家吗？在直线和平面上，回过家的比例会慢慢升向全部。现在他们在空间里走，有六个方向。",
        ),
        params={"steps": 1000, "dimension": 3},
        view=HOME,
        only=0,
        predict=Number(
            lambda p: T("How many have been home again by step {steps:count}?", "到第 {steps:count} 步，有多少人回过家？", steps=p.steps),
            lambda walked: walked.return_by_step[-1],
            lambda walked: T(
                "And patience does not help: even forever brings back only {ever:percent}. In space there is too much room to get lost in: "
                "a drunken man finds home, a drunken bird may not (Pólya, 1921).",
                "再有耐心也没用：走到永远也只有 {ever:percent} 的人回来。空间太大，容易走失：醉汉总能回家，醉鸟却未必（波利亚，1921）。",
                ever=walked.return_limit_by_dimension[2],
            ),
            keep=("line", "plane"),
            between=(0, 1),
            share=True,
            along="y",
            x=(2, 1000),
            y=(0, 1.1),
        ),
    ),
    Step(
        lambda p: T(
            "Back to the line and the fair coin, {steps:count} tosses. For each walker note the step at which it was at home for the last time.",
            "回到直线和公平硬币，掷 {steps:count} 次。记下每名行走者最后一次在家的步数。",
            steps=p.steps,
        ),
        view=LAST_HOME,
        predict=Curve(
            T("Draw how these last visits are spread over the steps.", "画出这些“最后一次”在各步上的分布。"),
            last_visits,
            lambda walked: T(
                "Most people draw a hill at the end or in the middle. But a lead lasts: {early:percent} are at home for the last time in the first "
                "tenth, as many in the last tenth, and the middle is the rarest (the arcsine law).",
                "多数人把山峰画在末尾或中间。但领先会持续：{early:percent} 的人最后一次在家落在最初十分之一，末尾十分之一也一样多，中间反而最少（反正弦律）。",
                early=walked.last_zero_exact[: len(walked.last_zero_exact) // 10].sum(),
            ),
            share=True,
            x=(-2, 202),
            y=(0, 0.07),
        ),
    ),
    Step(
        lambda p: T(
            "A gambler has {start:count} and wants {target:count}. Each round he wins or loses 1, and wins with a chance of {up:percent}: almost fair.",
            "一名赌徒有 {start:count}，想赢到 {target:count}。每轮输赢 1，赢的概率为 {up:percent}：几乎公平。",
            start=p.start,
            target=p.target,
            up=p.up,
        ),
        params=TURNS,
        view=RUIN,
        only=0,
        control="up",
        predict=Number(
            T("How many such gamblers reach the target before they are ruined?", "这样的赌徒有多少能在破产之前达到目标？"),
            lambda walked: walked.ruin_win,
            lambda walked: T(
                "The disadvantage is tiny, but a game takes {rounds:count} rounds on average, and each pulls the same way. Make the coin fair, and half of them win.",
                "每轮的劣势很小，但一局平均要玩 {rounds:count} 轮，每轮都往同一边拉。把硬币调公平，就有一半人赢。",
                rounds=walked.ruin_duration_exact,
            ),
            between=(0, 1),
            share=True,
            along="y",
            x=(0, 100),
            y=(-0.03, 1.05),
        ),
    ),
    Step(
        T(
            "Chance cancels like a root, a bias adds up like n: that is why a casino needs only a small one. "
            "Walk in from here: lean the coin, build walls, go to space.",
            "偶然按平方根抵消，偏差却按 n 累积：所以赌场只需要一点点优势。从这里出发：让硬币偏一点，竖起壁，走进空间。",
        ),
        params={"up": 0.52, "steps": 2000},
        view=2,
        control="up",
    ),
]
