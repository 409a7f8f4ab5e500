"""What a page's browser says to the server, said here by plain HTTP: questions, streams, Stop, files."""

from __future__ import annotations

import base64
import gzip
import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import sample_lab

from pages.shell import ask, replies

PATIENCE = 30


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(sample_lab.LOG, "pause", 0.0)


@pytest.fixture
def event(running) -> Callable[[str, str], int]:
    """event(slug, name) is the number of a page's event, as its browser finds it in the page's configuration."""

    def find(slug: str, name: str) -> int:
        config = running.http.get("/config", params={"page": slug}).json()
        named = [d for d in config["dependencies"] if name in [kind for _, kind in d["targets"]]]
        return next(d["id"] for d in named if name != "stop" or d["cancels"])

    return find


def asked(running, slug: str, value: Any) -> Any:
    """The reply to a question that is answered at once."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    reply = running.http.post(f"/orrery-ask/{slug}", content=body)
    assert reply.status_code == 200 and reply.headers["content-type"] == "application/json"
    assert reply.headers["cache-control"] == "no-store"
    return reply.json()


def streamed(running, number: int, value: Any, session: str) -> list[Any]:
    """Everything that comes back from an event that streams, as whole replies."""
    sent = {"data": [value], "fn_index": number, "session_hash": session}
    assert running.http.post("/gradio_api/queue/join", json=sent).status_code == 200
    replied, last = [], None
    with running.http.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as lines:
        for line in lines.iter_lines():
            told = json.loads(line.removeprefix("data:")) if line.startswith("data:") else {"msg": ""}
            if told["msg"] == "process_generating":
                made = told["output"]["data"][0]
                last = patched(last, made) if isinstance(made, list) else made
                replied.append(json.loads(last))
            if told["msg"] in ("process_completed", "close_stream"):
                break
    return replied


def patched(value: Any, differences: list) -> Any:
    """A reply after the differences that Gradio sends instead of the whole."""
    made = json.loads(json.dumps(value))
    for action, path, new in differences:
        if not path:
            made = new
            continue
        place = made
        for step in path[:-1]:
            place = place[step]
        match action:
            case "replace" | "add" if isinstance(place, dict) or action == "replace":
                place[path[-1]] = new
            case "add":
                place.insert(path[-1], new)
            case "append":
                place[path[-1]] += new
            case "delete":
                del place[path[-1]]
    return made


def test_a_question_is_answered(running):
    made = asked(running, "sample-lab", {"params": {"steps": 12}, "view": 1, "id": 4})
    assert made["id"] == 4 and made["figures"]["0"]["says"]["en"] == "Seed 0 drew 12 numbers."
    assert asked(running, "sample-slow", {"params": {"steps": 7}})["needs"] == "seconds"


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({"params": {"steps": 0}}, "steps must be a whole number from 1 to 100000; got 0"),
        ({"params": {"steps": 10**18}}, "steps must be a whole number from 1 to 100000; got 1000000000000000000"),
        ({"params": {"nope": 0}}, "'nope' is not a parameter"),
        ({"params": {"formula": "x" * 2_000_000}}, "formula must be at most 20 characters long"),
        ({"params": {"steps": 0}, "format": "npz"}, "steps must be a whole number from 1 to 100000; got 0"),
        ({"params": {}, "view": 99}, "view must be from 1 to 3; got 99"),
        (b'{"params": {"share": NaN}}', "the request must name its parameters; got none"),
        (b'{"params": {"share": 1e999}}', "the request must name its parameters; got none"),
        (b'{"params": ' + b"[" * 100_000, "the request must name its parameters; got none"),
        (b"nonsense", "the request must name its parameters; got none"),
        (b"", "the request must name its parameters; got none"),
        (b"\xff\xfe", "the request must name its parameters; got none"),
        (b"[1, 2]", "the request must name its parameters; got none"),
    ],
    ids=lambda v: str(v)[:40],
)
def test_a_bad_question_gets_one_sentence(running, value, sentence):
    error = asked(running, "sample-lab", value)["error"]
    assert sentence in error["en"] and ("必须" in error["zh"] or "没有参数" in error["zh"])
    assert asked(running, "sample-lab", {"params": {}})["figures"], "and the next one is answered"


def test_there_are_no_other_questions(running):
    for method, path in (
        ("GET", "/orrery-ask/sample-lab"),
        ("POST", "/orrery-ask/nowhere"),
        ("POST", "/orrery-ask/"),
        ("PUT", "/orrery-ask/sample-lab"),
        ("POST", "/orrery-ask/../app.py"),
    ):
        assert running.http.request(method, path, content=b"{}").status_code in (404, 405)


@pytest.mark.parametrize("length", [True, False], ids=["told", "untold"])
def test_a_question_is_bounded(running, length):
    body = b'{"params": {"formula": "' + b"x" * (5 * 2**20) + b'"}}'
    pieces = body if length else (body[i : i + 2**16] for i in range(0, len(body), 2**16))
    reply = running.http.post("/orrery-ask/sample-lab", content=pieces)
    assert reply.status_code == 413 and "must be at most 4194304 bytes long" in reply.text


def test_a_failure_is_told_plainly(running):
    made = asked(running, "sample-lab", {"params": {"share": 1}, "id": 3})
    assert "the fault is the program's" in made["error"]["en"] and sample_lab.SECRET not in json.dumps(made)


def test_a_question_from_another_site_is_not_answered(running):
    reply = running.http.post("/orrery-ask/sample-lab", json={"params": {}}, headers={"origin": "http://evil.example"})
    assert reply.status_code == 403


def test_a_long_answer_is_packed_for_those_who_can_unpack_it(running, monkeypatch):
    monkeypatch.setattr(ask, "WORTH_PACKING", 1000)
    body = {"params": {"steps": 40}, "format": "json"}
    with running.http.stream("POST", "/orrery-ask/sample-lab", json=body, headers={"accept-encoding": "gzip"}) as made:
        packed = b"".join(made.iter_raw())
    plain = running.http.post("/orrery-ask/sample-lab", json=body, headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers and len(plain.content) > ask.WORTH_PACKING
    assert made.headers["content-encoding"] == "gzip" and len(packed) < len(plain.content)
    assert json.loads(gzip.decompress(packed))["file"] == plain.json()["file"]


def test_people_who_ask_at_once_get_each_their_own(running):
    wrong = []

    def person(i: int) -> None:
        for k in range(5):
            made = asked(running, "sample-lab", {"params": {"steps": 10 + i, "seed": k}, "id": 100 * i + k})
            says = f"Seed {k} drew {10 + i} numbers."
            if (made["id"], made["figures"]["0"]["says"]["en"]) != (100 * i + k, says):
                wrong.append(made)

    people = [threading.Thread(target=person, args=(i,)) for i in range(8)]
    for thread in people:
        thread.start()
    for thread in people:
        thread.join(PATIENCE)
    assert not wrong


def test_a_stream_arrives(running, event, monkeypatch):
    monkeypatch.setattr(replies, "STREAM_SECONDS", 0.0)
    made = streamed(running, event("sample-slow", "start"), {"params": {"steps": 6, "seed": 1}, "id": 9}, "stream")
    assert made[0]["fraction"] == 0 and made[-1]["fraction"] == 1
    assert made[-1]["figures"]["1"]["says"]["en"] == "6 numbers so far." and made[-1]["id"] == 9


def test_a_stream_refuses_in_one_sentence(running, event):
    (made,) = streamed(running, event("sample-slow", "start"), {"params": {"steps": 0}, "id": 2}, "refused")
    assert made["error"]["en"].startswith("steps must be a whole number from 1 to 100000; got 0")


def test_stop_stops_the_computation_at_its_next_yield(running, event, monkeypatch):
    monkeypatch.setattr(sample_lab.LOG, "pause", 0.01)
    sample_lab.LOG.step = 0
    start, stop = event("sample-slow", "start"), event("sample-slow", "stop")
    sent = {"data": [{"params": {"steps": 80_000, "seed": 5}, "id": 1}], "fn_index": start, "session_hash": "stopped"}
    joined = running.http.post("/gradio_api/queue/join", json=sent).json()
    until = time.monotonic() + PATIENCE
    while sample_lab.LOG.step < 3 and time.monotonic() < until:
        time.sleep(0.01)
    assert not sample_lab.LOG.closed.is_set()
    cancelled = {"session_hash": "stopped", "fn_index": start, "event_id": joined["event_id"]}
    assert running.http.post("/gradio_api/cancel", json=cancelled).status_code == 200
    assert sample_lab.LOG.closed.wait(PATIENCE)
    assert sample_lab.LOG.step < 40_000
    config = running.http.get("/config", params={"page": "sample-slow"}).json()
    assert next(d for d in config["dependencies"] if d["id"] == stop)["cancels"] == [start]


def test_a_page_that_is_left_stops_its_computation(running, event, monkeypatch):
    monkeypatch.setattr(sample_lab.LOG, "pause", 0.01)
    sample_lab.LOG.step = 0
    sent = {"data": [{"params": {"steps": 80_000, "seed": 6}, "id": 1}], "fn_index": event("sample-slow", "start"), "session_hash": "left"}
    with running.http.stream("GET", "/gradio_api/heartbeat/left") as beat:
        next(beat.iter_raw())
        running.http.post("/gradio_api/queue/join", json=sent)
        with running.http.stream("GET", "/gradio_api/queue/data", params={"session_hash": "left"}) as lines:
            for line in lines.iter_lines():
                if "process_generating" in line:
                    break
    assert sample_lab.LOG.closed.wait(PATIENCE)


def test_files_are_taken_away(running):
    made = asked(running, "sample-lab", {"params": {"steps": 3}, "format": "json"})
    assert json.loads(base64.b64decode(made["bytes"]))["result"]["x"] == [0, 1, 2]


def test_a_page_opens_on_what_is_at_hand(running):
    for slug, said in (("sample-lab", "Seed 0 drew 50 numbers."), ("sample-slow", "5 numbers so far.")):
        html = running.http.get(f"/{slug}").text
        boot = json.JSONDecoder().raw_decode(html.partition("window.ORRERY=")[2].replace("<\\/", "</"))[0]
        assert boot["opening"]["figures"]["0"]["says"]["en"] == said
        assert ("recorded" in boot["opening"]["provenance"]) == (slug == "sample-slow")
    home = running.http.get("/").text
    assert home.count('class="card tile"') == len(running.site.pages)
    assert "every kind of parameter &lt;works&gt;." in home.lower()
