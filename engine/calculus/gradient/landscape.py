"""A function of two variables with its derivatives, ready to be evaluated anywhere.

Where a quotient's denominator (or the base of a negative power) is exactly 0 the formula says nothing. `hole` decides
what f is there: "undefined", or "zero" for f = 0 by definition. The rule changes f alone: where the formula has no value
its derivatives have none either, and only the definition of the derivative, a limit, sees the value put there.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from engine.core.expressions import Expression, Tape, parse, tape
from engine.core.words import T


@dataclass(frozen=True, eq=False)
class Landscape:
    """f(x, y) with its first and second partial derivatives."""

    f: Expression
    dx: Expression
    dy: Expression
    hole: str
    height: Tape  # f
    everything: Tape  # f, ∂f/∂x, ∂f/∂y, ∂²f/∂x², ∂²f/∂x∂y, ∂²f/∂y²; it begins with the nodes of `height`

    def value(self, x: Any, y: Any) -> ndarray:
        """f, NaN where it has no finite value."""
        x, y = np.broadcast_arrays(np.asarray(x, np.float64), np.asarray(y, np.float64))
        values = self.height.run({"x": x, "y": y})
        return self._heights(values, values[self.height.roots[0]], x.shape)[0]

    def _heights(self, values: Sequence[Any], f: Any, shape: tuple[int, ...]) -> tuple[ndarray, Bool[ndarray, " ..."]]:
        """f with its holes filled, and where the formula itself has a value."""
        f = np.broadcast_to(np.asarray(f, np.float64), shape)
        has_value = np.isfinite(f)
        if self.height.risky:
            pole, log = self.height.poles(values, shape)
            has_value = has_value & ~pole & ~log
            if self.hole == "zero":
                return np.where(has_value, f, np.where(pole, 0.0, np.nan)), has_value
        return np.where(has_value, f, np.nan), has_value

    def survey(self, x: Any, y: Any) -> Float[ndarray, "6 ..."]:
        """f, ∂f/∂x, ∂f/∂y, ∂²f/∂x², ∂²f/∂x∂y and ∂²f/∂y² at points x, y of one shape; NaN where there is no value."""
        x, y = np.broadcast_arrays(np.asarray(x, np.float64), np.asarray(y, np.float64))
        values = self.everything.run({"x": x, "y": y})
        six = np.empty((6, *x.shape))
        for row, root in enumerate(self.everything.roots):
            six[row] = values[root]
        six[0], has_value = self._heights(values, six[0], x.shape)
        six[1:] = np.where(has_value & np.isfinite(six[1:]), six[1:], np.nan)
        return six

    def gradient(self, x: Any, y: Any) -> Float[ndarray, "2 ..."]:
        """The symbolic partial derivatives, NaN where they or f have no finite value."""
        return self.survey(x, y)[1:3]

    def hessian(self, x: Any, y: Any) -> Float[ndarray, "... 2 2"]:
        """The symbolic second derivatives."""
        xx, xy, yy = self.survey(x, y)[3:]
        return np.stack([np.stack([xx, xy], -1), np.stack([xy, yy], -1)], -2)

    @functools.cached_property
    def third(self) -> Tape:
        """∂³f/∂x³, ∂³f/∂x²∂y, ∂³f/∂x∂y², ∂³f/∂y³."""
        xx, yy = self.dx.derivative("x"), self.dy.derivative("y")
        return tape([xx.derivative("x"), xx.derivative("y"), yy.derivative("x"), yy.derivative("y")])

    @functools.cached_property
    def quadratic(self) -> bool:
        """Whether f is a polynomial of degree at most 2."""
        return self.f.polynomial(2) is not None

    def why_undefined(self, x: float, y: float) -> T:
        """Why f has no value at a point where it has none."""
        return self.f.why_undefined(x, y) or T("", "")


@functools.lru_cache(maxsize=64)
def read(text: str, hole: str) -> Landscape:
    """The landscape of a formula in x and y. Raises `Complaint` where it is none."""
    f = parse(text, ("x", "y"), "f", max_length=200, max_nodes=200)
    dx, dy = f.derivative("x"), f.derivative("y")
    bend = [dx.derivative("x"), dx.derivative("y"), dy.derivative("y")]
    return Landscape(f, dx, dy, hole, tape([f]), tape([f, dx, dy, *bend]))
