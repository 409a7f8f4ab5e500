"""COCO files as pycocotools takes them: a truth with images, categories and annotations, and a list of results.

Ids are numbers or texts; pictures go in the order of their ids, which decides between equal scores. What pycocotools leaves
out in silence is left out here and said.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from engine.core import Finding, Refused, T
from engine.core.params import shown
from engine.vision.detection_metrics.matching import Detections, Truths
from engine.vision.detection_metrics.sources import Set

TRUTH, RESULTS = "coco_truth", "coco_results"
MOST_BOXES = 1_000_000


def from_coco(truth: str, results: str) -> Set:
    """What a truth and a list of results with bbox and score hold. Raises Refused."""
    known, made = _document(truth, dict, TRUTH), _document(results, list, RESULTS)
    for key in ("images", "categories", "annotations"):
        if not _objects(known.get(key)):
            raise _lacks(key, T("none", "没有") if key not in known else shown(known[key]))
    images, categories, annotations = known["images"], known["categories"], known["annotations"]
    if not images or not categories:
        raise _lacks("categories" if images else "images", T("an empty list", "空列表"))
    if len(annotations) + len(made) > MOST_BOXES:
        raise Refused(
            T(
                "coco_truth and coco_results may hold {most:count} boxes together; got {got:count}",
                "coco_truth 与 coco_results 合计至多 {most:count} 个框；收到 {got:count}",
                most=MOST_BOXES,
                got=len(annotations) + len(made),
            ),
            RESULTS,
        )
    pictures, kinds = _places(images, "image"), _places(categories, "category")
    numbers = _places(annotations, "annotation")
    at, place, boxes = _columns(annotations, TRUTH, pictures, kinds)
    sizes = boxes[:, 2:]
    plain = [entry.get("area") is None for entry in annotations]
    areas = np.where(plain, sizes.prod(1), _numbers([entry.get("area") or 0 for entry in annotations], TRUTH, "area"))
    crowd = np.array([bool(entry.get("iscrowd")) for entry in annotations], bool)
    truths = Truths(at, place, _corners(boxes), sizes, crowd, areas)
    seen, named, found_boxes = _columns(made, RESULTS, pictures, kinds)
    if (seen < 0).any():
        entry = made[int(np.argmax(seen < 0))]
        raise Refused(
            T(
                "coco_results must name a known image_id; got {got}",
                "coco_results 的 image_id 必须存在于 coco_truth 中；收到 {got}",
                got=shown(entry.get("image_id")),
            ),
            RESULTS,
        )
    scores = _numbers([entry.get("score") for entry in made], RESULTS, "score")
    found = Detections(seen, named, _corners(found_boxes), scores, found_boxes[:, 2:])
    inside = (at >= 0) & (place >= 0)
    shape = [[entry.get(key) or 0 for entry in images] for key in ("width", "height")]
    order = _order([entry["id"] for entry in images])
    size = np.stack([_numbers(column, TRUTH, key) for column, key in zip(shape, ("width", "height"), strict=True)], 1)
    names = [categories[k] for k in _order([entry["id"] for entry in categories])]
    return Set(
        truths.only(inside),
        found.only(named >= 0),
        tuple(T.of(str(entry.get("name", entry["id"]))[:40]) for entry in names),
        tuple(str(images[i]["id"]) for i in order),
        size[order],
        said=_said(made, named, int((~inside).sum()), int(np.sum(plain)), 0 in numbers),
    )


def _said(made: list[dict], named: ndarray, strange: int, plain: int, zero: bool) -> tuple[Finding, ...]:
    """What conventions did to the numbers."""
    unknown = {str(made[i]["category_id"]): None for i in np.flatnonzero(named < 0)}
    rows: list[T | None] = [
        T(
            "{n:count} results of categories that coco_truth lacks ({which}) are left out, as pycocotools does.",
            "coco_truth 中没有的类别（{which}）的 {n:count} 条结果不计入，与 pycocotools 相同。",
            n=int((named < 0).sum()),
            which=", ".join(list(unknown)[:5]) + ("…" if len(unknown) > 5 else ""),
        )
        if unknown
        else None,
        T(
            "{n:count} annotations of an image or a category that coco_truth does not list are left out, as pycocotools does.",
            "{n:count} 条标注的图片或类别不在 coco_truth 的列表中，不计入，与 pycocotools 相同。",
            n=strange,
        )
        if strange
        else None,
        T(
            "{n:count} annotations give no area: that of their box is taken for “small, medium, large”.",
            "{n:count} 条标注没有给出 area：按框的面积划分“小、中、大”。",
            n=plain,
        )
        if plain
        else None,
        T(
            "An annotation has the id 0. It counts here; pycocotools takes id 0 for “no match”, so that its AP is lower.",
            "有一条标注的 id 为 0。此处照常计算；pycocotools 把 id 0 当作“未匹配”，其 AP 会偏低。",
        )
        if zero
        else None,
    ]
    return tuple(Finding(row) for row in rows if row is not None)


def _document(text: str, kind: type, name: str) -> Any:
    """A JSON text read at once; what orjson does not know (NaN, whole numbers of any length) by Python's own reader."""
    text = text.removeprefix("\ufeff")
    try:
        made = orjson.loads(text)
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        try:
            made = json.loads(text)
        except json.JSONDecodeError as error:
            got = T(
                "{what} at line {line}, column {column}",
                "第 {line} 行第 {column} 列：{what}",
                what=error.msg,
                line=error.lineno,
                column=error.colno,
            )
            raise _no_document(name, kind, got) from None
        except RecursionError:
            raise _no_document(name, kind, T("brackets that are nested too deep", "嵌套过深的括号")) from None
        except ValueError:  # Python reads no whole number of more than 4300 digits
            raise _no_document(name, kind, T("a number of very many digits", "位数过多的数")) from None
    if not isinstance(made, kind) or (kind is list and not _objects(made)):
        raise _no_document(name, kind, shown(made))
    return made


