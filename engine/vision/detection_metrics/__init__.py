"""Detection metrics: overlaps of boxes, matching, average precision as COCO counts it, and what each mistake costs."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy import ndarray

from engine.core import Field, Params, Refused, experiment
from engine.core.params import shown
from engine.vision.detection_metrics import blame, boxes, matching, sources
from engine.vision.detection_metrics.blame import KINDS
from engine.vision.detection_metrics.boxes import Overlaps
from engine.vision.detection_metrics.matching import AREAS, THRESHOLDS, Curve
from engine.vision.detection_metrics.sources import Mistakes, Set

SCENES, BOXES, ROWS, COCO = ({"source": [name]} for name in ("scenes", "boxes", "rows", "coco"))
RENDERED = {"source": ["scenes", "detr"]}
EXAMPLE_TRUTH = "0,12,18,58,70,0,70,22,118,64,1,34,78,84,120"
EXAMPLE_FOUND = "0,0.92,16,14,60,66,0,0.81,66,30,108,70,1,0.74,30,84,92,124,0,0.55,14,20,54,74,0,0.33,86,84,120,118"
EXAMPLE_COCO = (
    '{"images":[{"id":1,"width":100,"height":100}],"categories":[{"id":1,"name":"cat"}],'
    '"annotations":[{"id":1,"image_id":1,"category_id":1,"bbox":[10,10,40,40],"area":1600,"iscrowd":0}]}'
)
EXAMPLE_RESULTS = '[{"image_id":1,"category_id":1,"bbox":[12,8,40,40],"score":0.9}]'


class DetectionMetrics(Params):
    """Two boxes and how they overlap; and detections against truths, scored as VOC, COCO and TIDE score them."""

    source: Literal["scenes", "detr", "boxes", "rows", "coco"] = Field(
        "scenes", title="What is scored", zh="评分对象",
        labels={"scenes": ("scenes, with mistakes", "带错误的场景"),
                "detr": ("the embedded DETR, on scenes", "内置 DETR（场景）"),
                "boxes": ("boxes drawn by hand", "手绘的框"),
                "rows": ("scores and matches", "分数与匹配"), "coco": ("COCO files", "COCO 文件")},
    )  # fmt: skip
    box_a: str = Field("20,30,70,80", max_length=80, title="Box A", zh="框 A", control="code",
                       help=("x0,y0,x1,y1", "四个数 x0,y0,x1,y1"))  # fmt: skip
    box_b: str = Field("45,45,105,85", max_length=80, title="Box B", zh="框 B", control="code")
    pictures: int = Field(16, ge=1, le=100, title="Pictures", zh="图片数", when=RENDERED)
    objects: int = Field(5, ge=1, le=8, title="Objects, at most", zh="物体数上限", when=RENDERED)
    jitter: float = Field(0.06, ge=0, le=0.5, step=0.005, title="Jitter of boxes", zh="框的抖动", when=SCENES,
                          help=("In sides of the box.", "以框的边长为单位。"))  # fmt: skip
    misnamed: float = Field(0.08, ge=0, le=1, step=0.01, title="Misnamed", zh="认错的比例", when=SCENES)
    missed: float = Field(0.08, ge=0, le=1, step=0.01, title="Missed", zh="漏掉的比例", when=SCENES)
    duplicated: float = Field(0.1, ge=0, le=1, step=0.01, title="Found twice", zh="重复的比例", when=SCENES)
    background: float = Field(0.5, ge=0, le=5, step=0.05, title="False alarms a picture", zh="每图误检数", when=SCENES)
    blur: float = Field(0.1, ge=0, le=0.5, step=0.01, title="Blur of scores", zh="分数的模糊", when=SCENES)
    truth: str = Field(EXAMPLE_TRUTH, max_length=8000, title="True boxes", zh="真值框", control="code", when=BOXES,
                       help=("class,x0,y0,x1,y1 for each", "每框 class,x0,y0,x1,y1"))  # fmt: skip
    found: str = Field(EXAMPLE_FOUND, max_length=8000, title="Detections", zh="检测框", control="code", when=BOXES,
                       help=("class,score,x0,y0,x1,y1 for each", "每框 class,score,x0,y0,x1,y1"))  # fmt: skip
    rows: str = Field("0.9,1;0.8,0;0.7,1;0.6,1;0.5,0", max_length=20_000, title="score,matched", zh="分数,匹配",
                      control="code", when=ROWS)  # fmt: skip
    truths: int = Field(4, ge=1, le=100_000, title="True objects", zh="真值物体数", when=ROWS, control="number")
    coco_truth: str = Field(EXAMPLE_COCO, max_length=2_000_000, title="COCO truth", zh="COCO 真值", control="code",
                            when=COCO)  # fmt: skip
    coco_results: str = Field(EXAMPLE_RESULTS, max_length=2_000_000, title="COCO results", zh="COCO 结果",
                              control="code", when=COCO)  # fmt: skip
    threshold: float = Field(0.5, ge=0.05, le=0.95, step=0.05, title="IoU that counts as found", zh="算作检出的 IoU")
    confidence: float = Field(0.3, ge=0, le=1, step=0.01, title="Least score", zh="最低分数",
                              help=("Of the confusion matrix and the pictures.", "用于混淆矩阵与图片。"))  # fmt: skip
    label: int = Field(0, ge=0, le=200, title="Class of the curve", zh="曲线的类别", control="number")
    picture: int = Field(0, ge=0, le=5000, title="Picture shown", zh="显示的图片", control="number")
    seed: int = Field(0, ge=0, le=2**31 - 1, title="Seed", zh="随机种子", control="seed")


@dataclass(frozen=True)
class Slide:
    """Box B slid sideways past A: offset (s,) of its centre from A's, in pixels, and four scores (4, s)."""

    offset: ndarray
    scores: ndarray


