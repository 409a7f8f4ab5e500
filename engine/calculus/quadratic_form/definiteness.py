"""Is a symmetric matrix positive definite? Three tests: eigenvalues, leading minors, Cholesky.

All three use one threshold τ = 4·n·ε·‖A‖₂ (ε = 2⁻⁵²): a number that stands for an eigenvalue, or bounds one from
above, counts as zero when it is within τ of zero. Rounding the entries to doubles and finding the eigenvalues
moves each of them by less than that, so nothing finer can be told of the matrix that a person typed.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy import ndarray

from engine.core.words import T

EPSILON = float(np.finfo(np.float64).eps)
MOST_PRINCIPAL = 4
NAMES = {
    "positive definite": "正定",
    "positive semidefinite": "半正定",
    "negative definite": "负定",
    "negative semidefinite": "半负定",
    "indefinite": "不定",
    "zero": "零矩阵",
    "undecided": "无法判定",
}


@dataclass(frozen=True)
class Judgement:
    """What one test says of the matrix: `verdict` is a key of `NAMES`; what it saw; what it can decide at all."""

    verdict: str
    sentence: T
    reach: T


@dataclass(frozen=True)
class Spectrum:
    """A = V diag(λ) Vᵀ. eigenvalues: (n,), ascending. eigenvectors: (n, n), v_i in column i. tolerance: τ."""

    eigenvalues: ndarray
    eigenvectors: ndarray
    tolerance: float
    judgement: Judgement

    @property
    def null(self) -> ndarray:
        """Mask (n,) of the eigenvalues that count as zero."""
        return np.abs(self.eigenvalues) <= self.tolerance


@dataclass(frozen=True)
class Minors:
    """Leading minors Δ_k = det A[:k, :k] for k = 1 … n.

    values: (n,), cut to ±1e300. sign: (n,) of −1, 0, 1, where 0 means that the block is singular within τ.
    log10: (n,), log10 |Δ_k|, NaN where the sign is 0. Where the leading minors leave it undecided and n ≤ 4,
    all principal minors follow: `subsets` (rows kept, counted from 1), their values and signs, and the verdict
    that they reach; otherwise these are None.
    """

    values: ndarray
    sign: ndarray
    log10: ndarray
    judgement: Judgement
    subsets: tuple[str, ...] | None
    principal_values: ndarray | None
    principal_sign: ndarray | None
    principal_judgement: Judgement | None


@dataclass(frozen=True)
class Cholesky:
    """A = L·Lᵀ row by row, without pivoting, as far as it goes; of −A where a₁₁ < 0.

    pivots: (n,), of A, NaN past the breakdown. factor: L (n, n), None where it breaks down. sign: −1 where −A was
    factored. broke_at: the row, from 1, whose pivot is not positive. witness: (n,), z with zᵀAz equal to that pivot.
    """

    pivots: ndarray
    factor: ndarray | None
    sign: int
    broke_at: int | None
    witness: ndarray | None
    judgement: Judgement


def short(value: float) -> str:
    """A number as a sentence writes it."""
    return f"{value:.4g}".replace("-", "−")


def classify(signs: ndarray) -> str:
    """The verdict that the signs (−1, 0, 1) of all eigenvalues give."""
    if not np.any(signs):
        return "zero"
    if np.any(signs > 0) and np.any(signs < 0):
        return "indefinite"
    side = "positive" if np.any(signs > 0) else "negative"
    return f"{side} definite" if np.all(signs != 0) else f"{side} semidefinite"


def find_spectrum(a: ndarray) -> Spectrum:
    """Eigenvalues and eigenvectors of a symmetric matrix (n, n), and the verdict that they give."""
    values, vectors = np.linalg.eigh(a)
    # The sign of an eigenvector is free: its largest entry positive keeps pictures from flipping while one drags.
    largest = np.argmax(np.abs(vectors) > 0.999 * np.abs(vectors).max(axis=0), axis=0)
    vectors = vectors * np.where(vectors[largest, np.arange(len(a))] < 0, -1.0, 1.0)
    tolerance = 4 * len(a) * EPSILON * float(np.abs(values).max())
    signs = np.where(np.abs(values) <= tolerance, 0, np.sign(values))
    return Spectrum(values, vectors, tolerance, _judge_spectrum(values, signs, tolerance))


def _judge_spectrum(values: ndarray, signs: ndarray, tolerance: float) -> Judgement:
    verdict = classify(signs)
    positive, zero, negative = (int(np.sum(signs == s)) for s in (1, 0, -1))
    low, high = short(values[0]), short(values[-1])
    name = "The zero matrix" if verdict == "zero" else verdict.capitalize()
    en = f"{name}: {positive} positive, {zero} zero and {negative} negative eigenvalues"
    zh = f"{NAMES[verdict]}：正特征值 {positive} 个，零 {zero} 个，负 {negative} 个"
    en += f", from {low} to {high}" if len(values) > 1 else f": {low}"
    zh += f"，从 {low} 到 {high}" if len(values) > 1 else f":{low}"
    if np.any(values[signs == 0]):
        en += f"; what is within {short(tolerance)} of zero, the size of rounding, counts as zero"
        zh += f"；与零相差不到 {short(tolerance)}（舍入误差的大小）的算作零"
    reach = T(
        "The eigenvalues' signs decide every case; nearer to zero than rounding, no test can tell.",
        "特征值的符号能判定一切情形；离零比舍入误差还近时，任何方法都分不清。",
    )
    return Judgement(verdict, T("{en}.", "{en}。", en=T(en, zh)), reach)


def _determinant(block: ndarray, tolerance: float, norm: float) -> tuple[float, int, float]:
    """Value (cut to ±1e300), sign (0 where singular within τ) and log10 of the size of a symmetric block's minor."""
    sign, log = np.linalg.slogdet(block)
    # |Δ| ≤ |λ|min·‖A‖^(k−1): a minor above τ·‖A‖^(k−1) cannot belong to a singular block, and needs no eigenvalues.
    if norm == 0 or (log <= np.log(tolerance) + (len(block) - 1) * np.log(norm) and _singular(block, tolerance)):
        return (0.0 if sign == 0 else float(sign * np.exp(min(log, 690.0)))), 0, float("nan")
    return float(sign * np.exp(min(log, 690.0))), int(sign), float(log / np.log(10))


