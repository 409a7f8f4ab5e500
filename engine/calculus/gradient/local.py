"""What can be proved of a formula at one point, operation by operation: its slope in every direction, or that it has none.

Each part u of the formula is followed as u(p + h) = u(p) + g·h + r(h) + o(|h|), with r positively homogeneous: such
functions are closed under composition, and u is differentiable exactly where r is linear. Smooth operations pass g and
r on by the chain rule; a corner (|u| at 0, the larger of two equals, a root of 0) makes an r of its own. Where no rule
applies r is NaN: unknown. Source: Robinson 1987, "Local structure of feasible sets in nonlinear programming III".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from engine.calculus.gradient.landscape import Landscape
from engine.core.expressions import Expression, Node, tape
from engine.core.expressions.evaluation import LOCAL
from engine.core.expressions.printing import text
from engine.core.words import T

# The sums and products that make r round each number a few times.
ROUNDING = 1e-13
NEVER_NEGATIVE = ("abs", "sqrt", "exp", "cosh")


@dataclass(frozen=True)
class Local:
    """A part of the formula at the point. kink: r towards every direction, None for 0; infinite where a slope has no
    bound, NaN where it is unknown. smooth: all of it is smooth nearby. constant: it holds no variable."""

    value: float
    gradient: Float[ndarray, " 2"]
    kink: Float[ndarray, " n"] | None = None
    continuous: bool = True
    smooth: bool = True
    constant: bool = False

    @property
    def known(self) -> bool:
        """Whether its slopes are known, and finite, in every direction."""
        return self.kink is None or bool(np.isfinite(self.kink).all())


@dataclass(frozen=True)
class Proof:
    """What the rules give at a point. slopes: towards every direction asked for, NaN where unknown, infinite where they
    have no bound. gradient: where f is differentiable, else None. corners: the parts that are not smooth there."""

    slopes: Float[ndarray, " n"]
    gradient: Float[ndarray, " 2"] | None
    smooth: bool
    corners: tuple[str, ...]

    @property
    def differentiable(self) -> bool | None:
        """True or False where it is proved, else None."""
        if self.gradient is not None:
            return True
        return None if np.isnan(self.slopes).any() and not np.isinf(self.slopes).any() else False

    @property
    def kind(self) -> str:
        """The kind of `Touch` that is proved. The directions begin with (1, 0), (0, 1), their opposites, v and −v."""
        if self.gradient is not None:
            return "plane"
        if np.isinf(self.slopes).any():
            return "vertical"
        turn = self.slopes[6:186]  # 0° to 358°, so that opposite directions are 90 apart
        opposite = turn[:90] + turn[90:]
        return "corner" if np.abs(opposite).max() > 1e-12 * np.abs(turn).max() else "no-plane"

    def partials(self) -> Float[ndarray, " 2"]:
        """∂f/∂x and ∂f/∂y, NaN where the slopes forwards and backwards differ or have no bound."""
        if self.gradient is not None:
            return self.gradient
        ahead, behind = self.slopes[:2], self.slopes[2:4]
        with np.errstate(invalid="ignore"):
            return np.where(np.isfinite(ahead) & (np.abs(ahead + behind) <= ROUNDING * np.abs(ahead)), ahead, np.nan)

    def verdict(self) -> T:
        """What is proved, in a sentence."""
        return T(*PROVED["smooth" if self.smooth else self.kind], parts=", ".join(self.corners[:2]))


PROVED = {
    "smooth": T(
        "every operation of f is smooth here, so f is differentiable and the tangent plane touches",
        "f 的每一步运算在此处都光滑，所以 f 可微，切平面相切",
    ),
    "plane": T(
        "f is differentiable here, although {parts} has a corner: it drops out to first order, and the tangent plane touches",
        "f 在此处可微：{parts} 虽有棱角，但一阶上不起作用，切平面相切",
    ),
    "corner": T(
        "{parts} has a corner here that nothing beside it makes up for: slopes forwards and backwards differ, so f is not differentiable",
        "{parts} 在此处有棱角，其余部分都弥补不了：前后两侧的斜率不同，因此 f 不可微",
    ),
    "no-plane": T(
        "every directional derivative exists here, but because of {parts} they are not g·u of one vector g: f is not differentiable",
        "此处每个方向导数都存在，但由于 {parts}，它们不是同一个向量 g 的 g·u：f 不可微",
    ),
    "vertical": T(
        "{parts} grows with a slope without bound here: f has no finite directional derivative in some direction",
        "{parts} 在此处的斜率没有上界：某些方向上 f 没有有限的方向导数",
    ),
}


@dataclass(frozen=True)
class Place:
    """Where the formula is followed: its algebra and variables, the point, and the directions (2, n)."""

    f: Expression
    point: Float[ndarray, " 2"]
    directions: Float[ndarray, "2 n"]


def prove(land: Landscape, values: Sequence[float], point: Float[ndarray, " 2"], directions: Float[ndarray, "2 n"]) -> Proof:
    """Follow f through its operations. values: of all its nodes at the point; directions: unit vectors, the first two of
    them (1, 0) and (0, 1)."""
    place = Place(land.f, point, directions)
    parts: list[Local] = []
    corners: list[str] = []
    known = land.height.known
    with np.errstate(all="ignore"):
        for k, (node, inner, value) in enumerate(zip(land.height.nodes, land.height.args, values, strict=True)):
            if node.op == "variable":
                part = Local(value, np.array([float(node.name == "x"), float(node.name == "y")]))
            elif k in known:
                part = Local(value, np.zeros(2), constant=True)
            else:
                args = [parts[i] for i in inner]
                corner = CORNERS.get(node.op)
                part = corner(place, node, args) if corner else None
                if part is None:
                    part = chain(node, value, args)
                elif text(node) not in corners:
                    corners.append(text(node))
                part = settled(replace(part, value=value), directions)
            parts.append(part)
    root = parts[-1]
    slopes = root.gradient @ directions + (0.0 if root.kink is None else root.kink)
    proved = root.kink is None and np.isfinite(root.gradient).all()
    return Proof(slopes, root.gradient if proved else None, root.smooth, tuple(corners))


def settled(part: Local, directions: ndarray) -> Local:
    """The same part, its r taken into the gradient where r is linear."""
    if part.kink is None or not np.isfinite(part.kink).all():
        return part
    linear = part.kink[:2]
    if np.abs(part.kink - linear @ directions).max() <= ROUNDING * np.abs(part.kink).max():
        return replace(part, gradient=part.gradient + linear, kink=None)
    return part


def chain(node: Node, value: float, args: list[Local]) -> Local:
    """A smooth operation, or one that the rules do not reach."""
    gradient, kink = np.zeros(2), None
    for position, arg in enumerate(args):
        if arg.constant:
            continue
        slope = float(LOCAL[node.op](position, value, *(np.float64(other.value) for other in args)))
        if not np.isfinite(slope) or not np.isfinite(value):
            return unknown(args, continuous=False)
        gradient = gradient + slope * arg.gradient
        if arg.kink is None:
            continue
        # u·v with v(p) = 0 moves like u(p)·v already where u is merely continuous; elsewhere 0 · ∞ says nothing
        others_known = all(other.known for other in args if other is not arg)
        nothing = slope == 0 and (arg.known or (node.op in ("mul", "div") and arg.continuous and others_known))
        share = np.zeros_like(arg.kink) if nothing else slope * arg.kink
        kink = share if kink is None else kink + share
    return Local(value, gradient, kink, all(arg.continuous for arg in args), all(arg.smooth for arg in args))


def unknown(args: list[Local], continuous: bool = True) -> Local:
    """A part of which no slope is known."""
    return Local(np.nan, np.zeros(2), np.array([np.nan]), continuous and all(arg.continuous for arg in args), smooth=False)


def slopes_of(part: Local, directions: ndarray) -> ndarray:
    return part.gradient @ directions + (0.0 if part.kink is None else part.kink)


def corner_of(part: Local, kink: ndarray) -> Local:
    """A part with all of its slopes in r."""
    return Local(np.nan, np.zeros(2), kink, part.continuous, smooth=False)


Corner = Callable[[Place, Node, list[Local]], Local | None]  # None where the operation is smooth


def of_abs(place: Place, node: Node, args: list[Local]) -> Local | None:
    (u,) = args
    return corner_of(u, np.abs(slopes_of(u, place.directions))) if u.value == 0 else None


def of_extreme(place: Place, node: Node, args: list[Local]) -> Local | None:
    u, v = args
    take = np.maximum if node.op == "max" else np.minimum
    if u.value == v.value:
        return replace(
            corner_of(u, take(slopes_of(u, place.directions), slopes_of(v, place.directions))), continuous=u.continuous and v.continuous
        )
    if not (u.continuous and v.continuous):
        return unknown(args, continuous=False)
    return u if (u.value > v.value) == (node.op == "max") else v


def of_jump(place: Place, node: Node, args: list[Local]) -> Local | None:
    (u,) = args
    if u.value != 0 and u.continuous:
        return Local(np.nan, np.zeros(2), smooth=u.smooth)
    return unknown(args, continuous=False)


def of_angle(place: Place, node: Node, args: list[Local]) -> Local | None:
    v, u = args
    return unknown(args, continuous=False) if v.value == 0 and u.value <= 0 else None


def of_cbrt(place: Place, node: Node, args: list[Local]) -> Local | None:
    (u,) = args
    if u.value != 0:
        return None
    slopes = slopes_of(u, place.directions)
    return corner_of(u, np.where(slopes == 0, np.nan, np.sign(slopes) * np.inf))


def of_root(place: Place, node: Node, args: list[Local]) -> Local | None:
    """A power of 0 that is no whole one: c > 1 flattens; c < 1 is vertical, but a square root of a square is its size."""
    u = args[0]
    power = 0.5 if node.op == "sqrt" else args[1].value
    if u.value != 0 or (node.op == "pow" and (not args[1].constant or power.is_integer() or power < 0)):
        return None
    if power == 0.5 and u.smooth and not u.gradient.any():
        bend = second(place, node.args[0])
        if np.linalg.eigvalsh(bend)[0] > 0:
            return corner_of(u, np.sqrt(0.5 * np.einsum("in,ij,jn->n", place.directions, bend, place.directions)))
    if not never_negative(node.args[0]):
        return unknown(args)
    if power > 1:
        return corner_of(u, np.zeros(place.directions.shape[1])) if u.known else unknown(args)
    return corner_of(u, np.where(slopes_of(u, place.directions) > 0, np.inf, np.nan))


CORNERS: dict[str, Corner] = {
    "abs": of_abs,
    "min": of_extreme,
    "max": of_extreme,
    "sign": of_jump,
    "step": of_jump,
    "atan2": of_angle,
    "cbrt": of_cbrt,
    "sqrt": of_root,
    "pow": of_root,
}


def never_negative(node: Node) -> bool:
    """Whether its form shows that a part is nowhere below 0."""
    if node.op in NEVER_NEGATIVE or (node.op in ("number", "constant") and node.value >= 0):
        return True
    if node.op == "pow" and node.args[1].op == "number" and node.args[1].value % 2 == 0:
        return True
    return node.op in ("add", "mul", "div", "min", "max", "pow") and all(map(never_negative, node.args))


def second(place: Place, node: Node) -> Float[ndarray, "2 2"]:
    """The Hessian of a smooth part at the point."""
    part = replace(place.f, root=node)
    x, y = part.derivative("x"), part.derivative("y")
    xx, xy, yy = (float(v) for v in tape([x.derivative("x"), x.derivative("y"), y.derivative("y")]).numpy(*place.point))
    return np.array([[xx, xy], [xy, yy]])
