"""What the Poisson page's figures are made of: its words, in which event and unit of time have a say, and its marks."""

from __future__ import annotations

import numpy as np

from engine.core import amounts
from engine.probability.poisson import Arrived, wording
from engine.probability.poisson.parameters import UNITS
from engine.probability.poisson.result import CountLaw, Fit, Histogram
from pages.shell import T, draw

SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
# What is counted, as an axis says it.
COUNTED = {
    "arrival": T("number of arrivals", "到达次数"),
    "birth": T("number of births", "出生人数"),
    "call": T("number of calls", "电话个数"),
    "tin": T("number of tins", "奶粉罐数"),
    "visit": T("number of visits", "访问次数"),
}
TINS = (T("tin", "罐奶粉"), T("tins", "罐奶粉"))  # the sentence's words are too long for an axis
LAW = T("exact law", "精确分布")
POISSON = T("Poisson law", "泊松分布")
SEEN = T("measured", "实测")
SHARE = T("share of runs", "模拟次数占比")
HEADROOM = 1.08  # of an axis over its highest curve
WORTH = 2e-5  # the least chance that is worth a mark


# --- words ----------------------------------------------------------------------------------------------------------


def noun(a: Arrived, count: float = 2) -> T:
    """'births', or 'birth' for one; in Chinese the measure word with its noun."""
    return TINS[count != 1] if a.event == "tin" else wording.noun(a.event, count)


def units(a: Arrived) -> T:
    """The unit of time, of several: 'hours'."""
    return UNITS[a.unit_of_time][1]


def span(a: Arrived) -> T:
    """The window: '1 hour', '7 days'."""
    window = a.setting.window
    return T("{window:number} {unit}", "{window:number} {unit}", window=window, unit=UNITS[a.unit_of_time][window != 1])


def timed(a: Arrived, what: T) -> T:
    """A time and its unit, for an axis: 'time (hours)'."""
    return T("{what} ({units})", "{what}（{units}）", what=what, units=units(a))


def density(a: Arrived) -> T:
    return T("density (per {unit})", "密度（每{unit}）", unit=UNITS[a.unit_of_time][0])


def in_window(a: Arrived) -> T:
    """What is counted: 'number of births in 1 hour'."""
    return T("{counted} in {span}", "{span}内的{counted}", span=span(a), counted=COUNTED[a.event])


def runs_of(a: Arrived) -> T:
    return T.many("{n:count} run", "{n:count} runs", "{n:count} 次模拟", n=a.runs)


def ordinal(k: int) -> T:
    """'1st', '12th', '23rd'."""
    end = "th" if k // 10 % 10 == 1 else {1: "st", 2: "nd", 3: "rd"}.get(k % 10, "th")
    return T("{place}", "第 {place} 个", place=T.of((f"{k}{end}", str(k))))


def beside(measured: float | str, exact: float | str) -> T:
    """A measured value and the exact one."""
    measured, exact = (value if isinstance(value, str) else amounts.number(value, 4) for value in (measured, exact))
    return T("{measured} (exact {exact})", "{measured}（精确 {exact}）", measured=measured, exact=exact)


def share(measured: float, exact: float) -> T:
    """A measured share and the exact one."""
    return T(
        "{measured:percent.4} (exact {exact:percent.4})", "{measured:percent.4}（精确 {exact:percent.4}）", measured=measured, exact=exact
    )


def mean_time(name: T, h: Histogram, unit: T) -> tuple[T, T]:
    """A fact: a mean time, measured and exact."""
    return T("{name}, {unit}", "{name}，{unit}", name=name, unit=unit), beside(h.mean, h.mean_exact)


def verdict(name: T, fit: Fit) -> tuple[T, T]:
    """A fact: a χ² test."""
    value = T("too few to test", "太少，无法检验") if fit.dof == 0 else T("p = {p:number.2}", "p = {p:number.2}", p=fit.p_value)
    return T("χ² test of {name}", "χ² 检验：{name}", name=name), value


