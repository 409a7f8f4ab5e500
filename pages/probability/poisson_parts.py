"""What the Poisson page's figures are made of: its words, in which event and unit of time have a say, and its marks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.probability.poisson import Arrived, wording
from engine.probability.poisson.goodness import Fit
from engine.probability.poisson.measurements import CountLaw, Histogram
from pages.shell import T, grouped
from pages.shell.axes import Axis
from pages.shell.colors import MEASURED
from pages.shell.panels import Label, Panel
from pages.shell.traces import bars, points

SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
COUNTED = {"arrival": "到达次数", "birth": "出生人数", "call": "电话个数", "tin": "奶粉罐数", "visit": "访问次数"}
NOUNS = {"tin": ("tin", "tins")}  # where the sentence's words are too long for an axis
LAW = T("exact law", "精确分布")
SEEN = T("measured", "实测")
SHARE = T("share of runs", "模拟次数占比")
HEADROOM = 1.4  # of an axis over its highest curve: room for the words
WORTH = 2e-5  # the least chance that is worth a mark


# --- words ----------------------------------------------------------------------------------------------------------


def noun(a: Arrived, count: float = 2) -> str:
    """'births', or 'birth' for one."""
    return NOUNS.get(a.event, wording.EVENTS[a.event][:2])[int(count != 1)]


def measure(a: Arrived) -> str:
    """The Chinese measure word with its noun: '次出生'."""
    return wording.EVENTS[a.event][2]


def units(a: Arrived) -> T:
    """The unit of time, of several: 'hours'."""
    return T(f"{a.unit_of_time}s", wording.UNITS[a.unit_of_time])


def span(a: Arrived) -> T:
    """The window: '1 hour', '7 days'."""
    unit = T(a.unit_of_time, units(a).zh) if a.setting.window == 1 else units(a)
    return T(*(f"{a.setting.window:g} {word}" for word in unit))


def timed(a: Arrived, en: str, zh: str) -> T:
    """A time and its unit, for an axis: 'time (hours)'."""
    return T(f"{en} ({units(a).en})", f"{zh}（{units(a).zh}）")


def density(a: Arrived) -> T:
    return T(f"density (per {a.unit_of_time})", f"密度（每{units(a).zh}）")


def in_window(a: Arrived) -> T:
    """What is counted: 'births in 1 hour'."""
    return T(f"{noun(a)} in {span(a).en}", f"{span(a).zh}内的{COUNTED[a.event]}")


def runs_of(a: Arrived) -> T:
    return T(f"{grouped(a.runs)} run{'' if a.runs == 1 else 's'}", f"{grouped(a.runs)} 次模拟")


def ordinal(k: int) -> str:
    """'1st', '12th', '23rd'."""
    return f"{k}{'th' if k // 10 % 10 == 1 else {1: 'st', 2: 'nd', 3: 'rd'}.get(k % 10, 'th')}"


def percent(chance: float) -> str:
    """'5.041 %'; what is smaller than 0.01 % as a plain number."""
    return f"{100 * chance:.4g} %" if chance >= 1e-4 or chance == 0 else f"{chance:.3g}"


def beside(measured: float | str, exact: float | str) -> T:
    """A measured value and the exact one."""
    one, two = (v if isinstance(v, str) else f"{v:.4g}" for v in (measured, exact))
    return T(f"{one} (exact {two})", f"{one}（精确 {two}）")


def mean_time(name: T, h: Histogram, unit: T) -> tuple[T, T]:
    """A fact: a mean time, measured and exact."""
    return T(f"{name.en}, {unit.en}", f"{name.zh}，{unit.zh}"), beside(h.mean, h.mean_exact)


def verdict(name: T, fit: Fit) -> tuple[T, T]:
    """A fact: a χ² test."""
    value = T("too few to test", "太少，无法检验") if fit.dof == 0 else T.of(f"p = {fit.p_value:.2g}")
    return T(f"χ² test of {name.en}", f"χ² 检验：{name.zh}"), value


def box(a: Arrived) -> list[tuple[T, T]]:
    """The question of the page, answered exactly, beside the share of runs in which it came true."""
    n, (span_en, span_zh) = a.at_least, wording.span(a.setting.window, a.unit_of_time)
    names = (
        T(f"Exactly {n:,} {noun(a, n)} in {span_en}", f"{span_zh}恰好 {n:,} {measure(a)}"),
        T("None", f"一{measure(a)[0]}也没有"),
        T(f"At least {n:,}", f"至少 {n:,} {measure(a)}"),
    )
    exact = (a.probability_exactly, a.probability_none, a.probability)
    seen = (a.measured_exactly, a.measured_none, a.measured_at_least)
    return [
        (name, T(f"{percent(p)} (seen {percent(q)})", f"{percent(p)}（实测 {percent(q)}）"))
        for name, p, q in zip(names, exact, seen, strict=True)
    ]


# --- marks ----------------------------------------------------------------------------------------------------------


def peak(*curves: np.ndarray) -> float:
    """The highest value of curves that may hold NaN."""
    return max((float(c[np.isfinite(c)].max()) for c in curves if np.isfinite(c).any()), default=1.0) or 1.0


def corner(x: float, top: float, rows: Sequence[tuple[T, str]], panel: int = 0) -> list[Label]:
    """Words one under another in a panel's upper right corner; its y axis runs from 0 to `top`."""
    return [
        Label(x, top * (0.955 - 0.085 * row), text, color, "right", panel) for row, (text, color) in enumerate(rows)
    ]


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
    x = Axis(timed(a, "time", "时间"), range=(0, a.timeline.end))
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
