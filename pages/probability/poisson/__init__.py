"""The Poisson process: what arrives and when, how many, how long one waits, and where the law comes from."""

from __future__ import annotations

import numpy as np

from engine.core import amounts
from engine.probability.poisson import Arrived, laws, poisson, reference, simulation
from engine.probability.poisson.goodness import Fit
from pages.probability.poisson.parts import (
    COUNTED,
    HEADROOM,
    LAW,
    SECONDS,
    WORTH,
    beside,
    box,
    corner,
    count_axis,
    decades,
    density,
    heap,
    heap_panel,
    in_window,
    mean_time,
    middles,
    noun,
    ordinal,
    peak,
    rows_panel,
    runs_of,
    share_axis,
    share_top,
    span,
    strokes,
    timed,
    units,
    verdict,
    worth_drawing,
)
from pages.probability.poisson.streams import inspection_figure, merging_figure, thinning_figure, uniform_figure, varying_figure
from pages.shell import Lab, Preset, T, View
from pages.shell.axes import Axis
from pages.shell.colors import BRASS, MEASURED, SECOND, THEORY, THIRD
from pages.shell.figures import Figure
from pages.shell.moments import Frame, Frames
from pages.shell.panels import Label, Panel
from pages.shell.traces import bars, line, points, ticks

FIRST_TRIALS = 4  # the rung of the ladder that the binomial view opens on


def timeline_figure(a: Arrived) -> Figure:
    """Arrivals of the first runs as time passes, and beside them how many have come so far in all runs."""
    seen, so_far = a.timeline, a.unfolding
    order = np.argsort(seen.time, kind="stable")
    time, width = seen.time[order], int(so_far.starts[1] - so_far.starts[0])
    k = so_far.starts + (width - 1) / 2
    top = share_top(so_far.exact[-1], so_far.observed[-1])
    come = np.searchsorted(time, so_far.moments, side="right")
    frames = [
        Frame(f"{at * SECONDS[a.unit_of_time]:.7g}", {0: {"upto": n}, 1: {"x": [at, at]}, 2: {"y": observed}, 3: {"y": exact}})
        for at, n, observed, exact in zip(
            so_far.moments.tolist(), come.tolist(), so_far.observed.astype("f4"), so_far.exact.astype("f4"), strict=True
        )
    ]
    counts = Axis(T("{counted} so far", "至此的{counted}", counted=COUNTED[a.event]), range=(-0.7 * width, k[-1] + 0.7 * width))
    return Figure(
        [
            strokes(time, seen.run[order], seen.runs, name=noun(a)),
            line([seen.end] * 2, [0.3, seen.runs + 0.7], BRASS, width=2, name=T("now", "现在"), hoverinfo="skip"),
            bars(k, so_far.observed[-1], panel=1, name=runs_of(a)),
            ticks(k, so_far.exact[-1], panel=1, name=LAW),
        ],
        [
            rows_panel(a, seen.runs, T("each stroke is one {noun}", "每一竖是一{noun}", noun=noun(a, 1))),
            Panel(counts, share_axis(top), title=T("how many have come", "已经来了多少")),
        ],
        T(
            "{shown:count} runs of {span} with {arrivals:count} {noun}; the counts of {runs} beside the Poisson law of mean "
            "{mean:number.4}. {answer}",
            "{shown:count} 次模拟，每次 {span}，共 {arrivals:count} {noun}；{runs}的计数与均值为 {mean:number.4} 的泊松分布并列。{answer}",
            shown=seen.runs,
            span=span(a),
            arrivals=len(time),
            noun=noun(a),
            runs=runs_of(a),
            mean=a.mean,
            answer=a.answer,
        ),
        corner(k[-1] + 0.6 * width, top, [(runs_of(a), MEASURED), (T("Poisson law", "泊松分布"), THEORY)], 1),
        Frames("t", frames, real_time=True),
        box(a),
    )


