"""What a quadratic form is asked: where f comes from, how one walks down it, and which plane of it is drawn."""

from __future__ import annotations

from typing import Literal

from engine.core import Field, Params, T

LONGEST_POLYNOMIAL = 4000  # characters
METHODS = {
    "steepest": T("Steepest descent", "最速下降法"),
    "fixed": T("Fixed step", "固定步长"),
    "momentum": T("Momentum", "动量法"),
    "conjugate": T("Conjugate gradients", "共轭梯度法"),
    "newton": T("Newton", "牛顿法"),
}
TYPED, DRAWN = {"given": ["typed"]}, {"given": ["drawn"]}
MATRIX = TYPED | {"polynomial": [""]}
ONE_BY_ONE = {"slice_axes": ["coordinates", "eigenvectors"]}


class QuadraticForm(Params):
    """f(x) = ½xᵀAx − bᵀx + c in 1 to 50 dimensions: its definiteness, its stationary points, five methods' descent.

    A typed polynomial wins over the matrix, b and c. Only the symmetric part of a typed matrix counts.
    """

    given: Literal["typed", "drawn"] = Field(
        "typed",
        title=T("Where f comes from", "f 的来源"),
        labels={"typed": T("typed in", "键入"), "drawn": T("drawn with a spectrum", "按谱随机生成")},
    )
    polynomial: str = Field(
        "",
        title=T("Polynomial", "多项式"),
        max_length=LONGEST_POLYNOMIAL,
        control="text",
        when=TYPED,
        help=T("in x, y, z… or x1, x2…; empty: the matrix below counts", "用 x、y、z……或 x1、x2……；留空则用下面的矩阵"),
    )
    matrix: str = Field(
        "2,1;1,3",
        title=T("Matrix A", "矩阵 A"),
        max_length=60_000,
        control="matrix",
        when=MATRIX,
        help=T("rows end with ; and entries with ,", "行之间用分号，数之间用逗号"),
    )
    b: str = Field(
        "1",
        title=T("Vector b", "向量 b"),
        max_length=2_000,
        control="text",
        when=MATRIX,
        help=T("one number stands for every entry", "只写一个数则各分量都取它"),
    )
    c: float = Field(0.0, ge=-1e6, le=1e6, title=T("Constant c", "常数 c"), control="number", when=MATRIX)
    dimension: int = Field(20, ge=1, le=50, title=T("Dimensions n", "维数 n"), when=DRAWN)
    kappa: float = Field(100.0, ge=1, le=1e6, title=T("Largest over smallest |λ|", "最大与最小 |λ| 之比"), when=DRAWN)
    spread: Literal["logarithmic", "even", "clusters"] = Field(
        "logarithmic",
        title=T("Spread of the eigenvalues", "特征值的分布"),
        when=DRAWN,
        labels={
            "logarithmic": T("logarithmic steps", "按对数等距"),
            "even": T("even steps", "等距"),
            "clusters": T("two clusters", "两簇"),
        },
    )
    negative: int = Field(0, ge=0, le=50, title=T("Negative eigenvalues", "负特征值的个数"), when=DRAWN)
    null: int = Field(0, ge=0, le=50, title=T("Zero eigenvalues", "零特征值的个数"), when=DRAWN)
    solvable: bool = Field(True, title=T("Ax = b has a solution", "Ax = b 有解"), when=DRAWN)
    seed: int = Field(0, ge=0, le=2**31 - 1, title=T("Seed", "随机种子"), control="seed", when=DRAWN)
    method: Literal["steepest", "fixed", "momentum", "conjugate", "newton"] = Field("steepest", title=T("Method", "方法"), labels=METHODS)
    alpha: float = Field(0.3, ge=1e-6, le=100, title=T("Step length α", "步长 α"))
    beta: float = Field(0.5, ge=0, le=1, title=T("Momentum β", "动量 β"))
    start: str = Field(
        "-2,2",
        title=T("Start x₀", "起点 x₀"),
        max_length=2_000,
        control="text",
        when={"start_at": ["point"]},
        help=T("numbers too few are filled with 0, too many left out", "个数不足补 0，多出的不用"),
    )
    start_at: Literal["point", "worst"] = Field(
        "point",
        title=T("Start from", "起点的选法"),
        labels={"point": T("the point given", "给定的点"), "worst": T("the worst point for steepest descent", "最速下降法最坏的点")},
    )
    steps: int = Field(60, ge=1, le=500, title=T("Steps at most", "最多步数"))
    tolerance: float = Field(
        1e-10, ge=1e-15, le=0.1, title=T("Gradient counts as zero at", "梯度视为零的界限"), unit=T("of its start", "（相对起点）")
    )
    slice_axes: Literal["coordinates", "eigenvectors", "extremes"] = Field(
        "coordinates",
        title=T("Slice spanned by", "切片由何张成"),
        labels={
            "coordinates": T("two coordinates", "两条坐标轴"),
            "eigenvectors": T("two eigenvectors", "两个特征向量"),
            "extremes": T("least and greatest eigenvectors", "最小与最大特征值的特征向量"),
        },
    )
    first_axis: int = Field(1, ge=1, le=50, title=T("First axis", "第一轴"), when=ONE_BY_ONE)
    second_axis: int = Field(2, ge=1, le=50, title=T("Second axis", "第二轴"), when=ONE_BY_ONE)
    morph: float = Field(0.0, ge=0, le=1, title=T("From A (0) to D (1)", "从 A(0)到 D(1)"), control="hidden")
