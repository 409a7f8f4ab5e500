"""Around Gradio: our frame in its HTML, our files, and a door that opens to known hosts alone."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Protocol
from urllib.parse import urlsplit

import anyio.to_thread
import brotli

from engine.core import privacy
from engine.core.words import T
from pages.shell import statics
from pages.shell.respond import Send, respond, said

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
LARGEST_QUESTION = 4 * 2**20  # bytes of a request that is no upload
KEPT_PAGES = 256
PAGE_QUALITY = 5
FORWARDING = {b"forwarded", b"via", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-real-ip"}
BODY_SECONDS = 30.0  # after which a request whose body is not whole is dropped
SHUT = ("/gradio_api/upload", "/gradio_api/upload_progress")  # what a person brings comes in by our own door, in memory
NOT_CARRIED = {b"content-length", b"etag", b"content-encoding", b"cache-control"}
log = logging.getLogger("orrery")


class Framer(Protocol):
    """What the middleware needs of the site."""

    def frame(self, path: str, html: str, lesson: bool = False) -> str:
        """Gradio's HTML of a page with ours put into it; `lesson`: it is opened at a step of the lesson."""
        ...

    def version(self) -> int:
        """A number that changes when a page's HTML does."""
        ...

    def unknown(self, path: str) -> bytes:
        """The page at an address that is none."""
        ...

    def extra(self, path: str) -> tuple[bytes, str] | None:
        """Body and type of one of our own small documents, or None."""


def host_name(address: str) -> str:
    """The host in an Origin, or in a Host header after "//"; "" where there is none to be read."""
    try:
        return urlsplit(address).hostname or ""
    except ValueError:  # brackets that do not close
        return ""


def local_name(host: str) -> bool:
    """Whether a Host header names this machine without a name server: localhost or a literal address.

    A page elsewhere can point a name of its own at this machine (DNS rebinding), but not an address.
    """
    name = host_name(f"//{host}")
    if name == "localhost":
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def patient(receive: Receive) -> Receive:
    """A request's messages, of which the body must be whole after `BODY_SECONDS`: else its sender counts as gone."""
    until, whole = time.monotonic() + BODY_SECONDS, False

    async def receiving() -> MutableMapping[str, Any]:
        nonlocal whole
        if whole:  # who then waits, waits for the end of an event stream, which is silent by design
            return await receive()
        try:
            message = await asyncio.wait_for(receive(), max(until - time.monotonic(), 0))
        except TimeoutError:
            whole = True
            return {"type": "http.disconnect"}
        whole = not message.get("more_body", False)
        return message

    return receiving


def seen_from_outside(scope: Mapping[str, Any]) -> bool:
    """Whether a request came by a proxy, or from another machine."""
    if any(name in FORWARDING for name, _ in scope["headers"]):
        return True
    host = (scope.get("client") or ("",))[0]
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:  # a socket of this machine has no address
        return False


class Door:
    """Refuses requests for hosts that are not ours, and from pages of other origins, and what is not needed of Gradio."""

    def __init__(self, app: Any, hosts: frozenset[str] = frozenset()):
        self.app, self.hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        if seen_from_outside(scope):
            privacy.others_seen()
        if (refusal := self.refusal(scope)) is None:
            # Gradio would write a forwarded host into the page as the address to call.
            believed = [
                (name, value)
                for name, value in scope["headers"]
                if name != b"x-forwarded-host" or self.ours(value.partition(b",")[0].strip())
            ]
            if scope["type"] == "http":
                receive = patient(receive)
            return await self.app({**scope, "headers": believed}, receive, send)
        if scope["type"] == "websocket":
            return await send({"type": "websocket.close", "code": 1008})
        await respond(send, *refusal)

    def ours(self, host: bytes) -> bool:
        """Whether a Host header names this machine or one of the known names."""
        text = host.decode("latin-1")
        return local_name(text) or host_name(f"//{text}") in self.hosts

    def refusal(self, scope: Scope) -> tuple[int, bytes] | None:
        """Status and sentence for a request that is not let in."""
        headers = dict(scope["headers"])
        host, origin = (headers.get(name, b"").decode("latin-1") for name in (b"host", b"origin"))
        if not self.ours(headers.get(b"host", b"")):
            return 400, said(T("this server does not answer to that host name", "此服务器不响应该主机名"))
        if origin and origin.partition("://")[2] != host and host_name(origin) not in self.hosts:
            return 403, said(
                T(
                    "requests from other sites are not answered, nor those from a frame that hides its own: open the page by itself",
                    "不响应来自其他网站的请求，也不响应隐藏来源的内嵌框架：请单独打开本页面",
                )
            )
        if scope["path"].rstrip("/") in SHUT:
            return 404, said(T("files come in by the page's own buttons", "文件请通过页面上的按钮载入"))
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > LARGEST_QUESTION and not scope["path"].rstrip("/").endswith("/upload"):
            return 413, said(
                T(
                    "a request must be at most {most} bytes long; got {got}: load a long text as a file",
                    "一次请求不能超过 {most} 字节；收到 {got}：长文本请作为文件载入",
                    most=LARGEST_QUESTION,
                    got=int(length),
                )
            )
        return None


# Where Gradio raises on names that it does not know, and what is to be said then.
UNKNOWN = {
    "/gradio_api/call/": b"the request does not fit the lab; /gradio_api/info lists its parameters",
    "/gradio_api/component_server": b"component_id must name a component of this site, and fn_name one of its functions",
}


