"""What is found of a function, a point and a direction. NaN stands for what does not exist."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Bool, Float, Int
from numpy import ndarray

from engine.core import Finding, T


@dataclass(frozen=True)
class Formula:
    """f as it was understood, as text that can be typed again and in LaTeX; its partial derivatives as functions."""

    text: str
    latex: str
    dx: str
    dy: str
    latex_dx: str
    latex_dy: str


@dataclass(frozen=True)
class Map:
    """f and its partial derivatives over the region: functions of x and y. Rows are y. NaN where undefined.

    rank: the share of the map that lies lower, 0 to 1: contours at equal ranks are legible however steep f is. undefined:
    the share of the map without a value; why: the reason at one such place.
    """

    x: Float[ndarray, " 61"]
    y: Float[ndarray, " 61"]
    f: Float[ndarray, "61 61"]
    dx: Float[ndarray, "61 61"]
    dy: Float[ndarray, "61 61"]
    rank: Float[ndarray, "61 61"]
    undefined: float
    why: T


@dataclass(frozen=True)
class Near:
    """The surface at the point: its tangent plane and its slice along v.

    plane_z: f(p) + ∇f·(q − p) over plane_x and plane_y, rows y. t: lengths along the unit v, 0 at the point. slice_x,
    slice_y, slice_f: the cut through the surface; tangent: f(p) + t·D_v f.
    """

    plane_x: Float[ndarray, " 15"]
    plane_y: Float[ndarray, " 15"]
    plane_z: Float[ndarray, "15 15"]
    t: Float[ndarray, " 201"]
    slice_x: Float[ndarray, " 201"]
    slice_y: Float[ndarray, " 201"]
    slice_f: Float[ndarray, " 201"]
    tangent: Float[ndarray, " 201"]


@dataclass(frozen=True)
class Ways:
    """∂f/∂x and ∂f/∂y by three ways, judged by the symbolic derivatives evaluated with 40 digits.

    values, errors: in the order of `ways`; errors are absolute. reference: NaN where there is none. steps: the computation
    of f as reverse-mode differentiation sees it, one row per operation, at most 60: its formula, its value, and the
    derivative of f by it (`adjoints`).
    """

    ways: tuple[str, ...]
    values: Float[ndarray, "3 2"]
    errors: Float[ndarray, "3 2"]
    reference: Float[ndarray, " 2"]
    steps: tuple[str, ...]
    step_values: Float[ndarray, " s"]
    adjoints: Float[ndarray, " s"]


@dataclass(frozen=True)
class ErrorCurve:
    """The error of difference quotients of D_v f over the step h, 1e-15 to 1.

    central, forward: measured. truncation, rounding: what theory says of the central one, h²|D_v³f|/6 and ε|f|/h. best_h:
    where their sum is least, (3ε|f| / |D_v³f|)^⅓. All NaN where D_v f does not exist; errors below 1e-18 are given as
    1e-18.
    """

    h: Float[ndarray, " 91"]
    central: Float[ndarray, " 91"]
    forward: Float[ndarray, " 91"]
    truncation: Float[ndarray, " 91"]
    rounding: Float[ndarray, " 91"]
    best_h: float
    sentence: T


@dataclass(frozen=True)
class Touch:
    """How f looks close to the point: whether slopes exist, and whether a plane touches.

    kind: "plane" (differentiable), "no-plane" (every directional derivative exists, but they are no plane's), "corner"
    (one-sided slopes of opposite directions differ), "vertical" (slopes grow without bound), "oscillating" (quotients do
    not settle), "jump" (not continuous), "edge" (on the border of the domain), "undefined". proved: whether the formula
    proves the kind, operation by operation; else it is seen in samples. angles: in radians. residual: (f(p + r·u) − f(p)
    − r g·u) / r, which tends to 0 in every direction if the plane touches; largest: its greatest size over the
    directions. slope_by_angle, plane_by_angle: D_u f as a one-sided limit, and g·u, over `rose_angles` in radians.
    verdict: one sentence. step: the step of the quotients that stand for limits.
    """

    kind: str
    proved: bool
    radii: Float[ndarray, " 6"]
    angles: Float[ndarray, " 72"]
    residual: Float[ndarray, "6 72"]
    largest: Float[ndarray, " 6"]
    rose_angles: Float[ndarray, " 181"]
    slope_by_angle: Float[ndarray, " 181"]
    plane_by_angle: Float[ndarray, " 181"]
    verdict: T
    step: float


@dataclass(frozen=True)
class Run:
    """The bare record of all methods from one start, T steps long: where each is after every step, f, the gradient (x, y)
    and the Hessian (xx, xy, yy) there; NaN from the step on at which it stopped. beyond: whether it was last seen out of
    reach rather than out of the domain."""

    paths: Float[ndarray, "7 T+1 2"]
    losses: Float[ndarray, "7 T+1"]
    gradients: Float[ndarray, "7 T+1 2"]
    bends: Float[ndarray, "7 T+1 3"]
    beyond: Bool[ndarray, " 7"]


@dataclass(frozen=True)
class Race:
    """Every method from one start, in the order of `methods`: where each is after every step, f there and the gradient's
    length; NaN from the step on at which it stopped.

    stopped_at: that step, or −1. ends: the last point with a value; lowest: the least f on the way. winner: the method
    whose last value is lowest among those that did not stop, or "". verdicts: each one's fate in a sentence. fate: settled
    at a "minimum", "saddle", "maximum" or "flat" point (where the Hessian cannot say); "moving"; "diverged"; "outside" (it
    stepped to where f has no value); "lost" (the gradient has no value there); "singular" (Newton met a Hessian without
    inverse).
    """

    methods: tuple[str, ...]
    paths: Float[ndarray, "7 T+1 2"]
    losses: Float[ndarray, "7 T+1"]
    slopes: Float[ndarray, "7 T+1"]
    stopped_at: Int[ndarray, " 7"]
    ends: Float[ndarray, "7 2"]
    lowest: Float[ndarray, " 7"]
    fate: tuple[str, ...]
    verdicts: tuple[T, ...]
    winner: str


@dataclass(frozen=True)
class Basins:
    """The map of basins after `step` steps of `method`, one start to a pixel. Rows are y.

    label: the index of the attractor at which the start is, −1 "still moving", −2 "diverged". attractors, heights, kinds:
    the isolated stationary points found, minima first. share: the starts' share by attractor, then moving, then diverged.
    """

    method: str
    step: int
    x: Float[ndarray, " m"]
    y: Float[ndarray, " m"]
    label: Int[ndarray, "m m"]
    attractors: Float[ndarray, "k 2"]
    heights: Float[ndarray, " k"]
    kinds: tuple[str, ...]
    share: Float[ndarray, " k+2"]


@dataclass(frozen=True)
class Differentiated:
    """Everything the lab shows of one function, point and direction.

    value: f at the point, correctly rounded, and written out in `value_text`, which also tells what is too small for a
    double. gradient: the partial derivatives at the point. direction: v / |v|. directional_derivative: the slope along v,
    a limit; `by_gradient` is ∇f·v beside it, the same where f is differentiable. max_rate: the steepest slope over all
    directions, |∇f| where f is differentiable; direction_of_max: the unit vector of it, NaN where no direction is
    steepest. hessian: rows x, y. race: None where f has no value at the point. basins: None unless asked for.
    """

    formula: Formula
    point: Float[ndarray, " 2"]
    value: float
    value_text: str
    gradient: Float[ndarray, " 2"]
    direction: Float[ndarray, " 2"]
    directional_derivative: float
    by_gradient: float
    max_rate: float
    direction_of_max: Float[ndarray, " 2"]
    hessian: Float[ndarray, "2 2"]
    map: Map
    near: Near
    touch: Touch
    ways: Ways
    error_curve: ErrorCurve
    race: Race | None
    findings: tuple[Finding, ...]
    basins: Basins | None = None
