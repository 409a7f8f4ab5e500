"""The Poisson page's views of what is done to a stream: merged, thinned, cut to a window, inspected, varied."""

from __future__ import annotations

import numpy as np

from engine.probability.poisson import Arrived
from pages.probability.poisson_parts import (
    HEADROOM,
    LAW,
    SEEN,
    beside,
    corner,
    count_axis,
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
    percent,
    rows_panel,
    share_axis,
    share_top,
    span,
    strokes,
    timed,
    units,
    verdict,
    worth_drawing,
)
from pages.shell import T, grouped
from pages.shell.axes import Axis
from pages.shell.colors import ACCEPT, INK_2, MEASURED, MUTE, REJECT, SECOND, THEORY
from pages.shell.figures import Figure
from pages.shell.panels import Label, Panel
from pages.shell.traces import bars, line, points, ticks

MOST_ROWS = 16  # of runs, where a row holds two kinds of strokes


def merging_figure(a: Arrived) -> Figure:
    """Two independent streams, and what they are taken as one."""
    seen, both, runs = a.timeline, a.superposition, min(MOST_ROWS, a.timeline.runs)
    one, two = seen.run < runs, seen.second_run < runs
    part = worth_drawing(both.merged)
    k, observed, exact = both.merged.support[part], both.merged.observed[part], both.merged.exact[part]
    alone = np.interp(k, a.support, a.exact, left=0, right=0)
    top, total = share_top(observed, exact, alone), a.setting.rate + a.setting.second_rate
    one_rate, two_rate = f"{a.setting.rate:g}", f"{a.setting.second_rate:g}"
    first, together = T("first stream", "第一个流"), T("both together", "两者合计")
    return Figure(
        [
            strokes(seen.time[one], seen.run[one], runs, name=first),
            points(seen.second_time[two], seen.second_run[two] + 1, SECOND, name=T("second stream", "第二个流")),
            bars(k, observed, panel=1, name=together),
            ticks(k, exact, panel=1, name=LAW),
            line(k, alone, MUTE, panel=1, name=T("law of the first alone", "仅第一个流的分布")),
        ],
        [
            rows_panel(a, runs, T(f"strokes: λ = {one_rate}, dots: λ₂ = {two_rate}", f"竖线：λ = {one_rate}，圆点：λ₂ = {two_rate}")),
            Panel(count_axis(k, in_window(a)), share_axis(top), title=T("taken as one", "合为一个")),
        ],
        T(f"Two streams of rates {one_rate} and {two_rate} taken as one: mean count "
          f"{both.merged.mean:.4g}, exactly {both.merged.mean_exact:.4g}.",
          f"速率为 {one_rate} 与 {two_rate} 的两个流合为一个：平均计数 {both.merged.mean:.4g}，"
          f"精确值 {both.merged.mean_exact:.4g}。"),
        corner(k[-1] + 0.6, top, [
            (together, MEASURED), (T(f"Poisson law, rate {total:g}", f"泊松分布，速率 {total:g}"), THEORY),
            (T("grey: the first alone", "灰线：仅第一个流"), INK_2),
        ], 1),
        facts=[
            (T("Mean of both", "合计的均值"), beside(both.merged.mean, both.merged.mean_exact)),
            verdict(T("both", "合计"), both.merged.fit),
            (T("The first to come is of the first stream", "最先来的属于第一个流"),
             beside(percent(both.first_share), percent(both.first_share_exact))),
            mean_time(T("Mean wait for either", "任一到来的平均等待"), both.first, units(a)),
        ],
    )  # fmt: skip


