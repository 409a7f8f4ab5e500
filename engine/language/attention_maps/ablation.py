"""What each head alone is worth to a text: the loss with that head switched off, less the loss with all of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from engine.language.attention_maps import reading, switches
from engine.language.attention_maps.opened import Opened, Tape
from engine.language.attention_maps.result import Ablated

AT_ONCE, PARAMETERS = 24, 130_000_000  # heads whose absence is computed in one pass: at most, and for what model


def judged(off: np.ndarray, losses: np.ndarray, whole_losses: np.ndarray, alone: np.ndarray) -> Ablated:
    """Beside each other, what was measured with some heads off and with all on."""
    toggled = []
    for place in np.ndindex(off.shape):
        other = off.copy()
        other[place] = not off[place]
        toggled.append(switches.written(other))
    return Ablated(off, losses, whole_losses, mean(losses), mean(whole_losses), alone, tuple(toggled))


def mean(losses: np.ndarray) -> float:
    """Of those that are scored; NaN where none is."""
    scored = losses[np.isfinite(losses)]
    return float(scored.mean()) if len(scored) else float("nan")


def each_alone(opened: Opened, ids: list[int], seen: np.ndarray | None, known: np.ndarray) -> Iterator[np.ndarray]:
    """Change of the mean loss in nats per token for every head switched off alone, (L, H), as it fills up from NaN.

    seen: as in `Opened.run`; known (n, n): the mask that then holds. Nothing comes for a text without a scored token.
    """
    import torch

    count = opened.layers * opened.heads
    at_once = max(1, min(AT_ONCE, PARAMETERS // opened.loaded.parameters))
    found = np.full(count, np.nan)
    whole = _mean(opened, ids, seen, known, torch.ones(1, opened.layers, opened.heads))
    if not np.isfinite(whole).all():
        return
    for begin in range(0, count, at_once):
        places = range(begin, min(begin + at_once, count))
        keep = torch.ones(len(places), count)
        keep[range(len(places)), places] = 0
        found[begin : places.stop] = _mean(opened, ids, seen, known, keep.view(-1, opened.layers, opened.heads)) - whole
        yield found.reshape(opened.layers, opened.heads).copy()


def _mean(opened: Opened, ids: list[int], seen: np.ndarray | None, known: np.ndarray, keep) -> np.ndarray:
    import torch

    fed = torch.tensor([ids]).expand(len(keep), -1)
    out = opened.run(fed, Tape(keep=keep), None if seen is None else torch.from_numpy(seen))
    each = reading.losses(out.logits, fed, known)
    scored = np.isfinite(each[0])
    return each[:, scored].mean(1) if scored.any() else np.full(len(keep), np.nan)
