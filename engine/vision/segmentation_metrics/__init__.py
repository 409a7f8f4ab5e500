"""Segmentation metrics: every score of one pair of masks at once, and which of them notices which error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from jaxtyping import Int
from numpy import ndarray

from engine.core import Finding, Partial, Refused, T, experiment, gather
from engine.core.entry import normalised
from engine.core.params import shown
from engine.data import masks, scenes
from engine.vision.segmentation_metrics import predicted
from engine.vision.segmentation_metrics.contour import boundary_scores
from engine.vision.segmentation_metrics.errors import Errors, err
from engine.vision.segmentation_metrics.overlap import confusion_matrix, mean, overlap
from engine.vision.segmentation_metrics.panoptic import panoptic, segments
from engine.vision.segmentation_metrics.parameters import SegmentationMetrics
from engine.vision.segmentation_metrics.result import SCORES, Segmented, Sensitivity

__all__ = ["SCORES", "Pair", "SegmentationMetrics", "Segmented", "Sensitivity", "masks", "score", "segmentation_metrics"]

SCENE_NAMES = (T("ground", "地面"), *scenes.SHAPES)
LARGE = 20_000  # characters of two masks from which scoring takes longer than a drag may


@dataclass(frozen=True)
class Pair:
    """Two maps of classes (H, W), their segments, and what the classes are called."""

    truth: ndarray
    true_segments: ndarray
    prediction: ndarray
    found_segments: ndarray
    names: tuple[T, ...]
    ignore: int
    image: ndarray | None = None
    said: tuple[T, ...] = ()


def cost(params: SegmentationMetrics) -> Literal["instant", "seconds"]:
    """Scores are instant; a sweep scores some forty predictions, and a detector must first be loaded."""
    if params.source == "detr" and not predicted.loaded():
        return "seconds"
    if params.source == "masks" and len(params.truth) + len(params.prediction) > LARGE:
        return "seconds"
    return "seconds" if params.task == "sensitivity" and params.source != "confusion" else "instant"


@experiment("segmentation-metrics", cost=cost, apart=lambda params: params.source != "detr")
def segmentation_metrics(params: SegmentationMetrics) -> Iterator[Partial[Segmented]]:
    """Every score of the pair; in a sweep also how each falls as an error grows, one kind of error after another."""
    if params.source == "confusion":
        matrix = read_matrix(params.confusion)
        nothing = np.zeros(len(matrix), np.int64)
        result = _scored(matrix, nothing, _named(len(matrix)))
        yield Partial(replace(result, findings=gather(_lesson(result.pixel_accuracy, result.mean_iou))), 1.0)
        return
    made = {"scene": _scene, "detr": _predicted, "masks": _masks}
    pair = made[params.source](params)
    result = score(pair, params.tolerance)
    if params.task == "compare":
        yield Partial(result, 1.0)
        return
    for found, fraction in _sweep(pair, params):
        yield Partial(replace(result, sensitivity=found), fraction)


def score(pair: Pair, tolerance: float) -> Segmented:
    """Every score of a pair of masks; outlines agree within `tolerance` pixels."""
    classes = len(pair.names)
    matrix, nothing = confusion_matrix(pair.truth, pair.prediction, classes, pair.ignore)
    outlines, drawn = boundary_scores(pair.truth, pair.prediction, classes, pair.ignore, tolerance)
    whole = panoptic(pair.truth, pair.true_segments, pair.prediction, pair.found_segments, classes, pair.ignore)
    columns = (whole.matched, whole.extra, whole.missed, whole.quality_sum, whole.segmentation, whole.recognition, whole.quality)
    result = _scored(
        matrix,
        nothing,
        pair.names,
        boundary=outlines,
        boundary_f=mean(outlines[:, 2]),
        outlines=drawn,
        panoptic=np.stack(columns, 1).astype(float),
        panoptic_quality=whole.pq,
        segmentation_quality=whole.sq,
        recognition_quality=whole.rq,
        truth=pair.truth,
        prediction=pair.prediction,
        image=pair.image,
        ignore=pair.ignore,
    )
    return replace(result, findings=_findings(pair, result))


def _scored(matrix: ndarray, nothing: ndarray, names: tuple[T, ...], **more: Any) -> Segmented:
    found = overlap(matrix, nothing)
    return Segmented(
        names,
        matrix,
        nothing,
        found.truth,
        found.predicted,
        found.pixel_accuracy,
        found.accuracy,
        found.mean_pixel_accuracy,
        found.iou,
        found.mean_iou,
        found.frequency_weighted_iou,
        found.dice,
        found.mean_dice,
        **more,
    )


def _findings(pair: Pair, result: Segmented) -> tuple[Finding, ...]:
    """What a convention did to the numbers, and the lesson, where this pair teaches it."""
    return gather(*pair.said, *_ignored(pair, result), _lesson(result.pixel_accuracy, result.mean_iou))


def _ignored(pair: Pair, result: Segmented) -> Iterator[T]:
    """What the ignored label took out of the scores."""
    silent, nothing = float((pair.truth == pair.ignore).mean()), int(result.nothing.sum())
    if silent:
        yield T(
            "{share:percent} of the truth has the label {ignore}, which is ignored: these pixels count nowhere.",
            "真值中有 {share:percent} 的像素为被忽略的标签 {ignore}，不计入任何分数。",
            share=silent,
            ignore=pair.ignore,
        )
    if nothing:
        yield T.many(
            "{n} pixel is predicted as the ignored label {ignore}: it counts as missed.",
            "{n:count} pixels are predicted as the ignored label {ignore}: they count as missed.",
            "有 {n:count} 个像素被预测为忽略标签 {ignore}，按漏检计。",
            n=nothing,
            ignore=pair.ignore,
        )
    there = np.flatnonzero(result.truth_pixels)
    if len(there) == 1:
        yield T(
            "Only {name} is left in the truth: there is nothing to tell it from, and high scores say nothing.",
            "真值中只剩下{name}：没有可与之区分的类别，高分不说明任何问题。",
            name=pair.names[there[0]],
        )


def _lesson(accuracy: float, iou: float) -> T | None:
    if not (accuracy > 0.9 and iou < 0.6):
        return None
    return T(
        "{accuracy:percent} of the pixels are right, yet mean IoU is {iou:fixed}: the large class hides the small ones.",
        "{accuracy:percent} 的像素正确，但平均 IoU 只有 {iou:fixed}：大类掩盖了小类。",
        accuracy=accuracy,
        iou=iou,
    )


def _named(classes: int) -> tuple[T, ...]:
    return (T("background", "背景"), *(T("class {k}", "类别 {k}", k=k) for k in range(1, classes)))


def _scene(params: SegmentationMetrics) -> Pair:
    """A scene's exact masks, and a prediction that errs as it is told to."""
    scene = scenes.compose(params.scene_seed, 0, (params.objects, params.objects))
    picture = scenes.render(scene, params.size)
    classes = np.append(scene.shape + 1, 0).astype(np.uint8)  # the last is where the instance is −1
    truth, pieces = classes[picture.instance], picture.instance + 1
    errors = Errors(params.shrink, params.shift, params.specks, params.forgotten, params.confused)
    rng = np.random.Generator(np.random.PCG64(params.seed))
    found, found_pieces = err(truth, pieces, len(SCENE_NAMES), errors, rng)
    return Pair(truth, pieces, found, found_pieces, SCENE_NAMES, 255, picture.pixels)


