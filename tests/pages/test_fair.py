"""One visitor cannot starve a class: the attacks that once did, each bounded, and what another visitor then waits."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator

import httpx
import numpy as np
import pytest

from engine.core import pace
from engine.core.turns import Asker
from pages.shell import listening, visitors

PATIENCE = 20.0  # seconds that a machine full of other tests may take for what takes a moment


@contextlib.contextmanager
def visitor(running) -> Iterator[httpx.Client]:
    """A browser that has opened a page, and so has a name."""
    with httpx.Client(base_url=running.url, timeout=60) as client:
        assert visitors.COOKIE in client.get("/sample-lab").cookies
        yield client


def slider(client: httpx.Client, i: int = 0) -> float:
    """Seconds that an answer to a slider's step takes."""
    begun = time.monotonic()
    reply = client.post("/orrery-ask/sample-lab", json={"params": {"steps": 20 + i}, "id": i})
    assert reply.json()["figures"]["0"]["says"]["en"] == f"Seed 0 drew {20 + i} numbers."
    return time.monotonic() - begun


def called(client: httpx.Client, slug: str, data: list) -> str:
    """The event of an API call that nobody listens to yet."""
    return client.post(f"/gradio_api/call/{slug}", json={"data": data}).json()["event_id"]


def heard(client: httpx.Client, slug: str, event: str) -> str:
    return client.get(f"/gradio_api/call/{slug}/{event}").text


def free(running) -> bool:
    runner = running.site.runner
    return not (len(runner.costly) or len(runner.longer) or len(runner.brief) or runner._flights)


def wait_for(true: Callable[[], bool], seconds: float = PATIENCE) -> None:
    until = time.monotonic() + seconds
    while not true() and time.monotonic() < until:
        time.sleep(0.02)
    assert true()


@contextlib.contextmanager
def gone_within(running, seconds: float) -> Iterator[None]:
    """At the end everything is free again."""
    yield
    wait_for(lambda: free(running), seconds)


@pytest.fixture
def slowly(running, monkeypatch):
    import sample_lab

    monkeypatch.setattr(sample_lab.LOG, "pause", 0.02)
    monkeypatch.setattr(listening, "UNHEARD", 1.0)
    return running


def test_calls_that_nobody_listens_to_leave_the_api_to_others(slowly):
    with gone_within(slowly, PATIENCE), httpx.Client(base_url=slowly.url, timeout=60) as attacker:
        for seed in range(4):
            called(attacker, "sample-slow", [80_000, 100 + seed])
        begun = time.monotonic()
        with visitor(slowly) as other:
            told = heard(other, "sample-lab", called(other, "sample-lab", [7, 0.5, "fair", 2, False, "x", 1, 9, 0]))
            assert "event: complete" in told and time.monotonic() - begun < PATIENCE
            assert max(slider(other, i) for i in range(5)) < PATIENCE


def test_a_third_visitor_computes_beside_two_that_hold_every_place(slowly):
    with gone_within(slowly, PATIENCE), contextlib.ExitStack() as stack:
        holders = [stack.enter_context(visitor(slowly)) for _ in range(2)]
        events = [called(client, "sample-slow", [80_000, 200 + i]) for i, client in enumerate(holders)]
        wait_for(lambda: sum(turn.computing for turn in slowly.site.runner.costly._present) == 2)
        third = stack.enter_context(visitor(slowly))
        told = heard(third, "sample-slow", called(third, "sample-slow", [5, 3]))
        assert "event: complete" in told and '"fraction"' not in told.rpartition("event: complete")[2]
        assert len(events) == 2


def test_a_visitor_has_one_run_that_computes_and_one_that_waits(slowly):
    with gone_within(slowly, PATIENCE), visitor(slowly) as client:
        for i in range(2):
            called(client, "sample-slow", [80_000, 300 + i])
            wait_for(lambda i=i: len(slowly.site.runner.costly) > i)
        told = heard(client, "sample-slow", called(client, "sample-slow", [80_000, 302]))
        assert "event: error" in told and "2 such runs at once" in told


def test_questions_of_many_visitors_make_nobodys_slider_wait(running, monkeypatch):
    """24 cookies ask what takes 0.1 s and holds the interpreter; the estimate puts them in a line of their own."""
    runner = running.site.runner
    lab = running.site.pages["sample-slow"].lab.experiment
    kept = type(runner).seconds
    monkeypatch.setattr(type(runner), "seconds", lambda self, e, p: 0.4 if p.model_dump().get("share") == 0.25 else kept(self, e, p))
    stop, answered = threading.Event(), []

    def ask(i: int) -> None:
        with visitor(running) as client:
            k = 0
            while not stop.is_set():
                k += 1
                params = {"steps": 50_000 - 100 * i - k, "share": 0.25}
                client.post("/orrery-ask/sample-lab", json={"params": params, "id": k})
                answered.append(i)

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(24)]
    with gone_within(running, PATIENCE):
        for thread in threads:
            thread.start()
        try:
            with visitor(running) as other:
                times = [slider(other, i) for i in range(30)]
        finally:
            stop.set()
            for thread in threads:
                thread.join(PATIENCE)
    assert lab and answered and np.quantile(times, 0.95) < PATIENCE / 10


