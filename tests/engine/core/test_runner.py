"""The runner: one computation for many askers, a cache bounded by bytes, cancelling, provenance."""

from __future__ import annotations

import concurrent.futures
import gc
import json
import sys
import threading
import time
import types
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest

from engine.core import Field, Params, Partial, Refused, devices, experiment, experiments, provenance, runner
from engine.core.runner import Outcome, Runner, document
from engine.core.turns import Asker
from engine.core.words import T

KB = 1024


class Ask(Params):
    """What is asked of the sample experiments."""

    kilobytes: int = Field(1, ge=0, le=10_000, title=T("Kilobytes", "千字节"))
    steps: int = Field(4, ge=1, le=100, title=T("Steps", "步数"))
    seed: int = Field(0, ge=0, le=100, title=T("Seed", "种子"))


@dataclass(frozen=True)
class Got:
    numbers: np.ndarray
    backend: str = "sample"
    dtype: str = "uint8"
    device: str | None = None


@dataclass
class Log:
    """What the sample experiments did."""

    begun: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)
    steps: int = 0
    closed: int = 0
    finished: int = 0
    pause: float = 0.0
    memory: list = field(default_factory=list)


@pytest.fixture(autouse=True)
def log(monkeypatch) -> Log:
    made = Log()
    monkeypatch.setattr(sys.modules[__name__], "LOG", made)
    return made


LOG = Log()


@experiment("whole", cost="instant", limits={"cpu": {"steps": 50}, "cuda": {"steps": 50}})
def whole(params: Ask) -> Got:
    LOG.steps += 1
    return Got(np.full(params.kilobytes * KB, params.seed, np.uint8))


@experiment("held-up", cost="seconds")
def held_up(params: Ask) -> Got:
    LOG.begun.set()
    assert LOG.go.wait(30)
    if params.seed == 100:
        raise ZeroDivisionError("as asked")
    return Got(np.zeros(params.kilobytes * KB, np.uint8))


@experiment("in-steps", cost=lambda p: "seconds" if p.steps < 50 else "minutes", uses_gpu=True)
def in_steps(params: Ask) -> Iterator[Partial[Got]]:
    try:
        for i in range(1, params.steps + 1):
            LOG.steps = i
            numbers = np.full(params.kilobytes * KB, i, np.uint8)
            LOG.memory.append(weakref.ref(numbers))
            yield Partial(Got(numbers), i / params.steps)
            time.sleep(LOG.pause)
        LOG.finished += 1
    finally:
        LOG.closed += 1


@experiment("at-once", cost="instant", uses_gpu=True)
def at_once(params: Ask) -> Got:
    return Got(np.zeros(params.kilobytes * KB, np.uint8))


def test_a_run_is_computed_once_and_then_kept():
    made = Runner()
    first, again = made.run(whole, Ask()), made.run(whole, Ask())
    assert made.computed == 1 and again.result is first.result
    assert (first.provenance.cached, again.provenance.cached) == (False, True)
    assert made.run(whole, Ask(seed=1)).result.numbers[0] == 1 and made.computed == 2
    assert made.cost(held_up, Ask()) == "seconds" and made.cost(whole, Ask()) == "instant"


def test_streams_share_the_cache_with_runs():
    made = Runner()
    outcomes = list(made.stream(in_steps, Ask()))
    assert [o.fraction for o in outcomes] == [0.25, 0.5, 0.75, 1.0]
    assert made.cost(in_steps, Ask()) == "instant"
    assert made.run(in_steps, Ask()).result is outcomes[-1].result
    (kept,) = made.stream(in_steps, Ask())
    assert kept.provenance.cached and kept.fraction == 1 and made.computed == 1


class Waiting(concurrent.futures.Future):
    """A future that tells how many wait for it."""

    waiters = threading.Semaphore(0)

    def result(self, timeout: float | None = None):
        self.waiters.release()
        return super().result(timeout)