@dataclass(frozen=True)
class Shown:
    """One picture: its number, size (2,), true and found boxes (n, 4), (m, 4), their labels, the scores (m,), the
    number of the truth in this picture that each detection took, −1 for none, and pixels (H, W, 3) where there are.
    place: (m,) of each detection among all; by_hand: whether the boxes are parameters that a person can move."""

    number: int
    size: ndarray
    truths: ndarray
    true_labels: ndarray
    found: ndarray
    found_labels: ndarray
    scores: ndarray
    taken: ndarray
    place: ndarray
    pixels: ndarray | None = None
    by_hand: bool = False


@dataclass(frozen=True)
class Detected:
    """K classes, T = 10 thresholds 0.5 … 0.95; NaN where a class has no truth, None where a source lacks what it needs.

    pair: the two boxes' overlaps; box_a, box_b (4,); slide: the scores as B moves.
    names: of the classes. truths (K,), found (K,): how many. label, curve: the class of the curve, and its precision
    and recall at the chosen threshold. eleven_point, every_point, hundred_and_one_point: its AP three ways.
    thresholds (T,), ap_by_threshold (K, T), ap_by_class (K,), average_precision: COCO's AP; ap50, ap75, ap_small,
    ap_medium, ap_large.
    confusion: (K + 1, K + 1) true by found at the least score and IoU threshold, the last being background; pictures:
    for each of its cells with something, row, column and the pictures that it comes from.
    mistakes: names of TIDE's six kinds; mistake_counts (6,), mistake_cost (6,): by how much AP at IoU 0.5 rises when
    that kind is mended; kind (d,): of each detection, −1 where right. shown: one picture.
    """

    pair: Overlaps
    box_a: ndarray
    box_b: ndarray
    slide: Slide
    names: tuple[tuple[str, str], ...]
    truths: ndarray
    found: ndarray
    label: int
    curve: Curve
    eleven_point: float
    every_point: float
    hundred_and_one_point: float
    thresholds: ndarray | None = None
    ap_by_threshold: ndarray | None = None
    ap_by_class: ndarray | None = None
    average_precision: float | None = None
    ap50: float | None = None
    ap75: float | None = None
    ap_small: float | None = None
    ap_medium: float | None = None
    ap_large: float | None = None
    confusion: ndarray | None = None
    pictures: tuple[tuple[int, int, tuple[int, ...]], ...] | None = None
    mistakes: tuple[tuple[str, str], ...] = KINDS
    mistake_counts: ndarray | None = None
    mistake_cost: ndarray | None = None
    kind: ndarray | None = None
    shown: Shown | None = None


