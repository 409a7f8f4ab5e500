"""Figures of DETR's queries: boxes that settle, slots over many pictures, and the encoder from one token."""

from __future__ import annotations

import numpy as np

from engine.core.amounts import fixed, percent
from engine.core.words import T
from engine.vision.detr import Found
from pages.shell.draw import (
    ACCEPT,
    BRASS,
    MEASURED,
    MUTE,
    SECOND,
    SURFACE,
    Axis,
    Figure,
    Frame,
    Frames,
    Panel,
    Pick,
    absent,
    boxes,
    boxes_at,
    heat,
    line,
    points,
)
from pages.vision.detr.parts import CHOSEN, LOOKS, color, cursor, keyed, looked, name, plane, shown, true_boxes

EMBEDDED_ONLY = T(
    "Only the embedded model was looked through so: choose it to see its slots.", "只有内置模型做过这项统计：请选择内置模型。"
)
WEIGHT = [[0, SURFACE], [0.02, f"{MEASURED}/0.12"], [0.2, f"{MEASURED}/0.4"], [1, MEASURED]]
SIZES = ((ACCEPT, T("small", "小"), "dot"), (MEASURED, T("medium", "中"), "dot"), (SECOND, T("large", "大"), "dot"))
SHOWN = 120  # boxes of a slot that are drawn
IDLE = 0.02  # the share of pictures under which a slot hardly ever finds something


def settling_figure(r: Found) -> Figure:
    """Decoder layer by decoder layer: the boxes of what is found at last, and where the chosen query looks."""
    L, sure = len(r.layer_boxes), np.flatnonzero(r.scores >= r.threshold)
    drawn, rows = [shown(r), true_boxes(r)], dict[int, dict[str, np.ndarray]]()

    def moving(q: int, stroke: str, width: float, panel: int) -> None:
        """Add a query's box, and where it is in each layer."""
        rows[len(drawn)] = boxes_at(r.layer_boxes[:, q : q + 1])
        drawn.append(boxes(r.layer_boxes[r.layer - 1, q : q + 1], stroke, width=width, panel=panel, name=T("query {q}", "查询 {q}", q=q)))

    for q in sure:
        moving(int(q), color(int(r.labels[q])), 2.2, 0)
    moving(r.query, BRASS, 3.2, 0)
    drawn.append(shown(r, 1))
    rows[len(drawn)] = {"z": r.looks[:, r.query]}
    drawn.append(looked(r, r.looks[r.layer - 1, r.query], 1, zmax=float(r.looks[:, r.query].max())))
    moving(r.query, BRASS, 3.2, 1)
    steps = np.arange(1, L + 1)
    for q in sure:
        drawn.append(line(steps, r.layer_scores[:, q], color(int(r.labels[q])), width=1.4, panel=2, name=T("query {q}", "查询 {q}", q=q)))
    drawn.append(line(steps, r.layer_scores[:, r.query], BRASS, width=3, panel=2, name=T("query {q}", "查询 {q}", q=r.query)))
    mark, places = cursor(steps, 0, 1.04, 2)
    rows[len(drawn)] = {"x": places}
    drawn.append(mark)
    final = {"q": r.query, "name": name(r, r.labels[r.query]), "p": r.scores[r.query]}
    return Figure(
        drawn,
        [
            plane(r.pixels, key=[(BRASS, CHOSEN, "line"), *keyed(r, r.labels[sure])]),
            plane(r.pixels, T("query {q}: {name}, {p:percent}", "查询 {q}：{name}，{p:percent}", **final), [LOOKS]),
            Panel(
                Axis(T("decoder layer", "解码器层"), ticks=(steps, [str(s) for s in steps])),
                Axis(T("confidence", "置信度"), range=(-0.03, 1.04)),
            ),
        ],
        T(
            "Query {q} ends as {name} with a confidence of {p:percent}; the last layer moves its box by {moved:number.2} pixels.",
            "查询 {q} 最终为{name}，置信度 {p:percent}；最后一层把它的框移动了 {moved:number.2} 像素。",
            moved=moves(r)[-1],
            **final,
        ),
        frames=Frames(
            T("decoder layer", "解码器层"),
            [Frame(str(layer), facts=facts_of(r, layer - 1)) for layer in steps],
            start=r.layer - 1,
            rows=rows,
            seconds=2.5,
            bound="layer",
        ),
        facts=facts_of(r, r.layer - 1),
        columns=3,
    )


