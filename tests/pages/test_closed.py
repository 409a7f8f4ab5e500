"""Closed by default: what a stranger may try on the server, and what comes of it."""

from __future__ import annotations

import logging
import os
import re
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import pytest
from gradio import route_utils

from pages.shell import site as site_module
from pages.shell.site import UPLOAD

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
        "max_file_size": UPLOAD,
    }
    assert {name: made[name] for name in closed} == closed
    assert made["app_kwargs"]["openapi_url"] is made["app_kwargs"]["docs_url"] is made["app_kwargs"]["redoc_url"] is None
    assert not made.get("share") and not made.get("debug") and "server_name" not in made
    assert 0 < made["state_session_capacity"] <= 1000
    demo = running.site.demo
    assert demo.max_file_size == 20 * 2**20 and demo.allowed_paths == [] and not demo.show_error
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


def upload(running, bytes_: int, name: str = "a.txt"):
    return running.http.post("/gradio_api/upload", files={"files": (name, b"x" * bytes_)})


def test_an_upload_over_the_limit_is_refused(running):
    reply = upload(running, 20 * 2**20 + 1)
    assert reply.status_code == 413 and not TRACES.search(reply.text)


def test_an_upload_is_not_kept_for_long(running):
    (path,) = upload(running, 10).json()
    demo = running.site.demo
    assert Path(path).is_file() and any(path in files for files in demo.temp_file_sets)
    assert demo.delete_cache == (600, 3600)
    route_utils.delete_files_created_by_app(demo, age=-1)
    assert not Path(path).exists()


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


def test_an_uploads_name_leads_nowhere(running):
    for name in ("../../../etc/cron.d/x", "/etc/passwd", "..", "a\x00b", "con/../../x"):
        reply = upload(running, 10, name)
        assert reply.status_code < 500
        for path in reply.json() if reply.status_code == 200 else []:
            assert Path(path).resolve().is_relative_to(Path(running.site.demo.GRADIO_CACHE).resolve())


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