def box(a: Arrived) -> list[tuple[T, T]]:
    """The question of the page, answered exactly, beside the share of runs in which it came true."""
    n, window = a.at_least, wording.span(a.setting.window, a.unit_of_time)
    names = (
        T("Exactly {n:count} {noun} in {window}", "{window}恰好 {n:count} {noun}", n=n, noun=noun(a, n), window=window),
        T("No {noun}", "一{noun}也没有", noun=noun(a)),
        T("At least {n:count} {noun}", "至少 {n:count} {noun}", n=n, noun=noun(a, n)),
    )
    exact = (a.probability_exactly, a.probability_none, a.probability)
    seen = (a.measured_exactly, a.measured_none, a.measured_at_least)
    return [
        (name, T("{exact:percent.4} (seen {seen:percent.4})", "{exact:percent.4}（实测 {seen:percent.4}）", exact=p, seen=q))
        for name, p, q in zip(names, exact, seen, strict=True)
    ]


# --- marks ----------------------------------------------------------------------------------------------------------


def peak(*curves: np.ndarray) -> float:
    """The highest value of curves that may hold NaN."""
    return max((float(c[np.isfinite(c)].max()) for c in curves if np.isfinite(c).any()), default=1.0) or 1.0


def worth_drawing(law: CountLaw | Arrived) -> slice:
    """The counts that were seen or have a chance worth a mark, at least five of them."""
    worth = np.flatnonzero((law.exact > WORTH) | (law.counts > 0))
    return slice(int(worth[0]), max(int(worth[-1]) + 1, int(worth[0]) + 5))


def count_axis(k: np.ndarray, title: T) -> draw.Axis:
    """Whole numbers from the first to the last of k, each with its tick where they are few."""
    few = None if len(k) > 16 else (k.tolist(), [str(i) for i in k])
    return draw.Axis(title, range=(float(k[0]) - 0.7, float(k[-1]) + 0.7), ticks=few)


def share_top(*curves: np.ndarray) -> float:
    """The end of an axis of shares."""
    return min(HEADROOM * peak(*curves), 1.05)


def share_axis(top: float, title: T = SHARE) -> draw.Axis:
    """Percentages from 0 to `top`, as fine as it asks for."""
    return draw.Axis(title, ".0%" if top > 0.08 else ".1%" if top > 0.008 else ".2%", range=(0, top))


def strokes(time: np.ndarray, run: np.ndarray, runs: int, color: str = draw.MEASURED, **options) -> dict:
    """A stroke for each arrival, in its run's row."""
    style = {"color": color, "symbol": "line-ns-open", "size": min(max(170 / runs, 6), 60)}
    return draw.points(time, run + 1, marker=style | {"line": {"width": 1.8, "color": color}}, **options)


def rows_panel(a: Arrived, runs: int, title: T, key: bool = False) -> draw.Panel:
    """Room for the strokes of some runs, a row each."""
    x = draw.Axis(timed(a, T("time", "时间")), range=(0, a.timeline.end))
    each = (list(range(1, runs + 1)), [str(run + 1) for run in range(runs)]) if runs < 10 else None
    y = draw.Axis(T("run", "第几次模拟"), range=(0.3, runs + 0.7), reverse=True, format="d", ticks=each)
    return draw.Panel(x, y, title=title, key=key)


def middles(edges: np.ndarray) -> np.ndarray:
    return (edges[1:] + edges[:-1]) / 2


def heap(h: Histogram, name: T = SEEN, **options) -> dict:
    """What a histogram measured, as bars."""
    return draw.bars(middles(h.edges), h.observed, name=name, **options)


def heap_panel(h: Histogram, top: float, x: T, y: T, title: T | str = "") -> draw.Panel:
    return draw.Panel(draw.Axis(x, range=(0, float(h.edges[-1]))), draw.Axis(y, range=(0, top)), title=title, key=True)
