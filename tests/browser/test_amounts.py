"""The browser's side of the one formatter, held to the table that the engine's side is held to."""

from __future__ import annotations

import json
from pathlib import Path

ROOT = Path(__file__).parents[2]
CASES = json.loads((ROOT / "tests" / "engine" / "core" / "amounts.json").read_text())
RUN = """cases => cases.map(([name, given, , digits]) => {
  const values = given.map(v => (['NaN', 'Infinity', '-Infinity'].includes(v) ? Number(v) : v));
  return Orrery.amounts[name](...values, ...(digits ? [Number(digits)] : []));
})"""


def test_the_browser_writes_numbers_as_the_engine_does(browser):
    page = browser.new_page()
    for name in ("text.js", "amounts.js"):
        page.add_script_tag(path=ROOT / "pages" / "shell" / "static" / name)
    said = page.evaluate(RUN, CASES)
    page.close()
    wrong = [(case, got) for case, got in zip(CASES, said, strict=True) if got != case[2]]
    assert not wrong
