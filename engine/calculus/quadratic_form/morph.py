"""Diagonalisation as a turn of the coordinates: A(t) = R(t)ᵀ·A·R(t), from A at t = 0 to D at t = 1."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations, product

import numpy as np
from numpy import ndarray

FRAMES, ARC, ROUND = 21, 48, 33
SIZES = (0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Morph:
    """Frames of the turn, d = 2 or 3: of A itself where n ≤ 3, else of the slice's PᵀAP.

    frame: the one nearest to the position asked. t: (21,), 0 to 1. angle: the whole turn, in degrees.
    rotation: (21, d, d), R(t) = exp(t·log V), V the eigenvectors in the order and with the signs that need the least
    turning (det V = 1). matrix: (21, d, d), A(t), diagonal at the end. off_diagonal: (21,), ‖A(t) − diag A(t)‖.
    axes: (21, d, d), row i is axis i, v_i/√|λ_i| seen in the turned coordinates, scaled so that the longest has
    length 1; NaN where λ_i counts as zero. curves: (21, 4, p, 2), level curves of ½yᵀA(t)y in the same scale, with
    NaN where the pen lifts; where d = 3, (21, 3, 33, 3), the ellipses that pairs of the axes span on the level
    surface, None unless all λ_i have one sign.
    """

    frame: int
    t: ndarray
    angle: float
    rotation: ndarray
    matrix: ndarray
    off_diagonal: ndarray
    axes: ndarray
    curves: ndarray | None


def nearest_rotation(vectors: ndarray) -> ndarray:
    """The columns of an orthogonal (d, d), d ≤ 3, reordered and signed into the rotation nearest to the identity."""
    d = len(vectors)
    best = None
    for order in permutations(range(d)):
        for signs in product((1.0, -1.0), repeat=d):
            v = vectors[:, order] * np.array(signs)
            trace = sum(v[i, i] for i in range(d))
            if (best is None or trace > best[0] + 1e-12) and _determinant(v) > 0:
                best = (trace, v)
    assert best is not None
    return best[1]


def _determinant(v: ndarray) -> float:
    if len(v) == 2:
        return v[0, 0] * v[1, 1] - v[0, 1] * v[1, 0]
    return float(
        v[0]
        @ np.array([v[1, 1] * v[2, 2] - v[1, 2] * v[2, 1], v[1, 2] * v[2, 0] - v[1, 0] * v[2, 2], v[1, 0] * v[2, 1] - v[1, 1] * v[2, 0]])
    )


def rotate(v: ndarray, t: ndarray) -> tuple[ndarray, float]:
    """exp(t·log V) for each t (k,) and a rotation V (d, d), d = 2 or 3, as (k, d, d); and V's angle in radians.

    Source: Rodrigues' formula; the angle from both sine and cosine, so that small turns keep their digits.
    """
    if len(v) == 2:
        angle = float(np.arctan2(v[1, 0] - v[0, 1], v[0, 0] + v[1, 1]))
        cos, sin = np.cos(t * angle), np.sin(t * angle)
        return np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], axis=1), abs(angle)
    twist = 0.5 * np.array([v[2, 1] - v[1, 2], v[0, 2] - v[2, 0], v[1, 0] - v[0, 1]])
    sine = float(np.linalg.norm(twist))
    angle = float(np.arctan2(sine, 0.5 * (np.trace(v) - 1)))
    x, y, z = twist / sine if sine > 0 else np.zeros(3)
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    turn = t[:, None, None] * angle
    return np.eye(3) + np.sin(turn) * k + (1 - np.cos(turn)) * (k @ k), angle


def turn(a: ndarray, tolerance: float, position: float) -> Morph:
    """The frames for a symmetric matrix (d, d), d = 2 or 3; eigenvalues within `tolerance` count as zero.

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
    axes = np.swapaxes(back @ (v * lengths), 1, 2)
    curves = None
    if len(v) == 2:
        inside = _level_curves(values, lengths)  # (4, p, 2), in the eigenvectors' coordinates
        curves = inside @ np.swapaxes(back @ v, 1, 2)[:, None]
    elif bent.all() and abs(np.sign(values).sum()) == 3:
        around, along = np.linspace(0, 2 * np.pi, ROUND)[:, None], np.diag(lengths)
        inside = np.array([np.cos(around) * along[i] + np.sin(around) * along[i - 1] for i in range(3)])
        curves = inside @ np.swapaxes(back @ v, 1, 2)[:, None]
    return Morph(round(position * (FRAMES - 1)), t, float(np.degrees(angle)), rotation, matrix, off, axes, curves)


def _level_curves(values: ndarray, lengths: ndarray) -> ndarray:
    """Conics λ₁y₁² + λ₂y₂² = ± const of four sizes: ellipses, hyperbolas, pairs of lines, or nothing for A = 0."""
    bent = ~np.isnan(lengths)
    if not bent.any():
        return np.full((len(SIZES), 2, 2), np.nan)
    if bent.all() and values[0] * values[1] > 0:
        angle = np.linspace(0, 2 * np.pi, ARC + 1)
        return np.array([s * np.column_stack([lengths[0] * np.cos(angle), lengths[1] * np.sin(angle)]) for s in SIZES])
    gap = np.full((1, 2), np.nan)
    if bent.all():
        return np.array([_hyperbolas(s, lengths, gap) for s in SIZES])
    flat = int(np.flatnonzero(~bent)[0])
    lines = []
    for s in SIZES:
        for side in (s, -s):
            line = np.zeros((2, 2))
            line[:, flat], line[:, 1 - flat] = (-1.2, 1.2), side
            lines += [line, gap]
    return np.vstack(lines).reshape(len(SIZES), -1, 2)


def _hyperbolas(size: float, lengths: ndarray, gap: ndarray) -> ndarray:
    """All four branches of y₁²/l₁² − y₂²/l₂² = ± size², out to a distance of 1.2 from the centre or so."""
    pieces = []
    for open_axis in (0, 1):
        most = np.arccosh(max(1.2 / (size * lengths[open_axis]), 1.0 + 1e-9))
        most = min(most, np.arcsinh(1.2 / (size * lengths[1 - open_axis])))
        s = np.linspace(-most, most, ARC // 3)
        for side in (1, -1):
            branch = np.empty((len(s), 2))
            branch[:, open_axis] = side * size * lengths[open_axis] * np.cosh(s)
            branch[:, 1 - open_axis] = size * lengths[1 - open_axis] * np.sinh(s)
            pieces += [branch, gap]
    return np.vstack(pieces)
