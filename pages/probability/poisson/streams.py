"""The Poisson page's views of what is done to a stream: merged, thinned, cut to a window, inspected, varied."""

from __future__ import annotations

import numpy as np

from engine.core import amounts
from engine.probability.poisson import Arrived
from engine.probability.poisson.parameters import UNITS
from pages.probability.poisson import parts
from pages.shell import T, draw

MOST_ROWS = 16  # of runs, where a row holds two kinds of strokes


def merging_figure(a: Arrived) -> draw.Figure:
    """Two independent streams, and what they are taken as one."""
    seen, both, runs = a.timeline, a.superposition, min(MOST_ROWS, a.timeline.runs)
    one, two = seen.run < runs, seen.second_run < runs
    part = parts.worth_drawing(both.merged)
    k, observed, exact = both.merged.support[part], both.merged.observed[part], both.merged.exact[part]
    alone = np.interp(k, a.support, a.exact, left=0, right=0)
    top = parts.share_top(observed, exact, alone)
    first, together = T("first stream", "第一个流"), T("both together", "两者合计")
    return draw.Figure(
        [
            parts.strokes(seen.time[one], seen.run[one], runs, name=first),
            draw.points(seen.second_time[two], seen.second_run[two] + 1, draw.SECOND, name=T("second stream", "第二个流")),
            draw.bars(k, observed, panel=1, name=together),
            draw.ticks(k, exact, panel=1, name=parts.POISSON),
            draw.line(k, alone, draw.MUTE, panel=1, name=T("the first alone", "仅第一个流")),
        ],
        [
            parts.rows_panel(a, runs, T("strokes: the first, dots: the second", "竖线：第一个，圆点：第二个"), key=True),
            draw.Panel(parts.count_axis(k, parts.in_window(a)), parts.share_axis(top), title=T("taken as one", "合为一个"), key=True),
        ],
        T(
            "Two streams of rates {first:number.6} and {second:number.6} taken as one: mean count {mean:number.4}, exactly {mean_exact:number.4}.",
            "速率为 {first:number.6} 与 {second:number.6} 的两个流合为一个：平均计数 {mean:number.4}，精确值 {mean_exact:number.4}。",
            first=a.setting.rate,
            second=a.setting.second_rate,
            mean=both.merged.mean,
            mean_exact=both.merged.mean_exact,
        ),
        facts=[
            (T("Mean of both", "合计的均值"), parts.beside(both.merged.mean, both.merged.mean_exact)),
            parts.verdict(T("both", "合计"), both.merged.fit),
            (T("The first to come is of the first stream", "最先来的属于第一个流"), parts.share(both.first_share, both.first_share_exact)),
            parts.mean_time(T("Mean wait for either", "任一到来的平均等待"), both.first, parts.units(a)),
        ],
    )


