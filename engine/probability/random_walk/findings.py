"""From what was counted to what is shown: shares beside exact laws, one group of fields per question."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np

from engine.probability.random_walk import exact
from engine.probability.random_walk.functionals import NEGLIGIBLE, Fields, gambler, heights, home, share
from engine.probability.random_walk.plan import Plan
from engine.probability.random_walk.simulate import PATHS, Simulation

POWERS = 12
HEAT_TIMES = (0.1, 0.25, 0.5, 1.0)


@dataclass(frozen=True)
class Frames:
    """The law as it spreads: a histogram after each of some times, all on the same bars.

    times: shape (t,). sites: middle of each bar, shape (k,). per_bar: lattice sites a bar joins, 1 or an even number
    (so that every bar holds as many sites of either parity); for Gaussian steps the width of a bar.
    observed, exact: share of the followed walkers, and chance, in each bar after each time: float32, shape (t, k).
    """

    times: np.ndarray
    sites: np.ndarray
    per_bar: float
    observed: np.ndarray
    exact: np.ndarray


@dataclass(frozen=True)
class Diffusion:
    """The free walk rescaled to a Brownian motion: time by n, distance from the mean by the deviation after n steps.

    time, paths: shape (k,) and (walkers, k), first coordinate. x: places, shape (m,). times: rescaled times u, shape
    (u,). kernel: heat kernel exp(-x²/2u) / sqrt(2 pi u), shape (u, m). sites, density: rescaled bars of the frames
    and the observed density there, shape (u, bars); NaN on sites that parity forbids.
    """

    time: np.ndarray
    paths: np.ndarray
    x: np.ndarray
    times: np.ndarray
    kernel: np.ndarray
    sites: np.ndarray
    density: np.ndarray


def gather(run: Simulation) -> Fields:
    """Every field of the result but those that name the run itself."""
    fields = {**where(run), **spread(run), **paths(run), **home(run), **heights(run), **gambler(run)}
    fields["diffusion"] = rescaled(run.plan, fields)
    fields["triangle"] = exact.multiplied_out(run.plan.up, POWERS)
    return fields


@functools.lru_cache(32)
def end_law(plan: Plan) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Sites, exact law and normal limit (None between walls) of the first coordinate after n steps."""
    mean, variance = plan.drift * plan.steps, plan.step_variance * plan.steps
    if plan.gaussian:
        edges = plan.edges(plan.steps)
        middles = (edges[1:] + edges[:-1]) / 2
        if plan.walled:
            return np.concatenate([[0.0], middles, [float(plan.target)]]), plan.walled_law[0][-1], None
        law = exact.normal_cells(edges, mean, math.sqrt(variance))
        return middles, law, law
    if plan.walled:
        return np.arange(plan.target + 1), plan.walled_law[0][-1], None
    sites, law = plan.end_law
    return sites, law, exact.normal(sites, mean, variance, 2.0 if plan.dimension == 1 else 1.0)


def where(run: Simulation) -> Fields:
    """Where the walkers are after n steps, and after the watched times."""
    plan, total = run.plan, float(run.tally.get("end_sums", np.zeros(3))[0])
    sites, law, normal = end_law(plan.lawful)
    counts = run.tally.get("ends", np.zeros(len(law)))
    if not plan.gaussian and not plan.walled:
        held = np.flatnonzero((law > NEGLIGIBLE) | (counts > 0))
        part = slice(held[0], held[-1] + 1)
        sites, law, normal, counts = sites[part], law[part], normal[part], counts[part]
    elif plan.gaussian and plan.walls == "reflecting":
        sites, law, counts = sites[1:-1], law[1:-1], counts[1:-1]
    return {
        "support": sites, "observed": share(counts, total), "exact": law, "normal": normal,
        "ended": int(total), "frames": frames(run),
    }  # fmt: skip


@functools.lru_cache(32)
def frame_law(plan: Plan) -> tuple[np.ndarray, np.ndarray]:
    """Middles of the bars shown at all times, and the exact law on them, shape (times, bars)."""
    if plan.gaussian:
        edges = plan.edges()
        middles = (edges[1:] + edges[:-1]) / 2
        if plan.walled:
            law = plan.walled_law[0]
            return end_law(plan)[0], law
        times = plan.times[:, None]
        return middles, exact.normal_cells(edges, plan.drift * times, np.sqrt(plan.step_variance * times))
    low, per_bar, bars = plan.sites
    middles = low + per_bar * np.arange(bars) + (per_bar - 1) / 2
    if plan.walled:
        return middles, plan.walled_law[0]
    law = plan.lattice_law(plan.times, np.full(len(plan.times), low), per_bar * bars)
    return middles, law.reshape(len(plan.times), bars, per_bar).sum(2)


