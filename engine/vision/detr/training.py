"""How the embedded detector was trained: what its recipe kept, read once."""

from __future__ import annotations

import numpy as np
from numpy import ndarray
from scipy.special import softmax

from engine.core.recent import remembered
from engine.vision.detector import data
from engine.vision.detector import model as embedded
from engine.vision.detector.matching import corners, targets_of
from engine.vision.detr.result import Training


@remembered(1)
def replayed() -> Training:
    """What was kept beside the checkpoint. Raises FileNotFoundError where there is none."""
    kept, meta = embedded.replay(), embedded.meta()
    curve = meta["training"]["curve"]
    of_curve = {key: np.array([point[key] for point in curve]) for key in ("step", "class", "l1", "giou", "ap", "ap50")}
    detector = embedded.load()
    scene, picture = data.held_out(kept.index, detector.size)
    p = softmax(kept.logits[:, -1], -1)[..., :-1]
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
        of_curve["step"],
        np.stack([of_curve[key] for key in ("class", "l1", "giou")], -1),
        of_curve["ap"],
        of_curve["ap50"],
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
