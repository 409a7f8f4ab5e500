"""Wall clocks: the race, γ, where the time goes, and who should guess."""

from __future__ import annotations

import numpy as np

from engine.core import amounts
from engine.language.speculative_decoding import Speculated
from engine.language.speculative_decoding.parameters import SOURCES
from pages.language.speculative_decoding.parts import NOT_YET, VERDICTS, spans
from pages.shell import T, draw

MOMENTS = 60
SPARE = 1.15  # of the tallest mark


def race_figure(r: Speculated) -> draw.Figure:
    """Plain and speculative decoding of one prompt, on the same clock."""
    if r.race is None:
        return draw.absent(NOT_YET)
    race = r.race
    ways = (
        (T("speculative", "推测解码"), race.speculative, race.speculative_tokens, race.speculative_pieces, draw.MEASURED),
        (T("plain", "普通解码"), race.plain, race.plain_tokens, race.plain_pieces, draw.INK_3),
    )
    ends = [float(seconds[-1]) for _, seconds, *_ in ways]
    end, top = max(ends), float(max(tokens[-1] for _, _, tokens, *_ in ways))
    clock = np.linspace(0, end, MOMENTS)
    steps = [np.searchsorted(seconds, clock + 1e-12, side="right") for _, seconds, *_ in ways]  # a step on the clock's tick is done
    traces = [
        draw.line(np.append(0, seconds), np.append(0, tokens), hue, width=2.4, name=name, label="end")
        | {"meta": {"link": "none", "label": "end"}}
        for name, seconds, tokens, _, hue in ways
    ]
    for trace in traces:
        trace["line"]["shape"] = "hv"
    frames = [draw.Frame(f"{now:.5f}", {w: {"upto": int(steps[w][k]) + 1} for w in (0, 1)}) for k, now in enumerate(clock)]
    strips = {w: {"upto": np.append(0, ways[w][2])[steps[w]]} for w in (0, 1)}
    titles = [T("{way}: {time:seconds}", "{way}：{time:seconds}", way=way[0], time=time) for way, time in zip(ways, ends, strict=True)]
    values = {
        "fast": ends[0],
        "slow": ends[1],
        "many": int(race.speculative_tokens[-1]),
        "few": int(race.plain_tokens[-1]),
        "ratio": race.speedup,
    }
    return draw.Figure(
        traces,
        [
            draw.Panel(
                draw.Axis(T("time, seconds", "时间，秒"), range=(0, SPARE * end)),
                draw.Axis(T("tokens written", "写出的词元"), range=(0, 1.08 * top)),
            )
        ],
        T(
            "Speculative decoding writes {many} tokens in {fast:seconds}, plain decoding {few} in {slow:seconds}: {ratio:number} times as fast a token, by medians of {runs} runs.",
            "推测解码用 {fast:seconds} 写出 {many} 个词元，普通解码用 {slow:seconds} 写出 {few} 个：每个词元的速度为 {ratio:number} 倍（{runs} 次运行的中位数）。",
            runs=race.runs,
            **values,
        ),
        frames=draw.Frames("t", frames, real_time=True, strips=strips),
        facts=[
            *((way[0], (time, "seconds")) for way, time in zip(ways, ends, strict=True)),
            (T("times as fast a token", "每词元的加速倍数"), race.speedup),
            (T("interleaved runs", "交替运行次数"), race.runs),
        ],
        strips=[
            draw.Strip(flowing(pieces), title, hue, np.full(len(pieces), 0.35))
            for (_, _, _, pieces, hue), title in zip(ways, titles, strict=True)
        ],
    )


def flowing(pieces: tuple[str, ...]) -> list[str]:
    """Tokens that break no line: two texts are to stand above one figure."""
    return [piece.replace("\n", "↵").replace("    ", "⇥") for piece in pieces]


