"""Vectors of many numbers in two, for the eye."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy import ndarray

if TYPE_CHECKING:
    from engine.generation.vq_vae.live import Trained


def plane(found: Trained) -> tuple[ndarray, ndarray, ndarray, ndarray]:
    """Vectors (T, n, 2), codes (T, K, 2) and the two gradients (T, a, 2) as they are drawn: as they are in the plane,
    on a line lifted a little apart, else along the two directions in which the last vectors spread most."""
    parts = (found.vectors, found.codes, found.gradient_out, found.gradient_in)
    D = found.vectors.shape[2]
    if D == 2:
        return parts
    if D == 1:
        lift = np.random.default_rng(0).uniform(-1, 1, found.vectors.shape[1])
        vectors = np.stack([found.vectors[..., 0], np.broadcast_to(lift, found.vectors.shape[:2])], -1)
        return (vectors, *(np.concatenate([part, np.zeros_like(part)], -1) for part in parts[1:]))
    last = found.vectors[-1]
    centre = last.mean(0)
    axes = np.linalg.svd(last - centre, full_matrices=False)[2][:2].T
    vectors, codes = ((part - centre) @ axes for part in parts[:2])
    return vectors, codes, parts[2] @ axes, parts[3] @ axes
