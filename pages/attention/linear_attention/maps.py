"""Softmax's map and its stand-ins: what they look like, how far they stray, how much they can hold."""

from __future__ import annotations

import numpy as np

from engine.attention.linear_attention import LinearAttended
from engine.core import amounts
from pages.shell import T, draw

SHORT = (T("softmax", "softmax"), T("elu + 1", "elu + 1"), T("relu", "relu"), T("exp", "exp"), T("random", "随机"), T("orthog.", "正交"))
TOPICS = (draw.MEASURED, draw.SECOND, draw.THIRD, draw.FOURTH, draw.MUTE)  # the fifth and all beyond alike
ACROSS = 3  # maps side by side
SMALLEST = 1e-12  # singular values, over the largest, below which rounding alone is left


def chips(r: LinearAttended, title: T, shown: int | None = None) -> draw.Strip:
    """The example's tokens as they were typed, or named by their topics."""
    topics = r.topics[:shown].tolist()
    letters = list(r.letters[:shown]) or ["ABCDE"[topic] for topic in topics]
    named = T("{title} (letter and colour: topic)", "{title}（字母与颜色：主题）", title=title)
    return draw.Strip(letters, named, colors=[TOPICS[min(topic, len(TOPICS) - 1)] for topic in topics])


def outlines(left: np.ndarray, top: np.ndarray, width: float, height: float) -> tuple[np.ndarray, np.ndarray]:
    """Rectangles whose first cells are centred on (left, top), the pen lifted between them."""
    x = left[:, None] - 0.5 + width * np.array([0, 1, 1, 0, 0, np.nan])
    return x.ravel(), (top[:, None] - 0.5 + height * np.array([0, 0, 1, 1, 0, np.nan])).ravel()


def maps_figure(r: LinearAttended) -> draw.Figure:
    """All maps on the same tokens, one row of each lit up."""
    m, chosen = r.maps, SHORT[r.chosen]
    k, n, _ = m.weights.shape
    left, top = np.arange(k) % ACROSS * 1.12 * n, np.arange(k) // ACROSS * 1.3 * n
    causal = not np.triu(m.weights[0], 1).any()
    hidden = np.triu(np.ones((n, n), bool), 1) & causal
    # The few strongest weights may saturate, so that the others are seen.
    most = float(np.quantile(m.weights[0][m.weights[0] > 0], 0.97))
    cells = np.arange(n)
    shades = {"zmin": 0.0, "zmax": most, "hovertemplate": "%{z:.3f}"}
    traces = [
        draw.heat(
            np.where(hidden, np.nan, m.weights[i]).astype(np.float32), left[i] + cells, top[i] + cells, name=SHORT[i], bar=i == 0, **shades
        )
        for i in range(k)
    ]
    unmarked = {"hoverinfo": "skip", "meta": {"link": "none"}}
    row_x, row_y = outlines(left, top, n, 1)
    traces += [
        draw.line(*outlines(left, top, n, n), draw.INK_3, width=0.8, **unmarked),
        draw.line(row_x, row_y + n - 1, draw.BRASS, **unmarked),
    ]
    colors = {0: draw.THEORY, r.chosen: draw.MEASURED}
    labels = []
    for i, name in enumerate(SHORT):
        off = T("{name} · {error:percent.2}", "{name} · {error:percent.2}", name=name, error=m.error[i])
        labels.append(draw.Label(left[i] + n / 2 - 0.5, top[i] - 0.13 * n, off if i else name, colors.get(i, draw.INK_2), "center"))
    moved = np.abs(m.weights[r.chosen] - m.weights[0]).sum(1) / 2
    frames = [
        draw.Frame(
            str(i + 1),
            facts=[
                (T("entropy, softmax", "熵，softmax"), m.entropies[0, i]),
                (T("entropy, {chosen}", "熵，{chosen}", chosen=chosen), m.entropies[r.chosen, i]),
                (T("most possible", "最大可能"), m.entropy_bound[i]),
                (T("weights moved", "移动的权重"), (moved[i], "percent.2")),
            ],
        )
        for i in range(n)
    ]
    looks = m.weights[[0, r.chosen]]
    strength = (looks / np.maximum(looks.max(2, keepdims=True), 1e-300)).astype(np.float32)
    errors = [T("{name} {error:percent.2}", "{name} {error:percent.2}", name=SHORT[i], error=m.error[i]) for i in range(1, k)]
    return draw.Figure(
        traces,
        [
            draw.Panel(
                draw.Axis(hidden=True, range=(-1, left.max() + n)),
                draw.Axis(hidden=True, range=(-0.26 * n, top.max() + n), reverse=True, equal=True),
                key=[(draw.BRASS, T("the row of the token shown", "所示词元的行"), "line")],
            )
        ],
        T(
            "Six maps on the same {n} tokens, rows attend to columns. The outputs stray from softmax's by {errors}.",
            "同样 {n} 个词元上的六张注意力图，行关注列。输出与 softmax 的偏差：{errors}。",
            n=n,
            errors=T.joined(errors, zh="，"),
        ),
        labels,
        draw.Frames(
            T("token", "词元"),
            frames,
            rows={k + 1: {"y": (row_y + np.arange(n)[:, None]).astype(np.float32)}},
            follow=True,
            strips={i: {"strength": strength[i]} for i in range(2)},
        ),
        table=table(r),
        strips=[chips(r, T("softmax looks at", "softmax 关注")), chips(r, T("{chosen} looks at", "“{chosen}”关注", chosen=chosen))],
        link="token",
    )


