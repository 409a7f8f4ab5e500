"""Three pictures of H_n: areas under 1/x, Oresme's halves, and the leaning tower of blocks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.calculus.harmonic.asymptotic import harmonic, terms_for

BLOCKS_SHOWN = 400
OVERHANGS = np.arange(1, 16)


@dataclass(frozen=True)
class Areas:
    """Bars of height 1/k over [k, k + 1] above the curve 1/x.

    k, height: the bars. sliver: the area of each bar above the curve, 1/k - ln((k + 1)/k). slivers: their running
    total, H_k - ln(k + 1), which rises to γ. lower, upper: ln(n + 1) < H_n <= 1 + ln n, at the n asked for.
    """

    k: np.ndarray
    height: np.ndarray
    sliver: np.ndarray
    slivers: np.ndarray
    lower: float
    upper: float


@dataclass(frozen=True)
class Halves:
    """Oresme's groups 1 | 1/2 | 1/3 + 1/4 | 1/5 + … + 1/8 | …: each of them but the first is at least 1/2.

    first, last: the k that each group spans (only whole groups up to n). total: its sum, which falls to ln 2.
    running: H_last. floor: 1 + (groups after the first)/2, which H_last is never below.
    """

    first: np.ndarray
    last: np.ndarray
    total: np.ndarray
    running: np.ndarray
    floor: np.ndarray


@dataclass(frozen=True)
class Tower:
    """Blocks of length 1 stacked over the edge of a table at 0, as far out as they can go.

    overhang: of the topmost block's end beyond the table, H_blocks / 2. level: blocks shown, counted from the top (1).
    left, right: their ends. centre: of mass of the blocks down to this one; support: where the block (or table) below
    it ends. Balance wants centre <= support, and here they are equal at every level. wanted, needed: how many
    blocks an overhang of 1, 2, 3, … block lengths takes.
    """

    overhang: float
    level: np.ndarray
    left: np.ndarray
    right: np.ndarray
    centre: np.ndarray
    support: np.ndarray
    wanted: np.ndarray
    needed: np.ndarray


def areas(bars: int, n: int) -> Areas:
    k = np.arange(1, bars + 1)
    sliver = 1 / k - np.log1p(1 / k)
    return Areas(k, 1 / k, sliver, np.cumsum(sliver), float(np.log1p(n)), 1 + float(np.log(n)))


def halves(n: int) -> Halves:
    power = np.arange(n.bit_length())
    last = 2**power
    first = np.where(power == 0, 1, last // 2 + 1)
    running = harmonic(last)
    return Halves(first, last, running - harmonic(first - 1), running, 1 + power / 2)


def tower(blocks: int) -> Tower:
    """blocks: 1 to 100,000. At most 400 levels are returned: all, or the top ones and then ever fewer."""
    i = np.arange(1, blocks + 1)
    right = (harmonic(blocks) - harmonic(i - 1)) / 2
    centre = np.cumsum(right - 0.5) / i
    support = np.append(right[1:], 0.0)
    shown = np.arange(blocks)
    if blocks > BLOCKS_SHOWN:
        half = BLOCKS_SHOWN // 2
        shown = np.unique(np.concatenate([shown[:half], np.geomspace(half, blocks, half).astype(np.int64) - 1]))
    return Tower(
        float(right[0]), i[shown], right[shown] - 1, right[shown], centre[shown], support[shown], OVERHANGS, terms_for(2.0 * OVERHANGS)
    )
