"""DETR: detection as the prediction of a set, from the matching to the masks, with a detector that is trained here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy import ndarray
from pydantic import model_validator

from engine.core import Field, Params, Partial, Refused, experiment
from engine.core.experiments import Cost
from engine.core.params import shown
from engine.data import pictures, scenes
from engine.vision.detr import (
    hub,
    looking,
    matching,
    replaced,
    scene_input,
    slots,
    training,
    wanted,
    weighting,
    wording,
)
from engine.vision.detr.looking import Glance, Segmented
from engine.vision.detr.matching import centred
from engine.vision.detr.replaced import Replaced
from engine.vision.detr.slots import Slots
from engine.vision.detr.training import Training
from engine.vision.detr.weighting import Weighting

SHAPES = "circle,blue,0.28,0.34,0.17; star,yellow,0.7,0.3,0.16; cross,red,0.36,0.74,0.15; ring,purple,0.74,0.72,0.17"
RENDERED = {"source": ["scene", "compose"]}
SCENE, COMPOSED, PHOTO = {"source": ["scene"]}, {"source": ["compose"]}, {"source": ["photo"]}


class Detr(Params):
    """A picture seen by DETR: boxes, the matching, object queries, attention, masks, and how all of it was learned."""

    source: Literal["scene", "compose", "photo"] = Field(
        "scene", title="Picture", zh="图片",
        labels={"scene": ("a scene", "场景"), "compose": ("your own scene", "自己摆放"),
                "photo": ("a photograph", "照片")},
    )  # fmt: skip
    scene_seed: int = Field(7, ge=0, le=99_999, title="Scene", zh="场景", control="seed",
                            when=RENDERED,
                            help=("Also the ground under your own.", "也决定自己摆放时的地面。"))  # fmt: skip
    objects: int = Field(5, ge=1, le=scenes.MOST, title="Objects", zh="物体数", when=SCENE)
    size: int = Field(64, ge=32, le=160, step=8, title="Pixels to a side", zh="边长像素数",
                      help=("In steps of 8; it learned at 64.", "以 8 为步长；训练时为 64。"))  # fmt: skip
    composition: str = Field(SHAPES, max_length=600, control="code", title="Shapes", zh="形状", when=COMPOSED,
                             help=("shape,colour,x,y,radius for each", "每个形状 shape,colour,x,y,radius"))  # fmt: skip
    photo: str = Field("china", max_length=pictures.TEXT, control="picture", title="Photograph", zh="照片", when=PHOTO,
                       labels=pictures.PHOTOGRAPHS)  # fmt: skip
    model: str = Field(
        hub.EMBEDDED, max_length=200, control="text", title="Model", zh="模型",
        help=("embedded, owner/name of the Hub, or folder:NAME", "embedded、Hub 上的 owner/name，或 folder:名称"),
    )  # fmt: skip
    threshold: float = Field(0.5, ge=0, le=1, step=0.01, title="Least confidence", zh="最低置信度")
    layer: int = Field(3, ge=1, le=12, control="number", title="Decoder layer", zh="解码器层")
    query: int = Field(12, ge=0, le=999, control="number", title="Query", zh="查询")
    object: int = Field(0, ge=0, le=scenes.MOST - 1, title="Object that is moved", zh="被移动的物体")
    moved: str = Field("0,0,0,0", max_length=80, control="code", title="Its box, moved", zh="其框的移动",
                       help=("right, down, wider, taller, in pixels", "向右、向下、加宽、加高的像素数"))  # fmt: skip
    class_cost: float = Field(matching.CLASS, ge=0, le=20, step=0.1, title="Weight of class", zh="类别权重")
    l1_cost: float = Field(matching.L1, ge=0, le=20, step=0.1, title="Weight of L1", zh="L1 权重")
    giou_cost: float = Field(matching.GIOU, ge=0, le=20, step=0.1, title="Weight of GIoU", zh="GIoU 权重")
    column: int = Field(5, ge=0, le=79, control="number", title="Token's column", zh="词元的列")
    row: int = Field(5, ge=0, le=79, control="number", title="Token's row", zh="词元的行")
    no_object: float = Field(
        matching.NO_OBJECT, ge=0.01, le=1, scale="log", title="Weight of “no object”", zh="“无物体”的权重"
    )
    nms: float = Field(0.5, ge=0.1, le=0.9, step=0.1, title="NMS: IoU", zh="NMS 的 IoU")
    pictures: int = Field(200, ge=20, le=1000, step=20, title="Scenes for the slots", zh="统计槽位的场景数")

    @model_validator(mode="after")
    def _fits(self):
        if self.size % 8:
            raise Refused(
                f"size must be a multiple of 8; got {self.size}", f"size 必须是 8 的倍数；收到 {self.size}", "size"
            )
        shift(self.moved)
        return self


@dataclass(frozen=True)
class Found:
    """What DETR makes of one picture. L decoder layers, H heads, Q queries, C classes, n true objects, h × w tokens.

    pixels: (H, W, 3) uint8. names: of the classes. boxes (Q, 4) x0, y0, x1, y1 in pixels, labels (Q,), scores (Q,): of
    the last layer, by the likeliest class. layer_boxes (L, Q, 4), layer_labels, layer_scores (L, Q). true_boxes (n, 4),
    true_labels (n,): as they are matched, with one of them moved; still (4,): that one where it stood.
    cost_terms (3, Q, n): class, L1, GIoU, not weighted; cost_matrix (Q, n): their sum, weighted by cost_weights;
    assignment (n,): the query that is given each object, −1 for none; cost: what the assignment costs; greedy_cost:
    what taking the cheapest pair again and again would cost.
    layer, query, object: those chosen, as far as they exist. attention (L, H, h, w): where the query looks, and
    looks (L, Q, h, w): every query, the mean over heads. token (2,): row and column; encoder_attention (layers, H, h,
    w): where it looks.
    """

    pixels: ndarray
    names: tuple[tuple[str, str], ...]
    boxes: ndarray
    labels: ndarray
    scores: ndarray
    layer_boxes: ndarray
    layer_labels: ndarray
    layer_scores: ndarray
    true_boxes: ndarray
    true_labels: ndarray
    still: ndarray
    cost_terms: ndarray
    cost_matrix: ndarray
    assignment: ndarray
    cost_weights: tuple[float, float, float]
    cost: float
    greedy_cost: float
    threshold: float
    layer: int
    query: int
    object: int
    attention: ndarray
    looks: ndarray
    token: ndarray
    encoder_attention: ndarray
    replaced: Replaced
    weighting: Weighting
    no_object: float
    nms: float
    composed: ndarray | None
    segmented: Segmented | None
    slots: Slots | None
    training: Training | None
    model: tuple[str, str]
    findings: tuple[tuple[str, str], ...] = ()
    backend: str = "torch"
    dtype: str = "float32"


def shift(text: str) -> ndarray:
    """dx, dy, dw, dh of a moved box. Raises Refused."""
    try:
        values = np.array([float(v) for v in text.replace(";", ",").split(",")])
    except ValueError:
        values = np.zeros(0)
    if values.shape != (4,) or not np.isfinite(values).all() or np.abs(values).max() > 1000:
        raise Refused(f"moved must be four finite numbers, right,down,wider,taller; got {shown(text)}",
                      f"moved 必须是四个有限数值 right,down,wider,taller；收到 {shown(text)}", "moved")  # fmt: skip
    return values


def warm_up() -> None:
    """Import the libraries, load the embedded detector, look at the scenes of the slots."""
    for _ in detr.stream(Detr()):
        pass


def cost(params: Detr) -> Cost:
    """ "instant" with the model in memory and the slots' scenes seen, else "seconds"; "minutes" where a model must be
    brought. Raises `Refused` for a model that is not allowed here."""
    if not hub.embedded(params.model):
        return "seconds" if hub.at_hand(params.model) else "minutes"
    return "instant" if slots.known(params.pictures) else "seconds"


@experiment("detr", cost=cost, warm_up=warm_up)
def detr(params: Detr) -> Iterator[Partial[Found]]:
    """Look at the picture, match what is found with what is there, and read off everything that was asked.

    Source: Carion, Massa, Synnaeve, Usunier, Kirillov, Zagoruyko 2020. Raises `Refused` for a model that cannot be had,
    or shapes that are none.
    """
    key = (params.source, params.scene_seed, params.objects, params.size, params.composition, params.photo)
    found = found_in(looking.glance(params.model.strip(), *key), params)
    if not hub.embedded(params.model):
        yield Partial(found, 1.0)
        return
    found = replace(found, training=training.replayed())
    for step in slots.judged(params.pictures):
        if isinstance(step, float):
            yield Partial(found, 0.95 * step)
        else:
            yield Partial(replace(found, slots=step), 1.0)


def found_in(look: Glance, params: Detr) -> Found:
    """The result from one look; nothing here runs the detector."""
    p, edges, pixels = look.p, look.edges, look.given.pixels
    (L, Q), (h, w) = p.shape[:2], look.cross.shape[-2:]
    kinds, scores = p[..., :-1].argmax(-1), p[..., :-1].max(-1)
    names = hub.detector(params.model).classes
    labels, boxes, told = wanted.truths(look.given, names, int(kinds[-1, scores[-1].argmax()]))
    which = min(params.object, len(boxes) - 1)
    still = boxes[which].copy()
    boxes[which] = wanted.moved(still, shift(params.moved), look.side[:2])
    weights = (params.class_cost, params.l1_cost, params.giou_cost)
    logits = np.log(np.maximum(p[-1], 1e-30))
    terms = np.stack(matching.cost_terms(logits, look.boxes[-1], labels, centred(boxes / look.side)))
    total = matching.total_cost(tuple(terms), weights)
    pairs = matching.assign(total)
    assignment, given = np.full(len(boxes), -1), np.full(Q, -1)
    assignment[pairs[:, 1]], given[pairs[:, 0]] = pairs[:, 0], pairs[:, 1]
    layer, query = min(params.layer, L), min(params.query, Q - 1)
    row, column = min(params.row, h - 1), min(params.column, w - 1)
    last = (edges[-1], kinds[-1], scores[-1])
    return Found(
        pixels=pixels, names=names, boxes=last[0], labels=last[1], scores=last[2], layer_boxes=edges,
        layer_labels=kinds, layer_scores=scores, true_boxes=boxes, true_labels=labels, still=still, cost_terms=terms,
        cost_matrix=total, cost_weights=weights, assignment=assignment, greedy_cost=wanted.greedy(total),
        cost=float(total[pairs[:, 0], pairs[:, 1]].sum()), threshold=params.threshold, layer=layer, query=query,
        object=which, attention=look.cross[:, :, query], looks=look.cross.mean(1), token=np.array([row, column]),
        encoder_attention=look.encoder[:, :, row * w + column].reshape(*look.encoder.shape[:2], h, w),
        replaced=replaced.compare(pixels.shape[:2], pixels.shape[0] // h, boxes, labels, *last, params.threshold,
                                  params.nms),
        weighting=weighting.weigh(p[-1], given, labels, hub.trained_weight(params.model), params.no_object),
        no_object=params.no_object, nms=params.nms,
        composed=scene_input.places(params.composition) if params.source == "compose" else None,
        segmented=looking.segment(look, params.threshold), slots=None, training=None, model=hub.described(params.model),
        findings=told + wording.clamped(params, layer, query, not hub.embedded(params.model)),
    )  # fmt: skip
