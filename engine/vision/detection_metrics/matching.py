"""Detections matched to truths as COCO does it, and what comes of that: precision, recall, average precision.

Letters: n truths, d detections, a ranges of area, t thresholds of IoU. Boxes are x0, y0, x1, y1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
# The areas that COCO tells apart, in square pixels: all, small, medium, large.
AREAS = np.array([(0, 1e10), (0, 32**2), (32**2, 96**2), (96**2, 1e10)])
MOST = 100  # detections of one class in one picture, as COCO counts
AT_ONCE = 1_000_000  # pairs of boxes that are held at a time: some 50 MB


@dataclass(frozen=True)
class Truths:
    """True objects. sizes: width and height, kept apart because x1 − x0 is not always the width that was given, and
    pycocotools multiplies what was given. areas: as annotated."""

    picture: Int[ndarray, " n"]
    label: Int[ndarray, " n"]
    boxes: Float[ndarray, "n 4"]
    sizes: Float[ndarray, "n 2"]
    crowd: Bool[ndarray, " n"]
    areas: Float[ndarray, " n"]

    @staticmethod
    def of(picture: ndarray, label: ndarray, boxes: ndarray) -> Truths:
        """Plain ones: no crowds, areas of the boxes."""
        boxes = np.asarray(boxes, float).reshape(-1, 4)
        sizes = boxes[:, 2:] - boxes[:, :2]
        return Truths(np.asarray(picture, int), np.asarray(label, int), boxes, sizes, np.zeros(len(boxes), bool), sizes.prod(1))

    def __len__(self) -> int:
        return len(self.label)

    def only(self, which: ndarray) -> Truths:
        """Some of them."""
        return Truths(*(getattr(self, name)[which] for name in ("picture", "label", "boxes", "sizes", "crowd", "areas")))


@dataclass(frozen=True)
class Detections:
    """What was found, with its score; sizes as in `Truths`."""

    picture: Int[ndarray, " d"]
    label: Int[ndarray, " d"]
    boxes: Float[ndarray, "d 4"]
    score: Float[ndarray, " d"]
    sizes: Float[ndarray, "d 2"]

    @staticmethod
    def of(picture: ndarray, label: ndarray, boxes: ndarray, score: ndarray) -> Detections:
        """From their corners alone."""
        boxes = np.asarray(boxes, float).reshape(-1, 4)
        return Detections(np.asarray(picture, int), np.asarray(label, int), boxes, np.asarray(score, float), boxes[:, 2:] - boxes[:, :2])

    def __len__(self) -> int:
        return len(self.label)

    def only(self, which: ndarray) -> Detections:
        """Some of them."""
        return Detections(*(getattr(self, name)[which] for name in ("picture", "label", "boxes", "score", "sizes")))


@dataclass(frozen=True)
class Matches:
    """Of the detections of one class, best first over all pictures: the number of the truth that each took, −1 for none;
    whether it counts neither way; its number among all detections; and how many objects there were to find."""

    place: Int[ndarray, " d"]
    truth: Int[ndarray, "a t d"]
    ignored: Bool[ndarray, "a t d"]
    truths: Int[ndarray, " a"]


def paired(found: Detections, truths: Truths, found_key: ndarray, truth_key: ndarray) -> Iterator[tuple[ndarray, ndarray, ndarray]]:
    """Every detection beside every truth of its key, some at a time, whole detections each time: their numbers, in the
    order of detections and then of truths, and their IoU, a crowd's being the share of the detection that lies in it."""
    by_key = np.argsort(truth_key, kind="stable")
    low, high = (np.searchsorted(truth_key[by_key], found_key, side=side) for side in ("left", "right"))
    many = high - low
    chunk = np.cumsum(many) // AT_ONCE
    busy = np.flatnonzero(many)
    for some in np.split(busy, np.flatnonzero(np.diff(chunk[busy])) + 1):
        count = many[some]
        d = np.repeat(some, count)
        t = by_key[np.repeat(low[some] - (np.cumsum(count) - count), count) + np.arange(count.sum())]
        a, b = found.boxes[d], truths.boxes[t]
        sides = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
        shared = np.where((sides > 0).all(1), sides[:, 0] * sides[:, 1], 0.0)
        own = found.sizes[d].prod(1)
        union = np.where(truths.crowd[t], own, own + truths.sizes[t].prod(1) - shared)
        yield d, t, np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def counted(found: Detections, labels: int, most: int) -> Int[ndarray, " d"]:
    """The numbers of the detections that count: the best `most` of each class in each picture, picture by picture, class
    by class, best first; of equals, the first given."""
    key = found.picture * labels + found.label
    order = np.lexsort((-found.score, key))
    starts = np.flatnonzero(np.diff(key[order], prepend=-1))
    rank = np.arange(len(order)) - np.repeat(starts, np.diff(np.append(starts, len(order))))
    return order[rank < most]


