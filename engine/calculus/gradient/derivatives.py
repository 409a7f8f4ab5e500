"""Derivatives at a point: by rule, by machine, by differences, and by the definition where the rules say nothing."""

from __future__ import annotations

import math

import numpy as np

from engine.calculus.gradient import local
from engine.calculus.gradient.landscape import Landscape
from engine.calculus.gradient.result import ErrorCurve, Touch, Ways
from engine.core import T, amounts
from engine.core.expressions import precision
from engine.core.expressions.printing import text

DIGITS = 40
TURN = np.deg2rad(np.arange(0.0, 361.0, 2.0))  # the rose's directions
RADII = 10.0 ** -np.arange(1, 7)  # in rulers; a ruler is the lesser of 1 and the half-width
AROUND = np.deg2rad(np.arange(0.0, 360.0, 5.0))
STEEP = 300.0
NO_LESS = 1e-18  # errors are drawn on a logarithmic scale: none is shown as smaller than this
CURVE = 10.0 ** np.linspace(-15, 0, 91)


def towards(angles: np.ndarray) -> np.ndarray:
    """(2, n): unit vectors, those along the axes exact."""
    u = np.stack([np.cos(angles), np.sin(angles)])
    u[np.abs(u) < 1e-15] = 0.0
    return u


def one_sided(land: Landscape, p: np.ndarray, f: float, u: np.ndarray, r: float) -> np.ndarray:
    """The slope of f at p towards unit vectors u (2, n): quotients of steps r and r/2, extrapolated (Richardson)."""
    steps = np.array([r, r / 2])[:, None]
    quotient = (land.value(p[0] + steps * u[0], p[1] + steps * u[1]) - f) / steps
    return 2 * quotient[1] - quotient[0]


def central(land: Landscape, p: np.ndarray, u: np.ndarray, h: np.ndarray | float) -> np.ndarray:
    """(f(p + hu) − f(p − hu)) / 2h, for u (2,) and any shape of h."""
    h = np.asarray(h, np.float64)
    return (land.value(p[0] + h * u[0], p[1] + h * u[1]) - land.value(p[0] - h * u[0], p[1] - h * u[1])) / (2 * h)


def exact_value(land: Landscape, p: np.ndarray, f: float) -> tuple[float, str, list[float]]:
    """f at p, correctly rounded; written out, also where it is too small for a double; and the value of every node.

    An exact 0 is 0, not the rounding that is left of it. A filled hole, and what 60 digits cannot tell, stay as they are.
    """
    exact = precision.exact(land.height, p)
    root = exact[land.height.roots[0]]
    # a number too small for a double is not 0: it keeps its sign
    values = [math.copysign(5e-324, value) if value and not precision.rounded(value) else precision.rounded(value) for value in exact]
    if root is None or not math.isfinite(f):
        return f, amounts.number(f, 4), values
    return precision.rounded(root), precision.said(root), values


