"""Segmentation metrics: seven scores of one pair of masks, and what each of them sees."""

from __future__ import annotations

import numpy as np

from engine.data import scenes
from engine.vision.segmentation_metrics import (
    SCORES,
    Segmented,
    contour,
    masks,
    overlap,
    panoptic,
    segmentation_metrics,
)
from pages.shell import Lab, Preset, T, View, grouped
from pages.shell.axes import Axis
from pages.shell.colors import ACCEPT, INK, MEASURED, MUTE, REJECT, SECOND, SURFACE, THIRD
from pages.shell.figures import Figure, absent
from pages.shell.panels import Label, Panel
from pages.shell.traces import bars, class_map, heat, line, points

TITLES = (T("pixel accuracy", "像素准确率"), T("mean accuracy", "平均准确率"), T("mean IoU", "平均 IoU"), T("weighted IoU", "加权 IoU"),
          T("mean Dice", "平均 Dice"), T("boundary F", "边界 F"), T("PQ", "PQ"))  # fmt: skip
BARE = Axis(hidden=True)
NO_MASKS = T(
    "A confusion matrix does not say where its pixels lie: outlines and objects need masks.",
    "混淆矩阵不记录像素的位置：轮廓与物体的评分需要掩码。",
)
SHOWN = 192  # pixels to a side of a map as it is drawn


def digits(value: float | None) -> str:
    """A score as read off."""
    return "–" if value is None or np.isnan(value) else f"{value:.3f}"


