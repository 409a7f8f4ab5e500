"""The Poisson process: what arrives and when, how many, how long one waits, and where the law comes from."""

from __future__ import annotations

import numpy as np

from engine.probability.poisson import Arrived, laws, poisson, reference, simulation
from engine.probability.poisson.goodness import Fit
from pages.probability.poisson_parts import (
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
    measure,
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
from pages.probability.poisson_streams import (
    inspection_figure,
    merging_figure,
    thinning_figure,
    uniform_figure,
    varying_figure,
)
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
        Frame(f"{at * SECONDS[a.unit_of_time]:.7g}",
              {0: {"upto": n}, 1: {"x": [at, at]}, 2: {"y": observed}, 3: {"y": exact}})
        for at, n, observed, exact in zip(
            so_far.moments.tolist(), come.tolist(), so_far.observed.astype("f4"), so_far.exact.astype("f4"), strict=True
        )
    ]  # fmt: skip
    counts = Axis(T(f"{noun(a)} so far", f"至此的{COUNTED[a.event]}"), range=(-0.7 * width, k[-1] + 0.7 * width))
    return Figure(
        [
            strokes(time, seen.run[order], seen.runs, name=T(noun(a), measure(a))),
            line([seen.end] * 2, [0.3, seen.runs + 0.7], BRASS, width=2, name=T("now", "现在"), hoverinfo="skip"),
            bars(k, so_far.observed[-1], panel=1, name=runs_of(a)),
            ticks(k, so_far.exact[-1], panel=1, name=LAW),
        ],
        [
            rows_panel(a, seen.runs, T(f"each stroke is one {noun(a, 1)}", f"每一竖是一{measure(a)}")),
            Panel(counts, share_axis(top), title=T("how many have come", "已经来了多少")),
        ],
        T(f"{seen.runs} runs of {span(a).en} with {len(time)} {noun(a)}; the counts of {runs_of(a).en} beside the "
          f"Poisson law of mean {a.mean:.4g}. {a.answer[0]}",
          f"{seen.runs} 次模拟，每次 {span(a).zh}，共 {len(time)} {measure(a)}；{runs_of(a).zh}的计数"
          f"与均值为 {a.mean:.4g} 的泊松分布并列。{a.answer[1]}"),
        corner(k[-1] + 0.6 * width, top, [(runs_of(a), MEASURED), (T("Poisson law", "泊松分布"), THEORY)], 1),
        Frames("t", frames, real_time=True),
        box(a),
    )  # fmt: skip


def count_figure(a: Arrived) -> Figure:
    """How many came, against the law, with the counts that the question asks for in full colour."""
    part = worth_drawing(a)
    k, observed, exact, n = a.support[part], a.observed[part], a.exact[part], a.at_least
    top, asked = share_top(observed, exact), k >= n
    return Figure(
        [
            bars(k[~asked], observed[~asked], f"{MEASURED}/0.45", opacity=1, name=T(f"fewer than {n}", f"少于 {n}")),
            bars(k[asked], observed[asked], opacity=1, name=T(f"at least {n}", f"至少 {n}")),
            ticks(k, exact, name=LAW),
        ],
        [Panel(count_axis(k, in_window(a)), share_axis(top))],
        T(f"Counts of {runs_of(a).en}: mean {a.sample_mean:.4g} and variance {a.sample_variance:.4g}, both "
          f"{a.mean:.4g} by the Poisson law. {a.answer[0]}",
          f"{runs_of(a).zh}的计数：均值 {a.sample_mean:.4g}，方差 {a.sample_variance:.4g}，按泊松分布两者都是 "
          f"{a.mean:.4g}。{a.answer[1]}"),
        corner(k[-1] + 0.6, top, [
            (runs_of(a), MEASURED), (T("Poisson law", "泊松分布"), THEORY),
            (T(f"full colour: at least {n:,}", f"深色：至少 {n:,}"), MEASURED),
        ]),
        facts=[
            *box(a),
            (T("Mean", "均值"), beside(a.sample_mean, a.mean)),
            (T("Variance", "方差"), beside(a.sample_variance, a.mean)),
            verdict(T("the counts", "计数"), Fit(a.chi2, a.dof, a.p_value)),
        ],
        layout={"barmode": "overlay", "bargap": 0.12 if len(k) < 150 else 0},
    )  # fmt: skip


