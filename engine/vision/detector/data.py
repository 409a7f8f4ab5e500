"""Scenes as the detector learns from them: rendered once, turned and mirrored with their exact boxes ever after."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy import ndarray

from engine.data import scenes
from engine.data.scenes import Picture, Scene

LEARNED, HELD_OUT = 21, 22  # seeds of the scenes
OBJECTS = (1, 6)
PARTS = ("pixels", "instance", "ground", "labels", "boxes")


@dataclass(frozen=True)
class Batch:
    """B pictures of S × S pixels with up to N objects each.

    pixels (B, S, S, 3) uint8; instance (B, S, S) int8, −1 for ground; ground (B, S, S) uint8; labels (B, N), −1 where
    there is no object; boxes (B, N, 4), centre and size in sides of the picture, zeros where none is seen.
    """

    pixels: ndarray
    instance: ndarray
    ground: ndarray
    labels: ndarray
    boxes: ndarray

    def turned(self, symmetry: int) -> Batch:
        """One of the square's eight symmetries: 1 mirrors left to right, 2 top to bottom, 4 swaps the two axes."""
        pixels, instance, ground, boxes = self.pixels, self.instance, self.ground, self.boxes.copy()
        if symmetry & 1:
            pixels, instance, ground = pixels[:, :, ::-1], instance[:, :, ::-1], ground[:, :, ::-1]
            boxes[..., 0] = 1 - boxes[..., 0]
        if symmetry & 2:
            pixels, instance, ground = pixels[:, ::-1], instance[:, ::-1], ground[:, ::-1]
            boxes[..., 1] = 1 - boxes[..., 1]
        if symmetry & 4:
            pixels, instance, ground = pixels.swapaxes(1, 2), instance.swapaxes(1, 2), ground.swapaxes(1, 2)
            boxes = boxes[..., [1, 0, 3, 2]]
        return Batch(*(np.ascontiguousarray(p) for p in (pixels, instance, ground)), self.labels, boxes)


def held_out(index: int, size: int) -> tuple[Scene, Picture]:
    """A scene that no training has seen."""
    scene = scenes.compose(HELD_OUT, index, OBJECTS)
    return scene, scenes.render(scene, size)


def rendered(folder: Path, count: int, size: int) -> Batch:
    """The first `count` scenes to learn from, on disk in `folder`, rendered there when they are not yet."""
    paths = [folder / f"{part}-{count}-{size}.npy" for part in PARTS]
    if not all(path.is_file() for path in paths):
        folder.mkdir(parents=True, exist_ok=True)
        for path, array in zip(paths, _painted(count, size), strict=True):
            np.save(path, array)
    return Batch(*(np.load(path, mmap_mode="r") for path in paths))


def _painted(count: int, size: int) -> tuple[ndarray, ...]:
    pixels = np.empty((count, size, size, 3), np.uint8)
    instance, ground = np.empty((count, size, size), np.int8), np.empty((count, size, size), np.uint8)
    labels, boxes = np.full((count, OBJECTS[1]), -1, np.int8), np.zeros((count, OBJECTS[1], 4), np.float32)
    for i in range(count):
        scene = scenes.compose(LEARNED, i, OBJECTS)
        picture = scenes.render(scene, size)
        pixels[i], instance[i], ground[i] = picture.pixels, picture.instance, picture.ground
        n = len(scene)
        corner = picture.boxes / size
        labels[i, :n] = np.where(picture.boxes[:, 2] > picture.boxes[:, 0], scene.shape, -1)
        boxes[i, :n] = np.concatenate([(corner[:, :2] + corner[:, 2:]) / 2, corner[:, 2:] - corner[:, :2]], 1)
    return pixels, instance, ground, labels, boxes


def chosen(data: Batch, count: int, rng: np.random.Generator) -> Batch:
    """`count` pictures at random, under one random symmetry; objects of which nothing is seen are moved last."""
    which = np.sort(rng.integers(0, len(data.pixels), count))
    return Batch(*(np.asarray(getattr(data, part)[which]) for part in PARTS)).turned(int(rng.integers(8)))


def tokens(instance: ndarray, stride: int, least: float = 0.15) -> ndarray:
    """(B, h, w) the object that covers most of each token's patch, −1 where none covers a share `least` of it."""
    B, H, W = instance.shape
    patches = instance.reshape(B, H // stride, stride, W // stride, stride)
    shares = np.stack([(patches == i).mean((2, 4)) for i in range(OBJECTS[1])], -1)
    best = shares.argmax(-1)
    return np.where(shares.max(-1) >= least, best, -1)
