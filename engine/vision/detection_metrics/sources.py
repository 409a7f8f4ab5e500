"""Truths and detections: of scenes with mistakes made on purpose or seen by the embedded detector, of boxes typed, rows
of scores, COCO files."""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy import ndarray

from engine.core import Refused
from engine.core.params import shown
from engine.data import scenes
from engine.vision.detection_metrics.matching import Detections, Truths

SIDE = 128  # pixels of a scene's picture
MOST_BOXES = 5000
KEPT = 8  # sets of the detector
FIRST = 1_000_000  # of the held-out scenes that the detector is shown: no other lab judges it by these


@dataclass(frozen=True)
class Set:
    """Truths and detections, what the classes are called, and of each picture its name, its size (width, height), and
    where there are any, its pixels: a function of its number."""

    truths: Truths
    found: Detections
    names: tuple[tuple[str, str], ...]
    pictures: tuple[str, ...]
    sizes: ndarray
    pixels: Callable[[int], ndarray] | None = None


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
        Detections.of(p, label, boxes, np.clip(score, 0.01, 0.99)), scenes.SHAPES,
        tuple(str(i) for i in range(pictures)), np.full((pictures, 2), SIDE),
        lambda p: scenes.render(scenes.compose(seed, p, (1, objects)), SIDE).pixels,
    )  # fmt: skip


_detected: dict[tuple[int, int, int], Set] = {}  # what the detector made of some pictures, the last few


def at_hand(seed: int, pictures: int, objects: int) -> bool:
    """Whether the embedded detector has looked at these pictures already."""
    return (seed, pictures, objects) in _detected


def from_detector(seed: int, pictures: int, objects: int) -> Set:
    """The embedded DETR's detections, one of each query, in scenes that it never saw, at the size it learned at."""
    key = (seed, pictures, objects)
    if (found := _detected.get(key)) is None:
        found = _detected[key] = _looked(*key)
        while len(_detected) > KEPT:
            _detected.pop(next(iter(_detected)), None)
    return found


def _looked(seed: int, pictures: int, objects: int) -> Set:
    from engine.vision.detr import data, evaluate, model
    from engine.vision.detr.matching import corners, targets_of

    detector = model.load()
    side = detector.size
    at = lambda p: scenes.compose(data.HELD_OUT, FIRST + 100 * seed + p, (1, objects))  # noqa: E731
    pairs = [(scene, scenes.render(scene, side)) for scene in map(at, range(pictures))]
    logits, boxes, _ = evaluate.seen_through(detector.model, None, [picture.pixels for _, picture in pairs])
    p = np.exp(logits - logits.max(-1, keepdims=True))
    p = (p / p.sum(-1, keepdims=True))[..., :-1]
    targets = [targets_of(*pair) for pair in pairs]
    wanted = [np.concatenate([getattr(t, part) for t in targets]) for part in ("labels", "boxes")]
    found = np.clip(corners(boxes.astype(float).reshape(-1, 4)), 0, 1) * side
    where = [np.repeat(np.arange(pictures), many) for many in ([len(t.labels) for t in targets], p.shape[1])]
    return Set(
        Truths.of(where[0], wanted[0], corners(wanted[1]) * side),
        Detections.of(where[1], p.argmax(-1).ravel(), found, p.max(-1).ravel()),
        detector.classes, tuple(str(i) for i in range(pictures)), np.full((pictures, 2), side),
        lambda p: scenes.render(at(p), side).pixels,
    )  # fmt: skip


@functools.lru_cache(maxsize=512)
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
    if len(d) and not ((d[:, 1] >= 0) & (d[:, 1] <= 1)).all():
        raise Refused(f"found must have scores from 0 to 1; got {d[:, 1].max():g}",
                      f"found 的分数必须在 0 到 1 之间；收到 {d[:, 1].max():g}", "found")  # fmt: skip
    labels = np.concatenate([t[:, 0], d[:, 0]])
    if len(labels) and not ((labels >= 0) & (labels < 20) & (labels == labels.round())).all():
        bad = next(v for v in labels if not 0 <= v < 20 or v != round(v))
        raise Refused(f"classes must be whole numbers from 0 to 19; got {bad:g}",
                      f"类别必须是 0 到 19 的整数；收到 {bad:g}", "found")  # fmt: skip
    kinds = int(labels.max(initial=0)) + 1
    size = max(1.0, t[:, 1:].max(initial=1), d[:, 2:].max(initial=1))
    return Set(
        Truths.of(np.zeros(len(t), int), t[:, 0], t[:, 1:]),
        Detections.of(np.zeros(len(d), int), d[:, 0], d[:, 2:], d[:, 1]),
        tuple((f"class {k}", f"类别 {k}") for k in range(kinds)), ("0",), np.full((1, 2), size),
    )  # fmt: skip