def gamma_figure(r: Speculated) -> draw.Figure:
    """Tokens a pass and the speed-up over γ, measured on the formulas."""
    if r.sweep is None:
        return draw.absent(NOT_YET)
    s, here = r.sweep, r.sweep.gammas == r.gamma
    traces = [
        draw.line(s.gammas, s.expected_tokens, name=T("formula, eq. 1", "公式，式 1")),
        draw.points(s.gammas, s.tokens_per_step, size=9, name=T("measured", "实测")),
        draw.line(s.gammas, s.expected_speedup, panel=1, name=T("formula, measured c", "公式，实测 c")),
        draw.line(s.gammas, s.with_block, draw.FOURTH, dash="dash", panel=1, name=T("with the cost of checking", "计入检查代价")),
        draw.points(
            s.gammas, s.speedup, size=9, panel=1, error_y=spans(s.speedup, s.speedup_low, s.speedup_high), name=T("measured", "实测")
        ),
        draw.line([1, float(s.gammas[-1])], [1, 1], draw.INK_3, dash="dot", panel=1, name=T("plain decoding", "普通解码")),
        draw.points(
            s.gammas[here], s.speedup[here], draw.BRASS, size=13, symbol="circle-open", panel=1, name=T("the chosen γ", "所选的 γ")
        ),
    ]
    axis = draw.Axis(
        T("guesses at a time γ", "每次猜测数 γ"),
        range=(0.5, float(s.gammas[-1]) + 0.5),
        ticks=(s.gammas.tolist(), [str(g) for g in s.gammas]),
    )
    highest = [float(max(a.max(), b.max())) for a, b in ((s.tokens_per_step, s.expected_tokens), (s.speedup_high, s.expected_speedup))]
    return draw.Figure(
        traces,
        [
            draw.Panel(
                axis,
                draw.Axis(T("tokens a pass", "每次运算的词元"), range=(0.8, SPARE * highest[0])),
                title=T("tokens to a pass of the target", "目标每次运算写出的词元"),
                key=True,
            ),
            draw.Panel(
                axis,
                draw.Axis(T("times as fast", "加速倍数"), range=(0, SPARE * highest[1])),
                title=T("speed-up over plain decoding", "相对普通解码的加速"),
                key=True,
            ),
        ],
        T(
            "At γ = {gamma} decoding is {speedup:number} times as fast; the best γ found is {found}, the formula's is {formula} with α = {alpha:number} and c = {c:number}, and {checked} with the cost of checking.",
            "γ = {gamma} 时解码为 {speedup:number} 倍速；实测最佳 γ 为 {found}，公式在 α = {alpha:number}、c = {c:number} 时给出 {formula}，计入检查代价则为 {checked}。",
            gamma=r.gamma,
            speedup=r.speedup,
            found=s.best_found,
            formula=s.best_expected,
            alpha=s.alpha,
            c=r.cost_ratio,
            checked=s.best_with_block,
        ),
        facts=[
            ("α", (s.alpha, "number.4")),
            ("c", (r.cost_ratio, "number.4")),
            (T("best γ found", "实测最佳 γ"), s.best_found),
            (T("best γ of the formula", "公式最佳 γ"), s.best_expected),
            (T("and with v", "计入 v"), s.best_with_block),
            (T("here", "此处"), (r.speedup, "times")),
            (T("formula", "公式"), (r.expected_speedup, "times")),
            (T("does it pay?", "划算吗？"), VERDICTS[r.judged]),
        ],
    )


def costs_figure(r: Speculated) -> draw.Figure:
    """The time to a token in its parts, and the map of what would pay."""
    if r.budget is None or r.costs is None or r.payoff is None:
        return draw.absent(NOT_YET)
    b, c, pay = r.budget, r.costs, r.payoff
    parts = (
        (T("checking", "检查"), (0, b.checking), draw.MEASURED),
        (T("guessing", "猜测"), (0, b.guessing), draw.SECOND),
        (T("the rest", "其余"), (0, b.other), draw.MUTE),
        (T("plain pass", "普通运算"), (b.plain, 0), draw.INK_3),
    )
    traces = [draw.bars([0, 1], 1e3 * np.array(seconds), hue, width=0.55, opacity=1.0, name=name) for name, seconds, hue in parts]
    traces += [
        draw.heat(
            np.log2(np.maximum(pay.speedup, 1e-3)),
            pay.costs,
            pay.alphas,
            panel=1,
            zmin=-2,
            zmax=2,
            hoverinfo="skip",
            scale=[[0, f"{draw.REJECT}/0.55"], [0.5, draw.SURFACE], [1, f"{draw.ACCEPT}/0.6"]],
            scale_title=T("times as fast", "加速倍数"),
        ),
        draw.line(pay.costs, pay.break_even, panel=1, name=T("break-even", "盈亏平衡"), label="middle"),
        draw.points(
            [min(c.c, 0.99)],
            [0.0 if r.sweep is None else r.sweep.alpha],
            draw.BRASS,
            size=13,
            panel=1,
            name=T("this run", "本次运行"),
            label="end",
        ),
    ]
    traces[4]["colorbar"] |= {"tickvals": [-2, -1, 0, 1, 2], "ticktext": ["¼", "½", "1", "2", "4"]}
    guess = T("a guess, on average", "一次猜测（平均）") if r.drafting == "both" else T("a guess", "一次猜测")
    never = c.least_alpha != c.least_alpha
    return draw.Figure(
        traces,
        [
            draw.Panel(
                draw.Axis(range=(-0.5, 1.5), ticks=([0, 1], [T("plain", "普通解码"), T("speculative", "推测解码")])),
                draw.Axis(T("ms a token", "每词元毫秒"), range=(0, 1.1e3 * max(b.plain, b.speculative, b.checking + b.guessing + b.other))),
                title=T("time to a token", "每个词元的时间"),
                key=True,
            ),
            draw.Panel(
                draw.Axis(T("cost of a guess c", "一次猜测的代价 c"), range=(0, 1)),
                draw.Axis(T("acceptance α", "接受率 α"), range=(0, 1)),
                title=T("what pays at γ = {gamma}, by the formula", "按公式，γ = {gamma} 时何处划算", gamma=r.gamma),
            ),
        ],
        T(
            "A guess takes {guess:seconds}, a pass of the target {single:seconds}: c = {c:number}. Checking {n} tokens takes v = {v:number} times a pass over one.",
            "一次猜测 {guess:seconds}，目标一次运算 {single:seconds}：c = {c:number}。检查 {n} 个词元的耗时为单个的 v = {v:number} 倍。",
            guess=c.guess,
            single=c.single,
            c=c.c,
            n=r.gamma + 1,
            v=c.v,
        ),
        facts=[
            ("c", c.c),
            ("v", c.v),
            (guess, (c.guess, "seconds")),
            (T("a pass over one token", "单词元运算"), (c.single, "seconds")),
            (T("a pass over {n}", "{n} 词元运算", n=r.gamma + 1), (c.block, "seconds")),
            (T("pays above α", "划算所需 α"), T("never", "永远不会") if never else (c.least_alpha, "percent.2")),
        ],
        layout={"barmode": "stack"},
    )


