"""The figures of the family: two side by side, all of them, and one encoding's parts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.attention.position_encoding import PositionEncoded
from pages.attention.position_encoding.parts import POSITION_M, POSITION_N, title
from pages.shell import T, draw

COLUMNS, GAP = 4, 8  # tiles side by side, and cells between two of them
KEY = ((draw.ACCEPT, T("✓ m − n alone (m down, n across)", "✓ 只看 m − n（m 向下，n 向右）")), (draw.REJECT, T("✗ m and n", "✗ 看 m 与 n")))
SUM = T("their sum: the score", "总和：即分数")
EMBEDDING, SCORE = T("embedding", "嵌入"), T("score", "分数")
ENTERS = {  # where an encoding enters, what it does there, and how many numbers it learns
    "none": (T("nowhere", "无处"), "–", "0"),
    "learned": (EMBEDDING, T("adds a row", "加一行"), "L·D"),
    "sinusoidal": (EMBEDDING, T("adds waves", "加正弦波"), "0"),
    "recurrent": (EMBEDDING, T("adds a state", "加一个状态"), T("a flow’s", "流的参数")),
    "complex": (EMBEDDING, T("multiplies", "相乘"), "V·D/2"),
    "shaw": (T("key", "键"), T("adds a row", "加一行"), "(2K + 1)·d"),
    "xlnet": (SCORE, T("adds three terms", "加三项"), "D² + 2D"),
    "t5": (SCORE, T("adds a number", "加一个数"), T("buckets", "桶数")),
    "deberta": (SCORE, T("adds two terms", "加两项"), "2K·D + 2D²"),
    "alibi": (SCORE, T("adds a slope", "加一条斜线"), "0"),
    "rotary": (T("query and key", "查询与键"), T("multiplies", "相乘"), "0"),
}


def tile(scores: np.ndarray) -> np.ndarray:
    """Scores less their mean, in percent of the largest of what is left: what position changes. 0 for no score."""
    known = scores[np.isfinite(scores)]
    if not known.size:
        return np.zeros(scores.shape)
    centred = np.nan_to_num(scores - known.mean())
    return 100 * centred / max(float(np.abs(centred).max()), 1e-9)


def outlines(corners: np.ndarray, side: float, color: str, width: float) -> dict:
    """Squares of a side, their upper left corners at (k, 2), as one trace."""
    steps = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0], [np.nan, np.nan]]) * side
    points = (np.asarray(corners, dtype=float)[:, None] + steps).reshape(-1, 2)
    return draw.line(points[:, 0], points[:, 1], color, width=width, hoverinfo="skip")


def family_figure(p: PositionEncoded) -> draw.Figure:
    """A tile for each encoding."""
    return mosaic(p, p.names, COLUMNS)


def two_figure(p: PositionEncoded) -> draw.Figure:
    """The chosen encoding beside the waves of the first transformer; these beside rotary."""
    return mosaic(p, ("sinusoidal", "rotary" if p.chosen.name == "sinusoidal" else p.chosen.name), 2)


def mosaic(p: PositionEncoded, names: Sequence[str], columns: int) -> draw.Figure:
    """A tile for each of some encodings: the score of one query and one key, wherever they stand."""
    side, gap = p.scores.shape[1], GAP if columns > 2 else GAP // 2
    cell, rows = side + gap, -(-len(names) // columns)
    z = np.zeros((rows * cell, columns * cell), dtype=np.int16)
    labels, corners, relative = [], [], []
    for place, name in enumerate(names):
        i, top, left = p.names.index(name), place // columns * cell + gap - 1, place % columns * cell + 1
        z[top : top + side, left : left + side] = tile(p.scores[i]).round()
        corners.append((left - 0.5, top - 0.5))
        mark, color = ("✓", draw.ACCEPT) if p.relative_only[i] else ("✗", draw.REJECT)
        words = T("{mark} {name}", "{mark} {name}", mark=mark, name=title(p, name))
        labels.append(draw.Label(left - 1, top - gap / 2 + 0.5, words, color))
        relative += [title(p, name)] if p.relative_only[i] else []
    hover = T("%{z} % of the largest<extra></extra>", "最大值的 %{z} %<extra></extra>")
    chosen = np.array(corners)[[i for i, name in enumerate(names) if name == p.chosen.name]]
    return draw.Figure(
        [
            draw.heat(z, diverging=True, zmin=-100, zmax=100, hovertemplate=hover, scale_title=T("% of the largest", "最大值的 %")),
            outlines(np.array(corners), side, draw.HAIRLINE, 1),
            outlines(chosen, side, draw.INK, 2.5),
        ],
        [
            draw.Panel(
                draw.Axis(hidden=True, range=(-1, columns * cell)),
                draw.Axis(hidden=True, range=(-1, rows * cell), equal=True, reverse=True),
                key=KEY,
            )
        ],
        T(
            "Scores of one query and one key at {side} × {side} positions, {n} encodings side by side, each less its mean. Measured to depend on m − n alone: {relative}. The other {other} do not.",
            "同一查询与键在 {side} × {side} 个位置上的分数，{n} 种编码并排，各减去均值。实测只依赖 m − n 的有：{relative}。其余 {other} 种则不然。",
            side=side,
            n=len(names),
            relative=T.joined(relative) if relative else T("none", "无"),
            other=len(names) - len(relative),
        ),
        labels,
        table=family_table(p, names),
        picks=[draw.Pick(cell=cell, columns=columns, sets=[{"encoding": name} for name in names])],
    )


def family_table(p: PositionEncoded, names: Sequence[str]) -> list[tuple]:
    """Where each enters, what it does, what was measured."""
    small = p.loss_by_position.small
    head = (
        T("Encoding", "编码"),
        T("enters at", "作用于"),
        T("and", "方式"),
        T("learns", "可学习参数"),
        T("departs from m − n", "偏离 m − n"),
        T("loss up to {context}", "{context} 以内的损失", context=small.context),
        T("loss near {end:count}", "{end:count} 附近的损失", end=small.length),
    )
    rows: list[tuple] = [head]
    for name in names:
        losses = (small.inside, small.at_end) if name in small.names else ()
        losses = tuple((values[small.names.index(name)], "fixed") for values in losses) or ("–", "–")
        rows.append((title(p, name), *ENTERS[name], (p.departure[p.names.index(name)], "number.2"), *losses))
    return rows


def parts_figure(p: PositionEncoded) -> draw.Figure:
    """What the chosen encoding adds or multiplies, and the terms of its score, one after another."""
    c, name = p.chosen, title(p, p.chosen.name)
    terms = [*c.terms, c.scores] if len(c.terms) > 1 else [c.scores]
    names = [*c.parts, SUM] if len(c.terms) > 1 else [c.parts[0]]
    limit = max(float(np.nanmax(np.abs(terms), initial=0.0)), 1e-9)
    N = len(c.scores)
    hover = T("m = %{y}, n = %{x}<br>%{z:.6g}<extra></extra>", "m = %{y}，n = %{x}<br>%{z:.6g}<extra></extra>")
    score = draw.heat(terms[-1], diverging=True, zmin=-limit, zmax=limit, hovertemplate=hover, panel=1, scale_title=SCORE)
    across = draw.Axis(POSITION_N, range=(-0.5, N - 0.5))
    right = draw.Panel(across, draw.Axis(POSITION_M, range=(-0.09 * N - 1.5, N - 0.5), equal=True, reverse=True))
    nothing = T("nothing is added", "什么也不加")
    if c.matrix is None:
        matrix = draw.points([0], [0], draw.INK_3, hoverinfo="skip", opacity=0)
        left = draw.Panel(draw.Axis(hidden=True, range=(-1, 1)), draw.Axis(hidden=True, range=(-1, 1)))
        fixed, does = [draw.Label(0, 0, nothing, anchor="center")], nothing
    else:
        m = c.matrix
        hover = T("row %{y}, column %{x}<br>%{z:.6g}<extra></extra>", "第 %{y} 行，第 %{x} 列<br>%{z:.6g}<extra></extra>")
        matrix = draw.heat(m.values, np.arange(m.values.shape[1]), m.rows, diverging=True, hovertemplate=hover, bar=True)
        ends = (float(m.rows[0]) - 0.5, float(m.rows[-1]) + 0.5)
        left = draw.Panel(draw.Axis(m.column_title), draw.Axis(m.row_title, range=ends, reverse=True))
        fixed, does = [], m.says
    spot = lambda text: draw.Label((N - 1) / 2, -0.035 * N - 1, text, draw.INK, "center", 1)  # noqa: E731
    frames = [draw.Frame(str(i + 1), {1: {}}, labels=[*fixed, spot(text)]) for i, text in enumerate(names)]
    kind = {"adds": T("adds", "相加"), "multiplies": T("multiplies", "相乘")}
    return draw.Figure(
        [matrix, score],
        [left, right],
        T(
            "{name}: {does}. The terms of the score: {terms}.",
            "{name}：{does}。分数的各项：{terms}。",
            name=name,
            does=does,
            terms=T.joined(c.parts, "; ", "；"),
        ),
        [*fixed, spot(names[-1])],
        draw.Frames(T("term", "项"), frames, rows={1: {"z": np.stack(terms)}}) if len(terms) > 1 else None,
        facts=[
            (T("Encoding", "编码"), name),
            (T("It works by", "方式"), kind[c.matrix.kind] if c.matrix else T("nothing", "无")),
            (T("The matrix", "矩阵"), does),
        ],
    )
