"""How the embedded detector was trained: what its recipe kept, read once."""

from __future__ import annotations

import functools

import numpy as np
from numpy import ndarray

from engine.vision.detr import data
from engine.vision.detr import model as embedded
from engine.vision.detr.matching import corners, targets_of
from engine.vision.detr.result import Training


@functools.cache
def replayed() -> Training:
    """What was kept beside the checkpoint. Raises FileNotFoundError where there is none."""
    kept, meta = embedded.replay(), embedded.meta()
    curve = meta["training"]["curve"]
    detector = embedded.load()
    scene, picture = data.held_out(kept.index, detector.size)
    p = np.exp(kept.logits[:, -1] - kept.logits[:, -1].max(-1, keepdims=True))
    p = (p / p.sum(-1, keepdims=True))[..., :-1]
    owner = _owners(kept.given, len(scene))
    return Training(
        picture.pixels,
        corners(targets_of(scene, picture).boxes) * detector.size,
        kept.step,
        corners(kept.boxes[:, -1]) * detector.size,
        p.argmax(-1),
        p.max(-1),
        kept.given,
        np.append(0, (owner[1:] != owner[:-1]).sum(1)),
        kept.terms[:, -1],
        *(np.array([point[key] for point in curve]) for key in ("step",)),
        np.array([[point[key] for key in ("class", "l1", "giou")] for point in curve]),
        *(np.array([point[key] for point in curve]) for key in ("ap", "ap50")),
        meta["training"]["device"],
        meta["metrics"]["date"],
    )


def _owners(given: ndarray, objects: int) -> ndarray:
    """(K, n) the query that each object was given, from (K, Q) the object that each query was given."""
    found = np.full((len(given), objects), -1)
    for k, row in enumerate(given):
        queries = np.flatnonzero(row >= 0)
        found[k, row[queries]] = queries
    return found
