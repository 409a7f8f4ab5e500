"""Segmentation metrics held to scikit-learn and torchmetrics on random masks, and to definitions by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from engine.core import Refused
from engine.core.runner import Runner
from engine.vision.segmentation_metrics import SCORES, Pair, SegmentationMetrics, masks, score, segmentation_metrics
from engine.vision.segmentation_metrics.contour import boundary, boundary_scores
from engine.vision.segmentation_metrics.errors import Errors, err
from engine.vision.segmentation_metrics.overlap import confusion_matrix, overlap
from engine.vision.segmentation_metrics.panoptic import panoptic, segments

RNG = np.random.Generator(np.random.PCG64(3))
runner = Runner()


def run(**given):
    return runner.run(segmentation_metrics, SegmentationMetrics.parse(given)).result


def blobs(classes: int, side: int = 24) -> np.ndarray:
    """A random map in patches, some classes absent."""
    coarse = RNG.integers(0, max(1, int(RNG.integers(1, classes + 1))), (side // 4, side // 4))
    return np.kron(coarse, np.ones((4, 4), int)).astype(np.uint8)


def pair(classes: int) -> tuple[np.ndarray, np.ndarray]:
    truth = blobs(classes)
    return truth, np.where(RNG.random(truth.shape) < RNG.random() * 0.7, blobs(classes), truth)


@pytest.mark.parametrize("classes", [2, 3, 5, 8] * 5)
def test_overlaps_equal_scikit_learn(classes):
    truth, found = pair(classes)
    ignored = RNG.random(truth.shape) < 0.2
    truth[ignored & (RNG.random() < 0.5)] = 255
    made = overlap(*confusion_matrix(truth, found, classes, 255))
    t, p = truth[truth != 255], found[truth != 255]
    labels = np.arange(classes)
    np.testing.assert_array_equal(made.confusion, metrics.confusion_matrix(t, p, labels=labels))
    assert made.pixel_accuracy == pytest.approx(metrics.accuracy_score(t, p), abs=1e-12)
    present, either = np.isin(labels, t), np.isin(labels, np.append(t, p))
    recall = metrics.recall_score(t, p, labels=labels, average=None, zero_division=0)
    jaccard = metrics.jaccard_score(t, p, labels=labels, average=None, zero_division=0)
    dice = metrics.f1_score(t, p, labels=labels, average=None, zero_division=0)
    for ours, theirs, defined in ((made.accuracy, recall, present), (made.iou, jaccard, either), (made.dice, dice, either)):
        np.testing.assert_allclose(ours[defined], theirs[defined], atol=1e-12)
        assert np.isnan(ours[~defined]).all()
    assert made.mean_pixel_accuracy == pytest.approx(recall[present].mean(), abs=1e-12)
    assert made.mean_iou == pytest.approx(jaccard[either].mean(), abs=1e-12)
    assert made.mean_dice == pytest.approx(dice[either].mean(), abs=1e-12)
    weighted = metrics.jaccard_score(t, p, labels=labels, average="weighted", zero_division=0)
    assert made.frequency_weighted_iou == pytest.approx(weighted, abs=1e-12)


@pytest.mark.parametrize("classes", [2, 3, 5] * 4)
def test_panoptic_quality_equals_torchmetrics(classes):
    import torch
    from torchmetrics.functional.detection import panoptic_quality

    truth, found = pair(classes)
    a, b = segments(truth), segments(found)
    made = panoptic(truth, a, found, b, classes, 255)
    stack = lambda labels, pieces: torch.tensor(np.stack([labels, pieces], -1).astype(int))[None]  # noqa: E731
    things, stuff = set(range(1, classes)), {0}
    theirs = panoptic_quality(stack(found, b), stack(truth, a), things, stuff, return_sq_and_rq=True, return_per_class=True)
    for place, k in enumerate([*sorted(things), *stuff]):
        # torchmetrics gives 0 where nothing of a class occurs, ours NaN
        ours = np.nan_to_num([made.quality[k], made.segmentation[k], made.recognition[k]])
        np.testing.assert_allclose(ours, theirs[place].numpy(), atol=1e-6)


def test_ignored_pixels_leave_the_union_and_excuse_what_lies_on_them():
    truth, found = np.zeros((8, 8), np.uint8), np.zeros((8, 8), np.uint8)
    truth[:, 4:] = 255
    found[2:4, 3:8] = 1  # eight of its ten pixels on what is ignored: no extra segment
    made = panoptic(truth, segments(truth), found, segments(found), 2, 255)
    assert made.extra[1] == 0 and made.missed[1] == 0 and made.matched[0] == 1
    assert made.quality[0] == pytest.approx(30 / 32), "30 of 32 pixels that count; the ignored are in no union"
    found[2:4, :] = 1
    assert panoptic(truth, segments(truth), found, segments(found), 2, 255).extra[1] == 1


@pytest.mark.parametrize("tolerance", [0.0, 1.0, 2.5, 6.0])
def test_outlines_agree_with_all_distances_written_out(tolerance):
    truth, found = pair(4)
    made, drawn = boundary_scores(truth, found, 4, 255, tolerance)
    padded = lambda m: np.pad(m, 1, mode="edge")  # noqa: E731

    def outline(labels, k):
        p = padded(labels)
        c = p[1:-1, 1:-1]
        differs = (p[:-2, 1:-1] != c) | (p[2:, 1:-1] != c) | (p[1:-1, :-2] != c) | (p[1:-1, 2:] != c)
        return np.argwhere(differs & (c == k))

    for k in range(4):
        a, b = outline(truth, k), outline(found, k)
        if len(a) and len(b):
            far = np.linalg.norm(a[:, None] - b[None], axis=-1)
            recall, precision = (far.min(1) <= tolerance + 1e-9).mean(), (far.min(0) <= tolerance + 1e-9).mean()
            f = 0 if precision + recall == 0 else 2 * precision * recall / (precision + recall)
            np.testing.assert_allclose(made[k], [precision, recall, f], atol=1e-12)
        else:
            assert np.isnan(made[k, 2]) if not (len(a) or len(b)) else made[k, 2] == 0
    edges = boundary(truth, 255), boundary(found, 255)
    np.testing.assert_array_equal(np.isin(drawn, (1, 2)), edges[0])
    np.testing.assert_array_equal(np.isin(drawn, (3, 4)), edges[1] & ~edges[0])
    assert not boundary(np.ones((5, 5), np.uint8), 255).any()


def test_a_perfect_prediction_scores_one_and_predicting_background_alone_fails_iou():
    perfect = run(shrink=0, shift=0, forgotten=0, confused=0, scene_seed=int(RNG.integers(1e6)))
    assert [getattr(perfect, name) for name in SCORES] == [1.0] * len(SCORES)
    lesson = run(source="masks")
    assert lesson.pixel_accuracy == pytest.approx(1 - 120 / 4096) and lesson.pixel_accuracy > 0.97
    assert lesson.mean_iou == pytest.approx(lesson.pixel_accuracy / 2) and lesson.mean_pixel_accuracy == 0.5
    assert "97.1\u00a0%" in lesson.findings[-1].text.en and lesson.boundary_f == 0


def test_errors_are_what_they_are_called():
    truth = np.zeros((60, 60), np.uint8)
    truth[20:40, 20:40] = 3
    pieces = segments(truth)
    make = lambda **kw: err(truth, pieces, 5, Errors(**kw), np.random.Generator(np.random.PCG64(1)))[0]  # noqa: E731
    assert (make(shrink=3) == 3).sum() == 14**2 and (make(shift=7)[20:40, 27:47] == 3).all()
    grown = (make(shrink=-4) == 3).sum()
    assert grown == pytest.approx(400 + 4 * 20 * 4 + np.pi * 16, rel=0.03)
    assert not make(forgotten=1).any()
    assert set(np.unique(make(confused=1))) - {0} and 3 not in make(confused=1)
    assert (make(specks=0.25) != truth).mean() == pytest.approx(0.25, abs=0.04)


def test_a_sweep_begins_at_perfect_and_each_error_is_noticed():
    params = SegmentationMetrics.parse({"task": "sensitivity", "size": 64})
    outcomes = list(runner.stream(segmentation_metrics, params))
    found = outcomes[-1].result.sensitivity
    assert found.scores.shape == (5, 9, len(SCORES)) and np.isnan(outcomes[0].result.sensitivity.scores).any()
    np.testing.assert_allclose(found.scores[:, 0], 1)
    assert (found.scores[:, -1] < found.scores[:, 0]).all() and np.isfinite(found.scores).all()


def test_masks_are_read_and_written():
    for text in ("0,0,1;0,1,1", "0*2,1\n0 1 1;", "0,0,1;0,1*2"):
        np.testing.assert_array_equal(masks.read(text, "truth").labels, [[0, 0, 1], [0, 1, 1]])
    for _ in range(20):
        labels = blobs(6)[: RNG.integers(1, 24), : RNG.integers(1, 24)]
        np.testing.assert_array_equal(masks.read(masks.written(labels), "truth").labels, labels)
    given = run(source="masks", truth="0,0,1;0,1,1", prediction="0,0,1;0,0,1")
    np.testing.assert_array_equal(given.confusion, [[3, 0], [1, 2]])
    assert given.mean_iou == pytest.approx((3 / 4 + 2 / 3) / 2)
    np.testing.assert_array_equal(run(source="confusion", confusion="3,0;1,2").iou, given.iou)
    skipped = run(source="masks", truth="0,1,9", prediction="0,9,1", ignore=9)
    assert skipped.nothing[1] == 1 and skipped.accuracy[1] == 0 and skipped.confusion.sum() == 1


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"truth": "0,0;0"}, "truth must have rows of one length; got rows of 1 and of 2 labels"),
        ({"truth": "0,0,1", "prediction": "0,0"}, "prediction must have the truth's size, 1 x 3 pixels; got 1 x 2"),
        ({"truth": "a,b"}, "truth must be rows of labels from 0 to 255"),
        ({"truth": "0,300"}, "truth must be rows of labels from 0 to 255"),
        ({"truth": ""}, "truth must be rows of labels"),
        ({"truth": "0*2049"}, "truth must have 1 to 2048 pixels to a side; got 1 x 2049"),
        ({"truth": "0 x9999"}, "truth must have 1 to 2048 pixels to a side"),
        ({"truth": "#000000,#ff0000;0,2"}, "truth must be rows of labels from 0 to 1 such as"),
        ({"truth": "#00000g;0,0"}, "truth must be rows of labels from 0 to 0"),
        ({"truth": "255*3 x3", "prediction": "0*3 x3"}, "truth must have a pixel that is not ignored; all are 255"),
        ({"source": "confusion", "confusion": "1,2;3"}, "confusion must be a square matrix of counts"),
        ({"source": "confusion", "confusion": "1,-2;3,4"}, "confusion must be a square matrix of counts"),
        ({"source": "confusion", "confusion": "0,0;0,0"}, "confusion must be a square matrix of counts"),
        ({"source": "confusion", "confusion": "1,nan;3,4"}, "confusion must be a square matrix of counts"),
    ],
)
def test_bad_input_is_one_sentence(given, sentence):
    with pytest.raises(Refused) as told:
        run(**{"source": "masks"} | given)
    assert str(told.value).startswith(sentence) and told.value.zh


def test_everything_ignored_is_no_score_and_no_crash():
    """The page refuses such a pair; the scores themselves are told as not a number."""
    silent, ground = np.full((4, 4), 255, np.uint8), np.zeros((4, 4), np.uint8)
    pair = Pair(silent, segments(silent), ground, segments(ground), (("a", "a"), ("b", "b")), 255)
    made = score(pair, 2.0)
    assert np.isnan(made.pixel_accuracy) and np.isnan(made.mean_iou) and np.isnan(made.panoptic_quality)


def test_the_embedded_models_masks_are_scored():
    from engine.vision.detector import data, model
    from engine.vision.detector.panoptic import merge

    made = run(source="detr", scene_seed=4, objects=3, size=70)
    scene = data.scenes.compose(data.HELD_OUT, 4, (3, 3))
    picture = data.scenes.render(scene, 64)
    np.testing.assert_array_equal(made.image, picture.pixels)
    seen = model.load().detect(picture.pixels)
    found = merge(seen.logits[-1], seen.masks, seen.stuff, (64, 64))
    np.testing.assert_array_equal(made.prediction, np.where(found.labels < 6, found.labels + 1, 0))
    thing = picture.instance >= 0
    np.testing.assert_array_equal(made.truth, np.where(thing, scene.shape[np.maximum(picture.instance, 0)] + 1, 0))
    classes = np.arange(7)
    wanted = metrics.confusion_matrix(made.truth.ravel(), made.prediction.ravel(), labels=classes)
    np.testing.assert_array_equal(made.confusion, wanted)


def test_a_label_that_is_ignored_is_no_class_wherever_it_stands():
    """Ignored 1 lies between the classes 0 and 2: PQ is the mean of two, (51 / 55 + 1) / 2."""
    truth, found = "0*8;0,2*3,0*4 x3;0*8 x4", "0*8;0,2*3,0*4 x3;0*8 x2;0*6,1,1 x2"
    made = run(source="masks", ignore=1, truth=truth, prediction=found)
    assert made.panoptic_quality == pytest.approx((51 / 55 + 1) / 2, abs=1e-12) and np.isnan(made.panoptic[1, 6])
    assert "4 pixels are predicted as the ignored label 1: they count as missed" in made.findings[0].text.en
    moved = run(source="masks", ignore=5, truth=truth, prediction=found.replace("1,1", "5,5"))
    assert moved.panoptic_quality == made.panoptic_quality and moved.mean_iou == made.mean_iou


def test_what_is_ignored_is_said():
    made = run(source="masks", truth="0*8 x2;0*4,255*4 x4;0*8 x2", prediction="0*8 x8")
    said = [finding.text.en for finding in made.findings]
    assert "25\u00a0% of the truth has the label 255, which is ignored" in said[0] and "Only background is left" in said[1]
    assert not any("ignored" in finding.text.en for finding in run().findings)


def test_many_small_segments_fit_in_memory():
    """Two maps of noise have some 60,000 segments each: a table of all pairs would take 29 GB."""
    a, b = (RNG.integers(0, 20, (512, 512)).astype(np.uint8) for _ in range(2))
    made = panoptic(a, segments(a), b, segments(b), 20, 255)
    assert 0 < made.pq < 0.2
