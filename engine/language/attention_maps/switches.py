"""Heads to be switched off, as a person writes them: "2.1, 3.*" is head 1 of layer 2 and all of layer 3."""

from __future__ import annotations

import re

import numpy as np

from engine.core import Refused, T
from engine.core.entry import normalised
from engine.core.params import shown

NAME = "ablate"
ENTRY = re.compile(r"(\d{1,3}|\*)\.(\d{1,3}|\*)")


def entries(text: str) -> list[tuple[str, str]]:
    """(layer, head) of each entry, as written. Raises `Refused`."""
    parts = [part.strip() for part in normalised(text).split(",") if part.strip()]
    found = [ENTRY.fullmatch(part) for part in parts]
    if not all(found):
        wrong = parts[found.index(None)]
        raise Refused(
            T(
                "ablate must list heads as layer.head, such as 2.1, 3.*; got {wrong}",
                "ablate 必须以“层.头”列出注意力头，例如 2.1, 3.*；收到 {wrong}",
                wrong=shown(wrong),
            ),
            NAME,
        )
    return [(m[1], m[2]) for m in found if m]


def off(text: str, layers: int, heads: int) -> np.ndarray:
    """(layers, heads) bool: which heads are switched off. Layers and heads count from 1.

    Raises `Refused` for a head that the model does not have.
    """
    found = np.zeros((layers, heads), bool)
    for layer, head in entries(text):
        rows, columns = _places(layer, layers), _places(head, heads)
        if rows is None or columns is None:
            raise Refused(
                T(
                    "ablate must name heads of the model, which has {layers} layers of {heads} heads; got {layer}.{head}",
                    "ablate 必须是模型中的注意力头（共 {layers} 层，每层 {heads} 个头）；收到 {layer}.{head}",
                    layers=layers,
                    heads=heads,
                    layer=layer,
                    head=head,
                ),
                NAME,
            )
        found[rows, columns] = True
    return found


def _places(number: str, count: int) -> slice | None:
    if number == "*":
        return slice(None)
    place = int(number)
    return slice(place - 1, place) if 1 <= place <= count else None


def written(which: np.ndarray) -> str:
    """The text that `off` reads as these heads."""
    parts = []
    for layer, row in enumerate(which, 1):
        parts += [f"{layer}.*"] if row.all() else [f"{layer}.{head}" for head in np.flatnonzero(row) + 1]
    return ", ".join(parts)
