"""Turns: who computes next, judged by what each would get of a machine that all share."""

from __future__ import annotations

import threading
from collections import Counter

import numpy as np
import pytest

from engine.core import Refused
from engine.core.turns import ADDRESS_BEGUN, SLICE, Asker, Turns


class Clock:
    """A clock that is moved by hand."""

    def __init__(self):
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def shared(turns: Turns, clock: Clock, turn_of: dict, slices: int) -> Counter:
    """Slices that each name computes while all of them always want more."""
    had: Counter = Counter()
    for _ in range(slices):
        clock.now += SLICE
        for name, turn in turn_of.items():
            if turn.computing:
                had[name] += 1
        for turn in turn_of.values():
            if turn.computing:
                turns.gives_way(turn)
    return had


def test_one_visitor_computes_one_and_waits_with_one(clock):
    turns = Turns(2, 2, clock)
    first, second = turns.ask(Asker("a", "v")), turns.ask(Asker("a", "v"))
    assert first.computing and not second.computing, "though a place is free"
    with pytest.raises(Refused, match="such runs at once"):
        turns.ask(Asker("a", "v"))
    turns.leave(first)
    assert second.computing


def test_an_address_may_begin_eight(clock):
    turns = Turns(100, 2, clock)
    school = [turns.ask(Asker("school", str(i))) for i in range(ADDRESS_BEGUN + 3)]
    other = turns.ask(Asker("home", "x"))
    assert sum(turn.computing for turn in school) == ADDRESS_BEGUN >= 8 and other.computing
    turns.leave(school[0])
    assert sum(turn.computing for turn in school[1:]) == ADDRESS_BEGUN


def test_a_newcomer_goes_before_those_who_have_had_much(clock):
    turns = Turns(1, 2, clock)
    long, queued = turns.ask(Asker("a", "1")), turns.ask(Asker("a", "2"))
    clock.now += 100
    late = turns.ask(Asker("b", "3"))
    assert turns.gives_way(long)
    assert late.computing and not queued.computing, "by address first: b has had nothing"


@pytest.mark.parametrize("seed", range(4))
def test_every_address_gets_the_same_and_so_does_every_visitor_of_one(clock, seed):
    rng = np.random.default_rng(seed)
    turns, crowd = Turns(1, 2, clock), {}
    sizes = [int(n) for n in rng.integers(1, 6, size=3)]
    for address, size in enumerate(sizes):
        for visitor in range(size):
            crowd[address, visitor] = turns.ask(Asker(str(address), str(visitor)))
    had = shared(turns, clock, crowd, 3000)
    of = [sum(had[a, v] for v in range(size)) for a, size in enumerate(sizes)]
    assert max(of) - min(of) <= 2 + max(sizes)
    for a, size in enumerate(sizes):
        mine = [had[a, v] for v in range(size)]
        assert max(mine) - min(mine) <= 2


def test_coming_anew_gains_nothing(clock):
    """A visitor who leaves after every slice and comes back under a new name gets no more than one who stays."""
    turns = Turns(1, 2, clock)
    stays, name, had = turns.ask(Asker("a", "stays")), 0, Counter()
    comes = turns.ask(Asker("a", "new 0"))
    for _ in range(400):
        clock.now += SLICE
        had["stays"] += stays.computing
        had["comes"] += comes.computing
        if comes.computing:
            turns.leave(comes)
            name += 1
            comes = turns.ask(Asker("a", f"new {name}"))
        if stays.computing:
            turns.gives_way(stays)
    assert abs(had["stays"] - had["comes"]) <= 4


def test_who_waits_is_told_how_many_go_before(clock):
    turns = Turns(1, 2, clock)
    turns.ask(Asker("a", "1"), 10.0)
    second, third = turns.ask(Asker("b", "2"), 4.0), turns.ask(Asker("c", "3"), 1.0)
    assert turns.place(second) == (1, 10.0) and turns.place(third) == (2, 14.0)


def test_a_turn_goes_on_to_who_still_waits_for_it(clock):
    turns = Turns(1, 2, clock)
    turn = turns.ask(Asker("a", "1"))
    clock.now += 5
    turns.hand_over(turn, Asker("b", "2"))
    waiting = turns.ask(Asker("a", "1"))
    assert turn.computing and not waiting.computing
    clock.now += SLICE
    assert turns.gives_way(turn) and waiting.computing
    turns.leave(turn)
    turns.leave(waiting)
    assert len(turns) == 0 and not turns._used, "nothing is kept of those who have gone"


def test_many_threads_take_turns_and_nobody_is_lost():
    turns, together, most, done = Turns(2, 2), 0, 0, []
    lock = threading.Lock()

    def visitor(i: int) -> None:
        nonlocal together, most
        for _ in range(20):
            with turns.turn(Asker(str(i % 3), str(i))):
                with lock:
                    together += 1
                    most = max(most, together)
                with lock:
                    together -= 1
        done.append(i)

    threads = [threading.Thread(target=visitor, args=(i,)) for i in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(done) == 12 and most <= 2 and len(turns) == 0
