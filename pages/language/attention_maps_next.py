"""Figures of what comes next: the logit lens layer by layer, and how the next token is drawn."""

from __future__ import annotations

import numpy as np

from engine.language.attention_maps import Attended
from pages.language.attention_maps_parts import LINK, WEIGHTS, cursor, marked, moments, no_link, text, token_axis, word
from pages.shell.axes import Axis
from pages.shell.colors import INK_2, INK_3, MEASURED, SECOND, THEORY
from pages.shell.figures import Figure, absent
from pages.shell.panels import Label, Panel
from pages.shell.text import T, grouped
from pages.shell.traces import bars, heat, ticks, trace


def lens_figure(r: Attended) -> Figure:
    """At which layer the right token appears; for one place, what each layer would say."""
    if r.lens is None:
        return absent(
            T(
                "This model's last norm is not where the lens looks for it.",
                "在透镜查找之处没有找到该模型的末层归一化。",
            )
        )
    n, depth = len(r.tokens), len(r.lens.truth)
    best, say = r.lens.probabilities[:, :, 0], r.lens.tokens[:, :, 0]
    layers = [str(k) for k in range(depth)]
    here, rows = cursor(r, "x")
    here["y"], start = np.array([-0.5, depth - 0.5]), n - 1

    def facts(i: int) -> list[tuple]:
        right = r.lens.truth[:, i]
        first = np.flatnonzero((r.lens.tokens[:, i, 0] == r.lens.tokens[-1, i, 0])[::-1].cumprod()[::-1])
        return [
            (T("after", "在其后"), f"{i + 1} {word(r.tokens[i])}"),
            (T("what does follow", "实际的下一个"), f"{word(r.tokens[i + 1])} {right[-1]:.2f}" if i + 1 < n else T("the end of the text", "文本结束")),
            (T("the model says", "模型预测"), f"{word(say[-1, i])} {best[-1, i]:.2f}"),
            (T("settled from layer", "从该层起不变"), layers[int(first[0])]),
        ]  # fmt: skip

    stair = bars(best[:, start], np.arange(depth), MEASURED, orientation="h", panel=1, name=T("likeliest", "最可能的"),
                 text=[marked(t) for t in say[:, start]], textposition="auto", textfont={"size": 13}, cliponaxis=False,
                 hovertemplate="%{text}: %{x:.4f}<extra></extra>")  # fmt: skip
    frames = moments(r, facts=facts, start=start, rows={1: rows, 2: {"x": best.T}},
                     strips={0: {"strength": np.eye(n, dtype=np.uint8), "upto": np.arange(1, n + 1)}})  # fmt: skip
    for i, frame in enumerate(frames.frames):
        frame.data[2] = {"text": [marked(t) for t in say[:, i]]}
    truth = r.lens.truth.copy()
    truth[:, -1] = np.nan
    late = float(np.nanmean(truth[-1])) if n > 1 else float("nan")
    return Figure(
        [
            heat(truth, scale=WEIGHTS, zmin=0, zmax=1, meta={"link": "x"}, name=T("probability of what follows", "实际后继的概率"),
                 hovertemplate=T("after token %{x}, layer %{y}<br>%{z:.4f}<extra></extra>", "词元 %{x} 之后，第 %{y} 层<br>%{z:.4f}<extra></extra>")),
            here,
            no_link(stair),
        ],
        [Panel(token_axis(T("after token", "在词元之后"), n), Axis(T("layer (0: the embedding)", "层（0 为嵌入）"), ticks=(list(range(depth)), layers), range=(-0.5, depth - 0.5)), title=T("probability of the token that follows", "实际后继词元的概率")),
         Panel(Axis(T("probability", "概率"), range=(0, 1.02)), Axis(ticks=(list(range(depth)), layers), range=(-0.5, depth - 0.5)), title=T("what each layer would say here", "各层在此处会说什么"))],
        T(f"The lens through {depth - 1} layers: at the last, what follows has probability {late:.2f} on average.", f"透过 {depth - 1} 层的透镜：在最后一层，实际后继词元的平均概率为 {late:.2f}。"),
        frames=frames,
        strips=[text(r, T("point at a token: what would each layer say after it?", "指向一个词元：各层会认为其后是什么？"))],
        link=LINK,
    )  # fmt: skip


def sampling_figure(r: Attended) -> Figure:
    """The next token: what the model says, what temperature, top-k and top-p make of it, what was drawn."""
    t = r.next_token
    m = np.arange(len(t.ids))
    top = max(float(t.probability.max()), float(t.law.max()), float(t.drawn.max()) / t.draws) * 1.12
    drawn = bars(m, t.drawn / t.draws, MEASURED, name=T("share of draws", "抽样份额"), customdata=t.drawn,
                 hovertemplate=T("%{customdata} draws, %{y:.2%}<extra></extra>", "抽中 %{customdata} 次，%{y:.2%}<extra></extra>"))  # fmt: skip
    model = trace(
        "scatter",
        x=m,
        y=t.probability,
        mode="lines",
        line={"color": SECOND, "width": 1.4, "shape": "hvh"},
        name=T("the model's own", "模型原本"),
    )
    out = int((t.law > 0).sum())
    labels = [
        Label(len(m) - 0.6, top * 0.94, T("bars: drawn", "条：抽样"), MEASURED, "right"),
        Label(len(m) - 0.6, top * 0.86, T("strokes: the law they are drawn from", "短线：抽样所用的分布"), THEORY, "right"),
        Label(len(m) - 0.6, top * 0.78, T("stairs: the model's own", "阶梯：模型原本的分布"), SECOND, "right"),
    ]  # fmt: skip
    if out < len(m):
        labels.append(Label(out - 0.45, top * 0.6, T("cut off →", "截去 →"), INK_3))
    if not len(m):
        labels.append(Label(0, 0, T("no token", "没有词元"), INK_2))
    return Figure(
        [drawn, model, ticks(m, t.law, name=T("law", "分布"))],
        [Panel(Axis(ticks=(m.tolist(), [marked(token) for token in t.tokens])), Axis(T("probability", "概率"), format=".0%", range=(0, top)))],
        T(f"After this text {word(t.tokens[0])} is likeliest, {t.probability[0]:.2f}; {grouped(t.kept)} tokens can be drawn.", f"此文本之后最可能是 {word(t.tokens[0])}，概率 {t.probability[0]:.2f}；可抽取的词元有 {grouped(t.kept)} 个。"),
        labels,
        facts=[(T("tokens that can be drawn", "可抽取的词元"), grouped(t.kept)), (T("the model gave them", "模型给它们的概率"), f"{t.share:.1%}"),
               (T("entropy", "熵"), T(f"{t.entropy:.2f} → {t.entropy_of_law:.2f} bits", f"{t.entropy:.2f} → {t.entropy_of_law:.2f} 比特")),
               (T("likeliest", "最可能的"), f"{word(t.tokens[0])} {t.probability[0]:.1%} → {t.law[0]:.1%}"),
               (T("not shown", "未列出"), f"{t.others:.1%}")],
        layout={"xaxis": {"tickangle": -45}},
    )  # fmt: skip
