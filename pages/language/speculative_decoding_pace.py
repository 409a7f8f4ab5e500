"""Wall clocks: the race, acceptance by groups, γ, where the time goes, and who should guess."""

from __future__ import annotations

import numpy as np

from engine.language.speculative_decoding import Speculated
from pages.language.speculative_decoding_parts import (
    KINDS,
    NOT_YET,
    SOURCES,
    measured_rates,
    milliseconds,
    share,
    times,
)
from pages.shell import T
from pages.shell.axes import Axis
from pages.shell.colors import ACCEPT, BRASS, FOURTH, INK_2, MEASURED, MUTE, REJECT, SECOND, SURFACE, THEORY, THIRD
from pages.shell.figures import Figure, absent
from pages.shell.moments import Frame, Frames
from pages.shell.panels import Label, Panel
from pages.shell.strips import Strip
from pages.shell.traces import bars, heat, line, points, ticks, trace

MOMENTS = 60


def race_figure(r: Speculated) -> Figure:
    """Plain and speculative decoding of one prompt, on the same clock."""
    if r.race is None:
        return absent(NOT_YET)
    race = r.race
    ways = ((race.speculative, race.speculative_tokens), (race.plain, race.plain_tokens))
    end = float(max(race.plain[-1], race.speculative[-1]))
    clock = np.linspace(0, end, MOMENTS)
    steps = [np.searchsorted(seconds, clock + 1e-12, side="right") for seconds, _ in ways]
    shown = [np.append(0, tokens)[k] for (_, tokens), k in zip(ways, steps, strict=True)]
    traces = []
    for (seconds, tokens), color, name in zip(
        ways, (MEASURED, SECOND), (T("speculative", "推测解码"), T("plain", "普通解码")), strict=True
    ):
        style = {"color": color, "width": 2.4, "shape": "hv"}
        traces.append(trace("scatter", x=np.append(0, seconds), y=np.append(0, tokens), mode="lines", line=style, name=name, meta={"link": "none"}))  # fmt: skip
    frames = [Frame(f"{now:.5f}", {w: {"upto": int(steps[w][k]) + 1} for w in (0, 1)}) for k, now in enumerate(clock)]
    first, second = (float(seconds[-1]) for seconds, _ in ways)
    ahead = (
        T(f"speculative: {1e3 * first:.0f} ms", f"推测解码：{1e3 * first:.0f} ms"),
        T(f"plain: {1e3 * second:.0f} ms", f"普通解码：{1e3 * second:.0f} ms"),
    )
    top = float(max(race.plain_tokens[-1], race.speculative_tokens[-1]))
    ratio = second / race.plain_tokens[-1] / (first / race.speculative_tokens[-1])
    return Figure(
        traces,
        [Panel(Axis(T("time, seconds", "时间，秒"), range=(0, 1.02 * end)), Axis(T("tokens written", "写出的词元"), range=(0, 1.08 * top)))],
        T(f"Speculative decoding writes {race.speculative_tokens[-1]} tokens in {1e3 * first:.0f} ms, plain decoding {race.plain_tokens[-1]} in {1e3 * second:.0f} ms: {ratio:.2f} times as fast a token.",
          f"推测解码用 {1e3 * first:.0f} ms 写出 {race.speculative_tokens[-1]} 个词元，普通解码用 {1e3 * second:.0f} ms 写出 {race.plain_tokens[-1]} 个：每个词元快 {ratio:.2f} 倍。"),
        [Label(0.02 * end, 0.98 * top, ahead[0], MEASURED), Label(0.02 * end, 0.86 * top, ahead[1], SECOND)],
        Frames("t", frames, real_time=True, strips={0: {"upto": shown[0]}, 1: {"upto": shown[1]}}),
        facts=[(T("speculative", "推测解码"), f"{1e3 * first:.0f} ms"), (T("plain", "普通解码"), f"{1e3 * second:.0f} ms"),
               (T("times as fast a token", "每词元快多少倍"), f"{ratio:.2f}"), (T("interleaved runs", "交替运行次数"), str(race.runs))],
        layout={"height": 300},
        strips=[Strip(flowing(race.speculative_pieces), ahead[0], MEASURED, np.full(len(race.speculative_pieces), 0.35)),
                Strip(flowing(race.plain_pieces), ahead[1], SECOND, np.full(len(race.plain_pieces), 0.35))],
    )  # fmt: skip


def flowing(pieces: tuple[str, ...]) -> list[str]:
    """Tokens that break no line: two texts are to stand above one figure."""
    return [piece.replace("\n", "↵").replace("    ", "⇥") for piece in pieces]


