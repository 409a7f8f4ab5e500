"""What happened token by token: every guess that was looked at and every token that the target added, in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.language.speculative_decoding import reference
from engine.language.speculative_decoding.decoding import Step

ACCEPTED, REJECTED, RESAMPLED, BONUS = range(4)
CANDIDATES = 8


@dataclass(frozen=True)
class Trace:
    """E events. An accepted guess, a resampled and a bonus token stand in the text; a rejected guess does not.

    kind (E,): 0 accepted, 1 rejected, 2 resampled (behind a rejection), 3 bonus (all guesses stood, or there was none).
    step (E,): the target's pass, from 0. position (E,): place in the step's block, from 0. place (E,): place in the
    text that was written, from 0. ids (E,), pieces: the token.
    p, q, ratio, uniform (E,): of the token: target's and draft's chance, p / q, and the number it was compared with
    (accepted where uniform < ratio); NaN where there was no guess. overlap (E,): Σ min(p, q) at that place.
    options (E × 8): names of the likeliest tokens there; option_p, option_q, option_residual (E, 8): their chances.
    unseen (S,): guesses of each step that nobody looked at, behind a rejection. emitted (S,): tokens of each step.
    """

    kind: np.ndarray
    step: np.ndarray
    position: np.ndarray
    place: np.ndarray
    ids: np.ndarray
    pieces: tuple[str, ...]
    p: np.ndarray
    q: np.ndarray
    ratio: np.ndarray
    uniform: np.ndarray
    overlap: np.ndarray
    options: tuple[tuple[str, ...], ...]
    option_ids: np.ndarray
    option_p: np.ndarray
    option_q: np.ndarray
    option_residual: np.ndarray
    unseen: np.ndarray
    emitted: np.ndarray


class Tracer:
    """Collects the events of steps as they are made."""

    def __init__(self, pieces: Callable[[list[int]], list[str]]):
        self.pieces, self.events, self.steps, self.written = pieces, [], [], 0

    def add(self, step: Step) -> None:
        """Take in a step. A token that was cut off with the end of the text leaves no event."""
        number = len(self.steps)
        for position, guess in enumerate(step.drafted[: step.decisions]):
            kept = position < step.kept
            if kept and position >= len(step.emitted):
                break
            self._event(step, number, position, guess, ACCEPTED if kept else REJECTED)
            self.written += kept
        if len(step.emitted) > step.kept:
            kind = RESAMPLED if step.kept < len(step.drafted) else BONUS
            self._event(step, number, step.kept, step.token, kind)
            self.written += 1
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
            (kind, number, position, self.written, token, p[token], q[token] if guessed else np.nan,
             p[token] / q[token] if decided else np.nan, step.uniforms[position if decided else -1],
             np.minimum(p, q).sum() if guessed else np.nan, top, p[top], q[top] if guessed else np.full(many, np.nan),
             left[top])
        )  # fmt: skip

    def text(self) -> tuple[str, ...]:
        """The tokens that were written."""
        return tuple(self.pieces([event[4] for event in self.events if event[0] != REJECTED]))

    def trace(self) -> Trace:
        """All so far: at least one step."""
        columns = list(zip(*self.events, strict=True))
        whole = [np.array(c) for c in columns[:5]]
        p, q, ratio, uniform, overlap = (np.array(c, float) for c in columns[5:10])
        ids = np.stack(columns[10])
        names = self.pieces([*whole[4].tolist(), *ids.ravel().tolist()])
        events, many = ids.shape
        rows = [tuple(names[events + r * many : events + (r + 1) * many]) for r in range(events)]
        unseen, emitted = (np.array(c) for c in zip(*self.steps, strict=True))
        return Trace(
            *whole, tuple(names[:events]), p, q, ratio, uniform, overlap, tuple(rows), ids,
            *(np.stack(c) for c in columns[11:]), unseen, emitted,
        )  # fmt: skip
