"""Lessons in a browser: every step of every lab is walked and answered by kind; each kind by mouse, touch and keyboard."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import Page

import pages
from engine.core.runner import Runner
from pages.shell import Lab, replies

LABS: dict[str, Lab] = {page.lab.slug: page.lab for found in pages.discover().values() for page in found if page.lab.lesson}
RUNNER = Runner()
# A step of a lab for each kind of prediction.
KINDS = {"choice": ("random-walk", 2), "number": ("random-walk", 1), "place": ("detr", 3), "box": ("detr", 2), "curve": ("random-walk", 4)}
SETTLED = "document.querySelector('#lesson[data-phase=ask], #lesson[data-phase=told]') && Orrery.stage.settled()"


def arrive(page: Page, n: int) -> dict | None:
    """Wait for step n; what it asks, as it was sent."""
    page.wait_for_function(f"document.querySelector('#lesson[data-step=\"{n}\"]') && {SETTLED}")
    return page.evaluate(f"Orrery.lesson.steps[{n - 1}].predict || null")


def phase(page: Page) -> str:
    return page.locator("#lesson").get_attribute("data-phase") or ""


def sheet(page: Page):
    """The place on the screen of a share of the sheet's width and height."""
    page.locator(".sketch").scroll_into_view_if_needed()
    box = page.locator(".sketch").bounding_box()
    assert box is not None
    return lambda x, y: (box["x"] + x * box["width"], box["y"] + y * box["height"])


def answer(page: Page, asked: dict) -> None:
    """Commit oneself with the mouse, whatever is asked."""
    if asked["kind"] == "choice":
        page.locator("#lesson [data-option]").first.click()
    elif asked["kind"] == "number" and not asked["along"]:
        page.locator(".guessbar").click()
    else:
        at = sheet(page)
        stroke = {"curve": [(0.01, 0.3), (0.5, 0.6), (0.99, 0.4)], "place": [(0.4, 0.4), (0.6, 0.7)], "number": [(0.6, 0.3)]}[asked["kind"]]
        page.mouse.move(*at(*stroke[0]))
        page.mouse.down()
        for place in stroke:
            page.mouse.move(*at(*place), steps=8)
        page.mouse.up()


def reveal(page: Page) -> None:
    page.locator("#lesson .commit").click()
    page.wait_for_function(f"document.querySelector('#lesson[data-phase=told]') && {SETTLED}")


def truth(slug: str, n: int):
    """What a step's truth is, by the engine."""
    lab = LABS[slug]
    step = lab.lesson[n - 1]
    params = lab.experiment.params.parse(step.params)
    made = replies.recorded(lab, params)
    result = made.outcome.result if made is not None else RUNNER.run(lab.experiment, params).result
    assert step.predict is not None
    return step.predict.told(result)


def equal(shown, told) -> None:
    """What the page holds as the truth is the engine's."""
    if isinstance(told, dict):
        assert shown.get("names") == told.get("names")
        shown, told = [shown["x"], shown["y"]], [told["x"], told["y"]]
    np.testing.assert_allclose(np.asarray(shown, float), np.asarray(told, float), rtol=1e-5)


@pytest.mark.parametrize("slug", LABS)
def test_a_lesson_is_walked_from_its_first_step_to_its_last(slug, open_page):
    page = open_page(f"/{slug}")
    page.locator("#learn").click()
    for n in range(1, len(LABS[slug].lesson) + 1):
        asked = arrive(page, n)
        assert page.url.endswith(f"?step={n}")
        if asked:
            assert phase(page) == "ask" and page.locator("#lesson .commit").is_disabled()
            assert not page.locator(".facts dd, .findings p, .table td").count(), "what is asked for stands in the page"
            answer(page, asked)
            reveal(page)
            equal(page.evaluate("Orrery.lesson.truth"), truth(slug, n))
            assert page.locator("#lesson .far").inner_text().strip() and page.locator("#lesson .why").inner_text().strip()
        page.locator("#lesson .next").click()
    page.wait_for_selector("#lesson", state="detached")
    assert "step=" not in page.url


