"""What is scored, and how: two boxes to drag, and truths and detections from five sources."""

from __future__ import annotations

from typing import Literal

from engine.core import Field, Params, T
from engine.vision.detection_metrics.matching import MOST

SCENES, BOXES, ROWS, COCO = ({"source": [name]} for name in ("scenes", "boxes", "rows", "coco"))
RENDERED = {"source": ["scenes", "detr"]}
EXAMPLE_TRUTH = "0,12,18,58,70,0,70,22,118,64,1,34,78,84,120"
EXAMPLE_FOUND = "0,0.92,16,14,60,66,0,0.81,66,30,108,70,1,0.74,30,84,92,124,0,0.55,14,20,54,74,0,0.33,86,84,120,118"
EXAMPLE_COCO = (
    '{"images":[{"id":1,"width":100,"height":100}],"categories":[{"id":1,"name":"cat"}],'
    '"annotations":[{"id":1,"image_id":1,"category_id":1,"bbox":[10,10,40,40],"area":1600,"iscrowd":0}]}'
)
EXAMPLE_RESULTS = '[{"image_id":1,"category_id":1,"bbox":[12,8,40,40],"score":0.9}]'
FILE = 64_000_000  # characters: instances_val2017.json has 20 million, one detector's results on it 10 million


def _share(default: float, title: T, most: float = 1.0, step: float = 0.01, help: T | None = None) -> float:
    """One kind of mistake that is made on purpose."""
    return Field(default, ge=0, le=most, step=step, title=title, when=SCENES, help=help)


def _code(default: str, title: T, length: int, when: dict | None = None, help: T | None = None) -> str:
    return Field(default, max_length=length, title=title, control="code", when=when, help=help)


class DetectionMetrics(Params):
    """Two boxes and how they overlap; and detections against truths, scored as VOC, COCO and TIDE score them."""

    source: Literal["scenes", "detr", "boxes", "rows", "coco"] = Field(
        "scenes",
        title=T("What is scored", "评分对象"),
        labels={
            "scenes": T("scenes, with mistakes", "带错误的场景"),
            "detr": T("the embedded DETR, on scenes", "内置 DETR（场景）"),
            "boxes": T("boxes drawn by hand", "手绘的框"),
            "rows": T("scores and matches", "分数与匹配"),
            "coco": T("COCO files", "COCO 文件"),
        },
    )
    box_a: str = _code("20,30,70,80", T("Box A", "框 A"), 80, help=T("x0,y0,x1,y1", "四个数 x0,y0,x1,y1"))
    box_b: str = _code("45,45,105,85", T("Box B", "框 B"), 80)
    pictures: int = Field(16, ge=1, le=100, title=T("Pictures", "图片数"), when=RENDERED)
    objects: int = Field(5, ge=1, le=8, title=T("Objects, at most", "物体数上限"), when=RENDERED)
    jitter: float = _share(0.06, T("Jitter of boxes", "框的抖动"), 0.5, 0.005, T("In sides of the box.", "以框的边长为单位。"))
    misnamed: float = _share(0.08, T("Misnamed", "认错的比例"))
    missed: float = _share(0.08, T("Missed", "漏掉的比例"))
    duplicated: float = _share(0.1, T("Found twice", "重复的比例"))
    background: float = _share(0.5, T("False alarms a picture", "每图误检数"), 5, 0.05)
    blur: float = _share(0.1, T("Blur of scores", "分数的模糊"), 0.5)
    truth: str = _code(EXAMPLE_TRUTH, T("True boxes", "真值框"), 8000, BOXES, T("class,x0,y0,x1,y1 for each", "每框 class,x0,y0,x1,y1"))
    found: str = _code(
        EXAMPLE_FOUND, T("Detections", "检测框"), 8000, BOXES, T("class,score,x0,y0,x1,y1 for each", "每框 class,score,x0,y0,x1,y1")
    )
    rows: str = _code("0.9,1;0.8,0;0.7,1;0.6,1;0.5,0", T("score,matched", "分数,匹配"), 2_000_000, ROWS)
    truths: int = Field(4, ge=1, le=1_000_000, title=T("True objects", "真值物体数"), when=ROWS, control="number")
    coco_truth: str = _code(EXAMPLE_COCO, T("COCO truth", "COCO 真值"), FILE, COCO)
    coco_results: str = _code(EXAMPLE_RESULTS, T("COCO results", "COCO 结果"), FILE, COCO)
    most: int = Field(
        MOST,
        ge=1,
        le=1000,
        title=T("Most detections", "检测数上限"),
        control="number",
        help=T("Of one class in one picture; COCO takes 100.", "每图每类；COCO 取 100。"),
    )
    threshold: float = Field(0.5, ge=0.05, le=0.95, step=0.05, title=T("IoU that counts as found", "算作检出的 IoU"))
    confidence: float = Field(
        0.3,
        ge=0,
        le=1,
        step=0.01,
        title=T("Least score", "最低分数"),
        help=T("Of the confusion matrix and the pictures.", "用于混淆矩阵与图片。"),
    )
    label: int = Field(0, ge=0, le=2000, title=T("Class of the curve", "曲线的类别"), control="number", help=T("From 0.", "从 0 数起。"))
    picture: int = Field(0, ge=0, le=200_000, title=T("Picture shown", "显示的图片"), control="number", help=T("From 0.", "从 0 数起。"))
    seed: int = Field(0, ge=0, le=2**31 - 1, title=T("Seed", "随机种子"), control="seed")
