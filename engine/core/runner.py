"""Runs experiments: cached by parameters and device, one computation for many askers, cancelled between results."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from engine.core import devices, provenance, results
from engine.core.experiments import Cost, Experiment
from engine.core.params import Params
from engine.core.provenance import Provenance
from engine.core.recent import Recent

CACHE_BYTES = 256 * 2**20
LONG = 2000  # characters of parameters that are a key as they are
GPU_SECONDS = {"instant": 10, "seconds": 30, "minutes": 120}


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


class Runner:
    """Runs experiments in this process. Safe to use from many threads."""

    def __init__(self, cache_bytes: int = CACHE_BYTES):
        self.cache: Recent[Outcome] = Recent(cache_bytes, lambda outcome: results.size(outcome.result))
        self.computed = 0
        self._flights: dict[tuple, Future] = {}
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

    def run(self, experiment: Experiment, params: Params) -> Outcome:
        """The finished outcome, cached or computed. Those who ask for the same thing at once share one computation."""
        key = self.key(experiment, params)
        if (found := self.cache.get(key)) is not None:
            return dataclasses.replace(found, provenance=dataclasses.replace(found.provenance, cached=True))
        with self._lock:
            flight = self._flights.get(key)
            if mine := flight is None:
                flight = self._flights[key] = Future()
        if not mine:
            return flight.result()
        try:
            outcome = self.cache.get(key)  # another may have finished since we looked
            if outcome is not None:
                flight.set_result(outcome)
                return outcome
            for outcome in self._compute(experiment, params):
                pass
            assert outcome is not None, f"{experiment.slug} yielded nothing"
            flight.set_result(outcome)
            return outcome
        except BaseException as error:
            flight.set_exception(error)
            raise
        finally:
            with self._lock:
                del self._flights[key]

    def stream(self, experiment: Experiment, params: Params) -> Generator[Outcome]:
        """Outcomes as they improve. Closing the iterator stops the experiment at its next yield, its memory freed."""
        if (found := self.cache.get(self.key(experiment, params))) is not None:
            yield dataclasses.replace(found, provenance=dataclasses.replace(found.provenance, cached=True))
            return
        yield from self._compute(experiment, params)

    def _compute(self, experiment: Experiment, params: Params) -> Iterator[Outcome]:
        experiment.check(params, devices.current().kind)
        stream = self._on_gpu.get(experiment.slug, experiment.stream)(params)
        start, outcome = time.perf_counter(), None
        with self._lock:
            self.computed += 1
        try:
            for partial in stream:
                seconds = time.perf_counter() - start
                left = seconds * (1 - partial.fraction) / partial.fraction if partial.fraction > 0 else float("inf")
                outcome = Outcome(partial.result, provenance.of(partial.result, params, seconds), partial.fraction, left)
                if partial.fraction < 1:
                    yield outcome
        finally:
            stream.close()
        if outcome is not None:
            self.cache.put(self.key(experiment, params), outcome)
            yield outcome

    def prepare(self, experiment: Experiment) -> None:
        """On a ZeroGPU Space, let the experiment ask for the GPU for as long as its cost suggests.

        Called for every experiment before the site starts: such a Space must know its GPU functions by then.
        """
        if not experiment.uses_gpu or os.environ.get("SPACES_ZERO_GPU") != "true":
            return
        import spaces

        def stream(params: Params) -> Iterator[Any]:
            yield from experiment.stream(params)

        def duration(params: Params) -> int:
            return GPU_SECONDS[experiment.cost_of(params)]

        self._on_gpu[experiment.slug] = spaces.GPU(stream, duration=duration)
