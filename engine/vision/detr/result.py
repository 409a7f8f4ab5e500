"""What DETR makes of one picture, of many, and of its own training.

Letters: L decoder layers, Q queries, C classes, n true objects, h × w tokens, H × W pixels, m boxes, K kept steps. Boxes are
x0, y0, x1, y1 in pixels where nothing else is said.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Bool, Float, Int, UInt8
from numpy import ndarray

from engine.core import Finding, T


@dataclass(frozen=True)
class Candidates:
    """Boxes that stand for objects, each for the one of `owner`, −1 for none; kept: those that NMS leaves. per_object,
    kept_per_object: how many stand for each object, before and after."""

    boxes: Float[ndarray, "m 4"]
    scores: Float[ndarray, " m"]
    owner: Int[ndarray, " m"]
    kept: Bool[ndarray, " m"]
    per_object: Int[ndarray, " n"]
    kept_per_object: Int[ndarray, " n"]


@dataclass(frozen=True)
class Replaced:
    """anchors: how many there are in all. positive: those that are an object's; proposals; queries: the detector's own above
    the threshold."""

    anchors: int
    positive: Candidates
    proposals: Candidates
    queries: Candidates


@dataclass(frozen=True)
class Segmented:
    """The picture cut up: labels, shapes and then grounds, and the query of a thing, or Q plus the ground.

    names: of the labels. kept: the queries that took part; masks: how likely each pixel is theirs, of 255. true_labels,
    true_segment, and quality, PQ = SQ · RQ on this picture alone: None where nothing is known of it.
    """

    labels: Int[ndarray, "H W"]
    segment: Int[ndarray, "H W"]
    names: tuple[T, ...]
    kept: Int[ndarray, " k"]
    masks: UInt8[ndarray, "k H/2 W/2"]
    true_labels: Int[ndarray, "H W"] | None = None
    true_segment: Int[ndarray, "H W"] | None = None
    quality: float | None = None
    segmentation: float | None = None
    recognition: float | None = None


@dataclass(frozen=True)
class Slots:
    """What the queries did in so many held-out scenes, at the size that the detector was trained at.

    query, boxes (centre and size in sides), labels: every detection with a score of one half at least. share: in how many of
    the pictures a query found something. ap, ap50: of all predictions as they are; suppressed: the IoU from which NMS
    suppresses; ap_suppressed, ap50_suppressed: of what it leaves.
    """

    pictures: int
    query: Int[ndarray, " m"]
    boxes: Float[ndarray, "m 4"]
    labels: Int[ndarray, " m"]
    share: Float[ndarray, " Q"]
    ap: float
    ap50: float
    suppressed: Float[ndarray, 9]
    ap_suppressed: Float[ndarray, 9]
    ap50_suppressed: Float[ndarray, 9]


@dataclass(frozen=True)
class Training:
    """Kept steps on one held-out picture, and the curve of the whole training.

    boxes, labels, scores: the last layer's; given: the object that the assignment gave each query, −1 for none. changed: how
    many objects were given to another query than at the step before. terms: class, L1 and GIoU loss of that picture's last
    layer. curve_step, curve_terms, ap, ap50: of the training, and of held-out scenes as it went.
    """

    pixels: UInt8[ndarray, "H W 3"]
    true_boxes: Float[ndarray, "n 4"]
    step: Int[ndarray, " K"]
    boxes: Float[ndarray, "K Q 4"]
    labels: Int[ndarray, "K Q"]
    scores: Float[ndarray, "K Q"]
    given: Int[ndarray, "K Q"]
    changed: Int[ndarray, " K"]
    terms: Float[ndarray, "K 3"]
    curve_step: Int[ndarray, " c"]
    curve_terms: Float[ndarray, "c 3"]
    ap: Float[ndarray, " c"]
    ap50: Float[ndarray, " c"]
    device: str
    date: str


@dataclass(frozen=True)
class Found:
    """What DETR makes of one picture.

    boxes, labels, scores: of the last layer, by the likeliest class; layer_…: of every layer. true_boxes, true_labels: as
    they are matched, with one of them moved, none where nothing is known; still: that one where it stood.
    cost_terms: class, L1, GIoU, not weighted; cost_matrix: their sum, weighted; assignment: the query that is given each
    object, −1 for none; cost: what it costs; greedy_cost: what taking the cheapest pair again and again would cost.
    layer, query, object: those chosen, as far as they exist. looks: where every query looks, the mean over heads. token: row
    and column; encoder_attention: where it looks, the mean over heads. written: the true boxes as text, of a photograph.
    """

    pixels: UInt8[ndarray, "H W 3"]
    names: tuple[T, ...]
    boxes: Float[ndarray, "Q 4"]
    labels: Int[ndarray, " Q"]
    scores: Float[ndarray, " Q"]
    layer_boxes: Float[ndarray, "L Q 4"]
    layer_labels: Int[ndarray, "L Q"]
    layer_scores: Float[ndarray, "L Q"]
    true_boxes: Float[ndarray, "n 4"]
    true_labels: Int[ndarray, " n"]
    still: Float[ndarray, 4]
    cost_terms: Float[ndarray, "3 Q n"]
    cost_matrix: Float[ndarray, "Q n"]
    assignment: Int[ndarray, " n"]
    cost_weights: tuple[float, float, float]
    cost: float
    greedy_cost: float
    threshold: float
    layer: int
    query: int
    object: int
    looks: Float[ndarray, "L Q h w"]
    token: Int[ndarray, 2]
    encoder_attention: Float[ndarray, "layers h w"]
    replaced: Replaced
    suppress: bool
    nms: float
    composed: Float[ndarray, "n 3"] | None
    segmented: Segmented | None
    slots: Slots | None
    training: Training | None
    model: T
    written: str | None = None
    findings: tuple[Finding, ...] = ()
    backend: str = "torch"
    dtype: str = "float32"

    @property
    def known(self) -> bool:
        """Whether it is known what is in the picture: without that there is no verdict."""
        return len(self.true_boxes) > 0
