"""Truths and detections: of scenes with mistakes made on purpose or seen by the embedded detector, of boxes typed, and of
rows of scores."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from engine.core import Finding, Refused, T, amounts
from engine.core.entry import normalised
from engine.core.params import shown
from engine.core.recent import Recent, remembered
from engine.data import scenes
from engine.vision.detection_metrics.matching import Detections, Truths

SIDE = 128  # pixels of a scene's picture
MOST_CLASSES = 20  # of boxes drawn by hand
SMALL = 64  # of one that passes by while a curve is scrubbed
FIRST = 1_000_000  # of the held-out scenes that the detector is shown: no other lab judges it by these


@dataclass(frozen=True)
class Set:
    """Truths and detections, what the classes are called, and of each picture its name, its size (width, height), and
    where there are any, its pixels, whole and in small: functions of its number. said: what conventions did to it."""

    truths: Truths
    found: Detections
    names: tuple[T, ...]
    pictures: tuple[str, ...]
    sizes: ndarray
    pixels: Callable[[int], ndarray] | None = None
    small: Callable[[int], ndarray] | None = None
    said: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Mistakes:
    """How often what goes wrong: jitter, the standard deviation of a box's edges in its own sides; misnamed, missed and
    duplicated, shares of the objects; background, false detections a picture; blur, of the scores."""

    jitter: float
    misnamed: float
    missed: float
    duplicated: float
    background: float
    blur: float


def from_scenes(seed: int, pictures: int, objects: int, mistakes: Mistakes) -> Set:
    """Exact boxes of scenes, and detections that err as told; but for blur, a worse box has a lower score."""
    rng = np.random.Generator(np.random.PCG64(seed))
    true: list[tuple[int, int, ndarray]] = []
    found: list[tuple[int, int, ndarray, float]] = []
    kinds = len(scenes.SHAPES)
    for p in range(pictures):
        for label, box in zip(*_true(seed, p, objects), strict=True):
            true.append((p, int(label), box))
            if rng.random() < mistakes.missed:
                continue
            for _ in range(1 + (rng.random() < mistakes.duplicated)):
                wrong = rng.normal(0, mistakes.jitter, 4)
                wide = np.tile(box[2:] - box[:2], 2)
                named = int(label) if rng.random() >= mistakes.misnamed else int(rng.integers(kinds))
                score = 0.95 - 1.2 * float(np.abs(wrong).mean()) - 0.15 * (named != label)
                found.append((p, named, _upright(box + wrong * wide), score))
        for _ in range(rng.poisson(mistakes.background)):
            low, wide = rng.uniform(0, 0.8 * SIDE, 2), rng.uniform(0.1, 0.4, 2) * SIDE
            found.append((p, int(rng.integers(kinds)), np.array([*low, *(low + wide)]), 0.35))
    score = np.array([f[3] for f in found]) + rng.normal(0, mistakes.blur, len(found))
    p, label, boxes = (np.array([f[i] for f in found]) for i in range(3))
    boxes = np.clip(boxes.reshape(-1, 4), 0, SIDE)
    return Set(
        Truths.of(*(np.array([t[i] for t in true]) for i in range(3))),
        Detections.of(p, label, boxes, np.clip(score, 0.01, 0.99)),
        scenes.SHAPES,
        tuple(str(i) for i in range(pictures)),
        np.full((pictures, 2), SIDE),
        lambda p: _pixels(seed, p, objects, SIDE),
        lambda p: _pixels(seed, p, objects, SMALL),
    )


@remembered(256)
def _pixels(seed: int, picture: int, objects: int, side: int) -> ndarray:
    return scenes.render(scenes.compose(seed, picture, (1, objects)), side).pixels


_detected: Recent[Set] = Recent(32 * 2**20, most=8)  # what the detector made of some pictures


def at_hand(seed: int, pictures: int, objects: int) -> bool:
    """Whether the embedded detector has looked at these pictures already."""
    return (seed, pictures, objects) in _detected


def from_detector(seed: int, pictures: int, objects: int) -> Set:
    """The embedded DETR's detections, one of each query, in scenes that it never saw, at the size it learned at."""
    key = (seed, pictures, objects)
    if (found := _detected.get(key)) is None:
        found = _looked(*key)
        _detected.put(key, found)
    return found


def _looked(seed: int, pictures: int, objects: int) -> Set:
    from engine.vision.detector import data, evaluate, model
    from engine.vision.detector.matching import targets_of
    from engine.vision.detector.scoring import as_metrics

    detector = model.load()
    side = detector.size
    numbers = FIRST + 100 * seed + np.arange(pictures)
    pairs = [(scene, scenes.render(scene, side)) for scene in (scenes.compose(data.HELD_OUT, int(p), (1, objects)) for p in numbers)]
    pixels = [picture.pixels for _, picture in pairs]
    logits, boxes, _ = evaluate.seen_through(detector.model, None, pixels)
    truths, found = as_metrics(logits, boxes, [targets_of(*pair) for pair in pairs], side)
    inside = Detections.of(found.picture, found.label, np.clip(found.boxes, 0, side), found.score)
    names = tuple(str(i) for i in range(pictures))
    return Set(truths, inside, detector.classes, names, np.full((pictures, 2), side), *[pixels.__getitem__] * 2)


