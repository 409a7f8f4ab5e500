"""One encoding in detail: the matrix that it works with, and the terms of its score."""

from __future__ import annotations

import numpy as np

from engine.attention.position_encoding import family
from engine.attention.position_encoding.family import Encoding, Given, Places
from engine.attention.position_encoding.result import Chosen, Matrix
from engine.core.words import T

POSITION, NUMBER, PAIR = T("position", "位置"), T("number of the vector", "向量的第几个数"), T("number of the pair", "数对的编号")
STEP, BACK = T("distance n − m", "距离 n − m"), T("distance m − n", "距离 m − n")
QUERY, KEY = T("query’s position m", "查询位置 m"), T("key’s position n", "键位置 n")
TO_TOKENS = T("a row is added to the token at that position", "每一行加到该位置的词元上")
FURTHEST = 48  # distances to either side that are drawn
COLUMNS = 64


def choose(encoding: Encoding, given: Given, length: int) -> Chosen:
    """`encoding` at the positions 0 to length − 1."""
    at = np.arange(length)
    terms = np.stack(encoding.terms(given, Places(at, at)))
    return Chosen(
        name=encoding.name,
        title=encoding.title,
        matrix=matrix(encoding.name, given, length),
        parts=encoding.parts,
        terms=terms,
        scores=terms.sum(0),
    )


def matrix(name: str, given: Given, length: int) -> Matrix | None:
    """What an encoding adds or multiplies; None for none."""
    at, K = np.arange(length), min(given.reach, FURTHEST)
    away = np.arange(1 - length, length)
    steps = at[:, None] - at
    kind, rows, titles = "adds", at, (POSITION, NUMBER)
    match name:
        case "none":
            return None
        case "learned":
            values, says = family.table(given, at), TO_TOKENS
        case "sinusoidal":
            values, says = family.waves(at, given.rates), TO_TOKENS
        case "recurrent":
            values, says = family.states(given, length - 1)[:length], TO_TOKENS
        case "complex":
            kind, titles, values = "multiplies", (POSITION, PAIR), np.cos(at[:, None] * family.speeds(given, "k"))
            says = T("Re e^(iωn) of the key’s word, which multiplies its pairs", "键所属词的 Re e^(iωn)，乘在它的数对上")
        case "rotary":
            kind, titles, values = "multiplies", (POSITION, PAIR), np.cos(at[:, None] * given.rates)
            says = T("cos(nθ), the real part of what multiplies each pair", "cos(nθ)，即乘在每个数对上的因子的实部")
        case "shaw":
            rows, titles = np.arange(-K, K + 1), (STEP, NUMBER)
            values = family.shaw_table(given)[given.reach - K : given.reach + K + 1]
            says = T("a row is added to the key at that distance", "每一行加到该距离的键上")
        case "xlnet":
            rows, titles, values = away, (BACK, NUMBER), family.waves(away, given.rates)
            says = T("a row is a further key, for that distance", "每一行是该距离的附加键")
        case "deberta":
            rows, titles = np.arange(-K, K), (BACK, NUMBER)
            values = family.deberta_tables(given)[1][given.reach - K : given.reach + K]
            says = T("a row is the key of a distance", "每一行是某个距离的键")
        case "t5":
            titles, values = (QUERY, KEY), family.t5_bias(given)[family.bucket(steps, given.buckets, given.furthest)]
            says = T("added to the score: one number for each bucket", "加到分数上：每个桶一个数")
        case "alibi":
            titles, values = (QUERY, KEY), -given.slope * np.abs(steps)
            says = T("added to the score: −{slope:number} a step", "加到分数上：每一步 −{slope:number}", slope=given.slope)
    return Matrix(values[:, :COLUMNS], rows, *titles, kind, says)
