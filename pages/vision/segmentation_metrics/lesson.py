"""The lesson of the segmentation metrics: what each score counts, and so what it cannot see."""

from __future__ import annotations

import numpy as np

from engine.data import scenes
from engine.data.masks import written
from engine.vision.segmentation_metrics import SegmentationMetrics, Segmented
from pages.shell import Choice, Curve, Number, Step, T

SEEN, CLASSES = 0, 1
RIGHT = {"shrink": 0, "shift": 0, "forgotten": 0, "confused": 0}  # a scene in which nothing is wrong
SPECKS = RIGHT | {"specks": 0.01}
ASKED = ("pixel_accuracy", "mean_iou", "panoptic_quality")  # of which the lowest is asked for


def square(left: int, side: int = 20, size: int = 64) -> str:
    """A mask (size, size) with a square of label 1 at half its height."""
    mask, top = np.zeros((size, size), np.uint8), (size - side) // 2
    mask[top : top + side, left : left + side] = 1
    return written(mask)


def shapes(p: SegmentationMetrics) -> T:
    """The shapes that a scene has."""
    there = np.unique(scenes.compose(p.scene_seed, 0, (p.objects, p.objects)).shape)
    return T.joined([scenes.SHAPES[k] for k in there], ", ", "、")


def each_iou(r: Segmented) -> tuple[np.ndarray, np.ndarray, list[T]]:
    """The IoU of every class, one beside the other."""
    return np.arange(len(r.iou)), r.iou, list(r.names)


