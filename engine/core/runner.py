"""Runs experiments: cached by parameters and device, one computation for many askers, cancelled between results."""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import hashlib
import os
import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from typing import Any

from engine.core import devices, pace, provenance, results
from engine.core.experiments import Cost, Experiment
from engine.core.params import Params, Refused
from engine.core.provenance import Provenance
from engine.core.recent import Recent
from engine.core.turns import Asker, Turn, Turns
from engine.core.words import T
from engine.core.worker import Run, Worker

CACHE_BYTES = 256 * 2**20
LONG = 2000  # characters of parameters that are a key as they are
# Short runs hold the interpreter: more of them at once would only make all of them late. (A class of 200, later answers,
# p95: 780 ms with three at once, 310 with two, 130 with one.)
BRIEF, BRIEF_MOST = 0.05, 32  # seconds of the longest short run, and how many of one visitor
COSTLY_AT_ONCE, COSTLY_MOST = 2, 2  # of one visitor: a run that computes, and one that waits
BEAT = 0.2  # seconds
GPU_SECONDS = 60  # for which a Space on ZeroGPU is asked, until a recording from one says better


@dataclass(frozen=True)
class Outcome:
    """A result with its provenance; `fraction` of the work is done, `seconds_left` is judged by the pace so far."""

    result: Any
    provenance: Provenance
    fraction: float = 1.0
    seconds_left: float = 0.0


def document(experiment: Experiment, params: Params, outcome: Outcome) -> dict[str, Any]:
    """What the command line, the API and the JSON export give: lab, parameters, result, provenance."""
    return {
        "lab": experiment.slug,
        "params": params.model_dump(),
        "result": results.plain(outcome.result),
        "provenance": outcome.provenance.plain(),
    }


@dataclass(frozen=True)
class Waiting:
    """A run that has not begun: how many go before it, itself counted, and the seconds they take as far as one can tell."""

    place: int
    seconds: float


class Flight:
    """A costly run in a thread of its own, and those who wait for it. It stops when the last of them has gone."""

    def __init__(self, turn: Turn):
        self.turn, self.askers = turn, [turn.asker]
        self.outcome: Outcome | None = None
        self.error: BaseException | None = None
        self.ended = False
        self.changed = threading.Condition()

    @property
    def deserted(self) -> bool:
        return not self.askers

    def tell(self, outcome: Outcome | None = None, error: BaseException | None = None, ended: bool = False) -> None:
        """What is new, to all who wait."""
        with self.changed:
            self.outcome, self.error, self.ended = outcome or self.outcome, error or self.error, ended
            self.changed.notify_all()

    def after(self, shown: Outcome | None) -> tuple[Outcome | None, BaseException | None, bool]:
        """Outcome, error and whether it has ended: as soon as there is another outcome than this, or after `BEAT` s."""
        with self.changed:
            self.changed.wait_for(lambda: self.ended or self.outcome is not shown, BEAT)
            return self.outcome, self.error, self.ended


