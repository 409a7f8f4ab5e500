"""Formulas that people type: read by a small closed language, then evaluated, differentiated and printed.

The language: numbers, the variables asked for, `pi` and `e`, `+ - * /`, `^` or `**`, round brackets, and the functions
sin cos tan asin acos atan atan2 sinh cosh tanh exp log (= ln, natural; log(x, b) to a base) log2 log10 (= lg) sqrt cbrt
abs sign step min max. A product's sign may be left out where only one reading is usual: 2x, 3(x+1), x y, xy, 2sin(x);
1/2x and e^2x are refused with a word on how to write them. A power binds tighter than a sign (-x^2 is -(x^2)) and
groups to the right. Typographic − × · ÷ ² π and full-width forms are taken for what they mean; `X` for `x`.
"""

from __future__ import annotations

import functools
import keyword
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.core.expressions import printing
from engine.core.expressions.algebra import CONSTANTS, Algebra, Node
from engine.core.expressions.evaluation import Tape
from engine.core.expressions.parser import FUNCTIONS, Reader
from engine.core.expressions.tokens import Complaint, Source
from engine.core.words import T

__all__ = ["CONSTANTS", "FUNCTIONS", "Algebra", "Complaint", "Expression", "Node", "Tape", "parse", "tape"]


@dataclass(frozen=True, eq=False)
class Expression:
    """A formula in some variables. Immutable; derivatives share their common parts with it."""

    root: Node
    variables: tuple[str, ...]
    algebra: Algebra

    def __call__(self, *points: Any) -> np.ndarray:
        """Values in float64 at numbers or arrays, one per variable, broadcast. NaN or infinite where undefined."""
        return self.tape.numpy(*points)[0]

    def __str__(self) -> str:
        return self.text

    @functools.cached_property
    def tape(self) -> Tape:
        return Tape([self.root], self.variables)

    @functools.cached_property
    def text(self) -> str:
        """The formula as it can be typed again, every sign written."""
        return printing.text(self.root)

    @functools.cached_property
    def latex(self) -> str:
        return printing.latex(self.root)

    @property
    def used(self) -> tuple[str, ...]:
        """The variables that occur."""
        names = {node.name for node in self.tape.nodes if node.op == "variable"}
        return tuple(name for name in self.variables if name in names)

    def derivative(self, variable: str) -> Expression:
        """The partial derivative by a variable, by the rules of calculus, simplified."""
        assert variable in self.variables, f"{variable} is not a variable of this expression"
        return Expression(self.algebra.derivative(self.root, variable), self.variables, self.algebra)

    def gradient(self, *points: Any) -> list[np.ndarray]:
        """The partial derivatives at numbers or arrays by reverse-mode automatic differentiation, one per variable."""
        _, adjoints = self.tape.reverse(*points)
        by_name = {n.name: a for n, a in zip(self.tape.nodes, adjoints, strict=True) if n.op == "variable"}
        shape = np.broadcast_shapes(*(np.shape(point) for point in points))
        return [np.broadcast_to(np.asarray(by_name.get(name, 0.0), np.float64), shape) for name in self.variables]

    def why_undefined(self, *points: float) -> T | None:
        """Why there is no finite value at a point, in English and Chinese; None where there is one."""
        return self.tape.why_undefined(*points)

    def sympy(self) -> Any:
        """The formula as a sympy expression in real symbols, numbers of few digits as exact fractions."""
        from engine.core.expressions.symbols import to_sympy

        return to_sympy(self.root)

    def polynomial(self, degree: int) -> dict[tuple[int, ...], float] | None:
        """Coefficients by exponents (one per variable), or None if it is no polynomial of at most this degree.

        A quotient by a number is a polynomial; one by a variable is not, even where it would cancel.
        """
        from engine.core.expressions.polynomials import coefficients

        return coefficients(self.root, self.variables, degree)


@functools.lru_cache(maxsize=256)
def _parse(text: str, variables: tuple[str, ...], name: str, max_length: int, max_nodes: int) -> Expression:
    source = Source(text[: max_length + 1], name)
    if len(text) > max_length:
        what = T(
            "a formula may have at most {most} characters; got {given}",
            "起超出长度：公式最多 {most} 个字符，收到 {given} 个",
            most=max_length,
            given=len(text),
        )
        source.refuse(max_length, what)
    reader = Reader(source, variables, max_nodes)
    return Expression(reader.read(), variables, reader.algebra)


def parse(text: str, variables: Sequence[str] = ("x", "y"), name: str = "f", *, max_length: int = 400, max_nodes: int = 400) -> Expression:
    """Read a formula in the given variables. Runs no code, whatever the text.

    name: the parameter's name, for complaints.
    Raises `Complaint`, a `Refused` of one sentence that quotes the place, with the offset in `position`.
    """
    for variable in variables:
        assert variable.isidentifier() and not keyword.iskeyword(variable) and variable not in CONSTANTS
    if len(text) > max_length:  # not through the cache, which would keep it
        return _parse.__wrapped__(text, tuple(variables), name, max_length, max_nodes)
    return _parse(text, tuple(variables), name, max_length, max_nodes)


def tape(expressions: Sequence[Expression]) -> Tape:
    """One tape for several expressions of one algebra, such as a function and its derivatives."""
    return Tape([expression.root for expression in expressions], expressions[0].variables)