def moves(r: Found) -> np.ndarray:
    """(L,) by how many pixels each layer moved the corners of the chosen query's box, on average; of the first, 0."""
    return np.append(0.0, np.abs(np.diff(r.layer_boxes[:, r.query], axis=0)).mean(1))


def facts_of(r: Found, layer: int) -> list[tuple[T, T | str]]:
    """The chosen query in one layer."""
    return [
        (T("says", "判断为"), name(r, int(r.layer_labels[layer, r.query]))),
        (T("confidence", "置信度"), percent(float(r.layer_scores[layer, r.query]))),
        (T("its box moved by", "框移动了"), T("{d:number.2} px", "{d:number.2} 像素", d=moves(r)[layer])),
        (T("attention within its box", "落在框内的注意力"), percent(inside(r, layer))),
    ]


def inside(r: Found, layer: int) -> float:
    """The share of the chosen query's attention that lies within its box of that layer."""
    weights = r.looks[layer, r.query]
    (h, w), (high, wide) = weights.shape, r.pixels.shape[:2]
    x, y = (np.arange(w) + 0.5) * wide / w, (np.arange(h) + 0.5) * high / h
    x0, y0, x1, y1 = r.layer_boxes[layer, r.query]
    here = ((y >= y0) & (y <= y1))[:, None] & ((x >= x0) & (x <= x1))
    return float((weights * here).sum() / max(weights.sum(), 1e-12))


def encoder_figure(r: Found) -> Figure:
    """Where one token of the encoder looks, layer by layer."""
    mean = r.encoder_attention
    layers, h, w = mean.shape
    high, wide = r.pixels.shape[:2]
    row, column = (int(v) for v in r.token)
    stride = wide / w
    mark = np.array([[column * stride, row * high / h, (column + 1) * stride, (row + 1) * high / h]])
    top = float(mean.max())
    drawn = [
        shown(r),
        looked(r, mean[-1], zmax=top),
        boxes(mark, BRASS, width=3),
        heat(mean[-1], panel=1, scale=WEIGHT, zmin=0, zmax=top, bar=True, name=T("attention", "注意力"), colorbar={"tickformat": ".0%"}),
        boxes(np.array([[column - 0.5, row - 0.5, column + 0.5, row + 0.5]]), BRASS, width=2.4, panel=1),
    ]
    facts = [
        [
            (T("on itself", "看自己"), percent(float(one[row, column]))),
            (T("on the strongest token", "最强的词元"), percent(float(one.max()))),
        ]
        for one in mean
    ]
    return Figure(
        drawn,
        [
            plane(r.pixels, T("brass: the token (click another)", "黄铜色：该词元（可点击别处）"), [LOOKS]),
            Panel(
                Axis(T("column", "列"), range=(-0.5, w - 0.5)),
                Axis(T("row", "行"), range=(-0.5, h - 0.5), reverse=True, equal=True),
                title=T("its attention, token by token", "它对每个词元的注意力"),
            ),
        ],
        T(
            "The token in row {row}, column {column} looks at {n} tokens; in the last encoder layer {own:percent} of its attention stays on itself.",
            "第 {row} 行第 {column} 列的词元看向 {n} 个词元；在编码器最后一层，{own:percent} 的注意力留在自身。",
            row=row,
            column=column,
            n=h * w,
            own=mean[-1, row, column],
        ),
        frames=Frames(
            T("encoder layer", "编码器层"),
            [Frame(str(layer + 1), facts=facts[layer]) for layer in range(layers)],
            rows={1: {"z": mean}, 3: {"z": mean}},
            seconds=2,
        ),
        picks=[Pick(panel=0, x="column", y="row", cell=stride), Pick(panel=1, x="column", y="row")],
        facts=facts[-1],
    )


