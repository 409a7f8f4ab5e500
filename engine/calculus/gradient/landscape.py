"""A function of two variables with its derivatives, ready to be evaluated anywhere.

Where a quotient's denominator (or the base of a negative power) is exactly 0 the formula says nothing. `hole` decides
what f is there: "undefined", or "zero" for f = 0 by definition. The rule changes f alone: the symbolic derivatives keep
saying nothing at such a point, and only the definition of the derivative, a limit, sees the value put there.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.core.expressions import Expression, Tape, parse, tape


@dataclass(frozen=True, eq=False)
class Landscape:
    """f(x, y) with its first and second partial derivatives."""

    f: Expression
    dx: Expression
    dy: Expression
    hole: str
    height: Tape  # f
    slope: Tape  # ∂f/∂x, ∂f/∂y
    bend: Tape  # ∂²f/∂x², ∂²f/∂x∂y, ∂²f/∂y²
    everything: Tape  # all six

    def value(self, x: Any, y: Any) -> np.ndarray:
        """f, NaN where it has no finite value."""
        x, y = np.broadcast_arrays(np.asarray(x, np.float64), np.asarray(y, np.float64))
        values = self.height.run({"x": x, "y": y})
        f = np.broadcast_to(np.asarray(values[self.height.roots[0]], np.float64), x.shape)
        if self.hole == "zero":
            f = np.where(self.at_pole(values, x.shape), 0.0, f)
        return finite(f)

    def at_pole(self, values: list[Any], shape: tuple[int, ...]) -> np.ndarray:
        """Whether a denominator, or the base of a negative power, is exactly 0."""
        pole = np.zeros(shape, bool)
        for node, args in zip(self.height.nodes, self.height.args, strict=True):
            if node.op == "div":
                pole |= values[args[1]] == 0
            elif node.op == "pow":
                pole |= (values[args[0]] == 0) & (np.asarray(values[args[1]]) < 0)
        return pole

    def gradient(self, x: Any, y: Any) -> np.ndarray:
        """(2, *shape): the symbolic partial derivatives, NaN where they have no finite value."""
        return finite(np.stack(self.slope.numpy(x, y)))

    def hessian(self, x: Any, y: Any) -> np.ndarray:
        """(*shape, 2, 2): the symbolic second derivatives."""
        xx, xy, yy = self.bend.numpy(x, y)
        return np.stack([np.stack([xx, xy], -1), np.stack([xy, yy], -1)], -2)

    def survey(self, x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
        """f and its first and second partial derivatives at points x, y of one shape, not finite where undefined."""
        values = self.everything.run({"x": x, "y": y})
        six = [values[root] for root in self.everything.roots]
        if self.hole == "zero":
            six[0] = self.value(x, y)
        return six

    def why_undefined(self, x: float, y: float) -> tuple[str, str]:
        """Why f has no value at a point where it has none."""
        return self.f.why_undefined(x, y) or ("", "")


def finite(values: np.ndarray) -> np.ndarray:
    """The values, infinite ones as NaN."""
    return np.where(np.isfinite(values), values, np.nan)


@functools.lru_cache(maxsize=64)
def read(text: str, hole: str) -> Landscape:
    """The landscape of a formula in x and y. Raises `Complaint` where it is none."""
    f = parse(text, ("x", "y"), "f", max_length=200, max_nodes=200)
    dx, dy = f.derivative("x"), f.derivative("y")
    bend = [dx.derivative("x"), dx.derivative("y"), dy.derivative("y")]
    return Landscape(f, dx, dy, hole, tape([f]), tape([dx, dy]), tape(bend), tape([f, dx, dy, *bend]))
