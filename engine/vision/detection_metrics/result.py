"""What is measured of a pair of boxes, and of truths and detections.

Letters: K classes, T = 10 thresholds 0.5 … 0.95, d detections, s places of a sliding box.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float, Int, UInt8
from numpy import ndarray

from engine.core import Finding, T
from engine.vision.detection_metrics.blame import KINDS
from engine.vision.detection_metrics.boxes import Overlaps
from engine.vision.detection_metrics.matching import Curve


@dataclass(frozen=True)
class Slide:
    """Box B slid sideways past A: offset of its centre from A's, in pixels, and IoU, GIoU, DIoU, CIoU."""

    offset: Float[ndarray, " s"]
    scores: Float[ndarray, "4 s"]


@dataclass(frozen=True)
class Shown:
    """One picture. taken: the number of the truth in this picture that each detection took, −1 for none; place: its number
    among all detections; by_hand: whether the boxes are parameters that a person can move."""

    number: int
    size: Float[ndarray, 2]
    truths: Float[ndarray, "n 4"]
    true_labels: Int[ndarray, " n"]
    found: Float[ndarray, "m 4"]
    found_labels: Int[ndarray, " m"]
    scores: Float[ndarray, " m"]
    taken: Int[ndarray, " m"]
    place: Int[ndarray, " m"]
    pixels: UInt8[ndarray, "H W 3"] | None = None
    by_hand: bool = False


@dataclass(frozen=True)
class Reached:
    """The detections of the curve, best first, and s of its steps. step: how many are taken; boxes, pictures: of all d;
    truths, true_pictures: of the class. size: of the largest picture. pixels: those of the pictures that the steps reach,
    in small; which: the place of each step's among them."""

    step: Int[ndarray, " s"]
    boxes: Float[ndarray, "d 4"]
    pictures: Int[ndarray, " d"]
    truths: Float[ndarray, "n 4"]
    true_pictures: Int[ndarray, " n"]
    size: Float[ndarray, 2]
    which: Int[ndarray, " s"]
    pixels: tuple[UInt8[ndarray, "H W 3"], ...] = ()


@dataclass(frozen=True)
class Detected:
    """NaN where a class has no truth, None where a source lacks what it needs.

    truths, found: how many of each class. label, curve: the class of the curve, and its precision and recall at the
    chosen threshold, with its AP three ways. average_precision: COCO's AP.
    confusion: true by found at the least score and IoU threshold, the last being background; pictures: for each of its
    cells with something, row, column and the pictures that it comes from.
    mistake_cost: by how much AP at IoU 0.5 rises when one of TIDE's six kinds is mended; kind: of each detection, −1
    where right.
    """

    pair: Overlaps
    box_a: Float[ndarray, 4]
    box_b: Float[ndarray, 4]
    slide: Slide
    names: tuple[T, ...]
    truths: Int[ndarray, " K"]
    found: Int[ndarray, " K"]
    label: int
    curve: Curve
    eleven_point: float
    every_point: float
    hundred_and_one_point: float
    thresholds: Float[ndarray, " T"] | None = None
    ap_by_threshold: Float[ndarray, "K T"] | None = None
    ap_by_class: Float[ndarray, " K"] | None = None
    average_precision: float | None = None
    ap50: float | None = None
    ap75: float | None = None
    ap_small: float | None = None
    ap_medium: float | None = None
    ap_large: float | None = None
    confusion: Int[ndarray, "K+1 K+1"] | None = None
    pictures: tuple[tuple[int, int, tuple[int, ...]], ...] | None = None
    mistakes: tuple[T, ...] = KINDS
    mistake_counts: Int[ndarray, 6] | None = None
    mistake_cost: Float[ndarray, 6] | None = None
    kind: Int[ndarray, " d"] | None = None
    shown: Shown | None = None
    reached: Reached | None = None
    findings: tuple[Finding, ...] = ()
