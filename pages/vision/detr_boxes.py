"""Figures of DETR's boxes: what it finds, how queries and objects are matched, and what the matching replaces."""

from __future__ import annotations

import numpy as np

from engine.vision.detr import Found
from engine.vision.detr.replaced import Candidates
from pages.shell.axes import Axis
from pages.shell.colors import BRASS, INK_2, MEASURED, SECOND, THIRD
from pages.shell.figures import Figure, Handle, Pick
from pages.shell.moments import Frame, Frames
from pages.shell.panels import Label, Panel
from pages.shell.text import T
from pages.shell.traces import heat, line, points
from pages.vision.detr_parts import (
    LIGHT,
    boxed,
    color,
    name,
    percent,
    plane,
    right_of,
    shown,
    true_boxes,
    words,
)

STEPS = np.round(np.arange(0, 1.005, 0.01), 2)  # of the confidence that is scrubbed


def found_figure(r: Found) -> Figure:
    """The picture and its boxes; the confidence is a scrubber, which asks nobody."""
    order, right = np.argsort(-r.scores, kind="stable"), right_of(r)
    classes = sorted({int(k) for k in r.labels})
    drawn, frames = [shown(r), true_boxes(r)], [dict[int, dict[str, int]]() for _ in STEPS]
    for k in classes:
        mine = order[r.labels[order] == k]
        for moment, step in enumerate(STEPS):
            frames[moment][len(drawn)] = {"upto": 6 * int((r.scores[mine] >= step).sum())}
        drawn.append(boxed(r.boxes[mine], color(k), width=2.6, name=name(r, k)))
    tags = [
        T(f"{r.names[r.labels[q]][0]} {percent(r.scores[q])}", f"{r.names[r.labels[q]][1]} {percent(r.scores[q])}")
        for q in order
    ]
    above = [(r.scores >= step).sum() for step in STEPS]
    for moment, count in enumerate(above):
        frames[moment][len(drawn)] = {"upto": int(count)}
    drawn.append(words(r.boxes[order, 0], r.boxes[order, 1], tags))
    at = len(drawn)
    queries = np.arange(len(r.scores))
    drawn.append(line([-0.7, len(queries) - 0.3], [r.threshold] * 2, BRASS, dash="dash", panel=1, hoverinfo="skip"))
    for k in classes:
        mine = queries[r.labels == k]
        drawn.append(points(mine, r.scores[mine], color(k), size=9, panel=1, name=name(r, k)))
    here = r.query
    drawn.append(points([here], [r.scores[here]], BRASS, size=15, symbol="circle-open", panel=1, hoverinfo="skip"))
    line_rows = np.repeat(STEPS[:, None], 2, 1)
    made = [Frame(f"{step:g}", frames[i], facts=verdict(r, right, step)) for i, step in enumerate(STEPS)]
    start = int(np.abs(STEPS - r.threshold).argmin())
    count = int(above[start])
    return Figure(
        drawn,
        [plane(r, T("dotted: what is there", "虚线：实际存在的物体")),
         Panel(Axis(T("query (click one)", "查询（可点击）"), range=(-0.7, len(queries) - 0.3)), Axis(T("confidence", "置信度"), range=(-0.03, 1.04)))],
        T(f"At a confidence of {r.threshold:g}, {count} of {len(queries)} queries name an object; {len(r.true_boxes)} are there.",
          f"置信度为 {r.threshold:g} 时，{len(queries)} 个查询中有 {count} 个给出物体；实际有 {len(r.true_boxes)} 个。"),
        frames=Frames(T("confidence", "置信度"), made, start=start, rows={at: {"y": line_rows}}, bound="threshold"),
        facts=verdict(r, right, r.threshold), handles=composed(r), picks=[Pick(panel=1, x="query")],
    )  # fmt: skip


def verdict(r: Found, right: np.ndarray, threshold: float) -> list[tuple[T, str]]:
    """How many are shown, right, wrong, and how many objects are missed."""
    sure = r.scores >= threshold
    hit = int((sure & right).sum())
    return [(T("boxes", "框数"), str(int(sure.sum()))), (T("right", "正确"), str(hit)), (T("false", "误检"), str(int(sure.sum()) - hit)),
            (T("missed", "漏检"), str(len(r.true_boxes) - hit))]  # fmt: skip


def composed(r: Found) -> list[Handle]:
    """A knob on each shape that a person placed."""
    if r.composed is None:
        return []
    side = float(r.pixels.shape[0])
    return [Handle(f"composition[{5 * i + 2}]", f"composition[{5 * i + 3}]", scale=side, text=T(f"shape {i + 1}", f"形状 {i + 1}"))
            for i in range(len(r.composed))]  # fmt: skip