def cost(params: DetectionMetrics) -> Literal["instant", "seconds"]:
    """Instant for what a page draws by default; many pictures, a file, or pictures new to the detector take longer."""
    if params.source == "detr":
        return "instant" if sources.at_hand(params.seed, params.pictures, params.objects) else "seconds"
    large = params.source == "coco" and len(params.coco_results) > 20_000
    return "seconds" if large or (params.source == "scenes" and params.pictures > 24) else "instant"


@experiment("detection-metrics", cost=cost)
def detection_metrics(params: DetectionMetrics) -> Detected:
    """Overlaps of the pair, and every score of the detections."""
    a, b = _pair(params.box_a, "box_a"), _pair(params.box_b, "box_b")
    pair = {"pair": boxes.overlaps(a, b), "box_a": a, "box_b": b, "slide": _slide(a, b)}
    if params.source == "rows":
        score, right = sources.from_rows(params.rows)
        if right.sum() > params.truths:
            raise Refused(f"truths must be at least the {right.sum()} matched rows; got {params.truths}",
                          f"truths 不得少于 {right.sum()} 个已匹配的行；收到 {params.truths}", "truths")  # fmt: skip
        made = matching.curve(score, right, params.truths)
        return Detected(**pair, names=(("the class", "该类"),), truths=np.array([params.truths]),
                        found=np.array([len(score)]), label=0, curve=made, **_three(made))  # fmt: skip
    return Detected(**pair, **_measured(params.model_copy(update={"box_a": "", "box_b": ""})))


@functools.lru_cache(maxsize=8)
def _measured(params: DetectionMetrics) -> dict[str, object]:
    """All that does not depend on the pair: while one of its boxes is dragged, it stays as it is."""
    return _scored(_source(params), params)


def _source(params: DetectionMetrics) -> Set:
    if params.source == "boxes":
        return sources.from_boxes(params.truth, params.found)
    if params.source == "coco":
        return sources.from_coco(params.coco_truth, params.coco_results)
    if params.source == "detr":
        return sources.from_detector(params.seed, params.pictures, params.objects)
    mistakes = Mistakes(
        params.jitter, params.misnamed, params.missed, params.duplicated, params.background, params.blur
    )
    return sources.from_scenes(params.seed, params.pictures, params.objects, mistakes)


def _scored(data: Set, params: DetectionMetrics) -> dict[str, object]:
    """All that is measured of truths and detections."""
    kinds = len(data.names)
    label = min(params.label, kinds - 1)
    matches = matching.match(data.truths, data.found, kinds)
    each = np.array([matching.average_precision(m, data.found.score) for m in matches])  # (K, areas, T)
    one = matching.match(data.truths, data.found, kinds, np.array([params.threshold]), AREAS[:1])[label]
    counted = ~one.ignored[0, 0]
    score, right = data.found.score[one.place[counted]], one.truth[0, 0, counted] >= 0
    made = matching.curve(score, right, int(one.truths[0]))
    found = blame.blame(data.truths, data.found, kinds)
    confusion, pictures, taken = _confusion(data, params.threshold, params.confidence)
    place = [int(np.argmin(np.abs(THRESHOLDS - t))) for t in (0.5, 0.75)]
    return {
        "names": data.names, "truths": np.bincount(data.truths.label, minlength=kinds),
        "found": np.bincount(data.found.label, minlength=kinds), "label": label, "curve": made, **_three(made),
        "thresholds": THRESHOLDS, "ap_by_threshold": each[:, 0], "ap_by_class": _mean(each[:, 0], 1),
        "average_precision": float(_mean(each[:, 0], None)), "ap50": float(_mean(each[:, 0, place[0]], None)),
        "ap75": float(_mean(each[:, 0, place[1]], None)),
        **{f"ap_{size}": float(_mean(each[:, a], None)) for a, size in enumerate(("small", "medium", "large"), 1)},
        "confusion": confusion, "pictures": pictures, "mistake_counts": found.counts, "mistake_cost": found.cost,
        "kind": found.kind, "shown": _shown(data, params, taken),
    }  # fmt: skip


