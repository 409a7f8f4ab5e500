"""Results as data: JSON for people and programs, NPZ for all the numbers, and back again for recordings."""

from __future__ import annotations

import dataclasses
import importlib
import math
from typing import Any

import numpy as np

from engine.core.findings import Finding
from engine.core.words import T

FULL_ARRAY = 10_000


def plain(value: Any, most: int = FULL_ARRAY) -> Any:
    """A result as JSON-ready data.

    Arrays of up to `most` numbers come in full, larger ones as {"shape", "dtype"}. NaN and infinities, which
    JSON lacks, become the strings "NaN", "Infinity" and "-Infinity".
    """
    match value:
        case None | bool() | str():
            return value
        case T():  # programs are answered in English
            return value.en
        case Finding():
            return value.text.en
        case int() | np.integer():
            return int(value)
        case float() | np.floating():
            number = float(value)
            if math.isfinite(number):
                return number
            return "NaN" if math.isnan(number) else ("Infinity" if number > 0 else "-Infinity")
        case np.ndarray():
            if value.size > most:
                return {"shape": list(value.shape), "dtype": str(value.dtype)}
            return plain(value.tolist(), most)
        case np.bool_():
            return bool(value)
        case dict():
            return {str(key): plain(item, most) for key, item in value.items()}
        case list() | tuple():
            return [plain(item, most) for item in value]
    if dataclasses.is_dataclass(value):
        return {f.name: plain(getattr(value, f.name), most) for f in dataclasses.fields(value)}
    raise TypeError(f"a result cannot hold a {type(value).__name__}")


def arrays(value: Any, name: str = "result") -> dict[str, np.ndarray]:
    """Every number, text and array of a result by its dotted name, ready for `numpy.savez`."""
    if dataclasses.is_dataclass(value):
        items = [(f.name, getattr(value, f.name)) for f in dataclasses.fields(value)]
    elif isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, (list, tuple)) and not all(isinstance(v, (int, float, str, bool)) for v in value):
        items = list(enumerate(value))
    else:
        return {} if value is None else {name: np.asarray(value.en if isinstance(value, T) else value)}
    prefix = "" if name == "result" else f"{name}."
    return {key: array for part, item in items for key, array in arrays(item, f"{prefix}{part}").items()}


def size(value: Any) -> int:
    """Bytes that a result holds, counting its arrays and, roughly, everything else."""
    if isinstance(held := getattr(value, "nbytes", None), int):  # an array, a tensor
        return held
    if dataclasses.is_dataclass(value):
        return 64 + sum(size(getattr(value, f.name)) for f in dataclasses.fields(value))
    if isinstance(value, dict):
        return 64 + sum(64 + size(item) for item in value.values())
    if isinstance(value, (list, tuple)):
        return 56 + sum(8 + size(item) for item in value)
    if isinstance(value, T):
        return 64 + len(value.en) + len(value.zh)
    return 32 + (len(value) if isinstance(value, (str, bytes)) else 0)


def encode(value: Any, store: dict[str, np.ndarray]) -> Any:
    """A result as a JSON tree that `decode` turns back; its arrays are put into `store`."""
    if isinstance(value, np.ndarray):
        key = f"a{len(store)}"
        store[key] = value
        return {"array": key}
    if dataclasses.is_dataclass(value):
        kind = type(value)
        fields = {f.name: encode(getattr(value, f.name), store) for f in dataclasses.fields(value)}
        return {"class": f"{kind.__module__}:{kind.__qualname__}", "fields": fields}
    if isinstance(value, dict):
        return {"dict": [[encode(k, store), encode(v, store)] for k, v in value.items()]}
    if isinstance(value, (list, tuple)):
        return {type(value).__name__ if type(value) is list else "tuple": [encode(item, store) for item in value]}
    if isinstance(value, T):  # as it is said: a recording outlives its template
        return {"text": [value.en, value.zh]}
    if isinstance(value, np.generic):
        return encode(value.item(), store)
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    assert value is None or isinstance(value, (bool, int, float, str)), f"cannot record a {type(value).__name__}"
    return value


def decode(tree: Any, store: Any) -> Any:
    """What `encode` made, rebuilt. Only the engine's own dataclasses are ever constructed."""
    if not isinstance(tree, dict):
        return tree
    kind: str
    body: Any
    ((kind, body),) = tree.items() if "class" not in tree else (("class", tree),)
    match kind:
        case "array":
            return store[body]
        case "class":
            module, _, name = body["class"].partition(":")
            if not module.startswith("engine."):
                raise ValueError(f"a recording may only hold the engine's results; got {body['class']}")
            cls: Any = getattr(importlib.import_module(module), name)
            if not dataclasses.is_dataclass(cls):
                raise ValueError(f"a recording may only hold dataclasses; got {body['class']}")
            build: Any = cls
            return build(**{name: decode(item, store) for name, item in body["fields"].items()})
        case "dict":
            return {decode(k, store): decode(v, store) for k, v in body}
        case "list":
            return [decode(item, store) for item in body]
        case "tuple":
            return tuple(decode(item, store) for item in body)
        case "float":
            return float(body)
        case "text":
            return T(*body)
    raise ValueError(f"not a recorded value: {kind}")
