"""Three pictures of H_n: areas under 1/x, Oresme's halves, and the leaning tower of blocks."""

from __future__ import annotations

import numpy as np

from engine.calculus.harmonic.asymptotic import harmonic, terms_for
from engine.calculus.harmonic.result import Areas, Halves, Tower

BLOCKS_SHOWN = 400
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
