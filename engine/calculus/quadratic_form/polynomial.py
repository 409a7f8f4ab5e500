"""A quadratic polynomial as a person types it, turned into ½xᵀMx − bᵀx + c, and a form written as such a text."""

from __future__ import annotations

import numpy as np

from engine.calculus.quadratic_form.entry import LARGEST, MOST_ROWS, SMALLEST, Form, make_form
from engine.core import Refused
from engine.core.expressions import Expression, Node, parse
from engine.core.params import shown
from engine.core.words import T

LETTERS = ("x", "y", "z", "w", "u", "v", "p", "q", "r", "s", "t")
VARIABLES = (*LETTERS, *(f"x{i}" for i in range(1, MOST_ROWS + 1)))
LONGEST, MOST_PARTS = 4000, 1500
MOST_WRITTEN = 4


def read_polynomial(text: str, name: str = "polynomial") -> Form:
    """The form of a polynomial of degree at most 2 in x, y, z, w, u, v, p … t or x1 … x50.

    Its variables are those that occur, in that order. M is upper triangular: twice the coefficients as typed, so that
    f = ½xᵀMx − bᵀx + c. Raises `Refused` (with the place, where the text itself is at fault) for anything else.
    """
    whole = parse(text, VARIABLES, name, max_length=LONGEST, max_nodes=MOST_PARTS)
    names = whole.used
    if not 1 <= len(names) <= MOST_ROWS:
        raise Refused(
            T(
                "{name} must have from 1 to {most_rows} variables; got {names} in {text}",
                "{name} 的变量须有 1 到 {most_rows} 个；{text} 中有 {names} 个",
                name=name,
                most_rows=MOST_ROWS,
                names=len(names),
                text=shown(text),
            ),
            name,
        )
    expression = Expression(whole.root, names, whole.algebra)
    terms = expression.polynomial(2)
    if terms is None:
        culprit = shown(_culprit(expression)).strip("'")
        raise Refused(
            T(
                "{name} must be a polynomial of degree at most 2 throughout; got {culprit}",
                "{name} 必须处处是不超过二次的多项式；收到 {culprit}",
                name=name,
                culprit=culprit,
            ),
            name,
        )
    given, b, c = np.zeros((len(names), len(names))), np.zeros(len(names)), 0.0
    for powers, coefficient in terms.items():
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
        raise Refused(
            T(
                "{name} must have coefficients from {smallest:g} to {largest:g} in size; got {coefficient:g}",
                "{name} 的系数绝对值须在 {smallest:g} 到 {largest:g} 之间；收到 {coefficient:g}",
                name=name,
                smallest=SMALLEST,
                largest=LARGEST,
                coefficient=coefficient,
            ),
            name,
        )


def _culprit(expression: Expression) -> str:
    """The first part of a formula, read from the inside, that is no polynomial of degree at most 2."""

    def part(node: Node) -> Expression:
        return Expression(node, expression.variables, expression.algebra)

    degrees: dict[int, float] = {}
    constant: set[int] = set()
    for node in expression.tape.nodes:
        inner = [degrees[id(arg)] for arg in node.args]
        degree = float("inf")
        match node.op:
            case "variable":
                degree = 1.0
            case _ if all(id(arg) in constant for arg in node.args):
                degree = 0.0
                constant.add(id(node))
            case "neg" | "add" | "sub":
                degree = max(inner)
            case "mul":
                degree = sum(inner)
            case "div" if id(node.args[1]) in constant:
                degree = inner[0]
            case "pow" if id(node.args[1]) in constant:
                exponent = float(part(node.args[1])(*np.zeros(len(expression.variables))))
                degree = inner[0] * exponent if exponent >= 0 and exponent.is_integer() else degree
        if degree > 2:
            return part(node).text
        degrees[id(node)] = degree
    return expression.text


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
