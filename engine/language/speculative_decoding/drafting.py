"""Who guesses: a smaller model, the text itself (n-gram lookup), both by turns, or the target's own first layers.

A source is asked for up to `count` tokens that may follow a text; it answers with them and with the distributions that
it drew them from, which is all that verification wants to know.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch

from engine.language.models.decoder import Decoder, LeanDecoder
from engine.language.sampling import Rule, one_hot
from engine.language.verification import reference

LONGEST_MATCH = 3
SURE_MATCH = 3  # tokens that stand together for the second time, behind which the text is asked before the model


class Source(Protocol):
    """One source of guesses for one text."""

    def propose(self, text: Sequence[int], count: int, uniforms: Sequence[float]) -> tuple[list[int], np.ndarray]:
        """At most `count` tokens (g,) to follow `text`, and the distributions (g, V) that they were drawn from."""
        ...

    def verify(self, last: int, drafted: Sequence[int]) -> torch.Tensor:
        """The target's logits (g + 1, V) behind the text's last token and behind each drafted one: one pass."""
        ...

    def settle(self, length: int) -> None:
        """The text now has `length` tokens; what was computed for others is forgotten."""
        ...


class Plain:
    """No guesses: the target alone, one token a pass. asked_share: the share of its guesses that took a pass of the
    draft, as far as a source has any."""

    asked_share = 1.0

    def __init__(self, target: Decoder, vocabulary: int):
        self.target, self.nothing = target, np.zeros((0, vocabulary), np.float32)

    def propose(self, text: Sequence[int], count: int, uniforms: Sequence[float]) -> tuple[list[int], np.ndarray]:
        """Nothing."""
        return [], self.nothing

    def verify(self, last: int, drafted: Sequence[int]) -> torch.Tensor:
        """See `Source`."""
        return self.target.feed([last, *drafted])

    def settle(self, length: int) -> None:
        """See `Source`. The last token of a text has not been fed yet."""
        self.target.crop(length - 1)


class ModelDraft(Plain):
    """A smaller model writes on by itself, under the same rule."""

    def __init__(self, target: Decoder, draft: Decoder, rule: Rule, vocabulary: int):
        super().__init__(target, vocabulary)
        self.draft, self.rule, self.vocabulary = draft, rule, vocabulary

    def propose(self, text: Sequence[int], count: int, uniforms: Sequence[float]) -> tuple[list[int], np.ndarray]:
        """See `Source`. After a step that kept everything, the first pass takes the two tokens it has not seen."""
        drafted: list[int] = []
        q = np.empty((count, self.vocabulary), np.float32) if count else self.nothing
        rows = []
        for uniform in uniforms[:count]:
            fresh = drafted[-1:] if drafted else text[self.draft.length :]
            row = self.rule.probabilities(self.draft.feed(fresh, last=1))
            rows.append(row)
            drafted.append(reference.draw(row[0], uniform))
        return drafted, np.concatenate(rows) if rows else q

    def settle(self, length: int) -> None:
        """See `Source`."""
        super().settle(length)
        self.draft.crop(length - 1)


class Lookup(Plain):
    """What followed the last time that the text's last tokens stood together: costs nothing, and is sure of itself.

    The longest match of up to `LONGEST_MATCH` tokens, the latest of several. Its q puts all mass on its guess.
    Source: Saxena 2023, "Prompt Lookup Decoding".
    """

    def propose(self, text: Sequence[int], count: int, uniforms: Sequence[float]) -> tuple[list[int], np.ndarray]:
        """See `Source`. Fewer tokens, or none, where the text has not come to this place before."""
        found = followers(text, count)
        return found, one_hot(found, self.nothing.shape[1]) if found else self.nothing


class LookupOrModel(ModelDraft):
    """What followed the same tokens before, where at least `SURE_MATCH` of them match; elsewhere the smaller model.

    Text that repeats itself costs no pass of the draft, and the draft is asked where there is nothing to look up.
    looked_up, asked: guesses so far by the one and by the other.
    """

    looked_up = asked = 0

    @property
    def asked_share(self) -> float:
        """See `Plain`."""
        return self.asked / max(1, self.asked + self.looked_up)

    def propose(self, text: Sequence[int], count: int, uniforms: Sequence[float]) -> tuple[list[int], np.ndarray]:
        """See `Source`."""
        found = followers(text, count, SURE_MATCH, SURE_MATCH)
        if found:
            self.looked_up += len(found)
            return found, one_hot(found, self.vocabulary)
        drafted, q = super().propose(text, count, uniforms)
        self.asked += len(drafted)
        return drafted, q


def followers(text: Sequence[int], count: int, longest: int = LONGEST_MATCH, least: int = 1) -> list[int]:
    """Up to `count` tokens behind the latest earlier place at which the last `longest` tokens stand, or fewer of them
    but no fewer than `least`."""
    for size in range(min(longest, len(text) - 1), least - 1, -1):
        tail = text[-size:]
        for place in range(len(text) - size - 1, -1, -1):
            if text[place : place + size] == tail:
                return list(text[place + size : place + size + count])
    return []


class EarlyExit(Plain):
    """The target's first layers and its own head write ahead; the other layers check.

    Keys and values of the first layers serve both, and so does the residual stream at the exit: verification begins
    where drafting ended. Source: Zhang et al. 2023, "Draft & Verify"; Elhoushi et al. 2024, "LayerSkip".
    """

    def __init__(self, target: LeanDecoder, layers: int, rule: Rule, vocabulary: int):
        super().__init__(target, vocabulary)
        self.exit, self.rule = layers, rule
        self.states: list[torch.Tensor] = []

    def propose(self, text: Sequence[int], count: int, uniforms: Sequence[float]) -> tuple[list[int], np.ndarray]:
        """See `Source`."""
        drafted, rows = [], []
        self.states = []
        with torch.inference_mode():
            for uniform in uniforms[:count]:
                x = self._early(drafted[-1] if drafted else text[-1])
                row = self.rule.probabilities(self.target.logits(x))
                rows.append(row)
                drafted.append(reference.draw(row[0], uniform))
        return drafted, np.concatenate(rows) if rows else self.nothing

    def _early(self, token: int) -> torch.Tensor:
        place = self.target.length + len(self.states)
        self.states.append(self.target.begin([token], place, self.exit))
        return self.states[-1]

    def verify(self, last: int, drafted: Sequence[int]) -> torch.Tensor:
        """See `Source`."""
        with torch.inference_mode():
            self._early(drafted[-1] if drafted else last)
            x = self.target.through(torch.cat(self.states), self.target.length, self.exit, self.target.layers)
            self.target.length += len(self.states)
            self.states = []
            return self.target.logits(x)
