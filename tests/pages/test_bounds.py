"""Every lab at both bounds of every parameter, twice the same, streamed to the end, and stopped on the way."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any, get_args, get_origin

import numpy as np
import pytest

import pages
from engine.core import Params, Refused, results
from pages.shell import Lab

LABS = [page.lab for found in pages.discover().values() for page in found]
# Where a lab computes for long: values with which its tasks take a moment.
SMALL: dict[str, dict[str, Any]] = {
    "gradient": {"starts": 400, "steps": 20},
    "harmonic": {"n": 20_000},
    "position-encoding": {"windows": 1, "length": 16},
    "flash-attention": {"length": 64, "heads": 1, "head_dim": 16, "batch": 1},
    "linear-attention": {"length": 64, "heads": 1, "head_dim": 16, "batch": 1},
    "lora": {"steps": 10, "seeds": 1, "ranks": "1,full", "tokens": 128},
    "attention-maps": {"text": "def add(a, b):", "tokens": 8, "draws": 100},
    "speculative-decoding": {"tokens_out": 8, "prompt": "def add(a, b):"},
    "diffusion": {"points": 200, "steps": 4, "count": 2},
    "vq-vae": {"side": 64, "steps": 50, "codes": 4},
    "detr": {"size": 96, "objects": 2},
    "detection-metrics": {"pictures": 4},
    "segmentation-metrics": {"size": 32},
    "random-walk": {"walkers": 500, "steps": 50},
    "poisson": {"runs": 200},
}
STOP = 0.1  # seconds of CPU that may pass after a run is closed


def tasks(lab: Lab) -> list[dict[str, Any]]:
    """What chooses each thing that a lab does."""
    model = lab.experiment.params
    return [{model.task_field: task} for task in model.tasks] or [{}]


TASKS = [pytest.param(lab, task, id="-".join([lab.slug, *map(str, task.values())])) for lab in LABS for task in tasks(lab)]


def ends(model: type[Params], name: str) -> list[Any]:
    """The two bounds of a number, the options of a choice; a text has none."""
    annotation = model.model_fields[name].annotation
    if annotation is bool:
        return [False, True]
    if get_origin(annotation) is not None:
        return list(get_args(annotation))
    return [bound for bound in model.bounds(name) if bound is not None]


def whole(lab: Lab, params: Params, result: Any) -> None:
    """Assert that a result can be sent, and that every view draws it."""
    json.dumps(results.plain(result, 1000), allow_nan=False)
    for view in lab.views:
        if lab.offers(view, params):
            json.dumps(view.figure(result).data(), allow_nan=False)
            assert all(finding.en and finding.zh for finding in lab.said(view, result))


def corners(lab: Lab, task: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Values with one parameter at a bound; where that takes long, with each at one bound, then at the other."""
    model = lab.experiment.params
    small = SMALL.get(lab.slug, {})
    free = {name: ends(model, name) for name in model.model_fields if name not in task}
    if lab.experiment.cost_of(model.parse(task)) == "instant":
        for name, values in free.items():
            yield from (task | {name: value} for value in values)
        return
    free = {name: values for name, values in free.items() if values and name not in small}
    first = {name: int(place) for name, place in zip(free, np.random.default_rng(7).integers(2, size=len(free)), strict=True)}
    for turn in (0, 1):
        yield task | small | {name: values[-((first[name] + turn) % 2)] for name, values in free.items()}


@pytest.mark.parametrize(("lab", "task"), TASKS)
def test_every_parameter_works_at_its_bounds_and_fractions_rise_to_the_end(lab, task):
    run, answered = lab.experiment, 0
    for values in corners(lab, task):
        try:
            params = run.params.parse(values)
            run.check(params, "cpu")
            stream = run.stream(params)
            try:
                # Of what takes long however small, the first answer.
                cost, fractions = run.cost_of(params), []
                small = cost == "instant" or (cost == "seconds" and lab.slug in SMALL and SMALL[lab.slug].items() <= values.items())
                for part in stream:
                    fractions.append(part.fraction)
                    if not small:
                        break
                assert fractions == sorted(fractions) and fractions[0] >= 0 and (not small or fractions[-1] == 1)
            finally:
                stream.close()
        except Refused as refused:
            assert refused.en and refused.zh and "\n" not in refused.en
            continue
        whole(lab, params, part.result)
        answered += 1
    assert answered


def same(one: Any, two: Any) -> bool:
    first, second = results.arrays(one), results.arrays(two)
    return first.keys() == second.keys() and all(np.array_equal(first[n], second[n], equal_nan=first[n].dtype.kind == "f") for n in first)


@pytest.mark.parametrize(("lab", "task"), TASKS)
def test_the_same_parameters_give_the_same_and_another_seed_another(lab, task):
    model = lab.experiment.params
    params = model.parse(task)
    if lab.experiment.cost_of(params) != "instant":
        pytest.skip("a clock's figures differ, and a training's are compared by its recipe")
    first = lab.experiment(params)
    assert same(first, lab.experiment(params))
    if "seed" not in model.model_fields:
        return
    # With the values with which the page shows a seed.
    shown = {name: values[0] for name, values in model.hints("seed").get("when", {}).items()}
    if task.items() <= {**task, **shown}.items():
        one, two = (lab.experiment(model.parse(task | shown | {"seed": seed})) for seed in (3, 4))
        assert not same(one, two)


LONG = [
    pytest.param(lab, preset, id=f"{lab.slug}-{preset.name.en}")
    for lab in LABS
    for preset in lab.presets
    if lab.experiment.streams and lab.experiment.cost_of(lab.experiment.params.parse(preset.values)) != "instant"
]


@pytest.mark.parametrize(("lab", "preset"), LONG)
def test_a_run_that_is_closed_stops(lab, preset):
    stream = lab.experiment.stream(lab.experiment.params.parse(preset.values))
    next(stream)
    before = time.process_time()
    stream.close()
    time.sleep(0.2)
    assert time.process_time() - before < STOP
    assert next(stream, None) is None
