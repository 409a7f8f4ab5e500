"""Expressions evaluated with many digits by mpmath: the judge of what float64 gives."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.core import amounts
from engine.core.expressions.evaluation import ARITHMETIC, Tape

if TYPE_CHECKING:
    from engine.core.expressions import Expression


DIGITS = (40, 60)


def exact(tape: Tape, point: Sequence[float]) -> list[Any]:
    """The value of every node at a point as mpmath's number, None where it has no finite real value.

    Point and formula are taken as the decimals that a person types, so that 0.1 + 0.2 − 0.3 is 0. It is computed with
    40 and with 60 digits: what the two do not agree upon is the rounding of an exact 0, and is 0.
    """
    few, many = (_values(tape, point, digits, typed=True) for digits in DIGITS)
    return [b if a is None or b is None else b if abs(a - b) <= 1e-10 * abs(b) else b * 0 for a, b in zip(few, many, strict=True)]


def said(value: Any) -> str:
    """A number of `exact` as people read it, also where it is too small for a float64: 1.1 × 10⁻⁴³⁴³."""
    import mpmath

    number = rounded(value)
    if number or not value:
        return amounts.number(number, 4)
    power = int(mpmath.floor(mpmath.log10(abs(value))))
    return f"{amounts.number(float(value / mpmath.mpf(10) ** power), 3)}{amounts.SPACE}×{amounts.SPACE}{amounts.power_of('10', power)}"


def evaluate(expressions: Sequence[Expression], point: Sequence[float], digits: int) -> list[float]:
    """Values at a point computed with `digits` digits and rounded once; NaN where there is no finite real value.

    The numbers of the formula and the point are taken as the float64 they are; `pi` and `e` in full.
    """
    tape = Tape([expression.root for expression in expressions], expressions[0].variables)
    values = _values(tape, point, digits, typed=False)
    return [rounded(values[root]) for root in tape.roots]


def rounded(value: Any) -> float:
    """A number of mpmath as the nearest float64; NaN for None and for what is too large."""
    number = math.nan if value is None else float(value.real)
    return number if math.isfinite(number) else math.nan


def _values(tape: Tape, point: Sequence[float], digits: int, *, typed: bool) -> list[Any]:
    import mpmath

    with mpmath.workdps(digits):
        mp = mpmath.mp
        functions = {
            **ARITHMETIC,
            "cbrt": lambda u: mp.sign(u) * mp.cbrt(abs(u)),
            "abs": abs,
            "sign": mp.sign,
            "step": lambda u: (mp.sign(u) + 1) / 2,
            "min": min,
            "max": max,
            "log2": lambda u: mp.log(u) / mp.log(2),
            "log10": mp.log10,
            **{
                name: getattr(mp, name)
                for name in ("sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "exp", "log", "sqrt")
            },
        }
        constants = {"pi": mp.pi, "e": mp.e}

        def read(number: float) -> Any:
            return mp.mpf(repr(float(number)) if typed else float(number))

        inputs = {name: read(value) for name, value in zip(tape.variables, point, strict=True)}
        # a part beyond float64's range is given up at once: its power could fill the memory with digits
        rough = tape.run({name: np.float64(value) for name, value in zip(tape.variables, point, strict=True)})
        values: list = []
        for node, args, near in zip(tape.nodes, tape.args, rough, strict=True):
            if not np.isfinite(near):
                values.append(None)
            elif node.op in ("number", "variable"):
                values.append(read(node.value) if node.op == "number" else inputs[node.name])
            elif node.op == "constant":
                values.append(+constants[node.name])
            else:
                values.append(_apply(functions[node.op], [values[arg] for arg in args]))
        return values


def _apply(function: Callable, args: list) -> Any:
    """The function's value, None where it has none or where it leaves the real numbers."""
    if any(arg is None for arg in args):
        return None
    try:
        value = function(*args)
    except (ZeroDivisionError, ValueError, OverflowError):
        return None
    return value.real if getattr(value, "imag", 0) == 0 else None
