"""What the walkers did, each count beside its exact law. Where nothing is counted yet, observed values are NaN."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float, Int
from numpy import ndarray

from engine.core import Finding, T


@dataclass(frozen=True)
class Frames:
    """The law as it spreads: a histogram after each of some times t, all on the same bars.

    sites: middle of each bar. per_bar: lattice sites that a bar joins, 1 or an even number (so that every bar holds as
    many sites of either parity); for Gaussian steps the width of a bar. spacing: from one bar that walkers can be in to
    the next: 2 where every bar is one site of a line, else `per_bar`. normal: what the normal limit gives each bar after
    the last time, None between walls and where every step is the same.
    observed, exact: share of the followed walkers, and chance, in each bar: float32.
    """

    times: Int[ndarray, " t"]
    sites: Float[ndarray, " bars"]
    per_bar: float
    spacing: float
    observed: Float[ndarray, "t bars"]
    exact: Float[ndarray, "t bars"]
    normal: Float[ndarray, " bars"] | None


@dataclass(frozen=True)
class Diffusion:
    """The free walk rescaled to a Brownian motion: time by n, distance from the mean by the deviation after n steps.

    time, paths: of the first coordinate. times: rescaled times u. kernel: the heat kernel exp(-x²/2u) / sqrt(2 pi u),
    averaged over the width of a bar. sites, density: rescaled bars of the frames and the observed density there, NaN on
    sites that parity forbids.
    """

    time: Float[ndarray, " k"]
    paths: Float[ndarray, "walkers k"]
    x: Float[ndarray, " m"]
    times: Float[ndarray, " u"]
    kernel: Float[ndarray, "u m"]
    sites: Float[ndarray, "u bars"]
    density: Float[ndarray, "u bars"]


@dataclass(frozen=True)
class Walked:
    """Everything about the walk that the lab shows."""

    # The end points' first coordinate, at every site, those that parity forbids too; for Gaussian steps in cells.
    support: Float[ndarray, " k"]
    observed: Float[ndarray, " k"]  # share of the `ended` walkers
    exact: Float[ndarray, " k"]
    normal: Float[ndarray, " k"] | None  # the normal limit, as in `Frames`
    law: T  # which law `exact` is
    ended: int
    mean: float
    mean_exact: float
    variance: float
    variance_exact: float
    frames: Frames
    # Twelve walkers' paths, and the end points of up to 1,500 walkers of a plane or of space.
    path_times: Int[ndarray, " times"]
    paths: Float[ndarray, "12 times *dimension"]
    cloud: Float[ndarray, "walkers dimension"] | None
    # Mean squared distance from where they began, and its slope, ln over ln.
    times: Int[ndarray, " t"]
    msd: Float[ndarray, " t"]
    msd_exact: Float[ndarray, " t"]
    slope: float
    slope_exact: float
    # Of the free lattice walk with the same p and dimension, whatever the walls or the law of steps: `tracked` walkers
    # are looked at step by step. Home again by each step, and for the first time at it; the limit is the chance of ever.
    tracked: int
    return_steps: Int[ndarray, " r"]
    return_by_step: Float[ndarray, " r"]
    return_exact: Float[ndarray, " r"]
    return_exact_by_dimension: Float[ndarray, "3 r"]
    return_limit: float
    return_limit_by_dimension: Float[ndarray, " 3"]
    first_return_steps: Int[ndarray, " f"]
    first_return: Float[ndarray, " f"]
    first_return_exact: Float[ndarray, " f"]
    # The last visit home within n steps, in bins of `last_zero_width` steps from each of `last_zero_steps`; its limit,
    # the arcsine law, at p = 1/2 on a line.
    last_zero_steps: Int[ndarray, " bins"]
    last_zero_width: int
    last_zero: Float[ndarray, " bins"]
    last_zero_exact: Float[ndarray, " bins"]
    last_zero_arcsine: Float[ndarray, " bins"] | None
    # The gambler who has `start`, wants `target` and stakes 1 a round, `ruin_games` times to the end; exact values from
    # 0, 1, … target; share of games that end in each span of rounds.
    ruin_games: int
    ruin_win: float
    ruin_win_exact: float
    ruin_duration: float
    ruin_duration_exact: float
    ruin_win_by_start: Float[ndarray, " starts"]
    ruin_duration_by_start: Float[ndarray, " starts"]
    ruin_rounds: Int[ndarray, " spans+1"]
    ruin_rounds_observed: Float[ndarray, " spans"]
    ruin_rounds_exact: Float[ndarray, " spans"]
    triangle: Float[ndarray, "13 25"]  # coefficients of (px + q/x)^k, row k, column 12 + j for x^j
    diffusion: Diffusion | None  # None between walls, and where every step is the same
    findings: tuple[Finding, ...]
    backend: str