def rates_figure(r: Speculated) -> Figure:
    """Acceptance by place in the block, by kind of token, by temperature."""
    if r.positions is None or r.token_kinds is None:
        return absent(NOT_YET)
    places = np.arange(1, len(r.positions.names) + 1)
    kinds = np.arange(len(r.token_kinds.names))
    traces = measured_rates(r.positions, places, 0) + measured_rates(r.token_kinds, kinds, 1, across=True)
    panels = [
        Panel(Axis(T("place in the block", "块中位置"), range=(0.4, len(places) + 0.6), ticks=(places.tolist(), r.positions.names)),
              Axis(T("acceptance", "接受率"), range=(0, 1.12), format=".0%"), title=T("by place", "按位置")),
        Panel(Axis(T("acceptance", "接受率"), range=(0, 1.12), format=".0%"),
              Axis(ticks=(kinds.tolist(), [KINDS[n] for n in r.token_kinds.names]), range=(len(kinds) - 0.4, -0.6)), title=T("by what was guessed", "按所猜的词元")),
    ]  # fmt: skip
    labels = [Label(0.5, 1.07, T("strokes: Σ min(p, q)", "短线：Σ min(p, q)"), INK_2)]
    if r.temperatures is not None:
        warmth = np.array([float(name) for name in r.temperatures.names])
        traces += measured_rates(r.temperatures, warmth, 2)
        traces[-2]["width"] = 0.2
        panels.append(
            Panel(Axis(T("temperature", "温度"), range=(-0.2, float(warmth[-1]) + 0.2)), Axis("", range=(0, 1.12), format=".0%"), title=T("by temperature", "按温度"))
        )  # fmt: skip
    best = int(np.argmax(r.token_kinds.expected))
    worst = int(np.argmin(r.token_kinds.expected))
    easy, hard = (KINDS[r.token_kinds.names[i]] for i in (best, worst))
    return Figure(
        traces, panels,
        T(f"Over {int(r.positions.decided.sum())} decisions the guesses are best at the kind “{easy.en}” and worst at “{hard.en}”.",
          f"在 {int(r.positions.decided.sum())} 次判定中，猜得最准的是“{easy.zh}”，最差的是“{hard.zh}”。"),
        labels, facts=[(T("decisions", "判定次数"), str(int(r.positions.decided.sum()))), (T("kept", "保留"), f"{rate_of(r):.0%}")],
        columns=3,
    )  # fmt: skip


def rate_of(r: Speculated) -> float:
    """Acceptance over all decisions of the survey."""
    decided = r.positions.decided
    return float(np.nansum(r.positions.rate * decided) / max(1, decided.sum()))


