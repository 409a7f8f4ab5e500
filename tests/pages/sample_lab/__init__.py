"""Labs for the shell's own tests: one instant, with every kind of parameter, one that takes its time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from engine.core import Field, Params, Partial, experiment
from pages.shell import Lab, Page, Preset, T, View, traces
from pages.shell.axes import Axis
from pages.shell.figures import Figure
from pages.shell.moments import Frame, Frames
from pages.shell.panels import Label, Panel

SECRET = "words of the program, not for visitors"


def of_chapter(chapter: str) -> Callable:
    """Let a function count as one of a chapter's package, as its experiment's chapter is read from there."""

    def move(function: Callable) -> Callable:
        function.__module__ = f"engine.{chapter}.sample_lab"
        return function

    return move


class Sample(Params):
    """A sample of every kind of parameter.

    Its second paragraph is not the first.
    """

    steps: int = Field(50, ge=1, le=100_000, title=T("Steps n", "步数 n"), unit=T("steps", "步"))
    share: float = Field(0.5, ge=0, le=1, title=T("Share", "比例"))
    law: Literal["fair", "biased"] = Field(
        "fair", title=T("Law", "规律"), labels={"fair": T("fair", "公平"), "biased": T("biased", "有偏")}
    )
    size: Literal[1, 2, 3] = Field(2, title=T("Size", "大小"))
    walls: bool = Field(False, title=T("Walls", "墙"), when={"law": ["biased"]})
    formula: str = Field("x + 1", max_length=20, title=T("Formula", "公式"), control="code")
    low: int = Field(1, ge=0, le=10, title=T("Low", "低"), below="high")
    high: int = Field(9, ge=0, le=10, title=T("High", "高"))
    seed: int = Field(0, ge=0, le=2**31 - 1, title=T("Seed", "种子"), control="seed")


@dataclass(frozen=True)
class Sampled:
    """What was drawn, and the parameters that asked for it."""

    x: np.ndarray
    y: np.ndarray
    grid: np.ndarray
    seed: int
    steps: int


@experiment("sample-lab", cost="instant", limits={kind: {"steps": 50_000} for kind in ("cpu", "cuda")})
@of_chapter("probability")
def sample(params: Sample) -> Sampled:
    """Random numbers; at share 1 a failure of the program."""
    if params.share == 1:
        raise RuntimeError(SECRET)
    rng = np.random.Generator(np.random.PCG64(params.seed))
    y = rng.random(params.steps)
    if params.share == 0:
        y[0] = np.nan
    return Sampled(np.arange(params.steps), y, rng.normal(size=(4, 3)), params.seed, params.steps)


class Patience(Params):
    """A long computation."""

    steps: int = Field(5, ge=1, le=100_000, title=T("Steps", "步数"))
    seed: int = Field(0, ge=0, le=10**6, title=T("Seed", "种子"), control="seed")


@dataclass(frozen=True)
class Waited:
    """The numbers so far."""

    numbers: np.ndarray
    backend: str = "sample"


@dataclass
class Log:
    """What the long computation has done so far, in this process."""

    step: int = 0
    closed: threading.Event = None  # type: ignore[assignment]
    pause: float = 0.0


LOG = Log(closed=threading.Event())


@experiment("sample-slow", cost=lambda p: "seconds" if p.steps <= 1000 else "minutes")
@of_chapter("probability")
def slow(params: Patience) -> Iterator[Partial[Waited]]:
    """Numbers that come one by one; from 90 000 steps on, a failure at the second."""
    LOG.closed.clear()
    pause = threading.Event()
    try:
        for i in range(1, params.steps + 1):
            LOG.step = i
            if params.steps >= 90_000 and i == 2:
                raise RuntimeError(SECRET)
            pause.wait(LOG.pause)
            yield Partial(Waited(np.arange(min(i, 500))), i / params.steps)
    finally:
        LOG.closed.set()


def curve(result: Sampled) -> Figure:
    return Figure(
        [traces.bars(result.x, result.y, name=T("observed", "观测")), traces.line(result.x, result.y, dash="dot")],
        [Panel(Axis(T("step", "步")), Axis(T("value", "值"), format=".0%"))],
        says=T(f"Seed {result.seed} drew {result.steps} numbers.", f"种子 {result.seed} 抽取了 {result.steps} 个数。"),
        labels=[Label(0, 0.5, T("half", "一半"))],
        facts=[(T("seed", "种子"), str(result.seed))],
        frames=Frames("n", [Frame(str(k), {1: {"y": result.y[:k]}}) for k in (1, 2, 3)]),
    )


def grid(result: Sampled) -> Figure:
    return Figure(
        [traces.heat(result.grid, diverging=True)],
        [Panel()],
        says=T("A grid of normal numbers.", "一格正态随机数。"),
        table=[[T("row", "行"), T("sum", "和")], ["1", f"{result.grid[0].sum():.2f}"]],
    )


def waited(result: Waited) -> Figure:
    return Figure(
        [traces.points(result.numbers, result.numbers)],
        [Panel()],
        says=T(f"{len(result.numbers)} numbers so far.", f"目前有 {len(result.numbers)} 个数。"),
    )


SAMPLE = Lab(
    experiment=sample,
    title=T("Sample lab", "样例实验"),
    claim=T("Every kind of parameter <works>.", "每一种参数<都能用>。"),
    order=900,
    views=[
        View(T("What was drawn?", "抽到了什么？"), curve),
        View(T("On a grid?", "在格子上呢？"), grid, kind="exact"),
        View(T("Only when biased?", "仅在有偏时？"), grid, when={"law": ["biased"]}),
    ],
    presets=[Preset(T("Few", "很少"), {"steps": 5}), Preset(T("Biased", "有偏"), {"law": "biased"}, view=2)],
    sources=[Sampled],
    sample=lambda result: T(f"{result.steps} numbers", f"{result.steps} 个数"),
    fit=lambda result: T("", "") if np.isfinite(result.y).all() else T("a hole", "有缺失"),
    findings=lambda result: [] if np.isfinite(result.y).all() else [T("One number is missing.", "缺了一个数。")],
)
SLOW = Lab(
    experiment=slow,
    title=T("Slow sample", "缓慢样例"),
    claim=T("What takes its time can be stopped.", "费时的计算可以停止。"),
    order=901,
    views=[View(T("How far?", "到哪里了？"), waited), View(T("And again?", "再看一次？"), waited)],
)
PAGES = [Page(lab, Path(__file__).parent) for lab in (SAMPLE, SLOW)]
