"""How a form ½xᵀMx − bᵀx + c comes in: typed as rows of numbers, or drawn with a spectrum of one's choice."""

from __future__ import annotations

import re

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from engine.calculus.quadratic_form.result import Form
from engine.core import Refused, T
from engine.core.entry import NUMBER, normalised
from engine.core.params import shown

MOST_ROWS = 50
LARGEST, SMALLEST = 1e6, 1e-15
_ROW_ENDS = re.compile(r"\]\s*[,;]?\s*\[|[\r\n]+")


def make_form(given: Float[ndarray, "n n"], b: Float[ndarray, " n"], c: float, names: tuple[str, ...] | None = None) -> Form:
    """The form of a square matrix M, symmetrised; names default to x, y, z, or x1 … xn from four on."""
    n = len(given)
    default = ("x", "y", "z")[:n] if n <= 3 else tuple(f"x{i + 1}" for i in range(n))
    return Form(given, 0.5 * (given + given.T), b, float(c), names or default)


def read_number(text: str, name: str, place: T) -> float:
    """A decimal number or a fraction such as 1/3. Raises `Refused`, naming the parameter and the place in it."""
    parts = text.split("/")
    if len(parts) > 2 or not all(NUMBER.fullmatch(part.strip()) for part in parts):
        got = shown(text) if text else T("empty", "空的")
        rule = T(
            "{name} must be made of numbers; {place} is {got}", "{name} 必须由数组成；{place}是 {got}", name=name, place=place, got=got
        )
        raise Refused(rule, name)
    bottom = float(parts[1]) if len(parts) == 2 else 1.0
    value = float(parts[0]) / bottom if bottom else float("inf")
    if value and not SMALLEST <= abs(value) <= LARGEST:
        rule = T(
            "{name} must be made of zeros and numbers from {least:g} to {most:g} in size; {place} is {got}",
            "{name} 只能含零和绝对值在 {least:g} 到 {most:g} 之间的数；{place}是 {got}",
            name=name,
            least=SMALLEST,
            most=LARGEST,
            place=place,
            got=shown(text),
        )
        raise Refused(rule, name)
    return value


def _plain(text: str) -> str:
    """The text in ASCII; rows in brackets, as programs write them, and on lines of their own end at semicolons."""
    plain = _ROW_ENDS.sub(";", normalised(text).strip()).replace("\t", " ")
    return re.sub(r"^[\[(]+|[\])]+$", "", plain)


def _entries(row: str) -> list[str]:
    return [entry.strip() for entry in row.split(",")] if "," in row else row.split()


def read_matrix(text: str, name: str = "matrix") -> Float[ndarray, "n n"]:
    """Rows as "2,1;1,3" to a square array, n from 1 to 50.

    Rows end at a semicolon or a line's end, entries at a comma or, where a row has no comma, at a space; full-width
    punctuation is accepted. Raises `Refused` with the place of the first entry at fault, for rows of unequal length,
    a matrix that is not square, is empty, or has more than 50 rows.
    """
    cells = [_entries(row) for row in _plain(text).split(";")]
    while cells and not cells[-1]:
        cells.pop()
    if fault := _fault_of_shape(cells, name):
        raise Refused(fault, name)
    place = lambda i, j: T("row {i}, entry {j}", "第 {i} 行第 {j} 个", i=i, j=j)  # noqa: E731
    return np.array([[read_number(cell, name, place(i, j)) for j, cell in enumerate(row, 1)] for i, row in enumerate(cells, 1)])


def _fault_of_shape(cells: list[list[str]], name: str) -> T | None:
    """Why rows of entries are no square matrix of at most 50 rows; None where they are one."""
    rows, wide = len(cells), len(cells[0]) if cells else 0
    if not rows:
        return T("{name} must have at least one row; got nothing", "{name} 至少要有一行；什么也没有收到", name=name)
    if rows > MOST_ROWS:
        return T(
            "{name} must have at most {most} rows; got {rows}",
            "{name} 最多 {most} 行；收到 {rows} 行",
            name=name,
            most=MOST_ROWS,
            rows=rows,
        )
    for i, row in enumerate(cells, 1):
        if not row:
            return T("{name} must not have empty rows; row {i} is empty", "{name} 不能有空行；第 {i} 行是空的", name=name, i=i)
        if len(row) != wide:
            return T(
                "{name} must have rows of equal length; row 1 has {wide} entries, row {i} has {here}",
                "{name} 各行必须一样长；第 1 行有 {wide} 个数，第 {i} 行有 {here} 个",
                name=name,
                wide=wide,
                i=i,
                here=len(row),
            )
    if wide != rows:
        return T(
            "{name} must be square; got {rows} rows of {wide} entries",
            "{name} 必须是方阵；收到 {rows} 行、每行 {wide} 个数",
            name=name,
            rows=rows,
            wide=wide,
        )
    return None