def gamma_figure(r: Speculated) -> Figure:
    """Tokens a pass and the speed-up over γ, measured on the formulas."""
    if r.sweep is None:
        return absent(NOT_YET)
    s = r.sweep
    up, down = s.speedup_high - s.speedup, s.speedup - s.speedup_low
    spread = {"type": "data", "array": up, "arrayminus": down, "color": MEASURED, "thickness": 1.3, "width": 3}
    here = s.gammas == r.gamma
    traces = [
        line(s.gammas, s.expected_tokens, THEORY, name=T("formula", "公式")),
        points(s.gammas, s.tokens_per_step, MEASURED, size=9, name=T("measured", "实测")),
        line(s.gammas, s.expected_speedup, THEORY, panel=1, name=T("formula, measured c", "公式，实测 c")),
        line(s.gammas, s.with_block, FOURTH, dash="dash", panel=1, name=T("with the cost of checking", "计入检查代价")),
        points(s.gammas, s.speedup, MEASURED, size=9, panel=1, error_y=spread, name=T("measured", "实测")),
        line([1, float(s.gammas[-1])], [1, 1], MUTE, dash="dot", panel=1, hoverinfo="skip"),
        points(s.gammas[here], s.speedup[here], BRASS, size=13, symbol="circle-open", panel=1, hoverinfo="skip"),
    ]
    high = 1.25 * float(max(s.speedup_high.max(), s.expected_speedup.max()))
    tall = 1.35 * float(max(s.tokens_per_step.max(), s.expected_tokens.max()))
    verdict = T("pays", "划算") if r.speedup >= 1 else T("does not pay", "不划算")
    axis = Axis(
        T("guesses at a time γ", "每次猜测数 γ"),
        range=(0.5, float(s.gammas[-1]) + 0.5),
        ticks=(s.gammas.tolist(), [str(g) for g in s.gammas]),
    )
    return Figure(
        traces,
        [Panel(axis, Axis(T("tokens a pass", "每次运算的词元"), range=(0.8, tall)), title=T("tokens to a pass of the target", "目标每次运算写出的词元")),
         Panel(axis, Axis(T("times as fast", "加速倍数"), range=(0, high)), title=T("speed-up over plain decoding", "相对普通解码的加速"))],
        T(f"At γ = {r.gamma} decoding is {r.speedup:.2f} times as fast; the best γ found is {s.best_found}, the formula's is {s.best_expected} with α = {s.alpha:.2f} and c = {r.cost_ratio:.2f}, and {s.best_with_block} with the cost of checking.",
          f"γ = {r.gamma} 时解码为 {r.speedup:.2f} 倍速；实测最佳 γ 为 {s.best_found}，公式在 α = {s.alpha:.2f}、c = {r.cost_ratio:.2f} 时给出 {s.best_expected}，计入检查代价则为 {s.best_with_block}。"),
        [Label(float(s.gammas[-1]), 0.97 * tall, T("points: measured", "点：实测"), MEASURED, "right"),
         Label(float(s.gammas[-1]), 0.89 * tall, "(1 − α^(γ+1)) / (1 − α)", THEORY, "right"),
         Label(float(s.gammas[-1]), 0.96 * high, T("formula with measured c", "公式，取实测 c"), THEORY, "right", 1),
         Label(float(s.gammas[-1]), 0.88 * high, T("dashed: and measured v", "虚线：再计入实测 v"), FOURTH, "right", 1),
         Label(0.7, 0.05 * high, T(f"γ = {r.gamma} {verdict.en}: {r.speedup:.2f}×", f"γ = {r.gamma} {verdict.zh}：{r.speedup:.2f}×"), BRASS, "left", 1)],
        facts=[("α", f"{s.alpha:.3f}"), ("c", f"{r.cost_ratio:.3f}"), (T("best γ found", "实测最佳 γ"), str(s.best_found)),
               (T("best γ of the formula", "公式最佳 γ"), str(s.best_expected)), (T("and with v", "计入 v"), str(s.best_with_block)), (T("here", "此处"), times(r.speedup)), (T("formula", "公式"), times(r.expected_speedup))],
    )  # fmt: skip


def costs_figure(r: Speculated) -> Figure:
    """The time to a token in its parts, and the map of what would pay."""
    if r.budget is None or r.costs is None or r.payoff is None:
        return absent(NOT_YET)
    b, c, pay = r.budget, r.costs, r.payoff
    parts = [
        (T("checking", "检查"), np.array([0, b.checking]), MEASURED), (T("guessing", "猜测"), np.array([0, b.guessing]), SECOND),
        (T("the rest", "其余"), np.array([0, b.other]), MUTE), (T("plain pass", "普通运算"), np.array([b.plain, 0]), THIRD),
    ]  # fmt: skip
    stack = [
        trace("bar", x=np.array([0, 1]), y=1e3 * seconds, width=0.55, marker={"color": color}, name=name)
        for name, seconds, color in parts
    ]
    top = 1.3e3 * max(b.plain, b.speculative, b.checking + b.guessing + b.other)
    labels, level = [], 0.0
    for name, seconds, color in parts[:3]:
        labels.append(Label(1.32, 1e3 * (level + seconds[1] / 2), name, INK_2 if color == MUTE else color))
        level += float(seconds[1])
    alpha = 0.0 if r.sweep is None else r.sweep.alpha
    place = min(c.c, 0.99)
    ground = heat(np.log2(np.maximum(pay.speedup, 1e-3)), pay.costs, pay.alphas, panel=1, zmin=-2, zmax=2, hoverinfo="skip",
                  scale=[[0, f"{REJECT}/0.55"], [0.5, SURFACE], [1, f"{ACCEPT}/0.6"]], name=T("speed-up", "加速"))  # fmt: skip
    even = line(pay.costs, pay.break_even, THEORY, panel=1, name=T("break-even", "盈亏平衡"))
    here = points([place], [alpha], BRASS, size=13, panel=1, name=T("this run", "本次运行"))
    guess = T("a guess, on average", "一次猜测（平均）") if r.drafting == "both" else T("a guess", "一次猜测")
    need = T("never", "永远不会") if c.least_alpha != c.least_alpha else f"{c.least_alpha:.0%}"
    return Figure(
        [*stack, ground, even, here],
        [Panel(Axis("", range=(-0.5, 2.3), ticks=([0, 1], [T("plain", "普通"), T("speculative", "推测")])), Axis(T("ms a token", "每词元毫秒"), range=(0, top)), title=T("time to a token", "每个词元的时间")),
         Panel(Axis(T("cost of a guess c", "一次猜测的代价 c"), range=(0, 1)), Axis(T("acceptance α", "接受率 α"), range=(0, 1)), title=T(f"what pays at γ = {r.gamma}, by the formula", f"按公式，γ = {r.gamma} 时何处划算"))],
        T(f"A guess takes {milliseconds(c.guess)}, a pass of the target {milliseconds(c.single)}: c = {c.c:.3f}. Checking {r.gamma + 1} tokens takes v = {c.v:.2f} times a pass over one.",
          f"一次猜测 {milliseconds(c.guess)}，目标一次运算 {milliseconds(c.single)}：c = {c.c:.3f}。检查 {r.gamma + 1} 个词元的耗时为单个的 v = {c.v:.2f} 倍。"),
        [*labels, Label(min(place + 0.04, 0.6), alpha, T("this run", "本次运行"), BRASS, "left", 1), Label(0.03, 0.94, T("faster", "更快"), ACCEPT, "left", 1),
         Label(0.97, 0.06, T("slower", "更慢"), REJECT, "right", 1)],
        facts=[("c", f"{c.c:.3f}"), ("v", f"{c.v:.2f}"), (guess, milliseconds(c.guess)), (T("a pass over one token", "单词元运算"), milliseconds(c.single)),
               (T(f"a pass over {r.gamma + 1}", f"{r.gamma + 1} 词元运算"), milliseconds(c.block)), (T("pays above α", "划算所需 α"), need)],
        layout={"barmode": "stack"},
    )  # fmt: skip


