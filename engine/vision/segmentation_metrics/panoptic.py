"""Panoptic quality: PQ = SQ · RQ. Kirillov, He, Girshick, Rother, Dollár (2019), equations 1 and 2."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from scipy import ndimage

from engine.vision.segmentation_metrics.overlap import mean


@dataclass(frozen=True)
class Panoptic:
    """Of K classes; NaN where a class has no segment in truth or prediction.

    matched, extra, missed: TP, FP, FN. quality_sum: Σ IoU over the matched pairs. segmentation: SQ = Σ IoU / TP.
    recognition: RQ = TP / (TP + FP/2 + FN/2). quality: their product. pq, sq, rq: means over classes (SQ's over classes
    with a match).
    """

    matched: Int[ndarray, " K"]
    extra: Int[ndarray, " K"]
    missed: Int[ndarray, " K"]
    quality_sum: Float[ndarray, " K"]
    segmentation: Float[ndarray, " K"]
    recognition: Float[ndarray, " K"]
    quality: Float[ndarray, " K"]
    pq: float
    sq: float
    rq: float


def segments(labels: Int[ndarray, "H W"], things: frozenset[int] | None = None) -> Int[ndarray, "H W"]:
    """Segments of a map of classes: of a thing each connected piece (8 neighbours), of stuff the whole.

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
    truth: Int[ndarray, "H W"],
    true_segments: Int[ndarray, "H W"],
    prediction: Int[ndarray, "H W"],
    found_segments: Int[ndarray, "H W"],
    classes: int,
    ignore: int,
) -> Panoptic:
    """PQ of two maps of classes with their segments.

    A pair of one class matches where its IoU exceeds one half, the pixels whose truth is `ignore` left out of the
    union; a predicted segment more than half of which is such pixels is not counted as extra, nor is one that is itself
    called `ignore`: that label is no class, wherever it stands among them.
    """
    a, size_a, class_a = _numbered(true_segments, truth)
    b, size_b, class_b = _numbered(found_segments, prediction)
    # Only pairs that share a pixel: with specks, a table of all pairs would not fit in memory.
    joint, shared = np.unique(a.ravel().astype(np.int64) * len(size_b) + b.ravel(), return_counts=True)
    i, j = joint // len(size_b), joint % len(size_b)
    silent = class_a == ignore
    ignored = np.bincount(j[silent[i]], shared[silent[i]], minlength=len(size_b))
    overlap = shared / np.maximum(size_a[i] + size_b[j] - shared - ignored[j], 1)  # 0 only where all is ignored
    match = (class_a[i] == class_b[j]) & ~silent[i] & (overlap > 0.5)
    hit_a, hit_b = np.zeros(len(size_a), bool), np.zeros(len(size_b), bool)
    hit_a[i[match]] = hit_b[j[match]] = True
    counts = lambda which, of: np.bincount(of[which], minlength=classes)[:classes]  # noqa: E731
    matched, missed = counts(hit_a, class_a), counts(~hit_a & ~silent, class_a)
    extra = counts(~hit_b & (class_b != ignore) & (2 * ignored <= size_b), class_b)
    quality_sum = np.bincount(class_a[i[match]], overlap[match], minlength=classes)[:classes]
    with np.errstate(invalid="ignore", divide="ignore"):
        segmentation = quality_sum / matched
        recognition = matched / (matched + extra / 2 + missed / 2)
        quality = quality_sum / (matched + extra / 2 + missed / 2)
    return Panoptic(
        matched, extra, missed, quality_sum, segmentation, recognition, quality, mean(quality), mean(segmentation), mean(recognition)
    )


def _numbered(segment: ndarray, labels: ndarray) -> tuple[ndarray, ndarray, ndarray]:
    """Segments renumbered from 0, how many pixels each has, and its class."""
    count = np.bincount(segment.ravel())
    number = (np.cumsum(count > 0) - 1)[segment]
    classes = np.zeros(number.max() + 1, int)
    classes[number.ravel()] = labels.ravel()
    return number, count[count > 0], classes
