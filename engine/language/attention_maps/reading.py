"""One pass of a model over a text, and all that is kept of it: a slider that only chooses costs no second pass.

Letters: L layers, H heads, G heads of keys and values, n tokens, d width of a head, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from engine.language.attention_maps import lens, reference
from engine.language.attention_maps.opened import Opened, Tape
from engine.language.attention_maps.result import Lens


@dataclass(frozen=True)
class Reading:
    """What is kept of a pass: queries, keys and weights as they met in each head, what is read off the weights (see
    `reference`), logits after the last token, and losses: nats by which each token surprised the model, NaN for the first
    and for what it could see beforehand.
    """

    attentions: Float[np.ndarray, "L H n n"]
    queries: Float[np.ndarray, "L H n d"]
    keys: Float[np.ndarray, "L G n d"]
    scaling: Float[np.ndarray, " L"]
    seen: Bool[np.ndarray, "n n"]
    entropy: Float[np.ndarray, "L H n"]
    distance: Float[np.ndarray, "L H n"]
    logits: Float[np.ndarray, " V"]
    losses: Float[np.ndarray, " n"]
    lens: Lens | None


def read(opened: Opened, ids: list[int], seen: np.ndarray | None, off: np.ndarray) -> Reading:
    """Run the model over the ids, the heads `off` (L, H) switched off; `seen` (n, n) in the place of its own mask."""
    import torch

    fed = torch.tensor([ids])
    tape = Tape(keep=torch.from_numpy(~off)[None].float() if off.any() else None)
    out = opened.run(fed, tape, None if seen is None else torch.from_numpy(seen), hidden=True)
    n = len(ids)
    known = reference.allowed(n) if seen is None else seen
    attentions = torch.cat(tape.weights).numpy()
    return Reading(
        attentions=attentions,
        queries=torch.cat(tape.queries).numpy(),
        keys=torch.cat(tape.keys).numpy(),
        scaling=np.array(tape.scaling),
        seen=known,
        entropy=reference.entropy(attentions),
        distance=reference.distance(attentions),
        logits=out.logits[0, -1].float().numpy().copy(),
        losses=losses(out.logits, fed, known)[0],
        lens=lens.through(opened, out, ids),
    )


def losses(logits: Any, ids: Any, seen: np.ndarray) -> np.ndarray:
    """−ln p of each token given those before it, (B, n) from logits (B, n, V) and ids (B, n); NaN for the first, and
    for a token that the one before it was allowed to see."""
    from torch.nn.functional import cross_entropy

    found = np.full(tuple(ids.shape), np.nan)
    if ids.shape[1] > 1:
        each = cross_entropy(logits[:, :-1].float().transpose(1, 2), ids[:, 1:], reduction="none")
        found[:, 1:] = np.where(np.diagonal(seen, 1), np.nan, each.numpy())
    return found
