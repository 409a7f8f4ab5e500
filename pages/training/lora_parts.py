"""What the figures of LoRA share: colours and names of settings, numbers as they are read."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from engine.training.lora import Adapted
from pages.shell import T, grouped
from pages.shell.axes import Axis
from pages.shell.colors import FOURTH, INK_3, MEASURED, SECOND, THIRD
from pages.shell.figures import Figure, absent

FULL = -1
KINDS = {
    "q": "W_q", "k": "W_k", "v": "W_v", "o": "W_o", "gate": "W_gate", "up": "W_up", "down": "W_down", "w": "W",
}  # fmt: skip


def title(r: Adapted, s: int) -> T:
    return T(*r.titles[s])


def color(r: Adapted, s: int) -> str:
    """The colour of a setting: grey frozen, orange full fine-tuning, blue by rank; for choices of matrices, four."""
    if r.ranks[s] == FULL:
        return SECOND
    if r.ranks[s] == 0:
        return INK_3
    if swept_by_rank(r):
        low = [k for k, rank in enumerate(r.ranks) if rank > 0]
        return f"{MEASURED}/{0.3 + 0.7 * (low.index(s) + 1) / len(low):.2f}"
    return (MEASURED, SECOND, THIRD, FOURTH)[s % 4]


def swept_by_rank(r: Adapted) -> bool:
    return all(name == "full" or name.isdigit() for name in r.names)


def matrix(name: str) -> T:
    """A matrix's name with its layer: W_q, layer 1."""
    kind = name.rstrip("0123456789")
    layer = name[len(kind) :]
    words = KINDS[kind]
    return T(f"{words}, layer {int(layer) + 1}", f"{words}，第 {int(layer) + 1} 层") if layer else T.of(words)


def quality(r: Adapted, value: float, digits: int = 3) -> str:
    """A quality as read off: 91.4 %, or 1.234."""
    if not np.isfinite(value):
        return "–"
    return f"{100 * value:.1f} %" if r.higher else f"{value:.{digits}f}"


def spread(r: Adapted, value: float) -> str:
    return f" ± {quality(r, value)}" if np.isfinite(value) else ""


def number(value: float, digits: int = 3) -> str:
    """A number as read off: 1.74, 2.6e−7."""
    if not np.isfinite(value):
        return "–"
    mantissa, e, exponent = f"{value:.{digits}g}".partition("e")
    return mantissa + (f"e{int(exponent)}".replace("-", "−") if e else "")


def size(value: float) -> str:
    """Bytes as read off: 24.2 GB."""
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if value >= unit:
            return f"{value / unit:.3g} {name}" if value < 999.5 * unit else f"{grouped(value / unit)} {name}"
    return f"{value:.0f} B"


def count(value: float) -> str:
    """A count of parameters: 9 216, 4.2 M, 7.6 B."""
    for unit, name in ((1e9, "B"), (1e6, "M")):
        if value >= unit:
            return f"{value / unit:.3g} {name}"
    return grouped(value)


def room(values: Sequence[float] | np.ndarray, pad: float = 0.08) -> tuple[float, float]:
    """The ends of an axis that shows all finite values."""
    flat = np.ravel(np.asarray(values, float))
    flat = flat[np.isfinite(flat)]
    if not len(flat):
        return 0.0, 1.0
    low, high = float(flat.min()), float(flat.max())
    more = pad * (high - low) or 0.05 * max(abs(high), 1e-6)
    return low - more, high + more


def powers(low: float, high: float) -> tuple[list[float], list[str]]:
    """Ticks of a logarithmic axis: powers of ten, with 2 and 5 between where there are few."""
    first, last = int(np.floor(np.log10(low))), int(np.ceil(np.log10(high)))
    steps = (1.0, 2.0, 5.0) if last - first <= 3 else (1.0,)
    places = [m * 10.0**p for p in range(first, last + 1) for m in steps if low <= m * 10.0**p <= high]
    return places, [f"{place:.3g}" if 1e-3 <= place < 1e4 else number(place, 2) for place in places]


def apart(heights: Sequence[float], gap: float) -> list[float]:
    """Heights moved so that neighbours are `gap` apart at least; NaN stays."""
    made = np.array(heights, float)
    order = [i for i in np.argsort(made) if np.isfinite(made[i])]
    for below, above in itertools.pairwise(order):
        made[above] = max(made[above], made[below] + gap)
    if order:
        made[order] -= np.mean(made[order] - np.asarray(heights, float)[order])
    return made.tolist()


def parameters_axis(r: Adapted, room_right: float = 1.6) -> Axis:
    """Trainable parameters, logarithmic, a tick with its rank for every setting."""
    known = [(int(n), T(*t)) for n, t in zip(r.trainable_parameters, r.titles, strict=True) if n > 0]
    places: dict[int, T] = {}
    for n, words in known:
        n = next((p for p in places if abs(np.log(p / n)) < 0.2), n)  # two ticks that would overlap become one
        places[n] = T(f"{places[n].en}, {words.en}", f"{places[n].zh}，{words.zh}") if n in places else words
    ticks = [T(f"{words.en}<br>{count(n)}", f"{words.zh}<br>{count(n)}") for n, words in places.items()]
    span = list(places) or [1]
    return Axis(
        T("trainable parameters", "可训练参数"), log=True, range=(min(span) / 1.5, max(span) * room_right),
        ticks=(span, ticks),
    )  # fmt: skip


def waiting(r: Adapted) -> Figure | None:
    """What stands in until training has come far enough."""
    if r.spectrum is None or r.similarity is None:
        return absent(T("This is read off when training is done.", "训练结束后才能读出。"))
    return None
