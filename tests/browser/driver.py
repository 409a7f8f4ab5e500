"""What a person does on a lab's page, and what the page then shows."""

from __future__ import annotations

from typing import Any

import numpy as np
from playwright.sync_api import Page


def paints(page: Page) -> int:
    """How often the stage's figure has been painted."""
    return page.evaluate("Orrery.stage ? Orrery.stage.drawing.painted : 0")


def wait_painted(page: Page, after: int = 0) -> None:
    """Wait until the figure has been painted more than `after` times."""
    page.wait_for_function(f"window.Orrery && Orrery.stage && Orrery.stage.drawing.painted > {after}")


def settle(page: Page) -> None:
    """Wait until the answer to the last question is drawn and painted."""
    page.wait_for_function("Orrery.stage.settled()")


def figure(page: Page) -> list[dict[str, Any]]:
    """The painted traces: type, name, and x, y, z as arrays."""
    traces = page.evaluate(
        """() => Orrery.stage.drawing.plot._fullData.map(t => {
            const row = r => ArrayBuffer.isView(r) || Array.isArray(r) ? Array.from(r) : r;
            const list = v => v == null ? null : Array.from(v, row);
            return {type: t.type, name: t.name, x: list(t.x), y: list(t.y), z: list(t.z)};
        })"""
    )
    for trace in traces:
        for axis in "xyz":
            if trace[axis] is not None and not any(isinstance(v, str) for v in trace[axis]):
                trace[axis] = np.array(trace[axis], float)
    return traces


def words(page: Page) -> list[str]:
    """The words that stand on the figure."""
    return page.evaluate("(Orrery.stage.drawing.plot._fullLayout.annotations || []).map(a => a.text.replace(/<br>/g, ' '))")


def facts(page: Page) -> dict[str, str]:
    """The numbers to read off under the figure, in English."""
    return page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll('.facts > div')].map(d => [
            (d.querySelector('dt .lang-en') || d.querySelector('dt')).textContent,
            (d.querySelector('dd .lang-en') || d.querySelector('dd')).textContent]))"""
    )


def parameters(page: Page) -> dict[str, Any]:
    """The controls' state."""
    return page.evaluate("({...Orrery.controls.state})")


def enter(page: Page, name: str, value: object) -> None:
    """Type a number or text into a parameter's field and wait for the figure."""
    box = page.locator(f"[data-param={name}]").locator("input.num, input.text-entry, textarea").first
    box.fill(str(value))
    box.press("Enter")
    settle(page)


def choose(page: Page, name: str, value: object) -> None:
    """Click one of a parameter's choices, or its switch."""
    box = page.locator(f"[data-param={name}]")
    if box.locator("[role=switch]").count():
        box.locator("[role=switch]").click()
    elif box.locator("select").count():
        options = page.evaluate(f"ORRERY.lab.schema[{name!r}].enum.map(String)")
        box.locator("select").select_option(index=options.index(str(value)))
    else:
        box.locator(f"[data-value='{value}']").click()
    settle(page)


def view(page: Page, place: int) -> None:
    """Open the view at a place, counted from 0, and wait for its figure."""
    before, tab = paints(page), page.locator(f"#tab-{place}")
    if page.evaluate(f"ORRERY.lab.views[{place}].more") and tab.is_hidden():
        page.locator(".opener").click()
    tab.click()
    wait_painted(page, before)
    settle(page)


def preset(page: Page, place: int) -> None:
    """Click a preset, counted from 0."""
    page.locator(".preset").nth(place).click()
    settle(page)


def said(page: Page) -> str:
    """The refusal or notice that is shown, in the page's language."""
    return page.locator(".said").inner_text()
