"""Detection metrics: from two boxes to average precision, and what each kind of mistake costs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.core.amounts import count, fixed
from engine.core.recent import remembered
from engine.core.words import T, Words
from engine.vision.detection_metrics import Detected, Reached, Shown, blame, boxes, detection_metrics, matching
from pages.shell import Lab, Picture, Preset, View, draw
from pages.shell.draw import (
    ACCEPT,
    BRASS,
    FOURTH,
    INK,
    INK_2,
    MEASURED,
    MUTE,
    REJECT,
    SECOND,
    THEORY,
    THIRD,
    Axis,
    Figure,
    Frame,
    Frames,
    Handle,
    Label,
    Panel,
    Pick,
)
from pages.vision.detection_metrics.lesson import LESSON

SHARE = (-0.03, 1.06)
CLASSES = 12  # that are drawn one by one
DARK = "#14171c"  # truths on a picture, whatever the theme
ROWS_ONLY = T("Rows of scores have no boxes: choose scenes, boxes or files.", "分数行没有框：请选择场景、手绘框或文件。")
TRUE, FOUND, FALSE = (THEORY, T("true", "真值"), "dash"), (ACCEPT, T("right", "正确"), "line"), (REJECT, T("false", "误检"), "line")
HULL = ((MUTE, T("hull of both", "外接框"), "dash"),)
LAST = (BRASS, T("taken last", "最后取的"), "line")


def name(r: Detected, k: int) -> T:
    """A class, or the background that stands after the last."""
    return T.of(r.names[k]) if k < len(r.names) else T("background", "背景")


def plane(size: np.ndarray, title: Words = "", key: Sequence[tuple] = (TRUE, FOUND, FALSE)) -> Panel:
    """The axes of a picture of some width and height, rows counted downward."""
    x, y = (Axis(hidden=True, range=(0, float(side)), reverse=down, equal=down) for side, down in zip(size, (False, True), strict=True))
    return Panel(x, y, title=title, key=key)


def scene_traces(s: Shown, panel: int = 0) -> list[dict]:
    """The picture's boxes: true ones dark and dotted, found ones green where they took a truth, red where not."""
    drawn = [draw.picture(s.pixels, panel=panel)] if s.pixels is not None else []
    kinds = ((s.taken >= 0, FOUND), (s.taken < 0, FALSE))
    return [
        *drawn,
        draw.boxes(s.truths, THEORY if s.pixels is None else DARK, dash="dot", width=1.6, name=TRUE[1], panel=panel),
        *(draw.boxes(s.found[which], color, name=title, panel=panel) for which, (color, title, _) in kinds),
    ]


@remembered(256)
def in_small(raw: bytes, shape: tuple[int, ...]) -> str:
    """A picture that passes by, packed once."""
    return draw.source(np.frombuffer(raw, np.uint8).reshape(shape), 80)


def reached_traces(r: Detected, reached: Reached) -> tuple[list[dict], list[dict[int, dict]], dict[int, dict]]:
    """For every step of the curve the picture that its last detection is in: the class's truths there, those of its detections
    that are taken so far, and that one; as traces, what differs in each moment, and rows of all moments."""
    number, at = np.arange(1, len(reached.pictures) + 1), reached.pictures[reached.step - 1]
    taken = [(number <= k) & (reached.pictures == p) for k, p in zip(reached.step, at, strict=True)]
    lines = (
        (
            [reached.truths[reached.true_pictures == p] for p in at],
            DARK if reached.pixels else THEORY,
            TRUE[1],
            {"dash": "dot", "width": 1.6},
        ),
        ([reached.boxes[k - 1 : k] for k in reached.step], *LAST[:2], {"width": 6}),
        *(
            ([reached.boxes[some & (r.curve.right == right)] for some in taken], *kind[:2], {})
            for right, kind in ((True, FOUND), (False, FALSE))
        ),
    )
    drawn, moments, rows = [], [dict[int, dict]() for _ in at], {}
    if reached.pixels:
        # Small pictures are drawn over the whole panel: pixels as large as it takes.
        (wide, high), sources = reached.size, [in_small(pixels.tobytes(), pixels.shape) for pixels in reached.pixels]
        dx, dy = wide / reached.pixels[0].shape[1], high / reached.pixels[0].shape[0]
        drawn.append(draw.picture(reached.pixels[reached.which[-1]], dx=dx, dy=dy, x0=dx / 2, y0=dy / 2))
        moments = [{0: {"source": sources[i]}} for i in reached.which]
    for moments_of, color, title, style in lines:
        rows[len(drawn)] = draw.boxes_at(moments_of)
        drawn.append(draw.boxes(moments_of[-1], color, name=title, **style))
    return drawn, moments, rows


