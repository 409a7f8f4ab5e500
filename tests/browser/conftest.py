"""A running site and a real browser. Every page must leave the console clean and stay on this machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlparse

import pytest
from chromium import FLAGS, on_path
from driver import wait_painted
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

ROOT = Path(__file__).parents[2]
START_SECONDS = 90


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """The site as a process of its own, as a person starts it."""

    def __init__(self, port: int):
        self.port, self.url = port, f"http://127.0.0.1:{port}"
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        """Start, and wait until the site answers and its default results are computed."""
        environment = os.environ | {"GRADIO_SERVER_PORT": str(self.port)}
        environment.pop("TRITON_INTERPRET", None)
        self.process = subprocess.Popen(
            [sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                html = urllib.request.urlopen(self.url + "/random-walk", timeout=5).read().decode()
                if '"opening":null' not in html:
                    return
            except OSError:
                assert self.process.poll() is None, "the site ended at its start"
            time.sleep(0.2)
        raise TimeoutError("the site did not come up")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
            self.process = None


@pytest.fixture(scope="session")
def site_url() -> Iterator[str]:
    """The address of a running site."""
    server = Server(free_port())
    server.start()
    yield server.url
    server.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as play:
        launched = play.chromium.launch(executable_path=on_path(), args=FLAGS)
        yield launched
        launched.close()


OpenLab = Callable[..., Page]


@pytest.fixture(scope="session")
def contexts(browser: Browser) -> Iterator[dict[tuple[str, str], BrowserContext]]:
    """One browser context for each scheme and locale: files that a person has loaded once are not loaded again."""
    made: dict[tuple[str, str], BrowserContext] = {}
    yield made
    for context in made.values():
        context.close()


@pytest.fixture
def open_page(browser: Browser, site_url: str, contexts: dict) -> Iterator[OpenLab]:
    """open_page(path, width=, height=, scheme=, locale=) gives a page; at the end no error may have been logged,
    and no request may have left this machine. `ignore` excuses console errors that contain one of its texts."""
    opened, errors, outside, excused = [], [], [], []

    def open_(path: str, *, width: int = 1440, height: int = 900, scheme: str = "light", locale: str = "en-US",
              ignore: tuple[str, ...] = (), url: str = "") -> Page:  # fmt: skip
        if (scheme, locale) not in contexts:
            contexts[scheme, locale] = browser.new_context(color_scheme=scheme, locale=locale, accept_downloads=True)
        page = contexts[scheme, locale].new_page()
        page.set_viewport_size({"width": width, "height": height})
        opened.append(page)
        excused.extend(ignore)
        page.set_default_timeout(20_000)
        page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda e: errors.append(str(e)))
        page.on(
            "request",
            lambda r: (
                outside.append(r.url) if urlparse(r.url).hostname not in ("127.0.0.1", "localhost", None) else None
            ),
        )
        page.goto((url or site_url) + path)
        return page

    yield open_
    for page in opened:
        page.evaluate("localStorage.clear()")  # the next test is somebody else
        page.close()
    left = [text for text in errors if not any(part in text for part in excused)]
    assert not left, f"the console says: {left[:3]}"
    assert not outside, f"requests left this machine: {outside[:3]}"


@pytest.fixture
def open_lab(open_page: OpenLab) -> OpenLab:
    """open_lab(slug, query="steps=50", …) gives a lab's page with its first figure painted and its server connected."""

    def open_(slug: str, query: str = "", **options: object) -> Page:
        page = open_page(f"/{slug}" + (f"?{query}" if query else ""), **options)
        wait_painted(page)
        page.wait_for_function("Orrery.transport.connected()")
        return page

    return open_
