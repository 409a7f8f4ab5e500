"""The gradient on a page: which way is up, and the four things that are easily taken for one another."""

from __future__ import annotations

from engine.calculus.gradient import at_point, derivatives, descent, gradient
from engine.calculus.gradient.parameters import METHODS
from pages.calculus.gradient.descents import backward_figure, basins_figure, machine_figure, race_figure
from pages.calculus.gradient.lesson import LESSON
from pages.calculus.gradient.slopes import map_figure, partials_figure, plane_figure, rose_figure, surface_figure
from pages.shell import Lab, Preset, T, View

HERE = ("f", "hole", "x", "y")
WINDOW = ("half_width", "center_x", "center_y")
ALONG = (*HERE, "vx", "vy", *WINDOW)
SETTINGS = ("method", *(f"rate_{name}" for name in METHODS), "momentum", "beta1", "beta2")
HIMMELBLAU = "(x^2+y-11)^2 + (x+y^2-7)^2"
NO_PLANE = {"f": "x^2 y/(x^2+y^2)", "hole": "zero", "x": 0, "y": 0, "vx": 0.6, "vy": 0.6, "half_width": 1}
ROSENBROCK = {"f": "(1-x)^2 + 100(y-x^2)^2", "x": -1.2, "y": 1, "half_width": 2, "steps": 200}
SMALL_STEPS = {"rate_gd": 0.001, "rate_momentum": 0.0005, "rate_nesterov": 0.0005}
BASINS = {"f": HIMMELBLAU, "x": -1, "y": 1.5, "half_width": 5, "rate_gd": 0.01, "starts": 19_600, "method": "newton", "steps": 40}

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
        View(T("Which way is up?", "往哪边最陡？"), map_figure, "exact", uses=ALONG, topics=("point", "map")),
        View(T("How steep each way?", "各方向有多陡？"), rose_figure, uses=ALONG, topics=("point",)),
        View(T("Number or function?", "是数还是函数？"), partials_figure, "exact", uses=ALONG, topics=("point", "map")),
        View(T("Does a plane touch?", "有切平面吗？"), plane_figure, uses=ALONG, topics=("point",)),
        View(T("Who is down first?", "谁先到谷底？"), race_figure, uses=(*HERE, "steps", *SETTINGS, *WINDOW), topics=("map",)),
        View(
            T("Where do starts end?", "起点终于何处？"),
            basins_figure,
            uses=("f", "starts", "steps", *SETTINGS, *WINDOW),
            topics=("basins",),
        ),
        View(T("How does it lie?", "曲面什么样？"), surface_figure, "exact", uses=ALONG, topics=("point", "map"), more=True),
        View(T("How exact is it?", "算得有多准？"), machine_figure, uses=(*HERE, "vx", "vy", "h"), topics=("point",), more=True),
        View(T("How does autograd work?", "自动求导怎样做？"), backward_figure, "exact", uses=HERE, topics=("point",), more=True),
    ],
    lesson=LESSON,
    presets=[
        Preset(T("Hills", "丘陵"), {}, view=0),
        Preset(T("Worked example", "课本例题"), {"f": "x^2+y^2", "x": 1, "y": 2, "vx": 3, "vy": 4, "half_width": 5}, view=0),
        Preset(T("Monkey saddle", "猴鞍面"), {"f": "x^3 - 3x y^2", "x": 0.8, "y": 0.6, "half_width": 2}, view=1),
        Preset(T("No tangent plane", "没有切平面"), NO_PLANE, view=3),
        Preset(T("Rosenbrock", "Rosenbrock"), ROSENBROCK | SMALL_STEPS, view=4),
        Preset(T("Newton's basins", "牛顿法的吸引域"), BASINS, view=5),
    ],
    sources=[at_point, derivatives, descent],
)
