"""What is found of a quadratic form: the form itself, three tests of it, its stationary points, five descents, a slice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from engine.core import Finding, T

NAMES = {
    "positive definite": T("positive definite", "正定"),
    "positive semidefinite": T("positive semidefinite", "半正定"),
    "negative definite": T("negative definite", "负定"),
    "negative semidefinite": T("negative semidefinite", "半负定"),
    "indefinite": T("indefinite", "不定"),
    "zero": T("the zero matrix", "零矩阵"),
    "undecided": T("undecided", "无法判定"),
}
KINDS = {
    "minimum": T("minimum", "极小点"),
    "maximum": T("maximum", "极大点"),
    "saddle": T("saddle", "鞍点"),
    "flat of minima": T("flat of minima", "一整片极小点"),
    "flat of maxima": T("flat of maxima", "一整片极大点"),
    "flat of saddles": T("flat of saddles", "一整片鞍点"),
    "constant": T("constant", "处处驻点"),
    "none": T("no stationary point", "没有驻点"),
}


@dataclass(frozen=True)
class Form:
    """f(x) = ½xᵀMx − bᵀx + c and its symmetric matrix A = ½(M + Mᵀ), which gives the same values.

    given: M as it came in. a: A, symmetric to the last bit. names: of the n variables.
    """

    given: Float[ndarray, "n n"]
    a: Float[ndarray, "n n"]
    b: Float[ndarray, " n"]
    c: float
    names: tuple[str, ...]

    def value(self, points: Float[ndarray, "... n"]) -> Float[ndarray, " ..."]:
        """f at each row of `points`."""
        return 0.5 * np.sum((points @ self.a) * points, axis=-1) - points @ self.b + self.c


@dataclass(frozen=True)
class Judgement:
    """What one test says of the matrix: `verdict` is a key of `NAMES`; what it saw; what it can decide at all."""

    verdict: str
    sentence: T
    reach: T


@dataclass(frozen=True)
class Spectrum:
    """A = V diag(λ) Vᵀ. eigenvalues: ascending. eigenvectors: v_i in column i. tolerance: τ, within which an eigenvalue
    counts as zero. condition_number: max|λ|/min|λ|, infinite where some λ counts as zero."""

    eigenvalues: Float[ndarray, " n"]
    eigenvectors: Float[ndarray, "n n"]
    tolerance: float
    condition_number: float
    judgement: Judgement

    @property
    def null(self) -> Bool[ndarray, " n"]:
        """Mask of the eigenvalues that count as zero."""
        return np.abs(self.eigenvalues) <= self.tolerance

    @property
    def kept(self) -> Float[ndarray, " k"]:
        """The eigenvalues that do not count as zero."""
        return self.eigenvalues[~self.null]


@dataclass(frozen=True)
class Minors:
    """Leading minors Δ_k = det A[:k, :k] for k = 1 … n.

    values: cut to ±1e300. sign: −1, 0, 1, where 0 means that the block is singular within τ. log10: of |Δ_k|, NaN where
    the sign is 0. Where the leading minors leave it undecided and n ≤ 4, all principal minors follow: `subsets` (rows
    kept, counted from 1), their values and signs, and the verdict that they reach; otherwise these are None.
    """

    values: Float[ndarray, " n"]
    sign: Int[ndarray, " n"]
    log10: Float[ndarray, " n"]
    judgement: Judgement
    subsets: tuple[str, ...] | None = None
    principal_values: Float[ndarray, " s"] | None = None
    principal_sign: Int[ndarray, " s"] | None = None
    principal_judgement: Judgement | None = None


@dataclass(frozen=True)
class Cholesky:
    """A = L·Lᵀ row by row, without pivoting, as far as it goes; of −A where a₁₁ < 0.

    pivots: of A, NaN past the breakdown. factor: L, None where it breaks down. sign: −1 where −A was factored. broke_at:
    the row, from 1, whose pivot is not positive. witness: z with zᵀAz equal to that pivot.
    """

    pivots: Float[ndarray, " n"]
    factor: Float[ndarray, "n n"] | None
    sign: int
    broke_at: int | None
    witness: Float[ndarray, " n"] | None
    judgement: Judgement


@dataclass(frozen=True)
class Stationary:
    """The solutions of Ax = b.

    kind: a key of `KINDS`. point: the solution of least norm A⁺b, None where there is none. value: f there. directions:
    orthonormal, the flat point + span(directions) of all solutions; d = 0 for one point. residual: ‖A·A⁺b − b‖, the part
    of b that A cannot reach. residual_allowed: what rounding explains.
    """

    kind: str
    sentence: T
    point: Float[ndarray, " n"] | None
    value: float | None
    directions: Float[ndarray, "d n"]
    residual: float
    residual_allowed: float


@dataclass(frozen=True)
class Escape:
    """A way on which f falls without end: f(origin + t·direction) = value at 0 + slope·t + ½·curvature·t², of a unit
    direction. t, value: that curve."""

    origin: Float[ndarray, " n"]
    direction: Float[ndarray, " n"]
    slope: float
    curvature: float
    t: Float[ndarray, " 81"]
    value: Float[ndarray, " 81"]
    sentence: T


@dataclass(frozen=True)
class Run:
    """One method's way: its points from the start on, m steps later at the last of them.

    status: "converged" (gradient below tolerance), "stopped" (the allowed steps are used up), "diverged" (the gradient
    grew 1e8-fold), "unbounded" (the line searched falls without end), "no solution" (Newton's equation has none).
    iterations: steps to the tolerance, None unless converged. lengths: of the steps, in units of the direction taken.
    value: f. gap: f − f*, NaN where f has no minimum. gradient_norm: ‖Ax − b‖. error_norm: distance to the nearest
    stationary point, NaN where there is none. recurred_norm: conjugate gradients' own residual, which it updates and
    never recomputes; None for the others.
    """

    status: str
    iterations: int | None
    sentence: T
    points: Float[ndarray, "m+1 n"]
    lengths: Float[ndarray, " m"]
    value: Float[ndarray, " m+1"]
    gap: Float[ndarray, " m+1"]
    gradient_norm: Float[ndarray, " m+1"]
    error_norm: Float[ndarray, " m+1"]
    recurred_norm: Float[ndarray, " m+1"] | None


@dataclass(frozen=True)
class Descents:
    """Five methods from one start. start_at, alpha, beta, method: as asked for. runs: by method."""

    start: Float[ndarray, " n"]
    start_at: str
    alpha: float
    beta: float
    method: str
    runs: dict[str, Run]


@dataclass(frozen=True)
class ExactLineSearch:
    """Steepest descent against Kantorovich's bound; only where f has a minimum.

    kappa: λ_n/λ₁. rate: ((κ−1)/(κ+1))², the most that can be left of f − f* after a step. bound: rateᵏ. observed:
    (f_k − f*)/(f_0 − f*). step_ratio: (f_{k+1} − f*)/(f_k − f*), NaN where it would be rounding only. cosine: of the
    angle between one move and the next: 0, for the line search ends where the next gradient is perpendicular.
    """

    kappa: float
    rate: float
    bound: Float[ndarray, " m+1"]
    observed: Float[ndarray, " m+1"]
    step_ratio: Float[ndarray, " m"]
    cosine: Float[ndarray, " m-1"]
    sentence: T


@dataclass(frozen=True)
class FixedStep:
    """A step length α for good: the error along v_i shrinks by |1 − αλ_i| a step.

    edge: 2/λ_n, where it stops converging; best: 2/(λ₁ + λ_n), with best_rate (κ−1)/(κ+1); None where some λ_i < 0 (no α
    converges) or A = 0. here: max_i |1 − αλ_i| at the α given. converges: whether here < 1. promise: hereᵏ, of which the
    error over that at the start stays below.
    """

    edge: float | None
    best: float | None
    best_rate: float | None
    here: float
    converges: bool
    promise: Float[ndarray, " m+1"]
    sentence: T


@dataclass(frozen=True)
class MomentumPlane:
    """Spectral radius of the heavy-ball iteration over (α, β), in rows of β; at β = 0 it is the fixed step's rate.

    best_alpha, best_beta, best_rate: Polyak's (2/(√λ₁+√λ_n))², ((√κ−1)/(√κ+1))² and √best_beta, None where some λ_i < 0
    or A = 0. edge: 2(1+β)/λ_n for each β, NaN where λ_n ≤ 0. here, direction_rate, oscillates, converges: at the α, β
    given; a direction oscillates where its pair of roots is complex. promise: hereᵏ: what the error falls like in the end.
    """

    alpha: Float[ndarray, " 51"]
    beta: Float[ndarray, " 51"]
    rate: Float[ndarray, "51 51"]
    edge: Float[ndarray, " 51"]
    best_alpha: float | None
    best_beta: float | None
    best_rate: float | None
    here: float
    direction_rate: Float[ndarray, " n"]
    oscillates: Bool[ndarray, " n"]
    converges: bool
    promise: Float[ndarray, " m+1"]
    sentence: T


@dataclass(frozen=True)
class ConjugatePolynomials:
    """What conjugate gradients do to each eigenvalue's share of the residual: r_k = p_k(A)·r₀, p_k(0) = 1, k ≤ n.

    lam: 0 to a little past λ_n (from below λ₁ where that is negative). bound: 2((√κ−1)/(√κ+1))ᵏ for ‖e_k‖_A/‖e_0‖_A,
    with observed beside it, None where f has no minimum. distinct: the number of clearly different non-zero eigenvalues,
    the steps that exact arithmetic would need at most.
    """

    lam: Float[ndarray, " 121"]
    values: Float[ndarray, "k+1 121"]
    at_eigenvalues: Float[ndarray, "k+1 n"]
    bound: Float[ndarray, " m+1"] | None
    observed: Float[ndarray, " m+1"] | None
    distinct: int
    sentence: T


@dataclass(frozen=True)
class Slice:
    """f on the plane origin + s·d₁ + t·d₂, where d₁, d₂ are orthonormal; a point of it has u = d₁ᵀx, v = d₂ᵀx.

    origin: the stationary point, or the start where there is none. directions: two, or one where n = 1. coordinates:
    which entries of x u and v are, from 0; None where eigenvectors span the slice. labels: what u and v are. v, z: None
    where n = 1; z: f, with v along the rows. eigenvalues, eigenvectors (columns): of PᵀAP. axes: row i is eigenvector i
    over √|λ_i|, scaled to the window, NaN where λ_i counts as zero. centre: (u, v) of origin. ellipse: the contour whose
    semi-axes they are, None unless both λ_i have one sign. reach: −half to half the window. sections: f along
    eigenvector i at those distances from the centre. paths: by method, (u, v) of its points, v being 0 where n = 1.
    """

    origin: Float[ndarray, " n"]
    directions: Float[ndarray, "d n"]
    coordinates: tuple[int, ...] | None
    labels: tuple[T, ...]
    u: Float[ndarray, " 61"]
    v: Float[ndarray, " 61"] | None
    z: Float[ndarray, "61 61"] | None
    eigenvalues: Float[ndarray, " d"]
    eigenvectors: Float[ndarray, "d d"]
    axes: Float[ndarray, "d d"]
    centre: Float[ndarray, " d"]
    ellipse: Float[ndarray, "97 2"] | None
    reach: Float[ndarray, " 61"]
    sections: Float[ndarray, "d 61"]
    paths: dict[str, Float[ndarray, "m+1 2"]]


@dataclass(frozen=True)
class Morph:
    """A(t) = R(t)ᵀ·A·R(t), d = 2 or 3: of A itself where n ≤ 3, else of the slice's PᵀAP.

    frame: the one nearest to the position asked. t: 0 to 1. angle: the whole turn, in degrees. rotation: R(t) =
    exp(t·log V), V the eigenvectors in the order and with the signs that need the least turning (det V = 1). matrix: A(t),
    diagonal at the end. off_diagonal: ‖A(t) − diag A(t)‖. axes: row i is v_i/√|λ_i| seen in the turned coordinates, scaled
    so that the longest has length 1; NaN where λ_i counts as zero. curves: four level curves of ½yᵀA(t)y in the same
    scale, NaN where the pen lifts; where d = 3, the ellipses that pairs of the axes span on the level surface, None unless
    all λ_i have one sign.
    """

    frame: int
    t: Float[ndarray, " 21"]
    angle: float
    rotation: Float[ndarray, "21 d d"]
    matrix: Float[ndarray, "21 d d"]
    off_diagonal: Float[ndarray, " 21"]
    axes: Float[ndarray, "21 d d"]
    curves: Float[ndarray, "21 c p d"] | None


@dataclass(frozen=True)
class Analysed:
    """All that can be said of one quadratic form in n variables, and five descents on it.

    formula: f as a polynomial, "" for n > 4. agreement: what eigenvalues, minors and Cholesky say together. minimiser: of
    least norm where there are many, None where f has none; minimum: f there. escape: the way down without end, None where
    f is bounded below. line_search, fixed_step, momentum, conjugate: theory beside measurement for each of those methods.
    slice: what to draw of f. morph: A turned into its diagonal, None where n = 1.
    """

    form: Form
    formula: str
    spectrum: Spectrum
    minors: Minors
    cholesky: Cholesky
    agreement: T
    determinant: float
    stationary: Stationary
    minimiser: Float[ndarray, " n"] | None
    minimum: float | None
    escape: Escape | None
    descents: Descents
    line_search: ExactLineSearch | None
    fixed_step: FixedStep
    momentum: MomentumPlane
    conjugate: ConjugatePolynomials
    slice: Slice
    morph: Morph | None
    findings: tuple[Finding, ...]
