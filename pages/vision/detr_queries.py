"""Figures of DETR's attention: boxes that settle, heads, slots over many pictures, the encoder from one token."""

from __future__ import annotations

import numpy as np

from engine.vision.detr import Found
from pages.shell.axes import Axis
from pages.shell.colors import ACCEPT, BRASS, MEASURED, MUTE, SECOND, SURFACE
from pages.shell.figures import Figure, Pick, absent
from pages.shell.moments import Frame, Frames
from pages.shell.panels import Label, Panel
from pages.shell.text import T
from pages.shell.traces import heat, line, points
from pages.vision.detr_parts import (
    boxed,
    color,
    cursor,
    looked,
    name,
    outlines,
    percent,
    plane,
    shown,
    true_boxes,
)

EMBEDDED_ONLY = T("Only the embedded model was looked through so: choose it to see its slots.",
                  "只有内置模型做过这项统计：请选择内置模型。")  # fmt: skip
WEIGHT = [[0, SURFACE], [0.02, f"{MEASURED}/0.12"], [0.2, f"{MEASURED}/0.4"], [1, MEASURED]]


def settling_figure(r: Found) -> Figure:
    """Decoder layer by decoder layer: the boxes of what is found at last, and where the chosen query looks."""
    L = len(r.layer_boxes)
    sure = np.flatnonzero(r.scores >= r.threshold)
    drawn = [shown(r), true_boxes(r)]
    rows: dict[int, dict[str, np.ndarray]] = {}
    for q in sure:
        moving(drawn, rows, r, int(q), color(int(r.labels[q])), 2.2, 0)
    moving(drawn, rows, r, r.query, BRASS, 3.2, 0)
    drawn.append(shown(r, 1))
    rows[len(drawn)] = {"z": r.looks[:, r.query]}
    drawn.append(
        looked(
            r, r.looks[r.layer - 1, r.query], 1, name=T("attention", "注意力"), zmax=float(r.looks[:, r.query].max())
        )
    )
    moving(drawn, rows, r, r.query, BRASS, 3.2, 1)
    steps = np.arange(1, L + 1)
    for q in sure:
        drawn.append(
            line(
                steps,
                r.layer_scores[:, q],
                color(int(r.labels[q])),
                width=1.4,
                panel=2,
                name=T(f"query {q}", f"查询 {q}"),
            )
        )
    drawn.append(
        line(steps, r.layer_scores[:, r.query], BRASS, width=3, panel=2, name=T(f"query {r.query}", f"查询 {r.query}"))
    )
    made, places = cursor(steps, 0, 1.04, 2)
    rows[len(drawn)] = {"x": places}
    drawn.append(made)
    frames = [Frame(str(layer), facts=told(r, layer - 1)) for layer in steps]
    ticks = (steps, [str(s) for s in steps])
    final = T(f"query {r.query}: {r.names[r.labels[r.query]][0]}, {percent(r.scores[r.query])}",
              f"查询 {r.query}：{r.names[r.labels[r.query]][1]}，{percent(r.scores[r.query])}")  # fmt: skip
    return Figure(
        drawn,
        [plane(r, T("brass: the chosen query", "黄铜色：所选查询")), plane(r, final),
         Panel(Axis(T("decoder layer", "解码器层"), ticks=ticks), Axis(T("confidence", "置信度"), range=(-0.03, 1.04)))],
        T(f"Query {r.query} ends as {r.names[r.labels[r.query]][0]} with a confidence of {percent(r.scores[r.query])}; the last layer moves its box by {moves(r, r.query)[-1]:.1f} pixels.",
          f"查询 {r.query} 最终为{r.names[r.labels[r.query]][1]}，置信度 {percent(r.scores[r.query])}；最后一层把它的框移动了 {moves(r, r.query)[-1]:.1f} 像素。"),
        frames=Frames(T("decoder layer", "解码器层"), frames, start=r.layer - 1, rows=rows, seconds=2.5, bound="layer"), columns=3, layout={"height": 340},
        facts=told(r, r.layer - 1),
    )  # fmt: skip


