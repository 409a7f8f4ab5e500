"""Closed by default: what a stranger may try on the server, and what comes of it."""

from __future__ import annotations

import json
import logging
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import pytest

from engine.core import privacy
from pages.shell import middleware, operating, quirks
from pages.shell import site as site_module

ROOT = Path(__file__).parents[2]
TRACES = re.compile(r"Traceback|File \"|line \d+, in |site-packages")


def test_the_settings_are_closed(running):
    made = running.site.settings()
    closed = {
        "run_history": False,
        "show_error": False,
        "enable_monitoring": False,
        "allowed_paths": [],
        "ssr_mode": False,
        "pwa": False,
        "max_file_size": "1kb",
    }
    assert {name: made[name] for name in closed} == closed
    assert made["app_kwargs"]["openapi_url"] is made["app_kwargs"]["docs_url"] is made["app_kwargs"]["redoc_url"] is None
    assert not made.get("share") and not made.get("debug") and made["server_name"] is None
    assert 0 < made["state_session_capacity"] <= 1000
    demo = running.site.demo
    assert demo.max_file_size == 1024 and demo.allowed_paths == [] and not demo.show_error
    assert demo._queue.max_size == site_module.WAITING
    assert demo.share is False and demo.share_url is None and demo.ssr_mode is False


def test_nothing_is_told_to_others(running):
    assert running.site.demo.analytics_enabled is False
    assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"


def test_the_site_listens_on_this_machine_alone(running):
    assert running.url.startswith("http://127.0.0.1:") and running.site.demo.server_name == "127.0.0.1"


def test_hosts_are_known_by_name(monkeypatch):
    monkeypatch.setenv("ORRERY_HOSTS", " Orrery.example.org, ,class.local")
    monkeypatch.setenv("SPACE_HOST", "someone-orrery.hf.space")
    found = site_module.known_hosts()
    assert found == {"orrery.example.org", "class.local", "someone-orrery.hf.space", socket.gethostname().lower()}
    monkeypatch.delenv("ORRERY_HOSTS")
    monkeypatch.delenv("SPACE_HOST")
    assert site_module.known_hosts() == {socket.gethostname().lower()}


@pytest.mark.parametrize(
    ("path", "statuses"),
    [
        ("/openapi.json", {404}),
        ("/docs", {404}),
        ("/redoc", {404}),
        ("/monitoring", {403}),
        ("/monitoring/summary", {403}),
        ("/monitoring/abc", {403, 404}),
        ("/gradio_api/runs", {404}),
        ("/gradio_api/run-history/buckets", {404}),
        ("/gradio_api/run-history/records", {404}),
        ("/gradio_api/vibe-code", {403}),
        ("/gradio_api/profiling/traces", {404}),
        ("/gradio_api/proxy=http://127.0.0.1:1/", {400, 403}),
        ("/gradio_api/component_server", {404, 405}),
    ],
)
def test_doors_that_are_not_needed_are_shut(running, path, statuses):
    reply = running.http.get(path)
    assert reply.status_code in statuses and not TRACES.search(reply.text)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/gradio_api/vibe-edit", {"prompt": "x"}),
        ("/gradio_api/vibe-code", {"code": "x"}),
        ("/gradio_api/run-history/connect", {}),
        ("/gradio_api/process_recording", {}),
        ("/gradio_api/component_server", {"component_id": 1, "fn_name": "x", "data": [], "session_hash": "a"}),
        ("/gradio_api/component_server", {"component_id": 10**9, "fn_name": "x", "data": [], "session_hash": "a"}),
    ],
)
def test_doors_that_are_not_needed_take_nothing(running, path, body):
    reply = running.http.post(path, json=body)
    assert 400 <= reply.status_code < 500 and not TRACES.search(reply.text)


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "/etc/hostname",
        "app.py",
        "./app.py",
        str(ROOT / "app.py"),
        str(ROOT / "requirements.txt"),
        "../../etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "%2fetc%2fpasswd",
        "/proc/self/environ",
        "file:///etc/passwd",
        "http://127.0.0.1:9/",
        "https://example.org/",
        "C:/Windows/win.ini",
        "",
        "~/.ssh/id_rsa",
        "/dev/zero",
        "\x00",
        str(Path(tempfile.gettempdir())),
    ],
)
@pytest.mark.parametrize("door", ["/gradio_api/file=", "/gradio_api/file/", "/static/", "/assets/", "/svelte/"])
def test_no_file_is_served_but_what_is_meant(running, door, name):
    reply = running.http.get(door + name.replace("\x00", "%00"))
    assert reply.status_code in (400, 403, 404, 405, 307) or (reply.status_code == 500 and "fault" in reply.text)
    assert reply.status_code != 307 or reply.headers["location"].startswith(running.url)
    assert "root:" not in reply.text and "import " not in reply.text and not TRACES.search(reply.text)


