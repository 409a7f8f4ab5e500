"""The straight-through estimator on one number, step by step.

The codes are −1, 0, 1 (and so on): z is rounded to the nearest whole number; the decoder gives 2q/3 + 1/5.
"""

from __future__ import annotations

import math

import numpy as np

from engine.generation.vq_vae.result import Passed

SLOPE, SHIFT = 2 / 3, 0.2
STEP = 0.25  # of gradient descent


def nearest(z: float) -> float:
    """The code of a number: the nearest whole one, the lower of two."""
    return float(math.ceil(z - 0.5))


def loss_at(z: float, target: float) -> float:
    """The loss of a number, quantised on its way."""
    return (SLOPE * nearest(z) + SHIFT - target) ** 2


def passed(z: float, target: float) -> Passed:
    """Every value of the way there and back, by the chain rule."""
    code = nearest(z)
    kept = code - z
    forward = z + kept
    output = SLOPE * forward + SHIFT
    by_output = 2 * (output - target)
    by_code = by_output * SLOPE
    through = by_code * 1.0  # d(z + sg[e − z])/dz = 1
    moved = z - STEP * through
    at = np.linspace(-2.5, 2.5, 501)
    losses = np.array([loss_at(float(v), target) for v in at])
    lines = (output - target) ** 2 + through * (at - z)
    return Passed(
        z,
        code,
        kept,
        forward,
        output,
        target,
        (output - target) ** 2,
        by_output,
        by_code,
        0.0,
        through,
        moved,
        loss_at(moved, target),
        at,
        losses,
        lines,
    )
