"""How much "no object" weighs: what it does to the loss of one picture, and to how sure queries are.

Most queries of a picture have nothing to find. Unweighted, their cross-entropy would drown that of the few that have;
Carion et al. 2020 (section 3.1) weigh it by 0.1. The price: how sure a query is of an object is no chance any more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy import ndarray

WEIGHTS = np.geomspace(0.01, 1, 41)


@dataclass(frozen=True)
class Weighting:
    """trained: the weight that the model was trained with. weights (41,). share (41,): how much of the class loss comes
    from the queries that have nothing to find; here: the same at the chosen weight. matched, empty: mean cross-entropy
    of the queries with an object, and of those without."""

    trained: float
    weights: ndarray
    share: ndarray
    here: float
    matched: float
    empty: float


def weigh(p: ndarray, given: ndarray, labels: ndarray, trained: float, weight: float) -> Weighting:
    """p (Q, C + 1) probabilities; given (Q,) the object of each query, −1 for none; labels (n,)."""
    C = p.shape[-1] - 1
    wanted = np.where(given >= 0, labels[np.maximum(given, 0)] if len(labels) else C, C)
    loss = -np.log(np.maximum(p[np.arange(len(p)), wanted], 1e-12))
    full, none = loss[given >= 0].sum(), loss[given < 0].sum()

    def share(w: ndarray | float) -> ndarray:
        return w * none / np.maximum(full + w * none, 1e-12)

    mean = lambda part: float(part.mean()) if len(part) else float("nan")  # noqa: E731
    return Weighting(
        trained, WEIGHTS, share(WEIGHTS), float(share(weight)), mean(loss[given >= 0]), mean(loss[given < 0])
    )


def score_of(chance: ndarray, weight: float) -> ndarray:
    """What minimises the weighted cross-entropy of a query that is given an object with this chance: 1 − p(no object).

    d/ds of −p log s − w (1 − p) log(1 − s) vanishes at s = p / (p + w (1 − p)).
    """
    return chance / (chance + weight * (1 - chance))
