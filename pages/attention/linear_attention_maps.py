"""Softmax's map and its stand-ins: what they look like, how far they stray, how much they can hold."""

from __future__ import annotations

import numpy as np

from engine.attention.linear_attention import LinearAttended
from pages.attention.linear_attention_parts import (
    MAPS,
    SOFTMAX,
    TOPIC_COLORS,
    TOPICS,
    amount,
    decades,
    number,
    percent,
    reach,
)
from pages.shell import T
from pages.shell.axes import Axis
from pages.shell.colors import BRASS, DIVERGING, INK_2, INK_3, MEASURED, MUTE, RAMP, SECOND, THEORY
from pages.shell.figures import Figure
from pages.shell.moments import Frame, Frames
from pages.shell.panels import Label, Panel
from pages.shell.strips import Strip
from pages.shell.traces import bars, heat, line, points

ACROSS = 3  # maps side by side


def chips(r: LinearAttended, title: T, shown: int | None = None) -> Strip:
    """The example's tokens, named by their topics."""
    topics = r.topics[:shown].tolist()
    return Strip([TOPICS[t] for t in topics], title, colors=[TOPIC_COLORS[t] for t in topics])


def maps_figure(r: LinearAttended) -> Figure:
    """All maps on the same tokens, one row of each lit up."""
    k, n, _ = r.maps.shape
    step_x, step_y = 1.12 * n, 1.3 * n
    left = np.arange(k) % ACROSS * step_x
    top = np.arange(k) // ACROSS * step_y
    causal = not np.triu(r.maps[0], 1).any()
    most = float(np.quantile(r.maps[0][r.maps[0] > 0], 0.97))
    signed = bool((r.maps < 0).any())
    shades = {"zmin": -most if signed else 0.0, "zmax": most, "scale": DIVERGING if signed else RAMP}
    hidden = np.triu(np.ones((n, n), bool), 1) if causal else np.zeros((n, n), bool)
    traces = [
        heat(np.where(hidden, np.nan, r.maps[i]).astype(np.float32), left[i] + np.arange(n), top[i] + np.arange(n),
             name=MAPS[i], hovertemplate="%{z:.3f}", **shades) for i in range(k)
    ]  # fmt: skip
    box_x = np.array([-0.5, n - 0.5, n - 0.5, -0.5, -0.5, np.nan])
    box_y = np.array([-0.5, -0.5, 0.5, 0.5, -0.5, np.nan])
    x = (left[:, None] + box_x).ravel()
    y = (top[:, None] + box_y).ravel()
    frame_x = (left[:, None] + n * np.array([0, 1, 1, 0, 0, np.nan]) - 0.5).ravel()
    frame_y = (top[:, None] + n * np.array([0, 0, 1, 1, 0, np.nan]) - 0.5).ravel()
    unmarked = {"hoverinfo": "skip", "meta": {"link": "none"}}
    traces += [line(frame_x, frame_y, INK_3, width=0.8, **unmarked), line(x, y + n - 1, BRASS, width=1.8, **unmarked)]
    labels = [
        Label(left[i] + n / 2 - 0.5, top[i] - 0.13 * n,
              SOFTMAX if i == 0 else T(f"{MAPS[i].en} · {percent(r.map_error[i])}", f"{MAPS[i].zh} · {percent(r.map_error[i])}"),
              THEORY if i == 0 else (MEASURED if i == r.chosen else INK_2), "center")
        for i in range(k)
    ]  # fmt: skip
    chosen = MAPS[r.chosen]
    frames = [
        Frame(str(i + 1), facts=[
            (T("entropy, softmax", "熵，softmax"), number(r.entropies[0, i])),
            (T(f"entropy, {chosen.en}", f"熵，{chosen.zh}"), number(r.entropies[r.chosen, i])),
            (T("most possible", "最大可能"), number(r.entropy_bound[i])),
            (T("weights moved", "移动的权重"), percent(float(np.abs(r.maps[r.chosen, i] - r.maps[0, i]).sum() / 2))),
        ]) for i in range(n)
    ]  # fmt: skip
    looks = np.abs(r.maps[[0, r.chosen]])
    strength = looks / np.maximum(looks.max(2, keepdims=True), 1e-300)
    return Figure(
        traces,
        [Panel(Axis(hidden=True, range=(-1, left.max() + n)), Axis(hidden=True, range=(-0.26 * n, top.max() + n), reverse=True, equal=True))],
        T(f"Six maps on the same {n} tokens, rows attend to columns. The outputs stray from softmax's by "
          + ", ".join(f"{MAPS[i].en} {percent(r.map_error[i])}" for i in range(1, k)) + ".",
          f"同样 {n} 个词元上的六张注意力图，行关注列。输出与 softmax 的偏差："
          + "，".join(f"{MAPS[i].zh} {percent(r.map_error[i])}" for i in range(1, k)) + "。"),
        labels,
        Frames(T("token", "词元"), frames, rows={k + 1: {"y": (y + np.arange(n)[:, None]).astype(np.float32)}}, follow=True,
               strips={0: {"strength": strength[0].astype(np.float32)}, 1: {"strength": strength[1].astype(np.float32)}}),
        strips=[chips(r, T("softmax looks at", "softmax 关注")), chips(r, T(f"{chosen.en} looks at", f"“{chosen.zh}”关注"))],
        link="token",
    )  # fmt: skip


