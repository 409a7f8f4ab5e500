"""The gradient of a function that a person types: one number, several numbers, a function and a vector, kept apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pydantic

from engine.calculus.gradient import basins as basin_map
from engine.calculus.gradient import derivatives
from engine.calculus.gradient.basins import Basins
from engine.calculus.gradient.derivatives import ErrorCurve, Touch, Ways
from engine.calculus.gradient.descent import Race, Settings, race
from engine.calculus.gradient.landscape import Landscape, read
from engine.core import Field, Params, Partial, Refused, amounts, experiment
from engine.core.words import T

MAP = 61
ARROWS = 13
PATCH = 15
SLICE = 201

METHOD_NAMES = {
    "gd": T("Gradient descent", "梯度下降"),
    "momentum": T("Momentum", "动量法"),
    "nesterov": T("Nesterov", "Nesterov 加速"),
    "adagrad": T("AdaGrad", "AdaGrad"),
    "rmsprop": T("RMSProp", "RMSProp"),
    "adam": T("Adam", "Adam"),
    "newton": T("Newton", "牛顿法"),
}


def Rate(method: str, default: float) -> float:  # noqa: N802  a kind of Field
    """The learning rate of one method."""
    title = T("Learning rate of {name}", "{name}的学习率", name=METHOD_NAMES[method])
    return Field(default, ge=1e-5, le=10, scale="log", title=title, when={"method": [method]})


class Gradient(Params):
    """A function f(x, y), typed: its gradient at a point, its slope along a direction, seven descents from there."""

    f: str = Field("sin(x)cos(y) + (x^2+y^2)/10", max_length=200, title=T("f(x, y)", "f(x, y)"), control="text")
    hole: Literal["undefined", "zero"] = Field(
        "undefined",
        title=T("Where a denominator is 0", "分母为 0 处"),
        labels={"undefined": T("f is undefined", "f 无定义"), "zero": T("f is set to 0", "规定 f 为 0")},
    )
    x: float = Field(1.6, ge=-10, le=10, step=0.01, title=T("Point, x", "点的 x"))
    y: float = Field(1.2, ge=-10, le=10, step=0.01, title=T("Point, y", "点的 y"))
    vx: float = Field(1.0, ge=-10, le=10, step=0.01, title=T("Direction, x", "方向的 x"))
    vy: float = Field(0.4, ge=-10, le=10, step=0.01, title=T("Direction, y", "方向的 y"))
    half_width: float = Field(4.0, ge=0.01, le=10, title=T("Half-width of the map", "地图的半宽"))
    center_x: float = Field(0.0, ge=-10, le=10, step=0.01, title=T("Centre of the map, x", "地图中心的 x"))
    center_y: float = Field(0.0, ge=-10, le=10, step=0.01, title=T("Centre of the map, y", "地图中心的 y"))
    h: float = Field(1e-5, ge=1e-15, le=1, scale="log", title=T("Step h of the central difference", "中心差分的步长 h"))
    steps: int = Field(60, ge=1, le=500, title=T("Steps of the descent", "下降的步数"))
    method: Literal["gd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "newton"] = Field(
        "gd", title=T("Method (its settings; the map of basins)", "方法（其设置与吸引域图）"), labels=METHOD_NAMES
    )
    rate_gd: float = Rate("gd", 0.3)
    rate_momentum: float = Rate("momentum", 0.1)
    rate_nesterov: float = Rate("nesterov", 0.1)
    rate_adagrad: float = Rate("adagrad", 0.5)
    rate_rmsprop: float = Rate("rmsprop", 0.1)
    rate_adam: float = Rate("adam", 0.2)
    rate_newton: float = Rate("newton", 1.0)
    momentum: float = Field(0.9, ge=0, le=0.999, title=T("Momentum β", "动量 β"), when={"method": ["momentum", "nesterov"]})
    beta1: float = Field(0.9, ge=0, le=0.999, title=T("First moment β₁", "一阶矩 β₁"), when={"method": ["adam"]})
    beta2: float = Field(
        0.99, ge=0, le=0.9999, title=T("Second moment β₂ (RMSProp's α)", "二阶矩 β₂（RMSProp 的 α）"), when={"method": ["adam", "rmsprop"]}
    )
    starts: int = Field(
        0, ge=0, le=1_000_000, step=10_000, title=T("Starts of the map of basins (0: none)", "吸引域图的起点数（0 表示不画）")
    )

    @pydantic.model_validator(mode="after")
    def _readable(self) -> Gradient:
        read(self.f, self.hole)
        if self.vx == 0 and self.vy == 0:
            raise Refused(
                T(
                    "the direction (vx, vy) must not be 0: it is divided by its length; got (0, 0)",
                    "方向 (vx, vy) 不能为 0：它要除以自身的长度；收到 (0, 0)",
                ),
                "vx",
            )
        return self

    def settings(self) -> Settings:
        rates = {method: getattr(self, f"rate_{method}") for method in METHOD_NAMES}
        return Settings(rates, self.momentum, self.beta1, self.beta2)


@dataclass(frozen=True)
class Map:
    """f and its partial derivatives over the region: functions of x and y. Rows are y. NaN where undefined.

    x, y (61,); f, dx, dy (61, 61). rank (61, 61): the share of the map that lies lower, 0 to 1: contours at equal ranks
    are legible however steep f is. arrow_x, arrow_y, arrow_dx, arrow_dy (169,): the gradient on a coarse grid, and
    arrow_length its length. undefined: the share of the map without a value; why: the reason at one such place.
    """

    x: np.ndarray
    y: np.ndarray
    f: np.ndarray
    dx: np.ndarray
    dy: np.ndarray
    rank: np.ndarray
    arrow_x: np.ndarray
    arrow_y: np.ndarray
    arrow_dx: np.ndarray
    arrow_dy: np.ndarray
    arrow_length: np.ndarray
    undefined: float
    why: T


@dataclass(frozen=True)
class Near:
    """The surface at the point: its tangent plane and its slice along v.

    plane_x, plane_y (15,), plane_z (15, 15): f(p) + ∇f·(q − p), rows y. t (201,): lengths along the unit v, 0 at the
    point. slice_x, slice_y, slice_f (201,): the cut through the surface; tangent (201,): f(p) + t·D_v f.
    """

    plane_x: np.ndarray
    plane_y: np.ndarray
    plane_z: np.ndarray
    t: np.ndarray
    slice_x: np.ndarray
    slice_y: np.ndarray
    slice_f: np.ndarray
    tangent: np.ndarray


@dataclass(frozen=True)
class Differentiated:
    """Everything the lab shows of one function, point and direction. NaN stands for what does not exist.

    formula, latex: f as it was understood. symbolic_dx, symbolic_dy, latex_dx, latex_dy: its partial derivatives as
    functions. value: f at the point, correctly rounded, and written out in
    `value_text`, which also tells what is too small for a double. gradient (2,): the partial derivatives at the point. direction (2,): v / |v|.
    directional_derivative: the slope along v, a limit; `by_gradient` is ∇f·v beside it, the same where f is
    differentiable. max_rate: the steepest slope over all directions, |∇f| where f is differentiable;
    direction_of_max (2,): the unit vector of it, NaN where no direction is steepest. hessian (2, 2): rows x, y.
    map, near, touch, ways, error_curve: see their classes. race: None where f has no value at the point.
    basins: None unless asked for. finding: what is to be said first, in English and Chinese.
    """

    formula: str
    latex: str
    symbolic_dx: str
    symbolic_dy: str
    latex_dx: str
    latex_dy: str
    point: np.ndarray
    value: float
    value_text: str
    gradient: np.ndarray
    direction: np.ndarray
    directional_derivative: float
    by_gradient: float
    max_rate: float
    direction_of_max: np.ndarray
    hessian: np.ndarray
    map: Map
    near: Near
    touch: Touch
    ways: Ways
    error_curve: ErrorCurve
    race: Race | None
    basins: Basins | None
    finding: T
    backend: str = "numpy"
    dtype: str = "float64"
    device: str = "cpu"


def cost(params: Gradient) -> Literal["instant", "seconds", "minutes"]:
    """Instant without a map of basins; with one, by its starts times its steps."""
    if int(np.sqrt(params.starts)) < 2:
        return "instant"
    return "seconds" if params.starts * params.steps <= 10**7 else "minutes"


@experiment("gradient", cost=cost)
def gradient(params: Gradient) -> Iterator[Partial[Differentiated]]:
    """The gradient of f at a point and what it means; then, if asked for, the basins of one method as they form."""
    land = read(params.f, params.hole)
    with np.errstate(all="ignore"):
        result = at_point(land, params)
    if cost(params) == "instant":
        yield Partial(result, 1.0)
        return
    yield Partial(result, 0.0)
    centre = np.array([params.center_x, params.center_y])
    for found, fraction in basin_map.explore(
        land, params.method, params.starts, params.steps, params.settings(), centre, params.half_width
    ):
        yield Partial(replace(result, basins=found, backend="torch", device=found.device), fraction)


def at_point(land: Landscape, params: Gradient) -> Differentiated:
    """All but the map of basins."""
    p = np.array([params.x, params.y])
    v = np.array([params.vx, params.vy])
    v = v / np.hypot(*v)
    f = float(land.value(*p))
    f, value_text, values = derivatives.exact_value(land, p, f)
    ruler = min(1.0, params.half_width)
    touch, g, slope = derivatives.touch(land, p, f, ruler, v, values)
    by_gradient = float(g @ v)
    rate, steepest, unbounded = derivatives.steepest(land, p, f, touch, g, values)
    if unbounded:
        touch = replace(touch, verdict=T("{verdict}; {and_}", "{verdict}；{and_}", verdict=touch.verdict, and_=derivatives.UNBOUNDED))
    runs = None
    if np.isfinite(f):
        runs = race(land, (params.x, params.y), params.steps, params.settings(), params.half_width)
    return Differentiated(
        formula=land.f.text,
        latex=land.f.latex,
        symbolic_dx=land.dx.text,
        symbolic_dy=land.dy.text,
        latex_dx=land.dx.latex,
        latex_dy=land.dy.latex,
        point=p,
        value=f,
        value_text=value_text,
        gradient=g,
        direction=v,
        directional_derivative=slope,
        by_gradient=by_gradient,
        max_rate=rate,
        direction_of_max=steepest,
        hessian=land.hessian(*p),
        map=survey(land, params),
        near=close_up(land, params, p, v, f, g, slope),
        touch=touch,
        ways=derivatives.compare(land, p, params.h),
        error_curve=derivatives.error_curve(land, p, v, f, slope, touch),
        race=runs,
        basins=None,
        finding=say(land, p, value_text, touch, slope, rate, steepest),
    )


def survey(land: Landscape, params: Gradient) -> Map:
    """f and its partial derivatives over the region."""
    axis = np.linspace(-1, 1, MAP) * params.half_width
    x, y = params.center_x + axis, params.center_y + axis
    six = land.survey(*np.meshgrid(x, y))
    f, *slopes = six[:3]
    order = f[np.isfinite(f)]
    rank = np.searchsorted(np.sort(order), f.reshape(-1)).reshape(f.shape) / max(1, order.size - 1)
    rank = np.where(np.isfinite(f), np.minimum(rank, 1.0), np.nan)
    picked = np.linspace(0, MAP - 1, ARROWS).round().astype(int)
    arrow_x, arrow_y = np.meshgrid(x[picked], y[picked])
    dx, dy = (slope[np.ix_(picked, picked)].reshape(-1) for slope in slopes)
    blank = np.argwhere(np.isnan(f))
    why = land.why_undefined(x[blank[0, 1]], y[blank[0, 0]]) if len(blank) else T("", "")
    return Map(
        x, y, f, slopes[0], slopes[1], rank, arrow_x.reshape(-1), arrow_y.reshape(-1), dx, dy, np.hypot(dx, dy), len(blank) / f.size, why
    )


def close_up(land: Landscape, params: Gradient, p: np.ndarray, v: np.ndarray, f: float, g: np.ndarray, slope: float) -> Near:
    """The tangent plane and the slice along v."""
    axis = np.linspace(-0.35, 0.35, PATCH) * params.half_width
    plane = f + g[0] * axis[None, :] + g[1] * axis[:, None]
    t = np.linspace(-1, 1, SLICE) * params.half_width
    x, y = p[0] + t * v[0], p[1] + t * v[1]
    return Near(p[0] + axis, p[1] + axis, plane, t, x, y, land.value(x, y), f + t * slope)


def say(land: Landscape, p: np.ndarray, f: str, touch: Touch, slope: float, rate: float, steepest: np.ndarray) -> T:
    """The first thing to be said about the point."""
    at = amounts.point(p.tolist(), 4)
    if touch.kind == "undefined":
        return T("f has no value at {at}: {why}", "f 在 {at} 处没有值：{why}", at=at, why=land.why_undefined(*p))
    if touch.kind != "plane":
        return T("at {at} f = {f}: {verdict}", "在 {at} 处 f = {f}：{verdict}", at=at, f=f, verdict=T.of(touch.verdict))
    if not np.isfinite(steepest).all():
        return T(
            "at {at} the gradient is 0: f = {f} is stationary, no direction is steepest",
            "在 {at} 处梯度为 0：f = {f} 驻定，没有最陡的方向",
            at=at,
            f=f,
        )
    angle = round(float(np.rad2deg(np.arctan2(steepest[1], steepest[0]))))
    return T(
        "at {at} f = {f} rises fastest towards {angle:number}°, by {rate:number.4} per unit; along v, by {slope:number.4}",
        "在 {at} 处 f = {f}，朝 {angle:number}° 上升最快，每单位长度 {rate:number.4}；沿 v 为 {slope:number.4}",
        at=at,
        f=f,
        angle=angle,
        rate=rate,
        slope=slope,
    )
