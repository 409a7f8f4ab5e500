"""Figures of the masks on top of DETR's queries, and of how it was learned."""

from __future__ import annotations

import numpy as np

from engine.core.amounts import count, fixed, percent
from engine.core.words import T
from engine.vision.detr import Found
from pages.shell.draw import (
    ACCEPT,
    BRASS,
    FOURTH,
    THEORY,
    THIRD,
    Axis,
    Figure,
    Frame,
    Frames,
    Panel,
    absent,
    boxes,
    boxes_at,
    curves,
    heat,
    picture,
)
from pages.vision.detr.parts import DOTTED, LIGHT, color, cursor, name, plane, shown

# What a mask leaves out is veiled.
MASK = [[0, "rgba(10,12,16,0.75)"], [0.5, "rgba(10,12,16,0.35)"], [1, "rgba(10,12,16,0)"]]
NO_TRAINING = T("Only the embedded model's training was kept: choose it to replay it.", "只保留了内置模型的训练过程：请选择内置模型。")
NO_MASKS = T("This model has boxes alone: choose the embedded one to see masks.", "此模型只有框：请选择内置模型查看掩码。")
# Sand, grass, water, stone: pale beside any object, in either theme.
GROUND = ("rgba(214,180,104,0.4)", "rgba(120,160,80,0.4)", "rgba(80,150,190,0.4)", "rgba(128,128,128,0.4)")
TERMS = (T("class", "类别"), T("L1", "L1"), T("GIoU loss", "GIoU 损失"))


def training_figure(r: Found) -> Figure:
    """The boxes of one held-out picture over the kept steps of the training, beside loss and AP."""
    t = r.training
    if t is None:
        return absent(NO_TRAINING)
    rows: dict[int, dict[str, np.ndarray]] = {}
    drawn = [picture(t.pixels), boxes(t.true_boxes, LIGHT, width=1.6, dash="dot", name=T("truth", "真值"))]
    kinds = (
        (t.scores >= r.threshold, BRASS, 1.6, T("surer than the threshold", "高于阈值的框")),
        (t.given >= 0, ACCEPT, 2.6, T("assigned", "被指派")),
    )
    for which, stroke, width, title in kinds:
        edges = np.where(which[..., None], t.boxes, np.nan)
        rows[len(drawn)] = boxes_at(edges)
        drawn.append(boxes(edges[-1], stroke, width=width, name=title))
    x, end, top = np.maximum(t.curve_step, 1), float(t.curve_step.max()), float(t.curve_terms.max())
    losses = dict(zip(TERMS, t.curve_terms.T, strict=True))
    drawn += curves(x, losses, colors=(FOURTH, THIRD, THEORY), label=None, panel=1)
    drawn += curves(x, {"AP": t.ap, "AP50": t.ap50}, label=None, panel=2)
    for panel, high in ((1, top), (2, 1.0)):
        mark, places = cursor(np.maximum(t.step, 1), 0, high, panel)
        rows[len(drawn)] = {"x": places}
        drawn.append(mark)
    frames = [
        Frame(
            str(int(step)),
            facts=[
                (T("boxes", "框数"), count((t.scores[k] >= r.threshold).sum())),
                *((title, fixed(v, 3)) for title, v in zip(TERMS, t.terms[k], strict=True)),
                (T("objects given to another query", "改派给其他查询的物体"), count(t.changed[k])),
            ],
        )
        for k, step in enumerate(t.step)
    ]
    steps = Axis(T("step of the training", "训练步数"), range=(0, end))
    return Figure(
        drawn,
        [
            plane(t.pixels, DOTTED, [(stroke, title, "line") for _, stroke, _, title in kinds]),
            Panel(steps, Axis(T("loss of a matched pair", "匹配对的损失"), range=(0, 1.05 * top)), key=True),
            Panel(steps, Axis(T("on held-out scenes", "留出场景"), range=(0, 1.04)), key=True),
        ],
        T(
            "After {end:count} steps AP on held-out scenes is {ap:fixed.3}, AP50 {ap50:fixed.3}; the picture shows {k} kept moments.",
            "训练 {end:count} 步后，留出场景上的 AP 为 {ap:fixed.3}，AP50 为 {ap50:fixed.3}；图片展示保留的 {k} 个时刻。",
            end=end,
            ap=t.ap[-1],
            ap50=t.ap50[-1],
            k=len(t.step),
        ),
        frames=Frames(T("step", "步"), frames, rows=rows, seconds=10),
        facts=frames[-1].facts or (),
        recorded=T("recorded on {device}, {date}", "录制于 {device}，{date}", device=t.device, date=t.date),
        columns=3,
    )


