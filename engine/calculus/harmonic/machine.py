"""One sum on the machine as a page shows it; all four orders at growing n; where each format's forward sum stalls."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import numpy as np

from engine.calculus.harmonic.asymptotic import harmonic, harmonic_decimal
from engine.calculus.harmonic.counting import forward_by_counting
from engine.calculus.harmonic.formats import Format, number_format
from engine.calculus.harmonic.result import MachineSum, Orders, Stall
from engine.calculus.harmonic.summation import ORDERS, Block, forward
from engine.core import T

MARKS = 160
ADDED = 10**9  # at most so many terms are added one by one
COUNTED_FROM = 1 << 24  # fp64's forward sum is added one by one up to here, and counted beyond
COMPARED = 1 << 22
PAUSE = 0.03  # seconds of work, about, between two reports
COUNTING = 0.4  # seconds that counting takes at most, about
BLOCK_SECONDS = 0.006  # and one of its blocks

# Where sums come to a standstill by themselves, or to terms that are all 0.
STILL = {
    ("forward", "bf16"): 65,
    ("forward", "fp16"): 513,
    ("forward", "fp32"): 2**21,
    ("forward", "fp64"): COUNTED_FROM,
    ("kahan", "bf16"): 9_600,
    ("kahan", "fp16"): 521_600,
    ("backward", "fp16"): 2**25,
    ("pairwise", "fp16"): 2**25,
}
NS_PER_TERM = {"forward": 8, "backward": 12, "pairwise": 8, "kahan": 25}
NS_PER_SHORT_TERM = {"forward": 15, "backward": 25, "pairwise": 35, "kahan": 300}
NS_BF16_KAHAN = 2500


# Found by the sums themselves; tests find them again. Compare Malone 2013, To what does the harmonic series converge?
_STALLS = (
    ("bf16", 65, 5.0625, True),
    ("fp16", 513, 7.0859375, True),
    ("fp32", 2**21, 15.403682708740234, True),
    ("fp64", 2**48 + 1, 34.12203566804787, False),
)
_BITS = {"bf16": 8, "fp16": 11, "fp32": 24, "fp64": 53}


def stalls() -> tuple[Stall, ...]:
    """The four formats' forward stalls."""
    return tuple(
        Stall(name, _BITS[name], *tie_of(_BITS[name]), at, total, float(harmonic(at)), observed) for name, at, total, observed in _STALLS
    )


def tie_of(bits: int) -> tuple[int, int]:
    """The binade e and the tie k = 2^(bits - e) where the sum's own binade is e: 2^e <= H_k < 2^(e+1)."""
    for binade in range(1, 8):
        if 2**binade <= harmonic(2 ** (bits - binade)) < 2 ** (binade + 1):
            return binade, 2 ** (bits - binade)
    raise AssertionError(bits)


def seconds_for(dtype: str, order: str, n: int) -> float:
    """About how long a sum takes."""
    counting = COUNTING if (order, dtype) == ("forward", "fp64") and n > COUNTED_FROM else 0.0
    return min(n, STILL.get((order, dtype), ADDED)) * _price(dtype, order) + counting


def _price(dtype: str, order: str) -> float:
    if (order, dtype) == ("kahan", "bf16"):
        return NS_BF16_KAHAN * 1e-9
    return (NS_PER_SHORT_TERM if dtype in ("fp16", "bf16") else NS_PER_TERM)[order] * 1e-9


def add_up(dtype: str, order: str, n: int) -> Iterator[tuple[float, MachineSum]]:
    """The sum so far and the fraction done, every PAUSE seconds or so; at the end, with fraction 1, the whole."""
    fmt, terms = number_format(dtype), n if (order, dtype) in STILL else min(n, ADDED)
    marks = np.unique(np.round(np.geomspace(1, terms, MARKS)).astype(np.int64))
    whole, price = seconds_for(dtype, order, n), _price(dtype, order)
    rows: list[np.ndarray] = []
    spent = reported = 0.0
    block, done = None, 0
    for block in _blocks(fmt, order, terms, marks):
        if len(block.marks):
            turn = slice(None, None, -1 if order == "backward" else 1)
            rows.append(_against_exact(dtype, order, terms, block.marks[turn], block.sums[turn]))
        spent += min((block.done - done) * price, BLOCK_SECONDS)
        done = block.done
        if spent - reported > PAUSE:
            reported = spent
            yield min(spent / whole, 0.99), _machine_sum(fmt, order, n, terms, done, block, rows)
    assert block is not None
    yield 1.0, _machine_sum(fmt, order, n, terms, terms, block, rows)


def _blocks(fmt: Format, order: str, n: int, marks: np.ndarray) -> Iterator[Block]:
    if (order, fmt.name) != ("forward", "fp64") or n <= COUNTED_FROM:
        yield from ORDERS[order](fmt, n, marks)
        return
    block = None
    for block in forward(fmt, COUNTED_FROM, marks[marks <= COUNTED_FROM]):
        yield block
    assert block is not None
    yield from forward_by_counting(fmt.precision, COUNTED_FROM, block.total, n, marks[marks > COUNTED_FROM])


