"""Overlaps of boxes, and average precision held to pycocotools: crowds, ties, empty pictures, ranges of area."""

from __future__ import annotations

import contextlib
import dataclasses
import io

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from engine.vision.detection_metrics import blame, boxes, matching
from engine.vision.detection_metrics.matching import Detections, Truths

PICTURES, LABELS = 7, 3


def some(rng: np.random.Generator) -> tuple[Truths, Detections]:
    """Random truths, some of them crowds, and detections near them or anywhere, with tied scores."""
    truths, found = [], []
    for picture in range(PICTURES):
        first = len(truths)
        for _ in range(rng.integers(0, 6)):
            wide = rng.choice([8, 20, 40, 80, 120, 200], 2) * rng.uniform(0.8, 1.2, 2)
            at = rng.uniform(0, 200, 2)
            crowd, share = rng.random() < 0.15, rng.uniform(0.5, 1)
            truths.append((picture, rng.integers(LABELS), *at, *(at + wide), crowd, wide.prod() * share))
        for _ in range(rng.integers(0, 9)):
            label = rng.integers(LABELS)
            if len(truths) > first and rng.random() < 0.7:
                meant = truths[rng.integers(first, len(truths))]
                box = np.array(meant[2:6]) + rng.normal(0, 6, 4)
                box[2:] = np.maximum(box[2:], box[:2] + 1)
                label = meant[1] if rng.random() < 0.8 else label
            else:
                at = rng.uniform(0, 200, 2)
                box = np.array([*at, *(at + rng.uniform(5, 150, 2))])
            found.append((picture, label, *box, round(rng.random(), 1)))
    a, b = np.array(truths, float).reshape(-1, 8), np.array(found, float).reshape(-1, 7)
    return (
        dataclasses.replace(Truths.of(a[:, 0], a[:, 1], a[:, 2:6]), crowd=a[:, 6] > 0, areas=a[:, 7]),
        Detections.of(b[:, 0], b[:, 1], b[:, 2:6], b[:, 6]),
    )