def _predicted(params: SegmentationMetrics) -> Pair:
    """A held-out scene as the embedded DETR cuts it up."""
    maps, pixels = predicted.look(params.scene_seed, params.objects, params.size)
    return Pair(*maps, SCENE_NAMES, 255, pixels)


def _masks(params: SegmentationMetrics) -> Pair:
    """Two masks as they were given."""
    truth, found, said = masks.together(masks.read(params.truth, "truth"), masks.read(params.prediction, "prediction"))
    if truth.shape != found.shape:
        wanted, given = (" x ".join(map(str, m.shape)) for m in (truth, found))
        raise Refused(
            T(
                "prediction must have the truth's size, {wanted} pixels; got {given}",
                "prediction 的大小必须与真值相同，即 {wanted} 像素；收到 {given}",
                wanted=wanted,
                given=given,
            ),
            "prediction",
        )
    if (truth == params.ignore).all():
        raise Refused(
            T(
                "truth must have a pixel that is not ignored; all are {ignore}",
                "truth 至少要有一个不被忽略的像素；现在全是 {ignore}",
                ignore=params.ignore,
            ),
            "truth",
        )
    classes = 1 + max(int(m[m != params.ignore].max(initial=0)) for m in (truth, found))
    return Pair(truth, segments(truth), found, segments(found), _named(max(2, classes)), params.ignore, said=said)


