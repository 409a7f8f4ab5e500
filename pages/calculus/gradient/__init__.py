"""The gradient on a page: which way is up, and the four things that are easily taken for one another."""

from __future__ import annotations

import numpy as np

from engine.calculus.gradient import Differentiated, at_point, derivatives, descent, gradient
from pages.calculus.gradient.descents import backward_figure, basins_figure, machine_figure, race_figure
from pages.calculus.gradient.parts import HANDLES, arrow, arrows, degrees, drawn, ground, half, levels, number, pair, spread
from pages.shell import Lab, Preset, T, View
from pages.shell.axes import Axis
from pages.shell.colors import BRASS, DIVERGING, FOURTH, INK_3, MEASURED, MUTE, SECOND, THEORY, THIRD
from pages.shell.figures import Figure
from pages.shell.panels import Label, Panel
from pages.shell.traces import line, points, surface, trace

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


def sentence(r: Differentiated) -> T:
    """The first thing to be said, as a sentence."""
    en, zh = r.finding
    return T("{en}{en2}.", "{zh_}。", en=en[:1].upper(), en2=en[1:], zh_=zh) if en[:1] != "f" else T("{en}.", "{en}。", en=T(en, zh))


def vector(r: Differentiated) -> T:
    """The gradient as an arrow, where there is one."""
    if r.touch.kind != "plane":
        return T("none: not differentiable", "不存在：不可微")
    if not np.isfinite(r.direction_of_max).all():
        return T("0, no direction", "0，没有方向")
    far, way = number(r.max_rate), degrees(r.direction_of_max)
    return T("length {far}, towards {way}", "长 {far}，指向 {way}", far=far, way=way)


def four(r: Differentiated) -> list[tuple]:
    """One number, several numbers, a vector; the functions stand with the partial derivatives."""
    return [
        (T("f at the point", "f 在该点"), r.value_text),
        (T("Dᵥf, one number", "Dᵥf，一个数"), number(r.directional_derivative)),
        (T("∂f/∂x, ∂f/∂y there, two numbers", "该点 ∂f/∂x、∂f/∂y，两个数"), f"{number(r.gradient[0])}, {number(r.gradient[1])}"),
        (T("∇f there, a vector", "该点 ∇f，一个向量"), vector(r)),
    ]


def pointers(r: Differentiated) -> tuple[list[dict], list[Label]]:
    """The gradient and the direction at the point, with their names at the tips."""
    wide = half(r)
    steep = drawn(r, r.gradient[:, None], 0.55 * wide)[:, 0]
    traces = [arrow(r.point, r.direction, MEASURED, name="v"), arrow(r.point, steep, SECOND, name="∇f")]
    labels = []
    for by, text, color in ((r.direction, "v", MEASURED), (steep, "∇f", SECOND)):
        length = float(np.hypot(*by))
        if length > 0.02 * wide:
            at = r.point + by + (0.1 if text != "v" else 0.2) * wide * by / length
            labels.append(Label(float(at[0]), float(at[1]), text, color, "center"))
    return traces, labels


def map_figure(r: Differentiated) -> Figure:
    """f from above with its gradient, and the slice along v whose slope is the directional derivative."""
    m, near, wide = r.map, r.near, half(r)
    by = drawn(r, np.stack([m.arrow_dx, m.arrow_dy]), 0.17 * wide)
    field = line(*arrows(m.arrow_x, m.arrow_y, *by, 0.35), INK_3, width=1, hoverinfo="skip", name=T("field ∇f", "场 ∇f"))
    path = line(near.slice_x[::200], near.slice_y[::200], MEASURED, dash="dot", width=1.4, hoverinfo="skip")
    bold, labels = pointers(r)
    cut, panel, words = slice_of(r, 1)
    return Figure(
        [levels(r, hover=True), field, path, *bold, *cut],
        [ground(r, T("f from above, ∇f everywhere", "俯视 f，处处有 ∇f")), panel],
        sentence(r),
        [*labels, *words],
        facts=four(r),
        handles=HANDLES,
    )