def thinning_figure(a: Arrived) -> Figure:
    """Each arrival kept with chance p: two streams that know nothing of each other."""
    seen, parts, runs = a.timeline, a.thinning, min(MOST_ROWS, a.timeline.runs)
    kept, lost = ((seen.run < runs) & which for which in (seen.kept, ~seen.kept))
    names = T("kept", "保留"), T("lost", "丢弃")
    marks, ends, top = [], [], max(share_top(law.observed, law.exact) for law in (parts.kept, parts.dropped))
    for law, color, shift, name in zip((parts.kept, parts.dropped), (ACCEPT, REJECT), (-0.2, 0.2), names, strict=True):
        part = worth_drawing(law)
        ends += [law.support[part][0], law.support[part][-1]]
        x = law.support[part] + shift
        marks += [bars(x, law.observed[part], color, width=0.38, panel=1, name=name),
                  ticks(x, law.exact[part], panel=1, name=LAW)]  # fmt: skip
    pair, times = np.unique(parts.pairs, axis=0, return_counts=True)
    least = float(pair.min(initial=pair.max(initial=0)))
    reach = (least - 0.7, max(float(pair.max(initial=0)), least + 4) + 0.7)
    largest = min(22, 180 / (reach[1] - reach[0]))  # about the distance of neighbours, in pixels
    sizes = {"color": MEASURED, "opacity": 0.7, "size": largest * np.sqrt(times / times.max(initial=1)) + 3}
    return Figure(
        [
            strokes(seen.time[kept], seen.run[kept], runs, ACCEPT, name=names[0]),
            points(seen.time[lost], seen.run[lost] + 1, marker={"color": REJECT, "symbol": "x-thin-open", "size": 6,
                                                               "line": {"width": 1.4, "color": REJECT}}, name=names[1]),
            *marks,
            points(pair[:, 0], pair[:, 1], marker=sizes, panel=2, name=T("runs", "模拟")),
        ],
        [
            rows_panel(a, runs, T("strokes kept, crosses lost", "竖线保留，叉号丢弃")),
            Panel(Axis(in_window(a), range=(min(ends) - 0.7, max(ends) + 0.7)), share_axis(top),
                  title=T("how many of each", "各有多少")),
            Panel(Axis(names[0], range=reach), Axis(names[1], range=reach),
                  title=T(f"together, {len(parts.pairs)} runs", f"两者并看，{len(parts.pairs)} 次模拟")),
        ],
        T(f"Of {a.mean:.4g} {noun(a)} on average {parts.kept.mean:.4g} are kept and {parts.dropped.mean:.4g} lost; the "
          f"two counts have correlation {parts.correlation:.2g}.",
          f"平均 {a.mean:.4g} {measure(a)}中，保留 {parts.kept.mean:.4g}，丢弃 {parts.dropped.mean:.4g}；"
          f"两个计数的相关系数为 {parts.correlation:.2g}。"),
        corner(max(ends) + 0.6, top, [(names[0], ACCEPT), (names[1], REJECT), (LAW, THEORY)], 1),
        facts=[
            (T("Mean kept", "保留的均值"), beside(parts.kept.mean, parts.kept.mean_exact)),
            (T("Mean lost", "丢弃的均值"), beside(parts.dropped.mean, parts.dropped.mean_exact)),
            (T("Correlation of kept and lost", "保留与丢弃的相关系数"),
             beside(f"{parts.correlation:z.2f} ± {parts.correlation_error:.2f}".replace("-", "−"), "0")),
            (T("Correlation of kept and all", "保留与全部的相关系数"),
             beside(f"{parts.kept_with_all:.2f}", f"√p = {parts.kept_with_all_exact:.2f}")),
        ],
        columns=3,
    )  # fmt: skip


