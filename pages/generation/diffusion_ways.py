"""The ways from noise: all guidances side by side, one of them step by step, and a way on which the class is changed."""

from __future__ import annotations

import math

import numpy as np

from engine.generation.diffusion import Diffused
from engine.generation.diffusion.results import GUIDANCES
from pages.generation.diffusion_parts import (
    FEW,
    NAMES,
    TILES,
    arrows,
    board,
    class_name,
    cloud,
    digits,
    frames_of,
    mosaic,
    on_plane,
    order,
    percent,
    pixels,
    plane,
    shade,
    shown_picture,
    side_of,
    small,
)
from pages.shell import T, grouped
from pages.shell.axes import Axis
from pages.shell.colors import BRASS, INK_2, INK_3
from pages.shell.figures import Figure, absent
from pages.shell.moments import Frame, Frames
from pages.shell.panels import Label, Panel
from pages.shell.traces import line

ROWS = (
    T("state xₜ", "状态 xₜ"),
    T("noise seen ε", "所见噪声 ε"),
    T("predicted x̂₀", "预测 x̂₀"),
    T("guidance's push", "引导的推动"),
)
COLUMNS = 6  # pictures of the step-by-step view
NEAR = 2.3  # half the width of the plane where four stand side by side
FEWER, PUSHES = 180, 36  # points of that view, and of them those with an arrow
SCORED = 0.42  # length of a score arrow of size 1
PUSHED = 0.6  # of a push of size 1


def table(r: Diffused) -> list[list[T | str]]:
    """What every guidance gained and cost."""
    rows: list[list[T | str]] = [[T("guidance", "引导"), T("recognised", "被认出"), T("diversity", "多样性"), T("precision", "精确率"),
                                  T("recall", "召回率"), T("Fréchet", "Fréchet 距离"), T("calls", "调用次数"), T("rows computed", "计算行数")]]  # fmt: skip
    for g in order(r):
        path, quality = r.paths[g], r.quality.get(g)
        numbers = [percent(quality[0]), *(digits(v) for v in quality[1:])] if quality else ["…"] * 5
        rows.append([NAMES[g], *numbers, grouped(path.calls), grouped(path.evaluations)])
    return rows


def told(r: Diffused) -> T:
    """Side by side, in a sentence."""
    known = [g for g in order(r) if g in r.quality]
    en = ", ".join(f"{NAMES[g].en} {percent(r.quality[g][0])}" for g in known)
    zh = "，".join(f"{NAMES[g].zh} {percent(r.quality[g][0])}" for g in known)
    if not known:
        return T("Samples from one noise, on their way.", "同一噪声出发、正在生成的样本。")
    return T(f"From one noise, recognised as the wanted class: {en}.", f"从同一噪声出发，被认作所要类别的比例：{zh}。")


def titles(r: Diffused) -> list[T]:
    """Each panel's title: what guidance it is, and whether it has been run."""
    made = []
    for g in GUIDANCES:
        strength = f" · w = {r.scale:g}" if g in GUIDANCES[2:] else ""
        more = T("", "") if g in r.paths else T(" · on its way", " · 计算中")
        made.append(T(f"{NAMES[g].en}{strength}{more.en}", f"{NAMES[g].zh}{strength}{more.zh}"))
    return made


def ways_figure(r: Diffused) -> Figure:
    """The four guidances from the same noise, moment by moment."""
    return _plane_ways(r) if on_plane(r) else _picture_ways(r)


def _plane_ways(r: Diffused) -> Figure:
    count = len(r.trajectory)
    labels = r.labels[:FEW]
    traces, rows = [], {}
    panels = [plane(title, NEAR) for title in titles(r)]
    for k, g in enumerate(GUIDANCES):
        if r.field is not None:
            rows[len(traces)] = {"z": r.field.density}
            traces.append(shade(r.field.density[-1], k))
        if g in r.paths:
            way = r.paths[g].trajectory[:count, :FEW].astype(np.float32)
            rows[len(traces)] = {"x": way[..., 0], "y": way[..., 1]}
            traces.append(cloud(way[-1], labels, k, NAMES[g]))
        else:
            traces.append(cloud(np.full((1, 2), np.nan), labels[:1], k, NAMES[g]))
    frames = Frames(T("step", "步"), frames_of(r, count), rows=rows)
    return Figure(traces, panels, told(r), frames=frames, table=table(r), layout={"height": 330})


