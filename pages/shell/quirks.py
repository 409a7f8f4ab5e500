"""What Gradio does that the site cannot live with, undone here and nowhere else. Each has a test that fails
when a new Gradio changes what it rests on."""

from __future__ import annotations

from copy import copy
from typing import Any

import gradio as gr
from gradio import state_holder

IDLE_SECONDS = 0.02


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


def begin_page(demo: gr.Blocks, slug: str, title: str) -> None:
    """Start a page inside the Blocks context. `Blocks.route` would rebuild the whole app at each page's end."""
    demo.pages.append((slug, title, True))
    demo.current_page = slug


def end_pages(demo: gr.Blocks) -> None:
    """Return to the home page, to which what follows belongs."""
    demo.current_page = ""
