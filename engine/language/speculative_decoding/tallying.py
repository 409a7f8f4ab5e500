"""How often guesses stand: by their place in the block, by what kind of token they are, and by temperature."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from engine.language.speculative_decoding.decoding import Step
from engine.language.speculative_decoding.kinds import KINDS
from engine.language.speculative_decoding.result import Rates


class Tally:
    """Sums over the decisions of steps. One row for each group: kept, decided, and the sum of expected chances."""

    def __init__(self, gamma: int, kind_of: Callable[[int], str]):
        self.kind_of = kind_of
        self.position, self.kind = np.zeros((gamma, 3)), np.zeros((len(KINDS), 3))
        self.steps = self.tokens = self.proposed = 0

    def add(self, step: Step) -> None:
        """Count a step's decisions."""
        self.steps += 1
        self.tokens += len(step.emitted)
        self.proposed += len(step.drafted)
        for place, guess in enumerate(step.drafted[: step.decisions]):
            p, q, kept = step.p[place], step.q[place], place < step.kept
            self.position[place] += (kept, 1, float(np.minimum(p, q).sum()))
            chance = min(1.0, float(p[guess]) / float(q[guess]))
            self.kind[KINDS.index(self.kind_of(guess))] += (kept, 1, chance)

    @property
    def kept(self) -> int:
        return int(self.position[:, 0].sum())

    @property
    def decided(self) -> int:
        return int(self.position[:, 1].sum())

    @property
    def rate(self) -> float:
        """Accepted ÷ (accepted + rejected), NaN where there was no decision."""
        return self.kept / self.decided if self.decided else float("nan")

    @property
    def expected(self) -> float:
        """Mean of Σ min(p, q) over the decisions."""
        return float(self.position[:, 2].sum()) / self.decided if self.decided else float("nan")

    def by_position(self) -> Rates:
        return rates([str(i + 1) for i in range(len(self.position))], self.position)

    def by_kind(self) -> Rates:
        """Kinds that occurred, the most frequent first."""
        order = [i for i in np.argsort(-self.kind[:, 1], kind="stable") if self.kind[i, 1]]
        return rates([KINDS[i] for i in order], self.kind[order])


def rates(names: Sequence[str], sums: np.ndarray) -> Rates:
    """Rates of rows of sums (n, 3): kept, decided, expected."""
    sums = np.reshape(sums, (-1, 3))
    kept, decided, expected = sums.T
    n = np.where(decided > 0, decided, np.nan)
    rate = kept / n
    return Rates(tuple(names), rate, np.sqrt(rate * (1 - rate) / n), decided.astype(int), expected / n)
