"""Detection metrics: overlaps of boxes, matching, average precision as COCO counts it, and what each mistake costs."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from engine.core import Finding, Refused, T, experiment, gather
from engine.core.recent import remembered
from engine.vision.detection_metrics import blame, boxes, matching, sources
from engine.vision.detection_metrics.matching import AREAS, MOST, THRESHOLDS, Curve, Matches
from engine.vision.detection_metrics.parameters import DetectionMetrics
from engine.vision.detection_metrics.result import Detected, Reached, Shown, Slide
from engine.vision.detection_metrics.sources import Mistakes, Set

STEPS = 40  # of a curve, at which one can see what it has reached
__all__ = ["Detected", "DetectionMetrics", "Reached", "Shown", "Slide", "blame", "boxes", "detection_metrics", "matching", "sources"]


def cost(params: DetectionMetrics) -> Literal["instant", "seconds"]:
    """Instant for what a page draws by default; many pictures, a file, or pictures new to the detector take longer."""
    if params.source == "detr":
        return "instant" if sources.at_hand(params.seed, params.pictures, params.objects) else "seconds"
    large = params.source == "coco" and len(params.coco_truth) + len(params.coco_results) > 20_000
    return "seconds" if large or (params.source == "scenes" and params.pictures > 24) else "instant"


@experiment("detection-metrics", cost=cost, apart=lambda params: params.source != "detr")
def detection_metrics(params: DetectionMetrics) -> Detected:
    """Overlaps of the pair, and every score of the detections."""
    a, b = (sources.from_corners(getattr(params, name), name) for name in ("box_a", "box_b"))
    pair = {"pair": boxes.overlaps(a, b), "box_a": a, "box_b": b, "slide": _slide(a, b)}
    if params.source == "rows":
        return Detected(**pair, **_of_rows(params))
    return Detected(**pair, **_measured(params.model_copy(update={"box_a": "", "box_b": ""})))


def _of_rows(params: DetectionMetrics) -> dict[str, Any]:
    """What can be said of scores and matches alone."""
    score, right = sources.from_rows(params.rows)
    if right.sum() > params.truths:
        raise Refused(
            T(
                "truths must be at least the {right} matched rows; got {truths}",
                "truths 不得少于 {right} 个已匹配的行；收到 {truths}",
                right=right.sum(),
                truths=params.truths,
            ),
            "truths",
        )
    made = matching.curve(score, right, params.truths)
    names = (T("the class", "该类"),)
    counts = {"truths": np.array([params.truths]), "found": np.array([len(score)])}
    return {"names": names, **counts, "label": 0, "curve": made, **_three(made)}


@remembered(8)
def _measured(params: DetectionMetrics) -> dict[str, Any]:
    """All that does not depend on the pair: while one of its boxes is dragged, it stays as it is."""
    data = _source(params)
    kinds, most = len(data.names), params.most
    label = min(params.label, kinds - 1)
    matches = matching.match(data.truths, data.found, kinds, most=most)
    each = np.array([matching.average_precision(m, data.found.score) for m in matches])  # (K, areas, T)
    one = matching.match(data.truths, data.found, kinds, np.array([params.threshold]), AREAS[:1], most)[label]
    counted = ~one.ignored[0, 0]
    made = matching.curve(data.found.score[one.place[counted]], one.truth[0, 0, counted] >= 0, int(one.truths[0]))
    mistakes = blame.blame(data.truths, data.found, kinds, most)
    confusion, pictures, taken = _confusion(data, params.threshold, params.confidence)
    mean = lambda values: float(matching.mean(values))  # noqa: E731
    at = [int(np.argmin(np.abs(THRESHOLDS - t))) for t in (0.5, 0.75)]
    return {
        "names": data.names,
        "truths": np.bincount(data.truths.label, minlength=kinds),
        "found": np.bincount(data.found.label, minlength=kinds),
        "label": label,
        "curve": made,
        **_three(made),
        "thresholds": THRESHOLDS,
        "ap_by_threshold": each[:, 0],
        "ap_by_class": matching.mean(each[:, 0], 1),
        "average_precision": mean(each[:, 0]),
        "ap50": mean(each[:, 0, at[0]]),
        "ap75": mean(each[:, 0, at[1]]),
        **{f"ap_{size}": mean(each[:, a]) for a, size in enumerate(("small", "medium", "large"), 1)},
        "confusion": confusion,
        "pictures": pictures,
        "mistake_counts": mistakes.counts,
        "mistake_cost": mistakes.cost,
        "kind": mistakes.kind,
        "shown": _shown(data, params, taken),
        "reached": _reached(data, one, label),
        "findings": gather(*data.said, *_conventions(data, params, mistakes.ambiguous)),
    }


def _conventions(data: Set, params: DetectionMetrics, ambiguous: int) -> list[Finding]:
    """What a limit or a convention did to the numbers."""
    kinds, most = len(data.names), params.most
    cut = len(data.found) - len(matching.counted(data.found, kinds, most))
    made = []
    if cut:
        made.append(
            T(
                "{n:count} detections are not counted: beyond the best {most:count} of their class in their picture.",
                "{n:count} 个检测不计入：超出其图片中同类的前 {most:count} 个。",
                n=cut,
                most=most,
            )
        )
    if most != MOST:
        made.append(
            T(
                "AP is of at most {most:count} detections a class and picture; COCO's own takes {usual}.",
                "AP 按每图每类至多 {most:count} 个检测计算；COCO 自身取 {usual}。",
                most=most,
                usual=MOST,
            )
        )
    if params.label >= kinds:
        made.append(
            T(
                "There are {kinds} classes, counted from 0: the curve is of class {last}.",
                "共有 {kinds} 类，从 0 数起：曲线属于类别 {last}。",
                kinds=kinds,
                last=kinds - 1,
            )
        )
    if params.picture >= len(data.pictures):
        made.append(
            T(
                "There are {n:count} pictures, counted from 0: picture {last} is shown.",
                "共有 {n:count} 张图片，从 0 数起：显示图 {last}。",
                n=len(data.pictures),
                last=len(data.pictures) - 1,
            )
        )
    order = T.many(
        "{n} mistake fits two kinds, class and duplicate: as in TIDE's own program, class is asked for first.",
        "{n:count} mistakes fit two kinds, class and duplicate: as in TIDE's own program, class is asked for first.",
        "{n:count} 个错误既像“类别错”又像“重复”：与 TIDE 的程序一致，先判类别错。",
        n=ambiguous,
    )
    return [*map(Finding, made), *([Finding(order, "mistakes")] if ambiguous else [])]


def _source(params: DetectionMetrics) -> Set:
    if params.source == "boxes":
        return sources.from_boxes(params.truth, params.found)
    if params.source == "coco":
        from engine.vision.detection_metrics import coco

        return coco.from_coco(params.coco_truth, params.coco_results)
    if params.source == "detr":
        return sources.from_detector(params.seed, params.pictures, params.objects)
    mistakes = Mistakes(params.jitter, params.misnamed, params.missed, params.duplicated, params.background, params.blur)
    return sources.from_scenes(params.seed, params.pictures, params.objects, mistakes)


def _three(made: Curve) -> dict[str, float]:
    """AP of one curve, three ways."""
    names = ("eleven_point", "every_point", "hundred_and_one_point")
    return {name: getattr(matching, name)(made) if np.isfinite(made.recall).all() else np.nan for name in names}


def _slide(a: Float[ndarray, 4], b: Float[ndarray, 4]) -> Slide:
    """Four scores as B's centre passes A's from left to right at B's height."""
    far = 1.6 * max(a[2] - a[0], b[2] - b[0], 1.0)  # a little beyond where they last touch
    offset = np.linspace(-far, far, 81)
    middle = (a[0] + a[2]) / 2 - (b[0] + b[2]) / 2
    made = [boxes.overlaps(a, b + np.array([middle + dx, 0, middle + dx, 0])) for dx in offset]
    return Slide(offset, np.array([[o.iou, o.generalized, o.distance, o.complete] for o in made]).T)