@pytest.mark.parametrize("name", ["a.txt", "../../../etc/cron.d/x", "/etc/passwd"])
def test_nothing_is_uploaded_through_gradio(running, name):
    for path in ("/gradio_api/upload", "/gradio_api/upload/", "/gradio_api/upload?upload_id=1"):
        reply = running.http.post(path, files={"files": (name, b"x" * 10)})
        assert reply.status_code == 404 and "the page's own buttons" in reply.text
    assert not list(Path(running.site.demo.GRADIO_CACHE).rglob("*.txt"))


def test_a_body_without_a_length_is_bounded_too(running):
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(64):
            sent += 2**20
            yield b" " * 2**20

    try:
        reply = running.http.post("/gradio_api/queue/join", content=endless(), headers={"content-type": "application/json"})
    except Exception:  # the server hung up while we were still talking
        reply = None
    assert reply is None or reply.status_code == 413, reply.status_code
    assert running.http.get("/gradio_api/startup-events").status_code == 200


def test_a_request_that_is_never_whole_is_dropped(running, monkeypatch):
    """Its head by the server's protocol, its body by the door."""
    monkeypatch.setattr(quirks, "HEAD_SECONDS", 0.5)
    monkeypatch.setattr(middleware, "BODY_SECONDS", 0.5)
    port = int(running.url.rpartition(":")[2])
    for unfinished in (b"POST /orrery-ask/sample-lab HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ", b""):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as slow:
            slow.sendall(unfinished)
            assert slow.recv(100) == b""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as slow:
        slow.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert b"200" in slow.recv(1000), "a second request on the same connection"
        slow.sendall(b"GET /healthz HTTP/1.1\r\nHost: ")
        while slow.recv(1000):
            pass
    with socket.create_connection(("127.0.0.1", port), timeout=20) as slow:
        slow.sendall(b"POST /orrery-ask/sample-lab HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 50\r\n\r\n{")
        assert b'"figures"' not in slow.recv(1000)


def test_no_reply_carries_a_trace(running, caplog):
    caplog.set_level(logging.CRITICAL)
    tries = [
        ("/gradio_api/run/predict", {"data": [], "fn_index": 0, "session_hash": "x"}),
        ("/gradio_api/run/predict", {"data": [1], "fn_index": 10**6, "session_hash": "x"}),
        ("/gradio_api/run/predict", {"data": [1], "fn_index": "x"}),
        ("/gradio_api/run/sample-lab", {"data": [1]}),
        ("/gradio_api/run/nowhere", {"data": []}),
        ("/gradio_api/call/nowhere", {"data": []}),
        ("/gradio_api/queue/join", {"data": [], "fn_index": -1, "session_hash": "x"}),
        ("/gradio_api/queue/join", {"data": None}),
        ("/gradio_api/cancel", {"session_hash": "x", "fn_index": 1, "event_id": "nothing"}),
        ("/gradio_api/cancel", {}),
        ("/login", {}),
    ]
    for path, body in tries:
        reply = running.http.post(path, json=body)
        assert reply.status_code != 200 or path.endswith("cancel"), path
        assert not TRACES.search(reply.text) and len(reply.text) < 1000, path
    assert running.http.get("/sample-lab").status_code == 200


@pytest.mark.parametrize("host", ["", socket.gethostname().lower()])
@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:1"])
def test_a_stranger_cannot_use_anothers_browser(running, host, origin):
    headers = {"origin": origin} | ({"host": host} if host else {})
    for method, path in (("GET", "/config"), ("POST", "/gradio_api/run/predict"), ("POST", "/gradio_api/upload")):
        reply = running.http.request(method, path, headers=headers)
        assert reply.status_code == 403 and reply.text.startswith("requests from other sites are not answered")
        assert "不响应来自其他网站的请求" in reply.text


def test_pages_are_not_to_be_guessed_at(running):
    reply = running.http.get("/sample-lab")
    assert reply.headers["x-content-type-options"] == "nosniff" and reply.headers["referrer-policy"] == "same-origin"
    assert not TRACES.search(running.http.get("/nowhere").text)
    assert str(ROOT) not in reply.text and str(Path.home()) not in reply.text


