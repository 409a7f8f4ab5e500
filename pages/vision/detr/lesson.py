"""The lesson of DETR: one query, one object; where it looks; what the matching makes superfluous."""

from __future__ import annotations

import numpy as np

from engine.vision.detection_metrics.boxes import iou
from engine.vision.detr import Found
from pages.shell import Choice, Curve, Number, Place, Step, T
from pages.vision.detr.queries import inside

FOUND, MATCHING, SETTLING, SLOTS, REPLACED, PANOPTIC, ENCODER, LEARNED = range(8)
STAR = 3
MANY = {"objects": 8, "scene_seed": 12}
NMS = 4  # the place of IoU ½ among those from which NMS suppresses


def star(r: Found) -> int:
    """The place of the star among the true boxes."""
    return int(np.flatnonzero(r.true_labels == STAR)[0])


def strongest(r: Found) -> tuple[float, float]:
    """Where the chosen query looks hardest in the last layer, in pixels."""
    looks = r.looks[-1, r.query]
    row, column = np.unravel_index(looks.argmax(), looks.shape)
    return (column + 0.5) * r.pixels.shape[1] / looks.shape[1], (row + 0.5) * r.pixels.shape[0] / looks.shape[0]


def sure(r: Found) -> int:
    return int((r.scores >= r.threshold).sum())


def suppressed(r: Found) -> int:
    """Which option tells what suppression does to AP."""
    assert r.slots is not None
    change = r.slots.ap_suppressed[NMS] - r.slots.ap
    return 0 if change > 0.02 else 1 if change > 0 else 2 if change > -0.02 else 3


