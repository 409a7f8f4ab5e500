"""Questions that are answered at once: a lab's parameters in, figures out, without Gradio in between.

A class of two hundred that moves its sliders asks seventy times a second. An event of Gradio costs several
milliseconds of the interpreter beside the experiment's own; here it is a fraction of one, and a page answers to its
controls before Gradio has loaded. What runs long, streams and is stopped goes through Gradio's queue (`wire.py`).
"""

from __future__ import annotations

import functools
import gzip
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

import anyio
import anyio.to_thread
import orjson

from engine.core.runner import Runner
from engine.core.words import T
from pages.shell import replies, teaching
from pages.shell.lab import Lab
from pages.shell.respond import body_of, respond, said

PREFIX = "/orrery-ask/"
# Experiments hold the interpreter: more of them at once would only make all of them late. (A class of 200, later
# answers, p95: 780 ms with three at once, 310 with two, 130 with one.)
AT_ONCE = 1
LARGEST = 4 * 2**20  # bytes of a question
WORTH_PACKING = 8192  # bytes of an answer


class Ask:
    """Answers POST /orrery-ask/<slug>: a request for a figure, for a step of the lesson, or for a file of the result."""

    def __init__(self, app: Any, labs: Mapping[str, Lab], runner: Runner):
        self.app, self.labs, self.runner = app, labs, runner

    @functools.cached_property
    def _turn(self) -> anyio.CapacityLimiter:
        return anyio.CapacityLimiter(AT_ONCE)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Callable[[], Awaitable[Any]], send: Any) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            return await self.app(scope, receive, send)
        lab = self.labs.get(scope["path"].removeprefix(PREFIX))
        if lab is not None and scope["method"] == "HEAD":
            return await respond(send, 204, b"")  # a page whose run is silent asks whether anybody is there
        if lab is None or scope["method"] != "POST":
            return await respond(send, 404, b"there is no such question")
        body = await body_of(receive, LARGEST)
        if body is None:
            return
        if len(body) > LARGEST:
            return await respond(send, 413, said(T("a question must be at most {n} bytes long", "一次提问不能超过 {n} 字节", n=LARGEST)))
        answer = await anyio.to_thread.run_sync(self.answer, lab, body, limiter=self._turn)
        named = {"cache_control": "no-store", "x_content_type_options": "nosniff", "vary": "accept-encoding"}
        accepted = b",".join(value for name, value in scope["headers"] if name == b"accept-encoding")
        if len(answer) > WORTH_PACKING and b"gzip" in accepted:
            answer = await anyio.to_thread.run_sync(gzip.compress, answer, 1)  # beside the next question's experiment
            named["content_encoding"] = "gzip"
        await respond(send, 200, answer, "application/json", **named)

    def answer(self, lab: Lab, body: bytes) -> bytes:
        """The reply to a question as it was sent; what is no JSON is refused as any bad input is."""
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError:
            value = None
        asked = value if isinstance(value, dict) else {}
        reply = teaching.answer if "lesson" in asked else replies.export if "format" in asked else replies.answer
        return orjson.dumps(reply(lab, self.runner, value))
