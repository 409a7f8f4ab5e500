"""How well the detector finds and cuts out the objects of scenes that it never saw: COCO's AP, and panoptic quality."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy import ndarray

from engine.vision.detector import data
from engine.vision.detector.architecture import GridDetr, normalised
from engine.vision.detector.matching import Targets, targets_of
from engine.vision.detector.panoptic import PanopticHead, merge
from engine.vision.detector.scoring import as_metrics, precision
from engine.vision.segmentation_metrics.overlap import mean
from engine.vision.segmentation_metrics.panoptic import panoptic

CLASSES, GROUNDS = 6, 4


def average_precision(logits: ndarray, boxes: ndarray, targets: list[Targets], size: int) -> dict[str, float]:
    """COCO's AP, AP50 and AP75 over n pictures: logits (n, Q, C + 1), boxes (n, Q, 4) of the last layer."""
    return precision(*as_metrics(logits, boxes, targets, size), logits.shape[-1] - 1)


def seen_through(
    model: GridDetr, head: PanopticHead | None, pictures: list[ndarray], size: int = 25
) -> tuple[ndarray, ndarray, list[tuple[ndarray, ndarray]]]:
    """Logits, boxes of the last layer, and masks with stuff where there is a head, for pictures (S, S, 3)."""
    logits, boxes, cut = [], [], []
    device = next(model.parameters()).device
    with torch.inference_mode():
        for begin in range(0, len(pictures), size):
            inputs = normalised(torch.from_numpy(np.stack(pictures[begin : begin + size])).to(device))
            seen = model.see(inputs)
            logits.append(seen.logits[-1].cpu().numpy())
            boxes.append(seen.boxes[-1].cpu().numpy())
            if head is not None:
                cut += list(zip(*(part.cpu().numpy() for part in head(inputs, seen)), strict=True))
    return np.concatenate(logits), np.concatenate(boxes), cut


def panoptic_quality(
    logits: ndarray, cut: list[tuple[ndarray, ndarray]], truths: list[tuple[ndarray, ndarray]], threshold: float = 0.5
) -> dict[str, float]:
    """PQ over pictures: matches and mistakes are counted over all of them before any ratio. Kirillov et al. 2019.

    truths: labels and segments (S, S) of each picture. "things" and "stuff" are the means over their classes.
    """
    total = np.zeros((4, CLASSES + GROUNDS))
    for one, (masks, stuff), (labels, segment) in zip(logits, cut, truths, strict=True):
        found = merge(one, masks, stuff, labels.shape, threshold)
        made = panoptic(labels, segment, found.labels, found.segment, CLASSES + GROUNDS, 255)
        total += made.matched, made.extra, made.missed, made.quality_sum
    matched, extra, missed, quality = total
    with np.errstate(invalid="ignore", divide="ignore"):
        sq, rq = quality / matched, matched / (matched + extra / 2 + missed / 2)
        pq = quality / (matched + extra / 2 + missed / 2)
    parts = {"pq": pq, "pq_things": pq[:CLASSES], "pq_stuff": pq[CLASSES:], "sq": sq, "rq": rq}
    return {name: float(np.nan_to_num(mean(values))) for name, values in parts.items()}


def truth_of(scene: data.Scene, picture: data.Picture) -> tuple[ndarray, ndarray]:
    """Labels (shapes, then grounds) and segments of a scene."""
    thing = picture.instance >= 0
    labels = np.where(thing, scene.shape[np.maximum(picture.instance, 0)], CLASSES + picture.ground)
    return labels, np.where(thing, picture.instance, len(scene) + picture.ground.astype(int))


def judge(
    model: GridDetr, head: PanopticHead | None, size: int, count: int, first: int = 0, told: Callable[[float], None] = lambda share: None
) -> dict[str, float]:
    """AP, and PQ where there is a head, on held-out scenes `first` to `first + count`. The model must be in `eval`."""
    logits, cut, targets, truths, boxes = [], [], [], [], []
    for begin in range(first, first + count, 100):
        made = [data.held_out(i, size) for i in range(begin, min(begin + 100, first + count))]
        found = seen_through(model, head, [picture.pixels for _, picture in made])
        logits.append(found[0])
        boxes.append(found[1])
        cut += found[2]
        targets += [targets_of(*pair) for pair in made]
        truths += [truth_of(*pair) for pair in made] if head is not None else []
        told(min(1.0, (begin + 100 - first) / count))
    every = np.concatenate(logits)
    scores = average_precision(every, np.concatenate(boxes), targets, size)
    return scores | (panoptic_quality(every, cut, truths) if head is not None else {})
