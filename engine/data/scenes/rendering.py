"""A scene as pixels, anti-aliased at any size, with the exact truth about every pixel."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from engine.data.scenes.composition import Ground, Scene
from engine.data.scenes.names import GROUND_RGB, RGB
from engine.data.scenes.shapes import DISTANCES

SHADE = np.float32(0.30)  # how much an object's far side is darker than its lit one
PITCH = 0.42  # of a surface's stripes, dots and squares, in radii


@dataclass(frozen=True)
class Picture:
    """A rendered scene of S × S pixels.

    pixels: (S, S, 3) uint8. instance: (S, S) int16, the nearest object that covers at least half the pixel, by its
    place in the scene; −1 is ground. ground: (S, S) uint8, the kind of ground, under objects too. boxes: (n, 4), x0,
    y0, x1, y1 in pixels, of what is seen of each object, whole pixels; 0 throughout where nothing is. visible: (n,)
    pixels of each that are seen, over those that it covers.
    """

    pixels: ndarray
    instance: ndarray
    ground: ndarray
    boxes: ndarray
    visible: ndarray

    def mask(self, i: int) -> ndarray:
        """Where object i is seen, (S, S) bool."""
        return self.instance == i


def render(scene: Scene, size: int) -> Picture:
    """The picture of a scene with `size` pixels to a side; the noise is the scene's own at that size."""
    image, ground = _ground(scene.ground, size)
    instance = np.full((size, size), -1, np.int16)
    covered = np.zeros(len(scene), int)
    light = np.array([np.cos(scene.ground.light_angle), np.sin(scene.ground.light_angle)], np.float32)
    for i in range(len(scene)):
        covered[i] = _lay(scene, i, size, image, instance, light)
    rng = np.random.Generator(np.random.SFC64(np.random.SeedSequence([scene.seed, scene.index, size])))
    image += np.float32(scene.ground.noise) * rng.standard_normal((size, size, 1), np.float32)
    pixels = np.clip(image + np.float32(0.5), 0, 255).astype(np.uint8)
    seen = np.bincount(instance.ravel() + 1, minlength=len(scene) + 1)[1:]
    return Picture(pixels, instance, ground, boxes(instance, len(scene)), seen / np.maximum(covered, 1))


def boxes(instance: ndarray, count: int) -> ndarray:
    """The least boxes x0, y0, x1, y1 around where each of `count` instances is, (count, 4); zeros where it is not."""
    found = np.zeros((count, 4))
    for i in range(count):
        mask = instance == i
        columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
        if len(rows):
            found[i] = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    return found


def instances(scene: Scene, size: int) -> ndarray:
    """`Picture.instance` alone, without painting: where each object is seen, (S, S) int16."""
    instance = np.full((size, size), -1, np.int16)
    for i in range(len(scene)):
        window, coverage, *_ = _coverage(scene, i, size)
        instance[window][coverage >= 0.5] = i
    return instance


def _coverage(scene: Scene, i: int, size: int) -> tuple[tuple[slice, slice], ndarray, tuple[ndarray, ...]]:
    """The window that object i lies in, by how much it covers each pixel there, 0 to 1, and the pixels' places from its
    centre in radii: across and down the picture, and in its own turned coordinates."""
    x, y, radius = scene.x[i] * size, scene.y[i] * size, scene.radius[i] * size
    reach = radius * 1.15 + 1  # a square's corner lies beyond the radius
    left, right = max(0, int(x - reach)), min(size, int(x + reach) + 2)
    top, bottom = max(0, int(y - reach)), min(size, int(y + reach) + 2)
    dx = (np.arange(left, right, dtype=np.float32) + np.float32(0.5 - x)) / np.float32(radius)
    dy = (np.arange(top, bottom, dtype=np.float32) + np.float32(0.5 - y))[:, None] / np.float32(radius)
    cos, sin = np.float32(np.cos(scene.angle[i])), np.float32(np.sin(scene.angle[i]))
    u, v = cos * dx + sin * dy, cos * dy - sin * dx
    coverage = np.clip(np.float32(0.5) - DISTANCES[scene.shape[i]](u, v) * np.float32(radius), 0, 1)
    return (slice(top, bottom), slice(left, right)), coverage, (dx, dy, u, v)


def _lay(scene: Scene, i: int, size: int, image: ndarray, instance: ndarray, light: ndarray) -> int:
    """Paint object i over what is there; the number of pixels that it covers by half or more."""
    window, coverage, (dx, dy, u, v) = _coverage(scene, i, size)
    shade = 1 - SHADE * (np.float32(0.5) - np.float32(0.5) * (light[0] * dx + light[1] * dy))
    shade *= 1 - np.float32(0.32) * _surface(scene.surface[i], u, v)
    image[window] += coverage[..., None] * (shade[..., None] * RGB[scene.colour[i]] - image[window])
    here = coverage >= 0.5
    instance[window][here] = i
    return int(here.sum())


def _surface(kind: int, u: ndarray, v: ndarray) -> ndarray | np.float32:
    """Where a surface is darker, 0 to 1, in the object's own coordinates."""
    if kind == 0:
        return np.float32(0)
    a, b = u / np.float32(PITCH), v / np.float32(PITCH)
    if kind == 1:
        return (np.floor(a) % 2 == 0).astype(np.float32)
    if kind == 2:
        return (np.hypot(a % 1 - np.float32(0.5), b % 1 - np.float32(0.5)) < 0.3).astype(np.float32)
    return ((np.floor(a) + np.floor(b)) % 2 == 0).astype(np.float32)


@functools.lru_cache(maxsize=8)
def _places(size: int) -> ndarray:
    """The centres of the pixels of a row, in sides."""
    return (np.arange(size, dtype=np.float32) + np.float32(0.5)) / np.float32(size)


def _ground(ground: Ground, size: int) -> tuple[ndarray, ndarray]:
    """The lit, textured ground, (S, S, 3) float32, and its kinds."""
    x = _places(size)
    y = x[:, None]
    line = ground.height + ground.slope * x + ground.wave * np.sin(np.float32(12) * x + np.float32(ground.phase))
    below = y > line.astype(np.float32)
    kinds = np.where(below, np.uint8(ground.kinds[1]), np.uint8(ground.kinds[0]))
    across = np.float32(np.cos(ground.texture_angle)) * x + np.float32(np.sin(ground.texture_angle)) * y
    texture = np.float32(0.5) + np.float32(0.5) * np.sin(across * np.float32(2 * np.pi / ground.texture_pitch))
    light, dark = GROUND_RGB[kinds, 0], GROUND_RGB[kinds, 1]
    image = dark + texture[..., None] * (light - dark)
    toward = np.float32(np.cos(ground.light_angle)) * (x - 0.5) + np.float32(np.sin(ground.light_angle)) * (y - 0.5)
    image *= (1 + np.float32(2 * ground.light) * toward)[..., None].astype(np.float32)
    return image.astype(np.float32), kinds