def shares(low: float, high: float) -> tuple[list[float], list[str]]:
    """Ticks of a logarithmic axis of shares: 10 %, 100 %, 1 000 %."""
    places, _ = decades(low, high)
    return places, [percent(place) for place in places]


def error_figure(r: LinearAttended) -> Figure:
    """The outputs' error, divided by the sum of the weights or not; and each output number beside softmax's."""
    k = len(r.names)
    x = np.arange(1, k)
    names = [MAPS[i] for i in x]
    wanted, got = r.outputs[0].ravel(), r.outputs[r.chosen].ravel()
    ends = np.array([min(wanted.min(), got.min()), max(wanted.max(), got.max())])
    low, high = reach(r.map_error[1:], r.raw_map_error[1:], pad=2.2)
    chosen = MAPS[r.chosen]
    traces = [
        bars(x, r.map_error[1:], width=0.6, name=T("divided by the sum", "除以权重之和")),
        points(x, r.raw_map_error[1:], SECOND, size=9, symbol="diamond", name=T("not divided", "不除")),
        line(ends, ends, THEORY, width=1.4, panel=1, hoverinfo="skip", name=T("equal", "相等")),
        points(wanted, got, size=4, panel=1, opacity=0.6, name=chosen),
    ]
    return Figure(
        traces,
        [Panel(Axis(ticks=(x.tolist(), names)), Axis(T("error of the outputs", "输出的误差"), log=True, range=(low, high), ticks=shares(low, high)),
               title=T("relative error against softmax", "相对 softmax 的误差")),
         Panel(Axis(T("softmax's output", "softmax 的输出")), Axis(T("output", "输出")), title=T(f"{chosen.en}, number by number", f"{chosen.zh}，逐个数字"))],
        T(f"{chosen.en} is {percent(r.map_error[r.chosen])} off softmax; without the division {percent(r.raw_map_error[r.chosen])}. {r.finding[0] if r.milliseconds is None else ''}".strip(),
          f"“{chosen.zh}”与 softmax 相差 {percent(r.map_error[r.chosen])}；不除以权重之和则为 {percent(r.raw_map_error[r.chosen])}。{r.finding[1] if r.milliseconds is None else ''}"),
        [Label(float(np.argmax(r.raw_map_error[1:]) + 1), high / 1.25, T("not divided", "不除以和"), SECOND, "center"),
         Label(float(ends[1]), float(ends[1]), T("as softmax ", "与 softmax 相同 "), THEORY, "right", 1)],
        table=[
            (T("map", "图"), T("numbers to a token", "每词元的数"), T("error", "误差"), T("not divided", "不除"),
             T("weights moved", "移动的权重"), T("entropy", "熵"), T("rank", "秩"), T("effective rank", "有效秩")),
            *[(MAPS[i], amount(r.map_features[i]) if i else "∞", percent(r.map_error[i]), percent(r.raw_map_error[i]) if i else "–",
               percent(r.map_distance[i]), number(r.entropy[i]), str(int(r.rank[i])), number(r.effective_rank[i])) for i in range(k)],
        ],
    )  # fmt: skip


