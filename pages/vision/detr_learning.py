"""Figures of how DETR learns: what "no object" weighs, the training replayed, and the masks on top."""

from __future__ import annotations

import numpy as np

from engine.vision.detr import Found, weighting
from pages.shell.axes import Axis
from pages.shell.colors import BRASS, INK_2, MEASURED, MUTE, SECOND, THEORY, THIRD
from pages.shell.figures import Figure, absent
from pages.shell.moments import Frame, Frames
from pages.shell.panels import Label, Panel
from pages.shell.text import T
from pages.shell.traces import heat, line, picture, points
from pages.vision.detr_parts import LIGHT, boxed, color, cursor, digits, outlines, percent, plane, shown

# What a mask leaves out is veiled.
MASK = [[0, "rgba(10,12,16,0.75)"], [0.5, "rgba(10,12,16,0.35)"], [1, "rgba(10,12,16,0)"]]
NO_TRAINING = T(
    "Only the embedded model's training was kept: choose it to replay it.",
    "只保留了内置模型的训练过程：请选择内置模型。",
)
NO_MASKS = T(
    "This model has boxes alone: choose the embedded one to see masks.", "此模型只有框：请选择内置模型查看掩码。"
)
# Sand, grass, water, stone: pale beside any object, in either theme.
GROUND = ("rgba(214,180,104,0.4)", "rgba(120,160,80,0.4)", "rgba(80,150,190,0.4)", "rgba(128,128,128,0.4)")


def weighing_figure(r: Found) -> Figure:
    """How much of the class loss comes from queries without an object, and what the weight does to the scores."""
    w, s = r.weighting, r.slots
    drawn = [line(w.weights, w.share, MEASURED, width=2.6, name=T("share of the class loss", "在类别损失中的占比")),
             points([r.no_object], [w.here], BRASS, size=12, name=T("here", "此处"))]  # fmt: skip
    panels = [Panel(Axis(T("weight of “no object”", "“无物体”的权重"), log=True, range=(0.01, 1)),
                    Axis(T("of the class loss, from empty queries", "空查询在类别损失中的占比"), range=(0, 1.04), format=".0%"))]  # fmt: skip
    labels = []
    facts = [(T("mean loss, with an object", "有物体者的平均损失"), digits(w.matched)), (T("mean loss, without", "无物体者的平均损失"), digits(w.empty)),
             (T("of the class loss", "占类别损失"), percent(w.here))]  # fmt: skip
    if s is not None:
        chance = np.linspace(0, 1, 101)
        known = np.flatnonzero(s.count >= 10)
        off = np.sqrt(s.given[known] * (1 - s.given[known]) / s.count[known])
        bars = {"type": "data", "array": off, "color": MEASURED, "thickness": 1.2, "width": 3}
        drawn += [
            line([0, 1], [0, 1], MUTE, width=1.2, panel=1, name=T("weight 1: a chance as it is", "权重 1：如实的概率")),
            line(
                weighting.score_of(chance, w.trained),
                chance,
                THEORY,
                dash="dash",
                panel=1,
                name=T("what its weight predicts", "由其权重预测"),
            ),
            line(
                weighting.score_of(chance, r.no_object),
                chance,
                BRASS,
                dash="dot",
                width=1.4,
                panel=1,
                name=T("the weight chosen here", "此处所选的权重"),
            ),
            points(s.said[known], s.given[known], MEASURED, size=9, panel=1, error_y=bars, name=T("measured", "实测")),
        ]
        panels.append(Panel(Axis(T("1 − p(no object)", "1 − p（无物体）"), range=(-0.02, 1.02)), Axis(T("share that is given an object", "被指派物体的比例"), range=(-0.02, 1.04)),
                            title=T(f"{int(s.count.sum())} queries, {s.pictures} scenes", f"{int(s.count.sum())} 个查询，{s.pictures} 个场景")))  # fmt: skip
        labels += [Label(0.03, 0.97, T("grey: weight 1", "灰：权重 1"), INK_2, "left", 1), Label(0.03, 0.9, T(f"dashed: predicted for {w.trained:g}", f"虚线：按 {w.trained:g} 预测"), INK_2, "left", 1),
                   Label(0.03, 0.83, T("blue: measured, ± 1 standard error", "蓝：实测，±1 标准误"), MEASURED, "left", 1)]  # fmt: skip
        facts.append((T("trained with", "训练时的权重"), f"{w.trained:g}"))
    empty = int((r.assignment >= 0).sum())
    return Figure(
        drawn, panels,
        T(f"{len(r.scores) - empty} of {len(r.scores)} queries have nothing to find; weighted by {r.no_object:g} they make {percent(w.here)} of this picture's class loss.",
          f"{len(r.scores)} 个查询中有 {len(r.scores) - empty} 个无物可找；以 {r.no_object:g} 加权后，它们占此图类别损失的 {percent(w.here)}。"),
        labels, facts=facts,
    )  # fmt: skip


