"""Questions that are answered at once: a lab's parameters in, figures out, without Gradio in between.

A class of two hundred that moves its sliders asks seventy times a second. An event of Gradio costs several
milliseconds of the interpreter beside the experiment's own; here it is a fraction of one, and a page answers to its
controls before Gradio has loaded. What runs long, streams and is stopped goes through Gradio's queue (`wire.py`).
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

import anyio
import anyio.to_thread
import orjson

from engine.core import Refused
from engine.core.runner import Runner
from engine.core.turns import Turns
from engine.core.words import T
from pages.shell import replies, teaching, visitors
from pages.shell.lab import Lab
from pages.shell.respond import body_of, respond, said

PREFIX = "/orrery-ask/"
LARGEST = 4 * 2**20  # bytes of a question
WORTH_PACKING = 8192  # bytes of an answer


class Ask:
    """Answers POST /orrery-ask/<slug>: a request for a figure, for a step of the lesson, or for a file of the result."""

    def __init__(self, app: Any, labs: Mapping[str, Lab], runner: Runner):
        self.app, self.labs, self.runner = app, labs, runner

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
        try:
            answer = await self.in_turn(self.runner.brief, scope, lab, body) or await self.in_turn(self.runner.longer, scope, lab, body)
        except Refused as error:
            return await respond(send, 429, said(T(error.en, error.zh)))
        assert answer is not None
        named = {"cache_control": "no-store", "x_content_type_options": "nosniff", "vary": "accept-encoding"}
        accepted = b",".join(value for name, value in scope["headers"] if name == b"accept-encoding")
        if len(answer) > WORTH_PACKING and b"gzip" in accepted:
            answer = await anyio.to_thread.run_sync(gzip.compress, answer, 1)  # beside the next question's experiment
            named["content_encoding"] = "gzip"
        await respond(send, 200, answer, "application/json", **named)

    async def in_turn(self, line: Turns, scope: Mapping[str, Any], lab: Lab, body: bytes) -> bytes | None:
        """The reply to a question that has waited in a line; None where it belongs to another. Raises `Refused`."""
        turn = line.ask(visitors.asker(scope))
        try:
            await asyncio.wrap_future(turn.granted)
            return await anyio.to_thread.run_sync(self.answer, lab, body, line)
        finally:
            line.leave(turn)

    def answer(self, lab: Lab, body: bytes, line: Turns) -> bytes | None:
        """The reply to a question as it was sent; what is no JSON is refused as any bad input is."""
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError:
            value = None
        if isinstance(value, dict) and ("lesson" in value or "format" in value):
            return orjson.dumps((teaching.answer if "lesson" in value else replies.export)(lab, self.runner, value))
        reply = replies.answer(lab, self.runner, value, line)
        return None if reply is None else orjson.dumps(reply)
