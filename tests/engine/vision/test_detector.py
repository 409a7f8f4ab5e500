"""The embedded detector: matching and losses held to transformers', its data, its head, its recipe, its checkpoint."""

from __future__ import annotations

import dataclasses
import itertools
import sys

import numpy as np
import pytest
import torch
from transformers import DetrForObjectDetection
from transformers.image_transforms import center_to_corners_format
from transformers.loss.loss_for_object_detection import ForObjectDetectionLoss, HungarianMatcher, generalized_box_iou

from engine.core import checkpoints
from engine.data import scenes
from engine.vision.detector import architecture, data, evaluate, learning, matching, model, panoptic, train
from engine.vision.detector.architecture import Shape

SMALL = Shape(
    size=32,
    width=32,
    inner=32,
    heads=2,
    grid=3,
    stem=16,
    channels=(16, 32),
    depths=(1, 1),
    encoder_layers=1,
    decoder_layers=2,
    mask_width=8,
)


@pytest.fixture(scope="module")
def fresh() -> model.Detector:
    return model.fresh()


def drawn(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Random boxes, centre and size."""
    return np.concatenate([rng.uniform(0.1, 0.9, (*shape, 2)), rng.uniform(0.05, 0.5, (*shape, 2))], -1)


def example(seed: int, B: int = 4, Q: int = 9, C: int = 6, N: int = 5):
    """Random predictions and targets of a batch, padded; the first picture has no object at all."""
    rng = np.random.default_rng(seed)
    counts = np.array([0, *rng.integers(1, N + 1, B - 1)])
    labels = np.full((B, N), -1)
    boxes = np.zeros((B, N, 4), np.float32)
    for b, n in enumerate(counts):
        labels[b, :n], boxes[b, :n] = rng.integers(0, C, n), drawn(rng, n)
    logits = torch.from_numpy(rng.normal(0, 2, (2, B, Q, C + 1)).astype(np.float32))
    found = torch.from_numpy(drawn(rng, 2, B, Q).astype(np.float32))
    return logits, found, labels, boxes, counts


@pytest.mark.parametrize("seed", range(20))
def test_the_three_terms_are_those_of_transformers(seed):
    logits, found, labels, boxes, counts = example(seed)
    ids, wanted = labels[3, : counts[3]], boxes[3, : counts[3]]
    kind, apart, overlap = matching.cost_terms(logits[0, 3].numpy(), found[0, 3].numpy(), ids, wanted)
    theirs = torch.from_numpy(wanted)
    np.testing.assert_allclose(kind, -logits[0, 3].softmax(-1)[:, ids], atol=1e-6)
    np.testing.assert_allclose(apart, torch.cdist(found[0, 3], theirs, p=1), atol=1e-6)
    corners = [center_to_corners_format(b) for b in (found[0, 3], theirs)]
    np.testing.assert_allclose(overlap, -generalized_box_iou(*corners), atol=1e-5)


@pytest.mark.parametrize("seed", range(20))
def test_the_assignment_is_that_of_transformers(seed):
    logits, found, labels, boxes, counts = example(seed)
    targets = [{"class_labels": torch.from_numpy(labels[b, :n]), "boxes": torch.from_numpy(boxes[b, :n])} for b, n in enumerate(counts)]
    matcher = HungarianMatcher(matching.CLASS, matching.L1, matching.GIOU)
    expected = matcher({"logits": logits[0], "pred_boxes": found[0]}, targets)
    kinds, wanted = torch.from_numpy(labels).clamp(min=0), torch.from_numpy(boxes)
    given = matching.batched_assign(matching.batched_costs(logits[0], found[0], kinds, wanted), counts)
    for b, (queries, objects) in enumerate(expected):
        terms = matching.cost_terms(logits[0, b].numpy(), found[0, b].numpy(), labels[b, : counts[b]], boxes[b, : counts[b]])
        pairs = matching.assign(matching.total_cost(terms))
        assert pairs.tolist() == torch.stack([queries, objects], -1).tolist()
        assert (given[b] >= 0).sum() == counts[b]
        assert given[b, queries].tolist() == objects.tolist()


@pytest.mark.parametrize("seed", range(10))
def test_no_other_assignment_costs_less(seed):
    cost = np.random.default_rng(seed).normal(size=(6, 4))
    pairs = matching.assign(cost)
    best = min(cost[list(rows), range(4)].sum() for rows in itertools.permutations(range(6), 4))
    assert cost[pairs[:, 0], pairs[:, 1]].sum() == pytest.approx(best, abs=1e-12)


@pytest.mark.parametrize("seed", range(10))
def test_the_loss_and_its_gradient_are_those_of_transformers(seed):
    logits, found, labels, boxes, counts = example(seed)
    config = architecture.config_of(dataclasses.replace(SMALL, classes=6))
    targets = [{"class_labels": torch.from_numpy(labels[b, :n]), "boxes": torch.from_numpy(boxes[b, :n])} for b, n in enumerate(counts)]
    slopes = []
    for ours in (True, False):
        values = logits.clone().requires_grad_(), found.clone().requires_grad_()
        if ours:
            seen = architecture.Sight(*values, *[torch.empty(0)] * 3)
            loss, terms, _ = learning.detection_loss(seen, torch.from_numpy(labels), torch.from_numpy(boxes), matching.NO_OBJECT)
        else:
            loss, parts, _ = ForObjectDetectionLoss(values[0][-1], targets, "cpu", values[1][-1], config, values[0], values[1])
            np.testing.assert_allclose(terms[-1], [parts[f"loss_{k}"].item() for k in ("ce", "bbox", "giou")], rtol=1e-5)
        loss.backward()
        slopes.append((loss.item(), *(v.grad for v in values)))
    assert slopes[0][0] == pytest.approx(slopes[1][0], rel=1e-5)
    for a, b in zip(slopes[0][1:], slopes[1][1:], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_an_object_that_is_not_seen_is_not_sought():
    """One hidden in the middle of the list changes nothing, and places keep the scene's numbers."""
    logits, found, labels, boxes, _ = example(1)
    hidden = np.insert(labels, 1, -1, 1), np.insert(boxes, 1, 0, 1)
    seen = architecture.Sight(logits, found, *[torch.empty(0)] * 3)
    plain = learning.detection_loss(seen, torch.from_numpy(labels), torch.from_numpy(boxes), 0.1)
    moved = learning.detection_loss(seen, torch.from_numpy(hidden[0]), torch.from_numpy(hidden[1]), 0.1)
    assert moved[0].item() == pytest.approx(plain[0].item(), rel=1e-6)
    assert torch.equal(torch.where(plain[2] >= 1, plain[2] + 1, plain[2]), moved[2])


@pytest.mark.parametrize("symmetry", range(8))
def test_turned_boxes_are_those_of_the_turned_pictures(tmp_path, symmetry):
    store = data.rendered(tmp_path, 6, 48)
    turned = data.Batch(*(np.asarray(getattr(store, part)) for part in data.PARTS)).turned(symmetry)
    for b in range(6):
        n = int((turned.labels[b] >= 0).sum())
        expected = matching.centred(scenes.boxes(turned.instance[b], n) / 48)
        np.testing.assert_allclose(turned.boxes[b, :n], expected, atol=1e-6)
    assert not set(map(bytes, turned.pixels)) & set(map(bytes, np.asarray(store.pixels))) or symmetry == 0


def test_scenes_are_rendered_once(tmp_path):
    first = data.rendered(tmp_path, 5, 32)
    times = {p: p.stat().st_mtime_ns for p in tmp_path.iterdir()}
    again = data.rendered(tmp_path, 5, 32)
    assert times == {p: p.stat().st_mtime_ns for p in tmp_path.iterdir()}
    np.testing.assert_array_equal(first.pixels, again.pixels)
    scene = scenes.compose(data.LEARNED, 4, data.OBJECTS)
    picture = scenes.render(scene, 32)
    np.testing.assert_array_equal(first.pixels[4], picture.pixels)
    targets = matching.targets_of(scene, picture)
    np.testing.assert_allclose(first.boxes[4, targets.place], targets.boxes, atol=1e-6)
    np.testing.assert_array_equal(first.labels[4, targets.place], targets.labels)


def test_a_token_is_the_object_that_covers_most_of_it():
    instance = np.full((1, 16, 16), -1, np.int8)
    instance[0, :8, :8] = 2
    instance[0, :3, :8] = 1
    instance[0, 8:, 8:11] = 4  # three eighths
    instance[0, 8, :8] = 3  # one eighth: too little
    assert data.tokens(instance, 8).tolist() == [[[2, -1], [-1, 4]]]


def test_the_model_is_transformers_own_without_timm(fresh):
    assert isinstance(fresh.model, DetrForObjectDetection)
    assert "timm" not in sys.modules
    assert fresh.queries == 16 and len(fresh.classes) == 6 and len(fresh.grounds) == 4
    assert not any("Frozen" in type(m).__name__ for m in fresh.model.modules())


def test_a_query_is_encoded_as_the_token_it_stands_on(fresh):
    own = fresh.model.model.position_embedding(torch.Size((1, 128, 6, 9)), "cpu", torch.float32)[0]
    y, x = np.mgrid[0:6, 0:9]
    places = torch.from_numpy(np.stack([(x + 0.5) / 9, (y + 0.5) / 6], -1)).float()
    np.testing.assert_allclose(fresh.model.encode(places, (6, 9)).permute(2, 0, 1), own, atol=1e-4)


def test_before_training_a_query_looks_around_its_place(fresh):
    _, picture = data.held_out(0, fresh.size)
    look = fresh.detect(picture.pixels).cross_attention[0]  # (heads, Q, h, w)
    y, x = (np.mgrid[0:8, 0:8] + 0.5) / 8
    down, across = (np.mgrid[:4, :4].reshape(2, 16, 1, 1) + 0.5) / 4  # the grid that queries start from
    near = np.hypot(x - across, y - down) < 0.2
    assert (look * near).sum((2, 3)).min() > 0.5 > 2.5 * near.mean((1, 2)).max()


def test_before_training_the_layers_are_the_plainest(fresh):
    """The encoder passes its input; the decoder's first layer fetches what it looks at; so both heads can read it."""
    pixels = architecture.normalised(torch.from_numpy(data.held_out(0, 64)[1].pixels[None]))
    with torch.no_grad():
        tokens, position, _, shape = fresh.model.extract(pixels)
        seen = fresh.model.see(pixels)
        normal = torch.nn.functional.layer_norm(tokens, tokens.shape[-1:])
        look = fresh.model.model.decoder.layers[0].encoder_attn
        start = fresh.model.model.query_position_embeddings.weight[None]
        weights = look(torch.zeros_like(start), normal, position_embeddings=start, encoder_position_embeddings=position)[1]
        fetched = torch.stack([weights[0].mean(0) @ normal[0]])
    torch.testing.assert_close(seen.memory, normal, atol=1e-4, rtol=1e-4)
    every = torch.nn.functional.cosine_similarity(seen.hidden[0], fetched, -1)
    assert every.min() > 0.95 and shape == (8, 8)


def test_outputs_and_loss_are_those_of_the_class(fresh):
    _, picture = data.held_out(2, fresh.size)
    targets = matching.targets_of(*data.held_out(2, fresh.size))
    pixels = architecture.normalised(torch.from_numpy(picture.pixels[None]))
    labels = [{"class_labels": torch.from_numpy(targets.labels), "boxes": torch.from_numpy(targets.boxes).float()}]
    with torch.no_grad():
        out = fresh.model(pixels, labels=labels)
        seen = fresh.model.see(pixels)
    detected = fresh.detect(picture.pixels)
    np.testing.assert_allclose(out.logits[0], detected.logits[-1], atol=1e-5)
    np.testing.assert_allclose(out.pred_boxes[0], detected.boxes[-1], atol=1e-6)
    ours, _, _ = learning.detection_loss(
        seen, torch.from_numpy(targets.labels)[None], torch.from_numpy(targets.boxes)[None].float(), matching.NO_OBJECT
    )
    assert out.loss.item() == pytest.approx(ours.item(), rel=1e-5)


@pytest.mark.parametrize("sides", [(64, 64), (32, 96), (128, 80)])
def test_every_part_of_a_detection_has_its_shape(fresh, sides):
    pixels = np.random.default_rng(0).integers(0, 256, (*sides, 3), np.uint8)
    found = fresh.detect(pixels)
    h, w = sides[0] // 8, sides[1] // 8
    assert found.logits.shape == (3, 16, 7) and found.boxes.shape == (3, 16, 4)
    assert found.cross_attention.shape == (3, 4, 16, h, w)
    assert found.encoder_attention.shape == (2, 4, h * w, h * w)
    assert found.masks.shape == (16, sides[0] // 2, sides[1] // 2) and found.stuff.shape[0] == 4
    np.testing.assert_allclose(found.cross_attention.sum((3, 4)), 1, atol=1e-5)
    np.testing.assert_allclose(found.encoder_attention.sum(-1), 1, atol=1e-5)
    np.testing.assert_allclose(found.probabilities.sum(-1), 1, atol=1e-5)


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros(shape, dtype)
        for shape, dtype in [
            ((64, 60, 3), np.uint8),
            ((64, 64), np.uint8),
            ((64, 64, 3), float),
            ((264, 64, 3), np.uint8),
            ((24, 64, 3), np.uint8),
            ((64, 64, 4), np.uint8),
        ]
    ],
)
def test_what_is_no_picture_is_refused(fresh, pixels):
    with pytest.raises(ValueError, match="pixels must be"):
        fresh.detect(pixels)


