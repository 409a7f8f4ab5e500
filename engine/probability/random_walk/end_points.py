"""Where the walkers are and how far they have strayed: what was counted beside the exact laws."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from engine.core.recent import remembered
from engine.probability.random_walk import exact
from engine.probability.random_walk.plan import Plan
from engine.probability.random_walk.result import Diffusion, Frames
from engine.probability.random_walk.simulate import PATHS, Simulation

NEGLIGIBLE = 1e-15
HEAT_TIMES = (0.1, 0.25, 0.5, 1.0)

Fields = dict[str, Any]


def share(counts: np.ndarray, total: float) -> np.ndarray:
    """Counts as shares of a total; NaN while nothing is counted."""
    return counts / total if total else np.full(np.shape(counts), np.nan)


@remembered(32)
def end_law(plan: Plan) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Sites (or middles of cells), exact law and normal limit of the first coordinate after n steps."""
    if plan.gaussian:
        edges = plan.edges(plan.steps)
        middles = (edges[1:] + edges[:-1]) / 2
        law = exact.normal_cells(edges, plan.drift * plan.steps, math.sqrt(plan.step_variance * plan.steps))
        return middles, law, law
    if plan.walled:
        return np.arange(plan.target + 1), plan.walled_law[0][-1], None
    sites, law = plan.end_law
    return sites, law, plan.normal(sites, 2.0 if plan.dimension == 1 else 1.0)


def where(run: Simulation) -> Fields:
    """Where the walkers are after n steps, and after the watched times."""
    plan, total = run.plan, float(run.tally.get("end_sums", np.zeros(3))[0])
    sites, law, normal = end_law(plan.lawful)
    counts = run.tally.get("ends", np.zeros(len(law)))
    if not plan.gaussian and not plan.walled:
        held = np.flatnonzero((law > NEGLIGIBLE) | (counts > 0))
        part = slice(held[0], held[-1] + 1)
        sites, law, counts = sites[part], law[part], counts[part]
        normal = None if normal is None else normal[part]
    return {"support": sites, "observed": share(counts, total), "exact": law, "normal": normal, "ended": int(total), "frames": frames(run)}


@remembered(32)
def frame_law(plan: Plan) -> tuple[np.ndarray, np.ndarray, float, np.ndarray | None]:
    """Of the bars shown at all times: their middles, the exact law (times, bars), their spacing, the normal limit."""
    if plan.gaussian:
        edges, times = plan.edges(), plan.times[:, None]
        middles, width = (edges[1:] + edges[:-1]) / 2, edges[1] - edges[0]
        law = exact.normal_cells(edges, plan.drift * times, np.sqrt(plan.step_variance * times))
        return middles, law, float(width), law[-1]
    low, per_bar, bars = plan.sites
    middles = low + per_bar * np.arange(bars) + (per_bar - 1) / 2
    if plan.walled:
        return middles, plan.walled_law[0], 1.0, None
    law = plan.lattice_law(plan.times, np.full(len(plan.times), low), per_bar * bars)
    law = law.reshape(len(plan.times), bars, per_bar).sum(2)
    if plan.dimension > 1:
        return middles, law, float(per_bar), plan.normal(middles, per_bar)
    # Every second site of a line is out of reach: a reachable one stands for a stretch of 2 around it, and a bar for
    # those of its sites, which lie half a site left or right of its middle.
    aside = (low + plan.steps) % 2 - 0.5 if per_bar > 1 else 0.0
    return middles, law, float(max(per_bar, 2)), plan.normal(middles + aside, max(per_bar, 2))


def frames(run: Simulation) -> Frames:
    """The law after each watched time on common bars."""
    plan = run.plan
    middles, law, spacing, normal = frame_law(plan.lawful)
    followed, counts = float(run.tally.get("followed", 0)), run.tally.get("frames")
    low, per_bar, bars = plan.sites
    if counts is None:
        counts = np.full(law.shape, np.nan)
    elif not plan.gaussian and not plan.walled:
        # Each time's window is laid where it belongs on the sites of all bars, with room for what hangs over.
        width = counts.shape[1]
        moved = np.zeros((len(counts), per_bar * bars + 2 * width), counts.dtype)
        for row, first in enumerate(plan.window[0] - low + width):
            first = min(max(first, 0), moved.shape[1] - width)
            moved[row, first : first + width] = counts[row]
        counts = moved[:, width : width + per_bar * bars].reshape(len(counts), bars, per_bar).sum(2)
    width = spacing if plan.gaussian else float(per_bar)
    observed = share(counts, followed).astype(np.float32)
    return Frames(plan.times, middles, width, spacing, observed, law.astype(np.float32), normal)


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
        squared = share(tally.get("sums", np.zeros((len(plan.times), 3)))[:, 2], followed)
    else:
        squared = share((tally.get("frames", np.zeros(away.shape)) * away**2).sum(1), followed)
    ended, mean, square = tally.get("end_sums", np.zeros(3))
    mean, square = share(np.array([mean, square]), ended)
    mean_exact, msd_exact = plan.moments()
    variance_exact = msd_exact[-1] - mean_exact[-1] ** 2 if plan.walled else plan.step_variance * plan.steps
    return {
        "mean": float(plan.origin + mean),
        "mean_exact": float(plan.origin + mean_exact[-1]),
        "variance": float(square - mean**2),
        "variance_exact": float(variance_exact),
        "times": plan.times,
        "msd": squared,
        "msd_exact": msd_exact,
        "slope": slope(plan.times, squared),
        "slope_exact": slope(plan.times, msd_exact),
    }


def paths(run: Simulation) -> Fields:
    """A few walks as they unfold, and where some walkers of a plane or of space end."""
    none = np.zeros((1, PATHS) if run.plan.dimension == 1 else (1, run.plan.dimension, PATHS))
    way = run.tally.get("paths", none)
    if run.plan.dimension == 1:
        way = way.reshape(len(way), -1)
    return {"path_times": run.path_times[: len(way)], "paths": np.moveaxis(way, -1, 0), "cloud": run.tally.get("cloud")}


def rescaled(plan: Plan, fields: Fields) -> Diffusion | None:
    """The free walk as a diffusion; None between walls, and where every step is the same."""
    unit = math.sqrt(plan.step_variance * plan.steps)
    if plan.walled or unit == 0:
        return None
    bars: Frames = fields["frames"]
    rows = np.array([np.abs(plan.times - u * plan.steps).argmin() for u in HEAT_TIMES])
    after, width = plan.times[rows], bars.spacing / unit
    density = bars.observed[rows] / np.float32(width)
    if bars.spacing > bars.per_bar:
        density[(bars.sites - after[:, None]) % 2 == 1] = np.nan
    x, u = np.linspace(-4, 4, 81), after[:, None] / plan.steps
    way = fields["paths"] if plan.dimension == 1 else fields["paths"][:, :, 0]
    return Diffusion(
        time=fields["path_times"] / plan.steps,
        paths=((way - plan.drift * fields["path_times"]) / unit).astype(np.float32),
        x=x,
        times=u[:, 0],
        kernel=exact.normal(x, width, 0.0, np.sqrt(u)) / width,
        sites=((bars.sites - plan.drift * after[:, None]) / unit).astype(np.float32),
        density=density,
    )
