"""The page's scripts by themselves, in the JavaScript engine that Playwright brings: no browser is started."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from playwright._impl._driver import compute_driver_executable

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "pages" / "shell" / "static"
# What the scripts touch of a browser while they are loaded.
STAGE = """
globalThis.window = globalThis; globalThis.addEventListener = () => {};
globalThis.document = {documentElement: {lang: 'en'}, addEventListener() {}};
"""


def run(scripts: list[str], expression: str, given: Any) -> Any:
    """What an expression, a function of `given`, is worth after some of the page's scripts."""
    source = STAGE + "\n".join((STATIC / name).read_text() for name in scripts)
    source += f"\nprocess.stdout.write(JSON.stringify(({expression})({json.dumps(given)})));"
    done = subprocess.run([compute_driver_executable()[0], "-"], input=source, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[-500:]
    return json.loads(done.stdout)


def test_the_browser_reads_numbers_as_the_engine_does():
    cases = json.loads((ROOT / "tests" / "engine" / "core" / "entries.json").read_text())
    read = run(["text.js", "entry.js"], "cases => cases.map(c => [Orrery.entry.number(c.text), Orrery.entry.number(c.text, true)])", cases)
    for case, (real, whole) in zip(cases, read, strict=True):
        assert real.get("value") == case["value"], case
        assert whole.get("value") == case.get("whole", case["value"]), case
        for reading in case.get("readings", []):
            assert reading in real["why"]["en"] and reading in real["why"]["zh"], case