def _exact(dtype: str, n: np.ndarray) -> np.ndarray:
    """H_n, to more digits than float64 has where the errors of fp64 sums are wanted (an array of decimals)."""
    return np.array([harmonic_decimal(i) for i in n.tolist()]) if dtype == "fp64" else harmonic(n)


def _off(sums: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """sums - exact; NaN where there is no sum yet."""
    if exact.dtype != object:
        return sums - exact
    return np.array([float(Decimal(s) - e) for s, e in zip(sums.tolist(), exact, strict=True)])


def _against_exact(dtype: str, order: str, n: int, k: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """k, the machine's sums, the exact sums of the same terms, and the errors. Shape (4, len(k))."""
    exact = _exact(dtype, np.array([n])) - _exact(dtype, k - 1) if order == "backward" else _exact(dtype, k)
    return np.array([k, sums, exact.astype(np.float64), _off(sums, exact)])


def _machine_sum(fmt: Format, order: str, n: int, terms: int, done: int, block: Block, rows: list[np.ndarray]) -> MachineSum:
    k, sums, exact_sums, errors = np.concatenate(rows, axis=1)
    last = np.array([terms - done + 1 if order == "backward" else done])
    _, _, [exact], [error] = _against_exact(fmt.name, order, terms, last, np.array([block.total]))
    return MachineSum(
        fmt.name,
        order,
        n,
        done,
        block.total,
        float(exact),
        float(error),
        k.astype(np.int64),
        sums,
        exact_sums,
        errors,
        fmt.ulp(sums) / 2,
        1 / k,
        block.still_from,
        _how(fmt.name, order, n, terms, block.still_from),
    )


def _how(dtype: str, order: str, n: int, terms: int, still_from: int | None) -> T:
    if (order, dtype) == ("forward", "fp64") and n > COUNTED_FROM:
        return T(
            "added one after another up to k = {counted_from:count}, then counted in runs of equal steps: the same sum",
            "前 {counted_from:count} 项逐项相加，其后按等步长的段计数：所得之和相同",
            counted_from=COUNTED_FROM,
        )
    if still_from is not None:
        return T(
            "added one after another up to k = {last:count}; no later term can change the sum",
            "逐项相加到 k = {last:count}；此后任何一项都不能再改变这个和",
            last=still_from - 1,
        )
    if terms < n:
        return T(
            "the first {terms:count} terms; more than that are not added one by one",
            "只加了前 {terms:count} 项；更多的项不再逐项相加",
            terms=terms,
        )
    return T.many(
        "{n:count} term added", "all {n:count} terms added, one rounding per addition", "{n:count} 项全部相加，每次加法舍入一次", n=n
    )


def compare_seconds(dtype: str, n: int) -> float:
    """About how long `compare` takes."""
    return sum(seconds_for(dtype, order, min(n, COMPARED)) * (2 if order == "backward" else 1) for order in ORDERS)


def compare(dtype: str, n: int) -> Iterator[Orders]:
    """The four orders up to min(n, 2^22), each order filled in (NaN until then) when it is reached."""
    fmt, top = number_format(dtype), min(n, COMPARED)
    ns = np.append(2 ** np.arange((top - 1).bit_length()), top)
    exact = _exact(dtype, ns)
    sums = np.full((len(ORDERS), len(ns)), np.nan)
    bounds = _bounds(fmt, ns, harmonic(ns))

    def so_far() -> Orders:
        return Orders(tuple(ORDERS), ns, harmonic(ns), sums.copy(), np.array([_off(s, exact) for s in sums]), bounds)

    spent = 0.0
    for row, order in enumerate(ORDERS):
        # A backward sum serves one n only, and is whole once 1 is in; the others pass by every n on their way.
        tasks = [(m, np.ones(1, np.int64)) for m in ns.tolist()] if order == "backward" else [(top, ns)]
        for length, marks in tasks:
            done = 0
            for block in ORDERS[order](fmt, length, marks):
                if len(block.marks):
                    sums[row, np.searchsorted(ns, [length] if order == "backward" else block.marks)] = block.sums
                spent += (block.done - done) * _price(dtype, order)
                done = block.done
                if spent > PAUSE:
                    spent = 0.0
                    yield so_far()
    yield so_far()


def _bounds(fmt: Format, n: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """Bounds on the errors of the four orders, shape (4, len(n)); see `Orders`.

    The exact partial sums add up to (n + 1) H_n - n - 1 forward and n - 1/n backward.
    """
    u, n = fmt.unit, n.astype(np.float64)
    subnormal = np.maximum(n - 2.0 ** (1 - fmt.lowest - fmt.precision), 0) * 2.0 ** (fmt.lowest - 1)
    added = np.array([(n + 1) * exact - n - 1, n - 1 / n, np.ceil(np.log2(n)) * exact, 2 * exact + n * u * exact])
    return u * added + u * exact + subnormal
