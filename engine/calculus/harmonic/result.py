"""What the harmonic lab finds: pictures of H_n, its sum on the machine, its sister rearranged, coupons and blocks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from engine.core import Finding, T


@dataclass(frozen=True)
class Growth:
    """H_n against its expansion.

    n: whole numbers from 1 to the n asked for (at least 10), log-spaced; h: H_n there. names: the five truncations ln n,
    ln n + γ, … + 1/2n, … - 1/12n², … + 1/120n⁴; errors: H_n minus each, exact however small. values, value_errors: the
    truncations and their errors at the n asked for.
    """

    n: Int[ndarray, " x"]
    h: Float[ndarray, " x"]
    names: tuple[str, ...]
    errors: Float[ndarray, "5 x"]
    values: Float[ndarray, 5]
    value_errors: Float[ndarray, 5]


@dataclass(frozen=True)
class Areas:
    """Bars of height 1/k over [k, k + 1] above the curve 1/x.

    sliver: the area of each bar above the curve, 1/k - ln((k + 1)/k). slivers: their running total, H_k - ln(k + 1), which
    rises to γ. lower, upper: ln(n + 1) < H_n <= 1 + ln n, at the n asked for.
    """

    k: Int[ndarray, " bars"]
    height: Float[ndarray, " bars"]
    sliver: Float[ndarray, " bars"]
    slivers: Float[ndarray, " bars"]
    lower: float
    upper: float


@dataclass(frozen=True)
class Halves:
    """Oresme's groups 1 | 1/2 | 1/3 + 1/4 | 1/5 + … + 1/8 | …: each of them but the first is at least 1/2.

    first, last: the k that each group spans (only whole groups up to n). total: its sum, which falls to ln 2.
    running: H_last. floor: 1 + (groups after the first)/2, which H_last is never below.
    """

    first: Int[ndarray, " groups"]
    last: Int[ndarray, " groups"]
    total: Float[ndarray, " groups"]
    running: Float[ndarray, " groups"]
    floor: Float[ndarray, " groups"]


@dataclass(frozen=True)
class Stall:
    """Where the forward sum in a format stops.

    At k = tie = 2^(bits - binade) the term is just half a unit in the last place of a sum in [2^binade, 2^(binade+1)).
    A tie goes to the even neighbour, so the sum stays if its last bit is 0, and moves once more if it is 1.
    stall_at: the first k whose term, like all later ones, leaves the sum as it is; total: that sum; exact: H_k
    there. observed: added up one by one; otherwise counted (see counting.py), as it would take days.
    """

    dtype: str
    bits: int
    binade: int
    tie: int
    stall_at: int
    total: float
    exact: float
    observed: bool


@dataclass(frozen=True)
class MachineSum:
    """The sum in one format and order.

    terms: how many are asked for; added: how many are in. total: the machine's sum; exact: the sum of the same terms;
    error = total - exact. k: marks in the order of addition; sums: the machine's sum once 1/k was in (forward,
    Kahan, pairwise: of 1 … 1/k; backward: of 1/n … 1/k); exact_sums, errors; half_ulp: half a unit in the last place of
    the sum, which a term must exceed to move it; term: 1/k. still_from: the first k that, with all later ones, left the
    machine's state as it was, if the sum got there. how: what was done.
    """

    dtype: str
    order: str
    terms: int
    added: int
    total: float
    exact: float
    error: float
    k: Int[ndarray, " marks"]
    sums: Float[ndarray, " marks"]
    exact_sums: Float[ndarray, " marks"]
    errors: Float[ndarray, " marks"]
    half_ulp: Float[ndarray, " marks"]
    term: Float[ndarray, " marks"]
    still_from: int | None
    how: T


@dataclass(frozen=True)
class Orders:
    """Every order in one format at growing n (powers of two, and the largest), in the order of `names`.

    bound: what |error| cannot exceed, to first order in the unit roundoff u, the terms' own rounding included:
    u times the sum of all partial sums (Higham 2002, section 4.2), for Kahan 2u H_n + n u² H_n.
    """

    names: tuple[str, ...]
    n: Int[ndarray, " x"]
    exact: Float[ndarray, " x"]
    sums: Float[ndarray, "4 x"]
    errors: Float[ndarray, "4 x"]
    bound: Float[ndarray, "4 x"]


@dataclass(frozen=True)
class Rearranged:
    """The rearrangement for one target.

    path: the first terms in their new order as signed denominators (1, -2, 3, …); path_sums: the sum after each. taken:
    numbers of terms, log-spaced up to `terms`; sums: the sum after so many; positives, negatives: how many of each sign it
    holds. drift: sum - target; bound: the larger of the last terms of either sign, which |drift| does not exceed once both
    have come up (NaN before). ratio: positives / negatives at the end; ratio_limit: 4^-1 e^(2 target), to which it tends.
    natural: ln 2, the sum in the usual order.
    """

    target: float
    terms: int
    path: Int[ndarray, " first"]
    path_sums: Float[ndarray, " first"]
    taken: Int[ndarray, " x"]
    sums: Float[ndarray, " x"]
    positives: Int[ndarray, " x"]
    negatives: Int[ndarray, " x"]
    drift: Float[ndarray, " x"]
    bound: Float[ndarray, " x"]
    ratio: float
    ratio_limit: float
    natural: float = float(np.log(2))


@dataclass(frozen=True)
class Coupons:
    """Collections simulated, beside what is exact.

    mean, spread: of the draws over `runs` collections (standard deviation); exact_mean = m H_m, exact_spread; z:
    how many of its own standard errors the mean is off. observed, exact: shares of collections by draws, in
    bins [edges_i, edges_i+1). exact_law, gumbel: P(T <= draws), and the limit exp(-m e^(-draws/m)).
    wait, exact_wait: the mean wait for the next new kind when `stage` kinds are there, m / (m - stage).
    """

    kinds: int
    runs: int
    mean: float
    exact_mean: float
    spread: float
    exact_spread: float
    z: float
    edges: Float[ndarray, " bins+1"]
    observed: Float[ndarray, " bins"]
    exact: Float[ndarray, " bins"]
    draws: Float[ndarray, " x"]
    exact_law: Float[ndarray, " x"]
    gumbel: Float[ndarray, " x"]
    stage: Int[ndarray, " stages"]
    wait: Float[ndarray, " stages"]
    exact_wait: Float[ndarray, " stages"]


@dataclass(frozen=True)
class Tower:
    """Blocks of length 1 stacked over the edge of a table at 0.

    overhang: of the topmost block's end beyond the table, at most H_blocks / 2. level: blocks shown, counted from the top (1).
    left, right: their ends. centre: of mass of the blocks down to this one; support: where the block (or table) below
    it ends. Balance wants centre <= support, and as far out as they can go they are equal at every level. needed: how many
    blocks an overhang of `wanted` block lengths takes. tips: the level down to which the blocks tip; None: they stand.
    """

    overhang: float
    level: Int[ndarray, " shown"]
    left: Float[ndarray, " shown"]
    right: Float[ndarray, " shown"]
    centre: Float[ndarray, " shown"]
    support: Float[ndarray, " shown"]
    wanted: Int[ndarray, " w"]
    needed: Int[ndarray, " w"]
    tips: int | None = None


@dataclass(frozen=True)
class Summed:
    """Everything about H_n that the lab shows.

    h_n = 1 + 1/2 + … + 1/n; log_n = ln n; gamma_estimate = H_n - ln n, which falls to gamma = 0.5772…
    stall_at: forward, the first k whose term, like all later ones, leaves the format's sum as it is, whether or not n
    gets there; Kahan, the same once it was met with; None for the other orders. stalled: whether it was met with.
    tower: as far out as it can go; hand: four blocks as they were put. While a long run streams, `machine` and `orders` hold fewer terms, or NaN.
    """

    n: int
    h_n: float
    log_n: float
    gamma_estimate: float
    gamma: float
    stall_at: int | None
    stalled: bool
    growth: Growth
    areas: Areas
    halves: Halves
    stalls: tuple[Stall, ...]
    machine: MachineSum
    orders: Orders
    rearranged: Rearranged
    coupons: Coupons
    tower: Tower
    hand: Tower
    findings: tuple[Finding, ...]
    dtype: str