def _singular(block: ndarray, tolerance: float) -> bool:
    return bool(np.abs(np.linalg.eigvalsh(block)).min() <= tolerance)


def find_minors(a: ndarray, spectrum: Spectrum) -> Minors:
    """The leading minors of a symmetric matrix (n, n), and what Sylvester's criterion makes of them."""
    norm, tolerance = float(np.abs(spectrum.eigenvalues).max()), spectrum.tolerance
    n = len(a)
    rows = [_determinant(a[:k, :k], tolerance, norm) for k in range(1, n + 1)]
    values, sign, log10 = (np.array(column) for column in zip(*rows, strict=True))
    judgement = _judge_minors(sign, values)
    if judgement.verdict != "undecided" or n > MOST_PRINCIPAL:
        return Minors(values, sign, log10, judgement, None, None, None, None)
    subsets = [keep for size in range(1, n + 1) for keep in combinations(range(n), size)]
    principal = [_determinant(a[np.ix_(keep, keep)], tolerance, norm) for keep in subsets]
    minors, signs = np.array([p[0] for p in principal]), np.array([p[1] for p in principal])
    labels = tuple(",".join(str(i + 1) for i in keep) for keep in subsets)
    orders = np.array([len(keep) for keep in subsets])
    return Minors(values, sign, log10, judgement, labels, minors, signs, _judge_principal(labels, orders, minors, signs))


