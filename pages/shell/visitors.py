"""Whom a request comes from: the network address, and of those behind it a visitor, told apart by a signed cookie.

The cookie says nothing about the person: a random name, and our signature, so that nobody makes up visitors to get more
turns. A page gives it; who carries none shares the one turn of the address.
"""

from __future__ import annotations

import hashlib
import hmac
import http.cookies
import secrets
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from engine.core.turns import Asker

COOKIE = "orrery_visitor"
_KEY = secrets.token_bytes(32)  # of this process: after a restart every page gives a new name


def signature(name: str) -> str:
    return hmac.new(_KEY, name.encode(), hashlib.sha256).hexdigest()[:32]


def named(cookies: str) -> str:
    """The visitor that a Cookie header names, "" where none of ours is in it."""
    jar = http.cookies.SimpleCookie()
    try:
        jar.load(cookies)
    except http.cookies.CookieError:
        return ""
    name, _, signed = (jar[COOKIE].value if COOKIE in jar else "").partition(".")
    return name if name and hmac.compare_digest(signed.encode(), signature(name).encode()) else ""


def asker(scope: Mapping[str, Any]) -> Asker:
    """Whom a request comes from."""
    cookies = b"; ".join(value for name, value in scope.get("headers", ()) if name == b"cookie")
    return Asker((scope.get("client") or ("",))[0], named(cookies.decode("latin-1")))


class Visitors:
    """Gives every visitor of a page a name of its own."""

    def __init__(self, app: Any):
        self.app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Callable[[], Awaitable[Any]], send: Any) -> None:
        if scope["type"] != "http" or scope["method"] != "GET" or asker(scope).visitor:
            return await self.app(scope, receive, send)

        async def greeted(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start" and dict(message["headers"]).get(b"content-type", b"").startswith(b"text/html"):
                name = secrets.token_hex(8)
                # In a frame on another site, as on a Space, a browser keeps only a cookie that is partitioned and secure.
                kind = "SameSite=None; Secure; Partitioned" if scope.get("scheme") == "https" else "SameSite=Lax"
                cookie = f"{COOKIE}={name}.{signature(name)}; Path=/; HttpOnly; {kind}"
                message = {**message, "headers": [*message["headers"], (b"set-cookie", cookie.encode())]}
            await send(message)

        await self.app(scope, receive, greeted)