def table(r: LinearAttended) -> list[tuple]:
    """Every map in numbers: how far its outputs stray, divided by the sum of the weights or not, and what it can hold."""
    m = r.maps
    head = (
        T("map", "图"),
        T("numbers to a token", "每词元的数"),
        T("error", "误差"),
        T("if never divided", "若不除以和"),
        T("weights moved", "移动的权重"),
        T("entropy", "熵"),
        T("rank", "秩"),
        T("effective rank", "有效秩"),
    )
    share = lambda value: (value, "percent.2")  # noqa: E731
    rows = [
        (
            m.titles[i],
            m.features[i] if i else "∞",
            share(m.error[i]),
            share(m.raw_error[i]) if i else amounts.NONE,
            share(m.distance[i]),
            m.entropy[i],
            m.rank[i],
            m.effective_rank[i],
        )
        for i in range(len(m.names))
    ]
    return [head, *rows]


def rank_figure(r: LinearAttended) -> draw.Figure:
    """Singular values of the maps without a mask, and the entropy of each row."""
    m, chosen = r.maps, SHORT[r.chosen]
    k, n = m.singular_values.shape
    order = np.arange(1, n + 1)
    size = m.singular_values / np.maximum(m.singular_values[:, :1], 1e-300)
    size = np.where(size > SMALLEST, size, np.nan)
    others = [i for i in range(1, k) if i != r.chosen]
    traces = []
    for panel, curves in enumerate((size, m.entropies)):
        traces += [draw.line(order, curves[i], draw.MUTE, width=1.1, panel=panel, name=SHORT[i]) for i in others]
        pair = {SHORT[0]: curves[0], chosen: curves[r.chosen]}
        traces += draw.curves(order, pair, colors=(draw.THEORY, draw.MEASURED), panel=panel, width=2.4)
    traces.append(
        draw.line(order, m.entropy_bound, draw.INK_3, dash="dot", width=1.4, panel=1, name=T("most possible", "最大可能"), label="end")
    )
    wide = (0, 1.25 * n)  # with room for the names
    return draw.Figure(
        traces,
        [
            draw.Panel(
                draw.Axis(T("singular value, by size", "奇异值，按大小"), range=wide),
                draw.Axis(T("over the largest", "与最大者之比"), log=True),
                title=T("how many directions a map has", "一张图有多少方向"),
                key=[(draw.MUTE, T("the other maps", "其余各图"), "line")],
            ),
            draw.Panel(
                draw.Axis(T("token", "词元"), range=wide),
                draw.Axis(T("entropy of its row, nats", "该行的熵，奈特"), range=(0, 1.16 * float(max(m.entropy_bound.max(), 0.1)))),
                title=T("how widely a token looks", "一个词元看得多宽"),
            ),
        ],
        T(
            "Without a mask, softmax's map has rank {rank}, that of {chosen} {other}, at most its {features} features; mean entropy {entropy:number} and {wider:number} nats.",
            "不加遮罩时，softmax 图的秩为 {rank}，“{chosen}”的秩为 {other}，不超过其特征数 {features}；平均熵分别为 {entropy:number} 与 {wider:number} 奈特。",
            rank=m.rank[0],
            chosen=chosen,
            other=m.rank[r.chosen],
            features=m.features[r.chosen],
            entropy=m.entropy[0],
            wider=m.entropy[r.chosen],
        ),
        facts=[
            (T("{what}, {name}", "{what}，{name}", what=what, name=SHORT[i]), values[i])
            for what, values in (
                (T("rank", "秩"), m.rank),
                (T("effective rank", "有效秩"), m.effective_rank),
                (T("entropy", "熵"), m.entropy),
            )
            for i in (0, r.chosen)
        ],
        link="token-row",
    )