def curve_figure(r: Detected) -> Figure:
    """Precision against recall, built detection by detection, beside the picture of the one that was taken last."""
    c, panel = r.curve, int(r.reached is not None)
    step = np.arange(1, len(c.score) + 1) if r.reached is None else r.reached.step
    drawn, moments, rows = reached_traces(r, r.reached) if r.reached else ([], [dict[int, dict]() for _ in step], {})
    stairs = np.repeat(np.append(0.0, c.recall), 2)[1:-1], np.repeat(c.envelope, 2)
    at, recall, precision = len(drawn), c.recall[step - 1], c.precision[step - 1]
    drawn += [
        draw.line(
            *stairs, THEORY, dash="dot", width=1.4, panel=panel, name=T("best at that recall or beyond", "该召回率及以上的最佳精确率")
        ),
        draw.line(c.recall, c.precision, MEASURED, panel=panel, name=T("precision", "精确率")),
        draw.points(recall, precision, MEASURED, size=6, panel=panel, name=T("detections", "检测")),
        draw.points(recall[-1:], precision[-1:], BRASS, size=13, symbol="circle-open", panel=panel, name=LAST[1], meta={"link": "none"}),
    ]
    rows[at + 3] = {"x": recall[:, None], "y": precision[:, None]}
    share = Axis(T("recall", "召回率"), range=SHARE), Axis(T("precision", "精确率"), range=SHARE)
    panels = [Panel(*share, title=T("class: {name}", "类别：{name}", name=name(r, r.label)), key=True)]
    if r.reached:
        panels.insert(0, plane(r.reached.size, key=(TRUE, FOUND, FALSE, LAST)))
    facts = [
        (T("11-point AP", "11 点 AP"), fixed(r.eleven_point, 3)),
        (T("every-point AP", "逐点 AP"), fixed(r.every_point, 3)),
        (T("101-point AP", "101 点 AP"), fixed(r.hundred_and_one_point, 3)),
    ]

    def moment(k: int, patch: dict[int, dict]) -> Frame:
        """After k detections."""
        of_last = [
            (T("score", "分数"), fixed(c.score[k - 1], 3)),
            (T("it is", "它是"), T("right", "正确") if c.right[k - 1] else T("false", "误检")),
            *([(T("in picture", "所在图片"), count(r.reached.pictures[k - 1]))] if r.reached else []),
            (T("precision", "精确率"), fixed(c.precision[k - 1], 3)),
            (T("recall", "召回率"), fixed(c.recall[k - 1], 3)),
        ]
        return Frame(f"{k}: {fixed(c.score[k - 1])}", {**patch, at + 1: {"upto": k}}, facts=[*of_last, *facts])

    corners = [
        Handle(f"found[{6 * d + 2 + i}]", f"found[{6 * d + 3 + i}]", text=T("corner of detection {d}", "检测 {d} 的角点", d=d + 1))
        for d in (r.shown.place[r.shown.found_labels == r.label][:8] if r.shown and r.shown.by_hand else ())
        for i in (0, 2)
    ]
    says = T(
        "AP of {name}: {coco:fixed.3} by COCO's 101 points, {every:fixed.3} by every point.",
        "{name}的 AP：COCO 101 点 {coco:fixed.3}，逐点 {every:fixed.3}。",
        name=name(r, r.label),
        coco=r.hundred_and_one_point,
        every=r.every_point,
    )
    # To point at a detection on the curve, or to tap it, is to go to its moment.
    frames = [moment(int(k), patch) for k, patch in zip(step, moments, strict=True)]
    scrubbed = Frames(T("detections taken", "已取检测数"), frames, rows=rows, follow=True) if frames else None
    return Figure(drawn, panels, says, frames=scrubbed, facts=facts, handles=corners, link="detection")


