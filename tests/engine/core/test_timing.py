"""Timing: the order of things, counts and quantiles, on a clock that the tests turn by hand."""

from __future__ import annotations

import numpy as np
import pytest

from engine.core import timing
from engine.core.timing import Timing


class Clock:
    """A clock that contenders push forward by as long as they take."""

    def __init__(self):
        self.now, self.calls = 1000.0, []

    def perf_counter(self) -> float:
        return self.now

    def contender(self, name: str, *seconds: float):
        """A function that takes these seconds, in turn."""
        durations = iter(seconds * 100)

        def run(*arguments):
            self.calls.append((name, *arguments))
            self.now += next(durations)

        return run


@pytest.fixture
def clock(monkeypatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(timing, "time", made)
    return made


def test_contenders_take_turns_and_share_the_inputs(clock):
    contenders = {"a": clock.contender("a", 1), "b": clock.contender("b", 2)}
    timing.measure(contenders, [(1,), (2,), (3,)], warm_up=2, runs=4)
    warm = [("a", 1), ("a", 2), ("b", 1), ("b", 2)]
    rounds = [(name, i) for i in (1, 2, 3, 1) for name in ("a", "b")]
    assert clock.calls == warm + rounds


def test_warm_up_is_not_counted(clock):
    made = timing.measure({"a": clock.contender("a", 100, 1, 1, 1)}, [()], warm_up=1, runs=3)
    assert made["a"] == Timing(1, 1, 1, 3)


def test_median_and_spread_are_quantiles(clock):
    seconds = list(np.random.Generator(np.random.PCG64(1)).uniform(0.1, 5, 11))
    made = timing.measure({"a": clock.contender("a", *seconds)}, [()], warm_up=0, runs=11)["a"]
    np.testing.assert_allclose([made.low, made.median, made.high], np.quantile(seconds, [0.2, 0.5, 0.8]))
    ordered = sorted(seconds)
    np.testing.assert_allclose([made.low, made.median, made.high], [ordered[2], ordered[5], ordered[8]])
    assert made.runs == 11


def test_each_round_gives_the_timings_so_far(clock):
    contenders = {"a": clock.contender("a", 1, 3), "b": clock.contender("b", 5)}
    rounds = list(timing.interleave(contenders, [()], warm_up=0, runs=3))
    assert [r["a"].runs for r in rounds] == [1, 2, 3] and [r["b"].median for r in rounds] == [5, 5, 5]
    assert [r["a"].median for r in rounds] == [1, 2, 1]


def test_time_is_bounded_after_the_round_that_passes_it(clock):
    contenders = {"a": clock.contender("a", 3), "b": clock.contender("b", 4)}
    assert len(list(timing.interleave(contenders, [()], runs=50, seconds=20))) == 3
    assert len(list(timing.interleave(contenders, [()], runs=50, seconds=0))) == 1
    assert len(list(timing.interleave(contenders, [()], runs=2, seconds=1e9))) == 2


def test_the_device_is_waited_for_before_and_after_each_run(clock, monkeypatch):
    waits = []
    monkeypatch.setattr(timing, "synchronise", lambda device: waits.append((device, len(clock.calls))))
    timing.measure({"a": clock.contender("a", 1), "b": clock.contender("b", 1)}, [()], device="cuda:0", warm_up=1, runs=2)
    assert waits == [("cuda:0", n) for n in (2, 2, 3, 3, 4, 4, 5, 5, 6)]


def test_the_cpu_needs_no_waiting():
    timing.synchronise("cpu")


def test_a_failure_is_not_timed_away(clock):
    def fails():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        timing.measure({"a": fails}, [()])


def test_every_run_may_be_waited_for(clock):
    contenders = {"a": clock.contender("a", 1, 3), "b": clock.contender("b", 2, 2)}
    seen = list(timing.interleave(contenders, [()], warm_up=0, runs=2, every_run=True))
    assert [set(timings) for timings in seen] == [{"a"}, {"a", "b"}, {"a", "b"}, {"a", "b"}]
    assert seen[-1]["a"].median == 2 and seen[-1]["a"].runs == 2


def test_laps_count_the_work_and_not_what_lies_between(clock):
    work = (clock.contender("step", seconds)() for seconds in (1, 4, 2))
    found = []
    for _, seconds in timing.laps(work):
        found.append(seconds)
        clock.now += 100
    assert found == [1, 4, 2]