def test_perfect_boxes_have_an_ap_of_one_and_shifted_ones_less():
    targets = [matching.targets_of(*data.held_out(i, 64)) for i in range(20)]
    Q = max(len(t.labels) for t in targets)
    logits, boxes = np.full((20, Q, 7), -9.0, np.float32), np.full((20, Q, 4), 0.01, np.float32)
    logits[..., 6] = 9
    for i, t in enumerate(targets):
        n = len(t.labels)
        logits[i, :n, 6], boxes[i, :n] = -9, t.boxes
        logits[i, np.arange(n), t.labels] = 9
    assert evaluate.average_precision(logits, boxes, targets, 64)["ap"] == pytest.approx(1)
    boxes[..., 0] += boxes[..., 2] * 0.2  # IoU 0.8 / 1.2 = 2 / 3
    shifted = evaluate.average_precision(logits, boxes, targets, 64)
    assert shifted["ap50"] == pytest.approx(1) and shifted["ap75"] == 0 and shifted["ap"] == pytest.approx(0.4)


def test_true_masks_have_a_panoptic_quality_of_one():
    truths, cut, every = [], [], []
    for i in range(12):
        scene, picture = data.held_out(i, 64)
        truths.append(evaluate.truth_of(scene, picture))
        logits = np.full((8, 7), -9.0)
        logits[:, 6] = 9
        n = len(scene)
        logits[:n, 6] = -9
        logits[np.arange(n), scene.shape] = 9
        masks = np.stack([np.where(picture.instance == q, 20.0, -20.0) for q in range(8)])
        every.append(logits)
        cut.append((masks, np.stack([np.where(picture.ground == g, 20.0, -20.0) for g in range(4)])))
    made = evaluate.panoptic_quality(every, cut, truths)
    assert made["pq"] == made["sq"] == made["rq"] == 1
    cut[0] = (cut[0][0], np.roll(cut[0][1], 1, 0))
    assert evaluate.panoptic_quality(every, cut, truths)["pq"] < 1