def thinning_figure(a: Arrived) -> draw.Figure:
    """Each arrival kept with chance p: two streams that know nothing of each other."""
    seen, thinned, runs = a.timeline, a.thinning, min(MOST_ROWS, a.timeline.runs)
    kept, lost = ((seen.run < runs) & which for which in (seen.kept, ~seen.kept))
    names = T("kept", "保留"), T("lost", "丢弃")
    marks, ends, top = [], [], max(parts.share_top(law.observed, law.exact) for law in (thinned.kept, thinned.dropped))
    for law, color, shift, name in zip((thinned.kept, thinned.dropped), (draw.ACCEPT, draw.REJECT), (-0.2, 0.2), names, strict=True):
        part = parts.worth_drawing(law)
        ends += [law.support[part][0], law.support[part][-1]]
        x = law.support[part] + shift
        marks += [
            draw.bars(x, law.observed[part], color, width=0.38, panel=1, name=name),
            draw.ticks(x, law.exact[part], panel=1, name=parts.POISSON),
        ]
    pair, times = np.unique(thinned.pairs, axis=0, return_counts=True)
    least = float(pair.min(initial=pair.max(initial=0)))
    reach = (least - 0.7, max(float(pair.max(initial=0)), least + 4) + 0.7)
    largest = min(22, 180 / (reach[1] - reach[0]))  # about the distance of neighbours, in pixels
    sizes = {"color": draw.MEASURED, "opacity": 0.7, "size": largest * np.sqrt(times / times.max(initial=1)) + 3}
    return draw.Figure(
        [
            parts.strokes(seen.time[kept], seen.run[kept], runs, draw.ACCEPT, name=names[0]),
            draw.points(
                seen.time[lost],
                seen.run[lost] + 1,
                marker={"color": draw.REJECT, "symbol": "x-thin-open", "size": 6, "line": {"width": 1.4, "color": draw.REJECT}},
                name=names[1],
            ),
            *marks,
            draw.points(pair[:, 0], pair[:, 1], marker=sizes, panel=2, name=T("runs", "模拟")),
        ],
        [
            parts.rows_panel(a, runs, T("strokes kept, crosses lost", "竖线保留，叉号丢弃")),
            draw.Panel(
                draw.Axis(parts.in_window(a), range=(min(ends) - 0.7, max(ends) + 0.7)),
                parts.share_axis(top),
                title=T("how many of each", "各有多少"),
                key=True,
            ),
            draw.Panel(
                draw.Axis(names[0], range=reach),
                draw.Axis(names[1], range=reach),
                title=T.many("together, {n:count} run", "together, {n:count} runs", "两者并看，{n:count} 次模拟", n=len(thinned.pairs)),
            ),
        ],
        T(
            "Of {mean:number.4} {noun} on average {kept:number.4} are kept and {lost:number.4} lost; the two counts have correlation "
            "{correlation:number.2}.",
            "平均 {mean:number.4} {noun}中，保留 {kept:number.4}，丢弃 {lost:number.4}；两个计数的相关系数为 {correlation:number.2}。",
            mean=a.mean,
            noun=parts.noun(a),
            kept=thinned.kept.mean,
            lost=thinned.dropped.mean,
            correlation=thinned.correlation,
        ),
        facts=[
            (T("Mean kept", "保留的均值"), parts.beside(thinned.kept.mean, thinned.kept.mean_exact)),
            (T("Mean lost", "丢弃的均值"), parts.beside(thinned.dropped.mean, thinned.dropped.mean_exact)),
            (
                T("Correlation of kept and lost", "保留与丢弃的相关系数"),
                T(
                    "{measured:fixed} ± {error:fixed} (exact 0)",
                    "{measured:fixed} ± {error:fixed}（精确 0）",
                    measured=thinned.correlation,
                    error=thinned.correlation_error,
                ),
            ),
            (
                T("Correlation of kept and all", "保留与全部的相关系数"),
                T(
                    "{measured:fixed} (exact √p = {exact:fixed})",
                    "{measured:fixed}（精确 √p = {exact:fixed}）",
                    measured=thinned.kept_with_all,
                    exact=thinned.kept_with_all_exact,
                ),
            ),
        ],
        columns=3,
    )


