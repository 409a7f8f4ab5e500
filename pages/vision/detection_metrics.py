"""Detection metrics: from two boxes to average precision, and what each kind of mistake costs."""

from __future__ import annotations

import numpy as np

from engine.vision.detection_metrics import Detected, Shown, blame, boxes, detection_metrics, matching
from pages.shell import Lab, Preset, T, View
from pages.shell.axes import Axis
from pages.shell.colors import ACCEPT, BRASS, FOURTH, INK, INK_2, MEASURED, MUTE, REJECT, SECOND, THEORY, THIRD
from pages.shell.figures import Figure, Handle, Pick, absent
from pages.shell.moments import Frame, Frames
from pages.shell.panels import Label, Panel
from pages.shell.traces import bars, heat, line, picture, points

SHARE = (-0.03, 1.06)
FEW = 40  # steps of a curve that are scrubbed one by one
ROWS_ONLY = T(
    "Rows of scores have no boxes: choose scenes, boxes or files.", "分数行没有框：请选择场景、手绘框或文件。"
)


def digits(value: float | None) -> str:
    """A score as read off."""
    return "–" if value is None or np.isnan(value) else f"{value:.3f}"


def name(r: Detected, k: int) -> T:
    """A class, or the background that stands after the last."""
    return T(*r.names[k]) if k < len(r.names) else T("background", "背景")


def outline(box: np.ndarray) -> tuple[list[float], list[float]]:
    """A box's corners, round and closed."""
    x0, y0, x1, y1 = (float(v) for v in box)
    return [x0, x1, x1, x0, x0], [y0, y0, y1, y1, y0]


def plane(width: float, height: float, title: T) -> Panel:
    """The axes of a picture, rows counted downward."""
    x, y = Axis(hidden=True, range=(0, width)), Axis(hidden=True, range=(0, height), reverse=True, equal=True)
    return Panel(x, y, title=title)


def scene_traces(s: Shown) -> list[dict]:
    """The picture's boxes: true ones dark and dashed, found ones green where they took a truth, red where not."""
    made = [picture(s.pixels)] if s.pixels is not None else []
    dark = "--theory" if s.pixels is None else "#14171c"
    made += [line(*outline(box), dark, dash="dot", width=1.6, name=T("truth", "真值")) for box in s.truths]
    for box, score, taken in zip(s.found, s.scores, s.taken, strict=True):
        color = ACCEPT if taken >= 0 else REJECT
        made.append(
            line(*outline(box), color, width=2.4, name=T(f"found, score {score:.2f}", f"检出，分数 {score:.2f}"))
        )
    return made


def curve_figure(r: Detected) -> Figure:
    """One picture with its boxes, and precision against recall, built detection by detection."""
    shown = r.shown
    left = scene_traces(shown) if shown else []
    panel = len(left) > 0
    c, n = r.curve, len(r.curve.score)
    stairs = np.repeat(np.append(0.0, c.recall), 2)[1:-1], np.repeat(c.envelope, 2)
    right = [
        line(
            *stairs,
            THEORY,
            dash="dot",
            width=1.4,
            panel=panel,
            name=T("best at that recall or beyond", "该召回率及以上的最佳精确率"),
        ),
        line(c.recall, c.precision, MEASURED, panel=panel, name=T("precision", "精确率")),
        points(c.recall, c.precision, MEASURED, size=5, panel=panel, name=T("detections", "检测")),
    ]
    panels = [Panel(Axis(T("recall", "召回率"), range=SHARE), Axis(T("precision", "精确率"), range=SHARE),
                    title=T(f"class: {name(r, r.label).en}", f"类别：{name(r, r.label).zh}"))]  # fmt: skip
    if shown:
        words = T(
            f"picture {shown.number}: dotted true, green found, red false",
            f"图 {shown.number}：虚线真值，绿色检出，红色误检",
        )
        panels.insert(0, plane(float(shown.size[0]), float(shown.size[1]), words))
    facts = [(T("11-point AP", "11 点 AP"), digits(r.eleven_point)), (T("every-point AP", "逐点 AP"), digits(r.every_point)),
             (T("101-point AP", "101 点 AP"), digits(r.hundred_and_one_point))]  # fmt: skip
    frames = None
    if 1 < n <= 400:
        steps = np.unique(np.linspace(1, n, min(n, FEW)).round().astype(int))
        at = len(left)
        told = [T("right", "正确"), T("wrong", "错误")]
        frames = Frames(
            T("detections taken", "已取检测数"),
            [Frame(f"{k}: {c.score[k - 1]:.2f}", {at + 1: {"upto": int(k)}, at + 2: {"upto": int(k)}},
                   facts=[(T("score", "分数"), f"{c.score[k - 1]:.3f}"), (T("it is", "它是"), told[0] if c.right[k - 1] else told[1]),
                          (T("precision", "精确率"), digits(c.precision[k - 1])), (T("recall", "召回率"), digits(c.recall[k - 1])), *facts])
             for k in steps],
        )  # fmt: skip
    says = T(f"AP of {name(r, r.label).en}: {digits(r.hundred_and_one_point)} by COCO's 101 points, {digits(r.every_point)} by every point.",
             f"{name(r, r.label).zh}的 AP：COCO 101 点 {digits(r.hundred_and_one_point)}，逐点 {digits(r.every_point)}。")  # fmt: skip
    corners = [
        Handle(f"found[{6 * d + 2 + i}]", f"found[{6 * d + 3 + i}]", text=T(f"corner of detection {d + 1}", f"检测 {d + 1} 的角点"))
        for d in shown.place[:8] for i in (0, 2)
    ] if shown and shown.by_hand else []  # fmt: skip
    return Figure([*left, *right], panels, says, frames=frames, facts=facts, handles=corners)


