"""The Python standard library's own source, read from the running interpreter, and its split by hash."""

from __future__ import annotations

import functools
import hashlib
import sysconfig
from dataclasses import dataclass
from pathlib import Path

HELD_OUT = 16  # one file in sixteen
# Not code to learn from: installed packages, test suites, and files that are tables or prose inside a module.
LEFT_OUT = {
    "site-packages",
    "dist-packages",
    "test",
    "tests",
    "idle_test",
    "__pycache__",
    "encodings",
    "pydoc_data",
    "__phello__",
    "turtledemo",
}
LARGEST = 400_000  # bytes; a longer module is generated


@dataclass(frozen=True)
class Source:
    """One module. `path` is relative to the standard library, with forward slashes; `text` has "\\n" line ends."""

    path: str
    text: str

    @property
    def held_out(self) -> bool:
        """Whether it is kept for evaluation: decided by the path alone, so that it holds across Python versions."""
        return int.from_bytes(hashlib.sha256(self.path.encode()).digest()[:8]) % HELD_OUT == 0

    @property
    def size(self) -> int:
        """Length of the text in UTF-8."""
        return len(self.text.encode())

    @property
    def sha256(self) -> str:
        """Of the text in UTF-8: tells whether another interpreter ships the same module."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def wanted(path: Path) -> bool:
    """Whether a path relative to the standard library is source to learn from."""
    parts = path.parts
    return not (LEFT_OUT.intersection(parts) or parts[0].startswith("config-") or path.name.startswith("_sysconfigdata"))


@functools.cache
def sources(root: str = "") -> tuple[Source, ...]:
    """All modules below `root` (the running interpreter's standard library) in the order of their paths.

    About 10 MB. Files that are not UTF-8, or longer than 400 kB, are left out.
    Raises FileNotFoundError where the interpreter comes without its source.
    """
    folder = Path(root or sysconfig.get_path("stdlib"))
    found = []
    for path in sorted(folder.rglob("*.py"), key=lambda p: p.relative_to(folder).as_posix()):
        relative = path.relative_to(folder)
        if not wanted(relative) or path.stat().st_size > LARGEST:
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        if text.strip():
            found.append(Source(relative.as_posix(), text))
    if not found:
        raise FileNotFoundError("this Python comes without the source of its standard library")
    return tuple(found)


def split(modules: tuple[Source, ...] | None = None) -> tuple[list[Source], list[Source]]:
    """Training and held-out modules; a text that occurs on both sides (a copied file) stays in training alone."""
    modules = sources() if modules is None else modules
    training = [m for m in modules if not m.held_out]
    known = {m.sha256 for m in training}
    return training, [m for m in modules if m.held_out and m.sha256 not in known]


def fingerprint(modules: list[Source]) -> str:
    """A hash over paths and contents: two runs with the same one learned from the same text."""
    whole = hashlib.sha256()
    for module in modules:
        whole.update(f"{module.path}\0{module.sha256}\n".encode())
    return whole.hexdigest()