def _listed(text: str) -> list[str]:
    """The entries of a vector, none where there is no text."""
    return _entries(_plain(text).replace(";", ",").strip().strip(","))


def read_vector(text: str, n: int, name: str) -> Float[ndarray, " n"]:
    """Numbers as "1,-2" to an array: one number stands for all n entries, nothing for zeros.

    Raises `Refused` with the place of the first entry at fault, or where there are neither 0, 1 nor n numbers.
    """
    entries = _listed(text) or ["0"]
    if len(entries) not in (1, n):
        rule = T(
            "{name} must have one number for each of the {n} rows of the matrix, or one for all; got {entries}",
            "{name} 的个数必须等于矩阵的行数 {n}，或只给一个数代表全部；收到 {entries} 个",
            name=name,
            n=n,
            entries=len(entries),
        )
        raise Refused(rule, name)
    values = [read_number(entry, name, T("entry {i}", "第 {i} 个", i=i)) for i, entry in enumerate(entries, 1)]
    return np.full(n, values[0]) if len(values) == 1 else np.array(values)


def fit_vector(text: str, n: int, name: str) -> tuple[Float[ndarray, " n"], T | None]:
    """`read_vector` for a point that may be left from another matrix: cut, or filled with zeros, to n entries.

    Returns the array and, where it was cut or filled, a sentence that says so.
    """
    entries = len(_listed(text))
    if entries in (0, 1, n):
        return read_vector(text, n, name), None
    fitted = np.zeros(n)
    fitted[: min(n, entries)] = read_vector(text, entries, name)[:n]
    rest = T("the rest are left out", "多余的不用") if entries > n else T("the missing ones are 0", "缺少的取 0")
    return fitted, T.many(
        "{name} has {entries} numbers for {n} variable; {rest}.",
        "{name} has {entries} numbers for {n} variables; {rest}.",
        "{name} 有 {entries} 个数，而变量有 {n} 个；{rest}。",
        name=name,
        entries=entries,
        n=n,
        rest=rest,
    )


def draw_form(n: int, kappa: float, spread: str, negative: int, null: int, solvable: bool, seed: int) -> Form:
    """A form in n dimensions whose eigenvalues are chosen and whose eigenvectors are random (Haar).

    The sizes of the eigenvalues run from 1/kappa to 1: "even" steps, "logarithmic" steps, or two "clusters" a
    hundredth wide at the ends. `null` of them, the smallest first, become 0, and `negative` of the rest, drawn at
    random, change sign (both are cut to what n allows). b = A·(normal point), so that a stationary point exists,
    unless `solvable` is false and there is a null space: then b leaves the range of A.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    sizes = {
        "even": np.linspace(1 / kappa, 1.0, n),
        "logarithmic": np.geomspace(1 / kappa, 1.0, n),
        "clusters": np.where(np.arange(n) < n // 2, 1 / kappa, 1.0) * (1 - 0.01 * np.linspace(0, 1, n)),
    }[spread].copy()
    null = min(null, n)
    sizes[:null] = 0.0
    flipped = null + rng.permutation(n - null)[:negative]
    sizes[flipped] *= -1
    q, r = np.linalg.qr(rng.standard_normal((n, n)))
    q = q * np.sign(np.diag(r))
    a = (q * sizes) @ q.T
    b = a @ rng.standard_normal(n)
    if null and not solvable:
        b = b + q[:, :null] @ np.full(null, 0.5)
    return make_form(0.5 * (a + a.T), b, 0.0)


def symmetrisation(form: Form) -> T | None:
    """The step from M to A, said by the entry that it changes most; None where M is symmetric as it stands."""
    twist = np.triu(np.abs(form.given - form.given.T))
    if not twist.any():
        return None
    i, j = (int(k) for k in np.unravel_index(np.argmax(twist), twist.shape))
    return T(
        "Only the symmetric part counts, as xᵀMx = xᵀMᵀx: A = ½(M + Mᵀ), and entries ({i}, {j}) = {upper:number.4} and ({j}, {i}) = {lower:number.4} both become {half:number.4}.",
        "只有对称部分起作用，因为 xᵀMx = xᵀMᵀx：取 A = ½(M + Mᵀ)，第 ({i}, {j}) 个数 {upper:number.4} 与第 ({j}, {i}) 个数 {lower:number.4} 都变成 {half:number.4}。",
        i=i + 1,
        j=j + 1,
        upper=form.given[i, j],
        lower=form.given[j, i],
        half=form.a[i, j],
    )
