"""Figures of the gradient at a point: the map, the surface, the slope in every direction, the partial derivatives, the plane."""

from __future__ import annotations

import numpy as np

from engine.calculus.gradient import Differentiated
from engine.core import amounts
from pages.calculus.gradient import parts
from pages.shell import T, draw

KINDS = {
    "plane": T("yes", "有"),
    "no-plane": T("no: slopes, but no plane", "没有：有斜率，无切平面"),
    "corner": T("no: a corner", "没有：有棱角"),
    "vertical": T("no: vertical", "没有：竖直"),
    "oscillating": T("no: it oscillates", "没有：振荡不定"),
    "jump": T("no: f jumps", "没有：f 有跳跃"),
    "edge": T("no: edge of the domain", "没有：定义域边缘"),
    "undefined": T("f has no value", "f 无定义"),
}
ALONG_V, TANGENT = T("f along v", "沿 v 的 f"), T("tangent", "切线")
SLOPE_ALONG = T("∇f·v", "∇f·v")
# Of the radii measured, those drawn direction by direction: where all three agree, each is seen through the next.
RADII = {0: (3.4, draw.CLASSES[6], ""), 2: (2.6, draw.CLASSES[7], "dash"), 5: (1.8, draw.CLASSES[8], "dot")}


def map_figure(r: Differentiated) -> draw.Figure:
    """f from above with its gradient, and the slice along v whose slope is the directional derivative."""
    m, near, wide = r.map, r.near, parts.half(r)
    x, y = np.meshgrid(m.x[:: parts.EVERY], m.y[:: parts.EVERY])
    by = parts.drawn(r, np.stack([m.dx[:: parts.EVERY, :: parts.EVERY], m.dy[:: parts.EVERY, :: parts.EVERY]]), 0.17 * wide)
    field = draw.line(*parts.arrows(x, y, *by, 0.35), draw.INK_3, width=1, hoverinfo="skip")
    path = draw.line(near.slice_x[::200], near.slice_y[::200], parts.V, dash="dot", width=1.4, hoverinfo="skip")
    steep = parts.drawn(r, r.gradient[:, None], 0.55 * wide)[:, 0]
    bold = [parts.arrow(r.point, r.direction, parts.V, name="v"), parts.arrow(r.point, steep, parts.GRADIENT, name="∇f")]
    cut, panel = slice_of(r)
    key = [parts.HIGHER, (draw.INK_3, T("∇f everywhere", "处处的 ∇f"), "line"), (parts.GRADIENT, "∇f", "line"), (parts.V, "v", "line")]
    says = r.findings[0].text
    return draw.Figure(
        [parts.levels(r, hover=True), field, path, *bold, *cut],
        [parts.ground(r, key=key), panel],
        says,
        facts=parts.four(r),
        handles=parts.HANDLES,
    )


def slice_of(r: Differentiated) -> tuple[list[dict], draw.Panel]:
    """f along v through the point, and the tangent: in the second panel."""
    near, reach, slope = r.near, float(r.near.t[-1]), r.directional_derivative
    tangent = T("slope Dᵥf = {slope:number.4}", "斜率 Dᵥf = {slope:number.4}", slope=slope)
    traces = [
        draw.line(near.t, near.slice_f, parts.V, width=2.4, panel=1, name=ALONG_V),
        draw.line(near.t[::100], near.tangent[::100], parts.LAW, panel=1, name=TANGENT),
        draw.points([0], [r.value], draw.BRASS, size=9, panel=1, hoverinfo="skip"),
    ]
    key = [(parts.V, ALONG_V, "line"), (parts.LAW, tangent if np.isfinite(slope) else T("no slope here", "此处没有斜率"), "line")]
    across = draw.Axis(T("distance from the point along v", "从该点沿 v 走的距离"), range=(-reach, reach))
    return traces, draw.Panel(across, draw.Axis("f", range=parts.spread(near.slice_f, 0.22)), key=key)


