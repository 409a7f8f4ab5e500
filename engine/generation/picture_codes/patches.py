"""What the embedded autoencoders learn from: squares cut from the training photographs and from scenes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy import ndarray
from PIL import Image

from engine.core.recent import remembered
from engine.data import pictures, scenes

SCALES = (1.0, 0.7, 0.5)
SHARES = (0.74, 0.14, 0.12)  # of colour photographs, of the grey and scientific ones, of scenes
SCENE_SEED, SCENE_SIDE = 31, 128


@dataclass(frozen=True)
class Stock:
    """Pictures to cut from, in three kinds; each picture at several scales."""

    kinds: tuple[tuple[ndarray, ...], ...]


@remembered(1, 2**29)
def stock(scene_count: int = 400) -> Stock:
    """The training photographs at each scale, and rendered scenes."""
    seen = tuple(_scaled(name, s) for name in pictures.TRAINING for s in SCALES)
    other = tuple(_scaled(name, s) for name in pictures.TRAINING_OTHER for s in SCALES)
    drawn = tuple(scenes.render(scenes.compose(SCENE_SEED, i), SCENE_SIDE).pixels for i in range(scene_count))
    return Stock((seen, other, drawn))


def _scaled(name: str, scale: float) -> ndarray:
    pixels = pictures.photograph(name)
    if scale == 1:
        return pixels
    size = (round(pixels.shape[1] * scale), round(pixels.shape[0] * scale))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))


def batch(found: Stock, count: int, side: int, rng: np.random.Generator) -> ndarray:
    """Patches (count, 3, side, side) float32 in [−1, 1]: turned, some askew and nearer or farther, mirrored, some
    negative, lit quite differently, so that a sky brighter than those of the few photographs is no surprise; what has
    no colour of its own is tinted."""
    made = np.empty((count, side, side, 3), np.float32)
    for i in range(count):
        kind = int(rng.choice(3, p=SHARES))
        pixels = _room(found.kinds[kind][rng.integers(len(found.kinds[kind]))], side)
        patch = _askew(pixels, side, rng) if rng.random() < 0.5 else _cut(pixels, side, rng)
        patch = np.rot90(patch, int(rng.integers(4)))
        patch = patch[:, ::-1] if rng.random() < 0.5 else patch
        made[i] = _lit(patch, kind, rng)
    return np.ascontiguousarray((made / np.float32(127.5) - 1).transpose(0, 3, 1, 2))


def _room(pixels: ndarray, side: int) -> ndarray:
    """The picture, mirrored beyond its lower and right edges where a patch is larger."""
    missing = [max(0, side - n) for n in pixels.shape[:2]]
    return np.pad(pixels, ((0, missing[0]), (0, missing[1]), (0, 0)), "symmetric") if any(missing) else pixels


def _cut(pixels: ndarray, side: int, rng: np.random.Generator) -> ndarray:
    y, x = (int(rng.integers(0, n - side + 1)) for n in pixels.shape[:2])
    return pixels[y : y + side, x : x + side]


def _askew(pixels: ndarray, side: int, rng: np.random.Generator) -> ndarray:
    """A square at any angle and up to 1.8 times as large or 0.8 times, where the picture has room for it."""
    angle, zoom = rng.uniform(-np.pi / 4, np.pi / 4), np.exp(rng.uniform(np.log(0.8), np.log(1.8)))
    c, s = np.cos(angle) / zoom, np.sin(angle) / zoom
    half = side / 2 * (abs(c) + abs(s)) + 1
    height, width = pixels.shape[:2]
    if 2 * half >= min(height, width):
        return _cut(pixels, side, rng)
    y, x = rng.uniform(half, height - half), rng.uniform(half, width - half)
    y0, x0 = int(y - half), int(x - half)  # the part that is looked at, since opening an image copies it
    part = Image.fromarray(np.ascontiguousarray(pixels[y0 : y0 + int(2 * half) + 2, x0 : x0 + int(2 * half) + 2]))
    x, y, m = x - x0, y - y0, side / 2
    matrix = (c, -s, x - c * m + s * m, s, c, y - s * m - c * m)
    return np.asarray(part.transform((side, side), Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC))


def _lit(patch: ndarray, kind: int, rng: np.random.Generator) -> ndarray:
    if rng.random() < 0.15:
        patch = patch[..., rng.permutation(3)]
    patch = 255 - patch if rng.random() < 0.1 else patch
    light = np.float32(255) * (patch / np.float32(255)) ** np.float32(np.exp(rng.normal(0, 0.15)))
    light = light + (light.mean(2, keepdims=True) - light) * np.float32(rng.uniform(-0.3, 0.5))  # its saturation
    gain = rng.uniform(0.55, 1.05, 3) if kind == 1 else rng.uniform(0.6, 1.25) * rng.normal(1, 0.1, 3)
    return np.clip(light * gain.astype(np.float32) + np.float32(rng.uniform(-30, 40)), 0, 255)
