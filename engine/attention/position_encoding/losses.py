"""What positions do to a real loss: curves that were measured when the small models were made, or measured now.

The target is the embedded model of `engine.language.code_model`; the small models are `small_models`'. Nothing heavy
is imported here: `measure.py` is, when a person asks for it.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.attention.position_encoding import frequencies
from engine.attention.position_encoding.family import FAMILY
from engine.core import checkpoints

RECIPE = "position-models"
TITLES = {one.name: one.title for one in FAMILY}


@dataclass(frozen=True)
class TargetLosses:
    """The embedded model's loss by place, its rotary rates scaled, nothing trained anew.

    names, titles: s scalings. places: (p,) tokens before the predicted one, middles of equal parts. losses: (s, p)
    nats a token. inside, beyond: (s,) means within the training length and past it; at_end: (s,) over the last
    eighth. context: the training length. factor, base, shift: what the run used. windows, length: texts and tokens.
    """

    names: tuple[str, ...]
    titles: tuple[tuple[str, str], ...]
    places: np.ndarray
    losses: np.ndarray
    inside: np.ndarray
    beyond: np.ndarray
    at_end: np.ndarray
    context: int
    factor: float
    base: float
    shift: int
    windows: int
    length: int


@dataclass(frozen=True)
class SmallLosses:
    """Small models that differ in their encoding alone, on the same tokens in the same order.

    names, titles: e encodings. places: (p,), losses: (e, p) nats a token by place, NaN where an encoding has no
    position to give; inside, beyond: (e,) means; at_end: (e,) over the last eighth. steps: (c,), curves: (e, c)
    held-out loss during training. shifts: (h,), shifted: (e, h) loss of short windows whose positions all moved.
    parameters, cpu_seconds: (e,) of each model. context: the training length; tokens: seen by each. shift: the
    position of a text's first token, of windows texts of length tokens each.
    """

    names: tuple[str, ...]
    titles: tuple[tuple[str, str], ...]
    places: np.ndarray
    losses: np.ndarray
    inside: np.ndarray
    beyond: np.ndarray
    at_end: np.ndarray
    steps: np.ndarray
    curves: np.ndarray
    shifts: np.ndarray
    shifted: np.ndarray
    parameters: np.ndarray
    cpu_seconds: np.ndarray
    context: int
    tokens: int
    shift: int
    windows: int
    length: int


@dataclass(frozen=True)
class Losses:
    """Both, with where each was measured, and whether by the recipe (recorded, with a date) or by this run.

    shifted_source: of `small.shifted`, which no run here measures.
    """

    target: TargetLosses
    small: SmallLosses
    target_source: tuple[str, str]
    small_source: tuple[str, str]
    shifted_source: tuple[str, str]
    target_recorded: bool = True
    small_recorded: bool = True


def means(places: np.ndarray, losses: np.ndarray, context: int) -> dict[str, np.ndarray]:
    """`inside`, `beyond` and `at_end` of curves (rows, p); NaN where a part has no number or none was measured."""
    last = places[-1] - (places[-1] - places[0]) / 8
    parts = {"inside": places < context, "beyond": places >= context, "at_end": places >= last}
    mean = lambda rows: np.array([r.mean() if r.size else np.nan for r in rows])  # noqa: E731
    return {name: mean(losses[:, part]) for name, part in parts.items()}


def middles(count: int, length: int) -> np.ndarray:
    """(count,) places of equal parts of a text of `length` tokens."""
    return (np.arange(count) + 0.5) * (length / count)


def target_losses(found: dict[str, Any], losses: np.ndarray) -> TargetLosses:
    """Curves (4, parts) with what `found` says of their run."""
    places = middles(losses.shape[1], found["length"])
    kept = {name: found[name] for name in ("context", "factor", "base", "shift", "windows", "length")}
    return TargetLosses(
        frequencies.SCALINGS, frequencies.TITLES, places, losses, **means(places, losses, found["context"]), **kept
    )


@functools.cache
def document() -> dict[str, Any]:
    """The meta.json of the small models. Raises FileNotFoundError that names the command where it is missing."""
    path = checkpoints.ROOT / RECIPE / "meta.json"
    if not path.is_file():
        raise FileNotFoundError(f"{RECIPE} has no meta.json; `python -m engine train {RECIPE}` makes it")
    return json.loads(path.read_text())


def numbers(text: str) -> np.ndarray:
    """Numbers separated by spaces, "-" for none."""
    return np.array([np.nan if word == "-" else float(word) for word in text.split()])


def text(values: np.ndarray) -> str:
    """What `numbers` reads, to four places."""
    return " ".join("-" if np.isnan(v) else f"{v:.4f}" for v in values)


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
        names, tuple(TITLES[n] for n in names), places, losses, **means(places, losses, context),
        steps=np.array([point["step"] for point in first]),
        curves=np.array([[point["held_out_loss"] for point in models[n]["curve"]] for n in names]),
        shifts=np.array(judged["shifts"]), shifted=np.stack([numbers(models[n]["shifted"]) for n in names]),
        parameters=np.array([models[n]["parameters"] for n in names]),
        cpu_seconds=np.array([models[n]["cpu_seconds"] for n in names]),
        context=context, tokens=meta["training"]["tokens"], shift=0, windows=judged["windows"], length=judged["length"],
    )  # fmt: skip
    curves = np.stack([numbers(target["losses"][name]) for name in frequencies.SCALINGS])
    device, date = meta["measured"]["device"], meta["measured"]["date"]
    source = (f"recorded on {device}, {date}", f"录制于 {device}，{date}")
    return Losses(target_losses(target, curves), small, source, source, source)
