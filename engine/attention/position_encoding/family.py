"""The whole family in plain numpy: what each encoding makes of the score of one query and one key, wherever they stand.

Letters: q and k the query's and the key's own vector, of d numbers, the same at every position (all projections are
the identity, so that what varies is position alone); m and n their positions; K a reach. What a model would learn is
drawn at random here. A score is the sum of its terms.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.attention.position_encoding.parameters import ENCODINGS
from engine.core.recent import remembered
from engine.core.words import T

BANDS = 4


@dataclass(frozen=True)
class Given:
    """What all encodings are built from. context: how many positions a learned table has. slope: ALiBi's."""

    q: np.ndarray
    k: np.ndarray
    rates: np.ndarray
    temperature: float
    context: int
    reach: int
    buckets: int
    furthest: int
    slope: float
    seed: int

    @property
    def d(self) -> int:
        return len(self.q)

    def drawn(self, name: str, *shape: int) -> np.ndarray:
        """Standard normal numbers, the same for the same name and seed."""
        return _drawn(self.seed, name, shape)


@remembered(64)
def _drawn(seed: int, name: str, shape: tuple[int, ...]) -> np.ndarray:
    numbers = np.random.Generator(np.random.SFC64([seed, *name.encode()])).standard_normal(shape)
    numbers.flags.writeable = False
    return numbers


