"""The site: every lab page in one Gradio app, framed, warmed up, and closed to what is not meant."""

from __future__ import annotations

import importlib.util
import logging
import os
import socket
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", str(10**9))  # a table of all events, at every event, for nobody

import gradio as gr
import orjson
from starlette.middleware import Middleware

from engine.core import devices, privacy
from engine.core.runner import Runner
from engine.core.words import T
from engine.core.worker import Worker
from pages.shell import frame, operating, prose, quirks, replies, statics, teaching, theme, wire
from pages.shell.api import Api
from pages.shell.ask import Ask
from pages.shell.files import Files
from pages.shell.lab import Lab, Page
from pages.shell.listening import Listening
from pages.shell.mcp_server import Tools
from pages.shell.middleware import Apology, Door, Frame
from pages.shell.operating import Health
from pages.shell.uploads import Uploads
from pages.shell.visitors import Visitors

SESSIONS = 500
SWITCH_SECONDS = 0.0005
WAITING = 500
THREADS = 120  # one for each long run that somebody watches; nearly all of them wait
LARGEST_BODY = 25 * 2**20  # bytes of any request
log = logging.getLogger("orrery")


class Site:
    """Every lab of `chapters` as a page of one Gradio app."""

    def __init__(self, chapters: Mapping[str, Sequence[Page]], names: Mapping[str, T]):
        self.chapters, self.names, self.runner = chapters, names, Runner()
        self.pages = {page.lab.slug: page for pages in chapters.values() for page in pages}
        self.openings: dict[str, Any] = {}
        self._version = 0
        quirks.lighten_sessions()
        self.demo = self._build()

    def _build(self) -> gr.Blocks:
        with gr.Blocks(title="Orrery", analytics_enabled=False) as demo:
            for slug, page in self.pages.items():
                quirks.begin_page(demo, slug, page.lab.title.en)
                self.runner.prepare(page.lab.experiment)
                wire.connect(page.lab, self.runner)
                notes(page)
            quirks.end_pages(demo)
        return demo

    def warm(self) -> None:
        """Compute what every page opens on, compress the files. Runs after the start."""
        for slug, page in self.pages.items():
            try:
                self.openings[slug] = replies.opening(page.lab, self.runner)
            except Exception:  # one lab's failure leaves the others; its own page will say it
                log.exception("%s has nothing to open on", slug)
        self._version += 1
        statics.compress_all()
        # What several labs have in common is done once.
        for warm_up in dict.fromkeys(page.lab.experiment.warm_up for page in self.pages.values()):
            try:
                if warm_up is not None:
                    warm_up()
            except Exception:  # the first use will try again, and say it
                log.exception("%s could not be warmed up", warm_up)

    def version(self) -> int:
        """Grows when the pages' HTML changes, which is once: when all is warm."""
        return self._version

    def frame(self, path: str, html: str, lesson: bool = False) -> str:
        """Gradio's HTML of a page, framed; at a step of the lesson without what the page opens on."""
        slug = path.strip("/")
        page = self.pages.get(slug)
        rail = frame.rail(self.chapters, self.names, slug)
        if page is None:
            before = rail + frame.top(None) + frame.home(self.chapters, self.names)
            return frame.put_in(html, title="Orrery", before=before, after="", boot={"instance": replies.INSTANCE})
        lab = page.lab
        return frame.put_in(
            html,
            title=f"{lab.title.en} — Orrery",
            before=rail + frame.top(self.names[lab.chapter]) + frame.lab_skeleton(lab),
            after=prose.plain(page) + frame.lab_after(lab),
            boot=frame.lab_boot(lab, None if lesson and lab.lesson else self.openings.get(slug)),
        )

    def extra(self, path: str) -> tuple[bytes, str] | None:
        """The code of a lab as HTML, or the steps of its lesson."""
        before, _, slug = path.strip("/").rpartition("/")
        if before == "orrery-lesson" and slug in self.pages:
            return self.lesson(self.pages[slug].lab), "application/json"
        if before == "orrery-code" and slug in self.pages:
            return prose.code_html(self.pages[slug].lab).encode(), "text/html; charset=utf-8"
        return None

    def lesson(self, lab: Lab) -> bytes:
        """The steps of a lab's lesson, and the labs that follow from it."""
        after = [page.lab for page in self.pages.values() if lab.slug in page.lab.needs]
        follow = [{"slug": other.slug, "title": other.title.data()} for other in after]
        return orjson.dumps({"steps": teaching.steps(lab), "follow": follow})

    def unknown(self, path: str) -> bytes:
        """The page at an address that is none."""
        return frame.unknown(self.chapters, self.names, path).encode()

    def launch(self, **options: Any) -> None:
        """Serve the site; blocks unless `prevent_thread_lock` is given. Raises `CannotServe`."""
        operating.configure_logs()
        block = not options.pop("prevent_thread_lock", False)
        # The thread that talks to the browsers waits this long, at most, for one that computes.
        sys.setswitchinterval(SWITCH_SECONDS)
        if devices.current().kind == "cpu":  # a GPU has one context, this process's
            self.runner.worker = Worker()
        if options.get("share"):
            privacy.others_seen()
        self.demo.queue(max_size=WAITING, default_concurrency_limit=None)
        quirks.rest_when_idle(self.demo)
        quirks.drop_unfinished_heads()
        quirks.log_one_line_a_fault()
        given: dict[str, Any] = self.settings() | options | {"prevent_thread_lock": True}
        operating.check(given["server_name"], given["server_port"])
        self.demo.launch(**given)
        print(f"Orrery is at {self.demo.local_url}", flush=True)  # noqa: T201  said to who started it
        threading.Thread(target=self.warm, name="warm", daemon=True).start()
        if block:
            self.demo.block_thread()

    def settings(self) -> dict[str, Any]:
        """What `launch` is given: closed by default."""
        closed = {"openapi_url": None, "docs_url": None, "redoc_url": None, "max_body_size": LARGEST_BODY}
        labs = {slug: page.lab for slug, page in self.pages.items()}
        around = [
            Middleware(Health, warm=lambda: self.version() > 0),
            Middleware(Door, hosts=known_hosts()),
            Middleware(Apology),
            Middleware(Visitors),
            Middleware(Listening),
            Middleware(Api, labs=labs, runner=self.runner),
            *([Middleware(Tools, labs=labs, runner=self.runner)] if mcp_installed() else []),
            Middleware(Ask, labs=labs, runner=self.runner),
            Middleware(Uploads),
            Middleware(Files),
            Middleware(Frame, site=self),
        ]
        return {
            "app_kwargs": {"middleware": around, **closed},
            "theme": theme.orrery(),
            "footer_links": [],
            "run_history": False,
            "show_error": False,
            "enable_monitoring": False,
            "allowed_paths": [],
            "max_file_size": "1kb",  # nothing is uploaded through Gradio: its door is shut
            "state_session_capacity": SESSIONS,
            "ssr_mode": False,
            "pwa": False,
            "quiet": True,
            "favicon_path": str(statics.HERE / "favicon.svg"),
            "max_threads": THREADS,
            "server_name": operating.name_of(os.environ),
            "server_port": operating.port_of(os.environ),
            "mcp_server": False,  # ours answers there (`mcp_server.py`)
        }


def notes(page: Page) -> None:
    """A lab's notes in both languages; the style sheet hides the one that is not read, and what belongs to other views."""
    for language in ("en", "zh"):
        delimiters = [{"left": "$$", "right": "$$", "display": True}, {"left": "$", "right": "$", "display": False}]
        gr.Markdown(
            prose.following(page, language), elem_classes=["notes", f"lang-{language}"], latex_delimiters=delimiters, container=False
        )


def known_hosts() -> frozenset[str]:
    """Host names that the site answers to beside localhost and literal addresses: the machine's own name, the
    Space's, and those in ORRERY_HOSTS (separated by commas)."""
    named = os.environ.get("ORRERY_HOSTS", "").split(",") + os.environ.get("SPACE_HOST", "").split(",")
    return frozenset(name.strip().lower() for name in [*named, socket.gethostname()] if name.strip())


def mcp_installed() -> bool:
    """Whether the package is there that serves the labs as tools."""
    return importlib.util.find_spec("mcp") is not None
