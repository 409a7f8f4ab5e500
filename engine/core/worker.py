"""A process that computes beside the server's: runs of numpy and Python, which hold the interpreter that answers sliders.

There is one at most. It is spawned when something is asked of it, never forked, has imported only what it is asked for,
and ends after a minute without work, or with the server. Both sides speak in pickles over its pipes: a run is begun, then
each step is asked for, so that turns, cache and closing stay where they were.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import os
import pickle
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Generator
from queue import SimpleQueue
from typing import Any

from engine.core import privacy, recent
from engine.core.experiments import Experiment, Partial
from engine.core.params import Params, Refused
from engine.core.words import T

IDLE = 60.0  # seconds without work after which it ends
SHARE = 64 * 2**20  # bytes of the process's budget for what is kept, lent to it while it lives
NICE = 5  # it steps back where the server's own process wants the core
NEXT, CLOSE = "next", "close"


class Ended(Refused):
    """The worker has ended before it answered: nothing is wrong with the question."""

    def __init__(self) -> None:
        super().__init__(
            T(
                "the process that computed this has ended before the result was there; ask again, or for less",
                "负责计算的进程在得出结果前已结束；请重试，或减小规模",
            )
        )


class Life:
    """One life of the worker, from its spawning to its end."""

    def __init__(self) -> None:
        code = f"import sys; sys.path[:] = {sys.path!r}; from engine.core.worker import serve; serve()"
        self.process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.ready = self.over = False
        self._replies: dict[int, SimpleQueue[bytes | None]] = {}
        self._lock = threading.Lock()
        recent.LEDGER.lend(SHARE)
        threading.Thread(target=self._read, name="worker", daemon=True).start()

    @property
    def runs(self) -> int:
        """How many runs are begun and not closed."""
        return len(self._replies)

    def open(self, number: int) -> None:
        """Expect replies to a run. Raises `Ended`."""
        with self._lock:
            if self.over:
                raise Ended
            self._replies[number] = SimpleQueue()

    def ask(self, number: int, message: Any) -> Any:
        """What a run replies to a message. Raises what the run raised, and `Ended`."""
        replies = self._replies[number]
        with self._lock:
            if self.over:
                raise Ended
            try:
                assert self.process.stdin is not None
                pickle.dump((number, message), self.process.stdin, pickle.HIGHEST_PROTOCOL)
                self.process.stdin.flush()
            except OSError:
                raise Ended from None
        reply = replies.get()
        found = Ended() if reply is None else pickle.loads(reply)
        if isinstance(found, BaseException):
            raise found
        return found

    def drop(self, number: int) -> None:
        """Expect no more replies to a run."""
        with self._lock:
            self._replies.pop(number, None)

    def end(self) -> None:
        """Let it end: it does when nobody can ask it any more."""
        with self._lock, contextlib.suppress(OSError):
            self.over = True
            assert self.process.stdin is not None
            self.process.stdin.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as answers, contextlib.suppress(EOFError, OSError, pickle.UnpicklingError):
            while True:
                number, reply = pickle.load(answers)
                self.ready = True
                with self._lock:
                    waiting = self._replies.get(number)
                if waiting is not None:
                    waiting.put(reply)
        self.end()
        with self._lock:
            for replies in self._replies.values():
                replies.put(None)
        self.process.wait()
        recent.LEDGER.lend(-SHARE)


class Run:
    """A run in the worker, begun: an iterator of partial results whose every step is a round trip."""

    def __init__(self, worker: Worker, life: Life, number: int):
        self._worker, self._life, self._number, self._open = worker, life, number, True

    def __iter__(self) -> Run:
        return self

    def __next__(self) -> Partial[Any]:
        partial = self.ask(NEXT) if self._open else None
        if partial is None:
            raise StopIteration
        return partial

    def ask(self, message: Any) -> Any:
        """What it replies. Raises what it raised, and is then at its end."""
        try:
            return self._life.ask(self._number, message)
        except BaseException:
            self._forget()
            raise

    def close(self) -> None:
        """Stop it between two steps, its memory freed."""
        if self._open:
            with contextlib.suppress(Ended):
                self.ask(CLOSE)
            self._forget()

    def _forget(self) -> None:
        self._open = False
        self._life.drop(self._number)
        self._worker.rest()


class Worker:
    """The server's side: runs are begun here. Safe to use from many threads."""

    def __init__(self) -> None:
        self._life: Life | None = None
        self._numbers = itertools.count()
        self._idle: threading.Timer | None = None
        self._lock = threading.Lock()

    @property
    def pid(self) -> int | None:
        """The process that lives now."""
        life = self._life
        return life.process.pid if life is not None and not life.over else None

    def ready(self) -> bool:
        """Whether it lives and answers at once; if it does not live, it begins to."""
        with self._lock:
            life = self._living()
        self.rest()
        return life.ready

    def begin(self, experiment: Experiment, params: Params) -> Run:
        """A run, imported and ready for its first step. Raises `Ended`, and what importing raises."""
        with self._lock:
            life, number = self._living(), next(self._numbers)
            life.open(number)
            if self._idle is not None:
                self._idle.cancel()
        run = Run(self, life, number)
        run.ask((experiment.function.__module__, experiment.slug, pickle.dumps(params), privacy.private()))
        return run

    def rest(self) -> None:
        """Nothing more is asked for now: without another run it ends after a while."""
        with self._lock:
            life = self._life
            if life is None or life.runs:
                return
            if self._idle is not None:
                self._idle.cancel()
            self._idle = threading.Timer(IDLE, self.end, [life])
            self._idle.daemon = True
            self._idle.start()

    def end(self, only: Life | None = None) -> None:
        """End it; with `only`, where it is this life and nothing runs in it."""
        with self._lock:
            life = self._life
            if life is None or (only is not None and (life is not only or life.runs)):
                return
            self._life = None
            if self._idle is not None:
                self._idle.cancel()
        life.end()

    def _living(self) -> Life:
        if self._life is None or self._life.over:
            self._life = Life()
        return self._life