def moving(drawn: list, rows: dict, r: Found, q: int, stroke: str, width: float, panel: int) -> None:
    """Add a query's box, and where it is in each layer."""
    edges = [outlines(r.layer_boxes[layer, q : q + 1]) for layer in range(len(r.layer_boxes))]
    rows[len(drawn)] = {"x": np.array([e[0] for e in edges]), "y": np.array([e[1] for e in edges])}
    drawn.append(
        boxed(
            r.layer_boxes[r.layer - 1, q : q + 1], stroke, width=width, panel=panel, name=T(f"query {q}", f"查询 {q}")
        )
    )


def moves(r: Found, q: int) -> np.ndarray:
    """(L,) by how many pixels each layer moved the corners of a query's box, on average; of the first, 0."""
    return np.append(0.0, np.abs(np.diff(r.layer_boxes[:, q], axis=0)).mean(1))


def told(r: Found, layer: int) -> list[tuple[T, T | str]]:
    """The chosen query in one layer."""
    k = int(r.layer_labels[layer, r.query])
    return [(T("says", "判断为"), name(r, k)), (T("confidence", "置信度"), percent(float(r.layer_scores[layer, r.query]))),
            (T("its box moved by", "框移动了"), f"{moves(r, r.query)[layer]:.1f} px"), (T("attention within its box", "落在框内的注意力"), percent(inside(r, layer)))]  # fmt: skip


def inside(r: Found, layer: int) -> float:
    """The share of the chosen query's attention that lies within its box of that layer."""
    weights = r.looks[layer, r.query]
    h, w = weights.shape
    high, wide = r.pixels.shape[:2]
    x, y = (np.arange(w) + 0.5) * wide / w, (np.arange(h) + 0.5) * high / h
    x0, y0, x1, y1 = r.layer_boxes[layer, r.query]
    here = ((y >= y0) & (y <= y1))[:, None] & ((x >= x0) & (x <= x1))
    return float((weights * here).sum() / max(weights.sum(), 1e-12))


def heads_figure(r: Found) -> Figure:
    """Every head of every decoder layer for the chosen query, as tiles; and the chosen layer's heads over the picture."""
    L, H, h, w = r.attention.shape
    tall = np.full((L * (h + 1), H * (w + 1)), np.nan)
    for layer in range(L):
        for head in range(H):
            one = r.attention[layer, head]
            tall[layer * (h + 1) : layer * (h + 1) + h, head * (w + 1) : head * (w + 1) + w] = one / max(
                float(one.max()), 1e-12
            )
    x, y = (np.arange(tall.shape[1]) + 0.5) / (w + 1) - 0.5, (np.arange(tall.shape[0]) + 0.5) / (h + 1) - 0.5
    focus = r.attention.reshape(L, H, -1)
    bits = -(focus * np.log2(np.maximum(focus, 1e-12))).sum(-1)
    frame = np.array([[-0.5, r.layer - 1.5, H - 0.5, r.layer - 0.5]])
    drawn = [
        heat(tall, x, y, scale=WEIGHT, zmin=0, zmax=1, hoverinfo="none", name=T("attention", "注意力")),
        boxed(frame, BRASS, width=2),
        shown(r, 1),
        looked(r, r.looks[r.layer - 1, r.query], 1, name=T("attention", "注意力")),
        boxed(r.layer_boxes[r.layer - 1, r.query : r.query + 1], BRASS, width=3, panel=1),
    ]
    ticks = lambda count: (np.arange(count), [str(i + 1) for i in range(count)])  # noqa: E731
    sets = [{"layer": layer + 1} for layer in range(L) for _ in range(H)]
    sharp = np.unravel_index(bits.argmin(), bits.shape)
    rows = [[T("layer", "层"), *(T(f"head {i + 1}", f"头 {i + 1}") for i in range(H))],
            *([str(layer + 1), *(T(f"{v:.1f} bits", f"{v:.1f} 比特") for v in bits[layer])] for layer in range(L))]  # fmt: skip
    return Figure(
        drawn,
        [Panel(Axis(T("head", "头"), ticks=ticks(H)), Axis(T("layer (click one)", "层（可点击）"), ticks=ticks(L), reverse=True, equal=True)),
         plane(r, T(f"layer {r.layer}, mean over heads", f"第 {r.layer} 层，各头平均"))],
        T(f"For query {r.query} the narrowest look is that of head {sharp[1] + 1} in layer {sharp[0] + 1}: {bits.min():.1f} bits, where an even look has {np.log2(h * w):.1f}.",
          f"对查询 {r.query}，看得最集中的是第 {sharp[0] + 1} 层的头 {sharp[1] + 1}：{bits.min():.1f} 比特；均匀地看则为 {np.log2(h * w):.1f} 比特。"),
        picks=[Pick(panel=0, sets=sets, columns=H)], table=rows,
    )  # fmt: skip


