"""Pictures that a person brings: their file in, its pixels, or its labels, back as the text that a lab's parameter takes."""

from __future__ import annotations

import functools
import urllib.parse
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

import anyio
import anyio.to_thread
import orjson

from engine.core import Refused
from engine.data import masks, pictures
from pages.shell import replies
from pages.shell.respond import body_of, respond

PATH, MASKS = "/orrery-picture/upload", "/orrery-mask/upload"
AT_ONCE = 1  # each may hold 40 million pixels for a moment


class Uploads:
    """Answers POST to both addresses, whose body is a file: {"text", "width", "height", "said"}, or {"error"}.

    Of a label picture "?colours=#000000,#ff0000" names those that the other mask counts already.
    """

    def __init__(self, app: Any):
        self.app = app

    @functools.cached_property
    def _turn(self) -> anyio.CapacityLimiter:
        return anyio.CapacityLimiter(AT_ONCE)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Callable[[], Awaitable[Any]], send: Any) -> None:
        if scope["type"] != "http" or scope["path"] not in (PATH, MASKS):
            return await self.app(scope, receive, send)
        if scope["method"] != "POST":
            return await respond(send, 404, b"there is no such picture")
        body = await body_of(receive, pictures.BYTES)
        if body is None:
            return
        query = urllib.parse.parse_qs(scope["query_string"].decode("latin-1"))
        colours = query.get("colours", [""])[0] if scope["path"] == MASKS else None
        answer = await anyio.to_thread.run_sync(opened, body, colours, limiter=self._turn)
        await respond(send, 200, answer, "application/json", cache_control="no-store", x_content_type_options="nosniff")


def opened(data: bytes, colours: str | None = None) -> bytes:
    """The reply to a file as it was sent; `colours`, where it is a label picture."""
    try:
        text, size, said = picture_text(data) if colours is None else mask_text(data, colours)
    except Refused as error:
        return orjson.dumps({"error": {"en": error.en, "zh": error.zh}})
    except Exception:  # a stack trace is never a reply; the log has it
        replies.log.exception("a picture failed")
        sentence = {"en": "the picture could not be opened; the fault is the program's", "zh": "无法打开图片；这是程序的问题"}
        return orjson.dumps({"error": sentence})
    height, width = size
    return orjson.dumps({"text": text, "width": width, "height": height, "said": [{"en": s.en, "zh": s.zh} for s in said]})


def picture_text(data: bytes) -> tuple[str, tuple[int, ...], Sequence[Any]]:
    """A photograph as a text, its height and width, and what was done to it."""
    made = pictures.opened(data, name="picture")
    return pictures.as_text(made.pixels), made.pixels.shape[:2], made.said


def mask_text(data: bytes, colours: str) -> tuple[str, tuple[int, ...], Sequence[Any]]:
    """The same of a label picture."""
    known = tuple(part for part in colours.split(",") if masks.COLOUR.fullmatch(part))[: masks.COLOURS]
    made = masks.decode(data, "picture", known)
    return masks.written(made.labels, made.colours), made.labels.shape, made.said