def serve() -> None:
    """The worker's side: answer until the server, which holds the other end of the pipe, closes it or is no more."""
    asked, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server's to hear, and to end by
    if hasattr(os, "nice"):
        os.nice(NICE)
    recent.LEDGER.budget = SHARE
    runs: dict[int, SimpleQueue[Any]] = {}
    turn = threading.Lock()

    def answer(number: int, found: Any) -> None:
        try:
            reply = pickle.dumps(found, pickle.HIGHEST_PROTOCOL)
        except Exception:
            reply = pickle.dumps(RuntimeError(f"in the worker:\n{traceback.format_exc()}"))
        with turn:
            pickle.dump((number, reply), answers, pickle.HIGHEST_PROTOCOL)
            answers.flush()

    def run(number: int, messages: SimpleQueue[Any]) -> None:
        try:
            with contextlib.closing(begun(*messages.get())) as stream:
                answer(number, None)
                while messages.get() == NEXT:
                    answer(number, next(stream, None))
            found = None
        except Refused as error:
            found = error
        except BaseException:  # the server's log is told of it
            found = RuntimeError(f"in the worker:\n{traceback.format_exc()}")
        del runs[number]
        answer(number, found)

    answer(-1, None)  # it is ready
    while True:
        try:
            number, message = pickle.load(asked)
        except (EOFError, OSError):
            os._exit(0)  # whatever is being computed: nobody waits for it
        if message not in (NEXT, CLOSE):
            runs[number] = SimpleQueue()
            threading.Thread(target=run, args=(number, runs[number]), daemon=True).start()
        runs[number].put(message)


def begun(module: str, slug: str, packed: bytes, private: bool) -> Generator[Partial[Any]]:
    """The stream of an experiment, found where it is declared."""
    if not private:
        privacy.others_seen()
    declared = vars(importlib.import_module(module)).values()
    found: Experiment[Any, Any] = next(value for value in declared if isinstance(value, Experiment) and value.slug == slug)
    return found.stream(pickle.loads(packed))
