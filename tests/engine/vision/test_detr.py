"""The lab of DETR: its pictures, its matching against transformers' and brute force, what it compares and refuses."""

from __future__ import annotations

import dataclasses
import itertools
import json

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment
from transformers import DetrConfig, DetrForObjectDetection, ResNetConfig
from transformers.loss.loss_for_object_detection import HungarianMatcher

from engine.core import Refused
from engine.core.runner import Runner
from engine.core.words import T
from engine.data import pictures, scenes
from engine.vision.detection_metrics.boxes import iou
from engine.vision.detector import data, evaluate, model
from engine.vision.detector.matching import centred, targets_of
from engine.vision.detr import Detr, detr, hub, replaced, scene_input, slots
from engine.vision.detr.wanted import greedy, moved

runner = Runner()
SIDE = Detr().size
RNG = np.random.Generator(np.random.PCG64(17))


def run(**given):
    return runner.run(detr, Detr.parse({"pictures": 20} | given)).result


def test_the_default_picture_and_what_is_found_in_it():
    made = run()
    assert model.load().size == SIDE, "the default picture has the size that the model learned at"
    scene = scenes.compose(data.HELD_OUT, Detr().scene_seed, (5, 5))
    np.testing.assert_array_equal(made.pixels, scenes.render(scene, SIDE).pixels)
    assert made.names == scenes.SHAPES and made.boxes.shape == (model.load().queries, 4)
    seen = model.load().detect(made.pixels)
    p = seen.probabilities[-1]
    np.testing.assert_allclose(made.scores, p[:, :-1].max(1), atol=1e-6)
    np.testing.assert_array_equal(made.labels, p[:, :-1].argmax(1))
    np.testing.assert_allclose(centred(made.boxes) / SIDE, seen.boxes[-1], atol=1e-6)
    np.testing.assert_allclose(made.looks.sum((-1, -2)), 1, atol=1e-4)
    np.testing.assert_allclose(made.encoder_attention.sum((-1, -2)), 1, atol=1e-4)
    np.testing.assert_allclose(made.looks, seen.cross_attention.mean(1), atol=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_the_matching_is_scipys_and_the_cost_transformers_own(seed):
    rng = np.random.default_rng(seed)
    weights = dict(zip(("class_cost", "l1_cost", "giou_cost"), rng.uniform(0.1, 8, 3).round(2).tolist(), strict=True))
    made = run(scene_seed=int(rng.integers(1000)), objects=int(rng.integers(1, 7)), moved="4,-3,6,2", **weights)
    n, cost = len(made.true_boxes), made.cost_matrix
    rows, columns = linear_sum_assignment(cost)
    assert made.cost == pytest.approx(cost[rows, columns].sum(), abs=1e-9)
    np.testing.assert_array_equal(made.assignment[columns], rows)
    if n <= 3:
        every = itertools.permutations(range(len(cost)), n)
        best = min(sum(cost[q, i] for i, q in enumerate(chosen)) for chosen in every)
        assert made.cost == pytest.approx(best, abs=1e-9)
    assert made.cost <= made.greedy_cost + 1e-9

    p = torch.from_numpy(model.load().detect(made.pixels).probabilities[-1].astype(float))
    ours, true = (torch.from_numpy(centred(boxes) / SIDE) for boxes in (made.boxes, made.true_boxes))
    targets = [{"class_labels": torch.from_numpy(made.true_labels), "boxes": true}]
    theirs = HungarianMatcher(*weights.values())({"logits": p.log()[None], "pred_boxes": ours[None]}, targets)[0]
    np.testing.assert_array_equal(made.assignment[theirs[1]], theirs[0])


def test_each_term_of_the_cost_by_its_definition():
    made = run(objects=3, scene_seed=31)
    ours, theirs = centred(made.boxes) / SIDE, centred(made.true_boxes) / SIDE
    p = model.load().detect(made.pixels).probabilities[-1]
    for q, i in itertools.product(range(len(ours)), range(len(theirs))):
        a, b = made.boxes[q], made.true_boxes[i]
        hull = np.prod(np.maximum(a[2:], b[2:]) - np.minimum(a[:2], b[:2]))
        shared = np.prod(np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None))
        union = np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared
        want = -p[q, made.true_labels[i]], np.abs(ours[q] - theirs[i]).sum(), (hull - union) / hull - shared / union
        np.testing.assert_allclose(made.cost_terms[:, q, i], want, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(made.cost_matrix, np.tensordot((1, 5, 2), made.cost_terms, 1), atol=1e-9)


def test_greedy_is_never_better_and_sometimes_worse():
    cost = np.array([[1.0, 2.0], [1.1, 9.0]])
    assert greedy(cost) == 10.0 and linear_sum_assignment(cost)[0].tolist() == [0, 1]
    for _ in range(200):
        cost = RNG.normal(size=(int(RNG.integers(2, 9)), int(RNG.integers(1, 6))))
        rows, columns = linear_sum_assignment(cost)
        assert greedy(cost) >= cost[rows, columns].sum() - 1e-12


def test_a_moved_box_stays_a_box_in_the_picture():
    side = np.array([96.0, 96.0])
    np.testing.assert_allclose(moved(np.array([10.0, 20, 30, 40]), np.array([5.0, -4, 6, 2]), side), [12, 15, 38, 37])
    for _ in range(300):
        box = np.sort(RNG.uniform(0, 96, (2, 2)), 0).ravel() + np.array([0, 0, 1, 1])
        made = moved(box, RNG.normal(0, 60, 4), side)
        assert (made[2:] >= made[:2] + 1).all() and (made >= 0).all() and (made <= 97).all()
    still = run()
    for name in ("boxes", "scores", "looks"):
        np.testing.assert_array_equal(getattr(run(moved="9,9,0,0"), name), getattr(still, name))
    assert run(moved="9,9,0,0").cost != still.cost


def test_a_composed_scene_has_the_boxes_that_were_asked_for():
    made = scene_input.from_composition("circle,red,0.25,0.5,0.2; 正方形,blue,0.7,0.5,0.15", 3, 160)
    assert made.labels.tolist() == [0, 1]
    np.testing.assert_allclose(made.boxes[0], (40 - 0.95 * 32, 80 - 0.95 * 32, 40 + 0.95 * 32, 80 + 0.95 * 32), atol=1)
    np.testing.assert_allclose(made.boxes[1], (112 - 0.8 * 24, 80 - 0.8 * 24, 112 + 0.8 * 24, 80 + 0.8 * 24), atol=1)
    dragged = scene_input.from_composition("circle,red,0.25,0.5,0.2,正方形,blue,0.7,0.5,0.15", 3, 160)
    np.testing.assert_array_equal(dragged.pixels, made.pixels)
    hidden = scene_input.from_composition("star,red,0.5,0.5,0.1; square,blue,0.5,0.5,0.3", 3, SIDE)
    assert hidden.labels.tolist() == [1], "what is wholly covered is not there to be found"


@pytest.mark.parametrize(("high", "wide"), [(100, 300), (300, 100), (17, 640), (64, 64)])
def test_a_photograph_of_any_shape_is_looked_at(high, wide):
    pixels = RNG.integers(0, 256, (high, wide, 3)).astype(np.uint8)
    made = run(source="photo", photo=pictures.as_text(pixels))
    assert made.pixels.shape[0] % 8 == made.pixels.shape[1] % 8 == 0 and max(made.pixels.shape) <= SIDE
    assert not made.known and made.true_boxes.shape == (0, 4) and made.cost == 0 and not len(made.assignment)
    assert "nothing is matched or judged" in made.findings[0].text.en
    assert made.segmented.quality is None and made.segmented.labels.shape == made.pixels.shape[:2]


def test_true_boxes_that_a_person_draws_are_matched():
    """Class by name in either language or number, corners in sides of the longer side, in any order, full-width too."""
    pixels = RNG.integers(0, 256, (32, 64, 3)).astype(np.uint8)
    made = run(source="photo", photo=pictures.as_text(pixels), truth="star,0.1,0.05,0.5,0.4；正方形，０.9、0.45，0.75，0.25; 2,0,0,0,0")
    assert made.true_labels.tolist() == [3, 1, 2]
    np.testing.assert_allclose(made.true_boxes, [[6.4, 3.2, 32, 25.6], [48, 16, 57.6, 28.8], [0, 0, 1, 1]], atol=1e-9)
    rows, columns = linear_sum_assignment(made.cost_matrix)
    assert made.cost == pytest.approx(made.cost_matrix[rows, columns].sum()) and not made.findings
    shifted = run(source="photo", photo=pictures.as_text(pixels), truth="star,0.1,0.05,0.5,0.4", moved="5,5,0,0")
    assert shifted.true_boxes[0, 0] == pytest.approx(11.4)


def test_a_model_without_the_scene_s_classes_judges_nothing(folder, tmp_path):
    made = run(model=changed(folder, tmp_path / "other", id2label={"0": "dog", "1": "cat", "2": "cow"}))
    assert not made.known and "none of the classes that are in the picture" in made.findings[0].text.en


def suppressed(boxes, labels, scores, threshold):
    """NMS as one would write it down."""
    kept = []
    for i in np.argsort(-scores, kind="stable"):
        if all(labels[i] != labels[j] or iou(boxes[i : i + 1], boxes[j : j + 1])[0, 0] <= threshold for j in kept):
            kept.append(i)
    return np.isin(np.arange(len(boxes)), kept)


@pytest.mark.parametrize("seed", range(6))
def test_suppression_is_as_it_is_defined(seed):
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 60, (40, 2))
    boxes = np.concatenate([low, low + rng.uniform(5, 40, (40, 2))], 1)
    labels, scores, at = rng.integers(0, 3, 40), rng.random(40).round(1), rng.uniform(0.1, 0.9)
    np.testing.assert_array_equal(replaced.suppress(boxes, labels, scores, at), suppressed(boxes, labels, scores, at))
    assert replaced.suppress(boxes, labels, scores, at, most=3).sum() == 3
    assert replaced.suppress(np.zeros((0, 4)), np.zeros(0, int), np.zeros(0), 0.5).shape == (0,)


