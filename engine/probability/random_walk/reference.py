"""The walk as it is defined, one step at a time: what the fast paths are held to.

n: steps; w: walkers; d: dimension.
"""

from __future__ import annotations

import numpy as np


def simulate(steps: int, walkers: int, up: float, dimension: int, rng: np.random.Generator) -> np.ndarray:
    """Steps of the lattice walk, shape (n, w, d): one axis chosen evenly at random, +1 with chance `up`, else -1."""
    signs = np.where(rng.random((steps, walkers)) < up, 1, -1)
    axes = rng.integers(0, dimension, (steps, walkers))
    return signs[:, :, None] * (axes[:, :, None] == np.arange(dimension))


def positions(moves: np.ndarray) -> np.ndarray:
    """Where the walkers are after 0, 1, …, n steps, shape (n + 1, w, d); they start at the origin."""
    return np.concatenate([np.zeros_like(moves[:1]), moves.cumsum(0)])


def first_return(path: np.ndarray) -> np.ndarray:
    """The first step at which each walker is back at the origin, shape (w,); 0 where it is not within n steps."""
    home = (path[1:] == 0).all(2)
    return np.where(home.any(0), home.argmax(0) + 1, 0)


def last_zero(path: np.ndarray) -> np.ndarray:
    """The last time, from 0 to n, at which each walker is at the origin, shape (w,)."""
    home = (path == 0).all(2)
    return len(path) - 1 - home[::-1].argmax(0)


def between_walls(moves: np.ndarray, start: int, target: int, walls: str) -> np.ndarray:
    """Positions, shape (n + 1, w), of walkers on a line from `start` between walls at 0 and `target`.

    "absorbing": who reaches a wall stays on it. "reflecting": a step past a wall is folded back, so that a
    lattice walker on a wall always leaves it; at p = 1/2 this is the free walk seen in two facing mirrors.
    moves: shape (n, w). Raises ValueError for other walls.
    """
    if walls not in ("absorbing", "reflecting"):
        raise ValueError(f"walls must be absorbing or reflecting; got {walls}")
    path = [np.full(moves.shape[1], start, dtype=moves.dtype)]
    for move in moves:
        here = path[-1]
        if walls == "absorbing":
            here = np.where((here == 0) | (here == target), here, here + move)
        else:
            folded = np.mod(here + move, 2 * target)
            here = np.minimum(folded, 2 * target - folded)
        path.append(here)
    return np.stack(path)


def ruin(start: int, target: int, up: float, rng: np.random.Generator) -> tuple[bool, int]:
    """One gambler with `start` out of `target` who stakes 1 a round: whether he wins it all, and the rounds played."""
    fortune, rounds = start, 0
    while 0 < fortune < target:
        fortune += 1 if rng.random() < up else -1
        rounds += 1
    return fortune == target, rounds
