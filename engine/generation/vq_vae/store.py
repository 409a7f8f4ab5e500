"""Pages that were made a moment ago: to change one integer of a picture, it is not encoded again."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from engine.generation.vq_vae import VqVae
    from engine.generation.vq_vae.coded import Page

V = TypeVar("V")
KEPT = 24  # pages: about 2 MB each


class Recent(Generic[V]):
    """The values that were used last. Safe to use from many threads."""

    def __init__(self, most: int):
        self.most, self._items, self._lock = most, OrderedDict(), threading.Lock()

    def __contains__(self, key: tuple) -> bool:
        return key in self._items

    def get(self, key: tuple) -> V | None:
        with self._lock:
            if key in self._items:
                self._items.move_to_end(key)
            return self._items.get(key)

    def put(self, key: tuple, value: V) -> None:
        with self._lock:
            self._items[key] = value
            self._items.move_to_end(key)
            while len(self._items) > self.most:
                self._items.popitem(last=False)

    def clear(self) -> None:
        """Drop them all."""
        with self._lock:
            self._items.clear()


AT_HAND: Recent[Page] = Recent(KEPT)


def key(params: VqVae) -> tuple[Any, ...]:
    """What a page depends on."""
    image = params.image if len(params.image) < 100 else hashlib.sha256(params.image.encode()).hexdigest()
    return image, params.side, params.factor, params.codebook, params.corrections
