"""How often guesses stand, and what a step yields, over many steps."""

from __future__ import annotations

from dataclasses import dataclass

from engine.language.speculative_decoding.decoding import Step


@dataclass
class Tally:
    """Sums over steps: tokens written, guesses made, guesses judged, guesses kept."""

    steps: int = 0
    tokens: int = 0
    proposed: int = 0
    decided: int = 0
    kept: int = 0

    def add(self, step: Step) -> None:
        """Count a step, without a look at its distributions, which would take time where time is measured."""
        self.steps += 1
        self.tokens += len(step.emitted)
        self.proposed += len(step.drafted)
        self.decided += step.decisions
        self.kept += step.kept

    @property
    def rate(self) -> float:
        """Kept ÷ judged, NaN where nothing was judged."""
        return self.kept / self.decided if self.decided else float("nan")
