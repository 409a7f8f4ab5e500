"""The Poisson process: what arrives and when, how many, how long one waits, and where the law comes from."""

from __future__ import annotations

import numpy as np

from engine.core import amounts
from engine.probability.poisson import Arrived, laws, poisson, reference, simulation
from engine.probability.poisson.result import Fit
from pages.probability.poisson import parts
from pages.probability.poisson.lesson import LESSON
from pages.probability.poisson.streams import inspection_figure, merging_figure, thinning_figure, uniform_figure, varying_figure
from pages.shell import Lab, Preset, T, View, draw

FIRST_TRIALS = 4  # the rung of the ladder that the binomial view opens on


def timeline_figure(a: Arrived) -> draw.Figure:
    """Arrivals of the first runs as time passes, and beside them how many have come so far in all runs."""
    seen, so_far = a.timeline, a.unfolding
    order = np.argsort(seen.time, kind="stable")
    time, width = seen.time[order], int(so_far.starts[1] - so_far.starts[0])
    k = so_far.starts + (width - 1) / 2
    top = parts.share_top(so_far.exact[-1], so_far.observed[-1])
    come = np.searchsorted(time, so_far.moments, side="right")
    frames = [
        draw.Frame(f"{at * parts.SECONDS[a.unit_of_time]:.7g}", {0: {"upto": n}, 1: {"x": [at, at]}, 2: {"y": observed}, 3: {"y": exact}})
        for at, n, observed, exact in zip(
            so_far.moments.tolist(), come.tolist(), so_far.observed.astype("f4"), so_far.exact.astype("f4"), strict=True
        )
    ]
    counts = draw.Axis(T("{counted} so far", "至此的{counted}", counted=parts.COUNTED[a.event]), range=(-0.7 * width, k[-1] + 0.7 * width))
    return draw.Figure(
        [
            parts.strokes(time, seen.run[order], seen.runs, name=parts.noun(a)),
            draw.line([seen.end] * 2, [0.3, seen.runs + 0.7], draw.BRASS, width=2, name=T("now", "现在"), hoverinfo="skip"),
            draw.bars(k, so_far.observed[-1], panel=1, name=parts.runs_of(a)),
            draw.ticks(k, so_far.exact[-1], panel=1, name=parts.POISSON),
        ],
        [
            parts.rows_panel(a, seen.runs, T("each stroke is one {noun}", "每一竖是一{noun}", noun=parts.noun(a, 1))),
            draw.Panel(counts, parts.share_axis(top), title=T("how many have come", "已经来了多少"), key=True),
        ],
        T(
            "{shown:count} runs of {span} with {arrivals:count} {noun}; the counts of {runs} beside the Poisson law of mean "
            "{mean:number.4}. {answer}",
            "{shown:count} 次模拟，每次 {span}，共 {arrivals:count} {noun}；{runs}的计数与均值为 {mean:number.4} 的泊松分布并列。{answer}",
            shown=seen.runs,
            span=parts.span(a),
            arrivals=len(time),
            noun=parts.noun(a),
            runs=parts.runs_of(a),
            mean=a.mean,
            answer=a.answer,
        ),
        frames=draw.Frames("t", frames, real_time=True),
        facts=parts.box(a),
    )


def count_figure(a: Arrived) -> draw.Figure:
    """How many came, against the law, with the counts that the question asks for in a colour of their own."""
    part = parts.worth_drawing(a)
    k, observed, exact, n = a.support[part], a.observed[part], a.exact[part], a.at_least
    top, asked = parts.share_top(observed, exact), k >= n
    return draw.Figure(
        [
            draw.bars(k[~asked], observed[~asked], draw.MUTE, name=T("fewer than {n:count}", "少于 {n:count}", n=n)),
            draw.bars(k[asked], observed[asked], name=T("at least {n:count}", "至少 {n:count}", n=n)),
            draw.ticks(k, exact, name=parts.POISSON),
        ],
        [draw.Panel(parts.count_axis(k, parts.in_window(a)), parts.share_axis(top), title=parts.runs_of(a), key=True)],
        T(
            "Counts of {runs}: mean {sample_mean:number.4} and variance {sample_variance:number.4}, both {mean:number.4} by the Poisson law. {answer}",
            "{runs}的计数：均值 {sample_mean:number.4}，方差 {sample_variance:number.4}，按泊松分布两者都是 {mean:number.4}。{answer}",
            runs=parts.runs_of(a),
            sample_mean=a.sample_mean,
            sample_variance=a.sample_variance,
            mean=a.mean,
            answer=a.answer,
        ),
        facts=[
            *parts.box(a),
            (T("Mean", "均值"), parts.beside(a.sample_mean, a.mean)),
            (T("Variance", "方差"), parts.beside(a.sample_variance, a.mean)),
            parts.verdict(T("the counts", "计数"), Fit(a.chi2, a.dof, a.p_value)),
        ],
        layout={"barmode": "overlay", "bargap": 0.12 if len(k) < 150 else 0},
    )


