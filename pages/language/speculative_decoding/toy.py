"""The toy pair: two distributions that one drags, everything about them exact."""

from __future__ import annotations

import numpy as np

from engine.language.speculative_decoding import Speculated
from pages.shell import T, draw

LETTERS = "ABCDEFGH"
SIDE = 0.2  # of a token's place, from its middle to each of its two bars
SPARE = 1.15  # of the tallest bar


def lossless_figure(r: Speculated) -> draw.Figure:
    """p and q with handles; beside them the output's law in its two parts, which add up to p."""
    t = r.toy
    n, x = len(t.p), np.arange(len(t.p))
    top = SPARE * float(max(t.p.max(), t.q.max()))
    traces = [
        draw.bars(x - SIDE, t.p, draw.MEASURED, name=T("target's p", "目标的 p"), width=2 * SIDE - 0.04),
        draw.bars(x + SIDE, t.q, draw.SECOND, name=T("draft's q", "草稿的 q"), width=2 * SIDE - 0.04),
        draw.bars(x, t.through_guess, draw.ACCEPT, width=0.6, panel=1, name=T("a kept guess: min(p, q)", "保留的猜测：min(p, q)")),
        draw.bars(
            x, t.through_residual, draw.THIRD, width=0.6, panel=1, base=t.through_guess, name=T("resampled: (p − q)₊", "重抽：(p − q)₊")
        ),
        draw.ticks(x, t.p, panel=1, name="p"),
        draw.points(x, t.observed, draw.MEASURED, size=8, panel=1, name=T("simulated", "模拟")),
    ]
    handles = [
        draw.Handle(float(i + side), f"{name}[{i}]", text=f"{name} {LETTERS[i]}", share=True)
        for name, side in (("p", -SIDE), ("q", SIDE))
        for i in range(n)
    ]
    token = draw.Axis(T("token", "词元"), range=(-0.6, n - 0.4), ticks=(x.tolist(), list(LETTERS[:n])))
    return draw.Figure(
        traces,
        [
            draw.Panel(
                token, draw.Axis(T("chance", "概率"), range=(0, top)), title=T("drag the tops of p and q", "拖动 p 与 q 的顶端"), key=True
            ),
            draw.Panel(token, draw.Axis(range=(0, top)), title=T("what is written: exactly p", "写出的：恰为 p"), key=True),
        ],
        T(
            "Guesses are kept with chance Σ min(p, q) = {alpha:number}; kept guesses and resampled tokens together have the law p, with an error of {error:number.1} by enumeration.",
            "猜测以概率 Σ min(p, q) = {alpha:number} 被保留；保留的猜测与重抽的词元合起来恰为 p，枚举所得误差为 {error:number.1}。",
            alpha=t.alpha,
            error=t.largest_error,
        ),
        facts=[
            ("α = Σ min(p, q)", (t.alpha, "number.4")),
            (T("simulated α", "模拟的 α"), (r.acceptance_rate, "number.4")),
            (T("largest error of the law", "分布的最大误差"), (t.largest_error, "number.1")),
            (T("tokens simulated", "模拟的词元数"), (t.tokens, "count")),
        ],
        handles=handles,
        layout={"barmode": "overlay"},
    )


def lengths_figure(r: Speculated) -> draw.Figure:
    """Tokens a step and what they are worth at a cost c."""
    t = r.toy
    here = t.gammas == r.gamma
    worth = T("pays", "划算") if r.expected_speedup > 1 else T("does not pay", "不划算")
    values = {"c": r.cost_ratio, "best": t.best, "gamma": r.gamma, "worth": worth, "times": r.expected_speedup}
    return draw.Figure(
        [
            draw.bars(t.lengths, t.length_observed, draw.MEASURED, name=T("simulated", "模拟")),
            draw.ticks(t.lengths, t.length_law, name=T("exact", "精确")),
            draw.line(t.gammas, t.expected_speedups, panel=1, name=T("formula", "公式"), label="end"),
            draw.line([0.5, 12.5], [1, 1], draw.INK_3, dash="dot", panel=1, name=T("plain decoding", "普通解码"), label="end"),
            draw.points(t.gammas[here], t.expected_speedups[here], draw.BRASS, size=12, panel=1, name=T("here", "此处"), label="middle"),
        ],
        [
            draw.Panel(
                draw.Axis(T("tokens of a step", "一步的词元数"), range=(0.4, len(t.lengths) + 0.6)),
                draw.Axis(
                    T("share of steps", "步数占比"),
                    range=(0, SPARE * float(max(t.length_law.max(), t.length_observed.max()))),
                    format=".0%",
                ),
                title=T("how many tokens a step yields", "一步得到多少词元"),
                key=True,
            ),
            draw.Panel(
                draw.Axis(T("guesses at a time γ", "每次猜测数 γ"), range=(0.5, 14)),
                draw.Axis(T("times as fast", "加速倍数"), range=(0, SPARE * float(max(t.expected_speedups.max(), 1.05)))),
                title=T("worth at c = {c:number}, best at γ = {best}", "c = {c:number} 时的收益，γ = {best} 最佳", **values),
            ),
        ],
        T(
            "A step yields {mean:number.4} tokens on average, simulated {seen:number.4}; at c = {c:number} the best γ is {best} and γ = {gamma} {worth}, {times:number} times.",
            "一步平均得到 {mean:number.4} 个词元，模拟为 {seen:number.4}；c = {c:number} 时最佳 γ 为 {best}，γ = {gamma} {worth}，为 {times:number} 倍。",
            mean=t.mean_length,
            seen=r.tokens_per_step,
            **values,
        ),
        facts=[
            (T("tokens a step, enumerated", "每步词元，枚举"), (t.mean_length, "number.5")),
            (T("by the formula", "按公式"), (r.expected_tokens_per_step, "number.5")),
            (T("simulated", "模拟"), (r.tokens_per_step, "number.4")),
            (T("speed-up here", "此处加速"), (r.expected_speedup, "times")),
        ],
    )