def surface_figure(r: Differentiated) -> draw.Figure:
    """The surface with its tangent plane and the slice along v, and that slice beside it."""
    m, near = r.map, r.near
    low, high = parts.spread(m.f, 0.05)

    def within(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        inside = (abs(x - m.x[30]) <= parts.half(r)) & (abs(y - m.y[30]) <= parts.half(r)) & (low <= z) & (z <= high)
        return np.where(inside, z, np.nan).astype(np.float32)

    def thread(z: np.ndarray, color: str) -> dict:
        places = {"x": near.slice_x, "y": near.slice_y, "z": within(near.slice_x, near.slice_y, z)}
        return draw.trace("scatter3d", **places, mode="lines", hoverinfo="skip", line={"color": color, "width": 7})

    plane = within(*np.meshgrid(near.plane_x, near.plane_y), near.plane_z)
    tint = {"colorscale": [[0, parts.GRADIENT], [1, parts.GRADIENT]], "opacity": 0.55, "hoverinfo": "skip"}
    traces = [
        draw.surface(m.f, m.x, m.y, opacity=0.75, name="f"),
        draw.surface(plane, near.plane_x, near.plane_y, **tint),
        thread(near.slice_f, parts.V),
        thread(near.tangent, parts.LAW),
    ]
    few = [(axis[[0, 30, -1]].tolist(), [amounts.number(v) for v in axis[[0, 30, -1]]]) for axis in (m.x, m.y)]
    x, y = (draw.Axis(name, range=(at[0][0], at[0][2]), ticks=at) for name, at in zip("xy", few, strict=True))
    solid = draw.Panel(x, y, draw.Axis("f", range=(low, high)))
    cut, panel = slice_of(r)
    about = T("a plane that does not touch", "并不相切的平面")
    if r.touch.kind == "plane":
        about = T("tangent plane", "切平面")
    elif not np.isfinite(near.plane_z).all():
        about = T("no tangent plane here", "此处没有切平面")
    key = [*panel.key, (parts.GRADIENT, about)]
    return draw.Figure(
        [*traces, *(part | {"xaxis": "x2", "yaxis": "y2"} for part in cut)],
        [solid, draw.Panel(panel.x, panel.y, key=key)],
        T(
            "The surface f with its tangent plane at {point:point.4}; the slice along v has slope {slope:number.4} there.",
            "曲面 f 及其在 {point:point.4} 处的切平面；沿 v 的截线在该处的斜率为 {slope:number.4}。",
            point=r.point,
            slope=r.directional_derivative,
        ),
        facts=parts.four(r),
        layout={"scene": {"aspectmode": "cube", "camera": {"eye": {"x": 1.7, "y": -1.9, "z": 1.1}}}},
    )


def rose_figure(r: Differentiated) -> draw.Figure:
    """The slope in every direction: measured, and as the plane would have it."""
    touch = r.touch
    half_turn = np.r_[90:180, 0:91]  # from −180° to 180°
    turn = 2.0 * np.arange(-90, 91)
    seen, plane = touch.slope_by_angle[half_turn], touch.plane_by_angle[half_turn]
    low, high = parts.spread(np.append(seen, plane), 0.4)
    heading = float(np.rad2deg(np.arctan2(r.direction[1], r.direction[0])))
    along = T("along v", "沿 v") if np.isfinite(r.directional_derivative) else T("along v: no slope", "沿 v 没有斜率")
    traces = [
        draw.line([-180, 180], [0, 0], draw.MUTE, width=1, hoverinfo="skip"),
        draw.points(turn[::3], seen[::3], parts.SEEN, size=7, name=T("measured slope", "实测斜率")),
        draw.line(turn, plane, parts.LAW, width=1.6, name="∇f·u"),
        draw.points([heading], [r.directional_derivative], parts.V, size=10, name=along),
    ]
    way = parts.degrees(r.direction_of_max)
    if np.isfinite(r.direction_of_max).all():
        best = float(np.rad2deg(np.arctan2(r.direction_of_max[1], r.direction_of_max[0])))
        name = T("steepest: {way}", "最陡：{way}", way=way)
        traces.append(draw.line([best, best], [0, r.max_rate], parts.GRADIENT, dash="dot", hoverinfo="skip", name=name))
        if touch.kind == "plane":
            flat = np.array([(best + 270) % 360, (best + 90) % 360]) - 180
            traces.append(draw.points(flat, [0, 0], parts.GRADIENT, size=9, symbol="x", name=T("along the contour: 0", "沿等高线：0")))
    petals, panel = petals_of(r)
    quarters = ([-180, -90, 0, 90, 180], ["−180", "−90", "0", "90", "180"])
    across = draw.Axis(T("direction u, degrees", "方向 u，度"), range=(-180, 180), ticks=quarters)
    return draw.Figure(
        [*traces, *petals],
        [draw.Panel(across, draw.Axis(T("slope Dᵤf", "斜率 Dᵤf"), range=(low, high)), key=True), panel],
        T(
            "The slope is greatest, {most:number.4}, towards {way}; along v it is {slope:number.4}.",
            "斜率在 {way} 方向最大，为 {most:number.4}；沿 v 为 {slope:number.4}。",
            most=r.max_rate,
            way=way,
            slope=r.directional_derivative,
        ),
        facts=[
            (T("steepest slope |∇f|", "最陡斜率 |∇f|"), (r.max_rate, "number.4")),
            (T("towards", "方向"), way),
            (T("along v: Dᵥf", "沿 v：Dᵥf"), (r.directional_derivative, "number.4")),
            (SLOPE_ALONG, (r.by_gradient, "number.4")),
        ],
    )


def petals_of(r: Differentiated) -> tuple[list[dict], draw.Panel]:
    """The same as a rose: as far from the middle as it is steep that way, uphill and downhill apart."""
    angles, seen = r.touch.rose_angles, r.touch.slope_by_angle
    top = 1.25 * (float(np.nanmax(np.abs(seen), initial=0.0)) or 1.0)
    traces = []
    for sign, dash, name in ((1, "", T("uphill", "上坡")), (-1, "dash", T("downhill", "下坡"))):
        size = np.where(sign * seen >= 0, np.abs(seen), np.nan)
        traces.append(draw.line(size * np.cos(angles), size * np.sin(angles), parts.SEEN, dash=dash, panel=1, hoverinfo="skip", name=name))
    if np.isfinite(r.direction_of_max).all():
        traces.append(parts.arrow(np.zeros(2), r.direction_of_max * r.max_rate, parts.GRADIENT, panel=1, name="∇f"))
    across = np.stack([-2 * top * r.direction, 2 * top * r.direction], 1)
    traces.append(draw.line(*across, parts.V, dash="dot", width=1.4, panel=1, hoverinfo="skip", name="v"))
    slope = r.directional_derivative * r.direction
    traces.append(draw.points(slope[:1], slope[1:], parts.V, size=9, panel=1, hoverinfo="skip"))
    x = draw.Axis(T("slope × cos", "斜率 × cos"), range=(-top, top))
    y = draw.Axis(T("slope × sin", "斜率 × sin"), range=(-top, top), equal=True)
    return traces, draw.Panel(x, y, key=True)


def partials_figure(r: Differentiated) -> draw.Figure:
    """The partial derivatives as functions of x and y; at the point they are two numbers."""
    m, traces, names = r.map, [], ("∂f/∂x", "∂f/∂y")
    for i, (z, value) in enumerate(zip((m.dx, m.dy), r.gradient, strict=True)):
        known = np.abs(z[np.isfinite(z)])
        top = (float(np.quantile(known, 0.98)) if known.size else 1.0) or 1.0
        shades = {"zmin": -top, "zmax": top, "colorscale": parts.SIGNED, "showscale": True}
        contours = {"coloring": "heatmap", "start": 0, "end": 0, "size": 1}
        hover = "(%{x:.3~g}, %{y:.3~g}): %{z:.4~g}<extra></extra>"
        look = {"autocontour": False, "contours": contours, "line": {"color": parts.LAW, "width": 1.2}, "hovertemplate": hover, **shades}
        traces.append(draw.trace("contour", panel=i, x=m.x, y=m.y, z=z, name=names[i], **look))
        here = T("{value:number.4}", "{value:number.4}", value=value)
        traces.append(draw.points(r.point[:1], r.point[1:], draw.BRASS, size=9, panel=i, hoverinfo="skip", name=here, label="end"))
    zero = [(parts.LAW, T("zero", "零"), "line")]
    where = T("directional derivative Dᵥf(p)", "方向导数 Dᵥf(p)"), T("partial derivatives at p", "点 p 处的偏导数")
    function = T("a function", "一个函数")
    gradient = T("{pair:point.4}: {arrow}", "{pair:point.4}：{arrow}", pair=r.gradient, arrow=parts.vector_of(r))
    return draw.Figure(
        traces,
        [parts.ground(r, T("{name} as a function", "函数 {name}", name=name), key=zero) for name in names],
        T(
            "The partial derivatives over the map, zero on the black lines; at {point:point.4} they are {values}.",
            "地图上的两个偏导函数，黑线上为零；在 {point:point.4} 处的值为 {values}。",
            point=r.point,
            values=parts.pair(r.gradient),
        ),
        table=[
            (T("Which", "名称"), T("is", "是"), T("here", "此处")),
            (where[0], T("one number", "一个数"), (r.directional_derivative, "number.4")),
            (where[1], T("two numbers", "两个数"), parts.pair(r.gradient)),
            *((name, function, text) for name, text in zip(names, (r.formula.dx, r.formula.dy), strict=True)),
            (T("gradient ∇f(p)", "梯度 ∇f(p)"), T("a vector", "一个向量"), gradient),
        ],
        handles=[parts.POINT],
    )


def plane_figure(r: Differentiated) -> draw.Figure:
    """Whether the gap to the tangent plane shrinks faster than the distance."""
    touch, turn = r.touch, np.rad2deg(r.touch.angles)
    gap = np.where(touch.largest > 0, touch.largest, np.nan)
    fate = T("falls to 0: it touches", "趋于 0：相切") if touch.kind == "plane" else T("does not fall to 0", "不趋于 0")
    if not np.isfinite(touch.residual).any():
        fate = T("there is no plane to compare with", "没有可比较的平面")
    largest = draw.line(touch.radii, gap, parts.SEEN, width=2.4, name=T("largest gap / r", "最大差距 / r"))
    traces = [largest | {"mode": "lines+markers", "marker": {"color": parts.SEEN, "size": 8}}]
    for row, (width, color, dash) in RADII.items():
        name = T("r = {radius:number.2}", "r = {radius:number.2}", radius=touch.radii[row])
        traces.append(draw.line(turn, touch.residual[row], color, dash=dash, width=width, panel=1, name=name))
    traces.append(
        draw.line([0, 360], [0, 0], parts.LAW, width=1.2, panel=1, hoverinfo="skip", name=T("a plane that touches: 0", "相切的平面：0"))
    )
    known = gap[np.isfinite(gap)]
    ends = (float(known.min()) / 30, float(known.max()) * 30) if known.size else (1e-12, 1.0)
    middle = float(np.sqrt(touch.radii[0] * touch.radii[-1]))
    quarters = ([0, 90, 180, 270, 360], ["0", "90", "180", "270", "360"])
    return draw.Figure(
        traces,
        [
            draw.Panel(
                draw.Axis(T("distance r from the point", "到该点的距离 r"), log=True),
                draw.Axis(T("largest gap to the plane / r", "与平面的最大差距 / r"), log=True, range=ends),
                title=T("closer and closer", "越来越近"),
            ),
            draw.Panel(
                draw.Axis(T("direction, degrees", "方向，度"), range=(0, 360), ticks=quarters),
                draw.Axis(T("gap / r", "差距 / r"), range=parts.spread(touch.residual[list(RADII)], 0.25)),
                title=T("in every direction", "在每个方向上"),
                key=True,
            ),
        ],
        r.findings[0].text,
        [draw.Label(middle, ends[1] / 4, fate, parts.SEEN, "center")],
        facts=[
            (T("tangent plane", "切平面"), KINDS[touch.kind]),
            (T("∂f/∂x, ∂f/∂y at the point", "该点的 ∂f/∂x、∂f/∂y"), parts.pair(r.gradient)),
            (T("Dᵥf, measured", "Dᵥf，实测"), (r.directional_derivative, "number.4")),
            (T("∇f·v, if a plane touched", "∇f·v，若有切平面"), (r.by_gradient, "number.4")),
        ],
    )
