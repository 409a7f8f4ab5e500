"""Many pictures, one set of queries: where each slot finds things, and what NMS changes.

Letters: N pictures, Q queries, C classes. Boxes are centre and size in sides of the picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from engine.core.recent import Recent
from engine.vision.detection_metrics.matching import Detections, Truths
from engine.vision.detector import data
from engine.vision.detector.matching import centred, targets_of
from engine.vision.detector.scoring import as_metrics, precision
from engine.vision.detr.replaced import suppress
from engine.vision.detr.result import Slots

if TYPE_CHECKING:
    from engine.vision.detector.model import Detector

FIRST = 100_000  # the number of the first scene: beyond those that the checkpoint was judged by
BATCH = 20
SURE = 0.5  # the score from which a slot counts as having found something
SUPPRESSED_FROM = np.linspace(0.1, 0.9, 9)  # IoU
_judged: Recent[Slots] = Recent(8 * 2**20, most=4)  # by the number of pictures


def look(detector: Detector, pictures: int) -> Iterator[tuple[Truths, Detections] | float]:
    """How much is done, batch by batch; at last truths and detections, Q of each picture, in sides of the picture."""
    from engine.vision.detector.evaluate import seen_through

    found, targets = [], []
    for start in range(0, pictures, BATCH):
        made = [data.held_out(FIRST + i, detector.size) for i in range(start, min(start + BATCH, pictures))]
        found.append(seen_through(detector.model, None, [picture.pixels for _, picture in made])[:2])
        targets += [targets_of(*pair) for pair in made]
        yield min(start + BATCH, pictures) / pictures
    logits, boxes = (np.concatenate(part) for part in zip(*found, strict=True))
    yield as_metrics(logits, boxes, targets, 1.0)


def judge(truths: Truths, found: Detections, pictures: int, classes: int) -> Slots:
    """Everything that is said of the slots."""
    Q = len(found) // pictures
    sure = found.score >= SURE
    of_picture = [found.only(np.arange(i * Q, (i + 1) * Q)) for i in range(pictures)]
    pruned = []
    for threshold in SUPPRESSED_FROM:
        kept = np.concatenate([suppress(one.boxes, one.label, one.score, threshold) for one in of_picture])
        pruned.append(precision(truths, found.only(kept), classes))
    whole = precision(truths, found, classes)
    return Slots(
        pictures,
        np.flatnonzero(sure) % Q,
        centred(found.boxes[sure]),
        found.label[sure],
        sure.reshape(pictures, Q).mean(0),
        whole["ap"],
        whole["ap50"],
        SUPPRESSED_FROM,
        np.array([one["ap"] for one in pruned]),
        np.array([one["ap50"] for one in pruned]),
    )


def known(pictures: int) -> bool:
    """Whether so many pictures have been looked at."""
    return pictures in _judged


def judged(pictures: int) -> Iterator[Slots | float]:
    """How much is done, then the slots of so many pictures: looked at once, and kept."""
    found = _judged.get(pictures)
    if found is None:
        from engine.vision.detector import model

        detector = model.load()
        for step in look(detector, pictures):
            if isinstance(step, float):
                yield step
            else:
                found = judge(*step, pictures, len(detector.classes))
                _judged.put(pictures, found)
    assert found is not None
    yield found
