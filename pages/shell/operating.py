"""What an operator meets: where the server listens, whether it lives and is warm, how it logs."""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, NoReturn

from pages.shell.respond import respond

PORT = 7860


class CannotServe(Exception):
    """Why the server cannot be started, in one sentence."""


def refuse(error: CannotServe) -> NoReturn:
    """End the process with the sentence that says why the server cannot be started."""
    sys.stderr.write(f"{error}\n")
    sys.exit(2)


def port_of(environ: Mapping[str, str]) -> int:
    """GRADIO_SERVER_PORT, or 7860. Raises `CannotServe`."""
    text = environ.get("GRADIO_SERVER_PORT", "").strip()
    if text and not (text.isascii() and text.isdecimal() and 0 < int(text) < 2**16):
        raise CannotServe(f"GRADIO_SERVER_PORT must be a whole number from 1 to 65535; got {text[:40]!r}")
    return int(text) if text else PORT


def name_of(environ: Mapping[str, str]) -> str | None:
    """GRADIO_SERVER_NAME as addresses write it, an IPv6 one in brackets; None where it is not set."""
    name = environ.get("GRADIO_SERVER_NAME", "").strip()
    return f"[{name}]" if ":" in name and not name.startswith("[") else name or None


def check(name: str | None, port: int) -> None:
    """Raise `CannotServe` where nothing can listen at this address."""
    host = (name or "127.0.0.1").strip("[]")
    try:
        kind, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(kind, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        why = "it is taken: name another in GRADIO_SERVER_PORT" if error.errno == 98 else (error.strerror or str(error)).lower()
        raise CannotServe(f"the server cannot listen on port {port} of {host}: {why}") from None


class Lines(logging.Formatter):
    """Log records as JSON, a line each."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def configure_logs() -> None:
    """Where ORRERY_LOG is "json", every record becomes a line of JSON on the standard error."""
    if os.environ.get("ORRERY_LOG", "").strip().lower() != "json":
        return
    handler = logging.StreamHandler()
    handler.setFormatter(Lines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


class Health:
    """Answers /healthz (the process lives) and /readyz (its pages are warm: 503 until then)."""

    def __init__(self, app: Any, warm: Callable[[], bool]):
        self.app, self.warm = app, warm

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] not in ("/healthz", "/readyz"):
            return await self.app(scope, receive, send)
        ready = scope["path"] == "/healthz" or self.warm()
        await respond(send, 200 if ready else 503, b"ok" if ready else b"not warm yet", cache_control="no-store")
