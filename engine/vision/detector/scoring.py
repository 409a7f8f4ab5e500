"""What the detector says of many pictures, as the metrics of detection take it. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy.special import softmax

from engine.vision.detection_metrics import matching as metric
from engine.vision.detection_metrics.matching import Detections, Truths
from engine.vision.detector.matching import Targets, corners


def as_metrics(
    logits: Float[ndarray, "n Q C+1"], boxes: Float[ndarray, "n Q 4"], targets: Sequence[Targets], size: float
) -> tuple[Truths, Detections]:
    """Truths and detections of n pictures of `size` pixels to a side: one detection a query, picture by picture, by its
    likeliest class. boxes: centre and size in sides."""
    n, Q, _ = logits.shape
    p = softmax(logits, -1)[..., :-1]
    place = np.repeat(np.arange(n), [len(t.labels) for t in targets])
    labels, wanted = (np.concatenate([getattr(t, part) for t in targets]) for part in ("labels", "boxes"))
    found = corners(boxes.reshape(-1, 4).astype(float)) * size
    return (
        Truths.of(place, labels, corners(wanted) * size),
        Detections.of(np.repeat(np.arange(n), Q), p.argmax(-1).ravel(), found, p.max(-1).ravel()),
    )


def precision(truths: Truths, found: Detections, classes: int) -> dict[str, float]:
    """COCO's AP over its ten thresholds, and AP at IoU 0.5 and 0.75, averaged over the classes that there are."""
    matches = metric.match(truths, found, classes, areas=metric.AREAS[:1])
    each = np.array([metric.average_precision(one, found.score)[0] for one in matches])  # (C, thresholds)
    return {name: float(np.nan_to_num(metric.mean(part))) for name, part in (("ap", each), ("ap50", each[:, 0]), ("ap75", each[:, 5]))}