def read_matrix(text: str, name: str = "confusion") -> Int[ndarray, "K K"]:
    """A confusion matrix from rows of counts. Raises Refused where it is none."""
    plain = normalised(text).strip(" ;\n")
    try:
        rows = [[int(v) for v in re.split(r"[,\s]+", row.strip(" ,"))] for row in re.split(r"[;\n]+", plain)]
        matrix = np.array(rows, np.int64)
    except (ValueError, OverflowError):
        matrix = np.zeros(0, np.int64)
    square = matrix.ndim == 2 and matrix.shape[0] == matrix.shape[1] and 2 <= len(matrix) <= 256
    if not square or matrix.min() < 0 or matrix.max() > 10**12 or not matrix.any():
        raise Refused(
            T(
                "{name} must be a square matrix of counts, 2 to 256 classes, such as 50,3;2,40; got {text}",
                "{name} 必须是 2 到 256 类的计数方阵，例如 50,3;2,40；收到 {text}",
                name=name,
                text=shown(text),
            ),
            name,
        )
    return matrix


def _sweep(pair: Pair, params: SegmentationMetrics) -> Iterator[tuple[Sensitivity, float]]:
    """Truth itself as the prediction, with one kind of error at a time, ever stronger."""
    count = len(np.unique(pair.true_segments[(pair.truth != 0) & (pair.truth != pair.ignore)]))
    steps = 9
    pixels = np.arange(steps, dtype=float)
    kinds = (
        (T("eroded", "腐蚀"), T("px", "像素"), pixels, lambda v: Errors(shrink=int(v))),
        (T("grown", "膨胀"), T("px", "像素"), pixels, lambda v: Errors(shrink=-int(v))),
        (T("shifted", "平移"), T("px", "像素"), pixels, lambda v: Errors(shift=int(v))),
        (T("specks", "斑点"), T("of the pixels", "像素比例"), pixels / 40, lambda v: Errors(specks=float(v))),
        (T("forgotten", "遗漏"), T("objects", "个物体"), np.linspace(0, count, steps).round(), lambda v: Errors(forgotten=int(v))),
    )
    made = np.full((len(kinds), steps, len(SCORES)), np.nan)
    strengths = np.array([kind[2] for kind in kinds])
    names, units = tuple(kind[0] for kind in kinds), tuple(kind[1] for kind in kinds)
    things = np.where(pair.truth == pair.ignore, 0, pair.truth)
    for k, (_, _, values, errors) in enumerate(kinds):
        for s, value in enumerate(values):
            rng = np.random.Generator(np.random.PCG64(params.seed))
            found, pieces = err(things, pair.true_segments, len(pair.names), errors(value), rng)
            changed = Pair(pair.truth, pair.true_segments, found, pieces, pair.names, pair.ignore)
            result = score(changed, params.tolerance)
            made[k, s] = [getattr(result, name) for name in SCORES]
            done = (k * steps + s + 1) / (len(kinds) * steps)
            yield Sensitivity(names, units, strengths, made.copy()), done