@pytest.mark.parametrize("seed", [0, 100], ids=["result", "failure"])
def test_those_who_ask_at_once_share_one_computation(log, monkeypatch, seed):
    monkeypatch.setattr(runner, "Future", Waiting)
    monkeypatch.setattr(Waiting, "waiters", threading.Semaphore(0))
    made = Runner(cache_bytes=0)  # so that nobody is helped by the cache
    params = Ask(seed=seed)
    with concurrent.futures.ThreadPoolExecutor(9) as pool:
        first = pool.submit(made.run, held_up, params)
        assert log.begun.wait(30)
        rest = [pool.submit(made.run, held_up, params) for _ in range(8)]
        for _ in rest:
            assert Waiting.waiters.acquire(timeout=30)
        log.go.set()
        futures = [first, *rest]
        if seed == 100:
            assert all(isinstance(f.exception(30), ZeroDivisionError) for f in futures)
        else:
            assert len({id(f.result(30).result) for f in futures}) == 1
    assert made.computed == 1
    if seed == 100:
        with pytest.raises(ZeroDivisionError):  # a failure is not kept: the next asker tries anew
            made.run(held_up, params)
        assert made.computed == 2


def test_one_who_comes_as_a_computation_ends_does_not_compute_again(monkeypatch):
    made = Runner()
    look = made.cache.get

    def look_too_early(key: tuple) -> Outcome | None:
        monkeypatch.setattr(made.cache, "get", look)
        assert look(key) is None
        made.run(whole, Ask())  # another's computation, from its start to its end
        return None

    monkeypatch.setattr(made.cache, "get", look_too_early)
    assert made.run(whole, Ask()).fraction == 1
    assert made.computed == 1


def test_the_cache_is_bounded_by_bytes_and_drops_the_least_recently_used():
    made = Runner(cache_bytes=100 * KB)
    first = weakref.ref(made.run(whole, Ask(kilobytes=20, seed=0)).result.numbers)
    for seed in (1, 2, 3):
        made.run(whole, Ask(kilobytes=20, seed=seed))
    assert len(made.cache) == 4 and 80 * KB <= made.cache.held <= 100 * KB
    assert made.run(whole, Ask(kilobytes=20, seed=0)).provenance.cached  # now seed 1 is the oldest
    made.run(whole, Ask(kilobytes=20, seed=4))
    assert made.cost(whole, Ask(kilobytes=20, seed=0)) == "instant"
    assert made.cache.get(Runner.key(whole, Ask(kilobytes=20, seed=1))) is None
    assert made.cache.held <= 100 * KB
    for seed in range(10, 30):
        made.run(whole, Ask(kilobytes=20, seed=seed))
    gc.collect()
    assert first() is None, "what is dropped is freed"
    assert made.cache.held <= 100 * KB and len(made.cache) == 4


def test_what_is_too_large_is_not_kept_and_pushes_nothing_out():
    made = Runner(cache_bytes=100 * KB)
    made.run(whole, Ask(kilobytes=1))
    large = made.run(whole, Ask(kilobytes=26))
    assert len(made.cache) == 1 and large.result.numbers.size == 26 * KB
    assert not made.run(whole, Ask(kilobytes=26)).provenance.cached and made.computed == 3


def test_keeping_the_same_thing_twice_counts_its_bytes_once():
    cache = Runner(100 * KB).cache
    outcome = Runner(0).run(whole, Ask(kilobytes=10))
    cache.put(("key",), outcome)
    held = cache.held
    cache.put(("key",), outcome)
    assert (cache.held, len(cache)) == (held, 1)


def test_many_threads_keep_the_books_right():
    made = Runner(cache_bytes=64 * KB)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        asked = [Ask(kilobytes=4, seed=i * 7 % 30) for i in range(400)]
        for params, outcome in zip(asked, pool.map(lambda p: made.run(whole, p), asked), strict=True):
            assert outcome.result.numbers[0] == params.seed, "one asker got another's result"
    assert made.cache.held == sum(size for _, size, _ in made.cache._items.values()) <= 64 * KB
    assert not made._runs


