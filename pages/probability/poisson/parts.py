"""What the Poisson page's figures are made of: its words, in which event and unit of time have a say, and its marks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.core import amounts
from engine.probability.poisson import Arrived, wording
from engine.probability.poisson.goodness import Fit
from engine.probability.poisson.measurements import CountLaw, Histogram
from pages.shell import T
from pages.shell.axes import Axis
from pages.shell.colors import MEASURED
from pages.shell.panels import Label, Panel
from pages.shell.traces import bars, points

SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
# What is counted, as an axis says it.
COUNTED = {
    "arrival": T("arrivals", "到达次数"),
    "birth": T("births", "出生人数"),
    "call": T("calls", "电话个数"),
    "tin": T("tins", "奶粉罐数"),
    "visit": T("visits", "访问次数"),
}
TINS = (T("tin", "罐奶粉"), T("tins", "罐奶粉"))  # the sentence's words are too long for an axis
LAW = T("exact law", "精确分布")
SEEN = T("measured", "实测")
SHARE = T("share of runs", "模拟次数占比")
HEADROOM = 1.4  # of an axis over its highest curve: room for the words
WORTH = 2e-5  # the least chance that is worth a mark


# --- words ----------------------------------------------------------------------------------------------------------


def noun(a: Arrived, count: float = 2) -> T:
    """'births', or 'birth' for one; in Chinese the measure word with its noun."""
    return TINS[count != 1] if a.event == "tin" else wording.noun(a.event, count)


def units(a: Arrived) -> T:
    """The unit of time, of several: 'hours'."""
    return wording.UNITS[a.unit_of_time][1]


def span(a: Arrived) -> T:
    """The window: '1 hour', '7 days'."""
    window = a.setting.window
    return T("{window:number} {unit}", "{window:number} {unit}", window=window, unit=wording.UNITS[a.unit_of_time][window != 1])


def timed(a: Arrived, what: T) -> T:
    """A time and its unit, for an axis: 'time (hours)'."""
    return T("{what} ({units})", "{what}（{units}）", what=what, units=units(a))


def density(a: Arrived) -> T:
    return T("density (per {unit})", "密度（每{unit}）", unit=wording.UNITS[a.unit_of_time][0])


def in_window(a: Arrived) -> T:
    """What is counted: 'births in 1 hour'."""
    return T("{counted} in {span}", "{span}内的{counted}", span=span(a), counted=COUNTED[a.event])


def runs_of(a: Arrived) -> T:
    return T.many("{n:count} run", "{n:count} runs", "{n:count} 次模拟", n=a.runs)


def ordinal(k: int) -> T:
    """'1st', '12th', '23rd'."""
    end = "th" if k // 10 % 10 == 1 else {1: "st", 2: "nd", 3: "rd"}.get(k % 10, "th")
    return T("{k}{end}", "第 {k} 个", k=k, end=end)


def percent(chance: float) -> str:
    """'5.041 %'; what is smaller than 0.01 % as a plain number."""
    return amounts.number(chance) if 0 < chance < 1e-4 else amounts.percent(chance, 4)


def beside(measured: float | str, exact: float | str) -> T:
    """A measured value and the exact one."""
    one, two = (v if isinstance(v, str) else amounts.number(v, 4) for v in (measured, exact))
    return T("{one} (exact {two})", "{one}（精确 {two}）", one=one, two=two)


def mean_time(name: T, h: Histogram, unit: T) -> tuple[T, T]:
    """A fact: a mean time, measured and exact."""
    return T("{name}, {unit}", "{name}，{unit}", name=name, unit=unit), beside(h.mean, h.mean_exact)


def verdict(name: T, fit: Fit) -> tuple[T, T]:
    """A fact: a χ² test."""
    value = T("too few to test", "太少，无法检验") if fit.dof == 0 else T.of(f"p = {amounts.number(fit.p_value, 2)}")
    return T("χ² test of {name}", "χ² 检验：{name}", name=name), value


def box(a: Arrived) -> list[tuple[T, T]]:
    """The question of the page, answered exactly, beside the share of runs in which it came true."""
    n, window = a.at_least, wording.span(a.setting.window, a.unit_of_time)
    names = (
        T("Exactly {n:count} {noun} in {window}", "{window}恰好 {n:count} {noun}", n=n, noun=noun(a, n), window=window),
        T("None", "一{noun}也没有", noun=noun(a)),
        T("At least {n:count} {noun}", "至少 {n:count} {noun}", n=n, noun=noun(a, n)),
    )
    exact = (a.probability_exactly, a.probability_none, a.probability)
    seen = (a.measured_exactly, a.measured_none, a.measured_at_least)
    return [
        (name, T("{p} (seen {q})", "{p}（实测 {q}）", p=percent(p), q=percent(q))) for name, p, q in zip(names, exact, seen, strict=True)
    ]


# --- marks ----------------------------------------------------------------------------------------------------------


def peak(*curves: np.ndarray) -> float:
    """The highest value of curves that may hold NaN."""
    return max((float(c[np.isfinite(c)].max()) for c in curves if np.isfinite(c).any()), default=1.0) or 1.0


def corner(x: float, top: float, rows: Sequence[tuple[T, str]], panel: int = 0) -> list[Label]:
    """Words one under another in a panel's upper right corner; its y axis runs from 0 to `top`."""
    return [Label(x, top * (0.955 - 0.085 * row), text, color, "right", panel) for row, (text, color) in enumerate(rows)]


