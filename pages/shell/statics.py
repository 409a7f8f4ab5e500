"""The files that a page loads: the shell's own and plotly.js under a path with their hash, and Gradio's scripts.

Each is compressed once, and a browser keeps it for good. Gradio itself would compress its scripts anew for every
visitor: for a class that opens a page together, most of the server's work.
"""

from __future__ import annotations

import functools
import hashlib
import threading
from dataclasses import dataclass, field
from pathlib import Path

import brotli
import gradio
import plotly

HERE = Path(__file__).parent / "static"
PICTURES = Path(__file__).parents[2] / "assets" / "pictures"  # the gallery's, by `make pictures`
PLOTLY = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
GRADIO = Path(gradio.__file__).parent / "templates" / "frontend" / "assets"
GRADIO_PREFIX = "/assets/"
PREFIX = "/orrery-static/"
SCRIPTS = (
    "plotly.min.js",
    "text.js",
    "amounts.js",
    "entry.js",
    "strips.js",
    "paint.js",
    "picture.js",
    "divider.js",
    "labels.js",
    "draw.js",
    "save.js",
    "stage.js",
    "controls.js",
    "frame.js",
)
STYLES = ("tokens.css", "site.css")
# What a page loads when it is used, by the name that `Orrery.load` is given.
LATER = {"present": ("present.js", "present.css"), "lesson": ("lesson.js", "lesson.css")}
KINDS = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml", ".webp": "image/webp"}


@dataclass(frozen=True)
class Static:
    """One file: its address, type, bytes, and the same bytes under brotli."""

    address: str
    kind: str
    raw: bytes

    quality: int = 9
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @functools.cached_property
    def _small(self) -> bytes:
        return brotli.compress(self.raw, quality=self.quality)

    @property
    def small(self) -> bytes:
        """The compressed bytes; those who ask while they are being made wait for them."""
        with self.lock:
            return self._small


@functools.cache
def files() -> dict[str, Static]:
    """Every file by its name."""
    found = {}
    for path in [PLOTLY, *sorted(HERE.iterdir()), *sorted(PICTURES.glob("*"))]:
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


@functools.lru_cache(512)
def gradio_file(address: str) -> Static | None:
    """A script or style of Gradio's front end by its address, whose name holds a hash; None if there is none."""
    path = GRADIO / address.removeprefix(GRADIO_PREFIX)
    if path.parent != GRADIO or path.suffix not in KINDS or not path.is_file():
        return None
    return Static(address, KINDS[path.suffix], path.read_bytes(), quality=6)


def compress_all() -> None:
    """Compress every file of ours now, so that no visitor waits for it."""
    for file in files().values():
        file.small  # noqa: B018  computed by being read
