"""DETR on a page: a picture in, a set of boxes out, and every step between them."""

from __future__ import annotations

from engine.core.words import T
from engine.vision.detector import matching
from engine.vision.detr import detr, replaced, slots
from pages.shell import Lab, Picture, Preset, View
from pages.vision.detr.boxes import found_figure, matching_figure, replaced_figure
from pages.vision.detr.learning import panoptic_figure, training_figure
from pages.vision.detr.lesson import LESSON
from pages.vision.detr.queries import encoder_figure, settling_figure, slots_figure

PICTURE = ("source", "scene_seed", "objects", "size", "composition", "photo", "truth", "model")
COSTS = ("object", "moved", "class_cost", "l1_cost", "giou_cost")
LINE = "circle,blue,0.2,0.5,0.13; circle,blue,0.4,0.5,0.13; circle,blue,0.6,0.5,0.13; circle,blue,0.8,0.5,0.13"
HIDDEN = "square,green,0.4,0.45,0.2; star,yellow,0.58,0.58,0.18"
LAB = Lab(
    experiment=detr,
    picture=Picture(view=1),
    needs=("detection-metrics", "attention-maps"),
    title=T("DETR", "DETR 目标检测"),
    words=T(
        "object detection, transformer, Hungarian matching, bipartite matching, assignment, queries, set prediction, bounding box, giou, iou, cross-attention",
        "目标检测、匈牙利算法、二分图匹配、指派、查询、集合预测、检测框、交叉注意力",
    ),
    claim=T(
        "Detection without anchors and without suppression: a set of queries, each answering for one object, matched at least cost.",
        "没有锚框、无需抑制的检测：一组查询，各自对一个物体负责，以最小代价匹配。",
    ),
    order=1,
    views=[
        View(T("What is in the picture?", "图中有什么？"), found_figure, uses=(*PICTURE, "threshold", "query")),
        View(T("Who answers for which object?", "谁对哪个物体负责？"), matching_figure, kind="exact", uses=(*PICTURE, *COSTS)),
        View(T("How do boxes settle?", "框怎样就位？"), settling_figure, uses=(*PICTURE, "query", "layer", "threshold")),
        View(T("Does every slot have its place?", "每个槽位各有其位吗？"), slots_figure, uses=("model", "query", "pictures")),
        View(
            T("What does the matching replace?", "匹配取代了什么？"),
            replaced_figure,
            uses=(*PICTURE, "threshold", "suppress", "nms", "pictures"),
        ),
        View(T("Which pixel is whose?", "每个像素归谁？"), panoptic_figure, uses=(*PICTURE, "threshold")),
        View(T("What does the encoder connect?", "编码器把什么连在一起？"), encoder_figure, uses=(*PICTURE, "column", "row"), more=True),
        View(T("How was it learned?", "它是怎样学会的？"), training_figure, uses=("model", "threshold"), more=True),
    ],
    presets=[
        Preset(T("Five shapes", "五个形状"), {}, view=0),
        Preset(T("Place them yourself", "自己摆放"), {"source": "compose"}, view=0),
        Preset(T("Four of a kind", "四个相同的圆"), {"source": "compose", "composition": LINE}, view=1),
        Preset(T("One behind the other", "前后遮挡"), {"source": "compose", "composition": HIDDEN}, view=4),
        Preset(T("More than it ever saw", "多于训练所见"), {"objects": 8, "scene_seed": 12}, view=0),
    ],
    sources=[matching, replaced, slots, "engine.vision.detector.architecture:GridDetr", "engine.vision.detector.panoptic:merge"],
    sample=lambda r: T(
        "{queries} queries, {objects} objects", "{queries} 个查询，{objects} 个物体", queries=len(r.boxes), objects=len(r.true_boxes)
    ),
    fit=lambda r: T.of(r.model),
    lesson=LESSON,
)
