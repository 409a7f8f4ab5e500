"""Expressions evaluated with many digits by mpmath: the judge of what float64 gives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from engine.core.expressions.evaluation import ARITHMETIC, Tape

if TYPE_CHECKING:
    from engine.core.expressions import Expression


def evaluate(expressions: Sequence[Expression], point: Sequence[float], digits: int) -> list[float]:
    """Values at a point computed with `digits` digits and rounded once; NaN where there is no finite real value.

    The numbers of the formula and the point are taken as the float64 they are; `pi` and `e` in full.
    """
    import mpmath

    with mpmath.workdps(digits):
        mp = mpmath.mp
        functions = {
            **ARITHMETIC, "cbrt": lambda u: mp.sign(u) * mp.cbrt(abs(u)), "abs": abs, "sign": mp.sign,
            "step": lambda u: (mp.sign(u) + 1) / 2, "min": min, "max": max,
            "log2": lambda u: mp.log(u) / mp.log(2), "log10": mp.log10,
            **{name: getattr(mp, name) for name in (
                "sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "exp", "log", "sqrt")},
        }  # fmt: skip
        constants = {"pi": mp.pi, "e": mp.e}
        tape = Tape([expression.root for expression in expressions], expressions[0].variables)
        inputs = {name: mp.mpf(float(value)) for name, value in zip(tape.variables, point, strict=True)}
        # a part beyond float64's range is given up at once: its power could fill the memory with digits
        rough = tape.run({name: np.float64(value) for name, value in zip(tape.variables, point, strict=True)})
        values: list = []
        for node, args, near in zip(tape.nodes, tape.args, rough, strict=True):
            if not np.isfinite(near):
                values.append(None)
            elif node.op in ("number", "variable"):
                values.append(mp.mpf(node.value) if node.op == "number" else inputs[node.name])
            elif node.op == "constant":
                values.append(+constants[node.name])
            else:
                values.append(_apply(functions[node.op], [values[arg] for arg in args]))
        return [_rounded(values[root]) for root in tape.roots]


def _apply(function, args: list):
    """The function's value, None where it has none or where it leaves the real numbers."""
    if any(arg is None for arg in args):
        return None
    try:
        value = function(*args)
    except (ZeroDivisionError, ValueError, OverflowError):
        return None
    return value if getattr(value, "imag", 0) == 0 else None


def _rounded(value) -> float:
    if value is None:
        return math.nan
    number = float(value.real)
    return number if math.isfinite(number) else math.nan
