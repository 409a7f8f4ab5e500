"""The shell's own files and plotly.js, compressed once, under a path with their hash so that a browser keeps them."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path

import brotli
import plotly

HERE = Path(__file__).parent / "static"
PLOTLY = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
PREFIX = "/orrery-static/"
SCRIPTS = ("plotly.min.js", "text.js", "draw.js", "stage.js", "controls.js", "frame.js")
STYLES = ("tokens.css", "site.css")
KINDS = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}


@dataclass(frozen=True)
class Static:
    """One file: its address, type, bytes, and the same bytes under brotli."""

    address: str
    kind: str
    raw: bytes

    @functools.cached_property
    def small(self) -> bytes:
        return brotli.compress(self.raw, quality=9)


@functools.cache
def files() -> dict[str, Static]:
    """Every file by its name."""
    found = {}
    for path in [PLOTLY, *sorted(HERE.iterdir())]:
        if path.suffix not in KINDS:
            continue
        raw = path.read_bytes()
        stamp = hashlib.sha256(raw).hexdigest()[:12]
        found[path.name] = Static(f"{PREFIX}{stamp}/{path.name}", KINDS[path.suffix], raw)
    return found


@functools.cache
def by_address() -> dict[str, Static]:
    """Every file by its address."""
    return {file.address: file for file in files().values()}


def compress_all() -> None:
    """Compress every file now, so that no visitor waits for it."""
    for file in files().values():
        file.small  # noqa: B018  a cached property, computed by being read