def test_pixels_go_to_the_surest_query():
    logits = np.array([[4.0, 0, 0], [0, 3.0, 0], [0, 0, 5.0]])
    masks = np.full((3, 4, 4), -9.0)
    masks[0, :, :3], masks[1, :, 2:], masks[2] = 2, 5, 9
    found = panoptic.merge(logits, masks, np.zeros((2, 4, 4)), (4, 4))
    assert found.segment.tolist() == [[0, 0, 1, 1]] * 4 and found.queries == (0, 1)
    assert found.labels.tolist() == [[0, 0, 1, 1]] * 4  # the third query sees no object, sure as its mask is
    none = panoptic.merge(logits, np.full((3, 4, 4), -9.0), np.stack([np.zeros((4, 4)), np.ones((4, 4))]), (4, 4))
    assert (none.labels == 3).all() and (none.segment == 4).all() and none.queries == ()


def test_a_mask_fades_outside_its_box():
    far = panoptic.outside(torch.tensor([[[0.5, 0.5, 0.5, 0.5]]]), 8, 8)[0, 0]
    inside = torch.zeros(8, 8, dtype=torch.bool)
    inside[2:6, 2:6] = True
    assert (far[inside] == 0).all() and (far[~inside] > 0).all()
    assert far[0, 4] == pytest.approx(4 * (0.4375 / 0.5 - 0.5))


