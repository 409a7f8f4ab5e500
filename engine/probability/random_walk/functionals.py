"""First return, last visit home, greatest height, and the gambler: what was counted beside the exact laws."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from engine.probability.random_walk import exact, returns, ruin
from engine.probability.random_walk.plan import Plan
from engine.probability.random_walk.simulate import Simulation

NEGLIGIBLE = 1e-15
STEPS_SHOWN = 2000
BINS = 400

Fields = dict[str, Any]


def share(counts: np.ndarray, total: float) -> np.ndarray:
    """Counts as shares of a total; NaN while nothing is counted."""
    return counts / total if total else np.full(np.shape(counts), np.nan)


def home(run: Simulation) -> Fields:
    """First return to the origin, return by step n, and the last visit, for the free lattice walk."""
    plan, tally = run.plan, run.tally
    n, d, p, tracked = plan.steps, plan.dimension, plan.up, float(tally.get("tracked", 0))
    nothing = np.zeros(n + 1)
    first, last = tally.get("first_return", nothing), tally.get("last_zero", nothing)
    steps = np.arange(n + 1)
    if n > STEPS_SHOWN:
        steps = np.unique(np.concatenate([np.geomspace(2, n, BINS), np.linspace(0, n, BINS)]).astype(int))
    every = np.stack([returns.returned(k, p, n)[steps // 2] for k in (1, 2, 3)])
    early = np.arange(2, min(n, 100) + 1, 2)
    pairs = np.arange(n // 2 + 1)
    joined = 1 if len(pairs) <= STEPS_SHOWN // 2 else -(-len(pairs) // BINS)
    bins = np.arange(0, len(pairs), joined)
    ends_ = np.minimum(bins + joined, len(pairs))
    arcsine = None
    if p == 0.5 and d == 1:
        edges = np.clip((2 * np.stack([bins, ends_]) - 1) / max(n, 1), 0, 1)
        edges[1, -1] = 1
        arcsine = np.diff(2 / math.pi * np.arcsin(np.sqrt(edges)), axis=0)[0]
    return {
        "return_steps": steps, "return_by_step": share((first.cumsum() - first[0])[steps], tracked),
        "return_exact": every[d - 1], "return_exact_by_dimension": every,
        "return_limit": returns.ever(d, p),
        "return_limit_by_dimension": np.array([returns.ever(k, p) for k in (1, 2, 3)]),
        "first_return_steps": early, "first_return": share(first[early], tracked),
        "first_return_exact": returns.first(d, p, n)[early // 2],
        "last_zero_steps": 2 * bins, "last_zero_width": 2 * joined,
        "last_zero": share(np.add.reduceat(last[::2], bins), tracked),
        "last_zero_exact": np.add.reduceat(returns.last_zero(d, p, n), bins), "last_zero_arcsine": arcsine,
        "tracked": int(tracked),
    }  # fmt: skip


@functools.lru_cache(32)
def height_law(plan: Plan) -> np.ndarray:
    """Exact law of the greatest first coordinate of the free lattice walk: chances of 0, 1, 2, …"""
    sites, law = plan.end_law
    return exact.maximum(law, int(sites[0]), plan.up)


def heights(run: Simulation) -> Fields:
    """The greatest height (first coordinate) on the way, for the free lattice walk."""
    plan, law = run.plan, height_law(run.plan.lawful)
    counts = run.tally.get("maximum", np.zeros(plan.steps + 1))
    top = min(len(law), len(counts))
    held = np.flatnonzero((law[:top] > NEGLIGIBLE) | (counts[:top] > 0))
    part = slice(held[0], held[-1] + 1)
    return {
        "maximum_heights": np.arange(part.start, part.stop),
        "maximum": share(counts[part], float(run.tally.get("tracked", 0))),
        "maximum_exact": law[part],
    }


def gambler(run: Simulation) -> Fields:
    """The gambler's ruin from `start` out of `target`."""
    plan = run.plan
    games, won, rounds = (float(x) for x in run.tally.get("games", np.zeros(3)))
    edges, chance = ruin.duration_law(plan.up, plan.start, plan.target)
    win, duration = ruin.win(plan.up, plan.target), ruin.duration(plan.up, plan.target)
    return {
        "ruin_games": int(games),
        "ruin_win": float(share(np.float64(won), games)), "ruin_win_exact": float(win[plan.start]),
        "ruin_duration": float(share(np.float64(rounds), games)), "ruin_duration_exact": float(duration[plan.start]),
        "ruin_win_by_start": win, "ruin_duration_by_start": duration,
        "ruin_rounds": edges, "ruin_rounds_observed": share(run.tally.get("rounds", np.zeros(len(chance))), games),
        "ruin_rounds_exact": chance,
    }  # fmt: skip


def note(run: Simulation) -> tuple[str, str]:
    """Whose first return, last zero and maximum are shown, in both languages."""
    tracked = int(run.tally.get("tracked", 0))
    return (
        f"First return, last zero and maximum: {tracked:,} free walkers with ±1 steps, looked at step by step.",
        f"首次返回、末次归零与最大值：取自 {tracked:,} 个步长 ±1、无壁的行走者，逐步观察。",
    )