def worth_drawing(law: CountLaw | Arrived) -> slice:
    """The counts that were seen or have a chance worth a mark, at least five of them."""
    worth = np.flatnonzero((law.exact > WORTH) | (law.counts > 0))
    return slice(int(worth[0]), max(int(worth[-1]) + 1, int(worth[0]) + 5))


def count_axis(k: np.ndarray, title: T) -> Axis:
    """Whole numbers from the first to the last of k, each with its tick where they are few."""
    few = None if len(k) > 16 else (k.tolist(), [str(i) for i in k])
    return Axis(title, range=(float(k[0]) - 0.7, float(k[-1]) + 0.7), ticks=few)


def decades(title: T, low: float, high: float) -> Axis:
    """A logarithmic axis with a tick for each power of ten, or for every so many where they are many."""
    powers = np.arange(np.ceil(np.log10(low)), np.floor(np.log10(high)) + 1).astype(int)
    powers = powers[:: -(-len(powers) // 6)]
    names = [f"{10.0**power:g}" if -3 <= power <= 4 else f"10<sup>{power}</sup>".replace("-", "−") for power in powers]
    return Axis(title, log=True, range=(low, high), ticks=((10.0**powers).tolist(), names))


def share_top(*curves: np.ndarray) -> float:
    """The end of an axis of shares."""
    return min(HEADROOM * peak(*curves), 1.05)


def share_axis(top: float, title: T = SHARE) -> Axis:
    """Percentages from 0 to `top`, as fine as it asks for."""
    return Axis(title, ".0%" if top > 0.08 else ".1%" if top > 0.008 else ".2%", range=(0, top))


def strokes(time: np.ndarray, run: np.ndarray, runs: int, color: str = MEASURED, **options) -> dict:
    """A stroke for each arrival, in its run's row."""
    style = {"color": color, "symbol": "line-ns-open", "size": min(max(170 / runs, 6), 60)}
    return points(time, run + 1, marker=style | {"line": {"width": 1.8, "color": color}}, **options)


def rows_panel(a: Arrived, runs: int, title: T) -> Panel:
    """Room for the strokes of some runs, a row each."""
    x = Axis(timed(a, T("time", "时间")), range=(0, a.timeline.end))
    each = (list(range(1, runs + 1)), [str(run + 1) for run in range(runs)]) if runs < 10 else None
    y = Axis(T("run", "第几次模拟"), range=(0.3, runs + 0.7), reverse=True, format="d", ticks=each)
    return Panel(x, y, title=title)


def middles(edges: np.ndarray) -> np.ndarray:
    return (edges[1:] + edges[:-1]) / 2


def heap(h: Histogram, **options) -> dict:
    """What a histogram measured, as bars."""
    return bars(middles(h.edges), h.observed, name=SEEN, **options)


def heap_panel(h: Histogram, top: float, x: T, y: T, title: T | str = "") -> Panel:
    return Panel(Axis(x, range=(0, float(h.edges[-1]))), Axis(y, range=(0, top)), title=title)
