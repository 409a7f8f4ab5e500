"""Recordings: results kept on disk with their provenance, and those that the project carries."""

from __future__ import annotations

import datetime
import json
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from engine.core import Field, Params, Partial, Refused, devices, experiment, experiments, provenance, recordings
from engine.core.devices import Device
from engine.core.runner import Runner
from engine.core.words import T

LABS = experiments.discover()


class Slow(Params):
    """Something worth recording."""

    size: int = Field(3, ge=1, le=100, title=T("Size", "大小"))
    seed: int = Field(0, ge=0, le=9, title=T("Seed", "种子"))


@dataclass(frozen=True)
class Slept:
    numbers: np.ndarray
    finding: tuple[str, str]
    backend: str = "sample"


@experiment("slow-sample", cost="minutes")
def slow(params: Slow) -> Iterator[Partial[Slept]]:
    for i in range(params.size):
        yield Partial(Slept(np.array([i, np.nan]), ("done", "完成")), (i + 1) / params.size)


@pytest.fixture(autouse=True)
def of_the_engine(monkeypatch):
    """Let this file's result count as one of the engine's, which alone are rebuilt."""
    module = types.ModuleType("engine.slow_sample")
    module.Slept = Slept
    monkeypatch.setattr(Slept, "__module__", module.__name__)
    monkeypatch.setitem(sys.modules, module.__name__, module)


def on(monkeypatch, kind: str, name: str) -> None:
    """Let the experiments run on a device of this name."""
    monkeypatch.setattr(devices, "current", lambda: Device(kind, name, 2))


def test_a_recording_is_read_as_it_was_computed(tmp_path, monkeypatch):
    on(monkeypatch, "cpu", "CPU · 2 threads")
    params = Slow(size=4, seed=2)
    outcome = Runner().run(slow, params)
    path = recordings.record(slow, params, outcome, tmp_path)
    assert path.parent == tmp_path / "cpu" and path.stem == recordings.stem("slow-sample", params)
    assert path.with_suffix(".npz").is_file()
    (made,) = recordings.load(slow, tmp_path)
    assert made.folder == "cpu" and made.params == params
    np.testing.assert_array_equal(made.outcome.result.numbers, outcome.result.numbers)
    assert made.outcome.result.finding == ("done", "完成") and made.outcome.fraction == 1
    told = made.outcome.provenance
    assert told.recorded and not told.cached
    assert told.date == datetime.datetime.now(datetime.UTC).date().isoformat()
    assert told.device == f"CPU · 2 threads ({devices.processor()})"
    assert (told.backend, told.seed, told.versions) == ("sample", 2, provenance.versions())
    assert told.seconds == outcome.provenance.seconds


def test_a_gpus_recording_comes_before_the_cpus(tmp_path, monkeypatch):
    for kind, name in (("cpu", "CPU · 2 threads"), ("cuda", "NVIDIA H200"), ("cuda", "Some GPU, 80GB (x)")):
        on(monkeypatch, kind, name)
        recordings.record(slow, Slow(), Runner().run(slow, Slow()), tmp_path)
    assert [made.folder for made in recordings.load(slow, tmp_path)] == ["nvidia-h200", "some-gpu-80gb-x", "cpu"]


def test_recording_again_replaces_the_recording(tmp_path):
    params, results = Slow(size=5), [Runner().run(slow, Slow(size=5, seed=seed)) for seed in (0, 1)]
    for outcome in results:
        recordings.record(slow, params, outcome, tmp_path)
    (made,) = recordings.load(slow, tmp_path)
    np.testing.assert_array_equal(made.outcome.result.numbers, results[1].result.numbers)


def test_a_lab_may_have_several_recordings(tmp_path, monkeypatch):
    on(monkeypatch, "cpu", "CPU · 2 threads")
    for size in (7, Slow().size, 5):
        recordings.record(slow, Slow(size=size), Runner().run(slow, Slow(size=size)), tmp_path)
    made = recordings.load(slow, tmp_path)
    assert made[0].params == Slow() and {m.params.size for m in made} == {7, Slow().size, 5}
    assert (tmp_path / "cpu" / "slow-sample.json").exists()


def test_without_recordings_there_are_none(tmp_path):
    assert recordings.load(slow, tmp_path) == []
    assert recordings.load(slow, tmp_path / "nowhere") == []


def test_a_recording_that_no_longer_fits_is_a_fault(tmp_path):
    path = recordings.record(slow, Slow(), Runner().run(slow, Slow()), tmp_path)
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document | {"params": {"size": 3, "gone": 1}}))
    with pytest.raises(Refused, match="'gone' is not a parameter"):
        recordings.load(slow, tmp_path)
    document["result"]["fields"]["gone"] = 1
    path.write_text(json.dumps(document))
    with pytest.raises(TypeError, match="gone"):
        recordings.load(slow, tmp_path)


@pytest.mark.parametrize("slug", LABS)
def test_what_the_project_carries_fits_the_engine(slug):
    for made in recordings.load(LABS[slug]):
        told, folder = made.outcome.provenance, made.folder
        assert told.recorded and told.date and told.device and told.backend
        assert datetime.date.fromisoformat(told.date) <= datetime.datetime.now(datetime.UTC).date()
        assert folder == "cpu" or folder in recordings.device_folder("cuda", told.device)
        assert (recordings.ROOT / folder / f"{recordings.stem(slug, made.params)}.json").exists(), "it is misnamed"


def test_no_recording_is_of_a_lab_that_is_gone():
    assert {path.stem.partition("+")[0] for path in recordings.ROOT.glob("*/*.json")} <= set(LABS)
