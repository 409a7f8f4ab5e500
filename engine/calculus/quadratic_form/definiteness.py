"""Is a symmetric matrix positive definite? Three tests: eigenvalues, leading minors, Cholesky.

All three use one threshold τ = 4·n·ε·‖A‖₂ (ε = 2⁻⁵²): a number that stands for an eigenvalue, or bounds one from
above, counts as zero when it is within τ of zero. Rounding the entries to doubles and finding the eigenvalues
moves each of them by less than that, so nothing finer can be told of the matrix that a person typed.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from engine.calculus.quadratic_form.result import NAMES, Cholesky, Judgement, Minors, Spectrum
from engine.core import T, amounts

EPSILON = float(np.finfo(np.float64).eps)
MOST_PRINCIPAL = 4
REACH = {
    "eigenvalues": T(
        "The eigenvalues' signs decide every case; nearer to zero than rounding, no test can tell.",
        "特征值的符号能判定一切情形；离零比舍入误差还近时，任何方法都分不清。",
    ),
    "minors": T(
        "Leading minors decide definiteness (Sylvester), but not semidefiniteness: diag(0, −1) has the leading minors 0 and 0, as diag(0, 1) has, yet one is negative and the other positive.",
        "顺序主子式能判定正定与负定（西尔维斯特判据），却判不了半定：diag(0, −1) 与 diag(0, 1) 的顺序主子式都是 0、0，而一个半负定，一个半正定。",
    ),
    "cholesky": T(
        "Plain Cholesky decides definiteness at the least cost, n³/3 operations, but a zero pivot stops it: diag(0, 1) and diag(0, −1) look the same to it. Pivoting, or the eigenvalues, are needed for semidefiniteness.",
        "普通的 Cholesky 分解以最少的运算（n³/3 次）判定正定与负定，但遇到零主元就停：diag(0, 1) 与 diag(0, −1) 在它看来一样。要判定半定，须选主元或求特征值。",
    ),
}


def classify(signs: Int[ndarray, " n"]) -> str:
    """The verdict that the signs (−1, 0, 1) of all eigenvalues give."""
    if not np.any(signs):
        return "zero"
    if np.any(signs > 0) and np.any(signs < 0):
        return "indefinite"
    side = "positive" if np.any(signs > 0) else "negative"
    return f"{side} definite" if np.all(signs != 0) else f"{side} semidefinite"


def find_spectrum(a: Float[ndarray, "n n"]) -> Spectrum:
    """Eigenvalues and eigenvectors of a symmetric matrix, and the verdict that they give."""
    values, vectors = np.linalg.eigh(a)
    # The sign of an eigenvector is free: its largest entry positive keeps pictures from flipping while one drags.
    largest = np.argmax(np.abs(vectors) > 0.999 * np.abs(vectors).max(axis=0), axis=0)
    vectors = vectors * np.where(vectors[largest, np.arange(len(a))] < 0, -1.0, 1.0)
    sizes = np.abs(values)
    tolerance = 4 * len(a) * EPSILON * float(sizes.max())
    condition = float(sizes.max() / sizes.min()) if sizes.min() > tolerance else float("inf")
    signs = np.where(sizes <= tolerance, 0, np.sign(values))
    return Spectrum(values, vectors, tolerance, condition, _judge_spectrum(values, signs, tolerance))


def _judge_spectrum(values: ndarray, signs: ndarray, tolerance: float) -> Judgement:
    verdict = classify(signs)
    rounding = T(
        "; what is within {tolerance:number.2} of zero, the size of rounding, counts as zero",
        "；与零相差不到 {tolerance:number.2}（舍入误差的大小）的算作零",
        tolerance=tolerance,
    )
    between = T("from {low:number.4} to {high:number.4}", "从 {low:number.4} 到 {high:number.4}", low=values[0], high=values[-1])
    text = T(
        "A is {verdict}, with eigenvalues {between}: {positive} positive, {zero} zero, {negative} negative{rounding}.",
        "{verdict}，特征值{between}：正 {positive} 个，零 {zero} 个，负 {negative} 个{rounding}。",
        verdict=NAMES[verdict],
        between=between if len(values) > 1 else T("of {value:number.4}", "为 {value:number.4}", value=values[0]),
        positive=np.sum(signs == 1),
        zero=np.sum(signs == 0),
        negative=np.sum(signs == -1),
        rounding=rounding if np.any(values[signs == 0]) else "",
    )
    return Judgement(verdict, text, REACH["eigenvalues"])


def _determinant(block: ndarray, tolerance: float, norm: float) -> tuple[float, int, float]:
    """Value (cut to ±1e300), sign (0 where singular within τ) and log10 of the size of a symmetric block's minor."""
    sign, log = np.linalg.slogdet(block)
    value = float(sign * np.exp(min(log, 690.0)))
    # |Δ| ≤ |λ|min·‖A‖^(k−1): a minor above τ·‖A‖^(k−1) cannot belong to a singular block, and needs no eigenvalues.
    close = norm == 0 or log <= np.log(tolerance) + (len(block) - 1) * np.log(norm)
    if close and np.abs(np.linalg.eigvalsh(block)).min() <= tolerance:
        return value, 0, float("nan")
    return value, int(sign), float(log / np.log(10))