def test_the_version_of_gradio_has_no_door_that_we_do_not_know(running):
    """A new Gradio may bring new routes: look at them before this list is made longer."""
    known = re.compile(
        r"/(gradio_api/)?(user|login_check|token|app_id|dev/reload|login|logout|svelte/|runs|run-history|deep_link|info|"
        r"openapi.json|config|static/|custom_component|assets/|favicon.ico|proxy=|file=|file/|stream/|reset|heartbeat|"
        r"run/|api/|call/|queue/|cancel|component_server|upload|startup-events|theme.css|robots.txt|pwa_icon|"
        r"manifest.json|monitoring|process_recording|vibe|undo-vibe|profiling|mcp)|^/$"
    )
    paths = {getattr(route, "path", "") for route in every_route(running.site.demo.app.routes)}
    slugs = {f"/{slug}" for slug in running.site.pages}
    assert not [p for p in paths if p and not known.match(p) and p.rstrip("/") not in slugs]
    assert len(paths) > 40 and gr.__version__


def every_route(routes) -> Iterator:
    for route in routes:
        yield route
        inner = getattr(route, "original_router", None) or getattr(route, "router", None)
        yield from every_route(getattr(inner, "routes", []))


def test_whether_it_lives_and_is_warm(running, monkeypatch):
    assert [running.http.get(path).status_code for path in ("/healthz", "/readyz")] == [200, 200]
    monkeypatch.setattr(running.site, "_version", 0)
    assert [running.http.get(path).status_code for path in ("/healthz", "/readyz")] == [200, 503]


@pytest.mark.parametrize("given", ["abc", "0", "65536", "-1", "1e3", "７８６０"])
def test_a_port_that_is_none_is_one_sentence(given):
    with pytest.raises(operating.CannotServe, match=r"GRADIO_SERVER_PORT must be a whole number from 1 to 65535; got"):
        operating.port_of({"GRADIO_SERVER_PORT": given})


def test_where_a_server_listens():
    assert (operating.port_of({}), operating.port_of({"GRADIO_SERVER_PORT": " 81 "})) == (7860, 81)
    names = {"": None, "::1": "[::1]", "[::1]": "[::1]", "0.0.0.0": "0.0.0.0"}
    assert {given: operating.name_of({"GRADIO_SERVER_NAME": given}) for given in names} == names


def test_a_port_that_is_taken_is_one_sentence(running):
    port = int(running.url.rpartition(":")[2])
    with pytest.raises(operating.CannotServe, match=rf"cannot listen on port {port} of 127.0.0.1: it is taken"):
        operating.check(None, port)
    environment = os.environ | {"GRADIO_SERVER_PORT": "abc"}
    ended = subprocess.run([sys.executable, "app.py"], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert ended.returncode == 2 and ended.stderr.strip().endswith("got 'abc'") and "Traceback" not in ended.stderr


def test_a_visitors_mistake_is_one_line_of_the_log(running, caplog, capfd):
    running.http.post("/gradio_api/call/sample-lab", json={"data": []})
    until = time.monotonic() + 20
    while "a request failed" not in caplog.text and time.monotonic() < until:
        time.sleep(0.02)
    assert "didn't receive enough input values" in caplog.text
    assert "Traceback" not in caplog.text + capfd.readouterr().err


def test_a_log_line_is_json():
    try:
        raise RuntimeError("as asked")
    except RuntimeError:
        record = logging.LogRecord("orrery", logging.ERROR, "x.py", 1, "%s failed", ("模型",), sys.exc_info())
    line = operating.Lines().format(record)
    told = json.loads(line)
    assert "\n" not in line and told["message"] == "模型 failed" and told["level"] == "error" and "as asked" in told["trace"]


@pytest.mark.parametrize(
    ("client", "header", "seen"),
    [
        ("127.0.0.1", None, False),
        ("::1", None, False),
        ("10.0.0.7", None, True),
        ("127.0.0.1", b"x-forwarded-for", True),
        ("127.0.0.1", b"forwarded", True),
        ("127.0.0.1", b"via", True),
    ],
)
def test_who_comes_from_outside_is_seen(client, header, seen):
    scope = {"client": (client, 1), "headers": [(b"host", b"x")] + ([(header, b"1.2.3.4")] if header else [])}
    assert middleware.seen_from_outside(scope) is seen


def test_a_server_is_private_only_where_its_operator_says_so(monkeypatch):
    monkeypatch.setattr(privacy, "_others", threading.Event())
    monkeypatch.delenv("ORRERY_PRIVATE", raising=False)
    assert not privacy.private()
    monkeypatch.setenv("ORRERY_PRIVATE", "1")
    assert privacy.private()
    privacy.others_seen()
    assert not privacy.private(), "what it has seen overrides what it was told"
