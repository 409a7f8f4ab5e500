"""What axe-core finds on every page: nothing serious, in light, in dark, and presented."""

from __future__ import annotations

import json

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from driver import settle

import pages

SLUGS = [page.lab.slug for found in pages.discover().values() for page in found]
FAULTS = """() => axe.run({resultTypes: ['violations']}).then(found => found.violations
  .filter(v => v.impact === 'serious' || v.impact === 'critical')
  .flatMap(v => v.nodes.map(n => `${v.id}: ${n.target.join(' ').slice(-100)}: ${(n.any[0] || n.all[0] || n.none[0] || {}).message}`)))"""


def faults(page, theme: str) -> list[str]:
    """What axe finds in a theme; the page stays in it."""
    page.evaluate(
        f"document.documentElement.classList.contains('dark') === {json.dumps(theme == 'dark')} || document.querySelector('#theme').click()"
    )
    return page.evaluate(FAULTS)


@pytest.mark.parametrize("slug", SLUGS)
def test_axe_finds_no_serious_fault_in_a_lab(slug, open_lab):
    page = open_lab(slug)
    page.locator(".notes.lang-en .md").wait_for()
    page.evaluate(AXE_SCRIPT + ";0")
    found = {theme: faults(page, theme) for theme in ("light", "dark")}
    page.keyboard.press("p")
    page.wait_for_function("document.documentElement.classList.contains('present')")
    settle(page)
    found["present, dark"] = faults(page, "dark")
    assert not any(found.values()), json.dumps(found, indent=1)


def test_axe_finds_no_serious_fault_in_the_gallery(open_page):
    page = open_page("/")
    page.evaluate(AXE_SCRIPT + ";0")
    found = {theme: faults(page, theme) for theme in ("light", "dark")}
    assert not any(found.values()), json.dumps(found, indent=1)
