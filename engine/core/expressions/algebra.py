"""Expressions as graphs of shared nodes, built by rules that simplify, and their symbolic derivatives.

A `Node` is a number, a named constant, a variable or an operation on other nodes. Equal nodes made by one `Algebra`
are one object, so that common parts are stored, differentiated and evaluated once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal

CONSTANTS = {"pi": math.pi, "e": math.e}
EXACT = 2.0**53
RANK = {op: k for k, op in enumerate(("number", "constant", "variable", "add", "sub", "neg", "div", "pow"))}


@dataclass(frozen=True, eq=False, slots=True)
class Node:
    """op: "number", "constant", "variable", "add", "sub", "mul", "div", "pow", "neg" or a function's name."""

    op: str
    args: tuple[Node, ...] = ()
    value: float = 0.0
    name: str = ""


def postorder(roots: Iterable[Node]) -> list[Node]:
    """Every node under the roots once, arguments before what uses them."""
    order: list[Node] = []
    seen: set[int] = set()
    stack = [(root, False) for root in roots][::-1]
    while stack:
        node, expanded = stack.pop()
        if id(node) in seen:
            continue
        if expanded or not node.args:
            seen.add(id(node))
            order.append(node)
        else:
            stack.append((node, True))
            stack.extend((arg, False) for arg in reversed(node.args))
    return order


def whole(node: Node) -> bool:
    """Whether it is a whole number small enough for exact arithmetic."""
    return node.op == "number" and node.value.is_integer() and abs(node.value) < EXACT


