"""Figures of what heads are and what they are worth: their kinds, entropy and distance, ablation, rollout, memory."""

from __future__ import annotations

import numpy as np

from engine.language.attention_maps import Attended, memory
from pages.language.attention_maps_parts import (
    LINK,
    WEIGHTS,
    color_of,
    cursor,
    kind_of,
    marked,
    moments,
    name,
    names,
    no_link,
    places,
    strongest,
    text,
    token_axis,
    upto,
    word,
)
from pages.shell.axes import Axis
from pages.shell.colors import ACCEPT, BRASS, INK, INK_3, MEASURED, MUTE, REJECT, SECOND, THEORY, THIRD
from pages.shell.figures import Figure, Pick
from pages.shell.panels import Label, Panel
from pages.shell.text import T, grouped
from pages.shell.traces import bars, heat, line, points, ticks, trace

ROWS = 30  # heads of the table of kinds
LISTED = 14  # tokens
NATS = T("nats per token", "nat / 词元")


def sorted_heads(r: Attended) -> list[tuple[int, int]]:
    """Heads by kind and within each by score, those without a clear kind last; the most telling of a large model."""
    k = r.head_kinds
    found: list[tuple[int, int]] = []
    for kind in [*range(len(k.names)), -1]:
        which = [tuple(pair) for pair in np.argwhere(k.kind == kind)]
        score = np.nan_to_num(k.scores[kind] if kind >= 0 else k.scores.max(0))
        found += sorted(which, key=lambda pair: -score[pair])
    if len(found) <= ROWS:
        return found
    each = {kind: [pair for pair in found if k.kind[pair] == kind] for kind in (*range(len(k.names)), -1)}
    return [pair for some in each.values() for pair in some[: ROWS // len(each)]]


def kinds_figure(r: Attended) -> Figure:
    """What each head is there for, measured on texts made for it."""
    order, k = sorted_heads(r), r.head_kinds
    z = np.array([[k.scores[kind][pair] for pair in order] for kind in range(len(k.names))])
    heads = list(range(len(order)))
    chosen = next((i for i, (a, b) in enumerate(order) if (a + 1, b + 1) == (r.chosen.layer, r.chosen.head)), None)
    kinds = [T(f"{en}<br>chance {c:.0%}", f"{zh}<br>随机 {c:.0%}") if np.isfinite(c) else T(en, zh)
             for (en, zh), c in zip(k.names, k.chance, strict=True)]  # fmt: skip
    outline = []
    if chosen is not None:
        left, right, tall = chosen - 0.5, chosen + 0.5, len(kinds) - 0.5
        outline = [
            line([left, right, right, left, left], [-0.5, -0.5, tall, tall, -0.5], BRASS, width=2, hoverinfo="skip")
        ]
    best = np.nanmax(k.scores[2]) if np.isfinite(k.scores[2]).any() else float("nan")
    clear = int((k.kind >= 0).sum())
    return Figure(
        [heat(z * 100, scale=WEIGHTS, zmin=0, zmax=100, texttemplate="%{z:.0f}", textfont={"size": 9, "color": INK}, name=T("score, %", "得分，%"),
              hovertemplate=T("%{z:.2f} % of the attention<extra></extra>", "注意力的 %{z:.2f}%<extra></extra>")), *outline],
        [Panel(Axis(T("head, sorted by kind; numbers: % of its attention", "按类型排序的注意力头；数字：其注意力的百分比"), ticks=(heads, [name(a + 1, b + 1) for a, b in order])),
               Axis(ticks=(list(range(len(kinds))), kinds), reverse=True))],
        T(f"Of {k.kind.size} heads, {clear} are clearly of one kind; the best induction head puts {best:.0%} of its attention right where chance would put {k.chance[2]:.0%}.",
          f"{k.kind.size} 个头中有 {clear} 个类型明确；最强的归纳头把 {best:.0%} 的注意力放对了地方，而随机只有 {k.chance[2]:.0%}。"),
        facts=[(T(en, zh), names(r, k.kind == place)) for place, (en, zh) in enumerate(k.names)],
        picks=[Pick(sets=[{"layer": int(a) + 1, "head": int(b) + 1} for a, b in order] * len(kinds), columns=len(order))],
        layout={"xaxis": {"tickfont": {"size": 11}, "tickangle": -90 if len(order) > 12 else 0}},
    )  # fmt: skip


def spread_figure(r: Attended) -> Figure:
    """How evenly, and how far back, each head looks in this text."""
    layers, heads = r.entropy.shape
    pairs = [(a, b) for a in range(1, layers + 1) for b in range(1, heads + 1)]
    colors = [color_of(r, *pair) for pair in pairs]
    x, y = r.distance.ravel(), r.entropy.ravel()
    chosen = pairs.index((r.chosen.layer, r.chosen.head))
    cloud = trace("scatter", x=x, y=y, mode="markers+text", name=T("heads", "注意力头"), text=[name(*pair) for pair in pairs],
                  textposition="top center", textfont={"size": 11, "color": colors}, marker={"color": colors, "size": 8},
                  hovertemplate=T("head %{text}<br>distance %{x:.2f}, entropy %{y:.2f} bits<extra></extra>",
                                  "注意力头 %{text}<br>距离 %{x:.2f}，熵 %{y:.2f} 比特<extra></extra>"))  # fmt: skip
    if len(pairs) > 60:
        cloud |= {"mode": "markers"}
    ring = points(
        [x[chosen]], [y[chosen]], BRASS, size=16, symbol="circle-open", hoverinfo="skip", name=T("chosen", "选中")
    )
    ring["marker"]["line"] = {"width": 2}
    even = points(
        [r.distance_even],
        [r.entropy_even],
        THEORY,
        size=11,
        symbol="cross-thin-open",
        name=T("looks at all alike", "一视同仁"),
    )
    even["marker"]["line"] = {"width": 2.4}
    reach = max(float(x.max()), r.distance_even) * 1.12 or 1.0
    tall = max(float(y.max()), r.entropy_even) * 1.12 or 1.0
    found = sorted({int(kind) for kind in r.head_kinds.kind.ravel()})
    words = [(T(*r.head_kinds.names[kind]) if kind >= 0 else T("mixed", "混合"), kind) for kind in found]
    labels = [
        Label(0, tall * (0.96 - 0.065 * rank), label, color_of(r, *(np.argwhere(r.head_kinds.kind == kind)[0] + 1)))
        for rank, (label, kind) in enumerate(words)
    ]  # fmt: skip
    return Figure(
        [cloud, ring, even],
        [Panel(Axis(T("mean distance, tokens", "平均距离（词元）"), range=(-0.03 * reach, reach)), Axis(T("mean entropy, bits", "平均熵（比特）"), range=(-0.03 * tall, tall)))],
        T(f"Heads look {x.min():.1f} to {x.max():.1f} tokens away with {y.min():.1f} to {y.max():.1f} bits; one that prefers nothing: {r.distance_even:.1f} tokens, {r.entropy_even:.1f} bits.",
          f"各头平均看向 {x.min():.1f} 到 {x.max():.1f} 个词元之外，熵为 {y.min():.1f} 到 {y.max():.1f} 比特；毫无偏好的头：{r.distance_even:.1f} 个词元，{r.entropy_even:.1f} 比特。"),
        [Label(r.distance_even, r.entropy_even + tall * 0.05, T("all alike", "一视同仁"), THEORY, "center"), *labels],
        facts=[(T("head", "注意力头"), T(*(f"{name(r.chosen.layer, r.chosen.head)}, {kind_of(r, r.chosen.layer, r.chosen.head)[i]}" for i in (0, 1)))),
               (T("its distance", "其距离"), f"{x[chosen]:.2f}"), (T("its entropy", "其熵"), T(f"{y[chosen]:.2f} bits", f"{y[chosen]:.2f} 比特")),
               (T("all alike", "一视同仁"), T(f"{r.distance_even:.2f}, {r.entropy_even:.2f} bits", f"{r.distance_even:.2f}，{r.entropy_even:.2f} 比特"))],
        picks=[Pick(sets=[{"layer": a, "head": b} for a, b in pairs])],
    )  # fmt: skip


def ablation_figure(r: Attended) -> Figure:
    """What is lost without a head: in this text, token by token, and in what comes next."""
    cut, after = r.ablated, r.next_token
    layers, heads = cut.off.shape
    x = np.arange(cut.off.size)
    switched = cut.off.ravel()
    colors = [
        BRASS if gone else (REJECT if change > 0 else ACCEPT)
        for gone, change in zip(switched, np.nan_to_num(cut.alone.ravel()), strict=True)
    ]
    change = np.nan_to_num(cut.losses - cut.whole_losses)
    worst = float(np.abs(change).max()) or 1.0
    listed = np.argsort(-np.maximum(after.whole, after.probability), kind="stable")[:LISTED]
    listed = listed[np.argsort(-after.whole[listed], kind="stable")]
    some = switched.any()
    off = names(r, cut.off)
    loss = T(f"{cut.loss:.3f}", f"{cut.loss:.3f}") if np.isfinite(cut.loss) else T("none", "无")
    shade = [REJECT if c > 0 else ACCEPT for c in change]
    bar = bars(x, cut.alone.ravel(), name=T("change of the loss", "损失的变化"), customdata=[name(*divmod(int(i), heads)) for i in x],
               hovertemplate=T("loss %{y:+.4f} nats<br>click: switch this head<extra></extra>", "损失 %{y:+.4f} nat<br>点击：开关此头<extra></extra>"))  # fmt: skip
    bar["marker"] = {"color": colors, "line": {"width": 0}}
    whole = ticks(np.arange(len(listed)), after.whole[listed], panel=1, name=T("all heads", "全部注意力头"))
    return Figure(
        [bar, bars(np.arange(len(listed)), after.probability[listed], panel=1, name=T("now", "现在")), whole],
        [Panel(Axis(T("head switched off alone (by layer)", "单独关闭的头（按层）"), ticks=([heads * k + (heads - 1) / 2 for k in range(layers)], [str(k + 1) for k in range(layers)])),
               Axis(T("change of the loss, nats per token", "损失的变化，nat / 词元"))),
         Panel(Axis(ticks=(list(range(len(listed))), [marked(after.tokens[i]) for i in listed])), Axis(T("probability of the next token", "下一词元的概率"), range=(0, max(0.02, float(max(after.whole.max(), after.probability.max())) * 1.1))))],
        T(f"Loss {cut.whole_loss:.3f} nats per token with all heads, {loss.en} without {off}.", f"全部注意力头时损失为 {cut.whole_loss:.3f} nat / 词元；关闭 {off} 后为 {loss.zh}。"),
        [Label(len(listed) - 0.6, max(0.02, float(max(after.whole.max(), after.probability.max()))) * 1.04,
               T("bars: now; strokes: all heads", "条：现在；短线：全部注意力头"), INK_3, "right", panel=1)],
        facts=[(T("loss with all heads", "全部注意力头的损失"), T(f"{cut.whole_loss:.3f} nats", f"{cut.whole_loss:.3f} nat")),
               (T("switched off", "已关闭"), off if some else T("none: click a bar", "无：点击条形")), (T("loss now", "现在的损失"), T(f"{loss.en} nats", f"{loss.zh} nat")),
               (T("next token was", "原先的下一词元"), f"{word(after.tokens[int(after.whole.argmax())])} {after.whole.max():.2f}"),
               (T("next token now", "现在的下一词元"), f"{word(after.tokens[0])} {after.probability[0]:.2f}")],
        strips=[text(r, T("how much worse each token is foreseen (red) or better (green)", "每个词元的预测变差（红）或变好（绿）的程度") if some
                     else T("nothing is switched off yet: click a head's bar", "尚未关闭任何头：点击某个头的条形"), np.abs(change) / worst if some else np.zeros(len(change)), shade)],
        picks=[Pick(sets=[{"ablate": words} for words in cut.toggled])],
        layout={"xaxis2": {"tickangle": -45}},
    )  # fmt: skip


def rollout_figure(r: Attended) -> Figure:
    """What reaches what through all layers up to the chosen one."""
    n, depth = len(r.tokens), r.chosen.layer
    flow, plain = r.rollout[depth - 1].astype(np.float32), r.attentions[depth - 1].mean(0)
    here, rows = cursor(r)
    start = moments(r).start

    def facts(i: int) -> list[tuple]:
        return [
            (T("token", "词元"), f"{i + 1} {word(r.tokens[i])}"),
            (T("fed most by", "主要来源"), strongest(r, flow, i)),
            (T("from itself", "来自自身"), f"{flow[i, i]:.3f}"),
            (T("layers", "层数"), str(depth)),
        ]

    return Figure(
        [
            heat(flow, scale=WEIGHTS, zmin=0, zmax=1, meta={"link": "y"}, name=T("rollout", "累积"),
                 hovertemplate=T("token %{y} from token %{x}<br>%{z:.4f}<extra></extra>", "词元 %{y} 来自词元 %{x}<br>%{z:.4f}<extra></extra>")),
            here,
            no_link(bars(places(r), flow[start], panel=1, name=T("rollout", "累积"))),
            no_link(line(places(r), plain[start], SECOND, panel=1, width=1.4, name=T("this layer's mean weight", "该层平均权重"))),
        ],
        [Panel(token_axis(T("token of the text", "文本词元"), n), token_axis(T("place after the layers", "各层之后的位置"), n, reverse=True, equal=True)),
         Panel(token_axis(T("token of the text", "文本词元"), n), Axis(T("share", "份额"), range=(0, 1.02)))],
        T(f"Through {depth} layers, each of the {n} places is fed by those shares of the text's tokens.", f"经过 {depth} 层后，{n} 个位置各自由文本词元的这些份额构成。"),
        [Label((n - 1) * 0.98, 0.97, T("line: this layer alone", "细线：仅该层"), SECOND, "right", panel=1)],
        frames=moments(r, facts=facts, rows={1: rows, 2: {"y": flow}, 3: {"y": plain}}, strips={0: {"strength": flow, "upto": upto(r)}}),
        strips=[text(r, T(f"which tokens feed it through layers 1 to {depth}", f"经过第 1 至第 {depth} 层，哪些词元汇入此处"))],
        link=LINK,
    )  # fmt: skip


def memory_figure(r: Attended) -> Figure:
    """Bytes of keys and values as the text grows, measured, and by the formula for other designs."""
    held, layers = r.held, len(r.entropy)
    n = np.arange(1, len(held.whole) + 1)
    kb = 1024
    law = memory.formula(n, layers, held.groups, held.width) / kb
    one = memory.formula(n, layers, 1, held.width) / kb
    end = float(n[-1])
    each = int(memory.formula(np.array([1]), layers, held.groups, held.width)[0])
    top, some = float(law[-1]), len(n) * 3 // 5
    labels = [
        Label(end * 0.6, float(law[some]) + top * 0.05, T(f"all tokens, {held.groups} heads of keys", f"全部词元，{held.groups} 个键头"), MEASURED, "right"),
        Label(end, float(held.sliding[-1]) / kb + top * 0.05, T(f"window of {r.window}", f"窗口 {r.window}"), THIRD, "right"),
    ]  # fmt: skip
    if held.groups > 1:
        labels.append(Label(end * 0.5, float(one[len(n) // 2]) - top * 0.06, T("one head of keys", "一个键头"), INK_3))
    return Figure(
        [
            line(n, law, THEORY, name=T("2·L·G·d·n·4 bytes", "2·L·G·d·n·4 字节")),
            line(n, one, MUTE, dash="dot", name=T("one head of keys and values", "一个键值头")),
            points(n, held.whole / kb, MEASURED, size=5, name=T("cache, measured", "缓存，实测")),
            points(n, held.sliding / kb, THIRD, size=5, name=T("sliding cache, measured", "滑动缓存，实测")),
        ],
        [Panel(Axis(T("tokens read", "已读词元"), range=(0, end * 1.02 + 0.5)), Axis(T("keys and values, KiB", "键与值，KiB"), range=(0, float(law[-1]) * 1.08)))],
        T(f"After {len(n)} tokens the cache holds {grouped(int(held.whole[-1]))} bytes, {grouped(each)} a token.", f"读入 {len(n)} 个词元后缓存占 {grouped(int(held.whole[-1]))} 字节，每个词元 {grouped(each)} 字节。"),
        labels,
        facts=[(T("bytes a token", "每词元字节"), grouped(each)), (T("layers × heads of keys × width", "层 × 键头 × 宽度"), f"{layers} × {held.groups} × {held.width}"),
               (T("now", "现在"), T(f"{held.whole[-1] / kb:.0f} KiB", f"{held.whole[-1] / kb:.0f} KiB")),
               (T("with a window", "有窗口时"), f"{held.sliding[-1] / kb:.0f} KiB"),
               (T("100 000 tokens would take", "十万词元将占"), f"{each * 1e5 / 2**30:.2f} GiB")],
    )  # fmt: skip
