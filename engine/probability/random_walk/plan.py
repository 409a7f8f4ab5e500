"""What a walk's parameters come to: which times are watched, on which sites, and the exact law there."""

from __future__ import annotations

import dataclasses
import functools
import math
from dataclasses import dataclass

import numpy as np

from engine.probability.random_walk import exact, ruin, walls
from engine.probability.random_walk.parameters import RandomWalk

# Steps that are looked at one by one, at most: 2.5 s of one core on a line, 2 s elsewhere.
TRACKED_STEPS = {1: 2 * 10**9, 2: 4 * 10**8, 3: 4 * 10**8}
RUIN_STEPS = 10**9
STEADY = 1e-12  # Gaussian steps of less variance are lattice steps: floats would lose them beside the drift
TIMES = 26
EARLY = 6
SITES = 300  # bars of a figure, at most
CELLS = 150
FAR = 9.0  # deviations from the mean that are counted: beyond lie 2e-19 of the walkers
SHOWN_TAIL = 6.0


@functools.lru_cache(64)
def watched(steps: int) -> np.ndarray:
    """At most 26 times from 1 to n: every one at first, then as even as they come, of the parity of n."""
    if steps <= TIMES:
        return np.arange(1, steps + 1)
    even = np.linspace(EARLY, steps, TIMES - EARLY + 1)[1:]
    return np.unique(np.concatenate([np.arange(1, EARLY + 1), steps - 2 * np.round((steps - even) / 2).astype(int)]))