def _groups(text: str, size: int, name: str) -> ndarray:
    """Numbers of a flat list in rows of `size`."""
    parts = [p for p in re.split(r"[,;\s]+", text.strip()) if p]
    try:
        values = np.array([float(p) for p in parts])
    except ValueError:
        values = np.array([np.nan])
    if len(values) % size or not np.isfinite(values).all() or len(values) > size * 200:
        rule = "class,x0,y0,x1,y1" if size == 5 else "class,score,x0,y0,x1,y1"
        raise Refused(f"{name} must be finite numbers in groups of {size}, {rule}; got {shown(text)}",
                      f"{name} 必须是每 {size} 个一组的有限数值，即 {rule}；收到 {shown(text)}", name)  # fmt: skip
    return values.reshape(-1, size)


def check_boxes(boxes: ndarray, name: str) -> None:
    """Refuse boxes that are inside out."""
    bad = np.flatnonzero((boxes[:, 2:] < boxes[:, :2]).any(1))
    if len(bad):
        written = ",".join(f"{v:g}" for v in boxes[bad[0]])
        raise Refused(f"{name} must have x0 <= x1 and y0 <= y1 in every box; got {written}",
                      f"{name} 的每个框必须满足 x0 <= x1 且 y0 <= y1；收到 {written}", name)  # fmt: skip


def from_rows(text: str) -> tuple[ndarray, ndarray]:
    """Scores and whether each took a truth, best first, from rows "score,matched"."""
    rows = [re.split(r"[,\s]+", r.strip()) for r in re.split(r"[;\n]+", text.strip(" ;\n")) if r.strip()]
    try:
        table = np.array([[float(v) for v in row] for row in rows])
    except ValueError:
        table = np.zeros((0, 0))
    if (
        table.ndim != 2
        or table.shape[1:] != (2,)
        or not np.isfinite(table).all()
        or not np.isin(table[:, 1], (0, 1)).all()
    ):
        raise Refused(
            f"rows must be score,matched with matched 0 or 1, such as 0.9,1;0.8,0; got {shown(text)}",
            f"rows 必须是 score,matched，其中 matched 为 0 或 1，例如 0.9,1;0.8,0；收到 {shown(text)}", "rows",
        )  # fmt: skip
    order = np.argsort(-table[:, 0], kind="mergesort")
    return table[order, 0], table[order, 1] > 0


