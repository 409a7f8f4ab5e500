"""Collecting coupons: each draw is one of m kinds, equally likely; how many draws until all have been seen?

The wait for the next new kind, after i, is geometric with chance (m - i)/m; so the mean is m (1/m + … + 1) = m H_m.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from engine.calculus.harmonic.asymptotic import harmonic
from engine.calculus.harmonic.result import Coupons

DRAWS = 1 << 20  # waiting times drawn at once
BINS = 40
POINTS = 200
STAGES_SHOWN = 200


def collect(kinds: int, runs: int, seed: int) -> Iterator[Coupons]:
    """Collections simulated by their waits; yields what it has after every million of them or so.

    A geometric wait is 1 + floor(E / -ln(1 - p)), E standard exponential: exact in law.
    """
    rng = np.random.Generator(np.random.SFC64(seed))
    rates = -np.log(np.arange(1, kinds) / kinds)
    totals, waits, done = np.empty(runs), np.zeros(kinds), 0
    while done < runs:
        rows = min(max(DRAWS // kinds, 1), runs - done)
        idle = rng.standard_exponential((rows, kinds - 1))  # draws that bring nothing new
        idle /= rates
        np.floor(idle, out=idle)
        totals[done : done + rows] = kinds + idle.sum(1)
        waits += rows + np.concatenate([[0.0], idle.sum(0)])
        done += rows
        yield _summarise(kinds, totals[:done], waits / done)


def law(kinds: int, draws: np.ndarray) -> np.ndarray:
    """P(T <= draws) by inclusion and exclusion, sum over j of (-1)^j C(m, j) (1 - j/m)^draws.

    The terms reach about e^λ, λ = m e^(-draws/m); where λ > 13 they would cancel too
    much of each other, the law is below 4e-6, and 0 is given.
    """
    draws = np.asarray(draws, np.float64)
    j = np.arange(1, min(kinds, 80) + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        choose = np.cumsum(np.log((kinds - j + 1) / j))
        logs = choose + draws[:, None] * np.log1p(-j / kinds)
        terms = np.where(j % 2 == 0, 1.0, -1.0) * np.exp(logs)
    value = 1 + terms.sum(1)
    return np.where(draws < kinds, 0.0, np.where(kinds * np.exp(-draws / kinds) > 13, 0.0, value))


def _summarise(kinds: int, totals: np.ndarray, waits: np.ndarray) -> Coupons:
    exact_mean = kinds * float(harmonic(kinds))
    i = np.arange(kinds)
    exact_spread = float(np.sqrt(np.sum(kinds * i / (kinds - i) ** 2.0)))
    mean, spread = float(totals.mean()), float(totals.std(ddof=1)) if len(totals) > 1 else 0.0
    centre = kinds * np.log(kinds)
    low, high = max(kinds - 1, np.floor(centre - 2.6 * kinds)), np.ceil(centre + 9 * kinds)
    edges = np.unique(np.round(np.linspace(low, high, BINS + 1)))
    observed = np.histogram(totals, np.append(edges, np.inf) + 0.5)[0][: len(edges) - 1] / len(totals)
    draws = np.unique(np.round(np.linspace(low, high, POINTS)))
    stage = np.unique(np.round(np.linspace(0, kinds - 1, min(kinds, STAGES_SHOWN)))).astype(np.int64)
    return Coupons(
        kinds,
        len(totals),
        mean,
        exact_mean,
        spread,
        exact_spread,
        (mean - exact_mean) / exact_spread * len(totals) ** 0.5 if exact_spread else 0.0,
        edges,
        observed,
        np.diff(law(kinds, edges)),
        draws,
        law(kinds, draws),
        np.exp(-kinds * np.exp(-draws / kinds)),
        stage,
        waits[stage],
        kinds / (kinds - stage),
    )