@dataclass(frozen=True)
class Plan:
    """The run that some parameters ask for. Fields as in the parameter model.

    Walls stand on a line, in the way of ±1 steps only: Gaussian steps would jump over them.
    """

    steps: int
    walkers: int
    up: float
    dimension: int
    gaussian: bool
    walls: str
    start: int
    target: int
    seed: int

    @classmethod
    def of(cls, params: RandomWalk) -> Plan:
        gaussian = params.steps_law == "gaussian" and (params.dimension > 1 or 4 * params.up * (1 - params.up) > STEADY)
        fields = {name: getattr(params, name) for name in ("steps", "walkers", "up", "dimension", "start", "target", "seed")}
        walled = params.dimension == 1 and params.steps_law == "lattice"
        return cls(**fields, gaussian=gaussian, walls=params.walls if walled else "free")

    @property
    def tracked(self) -> int:
        """Walkers whose every step is looked at for first return and last zero."""
        return max(1, min(self.walkers, TRACKED_STEPS[self.dimension] // self.steps))

    @property
    def games(self) -> int:
        """Games of the gambler played to their end."""
        mean = ruin.duration(self.up, self.target)[self.start]
        return max(1, min(self.walkers, int(RUIN_STEPS / mean)))

    @functools.cached_property
    def lawful(self) -> Plan:
        """This plan without what no exact law depends on, by which laws are remembered."""
        return dataclasses.replace(self, walkers=1, seed=0)

    @property
    def walled(self) -> bool:
        return self.walls != "free"

    @property
    def origin(self) -> int:
        return self.start if self.walled else 0

    @functools.cached_property
    def times(self) -> np.ndarray:
        return watched(self.steps)

    @property
    def drift(self) -> float:
        """Mean of a step along one axis."""
        return (2 * self.up - 1) / self.dimension

    @property
    def step_variance(self) -> float:
        """Variance of a step along one axis: 4 p q on a line, less exactly 1/d - drift² in d dimensions."""
        if self.dimension == 1:
            return 4 * self.up * (1 - self.up)
        return 1 / self.dimension - self.drift**2

    @functools.cached_property
    def window(self) -> tuple[np.ndarray, int]:
        """Lattice sites that are counted after each time: the lowest, shape (times,), and how many."""
        if self.walled:
            return np.zeros(len(self.times), int), self.target + 1
        half = min(2 * self.steps, math.ceil(FAR * math.sqrt(self.step_variance * self.steps)) + 40)
        return np.round(self.drift * self.times).astype(int) - half, 2 * half + 1

    def end_sums(self, ends: np.ndarray) -> np.ndarray:
        """Number, sum and sum of squares of lattice displacements, from the count of end points in the last window."""
        lowest, width = self.window
        away = lowest[-1] + np.arange(width) - self.origin
        return np.array([ends.sum(), ends @ away, ends @ away**2], float)

    def axes(self, kind: str) -> int:
        """Coordinates of which each is drawn by itself."""
        return self.dimension if kind == "gaussian" else 1

    @functools.cached_property
    def span(self) -> tuple[float, float]:
        """From where to where the walkers are at any of the times, but for two in a thousand million."""
        if self.walled:
            return 0.0, float(self.target)
        middle = self.drift * self.times
        reach = SHOWN_TAIL * np.sqrt(self.step_variance * self.times) + 2
        low, high = float((middle - reach).min()), float((middle + reach).max())
        return (low, high) if self.gaussian else (max(low, -self.steps), min(high, self.steps))

    @functools.cached_property
    def sites(self) -> tuple[int, int, int]:
        """Lattice sites shown at all times: the lowest, sites per bar (1 or an even number), and the number of bars."""
        low, high = math.floor(self.span[0]), math.ceil(self.span[1])
        count = high - low + 1
        per_bar = 1 if count <= SITES else 2 * math.ceil(count / (2 * SITES))
        return low, per_bar, -(-count // per_bar)

    def edges(self, time: int | None = None) -> np.ndarray:
        """Edges of equal cells for Gaussian steps: those shown at all times, or finer ones for one time."""
        if time is None:
            low, high = self.span
        else:
            reach = (SHOWN_TAIL + 1.5) * math.sqrt(self.step_variance * time)
            low, high = self.drift * time - reach, self.drift * time + reach
        return np.linspace(low, high, CELLS + 1)

    def lattice_law(self, times: np.ndarray, lowest: np.ndarray, width: int) -> np.ndarray:
        """Exact law of (one coordinate of) the free lattice walk: shape (times, width)."""
        if self.dimension == 1:
            return exact.walk(times, self.up, lowest, width)
        return exact.axis(times, self.up, self.dimension, lowest, width)

    @property
    def law_seconds(self) -> float:
        """Roughly what the exact laws cost: the series of returns, and the powers of a matrix between walls."""
        side = self.target + 1 if self.walled else 0
        return 1e-6 * self.steps + 1e-10 * side**3 * math.log2(self.steps + 1)

    @functools.cached_property
    def end_law(self) -> tuple[np.ndarray, np.ndarray]:
        """Sites that all but a negligible part of free lattice walkers reach in n steps, and the exact law there."""
        free = dataclasses.replace(self, gaussian=False, walls="free")
        lowest, width = free.window
        return lowest[-1] + np.arange(width), free.lattice_law(free.times[-1:], lowest[-1:], width)[0]

    @functools.cached_property
    def walled_law(self) -> tuple[np.ndarray, np.ndarray]:
        """Between walls: the exact law after each time, and its first two moments about the start, shape (times, 2)."""
        times = tuple(self.times.tolist())
        law = walls.lattice_law(self.up, self.target, self.start, self.walls, times)
        away = np.arange(self.target + 1) - self.start
        return law, np.stack([law @ away, law @ away**2], 1)

    def normal(self, x: np.ndarray, width: float) -> np.ndarray | None:
        """What the normal limit gives to stretches around x after n steps; None where there is no such limit."""
        sigma = math.sqrt(self.step_variance * self.steps)
        return None if self.walled or sigma == 0 else exact.normal(x, width, self.drift * self.steps, sigma)

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Exact mean of the displacement along the first axis, and exact mean squared displacement, at each time."""
        if self.walled:
            first, second = self.walled_law[1].T
            return first, second
        mean = self.drift * self.times
        return mean, self.dimension * (self.step_variance * self.times + mean**2)
