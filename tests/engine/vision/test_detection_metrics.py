"""The lab of detection metrics: its sources, its scores against the matching underneath, and what it refuses."""

from __future__ import annotations

import collections
import contextlib
import copy
import io
import json

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from engine.core import Refused
from engine.core.runner import Runner
from engine.vision.detection_metrics import DetectionMetrics, blame, boxes, detection_metrics, matching, sources
from engine.vision.detection_metrics.sources import Mistakes

runner = Runner()
RNG = np.random.Generator(np.random.PCG64(8))


def run(**given):
    return runner.run(detection_metrics, DetectionMetrics.parse(given)).result


def test_without_mistakes_every_score_is_one():
    made = run(jitter=0, misnamed=0, missed=0, duplicated=0, background=0, blur=0, seed=int(RNG.integers(1e6)))
    assert made.average_precision == made.ap50 == made.ap75 == made.every_point == 1
    assert not made.mistake_counts.any() and (made.kind == -1).all()
    assert np.trace(made.confusion) == made.confusion.sum() == made.truths.sum()


@pytest.mark.parametrize("mistake", ["jitter", "misnamed", "missed", "duplicated", "background"])
def test_a_mistake_made_on_purpose_is_the_one_that_is_blamed(mistake):
    clean = dict.fromkeys(("jitter", "misnamed", "missed", "duplicated", "background", "blur"), 0)
    made = run(**clean | {"pictures": 24, "seed": 4} | {mistake: {"jitter": 0.3, "background": 2.0}.get(mistake, 0.4)})
    named = {"jitter": "location", "misnamed": "class", "missed": "missed", "duplicated": "duplicate", "background": "on background"}[
        mistake
    ]
    kinds = [en for en, _ in blame.KINDS]
    assert kinds[int(np.argmax(made.mistake_counts))] == named
    assert made.average_precision < 1 or mistake == "background"


def test_the_curve_is_that_of_the_chosen_class_and_threshold():
    for label, threshold in ((1, 0.5), (4, 0.75)):
        made = run(label=label, threshold=threshold, seed=3)
        data = sources.from_scenes(3, 16, 5, Mistakes(0.06, 0.08, 0.08, 0.1, 0.5, 0.1))
        place = int(np.argmin(np.abs(matching.THRESHOLDS - threshold)))
        assert made.hundred_and_one_point == pytest.approx(made.ap_by_threshold[label, place], abs=1e-12)
        assert len(made.curve.score) == (data.found.label == label).sum() and made.truths[label] == (data.truths.label == label).sum()
        assert (np.diff(made.curve.score) <= 0).all() and (np.diff(made.curve.recall) >= 0).all()


def test_rows_are_the_curve_s_definition():
    made = run(source="rows", rows="0.5,0;0.9,1;0.8,0;0.7,1;0.6,1", truths=4)
    np.testing.assert_allclose(made.curve.recall, [0.25, 0.25, 0.5, 0.75, 0.75])
    assert made.eleven_point == pytest.approx((3 + 5 * 0.75) / 11)
    assert made.every_point == pytest.approx(0.25 + 0.375) and made.average_precision is None


def test_hand_drawn_boxes_and_the_picture_that_is_shown():
    made = run(source="boxes")
    assert made.truths.tolist() == [2, 1] and made.found.tolist() == [4, 1]
    assert made.shown.taken.tolist() == [0, 1, 2, -1, -1], "each truth once, the rest free"
    assert made.confusion[2, 0] == 2 and made.confusion[0, 0] == 2
    cells = {(row, column) for row, column, _ in made.pictures}
    assert cells == {(0, 0), (1, 1), (2, 0)}


def test_the_pair_s_scores_and_the_slide_agree():
    made = run(box_a="0,0,10,10", box_b="15,10,5,0")
    assert made.pair == boxes.overlaps(np.array([0.0, 0, 10, 10]), np.array([5.0, 0, 15, 10]))
    assert made.pair.iou == pytest.approx(1 / 3)
    np.testing.assert_allclose(made.slide.scores[:, 40], 1, atol=1e-12)
    assert (made.slide.scores[0, [0, -1]] == 0).all() and (made.slide.scores[1:, [0, -1]] < 0).all()


