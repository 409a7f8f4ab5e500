"""Pictures that a person brings: their file in, its pixels back as the text that a lab's parameter takes."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import anyio
import anyio.to_thread
import orjson

from engine.core import Refused
from engine.data import pictures
from pages.shell import replies
from pages.shell.respond import respond

PATH = "/orrery-picture/upload"
AT_ONCE = 1  # each may hold 40 million pixels for a moment


class Uploads:
    """Answers POST /orrery-picture/upload, whose body is a file: {"text", "width", "height", "said"}, or {"error"}."""

    def __init__(self, app: Any):
        self.app = app

    @functools.cached_property
    def _turn(self) -> anyio.CapacityLimiter:
        return anyio.CapacityLimiter(AT_ONCE)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Callable[[], Awaitable[Any]], send: Any) -> None:
        if scope["type"] != "http" or scope["path"] != PATH:
            return await self.app(scope, receive, send)
        if scope["method"] != "POST":
            return await respond(send, 404, b"there is no such picture")
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            if len(body) > pictures.BYTES + 1 or not message.get("more_body"):
                break  # one byte too many is enough for the refusal
        answer = await anyio.to_thread.run_sync(opened, bytes(body), limiter=self._turn)
        await respond(send, 200, answer, "application/json", cache_control="no-store", x_content_type_options="nosniff")


def opened(data: bytes) -> bytes:
    """The reply to a file as it was sent."""
    try:
        made = pictures.opened(data, name="picture")
    except Refused as error:
        return orjson.dumps({"error": {"en": error.en, "zh": error.zh}})
    except Exception:  # a stack trace is never a reply; the log has it
        replies.log.exception("a picture failed")
        sentence = {
            "en": "the picture could not be opened; the fault is the program's",
            "zh": "无法打开图片；这是程序的问题",
        }
        return orjson.dumps({"error": sentence})
    said = [{"en": s.en, "zh": s.zh} for s in made.said]
    height, width = made.pixels.shape[:2]
    return orjson.dumps({"text": pictures.as_text(made.pixels), "width": width, "height": height, "said": said})
