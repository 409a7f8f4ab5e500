"""The ways from noise: all guidances side by side, and one of them step by step."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from engine.generation.diffusion import Diffused
from engine.generation.diffusion.parameters import NAMES
from engine.generation.diffusion.result import GUIDANCES
from pages.generation.diffusion.parts import (
    FEW,
    TILES,
    Moving,
    board,
    classes,
    encoded,
    frames_of,
    mosaic,
    on_plane,
    order,
    pixels,
    plane,
    sources,
)
from pages.shell import T, draw

MEASURES = [
    T("recognised", "被认出"),
    T("diversity", "多样性"),
    T("precision", "精确率"),
    T("recall", "召回率"),
    T("Fréchet", "Fréchet 距离"),
]
ROWS = (T("state xₜ", "状态 xₜ"), T("noise seen ε", "所见噪声 ε"), T("predicted x̂₀", "预测 x̂₀"), T("guidance's push", "引导的推动"))
SHOWN = (2, 2.5, 1)  # what is drawn black and white in the first three rows, with either sign; noise has deviation 1
COLUMNS = 6  # pictures of the step-by-step view
NEAR = 2.3  # half the width of the plane where four stand side by side
FEWER, PUSHES = 180, 36  # points of that view, and of them those with an arrow
SCORED = 0.42  # length of a score arrow of size 1
PUSHED = 0.6  # of a push of size 1
STEP = T("step", "步")
COMING = T("on its way", "计算中")


def table(r: Diffused) -> list[list]:
    """What every guidance gained and cost."""
    rows: list[list] = [
        [T("guidance", "引导"), *MEASURES, T("of samples", "样本数"), T("calls", "调用次数"), T("rows computed", "计算行数")]
    ]
    for g in order(r):
        path, q = r.paths[g], r.quality.get(g)
        measured = [(q.accuracy, "percent"), q.diversity, q.precision, q.recall, q.frechet, (q.count, "count")] if q else ["…"] * 6
        rows.append([NAMES[g], *measured, (path.calls, "count"), (path.evaluations, "count")])
    return rows


def ways_figure(r: Diffused) -> draw.Figure:
    """The four guidances from the same noise, moment by moment."""
    count, there = len(r.chosen.trajectory), order(r)
    frames = frames_of(r, count)
    if on_plane(r):
        moving, panels, centre = Moving(), [plane(NAMES[g], NEAR, () if k else classes(r)) for k, g in enumerate(GUIDANCES)], (0.0, 0.0)
        for k, g in enumerate(GUIDANCES):
            moving.shade(r, k)
            way = r.paths[g].trajectory[:count, :FEW] if g in there else np.full((count, 1, 2), np.nan)
            moving.cloud(way, r.labels[:FEW], k, NAMES[g])
        traces, moved = moving.traces, draw.Frames(STEP, frames, rows=moving.rows)
    else:
        drawn = min(len(r.labels), TILES)
        square = math.ceil(math.sqrt(drawn))
        columns = min((square, square + 1), key=lambda wide: -drawn % wide)  # as few blank tiles as may be
        sheets = [[mosaic(pixels(tiles[:TILES]), columns) for tiles in r.paths[g].clean[:count]] for g in there]
        shown, shape = sources(sheets), sheets[0][0].shape
        panels, centre = [board(shape, NAMES[g]) for g in GUIDANCES], (shape[1] / 2, shape[0] / 2)
        traces = [encoded(shown[i][-1], GUIDANCES.index(g), NAMES[g]) for i, g in enumerate(there)]
        frames = [draw.Frame(f.name, {i: {"source": row[k]} for i, row in enumerate(shown)}, facts=f.facts) for k, f in enumerate(frames)]
        moved = draw.Frames(STEP, frames)
    known = T.joined([T("{name} {share:percent}", "{name} {share:percent}", name=NAMES[g], share=q.accuracy) for g, q in r.quality.items()])
    return draw.Figure(
        traces,
        panels,
        T("From one noise, recognised as the wanted class: {known}.", "从同一噪声出发，被认作所要类别的比例：{known}。", known=known)
        if r.quality
        else T("Samples from one noise, on their way.", "同一噪声出发、正在生成的样本。"),
        [draw.Label(*centre, COMING, anchor="center", panel=k) for k, g in enumerate(GUIDANCES) if g not in there],
        frames=moved,
        table=table(r),
    )


def step_figure(r: Diffused) -> draw.Figure:
    """One way in detail: the state, the noise or score that the model sees in it, the x̂₀ that follows, the push."""
    return _plane_step(r) if on_plane(r) else _picture_step(r)


def _plane_step(r: Diffused) -> draw.Figure:
    path, count = r.chosen, len(r.chosen.trajectory)
    states, clean = path.trajectory[:, :FEWER], path.clean[:, :FEWER]
    moving = Moving()
    moving.shade(r, 0)
    if r.field is not None:
        long = np.maximum(np.linalg.norm(r.field.arrows, axis=-1, keepdims=True), 1)  # those beyond 1 are cut
        tails = np.broadcast_to(r.field.places, r.field.arrows.shape)
        heads = tails + SCORED * r.field.arrows / long
        moving.arrows(tails[:count], heads[:count], draw.INK_3, 1, T("score × √(1−ᾱ)", "得分 × √(1−ᾱ)"))
    moving.cloud(states, r.labels[:FEWER], 0, ROWS[0], 5)
    moving.cloud(clean, r.labels[:FEWER], 1, ROWS[2], 5)
    begun = states[:, :PUSHES]
    moving.arrows(begun, begun + PUSHED * path.push[:, :PUSHES], draw.BRASS, 1.6, T("push of guidance", "引导的推动"))
    key = [(draw.INK_3, T("score", "得分"), "line"), (draw.BRASS, T("push of guidance", "引导的推动"), "line")]
    return draw.Figure(
        moving.traces,
        [plane(ROWS[0], key=key), plane(T("where the model sees each one end: x̂₀", "模型所见的终点：x̂₀"), key=classes(r))],
        T(
            "Under {name} the push of guidance is at most {peak:number} where noise is 1.",
            "在“{name}”下，引导的推动最大为 {peak:number}（噪声为 1）。",
            name=NAMES[r.guidance],
            peak=np.nanmax(path.guidance_norm, initial=0.0),
        ),
        frames=draw.Frames(STEP, frames_of(r, count), rows=moving.rows, start=count // 2),
    )


def _picture_step(r: Diffused) -> draw.Figure:
    path, count = r.chosen, len(r.chosen.trajectory)
    columns = min(COLUMNS, path.trajectory.shape[1])
    sheets, frames = [], frames_of(r, count)
    for k, at in enumerate(r.moments[:count]):
        level = float(r.alphas_cumprod[at])
        x, clean, push = (part[k, :columns] for part in (path.trajectory, path.clean, path.push))
        noise = (x - math.sqrt(level) * clean) / math.sqrt(1 - level) if level < 1 else np.zeros_like(x)
        strongest = max(float(np.nanmax(np.abs(push))), 1e-9)
        rows = [np.clip(part / most, -1, 1) for part, most in zip((x, noise, clean, push), (*SHOWN, strongest), strict=True)]
        drawn = T("±{push:number}", "±{push:number}", push=strongest)
        frames[k] = replace(frames[k], facts=[*frames[k].facts, (T("push drawn black or white", "画成黑或白的推动"), drawn)])
        sheets.append(mosaic(pixels(np.concatenate(rows)), columns))
    shown = sources([sheets])[0]
    scaled = [T("{row}, ±{most:number}", "{row}，±{most:number}", row=row, most=most) for row, most in zip(ROWS, SHOWN, strict=False)]
    scaled.append(ROWS[3])
    tile, whole = path.trajectory.shape[-1] + 1, board(sheets[0].shape)
    panel = draw.Panel(
        draw.Axis(hidden=True, range=(-tile * 1.55, sheets[0].shape[1])),
        whole.y,
        title=T("from black, −, to white, +", "由黑（负）到白（正）"),
    )
    return draw.Figure(
        [encoded(shown[-1], 0, T("steps", "步骤"))],
        [panel],
        T("State, noise, prediction and push of {n} pictures at every step.", "{n} 张图像每一步的状态、噪声、预测与推动。", n=columns),
        [draw.Label(-0.8, (i + 0.5) * tile, name, anchor="right") for i, name in enumerate(scaled)],
        frames=draw.Frames(
            STEP, [draw.Frame(f.name, {0: {"source": shown[k]}}, facts=f.facts) for k, f in enumerate(frames)], start=count // 2
        ),
    )