def test_a_coco_file_is_read_as_it_is_meant():
    truth = {
        "images": [{"id": 7, "width": 50, "height": 50}, {"id": 9, "width": 50, "height": 50}],
        "categories": [{"id": 3, "name": "cat"}, {"id": 5, "name": "dog"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 5, "bbox": [0, 0, 10, 10], "area": 100, "iscrowd": 0},
            {"id": 2, "image_id": 9, "category_id": 3, "bbox": [5, 5, 20, 20]},
        ],
    }
    results = [{"image_id": 7, "category_id": 5, "bbox": [0, 0, 10, 10], "score": 0.9}]
    made = run(source="coco", coco_truth=json.dumps(truth), coco_results=json.dumps(results))
    assert [en for en, _ in made.names] == ["cat", "dog"] and made.ap_by_class.tolist() == [0, 1]
    assert made.average_precision == 0.5 and made.mistake_counts[blame.MISSED] == 1
    assert run(source="coco", coco_truth=json.dumps(truth), coco_results="[]").average_precision == 0


def coco(**parts):
    """A COCO truth of one picture, with some of its parts replaced."""
    whole = {"images": [{"id": 1}], "categories": [{"id": 1, "name": "cat"}], "annotations": []}
    return json.dumps(whole | parts)


NAMELESS = "coco_truth must be a JSON object; got Expecting property name enclosed in double quotes at line 1, column 2"
LONG = "coco_truth must be a JSON object; got a number of very many digits"
HUGE = ("NaN", "1e400", "9" * 350, "null", '"3"')


def result(bbox="[1,1,2,3]", score="0.4"):
    """One result as a text, with numbers that Python's own writer would not write."""
    return f'[{{"image_id":1,"category_id":1,"bbox":{bbox},"score":{score}}}]'


