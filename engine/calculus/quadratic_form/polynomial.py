"""A quadratic polynomial as a person types it, turned into ½xᵀMx − bᵀx + c, and a form written as such a text."""

from __future__ import annotations

import numpy as np

from engine.calculus.quadratic_form.entry import LARGEST, MOST_ROWS, SMALLEST, make_form
from engine.calculus.quadratic_form.parameters import LONGEST_POLYNOMIAL
from engine.calculus.quadratic_form.result import Form
from engine.core import Refused, T
from engine.core.expressions import parse
from engine.core.expressions.polynomials import terms_of
from engine.core.expressions.printing import text as printed
from engine.core.params import shown

LETTERS = ("x", "y", "z", "w", "u", "v", "p", "q", "r", "s", "t")
VARIABLES = (*LETTERS, *(f"x{i}" for i in range(1, MOST_ROWS + 1)))
MOST_PARTS = 1500
MOST_WRITTEN = 4


def read_polynomial(text: str, name: str = "polynomial") -> Form:
    """The form of a polynomial of degree at most 2 in x, y, z, w, u, v, p … t or x1 … x50.

    Its variables are those that occur, in that order. M is upper triangular: twice the coefficients as typed, so that
    f = ½xᵀMx − bᵀx + c. Raises `Refused` (with the place, where the text itself is at fault) for anything else.
    """
    whole = parse(text, VARIABLES, name, max_length=LONGEST_POLYNOMIAL, max_nodes=MOST_PARTS)
    names = whole.used
    if not 1 <= len(names) <= MOST_ROWS:
        rule = T(
            "{name} must have from 1 to {most} variables; got {count} in {text}",
            "{name} 的变量须有 1 到 {most} 个；{text} 中有 {count} 个",
            name=name,
            most=MOST_ROWS,
            count=len(names),
            text=shown(text),
        )
        raise Refused(rule, name)
    parts = terms_of(whole.root, names, 2)
    if (fault := next((node for node, terms in parts if terms is None), None)) is not None:
        rule = T(
            "{name} must be a polynomial of degree at most 2 throughout; got {part}",
            "{name} 必须处处是不超过二次的多项式；收到 {part}",
            name=name,
            part=shown(printed(fault)).strip("'"),
        )
        raise Refused(rule, name)
    given, b, c = np.zeros((len(names), len(names))), np.zeros(len(names)), 0.0
    for powers, coefficient in parts[-1][1].items():
        _check(coefficient, name)
        places = [i for i, power in enumerate(powers) for _ in range(power)]
        if len(places) == 2:
            given[places[0], places[1]] = 2 * coefficient
        elif places:
            b[places[0]] = -coefficient
        else:
            c = coefficient
    return make_form(given, b, c, names)


def _check(coefficient: float, name: str) -> None:
    if not SMALLEST <= abs(coefficient) <= LARGEST:
        rule = T(
            "{name} must have coefficients from {least:g} to {most:g} in size; got {got:g}",
            "{name} 的系数绝对值须在 {least:g} 到 {most:g} 之间；收到 {got:g}",
            name=name,
            least=SMALLEST,
            most=LARGEST,
            got=coefficient,
        )
        raise Refused(rule, name)


def write_polynomial(form: Form) -> str:
    """f as a text that `read_polynomial` reads, to 12 digits; "" in more than four variables."""
    n = len(form.b)
    if n > MOST_WRITTEN:
        return ""
    terms = [(0.5 * form.a[i, i], f"{form.names[i]}^2") for i in range(n)]
    terms += [(form.a[i, j], f"{form.names[i]}*{form.names[j]}") for i in range(n) for j in range(i + 1, n)]
    terms += [(-form.b[i], form.names[i]) for i in range(n)]
    written = ""
    for coefficient, what in [*terms, (form.c, "")]:
        if not coefficient:
            continue
        size = f"{abs(coefficient):.12g}"
        part = size if not what else what if size == "1" else f"{size}*{what}"
        sign = " - " if coefficient < 0 else " + "
        written += sign + part if written else ("-" if coefficient < 0 else "") + part
    return written or "0"
