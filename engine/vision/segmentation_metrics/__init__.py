"""Segmentation metrics: every score of one pair of masks at once, and which of them notices which error."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy import ndarray

from engine.core import Field, Params, Partial, Refused, experiment
from engine.data import scenes
from engine.vision.segmentation_metrics import masks, predicted
from engine.vision.segmentation_metrics.contour import boundary_scores
from engine.vision.segmentation_metrics.errors import Errors, err
from engine.vision.segmentation_metrics.overlap import confusion_matrix, mean, overlap
from engine.vision.segmentation_metrics.panoptic import panoptic, segments

GROUND = ("ground", "地面")
SCENE_NAMES = (GROUND, *scenes.SHAPES)
SCORES = ("pixel_accuracy", "mean_pixel_accuracy", "mean_iou", "frequency_weighted_iou", "mean_dice", "boundary_f",
          "panoptic_quality")  # fmt: skip
RENDERED = {"source": ["scene", "detr"]}
SCENE, MASKS, MATRIX = {"source": ["scene"]}, {"source": ["masks"]}, {"source": ["confusion"]}
LESSON_TRUTH = "0*64 x20;0*46,1*12,0*6 x10;0*64 x34"


class SegmentationMetrics(Params):
    """Truth and prediction as masks, or as a confusion matrix, scored by every metric of segmentation."""

    source: Literal["scene", "detr", "masks", "confusion"] = Field(
        "scene", title="What is scored", zh="评分对象",
        labels={"scene": ("a scene, with errors", "带错误的场景"),
                "detr": ("the embedded DETR, on a scene", "内置 DETR（场景）"), "masks": ("two masks", "两张掩码"),
                "confusion": ("a confusion matrix", "混淆矩阵")},
    )  # fmt: skip
    task: Literal["compare", "sensitivity"] = Field(
        "compare", title="Task", zh="任务",
        labels={"compare": ("score it", "评分"), "sensitivity": ("sweep the errors", "逐级加大错误")},
    )  # fmt: skip
    scene_seed: int = Field(3, ge=0, le=2**31 - 1, title="Scene", zh="场景", control="seed", when=RENDERED)
    objects: int = Field(5, ge=1, le=scenes.MOST, title="Objects", zh="物体数", when=RENDERED)
    size: int = Field(128, ge=32, le=256, title="Pixels to a side", zh="边长像素数", when=RENDERED)
    shrink: int = Field(2, ge=-12, le=12, title="Eroded by", zh="腐蚀", unit=("px", "像素"), when=SCENE,
                        help=("Negative: grown.", "负数为膨胀。"))  # fmt: skip
    shift: int = Field(2, ge=0, le=32, title="Shifted by", zh="平移", unit=("px", "像素"), when=SCENE)
    specks: float = Field(0.0, ge=0, le=0.5, step=0.005, title="Specks", zh="斑点", when=SCENE,
                          help=("Share of pixels given another label.", "被换成其他标签的像素比例。"))  # fmt: skip
    forgotten: int = Field(1, ge=0, le=scenes.MOST, title="Objects forgotten", zh="遗漏的物体", when=SCENE)
    confused: int = Field(1, ge=0, le=scenes.MOST, title="Objects misnamed", zh="错认的物体", when=SCENE)
    truth: str = Field(LESSON_TRUTH, max_length=200_000, title="Truth", zh="真值", control="mask", when=MASKS,
                       help=('Rows of labels: "0,0,1;0,1,1"; "2*5" is five twos, "… x3" the row three times.',
                             "由标签组成的行：“0,0,1;0,1,1”；“2*5”为五个 2，“… x3”为重复三行。"))  # fmt: skip
    prediction: str = Field("0*64 x64", max_length=200_000, title="Prediction", zh="预测", control="mask", when=MASKS)
    confusion: str = Field("50,3,0;2,40,1;0,4,20", max_length=4000, title="Confusion matrix", zh="混淆矩阵",
                           control="code", when=MATRIX,
                           help=("A row for each true class.", "每个真实类别一行。"))  # fmt: skip
    ignore: int = Field(255, ge=1, le=255, title="Label that is ignored", zh="忽略的标签", control="number", when=MASKS)
    tolerance: float = Field(2.0, ge=0, le=16, step=0.5, title="Tolerance of outlines", zh="轮廓容差",
                             unit=("px", "像素"), when={"source": ["scene", "detr", "masks"]})  # fmt: skip
    seed: int = Field(0, ge=0, le=2**31 - 1, title="Seed", zh="随机种子", control="seed", when=SCENE)


@dataclass(frozen=True)
class Sensitivity:
    """How each score falls as one error grows. kinds: k names in both languages. strengths: (k, s), in `units`.
    scores: (k, s, 7) in the order of `SCORES`; NaN where not yet computed."""

    kinds: tuple[tuple[str, str], ...]
    units: tuple[tuple[str, str], ...]
    strengths: ndarray
    scores: ndarray


@dataclass(frozen=True)
class Segmented:
    """K classes; NaN where a class has no part in a score, None where there are no masks.

    names: of the classes. confusion: (K, K) true by predicted pixels. nothing: (K,) pixels that were given the label
    that is ignored. truth_pixels, predicted_pixels: (K,).
    pixel_accuracy, mean_pixel_accuracy, mean_iou, frequency_weighted_iou, mean_dice: means. accuracy, iou, dice: (K,).
    boundary: (K, 3) precision, recall, F of each outline; boundary_f: F's mean. outlines: (H, W) uint8, 1 true
    and matched, 2 true and missed, 3 predicted and matched, 4 predicted and extra, 0 elsewhere. panoptic_quality,
    segmentation_quality, recognition_quality: means over classes; panoptic: (K, 7) TP, FP, FN, Σ IoU, SQ, RQ, PQ.
    truth, prediction: (H, W) uint8 labels. image: (H, W, 3) uint8 of a scene.
    sensitivity: only in that task. finding: what is remarkable, in a sentence.
    """

    names: tuple[tuple[str, str], ...]
    confusion: ndarray
    nothing: ndarray
    truth_pixels: ndarray
    predicted_pixels: ndarray
    pixel_accuracy: float
    accuracy: ndarray
    mean_pixel_accuracy: float
    iou: ndarray
    mean_iou: float
    frequency_weighted_iou: float
    dice: ndarray
    mean_dice: float
    boundary: ndarray | None = None
    boundary_f: float | None = None
    outlines: ndarray | None = None
    panoptic: ndarray | None = None
    panoptic_quality: float | None = None
    segmentation_quality: float | None = None
    recognition_quality: float | None = None
    truth: ndarray | None = None
    prediction: ndarray | None = None
    image: ndarray | None = None
    sensitivity: Sensitivity | None = None
    finding: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class Pair:
    """Two maps of classes (H, W), their segments, and what the classes are called."""

    truth: ndarray
    true_segments: ndarray
    prediction: ndarray
    found_segments: ndarray
    names: tuple[tuple[str, str], ...]
    ignore: int
    image: ndarray | None = None


def cost(params: SegmentationMetrics) -> Literal["instant", "seconds"]:
    """Scores are instant; a sweep scores some forty predictions, and a detector must first be loaded."""
    if params.source == "detr" and not predicted.loaded():
        return "seconds"
    return "seconds" if params.task == "sensitivity" and params.source != "confusion" else "instant"


@experiment("segmentation-metrics", cost=cost)
def segmentation_metrics(params: SegmentationMetrics) -> Iterator[Partial[Segmented]]:
    """Every score of the pair; in a sweep also how each falls as an error grows, one kind of error after another."""
    if params.source == "confusion":
        matrix = masks.read_matrix(params.confusion)
        nothing = np.zeros(len(matrix), np.int64)
        yield Partial(_scored(matrix, nothing, _named(len(matrix))), 1.0)
        return
    made = {"scene": _scene, "detr": _predicted, "masks": _masks}
    pair = made[params.source](params)
    result = score(pair, params.tolerance)
    if params.task == "compare":
        yield Partial(result, 1.0)
        return
    from dataclasses import replace

    for found, fraction in _sweep(pair, params):
        yield Partial(replace(result, sensitivity=found), fraction)


def score(pair: Pair, tolerance: float) -> Segmented:
    """Every score of a pair of masks; outlines agree within `tolerance` pixels."""
    classes = len(pair.names)
    matrix, nothing = confusion_matrix(pair.truth, pair.prediction, classes, pair.ignore)
    outlines, drawn = boundary_scores(pair.truth, pair.prediction, classes, pair.ignore, tolerance)
    whole = panoptic(pair.truth, pair.true_segments, pair.prediction, pair.found_segments, classes, pair.ignore)
    columns = (whole.matched, whole.extra, whole.missed, whole.quality_sum, whole.segmentation, whole.recognition,
               whole.quality)  # fmt: skip
    return _scored(
        matrix, nothing, pair.names, boundary=outlines, boundary_f=mean(outlines[:, 2]), outlines=drawn,
        panoptic=np.stack(columns, 1).astype(float), panoptic_quality=whole.pq, segmentation_quality=whole.sq,
        recognition_quality=whole.rq, truth=pair.truth, prediction=pair.prediction, image=pair.image,
    )  # fmt: skip


def _scored(matrix: ndarray, nothing: ndarray, names: tuple[tuple[str, str], ...], **more: object) -> Segmented:
    found = overlap(matrix, nothing)
    return Segmented(
        names, matrix, nothing, found.truth, found.predicted, found.pixel_accuracy, found.accuracy,
        found.mean_pixel_accuracy, found.iou, found.mean_iou, found.frequency_weighted_iou, found.dice,
        found.mean_dice, finding=_finding(found.pixel_accuracy, found.mean_iou), **more,
    )  # fmt: skip


def _finding(accuracy: float, iou: float) -> tuple[str, str]:
    """The lesson, where this pair teaches it."""
    if not (accuracy > 0.9 and iou < 0.6):
        return "", ""
    return (
        f"{accuracy:.1%} of the pixels are right, yet mean IoU is {iou:.2f}: the large class hides the small ones.",
        f"{accuracy:.1%} 的像素正确，但平均 IoU 只有 {iou:.2f}：大类掩盖了小类。",
    )


def _named(classes: int) -> tuple[tuple[str, str], ...]:
    return (("background", "背景"), *((f"class {k}", f"类别 {k}") for k in range(1, classes)))


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
    truth, found = masks.read(params.truth, "truth"), masks.read(params.prediction, "prediction")
    if truth.shape != found.shape:
        wanted, given = (" x ".join(map(str, m.shape)) for m in (truth, found))
        raise Refused(f"prediction must have the truth's size, {wanted} pixels; got {given}",
                      f"prediction 的大小必须与真值相同，即 {wanted} 像素；收到 {given}", "prediction")  # fmt: skip
    if (truth == params.ignore).all():
        raise Refused(f"truth must have a pixel that is not ignored; all are {params.ignore}",
                      f"truth 至少要有一个不被忽略的像素；现在全是 {params.ignore}", "truth")  # fmt: skip
    classes = 1 + max(int(m[m != params.ignore].max(initial=0)) for m in (truth, found))
    if classes > 32:
        raise Refused(f"labels must be from 0 to 31, or {params.ignore} where ignored; got {classes - 1}",
                      f"标签必须在 0 到 31 之间，忽略处为 {params.ignore}；收到 {classes - 1}", "truth")  # fmt: skip
    return Pair(truth, segments(truth), found, segments(found), _named(max(2, classes)), params.ignore)


def _sweep(pair: Pair, params: SegmentationMetrics) -> Iterator[tuple[Sensitivity, float]]:
    """Truth itself as the prediction, with one kind of error at a time, ever stronger."""
    count = len(np.unique(pair.true_segments[(pair.truth != 0) & (pair.truth != pair.ignore)]))
    steps = 9
    pixels = np.arange(steps, dtype=float)
    kinds = (
        (("eroded", "腐蚀"), ("px", "像素"), pixels, lambda v: Errors(shrink=int(v))),
        (("grown", "膨胀"), ("px", "像素"), pixels, lambda v: Errors(shrink=-int(v))),
        (("shifted", "平移"), ("px", "像素"), pixels, lambda v: Errors(shift=int(v))),
        (("specks", "斑点"), ("of the pixels", "像素比例"), pixels / 40, lambda v: Errors(specks=float(v))),
        (("forgotten", "遗漏"), ("objects", "个物体"), np.linspace(0, count, steps).round(),
         lambda v: Errors(forgotten=int(v))),
    )  # fmt: skip
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
