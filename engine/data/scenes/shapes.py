"""The six shapes as signed distances: negative inside, in units of the shape's own radius.

Each lies in the unit disc about its centre, upright. Closed forms after the exact or bounding distances that are usual
for such figures; what the renderer needs is the sign, and the slope near the edge, which is 1 for all of them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy import ndarray

SQUARE_HALF = 0.80  # half a side
CROSS_LONG, CROSS_WIDE = 0.97, 0.34
RING_MIDDLE, RING_HALF = 0.74, 0.24
STAR_POINTS, STAR_INNER = 5, 0.46


def circle(x: ndarray, y: ndarray) -> ndarray:
    """A disc of radius 0.95."""
    return np.hypot(x, y) - np.float32(0.95)


def square(x: ndarray, y: ndarray) -> ndarray:
    """A square, corner to corner 2.26 wide, so that its area is near the disc's."""
    return _box(np.abs(x), np.abs(y), SQUARE_HALF, SQUARE_HALF)


def triangle(x: ndarray, y: ndarray) -> ndarray:
    """An equilateral triangle that points upward (toward −y, as rows of a picture count)."""
    height, side = np.float32(0.52), np.float32(np.sqrt(3) / 2)
    return np.maximum(y - height, side * np.abs(x) - np.float32(0.5) * y - height)


def star(x: ndarray, y: ndarray) -> ndarray:
    """A five-pointed star: the distance to the nearest of its edges' lines, inside one tenth of the turn."""
    sector = np.float32(np.pi / STAR_POINTS)
    angle = np.arctan2(x, -y)
    folded = np.abs((angle + sector) % (2 * sector) - sector)
    radius = np.hypot(x, y)
    px, py = radius * np.cos(folded), radius * np.sin(folded)
    tip, inner = np.array([1.0, 0.0]), STAR_INNER * np.array([np.cos(sector), np.sin(sector)])
    edge = inner - tip
    nx, ny = (np.array([edge[1], -edge[0]]) / np.hypot(*edge)).astype(np.float32)
    return (px - np.float32(1.0)) * nx + py * ny


def cross(x: ndarray, y: ndarray) -> ndarray:
    """A plus sign."""
    ax, ay = np.abs(x), np.abs(y)
    return np.minimum(_box(ax, ay, CROSS_LONG, CROSS_WIDE), _box(ax, ay, CROSS_WIDE, CROSS_LONG))


def ring(x: ndarray, y: ndarray) -> ndarray:
    """An annulus."""
    return np.abs(np.hypot(x, y) - np.float32(RING_MIDDLE)) - np.float32(RING_HALF)


def _box(ax: ndarray, ay: ndarray, half_x: float, half_y: float) -> ndarray:
    return np.maximum(ax - np.float32(half_x), ay - np.float32(half_y))


DISTANCES: tuple[Callable[[ndarray, ndarray], ndarray], ...] = (circle, square, triangle, star, cross, ring)