@pytest.mark.parametrize("slug", LABS)
def test_a_step_has_an_address_on_a_phone_in_chinese(slug, open_page):
    lesson = LABS[slug].lesson
    n = next(i for i, step in enumerate(lesson, 1) if step.predict)
    page = open_page(f"/{slug}?step={n}", width=390, height=844, scheme="dark", locale="zh-CN")
    asked = arrive(page, n)
    assert asked and asked["ask"]["zh"] in page.locator("#lesson").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert "opening" not in page.evaluate("Object.keys(ORRERY).filter(k => ORRERY[k])")


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_answered_by_the_keyboard(kind, open_page):
    slug, n = KINDS[kind]
    page = open_page(f"/{slug}?step={n}")
    arrive(page, n)
    if kind == "choice":
        page.locator("#lesson [type=radio]").first.focus()
        page.keyboard.press("ArrowDown")
    elif kind == "number":
        page.locator(".guessbar").focus()
        page.keyboard.press("ArrowRight")
    elif kind == "curve":
        page.locator(".five summary").focus()
        page.keyboard.press("Enter")
        page.wait_for_selector(".numbers input")  # filled when the details tell that they have opened
        for box in page.locator(".numbers input").all():
            box.fill("0.02")
            box.press("Tab")
    else:
        page.locator(".sketch").focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Shift+ArrowDown")
    page.wait_for_selector("#lesson .commit:enabled")
    page.locator("#lesson .commit").focus()
    page.keyboard.press("Enter")
    page.wait_for_function(f"document.querySelector('#lesson[data-phase=told]') && {SETTLED}")
    equal(page.evaluate("Orrery.lesson.truth"), truth(slug, n))
    assert page.evaluate("document.activeElement.matches('#lesson .next')")
    if kind == "curve":
        assert page.evaluate("Orrery.lesson.sheet.read(60)") == pytest.approx(0.02), "typed numbers are kept as they were typed"


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_answered_by_touch(kind, browser, site_url):
    slug, n = KINDS[kind]
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(f"{site_url}/{slug}?step={n}")
    arrive(page, n)
    if kind == "choice":
        page.locator("#lesson [data-option]").nth(1).tap()
    else:
        at = sheet(page)
        touch = context.new_cdp_session(page)

        def send(name: str, *places: tuple[float, float]) -> None:
            touch.send("Input.dispatchTouchEvent", {"type": name, "touchPoints": [{"x": x, "y": y} for x, y in places]})

        send("touchStart", at(0.02, 0.4))
        for x in np.linspace(0.02, 0.98, 12):
            send("touchMove", at(float(x), 0.4 + 0.3 * float(x)))
        send("touchEnd")
        page.wait_for_timeout(1500)  # Chromium takes no tap right after a stroke
    page.wait_for_selector("#lesson .commit:enabled")
    page.locator("#lesson .commit").tap()
    page.wait_for_function(f"document.querySelector('#lesson[data-phase=told]') && {SETTLED}")
    equal(page.evaluate("Orrery.lesson.truth"), truth(slug, n))
    context.close()


def test_keys_step_through_and_history_goes_back(open_page):
    page = open_page("/random-walk")
    page.locator("#learn").click()
    arrive(page, 1)
    for key, at in (("ArrowRight", 2), ("PageDown", 3), (" ", 4), ("ArrowLeft", 3), ("PageUp", 2)):
        page.keyboard.press(key)
        arrive(page, at)
    page.locator("#lesson [data-option]").first.click()
    page.keyboard.press("PageDown")  # what is answered is revealed first
    page.wait_for_function("document.querySelector('#lesson[data-phase=told]')")
    page.go_back()
    arrive(page, 3)
    page.locator("#lesson .lesson-top .plain").click()
    page.wait_for_selector("#lesson", state="detached")
    assert "step=" not in page.url and page.locator("#learn").is_visible()


def test_a_touched_control_keeps_the_step_a_click_away(open_page):
    page = open_page("/random-walk?step=2")
    arrive(page, 2)
    page.locator("#lesson [data-option]").first.click()
    reveal(page)
    box = page.locator("[data-param=steps] input.num")
    box.fill("900")
    box.press("Enter")
    page.wait_for_function("location.search.includes('steps=900') && Orrery.stage.settled()")
    assert "step=2" in page.url and phase(page) == "free"
    page.reload()
    page.wait_for_function("window.Orrery && Orrery.controls && Orrery.controls.state.steps === 900 && Orrery.stage.settled()")
    page.locator("#lesson .restore").click()
    arrive(page, 2)
    assert page.evaluate("Orrery.controls.state.steps") == 1600 and page.url.endswith("?step=2")
    page.locator("#language").click()
    assert LABS["random-walk"].lesson[1].predict.options[0].zh in page.locator("#lesson").inner_text()
