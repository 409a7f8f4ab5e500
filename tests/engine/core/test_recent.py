"""The values that were used last: what is dropped, what is never kept, and that the books are right."""

from __future__ import annotations

import concurrent.futures

import numpy as np
import pytest

from engine.core import recent
from engine.core.recent import LEDGER, Recent, remembered


def test_the_least_recently_used_is_dropped():
    kept = Recent(8, lambda value: 2)
    for k in range(4):
        kept.put(k, str(k))
    assert kept.get(0) == "0"  # now 1 is the oldest
    kept.put(4, "4")
    assert [k in kept for k in range(5)] == [True, False, True, True, True]
    assert kept.get(1) is None and (len(kept), kept.held) == (4, 8)


def test_looking_whether_it_is_there_does_not_use_it():
    kept = Recent(4, lambda value: 1)
    for k in range(4):
        kept.put(k, k)
    assert 0 in kept
    kept.put(4, 4)
    assert 0 not in kept


def test_what_is_over_a_quarter_of_the_capacity_is_not_kept():
    kept = Recent(100, len)
    kept.put("a", b"x" * 25)
    kept.put("b", b"x" * 26)
    assert "a" in kept and "b" not in kept and kept.held == 25


def test_a_value_put_anew_counts_once_and_clearing_leaves_nothing():
    kept = Recent(100, len)
    kept.put("a", b"x" * 20)
    kept.put("a", b"y" * 10)
    assert kept.get("a") == b"y" * 10 and (len(kept), kept.held) == (1, 10)
    kept.clear()
    assert "a" not in kept and (len(kept), kept.held) == (0, 0)


def test_many_threads_keep_the_books_right():
    kept = Recent(64, lambda value: 1 + value % 7)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda k: (kept.put(k % 100, k % 100), kept.get(k * 7 % 100)), range(4000)))
    assert kept.held == sum(1 + kept.get(k) % 7 for k in range(100) if k in kept) <= 64


def test_stores_share_one_budget(monkeypatch):
    for store in list(LEDGER.stores):
        store.clear()
    monkeypatch.setattr(LEDGER, "budget", 100)
    one, two = Recent(400, len), Recent(400, len)
    one.put("old", b"x" * 40)
    two.put("new", b"x" * 40)
    one.put("newer", b"x" * 40)
    assert "old" not in one and "new" in two and "newer" in one and LEDGER.held == 80
    two.get("new")
    two.put("last", b"x" * 50)
    assert "newer" not in one and "new" in two and LEDGER.held == 90


def test_what_nobody_asks_for_goes_with_time(monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(recent.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(LEDGER, "_swept", 1000.0)
    kept, other = Recent(100, len), Recent(100, len)
    kept.put("a", b"x")
    clock[0] += recent.IDLE - 1
    kept.put("b", b"y")
    clock[0] += recent.SWEEP + 2
    other.put("c", b"z")
    assert "a" not in kept and "b" in kept and kept.held == 1


def test_a_remembered_function_computes_once():
    asked = []

    @remembered(2)
    def squares(n, scale=1.0):
        asked.append(n)
        return scale * np.arange(n) ** 2

    assert squares(3) is squares(3) and asked == [3]
    squares(4)
    squares(5, scale=2.0)
    squares(3)
    assert asked == [3, 4, 5, 3] and len(squares.store) == 2
    with pytest.raises(TypeError, match="unhashable"):
        squares([1])