def _judge_minors(sign: ndarray, values: ndarray) -> Judgement:
    alternating = sign * (-1) ** np.arange(1, len(sign) + 1)
    maybe_positive, maybe_negative = bool(np.all(sign >= 0)), bool(np.all(alternating >= 0))
    shown = ", ".join(short(value) if s else "0" for value, s in zip(values[:4], sign[:4], strict=True))
    shown += ", …" if len(sign) > 4 else ""
    if np.all(sign > 0):
        verdict, why = "positive definite", T("all leading minors are positive", "各顺序主子式都为正")
    elif np.all(alternating > 0):
        verdict, why = "negative definite", T("the leading minors alternate, −, +, −, …", "各顺序主子式负正相间")
    elif sign[-1] != 0 or not (maybe_positive or maybe_negative):
        verdict = "indefinite"
        why = T("these signs fit neither a semidefinite nor a definite matrix", "这样的符号既不合半定也不合正定、负定")
    else:
        verdict = "undecided"
        left = [name for name, fits in (("positive", maybe_positive), ("negative", maybe_negative)) if fits]
        fits_en = " and ".join(f"{name} semidefinite" for name in left)
        fits_zh = "与".join(NAMES[f"{name} semidefinite"] for name in left)
        why = T(
            "a zero among them leaves {fits_en} open beside indefinite: all principal minors would have to be checked",
            "其中有零，{fits_en}以及不定都还可能：须检查全部主子式",
            fits_en=T(fits_en, fits_zh),
        )
    en = f"{verdict.capitalize()} by leading minors ({shown}): {why[0]}."
    zh = f"由顺序主子式（{shown}）看：{NAMES[verdict]}，因为{why[1]}。"
    reach = T(
        "Leading minors decide definiteness (Sylvester), but not semidefiniteness: diag(0, −1) has the leading minors 0 and 0, as diag(0, 1) has, yet one is negative and the other positive.",
        "顺序主子式能判定正定与负定（西尔维斯特判据），却判不了半定：diag(0, −1) 与 diag(0, 1) 的顺序主子式都是 0、0，而一个半负定，一个半正定。",
    )
    return Judgement(verdict, (en, zh), reach)


def _judge_principal(labels: tuple[str, ...], orders: ndarray, minors: ndarray, signs: ndarray) -> Judgement:
    alternating = signs * (-1) ** orders
    against_positive, against_negative = np.flatnonzero(signs < 0), np.flatnonzero(alternating < 0)
    if not len(against_positive) and not len(against_negative):
        verdict = "zero" if not np.any(signs) else "undecided"
        assert verdict == "zero", "a non-zero symmetric matrix has a non-zero principal minor of order 1 or 2"
        why = T("every principal minor is 0", "全部主子式都是 0")
    elif not len(against_positive):
        verdict, why = "positive semidefinite", T("no principal minor is negative", "没有负的主子式")
    else:
        one = against_positive[0]
        why = T(
            "that of rows {labels} is {minors}, and a semidefinite A ≥ 0 has no negative one",
            "第 {labels} 行列的主子式为 {minors}，而半正定矩阵没有负的主子式",
            labels=labels[one],
            minors=short(minors[one]),
        )
        verdict = "indefinite" if len(against_negative) else "negative semidefinite"
    return Judgement(
        verdict,
        T(
            "{verdict} by all principal minors: {why}.",
            "由全部主子式看：{names}，因为{why}。",
            verdict=verdict.capitalize(),
            why=T.of(why),
            names=NAMES[verdict],
        ),
        T(
            "All 2ⁿ − 1 principal minors decide semidefiniteness too; there are {labels} here.",
            "全部 2ⁿ − 1 个主子式也能判定半定；这里有 {labels} 个。",
            labels=len(labels),
        ),
    )