LESSON = [
    Step(
        lambda p: T(
            "A picture goes in. Sixteen queries, always the same ones, each answer with one box and one class, or with “nothing”. Nobody removes doubles afterwards. "
            "An answer counts from a confidence of {p:number}.",
            "输入一张图。十六个查询（始终是同一批）各给出一个框和一个类别，或者回答“什么都没有”。之后没有人去除重复。置信度达到 {p:number} 的回答才算数。",
            p=p.threshold,
        ),
        view=FOUND,
        only=0,
        predict=Number(
            T("How many boxes stand on this picture?", "这张图上会有多少个框？"),
            sure,
            lambda r: T.many(
                "One for the one shape.",
                "One for each of the {n} shapes. A network of the usual kind would answer each several times over; here each query has learned that another answers already.",
                "{n} 个形状，各一个。一般的网络会对每个形状重复回答好几次；这里每个查询都学会了：别人已经回答的，自己就不必回答。",
                n=len(r.true_boxes),
            ),
            between=(0, 16),
            whole=True,
            unit=T("boxes in all", "个框"),
            keep=("image",),
        ),
    ),
    Step(
        T(
            "How exact must a box be? It is judged by its overlap with the true box: their intersection over their union. Try it yourself before you judge a network.",
            "框要多准？看它与真实框的重合：交集除以并集。评判网络之前，先自己试试。",
        ),
        view=FOUND,
        only=0,
        predict=Place(
            T("Draw a box around the star, as tight as you can.", "给星形画一个框，越贴合越好。"),
            lambda r: r.true_boxes[star(r)],
            lambda r: T(
                "The network’s own box has {iou:percent}. A detector is asked for 50 % and, step by step, up to 95 %: on {side} pixels to a side half a pixel is much.",
                "网络自己的框为 {iou:percent}。评测从 50% 起，一步步要求到 95%：边长只有 {side} 像素时，半个像素都不算小。",
                iou=iou(r.true_boxes[star(r)][None], r.boxes).max(),
                side=len(r.pixels),
            ),
            box=True,
            keep=("image",),
        ),
    ),
    Step(
        lambda p: T(
            "Query {q} answers for that star. It has never seen the picture itself: it can only ask, by attention, for what stands at some of {places} places of a grid.",
            "回答那颗星的是查询 {q}。它没有直接看图：只能通过注意力，询问 {places} 个网格位置上有什么。",
            q=p.query,
            places=(p.size // 8) ** 2,
        ),
        view=SETTLING,
        only=1,
        moment="3",
        predict=Place(
            T("Click where it looks hardest in the last layer.", "点击它在最后一层看得最用力的地方。"),
            strongest,
            lambda r: T(
                "{share:percent} of its attention lies within the box that it answers with. It reads its own object, at a few places, and nothing beside it.",
                "它的注意力有 {share:percent} 落在自己回答的框内。它只读自己的物体，而且只看其中几处，不看旁边。",
                share=inside(r, len(r.layer_boxes) - 1),
            ),
            unit=T("pixels", "像素"),
            keep=("image",),
        ),
    ),
    Step(
        T(
            "Detectors before it covered the picture with anchors, boxes of fixed places and sizes, and let each that overlaps an object by half stand for it.",
            "在它之前的检测器用锚框铺满全图：位置和大小都固定的框；凡与某物体重合过半的，都代表它。",
        ),
        view=REPLACED,
        only=0,
        predict=Number(
            T("How many anchors stand for the shapes of this picture?", "这张图里有多少个锚框代表这些形状？"),
            lambda r: len(r.replaced.positive.boxes),
            lambda r: T(
                "{n} of {all:count} anchors, for {objects} shapes, from {least} for one to {most} for another: so suppression must choose, and the threshold of ½ is a matter of luck for a small shape.",
                "{objects} 个形状对应 {n} 个锚框（共 {all:count} 个），少的只有 {least} 个，多的有 {most} 个：所以必须靠抑制来挑选，而 ½ 的门槛对小形状全凭运气。",
                n=len(r.replaced.positive.boxes),
                all=r.replaced.anchors,
                objects=len(r.true_boxes),
                least=int(r.replaced.positive.per_object.min()),
                most=int(r.replaced.positive.per_object.max()),
            ),
            between=(1, 500),
            whole=True,
            log=True,
            unit=T("anchors in all", "个锚框"),
            keep=("image",),
        ),
    ),
    Step(
        lambda p: T(
            "Suppression (NMS) removes every box that overlaps a surer one of its class. Now let it loose on DETR’s queries as well, over {n} scenes it has never seen.",
            "抑制（NMS）会去掉与同类中更有把握的框重合的每个框。现在也把它用在 DETR 的查询上，统计 {n} 个从未见过的场景。",
            n=p.pictures,
        ),
        params={"suppress": True},
        view=REPLACED,
        only=2,
        predict=Choice(
            T("What happens to its average precision?", "它的平均精度会怎样？"),
            suppressed,
            lambda r: T(
                "From {before:fixed.4} to {after:fixed.4}: there were next to no doubles to remove, and where two shapes of one kind do overlap, it removes one that is right. "
                "Matching at least cost has taught what suppression can only guess.",
                "从 {before:fixed.4} 变为 {after:fixed.4}：几乎没有重复可去；而两个同类形状真的重叠时，它会去掉其中正确的一个。最小代价匹配教会了网络，抑制却只能猜。",
                before=r.slots.ap,
                after=r.slots.ap_suppressed[NMS],
            ),
            options=[
                T("it rises clearly, as doubles go", "明显上升，因为重复没了"),
                T("it rises a little", "略有上升"),
                T("it falls a little", "略有下降"),
                T("it falls clearly", "明显下降"),
            ],
            keep=("image",),
        ),
    ),
    Step(
        T(
            "It learned this from scenes alone, starting from nothing: at every step the assignment of least cost says which query answers for which object.",
            "这些都是它从场景中学来的，从零开始：每一步由最小代价的指派决定哪个查询回答哪个物体。",
        ),
        view=LEARNED,
        only=2,
        predict=Curve(
            T("Draw average precision on new scenes as the training goes on.", "画出训练过程中新场景上的平均精度。"),
            lambda r: (r.training.curve_step, r.training.ap),
            lambda r: T(
                "Most people draw a slow climb. At the first look, after {first:count} steps, it has {begun:fixed.2} already; the other {left:percent} of the training brings only {gain:fixed.2}. "
                "Which query takes which object is settled early; what follows is the last half pixel of the boxes.",
                "多数人会画成缓慢爬升。第一次测量（{first:count} 步）时已达 {begun:fixed.2}；其余 {left:percent} 的训练只增加 {gain:fixed.2}。",
                first=r.training.curve_step[0],
                begun=r.training.ap[0],
                left=1 - r.training.curve_step[0] / r.training.curve_step[-1],
                gain=r.training.ap[-1] - r.training.ap[0],
            ),
            x=(0, 3600),
            y=(0, 1.04),
        ),
    ),
    Step(
        lambda p: T(
            "In its training no scene held more than six shapes. Here are {n}, and it still has sixteen queries.",
            "训练中没有一个场景超过六个形状。这里有 {n} 个，而它仍有十六个查询。",
            n=p.objects,
        ),
        params=MANY,
        view=FOUND,
        only=0,
        control="objects",
        predict=Number(
            T("How many boxes stand on the picture?", "图上会有多少个框？"),
            sure,
            lambda r: T(
                "It counts further than it was taught, if not all the way: {n} of {all}. The matching has no number built in, only who answers for what. Turn the number of objects.",
                "它能数到比学过的更多，只是没有数全：{all} 个中的 {n} 个。匹配里没有写死的数目，只有谁回答什么。转动物体数试试。",
                n=sure(r),
                all=len(r.true_boxes),
            ),
            between=(0, 16),
            whole=True,
            unit=T("boxes in all", "个框"),
            keep=("image",),
        ),
    ),
]
