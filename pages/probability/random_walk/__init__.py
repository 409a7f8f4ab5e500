"""The random walk: where walkers are, how far they stray, whether they come home, and who is ruined."""

from __future__ import annotations

from engine.probability.random_walk import exact, packed, random_walk, reference, returns, ruin
from pages.probability.random_walk import figures
from pages.probability.random_walk.lesson import LESSON
from pages.shell import Lab, Picture, Preset, T, View

FREE = ("steps", "walkers", "up", "dimension", "seed")
STEPPED = (*FREE, "steps_law", "walls")
WALK = (*STEPPED, "start", "target")

LAB = Lab(
    experiment=random_walk,
    picture=Picture(view=1),
    title=T("Random walk", "随机游走"),
    words=T(
        "brownian motion, drunkard, binomial, central limit theorem, normal, gaussian, return, Pólya, gambler's ruin, arcsine law, diffusion, reflection, martingale",
        "布朗运动、醉汉、二项分布、中心极限定理、正态分布、高斯、返回、波利亚、赌徒破产、反正弦律、鞅",
    ),
    claim=T(
        "Each second a step forward or back, by the toss of a coin. Nobody knows where one walker goes; where all of them "
        "end is known exactly.",
        "每秒掷一次硬币，向前或向后走一步。没人知道某一个人会走到哪里；所有人最终落在哪里，却可以精确知道。",
    ),
    order=1,
    views=[
        View(T("Where is the walker?", "行走者在哪里？"), figures.where_figure, uses=WALK, topics=("place", "walk")),
        View(T("How does it get there?", "怎样走到那里？"), figures.paths_figure, uses=WALK, topics=("walk",)),
        View(T("How far has it strayed?", "走了多远？"), figures.spread_figure, uses=WALK, topics=("spread", "walk")),
        View(T("Does it come home?", "会回家吗？"), figures.home_figure, uses=FREE, topics=("home",)),
        View(T("Who is ruined?", "谁会破产？"), figures.ruin_figure, uses=("walkers", "up", "start", "target", "seed"), topics=("ruin",)),
        View(T("What does it look like from afar?", "从远处看是什么样？"), figures.diffusion_figure, uses=STEPPED, topics=("walk",)),
        View(T("Where does its law come from?", "它的分布从何而来？"), figures.law_figure, kind="exact", uses=("up",), more=True),
        View(T("When was it last at home?", "最后一次在家是何时？"), figures.last_home_figure, uses=FREE, more=True),
    ],
    presets=[
        Preset(T("Fair coin", "公平硬币"), {}, view=0),
        Preset(T("Leaning", "偏硬币"), {"up": 0.52, "steps": 2000}, view=2),
        Preset(T("Two walls", "两面墙"), {"walls": "absorbing", "start": 12, "target": 40}, view=0),
        Preset(T("In 3-D", "三维"), {"dimension": 3, "steps": 1000, "walkers": 5000}, view=3),
        Preset(T("The gambler", "赌徒"), {"up": 0.49, "start": 50, "target": 100, "walkers": 2000}, view=4),
    ],
    sources=[reference, packed.Slab, packed.ends, exact.walk, returns.returned, ruin.win],
    sample=lambda walked: T("{n:count} walkers", "{n:count} 名行走者", n=walked.ended),
    lesson=LESSON,
)
