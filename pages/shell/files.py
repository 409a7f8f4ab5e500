"""Texts that a person brings as files: a file goes up once, and a parameter then holds its handle.

A handle is the digest of the text: who has it has the text. The texts stay, packed, while they are used; one that has
gone is a sentence.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import re
import zlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

import anyio
import anyio.to_thread
import orjson

from engine.core import Refused
from engine.core.recent import Recent
from engine.core.words import T
from pages.shell.respond import body_of, respond

PATH = "/orrery-file/upload"
LARGEST = 20 * 2**20  # bytes of a file; a request larger than this is refused by Gradio's own limit besides
KEPT = 4 * LARGEST  # bytes of packed texts: a file that cannot be packed is kept too
HANDLE = re.compile(r"file:[0-9a-f]{40}")
TEXTS: Recent[bytes] = Recent(KEPT, len)
AT_ONCE = 1
log = logging.getLogger("orrery")


def keep(data: bytes) -> dict[str, Any]:
    """Keep a file's text: its handle and how many characters it has. Raises `Refused`."""
    if len(data) > LARGEST:
        raise Refused(T("the file must be at most {most:bytes} long", "文件不能超过 {most:bytes}", most=LARGEST))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(
            T(
                "the file must be a text in UTF-8; byte {place:count} is not",
                "文件必须是 UTF-8 文本；第 {place:count} 个字节不是",
                place=error.start + 1,
            )
        ) from None
    handle = "file:" + hashlib.sha256(text.encode()).hexdigest()[:40]
    TEXTS.put(handle, zlib.compress(text.encode(), 1))
    return {"handle": handle, "characters": len(text)}


def expanded(values: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters with the texts that their handles stand for. Raises `Refused` where one is gone."""
    found = dict(values)
    for name, value in values.items():
        if not isinstance(value, str) or not HANDLE.fullmatch(value):
            continue
        packed = TEXTS.get(value)
        if packed is None:
            raise Refused(
                T(
                    "{name} must be a file that is still here; this one is gone from the server: load it again",
                    "{name} 必须是仍在服务器上的文件；此文件已不在：请重新载入",
                    name=name,
                ),
                str(name),
            )
        found[name] = zlib.decompress(packed).decode()
    return found


class Files:
    """Answers POST /orrery-file/upload, whose body is a file: {"handle", "characters"}, or {"error"}."""

    def __init__(self, app: Any):
        self.app = app

    @functools.cached_property
    def _turn(self) -> anyio.CapacityLimiter:
        return anyio.CapacityLimiter(AT_ONCE)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Callable[[], Awaitable[Any]], send: Any) -> None:
        if scope["type"] != "http" or scope["path"] != PATH:
            return await self.app(scope, receive, send)
        if scope["method"] != "POST":
            return await respond(send, 404, b"there is no such file")
        body = await body_of(receive, LARGEST)
        if body is None:
            return
        answer = await anyio.to_thread.run_sync(kept, body, limiter=self._turn)
        await respond(send, 200, answer, "application/json", cache_control="no-store", x_content_type_options="nosniff")


def kept(data: bytes) -> bytes:
    """The reply to a file as it was sent."""
    try:
        return orjson.dumps(keep(data))
    except Refused as error:
        return orjson.dumps({"error": {"en": error.en, "zh": error.zh}})
