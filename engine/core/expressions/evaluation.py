"""Numbers out of expressions: by numpy, by reverse-mode differentiation, and where there is none, why."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from engine.core import amounts
from engine.core.expressions.algebra import Node, postorder
from engine.core.expressions.printing import text
from engine.core.words import T

ARITHMETIC: dict[str, Callable] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "pow": operator.pow,
    "neg": operator.neg,
}


def _step(x: Any) -> Any:
    return np.heaviside(x, 0.5)


NUMPY: dict[str, Callable] = {
    **ARITHMETIC,
    "step": _step,
    "min": np.minimum,
    "max": np.maximum,
    "atan2": np.arctan2,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    **{
        name: getattr(np, name)
        for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "log", "log2", "log10", "sqrt", "cbrt", "abs", "sign")
    },
}


class Tape:
    """Nodes in the order in which they are computed, ready to be run over any arrays."""

    def __init__(self, roots: Sequence[Node], variables: Sequence[str]):
        self.nodes = postorder(roots)
        self.variables = tuple(variables)
        place = {id(node): k for k, node in enumerate(self.nodes)}
        self.roots = [place[id(root)] for root in roots]
        self.args = [tuple(place[id(arg)] for arg in node.args) for node in self.nodes]

    @functools.cached_property
    def known(self) -> dict[int, np.float64]:
        """The value of every node that depends on no variable, by its place."""
        known: dict[int, np.float64] = {}
        with np.errstate(all="ignore"):
            for k, node in enumerate(self.nodes):
                if node.op in ("number", "constant"):
                    known[k] = np.float64(node.value)
                elif node.args and all(arg in known for arg in self.args[k]):
                    known[k] = np.float64(NUMPY[node.op](*(known[arg] for arg in self.args[k])))
        return known

    @functools.cached_property
    def plan(self) -> tuple[list[Any], list[tuple[int, str]], list[tuple[int, str, tuple[int, ...]]]]:
        """Known values by place, then the places of variables, then those to compute, with what from."""
        known = [self.known.get(k) for k in range(len(self.nodes))]
        variables = [(k, node.name) for k, node in enumerate(self.nodes) if node.op == "variable"]
        steps = [(k, n.op, self.args[k]) for k, n in enumerate(self.nodes) if n.args and k not in self.known]
        return known, variables, steps

    def run(self, inputs: Mapping[str, Any]) -> list[Any]:
        """The value of every node, in order; what is undefined is NaN or infinite, without a warning."""
        known, variables, steps = self.plan
        values = known.copy()
        for k, name in variables:
            values[k] = inputs[name]
        with np.errstate(all="ignore"):
            for k, op, args in steps:
                values[k] = NUMPY[op](*[values[arg] for arg in args])
        return values

    @functools.cached_property
    def risky(self) -> list[int]:
        """The places of the operations that may be undefined and yet yield a number further on, as exp(-1/0) does."""
        return [k for k, node in enumerate(self.nodes) if node.op in ("div", "pow", "log", "log2", "log10")]

    def poles(self, values: Sequence[Any], shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Where, of a shape, a denominator or the base of a negative power is exactly 0; where a logarithm's argument is.

        values: those of the nodes, as `run` gives them, or of a tape that begins with these nodes.
        """
        pole, log = np.zeros(shape, bool), np.zeros(shape, bool)
        for k in self.risky:
            op, args = self.nodes[k].op, [values[arg] for arg in self.args[k]]
            if op == "div":
                pole |= args[1] == 0
            elif op == "pow":
                pole |= (args[0] == 0) & (np.asarray(args[1]) < 0)
            else:
                log |= args[0] == 0
        return pole, log

    def numpy(self, *points: Any) -> list[np.ndarray]:
        """The roots' values where the variables have the given values, all of one (broadcast) shape, in float64."""
        arrays = np.broadcast_arrays(*(np.asarray(point, np.float64) for point in points)) if points else []
        values = self.run(dict(zip(self.variables, arrays, strict=True)))
        shape = arrays[0].shape if arrays else ()
        return [np.broadcast_to(np.asarray(values[root], np.float64), shape) for root in self.roots]

    def reverse(self, *points: Any) -> tuple[list[Any], list[Any]]:
        """Every node's value, and the derivative of the first root by it: reverse-mode automatic differentiation.

        One sweep forwards for the values, one backwards that adds up, for every node, what it passes on (its adjoint).
        Source: Griewank and Walther 2008, "Evaluating Derivatives", section 3.2.
        """
        arrays = np.broadcast_arrays(*(np.asarray(point, np.float64) for point in points))
        values = self.run(dict(zip(self.variables, arrays, strict=True)))
        adjoints: list[Any] = [np.float64(0.0)] * len(self.nodes)
        adjoints[self.roots[0]] = np.float64(1.0)
        with np.errstate(all="ignore"):
            for k in range(len(self.nodes) - 1, -1, -1):
                node = self.nodes[k]
                if not node.args:
                    continue
                args = [values[arg] for arg in self.args[k]]
                for position, arg in enumerate(self.args[k]):
                    if self.nodes[arg].op not in ("number", "constant"):
                        slope = LOCAL[node.op](position, values[k], *args)
                        adjoints[arg] = adjoints[arg] + adjoints[k] * slope
        return values, adjoints

    def why_undefined(self, *points: float) -> T | None:
        """Which step of the first root has no finite value at a point, and why, in both languages; else None."""
        values = self.run(dict(zip(self.variables, map(np.float64, points), strict=True)))
        if np.isfinite(values[self.roots[0]]) and not np.any(self.poles(values, ())):
            return None
        for k, node in enumerate(self.nodes):
            args = [values[arg] for arg in self.args[k]]
            if not np.isfinite(values[k]) and all(np.isfinite(arg) for arg in args):
                return _reason(node, [float(arg) for arg in args])
        raise AssertionError("a value that is not finite comes from somewhere")


