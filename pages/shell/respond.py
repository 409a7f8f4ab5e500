"""Whole small HTTP responses, sent below Gradio."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


async def respond(
    send: Send, status: int, body: bytes, kind: str = "text/plain; charset=utf-8", **headers: str
) -> None:
    """A whole small response."""
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    lines = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode()), *named]
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": body})