def match(
    truths: Truths, found: Detections, labels: int, thresholds: ndarray = THRESHOLDS, areas: ndarray = AREAS, most: int = MOST
) -> list[Matches]:
    """Match the detections of each of `labels` classes as pycocotools' `evaluateImg` does.

    In each picture the detections of a class, best first, each take the free truth that they overlap most, if by the
    threshold at least: one that counts before one that is ignored; of equals, the last. Crowds can be taken again and
    again. Ignored are crowds, truths outside the range of areas, detections that took one of these, and unmatched
    detections outside the range. A picture's detections of a class beyond the best `most` are dropped.
    """
    ignore = truths.crowd | (truths.areas < areas[:, :1]) | (truths.areas > areas[:, 1:])  # (a, n)
    order = counted(found, labels, most)
    mine = found.only(order)
    taken, silent = _taken(truths, mine, labels, ignore, np.minimum(thresholds, 1 - 1e-10))
    sizes = mine.sizes.prod(1)
    outside = (sizes < areas[:, :1]) | (sizes > areas[:, 1:])
    silent |= (taken < 0) & outside[:, None]
    best_first = np.lexsort((-mine.score, mine.label))  # stable: of equal scores the earlier picture comes first
    ends = np.searchsorted(mine.label[best_first], np.arange(labels + 1))
    made = []
    for label in range(labels):
        own = best_first[ends[label] : ends[label + 1]]
        wanted = (~ignore[:, truths.label == label]).sum(1)
        made.append(Matches(order[own], taken[..., own], silent[..., own], wanted))
    return made


def _taken(
    truths: Truths, found: Detections, labels: int, ignore: ndarray, thresholds: ndarray
) -> tuple[Int[ndarray, "a t d"], Bool[ndarray, "a t d"]]:
    """The truth that each detection takes, −1 for none, and whether that truth is ignored.

    Detections come in `counted`'s order. Only pairs that overlap enough are kept; then all classes and pictures go side by
    side, first each one's best detection that has such a pair, then each one's second.
    """
    shape = (len(ignore), len(thresholds), len(found))
    taken, silent = np.full(shape, -1), np.zeros(shape, bool)
    keys = [part.picture * labels + part.label for part in (found, truths)]
    near = [tuple(part[overlap >= thresholds.min()] for part in (d, t, overlap)) for d, t, overlap in paired(found, truths, *keys)]
    if not sum(len(d) for d, *_ in near):
        return taken, silent
    d, t, overlap = (np.concatenate(part) for part in zip(*near, strict=True))
    with_pair, begin, count = np.unique(d, return_index=True, return_counts=True)
    width = np.arange(count.max())
    at = np.where(width < count[:, None], begin[:, None] + width, -1)  # (e, m) each one's pairs, −1 where it has fewer
    truth, value = np.append(t, -1)[at], np.append(overlap, -1.0)[at]
    starts = np.flatnonzero(np.diff(keys[0][with_pair], prepend=-1))
    rank = np.arange(len(with_pair)) - np.repeat(starts, np.diff(np.append(starts, len(with_pair))))
    free = np.ones((len(truths), *shape[:2]), bool)
    counts, again = ~ignore.T, truths.crowd  # (n, a), (n,)
    step = max(1, AT_ONCE // (len(width) * shape[0] * shape[1]))
    by_rank = np.argsort(rank, kind="stable")
    for now in np.split(by_rank, np.flatnonzero(np.diff(rank[by_rank])) + 1):
        for begin_at in range(0, len(now), step):
            e = now[begin_at : begin_at + step]
            here, amount = truth[e], value[e][..., None, None]
            opened = (free[here] | again[here][..., None, None]) & (amount >= thresholds) & (here >= 0)[..., None, None]  # (e, m, a, t)
            wanted = counts[here][..., None]
            best = _last_best(np.where(opened & wanted, amount, -1.0))
            spare = _last_best(np.where(opened & ~wanted, amount, -1.0))
            chosen = np.where(best >= 0, best, spare)
            which = np.where(chosen >= 0, np.take_along_axis(here, np.maximum(chosen, 0).reshape(len(e), -1), 1).reshape(chosen.shape), -1)
            i, a, k = np.nonzero(which >= 0)
            free[which[i, a, k], a, k] = False
            taken[..., with_pair[e]] = which.transpose(1, 2, 0)
            silent[..., with_pair[e]] = ((best < 0) & (spare >= 0)).transpose(1, 2, 0)
    return taken, silent


def _last_best(offered: Float[ndarray, "e m a t"]) -> Int[ndarray, "e a t"]:
    """The place of the largest along m, of equals the last; −1 where all are negative."""
    place = offered.shape[1] - 1 - offered[:, ::-1].argmax(1)
    return np.where(offered.max(1) >= 0, place, -1)


@dataclass(frozen=True)
class Curve:
    """Precision and recall after each counted detection, best first; `envelope`: the best precision at that recall or
    beyond."""

    score: Float[ndarray, " d"]
    right: Bool[ndarray, " d"]
    recall: Float[ndarray, " d"]
    precision: Float[ndarray, " d"]
    envelope: Float[ndarray, " d"]


def curve(score: Float[ndarray, " d"], right: Bool[ndarray, " d"], truths: int) -> Curve:
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


def average_precision(matches: Matches, score: ndarray) -> Float[ndarray, "a t"]:
    """COCO's AP of one class; NaN where nothing was to be found."""
    made = np.full(matches.truth.shape[:2], np.nan)
    for a, t in np.ndindex(*made.shape):
        if matches.truths[a]:
            kept = ~matches.ignored[a, t]
            right = matches.truth[a, t, kept] >= 0
            made[a, t] = hundred_and_one_point(curve(score[matches.place[kept]], right, int(matches.truths[a])))
    return made


def mean(values: ndarray, axis: int | None = None) -> ndarray:
    """The mean of what is a number."""
    known = np.isfinite(values)
    total, count = np.where(known, values, 0).sum(axis), known.sum(axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