def coco(truths: Truths, found: Detections) -> np.ndarray:
    """pycocotools' AP (labels, areas, thresholds), NaN where nothing was to be found."""
    wide = lambda b: [float(v) for v in (b[0], b[1], b[2] - b[0], b[3] - b[1])]  # noqa: E731
    annotations = [
        {
            "id": i + 1,
            "image_id": int(truths.picture[i]) + 1,
            "category_id": int(truths.label[i]) + 1,
            "bbox": wide(truths.boxes[i]),
            "area": float(truths.areas[i]),
            "iscrowd": int(truths.crowd[i]),
        }
        for i in range(len(truths))
    ]
    results = [
        {
            "image_id": int(found.picture[i]) + 1,
            "category_id": int(found.label[i]) + 1,
            "bbox": wide(found.boxes[i]),
            "score": float(found.score[i]),
        }
        for i in range(len(found))
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {
            "images": [{"id": i + 1} for i in range(PICTURES)],
            "annotations": annotations,
            "categories": [{"id": k + 1} for k in range(LABELS)],
        }
        truth.createIndex()
        judge = COCOeval(truth, truth.loadRes(results), "bbox")
        judge.evaluate()
        judge.accumulate()
    precision = judge.eval["precision"][..., 2]  # thresholds, recalls, labels, areas
    return np.where((precision < 0).all(1), np.nan, precision.mean(1)).transpose(1, 2, 0)


@pytest.mark.parametrize("seed", range(60))
def test_average_precision_is_pycocotools(seed):
    truths, found = some(np.random.default_rng(seed))
    if not len(found):
        pytest.skip("pycocotools does not load an empty list")
    ours = np.array([matching.average_precision(m, found.score) for m in matching.match(truths, found, LABELS)])
    np.testing.assert_allclose(ours, coco(truths, found), atol=1e-12)


def test_three_ways_of_averaging_by_hand():
    right = np.array([True, False, True, True, False])
    made = matching.curve(np.linspace(0.9, 0.5, 5), right, 4)
    np.testing.assert_allclose(made.recall, [0.25, 0.25, 0.5, 0.75, 0.75])
    np.testing.assert_allclose(made.precision, [1, 1 / 2, 2 / 3, 3 / 4, 3 / 5])
    np.testing.assert_allclose(made.envelope, [1, 3 / 4, 3 / 4, 3 / 4, 3 / 5])
    assert matching.eleven_point(made) == pytest.approx((3 * 1 + 5 * 0.75) / 11)
    assert matching.every_point(made) == pytest.approx(0.25 * 1 + 0.5 * 0.75)
    assert matching.hundred_and_one_point(made) == pytest.approx((26 * 1 + 50 * 0.75) / 101)


@pytest.mark.parametrize("seed", range(20))
def test_overlaps_by_counting_points(seed):
    rng = np.random.default_rng(seed)
    corners = np.sort(rng.uniform(0, 10, (2, 2, 2)), 1)
    a, b = (np.concatenate([c[0], c[1]]) for c in corners)
    made = boxes.overlaps(a, b)
    x, y = (v.ravel() for v in np.meshgrid(*[np.linspace(0, 10, 801)] * 2))
    inside = [(x >= c[0]) & (x <= c[2]) & (y >= c[1]) & (y <= c[3]) for c in (a, b)]
    union = (inside[0] | inside[1]).mean() * 100
    assert made.union == pytest.approx(union, abs=0.4)
    assert made.shared == pytest.approx((inside[0] & inside[1]).mean() * 100, abs=0.4)
    assert made.iou == pytest.approx(boxes.iou(a[None], b[None])[0, 0])
    assert -1 <= made.generalized <= made.iou and made.complete <= made.distance <= made.iou


def test_identical_boxes_and_boxes_far_apart():
    box = np.array([1.0, 2, 5, 9])
    same = boxes.overlaps(box, box)
    assert (same.iou, same.generalized, same.distance, same.complete) == (1, 1, 1, 1)
    far = boxes.overlaps(np.array([0.0, 0, 1, 1]), np.array([9.0, 0, 10, 1]))
    assert far.iou == 0 and far.generalized == pytest.approx(-0.8) and far.distance == pytest.approx(-81 / 101)
    assert boxes.overlaps(np.zeros(4), np.zeros(4)).iou == 0


@pytest.mark.parametrize("seed", range(12))
def test_mending_everything_that_tide_names_leaves_nothing_to_mend(seed):
    truths, found = some(np.random.default_rng(seed))
    keep = ~truths.crowd
    truths = truths.only(keep)
    made = blame.blame(truths, found, LABELS)
    wrong = made.kind >= 0
    assert made.counts[: blame.MISSED].sum() == wrong.sum() and made.counts[blame.MISSED] == made.missed.sum()
    assert (made.cost > -1e-12).all(), "no oracle makes it worse"
    overlap = boxes.iou(found.boxes, truths.boxes) if len(truths) else np.zeros((len(found), 1))
    for d in np.flatnonzero(wrong):
        here = (truths.picture == found.picture[d]) if len(truths) else np.zeros(1, bool)
        best = overlap[d][here].max(initial=0)
        same = overlap[d][here & (truths.label == found.label[d])].max(initial=0) if len(truths) else 0
        other = overlap[d][here & (truths.label != found.label[d])].max(initial=0) if len(truths) else 0
        kind, near = made.kind[d], 0.1 <= best < 0.5
        assert {
            blame.BACKGROUND: best < 0.1,
            blame.LOCATION: 0.1 <= same < 0.5,
            blame.DUPLICATE: same >= 0.5 and other < 0.5,
            blame.CLASS: other >= 0.5 and not 0.1 <= same < 0.5,
            blame.BOTH: near and same < 0.1,
        }[kind]