def pair_figure(r: Detected) -> Figure:
    """Two boxes to drag, and the four scores of overlap as B slides past A."""
    p, s = r.pair, r.slide
    kinds = (("IoU", MEASURED, p.iou), ("GIoU", SECOND, p.generalized), ("DIoU", THIRD, p.distance), ("CIoU", FOURTH, p.complete))
    hull = np.array([*np.minimum(r.box_a[:2], r.box_b[:2]), *np.maximum(r.box_a[2:], r.box_b[2:])])
    here, far = float((r.box_b[0] + r.box_b[2] - r.box_a[0] - r.box_a[2]) / 2), float(s.offset[-1])
    drawn = [
        draw.boxes([hull], MUTE, dash="dot", width=1.2, name=HULL[0][1]),
        draw.boxes([r.box_a], THEORY, width=2.4, fill="toself", fillcolor=f"{THEORY}/0.08", name="A", label="start"),
        draw.boxes([r.box_b], ACCEPT, width=2.4, fill="toself", fillcolor=f"{ACCEPT}/0.12", name="B", label="start"),
        *draw.curves(
            s.offset, dict(zip([k for k, *_ in kinds], s.scores, strict=True)), colors=[color for _, color, _ in kinds], label=None, panel=1
        ),
        *(draw.points([here], [value], color, size=10, panel=1, hoverinfo="skip") for _, color, value in kinds),
    ]
    low, high = hull[:2].min() - 12, hull[2:].max() + 12
    corners = [
        Handle(f"box_{b}[{i}]", f"box_{b}[{i + 1}]", text=T("corner of {b}", "{b} 的角点", b=b.upper()), color=BRASS)
        for b in "ab"
        for i in (0, 2)
    ]
    whole = {part: fixed(getattr(p, part), 0) for part in ("shared", "union", "hull", "centres", "diagonal")}
    apart = f"{fixed(p.iou, 3)} − {whole['centres']} / {whole['diagonal']}"
    formulas = (
        ("I / U", f"{whole['shared']} / {whole['union']}"),
        ("IoU − (C − U) / C", f"{fixed(p.iou, 3)} − ({whole['hull']} − {whole['union']}) / {whole['hull']}"),
        ("IoU − ρ² / c²", apart),
        ("IoU − ρ² / c² − αv", f"{apart} − {fixed(p.weight, 3)} · {fixed(p.aspect, 4)}"),
    )
    rows: list[list[T | str]] = [[T("score", "分数"), T("formula", "公式"), T("with these numbers", "代入数值"), T("value", "值")]]
    rows += [[kind, *formula, fixed(value, 3)] for (kind, _, value), formula in zip(kinds, formulas, strict=True)]
    return Figure(
        drawn,
        [
            Panel(
                Axis(range=(low, high)),
                Axis(range=(low, high), reverse=True, equal=True),
                title=T("drag the corners", "拖动角点"),
                key=HULL,
            ),
            Panel(
                Axis(T("offset of B's centre from A's (px)", "B 的中心相对 A 的偏移（像素）"), range=(-far, far)),
                Axis(range=(-1.05, 1.05)),
                title=T("as B slides past A", "B 横向滑过 A"),
                key=True,
            ),
        ],
        T(
            "IoU {iou:fixed.3}, GIoU {giou:fixed.3}, DIoU {diou:fixed.3}, CIoU {ciou:fixed.3}.",
            "两框的重叠：IoU {iou:fixed.3}，GIoU {giou:fixed.3}，DIoU {diou:fixed.3}，CIoU {ciou:fixed.3}。",
            **{kind.lower(): value for kind, _, value in kinds},
        ),
        handles=corners,
        table=rows,
    )


