"""The loop: guess, check in one pass, keep what was right and add one token of the target's own; and again."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.language.sampling import Rule
from engine.language.verification import reference

if TYPE_CHECKING:
    from engine.language.speculative_decoding.drafting import Source


@dataclass(frozen=True)
class Step:
    """One pass of the target and the guesses that it checked.

    drafted: the guesses (g,); kept: how many of them stand; token: the one that the target added; emitted: what the
    step put into the text, cut where the text ended. uniforms: the g + 1 numbers that decided. p (g + 1, V), q (g, V).
    """

    drafted: list[int]
    kept: int
    token: int
    emitted: list[int]
    uniforms: np.ndarray
    p: np.ndarray
    q: np.ndarray

    @property
    def decisions(self) -> int:
        """Guesses that were looked at: those kept, and the one that was not."""
        return min(self.kept + 1, len(self.drafted))


def decode(
    source: Source, prompt: Sequence[int], rule: Rule, *, tokens: int, gamma: int, seed: int, ends: Collection[int] = ()
) -> Iterator[Step]:
    """Steps until `tokens` tokens stand behind the prompt (at least one token), or one of `ends` does.

    The target has been fed all of the prompt but its last token (`read`). A step drafts at most `gamma` tokens, and no
    more than can still be used. Step t draws from the t-th block of 2γ + 1 uniforms of PCG64(seed): γ for drafting,
    γ + 1 for verification.
    """
    text, goal = list(prompt), len(prompt) + tokens
    random = np.random.Generator(np.random.PCG64(seed))
    while len(text) < goal:
        uniforms = random.random(2 * gamma + 1)
        drafted, q = source.propose(text, min(gamma, goal - len(text) - 1), uniforms[:gamma])
        logits = source.verify(text[-1], drafted)
        p = rule.probabilities(logits)
        decide = np.append(uniforms[gamma : gamma + len(drafted)], uniforms[-1])
        kept, token = reference.verify(p, q, drafted, decide)
        emitted = [*drafted[:kept], token]
        stop = next((i + 1 for i, t in enumerate(emitted) if t in ends), None)
        emitted = emitted[:stop]
        text += emitted
        source.settle(len(text))
        yield Step(drafted, kept, token, emitted, decide, p, q)
        if stop is not None:
            return
