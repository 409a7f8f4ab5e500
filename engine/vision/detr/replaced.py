"""What the matching replaces: anchors that share an object, proposals, and the suppression of all but one of them.

Boxes are x0, y0, x1, y1 in pixels. The anchors are RetinaNet's in small (Lin et al. 2017: three scales, three ratios at
every token), the proposals Faster R-CNN's (Ren et al. 2015: the best anchors after NMS at 0.7); both are scored by an
ideal network that knows how well each overlaps an object, so that what is counted is the geometry's doing alone.
"""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from engine.vision.detection_metrics.boxes import iou
from engine.vision.detr.result import Candidates, Replaced

SCALES = (0.16, 0.25, 0.4)  # of an anchor, in sides of the picture
RATIOS = (0.5, 1.0, 2.0)  # of its height to its width
POSITIVE = 0.5  # the IoU from which an anchor is an object's
LOOSE = 0.1  # the IoU up to which no network would propose
PROPOSALS, PROPOSED_APART = 60, 0.7


def compare(
    size: tuple[int, int],
    stride: int,
    truths: ndarray,
    true_labels: ndarray,
    boxes: ndarray,
    labels: ndarray,
    scores: ndarray,
    threshold: float,
    nms: float,
) -> Replaced:
    """Anchors, proposals and queries for the same objects.

    size: height and width of the picture; stride: pixels from token to token. truths (n, 4), true_labels (n,): the
    objects; boxes (Q, 4), labels, scores (Q,): the queries, of which those above the threshold take part.
    """
    placed = anchors(size, stride)
    overlap = iou(placed, truths)
    best, owner = _best(overlap)
    positive = best >= POSITIVE
    near = np.flatnonzero(best > LOOSE)
    proposed = near[suppress(placed[near], np.zeros(len(near), int), best[near], PROPOSED_APART, PROPOSALS)]
    sure = scores >= threshold
    mine = iou(boxes[sure], truths) * (labels[sure][:, None] == true_labels)
    value, whose = _best(mine)
    return Replaced(
        len(placed),
        _candidates(placed[positive], best[positive], owner[positive], None, nms, len(truths)),
        _candidates(placed[proposed], best[proposed], np.where(best[proposed] >= POSITIVE, owner[proposed], -1), None, nms, len(truths)),
        _candidates(boxes[sure], scores[sure], np.where(value >= POSITIVE, whose, -1), labels[sure], nms, len(truths)),
    )


def anchors(size: tuple[int, int], stride: int) -> ndarray:
    """Every anchor of a picture (height, width): (h·w·9, 4), clipped to it."""
    high, wide = size
    y, x = np.meshgrid(np.arange(stride / 2, high, stride), np.arange(stride / 2, wide, stride), indexing="ij")
    shapes = np.array([(s / np.sqrt(r), s * np.sqrt(r)) for s in SCALES for r in RATIOS]) * np.sqrt(high * wide)
    centre = np.stack([x, y], -1).reshape(-1, 1, 2)
    made = np.concatenate([centre - shapes / 2, centre + shapes / 2], -1).reshape(-1, 4)
    return np.clip(made, 0, np.array([wide, high, wide, high]))


def suppress(boxes: ndarray, labels: ndarray, scores: ndarray, threshold: float, most: int | None = None) -> ndarray:
    """Non-maximum suppression: which boxes (m, 4) are kept, (m,) bool. The best first, each removes the boxes of its
    own class that it overlaps by more than the threshold; no more than `most` are kept."""
    kept = np.zeros(len(boxes), bool)
    left = np.argsort(-scores, kind="stable")
    while len(left) and (most is None or kept.sum() < most):
        best, left = left[0], left[1:]
        kept[best] = True
        rival = (labels[left] == labels[best]) & (iou(boxes[best : best + 1], boxes[left])[0] > threshold)
        left = left[~rival]
    return kept


def _best(overlap: ndarray) -> tuple[ndarray, ndarray]:
    """The largest overlap of each row (m, n) and the object that it is with; 0 and −1 where there are no objects."""
    if not overlap.shape[1]:
        return np.zeros(len(overlap)), np.full(len(overlap), -1)
    return overlap.max(1), overlap.argmax(1)


def _candidates(boxes: ndarray, scores: ndarray, owner: ndarray, labels: ndarray | None, nms: float, objects: int) -> Candidates:
    kept = suppress(boxes, np.zeros(len(boxes), int) if labels is None else labels, scores, nms)
    counts = [np.bincount(owner[which & (owner >= 0)], minlength=objects) for which in (np.ones(len(boxes), bool), kept)]
    return Candidates(boxes, scores, owner, kept, *counts)