def count_figure(a: Arrived) -> Figure:
    """How many came, against the law, with the counts that the question asks for in full colour."""
    part = worth_drawing(a)
    k, observed, exact, n = a.support[part], a.observed[part], a.exact[part], a.at_least
    top, asked = share_top(observed, exact), k >= n
    return Figure(
        [
            bars(k[~asked], observed[~asked], f"{MEASURED}/0.45", opacity=1, name=T("fewer than {n}", "少于 {n}", n=n)),
            bars(k[asked], observed[asked], opacity=1, name=T("at least {n}", "至少 {n}", n=n)),
            ticks(k, exact, name=LAW),
        ],
        [Panel(count_axis(k, in_window(a)), share_axis(top))],
        T(
            "Counts of {a}: mean {sample_mean:number.4} and variance {sample_variance:number.4}, both {mean:number.4} by the Poisson law. {answer}",
            "{a}的计数：均值 {sample_mean:number.4}，方差 {sample_variance:number.4}，按泊松分布两者都是 {mean:number.4}。{answer}",
            a=runs_of(a),
            sample_mean=a.sample_mean,
            sample_variance=a.sample_variance,
            mean=a.mean,
            answer=a.answer,
        ),
        corner(
            k[-1] + 0.6,
            top,
            [
                (runs_of(a), MEASURED),
                (T("Poisson law", "泊松分布"), THEORY),
                (T("full colour: at least {n:count}", "深色：至少 {n:count}", n=n), MEASURED),
            ],
        ),
        facts=[
            *box(a),
            (T("Mean", "均值"), beside(a.sample_mean, a.mean)),
            (T("Variance", "方差"), beside(a.sample_variance, a.mean)),
            verdict(T("the counts", "计数"), Fit(a.chi2, a.dof, a.p_value)),
        ],
        layout={"barmode": "overlay", "bargap": 0.12 if len(k) < 150 else 0},
    )


def wait_figure(a: Arrived) -> Figure:
    """Gaps, and waits from a blind moment, against the exponential law; waits for the k-th against Erlang's."""
    gaps, kth, residual, unit = a.gaps, a.kth_wait, a.residual_wait, units(a)
    tops = [HEADROOM * peak(h.observed, h.curve_y) for h in (gaps, kth)]
    wait = T("wait for the {kth}", "等到{kth}的时间", kth=ordinal(a.setting.first))
    blind = T("waits from a blind moment", "从任意时刻等起")
    return Figure(
        [
            heap(gaps),
            points(middles(gaps.edges), residual.observed, SECOND, size=5, name=blind),
            line(gaps.curve_x, gaps.curve_y, name=LAW),
            heap(kth, panel=1),
            line(kth.curve_x, kth.curve_y, panel=1, name=LAW),
        ],
        [
            heap_panel(gaps, tops[0], timed(a, T("wait for the next", "等待下一次的时间")), density(a)),
            heap_panel(kth, tops[1], timed(a, wait), density(a)),
        ],
        T(
            "Mean gap {mean:number.4} {unit}, exactly {mean_exact:number.4}; mean wait from a blind moment {mean2:number.4}; {wait} {mean3:number.4}, exactly {mean_exact2:number.4}.",
            "平均间隔 {mean:number.4} {unit}，精确值 {mean_exact:number.4}；从任意时刻起平均等待 {mean2:number.4}；{wait}平均 {mean3:number.4}，精确值 {mean_exact2:number.4}。",
            mean=gaps.mean,
            unit=unit,
            mean_exact=gaps.mean_exact,
            mean2=residual.mean,
            wait=wait,
            mean3=kth.mean,
            mean_exact2=kth.mean_exact,
        ),
        corner(gaps.edges[-1], tops[0], [(T("gaps", "间隔"), MEASURED), (blind, SECOND), (T("exponential law", "指数分布"), THEORY)])
        + corner(kth.edges[-1], tops[1], [(runs_of(a), MEASURED), (T("Erlang law", "爱尔朗分布"), THEORY)], 1),
        facts=[
            mean_time(T("Mean gap", "平均间隔"), gaps, unit),
            mean_time(T("From a blind moment", "从任意时刻起"), residual, unit),
            mean_time(T("Mean {wait}", "{wait}平均", wait=wait), kth, unit),
            verdict(T("the gaps", "间隔"), gaps.fit),
        ],
    )


