"""The figures of the whole family: side by side, one encoding's parts, and whether only the distance counts."""

from __future__ import annotations

import numpy as np

from engine.attention.position_encoding import PositionEncoded
from pages.attention.position_encoding_parts import (
    DISTANCE,
    ENTERS,
    POSITION_M,
    POSITION_N,
    nats,
    number,
    outlines,
    room,
    title,
)
from pages.shell import T
from pages.shell.axes import Axis
from pages.shell.colors import ACCEPT, INK, INK_2, INK_3, MEASURED, REJECT, SECOND
from pages.shell.figures import Figure, Pick
from pages.shell.moments import Frame, Frames
from pages.shell.panels import Label, Panel
from pages.shell.traces import heat, line, points

COLUMNS, GAP = 4, 8
SUM = T("their sum: the score", "总和：即分数")
YES, NO = T("m − n alone", "只看 m − n"), T("m and n", "看 m 与 n")


def tile(scores: np.ndarray) -> np.ndarray:
    """Scores less their mean, in percent of the largest of what is left: what position changes. 0 for no score."""
    known = scores[np.isfinite(scores)]
    if not known.size:
        return np.zeros(scores.shape)
    centred = np.nan_to_num(scores - known.mean())
    return 100 * centred / max(float(np.abs(centred).max()), 1e-9)


