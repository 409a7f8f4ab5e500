"""What was learned, as matrices: the spectrum of ΔW, subspaces that ranks and seeds share, what is amplified."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.training.lora import Adapted
from pages.shell import T
from pages.shell.axes import Axis
from pages.shell.colors import INK_2, INK_3, RAMP, THEORY
from pages.shell.figures import Figure, absent
from pages.shell.moments import Frame, Frames
from pages.shell.panels import Label, Panel
from pages.shell.traces import heat, line, points
from pages.training.lora_parts import FULL, color, matrix, number, powers, title, waiting

FLOOR = 1e-7
DRAWN = 48  # singular values


def spectrum_figure(r: Adapted) -> Figure:
    """Singular values of ΔW for every setting, one moment a matrix, with W's own behind them."""
    if r.spectrum is None:
        return waiting(r) or absent(T("This is read off when training is done.", "训练结束后才能读出。"))
    f = r.spectrum
    drawn = min(DRAWN, f.values.shape[2])
    values = np.where(f.values[:, :, :drawn] > FLOOR, f.values[:, :, :drawn], np.nan)
    base = f.base[:, :drawn]
    x = np.arange(1, drawn + 1)
    shown = [s for s in range(len(r.names)) if np.isfinite(values[:, s]).any()]
    if not shown:
        return absent(T("No run arrived, so there is no ΔW.", "没有训练成功，因而没有 ΔW。"))
    traces: list[Any] = [line(x, base[0], INK_3, dash="dash", width=1.3, name=T("W itself", "W 本身"))]
    rows: dict[int, dict[str, np.ndarray]] = {0: {"y": base.astype(np.float32)}}
    for s in shown:
        rows[len(traces)] = {"y": values[:, s].astype(np.float32)}
        mode = {"mode": "lines+markers", "marker": {"size": 5, "color": color(r, s)}}
        traces.append({**line(x, values[0, s], color(r, s), width=2.0, name=title(r, s)), **mode})
    low, high = float(np.nanmin(values)), float(max(np.nanmax(values), base.max()))
    low = max(low, high * 1e-4)
    labels = []
    if r.true_spectrum is not None:
        known = r.true_spectrum[:drawn]
        real = np.where(known > FLOOR, known, np.nan)
        traces.append(points(x, real, THEORY, size=13, symbol="line-ew-open", name=T("the known ΔW", "已知的 ΔW"),
                             marker={"color": THEORY, "size": 13, "symbol": "line-ew-open", "line": {"width": 2, "color": THEORY}}))  # fmt: skip
        labels.append(
            Label(
                r.true_rank + 0.8,
                float(np.nanmin(real)),
                T(f"the known ΔW: {r.true_rank} values", f"已知的 ΔW：{r.true_rank} 个值"),
                THEORY,
            )
        )
    frames = []
    for m, name in enumerate(f.names):
        words = matrix(name)
        numbers = [
            (title(r, s), number(float(np.nanmax(values[m, s]))) if np.isfinite(values[m, s]).any() else "–")
            for s in shown
        ]
        frames.append(
            Frame(
                words.en if words.en == words.zh else name, facts=[(T("largest of", "最大值："), words), *numbers][:8]
            )
        )
    first = matrix(f.names[-1])
    top = float(np.nanmax(values[-1])) if np.isfinite(values[-1]).any() else float("nan")
    bottom_word = Label(float(drawn), float(base[-1, -1]) * 1.25, T("W itself", "W 本身"), INK_2, "right")
    many = len(frames) > 1
    return Figure(
        traces,
        [Panel(Axis(T("number of the singular value", "第几个奇异值"), log=True, range=(0.85, drawn * 1.25), ticks=([1, 2, 4, 8, 16, 32], ["1", "2", "4", "8", "16", "32"])),
               Axis(T("singular value", "奇异值"), log=True, range=(low / 1.6, high * 1.7), ticks=powers(low / 1.6, high * 1.7)))],
        T(f"Singular values of ΔW in {first.en}, first seed: the largest is {number(top)}. A rank-r update has r of them; full fine-tuning has all.",
          f"{first.zh} 中 ΔW 的奇异值（第一个种子）：最大的是 {number(top)}。秩为 r 的更新有 r 个，全量微调则全都有。"),
        [*labels, bottom_word, *ends(r, values[-1], x, shown)],
        Frames(T("matrix", "矩阵"), frames, rows=rows) if many else None,
        facts=() if many else frames[0].facts or (),
    )  # fmt: skip