def _picture_ways(r: Diffused) -> Figure:
    count, columns = len(r.trajectory), side_of(min(len(r.samples), TILES))
    there = order(r)
    sheets = [[mosaic(pixels(tiles[:TILES]), columns) for tiles in r.paths[g].clean[:count]] for g in there]
    made = dict(zip(there, small(sheets), strict=True))
    shape = sheets[0][0].shape
    traces = [shown_picture(made[g][-1], k, NAMES[g]) for k, g in enumerate(GUIDANCES) if g in made]
    frames = [
        Frame(f.name, {i: {"source": made[g][k]} for i, g in enumerate(there)}, facts=f.facts)
        for k, f in enumerate(frames_of(r, count))
    ]
    return Figure(
        traces, [board(shape, title) for title in titles(r)], told(r), frames=Frames(T("step", "步"), frames),
        table=table(r), layout={"height": 330},
    )  # fmt: skip


def step_figure(r: Diffused) -> Figure:
    """One way in detail: the state, the noise or score that the model sees in it, the x̂₀ that follows, the push."""
    return _plane_step(r) if on_plane(r) else _picture_step(r)


def _plane_step(r: Diffused) -> Figure:
    path, count = r.paths[r.guidance], len(r.trajectory)
    labels = r.labels[:FEWER]
    states, clean = (part[:count, :FEWER].astype(np.float32) for part in (path.trajectory, path.clean))
    traces, rows = [], {}
    if r.field is not None:
        rows[0] = {"z": r.field.density}
        traces.append(shade(r.field.density[-1], 0))
        long = np.maximum(np.linalg.norm(r.field.arrows, axis=-1, keepdims=True), 1)  # those beyond 1 are cut
        tails = np.broadcast_to(r.field.places, r.field.arrows.shape)
        x, y = arrows(tails, tails + SCORED * r.field.arrows / long)
        rows[1] = {"x": x[:count], "y": y[:count]}
        traces.append(line(x[-1], y[-1], INK_3, width=1, name=T("score × √(1−ᾱ)", "得分 × √(1−ᾱ)"), hoverinfo="skip"))
    for panel, way, name in ((0, states, T("state xₜ", "状态 xₜ")), (1, clean, T("predicted x̂₀", "预测 x̂₀"))):
        rows[len(traces)] = {"x": way[..., 0], "y": way[..., 1]}
        traces.append(cloud(way[-1], labels, panel, name, 5))
    some = slice(0, PUSHES)
    x, y = arrows(states[:, some], states[:, some] + PUSHED * path.push[:count, some])
    rows[len(traces)] = {"x": x, "y": y}
    traces.append(line(x[-1], y[-1], BRASS, width=1.6, name=T("push of guidance", "引导的推动"), hoverinfo="skip"))
    heads = [T("state xₜ · grey: score · brown: push of guidance", "状态 xₜ · 灰：得分 · 棕：引导的推动"),
             T("where the model sees each one end: x̂₀", "模型所见的终点：x̂₀")]  # fmt: skip
    peak = float(np.nanmax(r.guidance_norm)) if np.isfinite(r.guidance_norm).any() else 0.0
    return Figure(
        traces, [plane(heads[0]), plane(heads[1])],
        T(f"Under {NAMES[r.guidance].en} the push of guidance is at most {digits(peak)} where noise is 1.",
          f"在“{NAMES[r.guidance].zh}”下，引导的推动最大为 {digits(peak)}（噪声为 1）。"),
        frames=Frames(T("step", "步"), frames_of(r, count), rows=rows, start=count // 2),
    )  # fmt: skip


def _picture_step(r: Diffused) -> Figure:
    path, count = r.paths[r.guidance], len(r.trajectory)
    columns = min(COLUMNS, path.trajectory.shape[1])
    sheets = []
    for k, at in enumerate(r.moments[:count]):
        level = float(r.alphas_cumprod[at])
        x, clean, push = (part[k, :columns] for part in (path.trajectory, path.clean, path.push))
        noise = (x - math.sqrt(level) * clean) / math.sqrt(1 - level) if level < 1 else np.zeros_like(x)
        strongest = max(float(np.nanmax(np.abs(push))), 1e-9)
        rows = [np.clip(x / 2, -1, 1), np.clip(noise / 2.5, -1, 1), clean, push / strongest]
        sheets.append(mosaic(pixels(np.concatenate(rows)), columns))
    made = small([sheets])[0]
    height, tile = sheets[0].shape[0], path.trajectory.shape[-1] + 1
    labels = [Label(-0.8, (i + 0.5) * tile, name, INK_2, "right") for i, name in enumerate(ROWS)]
    panel = board(sheets[0].shape)
    panel = Panel(Axis(hidden=True, range=(-tile * 1.55, sheets[0].shape[1])), panel.y)
    frames = [Frame(f.name, {0: {"source": made[k]}}, facts=f.facts) for k, f in enumerate(frames_of(r, count))]
    return Figure(
        [shown_picture(made[-1], 0, T("steps", "步骤"))], [panel],
        T(f"State, noise, prediction and push of {columns} pictures, {height} pixels high, at every step.",
          f"{columns} 张图像每一步的状态、噪声、预测与推动，共高 {height} 像素。"),
        labels, frames=Frames(T("step", "步"), frames, start=count // 2),
    )  # fmt: skip


def branch_figure(r: Diffused) -> Figure:
    """The run that kept its class, and the one whose class was changed at a step, from there on."""
    b = r.branch
    if b is None:
        return absent(T("The branch is still being computed.", "分支尚在计算。"))
    begin = int(np.searchsorted(r.moments, b.step))
    kept = r.paths[r.guidance].trajectory if on_plane(r) else r.paths[r.guidance].clean
    changed = b.path.trajectory if on_plane(r) else b.path.clean
    kept = kept[begin:]
    changed = changed[len(changed) - len(kept) :]
    heads = [T(f"kept: {class_name(r, b.before).en}", f"不变：{class_name(r, b.before).zh}"),
             T(f"from step {b.step} on: {class_name(r, b.after).en}", f"第 {b.step} 步起：{class_name(r, b.after).zh}")]  # fmt: skip
    told_ = T(f"At step {b.step} the class is changed to {class_name(r, b.after).en}; both runs share all before it.",
              f"第 {b.step} 步时类别改为{class_name(r, b.after).zh}；此前两者完全相同。")  # fmt: skip
    frames = frames_of(r, len(kept), begin)
    if on_plane(r):
        traces, rows = [], {}
        for k, way in enumerate((kept, changed)):
            if r.field is not None:
                rows[len(traces)] = {"z": r.field.density[begin:]}
                traces.append(shade(r.field.density[-1], k))
            some = way[:, :FEW].astype(np.float32)
            rows[len(traces)] = {"x": some[..., 0], "y": some[..., 1]}
            wanted = r.labels[:FEW] if k == 0 else np.full(FEW, b.after)
            traces.append(cloud(some[-1], wanted[: some.shape[1]], k, heads[k]))
        return Figure(traces, [plane(h) for h in heads], told_, frames=Frames(T("step", "步"), frames, rows=rows))
    columns = side_of(min(len(r.samples), TILES))
    sheets = [[mosaic(pixels(tiles[:TILES]), columns) for tiles in way] for way in (kept, changed)]
    made = small(sheets)
    moved = [Frame(f.name, {i: {"source": made[i][k]} for i in (0, 1)}, facts=f.facts) for k, f in enumerate(frames)]
    return Figure(
        [shown_picture(made[i][-1], i, heads[i]) for i in (0, 1)], [board(sheets[0][0].shape, h) for h in heads], told_,
        frames=Frames(T("step", "步"), moved),
    )  # fmt: skip
