"""Figures of what heads are and what they are worth: kinds, spread, ablation."""

from __future__ import annotations

import numpy as np

from engine.language.attention_maps.result import Attended
from pages.language.attention_maps import parts
from pages.language.attention_maps.next import likely, next_bars
from pages.language.attention_maps.parts import WEIGHTS, name
from pages.shell import T, draw

ROWS = 48  # heads that the map of kinds shows, of a large model those clearest in each kind
NAMED = 10  # heads whose number stands beside their point: those furthest from looking at all alike


def sorted_heads(r: Attended) -> list[tuple[int, int]]:
    """Heads by kind, the clearest first."""
    k = r.head_kinds
    found: dict[int, list[tuple[int, int]]] = {}
    for kind in [*range(len(k.names)), -1]:
        which = [(int(a), int(b)) for a, b in np.argwhere(k.kind == kind)]
        score = np.nan_to_num(k.scores[kind] if kind >= 0 else k.scores.max(0))
        found[kind] = sorted(which, key=lambda pair, score=score: -score[pair])
    few = sum(map(len, found.values())) <= ROWS
    return [pair for heads in found.values() for pair in (heads if few else heads[: ROWS // len(found)])]


def kinds_figure(r: Attended) -> draw.Figure:
    """What each head is there for, measured on texts made for it."""
    order, k = sorted_heads(r), r.head_kinds
    z = np.array([[k.scores[kind][pair] for pair in order] for kind in range(len(k.names))])
    kinds = [
        T("{kind}<br>chance {chance:percent.2}", "{kind}<br>随机 {chance:percent.2}", kind=kind, chance=c) if np.isfinite(c) else kind
        for kind, c in zip(k.names, k.chance.tolist(), strict=True)
    ]
    traces = [
        draw.heat(
            z * 100,
            scale=WEIGHTS,
            zmin=0,
            zmax=100,
            scale_title=T("% of its attention", "占其注意力的 %"),
            name=T("score, %", "得分，%"),
            hovertemplate=T("%{z:.2f} % of the attention<extra></extra>", "注意力的 %{z:.2f}%<extra></extra>"),
        )
    ]
    chosen = (r.chosen.layer - 1, r.chosen.head - 1)
    if chosen in order:
        x, tall = order.index(chosen) + np.array([-0.5, 0.5, 0.5, -0.5, -0.5]), len(kinds) - 0.5
        traces.append(draw.line(x, [-0.5, -0.5, tall, tall, -0.5], parts.CHOSEN_COLOR, width=2, hoverinfo="skip"))
    heads = [name(a + 1, b + 1) for a, b in order]
    return draw.Figure(
        traces,
        [
            draw.Panel(
                draw.Axis(T("head, sorted by kind", "按类型排序的注意力头"), ticks=(list(range(len(order))), heads)),
                draw.Axis(ticks=(list(range(len(kinds))), kinds), reverse=True),
                key=[parts.CHOSEN_HEAD] if chosen in order else (),
            )
        ],
        T(
            "Of {n} heads, {clear} are clearly of one kind; the best induction head puts {best:percent.2} of its attention right where chance would put {chance:percent.2}.",
            "{n} 个头中有 {clear} 个类型明确；最强的归纳头把 {best:percent.2} 的注意力放对了地方，而随机只有 {chance:percent.2}。",
            n=k.kind.size,
            clear=int((k.kind >= 0).sum()),
            best=float(np.nanmax(k.scores[2])) if np.isfinite(k.scores[2]).any() else float("nan"),
            chance=float(k.chance[2]),
        ),
        facts=[(kind, parts.names(k.kind == place)) for place, kind in enumerate(k.names)],
        picks=[draw.Pick(sets=[{"layer": a + 1, "head": b + 1} for a, b in order] * len(kinds), columns=len(order))],
        layout={"xaxis": {"tickfont": {"size": 11}, "tickangle": -90 if len(order) > 12 else 0}},
    )


def spread_figure(r: Attended) -> draw.Figure:
    """How evenly, and how far back, each head looks in this text."""
    layers, heads = r.entropy.shape
    pairs = [(a, b) for a in range(1, layers + 1) for b in range(1, heads + 1)]
    x, y = r.distance.ravel(), r.entropy.ravel()
    chosen = pairs.index((r.chosen.layer, r.chosen.head))
    right, tall = (max(float(v.max()), even) * 1.12 or 1.0 for v, even in ((x, r.distance_even), (y, r.entropy_even)))
    cloud = draw.points(
        x,
        y,
        name=T("heads", "注意力头"),
        marker={"color": [parts.color_of(r, *pair) for pair in pairs], "size": 9},
        text=[name(*pair) for pair in pairs],
        hovertemplate=T(
            "head %{text}<br>distance %{x:.2f}, entropy %{y:.2f} bits<extra></extra>",
            "注意力头 %{text}<br>距离 %{x:.2f}，熵 %{y:.2f} 比特<extra></extra>",
        ),
    )
    ring = draw.points(
        [x[chosen]],
        [y[chosen]],
        parts.CHOSEN_COLOR,
        size=17,
        symbol="circle-open",
        hoverinfo="skip",
        name=name(*pairs[chosen]),
        label="end",
    )
    even = draw.points(
        [r.distance_even], [r.entropy_even], draw.THEORY, size=11, symbol="cross", name=T("looks at all alike", "一视同仁"), label="end"
    )
    far = np.argsort(-np.hypot((x - r.distance_even) / right, (y - r.entropy_even) / tall))[:NAMED]
    labels = [
        draw.Label(float(x[i]), float(y[i]) + 0.04 * tall, name(*pairs[i]), parts.color_of(r, *pairs[i]), "center")
        for i in far
        if i != chosen
    ]
    bits = T("{bits:number} bits", "{bits:number} 比特", bits=float(y[chosen]))
    return draw.Figure(
        [cloud, ring, even],
        [
            draw.Panel(
                draw.Axis(T("mean distance, tokens", "平均距离（词元）"), range=(-0.03 * right, right)),
                draw.Axis(T("mean entropy, bits", "平均熵（比特）"), range=(-0.03 * tall, tall)),
                key=[*parts.kinds_key(r), parts.CHOSEN_HEAD],
            )
        ],
        T(
            "Heads look {near:number} to {far:number} tokens away with {least:number} to {most:number} bits; one that prefers nothing: {distance:number} tokens, {entropy:number} bits.",
            "各头平均看向 {near:number} 到 {far:number} 个词元之外，熵为 {least:number} 到 {most:number} 比特；毫无偏好的头：{distance:number} 个词元，{entropy:number} 比特。",
            near=float(x.min()),
            far=float(x.max()),
            least=float(y.min()),
            most=float(y.max()),
            distance=r.distance_even,
            entropy=r.entropy_even,
        ),
        labels,
        facts=[
            (
                T("head", "注意力头"),
                T("{head}, {kind}", "{head}，{kind}", head=name(*pairs[chosen]), kind=parts.kind_of(r, *pairs[chosen])),
            ),
            (T("its distance", "其距离"), float(x[chosen])),
            (T("its entropy", "其熵"), bits),
            (T("distance, all alike", "一视同仁的距离"), r.distance_even),
            (T("entropy, all alike", "一视同仁的熵"), r.entropy_even),
        ],
        picks=[draw.Pick(sets=[{"layer": a, "head": b} for a, b in pairs], trace=0)],
    )


def ablation_figure(r: Attended) -> draw.Figure:
    """What is lost without a head: in this text, token by token, and in what comes next."""
    cut, after = r.ablated, r.next_token
    layers, heads = cut.off.shape
    x, off = np.arange(cut.off.size), parts.names(cut.off)
    worse = np.nan_to_num(cut.alone.ravel()) > 0
    colors = [draw.MUTE if gone else draw.REJECT if bad else draw.ACCEPT for gone, bad in zip(cut.off.ravel(), worse, strict=True)]
    change = np.nan_to_num(cut.losses - cut.whole_losses)
    bar = draw.bars(
        x,
        cut.alone.ravel(),
        name=T("change of the loss", "损失的变化"),
        marker={"color": colors, "line": {"width": 0}},
        hovertemplate=T(
            "loss %{y:+.4f} nats<br>click: switch this head<extra></extra>", "损失 %{y:+.4f} nat<br>点击：开关此头<extra></extra>"
        ),
    )
    title = T("how much worse each token is foreseen (red) or better (green)", "每个词元的预测变差（红）或变好（绿）的程度")
    if not cut.off.any():
        title = T("nothing is switched off yet: click a head's bar", "尚未关闭任何头：点击某个头的条形")
    shade = [draw.REJECT if c > 0 else draw.ACCEPT for c in change]
    values = {"before": cut.whole_loss, "now": cut.loss, "off": off if cut.off.any() else T("none", "零个")}
    bars, follows = next_bars(r, 1)
    return draw.Figure(
        [bar, *bars],
        [
            draw.Panel(
                draw.Axis(
                    T("head switched off alone (by layer)", "单独关闭的头（按层）"),
                    ticks=([heads * k + (heads - 1) / 2 for k in range(layers)], [str(k + 1) for k in range(layers)]),
                ),
                draw.Axis(T("change of the loss, nats per token", "损失的变化，nat / 词元")),
                key=[
                    (draw.REJECT, T("the text is foreseen worse", "预测变差")),
                    (draw.ACCEPT, T("better", "变好")),
                    (draw.MUTE, T("is switched off", "已关闭")),
                ],
            ),
            follows,
        ],
        T(
            "Loss {before:number} nats per token with all heads, {now:number} with {off} switched off.",
            "全部注意力头时损失为 {before:number} nat / 词元；关闭 {off} 时为 {now:number}。",
            **values,
        ),
        facts=[
            (T("loss with all heads", "全部注意力头的损失"), T("{before:number} nats", "{before:number} nat", **values)),
            (T("switched off", "已关闭"), off if cut.off.any() else T("none: click a bar", "无：点击条形")),
            (T("loss now", "现在的损失"), T("{now:number} nats", "{now:number} nat", **values)),
            (T("next token was", "原先的下一词元"), likely(after.tokens[int(after.whole.argmax())], after.whole.max())),
            (T("next token now", "现在的下一词元"), likely(after.tokens[int(after.probability.argmax())], after.probability.max())),
        ],
        strips=[parts.text(r, title, np.abs(change) / (float(np.abs(change).max()) or 1.0), shade)],
        picks=[draw.Pick(sets=[{"ablate": heads_off} for heads_off in cut.toggled])],
    )
