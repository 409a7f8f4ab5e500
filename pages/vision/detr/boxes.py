"""Figures of DETR's boxes: what it finds, how queries and objects are matched, and what the matching replaces."""

from __future__ import annotations

import numpy as np

from engine.core.amounts import count, fixed, number
from engine.core.words import T
from engine.vision.detr import Candidates, Found
from pages.shell.draw import (
    ACCEPT,
    BRASS,
    MEASURED,
    SECOND,
    THIRD,
    Axis,
    Figure,
    Frame,
    Frames,
    Handle,
    Label,
    Panel,
    Pick,
    boxes,
    heat,
    line,
    points,
)
from pages.vision.detr.parts import CHOSEN, DOTTED, LIGHT, color, keyed, name, plane, right_of, shown, true_boxes, unknown, words

STEPS = np.round(np.arange(0, 1.005, 0.01), 2)  # of the confidence that is scrubbed
NAMED = 40  # boxes that carry their name
NEW = 0.12  # half a side of a box that a click draws, in sides of the picture
MOST = 8  # boxes that a person can draw


def found_figure(r: Found) -> Figure:
    """The picture and its boxes; the confidence is a scrubber, which asks nobody."""
    order, right = np.argsort(-r.scores, kind="stable"), right_of(r)
    classes, queries = sorted({int(k) for k in r.labels}), np.arange(len(r.scores))
    drawn, frames = [shown(r), true_boxes(r)], [dict[int, dict[str, int]]() for _ in STEPS]
    for k in classes:
        mine = order[r.labels[order] == k]
        for moment, step in enumerate(STEPS):
            frames[moment][len(drawn)] = {"upto": 6 * int((r.scores[mine] >= step).sum())}
        drawn.append(boxes(r.boxes[mine], color(k), width=2.6, name=name(r, k)))
    at = len(drawn)
    drawn.append(line([-0.7, len(queries) - 0.3], [r.threshold] * 2, BRASS, dash="dash", panel=1, hoverinfo="skip"))
    for k in classes:
        mine = queries[r.labels == k]
        drawn.append(points(mine, r.scores[mine], color(k), size=9, panel=1, name=name(r, k)))
    drawn.append(points([r.query], [r.scores[r.query]], BRASS, size=15, symbol="circle-open", panel=1, hoverinfo="skip"))
    tags = [
        Label(*(float(v) for v in r.boxes[q, :2]), T("{name} {p:percent}", "{name} {p:percent}", name=name(r, r.labels[q]), p=r.scores[q]))
        for q in order[:NAMED]
    ]
    above = [int((r.scores >= step).sum()) for step in STEPS]
    moments = [Frame(number(step), frames[i], tags[: above[i]], verdict(r, right, step)) for i, step in enumerate(STEPS)]
    start = int(np.abs(STEPS - r.threshold).argmin())
    there = (
        T.many("{n} is there", "{n} are there", "实际有 {n} 个", n=len(r.true_boxes))
        if r.known
        else T("what is there is unknown", "实际物体未知")
    )
    return Figure(
        drawn,
        [
            plane(r.pixels, DOTTED if r.known else T("click to draw a true box", "点击可画真值框")),
            Panel(
                Axis(T("query (click one)", "查询（可点击）"), range=(-0.7, len(queries) - 0.3)),
                Axis(T("confidence", "置信度"), range=(-0.03, 1.04)),
                key=[
                    *keyed(r, r.labels[order], "dot"),
                    (BRASS, CHOSEN, "circle-open"),
                    (BRASS, T("least confidence", "最低置信度"), "dash"),
                ],
            ),
        ],
        T(
            "At a confidence of {p:number}, {n} of {queries} queries name an object; {there}.",
            "置信度为 {p:number} 时，{queries} 个查询中有 {n} 个给出物体；{there}。",
            p=r.threshold,
            n=above[start],
            queries=len(queries),
            there=there,
        ),
        tags[: above[start]],
        frames=Frames(
            T("confidence", "置信度"), moments, start=start, rows={at: {"y": np.repeat(STEPS[:, None], 2, 1)}}, bound="threshold"
        ),
        facts=verdict(r, right, r.threshold),
        handles=[*composed(r), *corners(r)],
        picks=[Pick(panel=1, x="query"), *adding(r)],
    )