def encoder_figure(r: Found) -> Figure:
    """Where one token of the encoder looks, layer by layer."""
    layers, _, h, w = r.encoder_attention.shape
    high, wide = r.pixels.shape[:2]
    mean = r.encoder_attention.mean(1)
    row, column = (int(v) for v in r.token)
    stride = wide / w
    mark = np.array([[column * stride, row * high / h, (column + 1) * stride, (row + 1) * high / h]])
    drawn = [shown(r), looked(r, mean[-1], 0, name=T("attention", "注意力"), zmax=float(mean.max())), boxed(mark, "#00e5ff", width=3),
             heat(mean[-1], panel=1, scale=WEIGHT, zmin=0, zmax=float(mean.max()), name=T("attention", "注意力")),
             boxed(np.array([[column - 0.5, row - 0.5, column + 0.5, row + 0.5]]), BRASS, width=2.4, panel=1)]  # fmt: skip
    own = [float(mean[layer, row, column]) for layer in range(layers)]
    frames = [Frame(str(layer + 1), facts=[(T("on itself", "看自己"), percent(own[layer])), (T("on the strongest token", "最强的词元"), percent(float(mean[layer].max())))])
              for layer in range(layers)]  # fmt: skip
    picks = [Pick(panel=0, x="column", y="row", cell=stride), Pick(panel=1, x="column", y="row")]
    return Figure(
        drawn,
        [plane(r, T("click anywhere", "点击任意处")),
         Panel(Axis(T("column", "列"), range=(-0.5, w - 0.5)), Axis(T("row", "行"), range=(-0.5, h - 0.5), reverse=True, equal=True), title=T("its look, as numbers", "它的注意力（数值）"))],
        T(f"The token in row {row}, column {column} looks at {h * w} tokens; in the last encoder layer {percent(own[-1])} of its attention stays on itself.",
          f"第 {row} 行第 {column} 列的词元看向 {h * w} 个词元；在编码器最后一层，{percent(own[-1])} 的注意力留在自身。"),
        frames=Frames(T("encoder layer", "编码器层"), frames, rows={1: {"z": mean}, 3: {"z": mean}}, seconds=2), picks=picks, facts=frames[-1].facts or (),
    )  # fmt: skip