def uniform_figure(a: Arrived) -> draw.Figure:
    """Given how many came, their times are points thrown at random."""
    u, window = a.uniformity, a.setting.window
    middle, observed, exact = parts.middles(u.rank_edges) * window, u.rank_observed / window, u.rank_exact / window
    top, rank_top = parts.HEADROOM * parts.peak(u.position.observed, u.position.curve_y), parts.HEADROOM * parts.peak(observed, exact)
    which = T("the {ranks}", "{ranks}", ranks=T.joined([parts.ordinal(rank) for rank in u.ranks.tolist()]))
    orders = []
    for seen, law in zip(observed, exact, strict=True):
        orders += [
            draw.bars(middle, seen, panel=1, name=which, opacity=0.4),
            draw.line(middle, law, panel=1, name=T("order statistics' laws", "次序统计量的分布")),
        ]
    given = T.many(
        "{n:count} run with exactly {given:count}",
        "{n:count} runs with exactly {given:count}",
        "恰有 {given:count} 的 {n:count} 次模拟",
        n=u.chosen,
        given=u.given,
    )
    means = [
        (T("Mean time of the {rank}", "{rank}的平均时刻", rank=parts.ordinal(int(rank))), parts.beside(seen * window, law * window))
        for rank, seen, law in zip(u.ranks, u.rank_mean, u.rank_mean_exact, strict=True)
    ]
    return draw.Figure(
        [parts.heap(u.position), draw.line(u.position.curve_x, u.position.curve_y, name=T("uniform law", "均匀分布")), *orders],
        [
            parts.heap_panel(
                u.position, top, parts.timed(a, T("time", "时间")), parts.density(a), T("all {noun}", "全部 {noun}", noun=parts.noun(a))
            ),
            draw.Panel(
                draw.Axis(parts.timed(a, T("time", "时间")), range=(0, window)),
                draw.Axis(parts.density(a), range=(0, rank_top)),
                title=given,
                key=True,
            ),
        ],
        T(
            "{n:count} {noun} lie evenly over {span}; where exactly {given} came, the first comes at {first:number} on average, as of "
            "{given} points thrown at random.",
            "{n:count} {noun}均匀散布在 {span}内；恰有 {given} 时，第一个平均在 {first:number} 到来，与随机投掷的 {given} 个点一样。",
            n=u.position.samples,
            noun=parts.noun(a),
            span=parts.span(a),
            given=u.given,
            first=u.rank_mean[0] * window,
        ),
        facts=[parts.verdict(T("all times", "全部时刻"), u.position.fit), *(means if len(means) < 4 else [*means[:2], means[-1]])],
        layout={"barmode": "overlay", "bargap": 0.05},
    )


def inspection_figure(a: Arrived) -> draw.Figure:
    """The gap around a moment chosen blindly is longer than a gap counted one by one."""
    i, unit, window = a.inspection, parts.units(a), a.setting.window
    top = parts.HEADROOM * parts.peak(i.length.observed, i.length.curve_y, a.gaps.curve_y)
    high = max(2.9 * i.mean_gap_exact, 1.25 * parts.peak(i.mean_at))
    blind, plain = T("gap around a blind moment", "任意时刻所在的间隔"), T("gaps one by one", "逐个计数的间隔")
    error = {"type": "data", "array": i.error_at, "thickness": 1, "width": 0, "color": draw.MEASURED}
    levels = [(i.mean_gap_exact, T("mean gap 1/λ", "平均间隔 1/λ")), (i.mean_limit, T.of("2/λ"))]
    return draw.Figure(
        [
            parts.heap(i.length, blind),
            draw.line(i.length.curve_x, i.length.curve_y, name=parts.LAW),
            draw.line(a.gaps.curve_x, a.gaps.curve_y, draw.SECOND, dash="dash", name=plain),
            draw.points(parts.middles(i.moment_edges), i.mean_at, panel=1, error_y=error, name=blind),
            draw.line(parts.middles(i.moment_edges), i.mean_at_exact, panel=1, name=parts.LAW),
            *(draw.line([0, window], [level] * 2, draw.MUTE, dash="dot", panel=1, name=name) for level, name in levels),
        ],
        [
            parts.heap_panel(i.length, top, parts.timed(a, T("length of the gap", "间隔长度")), parts.density(a)),
            draw.Panel(
                draw.Axis(parts.timed(a, T("moment chosen", "所选时刻")), range=(0, window)),
                draw.Axis(parts.timed(a, T("mean length", "平均长度")), range=(0, high)),
                key=[(draw.MEASURED, blind, "dot"), (draw.THEORY, parts.LAW, "line")],
            ),
        ],
        T(
            "The gap around a blind moment is {mean:number.4} {unit} long on average, exactly {mean_exact:number.4}; gaps counted one by one have mean {mean_gap:number.4}.",
            "任意时刻所在的间隔平均长 {mean:number.4} {unit}，精确值 {mean_exact:number.4}；逐个计数的间隔平均 {mean_gap:number.4}。",
            mean=i.length.mean,
            unit=unit,
            mean_exact=i.length.mean_exact,
            mean_gap=i.mean_gap,
        ),
        [
            draw.Label(window, levels[0][0] - 0.045 * high, levels[0][1], draw.INK_2, "right", 1),
            draw.Label(0.01 * window, levels[1][0] + 0.045 * high, levels[1][1], draw.INK_2, "left", 1),
        ],
        facts=[
            parts.mean_time(T("Mean gap, one by one", "逐个计数的平均间隔"), a.gaps, unit),
            parts.mean_time(T("Around a blind moment", "任意时刻所在间隔的平均"), i.length, unit),
            (T("Long window: 2/λ", "长窗口：2/λ"), T.of(amounts.number(i.mean_limit, 4))),
            parts.verdict(T("its lengths", "间隔长度"), i.length.fit),
        ],
    )


