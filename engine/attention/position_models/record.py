"""What the checkpoint's meta.json says of the small models, and how rows of losses are written there."""

from __future__ import annotations

import functools
import json
from typing import Any

import numpy as np

from engine.core import checkpoints

NAME = "position-models"


@functools.cache
def document() -> dict[str, Any]:
    """The meta.json of the small models. Raises FileNotFoundError that names the command where it is missing."""
    path = checkpoints.ROOT / NAME / "meta.json"
    if not path.is_file():
        raise FileNotFoundError(f"{NAME} has no meta.json; `python -m engine train {NAME}` makes it")
    return json.loads(path.read_text())


def numbers(text: str) -> np.ndarray:
    """Numbers separated by spaces, "-" for none."""
    return np.array([np.nan if word == "-" else float(word) for word in text.split()])


def text(values: np.ndarray) -> str:
    """What `numbers` reads, to four places."""
    return " ".join("-" if np.isnan(v) else f"{v:.4f}" for v in values)