def pair_figure(r: Detected) -> Figure:
    """Two boxes to drag, and the four scores of overlap as B slides past A."""
    p, s = r.pair, r.slide
    kinds = (
        (0, MEASURED, "IoU", p.iou),
        (1, SECOND, "GIoU", p.generalized),
        (2, THIRD, "DIoU", p.distance),
        (3, FOURTH, "CIoU", p.complete),
    )
    hull = np.array([*np.minimum(r.box_a[:2], r.box_b[:2]), *np.maximum(r.box_a[2:], r.box_b[2:])])
    drawn = [
        line(*outline(hull), MUTE, dash="dot", width=1.2, name=T("hull", "外接框")),
        line(*outline(r.box_a), THEORY, width=2.4, fill="toself", fillcolor=f"{THEORY}/0.08", name="A"),
        line(*outline(r.box_b), MEASURED, width=2.4, fill="toself", fillcolor=f"{MEASURED}/0.12", name="B"),
    ]
    here = float((r.box_b[0] + r.box_b[2] - r.box_a[0] - r.box_a[2]) / 2)
    drawn += [line(s.offset, s.scores[k], color, panel=1, name=title) for k, color, title, _ in kinds]
    drawn += [points([here], [value], color, size=10, panel=1, name=title) for _, color, title, value in kinds]
    low, high = hull[:2].min() - 12, hull[2:].max() + 12
    reach = float(s.offset[-1])
    labels = [
        Label(float(r.box_a[0]), float(r.box_a[1]), "A", INK, "left"),
        Label(float(r.box_b[2]), float(r.box_b[3]), "B", MEASURED, "right"),
    ]
    labels += [Label(reach * 0.98, 0.97 - 0.14 * k, title, color, "right", 1) for k, color, title, _ in kinds]
    corners = [Handle(f"box_{b}[{i}]", f"box_{b}[{i + 1}]", text=T(f"corner of {b.upper()}", f"{b.upper()} 的角点"), color=BRASS)
               for b in "ab" for i in (0, 2)]  # fmt: skip
    rows: list[list[T | str]] = [
        [T("score", "分数"), T("formula", "公式"), T("with these numbers", "代入数值"), T("value", "值")],
        ["IoU", "I / U", f"{p.shared:.0f} / {p.union:.0f}", digits(p.iou)],
        [
            "GIoU",
            "IoU − (C − U) / C",
            f"{p.iou:.3f} − ({p.hull:.0f} − {p.union:.0f}) / {p.hull:.0f}",
            digits(p.generalized),
        ],
        ["DIoU", "IoU − ρ² / c²", f"{p.iou:.3f} − {p.centres:.0f} / {p.diagonal:.0f}", digits(p.distance)],
        [
            "CIoU",
            "IoU − ρ² / c² − αv",
            f"{p.iou:.3f} − {p.centres:.0f} / {p.diagonal:.0f} − {p.weight:.3f} · {p.aspect:.4f}",
            digits(p.complete),
        ],
    ]
    return Figure(
        drawn,
        [Panel(Axis(range=(low, high)), Axis(range=(low, high), reverse=True, equal=True), title=T("drag the corners", "拖动角点")),
         Panel(Axis(T("offset of B's centre from A's (px)", "B 的中心相对 A 的偏移（像素）"), range=(-reach, reach)), Axis(range=(-1.05, 1.05)),
               title=T("as B slides past A", "B 横向滑过 A"))],
        T(f"IoU {digits(p.iou)}, GIoU {digits(p.generalized)}, DIoU {digits(p.distance)}, CIoU {digits(p.complete)}.",
          f"两框的重叠：IoU {digits(p.iou)}，GIoU {digits(p.generalized)}，DIoU {digits(p.distance)}，CIoU {digits(p.complete)}。"),
        labels, handles=corners, table=rows,
    )  # fmt: skip