@remembered(512)
def _true(seed: int, picture: int, objects: int) -> tuple[ndarray, ndarray]:
    """The labels (n,) and exact boxes (n, 4) of what is seen in a scene."""
    scene = scenes.compose(seed, picture, (1, objects))
    return scene.shape, scenes.boxes(scenes.instances(scene, SIDE), len(scene))


def _upright(box: ndarray) -> ndarray:
    """A box with its corners in order and some extent."""
    low, high = np.minimum(box[:2], box[2:]), np.maximum(box[:2], box[2:])
    return np.concatenate([low, np.maximum(high, low + 1)])


def from_boxes(truth: str, found: str) -> Set:
    """One picture's boxes from flat lists: class,x0,y0,x1,y1 of each truth, class,score,x0,y0,x1,y1 of a detection."""
    t, d = _groups(truth, 5, "truth"), _groups(found, 6, "found")
    for rows, at, name in ((t, 1, "truth"), (d, 2, "found")):
        check_boxes(rows[:, at : at + 4], name)
        bad = [v for v in rows[:, 0] if not 0 <= v < MOST_CLASSES or v != round(v)]
        if bad:
            most = MOST_CLASSES - 1
            rule = T("whole numbers from 0 to {most} as classes", "0 到 {most} 的整数作为类别", most=most)
            raise _refused(name, rule, amounts.number(bad[0]))
    if len(d) and not ((d[:, 1] >= 0) & (d[:, 1] <= 1)).all():
        worst = d[np.argmax(np.abs(d[:, 1] - 0.5)), 1]
        raise _refused("found", T("scores from 0 to 1", "0 到 1 之间的分数"), amounts.number(worst))
    kinds = int(max(t[:, 0].max(initial=0), d[:, 0].max(initial=0))) + 1
    size = max(1.0, t[:, 1:].max(initial=1), d[:, 2:].max(initial=1))
    return Set(
        Truths.of(np.zeros(len(t), int), t[:, 0], t[:, 1:]),
        Detections.of(np.zeros(len(d), int), d[:, 0], d[:, 2:], d[:, 1]),
        tuple(T("class {k}", "类别 {k}", k=k) for k in range(kinds)),
        ("0",),
        np.full((1, 2), size),
    )


def from_corners(text: str, name: str) -> Float[ndarray, 4]:
    """A box from x0,y0,x1,y1; corners in any order, as a hand drags them."""
    values = numbers(text)
    if values.shape != (4,) or np.abs(values).max() > 1e4:
        raise Refused(
            T(
                "{name} must be four finite numbers x0,y0,x1,y1; got {text}",
                "{name} 必须是四个有限数值 x0,y0,x1,y1；收到 {text}",
                name=name,
                text=shown(text),
            ),
            name,
        )
    return np.concatenate([np.minimum(values[:2], values[2:]), np.maximum(values[:2], values[2:])])


def numbers(text: str) -> Float[ndarray, " n"]:
    """The numbers of a list, however they are parted; of one that is none or not finite, NaN alone."""
    try:
        values = np.array([float(part) for part in re.split(r"[,;\s]+", normalised(text).strip(" ,;\n")) if part])
    except ValueError:
        values = np.array([np.nan])
    return values if np.isfinite(values).all() else np.array([np.nan])


def _groups(text: str, size: int, name: str) -> Float[ndarray, "n size"]:
    """Numbers of a flat list in rows of `size`."""
    values = numbers(text)
    if len(values) % size or not np.isfinite(values).all() or len(values) > size * 200:
        row = "class,x0,y0,x1,y1" if size == 5 else "class,score,x0,y0,x1,y1"
        rule = T("finite numbers in groups of {size}, {row}", "每 {size} 个一组的有限数值 {row}", size=size, row=row)
        raise _refused(name, rule, shown(text))
    return values.reshape(-1, size)


def check_boxes(boxes: Float[ndarray, "n 4"], name: str) -> None:
    """Refuse boxes that are inside out."""
    bad = np.flatnonzero((boxes[:, 2:] < boxes[:, :2]).any(1))
    if len(bad):
        written = ",".join(f"{v:g}" for v in boxes[bad[0]])
        raise _refused(name, T("x0 <= x1 and y0 <= y1 in every box", "每个框满足 x0 <= x1 且 y0 <= y1"), written)


def _refused(name: str, rule: T, got: str) -> Refused:
    return Refused(T("{name} must have {rule}; got {got}", "{name} 必须有{rule}；收到 {got}", name=name, rule=rule, got=got), name)


def from_rows(text: str) -> tuple[ndarray, ndarray]:
    """Scores and whether each took a truth, best first, from rows "score,matched"."""
    table = numbers(text)
    table = table.reshape(-1, 2) if len(table) and len(table) % 2 == 0 else np.full((1, 2), np.nan)
    lines = [row for row in re.split(r"[;\n]+", normalised(text)) if row.strip()]
    if len(lines) != len(table) or not np.isin(table[:, 1], (0, 1)).all():
        raise Refused(
            T(
                "rows must be score,matched with matched 0 or 1, such as 0.9,1;0.8,0; got {text}",
                "rows 必须是 score,matched，其中 matched 为 0 或 1，例如 0.9,1;0.8,0；收到 {text}",
                text=shown(text),
            ),
            "rows",
        )
    order = np.argsort(-table[:, 0], kind="mergesort")
    return table[order, 0], table[order, 1] > 0
