"""What stands where in a scene: drawn from a seed and an index alone, whatever size it is rendered at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from engine.core import Refused
from engine.core.words import T
from engine.data.scenes.names import COLOURS, GROUNDS, SHAPES, SIZE_EDGES, SIZES, SURFACES

MOST = 8  # objects
RADII = (0.075, 0.21)  # of an object, in sides of the picture
ALONE = (0.24, 0.36)  # of an object that has the picture to itself
APART = 0.62  # least distance of two centres, in sums of their radii: at most about a third of either is covered
TRIES = 40


@dataclass(frozen=True)
class Ground:
    """Two grounds that meet at a wavy line; where `kinds` are equal, one. Angles in radians, lengths in sides."""

    kinds: tuple[int, int]
    height: float  # of the line on the picture's left edge, downward from the top
    slope: float
    wave: float
    phase: float
    texture_angle: float
    texture_pitch: float
    light_angle: float
    light: float  # by how much the lit side outshines the middle
    noise: float  # standard deviation of a pixel's noise, of 255


@dataclass(frozen=True)
class Scene:
    """n objects from the farthest to the nearest, each array (n,); `x`, `y`, `radius` in sides of the picture."""

    seed: int
    index: int
    ground: Ground
    shape: ndarray
    colour: ndarray
    surface: ndarray
    x: ndarray
    y: ndarray
    radius: ndarray
    angle: ndarray

    @property
    def size(self) -> ndarray:
        """Which of `SIZES` each object is."""
        return np.digitize(self.radius, SIZE_EDGES)

    def __len__(self) -> int:
        return len(self.shape)


def compose(seed: int, index: int, objects: tuple[int, int] = (1, MOST), radii: tuple[float, float] | None = None) -> Scene:
    """The scene of a seed and an index.

    objects: the least and the largest number of them; fewer stand where no room is left. radii: their bounds; larger
    by default where there is one object alone. Raises Refused where there would be none, or more than eight.
    """
    least, most = objects
    if not 1 <= least <= most <= MOST:
        raise Refused(
            T(
                "objects must be from 1 to {most}, the lesser first; got {least} to {largest}",
                "objects 必须在 1 到 {most} 之间，小者在前；收到 {least} 到 {largest}",
                most=MOST,
                least=least,
                largest=most,
            ),
            "objects",
        )
    rng = np.random.Generator(np.random.SFC64(np.random.SeedSequence([seed, index])))
    low, high = radii or (ALONE if most == 1 else RADII)
    count = int(rng.integers(least, most + 1))
    placed: list[tuple[float, float, float]] = []
    draws = rng.random((count, TRIES, 3))
    for tries in draws:
        for u, v, w in tries:
            radius = low + (high - low) * w**1.5
            x, y = radius + (1 - 2 * radius) * u, radius + (1 - 2 * radius) * v
            if all((x - a) ** 2 + (y - b) ** 2 >= (APART * (radius + r)) ** 2 for a, b, r in placed):
                placed.append((x, y, radius))
                break
    n = len(placed)
    x, y, radius = (np.array(column) for column in zip(*placed, strict=True))
    return Scene(
        seed,
        index,
        _ground(rng),
        rng.integers(len(SHAPES), size=n),
        rng.integers(len(COLOURS), size=n),
        rng.choice(len(SURFACES), size=n, p=(0.55, 0.15, 0.15, 0.15)),
        x,
        y,
        radius,
        rng.uniform(-np.pi, np.pi, n),
    )


def _ground(rng: np.random.Generator) -> Ground:
    first, second = rng.integers(len(GROUNDS), size=2)
    return Ground(
        (int(first), int(second if rng.random() < 0.6 else first)),
        rng.uniform(0.25, 0.75),
        rng.uniform(-0.35, 0.35),
        rng.uniform(0, 0.05),
        rng.uniform(0, 2 * np.pi),
        rng.uniform(0, np.pi),
        rng.uniform(0.06, 0.16),
        rng.uniform(0, 2 * np.pi),
        rng.uniform(0.05, 0.3),
        rng.uniform(1, 6),
    )


def caption(scene: Scene) -> T:
    """The scene in words, in English and Chinese: what stands there, from the nearest to the farthest, on what."""
    things = []
    for i in reversed(range(len(scene))):
        surface = SURFACES[scene.surface[i]]
        kinds = (SIZES[scene.size[i]], COLOURS[scene.colour[i]], *([] if surface is SURFACES[0] else [surface]), SHAPES[scene.shape[i]])
        thing = T.joined(kinds, " ", "")
        vowel = thing.en[0] in "aeiou"
        things.append(T("an {thing}", "一个{thing}", thing=thing) if vowel else T("a {thing}", "一个{thing}", thing=thing))
    listed = T.joined(things[:-1])
    every = T("{listed} and {last}", "{listed}、{last}", listed=listed, last=things[-1]) if listed else things[-1]
    grounds = T.joined([GROUNDS[k] for k in dict.fromkeys(scene.ground.kinds)], " and ", "与")
    return T("{things} on {grounds}", "{things}，在{grounds}上", things=every, grounds=grounds)
