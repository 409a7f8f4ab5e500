"""DETR on a page: a picture in, a set of boxes out, and every step between them."""

from __future__ import annotations

from engine.vision.detr import detr, matching, replaced, slots, weighting
from pages.shell import Lab, Preset, T, View
from pages.vision.detr_boxes import found_figure, matching_figure, replaced_figure
from pages.vision.detr_learning import panoptic_figure, training_figure, weighing_figure
from pages.vision.detr_queries import encoder_figure, heads_figure, settling_figure, slots_figure

PICTURE = ("source", "scene_seed", "objects", "size", "composition", "photo", "model")
LINE = "circle,blue,0.2,0.5,0.13; circle,blue,0.4,0.5,0.13; circle,blue,0.6,0.5,0.13; circle,blue,0.8,0.5,0.13"
HIDDEN = "square,green,0.4,0.45,0.2; star,yellow,0.58,0.58,0.18"
LAB = Lab(
    experiment=detr,
    title=T("DETR", "DETR 目标检测"),
    claim=T("Detection without anchors and without suppression: a set of queries, each answering for one object, matched at least cost.",
            "没有锚框、无需抑制的检测：一组查询，各自对一个物体负责，以最小代价匹配。"),
    order=1,
    views=[
        View(T("What is in the picture?", "图中有什么？"), found_figure, uses=(*PICTURE, "threshold", "query")),
        View(T("Who answers for which object?", "谁对哪个物体负责？"), matching_figure, kind="exact",
             uses=(*PICTURE, "object", "moved", "class_cost", "l1_cost", "giou_cost")),
        View(T("How do boxes settle?", "框怎样就位？"), settling_figure, uses=(*PICTURE, "query", "layer", "threshold")),
        View(T("Which head looks where?", "哪个头看哪里？"), heads_figure, uses=(*PICTURE, "query", "layer")),
        View(T("Does every slot have its place?", "每个槽位各有其位吗？"), slots_figure, uses=("model", "query", "pictures")),
        View(T("What does the encoder connect?", "编码器把什么连在一起？"), encoder_figure, uses=(*PICTURE, "column", "row")),
        View(T("What does the matching replace?", "匹配取代了什么？"), replaced_figure, uses=(*PICTURE, "threshold", "nms", "pictures")),
        View(T("What does “nothing” weigh?", "“无物体”有多重？"), weighing_figure, uses=(*PICTURE, "no_object", "pictures")),
        View(T("Which pixel is whose?", "每个像素归谁？"), panoptic_figure, uses=(*PICTURE, "threshold")),
        View(T("How was it learned?", "它是怎样学会的？"), training_figure, uses=("model", "threshold")),
    ],
    presets=[
        Preset(T("Five shapes", "五个形状"), {}, view=0),
        Preset(T("Place them yourself", "自己摆放"), {"source": "compose"}, view=0),
        Preset(T("Four of a kind", "四个相同的圆"), {"source": "compose", "composition": LINE}, view=1),
        Preset(T("One behind the other", "前后遮挡"), {"source": "compose", "composition": HIDDEN}, view=6),
        Preset(T("More than it ever saw", "多于训练所见"), {"objects": 8, "scene_seed": 12}, view=0),
        Preset(T("The class alone", "只看类别"), {"l1_cost": 0.0, "giou_cost": 0.0}, view=1),
        Preset(T("“Nothing” weighs as much", "“无物体”同样重"), {"no_object": 1.0}, view=7),
    ],
    sources=[matching, replaced, weighting, slots, "engine.vision.detr.architecture:GridDetr", "engine.vision.detr.panoptic:merge"],
    sample=lambda r: T(f"{len(r.boxes)} queries, {len(r.true_boxes)} objects", f"{len(r.boxes)} 个查询，{len(r.true_boxes)} 个物体"),
    fit=lambda r: T(*r.model),
    findings=lambda r: [T(*finding) for finding in r.findings],
)  # fmt: skip
