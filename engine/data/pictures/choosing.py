"""A picture as a lab's parameter names it: a photograph by its name, or an upload as a text."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy import ndarray
from PIL import Image

from engine.core import Refused
from engine.core.params import shown
from engine.core.words import T
from engine.data.pictures.photographs import PHOTOGRAPHS, photograph
from engine.data.pictures.uploads import from_text


def chosen(text: str, names: Iterable[str] = tuple(PHOTOGRAPHS), name: str = "image") -> ndarray:
    """The pixels (H, W, 3) uint8, read only, of one of the photographs `names`, or of a "data:image/…" text.

    Raises Refused, whose parameter is `name`, for anything else.
    """
    known = tuple(names)
    if text in known:
        return photograph(text)
    if text.startswith("data:"):
        return from_text(text, name)
    raise Refused(
        T(
            '{name} must be one of {known}, or a picture as a "data:image/png;base64," text; got {text}',
            "{name} 必须是下列之一：{known}，或“data:image/png;base64,”形式的图片；收到 {text}",
            name=name,
            known=", ".join(known),
            text=shown(text),
        ),
        name,
    )


def reduced(pixels: ndarray, side: int) -> ndarray:
    """The picture with its longer side at most `side` pixels, by Lanczos' filter; no side gets under 1 pixel."""
    longest = max(pixels.shape[:2])
    if longest <= side:
        return pixels
    height, width = (max(1, round(n * side / longest)) for n in pixels.shape[:2])
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS))