def test_the_mask_loss_vanishes_on_the_truth_alone():
    rng = np.random.default_rng(0)
    instance = torch.from_numpy(rng.integers(-1, 3, (2, 8, 8)))
    ground = torch.from_numpy(rng.integers(0, 4, (2, 8, 8)))
    given = torch.tensor([[0, -1, 1, 2], [2, 0, 1, -1]])
    masks = torch.where(instance[:, None] == given[..., None, None], 30.0, -30.0)
    stuff = torch.stack([torch.where(ground == g, 30.0, -30.0) for g in range(4)], 1)
    assert panoptic.mask_loss(masks, stuff, instance, ground, given).item() == pytest.approx(0, abs=1e-3)
    assert panoptic.mask_loss(-masks, stuff, instance, ground, given) > 10
    assert panoptic.mask_loss(masks, -stuff, instance, ground, given) > 10


def test_the_rate_stays_until_its_fall_wherever_the_end_is():
    long, short = learning.Plan(steps=900, decay=100), learning.Plan(steps=500, decay=100)
    assert [long.factor(s) for s in range(400)] == [short.factor(s) for s in range(400)]
    assert short.factor(499) == 0.01 and long.factor(0) == 1 / 200 and long.factor(600) == 1


PLAN = learning.Plan(SMALL, scenes=24, token_steps=3, steps=6, decay=2, mask_steps=4, batch=4, warm_up=2, every=2, judged=4, final=8)


