"""What the figures of linear attention share: words, colours, numbers as they are read."""

from __future__ import annotations

import itertools

import numpy as np

from pages.shell import T, grouped
from pages.shell.colors import FOURTH, MEASURED, MUTE, SECOND, THEORY, THIRD

MAPS = (
    T("softmax", "softmax"),
    T("elu + 1", "elu + 1"),
    T("relu", "relu"),
    T("exp", "exp"),
    T("random", "随机"),
    T("orthog.", "正交"),
)
MAP_COLORS = (THEORY, MEASURED, MUTE, SECOND, THIRD, FOURTH)
TOPICS = "ABCDE"
TOPIC_COLORS = (MEASURED, SECOND, THIRD, FOURTH, MUTE)
SOFTMAX = T("softmax", "softmax")


def number(value: float, digits: int = 3) -> str:
    """A number as read off: 1.74, 2.6e−7."""
    if not np.isfinite(value):
        return "–"
    mantissa, e, exponent = f"{value:.{digits}g}".partition("e")
    return mantissa + (f"e{int(exponent)}".replace("-", "−") if e else "")


def percent(value: float) -> str:
    """A share as read off: 4.1 %, 34 %, 1 200 %."""
    if not np.isfinite(value):
        return "–"
    share = 100 * value
    return f"{grouped(share)} %" if share >= 100 else f"{share:.2g} %"


def amount(value: float) -> str:
    """A count of FLOPs or numbers: 4 096, 16.8 M, 4.3 G."""
    if not np.isfinite(value):
        return "–"
    for size, unit in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M")):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return grouped(value)


def memory(value: float) -> str:
    """Bytes as read off: 3.3 MB."""
    if not np.isfinite(value):
        return "–"
    for size, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.0f} B"


def duration(milliseconds: float) -> str:
    """A time as read off: 24 µs, 3.1 ms, 1.2 s."""
    if not np.isfinite(milliseconds):
        return "–"
    if milliseconds >= 1000:
        return f"{milliseconds / 1000:.3g} s"
    return f"{milliseconds:.3g} ms" if milliseconds >= 1 else f"{1000 * milliseconds:.3g} µs"


def span(low: float, high: float) -> str:
    """Two times, low to high, with one unit where they share it: 3.1–3.4 ms."""
    one, other = duration(low), duration(high)
    shared = one.partition(" ")[2] == other.partition(" ")[2]
    return f"{one.partition(' ')[0] if shared else one}–{other}"


def whole(value: float) -> str:
    return grouped(value) if np.isfinite(value) else "–"


def reach(*values: np.ndarray | float, pad: float = 1.5) -> tuple[float, float]:
    """The ends of a logarithmic axis that shows all of the positive values, with room by a factor at either end."""
    flat = np.concatenate([np.ravel(np.asarray(v, float)) for v in values])
    flat = flat[np.isfinite(flat) & (flat > 0)]
    return (float(flat.min()) / pad, float(flat.max()) * pad) if len(flat) else (0.1, 10.0)


def decades(low: float, high: float) -> tuple[list[float], list[str]]:
    """Ticks of a logarithmic axis, for Axis(ticks=…): powers of ten, every second where there are many, or 1, 2, 5."""
    first, last = int(np.ceil(np.log10(low))), int(np.floor(np.log10(high)))
    if last - first < 1:
        places = [m * 10.0**p for p in range(first - 1, last + 1) for m in (1, 2, 5) if low <= m * 10.0**p <= high]
        return places, [number(place) for place in places]
    powers = list(range(first, last + 1, max(1, -(-(last - first + 1) // 7))))
    return [10.0**p for p in powers], [f"{10**p:,}".replace(",", "\u202f") if 0 <= p < 6 else _power(p) for p in powers]


def _power(exponent: int) -> str:
    return f"{10.0**exponent:g}" if -3 <= exponent < 0 else f"10<sup>{exponent}</sup>".replace("-", "−")


def apart(heights: np.ndarray, factor: float) -> np.ndarray:
    """Heights on a logarithmic axis, moved so that neighbours differ by a factor at least; NaN stays."""
    moved = np.array(heights, float)
    order = [i for i in np.argsort(moved) if np.isfinite(moved[i])]
    for below, above in itertools.pairwise(order):
        moved[above] = max(moved[above], moved[below] * factor)
    if order:  # as far up as down, on the whole
        moved /= np.exp(np.mean(np.log(moved[order] / np.asarray(heights)[order])))
    return moved