def wait_figure(a: Arrived) -> draw.Figure:
    """Gaps, and waits from a blind moment, against the exponential law; waits for the k-th against Erlang's."""
    gaps, kth, residual, unit = a.gaps, a.kth_wait, a.residual_wait, parts.units(a)
    tops = [parts.HEADROOM * parts.peak(h.observed, h.curve_y) for h in (gaps, kth)]
    wait = T("wait for the {kth}", "等到{kth}的时间", kth=parts.ordinal(a.setting.first))
    blind = T("waits from a blind moment", "从任意时刻等起")
    return draw.Figure(
        [
            parts.heap(gaps, T("gaps", "间隔")),
            draw.points(parts.middles(gaps.edges), residual.observed, draw.SECOND, size=5, name=blind),
            draw.line(gaps.curve_x, gaps.curve_y, name=T("exponential law", "指数分布")),
            parts.heap(kth, parts.runs_of(a), panel=1),
            draw.line(kth.curve_x, kth.curve_y, panel=1, name=T("Erlang law", "爱尔朗分布")),
        ],
        [
            parts.heap_panel(gaps, tops[0], parts.timed(a, T("wait for the next", "等待下一次的时间")), parts.density(a)),
            parts.heap_panel(kth, tops[1], parts.timed(a, wait), parts.density(a)),
        ],
        T(
            "Mean gap {mean:number.4} {unit}, exactly {mean_exact:number.4}; mean wait from a blind moment {blind_mean:number.4}; {wait} {kth_mean:number.4}, exactly {kth_exact:number.4}.",
            "平均间隔 {mean:number.4} {unit}，精确值 {mean_exact:number.4}；从任意时刻起平均等待 {blind_mean:number.4}；{wait}平均 {kth_mean:number.4}，精确值 {kth_exact:number.4}。",
            mean=gaps.mean,
            unit=unit,
            mean_exact=gaps.mean_exact,
            blind_mean=residual.mean,
            wait=wait,
            kth_mean=kth.mean,
            kth_exact=kth.mean_exact,
        ),
        facts=[
            parts.mean_time(T("Mean gap", "平均间隔"), gaps, unit),
            parts.mean_time(T("From a blind moment", "从任意时刻起"), residual, unit),
            parts.mean_time(T("Mean {wait}", "{wait}平均", wait=wait), kth, unit),
            parts.verdict(T("the gaps", "间隔"), gaps.fit),
        ],
    )


def binomial_figure(a: Arrived) -> draw.Figure:
    """The window cut into n pieces with a coin each: the binomial law nears the Poisson law as n grows."""
    ladder, n, bounds = a.binomial, a.binomial.trials, (a.le_cam_bound, a.barbour_hall_bound, a.tv_distance)
    worth = np.flatnonzero((ladder.poisson > parts.WORTH) | (ladder.law.max(axis=0) > parts.WORTH))
    part = slice(int(worth[0]), max(int(worth[-1]) + 1, int(worth[0]) + 5))
    k, law, limit = ladder.support[part], ladder.law[:, part], ladder.poisson[part]
    low, high = min(parts.peak(-b[b > 0]) * -1 for b in bounds if (b > 0).any()), max(parts.peak(b) for b in bounds)
    start = min(len(n) - 1, FIRST_TRIALS)
    distance = np.maximum(a.tv_distance, low)  # a logarithmic axis has no room for 0
    frames = [
        draw.Frame(amounts.count(m), {0: {"y": row}, 5: {"x": [m], "y": [d]}})
        for m, row, d in zip(n.tolist(), law, distance.tolist(), strict=True)
    ]
    top = parts.share_top(limit, law[start])
    return draw.Figure(
        [
            draw.bars(k, law[start], draw.SECOND, name=T("binomial(n, μ/n)", "二项分布（n, μ/n）")),
            draw.ticks(k, limit, name=T("Poisson(μ)", "泊松分布（μ）")),
            draw.line(n, a.le_cam_bound, dash="dot", panel=1, name="Le Cam: μ²/n"),
            draw.line(n, a.barbour_hall_bound, draw.THIRD, dash="dash", panel=1, name="Barbour–Hall: (1 − e<sup>−μ</sup>)μ/n"),
            draw.line(n, distance, draw.SECOND, panel=1, name=T("distance ½Σ|·|", "距离 ½Σ|·|")),
            draw.points([n[start]], [distance[start]], draw.BRASS, size=12, panel=1, name=T("shown", "当前")),
        ],
        [
            draw.Panel(parts.count_axis(k, parts.in_window(a)), parts.share_axis(top, T("probability", "概率")), key=True),
            draw.Panel(
                draw.Axis(T("trials n", "试验次数 n"), log=True, range=(n[0] / 1.2, n[-1] * 1.2)),
                draw.Axis(T("distance", "距离"), log=True, range=(low / 1.5, high * 1.5)),
                key=True,
            ),
        ],
        T(
            "Binomial(n, {mean:number.4}/n) and Poisson({mean:number.4}): at n = {n:count} their distance is {distance:number.3}, below Le Cam's bound {bound:number.3}.",
            "二项分布（n, {mean:number.4}/n）与泊松分布（{mean:number.4}）：n = {n:count} 时距离为 {distance:number.3}，低于 Le Cam 上界 {bound:number.3}。",
            mean=a.mean,
            n=n[-1],
            distance=a.tv_distance[-1],
            bound=a.le_cam_bound[-1],
        ),
        frames=draw.Frames("n", frames, start=start),
        facts=[
            (T("Distance at n = {n:count}", "n = {n:count} 时的距离", n=n[-1]), T.of(amounts.number(a.tv_distance[-1], 4))),
            (T("Barbour–Hall's bound", "Barbour–Hall 上界"), T.of(amounts.number(a.barbour_hall_bound[-1], 4))),
            (T("Le Cam's bound", "Le Cam 上界"), T.of(amounts.number(a.le_cam_bound[-1], 4))),
        ],
    )


