"""Many pictures, one set of queries: where each slot finds things, what its scores are worth, what NMS changes.

Letters: N pictures, Q queries, C classes. Boxes are centre and size in sides of the picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy import ndarray

from engine.vision.detection_metrics.matching import AREAS, Detections, Truths, average_precision, match
from engine.vision.detr import data
from engine.vision.detr.matching import assign, corners, cost_terms, targets_of, total_cost
from engine.vision.detr.replaced import suppress

if TYPE_CHECKING:
    from engine.vision.detr.model import Detector

FIRST = 100_000  # the number of the first scene: beyond those that the checkpoint was judged by
BATCH = 20
BINS = 10
KEPT = 4
SURE = 0.5  # the score from which a slot counts as having found something
SUPPRESSED_FROM = np.linspace(0.1, 0.9, 9)  # IoU


@dataclass(frozen=True)
class Slots:
    """What the queries did in N held-out scenes, at the size that the detector was trained at.

    query (m,), boxes (m, 4), labels (m,): every detection with a score of `SURE` at least. share (Q,): in how many of
    the pictures a query found something. centre, size (Q, 2): the mean of its boxes, NaN where it found nothing.
    said, given, count (10,): of all queries in each tenth of 1 − p(no object), its mean, the share that the matching
    gives an object, and how many there are.
    ap, ap50: of all predictions as they are; suppressed (9,): the IoU from which NMS suppresses; ap_suppressed,
    ap50_suppressed (9,): of what it leaves.
    """

    pictures: int
    query: ndarray
    boxes: ndarray
    labels: ndarray
    share: ndarray
    centre: ndarray
    size: ndarray
    said: ndarray
    given: ndarray
    count: ndarray
    ap: float
    ap50: float
    suppressed: ndarray
    ap_suppressed: ndarray
    ap50_suppressed: ndarray


@dataclass(frozen=True)
class Pile:
    """Predictions of N pictures: label, score (N, Q), boxes (N, Q, 4), some (N, Q), 1 − p(no object), and given (N, Q)
    bool, whether the matching gives the query an object; truths: picture (t,), kind (t,), their boxes (t, 4)."""

    label: ndarray
    score: ndarray
    boxes: ndarray
    some: ndarray
    given: ndarray
    picture: ndarray
    kind: ndarray
    truth: ndarray

    def truths(self) -> Truths:
        """As the metrics take them."""
        return Truths.of(self.picture, self.kind, corners(self.truth))

    def found(self, keep: ndarray | None = None) -> Detections:
        """The predictions as the metrics take them; keep (N, Q): which."""
        keep = np.ones(self.score.shape, bool) if keep is None else keep
        return Detections.of(np.nonzero(keep)[0], self.label[keep], corners(self.boxes[keep]), self.score[keep])


def look(detector: Detector, pictures: int) -> Iterator[Pile | float]:
    """How much is done, batch by batch, and at last the pile."""
    from engine.vision.detr.evaluate import seen_through

    found, targets = [], []
    for start in range(0, pictures, BATCH):
        made = [data.held_out(FIRST + i, detector.size) for i in range(start, min(start + BATCH, pictures))]
        found.append(seen_through(detector.model, None, [picture.pixels for _, picture in made])[:2])
        targets += [targets_of(*pair) for pair in made]
        yield min(start + BATCH, pictures) / pictures
    logits, boxes = (np.concatenate(part).astype(float) for part in zip(*found, strict=True))
    p = np.exp(logits - logits.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    given = np.zeros(p.shape[:2], bool)
    for i, t in enumerate(targets):
        given[i, assign(total_cost(cost_terms(logits[i], boxes[i], t.labels, t.boxes)))[:, 0]] = True
    some, p = 1 - p[..., -1], p[..., :-1]
    place = np.repeat(np.arange(pictures), [len(t.labels) for t in targets])
    truths = (np.concatenate([getattr(t, part) for t in targets]) for part in ("labels", "boxes"))
    yield Pile(p.argmax(-1), p.max(-1), boxes, some, given, place, *truths)


def judge(pile: Pile, classes: int) -> Slots:
    """Everything that is said of the slots."""
    N = len(pile.score)
    sure = pile.score >= SURE
    share = sure.mean(0)
    total = np.where(sure[..., None], pile.boxes, 0).sum(0)
    mean = np.where(share[:, None] > 0, total / np.maximum(sure.sum(0), 1)[:, None], np.nan)
    edges = corners(pile.boxes)
    kept = [np.stack([suppress(edges[i], pile.label[i], pile.score[i], t) for i in range(N)]) for t in SUPPRESSED_FROM]
    pruned = np.array([precision(pile, classes, keep) for keep in kept])
    return Slots(
        N, np.nonzero(sure)[1], pile.boxes[sure], pile.label[sure], share, mean[:, :2], mean[:, 2:],
        *reliability(pile), *precision(pile, classes), SUPPRESSED_FROM, *pruned.T,
    )  # fmt: skip


def reliability(pile: Pile) -> tuple[ndarray, ndarray, ndarray]:
    """Of the queries in each tenth of 1 − p(no object): its mean, the share that the matching gives an object, how many
    there are."""
    tenth = np.minimum((pile.some * BINS).astype(int), BINS - 1).ravel()
    count = np.bincount(tenth, minlength=BINS)
    said, share = (
        np.where(count > 0, np.bincount(tenth, v.ravel(), minlength=BINS) / np.maximum(count, 1), np.nan)
        for v in (pile.some, pile.given.astype(float))
    )
    return said, share, count


def precision(pile: Pile, classes: int, keep: ndarray | None = None) -> tuple[float, float]:
    """COCO's AP over its ten thresholds, and AP at IoU 0.5, of the predictions that are kept (N, Q)."""
    found = pile.found(keep)
    made = match(pile.truths(), found, classes, areas=AREAS[:1])
    each = np.array([average_precision(one, found.score)[0] for one in made])  # (C, thresholds)
    known = np.isfinite(each[:, 0])
    return float(each[known].mean()), float(each[known, 0].mean())


_piles: dict[int, Slots] = {}  # by the number of pictures


def known(pictures: int) -> bool:
    """Whether so many pictures have been looked at."""
    return pictures in _piles


def judged(pictures: int) -> Iterator[Slots | float]:
    """How much is done, then the slots of so many pictures: looked at once, and kept."""
    found = _piles.get(pictures)
    if found is None:
        from engine.vision.detr import model

        detector = model.load()
        for step in look(detector, pictures):
            if isinstance(step, float):
                yield step
            else:
                found = _piles[pictures] = judge(step, len(detector.classes))
        while len(_piles) > KEPT:
            _piles.pop(next(iter(_piles)), None)
    assert found is not None
    yield found
