"""The coefficients of an expression that is a polynomial."""

from __future__ import annotations

from collections.abc import Sequence

from engine.core.expressions.algebra import Node
from engine.core.expressions.evaluation import Tape

Polynomial = dict[tuple[int, ...], float]


def coefficients(root: Node, variables: Sequence[str], degree: int) -> Polynomial | None:
    """Coefficients by exponents, without zeros; None if no polynomial of at most `degree`, at the end or on the way."""
    return terms_of(root, variables, degree)[-1][1]


def terms_of(root: Node, variables: Sequence[str], degree: int) -> list[tuple[Node, Polynomial | None]]:
    """Every part of an expression in the order in which it is computed, the root last, with its coefficients."""
    unit = (0,) * len(variables)
    tape = Tape([root], variables)
    done: list[Polynomial | None] = []
    for k, node in enumerate(tape.nodes):
        if k in tape.known:
            value = float(tape.known[k])
            done.append({unit: value} if value else {})
        elif node.op == "variable":
            place = variables.index(node.name)
            one = {tuple(int(k == place) for k in range(len(variables))): 1.0}
            done.append(one if degree >= 1 else None)
        else:
            parts = [part for arg in tape.args[k] if (part := done[arg]) is not None]
            done.append(None if len(parts) < len(node.args) else _combine(node, parts, unit, degree))
    return list(zip(tape.nodes, done, strict=True))


def _combine(node: Node, parts: list[Polynomial], unit: tuple[int, ...], degree: int) -> Polynomial | None:
    match node.op:
        case "neg":
            return {powers: -c for powers, c in parts[0].items()}
        case "add" | "sub":
            return _add(parts[0], parts[1], 1.0 if node.op == "add" else -1.0)
        case "mul":
            return _multiply(parts[0], parts[1], degree)
        case "div" if set(parts[1]) == {unit}:
            return {powers: c / parts[1][unit] for powers, c in parts[0].items()}
        case "pow" if set(parts[1]) <= {unit}:
            exponent = parts[1].get(unit, 0.0)
            if exponent.is_integer() and exponent >= 0:
                power: Polynomial | None = {unit: 1.0}
                for _ in range(int(exponent)):
                    power = None if power is None else _multiply(power, parts[0], degree)
                return power
    return None


def _add(a: Polynomial, b: Polynomial, sign: float) -> Polynomial:
    total = dict(a)
    for powers, c in b.items():
        total[powers] = total.get(powers, 0.0) + sign * c
    return {powers: c for powers, c in total.items() if c}


def _multiply(a: Polynomial, b: Polynomial, degree: int) -> Polynomial | None:
    product: Polynomial = {}
    for p, c in a.items():
        for q, d in b.items():
            powers = tuple(i + j for i, j in zip(p, q, strict=True))
            if sum(powers) > degree:
                return None
            product[powers] = product.get(powers, 0.0) + c * d
    return {powers: c for powers, c in product.items() if c}
