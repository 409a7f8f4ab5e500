"""Panoptic quality: PQ = SQ · RQ. Kirillov, He, Girshick, Rother, Dollár (2019), equations 1 and 2."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy import ndarray
from scipy import ndimage

from engine.vision.segmentation_metrics.overlap import mean


@dataclass(frozen=True)
class Panoptic:
    """K classes; NaN where a class has no segment in truth or prediction.

    matched, extra, missed: (K,) TP, FP, FN. quality_sum: (K,) Σ IoU over the matched pairs. segmentation: (K,) SQ =
    Σ IoU / TP. recognition: (K,) RQ = TP / (TP + FP/2 + FN/2). quality: (K,) their product. pq, sq, rq: means over
    classes (SQ's over classes with a match).
    """

    matched: ndarray
    extra: ndarray
    missed: ndarray
    quality_sum: ndarray
    segmentation: ndarray
    recognition: ndarray
    quality: ndarray
    pq: float
    sq: float
    rq: float


def segments(labels: ndarray, things: frozenset[int] | None = None) -> ndarray:
    """Segments of a map of classes, (H, W) int32: of a thing each connected piece (8 neighbours), of stuff the whole.

    things: which classes are; by default all but 0. Numbers are unique over classes.
    """
    found = np.zeros(labels.shape, np.int32)
    last = 0
    for k in np.unique(labels):
        here = labels == k
        if k in things if things is not None else k:
            pieces, count = ndimage.label(here, np.ones((3, 3)))
            found[here] = pieces[here] + last
            last += count
        else:
            found[here] = last + 1
            last += 1
    return found


def panoptic(
    truth: ndarray, true_segments: ndarray, prediction: ndarray, found_segments: ndarray, classes: int, ignore: int
) -> Panoptic:
    """PQ of two maps of classes with their segments.

    A pair of one class matches where its IoU exceeds one half, the pixels whose truth is `ignore` left out of the
    union; a predicted segment more than half of which is such pixels is not counted as extra.
    """
    a, ids_a = _numbered(true_segments)
    b, ids_b = _numbered(found_segments)
    class_a, class_b = _classes(truth, a, ids_a), _classes(prediction, b, ids_b)
    joint = np.bincount(a.ravel() * ids_b + b.ravel(), minlength=ids_a * ids_b).reshape(ids_a, ids_b)
    size_a, size_b = joint.sum(1), joint.sum(0)
    silent = class_a == ignore
    ignored = joint[silent].sum(0)
    union = size_a[:, None] + size_b - joint - ignored
    iou = np.where(union > 0, joint / np.maximum(union, 1), 0.0)
    same = (class_a[:, None] == class_b) & ~silent[:, None] & (class_b < classes)
    pairs = same & (iou > 0.5)
    hit_a, hit_b = pairs.any(1), pairs.any(0)
    counts = lambda which, of: np.bincount(of[which], minlength=classes)[:classes]  # noqa: E731
    matched = counts(hit_a, class_a)
    missed = counts(~hit_a & ~silent, class_a)
    extra = counts(~hit_b & (class_b < classes) & (2 * ignored <= size_b), class_b)
    quality_sum = np.bincount(class_a[hit_a], (iou * pairs).sum(1)[hit_a], minlength=classes)[:classes]
    with np.errstate(invalid="ignore", divide="ignore"):
        segmentation = quality_sum / matched
        recognition = matched / (matched + extra / 2 + missed / 2)
        quality = quality_sum / (matched + extra / 2 + missed / 2)
    return Panoptic(matched, extra, missed, quality_sum, segmentation, recognition, quality,
                    mean(quality), mean(segmentation), mean(recognition))  # fmt: skip


def _numbered(segment: ndarray) -> tuple[ndarray, int]:
    """Segments renumbered from 0, and how many there are."""
    present = np.bincount(segment.ravel()) > 0
    return (np.cumsum(present) - 1)[segment], int(present.sum())


def _classes(labels: ndarray, numbers: ndarray, count: int) -> ndarray:
    """The class of each segment."""
    found = np.zeros(count, int)
    found[numbers.ravel()] = labels.ravel()
    return found