def slice_of(r: Differentiated, panel: int) -> tuple[list[dict], Panel, list[Label]]:
    """f along v through the point, and the tangent."""
    near, (low, high) = r.near, spread(r.near.slice_f, 0.22)
    reach = float(near.t[-1])
    traces = [
        line(near.t, near.slice_f, MEASURED, width=2.4, panel=panel, name=T("f along v", "沿 v 的 f")),
        line(near.t[::100], near.tangent[::100], THEORY, panel=panel, name=T("tangent", "切线")),
        points([0], [r.value], BRASS, size=9, panel=panel, hoverinfo="skip"),
    ]
    slope = r.directional_derivative
    told = T("slope Dᵥf = {slope}", "斜率 Dᵥf = {slope}", slope=number(slope))
    if not np.isfinite(slope):
        told = T("no slope here", "此处没有斜率")
    axis = Axis(T("distance from the point along v", "从该点沿 v 走的距离"), range=(-reach, reach))
    labels = [
        Label(-0.95 * reach, high - 0.06 * (high - low), T("f along v", "沿 v 的 f"), MEASURED, "left", panel),
        Label(0.95 * reach, low + 0.06 * (high - low), told, THEORY, "right", panel),
    ]
    return traces, Panel(axis, Axis("f", range=(low, high)), title=T("the slice along v", "沿 v 的截线")), labels