def variance_figure(r: LinearAttended) -> draw.Figure:
    """Variance of the random-feature estimate against their number, and against the angle between x and y."""
    v = r.variance
    names = T("independent", "独立"), T("orthogonal", "正交")
    positive = lambda values: np.where(values > 1e-9, values, np.nan)  # noqa: E731  rounding is no variance
    traces = []
    for measured, error, exact, name, color, dash in (
        (v.independent, v.independent_error, v.independent_exact, names[0], draw.MEASURED, ""),
        (v.orthogonal, v.orthogonal_error, v.orthogonal_exact, names[1], draw.SECOND, "dash"),
    ):
        bar = {"type": "data", "array": 2 * error, "color": color, "thickness": 1.2, "width": 3}
        formula = T("{name}, formula", "{name}，公式", name=name)
        traces.append(draw.line(v.features, positive(exact), draw.THEORY, dash=dash, width=1.4, name=formula))
        seen = T("{name}, measured", "{name}，实测", name=name)
        traces.append(draw.points(v.features, positive(measured), color, size=8, error_y=bar, name=seen))
    by_angle = {names[0]: v.by_angle_independent, names[1]: v.by_angle_orthogonal}
    traces += draw.curves(v.angles, by_angle, label="start", panel=1, width=2.2)
    one, last, less = (float(x) for x in (v.independent_exact[0], v.independent_exact[-1], v.orthogonal_exact[-1]))
    saved = 1 - less / last if last > 1e-9 else 0.0
    return draw.Figure(
        traces,
        [
            draw.Panel(
                draw.Axis(
                    T("random features m", "随机特征数 m"),
                    log=True,
                    range=(0.8, 80),
                    ticks=(v.features.tolist(), [str(m) for m in v.features]),
                ),
                draw.Axis(T("variance ÷ exp(x·y)²", "方差 ÷ exp(x·y)²"), log=True),
                title=T("by the number of features", "随特征数变化"),
                key=True,
            ),
            draw.Panel(
                draw.Axis(T("angle between x and y, degrees", "x 与 y 的夹角，度"), range=(0, 180)),
                draw.Axis(range=(0, 1.1 * float(max(v.by_angle_independent.max(), 1e-3)))),
                title=T("with m = {at}, by the angle", "m = {at} 时，随夹角变化", at=v.at),
            ),
        ],
        T(
            "The variance falls like 1/m: {one:number} with one feature, {last:number} with 64, and {less:number} with 64 orthogonal ones, {saved:percent.2} less; bars are two standard errors over {n} draws.",
            "方差按 1/m 下降：一个特征时为 {one:number}，64 个时为 {last:number}，64 个正交特征时为 {less:number}，少了 {saved:percent.2}；竖线为 {n} 次抽取的两倍标准误。",
            one=one,
            last=last,
            less=less,
            saved=saved,
            n=v.repeats,
        ),
        facts=[
            (T("m = 64, measured", "m = 64，实测"), v.independent[-1]),
            (T("formula", "公式"), last),
            (T("orthogonal, measured", "正交，实测"), v.orthogonal[-1]),
            (T("formula, orthogonal", "公式，正交"), less),
            (T("saved by orthogonality", "正交省下"), (saved, "percent.2")),
        ],
    )
