"""Who still waits for an answer: a run that Gradio carries stops when nobody has listened for a while.

Gradio notices when a page goes away, but an event that was posted and never asked for runs to its end, hours perhaps.
Those who listen hold a request open, named by their session or by the event.
"""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

UNHEARD = 15.0  # seconds
CALL = re.compile(r"/gradio_api/call/(?:v2/)?[^/]+/([^/]+)/?")


def listened_to(path: str, query: bytes) -> str:
    """The session, or the event, whose messages a request asks for; "" where it asks for none."""
    if path.rstrip("/") == "/gradio_api/queue/data":
        return parse_qs(query.decode("latin-1")).get("session_hash", [""])[0]
    found = CALL.fullmatch(path)
    return found[1] if found else ""


class Listeners:
    """The requests for messages that are open now."""

    def __init__(self):
        self._open: Counter[str] = Counter()
        self._lock = threading.Lock()

    def begin(self, name: str) -> None:
        with self._lock:
            self._open[name] += 1

    def end(self, name: str) -> None:
        with self._lock:
            self._open[name] -= 1
            if not self._open[name]:
                del self._open[name]

    def any(self, *names: str | None) -> bool:
        """Whether somebody listens to one of these."""
        with self._lock:
            return any(name in self._open for name in names)


LISTENERS = Listeners()


class Patience:
    """Whether it is still worth computing for the listeners of a session or an event: they may be away for `UNHEARD` s."""

    def __init__(self, *names: str | None, listeners: Listeners = LISTENERS, clock: Callable[[], float] = time.monotonic):
        self.names, self._listeners, self._clock = names, listeners, clock
        self._heard = clock()

    def over(self) -> bool:
        """Whether nobody has listened for too long."""
        now = self._clock()
        if self._listeners.any(*self.names):
            self._heard = now
        return now - self._heard > UNHEARD


class Listening:
    """Counts those who listen."""

    def __init__(self, app: Any):
        self.app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Callable[[], Awaitable[Any]], send: Any) -> None:
        name = listened_to(scope["path"], scope.get("query_string", b"")) if scope["type"] == "http" and scope["method"] == "GET" else ""
        if not name:
            return await self.app(scope, receive, send)
        LISTENERS.begin(name)
        try:
            await self.app(scope, receive, send)
        finally:
            LISTENERS.end(name)