def verdict(r: Found, right: np.ndarray, threshold: float) -> list[tuple[T, str]]:
    """How many are shown, and where it is known what is there, how many are right, wrong and missed."""
    sure = r.scores >= threshold
    hit = int((sure & right).sum())
    made = [(T("boxes", "框数"), count(sure.sum()))]
    if r.known:
        made += [
            (T("right", "正确"), count(hit)),
            (T("false", "误检"), count(sure.sum() - hit)),
            (T("missed", "漏检"), count(len(r.true_boxes) - hit)),
        ]
    return made


def composed(r: Found) -> list[Handle]:
    """A knob on each shape that a person placed."""
    side, shapes = float(r.pixels.shape[0]), () if r.composed is None else r.composed
    entry = "composition[{}]".format
    return [Handle(entry(5 * i + 2), entry(5 * i + 3), scale=side, text=T("shape {i}", "形状 {i}", i=i + 1)) for i in range(len(shapes))]


def corners(r: Found) -> list[Handle]:
    """A knob on two corners of each box that a person drew on a photograph."""
    side, entry = float(max(r.pixels.shape[:2])), "truth[{}]".format
    boxes = range(len(r.true_boxes)) if r.written else ()
    return [
        Handle(entry(5 * i + k), entry(5 * i + k + 1), scale=side, text=T("corner of true box {i}", "真值框 {i} 的角点", i=i + 1))
        for i in boxes
        for k in (1, 3)
    ]


def adding(r: Found) -> list[Pick]:
    """On a photograph a click draws a true box there, of the class that the model is surest of at that place."""
    if r.written is None or len(r.true_boxes) >= MOST:
        return []
    (high, wide), side = r.pixels.shape[:2], float(max(r.pixels.shape[:2]))
    cell, sets = wide / 8, []
    for row in range(int(np.ceil(high / cell))):
        for column in range(8):
            x, y = (column + 0.5) * cell, (row + 0.5) * cell
            here = (r.boxes[:, 0] <= x) & (x <= r.boxes[:, 2]) & (r.boxes[:, 1] <= y) & (y <= r.boxes[:, 3])
            label = r.labels[np.where(here, r.scores, r.scores - 1).argmax()]
            box = np.clip(np.array([x, y, x, y]) / side + NEW * np.array([-1, -1, 1, 1]), 0, np.tile([wide, high], 2) / side)
            parts = [r.written.strip(" ,;"), T.of(r.names[label]).en.replace(" ", "_"), *(f"{v:.3f}" for v in box)]
            sets.append({"truth": ",".join(part for part in parts if part)})
    return [Pick(panel=0, sets=sets, columns=8, cell=cell)]


