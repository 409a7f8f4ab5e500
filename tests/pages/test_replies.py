"""What the server answers: figures, what a run would cost, files, and one sentence to whatever is wrong."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import logging
import math
import re
import time
from types import SimpleNamespace

import numpy as np
import pytest
import sample_lab
from sample_lab import SAMPLE, SECRET, SLOW

from engine.core import provenance
from engine.core.params import shown
from engine.core.recordings import Recording
from engine.core.runner import Outcome, Runner
from engine.core.turns import Asker
from pages.shell import View, replies
from pages.shell.replies import answer, export, opening, stream

HAN = re.compile("[\u4e00-\u9fff]")
HUGE = "x" * 2_000_000
DEEP: list = []
for _ in range(5000):
    DEEP = [DEEP]


@pytest.fixture(autouse=True)
def bare_shelf(monkeypatch):
    """No recordings but those that a test puts there."""
    monkeypatch.setattr(replies, "_shelf", {"sample-slow": [], "sample-lab": []})
    monkeypatch.setattr(sample_lab.LOG, "pause", 0.0)


NOBODY = Asker()


def first(lab, runner, value):
    """The first reply of a stream, which is then closed."""
    replied = stream(lab, runner, value, NOBODY)
    try:
        return next(replied)
    finally:
        replied.close()


def refused(reply: dict) -> dict:
    """The refusal in a reply, after a look at its form."""
    assert set(reply) == {"id", "instance", "error"} and isinstance(reply["id"], int)
    json.dumps(reply, allow_nan=False)
    error = reply["error"]
    assert set(error) == {"en", "zh", "name"}
    for text in (error["en"], error["zh"]):
        assert text and "\n" not in text and len(text) < 500 and "Traceback" not in text and "Error" not in text
    assert HAN.search(error["zh"]) and not HAN.search(error["en"])
    return error


WITHOUT_PARAMETERS = [
    None,
    3,
    True,
    "text",
    HUGE,
    [],
    DEEP,
    {},
    {"id": 5},
    {"params": None},
    {"params": [1]},
    {"params": "steps=5"},
    {"params": math.nan},
]
WRONG_VIEW = [-1, 0, 4, 10**30, "0", None, 1.5, math.nan, [], HUGE, DEEP]
WRONG_PARAMETERS = [
    ({"steps": 0}, "steps must be a whole number from 1 to 100000; got 0"),
    ({"steps": 10_000_000}, "steps must be a whole number from 1 to 100000; got 10000000"),
    ({"steps": 10**400}, "steps must be a whole number from 1 to 100000; got 1000"),
    ({"steps": 60_000}, "steps must be at most 50000 on this device"),
    ({"steps": 2.5}, "steps must be a whole number"),
    ({"steps": math.nan}, "steps must be a whole number"),
    ({"steps": HUGE}, "steps must be a whole number from 1 to 100000; got 'xxx"),
    ({"steps": None}, "steps must be a whole number from 1 to 100000; got None"),
    ({"steps": DEEP}, "steps must be a whole number from 1 to 100000; got [[["),
    ({"share": math.nan}, "share must be a number from 0 to 1; got nan"),
    ({"share": math.inf}, "share must be a number from 0 to 1; got inf"),
    ({"share": 1e300}, "share must be a number from 0 to 1; got 1e+300"),
    ({"share": "half"}, "share must be a number from 0 to 1; got 'half'"),
    ({"law": "odd"}, "law must be one of fair, biased; got 'odd'"),
    ({"law": HUGE}, "law must be one of fair, biased; got 'xxx"),
    ({"size": 4}, "size must be one of 1, 2, 3; got 4"),
    ({"walls": "maybe"}, "walls must be true or false; got 'maybe'"),
    ({"formula": HUGE}, "formula must be at most 20 characters long; got 'xxx"),
    ({"formula": 5}, "formula must be a text; got 5"),
    ({"low": 9, "high": 9}, "low must be below high, which is 9; got 9"),
    ({"nope": 1}, "'nope' is not a parameter; the parameters are steps, share"),
    ({HUGE: 1}, "is not a parameter; the parameters are steps, share"),
    ({"": 1}, "'' is not a parameter"),
    ({"__class__": "x"}, "'__class__' is not a parameter"),
]
DOORS = {"answer": answer, "stream": first, "export": export}


@pytest.mark.parametrize("door", DOORS)
def test_a_request_without_parameters_is_refused(door, runner):
    for value in WITHOUT_PARAMETERS:
        error = refused(DOORS[door](SAMPLE, runner, value))
        assert error["en"] == "the request must name its parameters; got none"
    assert runner.computed == 0


@pytest.mark.parametrize("door", DOORS)
def test_a_view_out_of_range_is_refused(door, runner):
    for view in WRONG_VIEW:
        error = refused(DOORS[door](SAMPLE, runner, {"params": {}, "view": view}))
        assert error["en"].startswith("view must be from 1 to 3; got ") and error["name"] == "view"
        assert error["zh"].startswith("view 必须在 1 到 3 之间；收到 ")
    assert runner.computed == 0


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(("params", "sentence"), WRONG_PARAMETERS, ids=[s[:40] for _, s in WRONG_PARAMETERS])
def test_bad_parameters_get_one_sentence_in_both_languages(door, params, sentence, runner):
    reply = DOORS[door](SAMPLE, runner, {"params": params, "id": 7})
    error = refused(reply)
    assert sentence in error["en"] and reply["id"] == 7
    assert runner.computed == 0


@pytest.mark.parametrize("number", [math.nan, math.inf, HUGE, None, [], DEEP, 1.5, -1, 2**64], ids=shown)
def test_a_requests_number_is_a_number_or_nothing(number, runner):
    assert refused(answer(SAMPLE, runner, {"id": number}))
    assert refused(answer(SAMPLE, runner, {"id": number, "params": {"steps": 0}}))["name"] == "steps"
    made = answer(SAMPLE, runner, {"id": number, "params": {}})
    assert made["id"] == 0 and json.dumps(made, allow_nan=False)


@pytest.mark.parametrize("door", DOORS)
def test_a_failure_is_told_plainly_and_logged(door, runner, caplog):
    if door == "stream":
        reply = list(stream(SLOW, runner, {"params": {"steps": 99_999}, "id": 4}, NOBODY))[-1]
    else:
        reply = DOORS[door](SAMPLE, runner, {"params": {"share": 1}, "id": 4})
    error = refused(reply)
    assert error["en"] == "the lab failed on these parameters; the fault is the program's, not yours"
    assert SECRET not in json.dumps(reply) and reply["id"] == 4
    (record,) = [r for r in caplog.records if r.name == "orrery"]
    assert record.levelno == logging.ERROR and record.exc_info and SECRET in caplog.text
    assert "figures" in answer(SAMPLE, runner, {"params": {}}), "and the next one is served"


def test_a_figure_that_fails_is_told_plainly(runner, caplog):
    def fails(result):
        raise ZeroDivisionError(SECRET)

    lab = dataclasses.replace(SAMPLE, views=[View(SAMPLE.views[0].question, fails)])
    assert "the fault is the program's" in refused(answer(lab, runner, {"params": {}}))["en"]
    assert SECRET in caplog.text


def test_an_instant_lab_is_answered_with_the_open_views_figure(runner):
    made = answer(SAMPLE, runner, {"params": {"steps": 7, "seed": 3}, "view": 2, "id": 12})
    json.dumps(made, allow_nan=False)
    assert (made["id"], made["instance"], made["fraction"], made["left"]) == (12, replies.INSTANCE, 1.0, 0.0)
    assert list(made["figures"]) == ["1"] and made["figures"]["1"]["says"]["en"] == "A grid of normal numbers."
    assert made["figures"]["1"]["findings"] == [] and "recorded" not in made["provenance"]
    parts = made["provenance"]["parts"]
    assert parts[0] == {"en": "7 numbers", "zh": "7 个数"} and parts[-1] == {"en": "seed 3", "zh": "种子 3"}
    assert "numpy" in parts
    answer(SAMPLE, runner, {"params": {"steps": 7, "seed": 3}, "view": 1})
    assert runner.computed == 1, "switching views computes nothing"


def test_what_there_is_to_say_is_said(runner):
    made = answer(SAMPLE, runner, {"params": {"share": 0}})
    assert made["figures"]["0"]["findings"] == [{"en": "One number is missing.", "zh": "缺了一个数。"}]
    assert made["provenance"]["parts"][-1] == {"en": "a hole", "zh": "有缺失"}


def test_a_view_is_drawn_only_where_it_is_offered(runner):
    assert answer(SAMPLE, runner, {"params": {}, "view": 3})["figures"] == {}
    assert list(answer(SAMPLE, runner, {"params": {"law": "biased"}, "view": 3})["figures"]) == ["2"]


def test_a_costly_run_is_offered_not_made(runner):
    made = answer(SLOW, runner, {"params": {}, "id": 3})
    assert made == {"id": 3, "instance": replies.INSTANCE, "needs": "seconds"}
    assert answer(SLOW, runner, {"params": {"steps": 2000}})["needs"] == "minutes"
    assert runner.computed == 0


def test_a_stream_improves_and_ends_with_the_whole(runner, monkeypatch):
    monkeypatch.setattr(runner, "shared", lambda lab, params, asker: runner.stream(lab, params))  # step by step
    monkeypatch.setattr(replies, "STREAM_SECONDS", 0.0)
    begun, *made = stream(SLOW, runner, {"params": {}, "id": 6}, NOBODY)
    assert begun == {"id": 6, "instance": replies.INSTANCE, "fraction": 0.0}
    assert [m["fraction"] for m in made] == [0.2, 0.4, 0.6, 0.8, 1.0] and made[-1]["left"] == 0
    assert all(list(m["figures"]) == ["0", "1"] and m["id"] == 6 for m in made)
    assert "needs" not in answer(SLOW, runner, {"params": {}}), "what was computed is at hand"
    again = list(stream(SLOW, runner, {"params": {}}, NOBODY))
    assert [m["fraction"] for m in again] == [0.0, 1.0] and runner.computed == 1


def test_a_result_that_has_not_changed_is_not_drawn_again(runner, monkeypatch):
    monkeypatch.setattr(replies, "STREAM_SECONDS", 0.0)
    same = next(runner.stream(SLOW.experiment, SLOW.experiment.params())).result
    outcomes = [Outcome(same, provenance.of(same, None, 1.0), fraction) for fraction in (0.25, 0.5, 1.0)]
    monkeypatch.setattr(runner, "shared", lambda *_: (outcome for outcome in outcomes))
    _, first_of_it, again, last = stream(SLOW, runner, {"params": {}, "id": 3}, NOBODY)
    assert first_of_it["figures"] and last["figures"] and last["fraction"] == 1
    assert again == {"id": 3, "instance": replies.INSTANCE, "fraction": 0.5, "left": 0.0}


def test_a_stream_shows_ten_replies_a_second_at_most(runner, monkeypatch):
    monkeypatch.setattr(runner, "shared", lambda lab, params, asker: runner.stream(lab, params))  # step by step
    now = lambda: 1000 + 0.02 * sample_lab.LOG.step  # noqa: E731  fifty steps a second
    monkeypatch.setattr(replies, "time", SimpleNamespace(monotonic=now))
    steps = [round(m["fraction"] * 200) for m in stream(SLOW, runner, {"params": {"steps": 200}}, NOBODY)]
    assert steps[:2] == [0, 1] and steps[-1] == 200
    gaps = np.diff(steps[1:-1])
    assert (gaps >= 5).all() and (gaps <= 6).all()


def test_closing_a_stream_stops_the_computation(runner, monkeypatch):
    monkeypatch.setattr(sample_lab.LOG, "pause", 0.01)
    replied = stream(SLOW, runner, {"params": {"steps": 80_000}}, NOBODY)
    while not next(replied).get("figures"):
        pass
    assert not sample_lab.LOG.closed.is_set()
    replied.close()
    assert sample_lab.LOG.closed.wait(20) and sample_lab.LOG.step < 40_000


def unfiled(reply: dict) -> bytes:
    return base64.b64decode(reply["bytes"])


def test_a_result_is_taken_away_as_json(runner):
    reply = export(SAMPLE, runner, {"params": {"share": 0, "steps": 9}, "format": "json", "id": 2})
    assert reply["file"] == "sample-lab.json" and reply["id"] == 2
    made = json.loads(unfiled(reply))
    assert made["lab"] == "sample-lab" and made["params"]["steps"] == 9 and made["provenance"]["seed"] == 0
    assert made["result"]["y"][0] == "NaN" and made["result"]["x"] == list(range(9))
    assert export(SAMPLE, runner, {"params": {}, "format": "exe"})["file"] == "sample-lab.json"


def test_a_result_is_taken_away_as_npz(runner):
    reply = export(SAMPLE, runner, {"params": {"steps": 20_000}, "format": "npz"})
    assert reply["file"] == "sample-lab.npz"
    whole = runner.run(SAMPLE.experiment, SAMPLE.experiment.params(steps=20_000)).result
    with np.load(io.BytesIO(unfiled(reply)), allow_pickle=False) as kept:
        assert set(kept.files) == {"x", "y", "grid", "seed", "steps", "about"}
        about = json.loads(str(kept["about"]))
        assert about["page"]["question"] == "What was drawn?" and about["params"]["steps"] == 20_000 and "provenance" in about
        np.testing.assert_array_equal(kept["y"], whole.y)
        np.testing.assert_array_equal(kept["grid"], whole.grid)


def test_a_file_is_bounded(runner, monkeypatch):
    monkeypatch.setattr(replies, "EXPORT_BYTES", 2**20)
    assert "file" in export(SAMPLE, runner, {"params": {}})
    monkeypatch.setattr(replies, "EXPORT_BYTES", 100)
    for kind in ("json", "npz"):
        error = refused(export(SAMPLE, runner, {"params": {}, "format": kind}))
        assert error["en"].startswith("the file must be at most") and "--out" in error["en"]


def test_a_costly_result_must_be_computed_before_it_is_taken_away(runner):
    error = refused(export(SLOW, runner, {"params": {}}))
    assert error["en"] == "the result must be computed first: press Run"
    list(stream(SLOW, runner, {"params": {}}, NOBODY))
    assert "file" in export(SLOW, runner, {"params": {}})


@pytest.fixture
def recording(monkeypatch):
    """Recordings of the slow sample's defaults, on a GPU and on a CPU."""
    params = SLOW.defaults()
    outcome = Runner().run(SLOW.experiment, params)

    def on(device: str) -> Recording:
        told = dataclasses.replace(outcome.provenance, recorded=True, date="2026-01-02", device=device)
        return Recording("cpu", params, dataclasses.replace(outcome, provenance=told))

    monkeypatch.setattr(replies, "_shelf", {"sample-slow": [on("A GPU"), on("CPU · 2 threads")]})


