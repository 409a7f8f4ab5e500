"""The values that were used last, within a bound on what they weigh."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

V = TypeVar("V")


class Recent(Generic[V]):
    """The most recently used values, bounded by the sum of their weights. Safe to use from many threads."""

    def __init__(self, capacity: int, weigh: Callable[[V], int]):
        """weigh: what a value counts, such as its bytes. One over a quarter of the capacity is not kept."""
        self.capacity, self.held, self._weigh = capacity, 0, weigh
        self._items: OrderedDict[Hashable, tuple[V, int]] = OrderedDict()
        self._lock = threading.Lock()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._items

    def __len__(self) -> int:
        return len(self._items)

    def get(self, key: Hashable) -> V | None:
        """The value, which now is the last that was used; None where it is not, or no longer, here."""
        with self._lock:
            if key not in self._items:
                return None
            self._items.move_to_end(key)
            return self._items[key][0]

    def put(self, key: Hashable, value: V) -> None:
        """Keep a value, dropping the least recently used."""
        weight = self._weigh(value)
        if weight > self.capacity // 4:
            return
        with self._lock:
            if key in self._items:
                self.held -= self._items.pop(key)[1]
            self._items[key] = (value, weight)
            self.held += weight
            while self.held > self.capacity:
                self.held -= self._items.popitem(last=False)[1][1]

    def clear(self) -> None:
        """Drop them all."""
        with self._lock:
            self._items.clear()
            self.held = 0