def matching_figure(r: Found) -> Figure:
    """The cost of every query for every object, in layers, and the assignment that costs least; one box can be dragged."""
    if not r.known:
        return unknown(r, adding(r))
    n, Q = len(r.true_boxes), len(r.boxes)
    drawn = [shown(r), true_boxes(r), boxes(r.true_boxes[r.object : r.object + 1], BRASS, width=2.4, name=T("the moved box", "被移动的框"))]
    given = [(int(q), i) for i, q in enumerate(r.assignment) if q >= 0]
    for q, i in given:
        drawn.append(boxes(r.boxes[q : q + 1], color(int(r.true_labels[i])), width=2.4, name=T("query {q}", "查询 {q}", q=q)))
    middle = lambda box: (box[:2] + box[2:]) / 2  # noqa: E731
    ties = np.array([v for q, i in given for v in (middle(r.boxes[q]), middle(r.true_boxes[i]), (np.nan, np.nan))]).reshape(-1, 2)
    drawn.append(line(ties[:, 0], ties[:, 1], LIGHT, width=1.6, hoverinfo="skip"))
    drawn.append(words(*r.boxes[[q for q, _ in given], :2].T, [str(q) for q, _ in given]))
    layers = np.concatenate([r.cost_terms * np.array(r.cost_weights)[:, None, None], r.cost_matrix[None]])
    at = len(drawn)
    few = {"texttemplate": "%{z:.1f}", "textfont": {"size": 11}} if Q <= 30 and n <= 8 else {}
    scale = [[0, MEASURED], [0.5, "--surface"], [1, "--surface"]]
    drawn.append(heat(layers[3], panel=1, scale=scale, bar=True, scale_title=T("cost", "代价"), name=T("cost", "代价"), **few))
    assigned = points([i for _, i in given], [q for q, _ in given], size=22, symbol="square-open", panel=1, hoverinfo="skip")
    assigned["marker"] |= {"color": ACCEPT, "line": {"width": 2.5}}
    drawn.append(assigned)
    titles = (T("class", "类别"), T("L1", "L1"), T("GIoU", "GIoU"), T("all three", "三项之和"))
    frames = [
        Frame(str(i + 1), {at: {"zmin": float(part.min()), "zmax": float(part.max())}}, [note(title, Q)])
        for i, (title, part) in enumerate(zip(titles, layers, strict=True))
    ]
    return Figure(
        drawn,
        [
            plane(
                r.pixels, T("drag the brass box; white: from query to object", "拖动黄铜色框；白线：查询到物体"), keyed(r, r.true_labels)
            ),
            Panel(
                Axis(
                    T("object (click a cell)", "物体（可点击单元格）"),
                    ticks=(np.arange(n), [name(r, int(k)) for k in r.true_labels]),
                    range=(-0.5, n - 0.5),
                ),
                Axis(T("query", "查询"), range=(-0.5 - 0.06 * Q, Q - 0.5), reverse=True),
                key=[(ACCEPT, T("assigned", "被指派"), "patch")],
            ),
        ],
        T(
            "The assignment costs {cost:fixed}; query {q} is given the {name} that can be moved.",
            "该指派的总代价为 {cost:fixed}；可移动的{name}分给查询 {q}。",
            cost=r.cost,
            q=int(r.assignment[r.object]),
            name=name(r, r.true_labels[r.object]),
        ),
        [note(titles[3], Q)],
        frames=Frames(T("layer of the cost", "代价的层"), frames, start=3, rows={at: {"z": layers}}, seconds=4),
        facts=[
            (T("cost of the assignment", "指派的代价"), fixed(r.cost, 3)),
            (T("taking the cheapest first", "贪心取最便宜者"), fixed(r.greedy_cost, 3)),
            (T("saved by looking at all", "整体优化节省"), fixed(max(0.0, r.greedy_cost - r.cost), 3)),
        ],
        handles=knobs(r),
        picks=[Pick(panel=1, x="object", y="query")],
        table=sums(r),
    )


def note(title: T, queries: int) -> Label:
    """Which layer of the cost is shown, above the matrix."""
    return Label(-0.45, -0.5 - 0.03 * queries, T("layer: {title}", "当前层：{title}", title=title))


def knobs(r: Found) -> list[Handle]:
    """The middle of the box that is moved, and its lower right corner."""
    x0, y0, x1, y1 = (float(v) for v in r.still)
    mx, my = (float(v) for v in (r.true_boxes[r.object][:2] + r.true_boxes[r.object][2:]) / 2)
    return [
        Handle("moved[0]", "moved[1]", origin=((x0 + x1) / 2, (y0 + y1) / 2), text=T("middle of the box", "框的中心")),
        Handle("moved[2]", "moved[3]", origin=(mx + (x1 - x0) / 2, my + (y1 - y0) / 2), scale=0.5, text=T("corner of the box", "框的角点")),
    ]