def _confusion(data: Set, threshold: float, confidence: float) -> tuple[ndarray, tuple[tuple[int, int, tuple[int, ...]], ...], ndarray]:
    """Detections of a score at least, best first, each take the free truth of any class that they overlap most."""
    kinds = len(data.names)
    solid, sure = np.flatnonzero(~data.truths.crowd), np.flatnonzero(data.found.score >= confidence)
    truths, found = data.truths.only(solid), data.found.only(sure)
    alike = [type(part)(part.picture, np.zeros_like(part.label), *list(vars(part).values())[2:]) for part in (truths, found)]
    (one,) = matching.match(*alike, 1, np.array([threshold]), AREAS[:1], max(1, len(found)))
    won = np.full(len(found), -1)
    won[one.place] = one.truth[0, 0]
    free = np.ones(len(truths), bool)
    free[won[won >= 0]] = False
    true_labels = np.where(won >= 0, np.append(truths.label, kinds)[won], kinds)
    rows = np.concatenate([true_labels, truths.label[free]])
    columns = np.concatenate([found.label, np.full(free.sum(), kinds)])
    where = np.concatenate([found.picture, truths.picture[free]])
    matrix = np.zeros((kinds + 1, kinds + 1), int)
    np.add.at(matrix, (rows, columns), 1)
    cells: dict[tuple[int, int], list[int]] = {}
    for row, column, picture in np.unique(np.stack([rows, columns, where], 1), axis=0).tolist():
        cells.setdefault((row, column), []).append(picture)
    taken = np.full(len(data.found), -1)
    taken[sure[won >= 0]] = solid[won[won >= 0]]
    return matrix, tuple((row, column, tuple(found[:40])) for (row, column), found in sorted(cells.items())), taken