def factor(a: ndarray, spectrum: Spectrum) -> Cholesky:
    """Plain Cholesky of a symmetric matrix (n, n), and what its success or breakdown says.

    Elimination carries the rows z_k of the inverse unit factor along: z_kᵀAz_k is the pivot, so pivot/‖z_k‖² bounds
    the smallest eigenvalue from above, and is what gets compared with τ.
    Source: Golub & Van Loan, Matrix Computations, 4th ed., algorithm 4.2.2 (outer product form).
    """
    n, tolerance = len(a), spectrum.tolerance
    side = -1 if a[0, 0] < -tolerance else 1
    rest, rows, lower = side * a, np.eye(n), np.zeros((n, n))
    pivots = np.full(n, np.nan)
    for k in range(n):
        pivot, z = rest[k, k], rows[k]
        pivots[k] = side * pivot
        if pivot <= tolerance * (z @ z):
            outcome = 0 if pivot >= -tolerance * (z @ z) else -1
            judgement = _judge_cholesky(side, outcome, k + 1, side * pivot)
            return Cholesky(pivots, None, side, k + 1, z.copy(), judgement)
        column = rest[k + 1 :, k] / pivot
        lower[k, k] = np.sqrt(pivot)
        lower[k + 1 :, k] = column * lower[k, k]
        rest[k + 1 :, k + 1 :] -= column[:, None] * rest[k, k + 1 :]
        rows[k + 1 :] -= column[:, None] * z
    return Cholesky(pivots, lower, side, None, None, _judge_cholesky(side, 1, n, float("nan")))


def _judge_cholesky(side: int, outcome: int, row: int, pivot: float) -> Judgement:
    what = "A" if side > 0 else "−A"
    if outcome > 0:
        verdict = "positive definite" if side > 0 else "negative definite"
        why = T("{what} = L·Lᵀ succeeds with positive pivots", "{what} = L·Lᵀ 分解成功，主元全为正", what=what)
    elif outcome < 0:
        verdict = "indefinite"
        why = T(
            "the pivot of row {row} is {pivot}, of the other sign than those before it",
            "第 {row} 行的主元为 {pivot}，与前面的异号",
            row=row,
            pivot=short(pivot),
        )
    else:
        verdict = "undecided"
        why = T(
            "the pivot of row {row} is zero within rounding and the method stops before it has seen the rows below",
            "第 {row} 行的主元在舍入误差内为零，方法就此停住，下面的行还没有看到",
            row=row,
        )
    reach = T(
        "Plain Cholesky decides definiteness at the least cost, n³/3 operations, but a zero pivot stops it: diag(0, 1) and diag(0, −1) look the same to it. Pivoting, or the eigenvalues, are needed for semidefiniteness.",
        "普通的 Cholesky 分解以最少的运算（n³/3 次）判定正定与负定，但遇到零主元就停：diag(0, 1) 与 diag(0, −1) 在它看来一样。要判定半定，须选主元或求特征值。",
    )
    return Judgement(
        verdict,
        T(
            "{verdict} by Cholesky: {why}.",
            "由 Cholesky 分解看：{names}，因为{why}。",
            verdict=verdict.capitalize(),
            why=T.of(why),
            names=NAMES[verdict],
        ),
        reach,
    )


def say_agreement(truth: str, others: dict[T, Judgement]) -> T:
    unsure = [name for name, judgement in others.items() if judgement.verdict == "undecided"]
    apart = [name for name, judgement in others.items() if judgement.verdict not in ("undecided", truth)]
    if apart:
        return T("The tests differ: A is so near to singular that rounding decides.", "各方法结论不一：A 太接近奇异，结果由舍入误差左右。")
    if unsure:
        names_en = " and ".join(en for en, _ in unsure)
        names_zh = "与".join(zh for _, zh in unsure)
        return T(
            "{names_en} cannot decide here; the eigenvalues can: {truth}.",
            "{names_en}在此判定不了；特征值可以：{names}。",
            names_en=T(names_en, names_zh),
            truth=truth,
            names=NAMES[truth],
        )
    return T("All three tests agree: {truth}.", "三种方法一致：{names}。", truth=truth, names=NAMES[truth])