class Algebra:
    """Makes nodes. `make` keeps what it is given; the operators `add`, `mul`… simplify.

    Only whole numbers are folded, so that 1/3 stays 1/3. Simplifying drops factors 0 and 1, gathers whole coefficients
    in front, and joins equal neighbours; it may widen the domain (0·log x is 0) but never narrows it.
    """

    def __init__(self) -> None:
        self._made: dict[tuple, Node] = {}
        self._derivatives: dict[tuple[int, str], Node] = {}
        self.zero, self.one = self.number(0.0), self.number(1.0)

    def make(self, op: str, *args: Node, value: float = 0.0, name: str = "") -> Node:
        """The node of an operation on nodes, as it stands."""
        key = (op, *map(id, args), value, name, math.copysign(1.0, value))
        if key not in self._made:
            self._made[key] = Node(op, args, value, name)
        return self._made[key]

    def number(self, value: float) -> Node:
        return self.make("number", value=float(value))

    def variable(self, name: str) -> Node:
        return self.make("variable", name=name)

    def constant(self, name: str) -> Node:
        return self.make("constant", value=CONSTANTS[name], name=name)

    def coefficient(self, node: Node) -> tuple[float, Node]:
        """A whole c and a node u with node = c·u."""
        if whole(node):
            return node.value, self.one
        if node.op == "neg":
            c, u = self.coefficient(node.args[0])
            return -c, u
        if node.op == "mul" and whole(node.args[0]):
            return node.args[0].value, node.args[1]
        return 1.0, node

    def scale(self, c: float, node: Node) -> Node:
        """c·node for a whole c."""
        inner, u = self.coefficient(node)
        c *= inner
        if c == 0 or u is self.one:
            return self.number(c + 0.0)
        if c == 1:
            return u
        if c == -1:
            return self.make("neg", u)
        if u.op == "div":
            return self.div(self.scale(c, u.args[0]), u.args[1])
        return self.make("mul", self.number(c), u)

    def add(self, a: Node, b: Node) -> Node:
        if a is self.zero or b is self.zero:
            return b if a is self.zero else a
        (c, u), (d, v) = self.coefficient(a), self.coefficient(b)
        if u is v and abs(c + d) < EXACT:
            return self.scale(c + d, u)
        if a.op in ("add", "sub"):  # joins b to the last term of a sum
            d, v = self.coefficient(b)
            c, u = self.coefficient(a.args[1])
            c = -c if a.op == "sub" else c
            if u is v and abs(c + d) < EXACT:
                return self.add(a.args[0], self.scale(c + d, u))
        if d < 0:
            return self.make("sub", a, self.scale(-d, v))
        return self.make("sub", b, self.scale(-c, u)) if c < 0 and a.op in ("neg", "mul") else self.make("add", a, b)

    def neg(self, a: Node) -> Node:
        if a.op == "sub":
            return self.add(a.args[1], self.neg(a.args[0]))
        return self.scale(-1.0, a)

    def sub(self, a: Node, b: Node) -> Node:
        return self.add(a, self.scale(-1.0, b))

    def mul(self, a: Node, b: Node) -> Node:
        (c, u), (d, v) = self.coefficient(a), self.coefficient(b)
        if abs(c * d) >= EXACT:
            return self.make("mul", a, b)
        return self.scale(c * d, self._product(u, v))

    def factors(self, node: Node) -> list[Node]:
        """The nodes whose product it is."""
        found: list[Node] = []
        stack = [node]
        while stack:
            part = stack.pop()
            if part.op == "mul":
                stack.extend(reversed(part.args))
            else:
                found.append(part)
        return found

    def powers(self, node: Node) -> tuple[float, dict[Node, float]]:
        """A whole coefficient, and the bases with whole exponents whose product it is."""
        c, bases = 1.0, {}
        for factor in self.factors(node):
            if whole(factor) and abs(c * factor.value) < EXACT:
                c *= factor.value
                continue
            base, exponent = factor, 1.0
            if factor.op == "pow" and whole(factor.args[1]):
                base, exponent = factor.args[0], factor.args[1].value
            bases[base] = bases.get(base, 0.0) + exponent
        return c, bases

    def product(self, bases: dict[Node, float]) -> Node:
        """The product of powers: constants first, then variables, brackets and functions, each in the order given."""
        total = self.one
        for base, exponent in sorted(bases.items(), key=lambda item: (RANK.get(item[0].op, len(RANK)), item[0].name)):
            power = self.pow(base, self.number(exponent))
            total = power if total is self.one else total if power is self.one else self.make("mul", total, power)
        return total

    def _product(self, u: Node, v: Node) -> Node:
        if u is self.one or v is self.one:
            return v if u is self.one else u
        if u.op == "div":
            return self.div(self.mul(u.args[0], v), u.args[1])
        if v.op == "div":
            return self.div(self.mul(u, v.args[0]), v.args[1])
        (c, bases), (d, others) = self.powers(u), self.powers(v)
        if abs(c * d) >= EXACT:
            return self.make("mul", u, v)
        for base, exponent in others.items():
            bases[base] = bases.get(base, 0.0) + exponent
        return self.scale(c * d, self.product(bases))

    def div(self, a: Node, b: Node) -> Node:
        if a.op == "div":
            return self.div(a.args[0], self.mul(a.args[1], b))
        (c, u), (d, v) = self.coefficient(a), self.coefficient(b)
        if c == 0:
            return self.zero
        if d == 0:
            return self.make("div", a, b)
        (p, above), (q, below) = self.powers(u), self.powers(v)
        if abs(c * p) < EXACT and abs(d * q) < EXACT:
            c, d = c * p, d * q
            shared = {base: min(above[base], below[base]) for base in above if base in below}
            u = self.product({base: m - shared.get(base, 0.0) for base, m in above.items()})
            v = self.product({base: n - shared.get(base, 0.0) for base, n in below.items()})
        divisor = math.gcd(int(c), int(d)) * (1 if d > 0 else -1)
        c, d = c / divisor, d / divisor
        top, bottom = self.scale(abs(c), u), self.scale(d, v)
        quotient = top if bottom is self.one else self.make("div", top, bottom)
        return self.scale(-1.0, quotient) if c < 0 else quotient

    def pow(self, a: Node, b: Node) -> Node:
        if whole(b):
            if b.value == 0:
                return self.one
            if b.value == 1:
                return a
            if whole(a) and b.value > 0 and abs(a.value) ** min(b.value, 64) < EXACT and b.value <= 64:
                return self.number(a.value**b.value)
            if a.op == "sqrt" and b.value % 2 == 0:
                return self.pow(a.args[0], self.number(b.value / 2))
            if a.op == "pow" and whole(a.args[1]):
                return self.pow(a.args[0], self.number(a.args[1].value * b.value))
        return self.make("pow", a, b)

    def apply(self, name: str, *args: Node) -> Node:
        """A function's value."""
        return self.make(name, *args)

    def derivative(self, root: Node, variable: str) -> Node:
        """∂root/∂variable, simplified. The rules are those of any calculus textbook, one in `RULES` per operation.

        Where a function has a corner, the derivative takes the middle: sign(0) = 0, step(0) = 1/2.
        """
        known = self._derivatives
        for node in postorder([root]):
            key = id(node), variable
            if key in known:
                continue
            if node.op == "variable":
                known[key] = self.one if node.name == variable else self.zero
                continue
            inner = [known[id(arg), variable] for arg in node.args]
            known[key] = self.zero if all(d is self.zero for d in inner) else RULES[node.op](self, node, *node.args, *inner)
        return known[id(root), variable]


