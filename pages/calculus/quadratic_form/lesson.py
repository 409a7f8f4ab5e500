"""The lesson of the quadratic form: a bowl that is none, a valley that one crosses for ever, and n steps that suffice."""

from __future__ import annotations

import numpy as np

from engine.calculus.quadratic_form.result import Analysed
from pages.shell import Choice, Curve, Number, Step, T

RACE, SHAPE, ZIGZAG, MOMENTUM, CONJUGATE = 0, 1, 3, 4, 5
VALLEY = {"matrix": "1,0;0,100", "b": "0", "start_at": "worst", "steps": 40}
KINDS = ("minimum", "flat of minima", "saddle")
THREE = "1,0,0,0,0,0;0,1,0,0,0,0;0,0,1,0,0,0;0,0,0,4,0,0;0,0,0,0,4,0;0,0,0,0,0,9"


def left(a: Analysed) -> tuple[np.ndarray, np.ndarray]:
    """What steepest descent has left of the height after each step."""
    observed = a.line_search.observed if a.line_search is not None else np.full(1, np.nan)
    return np.arange(len(observed)), observed


def steps_of(a: Analysed, method: str) -> int:
    return len(a.descents.runs[method].value) - 1


LESSON = [
    Step(
        T(
            "A quadratic form is the simplest landscape: one symmetric matrix. Here every coefficient is positive.",
            "二次型是最简单的地形：只由一个对称矩阵决定。这里的系数全是正的。",
        ),
        params={"polynomial": "x^2 + 4x*y + y^2"},
        view=SHAPE,
        predict=Choice(
            T("What does it look like?", "它是什么形状？"),
            lambda a: KINDS.index(a.stationary.kind),
            lambda a: T(
                "Positive coefficients promise nothing: across the diagonal the mixed term wins, and f falls. "
                "The least eigenvalue says so: {least:number.3}.",
                "系数为正并不能保证什么：沿另一条对角线，交叉项占了上风，f 往下走。最小特征值说明了这一点：{least:number.3}。",
                least=float(a.spectrum.eigenvalues[0]),
            ),
            options=[
                T("a bowl: up in every direction", "一只碗：朝哪个方向都往上"),
                T("a trough: level along one line", "一条槽：沿一条直线是平的"),
                T("a saddle: up one way, down another", "一个鞍：一个方向往上，另一个方向往下"),
            ],
        ),
    ),
    Step(
        T(
            "Now a bowl, but a long one: a hundred times as steep across as along. From this start each step goes straight down, as far as it "
            "pays.",
            "换成一只碗，不过很狭长：横向的弯曲是纵向的一百倍。从这个起点出发，每一步都沿最陡方向，走到不能再降为止。",
        ),
        params=VALLEY,
        view=ZIGZAG,
        predict=Curve(
            T("Draw how much of the height is left after each step.", "请画出每一步之后还剩多少高度。"),
            left,
            lambda a: T(
                "Steepest is not straight to the bottom: each step runs across the valley and leaves {rate:percent} of the height, for ever.",
                "最陡的方向并不指向谷底：每一步都横穿山谷，只降到原来的 {rate:percent}，步步如此。",
                rate=a.line_search.rate if a.line_search is not None else float("nan"),
            ),
            share=True,
            panel=0,
            x=(-1, 41),
            y=(0.1, 1),
        ),
        only=1,
    ),
    Step(
        T(
            "Look at the way from above: each move is perpendicular to the one before, because each goes on until it no longer pays.",
            "从上方看这条路：每一段都与前一段垂直，因为每一步都走到不能再降才停。",
        ),
        params=VALLEY,
        view=ZIGZAG,
    ),
    Step(
        T(
            "Six dimensions, but only three different curvatures. Conjugate gradients never spoil what an earlier step has done.",
            "六个维度，但只有三种不同的曲率。共轭梯度法从不破坏之前各步的成果。",
        ),
        params={"matrix": THREE, "b": "1", "start": "0"},
        view=CONJUGATE,
        predict=Number(
            T("After how many steps does it stand at the bottom?", "几步就能走到谷底？"),
            lambda a: steps_of(a, "conjugate"),
            lambda a: T(
                "{steps:count}, not {n:count}: it needs a step for each different eigenvalue, as a polynomial needs a root for each.",
                "{steps:count} 步，而不是 {n:count} 步：每个不同的特征值只需一步，正如多项式在每个特征值处只需一个根。",
                steps=steps_of(a, "conjugate"),
                n=len(a.form.b),
            ),
            between=(1, 12),
            whole=True,
        ),
    ),
    Step(
        T(
            "Five methods start at one place of a round, easy bowl, until the gradient is gone.",
            "五种方法从同一点出发，走下同一只接近圆形的碗，直到梯度消失。",
        ),
        params={},
        view=RACE,
        predict=Choice(
            T("Which needs the fewest steps?", "哪一种用的步数最少？"),
            lambda a: int(np.argmin([steps_of(a, method) for method in ("steepest", "momentum", "conjugate", "newton")])),
            lambda a: T(
                "Newton's step solves Ax = b, so one is enough for any quadratic; its price is that it must know and solve the whole matrix.",
                "牛顿法的一步就是解 Ax = b，所以对任何二次型一步就够；代价是要知道并求解整个矩阵。",
            ),
            options=[
                T("steepest descent", "最速下降法"),
                T("momentum", "动量法"),
                T("conjugate gradients", "共轭梯度法"),
                T("Newton’s method", "牛顿法"),
            ],
        ),
    ),
    Step(
        T(
            "Turn the momentum. Without it the fixed step crawls along the valley; with too much of it the ball swings past the bottom.",
            "转动动量。没有动量时，固定步长沿山谷慢慢爬行；动量太大，小球又会荡过谷底。",
        ),
        params={"matrix": "1,0;0,10", "b": "0", "alpha": 0.1},
        view=MOMENTUM,
        control="beta",
    ),
]