def threshold_figure(r: Detected) -> Figure:
    """AP as the threshold of IoU grows stricter: the mean, and each class."""
    if r.ap_by_threshold is None or r.thresholds is None or r.ap_by_class is None:
        return draw.absent(ROWS_ONLY)
    known = np.flatnonzero(np.isfinite(r.ap_by_class))
    few, mean = known[:CLASSES], matching.mean(r.ap_by_threshold, 0)
    drawn = [draw.line(r.thresholds, r.ap_by_threshold[k], MUTE, width=1.2, name=name(r, k)) for k in few]
    drawn.append(draw.line(r.thresholds, mean, MEASURED, width=3, name=T("mean", "平均"), label="end"))
    drawn.append(draw.bars(np.arange(len(few)), r.ap_by_class[few], MUTE, panel=1, name=T("AP of the class", "该类 AP")))
    sizes = (T("small", "小"), T("medium", "中"), T("large", "大"))
    values = (r.average_precision, r.ap50, r.ap75, r.ap_small, r.ap_medium, r.ap_large)
    by_class = T("{n} of {all} classes", "{all} 类中的 {n} 类", n=len(few), all=len(known)) if len(few) < len(known) else ""
    return Figure(
        drawn,
        [
            Panel(
                Axis(T("IoU that counts as found", "算作检出的 IoU")),
                Axis("AP", range=SHARE),
                key=[(MUTE, T("each class", "每一类"), "line")],
            ),
            Panel(
                Axis(ticks=(np.arange(len(few)), [name(r, k) for k in few])),
                Axis(T("AP, mean of ten thresholds", "AP（十个阈值平均）"), range=SHARE),
                title=by_class,
            ),
        ],
        T(
            "COCO's AP is {ap:fixed.3}: {ap50:fixed.3} at IoU 0.5, {ap75:fixed.3} at 0.75.",
            "COCO AP 为 {ap:fixed.3}：IoU 0.5 时 {ap50:fixed.3}，0.75 时 {ap75:fixed.3}。",
            ap=r.average_precision,
            ap50=r.ap50,
            ap75=r.ap75,
        ),
        facts=[(title, fixed(value, 3)) for title, value in zip(("AP", "AP50", "AP75", *sizes), values, strict=True)],
    )


def mistakes_figure(r: Detected) -> Figure:
    """TIDE: how many mistakes of each kind, and by how much AP would rise without them."""
    if r.mistake_counts is None or r.mistake_cost is None:
        return draw.absent(ROWS_ONLY)
    places, cost = np.arange(len(r.mistakes)), np.nan_to_num(r.mistake_cost)
    kinds = Axis(ticks=(places, [T.of(kind) for kind in r.mistakes]))
    worst, top = int(cost.argmax()), float(cost.max())
    says = T(
        "Mending every “{kind}” mistake would raise AP50 most: from {ap50:fixed.3} by {cost:fixed.3}.",
        "修正全部“{kind}”错误收益最大：AP50 由 {ap50:fixed.3} 提高 {cost:fixed.3}。",
        kind=r.mistakes[worst],
        ap50=r.ap50,
        cost=top,
    )
    return Figure(
        [
            draw.bars(places, r.mistake_counts, REJECT, name=T("mistakes", "错误数")),
            draw.bars(places, cost, SECOND, panel=1, name=T("AP50 gained", "AP50 增益")),
        ],
        [
            Panel(kinds, Axis(T("how many", "数量"))),
            Panel(kinds, Axis(T("AP50 gained if mended", "修正后 AP50 的增益"), range=(0, max(0.1, top * 1.25)))),
        ],
        says if top > 0 else T("No mistake costs any AP50.", "没有错误使 AP50 下降。"),
        [Label(i, float(v), f"+{fixed(v, 3)}", INK_2, "center", 1) for i, v in enumerate(cost) if v > 0],
    )


