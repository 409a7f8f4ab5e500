"""What DETR looks at, and what is asked of it."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from engine.core import Field, Params, Refused, T
from engine.data import pictures, scenes
from engine.language.models import EMBEDDED
from engine.vision.detector import matching
from engine.vision.detr.scene_input import shift

SHAPES = "circle,blue,0.28,0.34,0.17; star,yellow,0.7,0.3,0.16; cross,red,0.36,0.74,0.15; ring,purple,0.74,0.72,0.17"
RENDERED = {"source": ["scene", "compose"]}
SCENE, COMPOSED, PHOTO = {"source": ["scene"]}, {"source": ["compose"]}, {"source": ["photo"]}


class Detr(Params):
    """A picture seen by DETR: boxes, the matching, object queries, attention, masks, and how all of it was learned."""

    source: Literal["scene", "compose", "photo"] = Field(
        "scene",
        title=T("Picture", "图片"),
        labels={"scene": T("a scene", "场景"), "compose": T("your own scene", "自己摆放"), "photo": T("a photograph", "照片")},
    )
    scene_seed: int = Field(
        7,
        ge=0,
        le=99_999,
        title=T("Scene", "场景"),
        control="seed",
        when=RENDERED,
        help=T("Also the ground under your own.", "也决定自己摆放时的地面。"),
    )
    objects: int = Field(5, ge=1, le=scenes.MOST, title=T("Objects", "物体数"), when=SCENE)
    size: int = Field(
        64,
        ge=32,
        le=160,
        step=8,
        title=T("Pixels to a side", "边长像素数"),
        help=T("In steps of 8; it learned at 64.", "以 8 为步长；训练时为 64。"),
    )
    composition: str = Field(
        SHAPES,
        max_length=600,
        control="code",
        title=T("Shapes", "形状"),
        when=COMPOSED,
        help=T("shape,colour,x,y,radius for each", "每个形状 shape,colour,x,y,radius"),
    )
    photo: str = Field(
        "china", max_length=pictures.TEXT, control="picture", title=T("Photograph", "照片"), when=PHOTO, labels=pictures.PHOTOGRAPHS
    )
    truth: str = Field(
        "",
        max_length=2000,
        control="code",
        title=T("True boxes", "真值框"),
        when=PHOTO,
        help=T("class,x0,y0,x1,y1; the longer side is 1. Click the picture to add one.", "class,x0,y0,x1,y1，长边为 1。点击图片可添加。"),
    )
    model: str = Field(
        EMBEDDED,
        max_length=200,
        control="text",
        title=T("Model", "模型"),
        help=T("embedded, owner/name of the Hub, or folder:NAME", "embedded、Hub 上的 owner/name，或 folder:名称"),
    )
    threshold: float = Field(0.5, ge=0, le=1, step=0.01, title=T("Least confidence", "最低置信度"))
    layer: int = Field(3, ge=1, le=12, control="number", title=T("Decoder layer", "解码器层"))
    query: int = Field(12, ge=0, le=999, control="number", title=T("Query", "查询"))
    object: int = Field(0, ge=0, le=scenes.MOST - 1, title=T("Object that is moved", "被移动的物体"))
    moved: str = Field(
        "0,0,0,0",
        max_length=80,
        control="code",
        title=T("Its box, moved", "其框的移动"),
        help=T("right, down, wider, taller, in pixels", "向右、向下、加宽、加高的像素数"),
    )
    class_cost: float = Field(matching.CLASS, ge=0, le=20, step=0.1, title=T("Weight of class", "类别权重"))
    l1_cost: float = Field(matching.L1, ge=0, le=20, step=0.1, title=T("Weight of L1", "L1 权重"))
    giou_cost: float = Field(matching.GIOU, ge=0, le=20, step=0.1, title=T("Weight of GIoU", "GIoU 权重"))
    column: int = Field(5, ge=0, le=79, control="number", title=T("Token's column", "词元的列"))
    row: int = Field(5, ge=0, le=79, control="number", title=T("Token's row", "词元的行"))
    suppress: bool = Field(False, title=T("Suppress doubles (NMS)", "抑制重复框（NMS）"))
    nms: float = Field(0.5, ge=0.1, le=0.9, step=0.1, title=T("NMS: IoU", "NMS 的 IoU"))
    pictures: int = Field(200, ge=20, le=1000, step=20, title=T("Scenes for the slots", "统计槽位的场景数"))

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.size % 8:
            raise Refused(T("size must be a multiple of 8; got {size}", "size 必须是 8 的倍数；收到 {size}", size=self.size), "size")
        shift(self.moved)
        return self
