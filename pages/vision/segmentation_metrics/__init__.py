"""Segmentation metrics: seven scores of one pair of masks, and what each of them sees."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.core.amounts import count, fixed
from engine.data import scenes
from engine.vision.segmentation_metrics import SCORES, Segmented, contour, masks, overlap, panoptic, segmentation_metrics
from pages.shell import Lab, Picture, Preset, T, View, draw
from pages.shell.draw import (
    ACCEPT,
    BRASS,
    CLASSES,
    FOURTH,
    HAIRLINE,
    INK,
    MEASURED,
    MUTE,
    REJECT,
    SECOND,
    SURFACE,
    THEORY,
    THIRD,
    Axis,
    Figure,
    Label,
    Panel,
)
from pages.vision.segmentation_metrics.lesson import LESSON

TITLES = (
    T("pixel accuracy", "像素准确率"),
    T("mean accuracy", "平均准确率"),
    T("mean IoU", "平均 IoU"),
    T("weighted IoU", "加权 IoU"),
    T("mean Dice", "平均 Dice"),
    T("boundary F", "边界 F"),
    T("PQ", "PQ"),
)
# A score has one colour in every view. The three that most people confuse stand out; the others are there to compare.
STYLES = ((MUTE, "solid"), (MUTE, "dash"), (MEASURED, "solid"), (MUTE, "dot"), (THIRD, "dash"), (SECOND, "solid"), (THEORY, "solid"))
BARE = Axis(hidden=True)
OUTLINES = (
    (INK, T("true, found", "真实且找到")),
    (REJECT, T("true, missed", "真实但漏掉")),
    (ACCEPT, T("predicted, right", "预测正确")),
    (FOURTH, T("predicted, extra", "预测多余")),
)
VERDICTS = ((ACCEPT, T("right", "正确")), (REJECT, T("wrong", "错误")))
NO_MASKS = T(
    "A confusion matrix does not say where its pixels lie: outlines and objects need masks.",
    "混淆矩阵不记录像素的位置：轮廓与物体的评分需要掩码。",
)
FEW_CELLS = 8  # classes up to which the counts are written into their cells
SHOWN = 192  # pixels to a side of a map as it is drawn


def fixed3(value: float | None) -> str:
    """A score as read off: three decimals, so that they line up."""
    return fixed(value, 3)


def thinned(labels: np.ndarray) -> np.ndarray:
    """Every second, third … pixel of a map that is larger than what is drawn."""
    step = -(-max(labels.shape) // SHOWN)
    return labels[::step, ::step]


def plane(title: T, key: Sequence[tuple[str, T]] = ()) -> Panel:
    """The axes of a picture."""
    return Panel(BARE, Axis(hidden=True, reverse=True, equal=True), title=title, key=key)


def scores(r: Segmented) -> list[float]:
    return [np.nan if (value := getattr(r, name)) is None else value for name in SCORES]


def score_bars(r: Segmented, panel: int) -> tuple[list[dict], Panel, list[Label]]:
    """The seven scores as gauges from 0 to 1, one under the other."""
    values, places = np.array(scores(r)), np.arange(len(SCORES))
    gauge = {"orientation": "h", "panel": panel, "width": 0.55}
    whole = draw.bars(np.ones(len(SCORES)), places, HAIRLINE, opacity=1, hoverinfo="skip", **gauge)
    row = draw.bars(np.nan_to_num(values), places, opacity=1, name=T("score", "分数"), **gauge)
    row["marker"] = {"color": [color for color, _ in STYLES], "line": {"width": 0}}
    ends = [Label(1.02, i, fixed3(v), INK, "left", panel) for i, v in enumerate(values)]
    return (
        [whole, row],
        Panel(Axis(range=(0, 1.2), ticks=([0, 0.5, 1], ["0", "0.5", "1"])), Axis(ticks=(places, TITLES), reverse=True)),
        ends,
    )


def seen_figure(r: Segmented) -> Figure:
    """Truth, prediction, where they differ, and what seven scores say."""
    if r.truth is None or r.prediction is None:
        drawn, panel, labels = score_bars(r, 0)
        return Figure(drawn, [panel], says(r), labels, layout={"barmode": "overlay"})
    truth, found = thinned(r.truth), thinned(r.prediction)
    wrong = np.where(truth == r.ignore, 0, np.where(truth == found, 1, 2))
    drawn, panel, labels = score_bars(r, 3)
    verdicts = draw.heat(
        wrong, panel=2, zmin=0, zmax=2, scale=[[0, SURFACE], [0.5, f"{ACCEPT}/0.35"], [1, REJECT]], name=T("right or wrong", "对错")
    )
    classes = lambda labels: [(CLASSES[min(k, 9)], of_class(r, k)) for k in np.unique(labels)]  # noqa: E731
    right = T("wrong: {share:percent} of the pixels", "错误：{share:percent} 的像素", share=1 - r.pixel_accuracy)
    return Figure(
        [draw.class_map(truth, name=T("truth", "真值")), draw.class_map(found, panel=1, name=T("prediction", "预测")), verdicts, *drawn],
        [plane(T("truth", "真值"), classes(truth)), plane(T("prediction", "预测"), classes(found)), plane(right, VERDICTS), panel],
        says(r),
        labels,
        layout={"barmode": "overlay"},
    )


def says(r: Segmented) -> T:
    values = [T("{title} {value:fixed.3}", "{title} {value:fixed.3}", title=t, value=v) for t, v in zip(TITLES, scores(r), strict=True)]
    return T("One prediction, seven scores: {values}.", "同一预测的七个分数：{values}。", values=T.joined(values, ", ", "，"))


def classes_shown(r: Segmented) -> np.ndarray:
    """The classes that truth or prediction has."""
    return np.flatnonzero((r.truth_pixels > 0) | (r.predicted_pixels > 0))


def of_class(r: Segmented, k: int) -> T:
    """What a label is called."""
    return T("ignored", "忽略") if k == r.ignore else T.of(r.names[k])


def names(r: Segmented, which: np.ndarray) -> list[T]:
    return [T.of(r.names[k]) for k in which]


def classes_figure(r: Segmented) -> Figure:
    """Accuracy, IoU and Dice of each class; the formulas with this pair's numbers filled in."""
    which = classes_shown(r)
    places = np.arange(len(which))
    rows = ((r.accuracy, MUTE, T("accuracy", "准确率")), (r.iou, MEASURED, T("IoU", "IoU")), (r.dice, THIRD, T("Dice", "Dice")))
    drawn = [draw.bars(places, np.nan_to_num(values[which]), color, name=name) for values, color, name in rows]
    return Figure(
        drawn,
        [Panel(Axis(ticks=(places, names(r, which))), Axis(T("score of the class", "该类的分数"), range=(0, 1.04)), key=True)],
        says(r),
        table=formulas(r),
        layout={"barmode": "group"},
    )


