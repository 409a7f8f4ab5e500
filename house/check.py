"""`make check`: what one runs every minute. Lint, types, and the tests of what has changed, without a browser.

Changed is what differs from the branch's base (`main`, else the last commit) or is not committed. A lab's change runs its
own tests and the generic ones of its page; a change of core, shell or tests' own parts runs theirs and three sample labs.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SAMPLES = ("segmentation_metrics", "harmonic", "poisson")


def changed() -> set[str]:
    """Paths that differ, from the root."""

    def lines(*command: str) -> list[str]:
        return subprocess.run(["git", *command], cwd=ROOT, capture_output=True, text=True).stdout.split("\n")

    base = next((line for line in lines("merge-base", "HEAD", "main") if line), "HEAD")
    return {path for path in [*lines("diff", "--name-only", base), *lines("ls-files", "--others", "--exclude-standard")] if path}


def labs() -> dict[str, str]:
    """The chapter of every lab."""
    return {page.parent.name: page.parts[-3] for page in (ROOT / "pages").glob("*/*/en.md")}


def wanted(paths: set[str]) -> tuple[list[str], list[str]]:
    """The test files for some changed paths, and the labs whose generic tests are to run."""
    known, files, touched = labs(), set(), set()
    wide = False
    for path in map(Path, paths):
        parts = path.parts
        if parts[:2] in (("engine", "core"), ("pages", "shell")) or (parts[0] in ("house", "tests") and path.suffix == ".py"):
            wide = True
            files |= {"tests/engine/core"} if parts[1:2] == ("core",) else set()
        touched |= {lab for lab in known if lab in parts}
        if parts[0] == "tests" and path.name.startswith("test_") and "browser" not in parts and (ROOT / path).exists():
            files.add(str(path))
    for lab in touched | (set(SAMPLES) & set(known) if wide else set()):
        files |= {str(p.relative_to(ROOT)) for p in (ROOT / "tests" / "engine" / known[lab]).glob(f"test_{lab}*.py")}
    return sorted(files), sorted(touched | (set(SAMPLES) & set(known) if wide else set()))


def main() -> int:
    """Run them; the first that fails ends it."""
    files, touched = wanted(changed())
    run = [sys.executable, "-m"]
    commands = [[*run, "ruff", "check", "."], [*run, "ruff", "format", "--check", "."], [*run, "basedpyright"]]
    always = ["tests/test_architecture.py", "tests/test_words.py"]
    commands.append([*run, "pytest", "-q", "-n", "2", "-x", "-m", "not slow and not reproduces", *always, *files])
    if touched:
        slugs = " or ".join(lab.replace("_", "-") for lab in touched)
        commands.append([*run, "pytest", "-q", "-n", "2", "-x", "tests/pages/test_labs.py", "-k", slugs])
    return next((code for command in commands if (code := subprocess.run(command, cwd=ROOT).returncode)), 0)


if __name__ == "__main__":
    sys.exit(main())