def uniform_figure(a: Arrived) -> Figure:
    """Given how many came, their times are points thrown at random."""
    u, window = a.uniformity, a.setting.window
    middle, observed, exact = middles(u.rank_edges) * window, u.rank_observed / window, u.rank_exact / window
    top, rank_top = HEADROOM * peak(u.position.observed, u.position.curve_y), HEADROOM * peak(observed, exact)
    curves = []
    for rank, seen, law in zip(u.ranks, observed, exact, strict=True):
        name = T(f"the {ordinal(int(rank))}", f"第 {rank} 个")
        curves += [bars(middle, seen, panel=1, name=name, opacity=0.4), line(middle, law, panel=1, name=LAW)]
    given = T(f"{grouped(u.chosen)} runs with exactly {u.given}", f"恰有 {u.given} 的 {grouped(u.chosen)} 次模拟")
    ranks = u.ranks.tolist()
    which = T(f"the {', '.join(map(ordinal, ranks))}", f"第 {'、'.join(map(str, ranks))} 个")
    means = [
        (T(f"Mean time of the {ordinal(int(rank))}", f"第 {rank} 个的平均时刻"), beside(seen * window, law * window))
        for rank, seen, law in zip(u.ranks, u.rank_mean, u.rank_mean_exact, strict=True)
    ]
    return Figure(
        [heap(u.position), line(u.position.curve_x, u.position.curve_y, name=LAW), *curves],
        [
            heap_panel(u.position, top, timed(a, "time", "时间"), density(a), T(f"all {noun(a)}", "全部到达")),
            Panel(Axis(timed(a, "time", "时间"), range=(0, window)), Axis(density(a), range=(0, rank_top)),
                  title=given),
        ],
        T(f"{grouped(u.position.samples)} {noun(a)} lie evenly over {span(a).en}; where exactly {u.given} came, the "
          f"first comes at {u.rank_mean[0] * window:.3g} on average, as of {u.given} points thrown at random.",
          f"{grouped(u.position.samples)} {measure(a)}均匀散布在 {span(a).zh}内；恰有 {u.given} 时，"
          f"第一个平均在 {u.rank_mean[0] * window:.3g} 到来，与随机投掷的 {u.given} 个点一样。"),
        corner(window, top, [(SEEN, MEASURED), (T("uniform law", "均匀分布"), THEORY)])
        + corner(window, rank_top, [
            (which, MEASURED),
            (T("order statistics' laws", "次序统计量的分布"), THEORY),
        ], 1),
        facts=[verdict(T("all times", "全部时刻"), u.position.fit), *(means if len(means) < 4 else [*means[:2], means[-1]])],
        layout={"barmode": "overlay", "bargap": 0.05},
    )  # fmt: skip


def inspection_figure(a: Arrived) -> Figure:
    """The gap around a moment chosen blindly is longer than a gap counted one by one."""
    i, unit, window = a.inspection, units(a), a.setting.window
    top = HEADROOM * peak(i.length.observed, i.length.curve_y, a.gaps.curve_y)
    high = max(2.9 * i.mean_gap_exact, 1.25 * peak(i.mean_at))
    blind, plain = T("gap around a blind moment", "任意时刻所在的间隔"), T("gaps one by one", "逐个计数的间隔")
    error = {"type": "data", "array": i.error_at, "thickness": 1, "width": 0, "color": MEASURED}
    levels = [(i.mean_gap_exact, T("mean gap 1/λ", "平均间隔 1/λ")), (i.mean_limit, T.of("2/λ"))]
    return Figure(
        [
            heap(i.length),
            line(i.length.curve_x, i.length.curve_y, name=LAW),
            line(a.gaps.curve_x, a.gaps.curve_y, SECOND, dash="dash", name=plain),
            points(middles(i.moment_edges), i.mean_at, panel=1, error_y=error, name=SEEN),
            line(middles(i.moment_edges), i.mean_at_exact, panel=1, name=LAW),
            *(line([0, window], [level] * 2, MUTE, dash="dot", panel=1, name=name) for level, name in levels),
        ],
        [
            heap_panel(i.length, top, timed(a, "length of the gap", "间隔长度"), density(a)),
            Panel(Axis(timed(a, "moment chosen", "所选时刻"), range=(0, window)),
                  Axis(timed(a, "mean length", "平均长度"), range=(0, high))),
        ],
        T(f"The gap around a blind moment is {i.length.mean:.4g} {unit.en} long on average, exactly "
          f"{i.length.mean_exact:.4g}; gaps counted one by one have mean {i.mean_gap:.4g}.",
          f"任意时刻所在的间隔平均长 {i.length.mean:.4g} {unit.zh}，精确值 {i.length.mean_exact:.4g}；"
          f"逐个计数的间隔平均 {i.mean_gap:.4g}。"),
        corner(i.length.edges[-1], top, [(blind, MEASURED), (T("its law", "其分布"), THEORY), (plain, SECOND)])
        + corner(window, high, [(blind, MEASURED), (LAW, THEORY)], 1)
        + [
            Label(window, levels[0][0] - 0.045 * high, levels[0][1], INK_2, "right", 1),
            Label(0.01 * window, levels[1][0] + 0.045 * high, levels[1][1], INK_2, "left", 1),
        ],
        facts=[
            mean_time(T("Mean gap, one by one", "逐个计数的平均间隔"), a.gaps, unit),
            mean_time(T("Around a blind moment", "任意时刻所在间隔的平均"), i.length, unit),
            (T("Long window: 2/λ", "长窗口：2/λ"), T.of(f"{i.mean_limit:.4g}")),
            verdict(T("its lengths", "间隔长度"), i.length.fit),
        ],
    )  # fmt: skip