def formulas(r: Segmented) -> list[list[T | str]]:
    """Each score, its formula, and the formula with the numbers of this pair."""
    which = classes_shown(r)
    hit, true = np.diag(r.confusion)[which], r.truth_pixels[which]
    n = [count(v) for v in (hit.sum(), true.sum())]

    def averaged(values: np.ndarray) -> str:
        kept = values[np.isfinite(values)]
        few = " + ".join(fixed3(v) for v in kept[:5]) + (" + …" if len(kept) > 5 else "")
        return f"({few}) / {len(kept)}"

    weighted = " + ".join(f"{fixed3(t / true.sum())}·{fixed3(v)}" for t, v in list(zip(true, r.iou[which], strict=True))[:4] if t > 0)
    rows: list[list[T | str]] = [
        [T("score", "分数"), T("formula", "公式"), T("with these numbers", "代入数值"), T("value", "值")],
        [TITLES[0], "Σ nₖₖ / Σ tₖ", f"{n[0]} / {n[1]}", fixed3(r.pixel_accuracy)],
        [TITLES[1], T("mean of nₖₖ / tₖ", "nₖₖ / tₖ 的平均"), averaged(r.accuracy[which]), fixed3(r.mean_pixel_accuracy)],
        [TITLES[2], T("mean of nₖₖ / (tₖ + pₖ − nₖₖ)", "nₖₖ / (tₖ + pₖ − nₖₖ) 的平均"), averaged(r.iou[which]), fixed3(r.mean_iou)],
        [TITLES[3], "Σ tₖ IoUₖ / Σ tₖ", weighted + (" + …" if len(which) > 4 else ""), fixed3(r.frequency_weighted_iou)],
        [TITLES[4], T("mean of 2 nₖₖ / (tₖ + pₖ)", "2 nₖₖ / (tₖ + pₖ) 的平均"), averaged(r.dice[which]), fixed3(r.mean_dice)],
    ]
    if r.boundary is not None and r.panoptic is not None:
        tp, fp, fn, total = r.panoptic[:, :4].sum(0)
        rows += [
            [TITLES[5], T("mean of 2PR / (P + R)", "2PR / (P + R) 的平均"), averaged(r.boundary[:, 2]), fixed3(r.boundary_f)],
            [
                TITLES[6],
                T("mean of Σ IoU / (TP + FP/2 + FN/2)", "Σ IoU / (TP + FP/2 + FN/2) 的平均"),
                T(
                    "{mean}; over all classes Σ IoU = {total:fixed}, TP {tp:count}, FP {fp:count}, FN {fn:count}",
                    "{mean}；各类合计 Σ IoU = {total:fixed}，TP {tp:count}，FP {fp:count}，FN {fn:count}",
                    mean=averaged(r.panoptic[:, 6]),
                    total=total,
                    tp=tp,
                    fp=fp,
                    fn=fn,
                ),
                fixed3(r.panoptic_quality),
            ],
        ]
    return rows


