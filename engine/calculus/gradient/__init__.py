"""The gradient of a function that a person types: one number, several numbers, a function and a vector, kept apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from engine.calculus.gradient import basins as basin_map
from engine.calculus.gradient import derivatives
from engine.calculus.gradient.descent import race
from engine.calculus.gradient.landscape import Landscape, read
from engine.calculus.gradient.parameters import Gradient, cost
from engine.calculus.gradient.result import Differentiated, Formula, Map, Near, Touch
from engine.core import Finding, Partial, T, amounts, experiment

__all__ = ["Differentiated", "Gradient", "at_point", "gradient"]

MAP, PATCH, SLICE = 61, 15, 201


@experiment("gradient", cost=cost, apart=True)
def gradient(params: Gradient) -> Iterator[Partial[Differentiated]]:
    """The gradient of f at a point and what it means; then, if asked for, the basins of one method as they form."""
    land = read(params.f, params.hole)
    with np.errstate(all="ignore"):
        result = at_point(land, params)
    if not params.side:
        yield Partial(result, 1.0)
        return
    yield Partial(result, 0.0)
    centre = np.array([params.center_x, params.center_y])
    for found, share in basin_map.explore(land, params.method, params.side, params.steps, params.settings(), centre, params.half_width):
        findings = (*result.findings, Finding(basin_map.sentence(found), "basins"))
        yield Partial(replace(result, basins=found, findings=findings), share)


def at_point(land: Landscape, params: Gradient) -> Differentiated:
    """All but the map of basins."""
    p = np.array([params.x, params.y])
    v = np.array([params.vx, params.vy])
    v = v / np.hypot(*v)
    f, value_text, values = derivatives.exact_value(land, p, float(land.value(*p)))
    touch, g, slope = derivatives.touch(land, p, f, min(1.0, params.half_width), v, values)
    rate, steepest, unbounded = derivatives.steepest(land, p, f, touch, g, values)
    if unbounded:
        verdict = T("{verdict}; {unbounded}", "{verdict}；{unbounded}", verdict=touch.verdict, unbounded=derivatives.UNBOUNDED)
        touch = replace(touch, verdict=verdict)
    runs = race(land, (params.x, params.y), params.steps, params.settings(), params.half_width) if np.isfinite(f) else None
    survey = survey_map(land, params)
    said = [Finding(say(land, p, value_text, touch, slope, rate, steepest), "point")]
    if survey.undefined:
        blank = T(
            "On {share:percent.2} of the map f has no value: {why}.",
            "地图上 {share:percent.2} 的地方 f 没有值：{why}。",
            share=survey.undefined,
            why=survey.why,
        )
        said.append(Finding(blank, "map"))
    return Differentiated(
        formula=Formula(land.f.text, land.f.latex, land.dx.text, land.dy.text, land.dx.latex, land.dy.latex),
        point=p,
        value=f,
        value_text=value_text,
        gradient=g,
        direction=v,
        directional_derivative=slope,
        by_gradient=float(g @ v),
        max_rate=rate,
        direction_of_max=steepest,
        hessian=land.hessian(*p),
        map=survey,
        near=close_up(land, params, p, v, f, g, slope),
        touch=touch,
        ways=derivatives.compare(land, p, params.h),
        error_curve=derivatives.error_curve(land, p, v, f, slope, touch),
        race=runs,
        findings=tuple(said),
    )


def survey_map(land: Landscape, params: Gradient) -> Map:
    """f and its partial derivatives over the region."""
    axis = np.linspace(-1, 1, MAP) * params.half_width
    x, y = params.center_x + axis, params.center_y + axis
    f, dx, dy = land.survey(*np.meshgrid(x, y))[:3]
    order = np.sort(f[np.isfinite(f)])
    rank = np.searchsorted(order, f.reshape(-1)).reshape(f.shape) / max(1, order.size - 1)
    rank = np.where(np.isfinite(f), np.minimum(rank, 1.0), np.nan)
    blank = np.argwhere(np.isnan(f))
    why = land.why_undefined(x[blank[0, 1]], y[blank[0, 0]]) if len(blank) else T("", "")
    return Map(x, y, f, dx, dy, rank, len(blank) / f.size, why)


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
        return T("At {at} f has no value: {why}.", "f 在 {at} 处没有值：{why}。", at=at, why=land.why_undefined(*p))
    if touch.kind != "plane":
        return T("At {at} f = {f}: {verdict}.", "在 {at} 处 f = {f}：{verdict}。", at=at, f=f, verdict=touch.verdict)
    if not np.isfinite(steepest).all():
        return T(
            "At {at} the gradient is 0: f = {f} is stationary, no direction is steepest.",
            "在 {at} 处梯度为 0：f = {f} 驻定，没有最陡的方向。",
            at=at,
            f=f,
        )
    return T(
        "At {at} f = {f} rises fastest towards {angle:fixed.0}°, by {rate:number.4} per unit; along v, by {slope:number.4}.",
        "在 {at} 处 f = {f}，朝 {angle:fixed.0}° 上升最快，每单位长度 {rate:number.4}；沿 v 为 {slope:number.4}。",
        at=at,
        f=f,
        angle=float(np.rad2deg(np.arctan2(steepest[1], steepest[0]))),
        rate=rate,
        slope=slope,
    )
