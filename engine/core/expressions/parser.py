"""From tokens to an expression, by a whitelist over Python's `ast`. Nothing is ever evaluated as code."""

from __future__ import annotations

import ast
import math

import numpy as np

from engine.core.expressions.algebra import CONSTANTS, Algebra, Node
from engine.core.expressions.evaluation import NUMPY
from engine.core.expressions.tokens import Source, Token, arrange, scan
from engine.core.words import T

OF_ONE = "sin cos tan asin acos atan sinh cosh tanh exp log2 log10 sqrt cbrt abs sign step"
# Least and greatest number of arguments.
FUNCTIONS: dict[str, tuple[int, int]] = {
    **dict.fromkeys(OF_ONE.split(), (1, 1)),
    "log": (1, 2),
    "atan2": (2, 2),
    "min": (2, 8),
    "max": (2, 8),
}
ALIASES = {
    "ln": "log",
    "lg": "log10",
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "arctan2": "atan2",
    "sgn": "sign",
    "heaviside": "step",
}
OPERATIONS = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.Pow: "pow"}
DEEPEST = 60
GREATEST_EXPONENT = 100


class Reader:
    """Reads one formula into an algebra of its own."""

    def __init__(self, source: Source, variables: tuple[str, ...], most_nodes: int):
        self.source, self.variables, self.most_nodes = source, variables, most_nodes
        self.algebra = Algebra()
        self.nodes = 0
        self.offsets: list[int] = []
        self.constant: dict[int, float] = {}  # values of the nodes without variables

    def read(self) -> Node:
        functions = {*FUNCTIONS, *ALIASES}
        known = dict.fromkeys([*self.variables, *CONSTANTS, *FUNCTIONS, *ALIASES])
        tokens = list(arrange(self.source, scan(self.source, known, functions)))
        self.check_brackets(tokens)
        self.check_size(tokens)
        words = ["**" if token.kind == "^" else token.text for token in tokens]
        for word, token in zip(words, tokens, strict=True):
            self.offsets.extend([token.at] * (len(word) + 1))
        return self.build(ast.parse(" ".join(words), mode="eval").body, 0)

    def check_brackets(self, tokens: list[Token]) -> None:
        depth = signs = 0
        for token in tokens:
            depth += (token.kind == "(") - (token.kind == ")")
            signs = signs + 1 if token.kind in ("+", "-", "^") else 0 if token.kind != "(" else signs
            if depth > DEEPEST or signs > DEEPEST:
                self.too_deep(token.at)

    def check_size(self, tokens: list[Token]) -> None:
        """Refuse too many operands before Python's parser, which a chain of thousands would exhaust, sees them."""
        operands = [token for token in tokens if token.kind in ("number", "name")]
        most = (self.most_nodes + 1) // 2  # n operands are held together by at least n - 1 operations
        if len(operands) > most:
            self.too_many(operands[most].at)

    def too_many(self, at: int) -> None:
        self.source.refuse(at, T("the formula has more than {most} parts", "的公式超过 {most} 个部分", most=self.most_nodes))

    def too_deep(self, at: int) -> None:
        self.source.refuse(at, T("the formula is nested more than {most} deep", "的公式嵌套超过 {most} 层", most=DEEPEST))

    def build(self, tree: ast.expr, depth: int) -> Node:
        """The node of a piece of Python's syntax tree. Anything that is not on the list is refused."""
        at = self.offsets[tree.col_offset]
        if depth > DEEPEST:
            self.too_deep(at)
        match tree:
            case ast.Constant(value=float(value)):
                return self.made(at, "number", value=value)
            case ast.Name(id=name) if name in CONSTANTS:
                return self.made(at, "constant", value=CONSTANTS[name], name=name)
            case ast.Name(id=name) if name in self.variables:
                return self.made(at, "variable", name=name)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self.made(at, "neg", self.build(operand, depth + 1))
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.build(operand, depth + 1)
            case ast.BinOp(op=op) if type(op) in OPERATIONS:
                return self.build_chain(tree, depth)
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
                return self.build_call(at, ALIASES.get(name, name), args, depth)
        self.source.refuse(at, T("this kind of expression is not allowed", "的表达式不被允许"))

    def build_chain(self, tree: ast.BinOp, depth: int) -> Node:
        """A chain such as a + b - c, which leans left, without going deeper with its length."""
        links: list[ast.BinOp] = []
        left: ast.expr = tree
        while isinstance(left, ast.BinOp) and type(left.op) in OPERATIONS:
            links.append(left)
            left = left.left
        node = self.build(left, depth + 1)
        for link in reversed(links):
            right = self.build(link.right, depth + 1)
            at = self.offsets[link.right.col_offset]
            operation = OPERATIONS[type(link.op)]
            if operation == "pow":
                self.check_exponent(at, right)
            node = self.made(at, operation, node, right)
        return node

    def build_call(self, at: int, name: str, args: list[ast.expr], depth: int) -> Node:
        least, most = FUNCTIONS[name]
        if not least <= len(args) <= most:
            wanted = T("{n}", "{n}", n=least) if least == most else T("{least} to {most}", "{least} 到 {most}", least=least, most=most)
            what = T.many(
                "{name} takes {wanted} argument, not {given}",
                "{name} takes {wanted} arguments, not {given}",
                "的 {name} 需要 {wanted} 个自变量，给了 {given} 个",
                by="most",
                name=name,
                wanted=wanted,
                given=len(args),
                most=most,
            )
            self.source.refuse(at, what)
        inner = [self.build(arg, depth + 1) for arg in args]
        if name == "log" and len(inner) == 2:
            return self.made(at, "div", self.made(at, "log", inner[0]), self.made(at, "log", inner[1]))
        node = self.made(at, name, *inner[: 2 if most > 1 and name != "log" else 1])
        for arg in inner[2:]:
            node = self.made(at, name, node, arg)
        return node

    def check_exponent(self, at: int, exponent: Node) -> None:
        value = self.constant.get(id(exponent))
        if value is not None and not abs(value) <= GREATEST_EXPONENT:
            what = T("an exponent must be from -{most} to {most}", "的指数必须在 -{most} 到 {most} 之间", most=GREATEST_EXPONENT)
            self.source.refuse(at, what)

    def made(self, at: int, op: str, *args: Node, value: float = 0.0, name: str = "") -> Node:
        self.nodes += 1
        if self.nodes > self.most_nodes:
            self.too_many(at)
        node = self.algebra.make(op, *args, value=value, name=name)
        if op in ("number", "constant"):
            self.constant[id(node)] = value
        elif args and all(id(arg) in self.constant for arg in args):
            inner = [self.constant[id(arg)] for arg in args]
            outcome = _constant(op, inner)
            if math.isinf(outcome) and op == "pow" and inner[0] != 0:
                self.source.refuse(at, T("the power is too large a number", "的幂过大"))
            self.constant[id(node)] = outcome
        return node


def _constant(op: str, args: list[float]) -> float:
    with np.errstate(all="ignore"):
        return float(NUMPY[op](*map(np.float64, args)))
