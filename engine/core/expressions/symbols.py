"""Expressions handed to sympy, node by node: sympy never sees the text."""

from __future__ import annotations

from typing import Any

from engine.core.expressions.algebra import Node, postorder
from engine.core.expressions.printing import decimal

SHORT = 8


def to_sympy(root: Node) -> Any:
    """The sympy expression of a node, its variables real symbols."""
    import sympy

    names = {
        "asin": sympy.asin,
        "acos": sympy.acos,
        "atan": sympy.atan,
        "atan2": sympy.atan2,
        "abs": sympy.Abs,
        "min": sympy.Min,
        "max": sympy.Max,
        "sign": sympy.sign,
        "sqrt": sympy.sqrt,
        "cbrt": sympy.cbrt,
        "exp": sympy.exp,
        "log": sympy.log,
        "log2": lambda u: sympy.log(u) / sympy.log(2),
        "log10": lambda u: sympy.log(u) / sympy.log(10),
        "step": lambda u: sympy.Heaviside(u, sympy.S.Half),
        "add": lambda u, v: u + v,
        "sub": lambda u, v: u - v,
        "mul": lambda u, v: u * v,
        "div": lambda u, v: u / v,
        "pow": lambda u, v: u**v,
        "neg": lambda u: -u,
        **{name: getattr(sympy, name) for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    }
    done: dict[int, Any] = {}
    for node in postorder([root]):
        if node.op == "number":
            written = decimal(node.value)
            exact = node.value.is_integer() or ("e" not in written and len(written) <= SHORT)
            done[id(node)] = sympy.Rational(written) if exact and "e" not in written else sympy.Float(node.value)
        elif node.op == "constant":
            done[id(node)] = sympy.pi if node.name == "pi" else sympy.E
        elif node.op == "variable":
            done[id(node)] = sympy.Symbol(node.name, real=True)
        else:
            done[id(node)] = names[node.op](*(done[id(arg)] for arg in node.args))
    return done[id(root)]