def slots_figure(r: Found) -> Figure:
    """Every slot's detections over many held-out scenes: where in the picture, and how large."""
    s = r.slots
    if s is None:
        return absent(EMBEDDED_ONLY)
    Q = len(s.share)
    columns = int(np.ceil(np.sqrt(Q)))
    tiles = np.full(columns * -(-Q // columns), np.nan)
    tiles[:Q] = s.share
    across, down = np.arange(Q) % columns, np.arange(Q) // columns
    area = s.boxes[:, 2] * s.boxes[:, 3]
    kinds = np.digitize(area, np.quantile(area, (1 / 3, 2 / 3))) if len(area) else area
    drawn = [heat(tiles.reshape(-1, columns), scale=[[0, SURFACE], [1, f"{MUTE}/0.75"]], zmin=0, zmax=max(float(s.share.max()), 1e-9),
                  name=T("share of pictures", "图片占比"))]  # fmt: skip
    for k, (stroke, title) in enumerate(
        ((ACCEPT, T("small", "小")), (MEASURED, T("medium", "中")), (SECOND, T("large", "大")))
    ):
        here = kinds == k
        q = s.query[here]
        drawn.append(
            points(
                across[q] - 0.5 + s.boxes[here, 0],
                down[q] - 0.5 + s.boxes[here, 1],
                stroke,
                size=3.5,
                name=title,
                hoverinfo="skip",
            )
        )
    frame = np.array(
        [[across[r.query % Q] - 0.5, down[r.query % Q] - 0.5, across[r.query % Q] + 0.5, down[r.query % Q] + 0.5]]
    )
    drawn.append(boxed(frame, BRASS, width=2.6))
    mine = np.flatnonzero(s.query == r.query)
    edges = np.concatenate([s.boxes[mine, :2] - s.boxes[mine, 2:] / 2, s.boxes[mine, :2] + s.boxes[mine, 2:] / 2], 1)[
        :120
    ]
    drawn.append(boxed(edges, f"{MEASURED}/0.3", width=1, panel=1, name=T("boxes", "框")))
    drawn.append(points(s.boxes[mine, 0], s.boxes[mine, 1], MEASURED, size=5, panel=1, name=T("centres", "中心")))
    rows = -(-Q // columns)
    busiest, idle = int(s.share.argmax()), int((s.share < 0.02).sum())
    spread = float(np.sqrt(s.boxes[mine, :2].var(0).sum())) if len(mine) else float("nan")
    everywhere = float(np.sqrt(s.boxes[:, :2].var(0).sum())) if len(s.boxes) else float("nan")
    labels = [
        Label(columns - 0.6 - 1.1 * (2 - k), -0.72, t, c, "center")
        for k, (c, t) in enumerate(
            ((ACCEPT, T("small", "小")), (MEASURED, T("medium", "中")), (SECOND, T("large", "大")))
        )
    ]
    unit = {"range": (0, 1)}
    return Figure(
        drawn,
        [Panel(Axis(hidden=True, range=(-0.5, columns - 0.5)), Axis(hidden=True, range=(-0.95, rows - 0.5), reverse=True, equal=True), title=T("one tile a slot (click one)", "每格一个槽位（可点击）")),
         Panel(Axis(T("across", "横向"), **unit), Axis(T("down", "纵向"), reverse=True, equal=True, **unit), title=T(f"slot {r.query}: {len(mine)} finds in {s.pictures} scenes", f"槽位 {r.query}：{s.pictures} 个场景中找到 {len(mine)} 次"))],
        T(f"Over {s.pictures} held-out scenes slot {busiest} finds something most often, in {percent(float(s.share[busiest]))} of them; {idle} of {Q} slots hardly ever do.",
          f"在 {s.pictures} 个留出场景中，槽位 {busiest} 最常找到物体（{percent(float(s.share[busiest]))}）；{Q} 个槽位中有 {idle} 个几乎从不。"),
        labels, picks=[Pick(panel=0, sets=[{"query": q} for q in range(Q)], columns=columns)],
        facts=[(T("this slot finds something in", "该槽位找到物体的比例"), percent(float(s.share[r.query % Q]))),
               (T("its finds scatter by", "其位置的散布"), f"{spread:.2f}" if np.isfinite(spread) else "–"), (T("all finds scatter by", "全部位置的散布"), f"{everywhere:.2f}" if np.isfinite(everywhere) else "–")],
    )  # fmt: skip