def matching_figure(r: Found) -> Figure:
    """The cost of every query for every object, in layers, and the assignment that costs least; one box can be dragged."""
    n, Q = len(r.true_boxes), len(r.boxes)
    drawn = [
        shown(r),
        true_boxes(r),
        boxed(r.true_boxes[r.object : r.object + 1], BRASS, width=2.4, name=T("the moved box", "被移动的框")),
    ]
    given = [(int(q), i) for i, q in enumerate(r.assignment) if q >= 0]
    for q, i in given:
        drawn.append(
            boxed(r.boxes[q : q + 1], color(int(r.true_labels[i])), width=2.4, name=T(f"query {q}", f"查询 {q}"))
        )
    middle = lambda box: (box[:2] + box[2:]) / 2  # noqa: E731
    ties = np.array(
        [v for q, i in given for v in (middle(r.boxes[q]), middle(r.true_boxes[i]), (np.nan, np.nan))]
    ).reshape(-1, 2)
    drawn.append(line(ties[:, 0], ties[:, 1], LIGHT, width=1.6, hoverinfo="skip"))
    drawn.append(
        words(r.boxes[[q for q, _ in given], 0], r.boxes[[q for q, _ in given], 1], [str(q) for q, _ in given])
    )
    weights = np.array(r.cost_weights)
    layers = np.concatenate([r.cost_terms * weights[:, None, None], r.cost_matrix[None]])
    at = len(drawn)
    few = {"texttemplate": "%{z:.1f}", "textfont": {"size": 10}} if Q <= 30 and n <= 8 else {}
    scale = [[0, MEASURED], [0.5, "--surface"], [1, "--surface"]]
    drawn.append(heat(layers[3], panel=1, scale=scale, name=T("cost", "代价"), **few))
    drawn.append(points([i for _, i in given], [q for q, _ in given], BRASS, size=22, symbol="square-open", panel=1,
                        name=T("assigned", "指派"), hoverinfo="skip"))  # fmt: skip
    drawn[-1]["marker"]["line"] = {"width": 2.5}
    titles = (T("class", "类别"), "L1", "GIoU", T("all three", "三项之和"))
    low = [{"zmin": float(part.min()), "zmax": float(part.max())} for part in layers]
    frames = [Frame(str(i + 1), {at: low[i]}, labels=[note(T.of(title), Q)]) for i, title in enumerate(titles)]
    ends = (np.arange(n), [name(r, int(k)) for k in r.true_labels])
    q = int(r.assignment[r.object])
    return Figure(
        drawn,
        [plane(r, T("drag the brass box: in its middle, or a corner", "拖动黄铜色框：中心或角点")),
         Panel(Axis(T("object (click a cell)", "物体（可点击单元格）"), ticks=ends, range=(-0.5, n - 0.5)),
               Axis(T("query", "查询"), range=(-0.5 - 0.06 * Q, Q - 0.5), reverse=True))],
        T(f"The assignment costs {r.cost:.2f}; query {q} is given the {r.names[r.true_labels[r.object]][0]} that can be moved.",
          f"该指派的总代价为 {r.cost:.2f}；可移动的{r.names[r.true_labels[r.object]][1]}分给查询 {q}。"),
        [note(T.of(titles[3]), Q)],
        frames=Frames(T("layer of the cost", "代价的层"), frames, start=3, rows={at: {"z": layers}}, seconds=4),
        facts=[(T("cost of the assignment", "指派的代价"), f"{r.cost:.3f}"), (T("taking the cheapest first", "贪心取最便宜者"), f"{r.greedy_cost:.3f}"),
               (T("saved by looking at all", "整体优化节省"), f"{max(0.0, r.greedy_cost - r.cost):.3f}")],
        table=sums(r), handles=grips(r), picks=[Pick(panel=1, x="object", y="query")],
    )  # fmt: skip


def note(title: T, Q: int) -> Label:
    """Which layer of the cost is shown."""
    return Label(-0.45, -0.5 - 0.03 * Q, title, INK_2, "left", 1)


def grips(r: Found) -> list[Handle]:
    """The middle of the box that is moved, and its lower right corner."""
    x0, y0, x1, y1 = (float(v) for v in r.still)
    mx, my = (float(v) for v in (r.true_boxes[r.object][:2] + r.true_boxes[r.object][2:]) / 2)
    return [
        Handle("moved[0]", "moved[1]", origin=((x0 + x1) / 2, (y0 + y1) / 2), text=T("middle of the box", "框的中心")),
        Handle(
            "moved[2]",
            "moved[3]",
            origin=(mx + (x1 - x0) / 2, my + (y1 - y0) / 2),
            scale=0.5,
            text=T("corner of the box", "框的角点"),
        ),
    ]


