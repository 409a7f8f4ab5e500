"""Detections matched to truths as COCO does it, and what comes of that: precision, recall, average precision."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from engine.vision.detection_metrics.boxes import area

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
    """Of the d detections of one class in the order of falling score over all pictures, for each of a ranges of area
    and t thresholds: truth (a, t, d), the number of the truth that it took, −1 for none; ignored (a, t, d), whether it
    counts neither way. place: (d,) its number among all detections. truths: (a,) how many objects there were to find.
    """

    place: ndarray
    truth: ndarray
    ignored: ndarray
    truths: ndarray


def match(truths: Truths, found: Detections, labels: int, thresholds: ndarray = THRESHOLDS, areas: ndarray = AREAS,
          most: int = MOST) -> list[Matches]:  # fmt: skip
    """Match the detections of each of `labels` classes as pycocotools' `evaluateImg` does.

    In each picture the detections of a class, best first, each take the free truth that they overlap most, if by the
    threshold at least: one that counts before one that is ignored; of equals, the last. Crowds can be taken again and
    again. Ignored are crowds, truths outside the range of areas, detections that took one of these, and unmatched
    detections outside the range. A picture's detections of a class beyond the best `most` are dropped.
    """
    ignore = truths.crowd | (truths.areas < areas[:, :1]) | (truths.areas > areas[:, 1:])  # (a, n)
    key = found.picture * labels + found.label
    order = np.lexsort((-found.score, key))
    starts = np.flatnonzero(np.diff(key[order], prepend=-1))
    rank = np.arange(len(order)) - np.repeat(starts, np.diff(np.append(starts, len(order))))
    order, rank = order[rank < most], rank[rank < most]
    taken, silent = _in_groups(truths, found, labels, order, rank, ignore, np.minimum(thresholds, 1 - 1e-10))
    sizes = area(found.boxes[order])
    outside = (sizes < areas[:, :1]) | (sizes > areas[:, 1:])
    silent |= (taken < 0) & outside[:, None]
    made = []
    for label in range(labels):
        mine = np.flatnonzero(found.label[order] == label)
        mine = mine[np.argsort(-found.score[order[mine]], kind="mergesort")]
        wanted = (~ignore[:, truths.label == label]).sum(1)
        made.append(Matches(order[mine], taken[..., mine], silent[..., mine], wanted))
    return made


def _in_groups(truths: Truths, found: Detections, labels: int, order: ndarray, rank: ndarray, ignore: ndarray,
               thresholds: ndarray) -> tuple[ndarray, ndarray]:  # fmt: skip
    """The truth that each detection of `order` takes, (a, t, d), −1 for none, and whether that truth is ignored.

    A group is one class in one picture. All groups are matched side by side, one rank of detections at a time.
    """
    shape = (len(ignore), len(thresholds), len(order))
    taken, silent = np.full(shape, -1), np.zeros(shape, bool)
    key = (found.picture * labels + found.label)[order]
    keys, group = np.unique(key, return_inverse=True)
    theirs = np.searchsorted(keys, truths.picture * labels + truths.label)
    known = (theirs < len(keys)) & (np.append(keys, -1)[theirs] == truths.picture * labels + truths.label)
    listed = np.flatnonzero(known)
    listed = listed[np.argsort(theirs[listed], kind="mergesort")]
    if not len(listed):
        return taken, silent
    at = theirs[listed]
    begun = np.flatnonzero(np.diff(at, prepend=-1))
    place = np.arange(len(at)) - np.repeat(begun, np.diff(np.append(begun, len(at))))
    index = np.full((len(keys), place.max() + 1), -1)
    index[at, place] = listed
    free = np.repeat((index >= 0)[:, None, None], shape[0], 1).repeat(shape[1], 2)  # (g, a, t, m)
    crowd = (truths.crowd[index] & (index >= 0))[:, None, None]
    counts = (~ignore[:, index]).transpose(1, 0, 2)[:, :, None]
    last = index.shape[1] - 1
    for r in range(int(rank.max()) + 1):
        here = np.flatnonzero(rank == r)
        g = group[here]
        overlap = _paired(found.boxes[order[here]], truths.boxes[index[g]], crowd[g, 0, 0])[:, None, None]
        opened = (free[g] | crowd[g]) & (overlap >= thresholds[:, None]) & (index[g] >= 0)[:, None, None]
        # Those that are ignored come two lower: they are taken only where no other is to be had.
        offered = np.where(opened, overlap + np.where(counts[g], 2.0, 0.0), -1.0)
        best = last - offered[..., ::-1].argmax(-1)  # (h, a, t)
        value = np.take_along_axis(offered, best[..., None], -1)[..., 0]
        won = value >= 0
        free[g] &= ~(won[..., None] & (np.arange(last + 1) == best[..., None]))
        taken[..., here] = np.where(won, index[g[:, None, None], best], -1).transpose(1, 2, 0)
        silent[..., here] = (won & (value < 2)).transpose(1, 2, 0)
    return taken, silent


def _paired(a: ndarray, b: ndarray, crowd: ndarray) -> ndarray:
    """IoU (h, m) of each of boxes a (h, 4) with its own row of boxes b (h, m, 4)."""
    low, high = np.maximum(a[:, None, :2], b[..., :2]), np.minimum(a[:, None, 2:], b[..., 2:])
    shared = np.prod(np.clip(high - low, 0, None), -1)
    union = np.where(crowd, area(a)[:, None], area(a)[:, None] + area(b) - shared)
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


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