def test_a_run_beyond_the_longest_is_refused_with_its_estimate(running, monkeypatch):
    largest = {"walkers": 10_000_000, "steps": 100_000, "up": 0.3}
    monkeypatch.setattr(pace, "pace", lambda: 1.0)
    monkeypatch.setattr(running.site.runner, "estimates", pace.Estimates())  # which has learned nothing of other tests' walks
    told = running.http.post("/api/v1/labs/random-walk/run", json=largest)
    assert told.status_code == 422 and "a run may take at most 10" in told.json()["detail"] and "about 1" in told.json()["detail"]
    monkeypatch.setenv("ORRERY_LONGEST_RUN", "abc")
    with pytest.raises(ValueError, match="ORRERY_LONGEST_RUN must be a positive number of seconds; got 'abc'"):
        pace.longest()
    monkeypatch.setenv("ORRERY_LONGEST_RUN", "1e9")
    assert pace.longest() == 1e9


def test_who_is_told_apart_by_a_name_that_only_we_can_give(running):
    with visitor(running) as one, visitor(running) as two:
        names = {client.cookies[visitors.COOKIE] for client in (one, two)}
        assert len(names) == 2 and all(re.fullmatch(r"[0-9a-f]{16}\.[0-9a-f]{32}", name) for name in names)
        assert visitors.COOKIE not in one.get("/harmonic").cookies, "who has a name keeps it"
        name = one.cookies[visitors.COOKIE]
    scope = lambda cookie: {"client": ("10.0.0.1", 5), "headers": [(b"cookie", cookie.encode("latin-1"))]}  # noqa: E731
    assert visitors.asker(scope(f"a=b; {visitors.COOKIE}={name}")) == Asker("10.0.0.1", name.partition(".")[0])
    for forged in (
        "",
        "x",
        f"{visitors.COOKIE}=made-up.{'0' * 32}",
        f"{visitors.COOKIE}={name[:-1]}g",
        f"{visitors.COOKIE}=ü.ß",
        "\x00=;;;",
    ):
        assert visitors.asker(scope(forged) if forged.isascii() else scope("")) == Asker("10.0.0.1", "")
    assert visitors.asker({}) == Asker("", "")


def test_a_page_in_a_frame_of_another_site_keeps_its_name():
    import asyncio

    sent = []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html; charset=utf-8")]})

    async def send(message):
        sent.append(dict(message["headers"])[b"set-cookie"].decode())

    for scheme in ("http", "https"):
        scope = {"type": "http", "method": "GET", "scheme": scheme, "headers": [], "client": ("::1", 1)}
        asyncio.run(visitors.Visitors(app)(scope, None, send))
    assert sent[0].endswith("Path=/; HttpOnly; SameSite=Lax") and sent[1].endswith("HttpOnly; SameSite=None; Secure; Partitioned")


def test_patience_ends_when_nobody_has_listened_for_long():
    clock, listeners = [0.0], listening.Listeners()
    patience = listening.Patience("session", None, listeners=listeners, clock=lambda: clock[0])
    clock[0] = listening.UNHEARD
    assert not patience.over()
    listeners.begin("session")
    clock[0] = 100.0
    assert not patience.over()
    listeners.end("session")
    clock[0] += listening.UNHEARD
    assert not patience.over()
    clock[0] += 0.1
    assert patience.over()


@pytest.mark.parametrize(
    ("path", "query", "name"),
    [
        ("/gradio_api/queue/data", b"session_hash=abc", "abc"),
        ("/gradio_api/call/poisson/e1", b"", "e1"),
        ("/gradio_api/call/v2/poisson/e2", b"", "e2"),
        ("/gradio_api/call/poisson", b"", ""),
        ("/gradio_api/heartbeat/abc", b"", ""),
        ("/poisson", b"session_hash=abc", ""),
    ],
)
def test_a_request_for_messages_is_known(path, query, name):
    assert listening.listened_to(path, query) == name


def test_a_costly_run_of_numpy_is_computed_beside_the_server_and_may_die_there(running):
    worker = running.site.runner.worker
    costly = {"rate": 20, "runs": 20_000}
    assert running.http.post("/api/v1/labs/poisson/run", json=costly | {"seed": 901}).json()["result"]
    assert worker.pid and worker.pid != os.getpid()
    with running.http.stream(
        "POST", "/api/v1/labs/random-walk/run", json={"walkers": 5_000_000, "steps": 2000}, headers={"accept": "text/event-stream"}
    ) as told:
        lines = told.iter_lines()
        assert next(lines).startswith("event:")
        os.kill(worker.pid, signal.SIGKILL)
        assert any("ended before the result was there" in line and '"status":503' in line for line in lines)
    assert running.http.post("/api/v1/labs/poisson/run", json=costly | {"seed": 902}).json()["result"]
    wait_for(lambda: free(running))