BOX = {"image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5], "score": 0.5}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"box_a": "1,2,3"}, "box_a must be four finite numbers x0,y0,x1,y1; got '1,2,3'"),
        ({"box_b": "nan,2,3,4"}, "box_b must be four finite numbers"),
        ({"source": "boxes", "truth": "0,1,2,3"}, "truth must have finite numbers in groups of 5"),
        ({"source": "boxes", "found": "0,0.5,nan,2,3,4"}, "found must have finite numbers in groups of 6"),
        ({"source": "boxes", "truth": "0,5,5,1,9"}, "truth must have x0 <= x1 and y0 <= y1 in every box; got 5,5,1,9"),
        ({"source": "boxes", "found": "0,1.5,1,1,3,4"}, "found must have scores from 0 to 1; got 1.5"),
        ({"source": "boxes", "found": "77,0.5,1,1,3,4"}, "found must have whole numbers from 0 to 19 as classes; got 77"),
        ({"source": "rows", "rows": "0.9,2"}, "rows must be score,matched"),
        ({"source": "rows", "rows": ""}, "rows must be score,matched"),
        ({"source": "rows", "truths": 1}, "truths must be at least the 3 matched rows; got 1"),
        ({"source": "coco", "coco_truth": "{"}, NAMELESS),
        ({"source": "coco", "coco_truth": "{}"}, "coco_truth must have a list of images"),
        ({"source": "coco", "coco_results": "{}"}, "coco_results must be a JSON list of objects"),
        (
            {"source": "coco", "coco_truth": coco(images=[{"id": 1}, {"id": 1}])},
            "coco_truth must give every image an id of its own; got 1 twice",
        ),
        (
            {"source": "coco", "coco_truth": coco(categories=[{"id": 1}, {"id": 2}, {"id": 2}])},
            "coco_truth must give every category an id of its own; got 2 twice",
        ),
        ({"source": "coco", "coco_truth": coco(images=[{}])}, "coco_truth must give every image a number or a text as id; got None"),
        (
            {"source": "coco", "coco_truth": coco(annotations=[{"image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1]}])},
            "coco_truth must give every annotation a number or a text as id; got None",
        ),
        ({"source": "coco", "coco_results": json.dumps([BOX | {"image_id": 4}])}, "coco_results must name a known image_id"),
        (
            {"source": "coco", "coco_results": json.dumps([{k: v for k, v in BOX.items() if k != "image_id"}])},
            "coco_results must give every entry a number or a text as image_id; got None",
        ),
        ({"source": "coco", "coco_results": json.dumps([BOX | {"bbox": [1, 2]}])}, "coco_results must give every bbox"),
        (
            {"source": "coco", "coco_results": json.dumps([BOX | {"bbox": [1, 2, -3, 4]}])},
            "coco_results must have boxes of no negative width",
        ),
        (
            {"source": "coco", "coco_results": '[{"image_id":1,"category_id":1,"bbox":[NaN,1,2,3],"score":0.4}]'},
            "coco_results must have finite numbers as bbox",
        ),
        ({"source": "coco", "coco_results": "[" * 50_000}, "coco_results must be a JSON list"),
        ({"source": "coco", "coco_results": '[\n {"image_id":1,}]'}, "coco_results must be a JSON list of objects; got "),
        *(({"source": "coco", "coco_results": result(bbox=f"[{n},1,2,3]")}, "coco_results must have finite numbers as bbox") for n in HUGE),
        *(({"source": "coco", "coco_results": result(score=n)}, "coco_results must have finite numbers as score") for n in HUGE),
        ({"source": "coco", "coco_truth": '{"images":[{"id":' + "9" * 5000 + "}]}"}, LONG),
        ({"source": "coco", "coco_truth": coco(images=[{"id": 1, "width": 10**400}])}, "coco_truth must have finite numbers as width"),
    ],
)
def test_bad_input_is_one_sentence(given, sentence):
    with pytest.raises(Refused) as told:
        run(**given)
    assert str(told.value).startswith(sentence) and told.value.zh


@pytest.mark.parametrize(
    "given",
    [
        {"missed": 1.0, "background": 0.0},
        {"pictures": 1, "objects": 1},
        {"source": "boxes", "found": ""},
        {"source": "boxes", "truth": ""},
        {"source": "boxes", "truth": "", "found": ""},
        {"confidence": 1.0},
    ],
)
def test_nothing_found_or_nothing_there_is_no_crash(given):
    made = run(**given)
    assert made.confusion.sum() >= 0 and not np.isinf(np.nan_to_num(made.ap_by_threshold)).any()


def test_the_embedded_detector_is_scored_on_scenes_that_it_never_saw():
    from engine.vision.detector import data, evaluate, model
    from engine.vision.detector.matching import targets_of

    made, detector = run(source="detr", pictures=12, objects=4, seed=3, confidence=0.0, picture=7), model.load()
    where = [data.scenes.compose(data.HELD_OUT, sources.FIRST + 300 + p, (1, 4)) for p in range(12)]
    pairs = [(scene, data.scenes.render(scene, detector.size)) for scene in where]
    logits, found, _ = evaluate.seen_through(detector.model, None, [picture.pixels for _, picture in pairs])
    scores = evaluate.average_precision(logits, found, [targets_of(*pair) for pair in pairs], detector.size)
    assert made.average_precision == pytest.approx(scores["ap"], abs=2e-3), "boxes are cut at the picture's edge here"
    assert made.found.sum() == 12 * detector.queries and made.truths.sum() == sum(len(t) for t, _ in pairs)
    np.testing.assert_array_equal(made.shown.pixels, pairs[7][1].pixels)
    np.testing.assert_allclose(made.shown.truths, pairs[7][1].boxes)
    assert detection_metrics.cost_of(DetectionMetrics(source="detr", pictures=12, objects=4, seed=3)) == "instant"


def pycocotools(truth: dict, results: list[dict], most: int) -> dict[str, float]:
    """AP of all, small, medium and large objects, and at two thresholds, by the reference program, at most detections."""
    with contextlib.redirect_stdout(io.StringIO()):
        known = COCO()
        known.dataset = copy.deepcopy(truth)
        known.createIndex()
        judge = COCOeval(known, known.loadRes(copy.deepcopy(results)), "bbox")
        judge.params.maxDets = [most]
        judge.evaluate()
        judge.accumulate()
    precision = judge.eval["precision"][..., 0]  # thresholds, recalls, classes, areas
    each = {"average_precision": (slice(None), 0), "ap50": ([0], 0), "ap75": ([5], 0)}
    each |= {f"ap_{size}": (slice(None), a) for a, size in enumerate(("small", "medium", "large"), 1)}
    found = {name: precision[t, :, :, a] for name, (t, a) in each.items()}
    return {name: float(values[values > -1].mean()) if (values > -1).any() else float("nan") for name, values in found.items()}


def made_up(seed: int) -> tuple[dict, list[dict]]:
    """A truth whose images are in no order, and results with many equal scores, some of a class that the truth lacks."""
    rng = np.random.default_rng(seed)
    name = (lambda i: f"p{i:02}") if seed % 3 == 0 else (lambda i: i + 0.5) if seed % 3 == 1 else int
    ids = [name(int(i)) for i in rng.permutation(9)]
    annotations, results = [], []
    for image in ids:
        for _ in range(rng.integers(0, 7)):
            at, wide = rng.integers(0, 2000, 2) / 10, rng.choice([8, 20, 32, 40, 96, 120], 2) * 1.0
            crowd, kind = int(rng.random() < 0.15), int(rng.integers(1, 4))
            area = float(wide.prod() * rng.choice([0.5, 1.0]))
            annotations.append({"image_id": image, "category_id": kind, "bbox": [*at, *wide], "area": area, "iscrowd": crowd})
            for _ in range(rng.integers(0, 5)):
                box = [*(at + rng.choice([0, 0, 2.5, 9.1], 2)), *(wide * rng.choice([1, 1, 0.8, 2], 2))]
                label = kind if rng.random() < 0.8 else int(rng.integers(1, 5))
                results.append({"image_id": image, "category_id": label, "bbox": box, "score": float(rng.choice([0.2, 0.5, 0.9]))})
    for number, annotation in enumerate(annotations):
        annotation["id"] = number + 1
    rng.shuffle(results)
    return {"images": [{"id": i} for i in ids], "categories": [{"id": k} for k in (3, 1, 2)], "annotations": annotations}, list(results)


@pytest.mark.parametrize("most", [1, 10, 100, 3])
@pytest.mark.parametrize("seed", range(18))
def test_files_are_scored_as_pycocotools_scores_them(seed, most):
    truth, results = made_up(seed)
    made = run(source="coco", coco_truth="\ufeff" + json.dumps(truth), coco_results=json.dumps(results), most=most)
    for name, value in pycocotools(truth, results, most).items():
        assert getattr(made, name) == pytest.approx(value, abs=1e-12, nan_ok=True), name


def said(made) -> str:
    return " ".join(finding.text.en for finding in made.findings)


def test_what_a_convention_does_to_the_numbers_is_said():
    truth, results = made_up(2)
    unknown = sum(entry["category_id"] == 4 for entry in results)
    truth["annotations"][0]["id"] = 0
    truth["annotations"][1].pop("area")
    truth["annotations"].append({"id": 999, "image_id": 77, "category_id": 1, "bbox": [0, 0, 9, 9], "area": 81})
    text = said(run(source="coco", coco_truth=json.dumps(truth), coco_results=json.dumps(results), most=2, label=50, picture=50))
    assert f"{unknown} results of categories that coco_truth lacks (4) are left out" in text
    assert "an annotation has the id 0" in text.lower() and "1 annotations give no area" in text and "does not list" in text
    counts = collections.Counter((r["image_id"], r["category_id"]) for r in results if r["category_id"] != 4)
    beyond = sum(max(0, n - 2) for n in counts.values())
    assert f"{beyond} detections are not counted: beyond the best 2" in text
    assert "the curve is of class 2" in text and "picture 8 is shown" in text
    assert run(source="coco").findings == () == run().findings


def test_an_object_of_another_class_is_asked_for_before_a_double():
    """Both kinds fit the second detection; TIDE's own program asks for the class first."""
    made = run(source="boxes", truth="0,0,0,10,10,1,0,0,10,11", found="0,0.9,0,0,10,10,0,0.8,0,0,10,10")
    assert made.mistake_counts[blame.CLASS] == 1 and made.mistake_counts[blame.DUPLICATE] == 0
    assert "1 mistake fits two kinds" in said(made)
    made = run(source="boxes", truth="0,0,0,10,10", found="0,0.9,0,0,10,10,0,0.8,0,0,10,10")
    assert made.mistake_counts[blame.DUPLICATE] == 1 and not made.findings


def test_what_is_typed_in_full_width_is_read():
    a = run(source="boxes", truth="０，１，１，１１，１１", found="0，０.5；１、1;１１ 11", box_a="３，7，53，27", box_b="40，20，45，90")
    b = run(source="boxes", truth="0,1,1,11,11", found="0,0.5,1,1,11,11", box_a="3,7,53,27", box_b="40,20,45,90")
    assert a.average_precision == b.average_precision == 1 and a.pair == b.pair
    assert a.pair.generalized == pytest.approx(-0.65651656054, abs=1e-11)
    assert run(source="rows", rows="０.9，１；0.8，0").every_point == run(source="rows", rows="0.9,1;0.8,0").every_point
