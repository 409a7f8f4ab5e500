"""Errors made on purpose: a perfect prediction eroded, shifted, speckled, forgetful, confused."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy import ndarray
from scipy import ndimage


@dataclass(frozen=True)
class Errors:
    """What goes wrong. shrink: pixels by which each thing is eroded (negative: grown). shift: pixels to the right.
    specks: share of pixels whose label is replaced by another. forgotten, confused: how many things are left out,
    or called by another class."""

    shrink: int = 0
    shift: int = 0
    specks: float = 0.0
    forgotten: int = 0
    confused: int = 0


def err(
    labels: ndarray, segment: ndarray, classes: int, errors: Errors, rng: np.random.Generator, ground: int = 0
) -> tuple[ndarray, ndarray]:
    """A prediction (H, W) with those errors and its segments, from truth and its segments. Class `ground` lies below
    all things and never errs by itself; where a thing shrinks or is forgotten, ground is seen."""
    found = np.full(labels.shape, ground, labels.dtype)
    pieces = np.zeros(labels.shape, np.int32)
    things = [s for s in np.unique(segment) if labels[segment == s][0] != ground]
    order = rng.permutation(len(things))
    lost, mistaken = set(order[: errors.forgotten]), set(order[errors.forgotten :][: errors.confused])
    draws = rng.integers(1, max(2, classes - 1), size=len(things))
    for i, s in enumerate(things):
        if i in lost:
            continue
        here = segment == s
        label = labels[here][0]
        if i in mistaken and classes > 2:
            others = [k for k in range(classes) if k not in (ground, int(label))]
            label = others[draws[i] % len(others)]
        moved = _resized(here, errors.shrink)
        if errors.shift:
            moved = np.roll(moved, errors.shift, 1)
            moved[:, : errors.shift] = False
        found[moved], pieces[moved] = label, i + 1
    if errors.specks:
        hit = rng.random(labels.shape) < errors.specks
        found[hit] = (found[hit] + rng.integers(1, classes, hit.sum())) % classes
        pieces[hit] = len(things) + 1 + np.arange(hit.sum())
    return found, pieces


def _resized(mask: ndarray, shrink: int) -> ndarray:
    """A mask eroded, or grown, by that many pixels all round (Euclidean)."""
    if not shrink:
        return mask
    reach = 1 + max(0, -shrink)
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    window = tuple(slice(max(0, int(at[0]) - reach), int(at[-1]) + reach + 1) for at in (rows, columns))
    inside, resized = mask[window], np.zeros_like(mask)
    distance = ndimage.distance_transform_edt
    resized[window] = distance(~inside) <= -shrink if shrink < 0 else distance(inside) > shrink
    return resized