def panoptic_figure(r: Found) -> Figure:
    """The masks of the queries, one after the other, and all of them merged with the ground."""
    s = r.segmented
    if s is None:
        return absent(NO_MASKS)
    palette = [*(color(k) for k in range(len(s.names) - len(GROUND))), *GROUND]
    steps = [[(k + end) / len(palette), c] for k, c in enumerate(palette) for end in (0, 1)]
    (high, wide), drawn, panels = r.pixels.shape[:2], [], []
    whole = {"x": np.arange(wide) + 0.5, "y": np.arange(high) + 0.5, "scale": steps, "zmin": -0.5, "zmax": len(palette) - 0.5}
    maps = ((s.labels, T("things and stuff, merged", "物体与背景，合并")), (s.true_labels, T("truth", "真值")))
    for labels, title in maps:
        if labels is not None:
            drawn.append(heat(labels.astype(np.uint8), panel=len(panels), name=title, **whole))
            panels.append(plane(r.pixels, title, [(palette[k], T.of(s.names[k]), "patch") for k in np.unique(labels)]))
    last = len(panels)
    drawn.append(shown(r, last))
    panels.append(plane(r.pixels, T("one query's mask", "一个查询的掩码"), [(BRASS, T("its box", "它的框"), "line")]))
    quality = [] if s.quality is None else [(k, fixed(v, 3)) for k, v in (("PQ", s.quality), ("SQ", s.segmentation), ("RQ", s.recognition))]
    rows, frames = {}, [Frame("–", facts=quality)]
    if len(s.kept):
        h, w = s.masks.shape[1:]
        grid = {"x": (np.arange(w) + 0.5) * wide / w, "y": (np.arange(h) + 0.5) * high / h}
        rows[len(drawn)] = {"z": s.masks}
        drawn.append(heat(s.masks[0], panel=last, scale=MASK, zmin=0, zmax=255, name=T("mask", "掩码"), **grid))
        rows[len(drawn)] = boxes_at(r.boxes[s.kept][:, None])
        drawn.append(boxes(r.boxes[s.kept[:1]], BRASS, width=2.4, panel=last))
        frames = [
            Frame(
                str(int(q)),
                facts=[
                    (T("says", "判断为"), name(r, r.labels[q])),
                    (T("confidence", "置信度"), percent(float(r.scores[q]))),
                    (T("pixels in the merged map", "合并图中的像素"), count((s.segment == q).sum())),
                    *quality,
                ],
            )
            for q in s.kept
        ]
    pixels = lambda labels, k: "–" if labels is None else count((labels == k).sum())  # noqa: E731
    table = [[T.of(s.names[k]), pixels(s.labels, k), pixels(s.true_labels, k)] for k in np.unique(s.labels)]
    return Figure(
        drawn,
        panels,
        T(
            "{n} masks and the ground make a map without gaps or overlaps; panoptic quality of this picture: {quality:fixed.3}.",
            "{n} 个掩码与地面合成一张无缝、无重叠的图；此图的全景质量：{quality:fixed.3}。",
            n=len(s.kept),
            quality=s.quality,
        ),
        frames=Frames(T("query", "查询"), frames, start=0, rows=rows, seconds=4) if len(s.kept) else None,
        facts=frames[0].facts or (),
        table=[[T("label", "标签"), T("pixels", "像素"), T("true pixels", "真实像素")], *table],
        columns=3,
    )
