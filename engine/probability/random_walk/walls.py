"""Exact laws of the lattice walk between two walls, by powers of the transition matrix."""

from __future__ import annotations

import numpy as np

from engine.core.recent import remembered


class Ladder:
    """Powers 1, 2, 4, 8, … of a transition matrix, each squared from the last when first asked for."""

    def __init__(self, matrix: np.ndarray):
        self.squares = [matrix]

    def after(self, law: np.ndarray, steps: int) -> np.ndarray:
        """The law, a row vector, `steps` >= 0 steps later."""
        assert steps >= 0, f"a law cannot be taken {-steps} steps back"
        rung = 0
        while steps:
            if rung == len(self.squares):
                self.squares.append(self.squares[-1] @ self.squares[-1])
            if steps & 1:
                law = law @ self.squares[rung]
            steps >>= 1
            rung += 1
        return law


def lattice(up: float, target: int, walls: str) -> np.ndarray:
    """Transition matrix of the lattice walk on 0 … target, rows summing to 1.

    "absorbing": 0 and target keep their walkers. "reflecting": the step past a wall is folded back, 0 to 1.
    """
    matrix = np.zeros((target + 1, target + 1))
    inside = np.arange(1, target)
    matrix[inside, inside + 1] = up
    matrix[inside, inside - 1] = 1 - up
    if walls == "absorbing":
        matrix[0, 0] = matrix[-1, -1] = 1
    else:
        matrix[0, 1] = matrix[-1, -2] = 1
    return matrix


@remembered(8)
def lattice_law(up: float, target: int, start: int, walls: str, times: tuple[int, ...]) -> np.ndarray:
    """Chance of every site 0 … target after each of the increasing `times`: shape (len(times), target + 1)."""
    ladder = Ladder(lattice(up, target, walls))
    law, before, laws = np.zeros(target + 1), 0, []
    law[start] = 1
    for time in times:
        law, before = ladder.after(law, time - before), time
        laws.append(law)
    return np.stack(laws)