def find_minors(a: Float[ndarray, "n n"], spectrum: Spectrum) -> Minors:
    """The leading minors of a symmetric matrix, and what Sylvester's criterion makes of them."""
    n, norm = len(a), float(np.abs(spectrum.eigenvalues).max())

    def minors_of(rows: list[tuple[int, ...]]) -> list[ndarray]:
        found = [_determinant(a[np.ix_(keep, keep)], spectrum.tolerance, norm) for keep in rows]
        return [np.array(column) for column in zip(*found, strict=True)]

    values, sign, log10 = minors_of([tuple(range(k)) for k in range(1, n + 1)])
    judgement = _judge_minors(sign, values)
    if judgement.verdict != "undecided" or n > MOST_PRINCIPAL:
        return Minors(values, sign, log10, judgement)
    subsets = [keep for size in range(1, n + 1) for keep in combinations(range(n), size)]
    principal, signs, _ = minors_of(subsets)
    labels = tuple(",".join(str(i + 1) for i in keep) for keep in subsets)
    orders = np.array([len(keep) for keep in subsets])
    return Minors(values, sign, log10, judgement, labels, principal, signs, _judge_principal(labels, orders, principal, signs))


def _judge_minors(sign: ndarray, values: ndarray) -> Judgement:
    alternating = sign * (-1) ** np.arange(1, len(sign) + 1)
    fits = [side for side, signs in (("positive", sign), ("negative", alternating)) if np.all(signs >= 0)]
    if np.all(sign > 0):
        verdict, why = "positive definite", T("all leading minors are positive", "各顺序主子式都为正")
    elif np.all(alternating > 0):
        verdict, why = "negative definite", T("the leading minors alternate, −, +, −, …", "各顺序主子式负正相间")
    elif sign[-1] != 0 or not fits:
        verdict = "indefinite"
        why = T("these signs fit neither a semidefinite nor a definite matrix", "这样的符号既不合半定也不合正定、负定")
    else:
        verdict = "undecided"
        why = T(
            "a zero among them leaves {fits} open beside indefinite: all principal minors would have to be checked",
            "其中有零，{fits}以及不定都还可能：须检查全部主子式",
            fits=T.joined([NAMES[f"{side} semidefinite"] for side in fits], " and ", "与"),
        )
    shown = [amounts.number(value if s else 0.0, 4) for value, s in zip(values[:4], sign[:4], strict=True)]
    text = T(
        "By leading minors ({shown}): {verdict}, as {why}.",
        "由顺序主子式（{shown}）看：{verdict}，因为{why}。",
        shown=T.joined([*shown, "…"] if len(sign) > 4 else shown),
        verdict=NAMES[verdict],
        why=why,
    )
    return Judgement(verdict, text, REACH["minors"])


