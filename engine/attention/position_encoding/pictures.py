"""One encoding in detail: the matrix it works with, the terms of its score, and its score over the distance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.attention.position_encoding import family
from engine.attention.position_encoding.family import Encoding, Given, Places, Words

POSITION: Words = ("position", "位置")
NUMBER: Words = ("number of the vector", "向量的第几个数")
STEP: Words = ("distance n − m", "距离 n − m")
BACK: Words = ("distance m − n", "距离 m − n")
QUERY: Words = ("query’s position m", "查询位置 m")
KEY: Words = ("key’s position n", "键位置 n")
ALONG = 64  # positions over which a pair is moved
ROWS = 96
COLUMNS = 64


@dataclass(frozen=True)
class Matrix:
    """What an encoding adds or multiplies. kind: "adds" or "multiplies", and to what, as words.

    values: (r, c). rows: (r,) their positions or distances. row_title, column_title: what those are.
    """

    values: np.ndarray
    rows: np.ndarray
    row_title: Words
    column_title: Words
    kind: str
    says: Words


@dataclass(frozen=True)
class Chosen:
    """name, title: the encoding. matrix: what it works with, None for none. parts, terms: (t,) names and (t, N, N)
    matrices that add up to scores (N, N), of queries and keys at positions 0 to N − 1. moved: (N, N) with every
    position moved. along: (a,) how far a pair was moved; along_scores: (2, a) of the pair at the distance asked for
    and of a query beside its own key. distances: (2,) theirs.
    """

    name: str
    title: Words
    matrix: Matrix | None
    parts: tuple[Words, ...]
    terms: np.ndarray
    scores: np.ndarray
    moved: np.ndarray
    along: np.ndarray
    along_scores: np.ndarray
    distances: tuple[int, int]


def choose(encoding: Encoding, given: Given, length: int, offset: int, distance: int) -> Chosen:
    """`encoding` at the positions 0 to length − 1, and moved by `offset`."""
    at, along = np.arange(length), np.arange(0, 1024 + 1, 1024 // ALONG)
    terms = np.stack(encoding.terms(given, Places(at, at)))
    pairs = [encoding.score(given, Places(along + step, along, paired=True)) for step in (distance, 0)]
    make = MATRICES.get(encoding.name)
    return Chosen(
        name=encoding.name, title=encoding.title, matrix=make(given, length) if make else None, parts=encoding.parts,
        terms=terms, scores=terms.sum(0), moved=encoding.score(given, Places(at + offset, at + offset)), along=along,
        along_scores=np.stack(pairs), distances=(distance, 0),
    )  # fmt: skip


def _by_position(values: np.ndarray, kind: str, says: Words) -> Matrix:
    return Matrix(values[:, :COLUMNS], np.arange(len(values)), POSITION, NUMBER, kind, says)


def _by_step(values: np.ndarray, rows: np.ndarray, title: Words, says: Words) -> Matrix:
    return Matrix(values[:, :COLUMNS], rows, title, NUMBER, "adds", says)


def _pairs(values: np.ndarray, says: Words) -> Matrix:
    return Matrix(values, np.arange(len(values)), QUERY, KEY, "adds", says)


TO_TOKENS: Words = ("a row is added to the token at that position", "每一行加到该位置的词元上")


def _learned(given: Given, length: int) -> Matrix:
    return _by_position(family.table(given, np.arange(length)), "adds", TO_TOKENS)


def _sinusoidal(given: Given, length: int) -> Matrix:
    return _by_position(family.waves(np.arange(length), given.rates), "adds", TO_TOKENS)


def _recurrent(given: Given, length: int) -> Matrix:
    return _by_position(family.states(given, length - 1)[:length], "adds", TO_TOKENS)


def _complex(given: Given, length: int) -> Matrix:
    turns = np.arange(length)[:, None] * family.speeds(given, "k")
    return Matrix(
        np.cos(turns)[:, :COLUMNS], np.arange(length), POSITION, ("number of the pair", "数对的编号"), "multiplies",
        ("Re e^(iωn) of the key’s word, which multiplies its pairs", "键所属词的 Re e^(iωn)，乘在它的数对上"),
    )  # fmt: skip


def _shaw(given: Given, length: int) -> Matrix:
    K = min(given.reach, ROWS // 2)
    table = family.shaw_table(given)[given.reach - K : given.reach + K + 1]
    says: Words = ("a row is added to the key at that distance", "每一行加到该距离的键上")
    return _by_step(table, np.arange(-K, K + 1), STEP, says)


def _xlnet(given: Given, length: int) -> Matrix:
    steps = np.arange(1 - length, length)
    says: Words = ("a row is a further key, for that distance", "每一行是该距离的附加键")
    return _by_step(family.waves(steps, given.rates), steps, BACK, says)


def _deberta(given: Given, length: int) -> Matrix:
    K = min(given.reach, ROWS // 2)
    table = family.deberta_tables(given)[1][given.reach - K : given.reach + K]
    return _by_step(table, np.arange(-K, K), BACK, ("a row is the key of a distance", "每一行是某个距离的键"))


def _t5(given: Given, length: int) -> Matrix:
    at = np.arange(length)
    steps = Places(at, at).steps
    says: Words = ("added to the score: one number for each bucket", "加到分数上：每个桶一个数")
    return _pairs(family.t5_bias(given)[family.bucket(steps, given.buckets, given.furthest)], says)


def _alibi(given: Given, length: int) -> Matrix:
    at = np.arange(length)
    says: Words = (f"added to the score: −{given.slope:.4g} a step", f"加到分数上：每一步 −{given.slope:.4g}")
    return _pairs(-given.slope * np.abs(Places(at, at).steps), says)


def _rotary(given: Given, length: int) -> Matrix:
    turns = np.arange(length)[:, None] * given.rates * 1.0
    return Matrix(
        np.cos(turns)[:, :COLUMNS], np.arange(length), POSITION, ("number of the pair", "数对的编号"), "multiplies",
        ("cos(nθ), the real part of what multiplies each pair", "cos(nθ)，即乘在每个数对上的因子的实部"),
    )  # fmt: skip


MATRICES: dict[str, Callable[[Given, int], Matrix]] = {
    "learned": _learned, "sinusoidal": _sinusoidal, "recurrent": _recurrent, "complex": _complex, "shaw": _shaw,
    "xlnet": _xlnet, "deberta": _deberta, "t5": _t5, "alibi": _alibi, "rotary": _rotary,
}  # fmt: skip
