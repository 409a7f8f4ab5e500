"""Figures of what comes next: the logit lens layer by layer, and how the next token is drawn."""

from __future__ import annotations

import numpy as np

from engine.language.attention_maps.result import Attended
from pages.language.attention_maps import parts
from pages.language.attention_maps.parts import LINK, WEIGHTS, marked, placed, token_axis, word
from pages.shell import T, draw

LISTED = 10  # candidates for the next token


def likely(token: str, probability: float) -> T:
    """A token and how likely it is."""
    return T("{token} {p:number.2}", "{token} {p:number.2}", token=word(token), p=float(probability))


def next_bars(r: Attended, panel: int) -> tuple[list[dict], draw.Panel]:
    """The likeliest next tokens now, beside what all heads together say: traces of a panel, and the panel."""
    t = r.next_token
    listed = np.argsort(-np.maximum(t.whole, t.probability), kind="stable")[:LISTED]
    listed = listed[np.argsort(-t.whole[listed], kind="stable")]
    at, top = np.arange(len(listed)), max(0.02, 1.1 * float(max(t.whole.max(), t.probability.max())))
    now = draw.bars(at, t.probability[listed], panel=panel, name=T("now", "现在"))
    whole = draw.ticks(at, t.whole[listed], panel=panel, name=T("all heads", "全部注意力头"))
    tokens = draw.Axis(T("next token", "下一词元"), ticks=(at.tolist(), [marked(t.tokens[i]) for i in listed]))
    return [parts.no_link(now), parts.no_link(whole)], draw.Panel(tokens, draw.Axis(T("probability", "概率"), range=(0, top)), key=True)


def lens_figure(r: Attended) -> draw.Figure:
    """At which layer the right token appears; for one place, what each layer would say."""
    if r.lens is None:
        return draw.absent(T("This model's last norm is not where the lens looks for it.", "在透镜查找之处没有找到该模型的末层归一化。"))
    n, depth = len(r.tokens), len(r.lens.truth)
    best, say = r.lens.probabilities[:, :, 0], r.lens.tokens[:, :, 0]
    # The layer from which on the likeliest token is the one that the model says.
    settled = depth - (say == say[-1])[::-1].cumprod(0).sum(0)
    here, rows = parts.cursor(r, "x")
    here["y"], start = np.array([-0.5, depth - 0.5]), n - 1

    def facts(i: int) -> list[tuple]:
        follows = likely(r.tokens[i + 1], r.lens.truth[-1, i]) if i + 1 < n else T("the end of the text", "文本结束")
        return [
            (T("after", "在其后"), placed(r, i)),
            (T("what does follow", "实际的下一个"), follows),
            (T("the model says", "模型预测"), likely(say[-1, i], best[-1, i])),
            (T("settled from layer", "从该层起不变"), int(settled[i])),
        ]

    stair = draw.bars(
        best[:, start],
        np.arange(depth),
        orientation="h",
        panel=1,
        name=T("likeliest", "最可能的"),
        text=[marked(t) for t in say[:, start]],
        textposition="auto",
        textfont={"size": 13},
        cliponaxis=False,
        hovertemplate="%{text}: %{x:.4f}<extra></extra>",
    )
    strips = {0: {"strength": np.eye(n, dtype=np.uint8), "upto": np.arange(1, n + 1)}}
    frames = parts.moments(r, facts=facts, start=start, rows={1: rows, 2: {"x": best.T}}, strips=strips)
    for i, frame in enumerate(frames.frames):
        frame.data[2] = {"text": [marked(t) for t in say[:, i]]}
    layers = draw.Axis(
        T("layer (0: the embedding)", "层（0 为嵌入）"), ticks=(list(range(depth)), list(map(str, range(depth)))), range=(-0.5, depth - 0.5)
    )
    hover = T("after token %{x}, layer %{y}<br>%{z:.4f}<extra></extra>", "词元 %{x} 之后，第 %{y} 层<br>%{z:.4f}<extra></extra>")
    follows = T("probability of the token that follows", "实际后继词元的概率")
    return draw.Figure(
        [
            draw.heat(r.lens.truth, scale=WEIGHTS, zmin=0, zmax=1, meta={"link": "x"}, name=follows, hovertemplate=hover, scale_title="p"),
            here,
            parts.no_link(stair),
        ],
        [
            draw.Panel(token_axis(T("after token", "在词元之后"), n), layers, title=follows, key=[parts.CHOSEN_TOKEN]),
            draw.Panel(
                draw.Axis(T("probability", "概率"), range=(0, 1.02)),
                layers,
                title=T("what each layer would say here", "各层在此处会说什么"),
            ),
        ],
        T(
            "The lens through {depth} layers: at the last, what follows has probability {late:number.2} on average over {n} tokens.",
            "透过 {depth} 层的透镜：在最后一层，实际后继词元的平均概率为 {late:number.2}（{n} 个词元）。",
            depth=depth - 1,
            late=float(r.lens.truth[-1, :-1].mean()) if n > 1 else float("nan"),
            n=n - 1,
        ),
        frames=frames,
        strips=[parts.text(r, T("point at a token: what would each layer say after it?", "指向一个词元：各层会认为其后是什么？"))],
        link=LINK,
    )