def ends(r: Adapted, values: np.ndarray, x: np.ndarray, shown: list[int]) -> list[Label]:
    """The names of a few settings where their curves end: in the last frame, and about there in all."""
    made: list[Label] = []
    for s in shown:
        known = np.flatnonzero(np.isfinite(values[s]))
        if not len(known):
            continue
        at = known[-1]
        place = (float(np.log10(x[at])), float(np.log10(values[s, at])))
        if all(abs(place[0] - np.log10(o.x)) + abs(place[1] - np.log10(o.y)) > 0.22 for o in made):
            made.append(
                Label(float(x[at]), float(values[s, at]) / 1.28, title(r, s), color(r, s).partition("/")[0], "center")
            )
    return made


def similarity_figure(r: Adapted) -> Figure:
    """φ between two ranks and between two seeds, of A and of ΔW, one moment a matrix."""
    if (figure := waiting(r)) is not None or r.similarity is None:
        return figure or absent(T("This is read off when training is done.", "训练结束后才能读出。"))
    f = r.similarity
    grids = [f.of_a, f.of_update, f.seeds_a, f.seeds_update]
    if not any(np.isfinite(g).any() for g in grids):
        return absent(
            T("There are no two low ranks to compare: sweep at least two.", "没有两个低秩可以比较：请至少扫描两个。")
        )
    small, large = (int(v) for v in f.ranks[int(np.argmax(f.ranks[:, 1]))])
    names = [
        T(f"A, rank {small} against {large}", f"A，秩 {small} 与 {large}"), T(f"ΔW, rank {small} against {large}", f"ΔW，秩 {small} 与 {large}"),
        T(f"A, two seeds of rank {large}", f"A，秩 {large} 的两个种子"), T(f"ΔW, two seeds of rank {large}", f"ΔW，秩 {large} 的两个种子"),
    ]  # fmt: skip
    traces, panels, rows = [], [], {}
    shown = [k for k, grid in enumerate(grids) if np.isfinite(grid).any()]
    for place, k in enumerate(shown):
        grid = grids[k].astype(np.float32)
        held = np.isfinite(grid).any(0)
        i, j = int(held.any(1).sum()), int(held.any(0).sum())
        grid = grid[:, :i, :j]
        rows[place] = {"z": grid}
        hover = T(
            "i = %{y}, j = %{x}<br>φ = %{z:.3f}<extra></extra>", "i = %{y}，j = %{x}<br>φ = %{z:.3f}<extra></extra>"
        )
        traces.append(
            heat(
                grid[-1],
                np.arange(1, j + 1),
                np.arange(1, i + 1),
                scale=RAMP,
                zmin=0,
                zmax=1,
                panel=place,
                name=names[k],
                hovertemplate=hover,
            )
        )
        panels.append(
            Panel(
                Axis(T("first j directions", "前 j 个方向"), range=(0.5, j + 0.5)),
                Axis(T("first i", "前 i 个"), range=(0.5, i + 0.5), reverse=True),
                title=names[k],
            )
        )
    frames = []
    for m, name in enumerate(f.names):
        words, chance = matrix(name), 1 / f.width[m]
        first = [(names[k], number(float(grids[k][m, 0, 0]))) for k in shown]
        frames.append(
            Frame(
                words.en if words.en == words.zh else name,
                facts=[
                    (T("first directions, φ(1, 1), of", "第一方向 φ(1, 1)："), words),
                    *first,
                    (T("by chance", "随机期望"), number(float(chance))),
                ],
            )
        )
    last = len(f.names) - 1
    value = [float(grids[k][last, 0, 0]) for k in shown]
    which = f"{names[shown[-1]].en}", f"{names[shown[-1]].zh}"
    return Figure(
        traces, panels,
        T(f"Shared subspaces in {matrix(f.names[last]).en}: of {which[0]} the first directions agree by {number(value[-1])}, where chance gives {number(float(1 / f.width[last]), 2)}. Dark is 1: one subspace lies in the other.",
          f"{matrix(f.names[last]).zh} 的共同子空间：{which[1]}的第一方向重合度为 {number(value[-1])}，随机期望为 {number(float(1 / f.width[last]), 2)}。深色为 1：一个子空间在另一个之内。"),
        frames=Frames(T("matrix", "矩阵"), frames, rows=rows) if last else None,
        facts=() if last else frames[0].facts or (),
    )  # fmt: skip