def varying_figure(a: Arrived) -> Figure:
    """Candidates come at the largest rate; those that fall under the curve stay."""
    v, window = a.varying, a.setting.window
    most = a.setting.rate * (1 + a.setting.depth)
    top, stay = HEADROOM * most, v.accepted
    seen_top = HEADROOM * peak(v.observed, v.exact)
    per = T(f"{noun(a)} per {a.unit_of_time}", f"每{units(a).zh}")
    kept, lost = T("kept: under the curve", "保留：曲线之下"), T("lost: over it", "丢弃：曲线之上")
    cross = {"color": REJECT, "symbol": "x-thin-open", "size": 5, "line": {"width": 1.2, "color": REJECT}}
    return Figure(
        [
            points(v.candidate_time[stay], v.candidate_height[stay], ACCEPT, size=4, name=kept),
            points(v.candidate_time[~stay], v.candidate_height[~stay], marker=cross, name=lost),
            line(v.curve_x, v.curve_y, width=2.4, name=T("rate λ(s)", "速率 λ(s)")),
            bars(middles(v.edges), v.observed, panel=1, name=SEEN),
            line(v.curve_x, v.curve_y, panel=1, name=T("rate λ(s)", "速率 λ(s)")),
        ],
        [
            Panel(Axis(timed(a, "time", "时间"), range=(0, window)), Axis(per, range=(0, top)),
                  title=T(f"{grouped(len(stay))} candidates", f"{grouped(len(stay))} 个候选")),
            Panel(Axis(timed(a, "time", "时间"), range=(0, window)), Axis(per, range=(0, seen_top)),
                  title=T("what has come, all runs", "全部模拟中到来的")),
        ],
        T(f"Of candidates at rate {most:.4g} the share {v.acceptance:.4g} is kept; {v.total.mean:.4g} {noun(a)} in "
          f"{span(a).en} on average, exactly {v.total.mean_exact:.4g}.",
          f"候选速率为 {most:.4g}，保留比例 {v.acceptance:.4g}；{span(a).zh}内平均 {v.total.mean:.4g} {measure(a)}，"
          f"精确值 {v.total.mean_exact:.4g}。"),
        corner(window, top, [(kept, ACCEPT), (lost, REJECT), (T("rate λ(s)", "速率 λ(s)"), THEORY)])
        + corner(window, seen_top, [(SEEN, MEASURED), (T("rate λ(s)", "速率 λ(s)"), THEORY)], 1),
        facts=[
            (T("Kept of the candidates", "候选的保留比例"), beside(percent(v.acceptance), percent(v.acceptance_exact))),
            (T("Mean count", "平均计数"), beside(v.total.mean, v.total.mean_exact)),
            verdict(T("the rate", "速率"), v.fit),
            verdict(T("the counts", "计数"), v.total.fit),
        ],
    )  # fmt: skip
