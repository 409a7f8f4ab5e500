"""What is kept in case it is asked for again: many stores, one budget of memory for the process, evicted by use and age."""

from __future__ import annotations

import functools
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Generic, ParamSpec, TypeVar

from engine.core import results

V = TypeVar("V")
P = ParamSpec("P")
BUDGET = 256 * 2**20  # bytes that all stores of the process hold together
IDLE = 900.0  # seconds after which what nobody has asked for goes
SWEEP = 30.0  # seconds between two looks for it


class Ledger:
    """Every store of the process, and what they hold together."""

    def __init__(self, budget: int):
        self.budget, self.lock = budget, threading.RLock()
        self.stores: weakref.WeakSet[Recent[Any]] = weakref.WeakSet()
        self._swept = time.monotonic()

    @property
    def held(self) -> int:
        """Bytes that all stores hold."""
        with self.lock:
            return sum(store.held for store in self.stores)

    def lend(self, share: int) -> None:
        """Let another process of ours hold so many bytes of the budget; fewer than none: it gives them back."""
        with self.lock:
            self.budget -= share
            self.settle()

    def settle(self) -> None:
        """Drop what has not been used for long, then the least recently used of any store until the budget holds."""
        with self.lock:
            now, held = time.monotonic(), self.held
            if now - self._swept > SWEEP:
                self._swept = now
                for store in self.stores:
                    store.drop_before(now - IDLE)
                held = self.held
            while held > self.budget:
                oldest = min((store for store in self.stores if len(store)), key=lambda store: store.oldest)
                held -= oldest.drop()


LEDGER = Ledger(BUDGET)


class Recent(Generic[V]):
    """The most recently used values, bounded by their bytes and, with every other store, by the process's budget.

    Safe to use from many threads.
    """

    def __init__(self, capacity: int, weigh: Callable[[V], int] = results.size, most: int | None = None):
        """capacity: bytes that it may hold. weigh: bytes of a value; one over a quarter of the capacity is not kept.
        most: how many values, if that is bounded too."""
        self.capacity, self.most, self.held, self._weigh = capacity, most, 0, weigh
        self._items: OrderedDict[Hashable, tuple[V, int, float]] = OrderedDict()
        LEDGER.stores.add(self)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._items

    def __len__(self) -> int:
        return len(self._items)

    @property
    def oldest(self) -> float:
        """When the value that was used least recently was used."""
        return next(iter(self._items.values()))[2]

    def get(self, key: Hashable) -> V | None:
        """The value, which now is the last that was used; None where it is not, or no longer, here."""
        with LEDGER.lock:
            if key not in self._items:
                return None
            value, weight, _ = self._items.pop(key)
            self._items[key] = value, weight, time.monotonic()
            return value

    def put(self, key: Hashable, value: V) -> None:
        """Keep a value, dropping the least recently used."""
        weight = self._weigh(value)
        if weight > self.capacity // 4:
            return
        with LEDGER.lock:
            if key in self._items:
                self.held -= self._items.pop(key)[1]
            self._items[key] = value, weight, time.monotonic()
            self.held += weight
            while self.held > self.capacity or (self.most is not None and len(self) > self.most):
                self.drop()
            LEDGER.settle()

    def drop(self) -> int:
        """Drop the value that was used least recently; the bytes that this frees."""
        weight = self._items.popitem(last=False)[1][1]
        self.held -= weight
        return weight

    def drop_before(self, moment: float) -> None:
        """Drop what was last used before a moment of the monotonic clock."""
        while self._items and self.oldest < moment:
            self.drop()

    def clear(self) -> None:
        """Drop them all."""
        with LEDGER.lock:
            self._items.clear()
            self.held = 0


def remembered(most: int, capacity: int = 32 * 2**20) -> Callable[[Callable[P, V]], Callable[P, V]]:
    """Keep a pure function's last results by its arguments, which must be hashable: `functools.lru_cache` within the
    process's budget. `function.store` is where they are kept."""

    def decorate(function: Callable[P, V]) -> Callable[P, V]:
        store: Recent[tuple[V]] = Recent(capacity, results.size, most)

        @functools.wraps(function)
        def wrapper(*args: P.args, **options: P.kwargs) -> V:
            key = (args, tuple(sorted(options.items())))
            if (found := store.get(key)) is not None:
                return found[0]
            value = function(*args, **options)
            store.put(key, (value,))
            return value

        wrapper.store = store  # type: ignore[attr-defined]
        return wrapper

    return decorate