def test_closing_a_stream_stops_the_experiment_at_its_yield_and_frees_its_memory(log):
    made = Runner()
    stream = made.stream(in_steps, Ask(kilobytes=1000, steps=100))
    for _ in range(3):
        outcome = next(stream)
    assert outcome.fraction == 0.03 and log.closed == 0
    del outcome
    stream.close()
    assert (log.steps, log.closed, log.finished) == (3, 1, 0), "no step is taken after the close"
    gc.collect()
    assert all(ref() is None for ref in log.memory)
    assert len(made.cache) == 0, "what is unfinished is not kept"
    assert made.run(in_steps, Ask(kilobytes=1000, steps=100)).result.numbers[0] == 100


def test_an_abandoned_stream_is_closed_too(log):
    stream = Runner().stream(in_steps, Ask())
    next(stream)
    del stream
    gc.collect()
    assert log.closed == 1


def test_a_stream_that_is_never_asked_computes_nothing(log):
    made = Runner()
    made.stream(in_steps, Ask()).close()
    assert made.computed == 0 and log.steps == 0


def test_limits_of_the_device_are_kept_before_anything_is_computed(log):
    made = Runner()
    for refused in (lambda: made.run(whole, Ask(steps=51)), lambda: next(made.stream(whole, Ask(steps=51)))):
        with pytest.raises(Refused, match=r"^steps must be at most 50 on this device"):
            refused()
    assert made.computed == 0 and log.steps == 0 and not made._runs


def test_time_left_is_judged_by_the_pace_so_far(monkeypatch):
    # Each step's begin and end; what passes between them is the asker's own time.
    clock = iter([100.0, 110.0, 115.0, 135.0, 140.0, 150.0, 151.0, 161.0, 170.0])
    monkeypatch.setattr(runner.time, "perf_counter", lambda: next(clock))
    outcomes = list(Runner().stream(in_steps, Ask(steps=4)))
    assert [o.seconds_left for o in outcomes] == [30.0, 30.0, pytest.approx(40 / 3), 0.0]
    assert [o.provenance.seconds for o in outcomes] == [10, 30, 40, 50]


def test_those_who_ask_for_the_same_share_a_run_that_ends_with_the_last(log):
    made, log.pause = Runner(), 0.05
    first, second = (made.shared(in_steps, Ask(steps=100), Asker("a", name)) for name in "12")
    while not isinstance(next(first), Outcome):
        pass
    while not isinstance(next(second), Outcome):
        pass
    assert made.computed == 1 and len(made.costly) == 1
    first.close()
    steps = log.steps
    next(second)
    until = time.monotonic() + 10
    while log.steps == steps and time.monotonic() < until:
        next(second)
    assert log.steps > steps and log.closed == 0, "the other still waits for it"
    second.close()
    while (log.closed, len(made.costly), len(made._flights)) != (1, 0, 0) and time.monotonic() < until:
        time.sleep(0.01)
    assert (log.closed, log.finished, len(made.costly), len(made._flights), len(made.cache)) == (1, 0, 0, 0, 0)


def test_a_shared_run_ends_with_the_whole_and_tells_its_place_before_it_begins(log):
    made = Runner()
    ahead = [made.costly.ask(Asker("other", str(i))) for i in range(made.costly.at_once)]
    asked = made.shared(in_steps, Ask(steps=3), Asker("a", "1"))
    assert next(asked) == runner.Waiting(1, 0.0) and log.steps == 0
    for turn in ahead:
        made.costly.leave(turn)
    outcomes = [told for told in asked if isinstance(told, Outcome)]
    assert outcomes[-1].fraction == 1 and outcomes[-1].result.numbers[0] == 3
    assert [o.provenance.cached for o in made.shared(in_steps, Ask(steps=3), Asker("b", ""))] == [True]


def test_who_leaves_the_line_computes_nothing(log):
    made = Runner()
    ahead = [made.costly.ask(Asker("other", str(i))) for i in range(made.costly.at_once)]
    asked = made.shared(in_steps, Ask(), Asker("a", "1"))
    next(asked)
    asked.close()
    for turn in ahead:
        made.costly.leave(turn)
    until = time.monotonic() + 10
    while made._flights and time.monotonic() < until:
        time.sleep(0.01)
    assert log.steps == 0 and len(made.costly) == 0 and not made._flights


