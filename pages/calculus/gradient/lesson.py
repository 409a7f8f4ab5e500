"""The lesson of the gradient: one arrow for all slopes, descents that miss, and a step that is too small."""

from __future__ import annotations

import numpy as np

from engine.calculus.gradient import Differentiated
from pages.shell import Choice, Curve, Step, T

MAP, ROSE, PLANE, RACE, EXACT = 0, 1, 3, 4, 7
PARABOLOID = {"f": "x^2+y^2", "x": 1, "y": 2, "vx": 3, "vy": 4, "half_width": 5}
NO_PLANE = {"f": "x^2 y/(x^2+y^2)", "hole": "zero", "x": 0, "y": 0, "vx": 0.6, "vy": 0.6, "half_width": 1}


def slopes(r: Differentiated) -> tuple[np.ndarray, np.ndarray]:
    """The slope over the direction in degrees, from −180 to 180."""
    half_turn = np.r_[90:180, 0:91]
    return 2.0 * np.arange(-90, 91), r.touch.slope_by_angle[half_turn]


def errors(r: Differentiated) -> tuple[np.ndarray, np.ndarray]:
    """The central difference's error over its step."""
    return r.error_curve.h, r.error_curve.central


LESSON = [
    Step(
        T(
            "A landscape from above, and an arrow at one place: the gradient. It points the steepest way up, square to the contour. "
            "Move the point, and watch the arrow turn.",
            "从上方看一片地形，某一点上有一支箭头：梯度。它指向最陡的上坡，与等高线垂直。移动这个点，看箭头怎样转。",
        ),
        view=MAP,
        control="x",
    ),
    Step(
        lambda p: T(
            "On f = x² + y² stand at ({x:number}, {y:number}). Turn about: 0° looks along x, 90° along y. Each direction has its slope.",
            "在 f = x² + y² 上站在（{x:number}，{y:number}）。转一圈：0° 朝 x 方向，90° 朝 y 方向。每个方向都有一个坡度。",
            x=p.x,
            y=p.y,
        ),
        params=PARABOLOID,
        view=ROSE,
        only=0,
        predict=Curve(
            T("Draw the slope over the direction.", "画出坡度随方向的变化。"),
            slopes,
            lambda r: T(
                "Many draw a narrow peak at the steepest way. It is a cosine: {angle:number} degrees off the arrow still climbs half as steeply, and "
                "exactly square to it, along the contour, there is no slope at all.",
                "不少人在最陡处画一个尖峰。其实是余弦：偏离箭头 {angle:number} 度，坡度仍有一半；恰好与它垂直、沿着等高线，坡度为零。",
                angle=60,
            ),
            x=(-180, 180),
            y=(-7, 7),
        ),
    ),
    Step(
        T(
            "Another surface, at a point where you can walk off in every direction and find a definite slope. No direction is missing.",
            "换一个曲面。在这一点，朝任何方向走都有确定的坡度，一个也不缺。",
        ),
        params=NO_PLANE,
        view=PLANE,
        predict=Choice(
            T("Does a plane touch the surface there?", "那里有切平面吗？"),
            lambda r: ("plane", "no-plane").index(r.touch.kind),
            lambda r: T(
                "Slopes in all directions sound like enough. But a plane allows only a cosine of them; these follow another curve, so no arrow "
                "can stand for them all.",
                "各个方向都有坡度，听起来已经足够。但平面只容许余弦那样的坡度；这里的坡度是另一条曲线，没有一支箭头能代表全部。",
            ),
            options=[
                T("yes: every slope exists", "有：每个坡度都存在"),
                T("no: they need not fit together", "没有：它们未必凑得成一个平面"),
            ],
        ),
    ),
    Step(
        T(
            "A machine can measure a slope: step h forward, step h back, divide the difference. It calculates with sixteen digits. "
            "Make h smaller and smaller.",
            "机器可以量坡度：向前一步 h，向后一步 h，差除以距离。它用十六位数字计算。让 h 越来越小。",
        ),
        view=EXACT,
        predict=Curve(
            T("Draw the error over the step h.", "画出误差随步长 h 的变化。"),
            errors,
            lambda r: T(
                "School says: let h go to 0. But two nearly equal numbers cancel, and what is left is rounding, divided by a tiny h. "
                "The best step is about {best:number.1}.",
                "课本说让 h 趋于 0。可是两个几乎相等的数一减，剩下的只有舍入误差，还要除以极小的 h。最好的步长约为 {best:number.1}。",
                best=r.error_curve.best_h,
            ),
            x=(1e-15, 1),
            y=(1e-18, 1e2),
        ),
    ),
    Step(
        T(
            "Going down, the arrow knows only the place it stands on. Seven methods start from the same point; each uses the arrow differently. "
            "Turn gradient descent's rate, and see when it is first and when it flies off.",
            "下坡时，箭头只知道脚下这一点。七种方法从同一点出发，各自以不同方式使用箭头。转动梯度下降的学习率，看它何时领先，何时飞走。",
        ),
        view=RACE,
        control="rate_gd",
    ),
]