def sources_figure(r: Speculated) -> draw.Figure:
    """Draft model, n-gram lookup, both by turns and early exit on the one prompt."""
    if r.sources is None:
        return draw.absent(NOT_YET)
    s, x = r.sources, np.arange(len(r.sources.names))
    named = [SOURCES[name] for name in s.names]
    axis = draw.Axis(range=(-0.6, len(x) - 0.4), ticks=(x.tolist(), named))
    top = SPARE * float(max(s.speedup_high.max(), s.expected_speedup.max(), 1.1))
    speed = spans(s.speedup, s.speedup_low, s.speedup_high)
    traces = [
        draw.bars(x, np.nan_to_num(s.acceptance), width=0.5, name=T("measured", "实测")),
        draw.ticks(x, s.least_alpha, draw.REJECT, name=T("pays above", "高于此才划算")),
        draw.bars(x, s.speedup, width=0.5, panel=1, error_y=speed | {"color": draw.INK_3}, name=T("measured", "实测")),
        draw.ticks(x, s.expected_speedup, panel=1, name=T("formula", "公式")),
        draw.line(axis.range, [1, 1], draw.INK_3, dash="dot", panel=1, name=T("plain decoding", "普通解码")),
    ]
    best = int(s.speedup.argmax())
    said = T(
        "At γ = {gamma} the {who} is fastest on this prompt, {speedup:number} times plain decoding ({low:number} to {high:number}).",
        "γ = {gamma} 时，此提示下最快的是{who}，为普通解码的 {speedup:number} 倍（{low:number} 到 {high:number}）。",
        gamma=r.gamma,
        who=named[best],
        speedup=float(s.speedup[best]),
        low=float(s.speedup_low[best]),
        high=float(s.speedup_high[best]),
    )
    losing = [named[i] for i in x if s.judged[i] == "below"]
    if losing:
        said = T.joined([said, T("No gain: {who}.", "没有收益：{who}。", who=T.joined(losing))], " ", "")
    head = (
        T("Who guesses", "谁来猜"),
        "α",
        T("guesses a pass", "每次猜测数"),
        T("tokens a pass", "每次运算的词元"),
        "c",
        T("speed-up", "加速"),
        T("formula", "公式"),
        T("does it pay?", "划算吗？"),
    )
    rows = [
        (
            named[i],
            float(s.acceptance[i]),
            float(s.proposed[i]),
            float(s.tokens_per_step[i]),
            float(s.cost_ratio[i]),
            amounts.times(float(s.speedup[i])),
            amounts.times(float(s.expected_speedup[i])),
            VERDICTS[s.judged[i]],
        )
        for i in x
    ]
    return draw.Figure(
        traces,
        [
            draw.Panel(
                axis,
                draw.Axis(T("acceptance α", "接受率 α"), range=(0, 1.15), format=".0%"),
                title=T("how often a guess stands", "猜测有多常站得住"),
                key=True,
            ),
            draw.Panel(
                axis,
                draw.Axis(T("times as fast", "加速倍数"), range=(0, top)),
                title=T("speed-up over plain decoding", "相对普通解码的加速"),
                key=True,
            ),
        ],
        said,
        table=[head, *rows],
    )