def _no_document(name: str, kind: type, got: T | str) -> Refused:
    what = T("a JSON object", "JSON 对象") if kind is dict else T("a JSON list of objects", "由对象组成的 JSON 列表")
    return Refused(T("{name} must be {what}; got {got}", "{name} 必须是{what}；收到 {got}", name=name, what=what, got=got), name)


def _objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(entry, dict) for entry in value)


def _lacks(key: str, given: T | str) -> Refused:
    return Refused(
        T("coco_truth must have a list of {key}; got {given}", "coco_truth 必须含有列表 {key}；收到 {given}", key=key, given=given), TRUTH
    )


def _is_id(value: Any) -> bool:
    return isinstance(value, str) or _is_number(value)


def _is_number(value: Any) -> bool:
    """Whether a value is a number that a double holds."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return math.isfinite(value) if isinstance(value, float) else abs(value) < 1 << 1023


def _no_id(name: str, what: T, key: str, got: Any) -> Refused:
    return Refused(
        T(
            "{name} must give every {what} a number or a text as {key}; got {got}",
            "{name} 的每个{what}必须有数或文字作为 {key}；收到 {got}",
            name=name,
            what=what,
            key=key,
            got=shown(got),
        ),
        name,
    )


WHAT = {"image": T("image", "图片"), "category": T("category", "类别"), "annotation": T("annotation", "标注")}


def _order(ids: Sequence[Any]) -> list[int]:
    """Places in the order of their ids: numbers, then texts."""
    return sorted(range(len(ids)), key=lambda i: (isinstance(ids[i], str), ids[i]))


def _places(entries: list[dict], what: str) -> dict[Any, int]:
    """The rank of each entry of the truth by its id; no two may share one."""
    ids = [entry.get("id") for entry in entries]
    for value in ids:
        if not _is_id(value):
            raise _no_id(TRUTH, WHAT[what], "id", value)
    places = {ids[i]: rank for rank, i in enumerate(_order(ids))}
    if len(places) < len(ids):
        seen: set[Any] = set()
        twice = next(value for value in ids if value in seen or seen.add(value))
        raise Refused(
            T(
                "coco_truth must give every {what} an id of its own; got {got} twice",
                "coco_truth 的每个{what}必须有各自的 id；{got} 出现了两次",
                what=WHAT[what],
                got=shown(twice),
            ),
            TRUTH,
        )
    return places


def _columns(
    entries: list[dict], name: str, pictures: dict[Any, int], kinds: dict[Any, int]
) -> tuple[Int[ndarray, " n"], Int[ndarray, " n"], Float[ndarray, "n 4"]]:
    """Picture and class of annotations or results, −1 where the truth has none such, and their bbox."""
    found = []
    for key, known in (("image_id", pictures), ("category_id", kinds)):
        values = [entry.get(key) for entry in entries]
        for value in values:
            if not _is_id(value):
                raise _no_id(name, T("entry", "条目"), key, value)
        found.append(np.array([known.get(value, -1) for value in values], int))
    rows = [entry.get("bbox") for entry in entries]
    for row in rows:
        if not isinstance(row, list) or len(row) != 4:
            raise Refused(
                T(
                    "{name} must give every bbox as x, y, width, height; got {got}",
                    "{name} 的每个 bbox 必须是 x, y, width, height；收到 {got}",
                    name=name,
                    got=shown(row),
                ),
                name,
            )
    boxes = _numbers([value for row in rows for value in row], name, "bbox").reshape(-1, 4)
    if (bad := _negative(boxes)).any():
        raise Refused(
            T(
                "{name} must have boxes of no negative width or height; got {got}",
                "{name} 的框宽高不能为负；收到 {got}",
                name=name,
                got=shown(rows[int(bad.argmax())]),
            ),
            name,
        )
    return found[0], found[1], boxes


def _negative(boxes: Float[ndarray, "n 4"]) -> Bool[ndarray, " n"]:
    return (boxes[:, 2:] < 0).any(1)


def _corners(boxes: Float[ndarray, "n 4"]) -> Float[ndarray, "n 4"]:
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1)


def _numbers(values: list[Any], name: str, key: str) -> Float[ndarray, " n"]:
    """Numbers that are finite, in double precision. Raises Refused."""
    for value in values:
        if not _is_number(value):
            raise Refused(
                T(
                    "{name} must have finite numbers as {key}; got {got}",
                    "{name} 的 {key} 必须是有限数值；收到 {got}",
                    name=name,
                    key=key,
                    got=shown(value),
                ),
                name,
            )
    return np.array(values, float)
