"""One running site for all tests of the pages: every lab that is found, and two samples beside them."""

from __future__ import annotations

import dataclasses
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
import sample_lab

import pages
from engine.core.recordings import Recording
from engine.core.runner import Runner
from pages.shell import replies
from pages.shell.site import Site


@dataclass(frozen=True)
class Running:
    """A launched site, its address, and a client of plain HTTP."""

    site: Site
    url: str
    http: httpx.Client


def assemble() -> Site:
    """The site of every lab that is found, with the samples at the end of the probability chapter."""
    found = pages.discover()
    chapters = {c: [*found.get(c, []), *(sample_lab.PAGES if c == "probability" else [])] for c in pages.CHAPTERS}
    return Site({chapter: labs for chapter, labs in chapters.items() if labs}, pages.CHAPTERS)


@pytest.fixture(scope="session")
def running() -> Iterator[Running]:
    """A site that serves on a free port of this machine until the tests end."""
    site = assemble()
    params = sample_lab.SLOW.defaults()
    outcome = Runner().run(sample_lab.SLOW.experiment, params)
    told = dataclasses.replace(outcome.provenance, recorded=True, date="2026-01-02", device="a named CPU")
    replies._shelf["sample-slow"] = [Recording("cpu", params, dataclasses.replace(outcome, provenance=told))]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    site.launch(prevent_thread_lock=True, server_port=port)
    for thread in threading.enumerate():
        if thread.name == "warm":
            thread.join(120)
    assert site.version() == 1, "the site did not warm up"
    url = site.demo.local_url.rstrip("/")
    with httpx.Client(base_url=url, timeout=30) as client:
        yield Running(site, url, client)
    site.demo.close(verbose=False)


@pytest.fixture
def runner() -> Runner:
    """A runner of the test's own, with nothing in its cache."""
    return Runner()