def touch(land: Landscape, p: np.ndarray, f: float, ruler: float, v: np.ndarray, values: list[float]) -> tuple[Touch, np.ndarray, float]:
    """How f looks close to p, the gradient (2,), and the slope along the unit vector v: each NaN where there is none.

    The formula decides where the rules of `local` reach, operation by operation; elsewhere samples around p are judged.
    """
    u, around_rose = towards(AROUND), towards(TURN)
    radii = RADII * ruler
    around = land.value(p[0] + radii[:, None] * u[0], p[1] + radii[:, None] * u[1])
    symbolic = land.gradient(*p)
    # where f was set to 0 in a hole nothing cancels, and the step can be tiny
    r = ruler * (1e-9 if f == 0 and np.isnan(symbolic).any() else 1e-5)
    proof = local.prove(land, values, p, np.column_stack([np.eye(2), -np.eye(2), v, -v, around_rose]))
    along = np.nan
    if math.isfinite(f) and proof.differentiable is not None:
        kind = proof.kind
        gradient = proof.partials()
        slope = np.where(np.isfinite(proof.slopes), proof.slopes, np.nan)[6:]
        along = two_sided(*proof.slopes[4:6]) if np.isfinite(proof.slopes[4:6]).all() else np.nan
        if proof.gradient is not None:
            along = float(gradient @ v)
        verdict = proof.verdict()
    else:
        limits = one_sided(land, p, f, u, r)
        defined = by_definition(limits)
        kind = judge(f, around, radii, limits, symbolic if np.isfinite(symbolic).all() else defined)
        if kind == "plane" and np.isfinite(symbolic).all():
            gradient = symbolic
        else:
            gradient = defined if kind in ("plane", "no-plane", "corner", "jump") else np.full(2, np.nan)
        slope = one_sided(land, p, f, around_rose, r)
        if kind in ("oscillating", "edge"):
            slope = np.full_like(slope, np.nan)
        slope = np.where(np.abs(slope) < STEEP, slope, np.nan) if kind in ("vertical", "jump") else slope
        if kind == "plane":
            along = float(gradient @ v)
        elif kind not in ("undefined", "edge", "oscillating"):
            along = two_sided(*one_sided(land, p, f, np.stack([v, -v], 1), r))
        verdict = (
            VERDICTS[kind] if kind == "undefined" else T("seen, not proved: {what}", "所见如此，未经证明：{what}", what=VERDICTS[kind])
        )
    residual = (around - f) / radii[:, None] - gradient @ u
    proved = proof.differentiable is not None
    seen = Touch(kind, proved, radii, AROUND, residual, np.abs(residual).max(1), TURN, slope, gradient @ around_rose, verdict, r)
    return seen, gradient, along


def judge(f: float, around: np.ndarray, radii: np.ndarray, limits: np.ndarray, g: np.ndarray) -> str:
    """The kind of `Touch`, from f at p and around it (radii, angles), the slopes towards the angles, and a gradient g.

    A finite number of samples proves nothing: this is a measurement. What does not shrink from the radius 1e-4 to 1e-6
    is taken to stay; what is a thousandth of the steepest slope seen, or a thousand rounding errors, counts as nothing.
    """
    if not np.isfinite(f):
        return "undefined"
    if np.isnan(around[5]).any() or np.isnan(limits).any():
        return "edge"
    quotients = (around - f) / radii[:, None]
    noise = 1e3 * np.finfo(float).eps * np.nanmax(np.abs(around)) / radii[5]
    small = 1e-3 * np.nanmax(np.abs(quotients)) + noise
    rise = np.abs(around - f).max(1)
    if rise[5] > 0.5 * rise[2] and rise[5] > 1e-9 * max(1.0, abs(f)):
        return "jump"
    steepest = np.abs(quotients).max(1)
    if steepest[5] > 3 * steepest[3] and steepest[5] > small:
        return "vertical"

    def stays(gap: np.ndarray) -> bool:
        size = np.abs(gap).max(1)
        return bool(size[5] > small and not size[5] < 0.5 * size[3])

    half = around.shape[1] // 2
    change = np.diff(quotients, axis=0, prepend=np.nan)
    if stays(change) and stays(quotients - limits):
        return "oscillating"
    if stays(quotients[:, :half] + quotients[:, half:]):
        return "corner"
    return "no-plane" if stays(quotients - g @ towards(AROUND)) or np.isnan(g).any() else "plane"


def by_definition(limits: np.ndarray) -> np.ndarray:
    """∂f/∂x and ∂f/∂y (2,) from the slopes towards `AROUND`: NaN where the two sides differ or grow without bound."""
    gradient = np.full(2, np.nan)
    quarter = len(limits) // 4
    for axis in (0, 1):
        gradient[axis] = two_sided(limits[axis * quarter], limits[(axis + 2) * quarter])
    return gradient