def test_a_costly_lab_opens_on_what_was_recorded(recording, runner):
    made = opening(SLOW, runner)
    assert made["provenance"]["recorded"] == {"en": "recorded on A GPU, 2026-01-02", "zh": "录制于 A GPU，2026-01-02"}
    assert list(made["figures"]) == ["0", "1"] and made["fraction"] == 1 and "A GPU" in made["provenance"]["parts"]
    offered = answer(SLOW, runner, {"params": {}, "id": 8})
    assert (offered["needs"], offered["id"]) == ("seconds", 8) and offered["figures"] == made["figures"]
    assert "figures" not in answer(SLOW, runner, {"params": {"seed": 1}}), "of other parameters nothing is recorded"
    assert json.loads(unfiled(export(SLOW, runner, {"params": {}})))["provenance"]["recorded"] is True
    assert runner.computed == 0
    live = list(stream(SLOW, runner, {"params": {}}, NOBODY))[-1]
    assert "recorded" not in live["provenance"] and runner.computed == 1


def test_an_instant_lab_opens_on_its_defaults(runner):
    made = opening(SAMPLE, runner)
    assert list(made["figures"]) == ["0"] and made["id"] == 0
    assert made["figures"] == answer(SAMPLE, runner, {"params": {}})["figures"]
    assert opening(SLOW, runner) is None, "nothing is recorded, nothing is computed"


def test_a_cpus_threads_are_counted_in_the_pages_language():
    assert tuple(replies.device_words("CPU · 1 thread (a name)")) == ("CPU · 1 thread (a name)", "CPU · 1 线程 (a name)")
    assert tuple(replies.device_words("NVIDIA H200")) == ("NVIDIA H200",) * 2


def test_what_a_first_run_imports_is_not_the_experiments_time(runner):
    slept = []

    def imports(params):
        if not slept:
            time.sleep(0.3)
            slept.append(params)
        return SAMPLE.experiment.function(params)

    lab = dataclasses.replace(SAMPLE, experiment=dataclasses.replace(SAMPLE.experiment, function=imports))
    assert opening(lab, runner)["figures"] and slept
    assert runner.run(lab.experiment, lab.defaults()).provenance.seconds < 0.2
