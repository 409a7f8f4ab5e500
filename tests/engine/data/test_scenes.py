"""Scenes: the same at every size and in every order, and the truth about them is the truth."""

from __future__ import annotations

import numpy as np
import pytest

from engine.core import Refused
from engine.data import scenes
from engine.data.scenes import shapes
from engine.data.scenes.names import RGB

RNG = np.random.Generator(np.random.PCG64(5))
PAIRS = [(int(a), int(b)) for a, b in RNG.integers(0, 10**6, (12, 2))]
# What each figure encloses, in squares of its radius; the star is ten triangles about its centre.
STAR = 10 * 0.5 * shapes.STAR_INNER * np.sin(np.pi / 5)
AREAS = (
    np.pi * 0.95**2,
    4 * shapes.SQUARE_HALF**2,
    3 * np.sqrt(3) * 0.52**2,
    STAR,
    4 * shapes.CROSS_WIDE * (2 * shapes.CROSS_LONG - shapes.CROSS_WIDE),
    4 * np.pi * shapes.RING_MIDDLE * shapes.RING_HALF,
)


@pytest.mark.parametrize(("seed", "index"), PAIRS)
def test_a_scene_is_its_seed_and_index(seed, index):
    one, other = (scenes.render(scenes.compose(seed, index), 96) for _ in range(2))
    scenes.render(scenes.compose(seed + 1, index), 64)  # whatever is drawn between
    for field in ("pixels", "instance", "ground", "boxes", "visible"):
        np.testing.assert_array_equal(getattr(one, field), getattr(other, field))
    assert not np.array_equal(one.pixels, scenes.render(scenes.compose(seed, index + 1), 96).pixels)


@pytest.mark.parametrize(("seed", "index"), PAIRS)
def test_every_size_shows_the_same_scene(seed, index):
    scene = scenes.compose(seed, index)
    small, large = scenes.render(scene, 64), scenes.render(scene, 256)
    assert small.pixels.shape == (64, 64, 3) and large.pixels.shape == (256, 256, 3)
    np.testing.assert_allclose(large.boxes / 4, small.boxes, atol=1.3)
    shrunk = large.pixels.reshape(64, 4, 64, 4, 3).mean((1, 3))
    assert np.abs(shrunk - small.pixels).mean() < 8, "the same picture, but for its noise"


@pytest.mark.parametrize(("seed", "index"), PAIRS)
def test_boxes_and_masks_say_where_things_are(seed, index):
    scene = scenes.compose(seed, index)
    picture = scenes.render(scene, 128)
    np.testing.assert_array_equal(scenes.instances(scene, 128), picture.instance)
    assert 1 <= len(scene) <= scenes.MOST and picture.instance.max() < len(scene)
    for i in range(len(scene)):
        rows, columns = np.nonzero(picture.mask(i))
        expected = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
        np.testing.assert_array_equal(picture.boxes[i], expected)
        centre = 128 * np.array([scene.x[i], scene.y[i]])
        assert np.hypot(rows + 0.5 - centre[1], columns + 0.5 - centre[0]).max() <= 1.15 * 128 * scene.radius[i] + 1
    assert picture.visible.min() > 0.25 and picture.visible.max() <= 1 and picture.visible[-1] == 1


@pytest.mark.parametrize("kind", range(6), ids=[name for name, _ in scenes.SHAPES])
def test_a_shape_covers_its_area_at_every_angle(kind):
    step = np.linspace(-1.3, 1.3, 1301, dtype=np.float32)
    angle = RNG.uniform(0, 2 * np.pi)
    u, v = np.cos(angle) * step + np.sin(angle) * step[:, None], np.cos(angle) * step[:, None] - np.sin(angle) * step
    distance = shapes.DISTANCES[kind](u.astype(np.float32), v.astype(np.float32))
    assert (distance < 0).mean() * 2.6**2 == pytest.approx(AREAS[kind], rel=4e-3)
    rise = np.hypot(*np.gradient(distance, step[1] - step[0]))
    near = np.abs(distance) < 0.02
    assert np.median(rise[near]) == pytest.approx(1, abs=0.01), "what the renderer smooths the edge by"


def test_edges_are_smoothed():
    """The pixels' mean darkness follows the covered area to a hundredth, far below what whole pixels would allow."""
    scene = scenes.compose(1, 2, (1, 1))
    masks = [(scenes.render(scene, size).instance == 0).mean() for size in (32, 256)]
    assert masks[0] == pytest.approx(masks[1], rel=0.1)
    exact = AREAS[scene.shape[0]] * scene.radius[0] ** 2
    assert masks[1] == pytest.approx(exact, rel=0.02)


def test_colours_are_told_apart_and_all_kinds_occur():
    gaps = np.linalg.norm(RGB[:, None] - RGB, axis=-1)[np.triu_indices(len(RGB), 1)]
    assert gaps.min() > 60
    many = [scenes.compose(7, i) for i in range(400)]
    for field, kinds in (("shape", 6), ("colour", 8), ("surface", 4), ("size", 3)):
        counts = np.bincount(np.concatenate([getattr(s, field) for s in many]), minlength=kinds)
        assert len(counts) == kinds and counts.min() > 0
    shape = np.bincount(np.concatenate([s.shape for s in many]), minlength=6)
    expected = shape.sum() / 6
    assert ((shape - expected) ** 2 / expected).sum() < 30, "shapes are drawn evenly"
    assert {len(s) for s in many} == set(range(1, scenes.MOST + 1))


@pytest.mark.parametrize(("seed", "index"), PAIRS[:4])
def test_a_caption_names_everything(seed, index):
    scene = scenes.compose(seed, index)
    en, zh = scenes.caption(scene)
    for i in range(len(scene)):
        assert scenes.SHAPES[scene.shape[i]][0] in en and scenes.COLOURS[scene.colour[i]][1] in zh
    assert en.count(" on ") == 1 and zh.endswith("上")


def test_the_number_of_objects_is_kept_or_refused():
    assert all(len(scenes.compose(0, i, (1, 1))) == 1 for i in range(20))
    for bad in ((0, 3), (4, 2), (1, 9)):
        with pytest.raises(Refused, match="objects must be from 1 to 8"):
            scenes.compose(0, 0, bad)