def sums(r: Found) -> list[list[T | str]]:
    """For the object that is moved: the three cheapest queries, term by term."""
    rows: list[list[T | str]] = [
        [T("query", "查询"), T("class: −p", "类别：−p"), "L1", T("−GIoU", "−GIoU"), T("weighted sum", "加权和")]
    ]
    w = np.array(r.cost_weights)
    best = np.argsort(r.cost_matrix[:, r.object], kind="stable")[:3]
    for q in best:
        terms = r.cost_terms[:, q, r.object]
        total = " + ".join(f"{a:g}·({t:.2f})" for a, t in zip(w, terms, strict=True))
        mark = " ←" if q == r.assignment[r.object] else ""
        rows.append([f"{q}{mark}", *(f"{t:.3f}" for t in terms), f"{total} = {r.cost_matrix[q, r.object]:.2f}"])
    return rows


def replaced_figure(r: Found) -> Figure:
    """Anchors, proposals and queries for the same objects, before and after NMS; and what NMS changes in AP."""
    kinds = (
        (r.replaced.positive, SECOND, T("anchors with IoU ≥ ½", "IoU ≥ ½ 的锚框")),
        (r.replaced.proposals, THIRD, T("proposals", "候选区域")),
        (r.replaced.queries, MEASURED, T("DETR's queries", "DETR 的查询")),
    )
    drawn, panels, upto = [], [], ({}, {})
    for place, (made, stroke, title) in enumerate(kinds):
        order = np.lexsort((-made.scores, ~made.kept))
        drawn += [shown(r, place), true_boxes(r, place)]
        for moment, count in enumerate((len(order), int(made.kept.sum()))):
            upto[moment][len(drawn)] = {"upto": 6 * count}
        drawn.append(boxed(made.boxes[order], stroke, width=1.4 if place < 2 else 2.4, panel=place, name=title))
        panels.append(plane(r, title))
    queries = r.replaced.queries
    frames = [Frame(str(i), upto[i], facts=counts(r, i == 1)) for i in (0, 1)]
    gone = int((~queries.kept).sum())
    return Figure(
        drawn, panels,
        T(f"For {len(r.true_boxes)} objects: {len(r.replaced.positive.boxes)} of {r.replaced.anchors} anchors, {len(r.replaced.proposals.boxes)} proposals, {len(queries.boxes)} queries, of which NMS removes {gone}.",
          f"对 {len(r.true_boxes)} 个物体：{r.replaced.anchors} 个锚框中 {len(r.replaced.positive.boxes)} 个为正，{len(r.replaced.proposals.boxes)} 个候选区域，{len(queries.boxes)} 个查询，其中 NMS 去掉 {gone} 个。"),
        frames=Frames(T("NMS (0 off, 1 on)", "NMS（0 关，1 开）"), frames, start=0, seconds=2), facts=counts(r, False), table=owners(r),
        columns=3, layout={"height": 340},
    )  # fmt: skip


def counts(r: Found, pruned: bool) -> list[tuple[T, str]]:
    """How many boxes each method has now."""
    size = lambda c: str(int(c.kept.sum()) if pruned else len(c.boxes))  # noqa: E731
    made = [
        (T("anchors", "锚框"), size(r.replaced.positive)),
        (T("proposals", "候选区域"), size(r.replaced.proposals)),
        (T("queries", "查询"), size(r.replaced.queries)),
    ]
    if (s := r.slots) is not None:
        at = int(np.abs(s.suppressed - r.nms).argmin())
        ap, ap50 = (s.ap_suppressed[at], s.ap50_suppressed[at]) if pruned else (s.ap, s.ap50)
        made += [
            (T(f"AP of the queries, {s.pictures} scenes", f"查询的 AP，{s.pictures} 个场景"), f"{ap:.3f}"),
            ("AP50", f"{ap50:.3f}"),
        ]
    return made


def owners(r: Found) -> list[list[T | str]]:
    """How many boxes stand for each object, before → after NMS."""
    arrow = lambda c, i: f"{c.per_object[i]} → {c.kept_per_object[i]}"  # noqa: E731
    head: list[T | str] = [
        T("object", "物体"),
        T("anchors, NMS →", "锚框，NMS →"),
        T("proposals, NMS →", "候选区域，NMS →"),
        T("queries, NMS →", "查询，NMS →"),
    ]
    three: tuple[Candidates, ...] = (r.replaced.positive, r.replaced.proposals, r.replaced.queries)
    return [head, *([name(r, int(k)), *(arrow(c, i) for c in three)] for i, k in enumerate(r.true_labels))]
