"""The quadratic form on a page: five ways down, its shape, its definiteness, and each method's theory."""

from __future__ import annotations

from engine.calculus.quadratic_form import definiteness, descent, morph, quadratic_form, rates
from engine.calculus.quadratic_form.result import NAMES
from pages.calculus.quadratic_form.lesson import LESSON
from pages.calculus.quadratic_form.methods import momentum_figure, polynomial_figure, race_figure, zigzag_figure
from pages.calculus.quadratic_form.shapes import definite_figure, morph_figure, shape_figure
from pages.shell import Lab, Preset, T, View

FORM = ["given", "polynomial", "matrix", "b", "c", "dimension", "kappa", "spread", "negative", "null", "solvable", "seed"]
RUN = [*FORM, "start", "start_at", "steps", "tolerance"]
SLICE = ["slice_axes", "first_axis", "second_axis"]
PACE = ["alpha", "beta"]
HILBERT = ";".join(",".join(f"1/{i + j + 1}" for j in range(10)) for i in range(10))

LAB = Lab(
    experiment=quadratic_form,
    lesson=LESSON,
    needs=("gradient",),
    title=T("Quadratic form", "二次型"),
    words=T(
        "Newton's method, newton, gradient descent, conjugate gradients, CG, eigenvalue, eigenvector, condition number, Hessian, positive definite, saddle point, momentum, optimizer, line search, ellipse",
        "牛顿法、梯度下降、共轭梯度、特征值、特征向量、条件数、黑塞矩阵、正定、鞍点、动量、优化器、最优化",
    ),
    claim=T(
        "A symmetric matrix is a landscape: its eigenvalues say whether it is a bowl, and how slowly one walks to the bottom.",
        "对称矩阵就是一片地形：特征值说明它是不是一只碗，也说明走到碗底有多慢。",
    ),
    order=2,
    views=[
        View(T("Which way down?", "怎样下到谷底？"), race_figure, uses=[*RUN, "method", *PACE, *SLICE], topics=("form", "way")),
        View(T("Bowl or saddle?", "是碗还是鞍？"), shape_figure, "exact", uses=[*RUN, *PACE, *SLICE], topics=("form",)),
        View(T("Positive definite?", "正定吗？"), definite_figure, "exact", uses=FORM, topics=("form",)),
        View(T("Why zig-zag?", "为何走之字？"), zigzag_figure, uses=[*RUN, *PACE, *SLICE], topics=("line search",)),
        View(T("Why momentum?", "为何要动量？"), momentum_figure, uses=[*RUN, *PACE], topics=("momentum",)),
        View(T("Why n steps?", "为何 n 步就到？"), polynomial_figure, uses=RUN, topics=("conjugate",)),
        View(T("In the right axes?", "换到合适的轴？"), morph_figure, "exact", uses=[*FORM, *SLICE], topics=("form",), more=True),
    ],
    presets=[
        Preset(T("A bowl", "一只碗"), {}, view=0),
        Preset(T("Zig-zag", "之字形"), {"matrix": "1,0;0,10", "b": "0", "start_at": "worst"}, view=3),
        Preset(T("Over the edge", "越过界限"), {"alpha": 0.6, "beta": 0.0}, view=4),
        Preset(T("A typed saddle", "键入的鞍"), {"polynomial": "x^2 + 4x*y + y^2 - x"}, view=1),
        Preset(T("A line of minimisers", "一线极小点"), {"matrix": "1,2;2,4", "b": "1,2"}, view=1),
        Preset(T("No minimiser", "没有极小点"), {"matrix": "1,2;2,4", "b": "1,1"}, view=1),
        Preset(T("Minors are blind", "主子式看不见"), {"matrix": "0,0;0,-1", "b": "0"}, view=2),
        Preset(T("Hilbert’s matrix", "希尔伯特矩阵"), {"matrix": HILBERT, "method": "conjugate"}, view=5),
    ],
    sources=[descent, definiteness.factor, definiteness.find_minors, rates.rate_momentum, morph.turn],
    sample=lambda a: T("n = {n}", "n = {n}", n=len(a.form.b)),
    fit=lambda a: NAMES[a.spectrum.judgement.verdict],
)
