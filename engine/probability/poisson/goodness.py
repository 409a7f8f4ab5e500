"""Goodness of fit: Pearson's χ² with small cells pooled."""

from __future__ import annotations

import numpy as np
from scipy import special

from engine.probability.poisson.result import Fit

LEAST_EXPECTED = 5.0


def chi_square(observed: np.ndarray, expected: np.ndarray, constraints: int = 1) -> Fit:
    """Test counts (k,) against their expectations (k,).

    Neighbouring cells are joined until each expects at least 5. constraints: 1 where the observed total is fixed by
    design (shares of a sample), 0 where each cell is an independent Poisson count.
    """
    ends, held = [], 0.0
    for end, e in enumerate(expected.tolist(), start=1):
        held += e
        if held >= LEAST_EXPECTED:
            ends.append(end)
            held = 0.0
    if not ends:
        return Fit(0.0, 0, float("nan"))
    starts = np.array([0, *ends[:-1]])  # what is left over at the end joins the last cell
    o, e = np.add.reduceat(observed, starts), np.add.reduceat(expected, starts)
    dof = len(starts) - constraints
    if dof == 0:
        return Fit(0.0, 0, float("nan"))
    chi2 = float(((o - e) ** 2 / e).sum())
    return Fit(chi2, dof, float(special.chdtrc(dof, chi2)))