def confusion_figure(r: Detected) -> Figure:
    """What was called what at the least score; a click on a cell opens a picture that it comes from."""
    if r.confusion is None or r.pictures is None or r.shown is None:
        return draw.absent(ROWS_ONLY)
    which = np.flatnonzero((r.confusion.sum(0) + r.confusion.sum(1)) > 0)
    which = which if len(which) else np.arange(len(r.confusion))
    counts = r.confusion[np.ix_(which, which)]
    places, words = np.arange(len(which)), [name(r, k) for k in which]
    cells = {(row, column): found for row, column, found in r.pictures}
    # A second click on a cell goes to the next picture that it comes from.
    following = lambda found: next((p for p in found if p > r.shown.number), found[0])  # noqa: E731
    sets = [{"picture": following(cells[i, j])} if (i, j) in cells else {} for i in which for j in which]
    written = len(which) <= CLASSES
    return Figure(
        [draw.heat(counts, bar=True, scale_title=T("pairs", "配对数"), name=T("pairs", "配对数")), *scene_traces(r.shown, 1)],
        [
            Panel(
                Axis(T("found as", "检出为"), ticks=(places, words)),
                Axis(T("truly", "真实类别"), ticks=(places, words), reverse=True),
                title=T("click a cell to open its picture", "点击单元格打开对应的图"),
            ),
            plane(r.shown.size, T("picture {number}", "图 {number}", number=r.shown.number)),
        ],
        T(
            "{right:count} objects found and named rightly; {missed:count} missed, {false:count} false alarms.",
            "正确检出并命名 {right:count} 个；漏检 {missed:count} 个，误检 {false:count} 个。",
            right=np.trace(r.confusion[:-1, :-1]),
            missed=r.confusion[:-1, -1].sum(),
            false=r.confusion[-1, :-1].sum(),
        ),
        [Label(float(j), float(i), count(counts[i, j]), INK, "center") for i in places for j in places if counts[i, j] and written],
        picks=[Pick(panel=0, sets=sets, columns=len(which))],
    )


PAIR, SHOWING = ("box_a", "box_b"), ("label", "threshold", "picture", "confidence")
SCORED = tuple(field for field in detection_metrics.params.model_fields if field not in (*PAIR, *SHOWING))
LAB = Lab(
    experiment=detection_metrics,
    picture=Picture(view=1),
    needs=("segmentation-metrics",),
    title=T("Detection metrics", "检测评价指标"),
    words=T(
        "iou, intersection over union, mAP, AP, average precision, COCO, precision, recall, NMS, non-maximum suppression, confusion, TIDE, bounding box",
        "交并比、平均精度、精确率、召回率、非极大值抑制、检测框、误差分析",
    ),
    claim=T(
        "From two boxes that overlap to one number for a detector: every step of average precision, and what each kind of mistake costs.",
        "从两个重叠的框，到评价检测器的一个数：平均精确率的每一步，以及每类错误的代价。",
    ),
    order=2,
    views=[
        View(T("How is AP built?", "AP 是怎样得到的？"), curve_figure, kind="exact", uses=(*SCORED, "label", "threshold")),
        View(T("How well do two boxes agree?", "两个框有多吻合？"), pair_figure, kind="exact", uses=PAIR),
        View(T("How strict is strict?", "多严才算严？"), threshold_figure, kind="exact", uses=SCORED),
        View(T("What does each mistake cost?", "每类错误代价多大？"), mistakes_figure, kind="exact", uses=SCORED, topics=("mistakes",)),
        View(
            T("What was taken for what?", "什么被当成了什么？"),
            confusion_figure,
            kind="exact",
            uses=(*(field for field in SCORED if field != "most"), "threshold", "confidence", "picture"),
        ),
    ],
    lesson=LESSON,
    presets=[
        Preset(T("A fair detector", "还不错的检测器"), {}, view=0),
        Preset(T("Loose boxes", "框不准"), {"jitter": 0.2, "misnamed": 0.0, "missed": 0.0, "duplicated": 0.0, "background": 0.0}, view=2),
        Preset(T("Everything twice", "全都报两遍"), {"duplicated": 1.0, "blur": 0.2}, view=3),
        Preset(T("A real detector", "真实的检测器"), {"source": "detr", "pictures": 60}, view=2),
        Preset(T("Boxes by hand", "手绘的框"), {"source": "boxes"}, view=0),
        Preset(T("COCO files", "COCO 文件"), {"source": "coco"}, view=2),
    ],
    sources=[boxes, matching, blame],
    sample=lambda r: T(
        "{found:count} detections, {truths:count} objects",
        "{found:count} 个检测，{truths:count} 个物体",
        found=r.found.sum(),
        truths=r.truths.sum(),
    ),
)