def test_a_shared_run_that_fails_says_so_to_all(log):
    made = Runner()
    for _ in range(2):
        with pytest.raises(Refused, match=r"^steps must be at most 50 on this device"):
            list(made.shared(whole, Ask(steps=51), Asker("a", "1")))
    assert len(made.costly) == 0 and not made._flights


def test_provenance_says_how_a_result_was_made():
    made = Runner().run(whole, Ask(seed=3)).provenance
    assert (made.backend, made.dtype, made.device) == ("sample", "uint8", devices.current().name)
    assert (made.seed, made.recorded, made.date, made.cached) == (3, False, "", False)
    assert made.seconds >= 0 and {"python", "numpy"} <= made.versions.keys()
    assert made.versions["numpy"] == np.__version__
    told = provenance.of(Got(np.zeros(1), device="a named device"), Ask(), 1.5)
    assert (told.device, told.seconds) == ("a named device", 1.5)
    bare = provenance.of(object(), object(), 0.1)
    assert (bare.backend, bare.dtype, bare.seed) == ("numpy", "float64", None)


def test_the_document_is_what_command_line_api_and_export_give():
    outcome = Runner().run(whole, Ask(kilobytes=1))
    made = json.loads(json.dumps(document(whole, Ask(kilobytes=1), outcome), allow_nan=False))
    assert list(made) == ["lab", "params", "result", "provenance"]
    assert made["lab"] == "whole" and made["params"] == {"kilobytes": 1, "steps": 4, "seed": 0}
    assert made["result"]["numbers"] == [0] * KB
    assert set(made["provenance"]) >= {"device", "dtype", "backend", "seed", "seconds", "versions", "recorded"}


@pytest.fixture
def space(monkeypatch) -> list:
    """A Space on ZeroGPU whose package counts how often, and for how long, it is asked; at steps = 77 the quota is spent."""
    asked: list[int] = []

    def gpu(function, duration):
        def run(params):
            asked.append(duration)
            if params.steps == 77:
                raise RuntimeError("You have exceeded your free GPU quota (60s requested vs. 3s left).")
            yield from function(params)

        return run

    monkeypatch.setitem(sys.modules, "spaces", types.SimpleNamespace(GPU=gpu))
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    return asked


def test_a_space_is_asked_for_a_gpu_only_by_costly_runs_of_experiments_that_use_one(space, monkeypatch):
    made = Runner()
    for lab in (whole, in_steps, at_once):
        made.prepare(lab)
    made.run(whole, Ask())
    made.run(at_once, Ask())
    assert space == [], "neither what uses none, nor what a slider makes"
    assert made.run(in_steps, Ask(steps=4)).fraction == 1
    list(made.shared(in_steps, Ask(steps=60), Asker("a", "1")))
    assert space == [runner.GPU_SECONDS, runner.GPU_SECONDS]
    monkeypatch.delenv("SPACES_ZERO_GPU")
    elsewhere = Runner()
    elsewhere.prepare(in_steps)
    elsewhere.run(in_steps, Ask(steps=5))
    assert len(space) == 2


def test_a_spent_quota_is_one_sentence(space):
    made = Runner()
    made.prepare(in_steps)
    with pytest.raises(Refused, match="GPU is spent for you today"):
        made.run(in_steps, Ask(steps=77))
    with pytest.raises(Refused, match="GPU is spent for you today"):
        list(made.shared(in_steps, Ask(steps=77, seed=1), Asker("a", "1")))
    assert made.run(in_steps, Ask(steps=5)).fraction == 1


@pytest.mark.parametrize("slug", experiments.discover())
def test_every_lab_has_a_key_that_tells_parameters_apart(slug):
    lab = experiments.discover()[slug]
    defaults = lab.params()
    keys = {Runner.key(lab, defaults)}
    for name in lab.params.model_fields:
        lower, upper = lab.params.bounds(name)
        if lower is not None and upper is not None:
            other = upper if getattr(defaults, name) != upper else lower
            keys.add(Runner.key(lab, defaults.model_copy(update={name: other})))
        else:
            keys.add((name,))
    assert len(keys) == 1 + len(lab.params.model_fields)