def confusion_figure(r: Segmented) -> Figure:
    """What was called what: shares of each true class, with the counts."""
    which = classes_shown(r)
    counts = r.confusion[np.ix_(which, which)]
    share = counts / np.maximum(r.truth_pixels[which], 1)[:, None]
    places, words = np.arange(len(which)), names(r, which)
    labels = (
        [Label(float(j), float(i), count(counts[i, j]), INK, "center") for i in places for j in places if counts[i, j]]
        if len(which) <= FEW_CELLS
        else []
    )
    worst = np.where(np.eye(len(which), dtype=bool), 0, counts)
    i, j = np.unravel_index(worst.argmax(), worst.shape)
    says_worst = T(
        "Most often mistaken: {n:count} pixels of {true} called {called}.",
        "最常见的误判：{n:count} 个{true}像素被判为{called}。",
        n=worst[i, j],
        true=words[i],
        called=words[j],
    )
    title = T("share of the true class", "占真实类别的比例")
    return Figure(
        [
            draw.heat(
                share, zmin=0, zmax=1, bar=True, scale_title=title, name=title, colorbar={"tickformat": ".0%", "title": {"text": title}}
            )
        ],
        [Panel(Axis(T("called", "判为"), ticks=(places, words)), Axis(T("truly", "真实类别"), ticks=(places, words), reverse=True))],
        says_worst if worst.any() else T("No pixel is mistaken.", "没有像素被误判。"),
        labels,
    )


