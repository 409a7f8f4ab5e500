"""What is to be matched: a picture's objects in the model's classes, one of them moved; and how greed would do it."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from engine.data import scenes
from engine.vision.detr.scene_input import Input

Said = tuple[tuple[str, str], ...]


def truths(given: Input, names: tuple[tuple[str, str], ...], surest: int) -> tuple[ndarray, ndarray, Said]:
    """Labels (n,) and boxes (n, 4) to be matched, in the model's classes, and what is to be said of them.

    Where the model knows none of the classes that are there, or nothing is known of the picture: one box in the middle,
    to be moved, of the class `surest` that the model is surest of.
    """
    known = {en: k for k, (en, _) in enumerate(names)}
    labels = np.array([known.get(scenes.SHAPES[k][0], -1) for k in given.labels], int)
    if (labels >= 0).any():
        return labels[labels >= 0], given.boxes[labels >= 0].astype(float), ()
    high, wide = given.pixels.shape[:2]
    en, zh = names[surest]
    said = ("Nothing of the model's classes is known to be in this picture: the box in its middle can be moved; its "
            f"class is {en}, of which the model is surest.",
            f"这幅图中没有已知的、属于模型类别的物体：画面中央的框可以移动，其类别为模型最有把握的{zh}。")  # fmt: skip
    middle = np.array([[0.3 * wide, 0.3 * high, 0.7 * wide, 0.7 * high]])
    return np.array([surest]), middle, (said,)


def moved(box: ndarray, by: ndarray, side: ndarray) -> ndarray:
    """A box (4,) whose centre and size change by (dx, dy, dw, dh), at least a pixel wide and inside the picture."""
    centre, size = (box[:2] + box[2:]) / 2 + by[:2], np.maximum(box[2:] - box[:2] + by[2:], 1.0)
    centre = np.clip(centre, 0, side)
    low, high = np.clip(centre - size / 2, 0, side - 1), np.clip(centre + size / 2, 1, side)
    return np.concatenate([low, np.maximum(high, low + 1)])


def greedy(cost: ndarray) -> float:
    """What the objects cost where the cheapest free pair is taken, again and again."""
    left, total = cost.copy(), 0.0
    for _ in range(min(cost.shape)):
        q, n = np.unravel_index(left.argmin(), left.shape)
        total += float(cost[q, n])
        left[q], left[:, n] = np.inf, np.inf
    return total
