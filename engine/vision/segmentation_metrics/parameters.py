"""What is scored: a scene with errors, the embedded detector's masks, two masks of one's own, or a confusion matrix."""

from __future__ import annotations

from typing import ClassVar, Literal

from engine.core import Field, Params, T, Task
from engine.data import scenes
from engine.data.masks import IGNORED

MASK = 20_000_000  # characters: 2,048 × 2,048 labels of which no two neighbours are alike
RENDERED = {"source": ["scene", "detr"]}
SCENE, MASKS, MATRIX = {"source": ["scene"]}, {"source": ["masks"]}, {"source": ["confusion"]}
LESSON_TRUTH = "0*64 x20;0*46,1*12,0*6 x10;0*64 x34"


class SegmentationMetrics(Params):
    """Truth and prediction as masks, or as a confusion matrix, scored by every metric of segmentation."""

    tasks: ClassVar = {"compare": Task(()), "sensitivity": Task((), "seconds")}

    source: Literal["scene", "detr", "masks", "confusion"] = Field(
        "scene",
        title=T("What is scored", "评分对象"),
        labels={
            "scene": T("a scene, with errors", "带错误的场景"),
            "detr": T("the embedded DETR, on a scene", "内置 DETR（场景）"),
            "masks": T("two masks", "两张掩码"),
            "confusion": T("a confusion matrix", "混淆矩阵"),
        },
    )
    task: Literal["compare", "sensitivity"] = Field(
        "compare", title=T("Task", "任务"), labels={"compare": T("score it", "评分"), "sensitivity": T("sweep the errors", "逐级加大错误")}
    )
    scene_seed: int = Field(3, ge=0, le=2**31 - 1, title=T("Scene", "场景"), control="seed", when=RENDERED)
    objects: int = Field(5, ge=1, le=scenes.MOST, title=T("Objects", "物体数"), when=RENDERED)
    size: int = Field(128, ge=32, le=256, title=T("Pixels to a side", "边长像素数"), when=RENDERED)
    shrink: int = Field(
        2, ge=-12, le=12, title=T("Eroded by", "腐蚀"), unit=T("px", "像素"), when=SCENE, help=T("Negative: grown.", "负数为膨胀。")
    )
    shift: int = Field(2, ge=0, le=32, title=T("Shifted by", "平移"), unit=T("px", "像素"), when=SCENE)
    specks: float = Field(
        0.0,
        ge=0,
        le=0.5,
        step=0.005,
        title=T("Specks", "斑点"),
        when=SCENE,
        help=T("Share of pixels given another label.", "被换成其他标签的像素比例。"),
    )
    forgotten: int = Field(1, ge=0, le=scenes.MOST, title=T("Objects forgotten", "遗漏的物体"), when=SCENE)
    confused: int = Field(1, ge=0, le=scenes.MOST, title=T("Objects misnamed", "错认的物体"), when=SCENE)
    truth: str = Field(
        LESSON_TRUTH,
        max_length=MASK,
        title=T("Truth", "真值"),
        control="mask",
        when=MASKS,
        help=T(
            'Rows of labels: "0,0,1;0,1,1"; "2*5" is five twos, "… x3" the row three times.',
            "由标签组成的行：“0,0,1;0,1,1”；“2*5”为五个 2，“… x3”为重复三行。",
        ),
    )
    prediction: str = Field("0*64 x64", max_length=MASK, title=T("Prediction", "预测"), control="mask", when=MASKS)
    confusion: str = Field(
        "50,3,0;2,40,1;0,4,20",
        max_length=1_000_000,
        title=T("Confusion matrix", "混淆矩阵"),
        control="code",
        when=MATRIX,
        help=T("A row for each true class.", "每个真实类别一行。"),
    )
    ignore: int = Field(IGNORED, ge=0, le=255, title=T("Label that is ignored", "忽略的标签"), control="number", when=MASKS)
    tolerance: float = Field(
        2.0,
        ge=0,
        le=16,
        step=0.5,
        title=T("Tolerance of outlines", "轮廓容差"),
        unit=T("px", "像素"),
        when={"source": ["scene", "detr", "masks"]},
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, title=T("Seed", "随机种子"), control="seed", when=SCENE)
