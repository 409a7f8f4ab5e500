"""Who computes next: turns by address, then by visitor, and never first in, first out.

Of those who wait, the one goes first whose address has computed least while others waited, and of its visitors the one
who has. A newcomer begins with as much as the least of those present, so that coming anew gains nothing (the virtual
time of fair queueing: Demers, Keshav & Shenker 1989; the kernel's CFS does the same).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field

from engine.core.params import Refused
from engine.core.words import T


class Busy(Refused):
    """A visitor asks for more turns at once than one may have: nothing is wrong with the question itself."""


SLICE = 0.25  # seconds that a run computes before it gives way, at its next result, to one that waits
ADDRESS_BEGUN = 8  # runs of one address that have begun: a school is one address


@dataclass(frozen=True)
class Asker:
    """Whom a question comes from: a network address, and of those behind it one visitor ("" where none is told apart)."""

    address: str = ""
    visitor: str = ""


@dataclass(eq=False)
class Turn:
    """A place in the line. `granted` is done once it may compute; `begun` whether it ever has."""

    asker: Asker
    number: int
    seconds: float
    begun: bool = False
    granted: Future[None] = field(default_factory=Future)
    since: float = 0.0

    @property
    def computing(self) -> bool:
        return self.granted.done()


class Turns:
    """A line before a few places to compute. Safe to use from many threads."""

    def __init__(self, at_once: int, most: int, clock: Callable[[], float] = time.monotonic):
        """at_once: how many compute at the same time. most: turns, computing or waiting, that one visitor may have."""
        self.at_once, self.most, self._clock = at_once, most, clock
        self._present: list[Turn] = []
        self._used: dict[str | Asker, float] = {}
        self._number = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._present)

    def ask(self, asker: Asker, seconds: float = 0.0) -> Turn:
        """Stand in line. seconds: what the turn will take, as far as one can tell. Raises `Refused` for a visitor who
        stands there too often."""
        with self._lock:
            mine = sum(turn.asker == asker for turn in self._present)
            if mine >= self.most:
                raise Busy(
                    T(
                        "a visitor may have {most:count} such runs at once, computing or waiting; got one more: wait for one, or stop it",
                        "每位访客最多可同时有 {most:count} 个这样的运行（计算中或排队中）；又收到一个：请等待其完成，或先停止一个",
                        most=self.most,
                    )
                )
            self._join(asker)
            self._number += 1
            turn = Turn(asker, self._number, seconds)
            self._present.append(turn)
            self._grant()
            return turn

    def leave(self, turn: Turn) -> None:
        """The turn is done, or its asker has gone."""
        with self._lock:
            if turn not in self._present:
                return
            self._charge(turn)
            self._present.remove(turn)
            turn.granted.cancel()
            self._part(turn.asker)
            self._grant()

    def gives_way(self, turn: Turn) -> bool:
        """Whether a computing turn has had its slice and another goes before it: it must then wait until it is granted anew."""
        with self._lock:
            spent = self._clock() - turn.since
            if not turn.computing or spent < SLICE:
                return not turn.computing
            self._charge(turn)
            waiting = self._waiting()
            if not waiting or self._rank(waiting[0]) > self._rank(turn):
                return False
            turn.granted = Future()
            self._grant()
            return not turn.computing

    def hand_over(self, turn: Turn, asker: Asker) -> None:
        """From now on the turn counts as another asker's: the first has gone, and this one waits for the same."""
        with self._lock:
            self._charge(turn)
            self._join(asker)
            before, turn.asker = turn.asker, asker
            self._part(before)

    def place(self, turn: Turn) -> tuple[int, float]:
        """How many go before a turn that waits, itself counted, and the seconds that these and those computing take."""
        with self._lock:
            before = [other for other in self._present if other is not turn and (other.computing or self._rank(other) < self._rank(turn))]
            ahead = sum(not other.computing for other in before) + 1
            return ahead, sum(other.seconds for other in before) / self.at_once

    @contextmanager
    def turn(self, asker: Asker) -> Iterator[Turn]:
        """Wait for a turn in this thread, and leave it at the end."""
        turn = self.ask(asker)
        try:
            turn.granted.result()
            yield turn
        finally:
            self.leave(turn)

    def _join(self, asker: Asker) -> None:
        """Give a newcomer, and its address, as much as the least of those present of its own level."""
        if asker.address not in self._used:
            self._used[asker.address] = self._least({turn.asker.address for turn in self._present})
        if asker not in self._used:
            self._used[asker] = self._least({turn.asker for turn in self._present if turn.asker.address == asker.address})

    def _part(self, asker: Asker) -> None:
        """Forget what is no longer present."""
        if not any(turn.asker == asker for turn in self._present):
            del self._used[asker]
        if not any(turn.asker.address == asker.address for turn in self._present):
            del self._used[asker.address]

    def _least(self, others: set) -> float:
        return min((self._used[who] for who in others), default=0.0)

    def _rank(self, turn: Turn) -> tuple[float, float, int]:
        return self._used[turn.asker.address], self._used[turn.asker], turn.number

    def _charge(self, turn: Turn) -> None:
        """Write down what a computing turn has used since it was granted, or charged last."""
        if turn.computing:
            now = self._clock()
            for who in (turn.asker, turn.asker.address):
                self._used[who] += now - turn.since
            turn.since = now

    def _waiting(self) -> list[Turn]:
        """Turns that could compute now, the first to go first. A visitor has one run begun, an address `ADDRESS_BEGUN`."""
        begun = [turn for turn in self._present if turn.begun]
        ready = [
            turn
            for turn in self._present
            if not turn.computing
            and (
                turn.begun
                or (
                    not any(other.asker == turn.asker for other in begun)
                    and sum(other.asker.address == turn.asker.address for other in begun) < ADDRESS_BEGUN
                )
            )
        ]
        return sorted(ready, key=self._rank)

    def _grant(self) -> None:
        """Let those compute who are first, while there is a place."""
        while sum(turn.computing for turn in self._present) < self.at_once and (waiting := self._waiting()):
            first = waiting[0]
            first.begun, first.since = True, self._clock()
            first.granted.set_result(None)
