"""What is measured of a pair of masks, and how each score falls as one error grows.

Letters: K classes, k kinds of error in s strengths, H × W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float, Int, UInt8
from numpy import ndarray

from engine.core import Finding, T

SCORES = ("pixel_accuracy", "mean_pixel_accuracy", "mean_iou", "frequency_weighted_iou", "mean_dice", "boundary_f", "panoptic_quality")


@dataclass(frozen=True)
class Sensitivity:
    """How each score falls as one error grows, its strength in `units`; scores in the order of `SCORES`, NaN where not yet
    computed."""

    kinds: tuple[T, ...]
    units: tuple[T, ...]
    strengths: Float[ndarray, "k s"]
    scores: Float[ndarray, "k s 7"]


@dataclass(frozen=True)
class Segmented:
    """NaN where a class has no part in a score, None where there are no masks.

    confusion: true by predicted pixels. nothing: pixels that were given the label that is ignored. accuracy, iou, dice: of
    each class; the seven of `SCORES`: means. boundary: precision, recall, F of each outline. outlines: 1 true and matched, 2
    true and missed, 3 predicted and matched, 4 predicted and extra, 0 elsewhere. panoptic: TP, FP, FN, Σ IoU, SQ, RQ, PQ.
    sensitivity: only in that task.
    """

    names: tuple[T, ...]
    confusion: Int[ndarray, "K K"]
    nothing: Int[ndarray, " K"]
    truth_pixels: Float[ndarray, " K"]
    predicted_pixels: Float[ndarray, " K"]
    pixel_accuracy: float
    accuracy: Float[ndarray, " K"]
    mean_pixel_accuracy: float
    iou: Float[ndarray, " K"]
    mean_iou: float
    frequency_weighted_iou: float
    dice: Float[ndarray, " K"]
    mean_dice: float
    boundary: Float[ndarray, "K 3"] | None = None
    boundary_f: float | None = None
    outlines: UInt8[ndarray, "H W"] | None = None
    panoptic: Float[ndarray, "K 7"] | None = None
    panoptic_quality: float | None = None
    segmentation_quality: float | None = None
    recognition_quality: float | None = None
    truth: UInt8[ndarray, "H W"] | None = None
    prediction: UInt8[ndarray, "H W"] | None = None
    image: UInt8[ndarray, "H W 3"] | None = None
    sensitivity: Sensitivity | None = None
    ignore: int = 255
    findings: tuple[Finding, ...] = ()