class Runner:
    """Runs experiments in this process, or in its worker where it has one. Safe to use from many threads."""

    def __init__(self, cache_bytes: int = CACHE_BYTES):
        self.worker: Worker | None = None
        self.cache: Recent[Outcome] = Recent(cache_bytes, lambda outcome: results.size(outcome.result))
        self.computed = 0
        self.brief, self.longer, self.costly = Turns(1, BRIEF_MOST), Turns(1, BRIEF_MOST), Turns(COSTLY_AT_ONCE, COSTLY_MOST)
        self.estimates = pace.Estimates()
        self._runs: dict[tuple, Future] = {}
        self._flights: dict[tuple, Flight] = {}
        self._lock = threading.Lock()
        self._on_gpu: dict[str, Callable] = {}

    @staticmethod
    def key(experiment: Experiment, params: Params) -> tuple:
        text = params.model_dump_json()
        if len(text) > LONG:  # an upload: a thousand keys would outweigh the results
            text = hashlib.sha256(text.encode()).hexdigest()
        return experiment.slug, text, devices.current().name

    def cost(self, experiment: Experiment, params: Params) -> Cost:
        """What running would cost; "instant" when the result is at hand."""
        return "instant" if self.cache.get(self.key(experiment, params)) else experiment.cost_of(params)

    def seconds(self, experiment: Experiment, params: Params) -> float:
        """What a run would take here, as far as one can tell; 0 when the result is at hand."""
        if self.cache.get(self.key(experiment, params)):
            return 0.0
        told = self.estimates.seconds(experiment, params)
        return pace.TYPICAL[experiment.cost_of(params)] if told is None else told

    def line(self, experiment: Experiment, params: Params) -> Turns:
        """The line in which a run that a slider makes waits: those that hold the interpreter for long have their own."""
        return self.longer if self._long(experiment, params) else self.brief

    def run(self, experiment: Experiment, params: Params) -> Outcome:
        """The finished outcome, cached or computed here and now. Those who ask for the same at once share one computation."""
        key = self.key(experiment, params)
        if (found := self.cache.get(key)) is not None:
            return dataclasses.replace(found, provenance=dataclasses.replace(found.provenance, cached=True))
        with self._lock:
            run = self._runs.get(key)
            if mine := run is None:
                run = self._runs[key] = Future()
        if not mine:
            return run.result()
        try:
            outcome = self.cache.get(key)  # another may have finished since we looked
            if outcome is not None:
                run.set_result(outcome)
                return outcome
            for outcome in self._compute(experiment, params):
                pass
            assert outcome is not None, f"{experiment.slug} yielded nothing"
            run.set_result(outcome)
            return outcome
        except BaseException as error:
            run.set_exception(error)
            raise
        finally:
            with self._lock:
                del self._runs[key]

    def stream(self, experiment: Experiment, params: Params) -> Generator[Outcome]:
        """Outcomes as they improve, computed here and now. Closing the iterator stops the experiment at its next yield, its
        memory freed."""
        if (found := self.cache.get(self.key(experiment, params))) is not None:
            yield dataclasses.replace(found, provenance=dataclasses.replace(found.provenance, cached=True))
            return
        yield from self._compute(experiment, params)

    def _admit(self, experiment: Experiment, params: Params, asker: Asker) -> Turn:
        """A place in the line of costly runs. Raises `Refused` for what this device, or this server, does not compute."""
        experiment.check(params, devices.current().kind)
        if (told := self.estimates.seconds(experiment, params)) is not None:
            pace.refuse_beyond(told, pace.longest())
        return self.costly.ask(asker, self.seconds(experiment, params))

    def shared(self, experiment: Experiment, params: Params, asker: Asker) -> Generator[Outcome | Waiting]:
        """Outcomes as they improve, in turn with what others ask: before it begins, its place in the line; where nothing
        is new for `BEAT` seconds, the same again. Who asks for what is being computed joins that run. Closing the iterator
        leaves it; when the last has left it stops at its next result, its memory freed. Raises `Refused`.
        """
        key = self.key(experiment, params)
        if (found := self.cache.get(key)) is not None:
            yield dataclasses.replace(found, provenance=dataclasses.replace(found.provenance, cached=True))
            return
        flight = self._board(key, experiment, params, asker)
        try:
            shown, ended = None, False
            while not ended:
                outcome, error, ended = flight.after(shown)
                if error is not None:
                    raise error
                if outcome is None and not ended:
                    yield Waiting(*self.costly.place(flight.turn)) if not flight.turn.begun else Waiting(0, 0.0)
                elif outcome is not None and not (ended and outcome is shown):
                    shown = outcome
                    yield outcome
        finally:
            self._leave(flight, asker)

    def _board(self, key: tuple, experiment: Experiment, params: Params, asker: Asker) -> Flight:
        """The run that computes this already, joined; else a new one, in line."""
        with self._lock:
            flight = self._flights.get(key)
            if flight is not None and not flight.ended and not flight.deserted:
                flight.askers.append(asker)
                return flight
            flight = self._flights[key] = Flight(self._admit(experiment, params, asker))
        # The context carries the visitor's token, which a GPU on loan is granted for.
        context = contextvars.copy_context()
        threading.Thread(
            target=context.run, args=(self._fly, key, flight, experiment, params), name=f"run {experiment.slug}", daemon=True
        ).start()
        return flight

    def _leave(self, flight: Flight, asker: Asker) -> None:
        with self._lock:
            flight.askers.remove(asker)
            if flight.deserted and not flight.turn.computing:
                self.costly.leave(flight.turn)  # its thread waits in line: it is told that it need not
            elif flight.askers and asker == flight.turn.asker and asker not in flight.askers:
                self.costly.hand_over(flight.turn, flight.askers[0])

    def _fly(self, key: tuple, flight: Flight, experiment: Experiment, params: Params) -> None:
        """Compute a run, in its turns, for as long as somebody waits for it."""
        try:
            flight.turn.granted.result()
            with contextlib.closing(self._compute(experiment, params)) as outcomes:
                for outcome in outcomes:
                    flight.tell(outcome)
                    waits = outcome.fraction < 1 and self.costly.gives_way(flight.turn)
                    # After it, and before waiting: who leaves while it waits ends its turn, who left before is seen here.
                    if flight.deserted:
                        break
                    if waits:
                        flight.turn.granted.result()
        except CancelledError:  # the last has left before it began, or while it gave way
            pass
        except BaseException as error:
            flight.tell(error=error)
        finally:
            with self._lock:
                if self._flights.get(key) is flight:
                    del self._flights[key]
            self.costly.leave(flight.turn)
            flight.tell(ended=True)

    def _compute(self, experiment: Experiment, params: Params) -> Generator[Outcome]:
        experiment.check(params, devices.current().kind)
        stream = self._begun(experiment, params)
        seconds, outcome, begun = 0.0, None, time.perf_counter()
        with self._lock:
            self.computed += 1
        try:
            for partial in stream:
                seconds += time.perf_counter() - begun
                left = seconds * (1 - partial.fraction) / partial.fraction if partial.fraction > 0 else float("inf")
                outcome = Outcome(partial.result, provenance.of(partial.result, params, seconds), partial.fraction, left)
                if partial.fraction < 1:
                    yield outcome
                begun = time.perf_counter()  # what others do with it, and what is waited for, is not the experiment's own
        finally:
            stream.close()
        if outcome is not None:
            self.estimates.learn(experiment, params, seconds)
            self.cache.put(self.key(experiment, params), outcome)
            yield outcome

    def _begun(self, experiment: Experiment, params: Params) -> Generator[Any] | Run:
        """The run where it is computed: in the worker, with a GPU on loan, or here."""
        costly = experiment.cost_of(params) != "instant"
        if self.worker is not None and experiment.apart(params) and (costly or (self._long(experiment, params) and self.worker.ready())):
            return self.worker.begin(experiment, params)
        lent = self._on_gpu.get(experiment.slug) if costly else None
        return (lent or experiment.stream)(params)

    def _long(self, experiment: Experiment, params: Params) -> bool:
        return self.seconds(experiment, params) > BRIEF

    def prepare(self, experiment: Experiment) -> None:
        """On a ZeroGPU Space, let the experiment's costly runs ask for the GPU; what a slider makes never does.

        Called for every experiment before the site starts: such a Space must know its GPU functions by then.
        """
        if not experiment.uses_gpu or os.environ.get("SPACES_ZERO_GPU") != "true":
            return
        import spaces

        def stream(params: Params) -> Iterator[Any]:
            yield from experiment.stream(params)

        granted = spaces.GPU(stream, duration=GPU_SECONDS)

        def asked(params: Params) -> Generator[Any]:
            try:
                yield from granted(params)
            except Refused:
                raise
            except Exception as error:
                # The package has no class for it: it raises what its page would show.
                if "quota" not in str(error).lower():
                    raise
                raise Refused(
                    T(
                        "the Space's GPU is spent for you today: sign in, wait, or ask for less; what a slider makes goes on without it",
                        "今日可用的 GPU 配额已用完：请登录、等待，或减小规模；滑块驱动的即时计算不受影响",
                    )
                ) from None

        self._on_gpu[experiment.slug] = asked