def sums(r: Found) -> list[list[T | str]]:
    """For the object that is moved: the three cheapest queries, term by term."""
    rows: list[list[T | str]] = [[T("query", "查询"), T("class: −p", "类别：−p"), "L1", T("−GIoU", "−GIoU"), T("weighted sum", "加权和")]]
    for q in np.argsort(r.cost_matrix[:, r.object], kind="stable")[:3]:
        terms = r.cost_terms[:, q, r.object]
        total = " + ".join(f"{number(a)}·({fixed(t)})" for a, t in zip(r.cost_weights, terms, strict=True))
        mark = " ←" if q == r.assignment[r.object] else ""
        rows.append([f"{q}{mark}", *(fixed(t, 3) for t in terms), f"{total} = {fixed(r.cost_matrix[q, r.object])}"])
    return rows


def replaced_figure(r: Found) -> Figure:
    """Anchors, proposals and queries for the same objects, with NMS or without; and what NMS changes in AP."""
    if not r.known:
        return unknown(r, adding(r))
    kinds = (
        (r.replaced.positive, SECOND, T("anchors with IoU ≥ ½", "IoU ≥ ½ 的锚框")),
        (r.replaced.proposals, THIRD, T("proposals", "候选区域")),
        (r.replaced.queries, MEASURED, T("DETR's queries", "DETR 的查询")),
    )
    drawn, panels = [], []
    for place, (made, stroke, title) in enumerate(kinds):
        left = made.boxes[made.kept] if r.suppress else made.boxes
        drawn += [shown(r, place), true_boxes(r, place), boxes(left, stroke, width=1.4 if place < 2 else 2.4, panel=place, name=title)]
        panels.append(plane(r.pixels, DOTTED, [(stroke, title, "line")]))
    queries = r.replaced.queries
    return Figure(
        drawn,
        panels,
        T(
            "For {objects} objects: {positive} of {anchors} anchors, {proposals} proposals, {queries} queries, of which NMS removes {gone}.",
            "对 {objects} 个物体：{anchors} 个锚框中 {positive} 个为正，{proposals} 个候选区域，{queries} 个查询，其中 NMS 去掉 {gone} 个。",
            objects=len(r.true_boxes),
            positive=len(r.replaced.positive.boxes),
            anchors=r.replaced.anchors,
            proposals=len(r.replaced.proposals.boxes),
            queries=len(queries.boxes),
            gone=int((~queries.kept).sum()),
        ),
        facts=counts(r),
        table=owners(r),
        columns=3,
    )


def counts(r: Found) -> list[tuple[T | str, str]]:
    """How many boxes each method has, and the queries' AP."""
    size = lambda c: count(c.kept.sum() if r.suppress else len(c.boxes))  # noqa: E731
    made: list[tuple[T | str, str]] = [
        (T("anchors", "锚框"), size(r.replaced.positive)),
        (T("proposals", "候选区域"), size(r.replaced.proposals)),
        (T("queries", "查询"), size(r.replaced.queries)),
    ]
    if (s := r.slots) is not None:
        at = int(np.abs(s.suppressed - r.nms).argmin())
        ap, ap50 = (s.ap_suppressed[at], s.ap50_suppressed[at]) if r.suppress else (s.ap, s.ap50)
        made += [
            (T("AP of the queries, {n:count} scenes", "查询的 AP，{n:count} 个场景", n=s.pictures), fixed(ap, 3)),
            ("AP50", fixed(ap50, 3)),
        ]
    return made


def owners(r: Found) -> list[list[T | str]]:
    """How many boxes stand for each object, before → after NMS."""
    arrow = lambda c, i: f"{c.per_object[i]} → {c.kept_per_object[i]}"  # noqa: E731
    heads = (T("anchors, NMS →", "锚框，NMS →"), T("proposals, NMS →", "候选区域，NMS →"), T("queries, NMS →", "查询，NMS →"))
    three: tuple[Candidates, ...] = (r.replaced.positive, r.replaced.proposals, r.replaced.queries)
    return [[T("object", "物体"), *heads], *([name(r, int(k)), *(arrow(c, i) for c in three)] for i, k in enumerate(r.true_labels))]
