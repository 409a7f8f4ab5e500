"""How parts of a figure travel: numbers narrowed and packed, texts in both languages."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from engine.core import amounts
from engine.core.words import T, Words

Cell = Words | float | tuple[float | None, str]  # words, a number, or a number and its kind: (0.34, "percent")


def rows_of(rows: Iterable[Sequence[Any]]) -> list[list[Any]]:
    """Facts or a table's rows as the browser takes them, numbers written as people read them."""
    return [[_said(cell) for cell in row] for row in rows]


def _said(cell: Cell) -> Any:
    if cell is None or isinstance(cell, (int, float, np.number)):
        return amounts.number(None if cell is None else float(cell))
    if isinstance(cell, tuple) and not isinstance(cell[0], str):
        said = amounts.formatted(*cell)
        assert said is not None, f"{cell[1]!r} is no kind of number"
        return said
    return T.of(cell).data()  # pyright: ignore[reportArgumentType]  a pair of texts


def packed(value: Any) -> Any:
    """A part of a figure as it is sent: float64 narrowed to float32, integers to the least type, texts as data."""
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, T):
        return value.data()
    if isinstance(value, np.ndarray):
        return _typed(value)
    if isinstance(value, (dict, Mapping)):
        return {key: packed(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [packed(item) for item in value]
    return packed(value.item()) if isinstance(value, np.generic) else value


def _typed(array: np.ndarray) -> Any:
    if array.dtype.kind in "US":
        return array.tolist()
    if array.dtype.kind == "b":
        array = array.astype(np.uint8)
    elif array.dtype.kind in "iu":
        low, high = (int(array.min()), int(array.max())) if array.size else (0, 0)
        kinds = (np.uint8, np.int16, np.int32)
        array = array.astype(next((k for k in kinds if np.iinfo(k).min <= low and high <= np.iinfo(k).max), np.float64))
    elif array.dtype != np.float32:
        # A number beyond float32 would arrive as infinity.
        wide = float(np.nanmax(np.abs(array), initial=0.0, where=np.isfinite(array))) > 3e38
        array = array.astype(np.float64 if wide else np.float32)
    if array.size <= 8 and array.ndim == 1 and np.isfinite(array).all():
        return array.tolist()
    made = {"dtype": array.dtype.str[1:], "bdata": base64.b64encode(np.ascontiguousarray(array).data).decode()}
    return made | ({"shape": ", ".join(map(str, array.shape))} if array.ndim > 1 else {})
