"""What the figures of FlashAttention share: numbers as they are read, ends of axes, names kept apart."""

from __future__ import annotations

import itertools

import numpy as np

from pages.shell import grouped

MINUS = "\u2212"


def signed(value: float, digits: int = 2) -> str:
    """A number with so many decimals and a true minus sign; −∞ for the maximum of nothing."""
    if value != value:  # NaN, in a third of numpy's time
        return f"{MINUS}∞"
    return f"{value:.{digits}f}".replace("-", MINUS)


def number(value: float, digits: int = 3) -> str:
    return f"{value:.{digits}g}".replace("-", MINUS) if np.isfinite(value) else "–"


def whole(value: float) -> str:
    return grouped(value) if np.isfinite(value) else "–"


def percent(value: float) -> str:
    """A share as read off: 4.1 %, 34 %, 120 %."""
    return f"{100 * value:.2g} %" if np.isfinite(value) and value < 0.995 else f"{100 * value:.0f} %"


def memory(value: float) -> str:
    """Bytes as read off: 3.3 MB."""
    for size, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.0f} B" if np.isfinite(value) else "–"


def amount(value: float) -> str:
    """A count of operations: 8.59 G."""
    for size, unit in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M")):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return whole(value)


def rate(teraflops: float) -> str:
    """FLOP/s as read off: 22 GFLOP/s, 312 TFLOP/s."""
    if not np.isfinite(teraflops):
        return "–"
    return f"{teraflops:.3g} TFLOP/s" if teraflops >= 1 else f"{1000 * teraflops:.3g} GFLOP/s"


def duration(milliseconds: float) -> str:
    """A time as read off: 24 µs, 3.1 ms, 1.2 s."""
    if not np.isfinite(milliseconds):
        return "–"
    if milliseconds >= 1000:
        return f"{milliseconds / 1000:.3g} s"
    return f"{milliseconds:.3g} ms" if milliseconds >= 1 else f"{1000 * milliseconds:.3g} µs"


def reach(*values: np.ndarray | float, pad: float = 1.5) -> tuple[float, float]:
    """The ends of a logarithmic axis that shows all of the positive values, with room by a factor at either end."""
    flat = np.concatenate([np.ravel(np.asarray(v, float)) for v in values])
    flat = flat[np.isfinite(flat) & (flat > 0)]
    return (float(flat.min()) / pad, float(flat.max()) * pad) if len(flat) else (0.1, 10.0)


def apart(heights: np.ndarray, factor: float) -> np.ndarray:
    """Heights on a logarithmic axis, moved so that neighbours differ by a factor at least; NaN stays."""
    moved = np.array(heights, float)
    order = [i for i in np.argsort(moved) if np.isfinite(moved[i])]
    for below, above in itertools.pairwise(order):
        moved[above] = max(moved[above], moved[below] * factor)
    if order:  # as far up as down, on the whole
        moved /= np.exp(np.mean(np.log(moved[order] / np.asarray(heights)[order])))
    return moved