def thinned(labels: np.ndarray) -> np.ndarray:
    """Every second, third … pixel of a map that is larger than what is drawn."""
    step = -(-max(labels.shape) // SHOWN)
    return labels[::step, ::step]


def plane(title: T) -> Panel:
    """The axes of a picture."""
    return Panel(BARE, Axis(hidden=True, reverse=True, equal=True), title=title)


def scores(r: Segmented) -> list[float]:
    return [np.nan if (value := getattr(r, name)) is None else value for name in SCORES]


def score_bars(r: Segmented, panel: int) -> tuple[list[dict], Panel, list[Label]]:
    """The seven scores, one under the other."""
    values, places = np.array(scores(r)), np.arange(len(SCORES))
    row = bars(np.nan_to_num(values), places, orientation="h", panel=panel, name=T("score", "分数"))
    ends = [Label(float(np.nan_to_num(v)) + 0.02, i, digits(v), INK, "left", panel) for i, v in enumerate(values)]
    return [row], Panel(Axis(range=(0, 1.18), format=".1f"), Axis(ticks=(places, TITLES), reverse=True)), ends


def seen_figure(r: Segmented) -> Figure:
    """Truth, prediction, where they differ, and what seven scores say."""
    if r.truth is None or r.prediction is None:
        drawn, panel, labels = score_bars(r, 0)
        return Figure(drawn, [panel], says(r), labels)
    truth, found = thinned(r.truth), thinned(r.prediction)
    wrong = np.where(truth == 255, 0, np.where(truth == found, 1, 2))
    drawn, panel, labels = score_bars(r, 3)
    verdicts = heat(
        wrong,
        panel=2,
        zmin=0,
        zmax=2,
        scale=[[0, SURFACE], [0.5, f"{ACCEPT}/0.35"], [1, REJECT]],
        name=T("right or wrong", "对错"),
    )
    right = T(f"wrong: {1 - r.pixel_accuracy:.1%} of the pixels", f"错误：{1 - r.pixel_accuracy:.1%} 的像素")
    return Figure(
        [class_map(truth, name=T("truth", "真值")), class_map(found, panel=1, name=T("prediction", "预测")), verdicts, *drawn],
        [plane(T("truth", "真值")), plane(T("prediction", "预测")), plane(right), panel],
        says(r), labels,
    )  # fmt: skip


def says(r: Segmented) -> T:
    values = ", ".join(f"{t.en} {digits(v)}" for t, v in zip(TITLES, scores(r), strict=True))
    zh = "，".join(f"{t.zh} {digits(v)}" for t, v in zip(TITLES, scores(r), strict=True))
    return T(f"One prediction, seven scores: {values}.", f"同一预测的七个分数：{zh}。")


def classes_shown(r: Segmented) -> np.ndarray:
    """The classes that truth or prediction has."""
    return np.flatnonzero((r.truth_pixels > 0) | (r.predicted_pixels > 0))


def names(r: Segmented, which: np.ndarray) -> list[T]:
    return [T(*r.names[k]) for k in which]


def classes_figure(r: Segmented) -> Figure:
    """Accuracy, IoU and Dice of each class; the formulas with this pair's numbers filled in."""
    which = classes_shown(r)
    places = np.arange(len(which))
    rows = (
        (r.accuracy, THIRD, T("accuracy", "准确率")),
        (r.iou, MEASURED, T("IoU", "IoU")),
        (r.dice, SECOND, T("Dice", "Dice")),
    )
    drawn = [bars(places, np.nan_to_num(values[which]), color, name=name) for values, color, name in rows]
    labels = [
        Label(len(which) - 0.5, 1.12 - 0.085 * i, name, color, "right") for i, (_, color, name) in enumerate(rows)
    ]
    return Figure(
        drawn, [Panel(Axis(ticks=(places, names(r, which))), Axis(T("score of the class", "该类的分数"), range=(0, 1.18)))], says(r), labels,
        table=formulas(r), layout={"barmode": "group"},
    )  # fmt: skip


def formulas(r: Segmented) -> list[list[T | str]]:
    """Each score, its formula, and the formula with the numbers of this pair."""
    which = classes_shown(r)
    hit, true = np.diag(r.confusion)[which], r.truth_pixels[which]
    n = [grouped(v) for v in (hit.sum(), true.sum())]

    def averaged(values: np.ndarray) -> str:
        kept = values[np.isfinite(values)]
        few = " + ".join(f"{v:.3f}" for v in kept[:5]) + (" + …" if len(kept) > 5 else "")
        return f"({few}) / {len(kept)}"

    weighted = " + ".join(
        f"{t / true.sum():.3f}·{v:.3f}" for t, v in list(zip(true, r.iou[which], strict=True))[:4] if t > 0
    )
    rows: list[list[T | str]] = [
        [T("score", "分数"), T("formula", "公式"), T("with these numbers", "代入数值"), T("value", "值")],
        [TITLES[0], "Σ nₖₖ / Σ tₖ", f"{n[0]} / {n[1]}", digits(r.pixel_accuracy)],
        [
            TITLES[1],
            T("mean of nₖₖ / tₖ", "nₖₖ / tₖ 的平均"),
            averaged(r.accuracy[which]),
            digits(r.mean_pixel_accuracy),
        ],
        [
            TITLES[2],
            T("mean of nₖₖ / (tₖ + pₖ − nₖₖ)", "nₖₖ / (tₖ + pₖ − nₖₖ) 的平均"),
            averaged(r.iou[which]),
            digits(r.mean_iou),
        ],
        [
            TITLES[3],
            "Σ tₖ IoUₖ / Σ tₖ",
            weighted + (" + …" if len(which) > 4 else ""),
            digits(r.frequency_weighted_iou),
        ],
        [
            TITLES[4],
            T("mean of 2 nₖₖ / (tₖ + pₖ)", "2 nₖₖ / (tₖ + pₖ) 的平均"),
            averaged(r.dice[which]),
            digits(r.mean_dice),
        ],
    ]
    if r.boundary is not None and r.panoptic is not None:
        tp, fp, fn, total = r.panoptic[:, :4].sum(0)
        rows += [
            [TITLES[5], T("mean of 2PR / (P + R)", "2PR / (P + R) 的平均"), averaged(r.boundary[:, 2]), digits(r.boundary_f)],
            [TITLES[6], T("mean of Σ IoU / (TP + FP/2 + FN/2)", "Σ IoU / (TP + FP/2 + FN/2) 的平均"),
             T(f"{averaged(r.panoptic[:, 6])}; over all classes Σ IoU = {total:.2f}, TP {tp:.0f}, FP {fp:.0f}, FN {fn:.0f}",
               f"{averaged(r.panoptic[:, 6])}；各类合计 Σ IoU = {total:.2f}，TP {tp:.0f}，FP {fp:.0f}，FN {fn:.0f}"), digits(r.panoptic_quality)],
        ]  # fmt: skip
    return rows


def confusion_figure(r: Segmented) -> Figure:
    """What was called what: shares of each true class, with the counts."""
    which = classes_shown(r)
    counts = r.confusion[np.ix_(which, which)]
    share = counts / np.maximum(r.truth_pixels[which], 1)[:, None]
    places, words = np.arange(len(which)), names(r, which)
    labels = [
        Label(float(j), float(i), grouped(counts[i, j]), INK, "center") for i in places for j in places if counts[i, j]
    ] if len(which) <= 8 else []  # fmt: skip
    worst = np.where(np.eye(len(which), dtype=bool), 0, counts)
    i, j = np.unravel_index(worst.argmax(), worst.shape)
    told = T(f"Most often mistaken: {grouped(worst[i, j])} pixels of {words[i].en} called {words[j].en}.",
             f"最常见的误判：{grouped(worst[i, j])} 个{words[i].zh}像素被判为{words[j].zh}。")  # fmt: skip
    return Figure(
        [heat(share, zmin=0, zmax=1, name=T("share of the true class", "占真实类别的比例"))],
        [Panel(Axis(T("called", "判为"), ticks=(places, words)), Axis(T("truly", "真实类别"), ticks=(places, words), reverse=True))],
        told if worst.any() else T("No pixel is mistaken.", "没有像素被误判。"), labels,
    )  # fmt: skip


def outline_figure(r: Segmented) -> Figure:
    """Where the outlines agree to within the tolerance, and each class's precision, recall and F."""
    if r.outlines is None or r.boundary is None:
        return absent(NO_MASKS)
    step = -(-max(r.outlines.shape) // 256)
    drawn = r.outlines[: r.outlines.shape[0] // step * step, : r.outlines.shape[1] // step * step]
    drawn = drawn.reshape(drawn.shape[0] // step, step, -1, step).max((1, 3))
    kinds = [[(k + e) / 5, c] for k, c in enumerate((SURFACE, INK, REJECT, f"{ACCEPT}/0.6", SECOND)) for e in (0, 1)]
    which = np.flatnonzero(np.isfinite(r.boundary[:, 2]))
    places = np.arange(len(which))
    rows = ((0, SECOND, T("precision", "精确率")), (1, THIRD, T("recall", "召回率")), (2, MEASURED, T("F", "F")))
    table = [bars(places, np.nan_to_num(r.boundary[which, c]), color, name=name, panel=1) for c, color, name in rows]
    labels = [
        Label(len(which) - 0.5, 1.14 - 0.09 * i, name, color, "right", 1) for i, (_, color, name) in enumerate(rows)
    ]
    return Figure(
        [heat(drawn, scale=kinds, zmin=-0.5, zmax=4.5, name=T("outlines", "轮廓")), *table],
        [plane(T("black: true, found · red: true, missed · orange: extra", "黑：真实且找到 · 红：真实但漏掉 · 橙：多余")),
         Panel(Axis(ticks=(places, names(r, which))), Axis(T("of the outline", "轮廓得分"), range=(0, 1.2)))],
        T(f"Boundary F averages {digits(r.boundary_f)} over the classes.", f"各类边界 F 的平均为 {digits(r.boundary_f)}。"),
        labels, layout={"barmode": "group"},
    )  # fmt: skip


def objects_figure(r: Segmented) -> Figure:
    """Objects matched, missed and extra; and PQ as the product of two qualities."""
    if r.panoptic is None:
        return absent(NO_MASKS)
    which = np.flatnonzero(r.panoptic[:, :3].sum(1) > 0)
    places, found = np.arange(len(which)), r.panoptic[which]
    kinds = ((0, ACCEPT, T("matched", "匹配")), (1, SECOND, T("extra", "多余")), (2, REJECT, T("missed", "漏掉")))
    drawn = [bars(places, found[:, c], color, name=name) for c, color, name in kinds]
    qualities = ((4, THIRD, "SQ", "circle"), (5, SECOND, "RQ", "diamond"), (6, MEASURED, "PQ", "square"))
    drawn += [
        points(places, found[:, c], color, size=10, symbol=s, name=name, panel=1) for c, color, name, s in qualities
    ]
    top = float(found[:, :3].sum(1).max())
    labels = [
        Label(len(which) - 0.5, top * (1.12 - 0.08 * i), name, color, "right")
        for i, (_, color, name) in enumerate(kinds)
    ]
    labels += [
        Label(len(which) - 0.6, 1.17 - 0.08 * i, name, color, "right", 1)
        for i, (_, color, name, _) in enumerate(qualities)
    ]
    axis = Axis(ticks=(places, names(r, which)))
    sq, rq, pq = (digits(v) for v in (r.segmentation_quality, r.recognition_quality, r.panoptic_quality))
    return Figure(
        drawn, [Panel(axis, Axis(T("segments", "分割块数"), range=(0, top * 1.2)), title=T("a pair matches where IoU > ½", "IoU > ½ 即为匹配")),
                Panel(axis, Axis(T("quality", "质量"), range=(-0.03, 1.24)), title=T("PQ = SQ × RQ in every class", "每一类中 PQ = SQ × RQ"))],
        T(f"Panoptic quality is {pq}: segmentation quality averages {sq}, recognition quality {rq}.",
          f"全景质量为 {pq}：分割质量平均 {sq}，识别质量平均 {rq}。"),
        labels, facts=[("PQ", pq), ("SQ", sq), ("RQ", rq)], layout={"barmode": "stack"},
    )  # fmt: skip


def sweep_figure(r: Segmented) -> Figure:
    """How each score falls as one kind of error grows."""
    s = r.sensitivity
    if s is None:
        return absent(T("A confusion matrix cannot be eroded or shifted: choose masks or a scene.",
                        "混淆矩阵无法腐蚀或平移：请选择掩码或场景。"))  # fmt: skip
    # The three that most people confuse stand out; the others are there to compare.
    styles = (
        (MUTE, "solid"),
        (MUTE, "dash"),
        (MEASURED, "solid"),
        (MUTE, "dot"),
        (THIRD, "dash"),
        (SECOND, "solid"),
        (INK, "solid"),
    )
    drawn, panels, labels = [], [], []
    for k, (kind, unit) in enumerate(zip(s.kinds, s.units, strict=True)):
        for m, (color, dash) in enumerate(styles):
            drawn.append(line(s.strengths[k], s.scores[k, :, m], color, dash=dash, panel=k, name=TITLES[m]))
        panels.append(Panel(Axis(T(*unit)), Axis(range=(0, 1.04)), title=T(*kind)))
    for m, (color, _) in enumerate(styles):
        drawn.append(points([0], [m], color, size=9, panel=len(panels), name=TITLES[m]))
        labels.append(Label(0.12, m, TITLES[m], color if color != MUTE else INK, "left", len(panels)))
    panels.append(Panel(Axis(hidden=True, range=(-0.2, 2)), Axis(hidden=True, range=(-0.7, 6.7), reverse=True)))
    at = len(s.strengths[0]) // 2
    drop = 1 - s.scores[:, at]
    first = [int(np.nanargmax(row)) if np.isfinite(row).any() else 0 for row in drop]
    en = "; ".join(f"{kind[0]}: {TITLES[f].en}" for kind, f in zip(s.kinds, first, strict=True))
    zh = "；".join(f"{kind[1]}：{TITLES[f].zh}" for kind, f in zip(s.kinds, first, strict=True))
    return Figure(
        drawn,
        panels,
        T(f"The score that falls most, half-way: {en}.", f"错误加到一半时下降最多的分数：{zh}。"),
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


ERRORS = (
    "source",
    "task",
    "scene_seed",
    "objects",
    "size",
    "shrink",
    "shift",
    "specks",
    "forgotten",
    "confused",
    "seed",
)
INPUT = (*ERRORS, "truth", "prediction", "confusion", "ignore")
LAB = Lab(
    experiment=segmentation_metrics,
    title=T("Segmentation metrics", "分割评价指标"),
    claim=T(
        "Seven scores of one pair of masks, at once: what one of them praises, another fails.",
        "同一对掩码，七个分数同时给出：一个说好的，另一个判不及格。",
    ),
    order=3,
    views=[
        View(T("What do the scores see?", "各个分数看到了什么？"), seen_figure, kind="exact", uses=INPUT),
        View(T("How is each one computed?", "每个分数怎么算？"), classes_figure, kind="exact", uses=INPUT),
        View(T("What was called what?", "什么被判成了什么？"), confusion_figure, kind="exact", uses=INPUT),
        View(T("Do the outlines agree?", "轮廓吻合吗？"), outline_figure, kind="exact", uses=(*INPUT, "tolerance")),
        View(T("Which objects were found?", "找到了哪些物体？"), objects_figure, kind="exact", uses=INPUT),
        View(T("Which score notices which error?", "哪个分数察觉哪种错误？"), sweep_figure, uses=INPUT, when={"task": ["sensitivity"]}),
    ],
    presets=[
        Preset(T("A scene, four mistakes", "一个场景，四种错误"), {}, view=0),
        Preset(T("97 % right, and useless", "97% 正确，却毫无用处"), {"source": "masks"}, view=0),
        Preset(T("Paint it yourself", "自己动手画"), {"source": "masks", **painted(11)}, view=0),
        Preset(T("A real model's masks", "真实模型的掩码"), {"source": "detr", "size": 96}, view=0),
        Preset(T("Only the outline is off", "只有轮廓不准"), {"shrink": 3, "shift": 0, "forgotten": 0, "confused": 0}, view=3),
        Preset(T("One per cent of specks", "百分之一的斑点"), {"shrink": 0, "shift": 0, "forgotten": 0, "confused": 0, "specks": 0.01}, view=4),
        Preset(T("Which score notices?", "哪个分数会察觉？"), {"task": "sensitivity"}, view=5),
        Preset(T("From a matrix", "由混淆矩阵计算"), {"source": "confusion"}, view=1),
    ],
    sources=[overlap, contour, panoptic],
    sample=lambda r: T(f"{grouped(r.confusion.sum())} pixels", f"{grouped(r.confusion.sum())} 个像素"),
    findings=lambda r: [T(*r.finding)] if r.finding[0] else [],
)  # fmt: skip