def from_coco(truth: str, results: str) -> Set:
    """A COCO ground truth (images, categories, annotations) and a list of results with bbox and score."""
    known, made = _json(truth, dict, "coco_truth"), _json(results, list, "coco_results")
    for key in ("images", "categories", "annotations"):
        if not isinstance(known.get(key), list) or not all(isinstance(e, dict) for e in known[key]):
            raise _lacks("coco_truth", key, key)
    pictures, kinds = _numbered(known["images"], "image"), _numbered(known["categories"], "category")
    _numbered(known["annotations"], "annotation")
    if len(known["annotations"]) + len(made) > MOST_BOXES:
        count = len(known["annotations"]) + len(made)
        raise Refused(
            f"coco_truth and coco_results may hold {MOST_BOXES} boxes together; got {count}",
            f"coco_truth 与 coco_results 合计至多 {MOST_BOXES} 个框；收到 {count}", "coco_results",
        )  # fmt: skip
    if not pictures or not kinds:
        raise _lacks("coco_truth", "images" if not pictures else "categories", "an empty list")
    true = [_entry(e, "coco_truth", pictures, kinds) for e in known["annotations"]]
    found = [_entry(e, "coco_results", pictures, kinds) for e in made]
    scores = [_number(e.get("score"), "coco_results", "score") for e in made]
    t, d = (np.array([e[2] for e in part], float).reshape(-1, 4) for part in (true, found))
    truths = Truths(
        np.array([e[0] for e in true], int), np.array([e[1] for e in true], int), t,
        np.array([bool(e.get("iscrowd")) for e in known["annotations"]], bool),
        np.array([_number(e.get("area", b[2] * b[3] if len(b) == 4 else 0), "coco_truth", "area")
                  for e in known["annotations"] for b in [e["bbox"]]], float),
    )  # fmt: skip
    names = [str(e.get("name", k))[:40] for k, e in zip(kinds, known["categories"], strict=True)]
    sizes = [[_number(e.get(key, 0), "coco_truth", key) for key in ("width", "height")] for e in known["images"]]
    detections = Detections.of([e[0] for e in found], [e[1] for e in found], d, scores)
    return Set(truths, detections, tuple((n, n) for n in names), tuple(str(p) for p in pictures), np.array(sizes))


def _json(text: str, kind: type, name: str) -> Any:
    try:
        made = json.loads(text, parse_constant=lambda _: None)
    except (json.JSONDecodeError, RecursionError):
        made = None
    if not isinstance(made, kind) or (kind is list and not all(isinstance(e, dict) for e in made)):
        what = "a JSON object" if kind is dict else "a JSON list of objects"
        raise Refused(f"{name} must be {what}; got {shown(text)}", f"{name} 必须是 {what}；收到 {shown(text)}", name)
    return made


def _lacks(name: str, key: str, given: str) -> Refused:
    return Refused(f"{name} must have a list of {key}; got {given}", f"{name} 必须含有列表 {key}；收到 {given}", name)


def _id(entry: dict, key: str, name: str, what: str) -> int:
    value = entry.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Refused(f"{name} must give every {what} a whole number as {key}; got {shown(value)}",
                      f"{name} 的每个 {what} 必须有整数 {key}；收到 {shown(value)}", name)  # fmt: skip
    return value


def _numbered(entries: list[dict], what: str) -> dict[int, int]:
    """The place of each entry of the truth by its id; no two may share one."""
    places: dict[int, int] = {}
    for i, entry in enumerate(entries):
        known = _id(entry, "id", "coco_truth", what)
        if known in places:
            got = shown(known)
            raise Refused(f"coco_truth must give every {what} an id of its own; got {got} twice",
                          f"coco_truth 的每个 {what} 必须有各自的 id；{got} 出现了两次", "coco_truth")  # fmt: skip
        places[known] = i
    return places


def _number(value: Any, name: str, key: str) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    raise Refused(f"{name} must have finite numbers as {key}; got {shown(value)}",
                  f"{name} 的 {key} 必须是有限数值；收到 {shown(value)}", name)  # fmt: skip


def _entry(entry: dict, name: str, pictures: dict[int, int], kinds: dict[int, int]) -> tuple[int, int, list[float]]:
    """Picture, class and box x0, y0, x1, y1 of an annotation or a result."""
    places = []
    for key, known in (("image_id", pictures), ("category_id", kinds)):
        value = _id(entry, key, name, "entry")
        if value not in known:
            raise Refused(
                f"{name} must name a known {key}; got {value}", f"{name} 的 {key} 必须存在；收到 {value}", name
            )
        places.append(known[value])
    box = entry.get("bbox")
    if not isinstance(box, list) or len(box) != 4:
        raise Refused(f"{name} must give every bbox as x, y, width, height; got {shown(box)}",
                      f"{name} 的每个 bbox 必须是 x, y, width, height；收到 {shown(box)}", name)  # fmt: skip
    x, y, wide, high = (_number(v, name, "bbox") for v in box)
    if wide < 0 or high < 0:
        raise Refused(f"{name} must have boxes of no negative width or height; got {shown(box)}",
                      f"{name} 的框宽高不能为负；收到 {shown(box)}", name)  # fmt: skip
    return places[0], places[1], [x, y, x + wide, y + high]