def wait_figure(a: Arrived) -> Figure:
    """Gaps, and waits from a blind moment, against the exponential law; waits for the k-th against Erlang's."""
    gaps, kth, residual, unit = a.gaps, a.kth_wait, a.residual_wait, units(a)
    tops = [HEADROOM * peak(h.observed, h.curve_y) for h in (gaps, kth)]
    wait = T(f"wait for the {ordinal(a.setting.first)}", f"等到第 {a.setting.first} 次的时间")
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
            heap_panel(gaps, tops[0], timed(a, "wait for the next", "等待下一次的时间"), density(a)),
            heap_panel(kth, tops[1], timed(a, *wait), density(a)),
        ],
        T(f"Mean gap {gaps.mean:.4g} {unit.en}, exactly {gaps.mean_exact:.4g}; mean wait from a blind moment "
          f"{residual.mean:.4g}; {wait.en} {kth.mean:.4g}, exactly {kth.mean_exact:.4g}.",
          f"平均间隔 {gaps.mean:.4g} {unit.zh}，精确值 {gaps.mean_exact:.4g}；从任意时刻起平均等待 {residual.mean:.4g}；"
          f"{wait.zh}平均 {kth.mean:.4g}，精确值 {kth.mean_exact:.4g}。"),
        corner(gaps.edges[-1], tops[0], [
            (T("gaps", "间隔"), MEASURED), (blind, SECOND), (T("exponential law", "指数分布"), THEORY),
        ])
        + corner(kth.edges[-1], tops[1], [(runs_of(a), MEASURED), (T("Erlang law", "爱尔朗分布"), THEORY)], 1),
        facts=[
            mean_time(T("Mean gap", "平均间隔"), gaps, unit),
            mean_time(T("From a blind moment", "从任意时刻起"), residual, unit),
            mean_time(T("Mean " + wait.en, f"{wait.zh}平均"), kth, unit),
            verdict(T("the gaps", "间隔"), gaps.fit),
        ],
    )  # fmt: skip


def binomial_figure(a: Arrived) -> Figure:
    """The window cut into n pieces with a coin each: the binomial law nears the Poisson law as n grows."""
    ladder, n, bounds = a.binomial, a.binomial.trials, (a.le_cam_bound, a.barbour_hall_bound, a.tv_distance)
    worth = np.flatnonzero((ladder.poisson > WORTH) | (ladder.law.max(axis=0) > WORTH))
    part = slice(int(worth[0]), max(int(worth[-1]) + 1, int(worth[0]) + 5))
    k, law, limit = ladder.support[part], ladder.law[:, part], ladder.poisson[part]
    low, high = min(peak(-b[b > 0]) * -1 for b in bounds if (b > 0).any()), max(peak(b) for b in bounds)
    start = min(len(n) - 1, FIRST_TRIALS)
    distance = np.maximum(a.tv_distance, low)  # a logarithmic axis has no room for 0
    frames = [Frame(f"{m:,}", {0: {"y": row}, 5: {"x": [m], "y": [d]}})
              for m, row, d in zip(n.tolist(), law, distance.tolist(), strict=True)]  # fmt: skip
    top, ceiling = share_top(limit, law[start]), high * (high / low) ** 0.5
    rows = [(T.of("Le Cam: μ²/n"), THEORY), (T.of("Barbour–Hall: (1−e<sup>−μ</sup>)μ/n"), THIRD),
            (T("distance ½Σ|·|", "距离 ½Σ|·|"), SECOND)]  # fmt: skip
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
            Panel(decades(T("trials n", "试验次数 n"), n[0] / 1.2, n[-1] * 1.2),
                  decades(T("distance", "距离"), low / 1.5, ceiling)),
        ],
        T(f"Binomial(n, {a.mean:.4g}/n) and Poisson({a.mean:.4g}): at n = {n[-1]:,} their distance is "
          f"{a.tv_distance[-1]:.3g}, below Le Cam's bound {a.le_cam_bound[-1]:.3g}.",
          f"二项分布（n, {a.mean:.4g}/n）与泊松分布（{a.mean:.4g}）：n = {n[-1]:,} 时距离为 {a.tv_distance[-1]:.3g}，"
          f"低于 Le Cam 上界 {a.le_cam_bound[-1]:.3g}。"),
        [
            *corner(k[-1] + 0.6, top, [(T("binomial", "二项分布"), SECOND), (T("Poisson law", "泊松分布"), THEORY)]),
            *(Label(float(n[-1]), ceiling * (1.5 * ceiling / low) ** -(0.05 + 0.085 * row), text, color, "right", 1)
              for row, (text, color) in enumerate(rows)),
        ],
        Frames("n", frames, start=start),
        [
            (T(f"Distance at n = {n[-1]:,}", f"n = {n[-1]:,} 时的距离"), T.of(f"{a.tv_distance[-1]:.4g}")),
            (T("Barbour–Hall's bound", "Barbour–Hall 上界"), T.of(f"{a.barbour_hall_bound[-1]:.4g}")),
            (T("Le Cam's bound", "Le Cam 上界"), T.of(f"{a.le_cam_bound[-1]:.4g}")),
        ],
    )  # fmt: skip


