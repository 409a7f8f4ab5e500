"""The gambler's ruin: from `start`, stakes of 1 until 0 or `target`."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int
from numpy import ndarray

from engine.core.recent import remembered
from engine.probability.random_walk import bits, walls
from engine.probability.random_walk.positions import BYTE, hops

STRETCH = 64  # bytes of steps drawn at once, at most


@remembered(8)
def rounds_in(target: int) -> Int[ndarray, " places"]:
    """Rounds of the eight in a byte that are played before 0 or `target` is reached, by 256 * fortune + byte."""
    led = hops(target, "absorbing")[:-1]
    return ((led > 0) & (led < 256 * target)).sum(0)


def play(source: np.random.SFC64, up: float, start: int, target: int, walkers: int) -> tuple[np.ndarray, np.ndarray]:
    """Play `walkers` games to the end: who won (bool) and the number of rounds (int64), both of shape (walkers,).

    Games that have ended are dropped after every stretch of rounds; the fewer are left, the longer the stretch.
    """
    table, played = hops(target, "absorbing")[BYTE], rounds_in(target)
    won, rounds = np.empty(walkers, bool), np.empty(walkers, np.int64)
    playing, fortune, spent = np.arange(walkers), np.full(walkers, 256 * start, np.int32), np.zeros(walkers, np.int64)
    mean = duration(up, target)[start] / BYTE
    while playing.size:
        length = int(np.clip(mean * walkers / playing.size, 1, STRETCH))
        for byte in bits.rows(source, up, (length, playing.size), np.uint8):
            place = fortune + byte
            spent += played.take(place)
            fortune = table.take(place)
        going = (fortune > 0) & (fortune < 256 * target)
        ended = playing[~going]
        won[ended], rounds[ended] = fortune[~going] > 0, spent[~going]
        playing, fortune, spent = playing[going], fortune[going], spent[going]
    return won, rounds


def log_odds(up: float) -> float:
    """ln(q / p), for 0 < p < 1."""
    return float(np.log1p(-up) - np.log(up))


@remembered(64)
def win(up: float, target: int) -> np.ndarray:
    """Chance to reach `target` before 0 from every start 0 … target: (1 - r^z) / (1 - r^T), r = q/p; z/T at p = 1/2.

    Source: Feller, An Introduction to Probability Theory I, XIV.2, eq. 2.4 and 2.5.
    """
    start = np.arange(target + 1.0)
    if up in (0, 1):
        return (start > 0 if up else start == target).astype(float)
    s = log_odds(up)
    if s == 0:
        return start / target
    if s < 0:
        return np.expm1(start * s) / np.expm1(target * s)
    return np.exp((start - target) * s) * np.expm1(-start * s) / np.expm1(-target * s)


@remembered(64)
def duration(up: float, target: int) -> np.ndarray:
    """Mean rounds until 0 or `target` from every start 0 … target: (z - T win) / (q - p), or z (T - z) at p = 1/2.

    Source: Feller, An Introduction to Probability Theory I, XIV.3, eq. 3.4 and 3.5.
    """
    start = np.arange(target + 1.0)
    s = log_odds(up) if 0 < up < 1 else np.inf
    if abs(s) * target < 1e-5:  # the fraction loses its digits here; two terms of its series in s do not
        return start * (target - start) * (1 - s * (target - 2 * start) / 6)
    return (start - target * win(up, target)) / (1 - 2 * up)


@remembered(64)
def duration_law(up: float, start: int, target: int, most: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Edges 0 = e_0 < e_1 < … of at most `most` spans of rounds, and the chance that the game ends within each.

    The spans, of equal and even width, reach to where 99.9 % of the games have ended. A game ends in (e_i, e_i+1].
    """
    width, chance = 2, None
    ladder = walls.Ladder(walls.lattice(up, target, "absorbing"))
    law = np.zeros(target + 1)
    law[start] = 1
    while True:
        ended, here = [0.0], law
        for _ in range(most):
            here = ladder.after(here, width)
            ended.append(here[0] + here[-1])
            if ended[-1] > 0.999:
                break
        chance = np.diff(ended)
        if ended[-1] > 0.999:
            return width * np.arange(len(ended)), chance
        width *= 2
