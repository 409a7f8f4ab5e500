"""Experiments: how they are declared and found, and what each of them must be."""

from __future__ import annotations

import importlib
import json
import pickle
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pytest

import engine
from engine.core import Experiment, Field, Params, Partial, Refused, experiment, experiments, results
from engine.core.words import T

LABS = experiments.discover()
INSTANT = [slug for slug, lab in LABS.items() if lab.cost_of(lab.params()) == "instant"]


class Counting(Params):
    """Counting, one by one."""

    upto: int = Field(3, ge=1, le=1000, title=T("Up to", "到"))
    law: Literal["a", "b"] = Field("a", title=T("Law", "规律"))


@dataclass(frozen=True)
class Counted:
    total: int


closed: list[int] = []


@experiment("sum", cost="instant")
def added(params: Counting) -> Counted:
    return Counted(params.upto * (params.upto + 1) // 2)


@experiment("count", cost=lambda p: "seconds" if p.upto < 100 else "minutes", limits={"cpu": {"upto": 500}})
def counted(params: Counting) -> Iterator[Partial[Counted]]:
    total = 0
    try:
        for i in range(1, params.upto + 1):
            total += i
            yield Partial(Counted(total), i / params.upto)
    finally:
        closed.append(total)


@experiment("mute", cost="seconds")
def mute(params: Counting) -> Iterator[Partial[Counted]]:
    yield from ()


def test_a_declaration_says_what_the_runner_must_know():
    assert (added.slug, added.params, added.streams, added.uses_gpu) == ("sum", Counting, False, False)
    assert added.cost_of(Counting()) == "instant"
    assert counted.streams
    assert counted.cost_of(Counting()) == "seconds" and counted.cost_of(Counting(upto=100)) == "minutes"


def test_calling_gives_the_finished_result():
    assert added(Counting(upto=10)) == Counted(55) == counted(Counting(upto=10))


def test_streaming_gives_results_as_they_improve():
    assert list(added.stream(Counting())) == [Partial(Counted(6), 1.0)]
    partials = list(counted.stream(Counting(upto=4)))
    assert [p.result.total for p in partials] == [1, 3, 6, 10]
    assert [p.fraction for p in partials] == [0.25, 0.5, 0.75, 1.0]


def test_closing_a_stream_closes_the_experiment():
    closed.clear()
    stream = counted.stream(Counting(upto=1000))
    next(stream), next(stream)
    assert not closed
    stream.close()
    assert closed == [3]


def test_an_experiment_that_yields_nothing_is_a_fault():
    with pytest.raises(AssertionError, match="mute yielded nothing"):
        mute(Counting())


def test_a_device_may_set_tighter_limits():
    counted.check(Counting(upto=500), "cpu")
    counted.check(Counting(upto=501), "cuda")
    with pytest.raises(Refused) as caught:
        counted.check(Counting(upto=501), "cpu")
    assert caught.value.en == "upto must be at most 500 on this device (cpu); got 501"
    assert caught.value.zh == "在此设备（cpu）上，upto 不能超过 500；收到 501"
    assert caught.value.name == "upto"


def packages() -> list[str]:
    """Every lab's package, e.g. "probability.poisson"."""
    rooms = [m.name for m in pkgutil.iter_modules(engine.__path__) if m.ispkg]
    return [
        f"{room}.{m.name}"
        for room in rooms
        if room not in experiments.ROOMS_WITHOUT_LABS
        for m in pkgutil.iter_modules(importlib.import_module(f"engine.{room}").__path__)
    ]


def test_discovery_finds_every_experiment_once():
    declared = [
        value
        for package in packages()
        for value in vars(importlib.import_module(f"engine.{package}")).values()
        if isinstance(value, Experiment)
    ]
    assert {e.slug for e in declared} == set(LABS)
    for slug, lab in LABS.items():
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug)
        assert lab.slug == slug
        assert lab.function.__module__ == f"engine.{lab.chapter}.{slug.replace('-', '_')}"


@pytest.mark.parametrize("slug", LABS)
def test_every_lab_says_what_it_costs(slug):
    lab = LABS[slug]
    defaults = lab.params()
    assert lab.cost_of(defaults) in ("instant", "seconds", "minutes")
    assert lab.uses_gpu in (True, False)
    for limits in lab.limits.values():
        for name, most in limits.items():
            lower, upper = lab.params.bounds(name)
            assert lower <= getattr(defaults, name) <= most <= upper
    lab.check(defaults, "cpu")


@pytest.mark.parametrize("slug", INSTANT)
def test_an_instant_lab_gives_a_result_that_can_be_kept_and_sent(slug):
    result = LABS[slug](LABS[slug].params())
    json.dumps(results.plain(result), allow_nan=False)
    kept = results.arrays(result)
    assert kept and all(array.dtype.kind in "biufcUS" for array in kept.values()), "no array of Python objects"
    shipped = results.arrays(pickle.loads(pickle.dumps(result)))
    for name, array in kept.items():
        np.testing.assert_array_equal(array, shipped[name])
    store: dict[str, np.ndarray] = {}
    tree = json.loads(json.dumps(results.encode(result, store), allow_nan=False))
    for name, array in results.arrays(results.decode(tree, store)).items():
        np.testing.assert_array_equal(array, kept[name])