def sources_figure(r: Speculated) -> Figure:
    """Draft model, n-gram lookup, both by turns and early exit on the one prompt."""
    if r.sources is None:
        return absent(NOT_YET)
    s = r.sources
    x = np.arange(len(s.names))
    named = [SOURCES[name] for name in s.names]
    axis = Axis("", range=(-0.6, len(x) - 0.4), ticks=(x.tolist(), named))
    top = 1.3 * float(max(s.speedup.max(), s.expected_speedup.max(), 1.1))
    traces = [
        bars(x, np.nan_to_num(s.acceptance), MEASURED, width=0.5, name=T("acceptance", "接受率")),
        ticks(x, s.least_alpha, REJECT, name=T("pays above", "高于此才划算")),
        bars(x, s.speedup, MEASURED, width=0.5, panel=1, name=T("measured", "实测")),
        ticks(x, s.expected_speedup, THEORY, panel=1, name=T("formula", "公式")),
        line([-0.6, len(x) - 0.4], [1, 1], MUTE, dash="dot", panel=1, hoverinfo="skip"),
    ]
    best = int(s.speedup.argmax())
    losing = [named[i] for i in range(len(x)) if s.speedup[i] < 1]
    lost = (
        T("", "")
        if not losing
        else T(f" No gain: {', '.join(n.en for n in losing)}.", f"没有收益：{'、'.join(n.zh for n in losing)}。")
    )
    rows = [
        [
            T("Who guesses", "谁来猜"),
            "α",
            T("guesses a pass", "每次猜测数"),
            T("tokens a pass", "每次词元数"),
            "c",
            T("speed-up", "加速"),
            T("formula", "公式"),
        ]
    ]
    rows += [
        [named[i], share(float(s.acceptance[i])), f"{s.proposed[i]:.2f}", f"{s.tokens_per_step[i]:.2f}", share(float(s.cost_ratio[i])), times(s.speedup[i]), times(s.expected_speedup[i])]
        for i in range(len(x))
    ]  # fmt: skip
    return Figure(
        traces,
        [Panel(axis, Axis(T("acceptance α", "接受率 α"), range=(0, 1.15), format=".0%"), title=T("how often a guess stands", "猜测有多常站得住")),
         Panel(axis, Axis(T("times as fast", "加速倍数"), range=(0, top)), title=T("speed-up over plain decoding", "相对普通解码的加速"))],
        T(f"At γ = {r.gamma} the {named[best].en} is fastest on this prompt, {s.speedup[best]:.2f} times plain decoding.{lost.en}",
          f"γ = {r.gamma} 时，此提示下最快的是{named[best].zh}，为普通解码的 {s.speedup[best]:.2f} 倍。{lost.zh}"),
        [Label(-0.55, 1.08, T("red stroke: pays above this", "红线：高于此才划算"), REJECT), Label(-0.55, 0.95 * top, T("bars: measured · strokes: formula", "条：实测 · 短线：公式"), INK_2, "left", 1)],
        table=rows,
    )  # fmt: skip