def _reached(data: Set, one: Matches, label: int) -> Reached | None:
    """What the curve has reached at some of its steps; None where the class has no detections."""
    place = one.place[~one.ignored[0, 0]]
    if not len(place):
        return None
    step = np.unique(np.linspace(1, len(place), min(len(place), STEPS)).round().astype(int))
    pictures, mine = data.found.picture[place], data.truths.label == label
    some, which = np.unique(pictures[step - 1], return_inverse=True)
    boxes, truths = data.found.boxes[place], data.truths.boxes[mine]
    size = data.sizes[some].max(0)
    size = size if size.min() > 0 else np.concatenate([boxes, truths, np.ones((1, 4))])[:, 2:].max(0)
    pixels = () if data.small is None else tuple(data.small(int(p)) for p in some)
    return Reached(step, boxes, pictures, truths, data.truths.picture[mine], size, which, pixels)


def _shown(data: Set, params: DetectionMetrics, taken: ndarray) -> Shown:
    """One picture with its boxes; of a scene with its pixels."""
    number = min(params.picture, len(data.pictures) - 1)
    there = np.flatnonzero(data.truths.picture == number)
    here = np.flatnonzero((data.found.picture == number) & (data.found.score >= params.confidence))
    place = {int(t): i for i, t in enumerate(there)}
    edges = np.concatenate([data.truths.boxes[there], data.found.boxes[here], np.ones((1, 4))])
    size = data.sizes[number]
    return Shown(
        number,
        size if size.min() > 0 else edges[:, 2:].max(0),
        data.truths.boxes[there],
        data.truths.label[there],
        data.found.boxes[here],
        data.found.label[here],
        data.found.score[here],
        np.array([place.get(int(taken[d]), -1) for d in here], int),
        here,
        data.pixels(number) if data.pixels is not None else None,
        params.source == "boxes",
    )
