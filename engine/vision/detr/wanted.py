"""What is to be matched: a picture's objects in the model's classes, one of them moved; and how greed would do it."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from engine.core import Finding, Refused, T, gather
from engine.core.entry import normalised
from engine.core.params import shown
from engine.data import scenes
from engine.vision.detr.scene_input import Input

PART = "class,x0,y0,x1,y1"


def truths(given: Input, names: tuple[T, ...]) -> tuple[Int[ndarray, " n"], Float[ndarray, "n 4"]]:
    """Labels and boxes in the model's classes, of those objects of a scene whose class the model knows."""
    known = {name.en: k for k, name in enumerate(map(T.of, names))}
    labels = np.array([known.get(scenes.SHAPES[k][0], -1) for k in given.labels], int)
    return labels[labels >= 0], given.boxes[labels >= 0].astype(float)


def drawn(text: str, names: tuple[T, ...], size: tuple[int, int]) -> tuple[Int[ndarray, " n"], Float[ndarray, "n 4"]]:
    """Labels and boxes in pixels that a person drew on a picture (height, width): for each five entries, the class by its
    name ("_" for a space) or number, the corners in sides of the longer side. An empty text: nothing is known.
    Raises Refused."""
    parts = [part for part in re.split(r"[,;\s]+", normalised(text)) if part]
    if len(parts) % 5 or len(parts) > 5 * scenes.MOST:
        raise _refused(T("0 to {most} boxes, each {part}", "0 到 {most} 个框，每个为 {part}", most=scenes.MOST, part=PART), shown(text))
    known = {said.lower().replace(" ", "_"): k for k, name in enumerate(names) for said in T.of(name)}
    known |= {str(k): k for k in range(len(names))}
    labels, boxes = [], []
    for word, *numbers in (parts[i : i + 5] for i in range(0, len(parts), 5)):
        if word.lower() not in known:
            raise _refused(T("classes of the model, such as {name}", "模型的类别，例如 {name}", name=T.of(names[0])), shown(word))
        try:
            corners = np.clip([float(v) for v in numbers], 0, 1).reshape(2, 2)
        except ValueError:
            corners = np.full((2, 2), np.nan)
        if not np.isfinite(corners).all():
            raise _refused(T("numbers from 0 to 1 as corners", "0 到 1 之间的数作为角点"), shown(",".join(numbers)))
        labels.append(known[word.lower()])
        boxes.append(np.concatenate([corners.min(0), corners.max(0)]))
    side = np.array([size[1], size[0]] * 2, float)
    made = np.clip(np.array(boxes, float).reshape(-1, 4) * max(size), 0, side)
    # A box has some extent: GIoU of two points is no number.
    return np.array(labels, int), np.concatenate([np.minimum(made[:, :2], side[:2] - 1), np.maximum(made[:, 2:], made[:, :2] + 1)], 1)


def _refused(rule: T, got: str) -> Refused:
    return Refused(T("truth must have {rule}; got {got}", "truth 必须有{rule}；收到 {got}", rule=rule, got=got), "truth")


def moved(box: Float[ndarray, 4], by: Float[ndarray, 4], side: Float[ndarray, 2]) -> Float[ndarray, 4]:
    """A box whose centre and size change by (dx, dy, dw, dh), at least a pixel wide and inside the picture."""
    centre, size = (box[:2] + box[2:]) / 2 + by[:2], np.maximum(box[2:] - box[:2] + by[2:], 1.0)
    centre = np.clip(centre, 0, side)
    low, high = np.clip(centre - size / 2, 0, side - 1), np.clip(centre + size / 2, 1, side)
    return np.concatenate([low, np.maximum(high, low + 1)])


def greedy(cost: Float[ndarray, "Q n"]) -> float:
    """What the objects cost where the cheapest free pair is taken, again and again."""
    left, total = cost.copy(), 0.0
    for _ in range(min(cost.shape)):
        q, n = np.unravel_index(left.argmin(), left.shape)
        total += float(cost[q, n])
        left[q], left[:, n] = np.inf, np.inf
    return total


def said(params: Any, objects: int, layers: int, queries: int, brought: bool) -> tuple[Finding, ...]:
    """What is not known, and what was asked for but does not exist in this model."""
    return gather(
        None
        if objects
        else T(
            "Nobody has said what is in this photograph: nothing is matched or judged. Click the picture to draw a true box.",
            "没有人说明这张照片里有什么：不做匹配，也不评判。点击图片即可画真值框。",
        )
        if params.source == "photo"
        else T(
            "This model has none of the classes that are in the picture: nothing is matched or judged.",
            "图中没有此模型认识的类别：不做匹配，也不评判。",
        ),
        T(
            "This model has {layers} decoder layers: layer {layers} is shown, not {asked}.",
            "此模型有 {layers} 层解码器：显示第 {layers} 层，而非第 {asked} 层。",
            layers=layers,
            asked=params.layer,
        )
        if params.layer > layers
        else None,
        T(
            "This model has {queries} queries, counted from 0: query {last} is shown, not {asked}.",
            "此模型有 {queries} 个查询，从 0 数起：显示查询 {last}，而非 {asked}。",
            queries=queries,
            last=queries - 1,
            asked=params.query,
        )
        if params.query >= queries
        else None,
        T("Masks, slots and training are the embedded model's alone.", "掩码、槽位与训练过程只有内置模型才有。") if brought else None,
    )
