"""What positions do to a real loss: curves that were measured when the small models were made, or measured now.

The target is the embedded model of `engine.language.code_model`; the small models are those of
`engine.attention.position_models`, whose `measure` is imported when a person asks for it.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from jaxtyping import Float

from engine.attention.position_encoding.parameters import ENCODINGS, SCALINGS
from engine.attention.position_encoding.result import Losses, SmallLosses, TargetLosses
from engine.attention.position_models.record import document, numbers
from engine.core.words import T

LAST = 8  # the end of a text is its last eighth


def ending(places: Float[np.ndarray, " p"]) -> np.ndarray:
    """Which places are the end of a text."""
    return places >= places[-1] - (places[-1] - places[0]) / LAST


def means(places: Float[np.ndarray, " p"], losses: Float[np.ndarray, "c p"], context: int) -> dict[str, np.ndarray]:
    """`inside`, `beyond` and `at_end` of curves; NaN where a part has no number or none was measured."""
    parts = {"inside": places < context, "beyond": places >= context, "at_end": ending(places)}
    mean = lambda rows: np.array([r.mean() if r.size else np.nan for r in rows])  # noqa: E731
    return {name: mean(losses[:, part]) for name, part in parts.items()}


def middles(count: int, length: int) -> np.ndarray:
    """(count,) places of equal parts of a text of `length` tokens."""
    return (np.arange(count) + 0.5) * (length / count)


def target_losses(found: dict[str, Any], losses: np.ndarray) -> TargetLosses:
    """Curves (4, parts) with what `found` says of their run."""
    places = middles(losses.shape[1], found["length"])
    run = {name: found[name] for name in ("context", "factor", "base", "shift", "windows", "length")}
    return TargetLosses(tuple(SCALINGS), tuple(SCALINGS.values()), places, losses, **means(places, losses, found["context"]), **run)


@functools.cache
def recorded() -> Losses:
    """What was measured by the recipe."""
    meta = document()
    models, judged, target = meta["models"], meta["judged_on"], meta["target"]
    names = tuple(models)
    losses = np.stack([numbers(models[n]["loss_by_position"]) for n in names])
    places = middles(losses.shape[1], judged["length"])
    context = meta["training"]["plan"]["context"]
    first = models[names[0]]["curve"]
    small = SmallLosses(
        names,
        tuple(ENCODINGS[n] for n in names),
        places,
        losses,
        **means(places, losses, context),
        steps=np.array([point["step"] for point in first]),
        curves=np.array([[point["held_out_loss"] for point in models[n]["curve"]] for n in names]),
        shifts=np.array(judged["shifts"]),
        shifted=np.stack([numbers(models[n]["shifted"]) for n in names]),
        parameters=np.array([models[n]["parameters"] for n in names]),
        cpu_seconds=np.array([models[n]["cpu_seconds"] for n in names]),
        context=context,
        tokens=meta["training"]["tokens"],
        shift=0,
        windows=judged["windows"],
        length=judged["length"],
    )
    curves = np.stack([numbers(target["losses"][name]) for name in SCALINGS])
    device, date = meta["measured"]["device"], meta["measured"]["date"]
    source = T("recorded on {device}, {date}", "录制于 {device}，{date}", device=device, date=date)
    return Losses(target_losses(target, curves), small, source, source, source)