def two_sided(ahead: float, behind: float) -> float:
    """The derivative whose one-sided slopes, forwards and backwards, are given; NaN where there is none."""
    if abs(ahead) > STEEP or not abs(ahead + behind) <= 1e-6 * max(1.0, abs(ahead)):
        return np.nan
    middle = float(ahead - behind) / 2
    return 0.0 if abs(middle) < 1e-8 else middle


def steepest(land: Landscape, p: np.ndarray, f: float, seen: Touch, g: np.ndarray, values: list[float]) -> tuple[float, np.ndarray, bool]:
    """The greatest slope over all directions, NaN where some are missing or they have no bound; its unit vector, NaN if
    none stands out; and whether there is no bound."""
    nowhere = np.full(2, np.nan)
    if seen.kind == "plane":
        rate = float(np.hypot(*g))
        return rate, g / rate if rate > 0 else nowhere, False
    slopes, angles = seen.slope_by_angle, seen.rose_angles
    if np.isnan(slopes).any():
        return np.nan, nowhere, False
    if np.ptp(slopes) <= 1e-6 * np.abs(slopes).max():
        return float(slopes.max()), nowhere, False
    best, rates = angles[np.argmax(slopes)], [slopes.max()]
    for width in (2.0, 0.05, 0.002):  # degrees, ever closer around the best
        angles = best + np.deg2rad(np.linspace(-width, width, 81))
        u = towards(angles)
        slopes = (
            local.prove(land, values, p, np.column_stack([np.eye(2), u])).slopes[2:] if seen.proved else one_sided(land, p, f, u, seen.step)
        )
        best = angles[np.argmax(slopes)]
        rates.append(slopes.max())
    # a maximum is found ever more exactly; what still multiplies with every look closer has no bound
    if rates[3] > 3 * rates[2] > 9 * rates[1]:
        return np.nan, nowhere, True
    return float(rates[-1]), towards(np.array([best]))[:, 0], False


def precise(land: Landscape, p: np.ndarray) -> np.ndarray:
    """(2,): the symbolic derivatives at p computed with 40 digits and rounded once; NaN where they have no value."""
    if not np.isfinite(land.value(*p)):
        return np.full(2, np.nan)
    return np.array(precision.evaluate([land.dx, land.dy], p, DIGITS))


def compare(land: Landscape, p: np.ndarray, h: float) -> Ways:
    """The gradient by three ways, and the tape of reverse-mode differentiation."""
    values, adjoints = land.height.reverse(*p)
    by_name = {n.name: float(a) for n, a in zip(land.height.nodes, adjoints, strict=True) if n.op == "variable"}
    autograd, differences = [by_name.get(name, 0.0) for name in "xy"], [float(central(land, p, axis, h)) for axis in np.eye(2)]
    table = np.array([land.gradient(*p), autograd, differences])
    table[~np.isfinite(table)] = np.nan
    reference = precise(land, p)
    if not np.isfinite(land.value(*p)):  # rules go on giving numbers where f has none
        table, adjoints = np.full_like(table, np.nan), [np.nan] * len(adjoints)
    rows = [k for k, node in enumerate(land.height.nodes) if node.op not in ("number", "constant")][-60:]
    return Ways(
        ("symbolic", "autograd", "central"),
        table,
        np.abs(table - reference),
        reference,
        tuple(text(land.height.nodes[k]) for k in rows),
        np.array([float(values[k]) for k in rows]),
        np.array([float(adjoints[k]) for k in rows]),
    )


