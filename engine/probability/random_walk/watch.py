"""Counting walkers while they walk."""

from __future__ import annotations

import numpy as np

from engine.probability.random_walk.plan import CELLS, Plan

CLOUD = 1500

Tally = dict[str, np.ndarray]
"""Counts by name; those of several blocks add up."""


class Watch:
    """What one block's walkers are seen to do: sites after the watched times, sums of squares, a few paths.

    walkers: how many they are. shown: of how many of them the paths are kept.
    """

    def __init__(self, plan: Plan, walkers: int, shown: int):
        self.plan, self.walkers, self.shown = plan, walkers, shown
        self.lowest, self.width = plan.window
        if plan.gaussian:
            self.width = CELLS
        self.frames = np.zeros((len(plan.times), self.width), np.int64)
        self.sums = np.zeros((len(plan.times), 3))
        self.paths: list[np.ndarray] = []
        self.cloud: np.ndarray | None = None

    @staticmethod
    def within(times: np.ndarray, begun: int, ended: int) -> list[int]:
        """Those of the increasing `times` that lie after `begun` and not after `ended`."""
        low, high = np.searchsorted(times, [begun, ended], side="right")
        return times[low:high].tolist()

    def count(self, at: np.ndarray, row: int) -> None:
        """Count positions, shape (walkers,) on the lattice line, else (d, walkers)."""
        first = at if at.ndim == 1 else at[0]
        if self.plan.gaussian:
            self.frames[row] = self.cells(first, self.plan.edges())
        else:
            self.frames[row] = np.bincount(first - int(self.lowest[row]), minlength=self.width)[: self.width]
        if at.ndim > 1:
            away = at.astype(float) - self.plan.origin
            squares = np.einsum("dw,dw->d", away, away)  # not BLAS, whose threads cost more than they bring here
            self.sums[row] = away[0].sum(), squares[0], squares.sum()
            if self.shown and row == len(self.frames) - 1 and len(at) > 1:
                self.cloud = at[:, :CLOUD].T.copy()

    def cells(self, x: np.ndarray, edges: np.ndarray) -> np.ndarray:
        """How many of x lie in each cell."""
        place = np.floor((x - edges[0]) / (edges[1] - edges[0])).astype(int)
        return np.bincount(place[(place >= 0) & (place < len(edges) - 1)], minlength=len(edges) - 1)

    def tally(self) -> Tally:
        """All of it, by name."""
        counted = {"frames": self.frames, "sums": self.sums, "followed": np.array(self.walkers)}
        if self.plan.gaussian:
            counted["end_sums"] = np.array([self.walkers, *self.sums[-1, :2]])
        else:
            counted["ends"], counted["end_sums"] = self.frames[-1], self.plan.end_sums(self.frames[-1])
        if self.shown:
            begin = np.full((1, *self.paths[0].shape[1:]), self.plan.origin, self.paths[0].dtype)
            counted["paths"] = np.concatenate([begin, *self.paths])
        if self.cloud is not None:
            counted["cloud"] = self.cloud
        return counted
