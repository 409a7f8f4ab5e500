"""Whole small HTTP requests and responses, below Gradio."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from engine.core.words import T

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


async def respond(send: Send, status: int, body: bytes, kind: str = "text/plain; charset=utf-8", **headers: str) -> None:
    """A whole small response."""
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    lines = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode()), *named]
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": body})


def said(text: T) -> bytes:
    """A sentence as a body: a line in each language."""
    return f"{text.en}\n{text.zh}".encode()


async def body_of(receive: Callable[[], Awaitable[MutableMapping[str, Any]]], most: int) -> bytes | None:
    """A request's body, cut off at one byte more than `most`, which is enough for a refusal; None if the asker left."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > most or not message.get("more_body"):
            return bytes(body[: most + 1])