def varying_figure(a: Arrived) -> draw.Figure:
    """Candidates come at the largest rate; those that fall under the curve stay."""
    v, window = a.varying, a.setting.window
    most = a.setting.rate * (1 + a.setting.depth)
    top, stay = parts.HEADROOM * most, v.accepted
    seen_top = parts.HEADROOM * parts.peak(v.observed, v.exact)
    per = T("{noun} per {unit}", "{noun}，每{unit}", noun=parts.noun(a), unit=UNITS[a.unit_of_time][0])
    kept, lost = T("kept: under the curve", "保留：曲线之下"), T("lost: over it", "丢弃：曲线之上")
    cross = {"color": draw.REJECT, "symbol": "x-thin-open", "size": 5, "line": {"width": 1.2, "color": draw.REJECT}}
    return draw.Figure(
        [
            draw.points(v.candidate_time[stay], v.candidate_height[stay], draw.ACCEPT, size=4, name=kept),
            draw.points(v.candidate_time[~stay], v.candidate_height[~stay], marker=cross, name=lost),
            draw.line(v.curve_x, v.curve_y, width=2.4, name=T("rate λ(s)", "速率 λ(s)")),
            draw.bars(parts.middles(v.edges), v.observed, panel=1, name=parts.SEEN),
            draw.line(v.curve_x, v.curve_y, panel=1, name=T("rate λ(s)", "速率 λ(s)")),
        ],
        [
            draw.Panel(
                draw.Axis(parts.timed(a, T("time", "时间")), range=(0, window)),
                draw.Axis(per, range=(0, top)),
                title=T.many("{n:count} candidate", "{n:count} candidates", "{n:count} 个候选", n=len(stay)),
                key=True,
            ),
            draw.Panel(
                draw.Axis(parts.timed(a, T("time", "时间")), range=(0, window)),
                draw.Axis(per, range=(0, seen_top)),
                title=T("what has come, all runs", "全部模拟中到来的"),
                key=True,
            ),
        ],
        T(
            "Of candidates at rate {most:number.4} the share {acceptance:number.4} is kept; {mean:number.4} {noun} in {span} on average, "
            "exactly {mean_exact:number.4}.",
            "候选速率为 {most:number.4}，保留比例 {acceptance:number.4}；{span}内平均 {mean:number.4} {noun}，精确值 {mean_exact:number.4}。",
            most=most,
            acceptance=v.acceptance,
            mean=v.total.mean,
            noun=parts.noun(a),
            span=parts.span(a),
            mean_exact=v.total.mean_exact,
        ),
        facts=[
            (T("Kept of the candidates", "候选的保留比例"), parts.share(v.acceptance, v.acceptance_exact)),
            (T("Mean count", "平均计数"), parts.beside(v.total.mean, v.total.mean_exact)),
            parts.verdict(T("the rate", "速率"), v.fit),
            parts.verdict(T("the counts", "计数"), v.total.fit),
        ],
    )