def training_figure(r: Found) -> Figure:
    """The boxes of one held-out picture over the kept steps of the training, beside loss and AP."""
    t = r.training
    if t is None:
        return absent(NO_TRAINING)
    K = len(t.scores)
    high, wide = t.pixels.shape[:2]
    strong = np.where((t.scores >= r.threshold)[..., None], t.boxes, np.nan)
    drawn = [picture(t.pixels), boxed(t.true_boxes, LIGHT, width=1.6, dash="dot", name=T("truth", "真值"))]
    rows: dict[int, dict[str, np.ndarray]] = {}
    edges = [outlines(frame) for frame in strong]
    rows[len(drawn)] = {"x": np.array([e[0] for e in edges]), "y": np.array([e[1] for e in edges])}
    drawn.append(boxed(strong[-1], MEASURED, width=1.6, name=T("boxes above the threshold", "高于阈值的框")))
    told = np.where((t.given >= 0)[..., None], t.boxes, np.nan)
    edges = [outlines(frame) for frame in told]
    rows[len(drawn)] = {"x": np.array([e[0] for e in edges]), "y": np.array([e[1] for e in edges])}
    drawn.append(boxed(told[-1], BRASS, width=2.6, name=T("assigned", "被指派")))
    x = np.maximum(t.curve_step, 1)
    for i, (stroke, title) in enumerate(
        ((SECOND, T("class", "类别")), (THIRD, T("L1", "L1")), (THEORY, T("GIoU loss", "GIoU 损失")))
    ):
        drawn.append(line(x, t.curve_terms[:, i], stroke, panel=1, name=title))
    drawn += [line(x, t.ap, MEASURED, width=2.6, panel=2, name="AP"), line(x, t.ap50, SECOND, panel=2, name="AP50")]
    for panel, top in ((1, float(t.curve_terms.max())), (2, 1.0)):
        made, places = cursor(np.maximum(t.step, 1), 0, top, panel)
        rows[len(drawn)] = {"x": places}
        drawn.append(made)
    frames = [Frame(str(int(step)), facts=[(T("boxes", "框数"), str(int((t.scores[k] >= r.threshold).sum()))),
                    *((n, f"{v:.3f}") for n, v in zip((T("class loss", "类别损失"), "L1", T("GIoU loss", "GIoU 损失")), t.terms[k], strict=True)),
                    (T("objects given to another query", "改派给其他查询的物体"), str(int(t.changed[k])))])
              for k, step in enumerate(t.step)]  # fmt: skip
    steps = Axis(T("step of the training", "训练步数"), range=(0, float(t.curve_step.max())))
    end = float(t.curve_step.max())
    ends = ((SECOND, T("class", "类别"), 0), (THIRD, T("L1", "L1"), 1), (THEORY, T("GIoU loss", "GIoU 损失"), 2))
    top = float(t.curve_terms.max())
    labels = [Label(0.98 * end, top * (1.0 - 0.1 * i), n, c, "right", 1) for c, n, i in ends]
    labels += [Label(0.98 * end, 0.12, "AP", MEASURED, "right", 2), Label(0.98 * end, 0.03, "AP50", SECOND, "right", 2)]
    return Figure(
        drawn,
        [Panel(Axis(hidden=True, range=(0, wide)), Axis(hidden=True, range=(0, high), reverse=True, equal=True), title=T("brass: assigned to an object", "黄铜色：被指派给物体")),
         Panel(steps, Axis(T("loss of a matched pair", "匹配对的损失"), range=(0, 1.05 * top))),
         Panel(steps, Axis(T("on held-out scenes", "留出场景"), range=(0, 1.04)))],
        T(f"After {int(end)} steps AP on held-out scenes is {digits(float(t.ap[-1]))}, AP50 {digits(float(t.ap50[-1]))}; the picture shows {K} kept moments.",
          f"训练 {int(end)} 步后，留出场景上的 AP 为 {digits(float(t.ap[-1]))}，AP50 为 {digits(float(t.ap50[-1]))}；图片展示保留的 {K} 个时刻。"),
        labels, frames=Frames(T("step", "步"), frames, rows=rows, seconds=10), facts=frames[-1].facts or (),
        recorded=T(f"recorded on {t.device}, {t.date}", f"录制于 {t.device}，{t.date}"), columns=3, layout={"height": 340},
    )  # fmt: skip