@dataclass(frozen=True)
class Places:
    """Positions of queries and keys: every query with every key, or (`paired`) each with its own."""

    m: np.ndarray
    n: np.ndarray
    paired: bool = False

    @property
    def steps(self) -> np.ndarray:
        """m − n."""
        return self.m - self.n if self.paired else self.m[:, None] - self.n

    def dot(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Products of query-side vectors (M, d) and key-side vectors (N, d)."""
        return (a * b).sum(-1) if self.paired else a @ b.T

    def rows(self, a: np.ndarray) -> np.ndarray:
        """A number (M,) for each query."""
        return a if self.paired else np.broadcast_to(a[:, None], (len(self.m), len(self.n)))

    def columns(self, b: np.ndarray) -> np.ndarray:
        """A number (N,) for each key."""
        return b if self.paired else np.broadcast_to(b, (len(self.m), len(self.n)))

    def all(self, value: float) -> np.ndarray:
        return np.full(self.steps.shape, value)


Terms = tuple[np.ndarray, ...]


def waves(positions: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """(…, d): sin(position · rate), cos(position · rate), pair by pair. Source: Vaswani et al. 2017, section 3.5."""
    turns = positions[..., None] * rates
    return np.stack([np.sin(turns), np.cos(turns)], -1).reshape(*turns.shape[:-1], -1)


def states(given: Given, last: int) -> np.ndarray:
    """(last + 1, d) or more: the states of p' = ½ (1.5 W₂ tanh(W₁ p) − p), one Runge–Kutta step from each to the next.

    Source: Liu et al. 2020 (FLOATER), eq. 3, with a fixed random flow.
    """
    return _states(given.seed, given.d, 64 * (last // 64 + 1))


@remembered(32)
def _states(seed: int, d: int, count: int) -> np.ndarray:
    inner, outer = (_drawn(seed, name, (d, d)) * d**-0.5 for name in ("inner", "outer"))
    p, found = _drawn(seed, "start", (d,)), np.empty((count, d))
    flow = lambda x: 0.5 * (1.5 * (outer @ np.tanh(inner @ x)) - x)  # noqa: E731
    for i in range(count):
        found[i] = p
        a = flow(p)
        b = flow(p + a / 2)
        c = flow(p + b / 2)
        p = p + (a + 2 * b + 2 * c + flow(p + c)) / 6
    return found


def bucket(steps: np.ndarray, buckets: int, furthest: int) -> np.ndarray:
    """T5's number for m − n: half of the buckets for keys behind, half for keys ahead, each half logarithmic.

    Source: Raffel et al. 2020, section 2.1, attention that sees both ways.
    """
    half = buckets // 2
    exact, away = half // 2, np.abs(steps)
    ratio = np.log(np.maximum(away, 1) / exact) / math.log(furthest / exact)
    wide = np.minimum(exact + (ratio * (half - exact)).astype(int), half - 1)
    return np.where(away < exact, away, wide) + half * (steps < 0)


def slopes(heads: int) -> np.ndarray:
    """(heads,) of ALiBi for a power of two: 2^(−8 h / heads), h from 1. Source: Press et al. 2022, section 3."""
    return 2.0 ** (-8 * np.arange(1, heads + 1) / heads)


def table(given: Given, positions: np.ndarray) -> np.ndarray:
    """Rows of a learned table; NaN beyond its end. Source: Devlin et al. 2019, section 3."""
    rows = given.drawn("table", given.context, given.d)
    inside = positions < given.context
    return np.where(inside[:, None], rows[np.minimum(positions, given.context - 1)], np.nan)


def added(at: Callable[[Given, np.ndarray], np.ndarray]) -> Callable[[Given, Places], Terms]:
    """The terms of an encoding that adds a vector p to queries and keys alike: q·k, q·pₙ, pₘ·k, pₘ·pₙ."""

    def terms(given: Given, places: Places) -> Terms:
        pm, pn, root = at(given, places.m), at(given, places.n), math.sqrt(given.d)
        return (
            places.all(given.q @ given.k / root),
            places.columns(pn @ given.q / root),
            places.rows(pm @ given.k / root),
            places.dot(pm, pn) / root,
        )

    return terms


def speeds(given: Given, word: str) -> np.ndarray:
    """(d / 2,) radians per position of one word: the base's own, each times a random factor around 1."""
    return given.rates * np.exp(0.5 * given.drawn(f"speeds of {word}", given.d // 2))


def banded(given: Given, places: Places, query: np.ndarray, key: np.ndarray, gain: float = 1.0) -> Terms:
    """Products of q and k turned at rates (d / 2,) of their own, the pairs in four groups from fast to slow.

    A pair (a, b) is the complex number a + ib, and a turn is a product with e^(iθm) (Su et al. 2021, eq. 12).
    """
    sides = ((given.q, places.m, query), (given.k, places.n, key))
    q, k = ((x[0::2] + 1j * x[1::2]) * np.exp(1j * at[:, None] * rates) for x, at, rates in sides)
    edges = np.linspace(0, given.d // 2, BANDS + 1).round().astype(int)
    weight = gain**2 / math.sqrt(given.d)
    return tuple(places.dot(q[:, i:j], k[:, i:j].conj()).real * weight for i, j in itertools.pairwise(edges.tolist()))


def plain(given: Given, places: Places) -> Terms:
    return (places.all(given.q @ given.k / math.sqrt(given.d)),)


def shaw(given: Given, places: Places) -> Terms:
    by_step = shaw_table(given) @ given.q / math.sqrt(given.d)
    at = np.clip(-places.steps, -given.reach, given.reach) + given.reach
    return (*plain(given, places), by_step[at])


def shaw_table(given: Given) -> np.ndarray:
    """(2 K + 1, d): the vector of n − m from −K to K. Source: Shaw et al. 2018, section 3.2."""
    return given.drawn("shaw", 2 * given.reach + 1, given.d)


def xlnet(given: Given, places: Places) -> Terms:
    """Source: Dai et al. 2019, section 3.3, terms (a) to (d)."""
    root, steps = math.sqrt(given.d), places.steps
    low = int(steps.min())
    r = waves(np.arange(low, int(steps.max()) + 1), given.rates)
    u, v = (given.drawn(name, given.d) for name in "uv")
    seen, bias = (r @ x / root for x in (given.q, v))
    return (*plain(given, places), seen[steps - low], places.all(u @ given.k / root), bias[steps - low])


def t5(given: Given, places: Places) -> Terms:
    return (*plain(given, places), t5_bias(given)[bucket(places.steps, given.buckets, given.furthest)])


def t5_bias(given: Given) -> np.ndarray:
    """(buckets,) one number each."""
    return given.drawn("t5", given.buckets)


def deberta(given: Given, places: Places) -> Terms:
    """Source: He et al. 2021, eqs. 2 to 4."""
    queries, keys = deberta_tables(given)
    root, K, steps = math.sqrt(3 * given.d), given.reach, places.steps
    delta = lambda x: np.clip(x + K, 0, 2 * K - 1)  # noqa: E731
    to_position, from_position = keys @ given.q / root, queries @ given.k / root
    return (places.all(given.q @ given.k / root), to_position[delta(steps)], from_position[delta(-steps)])


def deberta_tables(given: Given) -> tuple[np.ndarray, np.ndarray]:
    """(2 K, d) each: the vectors of distances as queries and as keys."""
    return given.drawn("deberta q", 2 * given.reach, given.d), given.drawn("deberta k", 2 * given.reach, given.d)


def alibi(given: Given, places: Places) -> Terms:
    """Its paper looks back only; here keys ahead pay for their distance as well."""
    return (*plain(given, places), -given.slope * np.abs(places.steps))


@dataclass(frozen=True)
class Encoding:
    """One member. terms: the parts of its score, named by `parts`. relative: whether theory says m − n alone."""

    name: str
    title: T
    terms: Callable[[Given, Places], Terms]
    parts: tuple[T, ...]
    relative: bool

    def score(self, given: Given, places: Places) -> np.ndarray:
        return functools.reduce(np.add, self.terms(given, places))


CONTENT: T = T("q·k", "q·k")
ABSOLUTE: tuple[T, ...] = (CONTENT, T("q·pₙ", "q·pₙ"), T("pₘ·k", "pₘ·k"), T("pₘ·pₙ", "pₘ·pₙ"))
BY_SPEED: tuple[T, ...] = (
    T("the fastest quarter of pairs", "最快的四分之一数对"),
    T("the second quarter", "第二个四分之一"),
    T("the third quarter", "第三个四分之一"),
    T("the slowest quarter", "最慢的四分之一"),
)
FAMILY: tuple[Encoding, ...] = tuple(
    Encoding(name, ENCODINGS[name], terms, parts, relative)
    for name, terms, parts, relative in (
        ("none", plain, (CONTENT,), True),
        ("learned", added(table), ABSOLUTE, False),
        ("sinusoidal", added(lambda g, at: waves(at, g.rates)), ABSOLUTE, False),
        ("recurrent", added(lambda g, at: states(g, int(at.max()))[at]), ABSOLUTE, False),
        ("complex", lambda g, at: banded(g, at, speeds(g, "q"), speeds(g, "k")), BY_SPEED, False),
        ("shaw", shaw, (CONTENT, T("q·a of n − m", "q·a（随 n − m）")), True),
        ("xlnet", xlnet, (CONTENT, T("q·r of m − n", "q·r（随 m − n）"), T("u·k", "u·k"), T("v·r of m − n", "v·r（随 m − n）")), True),
        ("t5", t5, (CONTENT, T("bias of the bucket", "所在桶的偏置")), True),
        ("deberta", deberta, (CONTENT, T("content to position", "内容对位置"), T("position to content", "位置对内容")), True),
        ("alibi", alibi, (CONTENT, T("penalty", "罚项")), True),
        ("rotary", lambda g, at: banded(g, at, g.rates, g.rates, g.temperature), BY_SPEED, True),
    )
)
NAMES = tuple(one.name for one in FAMILY)


def departure(scores: np.ndarray, moved: np.ndarray) -> float:
    """How far a score is from depending on m − n alone: 0 if it does.

    The largest difference of scores (N, N), and of those with all positions moved, from the score of the same m − n
    in the first row or column, over the largest of all. NaN where nothing is finite.
    """
    N = len(scores)
    steps = np.arange(N)[:, None] - np.arange(N)
    corner = np.where(steps >= 0, scores[np.maximum(steps, 0), 0], scores[0, np.maximum(-steps, 0)])
    gaps = [np.abs(x - corner) for x in (scores, moved)]
    finite = [float(g[np.isfinite(g)].max()) for g in gaps if np.isfinite(g).any()]
    largest = max(float(np.nanmax(np.abs(x), initial=0.0)) for x in (scores, moved))
    return max(finite) / max(largest, 1e-300) if finite else math.nan