def family_figure(p: PositionEncoded) -> Figure:
    """A tile for each encoding: the score of one query and one key, wherever they stand."""
    side = p.scores.shape[1]
    cell = side + GAP
    rows = -(-len(p.names) // COLUMNS)
    z = np.zeros((rows * cell, COLUMNS * cell), dtype=np.int16)
    labels, corners = [], []
    for i, name in enumerate(p.names):
        top, left = i // COLUMNS * cell + GAP - 1, i % COLUMNS * cell + 1
        z[top : top + side, left : left + side] = tile(p.scores[i]).round()
        corners.append((left - 0.5, top - 0.5))
        mark, color = ("✓", ACCEPT) if p.relative_only[i] else ("✗", REJECT)
        words = title(p, name)
        labels.append(Label(left - 1, top - 3.5, T(f"{mark} {words.en}", f"{mark} {words.zh}"), color))
    chosen = p.names.index(p.chosen.name)
    top, left = (len(p.names) // COLUMNS) * cell + GAP, (len(p.names) % COLUMNS) * cell
    labels += [
        Label(left + 1, top + 3, "m ↓  n →", INK_2),
        Label(left + 1, top + 12, "✓ m − n", ACCEPT),
        Label(left + 1, top + 21, "✗ m, n", REJECT),
    ]
    relative = [title(p, n) for n, yes in zip(p.names, p.relative_only, strict=True) if yes]
    other = [title(p, n) for n, yes in zip(p.names, p.relative_only, strict=True) if not yes]
    en, zh = (", ".join(t.en for t in relative), "、".join(t.zh for t in relative))
    return Figure(
        [
            heat(
                z,
                diverging=True,
                zmin=-100,
                zmax=100,
                hovertemplate=T("%{z} % of the largest<extra></extra>", "最大值的 %{z} %<extra></extra>"),
            ),
            outlines(np.array(corners), side),
            outlines(np.array(corners[chosen])[None], side, INK, width=2.5),
        ],
        [
            Panel(
                Axis(hidden=True, range=(-1, COLUMNS * cell)),
                Axis(hidden=True, range=(-1, rows * cell), equal=True, reverse=True),
            )
        ],
        T(
            f"Scores of one query and one key at {side} × {side} positions, {len(p.names)} encodings side by side."
            f" Measured to depend on m − n alone: {en}. The other {len(other)} do not.",
            f"同一查询与键在 {side} × {side} 个位置上的分数，{len(p.names)} 种编码并排。实测只依赖 m − n 的有：{zh}。"
            f"其余 {len(other)} 种则不然。",
        ),
        labels,
        table=family_table(p),
        picks=[Pick(cell=cell, columns=COLUMNS, sets=[{"encoding": name} for name in p.names])],
        layout={"margin": {"l": 8, "r": 8, "t": 8, "b": 8}},
    )


def family_table(p: PositionEncoded) -> list[list]:
    """Where each enters, what it does, what was measured."""
    small = p.loss_by_position.small
    end = f"{small.length}"
    head = [
        T("Encoding", "编码"), T("enters at", "作用于"), T("and", "方式"), T("learns", "可学习参数"),
        T("departs from m − n", "偏离 m − n"), T(f"loss up to {small.context}", f"{small.context} 以内的损失"),
        T(f"loss near {end}", f"{end} 附近的损失"),
    ]  # fmt: skip
    rows = []
    for name, departure in zip(p.names, p.departure, strict=True):
        at = small.names.index(name) if name in small.names else None
        losses = ["–", "–"] if at is None else [nats(small.inside[at]), nats(small.at_end[at])]
        rows.append([title(p, name), *ENTERS[name], number(float(departure), 2), *losses])
    return [head, *rows]


def parts_figure(p: PositionEncoded) -> Figure:
    """What the chosen encoding adds or multiplies, and the terms of its score, one after another."""
    c, name = p.chosen, title(p, p.chosen.name)
    terms = [*c.terms, c.scores] if len(c.terms) > 1 else [c.scores]
    names = [*(T(*part) for part in c.parts), SUM] if len(c.terms) > 1 else [T(*c.parts[0])]
    limit = max(float(np.nanmax(np.abs(terms), initial=0.0)), 1e-9)
    N = len(c.scores)
    right = Panel(Axis(POSITION_N, range=(-0.5, N - 0.5)), Axis(POSITION_M, range=(-0.5, N - 0.5), equal=True, reverse=True))  # fmt: skip
    hover = T("m = %{y}, n = %{x}<br>%{z:.6g}<extra></extra>", "m = %{y}，n = %{x}<br>%{z:.6g}<extra></extra>")
    score = heat(terms[-1], diverging=True, zmin=-limit, zmax=limit, hovertemplate=hover, panel=1)
    if c.matrix is None:
        traces, left = [points([0], [0], INK_3, hoverinfo="skip", opacity=0)], Panel(Axis(hidden=True, range=(-1, 1)), Axis(hidden=True, range=(-1, 1)))  # fmt: skip
        fixed = [Label(0, 0, T("nothing is added", "什么也不加"), INK_2, "center")]
        does = T("Nothing is added.", "什么也不加。")
    else:
        m = c.matrix
        traces = [
            heat(m.values, np.arange(m.values.shape[1]), m.rows, diverging=True,
                 hovertemplate=T("row %{y}, column %{x}<br>%{z:.6g}<extra></extra>", "第 %{y} 行，第 %{x} 列<br>%{z:.6g}<extra></extra>"))
        ]  # fmt: skip
        ends = (float(m.rows[0]) - 0.5, float(m.rows[-1]) + 0.5)
        left = Panel(Axis(T(*m.column_title)), Axis(T(*m.row_title), range=ends, reverse=True))
        fixed, does = [], T(f"{m.says[0][0].upper()}{m.says[0][1:]}.", f"{m.says[1]}。")
    spot = lambda text: Label((N - 1) / 2, -0.035 * N - 1, text, INK, "center", 1)  # noqa: E731
    frames = [Frame(str(i + 1), {1: {}}, labels=[*fixed, spot(text)]) for i, text in enumerate(names)]
    parts = "; ".join(t.en for t in names[:-1]), "；".join(t.zh for t in names[:-1])
    kind = {"adds": T("adds", "相加"), "multiplies": T("multiplies", "相乘")}
    right = Panel(right.x, Axis(POSITION_M, range=(-0.09 * N - 1.5, N - 0.5), equal=True, reverse=True))
    return Figure(
        [*traces, score],
        [left, right],
        T(f"{name.en}. {does.en} The terms of the score: {parts[0] or names[0].en}.", f"{name.zh}。{does.zh}分数的各项：{parts[1] or names[0].zh}。"),
        [*fixed, spot(names[-1])],
        Frames(T("term", "项"), frames, rows={1: {"z": np.stack(terms)}}) if len(terms) > 1 else None,
        facts=[
            (T("Encoding", "编码"), name),
            (T("It works by", "方式"), kind[c.matrix.kind] if c.matrix else T("nothing", "无")),
            (T("The matrix", "矩阵"), T(*c.matrix.says) if c.matrix else T("none", "无")),
        ],
    )  # fmt: skip


def distance_figure(p: PositionEncoded) -> Figure:
    """Every pair's score over its distance, here and moved; and one pair that is moved along."""
    c, N = p.chosen, len(p.chosen.scores)
    steps = (np.arange(N)[:, None] - np.arange(N)).ravel()
    departure = float(p.departure[p.names.index(c.name)])
    hover = T("m − n = %{x}<br>%{y:.9g}<extra></extra>", "m − n = %{x}<br>%{y:.9g}<extra></extra>")
    here, moved = T("from 0 on", "从 0 开始"), T(f"from {p.offset} on", f"从 {p.offset} 开始")
    low, high = room(np.concatenate([c.scores.ravel(), c.moved.ravel()]), 0.14)
    left = [
        points(steps, c.scores.ravel(), MEASURED, size=7, opacity=0.5, name=here, hovertemplate=hover),
        points(steps, c.moved.ravel(), SECOND, size=4, symbol="x-thin-open", opacity=0.8, name=moved, hovertemplate=hover),
    ]  # fmt: skip
    along_low, along_high = room(c.along_scores, 0.25)
    middle, half = (along_low + along_high) / 2, max((along_high - along_low) / 2, 0.1 * float(np.nanmax(np.abs(c.along_scores), initial=0.0)) + 1e-6)  # fmt: skip
    d = c.distances[0]
    right = [
        line(c.along, c.along_scores[0], MEASURED, panel=1, name=T(f"m − n = {d}", f"m − n = {d}")),
        line(c.along, c.along_scores[1], SECOND, panel=1, width=1.5, dash="dash", name="m = n"),
    ]
    known = [np.flatnonzero(np.isfinite(row)) for row in c.along_scores]
    labels = [Label(1 - N, high, here, MEASURED), Label(1 - N, low + 0.04 * (high - low), moved, SECOND)]
    level = p.relative_only[p.names.index(c.name)]
    for row, (color, words) in enumerate([(MEASURED, f"m − n = {d}"), (SECOND, "m = n")]):
        if known[row].size and (row == 0 or d):
            y = float(c.along_scores[row][known[row][0]]) if level else middle + (0.9 - 0.13 * row) * half
            labels.append(Label(20, y, words, color, "left", 1))
    verdict = YES if p.relative_only[p.names.index(c.name)] else NO
    name = title(p, c.name)
    return Figure(
        [*left, *right],
        [
            Panel(Axis(DISTANCE, range=(0.5 - N, N - 0.5)), Axis(T("score", "分数"), range=(low, high))),
            Panel(Axis(T("both moved by", "一同平移"), range=(0, 1024)), Axis(T("score of one pair", "一对的分数"), range=(middle - half, middle + half))),
        ],
        T(
            f"{name.en}: {N * N} pairs over their distance, at positions from 0 and from {p.offset}. At the same distance they differ by {number(departure, 2)} of the largest score.",
            f"{name.zh}：{N * N} 对按距离排列，位置从 0 与从 {p.offset} 开始。同一距离上相差最大分数的 {number(departure, 2)}。",
        ),
        labels,
        facts=[
            (T("Depends on", "取决于"), verdict),
            (T("Departure, over the largest score", "偏离量（相对最大分数）"), number(departure, 2)),
            (T("The formula says", "公式断言"), YES if p.theory[p.names.index(c.name)] else NO),
        ],
    )  # fmt: skip