def _judge_principal(labels: tuple[str, ...], orders: ndarray, minors: ndarray, signs: ndarray) -> Judgement:
    against_positive, against_negative = np.flatnonzero(signs < 0), np.any(signs * (-1) ** orders < 0)
    if len(against_positive):
        one = against_positive[0]
        verdict = "indefinite" if against_negative else "negative semidefinite"
        why = T(
            "that of rows {rows} is {minor:number.4}, and a semidefinite A ≥ 0 has no negative one",
            "第 {rows} 行列的主子式为 {minor:number.4}，而半正定矩阵没有负的主子式",
            rows=labels[one],
            minor=minors[one],
        )
    elif np.any(signs):
        verdict, why = "positive semidefinite", T("no principal minor is negative", "没有负的主子式")
    else:
        verdict, why = "zero", T("every principal minor is 0", "全部主子式都是 0")
    text = T("By all principal minors: {verdict}, as {why}.", "由全部主子式看：{verdict}，因为{why}。", verdict=NAMES[verdict], why=why)
    reach = T(
        "All 2ⁿ − 1 principal minors decide semidefiniteness too; there are {count} here.",
        "全部 2ⁿ − 1 个主子式也能判定半定；这里有 {count} 个。",
        count=len(labels),
    )
    return Judgement(verdict, text, reach)


def factor(a: Float[ndarray, "n n"], spectrum: Spectrum) -> Cholesky:
    """Plain Cholesky of a symmetric matrix, and what its success or breakdown says.

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
            stalls = pivot >= -tolerance * (z @ z)
            return Cholesky(pivots, None, side, k + 1, z.copy(), _judge_breakdown(stalls, k + 1, side * pivot))
        column = rest[k + 1 :, k] / pivot
        lower[k, k] = np.sqrt(pivot)
        lower[k + 1 :, k] = column * lower[k, k]
        rest[k + 1 :, k + 1 :] -= column[:, None] * rest[k, k + 1 :]
        rows[k + 1 :] -= column[:, None] * z
    why = T("{matrix} = L·Lᵀ has positive pivots throughout", "{matrix} = L·Lᵀ 分解成功，主元全为正", matrix="A" if side > 0 else "−A")
    return Cholesky(pivots, lower, side, None, None, _judge_factor("positive definite" if side > 0 else "negative definite", why))


def _judge_breakdown(stalls: bool, row: int, pivot: float) -> Judgement:
    if stalls:
        why = T(
            "the pivot of row {row} is zero within rounding and the method stops before it has seen the rows below",
            "第 {row} 行的主元在舍入误差内为零，方法就此停住，下面的行还没有看到",
            row=row,
        )
        return _judge_factor("undecided", why)
    why = T(
        "the pivot of row {row} is {pivot:number.4}, of the other sign than those before it",
        "第 {row} 行的主元为 {pivot:number.4}，与前面的异号",
        row=row,
        pivot=pivot,
    )
    return _judge_factor("indefinite", why)


def _judge_factor(verdict: str, why: T) -> Judgement:
    text = T("By Cholesky: {verdict}, as {why}.", "由 Cholesky 分解看：{verdict}，因为{why}。", verdict=NAMES[verdict], why=why)
    return Judgement(verdict, text, REACH["cholesky"])


def agreement(verdict: str, minors: Minors, cholesky: Cholesky) -> T:
    """What the eigenvalues' verdict and the two other tests say together."""
    others = {T("Leading minors", "顺序主子式"): minors.judgement.verdict, T("Cholesky", "Cholesky 分解"): cholesky.judgement.verdict}
    if any(other not in ("undecided", verdict) for other in others.values()):
        return T("The tests differ: A is so near to singular that rounding decides.", "各方法结论不一：A 太接近奇异，结果由舍入误差左右。")
    if unsure := [test for test, other in others.items() if other == "undecided"]:
        return T(
            "{tests} cannot decide here; the eigenvalues can: {verdict}.",
            "{tests}在此判定不了；特征值可以：{verdict}。",
            tests=T.joined(unsure, " and ", "与"),
            verdict=NAMES[verdict],
        )
    return T("All three tests agree: {verdict}.", "三种方法一致：{verdict}。", verdict=NAMES[verdict])
