"""Many pictures, one set of queries: where each slot finds things, and what NMS changes.

Letters: N pictures, Q queries, C classes. Boxes are centre and size in sides of the picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from engine.vision.detection_metrics.matching import AREAS, Detections, Truths, average_precision, match
from engine.vision.detr import data
from engine.vision.detr.matching import corners, targets_of
from engine.vision.detr.replaced import suppress
from engine.vision.detr.result import Slots

if TYPE_CHECKING:
    from engine.vision.detr.model import Detector

FIRST = 100_000  # the number of the first scene: beyond those that the checkpoint was judged by
BATCH = 20
KEPT = 4
SURE = 0.5  # the score from which a slot counts as having found something
SUPPRESSED_FROM = np.linspace(0.1, 0.9, 9)  # IoU


@dataclass(frozen=True)
class Pile:
    """Predictions of N pictures, and their t truths."""

    label: Int[ndarray, "N Q"]
    score: Float[ndarray, "N Q"]
    boxes: Float[ndarray, "N Q 4"]
    picture: Int[ndarray, " t"]
    kind: Int[ndarray, " t"]
    truth: Float[ndarray, "t 4"]

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
    p = p[..., :-1]
    place = np.repeat(np.arange(pictures), [len(t.labels) for t in targets])
    truths = (np.concatenate([getattr(t, part) for t in targets]) for part in ("labels", "boxes"))
    yield Pile(p.argmax(-1), p.max(-1), boxes, place, *truths)


def judge(pile: Pile, classes: int) -> Slots:
    """Everything that is said of the slots."""
    N = len(pile.score)
    sure = pile.score >= SURE
    share = sure.mean(0)
    edges = corners(pile.boxes)
    kept = [np.stack([suppress(edges[i], pile.label[i], pile.score[i], t) for i in range(N)]) for t in SUPPRESSED_FROM]
    pruned = np.array([precision(pile, classes, keep) for keep in kept])
    return Slots(N, np.nonzero(sure)[1], pile.boxes[sure], pile.label[sure], share, *precision(pile, classes), SUPPRESSED_FROM, *pruned.T)


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
