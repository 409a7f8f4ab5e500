"""Lines a lab: `make count`. Non-blank lines of Python, engine and page, and of the lab's tests beside them.

A lesson (the page's `lesson.py`) has a column of its own and is in no sum: the bound, a mean of 1,750 lines a lab,
was set before there were lessons.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
CODE = ("app.py", "engine", "house", "pages", "tests")


def lines(*places: Path) -> int:
    """Non-blank lines of the Python files at, or below, some places."""
    files = [file for place in places for file in ([place] if place.suffix == ".py" else sorted(place.rglob("*.py")))]
    return sum(bool(line.strip()) for file in files for line in file.read_text().splitlines())


def labs() -> Iterator[tuple[str, Path, Path]]:
    """Every lab: its name, its engine's folder and its page's."""
    for page in sorted((ROOT / "pages").glob("*/*/en.md")):
        chapter, name = page.parts[-3:-1]
        yield name, ROOT / "engine" / chapter / name, page.parent


def main() -> None:
    """Print the table, its mean, and how many formatter directives there are."""
    print(f"{'lab':24}{'engine':>8}{'page':>8}{'both':>8}{'lesson':>8}{'tests':>8}{'views':>8}")
    total = 0
    for name, engine, page in labs():
        tests = (ROOT / "tests").rglob(f"test_{name}*.py")
        own, taught = lines(engine), lines(*page.glob("lesson.py"))
        drawn = lines(page) - taught
        views = sum(file.read_text().count("View(") for file in page.glob("*.py"))
        total += own + drawn
        print(f"{name:24}{own:8}{drawn:8}{own + drawn:8}{taught:8}{lines(*tests):8}{views:8}")
    count = sum(1 for _ in labs())
    print(f"{'mean':24}{'':16}{total / count:8.0f}")
    skips = sum(file.read_text().count("# fmt: skip") for place in CODE for file in (ROOT / place).rglob("*.py"))
    for place in ("engine/core", "pages/shell", "tests"):
        print(f"{place:24}{'':16}{lines(ROOT / place):8}")
    print(f"fmt: skip {skips - (ROOT / 'house/count.py').read_text().count('# fmt: skip')}")


if __name__ == "__main__":
    main()