def threshold_figure(r: Detected) -> Figure:
    """AP as the threshold of IoU grows stricter: the mean, and each class."""
    if r.ap_by_threshold is None or r.thresholds is None or r.ap_by_class is None:
        return absent(ROWS_ONLY)
    known = np.flatnonzero(np.isfinite(r.ap_by_class))[:12]
    mean = np.nanmean(r.ap_by_threshold[known], 0) if len(known) else np.full(len(r.thresholds), np.nan)
    drawn = [line(r.thresholds, r.ap_by_threshold[k], MUTE, width=1.2, name=name(r, k)) for k in known]
    drawn.append(line(r.thresholds, mean, MEASURED, width=3, name=T("mean over classes", "各类平均")))
    drawn.append(bars(np.arange(len(known)), r.ap_by_class[known], panel=1, name=T("AP of the class", "该类 AP")))
    labels = [Label(0.95, float(mean[-1]) + 0.04 if len(known) else 0.5, T("mean", "平均"), MEASURED, "right")]
    facts = [("AP", digits(r.average_precision)), ("AP50", digits(r.ap50)), ("AP75", digits(r.ap75)), (T("small", "小"), digits(r.ap_small)),
             (T("medium", "中"), digits(r.ap_medium)), (T("large", "大"), digits(r.ap_large))]  # fmt: skip
    return Figure(
        drawn, [Panel(Axis(T("IoU that counts as found", "算作检出的 IoU")), Axis("AP", range=SHARE)),
                Panel(Axis(ticks=(np.arange(len(known)), [name(r, k) for k in known])), Axis(T("AP, mean of ten thresholds", "AP（十个阈值平均）"), range=SHARE))],
        T(f"COCO's AP is {digits(r.average_precision)}: {digits(r.ap50)} at IoU 0.5, {digits(r.ap75)} at 0.75.",
          f"COCO AP 为 {digits(r.average_precision)}：IoU 0.5 时 {digits(r.ap50)}，0.75 时 {digits(r.ap75)}。"), labels, facts=facts,
    )  # fmt: skip


def mistakes_figure(r: Detected) -> Figure:
    """TIDE: how many mistakes of each kind, and by how much AP would rise without them."""
    if r.mistake_counts is None or r.mistake_cost is None:
        return absent(ROWS_ONLY)
    places, cost = np.arange(6), np.nan_to_num(r.mistake_cost)
    words = [T(*kind) for kind in r.mistakes]
    worst = int(cost.argmax())
    labels = [Label(i, float(v) + 0.012, f"+{v:.3f}", INK_2, "center", 1) for i, v in enumerate(cost) if v > 0]
    told = T(f"Mending every “{words[worst].en}” mistake would raise AP50 most: from {digits(r.ap50)} by {cost[worst]:.3f}.",
             f"修正全部“{words[worst].zh}”错误收益最大：AP50 由 {digits(r.ap50)} 提高 {cost[worst]:.3f}。")  # fmt: skip
    return Figure(
        [bars(places, r.mistake_counts, REJECT, name=T("mistakes", "错误数")), bars(places, cost, SECOND, panel=1, name=T("AP50 gained", "AP50 增益"))],
        [Panel(Axis(ticks=(places, words)), Axis(T("how many", "数量"))),
         Panel(Axis(ticks=(places, words)), Axis(T("AP50 gained if mended", "修正后 AP50 的增益"), range=(0, max(0.1, float(cost.max()) * 1.25))))],
        told, labels,
    )  # fmt: skip