def test_anchors_belong_to_what_they_overlap_by_half():
    made = run(objects=4, scene_seed=5)
    placed = replaced.anchors((SIDE, SIDE), 8)
    overlap = iou(placed, made.true_boxes)
    positive = made.replaced.positive
    assert made.replaced.anchors == len(placed) == 9 * (SIDE // 8) ** 2
    assert len(positive.boxes) == (overlap.max(1) >= 0.5).sum() == positive.per_object.sum()
    best = overlap.argmax(1)[overlap.max(1) >= 0.5]
    np.testing.assert_array_equal(positive.per_object, np.bincount(best, minlength=4))
    assert (positive.kept_per_object <= positive.per_object).all()
    queries = run(objects=4, scene_seed=5, threshold=0).replaced.queries
    assert len(queries.boxes) == model.load().queries


def test_slots_are_counted_as_the_metrics_count():
    made = run(pictures=40).slots
    detector = model.load()
    pairs = [data.held_out(slots.FIRST + i, detector.size) for i in range(40)]
    logits, boxes, _ = evaluate.seen_through(detector.model, None, [picture.pixels for _, picture in pairs])
    scores = evaluate.average_precision(logits, boxes, [targets_of(*pair) for pair in pairs], detector.size)
    assert made.ap == pytest.approx(scores["ap"], abs=1e-6) and made.ap50 == pytest.approx(scores["ap50"], abs=1e-6)
    p = np.exp(logits - logits.max(-1, keepdims=True))
    sure = (p / p.sum(-1, keepdims=True))[..., :-1].max(-1) >= slots.SURE
    np.testing.assert_allclose(made.share, sure.mean(0))
    assert len(made.query) == sure.sum() == round(made.share.sum() * 40) and made.share.shape == (detector.queries,)


def test_a_merged_map_covers_every_pixel_once():
    made = run(scene_seed=3)
    s = made.segmented
    assert s.labels.shape == s.true_labels.shape == (SIDE, SIDE) and s.labels.max() < len(s.names) == 10
    queries = np.unique(s.segment[s.labels < 6])
    assert set(queries) <= set(s.kept.tolist())
    for q in queries:
        assert set(np.unique(s.labels[s.segment == q])) == {made.labels[q]}
    assert s.quality == pytest.approx(quality(s), abs=1e-9)


def quality(s):
    """PQ of one picture by its definition."""
    scores = []
    for k in range(len(s.names)):
        true = {int(i) for i in np.unique(s.true_segment[s.true_labels == k])}
        found = {int(i) for i in np.unique(s.segment[s.labels == k])}
        if not true and not found:
            continue
        total, hits = 0.0, 0
        for t, f in itertools.product(true, found):
            a, b = (s.true_segment == t) & (s.true_labels == k), (s.segment == f) & (s.labels == k)
            overlap = (a & b).sum() / (a | b).sum()
            if overlap > 0.5:
                total, hits = total + overlap, hits + 1
        scores.append(total / (hits + (len(true) - hits) / 2 + (len(found) - hits) / 2))
    return np.mean(scores)


# --- models that a person brings ---


def tiny(**changes):
    """A DETR small enough to be saved by a test."""
    backbone = ResNetConfig(embedding_size=8, hidden_sizes=[8, 8, 16, 16], depths=[1, 1, 1, 1], layer_type="basic", out_features=["stage4"])
    names = {0: "circle", 1: "cat", 2: "star"}
    return DetrConfig(
        backbone_config=backbone,
        use_timm_backbone=False,
        num_queries=7,
        d_model=16,
        encoder_layers=1,
        decoder_layers=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        id2label=names,
        **changes,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A saved DETR with random weights."""
    torch.manual_seed(3)
    place = tmp_path_factory.mktemp("models") / "tiny"
    DetrForObjectDetection(tiny()).save_pretrained(place)
    return place


def changed(folder, place, **changes):
    """The same with another configuration."""
    place.mkdir()
    config = json.loads((folder / "config.json").read_text()) | changes
    (place / "config.json").write_text(json.dumps({k: v for k, v in config.items() if v is not None}))
    (place / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    return str(place)


def test_a_folder_of_ones_own_is_seen_as_transformers_sees_it(folder):
    made = run(model=str(folder))
    theirs = DetrForObjectDetection.from_pretrained(folder, attn_implementation="eager").eval()
    inputs = torch.from_numpy(made.pixels.copy()).permute(2, 0, 1)[None].float() / 255
    inputs = torch.nn.functional.interpolate(inputs, (480, 480), mode="bilinear", antialias=True)
    mean, deviation = (torch.tensor(v)[:, None, None] for v in (hub.MEAN, hub.DEVIATION))
    with torch.inference_mode():
        out = theirs(pixel_values=(inputs - mean) / deviation, output_attentions=True)
    p = out.logits[0].softmax(-1)[:, :-1]
    np.testing.assert_allclose(made.scores, p.max(-1).values, atol=1e-5)
    np.testing.assert_allclose(centred(made.boxes) / SIDE, out.pred_boxes[0], atol=1e-5)
    h, w = made.looks.shape[-2:]
    assert h == w == 15
    np.testing.assert_allclose(made.looks[-1].reshape(7, -1), out.cross_attentions[-1][0].mean(0), atol=1e-5)
    assert set(made.true_labels) <= {0, 2}, "objects of classes that it does not know are not to be matched"
    assert made.segmented is made.slots is made.training is None
    assert detr.cost_of(Detr.parse({"model": str(folder)})) == "seconds"


def test_weights_by_their_old_names_are_read(folder, tmp_path):
    from safetensors.torch import load_file, save_file

    names = (("backbone.model.", "backbone.conv_encoder.model."), (".o_proj.", ".out_proj."), (".mlp.fc", ".fc"))
    state = {}
    for key, value in load_file(folder / "model.safetensors").items():
        for new, old in names:
            key = key.replace(new, old)
        state[key] = value
    (tmp_path / "old").mkdir()
    save_file(state, tmp_path / "old" / "model.safetensors")
    (tmp_path / "old" / "config.json").write_text((folder / "config.json").read_text())
    a, b = run(model=str(folder)), run(model=str(tmp_path / "old"))
    np.testing.assert_array_equal(a.boxes, b.boxes)


def test_a_model_that_cannot_be_opened_is_one_sentence(folder, tmp_path, monkeypatch):
    old = {"backbone_config": None, "use_timm_backbone": True, "backbone": "resnet50"}
    sentences = {
        changed(folder, tmp_path / "a", **old): "takes its backbone from timm",
        changed(folder, tmp_path / "b", backbone_config={"model_type": "timm_backbone"}): "its backbone from timm",
        changed(folder, tmp_path / "c", model_type="bert"): "it is no DETR",
        changed(folder, tmp_path / "d", num_queries=5000): "num_queries must be from 1 to 1000",
        changed(folder, tmp_path / "e", num_queries=8): "transformers cannot use its safetensors",
        changed(folder, tmp_path / "f", encoder_attention_heads=3): "transformers cannot use its",
        str(tmp_path / "none"): "model must be a folder that exists",
        "a b": "model must be embedded, a Hub id",
        "owner/name@../up": "a revision must be the name of a branch",
    }
    for given, sentence in sentences.items():
        with pytest.raises(Refused) as told:
            run(model=given)
        assert sentence in told.value.en and told.value.zh and told.value.name == "model", given
    monkeypatch.setenv("ORRERY_HUB_MODELS", "none")
    with pytest.raises(Refused, match="switched off"):
        run(model="facebook/detr-resnet-50")
    monkeypatch.delenv("ORRERY_PRIVATE")
    with pytest.raises(Refused, match="a path is not opened"):
        run(model=str(folder), scene_seed=77)


def test_the_revision_without_timm_is_taken_by_itself(monkeypatch):
    asked = []
    monkeypatch.setenv("ORRERY_HUB_MODELS", "all")

    def fetch(name, revision):
        asked.append((name, revision))
        raise Refused(T("no", "否"), "model")

    monkeypatch.setattr(hub.hub, "fetch", fetch)
    for name in ("facebook/detr-resnet-50", "facebook/detr-resnet-50@main", "owner/name", "owner/name@v2"):
        with pytest.raises(Refused):
            run(model=name)
    known = "facebook/detr-resnet-50"
    assert asked == [(known, "no_timm"), (known, "main"), ("owner/name", None), ("owner/name", "v2")]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"size": 90}, "size must be a multiple of 8; got 90"),
        ({"moved": "1,2"}, "moved must be four finite numbers"),
        ({"moved": "nan,0,0,0"}, "moved must be four finite numbers"),
        ({"source": "compose", "composition": ""}, "composition must have 1 to 8 shapes"),
        ({"source": "compose", "composition": "circle,red,0.5,0.5"}, "composition must have 1 to 8 shapes"),
        ({"source": "compose", "composition": "cat,red,0.5,0.5,0.1"}, "composition must have a shape among circle"),
        ({"source": "compose", "composition": "circle,pink,0.5,0.5,0.1"}, "composition must have a colour among red"),
        ({"source": "compose", "composition": "circle,red,1.5,0.5,0.1"}, "composition must have x from 0 to 1; got"),
        ({"source": "compose", "composition": "circle,red,nan,0.5,0.1"}, "composition must have x from 0 to 1"),
        ({"source": "compose", "composition": "circle,red,0.5,0.5,0.9"}, "composition must have radius from 0.03"),
        ({"source": "photo", "photo": "/etc/passwd"}, "photo must be one of"),
        ({"source": "photo", "photo": "data:image/png;base64,AAAA"}, "photo "),
        ({"source": "photo", "truth": "circle,0,0,1"}, "truth must have 0 to 8 boxes, each class,x0,y0,x1,y1; got"),
        ({"source": "photo", "truth": "cat,0,0,1,1"}, "truth must have classes of the model, such as circle; got 'cat'"),
        ({"source": "photo", "truth": "star,0,0,1,nan"}, "truth must have numbers from 0 to 1 as corners; got"),
        ({"threshold": 2}, "threshold must be a number from 0 to 1; got 2"),
    ],
)
def test_bad_input_is_one_sentence(given, sentence):
    with pytest.raises(Refused) as told:
        run(**given)
    assert str(told.value).startswith(sentence) and told.value.zh


def test_what_does_not_exist_is_said():
    made = run(layer=12, query=999)
    L, Q = len(made.layer_boxes), len(made.boxes)
    assert (made.layer, made.query) == (L, Q - 1) and len(made.findings) == 2
    assert dataclasses.replace(made, findings=()) is not made and "layers" in made.findings[0].text.en
    assert run(layer=1, query=0).findings == ()