def of_power(g: Algebra, node: Node, u: Node, v: Node, du: Node, dv: Node) -> Node:
    if dv is g.zero:
        # in decimals, so that the exponent 1.1 becomes 0.1 and not 0.10000000000000009
        less = g.number(float(Decimal(repr(v.value)) - 1)) if v.op == "number" else g.sub(v, g.one)
        return g.mul(g.mul(v, g.pow(u, less)), du)
    steep = g.mul(dv, g.apply("log", u)) if u.name != "e" else dv
    return g.mul(node, steep if du is g.zero else g.add(steep, g.div(g.mul(v, du), u)))


def chain(outer: Callable[[Algebra, Node, Node], Node]) -> Callable[..., Node]:
    """The rule of a function of one argument u whose derivative at u is `outer(algebra, node, u)`."""
    return lambda g, node, u, du: g.mul(outer(g, node, u), du)


def over(below: Callable[[Algebra, Node, Node], Node]) -> Callable[..., Node]:
    """The rule of a function of one argument u whose derivative is 1 / `below(algebra, node, u)`."""
    return lambda g, node, u, du: g.div(du, below(g, node, u))


def square(g: Algebra, u: Node) -> Node:
    return g.pow(u, g.number(2))


def of_extreme(sign: float) -> Callable[..., Node]:
    def rule(g: Algebra, node: Node, u: Node, v: Node, du: Node, dv: Node) -> Node:
        higher, lower = (u, v) if sign > 0 else (v, u)
        first, second = g.apply("step", g.sub(higher, lower)), g.apply("step", g.sub(lower, higher))
        return g.add(g.mul(first, du), g.mul(second, dv))

    return rule


RULES: dict[str, Callable[..., Node]] = {
    "add": lambda g, node, u, v, du, dv: g.add(du, dv),
    "sub": lambda g, node, u, v, du, dv: g.sub(du, dv),
    "neg": lambda g, node, u, du: g.neg(du),
    "mul": lambda g, node, u, v, du, dv: g.add(g.mul(du, v), g.mul(u, dv)),
    "div": lambda g, node, u, v, du, dv: g.div(du, v) if dv is g.zero else g.div(g.sub(g.mul(du, v), g.mul(u, dv)), square(g, v)),
    "pow": of_power,
    "sin": chain(lambda g, node, u: g.apply("cos", u)),
    "cos": chain(lambda g, node, u: g.neg(g.apply("sin", u))),
    "tan": chain(lambda g, node, u: g.add(g.one, square(g, node))),
    "asin": over(lambda g, node, u: g.apply("sqrt", g.sub(g.one, square(g, u)))),
    "acos": over(lambda g, node, u: g.neg(g.apply("sqrt", g.sub(g.one, square(g, u))))),
    "atan": over(lambda g, node, u: g.add(g.one, square(g, u))),
    "atan2": lambda g, node, v, u, dv, du: g.div(g.sub(g.mul(dv, u), g.mul(v, du)), g.add(square(g, u), square(g, v))),
    "sinh": chain(lambda g, node, u: g.apply("cosh", u)),
    "cosh": chain(lambda g, node, u: g.apply("sinh", u)),
    "tanh": chain(lambda g, node, u: g.sub(g.one, square(g, node))),
    "exp": chain(lambda g, node, u: node),
    "log": over(lambda g, node, u: u),
    "log2": over(lambda g, node, u: g.mul(u, g.apply("log", g.number(2)))),
    "log10": over(lambda g, node, u: g.mul(u, g.apply("log", g.number(10)))),
    "sqrt": over(lambda g, node, u: g.mul(g.number(2), node)),
    "cbrt": over(lambda g, node, u: g.mul(g.number(3), square(g, node))),
    "abs": chain(lambda g, node, u: g.apply("sign", u)),
    "sign": lambda g, node, u, du: g.zero,
    "step": lambda g, node, u, du: g.zero,
    "min": of_extreme(-1.0),
    "max": of_extreme(1.0),
}