class Apology:
    """Answers in one sentence where Gradio fails on a request; the trace goes to the server's log alone."""

    def __init__(self, app: Any):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def watched(message: MutableMapping[str, Any]) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception:
            if begun or scope["type"] != "http":
                raise
            log.exception("%s failed", scope["path"])
            if (rule := next((r for start, r in UNKNOWN.items() if scope["path"].startswith(start)), None)) is not None:
                await respond(send, 400, rule)
            else:
                await respond(send, 500, b"the server failed on this request; the fault is the program's, not yours")


class Frame:
    """Serves our files, and puts the rail, the page's skeleton and its scripts into the HTML that Gradio makes.

    A framed page depends on its path and on the host it is asked for by, not on who asks: it is kept.
    """

    def __init__(self, app: Any, site: Framer):
        self.app, self.site = app, site
        self._kept: OrderedDict[tuple, tuple[list[tuple[bytes, bytes]], bytes, bytes]] = OrderedDict()
        self._lock = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            return await self.app(scope, receive, send)
        path, headers = scope["path"], dict(scope["headers"])
        small = b"br" in headers.get(b"accept-encoding", b"")
        if path.startswith(statics.PREFIX):
            return await self._static(statics.by_address().get(path), small, send)
        if path.startswith(statics.GRADIO_PREFIX) and (file := statics.gradio_file(path)) is not None:
            return await self._static(file, small, send)
        if (extra := self.site.extra(path)) is not None:
            return await respond(send, 200, extra[0], extra[1], cache_control="no-cache")
        key = (
            path,
            headers.get(b"host"),
            headers.get(b"x-forwarded-host"),
            headers.get(b"x-forwarded-proto"),
            scope.get("root_path"),
            self.site.version(),
            lesson := self.at_a_step(scope),
        )
        if path == "/" or b"deep_link" in scope.get("query_string", b""):
            # Gradio's home page takes `page` from the query: what is kept must not depend on it.
            scope = {**scope, "query_string": b""}
        if (kept := self._kept.get(key)) is None:
            kept = await self._fetch(scope, receive, send, lesson)
            if kept is None:
                return
            with self._lock:
                self._kept[key] = kept
                while len(self._kept) > KEPT_PAGES:
                    self._kept.popitem(last=False)
        lines, raw, compressed = kept
        body = compressed if small else raw
        encoding = [(b"content-encoding", b"br")] if small else []
        length = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": lines + encoding + length})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _static(self, file: statics.Static | None, small: bool, send: Send) -> None:
        if file is None:
            return await respond(send, 404, b"no such file")
        extra = {"content_encoding": "br"} if small else {}
        headers = {"vary": "accept-encoding", "cache_control": "public, max-age=31536000, immutable"}
        headers["x_content_type_options"] = "nosniff"
        # Compressing plotly.js takes a second the first time: nobody else waits for it.
        body = await anyio.to_thread.run_sync(lambda: file.small) if small else file.raw
        await respond(send, 200, body, file.kind, **headers, **extra)

    async def _fetch(self, scope: Scope, receive: Receive, send: Send, lesson: bool) -> tuple | None:
        """A framed page from Gradio, or None after passing on what is not a page."""
        start: Mapping[str, Any] = {}
        body: list[bytes] = []
        page = lost = False
        reads = b"text/html" in dict(scope["headers"]).get(b"accept", b"")

        async def collect(message: MutableMapping[str, Any]) -> None:
            nonlocal start, page, lost
            if message["type"] == "http.response.start":
                kind = dict(message["headers"]).get(b"content-type", b"")
                start, page = (message, kind.startswith(b"text/html") and message["status"] == 200 and self.is_page(scope))
                lost = reads and message["status"] == 404  # a person gets a page, a program what Gradio says
                if not page and not lost:
                    await send(message)
            elif lost:
                pass
            elif page:
                body.append(message.get("body", b""))
            else:
                await send(message)

        # Gradio is asked for the plain bytes of the whole page, whatever the visitor asked for.
        plain = [(k, v) for k, v in scope["headers"] if k not in (b"accept-encoding", b"if-none-match")]
        await self.app({**scope, "headers": plain, "method": "GET"} if self.is_page(scope) else scope, receive, collect)
        if lost:
            await respond(send, 404, self.site.unknown(scope["path"]), "text/html; charset=utf-8", cache_control="no-store")
        if not page:
            return None
        html = self.site.frame(scope["path"], b"".join(body).decode(), lesson).encode()
        lines = [(k, v) for k, v in start["headers"] if k not in NOT_CARRIED]
        lines += [(b"cache-control", b"no-cache"), (b"vary", b"accept-encoding")]
        lines += [(b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"same-origin")]
        return lines, html, brotli.compress(html, quality=PAGE_QUALITY)

    @staticmethod
    def at_a_step(scope: Scope) -> bool:
        """Whether an address is that of a step of a lesson: its page tells no result beforehand."""
        return any(part.startswith(b"step=") for part in scope.get("query_string", b"").split(b"&"))

    @staticmethod
    def is_page(scope: Scope) -> bool:
        """Whether a path can be one of the site's pages: these have no dot and a single segment."""
        path = scope["path"].strip("/")
        return "/" not in path and "." not in path
