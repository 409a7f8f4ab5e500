"""First return, last visit home, and the gambler: what was counted beside the exact laws."""

from __future__ import annotations

import math

import numpy as np

from engine.probability.random_walk import returns, ruin
from engine.probability.random_walk.end_points import Fields, share
from engine.probability.random_walk.simulate import Simulation

STEPS_SHOWN = 2000
BINS = 400
EARLY_RETURNS = 100  # steps up to which a first return is shown by itself


def home(run: Simulation) -> Fields:
    """First return to the origin, and return by step n, for the free lattice walk."""
    plan, tracked = run.plan, float(run.tally.get("tracked", 0))
    n, d, p = plan.steps, plan.dimension, plan.up
    first = run.tally.get("first_return", np.zeros(n + 1))
    steps = np.arange(n + 1)
    if n > STEPS_SHOWN:
        steps = np.unique(np.concatenate([np.geomspace(2, n, BINS), np.linspace(0, n, BINS)]).astype(int))
    every = np.stack([returns.returned(k, p, n)[steps // 2] for k in (1, 2, 3)])
    early = np.arange(2, min(n, EARLY_RETURNS) + 1, 2)
    ever = np.array([returns.ever(k, p) for k in (1, 2, 3)])
    return {
        "tracked": int(tracked),
        "return_steps": steps,
        "return_by_step": share((first.cumsum() - first[0])[steps], tracked),
        "return_exact": every[d - 1],
        "return_exact_by_dimension": every,
        "return_limit": float(ever[d - 1]),
        "return_limit_by_dimension": ever,
        "first_return_steps": early,
        "first_return": share(first[early], tracked),
        "first_return_exact": returns.first(d, p, n)[early // 2],
    }


def last_home(run: Simulation) -> Fields:
    """The last visit home within n steps, in bins of steps, for the free lattice walk."""
    plan = run.plan
    n, pairs = plan.steps, plan.steps // 2 + 1
    last = run.tally.get("last_zero", np.zeros(n + 1))
    joined = 1 if pairs <= STEPS_SHOWN // 2 else -(-pairs // BINS)
    bins = np.arange(0, pairs, joined)
    arcsine = None
    if plan.up == 0.5 and plan.dimension == 1:
        # A visit at step 2k stands for the stretch from 2k - 1 to 2k + 1.
        edges = np.clip((2 * np.stack([bins, np.minimum(bins + joined, pairs)]) - 1) / n, 0, 1)
        edges[1, -1] = 1
        arcsine = np.diff(2 / math.pi * np.arcsin(np.sqrt(edges)), axis=0)[0]
    return {
        "last_zero_steps": 2 * bins,
        "last_zero_width": 2 * joined,
        "last_zero": share(np.add.reduceat(last[::2], bins), float(run.tally.get("tracked", 0))),
        "last_zero_exact": np.add.reduceat(returns.last_zero(plan.dimension, plan.up, n), bins),
        "last_zero_arcsine": arcsine,
    }


def gambler(run: Simulation) -> Fields:
    """The gambler's ruin from `start` out of `target`."""
    plan = run.plan
    games, won, rounds = (float(x) for x in run.tally.get("games", np.zeros(3)))
    edges, chance = ruin.duration_law(plan.up, plan.start, plan.target)
    win, duration = ruin.win(plan.up, plan.target), ruin.duration(plan.up, plan.target)
    return {
        "ruin_games": int(games),
        "ruin_win": float(share(np.float64(won), games)),
        "ruin_win_exact": float(win[plan.start]),
        "ruin_duration": float(share(np.float64(rounds), games)),
        "ruin_duration_exact": float(duration[plan.start]),
        "ruin_win_by_start": win,
        "ruin_duration_by_start": duration,
        "ruin_rounds": edges,
        "ruin_rounds_observed": share(run.tally.get("rounds", np.zeros(len(chance))), games),
        "ruin_rounds_exact": chance,
    }
