"""How a form ½xᵀMx − bᵀx + c comes in: typed as rows of numbers, or drawn with a spectrum of one's choice."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from engine.core import Refused
from engine.core.entry import normalised
from engine.core.params import shown
from engine.core.words import T

MOST_ROWS = 50
LARGEST, SMALLEST = 1e6, 1e-15
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_ROW_ENDS = re.compile(r"\]\s*[,;]?\s*\[|[\r\n]+")


@dataclass(frozen=True)
class Form:
    """f(x) = ½xᵀMx − bᵀx + c and its symmetric matrix A = ½(M + Mᵀ), which gives the same values.

    given: M (n, n) as it came in. a: A (n, n), symmetric to the last bit. b: (n,). names: of the n variables.
    """

    given: ndarray
    a: ndarray
    b: ndarray
    c: float
    names: tuple[str, ...]

    def value(self, points: ndarray) -> ndarray:
        """f at each row of `points` (..., n)."""
        return 0.5 * np.sum((points @ self.a) * points, axis=-1) - points @ self.b + self.c


def make_form(given: ndarray, b: ndarray, c: float, names: tuple[str, ...] | None = None) -> Form:
    """The form of a square matrix M (n, n), symmetrised; names default to x, y, z, or x1 … xn from four on."""
    n = len(given)
    default = ("x", "y", "z")[:n] if n <= 3 else tuple(f"x{i + 1}" for i in range(n))
    return Form(given, 0.5 * (given + given.T), b, float(c), names or default)


def read_number(text: str, name: str, place: T) -> float:
    """A decimal number or a fraction such as 1/3. Raises `Refused`, naming the parameter and the place in it."""
    parts = text.split("/")
    if len(parts) > 2 or not all(_NUMBER.fullmatch(part.strip()) for part in parts):
        got_en, got_zh = T("empty", "空的") if not text else (shown(text), shown(text))
        raise Refused(
            T(
                "{name} must be made of numbers; {place} is {got_en}",
                "{name} 必须由数组成；{place}是 {got_en}",
                name=name,
                place=T.of(place),
                got_en=T(got_en, got_zh),
            ),
            name,
        )
    bottom = float(parts[1]) if len(parts) == 2 else 1.0
    value = float(parts[0]) / bottom if bottom else float("inf")
    if value and not SMALLEST <= abs(value) <= LARGEST:
        raise Refused(
            T(
                "{name} must be made of zeros and numbers from {smallest:g} to {largest:g} in size; {place} is {text}",
                "{name} 只能含零和绝对值在 {smallest:g} 到 {largest:g} 之间的数；{place}是 {text}",
                name=name,
                smallest=SMALLEST,
                largest=LARGEST,
                place=T.of(place),
                text=shown(text),
            ),
            name,
        )
    return value


def _plain(text: str) -> str:
    """The text in ASCII; rows in brackets, as programs write them, and on lines of their own end at semicolons."""
    plain = _ROW_ENDS.sub(";", normalised(text).strip()).replace("\t", " ")
    return re.sub(r"^[\[(]+|[\])]+$", "", plain)


def _entries(row: str) -> list[str]:
    return [entry.strip() for entry in row.split(",")] if "," in row else row.split()


def read_matrix(text: str, name: str = "matrix") -> ndarray:
    """Rows as "2,1;1,3" to a square array (n, n), n from 1 to 50.

    Rows end at a semicolon or a line's end, entries at a comma or, where a row has no comma, at a space; full-width
    punctuation is accepted. Raises `Refused` with the place of the first entry at fault, for rows of unequal length,
    a matrix that is not square, is empty, or has more than 50 rows.
    """
    rows = [row.strip() for row in _plain(text).split(";")]
    while rows and not rows[-1]:
        rows.pop()
    if not rows:
        raise Refused(T("{name} must have at least one row; got nothing", "{name} 至少要有一行；什么也没有收到", name=name), name)
    if len(rows) > MOST_ROWS:
        raise Refused(
            T(
                "{name} must have at most {most_rows} rows; got {rows}",
                "{name} 最多 {most_rows} 行；收到 {rows} 行",
                name=name,
                most_rows=MOST_ROWS,
                rows=len(rows),
            ),
            name,
        )
    cells = [_entries(row) for row in rows]
    _check_shape(cells, name)
    return np.array(
        [
            [read_number(cell, name, T("row {i}, entry {j}", "第 {i} 行第 {j} 个", i=i, j=j)) for j, cell in enumerate(row, 1)]
            for i, row in enumerate(cells, 1)
        ]
    )


def _check_shape(cells: list[list[str]], name: str) -> None:
    wide = len(cells[0])
    for i, row in enumerate(cells, 1):
        if not row:
            raise Refused(
                T("{name} must not have empty rows; row {i} is empty", "{name} 不能有空行；第 {i} 行是空的", name=name, i=i), name
            )
        if len(row) != wide:
            raise Refused(
                T(
                    "{name} must have rows of equal length; row 1 has {wide} entries, row {i} has {row}",
                    "{name} 各行必须一样长；第 1 行有 {wide} 个数，第 {i} 行有 {row} 个",
                    name=name,
                    wide=wide,
                    i=i,
                    row=len(row),
                ),
                name,
            )
    if wide != len(cells):
        raise Refused(
            T(
                "{name} must be square; got {cells} rows of {wide} entries",
                "{name} 必须是方阵；收到 {cells} 行、每行 {wide} 个数",
                name=name,
                cells=len(cells),
                wide=wide,
            ),
            name,
        )


def read_vector(text: str, n: int, name: str) -> ndarray:
    """Numbers as "1,-2" to an array (n,): one number stands for all n entries, nothing for zeros.

    Raises `Refused` with the place of the first entry at fault, or where there are neither 0, 1 nor n numbers.
    """
    row = _plain(text).replace(";", ",").strip().strip(",")
    entries = _entries(row) if row else ["0"]
    if len(entries) not in (1, n):
        raise Refused(
            T(
                "{name} must have one number for each of the {n} rows of the matrix, or one for all; got {entries}",
                "{name} 的个数必须等于矩阵的行数 {n}，或只给一个数代表全部；收到 {entries} 个",
                name=name,
                n=n,
                entries=len(entries),
            ),
            name,
        )
    values = [read_number(entry, name, T("entry {i}", "第 {i} 个", i=i)) for i, entry in enumerate(entries, 1)]
    return np.full(n, values[0]) if len(values) == 1 else np.array(values)


def fit_vector(text: str, n: int, name: str) -> tuple[ndarray, T | None]:
    """`read_vector` for a point that may be left from another matrix: cut, or filled with zeros, to n entries.

    Returns the array and, where it was cut or filled, a sentence that says so.
    """
    row = _plain(text).replace(";", ",").strip().strip(",")
    entries = len(_entries(row))
    if entries in (0, 1, n):
        return read_vector(text, n, name), None
    values = read_vector(text, entries, name)
    fitted = np.zeros(n)
    fitted[: min(n, entries)] = values[:n]
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


def say_symmetrisation(form: Form) -> T:
    twist = np.triu(np.abs(form.given - form.given.T))
    if not twist.any():
        return T("M is symmetric as it stands: A = M.", "M 本来就对称：A = M。")
    i, j = (int(k) for k in np.unravel_index(np.argmax(twist), twist.shape))
    upper, lower, half = (f"{value:.4g}".replace("-", "−") for value in (form.given[i, j], form.given[j, i], form.a[i, j]))
    return T(
        "Only the symmetric part counts, as xᵀMx = xᵀMᵀx: A = ½(M + Mᵀ), and entries ({i}, {j}) = {upper} and ({j}, {i}) = {lower} both become {half}.",
        "只有对称部分起作用，因为 xᵀMx = xᵀMᵀx：取 A = ½(M + Mᵀ)，第 ({i}, {j}) 个数 {upper} 与第 ({j}, {i}) 个数 {lower} 都变成 {half}。",
        i=i + 1,
        j=j + 1,
        upper=upper,
        lower=lower,
        half=half,
    )
