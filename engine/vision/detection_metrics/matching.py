"""Detections matched to truths as COCO does it, and what comes of that: precision, recall, average precision."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from engine.vision.detection_metrics.boxes import area, iou

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
# The areas that COCO tells apart, in square pixels: all, small, medium, large.
AREAS = np.array([(0, 1e10), (0, 32**2), (32**2, 96**2), (96**2, 1e10)])
MOST = 100  # detections of one class in one picture


@dataclass(frozen=True)
class Truths:
    """n true objects: picture (n,), label (n,), boxes (n, 4), crowd (n,) bool, areas (n,) as annotated."""

    picture: ndarray
    label: ndarray
    boxes: ndarray
    crowd: ndarray
    areas: ndarray

    @staticmethod
    def of(picture: ndarray, label: ndarray, boxes: ndarray) -> Truths:
        """Plain ones: no crowds, areas of the boxes."""
        boxes = np.asarray(boxes, float).reshape(-1, 4)
        return Truths(np.asarray(picture, int), np.asarray(label, int), boxes, np.zeros(len(boxes), bool), area(boxes))

    def __len__(self) -> int:
        return len(self.label)


@dataclass(frozen=True)
class Detections:
    """n detections: picture (n,), label (n,), boxes (n, 4), score (n,)."""

    picture: ndarray
    label: ndarray
    boxes: ndarray
    score: ndarray

    @staticmethod
    def of(picture: ndarray, label: ndarray, boxes: ndarray, score: ndarray) -> Detections:
        """As arrays."""
        return Detections(np.asarray(picture, int), np.asarray(label, int), np.asarray(boxes, float).reshape(-1, 4),
                          np.asarray(score, float))  # fmt: skip

    def __len__(self) -> int:
        return len(self.label)


@dataclass(frozen=True)
class Matches:
    """Of the d detections of one class, in the order of falling score over all pictures, for each of a ranges of area
    and t thresholds: truth (a, t, d), the number of the truth that it took, −1 for none; ignored (a, t, d), whether it
    counts neither way. place: (d,) its number among all detections. truths: (a,) how many objects there were to find.
    """

    place: ndarray
    truth: ndarray
    ignored: ndarray
    truths: ndarray


def match(truths: Truths, found: Detections, label: int, thresholds: ndarray = THRESHOLDS, areas: ndarray = AREAS,
          most: int = MOST) -> Matches:  # fmt: skip
    """Match one class as pycocotools' `evaluateImg` does.

    In each picture the detections, best first, each take the free truth that they overlap most, if by the threshold at
    least: one that counts before one that is ignored; of equals, the last. Crowds can be taken again and again.
    Ignored are crowds, truths outside the range of areas, detections that took one of these, and unmatched
    detections outside the range.
    """
    mine, theirs = np.flatnonzero(truths.label == label), np.flatnonzero(found.label == label)
    ignore = truths.crowd[mine] | (truths.areas[mine] < areas[:, :1]) | (truths.areas[mine] > areas[:, 1:])
    places, taken, ignored = [], [], []
    for picture in np.unique(found.picture[theirs]):
        here = theirs[found.picture[theirs] == picture]
        here = here[np.argsort(-found.score[here], kind="mergesort")][:most]
        there = np.flatnonzero(truths.picture[mine] == picture)
        hit, silent = _one_picture(
            iou(found.boxes[here], truths.boxes[mine[there]], truths.crowd[mine[there]]), ignore[:, there],
            truths.crowd[mine[there]], np.minimum(thresholds, 1 - 1e-10),
        )  # fmt: skip
        sizes = area(found.boxes[here])
        outside = (sizes < areas[:, :1]) | (sizes > areas[:, 1:])
        ignored.append(silent | ((hit < 0) & outside[:, None]))
        taken.append(np.where(hit >= 0, mine[there][hit] if len(there) else -1, -1))
        places.append(here)
    shape = (len(areas), len(thresholds), 0)
    place = np.concatenate([np.zeros(0, int), *places])
    order = np.argsort(-found.score[place], kind="mergesort")
    return Matches(place[order], np.concatenate([np.zeros(shape, int), *taken], -1)[..., order],
                   np.concatenate([np.zeros(shape, bool), *ignored], -1)[..., order], (~ignore).sum(1))  # fmt: skip


def _one_picture(overlap: ndarray, ignore: ndarray, crowd: ndarray, thresholds: ndarray) -> tuple[ndarray, ndarray]:
    """Which truth each detection takes, (a, t, d), −1 for none, and whether that truth is ignored."""
    shape = (len(ignore), len(thresholds), len(overlap))
    hit, silent = np.full(shape, -1), np.zeros(shape, bool)
    if not overlap.shape[1]:
        return hit, silent
    free = np.ones((*shape[:2], overlap.shape[1]), bool)
    last = overlap.shape[1] - 1
    for d, row in enumerate(overlap):
        open_ = (free | crowd) & (row >= thresholds[:, None])
        for counts in (True, False):  # those that are ignored only where no other is to be had
            offered = np.where(open_ & (ignore[:, None] != counts), row, -1.0)
            best = last - offered[..., ::-1].argmax(-1)
            won = (np.take_along_axis(offered, best[..., None], -1)[..., 0] >= 0) & (hit[..., d] < 0)
            hit[..., d] = np.where(won, best, hit[..., d])
            silent[..., d] |= won & (not counts)
        at = np.nonzero(hit[..., d] >= 0)
        free[(*at, hit[..., d][at])] = False
    return hit, silent


@dataclass(frozen=True)
class Curve:
    """Precision and recall after each counted detection, best first: (d,); `envelope`: the best precision at that
    recall or beyond. score (d,), right (d,) bool."""

    score: ndarray
    right: ndarray
    recall: ndarray
    precision: ndarray
    envelope: ndarray


def curve(score: ndarray, right: ndarray, truths: int) -> Curve:
    """The curve of detections in the order of falling score, `right` saying which took a truth of `truths`."""
    hits, tried = np.cumsum(right), np.arange(1, len(right) + 1)
    recall = hits / truths if truths else np.full(len(right), np.nan)
    precision = hits / tried
    return Curve(score, right, recall, precision, np.maximum.accumulate(precision[::-1])[::-1])


def eleven_point(c: Curve) -> float:
    """VOC 2007's AP: the mean over recalls 0, 0.1 … 1 of the best precision at that recall or beyond."""
    return float(_at(c, np.linspace(0, 1, 11)).mean())


def every_point(c: Curve) -> float:
    """VOC 2010's AP: the area under the envelope."""
    return float((np.diff(c.recall, prepend=0.0) * c.envelope).sum())


def hundred_and_one_point(c: Curve) -> float:
    """COCO's AP: the mean over recalls 0, 0.01 … 1 of the envelope."""
    return float(_at(c, RECALLS).mean())


def _at(c: Curve, recalls: ndarray) -> ndarray:
    """The envelope at given recalls, 0 beyond what was reached."""
    place = np.searchsorted(c.recall, recalls, side="left")
    return np.append(c.envelope, 0.0)[place]


def average_precision(matches: Matches, score: ndarray) -> ndarray:
    """COCO's AP (a, t) of one class for each range of areas and threshold; NaN where nothing was to be found."""
    found = np.full(matches.truth.shape[:2], np.nan)
    for a in range(len(found)):
        if not matches.truths[a]:
            continue
        for t in range(found.shape[1]):
            counted = ~matches.ignored[a, t]
            right = matches.truth[a, t, counted] >= 0
            found[a, t] = hundred_and_one_point(curve(score[matches.place[counted]], right, int(matches.truths[a])))
    return found
