"""The lesson of the detection metrics: from the overlap of two boxes to what a mistake costs."""

from __future__ import annotations

import numpy as np

from engine.vision.detection_metrics import Detected, DetectionMetrics, blame, matching
from pages.shell import Choice, Curve, Number, Step, T

CURVE, PAIR, STRICT, MISTAKES = 0, 1, 2, 3
SLID = {"box_b": "45,30,95,80"}  # as large as A, and at its height
CLEAN = {"misnamed": 0.0, "missed": 0.0, "duplicated": 0.0, "background": 0.0}
SIDES, SHARE = (-80, 80), (-0.03, 1.06)
MADE = (blame.CLASS, blame.MISSED, blame.DUPLICATE, blame.BACKGROUND)  # on purpose, in the order of the options


def costs(r: Detected) -> np.ndarray:
    """What AP50 would gain if the mistakes that were made on purpose were mended, kind by kind."""
    return np.nan_to_num(r.mistake_cost)[list(MADE)]


def rows(p: DetectionMetrics) -> int:
    """How many detections the rows are."""
    return len(p.rows.split(";"))


LESSON = [
    Step(
        T(
            "Box B is as large as box A, and slides past it at the same height. "
            "IoU, the area that both share divided by the area that they cover together, says how well they agree.",
            "框 B 与框 A 一样大，在同一高度从它身上滑过。IoU 是两框相交的面积除以共同覆盖的面积，衡量它们有多吻合。",
        ),
        params=SLID,
        view=PAIR,
        only=1,
        predict=Curve(
            T("Draw IoU as B slides from left to right.", "画出 B 从左滑到右时的 IoU。"),
            lambda r: (r.slide.offset, r.slide.scores[0]),
            lambda r: T(
                "Most draw a tent with straight sides. But what is no longer shared is also covered anew, so IoU falls twice as fast at first: "
                "with half of B beside A it is {third:fixed.2}, not a half.",
                "多数人画一顶直边的帐篷。但不再相交的部分还会另添覆盖面积，所以 IoU 一开始掉得加倍地快：B 有一半在 A 之外时，它是 {third:fixed.2}，而不是一半。",
                third=r.pair.iou,
            ),
            x=SIDES,
            y=(-1.05, 1.05),
        ),
    ),
    Step(
        T(
            "Apart is apart to IoU, near or far: nothing tells a detector in training which way to move its box. "
            "GIoU subtracts from IoU a share: of the smallest box around both, what neither covers.",
            "只要分开，IoU 就不管远近：训练中的检测器无从知道框该往哪边挪。GIoU 从 IoU 里减去一个比例：在包住两框的最小外接框中，两者都没盖住的那部分。",
        ),
        params=SLID,
        view=PAIR,
        only=1,
        predict=Curve(
            T("Draw GIoU beside it.", "在旁边画出 GIoU。"),
            lambda r: (r.slide.offset, r.slide.scores[1]),
            lambda r: T(
                "While the boxes touch, the box around both holds nothing else, and GIoU is IoU. Once apart it goes on falling, to {least:fixed.2} here: "
                "it is negative, and has a slope where IoU has none.",
                "两框相接时，外接框里没有别的东西，GIoU 就等于 IoU。一旦分开，它继续下降，这里降到 {least:fixed.2}：它会是负数，而且在 IoU 没有斜率的地方仍有斜率。",
                least=r.slide.scores[1].min(),
            ),
            keep=("IoU",),
            x=SIDES,
            y=(-1.05, 1.05),
        ),
    ),
    Step(
        lambda p: T(
            "Now score a detector. There are {truths:count} objects and {rows:count} detections. By falling score, "
            "all the objects come first, one each; the rest are false alarms.",
            "现在给检测器打分。有 {truths:count} 个物体、{rows:count} 个检测。按分数从高到低，先是每个物体各一个，剩下的全是误检。",
            truths=p.truths,
            rows=rows(p),
        ),
        params={"source": "rows", "rows": "0.9,1;0.8,1;0.7,1;0.6,1;0.5,0;0.4,0;0.3,0;0.2,0"},
        view=CURVE,
        predict=Number(
            T("What is its average precision?", "它的平均精确率（AP）是多少？"),
            lambda r: r.every_point,
            lambda r: T(
                "Of all detections {share:percent} are right, and so most people take something off. But AP is the area under precision against recall, "
                "and after the last object recall grows no more: what comes later costs nothing.",
                "全部检测里只有 {share:percent} 正确，所以多数人会扣分。但 AP 是精确率对召回率曲线下的面积；最后一个物体找到之后，召回率不再增加，后来的误检不花一分。",
                share=r.curve.right.mean(),
            ),
            between=(0, 1),
        ),
    ),
    Step(
        lambda p: T(
            "Another detector: {truths:count} objects, {rows:count} detections, and a single false alarm. But that one has the highest score of all. "
            "Go down the list and note precision and recall at each.",
            "另一个检测器：{truths:count} 个物体、{rows:count} 个检测，只有一个误检，可偏偏是它分数最高。沿着名单往下，逐个记下精确率与召回率。",
            truths=p.truths,
            rows=rows(p),
        ),
        params={"source": "rows", "rows": "0.9,0;0.8,1;0.7,1;0.6,1;0.5,1"},
        view=CURVE,
        predict=Curve(
            T("Draw precision against recall.", "画出精确率随召回率的变化。"),
            lambda r: (r.curve.recall, r.curve.precision),
            lambda r: T(
                "Such curves are drawn falling, but this one climbs from nothing: each right detection makes up a little for the first. "
                "AP takes the best that is still to come, {ap:number.3} all along: one mistake at the top costs more than all of those at the end.",
                "人们总把这条曲线画成下降的，它却从零往上爬：每个正确检测都替第一个弥补一点。AP 取此后的最好值，一路都是 {ap:number.3}：排在最前的一个错误，比排在最后的全部错误都贵。",
                ap=r.every_point,
            ),
            x=SHARE,
            y=SHARE,
        ),
    ),
    Step(
        lambda p: T(
            "{pictures:count} scenes. Each object is found and named rightly, but then found once more: every other detection is a duplicate, and counts as false.",
            "{pictures:count} 个场景。每个物体都被找到，名字也对，但又被再报一遍：检测里有一半是重复的，算作误检。",
            pictures=p.pictures,
        ),
        params=CLEAN | {"duplicated": 1.0},
        view=STRICT,
        only=0,
        predict=Number(
            T("What is AP where half an overlap counts as found?", "若 IoU 过半就算检出，AP 是多少？"),
            lambda r: r.ap50,
            lambda r: T(
                "One thinks: half are wrong, so about a half. But of each pair the better score counts as right, so the {doubles:count} duplicates gather low in the list, "
                "where they cost less. That is not to do no harm: to a user they are all there.",
                "人们会想：一半是错的，那就一半左右。但每一对里分数高的算正确，{doubles:count} 个重复检测于是聚在名单靠后的地方，扣不了那么多分。这不等于无害：在用户眼前，它们一个不少。",
                doubles=r.mistake_counts[blame.DUPLICATE],
            ),
            between=(0, 1),
            along="y",
            x=(0.48, 0.97),
            y=SHARE,
        ),
    ),
    Step(
        lambda p: T(
            "A detector without a flaw, but for its boxes: the edges are off by some {jitter:percent} of a side. "
            "COCO asks ten times, each time for a larger overlap, and averages the APs.",
            "一个几乎没有缺点的检测器，只是框不太准：边的偏差约为边长的 {jitter:percent}。COCO 连问十次，一次比一次要求更大的重叠，再把各个 AP 取平均。",
            jitter=p.jitter,
        ),
        params=CLEAN | {"jitter": 0.1},
        view=STRICT,
        only=0,
        control="jitter",
        predict=Curve(
            T("Draw AP as more overlap is asked for.", "画出要求的重叠越来越大时的 AP。"),
            lambda r: (r.thresholds, matching.mean(r.ap_by_threshold, 0)),
            lambda r: T(
                "Not a gentle slope but a cliff: {loose:fixed.2} where half is enough, {strict:fixed.2} at three quarters, nothing at the end. Four edges are off at once, and IoU charges twice. "
                "Their mean, COCO's AP, is {mean:fixed.2}: mostly a score for exact boxes.",
                "不是缓坡，而是悬崖：过半即可时为 {loose:fixed.2}，要求四分之三时为 {strict:fixed.2}，最后归零。四条边一起偏，IoU 又加倍扣。取平均就是 COCO 的 AP：{mean:fixed.2}，它主要在奖励框得准。",
                loose=r.ap50,
                strict=r.ap75,
                mean=r.average_precision,
            ),
            x=(0.48, 0.97),
            y=SHARE,
        ),
    ),
    Step(
        lambda p: T(
            "Every kind of mistake at once: {misnamed:percent} of the objects misnamed, {missed:percent} missed, {twice:percent} found twice, "
            "and {alarms:number} false alarms a picture. Mend one kind, and leave the others.",
            "各种错误一起来：{misnamed:percent} 的物体认错，{missed:percent} 漏掉，{twice:percent} 报了两遍，每图还有 {alarms:number} 个误检。只修正其中一种，其余不动。",
            misnamed=p.misnamed,
            missed=p.missed,
            twice=p.duplicated,
            alarms=p.background,
        ),
        view=MISTAKES,
        predict=Choice(
            T("Mending which would raise AP most?", "修正哪一种，AP 提高最多？"),
            lambda r: int(costs(r).argmax()),
            lambda r: T(
                "{wrong:count} wrong names cost {cost:fixed.2}: each is an object missed in its own class and a false alarm, often with a high score, in another. "
                "{alarms:count} false alarms on the ground, though most in number, cost {little:fixed.2}: they come last in the list.",
                "{wrong:count} 个认错的名字代价为 {cost:fixed.2}：每一个既在自己的类里漏检，又在别的类里误检，分数往往还高。地面上的 {alarms:count} 个误检数目最多，代价却只有 {little:fixed.2}：它们排在名单末尾。",
                wrong=r.mistake_counts[blame.CLASS],
                cost=r.mistake_cost[blame.CLASS],
                alarms=r.mistake_counts[blame.BACKGROUND],
                little=r.mistake_cost[blame.BACKGROUND],
            ),
            options=[
                T("objects with a wrong name", "认错的物体"),
                T("objects that are missed", "漏掉的物体"),
                T("objects found twice", "报了两遍的物体"),
                T("false alarms", "误检"),
            ],
        ),
    ),
    Step(
        T(
            "A single number hides what a detector does wrong. Play the list of one class from the best score down, and see at every step of the curve which box made it.",
            "一个数掩盖了检测器错在哪里。从最高分起播放某一类的名单，看曲线的每一步是哪个框走出来的。",
        ),
        view=CURVE,
        control="label",
    ),
]
