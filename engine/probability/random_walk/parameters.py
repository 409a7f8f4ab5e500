"""What a random walk is asked with."""

from __future__ import annotations

from typing import Literal

from engine.core import Field, Params, T


class RandomWalk(Params):
    """Independent random walkers on a line, in a plane or in space, beside the exact laws of what they do."""

    steps: int = Field(200, ge=1, le=100_000, title=T("Steps n", "步数 n"))
    walkers: int = Field(5_000, ge=1, le=10**9, title=T("Walkers", "行走者数"))
    up: float = Field(0.5, ge=0, le=1, step=0.001, title=T("Chance of a step up, p", "向上一步的概率 p"))
    dimension: Literal[1, 2, 3] = Field(
        1,
        title=T("Dimension", "维数"),
        labels={1: T("line", "直线"), 2: T("plane", "平面"), 3: T("space", "空间")},
        help=T("In a plane or in space each step is along one axis, chosen at random.", "在平面或空间中，每一步沿随机选定的一条轴。"),
    )
    steps_law: Literal["lattice", "gaussian"] = Field(
        "lattice",
        title=T("Steps", "步的分布"),
        labels={"lattice": "±1", "gaussian": T("Gaussian", "高斯")},
        help=T("Gaussian steps have the mean and variance of ±1 steps.", "高斯步与 ±1 步的均值和方差相同。"),
    )
    walls: Literal["free", "absorbing", "reflecting"] = Field(
        "free",
        title=T("Walls", "壁"),
        when={"dimension": [1], "steps_law": ["lattice"]},
        labels={"free": T("none", "无"), "absorbing": T("absorbing", "吸收"), "reflecting": T("reflecting", "反射")},
        help=T("Walls stand at 0 and at the target; the walker begins at the start.", "壁位于 0 与目标处；行走者从起点出发。"),
    )
    start: int = Field(
        5,
        ge=1,
        le=199,
        title=T("Start", "起点"),
        below="target",
        help=T("Counts between walls, and for the gambler.", "有壁时和赌徒问题中才起作用。"),
    )
    target: int = Field(10, ge=2, le=200, title=T("Target", "目标"))
    seed: int = Field(0, ge=0, le=2**31 - 1, title=T("Seed", "随机种子"), control="seed")