def surface_figure(r: Differentiated) -> Figure:
    """The surface with its tangent plane and the slice along v, and that slice beside it."""
    m, near = r.map, r.near
    low, high = spread(m.f, 0.05)

    def within(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        inside = (abs(x - m.x[30]) <= half(r)) & (abs(y - m.y[30]) <= half(r)) & (low <= z) & (z <= high)
        return np.where(inside, z, np.nan).astype(np.float32)

    def thread(z: np.ndarray, color: str, name: T) -> dict:
        z = within(near.slice_x, near.slice_y, z)
        return trace(
            "scatter3d", x=near.slice_x, y=near.slice_y, z=z, mode="lines", hoverinfo="skip", line={"color": color, "width": 7}, name=name
        )

    plane = within(*np.meshgrid(near.plane_x, near.plane_y), near.plane_z)
    traces = [
        surface(m.f, m.x, m.y, opacity=0.75, name="f"),
        surface(
            plane,
            near.plane_x,
            near.plane_y,
            colorscale=[[0, SECOND], [1, SECOND]],
            opacity=0.55,
            hoverinfo="skip",
            name=T("tangent plane", "切平面"),
        ),
        thread(near.slice_f, MEASURED, T("slice", "截线")),
        thread(near.tangent, THEORY, T("tangent", "切线")),
    ]
    x, y = ((float(axis[0]), float(axis[-1])) for axis in (m.x, m.y))
    three = [([*ends, sum(ends) / 2], [number(v) for v in (*ends, sum(ends) / 2)]) for ends in (x, y)]
    solid = Panel(Axis("x", range=x, ticks=three[0]), Axis("y", range=y, ticks=three[1]), Axis("f", range=(low, high)))
    cut, panel, words = slice_of(r, 1)
    for part in cut:
        part["xaxis"], part["yaxis"] = "x2", "y2"
    about = T("orange: the tangent plane", "橙色：切平面")
    if r.touch.kind != "plane":
        about = T("orange: no tangent plane", "橙色：并非切平面")
        if not np.isfinite(near.plane_z).all():
            about = T("no tangent plane here", "此处没有切平面")
    words.append(Label(0.95 * float(near.t[-1]), words[1].y + 0.09 * (words[0].y - words[1].y), about, SECOND, "right", 1))
    slope = number(r.directional_derivative)
    return Figure(
        [*traces, *cut],
        [solid, panel],
        T(
            "The surface f with its tangent plane at {point}; the slice along v has slope {slope} there.",
            "曲面 f 及其在 {point} 处的切平面；沿 v 的截线在该处的斜率为 {slope}。",
            point=pair(r.point),
            slope=slope,
        ),
        words,
        facts=four(r),
        layout={"scene": {"aspectmode": "cube", "camera": {"eye": {"x": 1.35, "y": -1.5, "z": 0.9}}}},
    )


def rose_figure(r: Differentiated) -> Figure:
    """The slope in every direction: measured, and as the plane would have it."""
    touch = r.touch
    half_turn = np.r_[90:180, 0:91]  # from −180° to 180°
    turn = 2.0 * np.arange(-90, 91)
    seen, plane = touch.slope_by_angle[half_turn], touch.plane_by_angle[half_turn]
    low, high = spread(np.append(seen, plane), 0.4)
    heading = float(np.rad2deg(np.arctan2(r.direction[1], r.direction[0])))
    traces = [
        points(turn[::3], seen[::3], MEASURED, size=7, name=T("measured slope", "实测斜率")),
        line(turn, plane, THEORY, width=1.6, name="∇f·u"),
        line([-180, 180], [0, 0], MUTE, width=1, hoverinfo="skip"),
        points([heading], [r.directional_derivative], BRASS, size=10, name="v"),
    ]
    labels = [
        Label(-172, high - 0.05 * (high - low), T("points: measured", "点：实测"), MEASURED),
        Label(172, high - 0.05 * (high - low), T("line: ∇f·u", "线：∇f·u"), THEORY, "right"),
        Label(heading, r.directional_derivative + 0.1 * (high - low), "v", BRASS, "center")
        if np.isfinite(r.directional_derivative)
        else Label(0, low + 0.06 * (high - low), T("along v: no slope", "沿 v 没有斜率"), BRASS, "center"),
    ]
    if np.isfinite(r.direction_of_max).all():
        best = float(np.rad2deg(np.arctan2(r.direction_of_max[1], r.direction_of_max[0])))
        traces.append(line([best, best], [0, r.max_rate], SECOND, dash="dot", hoverinfo="skip"))
        way = degrees(r.direction_of_max)
        labels.append(
            Label(min(max(best, -130), 130), high - 0.16 * (high - low), T("steepest: {way}", "最陡：{way}", way=way), SECOND, "center")
        )
        if touch.kind == "plane":
            along = np.array([(best + 270) % 360, (best + 90) % 360]) - 180
            traces.append(points(along, [0, 0], SECOND, size=9, symbol="x", name=T("along the contour: 0", "沿等高线：0")))
    petals, panel, words = petals_of(r)
    return Figure(
        [*traces, *petals],
        [
            Panel(
                Axis(
                    T("direction u, degrees", "方向 u，度"),
                    range=(-180, 180),
                    ticks=([-180, -90, 0, 90, 180], ["−180", "−90", "0", "90", "180"]),
                ),
                Axis(T("slope Dᵤf", "斜率 Dᵤf"), range=(low, high)),
            ),
            panel,
        ],
        T(
            "The slope is greatest, {max_rate}, towards {direction_of_max}; along v it is {directional_derivative}.",
            "斜率在 {direction_of_max} 方向最大，为 {max_rate}；沿 v 为 {directional_derivative}。",
            max_rate=number(r.max_rate),
            direction_of_max=degrees(r.direction_of_max),
            directional_derivative=number(r.directional_derivative),
        ),
        [*labels, *words],
        facts=[
            (T("steepest slope |∇f|", "最陡斜率 |∇f|"), number(r.max_rate)),
            (T("towards", "方向"), degrees(r.direction_of_max)),
            (T("along v: Dᵥf", "沿 v：Dᵥf"), number(r.directional_derivative)),
            (T("∇f·v", "∇f·v"), number(r.by_gradient)),
        ],
    )


def petals_of(r: Differentiated) -> tuple[list[dict], Panel, list[Label]]:
    """The same as a rose: as far from the middle as it is steep that way, uphill and downhill apart."""
    angles, seen = r.touch.rose_angles, r.touch.slope_by_angle
    top = 1.25 * (float(np.nanmax(np.abs(seen), initial=0.0)) or 1.0)
    traces = []
    for sign, color, style in ((1, MEASURED, {"width": 2.4}), (-1, MUTE, {"dash": "dash"})):
        size = np.where(sign * seen >= 0, np.abs(seen), np.nan)
        traces.append(line(size * np.cos(angles), size * np.sin(angles), color, panel=1, hoverinfo="skip", **style))
    if np.isfinite(r.direction_of_max).all():
        traces.append(arrow(np.zeros(2), r.direction_of_max * r.max_rate, SECOND, panel=1))
    traces.append(
        line(*np.stack([-2 * top * r.direction, 2 * top * r.direction], 1), BRASS, dash="dot", width=1.4, panel=1, hoverinfo="skip")
    )
    slope = r.directional_derivative
    if np.isfinite(slope):
        traces.append(points([slope * r.direction[0]], [slope * r.direction[1]], BRASS, size=9, panel=1, hoverinfo="skip"))
    axes = Axis(T("slope × cos", "斜率 × cos"), range=(-top, top)), Axis(T("slope × sin", "斜率 × sin"), range=(-top, top), equal=True)
    labels = [
        Label(-0.96 * top, 0.92 * top, T("solid: uphill", "实线：上坡"), MEASURED, "left", 1),
        Label(-0.96 * top, -0.92 * top, T("dashed: downhill", "虚线：下坡"), INK_3, "left", 1),
    ]
    return traces, Panel(*axes, title=T("the same, as a rose", "同一条曲线，画成玫瑰")), labels


def partials_figure(r: Differentiated) -> Figure:
    """The partial derivatives as functions of x and y; at the point they are two numbers."""
    m, traces, labels = r.map, [], []
    for i, (z, value) in enumerate(zip((m.dx, m.dy), r.gradient, strict=True)):
        known = np.abs(z[np.isfinite(z)])
        top = (float(np.quantile(known, 0.98)) if known.size else 1.0) or 1.0
        traces.append(
            trace(
                "contour",
                panel=i,
                x=m.x,
                y=m.y,
                z=z,
                zmin=-top,
                zmax=top,
                colorscale=DIVERGING,
                showscale=False,
                autocontour=False,
                contours={"coloring": "heatmap", "start": 0, "end": 0, "size": 1},
                line={"color": THEORY, "width": 1.2},
                name=(T("∂f/∂x", "∂f/∂x"), T("∂f/∂y", "∂f/∂y"))[i],
                hovertemplate="(%{x:.3~g}, %{y:.3~g}): %{z:.4~g}<extra></extra>",
            )
        )
        traces.append(points(r.point[:1], r.point[1:], BRASS, size=9, panel=i, hoverinfo="skip"))
        up = r.point[1] + (0.13 if r.point[1] < m.y[50] else -0.13) * half(r)
        side = "left" if r.point[0] < m.x[20] else "right" if r.point[0] > m.x[40] else "center"
        labels.append(Label(float(r.point[0]), float(up), number(value), THEORY, side, i))
    shown = [ground(r, T("∂f/∂{name} as a function", "函数 ∂f/∂{name}", name=name)) for name in "xy"]
    dx, dy = number(r.gradient[0]), number(r.gradient[1])
    return Figure(
        traces,
        shown,
        T(
            "The partial derivatives over the map, zero on the black lines; at {point} they are {dx} and {dy}.",
            "地图上的两个偏导函数，黑线上为零；在 {point} 处的值为 {dx} 和 {dy}。",
            point=pair(r.point),
            dx=dx,
            dy=dy,
        ),
        labels,
        table=[
            [T("Which", "名称"), T("is", "是"), T("here", "此处")],
            [T("directional derivative Dᵥf(p)", "方向导数 Dᵥf(p)"), T("one number", "一个数"), number(r.directional_derivative)],
            [T("partial derivatives at p", "点 p 处的偏导数"), T("two numbers", "两个数"), f"{dx}; {dy}"],
            [T("∂f/∂x", "∂f/∂x"), T("a function", "一个函数"), r.symbolic_dx],
            [T("∂f/∂y", "∂f/∂y"), T("a function", "一个函数"), r.symbolic_dy],
            [
                T("gradient ∇f(p)", "梯度 ∇f(p)"),
                T("a vector", "一个向量"),
                T("{gradient}: {r}", "{gradient}:{r}", gradient=pair(r.gradient), r=vector(r)),
            ],
        ],
        handles=HANDLES[:1],
    )


def plane_figure(r: Differentiated) -> Figure:
    """Whether the gap to the tangent plane shrinks faster than the distance."""
    touch = r.touch
    gap = np.where(touch.largest > 0, touch.largest, np.nan)
    traces = [
        trace(
            "scatter",
            x=touch.radii,
            y=gap,
            mode="lines+markers",
            line={"color": MEASURED, "width": 2.4},
            marker={"color": MEASURED, "size": 8},
            name=T("largest gap / r", "最大差距 / r"),
        )
    ]
    turn = np.rad2deg(touch.angles)
    shown = touch.residual[[0, 2, 5]]
    low, high = spread(shown, 0.25)
    labels = []
    for k, (row, color, dash) in enumerate(zip((0, 2, 5), (FOURTH, THIRD, MEASURED), ("", "dash", "dot"), strict=True)):
        name = f"r = {touch.radii[row]:.0e}".replace("e-0", "e−")
        traces.append(line(turn, touch.residual[row], color, dash=dash, width=3.4 - 0.8 * k, panel=1, name=name))
        labels.append(Label(8 + 122 * k, high - 0.06 * (high - low), name.replace("r = ", "r ") if k else name, color, "left", 1))
    traces.append(line([0, 360], [0, 0], THEORY, width=1.2, panel=1, hoverinfo="skip"))
    labels.append(Label(352, low + 0.06 * (high - low), T("a plane that touches: 0", "相切的平面：0"), THEORY, "right", 1))
    known = gap[np.isfinite(gap)]
    ends = (float(known.min()) / 30, float(known.max()) * 30) if known.size else (1e-12, 1.0)
    middle = float(np.sqrt(touch.radii[0] * touch.radii[-1]))
    fate = T("falls to 0: it touches", "趋于 0：相切") if touch.kind == "plane" else T("does not fall to 0", "不趋于 0")
    if not np.isfinite(touch.residual).any():
        fate = T("there is no plane to compare with", "没有可比较的平面")
    labels.append(Label(middle, ends[1] / 4, fate, MEASURED, "center"))
    en, zh = touch.verdict
    return Figure(
        traces,
        [
            Panel(
                Axis(T("distance r from the point", "到该点的距离 r"), log=True),
                Axis(T("largest gap to the plane / r", "与平面的最大差距 / r"), log=True, range=ends),
                title=T("closer and closer", "越来越近"),
            ),
            Panel(
                Axis(T("direction, degrees", "方向，度"), range=(0, 360), ticks=([0, 90, 180, 270, 360], ["0", "90", "180", "270", "360"])),
                Axis(T("gap / r", "差距 / r"), range=(low, high)),
                title=T("in every direction", "在每个方向上"),
            ),
        ],
        T("{en}{en2}.", "{zh_}。", en=en[:1].upper(), en2=en[1:], zh_=zh),
        labels,
        facts=[
            (T("tangent plane", "切平面"), KINDS[touch.kind]),
            (T("∂f/∂x, ∂f/∂y at the point", "该点的 ∂f/∂x、∂f/∂y"), f"{number(r.gradient[0])}, {number(r.gradient[1])}"),
            (T("Dᵥf, measured", "Dᵥf，实测"), number(r.directional_derivative)),
            (T("∇f·v, if a plane touched", "∇f·v，若有切平面"), number(r.by_gradient)),
        ],
    )


def findings(r: Differentiated) -> list[T]:
    """What must not pass unsaid: no tangent plane, places without a value, what the basins showed."""
    said = [sentence(r)] if r.touch.kind != "plane" else []
    if r.map.undefined:
        (en, zh), share = r.map.why, f"{100 * r.map.undefined:.2g} %"
        said.append(T("On {share} of the map f has no value: {en}.", "地图上 {share} 的地方 f 没有值：{en}。", share=share, en=T(en, zh)))
    if r.basins is not None:
        en, zh = r.basins.finding
        said.append(T("{en}{en2}.", "{zh_}。", en=en[:1].upper(), en2=en[1:], zh_=zh))
    return said


HERE = ("f", "hole", "x", "y")
WINDOW = ("half_width", "center_x", "center_y")
ALONG = (*HERE, "vx", "vy", *WINDOW)
SETTINGS = ("method", *(f"rate_{name}" for name in descent.METHODS), "momentum", "beta1", "beta2")
HIMMELBLAU = "(x^2+y-11)^2 + (x+y^2-7)^2"

LAB = Lab(
    experiment=gradient,
    title=T("Gradient", "梯度"),
    words=T(
        "derivative, partial derivative, directional derivative, slope, contour, steepest ascent, nabla, differentiable, finite differences, automatic differentiation, autograd",
        "导数、偏导数、方向导数、微分、等高线、最速上升、可微、数值微分、自动微分",
    ),
    claim=T(
        "At every place of a landscape one arrow knows the slope in all directions: it points the steepest way up, and its "
        "length is that slope.",
        "在地形的每一点，一支箭头就知道所有方向的坡度：它指向最陡的上坡方向，它的长度就是那个坡度。",
    ),
    order=1,
    views=[
        View(T("Which way is up?", "往哪边最陡？"), map_figure, kind="exact", uses=ALONG),
        View(T("How does it lie?", "曲面什么样？"), surface_figure, kind="exact", uses=ALONG, more=True),
        View(T("How steep each way?", "各方向有多陡？"), rose_figure, uses=ALONG),
        View(T("Number or function?", "是数还是函数？"), partials_figure, kind="exact", uses=ALONG),
        View(T("Does a plane touch?", "有切平面吗？"), plane_figure, uses=ALONG),
        View(T("Who is down first?", "谁先到谷底？"), race_figure, uses=(*HERE, "steps", *SETTINGS, *WINDOW)),
        View(T("Where do starts end?", "起点终于何处？"), basins_figure, uses=("f", "starts", "steps", *SETTINGS, *WINDOW)),
        View(T("How exact is it?", "算得有多准？"), machine_figure, more=True, uses=(*HERE, "vx", "vy", "h")),
        View(T("How does autograd work?", "自动求导怎样做？"), backward_figure, kind="exact", uses=HERE, more=True),
    ],
    presets=[
        Preset(T("Hills", "丘陵"), {}, view=0),
        Preset(T("Worked example", "课本例题"), {"f": "x^2+y^2", "x": 1, "y": 2, "vx": 3, "vy": 4, "half_width": 5}, view=0),
        Preset(T("Monkey saddle", "猴鞍面"), {"f": "x^3 - 3x y^2", "x": 0.8, "y": 0.6, "half_width": 2}, view=2),
        Preset(
            T("No tangent plane", "没有切平面"),
            {"f": "x^2 y/(x^2+y^2)", "hole": "zero", "x": 0, "y": 0, "vx": 0.6, "vy": 0.6, "half_width": 1},
            view=4,
        ),
        Preset(
            T("Rosenbrock", "Rosenbrock"),
            {
                "f": "(1-x)^2 + 100(y-x^2)^2",
                "x": -1.2,
                "y": 1,
                "half_width": 2,
                "rate_gd": 0.001,
                "rate_momentum": 0.0005,
                "rate_nesterov": 0.0005,
                "steps": 200,
            },
            view=5,
        ),
        Preset(
            T("Newton's basins", "牛顿法的吸引域"),
            {"f": HIMMELBLAU, "x": -1, "y": 1.5, "half_width": 5, "rate_gd": 0.01, "starts": 250_000, "method": "newton", "steps": 40},
            view=6,
        ),
    ],
    sources=[at_point, derivatives, descent],
    findings=findings,
)