def _three(made: Curve) -> dict[str, float]:
    """AP of one curve, three ways."""
    names = ("eleven_point", "every_point", "hundred_and_one_point")
    return {name: getattr(matching, name)(made) if np.isfinite(made.recall).all() else np.nan for name in names}


def _mean(values: ndarray, axis: int | None) -> ndarray:
    """The mean of what is a number."""
    known = np.isfinite(values)
    total, count = np.where(known, values, 0).sum(axis), known.sum(axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _pair(text: str, name: str) -> ndarray:
    """A box (4,) from x0,y0,x1,y1; corners in any order, as a hand drags them."""
    try:
        values = np.array([float(v) for v in text.replace(";", ",").split(",")])
    except ValueError:
        values = np.zeros(0)
    if values.shape != (4,) or not np.isfinite(values).all() or np.abs(values).max() > 1e4:
        raise Refused(f"{name} must be four finite numbers x0,y0,x1,y1; got {shown(text)}",
                      f"{name} 必须是四个有限数值 x0,y0,x1,y1；收到 {shown(text)}", name)  # fmt: skip
    return np.concatenate([np.minimum(values[:2], values[2:]), np.maximum(values[:2], values[2:])])


def _slide(a: ndarray, b: ndarray) -> Slide:
    """Four scores as B's centre passes A's from left to right at B's height."""
    reach = 1.6 * max(a[2] - a[0], b[2] - b[0], 1.0)
    offset = np.linspace(-reach, reach, 81)
    middle = (a[0] + a[2]) / 2 - (b[0] + b[2]) / 2
    made = [boxes.overlaps(a, b + np.array([middle + dx, 0, middle + dx, 0])) for dx in offset]
    return Slide(offset, np.array([[o.iou, o.generalized, o.distance, o.complete] for o in made]).T)


def _confusion(
    data: Set, threshold: float, confidence: float
) -> tuple[ndarray, tuple[tuple[int, int, tuple[int, ...]], ...], ndarray]:
    """Detections of a score at least, best first, each take the free truth of any class that they overlap most."""
    kinds = len(data.names)
    matrix = np.zeros((kinds + 1, kinds + 1), int)
    cells: dict[tuple[int, int], list[int]] = {}
    taken = np.full(len(data.found), -1)
    for p in range(len(data.pictures)):
        there = np.flatnonzero((data.truths.picture == p) & ~data.truths.crowd)
        here = np.flatnonzero((data.found.picture == p) & (data.found.score >= confidence))
        here = here[np.argsort(-data.found.score[here], kind="mergesort")]
        overlap = boxes.iou(data.found.boxes[here], data.truths.boxes[there])
        free = np.ones(len(there), bool)
        pairs = []
        for d, row in zip(here, overlap, strict=True):
            offered = np.where(free & (row >= threshold), row, -1.0)
            best = int(offered.argmax()) if len(there) else 0
            won = len(there) > 0 and offered[best] >= 0
            pairs.append((int(data.truths.label[there[best]]) if won else kinds, int(data.found.label[d])))
            if won:
                free[best], taken[d] = False, there[best]
        pairs += [(int(data.truths.label[t]), kinds) for t in there[free]]
        for cell in pairs:
            matrix[cell] += 1
            cells.setdefault(cell, []).append(p)
    return matrix, tuple((r, c, tuple(dict.fromkeys(found))[:40]) for (r, c), found in sorted(cells.items())), taken


def _shown(data: Set, params: DetectionMetrics, taken: ndarray) -> Shown:
    """One picture with its boxes; of a scene with its pixels."""
    p = min(params.picture, len(data.pictures) - 1)
    there = np.flatnonzero(data.truths.picture == p)
    here = np.flatnonzero((data.found.picture == p) & (data.found.score >= params.confidence))
    place = {int(t): i for i, t in enumerate(there)}
    pixels = data.pixels(p) if data.pixels is not None else None
    return Shown(
        p, data.sizes[p], data.truths.boxes[there], data.truths.label[there], data.found.boxes[here],
        data.found.label[here], data.found.score[here], np.array([place.get(int(taken[d]), -1) for d in here], int),
        here, pixels, params.source == "boxes",
    )  # fmt: skip