def sampling_figure(r: Attended) -> draw.Figure:
    """The next token: what the model says, what temperature, top-k and top-p make of it, what was drawn."""
    t, m = r.next_token, np.arange(len(r.next_token.ids))
    top = max(float(t.probability.max()), float(t.law.max()), float(t.drawn.max()) / t.draws) * 1.12
    drawn = draw.bars(
        m,
        t.drawn / t.draws,
        name=T("drawn", "抽样"),
        customdata=t.drawn,
        hovertemplate=T("%{customdata} draws, %{y:.2%}<extra></extra>", "抽中 %{customdata} 次，%{y:.2%}<extra></extra>"),
    )
    model = draw.line(m, t.probability, draw.INK_2, width=1.4, name=T("the model's own", "模型原本的分布"))
    model["line"]["shape"] = "hvh"
    out = int((t.law > 0).sum())
    return draw.Figure(
        [drawn, model, draw.ticks(m, t.law, name=T("the law drawn from", "抽样所用的分布"))],
        [
            draw.Panel(
                draw.Axis(ticks=(m.tolist(), [marked(token) for token in t.tokens])),
                draw.Axis(T("probability", "概率"), format=".0%", range=(0, top)),
                key=True,
            )
        ],
        T(
            "After this text {token} is likeliest; {kept:count} tokens can be drawn, and were drawn {draws:count} times.",
            "此文本之后最可能是 {token}；可抽取的词元有 {kept:count} 个，共抽取 {draws:count} 次。",
            token=likely(t.tokens[0], t.probability[0]),
            kept=t.kept,
            draws=t.draws,
        ),
        [draw.Label(out - 0.45, top * 0.6, T("cut off →", "截去 →"), draw.INK_3)] if out < len(m) else [],
        facts=[
            (T("tokens that can be drawn", "可抽取的词元"), (t.kept, "count")),
            (T("the model gave them", "模型给它们的概率"), (t.share, "percent")),
            (
                T("entropy", "熵"),
                T("{own:number} → {law:number} bits", "{own:number} → {law:number} 比特", own=t.entropy, law=t.entropy_of_law),
            ),
            (
                T("likeliest", "最可能的"),
                T("{token} → {law:number.2}", "{token} → {law:number.2}", token=likely(t.tokens[0], t.probability[0]), law=float(t.law[0])),
            ),
            (T("not shown", "未列出"), (t.others, "percent")),
        ],
        strips=[parts.text(r, T("the text so far", "到此为止的文本"), np.zeros(len(r.tokens)))],
        layout={"xaxis": {"tickangle": -45}},
    )