def panoptic_figure(r: Found) -> Figure:
    """The masks of the queries, one after the other, and all of them merged with the ground."""
    s = r.segmented
    if s is None:
        return absent(NO_MASKS)
    shapes = len(s.names) - len(GROUND)
    palette = [*(color(k) for k in range(shapes)), *GROUND]
    steps = [[(k + end) / len(palette), c] for k, c in enumerate(palette) for end in (0, 1)]
    coloured = {"scale": steps, "zmin": -0.5, "zmax": len(palette) - 0.5}
    high, wide = r.pixels.shape[:2]
    places = {"x": np.arange(wide) + 0.5, "y": np.arange(high) + 0.5}
    drawn = [heat(s.labels.astype(np.uint8), name=T("merged", "合并结果"), **places, **coloured)]
    panels = [plane(r, T("things and stuff, merged", "物体与背景，合并"))]
    if s.true_labels is not None:
        drawn.append(heat(s.true_labels.astype(np.uint8), panel=1, name=T("truth", "真值"), **places, **coloured))
        panels.append(plane(r, T("truth", "真值")))
    last = len(panels)
    drawn.append(shown(r, last))
    panels.append(plane(r, T("one query's mask", "一个查询的掩码")))
    rows, frames = {}, [Frame("–")]
    if len(s.kept):
        h, w = s.masks.shape[1:]
        grid = {"x": (np.arange(w) + 0.5) * wide / w, "y": (np.arange(h) + 0.5) * high / h}
        rows[len(drawn)] = {"z": s.masks}
        drawn.append(heat(s.masks[0], panel=last, scale=MASK, zmin=0, zmax=255, name=T("mask", "掩码"), **grid))
        edges = [outlines(r.boxes[q : q + 1]) for q in s.kept]
        rows[len(drawn)] = {"x": np.array([e[0] for e in edges]), "y": np.array([e[1] for e in edges])}
        drawn.append(boxed(r.boxes[s.kept[:1]], BRASS, width=2.4, panel=last))
        frames = [Frame(str(int(q)), facts=[(T("says", "判断为"), T(*r.names[r.labels[q]])), (T("confidence", "置信度"), percent(float(r.scores[q]))),
                        (T("pixels in the merged map", "合并图中的像素"), str(int((s.segment == q).sum()))), *quality(r)]) for q in s.kept]  # fmt: skip
    tags = [T(*s.names[k]) for k in range(len(s.names))]
    present = [int(k) for k in np.unique(s.labels)]
    table: list[list[T | str]] = [[T("label", "标签"), T("pixels", "像素"), T("true pixels", "真实像素")],
             *([tags[k], str(int((s.labels == k).sum())), "–" if s.true_labels is None else str(int((s.true_labels == k).sum()))] for k in present)]  # fmt: skip
    return Figure(
        drawn, panels,
        T(f"{len(s.kept)} masks and the ground make a map without gaps or overlaps; panoptic quality of this picture: {digits(s.quality)}.",
          f"{len(s.kept)} 个掩码与地面合成一张无缝、无重叠的图；此图的全景质量：{digits(s.quality)}。"),
        frames=Frames(T("query", "查询"), frames, start=0, rows=rows, seconds=4) if len(s.kept) else None, facts=frames[0].facts or quality(r), table=table,
        columns=3, layout={"height": 340},
    )  # fmt: skip


def quality(r: Found) -> list[tuple[T | str, str]]:
    """PQ, SQ and RQ of this picture."""
    s = r.segmented
    return (
        [] if s is None else [("PQ", digits(s.quality)), ("SQ", digits(s.segmentation)), ("RQ", digits(s.recognition))]
    )
