"""A running site and a real browser. Every page must leave the console clean and stay on this machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from urllib.parse import urlparse

import pytest
from chromium import FLAGS, on_path
from driver import settle
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from site_server import shared


@pytest.fixture(scope="session")
def site_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running site: one for all workers."""
    own = tmp_path_factory.getbasetemp()
    with shared(own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) as url:
        yield url


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as play:
        launched = play.chromium.launch(executable_path=on_path(), args=FLAGS)
        yield launched
        launched.close()


OpenLab = Callable[..., Page]
OPENED = """window.Orrery && Orrery.stage
  && (Orrery.stage.drawing.painted > 0 || document.querySelector('.work:not([hidden]) .run:not([hidden])'))"""


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

    def open_(
        path: str,
        *,
        width: int = 1440,
        height: int = 900,
        scheme: str = "light",
        locale: str = "en-US",
        ignore: tuple[str, ...] = (),
        url: str = "",
    ) -> Page:
        if (scheme, locale) not in contexts:
            contexts[scheme, locale] = browser.new_context(color_scheme=scheme, locale=locale, accept_downloads=True)
        page = contexts[scheme, locale].new_page()
        page.set_viewport_size({"width": width, "height": height})
        opened.append(page)
        excused.extend(ignore)
        page.set_default_timeout(60_000)
        page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda e: errors.append(str(e)))
        page.on("request", lambda r: outside.append(r.url) if urlparse(r.url).hostname not in ("127.0.0.1", "localhost", None) else None)
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
    """open_lab(slug, query="steps=50", …) gives a lab's page with its first figure painted, or where there is none yet its
    Run button offered, and its server connected."""

    def open_(slug: str, query: str = "", **options: object) -> Page:
        page = open_page(f"/{slug}" + (f"?{query}" if query else ""), **options)
        page.wait_for_function(OPENED)
        page.wait_for_function("Orrery.transport.connected()")
        settle(page)
        return page

    return open_
