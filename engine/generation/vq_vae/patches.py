"""What the embedded autoencoders learn from: squares cut from the training photographs and from scenes."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy import ndarray
from PIL import Image

from engine.data import pictures, scenes

SCALES = (1.0, 0.7, 0.5)
SHARES = (0.74, 0.14, 0.12)  # of colour photographs, of the grey and scientific ones, of scenes
SCENE_SEED, SCENE_SIDE = 31, 128


@dataclass(frozen=True)
class Stock:
    """Pictures to cut from, in three kinds; each picture at several scales."""

    kinds: tuple[tuple[ndarray, ...], ...]


@functools.cache
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
    """Patches (count, 3, side, side) float32 in [−1, 1]: turned, mirrored, some negative, lit quite differently, so
    that a sky brighter than those of the few photographs is no surprise; what has no colour of its own is tinted."""
    made = np.empty((count, side, side, 3), np.float32)
    for i in range(count):
        kind = int(rng.choice(3, p=SHARES))
        pixels = found.kinds[kind][rng.integers(len(found.kinds[kind]))]
        y, x = (int(rng.integers(0, n - side + 1)) for n in pixels.shape[:2])
        patch = pixels[y : y + side, x : x + side]
        patch = np.rot90(patch, int(rng.integers(4)))
        patch = patch[:, ::-1] if rng.random() < 0.5 else patch
        if rng.random() < 0.25:
            patch = patch[..., rng.permutation(3)]
        patch = 255 - patch if rng.random() < 0.15 else patch
        gain = rng.uniform(0.55, 1.05, 3) if kind == 1 else rng.uniform(0.6, 1.25) * rng.normal(1, 0.1, 3)
        made[i] = np.clip(patch * gain.astype(np.float32) + np.float32(rng.uniform(-30, 40)), 0, 255)
    return np.ascontiguousarray((made / np.float32(127.5) - 1).transpose(0, 3, 1, 2))
