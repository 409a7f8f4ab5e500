"""One pass of a model over a text, and all that is kept of it: a slider that only chooses costs no second pass.

Letters: L layers, H heads, G heads of keys and values, n tokens, d width of a head, V vocabulary.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from engine.core import results
from engine.language.attention_maps import lens, memory, reference
from engine.language.attention_maps.lens import Lens
from engine.language.attention_maps.opened import Opened, Tape

Kept = TypeVar("Kept")
CAPACITY = 96 * 2**20  # bytes of readings that stay at hand


@dataclass(frozen=True)
class Held:
    """Bytes of the keys and values that a cache of `transformers` holds after each token, (n,): of all tokens, and
    of the last `window` ones. groups, width: heads of keys and values, and numbers in each."""

    whole: np.ndarray
    sliding: np.ndarray
    groups: int
    width: int


@dataclass(frozen=True)
class Reading:
    """What is kept of a pass.

    attentions (L, H, n, n), queries (L, H, n, d), keys (L, G, n, d), scaling (L,): as they met in each head. seen
    (n, n): the mask. entropy, distance (L, H, n), rollout (L, n, n): see `reference`.
    logits (V,): after the last token. losses (n,): nats by which each token surprised the model, NaN for the first
    and for what it could see beforehand.
    """

    attentions: np.ndarray
    queries: np.ndarray
    keys: np.ndarray
    scaling: np.ndarray
    seen: np.ndarray
    entropy: np.ndarray
    distance: np.ndarray
    rollout: np.ndarray
    logits: np.ndarray
    losses: np.ndarray
    lens: Lens | None
    held: Held


class Store:
    """The most recently used of what was computed, bounded by bytes. Safe to use from many threads."""

    def __init__(self, capacity: int = CAPACITY):
        self.capacity, self.bytes = capacity, 0
        self._items: OrderedDict[tuple, tuple[Any, int]] = OrderedDict()
        self._lock = threading.Lock()

    def __contains__(self, key: tuple) -> bool:
        with self._lock:
            return key in self._items

    def get(self, key: tuple, make: Callable[[], Kept]) -> Kept:
        """What is kept under the key, made where there is nothing yet."""
        with self._lock:
            if key in self._items:
                self._items.move_to_end(key)
                return self._items[key][0]
        made = make()
        size = results.size(made)
        with self._lock:
            if key not in self._items and size <= self.capacity:
                self._items[key] = (made, size)
                self.bytes += size
                while self.bytes > self.capacity:
                    self.bytes -= self._items.popitem(last=False)[1][1]
        return made


def read(opened: Opened, ids: list[int], seen: np.ndarray | None, off: np.ndarray, window: int) -> Reading:
    """Run the model over the ids, the heads `off` (L, H) switched off; `seen` (n, n) in the place of its own mask."""
    import torch

    fed = torch.tensor([ids])
    tape = Tape(keep=torch.from_numpy(~off)[None].float() if off.any() else None)
    out = opened.run(fed, tape, None if seen is None else torch.from_numpy(seen), hidden=True)
    n = len(ids)
    known = reference.allowed(n) if seen is None else seen
    whole = memory.measured(tape.keys, tape.values)
    attentions = torch.cat(tape.weights).numpy()
    return Reading(
        attentions=attentions,
        queries=torch.cat(tape.queries).numpy(),
        keys=torch.cat(tape.keys).numpy(),
        scaling=np.array(tape.scaling),
        seen=known,
        entropy=reference.entropy(attentions),
        distance=reference.distance(attentions),
        rollout=reference.rollout(attentions),
        logits=out.logits[0, -1].float().numpy().copy(),
        losses=losses(out.logits, fed, known)[0],
        lens=lens.through(opened, out, ids),
        held=Held(whole, memory.measured(tape.keys, tape.values, window), *tape.keys[0].shape[1::2]),
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
