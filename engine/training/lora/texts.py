"""What the language model is adapted to: prose out of docstrings, and JSON and C-like code that is made up here.

Every text is a function of a seed and of a length in characters.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np

from engine.language.code_model import corpus

Preset = Literal["prose", "json", "c"]
LENGTH = 40_000  # characters of a preset
WORDS = (
    "alpha beam cell delta edge field grid hash index joint key lane mask node offset phase queue ring slot track unit vertex weight zone"
)
NAMES = WORDS.split()
PLACES = ("Aurora", "Boreal", "Cygnus", "Draco", "Eridan", "Fornax", "Gemini", "Hydra", "Indus", "Lyra", "Norma", "Vela")
KINDS = ("double", "int", "unsigned", "float", "size_t", "long")


def docstrings() -> Iterator[str]:
    """The docstrings of the standard library's held-out modules: prose that the model has never read."""
    for module in corpus.split()[1]:
        for node in ast.walk(ast.parse(module.text)):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and (found := ast.get_docstring(node)):
                yield found


def prose(seed: int, length: int) -> str:
    """Docstrings one after another, each once, in an order drawn from the seed."""
    found = list(docstrings())
    order = np.random.default_rng(seed).permutation(len(found))
    return "\n\n".join(found[i] for i in order)[:length]


def record(rng: np.random.Generator) -> str:
    """One made-up observation as JSON."""
    pick = lambda words: str(rng.choice(words))  # noqa: E731
    body = {
        "id": int(rng.integers(1000, 9999)),
        "station": pick(PLACES),
        "active": bool(rng.random() < 0.7),
        "position": {"x": round(float(rng.normal(0, 40)), 2), "y": round(float(rng.normal(0, 40)), 2)},
        "tags": sorted({pick(NAMES) for _ in range(int(rng.integers(1, 5)))}),
        "readings": [round(float(v), 1) for v in rng.gamma(2.0, 8.0, int(rng.integers(2, 7)))],
        "note": None if rng.random() < 0.4 else f"{pick(NAMES)} near {pick(PLACES)}",
    }
    return json.dumps(body, indent=2)


def function(rng: np.random.Generator) -> str:
    """One made-up function in the manner of C."""
    kind, (a, b, name, part) = str(rng.choice(KINDS)), (str(w) for w in rng.choice(NAMES, 4, replace=False))
    n, low, by = int(rng.integers(2, 64)), int(rng.integers(0, 9)), str(rng.choice(["+", "-", "*"]))
    loop = f"    for (int i = {low}; i < n; ++i) {{\n        {a} {by}= {b}[i];\n"
    test = f"        if ({a} > {n}) {{\n            {a} = {low};\n            continue;\n        }}\n"
    step = f"        {part}->{name} = {a} / (i + 1);\n" if rng.random() < 0.5 else f"        {part}[i] = {a};\n"
    star = f"struct {part} *{part}" if "->" in step else f"{kind} *{part}"
    head = f"static {kind} {name}_{a}(const {kind} *{b}, {star}, int n) {{\n    {kind} {a} = {low};\n"
    return head + loop + (test if rng.random() < 0.6 else "") + step + f"    }}\n    return {a};\n}}"


def repeated(make: Callable[[np.random.Generator], str], between: str, seed: int, length: int) -> str:
    """Pieces drawn one after another until there are `length` characters."""
    rng, pieces, count = np.random.default_rng(seed), [], 0
    while count < length:
        pieces.append(make(rng))
        count += len(pieces[-1]) + len(between)
    return between.join(pieces)


def preset(name: Preset, seed: int, length: int = LENGTH) -> str:
    """The text of a preset."""
    if name == "prose":
        return prose(seed, length)
    if name == "json":
        return repeated(record, ",\n", seed, length)
    return repeated(function, "\n\n", seed, length)