def sample(a: Arrived) -> T:
    """How much was simulated."""
    return T(f"{runs_of(a).en}, {a.arrivals:,} {noun(a)}", f"{runs_of(a).zh}，{a.arrivals:,} {measure(a)}")


def fit(a: Arrived) -> T:
    return T.of(f"χ² p = {a.p_value:.2g}" if a.dof else "")


def findings(a: Arrived) -> list[T]:
    """What must be said: fewer runs than asked for, or counts that stray from their law."""
    strays = a.dof > 0 and a.p_value < 0.001
    return [T(*a.finding)] if strays or a.runs < a.runs_asked else []


STREAM = ("rate", "window", "runs", "event", "unit_of_time", "seed")
LAB = Lab(
    experiment=poisson,
    title=T("Poisson process", "泊松过程"),
    claim=T(
        "Births, calls, visits: each comes when it pleases. How many come in an hour obeys a law all the same, and "
        "that law needs a single number.",
        "出生、电话、访问：每一个都随时可能到来。可是一小时内会来多少，却服从一条定律，而它只需要一个数。",
    ),
    order=2,
    views=[
        View(T("When do they come?", "何时到来？"), timeline_figure, uses=(*STREAM, "at_least")),
        View(T("How many?", "会来多少？"), count_figure, uses=(*STREAM, "at_least")),
        View(T("How long is the wait?", "要等多久？"), wait_figure, uses=(*STREAM, "kth")),
        View(T("Why this law?", "为何是这条定律？"), binomial_figure, "exact",
             uses=("rate", "window", "most_trials", "event", "unit_of_time")),
        View(T("What of two streams?", "两个流合并呢？"), merging_figure, uses=(*STREAM, "second_rate")),
        View(T("What if some are lost?", "丢掉一些呢？"), thinning_figure, uses=(*STREAM, "keep")),
        View(T("Where in the window?", "落在窗内何处？"), uniform_figure, uses=STREAM),
        View(T("Why is my gap so long?", "为何我的间隔偏长？"), inspection_figure, uses=STREAM),
        View(T("What if the rate varies?", "速率变化呢？"), varying_figure, uses=(*STREAM, "depth", "cycles")),
    ],
    presets=[
        Preset(T("Births", "出生"), {}, 0),
        Preset(T("Calls", "电话"),
               {"rate": 0.1, "unit_of_time": "minute", "window": 60, "event": "call", "at_least": 10,
                "second_rate": 0.05}),
        Preset(T("Milk powder", "奶粉"),
               {"rate": 4, "unit_of_time": "day", "window": 7, "event": "tin", "at_least": 35}),
        Preset(T("Visits", "访问"),
               {"rate": 2, "unit_of_time": "minute", "window": 5, "event": "visit", "at_least": 15}),
        Preset(T("Inspection paradox", "检查悖论"), {"rate": 20, "runs": 20_000}, 7),
    ],
    sources=[reference, simulation, laws],
    sample=sample,
    fit=fit,
    findings=findings,
)  # fmt: skip
