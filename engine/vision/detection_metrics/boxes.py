"""How much two boxes overlap: IoU and its relatives. Boxes are x0, y0, x1, y1 with x0 ≤ x1 and y0 ≤ y1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy import ndarray


def area(boxes: ndarray) -> ndarray:
    """Areas (...,) of boxes (..., 4)."""
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def intersection(a: ndarray, b: ndarray) -> ndarray:
    """Areas (n, m) of what boxes a (n, 4) and b (m, 4) share."""
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    return np.prod(np.clip(high - low, 0, None), -1)


def iou(a: ndarray, b: ndarray, crowd: ndarray | None = None) -> ndarray:
    """Intersection over union (n, m); 0 for two boxes without area.

    crowd: (m,) which of b stand for a crowd; for those the union is a's area alone, as COCO counts it.
    """
    shared = intersection(a, b)
    union = area(a)[:, None] + area(b) - shared
    if crowd is not None:
        union = np.where(crowd, area(a)[:, None], union)
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


@dataclass(frozen=True)
class Overlaps:
    """One pair of boxes. shared, union, hull: areas. centres: squared distance of the centres; diagonal: the hull's,
    squared. aspect: v of CIoU; weight: its α. generalized, distance, complete: the scores that add a penalty to IoU."""

    shared: float
    union: float
    hull: float
    centres: float
    diagonal: float
    aspect: float
    weight: float
    iou: float
    generalized: float
    distance: float
    complete: float


def overlaps(a: ndarray, b: ndarray) -> Overlaps:
    """IoU, GIoU (Rezatofighi et al. 2019, algorithm 1), DIoU and CIoU (Zheng et al. 2020, eq. 7, 10) of boxes (4,)."""
    shared = float(intersection(a[None], b[None])[0, 0])
    union = float(area(a) + area(b)) - shared
    low, high = np.minimum(a[:2], b[:2]), np.maximum(a[2:], b[2:])
    hull, diagonal = float(np.prod(high - low)), float(np.square(high - low).sum())
    centres = float(np.square((a[:2] + a[2:] - b[:2] - b[2:]) / 2).sum())
    ratio = shared / union if union > 0 else 0.0
    wide = [np.arctan2(x[2] - x[0], x[3] - x[1]) for x in (a, b)]
    aspect = float(4 / np.pi**2 * (wide[0] - wide[1]) ** 2)
    weight = aspect / (1 - ratio + aspect) if aspect > 0 else 0.0
    apart = centres / diagonal if diagonal > 0 else 0.0
    empty = (hull - union) / hull if hull > 0 else 0.0
    return Overlaps(
        shared, union, hull, centres, diagonal, aspect, weight, ratio, ratio - empty, ratio - apart, ratio - apart - weight * aspect
    )