def error_curve(land: Landscape, p: np.ndarray, v: np.ndarray, f: float, slope: float, seen: Touch) -> ErrorCurve:
    """The V over h for D_v f, whose true value is `slope`, beside its two laws."""
    nothing = np.full(len(CURVE), np.nan)
    if not math.isfinite(slope):
        return ErrorCurve(CURVE, nothing, nothing, nothing, nothing, np.nan, T("", ""))
    measured = np.abs(central(land, p, v, CURVE) - slope)
    ahead = np.abs((land.value(p[0] + CURVE * v[0], p[1] + CURVE * v[1]) - f) / CURVE - slope)
    # the third derivative along v; where f is not smooth at p the law of the truncation does not hold
    xxx, xxy, xyy, yyy = (float(third) for third in land.third.numpy(*p))
    third = abs(xxx * v[0] ** 3 + 3 * xxy * v[0] ** 2 * v[1] + 3 * xyy * v[0] * v[1] ** 2 + yyy * v[1] ** 3)
    third = third if seen.kind == "plane" and seen.proved else np.nan
    epsilon = float(np.finfo(float).eps)
    truncation = CURVE**2 * third / 6
    rounding = epsilon * abs(f) / CURVE
    best = (3 * epsilon * abs(f) / third) ** (1 / 3) if third > 0 and f != 0 else np.nan
    drawn = np.maximum(measured, NO_LESS)
    return ErrorCurve(CURVE, drawn, np.maximum(ahead, NO_LESS), truncation, rounding, best, say_error(land, drawn))


def say_error(land: Landscape, central: np.ndarray) -> T:
    """What the curve shows: an optimal step, or, where there is no truncation error, that large steps are best."""
    if land.quadratic:
        return T(
            "f is quadratic: its central difference has no truncation error, so a smaller step never helps; only rounding is left.",
            "f 是二次函数：中心差分没有截断误差，步长再小也无益处，只剩舍入误差。",
        )
    best = int(np.nanargmin(central))
    if not np.nanmax(central[best:]) > 100 * central[best]:
        return T(
            "No truncation error shows up to h = 1: a smaller step does not help; only rounding is left.",
            "直到 h = 1 都看不出截断误差：减小步长并无益处，只剩舍入误差。",
        )
    return T(
        "Smaller steps help down to h ≈ {h:number.1}, then rounding takes over.",
        "步长减小到 h ≈ {h:number.1} 之前越小越好，再小则由舍入误差主导。",
        h=float(CURVE[best]),
    )


UNBOUNDED = T("over the directions the slopes have no bound, so none is steepest", "各方向的斜率没有上界，因而没有最陡的方向")
VERDICTS: dict[str, T] = {
    "plane": T(
        "the tangent plane touches: the gap to it shrinks faster than the distance, in every direction measured",
        "切平面相切：在所测的每个方向上，与它的差距都比距离缩小得更快",
    ),
    "no-plane": T(
        "every directional derivative exists here, but they are not g·u of one vector g: no tangent plane, f is not differentiable",
        "此处每个方向导数都存在，但它们不是同一个向量 g 的 g·u：没有切平面，f 不可微",
    ),
    "corner": T(
        "f has a corner here: the slopes forwards and backwards differ in some direction, so f is not differentiable",
        "f 在此处有棱角：某些方向上前后两侧的斜率不同，因此 f 不可微",
    ),
    "vertical": T(
        "slopes grow without bound towards this point: f has no finite directional derivative here in some direction",
        "靠近此点时斜率无限增大：某些方向上没有有限的方向导数",
    ),
    "oscillating": T(
        "difference quotients do not settle as the step shrinks: some directional derivative does not exist here",
        "步长缩小时差商并不稳定：此处某些方向导数不存在",
    ),
    "jump": T(
        "f is not continuous here, though partial derivatives may exist: partial derivatives alone promise little",
        "f 在此处不连续，尽管偏导数可能存在：仅有偏导数说明不了什么",
    ),
    "edge": T(
        "this point lies on the edge of the domain: f has no value on one side, so there is no tangent plane",
        "此点位于定义域的边界：一侧没有函数值，因此没有切平面",
    ),
    "undefined": T("f has no value here, so it has no derivative either", "f 在此处没有值，因此也没有导数"),
}
