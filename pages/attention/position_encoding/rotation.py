"""The figures of rotary positions: turning pairs, decay, number formats, stretching, linear attention."""

from __future__ import annotations

import numpy as np

from engine.attention.position_encoding import PositionEncoded
from pages.attention.position_encoding.parts import DISTANCE, POSITION_M, POSITION_N, SCALING_COLORS, around
from pages.shell import T, draw

ACROSS, PITCH = 3, 2.5  # circles in a row, and from one to the next
PAIR = T("pair i, from fast to slow", "数对 i，由快到慢")
FORMAT_COLORS = {"float64": draw.THEORY, "float32": draw.MEASURED, "float16": draw.SECOND, "bfloat16": draw.THIRD}
FAMILY_COLORS = (draw.MEASURED, draw.SECOND, draw.THIRD, draw.FOURTH, draw.INK_2, draw.MUTE)
FLOOR = 1e-17  # below it a logarithmic axis shows no error


def hands(tips: np.ndarray, middles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """x and y (frames, 3 h) of strokes from the middles (h, 2) to tips (frames, h, 2), the pen lifted between them."""
    start = np.broadcast_to(middles, tips.shape)
    strokes = np.stack([start, start + tips, np.full(tips.shape, np.nan)], 2)  # (frames, h, 3, 2)
    flat = strokes.reshape(len(tips), -1, 2)
    return flat[..., 0], flat[..., 1]


def turning_figure(p: PositionEncoded) -> draw.Figure:
    """Pairs as hands that turn with the position, and what each adds to the score, which stands still."""
    t = p.turning
    i = np.arange(len(t.pairs))
    middles = np.stack([i % ACROSS * PITCH, -(i // ACROSS) * 1.2 * PITCH], 1)
    longest = max(float(np.hypot(x[..., 0], x[..., 1]).max()) for x in (t.query, t.key))
    (qx, qy), (kx, ky) = (hands(x / longest, middles) for x in (t.query, t.key))
    around_once = np.linspace(0, 2 * np.pi, 41)
    ring = np.stack([np.cos(around_once), np.sin(around_once)], 1)
    rings = np.concatenate([middles[:, None] + ring, np.full((len(middles), 1, 2), np.nan)], 1).reshape(-1, 2)
    diagonal = range(0, len(t.rates), ACROSS + 1)  # where words have room on a phone too
    rates = [T("θ = {rate:number.2}", "θ = {rate:number.2}", rate=t.rates[j]) for j in diagonal]
    labels = [draw.Label(*(middles[j] - [0, 1.27]), text, draw.INK_3, "center") for j, text in zip(diagonal, rates, strict=True)]
    pair, last = np.arange(t.products.shape[1]), len(t.positions) - 1
    frames = [draw.Frame(str(m), facts=moment(m, t.distance, s)) for m, s in zip(t.positions.tolist(), t.scores.tolist(), strict=True)]
    width, low = PITCH * (min(ACROSS, len(middles)) - 1) + 1.2, float(middles[:, 1].min()) - 1.7
    query, key = T("query at m", "m 处的查询"), T("key at n", "n 处的键")
    hover = T("pair %{x}<br>adds %{y:.6g}<extra></extra>", "第 %{x} 对<br>贡献 %{y:.6g}<extra></extra>")
    return draw.Figure(
        [
            draw.line(rings[:, 0], rings[:, 1], draw.HAIRLINE, width=1, name=T("circles", "圆"), hoverinfo="skip"),
            draw.line(qx[last], qy[last], draw.MEASURED, width=3, name=query, hoverinfo="name"),
            draw.line(kx[last], ky[last], draw.SECOND, width=3, name=key, hoverinfo="name"),
            draw.bars(pair, t.products[last], draw.THEORY, panel=1, hovertemplate=hover),
        ],
        [
            draw.Panel(
                draw.Axis(hidden=True, range=(-1.2, width)),
                draw.Axis(hidden=True, range=(low, 1.3), equal=True),
                key=[(draw.MEASURED, query, "line"), (draw.SECOND, key, "line")],
            ),
            draw.Panel(draw.Axis(PAIR), draw.Axis(T("what it adds to q·k / √d", "对 q·k / √d 的贡献"), range=around(t.products))),
        ],
        T(
            "{n} of {pairs} pairs turn with the position m, the key always {distance} behind. Their products stand still: the score stays {score:number.6}.",
            "{pairs} 个数对中的 {n} 个随位置 m 转动，键始终落后 {distance}。它们的乘积不动：分数恒为 {score:number.6}。",
            n=len(t.pairs),
            pairs=len(pair),
            distance=t.distance,
            score=t.scores[0],
        ),
        labels,
        draw.Frames("m", frames, rows={1: {"x": qx, "y": qy}, 2: {"x": kx, "y": ky}}, start=0, seconds=8),
        facts=moment(int(t.positions[0]), t.distance, float(t.scores[0])),
    )


def moment(m: int, distance: int, score: float) -> list[tuple]:
    """The moment's positions and the score there, with all the digits that rounding leaves alone."""
    return [("m", str(m)), ("n", str(m - distance)), ("m − n", str(distance)), (T("score", "分数"), (score, "fixed.12"))]


def format_figure(p: PositionEncoded) -> draw.Figure:
    """How wrong a score of near neighbours becomes with the position, in each number format."""
    f = p.formats
    curves = {name: np.where(error > FLOOR, error, np.nan) for name, error in zip(f.names, f.error, strict=True)}
    traces = draw.curves(f.positions, curves, colors=FORMAT_COLORS, label="middle")
    at = int(np.argmin(np.abs(f.positions - 10_000)))
    y = T("error of a neighbour’s score, over |q||k|", "邻近分数的误差（相对 |q||k|）")
    return draw.Figure(
        traces,
        [draw.Panel(draw.Axis(T("position of the query", "查询的位置"), log=True), draw.Axis(y, log=True, range=(FLOOR, 3)))],
        T(
            "In exact arithmetic the score of near neighbours is the same at every position. In bfloat16 positions run together beyond 256 and the error reaches {worst:number.2} of |q||k|; float16 knows no position beyond {last:count}.",
            "精确算术下，邻近分数在任何位置都相同。在 bfloat16 中，256 以后的位置相互混同，误差达到 |q||k| 的 {worst:number.2}；float16 没有大于 {last:count} 的位置。",
            worst=np.nanmax(f.error[f.names.index("bfloat16")]),
            last=np.finfo(np.float16).max,
        ),
        facts=[
            (T("{name} at 10 000", "{name}，位置 10 000", name=name), (error[at], "number.2"))
            for name, error in zip(f.names, f.error, strict=True)
        ],
    )


def decay_figure(p: PositionEncoded) -> draw.Figure:
    """Scores over the distance: this query and key, equal vectors on average, and the paper's bound."""
    d = p.decay
    curves = {
        T("this query and key", "这对查询与键"): d.score[1:],
        T("equal vectors, on average", "相同向量的平均"): d.alike[1:],
        T("bound, eq. 37", "界，式 37"): d.bound[1:],
    }
    traces = draw.curves(d.distances[1:], curves, colors=(draw.MEASURED, draw.SECOND, draw.THEORY), label=None)
    if p.scaling != "none":
        traces.append(draw.line(d.distances[1:], d.unscaled[1:], draw.MUTE, width=1.2, dash="dash", name=T("as trained", "照旧")))
    half = T("from distance {n:count} on for good", "从距离 {n:count} 起一直", n=d.falls_to_half)
    half = half if np.isfinite(d.falls_to_half) else T("nowhere within reach", "在范围内从未")
    y = draw.Axis(T("score over |q||k|", "分数（相对 |q||k|）"), range=around(np.concatenate(list(curves.values()))))
    return draw.Figure(
        traces,
        [draw.Panel(draw.Axis(DISTANCE, log=True, range=(1, float(d.distances[-1]))), y, key=True)],
        T(
            "Base {base:number}: the score of equal vectors is below a half {half}.",
            "底数 {base:number}：相同向量的分数{half}低于一半。",
            base=p.base,
            half=half,
        ),
        facts=[
            (T("Base", "底数"), p.base),
            (T("Below a half from", "从此低于一半"), (d.falls_to_half, "count")),
            (T("Longest wavelength", "最长波长"), (p.stretch.wavelengths[p.stretch.names.index(p.scaling), -1], "count")),
        ],
    )


def stretch_figure(p: PositionEncoded) -> draw.Figure:
    """Wavelengths of all pairs under each scaling; and the angles at s · L over those seen in training."""
    s = p.stretch
    pair, far = np.arange(s.rates.shape[1]), s.factor * s.context
    traces = []
    for panel, values in enumerate((s.wavelengths, s.reach)):
        for i, words in enumerate(s.titles):
            width = 3.5 if s.names[i] == p.scaling else 1.8
            traces.append(draw.line(pair, values[i], SCALING_COLORS[i], width=width, name=words, panel=panel))
    ends = [0, float(pair[-1])]
    for panel, height, name in (
        (0, s.context, T("L = {n:count}", "L = {n:count}", n=s.context)),
        (0, far, T("s·L = {n:count}", "s·L = {n:count}", n=far)),
        (1, 1, T("above: new to the model", "以上：模型没见过")),
    ):
        traces.append(draw.line(ends, [height] * 2, draw.INK_3, width=1, dash="dash", name=name, label="middle", panel=panel))
    key = [(color, words) for color, words in zip(SCALING_COLORS, s.titles, strict=True)]
    angle = T("angle at s·L, over the largest seen", "s·L 处的角度，相对见过的最大角度")
    return draw.Figure(
        traces,
        [
            draw.Panel(draw.Axis(PAIR, range=ends), draw.Axis(T("positions for one turn", "转一圈的位置数"), log=True), key=key),
            draw.Panel(draw.Axis(PAIR, range=ends), draw.Axis(angle, log=True, range=(0.7, max(s.factor, 1.05) * 1.35))),
        ],
        T(
            "{slow} of {pairs} pairs make no full turn within L. At {factor:number} times that length positions as trained take {own} of them to angles never seen, interpolation {linear}, NTK-aware {ntk}, YaRN {yarn}; the faster pairs have seen all angles.",
            "{pairs} 个数对中有 {slow} 个在 L 内转不满一圈。到该长度的 {factor:number} 倍处，照旧会把其中 {own} 个带到没见过的角度，线性内插 {linear} 个，NTK 感知 {ntk} 个，YaRN {yarn} 个；更快的数对见过所有角度。",
            slow=int((s.turns < 1).sum()),
            factor=s.factor,
            pairs=len(pair),
            **dict(zip(("own", "linear", "ntk", "yarn"), s.new.tolist(), strict=True)),
        ),
        facts=[
            (T("Pairs that never finish a turn within L", "在 L 内转不满一圈的数对"), int((s.turns < 1).sum())),
            (T("Pairs that YaRN leaves alone", "YaRN 不动的数对"), int((s.ramp == 1).sum())),
            (T("YaRN multiplies cosines by", "YaRN 把余弦乘以"), (s.temperature[3], "number.4")),
        ],
    )


def linear_figure(p: PositionEncoded) -> draw.Figure:
    """Rotated linear attention as a map, and how many numbers a state would need for each encoding."""
    r = p.linear
    N, limit = len(r.turned), float(np.quantile(np.abs(r.turned[r.turned != 0]), 0.97))
    hover = T("m = %{y}, n = %{x}<br>%{z:.6g}<extra></extra>", "m = %{y}，n = %{x}<br>%{z:.6g}<extra></extra>")
    traces = [draw.heat(r.turned, diverging=True, zmin=-limit, zmax=limit, hovertemplate=hover, scale_title=T("weight", "权重"))]
    curves = dict(zip(r.titles, np.maximum(r.singular, FLOOR), strict=True))
    colors = dict(zip(sorted(r.titles, key=lambda t: t.en != "Rotary"), FAMILY_COLORS, strict=True))
    traces += draw.curves(np.arange(1, N + 1), curves, colors=colors, label=None, panel=1)
    ranks = dict(zip(r.names, r.ranks.tolist(), strict=True))
    rotary = ranks.pop("rotary")
    return draw.Figure(
        traces,
        [
            draw.Panel(
                draw.Axis(POSITION_N, range=(-0.5, N - 0.5)),
                draw.Axis(POSITION_M, range=(-0.5, N - 0.5), equal=True, reverse=True),
                title=T("weights with rotation", "带旋转的权重"),
            ),
            draw.Panel(
                draw.Axis(T("number of the singular value", "第几个奇异值")),
                draw.Axis(T("singular value, over the largest", "奇异值（相对最大者）"), log=True, range=(FLOOR, 3)),
                key=True,
            ),
        ],
        T(
            "Turned features still multiply: the product keeps rank {rotary} and a state of {width} rows carries it. A bias inside the exponent needs rank {ranks}.",
            "转动后的特征仍是乘积：秩保持 {rotary}，{width} 行的状态就装得下。指数里的偏置需要秩 {ranks}。",
            rotary=rotary,
            width=r.width,
            ranks=T.joined([str(rank) for rank in sorted(set(ranks.values()))]),
        ),
        facts=[
            (T("State against the whole matrix", "状态与整个矩阵之差"), (r.state_gap, "number.2")),
            (T("All positions moved", "所有位置平移后之差"), (r.moved_gap, "number.2")),
            (T("Weights below zero", "负权重的比例"), (r.negative, "percent.2")),
        ],
    )
