"""Exact laws between two walls, by powers of the transition matrix."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

NODES_AT_MOST = 1000


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


@functools.lru_cache(8)
def lattice_law(up: float, target: int, start: int, walls: str, times: tuple[int, ...]) -> np.ndarray:
    """Chance of every site 0 … target after each of the increasing `times`: shape (len(times), target + 1)."""
    ladder = Ladder(lattice(up, target, walls))
    law, before, laws = np.zeros(target + 1), 0, []
    law[start] = 1
    for time in times:
        law, before = ladder.after(law, time - before), time
        laws.append(law)
    return np.stack(laws)


@dataclass(frozen=True)
class Gaussian:
    """Gaussian steps of mean `drift` and deviation `sigma` > 0 between walls at 0 and `target`."""

    target: float
    drift: float
    sigma: float
    walls: str

    def _middles(self, x: np.ndarray) -> Iterator[np.ndarray]:
        """What to add to a point for the distance from x to each of its mirror images."""
        images = 0 if self.walls == "absorbing" else math.ceil((9 * self.sigma + 1) / (2 * self.target)) + 1
        for image in range(-images, images + 1):
            yield 2 * self.target * image - x[:, None]

    def below(self, x: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Chance that one step from each x lands below each point: shape (x, points).

        Between reflecting walls, that is a step into [0, point] or one of its mirror images.
        """
        from scipy.special import ndtr

        total = np.zeros((len(x), len(points)))
        for middle in self._middles(x):
            total += ndtr((middle + points - self.drift) / self.sigma)
            if self.walls == "reflecting":
                total -= ndtr((middle - points - self.drift) / self.sigma)
        return total

    def density(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Density at each y of where one step from each x lands between the walls: shape (x, y)."""
        total = np.zeros((len(x), len(y)))
        for middle in self._middles(x):
            for sign in (1,) if self.walls == "absorbing" else (1, -1):
                total += np.exp(-(((middle + sign * y - self.drift) / self.sigma) ** 2) / 2)
        return total / (self.sigma * math.sqrt(2 * math.pi))

    def step(self, x: np.ndarray, edges: np.ndarray) -> np.ndarray:
        """Chances that one step from each x ends at wall 0, in each cell between `edges`, at wall target.

        Shape (x, cells + 2). edges: increasing, from 0 to target.
        """
        cells = np.diff(self.below(x, edges), axis=1)
        if self.walls == "reflecting":
            return np.pad(cells, ((0, 0), (1, 1)))
        low = self.below(x, np.array([0.0, self.target]))
        return np.concatenate([low[:, :1], cells, 1 - low[:, 1:]], 1)

    @property
    def nodes(self) -> int:
        """Gauss–Legendre nodes that carry the density to about 1e-10: their widest gap is 0.7 sigma."""
        return math.ceil(2.25 * self.target / self.sigma) + 40


class Band:
    """The transition matrix of steps that are short against the distance of the walls: sparse, taken step by step.

    Such steps have a drift near ±1, so that the law soon stands still; from then on it is left as it is.
    """

    def __init__(self, step: Gaussian, x: np.ndarray, weight: np.ndarray):
        from scipy.sparse import coo_array, csr_array

        rows, columns, values = [], [], []
        images = (0,) if step.walls == "absorbing" else (-1, 0, 1)
        for image in images:
            for sign in (1,) if step.walls == "absorbing" else (1, -1):
                landing = sign * (x + step.drift - 2 * step.target * image)
                low, high = (np.searchsorted(x, landing + side * 9 * step.sigma) for side in (-1, 1))
                count = high - low
                row = np.repeat(np.arange(len(x)), count)
                column = np.arange(count.sum()) - np.repeat(count.cumsum() - count, count) + np.repeat(low, count)
                far = (x[column] - landing[row]) / step.sigma
                rows.append(row)
                columns.append(column)
                values.append(np.exp(-far * far / 2) * weight[column] / (step.sigma * math.sqrt(2 * math.pi)))
        inside = coo_array(
            (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=(len(x), len(x))
        ).tocsr()
        self.at_walls = step.step(x, np.array([0.0, step.target]))[:, [0, 2]]
        total = inside.sum(1) + self.at_walls.sum(1)
        self.at_walls /= total[:, None]
        self.backward = csr_array(inside.T.multiply(1 / total))
        self.still = False

    def after(self, law: np.ndarray, steps: int) -> np.ndarray:
        """The law (wall 0, nodes, wall target) `steps` steps later."""
        for _ in range(steps):
            if self.still:
                break
            on_walls = law[[0, -1]] + law[1:-1] @ self.at_walls
            moved = np.concatenate([on_walls[:1], self.backward @ law[1:-1], on_walls[1:]])
            self.still = float(np.abs(moved - law).sum()) < 1e-13
            law = moved
        return law


def panels(step: Gaussian, cells: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of Gauss–Legendre rules of 16 points, on panels of at most 4 sigma that fit into the cells."""
    from scipy.special import roots_legendre

    x, weight = roots_legendre(16)
    count = cells * math.ceil(step.target / cells / (4 * step.sigma))
    half = step.target / count / 2
    middles = half * (2 * np.arange(count) + 1)
    return (middles[:, None] + half * x).ravel(), np.tile(half * weight, count)


@functools.lru_cache(8)
def gaussian_law(step: Gaussian, start: float, times: tuple[int, ...], cells: int) -> tuple[np.ndarray, np.ndarray]:
    """Chances of wall 0, of `cells` equal cells and of wall target after each of the increasing `times`.

    Returns them, shape (len(times), cells + 2), and the first two moments about `start`, shape (len(times), 2).
    The density is carried from step to step by its values on Gauss–Legendre nodes (Nyström's method). With few nodes
    by powers of a matrix, and the last step is integrated over the cells exactly; where steps are short against the
    distance of the walls, by a sparse matrix, on nodes of which every cell has its own.
    """
    short = step.nodes > NODES_AT_MOST
    edges, walls_only = np.linspace(0, step.target, cells + 1), np.array([0.0, step.target])
    here = np.array([float(start)])
    if short:
        x, weight = panels(step, cells)
        carrier = Band(step, x, weight)
    else:
        from scipy.special import roots_legendre

        x, weight = roots_legendre(step.nodes)
        x, weight = (x + 1) * step.target / 2, weight * step.target / 2
        into_cells, carrier = step.step(x, edges), Ladder(_dense(step, x, weight))
    one = step.step(here, walls_only)[0]
    law, before, laws, moments = np.concatenate([one[:1], step.density(here, x)[0] * weight, one[2:]]), 1, [], []
    away = np.concatenate([[0.0], x, [step.target]]) - start
    for time in times:
        if time == 1:
            laws.append(step.step(here, edges)[0])
        elif short:
            law, before = carrier.after(law, time - before), time
            in_cells = law[1:-1].reshape(cells, -1).sum(1)
            laws.append(np.concatenate([law[:1], in_cells, law[-1:]]))
        else:
            law, before = carrier.after(law, time - 1 - before), time - 1
            reached = law[1:-1] @ into_cells
            reached[[0, -1]] += law[[0, -1]]
            laws.append(reached)
            law, before = carrier.after(law, 1), time
        moments.append([law @ away, law @ away**2])
    return np.stack(laws), np.array(moments)


def _dense(step: Gaussian, x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Transition matrix between wall 0, the nodes x and wall target."""
    matrix = np.zeros((len(x) + 2, len(x) + 2))
    matrix[0, 0] = matrix[-1, -1] = 1
    matrix[1:-1, [0, -1]] = step.step(x, np.array([0.0, step.target]))[:, [0, 2]]
    matrix[1:-1, 1:-1] = step.density(x, x) * weight
    return matrix / matrix.sum(1, keepdims=True)  # the quadrature's 1e-12 would add up over 100,000 steps
