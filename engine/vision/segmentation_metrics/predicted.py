"""What the embedded DETR makes of a scene that it never saw: its masks, merged, beside the exact ones."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from engine.core.recent import remembered
from engine.data import scenes

STEP = 8  # the model takes sides that are multiples of this


def loaded() -> bool:
    """Whether the detector has looked at something and so is in memory."""
    return len(look.store) > 0


@remembered(8)
def look(number: int, objects: int, size: int) -> tuple[tuple[ndarray, ndarray, ndarray, ndarray], ndarray]:
    """Truth and its segments, the prediction and its segments, each (S, S), and the pixels (S, S, 3).

    Labels are 0 for any ground and 1 + shape; S is `size` brought to a multiple of 8 that is not larger.
    """
    from engine.vision.detector import data, model
    from engine.vision.detector.panoptic import merge

    side = size - size % STEP
    scene = scenes.compose(data.HELD_OUT, number, (objects, objects))
    picture = scenes.render(scene, side)
    seen = model.load().detect(picture.pixels)
    found = merge(seen.logits[-1], seen.masks, seen.stuff, (side, side))
    things, queries = len(scenes.SHAPES), seen.logits.shape[1]
    classes = np.append(scene.shape + 1, 0).astype(np.uint8)  # the last is where the instance is −1
    labels = np.where(found.labels < things, found.labels + 1, 0).astype(np.uint8)
    pieces = np.where(found.segment < queries, found.segment + 1, 0)
    return (classes[picture.instance], picture.instance + 1, labels, pieces), picture.pixels