def rank_figure(r: LinearAttended) -> Figure:
    """Singular values of the maps without a mask, and the entropy of each row."""
    k, n = r.singular_values.shape
    order = np.arange(1, n + 1)
    size = r.singular_values / np.maximum(r.singular_values[:, :1], 1e-300)
    seen = np.where(size > 1e-12, size, np.nan)
    others = [i for i in range(1, k) if i != r.chosen]
    chosen = MAPS[r.chosen]
    rank = int(r.rank[r.chosen])
    floor = float(np.nanmin(seen[[0, r.chosen]], initial=0.1)) / 6
    traces = [line(order, seen[i], MUTE, width=1.2, name=MAPS[i]) for i in others]
    traces += [
        line(order, seen[0], THEORY, width=2.2, name=SOFTMAX),
        line(order, seen[r.chosen], MEASURED, width=2.6, name=chosen),
    ]
    token = np.arange(1, n + 1)
    traces += [line(token, r.entropies[i], MUTE, width=1.0, panel=1, name=MAPS[i]) for i in others]
    traces += [
        line(token, r.entropy_bound, INK_3, dash="dot", width=1.4, panel=1, name=T("most possible", "最大可能")),
        line(token, r.entropies[0], THEORY, width=2.2, panel=1, name=SOFTMAX),
        line(token, r.entropies[r.chosen], MEASURED, width=2.6, panel=1, name=chosen),
    ]
    labels = [
        Label(0.97 * n, 3.6, T(f"softmax: rank {r.rank[0]}", f"softmax：秩 {r.rank[0]}"), THEORY, "right"),
        Label(0.97 * n, 3.6 * (floor / 6) ** 0.07, T(f"{chosen.en}: rank {rank} ≤ {r.map_features[r.chosen]}", f"{chosen.zh}：秩 {rank} ≤ {r.map_features[r.chosen]}"), MEASURED, "right"),
        Label(0.97 * n, float(r.entropy_bound[-1]) * 1.06, T("most possible", "最大可能"), INK_3, "right", 1),
        Label(0.97 * n, 0.14 * float(r.entropy_bound[-1]), SOFTMAX, THEORY, "right", 1),
        Label(0.97 * n, 0.05 * float(r.entropy_bound[-1]), chosen, MEASURED, "right", 1),
    ]  # fmt: skip
    turned = (
        ""
        if np.isfinite(r.entropy[r.chosen])
        else T(" Rotated weights turn negative, and have no entropy.", "旋转后的权重有负值，没有熵。")
    )
    return Figure(
        traces,
        [Panel(Axis(T("singular value, by size", "奇异值，按大小"), range=(0, n + 1)), Axis(T("over the largest", "与最大者之比"), log=True, range=(floor, 6), ticks=decades(floor, 6)),
               title=T("how many directions a map has", "一张图有多少方向")),
         Panel(Axis(T("token", "词元"), range=(0, n + 1)), Axis(T("entropy of its row, nats", "该行的熵，奈特"), range=(0, 1.16 * float(max(r.entropy_bound.max(), 0.1)))),
               title=T("how widely a token looks", "一个词元看得多宽"))],
        T(f"Without a mask, softmax's map has rank {r.rank[0]}, that of {chosen.en} {rank}; mean entropy {number(r.entropy[0])} and {number(r.entropy[r.chosen])} nats.{T.of(turned).en}",
          f"不加遮罩时，softmax 图的秩为 {r.rank[0]}，“{chosen.zh}”的秩为 {rank}；平均熵分别为 {number(r.entropy[0])} 与 {number(r.entropy[r.chosen])} 奈特。{T.of(turned).zh}"),
        labels,
        facts=[
            (T("rank, softmax", "秩，softmax"), str(int(r.rank[0]))), (T(f"rank, {chosen.en}", f"秩，{chosen.zh}"), str(rank)),
            (T("effective rank, softmax", "有效秩，softmax"), number(r.effective_rank[0])),
            (T(f"effective rank, {chosen.en}", f"有效秩，{chosen.zh}"), number(r.effective_rank[r.chosen])),
            (T("entropy, softmax", "熵，softmax"), number(r.entropy[0])), (T(f"entropy, {chosen.en}", f"熵，{chosen.zh}"), number(r.entropy[r.chosen])),
        ],
        link="token-row",
    )  # fmt: skip


