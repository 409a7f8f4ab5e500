"""The random walk: where walkers are after n steps, how far they stray, whether they come home, and who is ruined."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.core import Field, Params, Partial, devices, experiment
from engine.probability.random_walk import findings, functionals, simulate
from engine.probability.random_walk.findings import Diffusion, Frames
from engine.probability.random_walk.plan import Plan

STEADY = 1e-6
STEADY_BETWEEN_WALLS = 0.06


class RandomWalk(Params):
    """Independent random walkers on a line, in a plane or in space, beside the exact laws of what they do."""

    steps: int = Field(200, ge=1, le=100_000, title="Steps n", zh="步数 n")
    walkers: int = Field(5_000, ge=1, le=10**9, title="Walkers", zh="行走者数")
    up: float = Field(0.5, ge=0, le=1, step=0.001, title="Chance of a step up, p", zh="向上一步的概率 p")
    dimension: Literal[1, 2, 3] = Field(
        1, title="Dimension", zh="维数",
        labels={1: ("line", "直线"), 2: ("plane", "平面"), 3: ("space", "空间")},
        help=(
            "In a plane or in space each step is along one axis, chosen at random.",
            "在平面或空间中，每一步沿随机选定的一条轴。",
        ),
    )  # fmt: skip
    steps_law: Literal["lattice", "gaussian"] = Field(
        "lattice", title="Steps", zh="步的分布",
        labels={"lattice": ("±1", "±1"), "gaussian": ("Gaussian", "高斯")},
        help=("Gaussian steps have the mean and variance of ±1 steps.", "高斯步与 ±1 步的均值和方差相同。"),
    )  # fmt: skip
    walls: Literal["free", "absorbing", "reflecting"] = Field(
        "free", title="Walls", zh="壁", when={"dimension": [1]},
        labels={"free": ("none", "无"), "absorbing": ("absorbing", "吸收"), "reflecting": ("reflecting", "反射")},
        help=(
            "Walls stand at 0 and at the target; the walker begins at the start.",
            "壁位于 0 与目标处；行走者从起点出发。",
        ),
    )  # fmt: skip
    start: int = Field(5, ge=1, le=199, title="Start", zh="起点", below="target")
    target: int = Field(10, ge=2, le=200, title="Target", zh="目标")
    seed: int = Field(0, ge=0, le=2**31 - 1, title="Seed", zh="随机种子", control="seed")


@dataclass(frozen=True)
class Walked:
    """What the walkers did, each count beside its exact law. Where nothing is counted yet, observed values are NaN.

    The law of the end points (of the first coordinate, in more than one dimension):
    support: sites, shape (k,), every one of them, those that parity forbids too; for Gaussian steps the middles of
        cells, with the walls themselves first and last where they absorb.
    observed, exact: share of the `ended` walkers and chance at each, shape (k,). law: which law `exact` is.
    normal: the normal limit at each, times the distance 2 of reachable sites (1 in a plane or in space); None
        between walls.
    mean, variance: of the first coordinate of the end points, beside *_exact.
    frames: the law after some 26 times, as bars.

    paths: twelve walkers at path_times: shape (12, times), or (12, times, dimension). cloud: end points of up to
    1,500 walkers, shape (walkers, dimension), None on a line.
    times, msd, msd_exact: mean squared distance from where they began, shape (t,). slope: of ln msd over ln time.

    What follows belongs to the free lattice walk with the same p and dimension, whatever the walls or the law of
    steps; `tracked` walkers are looked at, and `note` says so.
    return_by_step, return_exact: share and chance to have been home again by each of return_steps, shape (r,);
        return_exact_by_dimension holds the chances in 1, 2 and 3 dimensions, return_limit the chance of ever.
    first_return: the same for the first return at each of first_return_steps, shape (f,).
    last_zero, last_zero_exact: share and chance that the last visit home within n steps is in the bin of
        last_zero_width steps from each of last_zero_steps; last_zero_arcsine: the limit law, at p = 1/2 on a line.
    maximum, maximum_exact: share and chance of each greatest height (first coordinate) in maximum_heights.

    The gambler who has `start`, wants `target` and stakes 1 a round, `ruin_games` times to the end:
    ruin_win, ruin_duration: share of games won and mean number of rounds, beside *_exact; *_by_start: the exact
        values from 0, 1, … target. ruin_rounds: edges of spans of rounds, shape (s + 1,); ruin_rounds_observed and
        _exact: share of games that end in each span, shape (s,).

    triangle: coefficients of (px + q/x)^k, row k = 0 … 12, column 12 + j for x^j.
    diffusion: the walk rescaled, with the heat kernel; None between walls or where p is 0 or 1.
    """

    support: np.ndarray
    observed: np.ndarray
    exact: np.ndarray
    normal: np.ndarray | None
    law: tuple[str, str]
    ended: int
    mean: float
    mean_exact: float
    variance: float
    variance_exact: float
    frames: Frames
    path_times: np.ndarray
    paths: np.ndarray
    cloud: np.ndarray | None
    times: np.ndarray
    msd: np.ndarray
    msd_exact: np.ndarray
    slope: float
    slope_exact: float
    tracked: int
    note: tuple[str, str]
    return_steps: np.ndarray
    return_by_step: np.ndarray
    return_exact: np.ndarray
    return_exact_by_dimension: np.ndarray
    return_limit: float
    return_limit_by_dimension: np.ndarray
    first_return_steps: np.ndarray
    first_return: np.ndarray
    first_return_exact: np.ndarray
    last_zero_steps: np.ndarray
    last_zero_width: int
    last_zero: np.ndarray
    last_zero_exact: np.ndarray
    last_zero_arcsine: np.ndarray | None
    maximum_heights: np.ndarray
    maximum: np.ndarray
    maximum_exact: np.ndarray
    ruin_games: int
    ruin_win: float
    ruin_win_exact: float
    ruin_duration: float
    ruin_duration_exact: float
    ruin_win_by_start: np.ndarray
    ruin_duration_by_start: np.ndarray
    ruin_rounds: np.ndarray
    ruin_rounds_observed: np.ndarray
    ruin_rounds_exact: np.ndarray
    triangle: np.ndarray
    diffusion: Diffusion | None
    backend: str


def plan_of(params: RandomWalk) -> Plan:
    """The run that the parameters ask for.

    Walls stand only on a line. Gaussian steps of next to no deviation are lattice steps: below 0.000001 in the free
    walk, below 0.06 between walls, where p is within 0.0009 of 0 or 1.
    """
    walls = params.walls if params.dimension == 1 else "free"
    least = STEADY if walls == "free" else STEADY_BETWEEN_WALLS
    return Plan(
        steps=params.steps,
        walkers=params.walkers,
        up=params.up,
        dimension=params.dimension,
        gaussian=params.steps_law == "gaussian"
        and (params.dimension > 1 or 4 * params.up * (1 - params.up) > least**2),
        walls=walls,
        start=params.start,
        target=params.target,
        seed=params.seed,
    )


def cost(params: RandomWalk) -> Literal["instant", "seconds", "minutes"]:
    """By the processor time that the steps need: at most 50 ms, at most 20 s, or more."""
    plan = plan_of(params)
    seconds = plan.law_seconds + sum(block.work for block in simulate.blocks(plan, devices.current().kind == "cuda"))
    return "instant" if seconds < simulate.AT_ONCE else "seconds" if seconds < 20 else "minutes"


@experiment("random-walk", cost=cost, uses_gpu=True, limits={"cpu": {"walkers": 10_000_000}})
def random_walk(params: RandomWalk) -> Iterator[Partial[Walked]]:
    """Simulate the walkers and set what they did beside the exact laws; the result improves as walkers come in."""
    plan = plan_of(params)
    run = simulate.Simulation(plan, "cuda" if devices.current().kind == "cuda" else None)
    backend = "numpy" if plan.gaussian else "numpy, packed bits"
    if run.gpu is not None:
        backend = f"triton for walkers who are not followed, {backend} for the rest"
    result, drawn, work = None, 0.0, run.run()
    try:
        for fraction in work:
            fresh = result is None or (not drawn and run.tally)
            if fresh or fraction - drawn >= simulate.REDRAWN or fraction == 1:
                result = Walked(
                    **findings.gather(run), law=findings.law(plan), note=functionals.note(run), backend=backend
                )
                drawn = fraction if run.tally else 0.0
            yield Partial(result, fraction)
    finally:
        work.close()