def binomial_figure(a: Arrived) -> Figure:
    """The window cut into n pieces with a coin each: the binomial law nears the Poisson law as n grows."""
    ladder, n, bounds = a.binomial, a.binomial.trials, (a.le_cam_bound, a.barbour_hall_bound, a.tv_distance)
    worth = np.flatnonzero((ladder.poisson > WORTH) | (ladder.law.max(axis=0) > WORTH))
    part = slice(int(worth[0]), max(int(worth[-1]) + 1, int(worth[0]) + 5))
    k, law, limit = ladder.support[part], ladder.law[:, part], ladder.poisson[part]
    low, high = min(peak(-b[b > 0]) * -1 for b in bounds if (b > 0).any()), max(peak(b) for b in bounds)
    start = min(len(n) - 1, FIRST_TRIALS)
    distance = np.maximum(a.tv_distance, low)  # a logarithmic axis has no room for 0
    frames = [
        Frame(amounts.count(m), {0: {"y": row}, 5: {"x": [m], "y": [d]}})
        for m, row, d in zip(n.tolist(), law, distance.tolist(), strict=True)
    ]
    top, ceiling = share_top(limit, law[start]), high * (high / low) ** 0.5
    rows = [
        (T.of("Le Cam: μ²/n"), THEORY),
        (T.of("Barbour–Hall: (1−e<sup>−μ</sup>)μ/n"), THIRD),
        (T("distance ½Σ|·|", "距离 ½Σ|·|"), SECOND),
    ]
    return Figure(
        [
            bars(k, law[start], SECOND, name=T("binomial(n, μ/n)", "二项分布（n, μ/n）")),
            ticks(k, limit, name=T("Poisson(μ)", "泊松分布（μ）")),
            line(n, a.le_cam_bound, dash="dot", panel=1, name="Le Cam"),
            line(n, a.barbour_hall_bound, THIRD, dash="dash", panel=1, name="Barbour–Hall"),
            line(n, distance, SECOND, panel=1, name=rows[2][0]),
            points([n[start]], [distance[start]], BRASS, size=12, panel=1, name=T("shown", "当前")),
        ],
        [
            Panel(count_axis(k, in_window(a)), share_axis(top, T("probability", "概率"))),
            Panel(decades(T("trials n", "试验次数 n"), n[0] / 1.2, n[-1] * 1.2), decades(T("distance", "距离"), low / 1.5, ceiling)),
        ],
        T(
            "Binomial(n, {mean:number.4}/n) and Poisson({mean:number.4}): at n = {n:count} their distance is {tv_distance:number.3}, below Le Cam's bound {le_cam_bound:number.3}.",
            "二项分布（n, {mean:number.4}/n）与泊松分布（{mean:number.4}）：n = {n:count} 时距离为 {tv_distance:number.3}，低于 Le Cam 上界 {le_cam_bound:number.3}。",
            mean=a.mean,
            n=n[-1],
            tv_distance=a.tv_distance[-1],
            le_cam_bound=a.le_cam_bound[-1],
        ),
        [
            *corner(k[-1] + 0.6, top, [(T("binomial", "二项分布"), SECOND), (T("Poisson law", "泊松分布"), THEORY)]),
            *(
                Label(float(n[-1]), ceiling * (1.5 * ceiling / low) ** -(0.05 + 0.085 * row), text, color, "right", 1)
                for row, (text, color) in enumerate(rows)
            ),
        ],
        Frames("n", frames, start=start),
        [
            (T("Distance at n = {n:count}", "n = {n:count} 时的距离", n=n[-1]), T.of(amounts.number(a.tv_distance[-1], 4))),
            (T("Barbour–Hall's bound", "Barbour–Hall 上界"), T.of(amounts.number(a.barbour_hall_bound[-1], 4))),
            (T("Le Cam's bound", "Le Cam 上界"), T.of(amounts.number(a.le_cam_bound[-1], 4))),
        ],
    )


def sample(a: Arrived) -> T:
    """How much was simulated."""
    return T("{runs}, {n:count} {noun}", "{runs}，{n:count} {noun}", runs=runs_of(a), n=a.arrivals, noun=noun(a))


def fit(a: Arrived) -> T:
    return T.of(f"χ² p = {amounts.number(a.p_value, 2)}" if a.dof else "")


TIMED = ("rate", "window", "runs", "unit_of_time", "seed")
STREAM = (*TIMED, "event")
LAB = Lab(
    experiment=poisson,
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
