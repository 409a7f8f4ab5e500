"""The boundary F score: do the outlines agree, to within a tolerance? Csurka et al. (2013), Perazzi et al. (2016)."""

from __future__ import annotations

import numpy as np
from numpy import ndarray
from scipy.spatial import KDTree


def boundary(labels: ndarray, ignore: int) -> ndarray:
    """Pixels with a neighbour above, below, left or right of another class, (H, W) bool; ignored ones have no say."""
    edge = np.zeros(labels.shape, bool)
    silent = labels == ignore
    for axis in (0, 1):
        a, b = (labels[1:], labels[:-1]) if axis == 0 else (labels[:, 1:], labels[:, :-1])
        sa, sb = (silent[1:], silent[:-1]) if axis == 0 else (silent[:, 1:], silent[:, :-1])
        differ = (a != b) & ~sa & ~sb
        if axis == 0:
            edge[1:] |= differ
            edge[:-1] |= differ
        else:
            edge[:, 1:] |= differ
            edge[:, :-1] |= differ
    return edge


TRUE, MISSED, FOUND, EXTRA = 1, 2, 3, 4  # in a map of outlines: of truth, matched or not; of the prediction alone


def boundary_scores(truth: ndarray, prediction: ndarray, classes: int, ignore: int, tolerance: float) -> tuple[ndarray, ndarray]:
    """(K, 3): precision, recall and F of each class's outline; and (H, W) uint8, which outline passes where.

    Precision is the share of the predicted outline's pixels with one of the true outline within `tolerance` pixels
    (Euclidean), recall the other way round, F their harmonic mean. NaN where neither outline exists; F is 0 where only
    one does. Where truth is `ignore`, nothing is outline.
    """
    prediction = np.where(truth == ignore, truth, prediction)
    edges = [(labels, boundary(labels, ignore)) for labels in (truth, prediction)]
    scores, drawn = np.full((classes, 3), np.nan), np.zeros(truth.shape, np.uint8)
    for k in range(classes):
        true, found = (np.argwhere(edge & (labels == k)) for labels, edge in edges)
        if not len(true) and not len(found):
            continue
        scores[k] = 0.0, 0.0, 0.0
        here, there = _near(found, true, tolerance), _near(true, found, tolerance)
        ours = drawn[tuple(found.T)]
        drawn[tuple(found.T)] = np.where(ours > 0, ours, np.where(here, FOUND, EXTRA))  # truth lies above
        drawn[tuple(true.T)] = np.where(there, TRUE, MISSED)
        if len(true) and len(found):
            precision, recall = float(here.mean()), float(there.mean())
            both = precision + recall
            scores[k] = precision, recall, 2 * precision * recall / both if both else 0.0
        else:
            scores[k, 0 if len(true) else 1] = np.nan  # a share of nothing
    return scores, drawn


def _near(points: ndarray, others: ndarray, tolerance: float) -> ndarray:
    """Which of `points` have one of `others` within the tolerance."""
    if not len(points) or not len(others):
        return np.zeros(len(points), bool)
    distance, _ = KDTree(others).query(points, distance_upper_bound=tolerance + 1e-6)
    return np.isfinite(distance)
