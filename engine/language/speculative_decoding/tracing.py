"""What happened token by token: every guess that was looked at and every token that the target added, in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from engine.language.speculative_decoding.decoding import Step
from engine.language.speculative_decoding.result import Trace
from engine.language.verification import reference

if TYPE_CHECKING:
    from engine.language.models import Loaded

ACCEPTED, REJECTED, RESAMPLED, BONUS = range(4)
CANDIDATES = 8


class Tracer:
    """Collects the events of steps as they are made, behind a prompt whose end decides how the first bytes are read."""

    def __init__(self, loaded: Loaded, prompt: Sequence[int]):
        self.loaded, self.prompt = loaded, list(prompt)
        self.events, self.steps, self.text_ids = [], [], []

    @property
    def written(self) -> int:
        """Tokens that stand in the text."""
        return len(self.text_ids)

    def add(self, step: Step) -> None:
        """Take in a step. A token that was cut off with the end of the text leaves no event."""
        number = len(self.steps)
        for position, guess in enumerate(step.drafted[: step.decisions]):
            kept = position < step.kept
            if kept and position >= len(step.emitted):
                break
            self._event(step, number, position, guess, ACCEPTED if kept else REJECTED)
            self.text_ids += [guess] if kept else []
        if len(step.emitted) > step.kept:
            kind = RESAMPLED if step.kept < len(step.drafted) else BONUS
            self._event(step, number, step.kept, step.token, kind)
            self.text_ids.append(step.token)
        self.steps.append((len(step.drafted) - step.decisions, len(step.emitted)))

    def _event(self, step: Step, number: int, position: int, token: int, kind: int) -> None:
        p = step.p[position].astype(float)
        guessed = position < len(step.drafted)
        q = step.q[position].astype(float) if guessed else np.zeros_like(p)
        either = np.maximum(p, q)
        many = min(CANDIDATES, len(p))
        top = np.argpartition(-either, many - 1)[:many]
        must = {token, step.drafted[position]} if guessed else {token}
        for missing in sorted(must - set(top.tolist())):
            spare = [i for i in range(many) if top[i] not in must]
            top[min(spare, key=lambda i: either[top[i]])] = missing
        top = top[np.argsort(-either[top], kind="stable")]
        left = reference.residual(p, q) if guessed else np.full_like(p, np.nan)
        decided = kind in (ACCEPTED, REJECTED)
        self.events.append(
            (
                kind,
                number,
                position,
                self.written,
                token,
                p[token],
                q[token] if guessed else np.nan,
                p[token] / q[token] if decided else np.nan,
                step.uniforms[position if decided else -1],
                np.minimum(p, q).sum() if guessed else np.nan,
                top,
                tuple(self.loaded.after([*self.prompt, *self.text_ids], [token, *top.tolist()])),
                p[top],
                q[top] if guessed else np.full(many, np.nan),
                left[top],
            )
        )

    def text(self) -> tuple[str, ...]:
        """The tokens that were written."""
        return tuple(self.loaded.pieces([*self.prompt, *self.text_ids])[len(self.prompt) :])

    def trace(self) -> Trace:
        """All so far: at least one step."""
        columns = list(zip(*self.events, strict=True))
        kind, step, position, place, ids = (np.array(c) for c in columns[:5])
        written = self.text()
        # A token that stands is read in the text, where the next ones may complete its character; another as it was met.
        pieces = tuple(n[0] if k == REJECTED else written[at] for n, k, at in zip(columns[11], kind, place, strict=True))
        unseen, emitted = (np.array(c) for c in zip(*self.steps, strict=True))
        return Trace(
            kind,
            step,
            position,
            place,
            ids,
            pieces,
            *(np.array(c, float) for c in columns[5:10]),
            tuple(names[1:] for names in columns[11]),
            np.stack(columns[10]),
            *(np.stack(c) for c in columns[12:]),
            unseen,
            emitted,
        )