def sample(a: Arrived) -> T:
    """How much was simulated."""
    return T("{runs}, {n:count} {noun}", "{runs}，{n:count} {noun}", runs=parts.runs_of(a), n=a.arrivals, noun=parts.noun(a))


def fit(a: Arrived) -> T:
    return T("χ² p = {p:number.2}", "χ² p = {p:number.2}", p=a.p_value) if a.dof else T("", "")


TIMED = ("rate", "window", "runs", "unit_of_time", "seed")
STREAM = (*TIMED, "event")
LAB = Lab(
    experiment=poisson,
    needs=("random-walk",),
    title=T("Poisson process", "泊松过程"),
    words=T(
        "exponential, waiting time, queue, arrivals, thinning, superposition, memoryless, inspection paradox, counting process, rate, bus",
        "指数分布、等待时间、排队、到达、无记忆性、计数过程、稀疏化、叠加、公交车悖论",
    ),
    claim=T(
        "Births, calls, visits: each comes when it pleases. How many come in an hour obeys a law all the same, and "
        "that law needs a single number.",
        "出生、电话、访问：每一个都随时可能到来。可是一小时内会来多少，却服从一条定律，而它只需要一个数。",
    ),
    order=2,
    views=[
        View(T("When do they come?", "何时到来？"), timeline_figure, uses=(*STREAM, "at_least")),
        View(T("How many?", "会来多少？"), count_figure, uses=(*STREAM, "at_least")),
        View(T("How long is the wait?", "要等多久？"), wait_figure, uses=(*TIMED, "kth")),
        View(
            T("Why this law?", "为何是这条定律？"),
            binomial_figure,
            "exact",
            uses=("rate", "window", "most_trials", "event", "unit_of_time"),
        ),
        View(T("What of two streams?", "两个流合并呢？"), merging_figure, uses=(*STREAM, "second_rate"), more=True),
        View(T("What if some are lost?", "丢掉一些呢？"), thinning_figure, uses=(*STREAM, "keep")),
        View(T("Where in the window?", "落在窗内何处？"), uniform_figure, uses=STREAM, more=True),
        View(T("Why is my gap so long?", "为何我的间隔偏长？"), inspection_figure, uses=TIMED),
        View(T("What if the rate varies?", "速率变化呢？"), varying_figure, uses=(*STREAM, "depth", "cycles"), more=True),
    ],
    lesson=LESSON,
    presets=[
        Preset(T("Births", "出生"), {}, 0),
        Preset(
            T("Calls", "电话"), {"rate": 0.1, "unit_of_time": "minute", "window": 60, "event": "call", "at_least": 10, "second_rate": 0.05}
        ),
        Preset(T("Milk powder", "奶粉"), {"rate": 4, "unit_of_time": "day", "window": 7, "event": "tin", "at_least": 35}),
        Preset(T("Visits", "访问"), {"rate": 2, "unit_of_time": "minute", "window": 5, "event": "visit", "at_least": 15}),
        Preset(T("Inspection paradox", "检查悖论"), {"rate": 20, "runs": 20_000}, 7),
    ],
    sources=[reference, simulation, laws],
    sample=sample,
    fit=fit,
)
