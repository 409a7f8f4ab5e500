"""Diagonalisation as a turn of the coordinates: A(t) = R(t)ᵀ·A·R(t), from A at t = 0 to D at t = 1."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from engine.calculus.quadratic_form.result import Morph

FRAMES, AROUND, ROUND = 21, 145, 33
SIZES = np.array([0.25, 0.5, 0.75, 1.0])
FAR = 1.5  # from the centre, where level curves end: beyond the corner of what is drawn


def nearest_rotation(vectors: Float[ndarray, "d d"]) -> Float[ndarray, "d d"]:
    """The columns of an orthogonal matrix, d ≤ 3, reordered and signed into the rotation nearest to the identity."""
    d = len(vectors)
    every = [vectors[:, order] * signs for order in permutations(range(d)) for signs in product((1.0, -1.0), repeat=d)]
    turns = np.array(every)[np.linalg.det(every) > 0]
    # The angle falls as the trace grows; rounding must not choose between equals.
    return turns[np.argmax(np.trace(turns, axis1=1, axis2=2).round(12))]


def rotate(v: Float[ndarray, "d d"], t: Float[ndarray, " k"]) -> tuple[Float[ndarray, "k d d"], float]:
    """exp(t·log V) for each t and a rotation V by less than half a turn, d = 2 or 3; and V's angle in radians.

    Source: Rodrigues' formula; the angle from both sine and cosine, so that small turns keep their digits.
    """
    twist = 0.5 * (v - v.T)  # sin(angle) times the generator of the turn
    sine = float(np.linalg.norm(twist)) / np.sqrt(2)
    angle = float(np.arctan2(sine, 0.5 * (np.trace(v) - len(v) + 2)))
    k = twist / sine if sine > 0 else twist
    turn = t[:, None, None] * angle
    return np.eye(len(v)) + np.sin(turn) * k + (1 - np.cos(turn)) * (k @ k), angle


def turn(a: Float[ndarray, "d d"], tolerance: float, position: float) -> Morph:
    """The frames for a symmetric matrix, d = 2 or 3; eigenvalues within `tolerance` count as zero.

    position: 0 (A) to 1 (D), the frame to open on.
    """
    v = nearest_rotation(np.linalg.eigh(a)[1])
    t = np.linspace(0.0, 1.0, FRAMES)
    rotation, angle = rotate(v, t)
    back = np.swapaxes(rotation, 1, 2)
    matrix = back @ a @ rotation
    matrix = 0.5 * (matrix + np.swapaxes(matrix, 1, 2))
    diagonal = np.diagonal(matrix, axis1=1, axis2=2)
    off = np.sqrt(np.maximum(np.sum(matrix**2, axis=(1, 2)) - np.sum(diagonal**2, axis=1), 0.0))
    values = np.diag(v.T @ a @ v)
    bent = np.abs(values) > tolerance
    lengths = np.full(len(values), np.nan)
    lengths[bent] = 1 / np.sqrt(np.abs(values[bent]))
    if bent.any():
        lengths /= lengths[bent].max()
    curves = None
    if len(v) == 2:
        curves = _level_curves(np.where(bent, np.sign(values) / lengths**2, 0.0))
    elif bent.all() and abs(np.sign(values).sum()) == 3:
        around, along = np.linspace(0, 2 * np.pi, ROUND)[:, None], np.diag(lengths)
        curves = np.array([np.cos(around) * along[i] + np.sin(around) * along[i - 1] for i in range(3)])
    if curves is not None:  # from the eigenvectors' coordinates into the turned ones
        curves = curves @ np.swapaxes(back @ v, 1, 2)[:, None]
    axes = np.swapaxes(back @ (v * lengths), 1, 2)
    return Morph(round(position * (FRAMES - 1)), t, float(np.degrees(angle)), rotation, matrix, off, axes, curves)


def _level_curves(bends: Float[ndarray, " 2"]) -> Float[ndarray, "4 p 2"]:
    """|bends₁y₁² + bends₂y₂²| = size² in polar coordinates: ellipses, hyperbolas, pairs of lines; nothing for A = 0."""
    angle = np.linspace(0, 2 * np.pi, AROUND)
    direction = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    with np.errstate(divide="ignore"):
        radius = SIZES[:, None] / np.sqrt(np.abs(direction**2 @ bends))
    return np.where(radius <= FAR, radius, np.nan)[..., None] * direction
