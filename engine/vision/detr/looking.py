"""One look at one picture, and what is kept of it: whatever is chosen afterwards is read off, not computed anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy import ndarray

from engine.core.recent import remembered
from engine.data.scenes import GROUNDS
from engine.vision.detector.matching import corners
from engine.vision.detr import hub, scene_input
from engine.vision.detr.result import Segmented
from engine.vision.detr.scene_input import Input
from engine.vision.segmentation_metrics.panoptic import panoptic

IGNORED = 255


@dataclass(frozen=True, eq=False)
class Glance:
    """A picture, and what a detector made of it. p (L, Q, C + 1): probabilities, the last of "no object". boxes (L, Q,
    4): centre and size in sides. cross (L, Q, h, w) and encoder (layers, h w, h w): attention, the mean over heads. masks, stuff:
    logits, or None."""

    given: Input
    p: ndarray
    boxes: ndarray
    cross: ndarray
    encoder: ndarray
    masks: ndarray | None
    stuff: ndarray | None

    @property
    def side(self) -> ndarray:
        """(4,) width and height of the picture, twice."""
        return np.array(self.given.pixels.shape[1::-1] * 2, float)

    @property
    def edges(self) -> ndarray:
        """The boxes (L, Q, 4) as x0, y0, x1, y1 in pixels."""
        return corners(self.boxes) * self.side


@remembered(8, 128 * 2**20)
def glance(model: str, source: str, scene: int, objects: int, size: int, composition: str, photo: str) -> Glance:
    """The picture of these parameters, looked at once. Raises Refused."""
    if source == "photo":
        given = scene_input.from_photograph(photo, size, not hub.embedded(model))
    elif source == "compose":
        given = scene_input.from_composition(composition, scene, size)
    else:
        given = scene_input.from_scene(scene, objects, size)
    seen = hub.detector(model).detect(given.pixels if given.whole is None else given.whole)
    return Glance(
        given,
        seen.probabilities.astype(float),
        seen.boxes.astype(float),
        seen.cross_attention.mean(1),
        seen.encoder_attention.mean(1),
        seen.masks,
        seen.stuff,
    )


@remembered(8)
def segment(threshold: float, *key: Any) -> Segmented | None:
    """Things and stuff of the picture of `glance(*key)`, kept while a box of it is dragged; None where the model has no
    masks."""
    look = glance(*key)
    if look.masks is None or look.stuff is None:
        return None
    from engine.vision.detector.panoptic import merge

    given, shapes = look.given, look.p.shape[-1] - 1
    size = given.pixels.shape[:2]
    logits = np.log(np.maximum(look.p[-1], 1e-12))
    found = merge(logits, look.masks, look.stuff, size, threshold)
    names = (*hub.detector(hub.EMBEDDED).classes, *GROUNDS)
    kept = np.flatnonzero(look.p[-1, :, :-1].max(-1) > threshold)
    masks = (127.5 + 127.5 * np.tanh(look.masks[kept] / 2)).astype(np.uint8)  # 255 times the sigmoid
    if given.instance is None or given.ground is None:
        return Segmented(found.labels, found.segment, names, kept, masks)
    thing = given.instance >= 0
    labels = np.where(thing, given.labels[np.maximum(given.instance, 0)] if len(given.labels) else 0, shapes + given.ground)
    pieces = np.where(thing, given.instance, len(given.labels) + given.ground)
    made = panoptic(labels, pieces, found.labels, found.segment, len(names), IGNORED)
    return Segmented(found.labels, found.segment, names, kept, masks, labels, pieces, made.pq, made.sq, made.rq)
