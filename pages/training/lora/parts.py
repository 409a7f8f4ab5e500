"""What the figures of LoRA share: colours and names of settings, qualities as they are read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.core import amounts
from engine.training.lora import Adapted
from engine.training.memory import FULL
from pages.shell import T, draw

PALE = 0.3  # opacity of the smallest rank's colour; the largest has 1
FROZEN, FULLY, CUT = T("frozen", "冻结"), T("full fine-tuning", "全量微调"), T("full, cut to rank r", "全量，截断到秩 r")
LATER = T("This is read off when training is done.", "训练结束后才能读出。")


def color(r: Adapted, s: int) -> str:
    """The colour of a setting: grey frozen, orange full fine-tuning, blue by rank; for choices of matrices, one for each."""
    if r.ranks[s] == FULL:
        return draw.SECOND
    if r.ranks[s] == 0:
        return draw.INK_3
    if not swept_by_rank(r):
        return draw.CLASSES[1 + s % (len(draw.CLASSES) - 1)]
    low = [k for k, rank in enumerate(r.ranks) if rank > 0]
    return f"{draw.MEASURED}/{PALE + (1 - PALE) * (low.index(s) + 1) / len(low):.2f}"


def key(r: Adapted) -> list[tuple[str, T, str]]:
    """What the colours of ranks mean; choices of matrices have their names beside them."""
    if not swept_by_rank(r):
        return []
    rows = (
        (r.ranks == 0, draw.INK_3, FROZEN),
        (r.ranks > 0, draw.MEASURED, T("LoRA, darker with the rank", "LoRA，秩越大颜色越深")),
        (r.ranks == FULL, draw.SECOND, FULLY),
    )
    return [(hue, words, "line") for there, hue, words in rows if there.any()]


def swept_by_rank(r: Adapted) -> bool:
    """Whether settings are ranks, and not choices of matrices."""
    return all(name == "full" or name.isdigit() for name in r.names)


def matrix(name: str) -> T:
    """A matrix's name with its layer: W_q, layer 1."""
    kind = name.rstrip("0123456789")
    layer = name[len(kind) :]
    symbol = "W" if kind == "w" else f"W_{kind}"
    return T("{symbol}, layer {layer}", "{symbol}，第 {layer} 层", symbol=symbol, layer=int(layer) + 1) if layer else T.of(symbol)


def quality(r: Adapted, value: float, spread: float = float("nan")) -> str:
    """A quality as read off: 91.4 % ± 0.3 %, or 1.234."""
    say = amounts.percent if r.higher else amounts.number
    return say(float(value)) + (f" ± {say(float(spread))}" if np.isfinite(spread) else "")


def around(values: Sequence[float] | np.ndarray, pad: float = 0.1) -> tuple[float, float]:
    """The ends of an axis that shows all finite values."""
    flat = np.ravel(np.asarray(values, float))
    flat = flat[np.isfinite(flat)]
    if not len(flat):
        return 0.0, 1.0
    low, high = float(flat.min()), float(flat.max())
    more = pad * (high - low) or 0.05 * max(abs(high), 1e-6)
    return low - more, high + more


def errors(spread: np.ndarray, hue: str) -> dict:
    """Error bars of standard deviations; none where there is none."""
    return {"type": "data", "array": np.nan_to_num(spread), "color": hue.partition("/")[0], "thickness": 1.6, "width": 5}


def quality_axis(r: Adapted, title: T, values: Sequence[float] | np.ndarray) -> draw.Axis:
    """An axis of qualities."""
    return draw.Axis(title, range=around(values), format=".0%" if r.higher else "")


def parameters_axis(r: Adapted) -> draw.Axis:
    """Trainable parameters, logarithmic, a tick with its rank for every setting."""
    places: dict[int, T] = {}
    for n, title in zip(r.trainable_parameters.tolist(), r.titles, strict=True):
        if n > 0 and not any(abs(np.log(p / n)) < 0.2 for p in places):  # of two ticks in one place the first
            places[n] = title
    ticks = [T("{title}<br>{n}", "{title}<br>{n}", title=title, n=amounts.quantity(n, "").strip()) for n, title in places.items()]
    ends = (min(places) / 1.5, max(places) * 2.0) if places else (1.0, 10.0)
    return draw.Axis(T("trainable parameters", "可训练参数"), log=True, range=ends, ticks=(list(places), ticks))