def outline_figure(r: Segmented) -> Figure:
    """Where the outlines agree to within the tolerance, and each class's precision, recall and F."""
    if r.outlines is None or r.boundary is None:
        return draw.absent(NO_MASKS)
    step = -(-max(r.outlines.shape) // 256)
    drawn = r.outlines[: r.outlines.shape[0] // step * step, : r.outlines.shape[1] // step * step]
    drawn = drawn.reshape(drawn.shape[0] // step, step, -1, step).max((1, 3))
    kinds = [[(k + e) / 5, c] for k, c in enumerate((SURFACE, INK, REJECT, ACCEPT, FOURTH)) for e in (0, 1)]
    which = np.flatnonzero(np.isfinite(r.boundary[:, 2]))
    places = np.arange(len(which))
    rows = ((0, ACCEPT, T("precision", "精确率")), (1, INK, T("recall", "召回率")), (2, SECOND, T("F", "F")))
    table = [draw.bars(places, np.nan_to_num(r.boundary[which, c]), color, name=name, panel=1) for c, color, name in rows]
    return Figure(
        [draw.heat(drawn, scale=kinds, zmin=-0.5, zmax=4.5, name=T("outlines", "轮廓")), *table],
        [
            plane(T("outlines", "轮廓"), OUTLINES),
            Panel(Axis(ticks=(places, names(r, which))), Axis(T("of the outline", "轮廓得分"), range=(0, 1.04)), key=True),
        ],
        T("Boundary F averages {f:fixed.3} over the classes.", "各类边界 F 的平均为 {f:fixed.3}。", f=r.boundary_f),
        layout={"barmode": "group"},
    )


def objects_figure(r: Segmented) -> Figure:
    """Objects matched, missed and extra; and PQ as the product of two qualities."""
    if r.panoptic is None:
        return draw.absent(NO_MASKS)
    which = np.flatnonzero(r.panoptic[:, :3].sum(1) > 0)
    places, found = np.arange(len(which)), r.panoptic[which]
    kinds = ((0, ACCEPT, T("matched", "匹配")), (1, FOURTH, T("extra", "多余")), (2, REJECT, T("missed", "漏掉")))
    drawn = [draw.bars(places, found[:, c], color, name=name) for c, color, name in kinds]
    qualities = ((4, BRASS, "SQ", "circle"), (5, MUTE, "RQ", "diamond"), (6, THEORY, "PQ", "square"))
    drawn += [draw.points(places, found[:, c], color, size=10, symbol=s, name=name, panel=1) for c, color, name, s in qualities]
    axis = Axis(ticks=(places, names(r, which)))
    return Figure(
        drawn,
        [
            Panel(axis, Axis(T("segments", "分割块数")), title=T("a pair matches where IoU > ½", "IoU > ½ 即为匹配"), key=True),
            Panel(
                axis,
                Axis(T("quality", "质量"), range=(-0.03, 1.04)),
                title=T("PQ = SQ × RQ in every class", "每一类中 PQ = SQ × RQ"),
                key=True,
            ),
        ],
        T(
            "Panoptic quality is {pq:fixed.3}: segmentation quality averages {sq:fixed.3}, recognition quality {rq:fixed.3}.",
            "全景质量为 {pq:fixed.3}：分割质量平均 {sq:fixed.3}，识别质量平均 {rq:fixed.3}。",
            pq=r.panoptic_quality,
            sq=r.segmentation_quality,
            rq=r.recognition_quality,
        ),
        layout={"barmode": "stack"},
    )


def sweep_figure(r: Segmented) -> Figure:
    """How each score falls as one kind of error grows."""
    s = r.sensitivity
    if s is None:
        return draw.absent(
            T("A confusion matrix cannot be eroded or shifted: choose masks or a scene.", "混淆矩阵无法腐蚀或平移：请选择掩码或场景。")
        )
    drawn, panels, labels = [], [], []
    for k, (kind, unit) in enumerate(zip(s.kinds, s.units, strict=True)):
        for m, (color, dash) in enumerate(STYLES):
            drawn.append(draw.line(s.strengths[k], s.scores[k, :, m], color, dash=dash, panel=k, name=TITLES[m]))
        panels.append(Panel(Axis(T.of(unit)), Axis(range=(0, 1.04)), title=T.of(kind)))
    for m, (color, dash) in enumerate(STYLES):
        drawn.append(draw.line([-0.1, 0.3], [m, m], color, dash=dash, width=2.4, panel=len(panels), name=TITLES[m]))
        labels.append(Label(0.4, m, TITLES[m], color if color != MUTE else INK, "left", len(panels)))
    panels.append(Panel(Axis(hidden=True, range=(-0.2, 2)), Axis(hidden=True, range=(-0.7, 6.7), reverse=True)))
    at = len(s.strengths[0]) // 2
    drop = 1 - s.scores[:, at]
    first = [int(np.nanargmax(row)) if np.isfinite(row).any() else 0 for row in drop]
    fallen = [T("{kind}: {score}", "{kind}：{score}", kind=kind, score=TITLES[f]) for kind, f in zip(s.kinds, first, strict=True)]
    return Figure(
        drawn,
        panels,
        T(
            "The score that falls most, half-way: {scores}.",
            "错误加到一半时下降最多的分数：{scores}。",
            scores=T.joined(fallen, "; ", "；"),
        ),
        labels,
        columns=3,
    )


def painted(seed: int, side: int = 64) -> dict[str, str]:
    """A scene's masks as texts to paint on: truth, and a prediction a little too small."""
    picture = scenes.render(scenes.compose(seed, 0, (4, 4)), 2 * side)
    truth = np.where(picture.instance[::2, ::2] >= 0, picture.instance[::2, ::2] + 1, 0)
    inner = truth.copy()
    for axis in (0, 1):
        for way in (-1, 1):
            inner = np.where(np.roll(truth, way, axis) == truth, inner, 0)
    return {"truth": masks.written(truth.astype(np.uint8)), "prediction": masks.written(inner.astype(np.uint8))}


INPUT = tuple(name for name in segmentation_metrics.params.model_fields if name != "tolerance")
LAB = Lab(
    experiment=segmentation_metrics,
    picture=Picture(panel=1, up=(0.0, 0.6)),
    title=T("Segmentation metrics", "分割评价指标"),
    words=T(
        "mIoU, iou, Dice, F1, boundary, Hausdorff, panoptic quality, PQ, confusion matrix, pixel accuracy, mask, instance",
        "语义分割、交并比、平均交并比、边界、全景质量、混淆矩阵、像素准确率、掩码、实例",
    ),
    claim=T(
        "Seven scores of one pair of masks, at once: what one of them praises, another fails.",
        "同一对掩码，七个分数同时给出：一个说好的，另一个判不及格。",
    ),
    order=3,
    views=[
        View(T("What do the scores see?", "各个分数看到了什么？"), seen_figure, kind="exact", uses=(*INPUT, "tolerance")),
        View(T("How is each one computed?", "每个分数怎么算？"), classes_figure, kind="exact", uses=(*INPUT, "tolerance")),
        View(T("What was called what?", "什么被判成了什么？"), confusion_figure, kind="exact", uses=INPUT),
        View(T("Do the outlines agree?", "轮廓吻合吗？"), outline_figure, kind="exact", uses=(*INPUT, "tolerance")),
        View(T("Which objects were found?", "找到了哪些物体？"), objects_figure, kind="exact", uses=INPUT),
        View(T("Which score notices which error?", "哪个分数察觉哪种错误？"), sweep_figure, uses=(*INPUT, "tolerance"), task="sensitivity"),
    ],
    lesson=LESSON,
    presets=[
        Preset(T("A scene, four mistakes", "一个场景，四种错误"), {}, view=0),
        Preset(T("97 % right, and useless", "97% 正确，却毫无用处"), {"source": "masks"}, view=0),
        Preset(T("Paint it yourself", "自己动手画"), {"source": "masks", **painted(11)}, view=0),
        Preset(T("A real model's masks", "真实模型的掩码"), {"source": "detr", "size": 96}, view=0),
        Preset(
            T("One per cent of specks", "百分之一的斑点"), {"shrink": 0, "shift": 0, "forgotten": 0, "confused": 0, "specks": 0.01}, view=4
        ),
        Preset(T("Which score notices?", "哪个分数会察觉？"), {"task": "sensitivity"}, view=5),
    ],
    sources=[overlap, contour, panoptic],
    sample=lambda r: T("{confusion} pixels", "{confusion} 个像素", confusion=count(r.confusion.sum())),
)