@pytest.mark.slow
def test_what_the_recipe_makes_is_read_back(tmp_path):
    train.train(tmp_path, "cpu", True, lambda *_: None, plan=PLAN)
    found = model.read("detr", tmp_path / "checkpoints")
    _, picture = data.held_out(0, 32)
    assert found.detect(picture.pixels).boxes.shape == (2, 9, 4)
    with np.load(tmp_path / "checkpoints" / "detr" / "training.npz") as kept:
        assert kept["boxes"].shape == (7, 2, 9, 4)


@pytest.mark.slow
@pytest.mark.reproduces("detr")
def test_the_checkpoint_reaches_what_its_meta_says():
    """All of the scenes that it was judged on, once more."""
    meta, found = model.meta(), model.load()
    scores = evaluate.judge(found.model, found.head, found.size, meta["metrics"]["scenes"])
    for name, value in scores.items():
        assert value == pytest.approx(meta["metrics"][name], abs=2e-3), name
    assert scores["ap"] >= 0.5 and meta["metrics"]["scenes"] >= 500


def test_the_replay_is_of_the_scene_that_it_names():
    kept = model.replay()
    targets = matching.targets_of(*data.held_out(kept.index, model.load().size))
    assert kept.seed == data.HELD_OUT and (np.diff(kept.step) > 0).all() and len(kept.step) > 20
    for k in (0, len(kept.step) // 2, -1):
        terms = matching.cost_terms(kept.logits[k, -1], kept.boxes[k, -1], targets.labels, targets.boxes)
        pairs = matching.assign(matching.total_cost(terms))
        assert kept.given[k, pairs[:, 0]].tolist() == targets.place[pairs[:, 1]].tolist()
        assert terms[1][pairs[:, 0], pairs[:, 1]].mean() == pytest.approx(kept.terms[k, -1, 1], rel=0.02, abs=2e-3)
    assert kept.terms[-1].sum() < kept.terms[0].sum() / 2


def test_the_checkpoint_is_small_and_loads_strictly():
    folder = checkpoints.ROOT / "detr"
    assert max(p.stat().st_size for p in folder.iterdir()) < 10_000_000
    found = checkpoints.load("detr", "detr")
    built = architecture.build(architecture.revived(found.config["shape"]))
    mine = {k.removeprefix("detector."): v for k, v in found.state.items() if k.startswith("detector.")}
    with pytest.raises(ValueError, match="query_position_embeddings"):
        checkpoints.fill(built, {k: v for k, v in mine.items() if k != "model.query_position_embeddings.weight"})