def variance_figure(r: LinearAttended) -> Figure:
    """Variance of the random-feature estimate against their number, and against the angle between x and y."""
    v = r.variance
    low, high = reach(v.independent_exact, v.orthogonal_exact[v.orthogonal_exact > 1e-9], pad=2.5)
    names = T("independent", "独立"), T("orthogonal", "正交")
    traces, labels = [], []
    for measured, error, exact, name, color, shift in (
        (v.independent, v.independent_error, v.independent_exact, names[0], MEASURED, 0.96),
        (v.orthogonal, v.orthogonal_error, v.orthogonal_exact, names[1], SECOND, 1.04),
    ):
        bar = {"type": "data", "array": 2 * error, "color": color, "thickness": 1.2, "width": 3}
        seen = exact > 1e-9
        traces.append(
            line(
                v.features[seen],
                exact[seen],
                THEORY,
                dash="" if color == MEASURED else "dash",
                width=1.4,
                name=T(f"{name.en}, formula", f"{name.zh}，公式"),
            )
        )
        traces.append(
            points(
                v.features,
                np.where(measured > 1e-9, measured, np.nan),
                color,
                size=8,
                error_y=bar,
                name=T(f"{name.en}, measured", f"{name.zh}，实测"),
            )
        )
    if (v.independent_exact > 1e-9).any():
        labels += [Label(float(v.features[4]) * 1.15, float(v.independent_exact[4]) * 1.9, names[0], MEASURED)]
        if v.orthogonal_exact[4] > 1e-9:
            labels.append(
                Label(float(v.features[4]) / 1.15, float(v.orthogonal_exact[4]) / 2.0, names[1], SECOND, "right")
            )
    traces += [
        line(v.angles, v.by_angle_independent, MEASURED, width=2.2, panel=1, name=names[0]),
        line(v.angles, v.by_angle_orthogonal, SECOND, width=2.2, panel=1, name=names[1]),
    ]
    saved = 1 - v.orthogonal_exact[-1] / v.independent_exact[-1] if v.independent_exact[-1] > 1e-9 else 0.0
    return Figure(
        traces,
        [Panel(Axis(T("random features m", "随机特征数 m"), log=True, range=(0.8, 80), ticks=(v.features.tolist(), [str(m) for m in v.features])), Axis(T("variance ÷ exp(x·y)²", "方差 ÷ exp(x·y)²"), log=True, range=(low, high), ticks=decades(low, high)),
               title=T("points measured, lines from the formula", "点为实测，线为公式")),
         Panel(Axis(T("angle between x and y, degrees", "x 与 y 的夹角，度"), range=(0, 180)), Axis("", range=(0, 1.1 * float(max(v.by_angle_independent.max(), 1e-3)))),
               title=T(f"with m = {v.at}, by the angle", f"m = {v.at} 时，随夹角变化"))],
        T(f"The variance falls like 1/m: {number(v.independent_exact[0])} with one feature, {number(v.independent_exact[-1])} with 64, and {number(v.orthogonal_exact[-1])} with 64 orthogonal ones, {percent(saved)} less.",
          f"方差按 1/m 下降：一个特征时为 {number(v.independent_exact[0])}，64 个时为 {number(v.independent_exact[-1])}，64 个正交特征时为 {number(v.orthogonal_exact[-1])}，少了 {percent(saved)}。"),
        labels,
        facts=[
            (T("m = 64, measured", "m = 64，实测"), number(v.independent[-1])), (T("formula", "公式"), number(v.independent_exact[-1])),
            (T("orthogonal, measured", "正交，实测"), number(v.orthogonal[-1])), (T("formula, orthogonal", "公式，正交"), number(v.orthogonal_exact[-1])),
            (T("saved by orthogonality", "正交省下"), percent(saved)),
        ],
    )  # fmt: skip
