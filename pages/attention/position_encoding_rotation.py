"""The figures of rotary positions: turning pairs, the matrix identity, decay, stretching, layouts, linear attention."""

from __future__ import annotations

import numpy as np

from engine.attention.position_encoding import PositionEncoded
from pages.attention.position_encoding_parts import (
    DISTANCE,
    POSITION_M,
    POSITION_N,
    SCALING_COLORS,
    dotted,
    number,
    room,
)
from pages.shell import T, grouped
from pages.shell.axes import Axis
from pages.shell.colors import ACCEPT, FOURTH, HAIRLINE, INK_2, INK_3, MEASURED, MUTE, REJECT, SECOND, THEORY, THIRD
from pages.shell.figures import Figure
from pages.shell.moments import Frame, Frames
from pages.shell.panels import Label, Panel
from pages.shell.traces import bars, heat, line

ACROSS, PITCH = 3, 2.5
FORMAT_COLORS = {"float64": THEORY, "float32": MEASURED, "float16": SECOND, "bfloat16": THIRD}
FLOOR = 1e-17


def centres(count: int) -> np.ndarray:
    """(count, 2) middles of circles in rows of three."""
    i = np.arange(count)
    return np.stack([i % ACROSS * PITCH, -(i // ACROSS) * 1.2 * PITCH], 1)


def hands(tips: np.ndarray, middles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """x and y (frames, 3 h) of strokes from the middles (h, 2) to tips (frames, h, 2), the pen lifted between them."""
    start = np.broadcast_to(middles, tips.shape)
    strokes = np.stack([start, start + tips, np.full(tips.shape, np.nan)], 2)  # (frames, h, 3, 2)
    flat = strokes.reshape(len(tips), -1, 2)
    return flat[..., 0], flat[..., 1]


def turning_figure(p: PositionEncoded) -> Figure:
    """Pairs as hands that turn with the position, and what each adds to the score, which stands still."""
    t = p.turning
    middles = centres(len(t.pairs))
    longest = max(float(np.hypot(x[..., 0], x[..., 1]).max()) for x in (t.query, t.key))
    (qx, qy), (kx, ky) = (hands(x / longest, middles) for x in (t.query, t.key))
    around = np.linspace(0, 2 * np.pi, 41)
    ring = np.stack([np.cos(around), np.sin(around)], 1)
    rings = np.concatenate([middles[:, None] + ring, np.full((len(middles), 1, 2), np.nan)], 1).reshape(-1, 2)
    some = range(0, len(t.rates), ACROSS + 1)  # down the diagonal, where words have room on a phone too
    labels = [Label(middles[i, 0], middles[i, 1] - 1.27, f"θ = {number(t.rates[i], 2)}", INK_3, "center") for i in some]
    top = 1.55
    labels += [
        Label(-1.1, top, T("query at m", "m 处的查询"), MEASURED),
        Label(PITCH * 1.15, top, T("key at n", "n 处的键"), SECOND),
    ]
    pair = np.arange(t.products.shape[1])
    frames = [
        Frame(str(m), facts=facts(m, m - t.distance, score))
        for m, score in zip(t.positions.tolist(), t.scores.tolist(), strict=True)
    ]
    last = -1
    width = PITCH * (min(ACROSS, len(middles)) - 1) + 2.4
    low = float(middles[:, 1].min()) - 1.7
    return Figure(
        [
            line(rings[:, 0], rings[:, 1], HAIRLINE, width=1, hoverinfo="skip"),
            line(qx[last], qy[last], MEASURED, width=3, name=T("query", "查询"), hoverinfo="name"),
            line(kx[last], ky[last], SECOND, width=3, name=T("key", "键"), hoverinfo="name"),
            bars(pair, t.products[last], THEORY, panel=1, opacity=0.75, hovertemplate=T("pair %{x}<br>adds %{y:.6g}<extra></extra>", "第 %{x} 对<br>贡献 %{y:.6g}<extra></extra>")),
        ],
        [
            Panel(Axis(hidden=True, range=(-1.2, width - 1.2)), Axis(hidden=True, range=(low, top + 0.3), equal=True)),
            Panel(Axis(T("pair i, from fast to slow", "数对 i，由快到慢")), Axis(T("what it adds to q·k / √d", "对 q·k / √d 的贡献"), range=room(t.products))),
        ],
        T(
            f"{len(t.pairs)} of {len(pair)} pairs turn with the position m, the key always {t.distance} behind. Their products stand still: the score stays {number(float(t.scores[0]), 6)}.",
            f"{len(pair)} 个数对中的 {len(t.pairs)} 个随位置 m 转动，键始终落后 {t.distance}。它们的乘积不动：分数恒为 {number(float(t.scores[0]), 6)}。",
        ),
        labels,
        Frames("m", frames, rows={1: {"x": qx, "y": qy}, 2: {"x": kx, "y": ky}}, start=0, seconds=8),
        facts=facts(int(t.positions[0]), int(t.positions[0]) - t.distance, float(t.scores[0])),
    )  # fmt: skip


def facts(m: int, n: int, score: float) -> list[tuple]:
    """The moment's positions and the score there."""
    return [
        ("m", str(m)),
        ("n", str(n)),
        ("m − n", str(m - n)),
        (T("score", "分数"), f"{score:.12f}".replace("-", "−")),
    ]


def squares(*matrices: tuple[np.ndarray, T], panel: int = 0) -> tuple[list[dict], list[Panel]]:
    """Matrices of numbers from −1 to 1, side by side."""
    traces, panels = [], []
    for i, (z, words) in enumerate(matrices):
        h = len(z)
        traces.append(
            heat(z, diverging=True, zmin=-1, zmax=1, panel=panel + i, xgap=1, ygap=1,
                 hovertemplate=T("row %{y}, column %{x}<br>%{z:.9g}<extra></extra>", "第 %{y} 行，第 %{x} 列<br>%{z:.9g}<extra></extra>"))
        )  # fmt: skip
        axes = Axis(hidden=True, range=(-0.5, h - 0.5)), Axis(hidden=True, range=(-0.5, h - 0.5), equal=True, reverse=True)  # fmt: skip
        panels.append(Panel(*axes, title=words))
    return traces, panels


def identity_figure(p: PositionEncoded) -> Figure:
    """R(m)ᵀR(n) beside R(n − m), and R(n) in both layouts."""
    c = p.composition
    traces, panels = squares(
        (c.product, T.of(f"R({c.m})ᵀ R({c.n})")), (c.expected, T.of(f"R({c.n - c.m})")),
        (c.reordered, T(f"R({c.n}) interleaved, reordered", f"交错的 R({c.n})，重排后")),
        (c.half, T(f"R({c.n}) half-split", f"对半的 R({c.n})")),
    )  # fmt: skip
    return Figure(
        traces, panels,
        T(
            f"Above, R({c.m})ᵀR({c.n}) and R({c.n - c.m}): they differ by at most {number(c.gap, 2)}. Below, R({c.n}) of pairs (2i, 2i + 1) with its rows and columns reordered, and R({c.n}) of pairs (i, i + d/2): they differ by {number(c.layout_gap, 2)}. {len(c.left)} rows are drawn; the checks are on all.",
            f"上：R({c.m})ᵀR({c.n}) 与 R({c.n - c.m})，最多相差 {number(c.gap, 2)}。下：数对取 (2i, 2i + 1) 的 R({c.n}) 重排行列之后，与数对取 (i, i + d/2) 的 R({c.n})，相差 {number(c.layout_gap, 2)}。图中画出 {len(c.left)} 行，检验用的是整个矩阵。",
        ),
        facts=[
            (T("R(m)ᵀR(n) against R(n − m)", "R(m)ᵀR(n) 相对 R(n − m)"), number(c.gap, 2)),
            (T("|R(m)q| against |q|", "|R(m)q| 相对 |q|"), number(c.norm_gap, 2)),
            (T("R(m)R(−m) against I", "R(m)R(−m) 相对 I"), number(c.inverse_gap, 2)),
            (T("P R Pᵀ against half-split", "P R Pᵀ 相对对半"), number(c.layout_gap, 2)),
        ],
        layout={"height": 260},
    )  # fmt: skip


def format_figure(p: PositionEncoded) -> Figure:
    """How wrong a score of near neighbours becomes with the position, in each number format."""
    c = p.composition
    traces, labels = [], []
    for name, error in zip(c.formats, c.error, strict=True):
        drawn = np.where(error > FLOOR, error, np.nan)
        traces.append(dotted(c.far, drawn, FORMAT_COLORS[name], name=name))
        known = np.flatnonzero(np.isfinite(drawn))
        if known.size:
            at = known[len(known) // 2 if name in ("float64", "float32") else min(3, len(known) - 1)]
            labels.append(Label(float(c.far[at]), float(drawn[at]) * (3.5 if name != "float16" else 0.25), name, FORMAT_COLORS[name], "center"))  # fmt: skip
    bfloat = c.error[c.formats.index("bfloat16")]
    worst = float(np.nanmax(bfloat))
    return Figure(
        traces,
        [Panel(Axis(T("position of the query", "查询的位置"), log=True, range=(0.8, 1.3e6)),
               Axis(T("error of a neighbour’s score, over |q||k|", "邻近分数的误差（相对 |q||k|）"), log=True, range=(1e-17, 3)))],
        T(
            f"In exact arithmetic the score of near neighbours is the same at every position. In bfloat16 positions run together beyond 256 and the error reaches {number(worst, 2)} of |q||k|; float16 knows no position beyond 65 504.",
            f"精确算术下，邻近分数在任何位置都相同。在 bfloat16 中，256 以后的位置相互混同，误差达到 |q||k| 的 {number(worst, 2)}；float16 没有大于 65 504 的位置。",
        ),
        labels,
        facts=[(T(f"{name} at 10 000", f"{name}，位置 10 000"), number(float(error[np.argmin(np.abs(c.far - 10_000))]), 2)) for name, error in zip(c.formats, c.error, strict=True)],
    )  # fmt: skip


def decay_figure(p: PositionEncoded) -> Figure:
    """Scores over the distance: this query and key, equal vectors on average, and the paper's bound."""
    d = p.decay
    x = d.distances[1:]
    traces = [
        line(x, d.score[1:], MEASURED, width=1.3, opacity=0.8, name=T("this query and key", "这对查询与键")),
        line(x, d.alike[1:], SECOND, name=T("equal vectors, on average", "相同向量的平均")),
        line(x, d.bound[1:], THEORY, width=1.6, name=T("bound, eq. 37", "界，式 37")),
    ]
    at = 2 * len(x) // 3
    over = max(float(curve[at : at + 24].max()) for curve in (d.score, d.alike, d.bound))
    labels = [
        Label(float(x[at]), over + 0.1, T("the paper’s bound", "论文的界"), THEORY),
        Label(1.2, float(d.alike[1]) + 0.12 if d.alike[1] < 0.9 else 1.12, T("equal vectors, on average", "相同向量的平均"), SECOND),
        Label(1.2, min(float(d.score[1:40].min()), -0.05) - 0.1, T("this query and key", "这对查询与键"), MEASURED),
    ]  # fmt: skip
    if p.scaling != "none":
        traces.append(line(x, d.unscaled[1:], MUTE, width=1.2, dash="dash", name=T("as trained", "照旧")))
    falls = d.falls_to_half
    low, high = room(np.concatenate([d.score, d.alike, d.bound, [1.2]]))
    return Figure(
        traces,
        [Panel(Axis(DISTANCE, log=True, range=(1, float(x[-1]))), Axis(T("score over |q||k|", "分数（相对 |q||k|）"), range=(low, high)))],
        T(
            f"Base {grouped(p.base)}: the score of equal vectors falls below a half for good at distance {grouped(falls) if np.isfinite(falls) else 'none within reach'}.",
            f"底数 {grouped(p.base)}：相同向量的分数从距离 {grouped(falls) if np.isfinite(falls) else '（范围内没有）'} 起一直低于一半。",
        ),
        labels,
        facts=[
            (T("Base", "底数"), grouped(p.base)),
            (T("Below a half from", "从此低于一半"), grouped(falls) if np.isfinite(falls) else "–"),
            (T("Longest wavelength", "最长波长"), grouped(float(p.stretch.wavelengths[p.stretch.names.index(p.scaling), -1]))),
        ],
    )  # fmt: skip


def stretch_figure(p: PositionEncoded) -> Figure:
    """Wavelengths of all pairs under each scaling; and the angles at s · L over those seen in training."""
    s = p.stretch
    pair = np.arange(s.rates.shape[1])
    traces, labels = [], []
    far = s.factor * s.context
    for i, words in enumerate(s.titles):
        chosen = s.names[i] == p.scaling
        width, name = (3.5 if chosen else 1.8), T(*words)
        traces.append(line(pair, s.wavelengths[i], SCALING_COLORS[i], width=width, name=name))
        traces.append(line(pair, s.reach[i], SCALING_COLORS[i], width=width, name=name, panel=1))
    last = float(pair[-1])
    traces += [
        line([0, last], [s.context] * 2, INK_3, width=1, dash="dash", hoverinfo="skip"),
        line([0, last], [far] * 2, INK_3, width=1, dash="dot", hoverinfo="skip"),
        line([0, last], [1, 1], INK_3, width=1, dash="dash", hoverinfo="skip", panel=1),
    ]
    labels += [
        Label(0, s.context * 1.7, T(f"L = {s.context}", f"L = {s.context}"), INK_3),
        Label(0, far * 1.7, T(f"s·L = {grouped(far)}", f"s·L = {grouped(far)}"), INK_3),
        Label(last, 0.82, T("seen in training", "训练中见过"), ACCEPT, "right", 1),
        Label(last, max(s.factor, 1.02) * 1.13, T("new to the model", "模型没见过"), REJECT, "right", 1),
    ]
    top, bottom = float(s.wavelengths.max()) * 3, 3.0
    for i, words in enumerate(s.titles):
        y = float(np.exp(np.log(bottom) + (np.log(top) - np.log(bottom)) * (1.0 - 0.085 * (i + 0.6))))
        labels.append(Label(0.02 * last, y, T(*words), SCALING_COLORS[i]))
    new = (s.reach > 1.001).sum(1)
    return Figure(
        traces,
        [
            Panel(Axis(T("pair i, from fast to slow", "数对 i，由快到慢"), range=(0, last)), Axis(T("positions for one turn", "转一圈的位置数"), log=True, range=(bottom, top))),
            Panel(Axis(T("pair i, from fast to slow", "数对 i，由快到慢"), range=(0, last)), Axis(T("angle at s·L, over the largest seen", "s·L 处的角度，相对见过的最大角度"), log=True, range=(0.7, max(s.factor, 1.05) * 1.35))),
        ],
        T(
            f"At {number(s.factor)} times the training length, positions as trained take all {len(pair)} pairs to angles never seen; interpolation none, NTK-aware {new[2]}, YaRN {new[3]}: those that turn so fast that all angles were seen anyway.",
            f"在训练长度的 {number(s.factor)} 倍处，照旧会把全部 {len(pair)} 个数对带到没见过的角度；线性内插没有，NTK 感知 {new[2]} 个，YaRN {new[3]} 个：它们本来就转得快，各种角度都见过。",
        ),
        labels,
        facts=[
            (T("Pairs that never finish a turn within L", "在 L 内转不满一圈的数对"), str(int((s.turns < 1).sum()))),
            (T("Pairs that YaRN leaves alone", "YaRN 不动的数对"), str(int((s.ramp == 1).sum()))),
            (T("YaRN multiplies cosines by", "YaRN 把余弦乘以"), number(float(s.temperature[3]), 4)),
        ],
    )  # fmt: skip


def linear_figure(p: PositionEncoded) -> Figure:
    """Rotated linear attention as a map, and how many numbers a state would need for each encoding."""
    r = p.linear
    limit = float(np.quantile(np.abs(r.turned[r.turned != 0]), 0.97))
    N = len(r.turned)
    colors = {"rotary": MEASURED, "alibi": SECOND, "t5": THIRD, "shaw": FOURTH, "xlnet": INK_2, "deberta": MUTE}
    hover = T("m = %{y}, n = %{x}<br>%{z:.6g}<extra></extra>", "m = %{y}，n = %{x}<br>%{z:.6g}<extra></extra>")
    traces = [heat(r.turned, diverging=True, zmin=-limit, zmax=limit, hovertemplate=hover)]
    place = np.arange(1, N + 1)
    others = [n for n in r.names if n != "rotary"]
    for name, words, values in zip(r.names, r.titles, r.singular, strict=True):
        wide = 3.5 if name == "rotary" else 1.5
        traces.append(line(place, np.maximum(values, FLOOR), colors[name], width=wide, panel=1, name=T(*words)))
    ranks = dict(zip(r.names, r.ranks.tolist(), strict=True))
    labels = [
        Label(r.width + 0.8, 1e-12, T(f"rotary: rank {ranks['rotary']}", f"旋转：秩 {ranks['rotary']}"), MEASURED, "left", 1),
        Label(N, 0.4, T("biases of the others", "其余各种偏置"), INK_2, "right", 1),
    ]  # fmt: skip
    lo, hi = (f([ranks[n] for n in others]) for f in (min, max))
    return Figure(
        traces,
        [
            Panel(Axis(POSITION_N, range=(-0.5, N - 0.5)), Axis(POSITION_M, range=(-0.5, N - 0.5), equal=True, reverse=True), title=T("weights with rotation", "带旋转的权重")),
            Panel(Axis(T("number of the singular value", "第几个奇异值")), Axis(T("singular value, over the largest", "奇异值（相对最大者）"), log=True, range=(1e-17, 3))),
        ],
        T(
            f"Turned features still multiply: the product keeps rank {ranks['rotary']} and a state of {r.width} rows carries it. A bias inside the exponent needs rank {lo} to {hi}.",
            f"转动后的特征仍是乘积：秩保持 {ranks['rotary']}，{r.width} 行的状态就装得下。指数里的偏置需要秩 {lo} 到 {hi}。",
        ),
        labels,
        facts=[
            (T("State against the whole matrix", "状态与整个矩阵之差"), number(r.state_gap, 2)),
            (T("All positions moved", "所有位置平移后之差"), number(r.moved_gap, 2)),
            (T("Weights below zero", "负权重的比例"), f"{r.negative:.0%}"),
        ],
    )  # fmt: skip