def _local_power(position: int, value: Any, u: Any, v: Any) -> Any:
    return v * u ** (v - 1) if position == 0 else value * np.log(u)


def _local_extreme(sign: float) -> Callable:
    return lambda position, value, u, v: _step(sign * (u - v) if position == 0 else sign * (v - u))


# By position of the argument: the derivative of an operation's value by that argument.
LOCAL: dict[str, Callable[..., Any]] = {
    "add": lambda position, value, u, v: 1.0,
    "sub": lambda position, value, u, v: -1.0 if position else 1.0,
    "neg": lambda position, value, u: -1.0,
    "mul": lambda position, value, u, v: u if position else v,
    "div": lambda position, value, u, v: -value / v if position else 1.0 / v,
    "pow": _local_power,
    "sin": lambda position, value, u: np.cos(u),
    "cos": lambda position, value, u: -np.sin(u),
    "tan": lambda position, value, u: 1.0 + value * value,
    "asin": lambda position, value, u: 1.0 / np.sqrt(1.0 - u * u),
    "acos": lambda position, value, u: -1.0 / np.sqrt(1.0 - u * u),
    "atan": lambda position, value, u: 1.0 / (1.0 + u * u),
    "atan2": lambda position, value, v, u: (-v if position else u) / (u * u + v * v),
    "sinh": lambda position, value, u: np.cosh(u),
    "cosh": lambda position, value, u: np.sinh(u),
    "tanh": lambda position, value, u: 1.0 - value * value,
    "exp": lambda position, value, u: value,
    "log": lambda position, value, u: 1.0 / u,
    "log2": lambda position, value, u: 1.0 / (u * np.log(2.0)),
    "log10": lambda position, value, u: 1.0 / (u * np.log(10.0)),
    "sqrt": lambda position, value, u: 0.5 / value,
    "cbrt": lambda position, value, u: 1.0 / (3.0 * value * value),
    "abs": lambda position, value, u: np.sign(u),
    "sign": lambda position, value, u: 0.0 * u,
    "step": lambda position, value, u: 0.0 * u,
    "min": _local_extreme(-1.0),
    "max": _local_extreme(1.0),
}


def _reason(node: Node, args: list[float]) -> T:
    part = text(node)
    part = part if len(part) <= 40 else part[:39] + "…"
    given = amounts.number(args[0], 4)
    match node.op:
        case "log" | "log2" | "log10":
            return T("{part} has no value: the logarithm of {given}", "{part} 没有值：对 {given} 取对数", part=part, given=given)
        case "sqrt":
            return T("{part} has no value: the square root of {given}", "{part} 没有值：对 {given} 开平方", part=part, given=given)
        case "div" if args[1] == 0:
            return T("{part} has no value: a division by 0", "{part} 没有值：除以 0", part=part)
        case "asin" | "acos":
            return T(
                "{part} has no value: {op} of {given}, outside [-1, 1]",
                "{part} 没有值：{op} 的自变量 {given} 超出 [-1, 1]",
                part=part,
                op=node.op,
                given=given,
            )
        case "pow" if args[0] < 0:
            return T("{part} has no value: a broken power of {given}", "{part} 没有值：{given} 的非整数次幂", part=part, given=given)
        case "pow" if args[0] == 0:
            return T("{part} has no value: a negative power of 0", "{part} 没有值：0 的负数次幂", part=part)
    return T("{part} is too large a number", "{part} 的值过大", part=part)
