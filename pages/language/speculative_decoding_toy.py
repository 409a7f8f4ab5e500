"""The toy pair: two distributions that one drags, everything about them exact."""

from __future__ import annotations

import numpy as np

from engine.language.speculative_decoding import Speculated
from pages.shell import T
from pages.shell.axes import Axis
from pages.shell.colors import ACCEPT, BRASS, INK_2, MEASURED, MUTE, SECOND, THEORY, THIRD
from pages.shell.figures import Figure, Handle
from pages.shell.panels import Label, Panel
from pages.shell.traces import bars, line, points, ticks, trace

LETTERS = "ABCDEFGH"
SIDE = 0.2


def lossless_figure(r: Speculated) -> Figure:
    """p and q with handles; beside them the output's law in its two parts, which add up to p."""
    t = r.toy
    n = len(t.p)
    x = np.arange(n)
    top = 1.45 * float(max(t.p.max(), t.q.max()))
    width = {"width": 2 * SIDE - 0.04}
    traces = [
        bars(x - SIDE, t.p, MEASURED, name=T("target's p", "目标的 p"), **width),
        bars(x + SIDE, t.q, SECOND, name=T("draft's q", "草稿的 q"), **width),
        bars(x, t.through_guess, ACCEPT, width=0.6, panel=1, name=T("a kept guess: min(p, q)", "保留的猜测：min(p, q)")),
        bars(x, t.through_residual, THIRD, width=0.6, panel=1, base=t.through_guess, name=T("resampled: (p − q)₊", "重抽：(p − q)₊")),
        trace("scatter", panel=1, x=x, y=t.p, mode="markers", name="p",
              marker={"color": THEORY, "size": 26, "symbol": "line-ew-open", "line": {"width": 2.4, "color": THEORY}}),
        points(x, t.observed, MEASURED, size=8, panel=1, name=T("simulated", "模拟")),
    ]  # fmt: skip
    letters = (x.tolist(), list(LETTERS[:n]))
    error = "0" if t.largest_error == 0 else f"{t.largest_error:.0e}".replace("e-", "e−")
    handles = [Handle(float(i - SIDE), f"p[{i}]", text=f"p {LETTERS[i]}", share=True) for i in range(n)]
    handles += [Handle(float(i + SIDE), f"q[{i}]", text=f"q {LETTERS[i]}", share=True) for i in range(n)]
    return Figure(
        traces,
        [Panel(Axis(T("token", "词元"), range=(-0.6, n - 0.4), ticks=letters), Axis(T("chance", "概率"), range=(0, top)), title=T("drag p (blue) and q (orange)", "拖动 p（蓝）与 q（橙）")),
         Panel(Axis(T("token", "词元"), range=(-0.6, n - 0.4), ticks=letters), Axis("", range=(0, top)), title=T("what is written: exactly p", "写出的：恰为 p"))],
        T(f"Guesses are kept with chance Σ min(p, q) = {t.alpha:.3f}; kept guesses and resampled tokens together have the law p, with an error of {error} by enumeration.",
          f"猜测以概率 Σ min(p, q) = {t.alpha:.3f} 被保留；保留的猜测与重抽的词元合起来恰为 p，枚举所得误差为 {error}。"),
        [Label(n - 0.45, 0.96 * top, T("green: kept guess, min(p, q)", "绿：保留的猜测 min(p, q)"), ACCEPT, "right", 1),
         Label(n - 0.45, 0.87 * top, T("on it: resampled, (p − q)₊", "其上：重抽 (p − q)₊"), THIRD, "right", 1),
         Label(n - 0.45, 0.77 * top, T("stroke: p · points: simulated", "短线：p · 点：模拟"), THEORY, "right", 1)],
        facts=[("α = Σ min(p, q)", f"{t.alpha:.4f}"), (T("simulated α", "模拟的 α"), f"{r.acceptance_rate:.4f}"), (T("largest error of the law", "分布的最大误差"), error),
               (T("tokens simulated", "模拟的词元数"), str(t.tokens))],
        handles=handles,
        layout={"barmode": "overlay"},
    )  # fmt: skip


def lengths_figure(r: Speculated) -> Figure:
    """Tokens a step and what they are worth at a cost c."""
    t = r.toy
    top = 1.2 * float(max(t.length_law.max(), t.length_observed.max()))
    high = 1.25 * float(max(t.expected_speedups.max(), 1.05))
    here = t.gammas == r.gamma
    wins = T("pays", "划算") if r.expected_speedup > 1 else T("does not pay", "不划算")
    return Figure(
        [
            bars(t.lengths, t.length_observed, MEASURED, name=T("simulated", "模拟")),
            ticks(t.lengths, t.length_law, THEORY, name=T("exact", "精确")),
            line(t.gammas, t.expected_speedups, THEORY, panel=1, name=T("formula", "公式")),
            line([0.5, 12.5], [1, 1], MUTE, dash="dot", panel=1, hoverinfo="skip"),
            points(t.gammas[here], t.expected_speedups[here], BRASS, size=12, panel=1, name=T("here", "此处")),
        ],
        [Panel(Axis(T("tokens of a step", "一步的词元数"), range=(0.4, len(t.lengths) + 0.6)), Axis(T("share of steps", "步数占比"), range=(0, top), format=".0%"), title=T("how many tokens a step yields", "一步得到多少词元")),
         Panel(Axis(T("guesses at a time γ", "每次猜测数 γ"), range=(0.5, 12.5)), Axis(T("times as fast", "加速倍数"), range=(0, high)), title=T(f"worth at c = {r.cost_ratio:g}", f"c = {r.cost_ratio:g} 时的收益"))],
        T(f"A step yields {t.mean_length:.3f} tokens on average, simulated {r.tokens_per_step:.3f}; at c = {r.cost_ratio:g} the best γ is {t.best} and γ = {r.gamma} {wins.en}, {r.expected_speedup:.2f} times.",
          f"一步平均得到 {t.mean_length:.3f} 个词元，模拟为 {r.tokens_per_step:.3f}；c = {r.cost_ratio:g} 时最佳 γ 为 {t.best}，γ = {r.gamma} {wins.zh}，为 {r.expected_speedup:.2f} 倍。"),
        [Label(len(t.lengths) + 0.5, 0.95 * top, T("bars: simulated · strokes: exact", "条：模拟 · 短线：精确"), INK_2, "right"),
         Label(12.3, 0.95 * high, T(f"best: γ = {t.best}", f"最佳：γ = {t.best}"), THEORY, "right", 1)],
        facts=[(T("tokens a step, enumerated", "每步词元，枚举"), f"{t.mean_length:.4f}"), (T("by the formula", "按公式"), f"{r.expected_tokens_per_step:.4f}"),
               (T("simulated", "模拟"), f"{r.tokens_per_step:.4f}"), (T("speed-up here", "此处加速"), times_of(r.expected_speedup))],
    )  # fmt: skip


def times_of(value: float) -> str:
    """A speed-up to read off."""
    return f"{value:.2f}×"