def slots_figure(r: Found) -> Figure:
    """Every slot's detections over many held-out scenes: where in the picture, and how large."""
    s = r.slots
    if s is None:
        return absent(EMBEDDED_ONLY)
    Q = len(s.share)
    columns = int(np.ceil(np.sqrt(Q)))
    rows = -(-Q // columns)
    tiles = np.full(columns * rows, np.nan)
    tiles[:Q] = s.share
    across, down = np.arange(Q) % columns, np.arange(Q) // columns
    area = s.boxes[:, 2] * s.boxes[:, 3]
    kinds = np.digitize(area, np.quantile(area, (1 / 3, 2 / 3))) if len(area) else area
    top = max(float(s.share.max()), 1e-9)
    scale = [[0, SURFACE], [1, f"{MUTE}/0.75"]]
    drawn = [heat(tiles.reshape(-1, columns), scale=scale, zmin=0, zmax=top, name=T("share of pictures", "图片占比"))]
    for k, (stroke, title, _) in enumerate(SIZES):
        here = kinds == k
        q = s.query[here]
        x, y = across[q] - 0.5 + s.boxes[here, 0], down[q] - 0.5 + s.boxes[here, 1]
        drawn.append(points(x, y, stroke, size=3.5, name=title, hoverinfo="skip"))
    chosen = r.query % Q
    tile = [across[chosen] - 0.5, down[chosen] - 0.5, across[chosen] + 0.5, down[chosen] + 0.5]
    drawn.append(boxes(np.array([tile]), BRASS, width=2.6))
    mine = s.boxes[s.query == r.query]
    edges = np.concatenate([mine[:, :2] - mine[:, 2:] / 2, mine[:, :2] + mine[:, 2:] / 2], 1)[:SHOWN]
    drawn.append(boxes(edges, f"{BRASS}/0.3", width=1, panel=1, name=T("its boxes", "它的框")))
    drawn.append(points(mine[:, 0], mine[:, 1], BRASS, size=5, panel=1, name=T("their centres", "框的中心")))
    busiest = int(s.share.argmax())
    scatter = lambda boxes: fixed(float(np.sqrt(boxes[:, :2].var(0).sum())) if len(boxes) else None)  # noqa: E731
    return Figure(
        drawn,
        [
            Panel(
                Axis(hidden=True, range=(-0.5, columns - 0.5)),
                Axis(hidden=True, range=(-0.5, rows - 0.5), reverse=True, equal=True),
                title=T("one tile a slot (click one)", "每格一个槽位（可点击）"),
                key=[*SIZES, (MUTE, T("finds more often", "更常找到物体"), "patch")],
            ),
            Panel(
                Axis(T("across", "横向"), range=(0, 1)),
                Axis(T("down", "纵向"), reverse=True, equal=True, range=(0, 1)),
                title=T(
                    "slot {query}: {n} finds in {pictures} scenes",
                    "槽位 {query}：{pictures} 个场景中找到 {n} 次",
                    query=r.query,
                    n=len(mine),
                    pictures=s.pictures,
                ),
                key=[(BRASS, T("its boxes", "它的框"), "line"), (BRASS, T("their centres", "框的中心"), "dot")],
            ),
        ],
        T(
            "Over {pictures} held-out scenes slot {busiest} finds something most often, in {share:percent} of them; {idle} of {q} slots hardly ever do.",
            "在 {pictures} 个留出场景中，槽位 {busiest} 最常找到物体（{share:percent}）；{q} 个槽位中有 {idle} 个几乎从不。",
            pictures=s.pictures,
            busiest=busiest,
            share=s.share[busiest],
            idle=int((s.share < IDLE).sum()),
            q=Q,
        ),
        picks=[Pick(panel=0, sets=[{"query": q} for q in range(Q)], columns=columns)],
        facts=[
            (T("this slot finds something in", "该槽位找到物体的比例"), percent(float(s.share[chosen]))),
            (T("its finds scatter by", "其位置的散布"), scatter(mine)),
            (T("all finds scatter by", "全部位置的散布"), scatter(s.boxes)),
        ],
    )
