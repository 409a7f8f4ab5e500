"""The pictures that the models learn from, and those kept from them: scenes of one object, and handwritten digits."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy import ndarray

from engine.core.words import T
from engine.data import scenes

# "training": the denoiser and the noise-aware classifier. "judging": the independent classifier. "held out": neither.
Part = Literal["training", "judging", "held out"]
SCENES_SEEDS: dict[Part, int] = {"training": 101, "judging": 102, "held out": 103}
RADII = (0.30, 0.36)  # of a scene's object, in sides of the picture
DIGITS_HELD_OUT = 5  # one digit in five


@dataclass(frozen=True)
class World:
    """What there is to draw: (C, H, W) of a picture, the classes' names in English and Chinese, and how many values
    each mark of a picture has, the class first."""

    name: str
    shape: tuple[int, int, int]
    classes: tuple[T, ...]
    kinds: tuple[int, ...]


WORLDS = {
    "scenes": World(
        "scenes",
        (3, 32, 32),
        scenes.SHAPES,
        (len(scenes.SHAPES), len(scenes.COLOURS), len(scenes.SURFACES), len(scenes.GROUNDS), len(scenes.GROUNDS)),
    ),
    "digits": World("digits", (1, 8, 8), tuple((str(d), str(d)) for d in range(10)), (10,)),
}


@dataclass(frozen=True)
class Pictures:
    """n pictures. pixels: (n, C, H, W) uint8. marks: (n, k) int64, what is known of each: its class first, then of a
    scene the object's colour and surface, the upper and the lower ground."""

    pixels: ndarray
    marks: ndarray

    @property
    def labels(self) -> ndarray:
        """The class of each, (n,)."""
        return self.marks[:, 0]

    def __len__(self) -> int:
        return len(self.pixels)


def draw(world: str, part: Part, count: int) -> Pictures:
    """`count` pictures of a part of a world: of digits at most as many as there are.

    Scenes at 32 pixels, each part with its own seed: one object alone on all grounds. The judge learns from all of the
    world's sizes and surfaces; the denoiser, which is to be small, from the larger objects (`RADII`) of plain surface,
    and the held-out pictures are of that kind. Digits: scikit-learn's 1,797, of which every fifth is held out; the
    judge has to learn from the same ones as the model.
    """
    return _scenes(part, count) if world == "scenes" else _digits(part, count)


def _composed(part: Part) -> Iterator[scenes.Scene]:
    """The scenes of a part, one after another, without end."""
    for index in itertools.count():
        scene = scenes.compose(SCENES_SEEDS[part], index, (1, 1), None if part == "judging" else RADII)
        if part == "judging" or scenes.SURFACES[scene.surface[0]][0] == "plain":
            yield scene


def _scenes(part: Part, count: int) -> Pictures:
    size = WORLDS["scenes"].shape[1]
    pixels = np.empty((count, 3, size, size), np.uint8)
    marks = np.empty((count, 5), np.int64)
    for i, scene in enumerate(itertools.islice(_composed(part), count)):
        pixels[i] = scenes.render(scene, size).pixels.transpose(2, 0, 1)
        marks[i] = scene.shape[0], scene.colour[0], scene.surface[0], *scene.ground.kinds
    return Pictures(pixels, marks)


def _digits(part: Part, count: int) -> Pictures:
    from sklearn.datasets import load_digits

    found = load_digits()
    chosen = np.arange(len(found.target)) % DIGITS_HELD_OUT == 0
    if part != "held out":
        chosen = ~chosen
    pixels = np.rint(found.images[chosen][:count] * (255 / 16)).astype(np.uint8)
    return Pictures(pixels[:, None], found.target[chosen][:count, None].astype(np.int64))
