"""A distribution that a person draws: painted cells, each a small Gaussian, each label a class."""

from __future__ import annotations

import numpy as np

from engine.core import Refused
from engine.core.words import T
from engine.data import masks
from engine.generation.plane_models.mixtures import Mixture, mixture_of
from engine.generation.plane_models.names import COLOURS

REACH = 2.2  # half the width of the drawing, in units of the plane
MOST_CELLS = 160  # components of the mixture; a finer drawing is read in coarser cells


def drawn(text: str) -> Mixture:
    """The mixture that a drawing means: rows of labels as in a mask, 0 for nothing, 1 to 9 for the classes.

    Each painted cell is a Gaussian as wide as the cell, of weight in proportion to its paint. Raises Refused: no mask,
    a label above 9, or paint in fewer than two places.
    """
    labels = masks.read(text, "drawing").labels
    if labels.max() > len(COLOURS):
        raise Refused(
            T(
                "drawing must have labels from 0 to {classes}; got {labels}",
                "drawing 的标签必须在 0 到 {classes} 之间；收到 {labels}",
                classes=len(COLOURS),
                labels=labels.max(),
            ),
            "drawing",
        )
    painted = int((labels > 0).sum())
    if painted < 2:
        raise Refused(
            T("drawing must have paint in at least 2 places; got {painted}", "drawing 至少要有 2 处着色；收到 {painted}", painted=painted),
            "drawing",
        )
    cell = 1
    while True:
        places, weights, owners = _cells(labels, cell)
        if len(places) <= MOST_CELLS:
            break
        cell += 1
    side = max(labels.shape)
    scale = 2 * REACH / side
    rows, columns = places.T
    means = np.stack([(columns - labels.shape[1] / 2) * scale, (labels.shape[0] / 2 - rows) * scale], -1)
    kinds = np.unique(owners)
    names = tuple(COLOURS[k - 1] for k in kinds)
    world = mixture_of(means, max(cell * scale / 2, 0.03), np.searchsorted(kinds, owners), names)
    return Mixture(world.means, world.deviations, weights / weights.sum(), world.owners, names)


def _cells(labels: np.ndarray, cell: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centre (row, column), paint and label of every square of `cell` pixels that has some of a label."""
    found = []
    for label in np.unique(labels[labels > 0]):
        rows, columns = np.nonzero(labels == label)
        keys, which, counts = np.unique(rows // cell * labels.shape[1] + columns // cell, return_inverse=True, return_counts=True)
        centre = [np.bincount(which, axis) / counts + 0.5 for axis in (rows, columns)]
        found.append((np.stack(centre, -1), counts, np.full(len(keys), label)))
    return tuple(np.concatenate(part) for part in zip(*found, strict=True))  # type: ignore[return-value]