def amplification_figure(r: Adapted) -> Figure:
    """How much ΔW adds in its own directions over what W had there, for every matrix and setting."""
    if r.spectrum is None:
        return absent(T("This is read off when training is done.", "训练结束后才能读出。"))
    f = r.spectrum
    shown = [s for s in range(len(r.names)) if np.isfinite(f.amplification[:, s]).any()]
    if not shown:
        return absent(T("No run arrived, so there is no ΔW.", "没有训练成功，因而没有 ΔW。"))
    at = np.arange(len(f.names), dtype=float)
    traces: list[Any] = []
    offset = np.linspace(-0.3, 0.3, len(shown)) if len(shown) > 1 else np.zeros(1)
    for place, s in enumerate(shown):
        x = at + offset[place]
        traces.append(
            points(
                x,
                f.amplification[:, s],
                color(r, s),
                size=11,
                symbol="diamond" if r.ranks[s] == FULL else "circle",
                name=title(r, s),
            )
        )
        traces.append(
            points(
                x,
                f.already[:, s],
                color(r, s),
                size=9,
                symbol="diamond" if r.ranks[s] == FULL else "circle",
                name=title(r, s),
                panel=1,
            )
        )
        traces.append(points(x, f.own[:, s], INK_3, size=9, symbol="line-ew-open", name=T("W’s own first directions", "W 自己的前几个方向"), panel=1,
                             marker={"color": INK_3, "size": 9, "symbol": "line-ew-open", "line": {"width": 2, "color": INK_3}}))  # fmt: skip
        traces.append(
            points(
                x,
                f.chance[:, s],
                THEORY,
                size=7,
                symbol="x-thin-open",
                name=T("random directions", "随机方向"),
                panel=1,
            )
        )
    finite = f.amplification[np.isfinite(f.amplification)]
    low, high = float(finite.min()) / 1.5, float(finite.max()) * 1.6
    inside = np.concatenate([f.already.ravel(), f.own.ravel(), f.chance.ravel()])
    inside = inside[np.isfinite(inside) & (inside > 0)]
    least, most = float(inside.min()) / 1.6, float(inside.max()) * 1.8
    ticks = (
        at.tolist(),
        [
            T.of(
                matrix(n).en.partition(",")[0]
                + (f"<br>{int(n.lstrip('abcdefghijklmnopqrstuvwxyz')) + 1}" if n[-1].isdigit() else "")
            )
            for n in f.names
        ],
    )
    traces.append(line([-0.6, len(at) - 0.4], [1, 1], INK_3, dash="dash", width=1, hoverinfo="skip"))
    m, s = np.unravel_index(int(np.nanargmax(f.amplification)), f.amplification.shape)
    words = T(title(r, int(s)).en, title(r, int(s)).zh)
    axis = Axis(T("matrix and layer", "矩阵与层"), range=(-0.6, len(at) - 0.4), ticks=ticks)
    rows = [
        (matrix(f.names[k]), title(r, v), str(f.directions[k, v]), number(f.gained[k, v]), number(f.already[k, v]), number(f.own[k, v]), number(f.chance[k, v]), number(f.amplification[k, v]))
        for k in range(len(f.names)) for v in shown
    ]  # fmt: skip
    return Figure(
        traces,
        [Panel(axis, Axis(T("‖ΔW‖ ÷ ‖UᵀWV‖", "‖ΔW‖ ÷ ‖UᵀWV‖"), log=True, range=(low, high), ticks=powers(low, high)), title=T("amplification", "放大倍数")),
         Panel(axis, Axis("‖UᵀWV‖", log=True, range=(least, most), ticks=powers(least, most)), title=T("what W had in these directions", "W 在这些方向上原有多少"))],
        T(f"The most amplified is {matrix(f.names[m]).en} by “{words.en}”: ΔW is {number(float(f.amplification[m, s]))} times what W had in the same directions.",
          f"放大最多的是{matrix(f.names[m]).zh}（{words.zh}）：ΔW 是 W 在同样方向上原有分量的 {number(float(f.amplification[m, s]))} 倍。"),
        [Label(len(at) - 0.45, 1.0 * 1.08, T("as much again", "加倍"), INK_2, "right"),
         Label(-0.55, float(np.nanmax(f.own)) * 1.35, T("— W’s own first, × random", "— W 自己的前几个，× 随机"), INK_2, "left", 1)],
        table=[(T("matrix", "矩阵"), T("setting", "设置"), T("directions", "方向数"), "‖ΔW‖", "‖UᵀWV‖", T("W’s own", "W 自己的"), T("random", "随机"), T("amplification", "放大倍数")), *rows[:40]],
    )  # fmt: skip