LESSON = [
    Step(
        T(
            "A model finds a square of just the right size, but half its width too far to the right: half of it lies on the true one. "
            "IoU is what both share, divided by what they cover together.",
            "模型找到的正方形大小正好，但右移了半个边长：它有一半落在真实的正方形上。IoU 等于两者的交除以两者的并。",
        ),
        params={"source": "masks", "truth": square(17), "prediction": square(27)},
        view=CLASSES,
        predict=Number(
            T("What is the IoU of the square (class 1)?", "正方形（类别 1）的 IoU 是多少？"),
            lambda r: r.iou[1],
            lambda r: T(
                "One says a half, and that is Dice. IoU counts what is missed and what is too much, each a half more: one half of one and a half. "
                "It is always the sterner of the two, but both put predictions in the same order.",
                "人们会说一半，那其实是 Dice。IoU 把漏掉的与多出的都算进分母：二分之一除以一又二分之一。它总比 Dice 严，但两者给预测排的名次相同。",
            ),
            between=(0, 1),
            along="y",
            x=(-0.5, 1.5),
            y=(0, 1.04),
        ),
    ),
    Step(
        T(
            "A small object on a large ground. The model does not even try: it calls every pixel background. Pixel accuracy calls that excellent.",
            "一大片背景上有一个小物体。模型干脆不找，把每个像素都叫作背景。像素准确率说：优秀。",
        ),
        params={"source": "masks"},
        view=SEEN,
        predict=Number(
            T("Mean IoU averages the IoU of both classes. What does it say?", "平均 IoU 是两个类别 IoU 的平均。它会给多少分？"),
            lambda r: r.mean_iou,
            lambda r: T(
                "Some expect almost nothing, some almost all. The object's IoU is {object:number}, the background's {ground:fixed.2}: about half, for a model that knows nothing. "
                "So look at each class, not at the mean alone.",
                "有人以为接近零，有人以为接近满分。物体的 IoU 是 {object:number}，背景的是 {ground:fixed.2}：一个什么都不会的模型也得将近一半。所以要看每个类别，不要只看平均。",
                object=r.iou[1],
                ground=r.iou[0],
            ),
            keep=("truth", "prediction"),
            between=(0, 1),
        ),
    ),
    Step(
        lambda p: T(
            "A scene of {objects:count} objects. The model draws each outline to the pixel, but forgets {forgotten:count} of them altogether.",
            "一个有 {objects:count} 个物体的场景。模型画的轮廓分毫不差，却把其中 {forgotten:count} 个整个忘掉。",
            objects=p.objects,
            forgotten=p.forgotten,
        ),
        params=RIGHT | {"forgotten": 3},
        view=SEEN,
        control="forgotten",
        predict=Number(
            T("What share of the pixels is right?", "有多少像素是对的？"),
            lambda r: r.pixel_accuracy,
            lambda r: T(
                "We count objects; pixel accuracy counts pixels, and {ground:percent} of them are ground. PQ counts objects as we do: {pq:fixed.2}.",
                "我们数的是物体；像素准确率数的是像素，其中 {ground:percent} 是地面。PQ 像我们一样数物体：{pq:fixed.2}。",
                ground=r.truth_pixels[0] / r.truth_pixels.sum(),
                pq=r.panoptic_quality,
            ),
            keep=("truth",),
            between=(0, 1),
            share=True,
        ),
    ),
    Step(
        lambda p: T(
            "Now every object is there, whole and rightly named, but shifted by {shift:count} pixels in a picture of {side:count} to a side.",
            "现在物体一个不少，完整无缺，类别也对，只是在边长 {side:count} 像素的图里平移了 {shift:count} 个像素。",
            shift=p.shift,
            side=p.size,
        ),
        params=RIGHT | {"shift": 2},
        view=SEEN,
        control="tolerance",
        predict=Number(
            T("What is left of mean IoU?", "平均 IoU 还剩多少？"),
            lambda r: r.mean_iou,
            lambda r: T(
                "A shift so small looks harmless, but what a small object loses on one side it has too much on the other, and IoU charges both. "
                "Boundary F says {f:fixed.2}: within its tolerance outlines agree. Lower the tolerance, and it minds as well.",
                "这么小的平移看似无碍，但小物体一边少的，另一边就多出来，IoU 两边都扣。边界 F 却给 {f:fixed.2}：在容差之内，轮廓算吻合。把容差调小，它也会扣分。",
                f=r.boundary_f,
            ),
            keep=("truth",),
            between=(0, 1),
        ),
    ),
    Step(
        lambda p: T(
            "All objects stand where they should, whole. But {specks:percent} of the pixels, strewn over the picture, are given some other label.",
            "所有物体完整无缺，位置也对。只是有 {specks:percent} 的像素被换成别的标签，零星散布在画面上。",
            specks=p.specks,
        ),
        params=SPECKS,
        view=SEEN,
        predict=Choice(
            T("Which score calls this the worst?", "哪个分数给得最低？"),
            lambda r: int(np.argmin([getattr(r, name) for name in ASKED])),
            lambda r: T(
                "PQ falls to {pq:fixed.2}, while {accuracy:percent} of the pixels are right: it counts pieces, and each speck is an object that no one ordered. "
                "It sees what a user sees who has to handle every piece.",
                "PQ 跌到 {pq:fixed.2}，而 {accuracy:percent} 的像素是对的：它数的是块，每个斑点都是一个没人要的物体。对要逐块处理的人来说，正是如此。",
                pq=r.panoptic_quality,
                accuracy=r.pixel_accuracy,
            ),
            options=[
                T("pixel accuracy", "像素准确率"),
                T("mean IoU", "平均 IoU"),
                T("PQ, which matches whole objects", "PQ，以整个物体来匹配"),
            ],
        ),
    ),
    Step(
        lambda p: T(
            "The same specks: {specks:percent} of the pixels, of any label that there is. The scene has {objects:count} objects of these shapes: {shapes}.",
            "还是这些斑点：{specks:percent} 的像素，标签各式各样。场景里有 {objects:count} 个物体，形状有：{shapes}。",
            specks=p.specks,
            objects=p.objects,
            shapes=shapes(p),
        ),
        params=SPECKS,
        view=CLASSES,
        predict=Curve(
            T("Draw the IoU of every class, from left to right.", "从左到右，画出每个类别的 IoU。"),
            each_iou,
            lambda r: T(
                "Most draw a line near the top. But a class that the truth lacks falls to {none:number} with its first speck, and joins the mean: "
                "{few:count} such classes pull a mean IoU that was nearly full down to {iou:fixed.2}.",
                "多数人画一条贴近顶端的线。但真值里没有的类别，只要出现一个斑点，IoU 就是 {none:number}，还要计入平均：{few:count} 个这样的类别把几乎满分的平均 IoU 拉到 {iou:fixed.2}。",
                none=np.nanmin(r.iou),
                few=(r.truth_pixels == 0).sum(),
                iou=r.mean_iou,
            ),
            x=(-0.5, 6.5),
            y=(0, 1.04),
        ),
    ),
    Step(
        T(
            "No score is the best: each looks away from something. Erode the objects and watch which of them minds; "
            "then ask what a mistake costs you, and choose the score that charges for it.",
            "没有哪个分数最好：每个都对某些错误视而不见。腐蚀这些物体，看谁在意；再问问自己，什么错误对你代价最大，就选会为它扣分的那个。",
        ),
        view=SEEN,
        control="shrink",
    ),
]
