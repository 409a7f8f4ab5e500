"""Three pictures of H_n: areas under 1/x, Oresme's halves, and the leaning tower of blocks."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from engine.calculus.harmonic.asymptotic import harmonic, terms_for
from engine.calculus.harmonic.result import Areas, Halves, Tower

BLOCKS_SHOWN = 400
ROUNDING = 1e-9
OVERHANGS = np.arange(1, 16)


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
    return stacked(harmonic(blocks) / 2 - harmonic(np.arange(blocks)) / 2)


def stacked(right: Float[np.ndarray, " blocks"]) -> Tower:
    """Blocks whose ends, from the top, reach so far beyond the table. What lies on a block tips where its centre of mass is
    beyond that block's ends."""
    blocks = len(right)
    i = np.arange(1, blocks + 1)
    centre = np.cumsum(right - 0.5) / i
    support = np.append(right[1:], 0.0)
    tips = np.flatnonzero((centre > support + ROUNDING) | (centre < support - 1 - ROUNDING))
    shown = np.arange(blocks)
    if blocks > BLOCKS_SHOWN:
        half = BLOCKS_SHOWN // 2
        shown = np.unique(np.concatenate([shown[:half], np.geomspace(half, blocks, half).astype(np.int64) - 1]))
    return Tower(
        float(right[0]),
        i[shown],
        right[shown] - 1,
        right[shown],
        centre[shown],
        support[shown],
        OVERHANGS,
        terms_for(2.0 * OVERHANGS),
        int(tips[0]) + 1 if len(tips) else None,
    )
