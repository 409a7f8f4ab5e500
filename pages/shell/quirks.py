"""What Gradio does that the site cannot live with, undone here and nowhere else. Each has a test that fails
when a new Gradio changes what it rests on."""

from __future__ import annotations

import logging
import sys
import types
from copy import copy
from typing import Any

import gradio as gr
import h11
from gradio import queueing, state_holder
from uvicorn.protocols.http import auto, h11_impl

IDLE_SECONDS = 0.02
log = logging.getLogger("orrery")
HEAD_SECONDS = 30.0  # after which a request whose head is not whole is dropped


class LightSessionState(state_holder.SessionState):
    """A session without a copy of every component's configuration.

    Gradio keeps, for each visitor, the configuration of all components of all pages, to restore deep links; on a
    site of thirty labs that costs a megabyte and 100 ms per visitor. The address restores a page here instead.
    """

    def __init__(self, blocks: gr.Blocks):
        self.blocks_config = copy(blocks.default_config)
        self.config_values = {}
        self.state_data: dict[int, Any] = {}
        self._state_ttl: dict = {}
        self.is_closed = False
        self.STATE_TTL_WHEN_CLOSED = 3600

    def _update_config(self, key: int) -> None:
        """Nothing is kept."""

    def _update_value_in_config(self, key: int, value: Any) -> None:
        """Nothing is kept."""


def lighten_sessions() -> None:
    """Make Gradio use `LightSessionState` for new sessions."""
    state_holder.SessionState = LightSessionState  # type: ignore[misc]


def rest_when_idle(demo: gr.Blocks) -> None:
    """Look at the queue 50 times a second while nothing waits. Gradio looks a thousand times, which costs 4 % of a core."""
    demo._queue.sleep_when_free = IDLE_SECONDS


class ImpatientProtocol(h11_impl.H11Protocol):
    """Hangs up on who has not sent a request's whole head in time, where uvicorn waits for ever."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._wait()

    def _wait(self) -> None:
        self._head = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        unfinished = self.conn.their_state is h11.IDLE and bool(self.conn.trailing_data[0])
        if not unfinished:
            self._head.cancel()
        elif self._head.cancelled():  # of a later request on the same connection
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head.cancel()
        super().connection_lost(exc)


def drop_unfinished_heads() -> None:
    """Make uvicorn, which Gradio starts, use `ImpatientProtocol`."""
    auto.AutoHTTPProtocol = ImpatientProtocol


def log_one_line_a_fault() -> None:
    """Log what is wrong with a request in one line, where Gradio prints a stack trace for a visitor's mistake."""

    def one_line() -> None:
        log.warning("a request failed: %s", str(sys.exc_info()[1]).partition("\n")[0])

    queueing.traceback = types.SimpleNamespace(print_exc=one_line)  # type: ignore[assignment]


def begin_page(demo: gr.Blocks, slug: str, title: str) -> None:
    """Start a page inside the Blocks context. `Blocks.route` would rebuild the whole app at each page's end."""
    demo.pages.append((slug, title, True))
    demo.current_page = slug


def end_pages(demo: gr.Blocks) -> None:
    """Return to the home page, to which what follows belongs."""
    demo.current_page = ""