def frames(run: Simulation) -> Frames:
    """The law after each watched time on common bars."""
    plan = run.plan
    middles, law = frame_law(plan.lawful)
    followed, counts = float(run.tally.get("followed", 0)), run.tally.get("frames")
    low, per_bar, bars = plan.sites
    if counts is None:
        counts = np.full(law.shape, np.nan)
    elif not plan.gaussian and not plan.walled:
        moved = np.zeros((len(counts), per_bar * bars + 2 * counts.shape[1]), counts.dtype)
        for row, first in enumerate(plan.window[0] - low + counts.shape[1]):
            first = min(max(first, 0), moved.shape[1] - counts.shape[1])
            moved[row, first : first + counts.shape[1]] = counts[row]
        counts = moved[:, counts.shape[1] : counts.shape[1] + per_bar * bars].reshape(len(counts), bars, per_bar).sum(2)
    width = float(per_bar) if not plan.gaussian else float(np.diff(plan.edges()[:2])[0])
    return Frames(plan.times, middles, width, share(counts, followed).astype(np.float32), law.astype(np.float32))


def slope(times: np.ndarray, values: np.ndarray) -> float:
    """Slope of ln(values) over ln(times) by least squares, over positive values; NaN with fewer than two."""
    good = values > 0
    if good.sum() < 2:
        return math.nan
    x, y = np.log(times[good]), np.log(values[good])
    x = x - x.mean()
    return float(x @ (y - y.mean()) / (x @ x))


def spread(run: Simulation) -> Fields:
    """Mean and variance of the first coordinate of the end points; mean squared displacement over time."""
    plan, tally = run.plan, run.tally
    away = plan.window[0][:, None] + np.arange(plan.window[1]) - plan.origin
    followed = float(tally.get("followed", 0))
    if plan.gaussian or plan.dimension > 1:
        moments = share(tally.get("sums", np.zeros((len(plan.times), 3))), followed)
    else:
        counts = tally.get("frames", np.zeros(away.shape))
        moments = share(np.stack([(counts * away).sum(1)] + 2 * [(counts * away**2).sum(1)], 1), followed)
    ended, mean, squared = tally.get("end_sums", np.zeros(3))
    mean, squared = share(np.array([mean, squared]), ended)
    mean_exact, msd_exact = plan.moments()
    variance_exact = msd_exact[-1] - mean_exact[-1] ** 2 if plan.walled else plan.step_variance * plan.steps
    return {
        "mean": float(plan.origin + mean), "mean_exact": float(plan.origin + mean_exact[-1]),
        "variance": float(squared - mean**2), "variance_exact": float(variance_exact),
        "times": plan.times, "msd": moments[:, 2], "msd_exact": msd_exact,
        "slope": slope(plan.times, moments[:, 2]), "slope_exact": slope(plan.times, msd_exact),
    }  # fmt: skip


def paths(run: Simulation) -> Fields:
    """A few walks as they unfold, and where some walkers of a plane or of space end."""
    none = np.zeros((1, PATHS) if run.plan.dimension == 1 else (1, run.plan.dimension, PATHS))
    way = run.tally.get("paths", none)
    if run.plan.dimension == 1:
        way = way.reshape(len(way), -1)
    return {
        "path_times": run.path_times[: len(way)],
        "paths": np.moveaxis(way, -1, 0),
        "cloud": run.tally.get("cloud"),
    }


def rescaled(plan: Plan, fields: Fields) -> Diffusion | None:
    """The free walk as a diffusion; None between walls, and where every step is the same."""
    unit = math.sqrt(plan.step_variance * plan.steps)
    if plan.walled or unit == 0:
        return None
    frames_, times = fields["frames"], np.array(HEAT_TIMES)
    rows = np.array([np.abs(plan.times - u * plan.steps).argmin() for u in times])
    gap = frames_.per_bar * (2 if plan.dimension == 1 and frames_.per_bar == 1 and not plan.gaussian else 1)
    after = plan.times[rows]
    density = frames_.observed[rows] / np.float32(gap / unit)
    if gap == 2 * frames_.per_bar:
        density[(frames_.sites - after[:, None]) % 2 == 1] = np.nan
    x, u = np.linspace(-4, 4, 81), after[:, None] / plan.steps
    way = fields["paths"] if plan.dimension == 1 else fields["paths"][:, :, 0]
    return Diffusion(
        time=fields["path_times"] / plan.steps,
        paths=((way - plan.drift * fields["path_times"]) / unit).astype(np.float32),
        x=x,
        times=u[:, 0],
        kernel=np.exp(-x * x / (2 * u)) / np.sqrt(2 * math.pi * u),
        sites=((frames_.sites - plan.drift * after[:, None]) / unit).astype(np.float32),
        density=density,
    )


def law(plan: Plan) -> tuple[str, str]:
    """Which law `exact` is, in both languages."""
    if plan.walled and plan.gaussian:
        return (
            "powers of the transition density of Gaussian steps between the walls, on Gauss–Legendre nodes",
            "两壁之间高斯步转移密度的幂（高斯–勒让德节点）",
        )
    if plan.walled:
        return "powers of the transition matrix between the walls", "两壁之间转移矩阵的幂"
    if plan.gaussian:
        return "the normal law, exact for Gaussian steps", "正态分布（对高斯步是精确的）"
    if plan.dimension == 1:
        return "the binomial law", "二项分布"
    return (
        f"the law of one coordinate, which moves in one step of {plan.dimension} on average",
        f"一个坐标的分布：该坐标平均每 {plan.dimension} 步动一次",
    )