def confusion_figure(r: Detected) -> Figure:
    """What was called what at the least score; a click on a cell opens a picture that it comes from."""
    if r.confusion is None or r.pictures is None or r.shown is None:
        return absent(ROWS_ONLY)
    which = np.flatnonzero((r.confusion.sum(0) + r.confusion.sum(1)) > 0)
    which = which if len(which) else np.arange(len(r.confusion))
    counts = r.confusion[np.ix_(which, which)]
    places, words = np.arange(len(which)), [name(r, k) for k in which]
    cells = {(row, column): found for row, column, found in r.pictures}
    # A second click on a cell goes to the next picture that it comes from.
    following = lambda found: next((p for p in found if p > r.shown.number), found[0])  # noqa: E731
    sets = [{"picture": following(cells[i, j])} if (i, j) in cells else {} for i in which for j in which]
    labels = [
        Label(float(j), float(i), str(counts[i, j]), INK, "center") for i in places for j in places if counts[i, j]
    ]
    left = scene_traces(r.shown)
    for trace in left:
        trace.update(xaxis="x2", yaxis="y2")
    words_at = T(f"picture {r.shown.number}", f"图 {r.shown.number}")
    return Figure(
        [heat(counts, name=T("pairs", "配对数")), *left],
        [Panel(Axis(T("found as", "检出为"), ticks=(places, words)), Axis(T("truly", "真实类别"), ticks=(places, words), reverse=True),
               title=T("click a cell to open its picture", "点击单元格打开对应的图")),
         plane(float(r.shown.size[0]), float(r.shown.size[1]), words_at)],
        T(f"{int(np.trace(r.confusion[:-1, :-1]))} objects found and named rightly; {int(r.confusion[:-1, -1].sum())} missed, {int(r.confusion[-1, :-1].sum())} false alarms.",
          f"正确检出并命名 {int(np.trace(r.confusion[:-1, :-1]))} 个；漏检 {int(r.confusion[:-1, -1].sum())} 个，误检 {int(r.confusion[-1, :-1].sum())} 个。"),
        labels, picks=[Pick(panel=0, sets=sets, columns=len(which))],
    )  # fmt: skip


MISTAKES = ("source", "pictures", "objects", "jitter", "misnamed", "missed", "duplicated", "background", "blur", "seed", "truth", "found",
            "rows", "truths", "coco_truth", "coco_results")  # fmt: skip
LAB = Lab(
    experiment=detection_metrics,
    title=T("Detection metrics", "检测评价指标"),
    claim=T(
        "From two boxes that overlap to one number for a detector: every step of average precision, and what each kind of mistake costs.",
        "从两个重叠的框，到评价检测器的一个数：平均精确率的每一步，以及每类错误的代价。",
    ),
    order=2,
    views=[
        View(T("How is AP built?", "AP 是怎样得到的？"), curve_figure, kind="exact", uses=(*MISTAKES, "label", "threshold", "picture", "confidence")),
        View(T("How well do two boxes agree?", "两个框有多吻合？"), pair_figure, kind="exact", uses=("box_a", "box_b")),
        View(T("How strict is strict?", "多严才算严？"), threshold_figure, kind="exact", uses=MISTAKES),
        View(T("What does each mistake cost?", "每类错误代价多大？"), mistakes_figure, kind="exact", uses=MISTAKES),
        View(T("What was taken for what?", "什么被当成了什么？"), confusion_figure, kind="exact", uses=(*MISTAKES, "threshold", "confidence", "picture")),
    ],
    presets=[
        Preset(T("A fair detector", "还不错的检测器"), {}, view=0),
        Preset(T("Loose boxes", "框不准"), {"jitter": 0.2, "misnamed": 0.0, "missed": 0.0, "duplicated": 0.0, "background": 0.0}, view=2),
        Preset(T("Everything twice", "全都报两遍"), {"duplicated": 1.0, "blur": 0.2}, view=3),
        Preset(T("Blind to a third", "漏掉三分之一"), {"missed": 0.33, "background": 0.0, "duplicated": 0.0}, view=3),
        Preset(T("A real detector", "真实的检测器"), {"source": "detr", "pictures": 60}, view=2),
        Preset(T("Boxes by hand", "手绘的框"), {"source": "boxes"}, view=0),
        Preset(T("No overlap at all", "毫不重叠"), {"box_b": "85,40,125,80"}, view=1),
        Preset(T("From a list of scores", "由分数列表计算"), {"source": "rows"}, view=0),
        Preset(T("COCO files", "COCO 文件"), {"source": "coco"}, view=2),
    ],
    sources=[boxes, matching, blame],
    sample=lambda r: T(f"{int(r.found.sum())} detections, {int(r.truths.sum())} objects", f"{int(r.found.sum())} 个检测，{int(r.truths.sum())} 个物体"),
)  # fmt: skip
