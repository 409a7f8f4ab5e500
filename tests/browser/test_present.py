"""Present: the figure fills a large room, drawn for it."""

from __future__ import annotations

import pytest
from driver import parameters, settle

# The figure's share of the screen, the size of its ticks, how far a word leaves it, and how far the page the screen.
MEASURE = """() => {
  const plot = document.querySelector('#figure .plot'), box = plot.getBoundingClientRect();
  const tick = parseFloat(getComputedStyle(plot.querySelector('.xtick text')).fontSize);
  const words = [...plot.querySelectorAll('.annotation-text')].map(node => node.getBoundingClientRect());
  const cut = Math.max(...words.map(b => Math.max(b.right - box.right, box.left - b.left)));
  return {share: box.width * box.height / (innerWidth * innerHeight), tick, cut, over: document.documentElement.scrollHeight - innerHeight};
}"""


@pytest.mark.parametrize(("width", "height"), [(1024, 768), (1920, 1080), (3840, 2160)])
def test_the_figure_fills_the_room_in_larger_type(width, height, open_lab):
    page = open_lab("random-walk", width=width, height=height)
    page.keyboard.press("p")
    page.wait_for_function("document.documentElement.classList.contains('present')")
    settle(page)
    found = page.evaluate(MEASURE)
    assert found["share"] > 0.5 and found["over"] <= 0 and found["cut"] <= 1
    assert found["tick"] == pytest.approx(12 * min(3.4, max(1.2, height / 640)), rel=0.01)
    assert page.locator(".presenting h2").inner_text() == page.locator("#tab-0").evaluate(
        "node => node.querySelector('.lang-en').textContent"
    )


def test_one_control_a_black_screen_and_the_way_out(open_lab):
    page = open_lab("random-walk", width=1920, height=1080)
    on = "document.documentElement.classList.contains('{}')"
    page.locator("#present").click()
    page.wait_for_function(on.format("present"))
    assert page.locator("#controls .field:visible").count() == 1
    page.locator(".presenting select").select_option("walkers")
    page.locator(".presenting h2").click()
    box = page.locator("#controls .num:visible")
    box.fill("b")
    box.press("b")
    assert not page.evaluate(on.format("black"))  # a person types
    box.fill("777")
    box.press("Enter")
    settle(page)
    assert parameters(page)["walkers"] == 777
    page.keyboard.press("b")
    assert page.evaluate(on.format("black"))
    page.keyboard.press("Escape")
    assert page.evaluate(on.format("present")) and not page.evaluate(on.format("black"))
    page.locator(".presenting").get_by_label("The next question").click()
    settle(page)
    page.keyboard.press("Escape")
    page.wait_for_function("!" + on.format("present"))
    settle(page)
    assert page.locator("#tab-1").get_attribute("aria-selected") == "true" and page.locator("#figure .plot").bounding_box()["width"] < 1700


def test_a_wide_screen_is_used_to_its_edge(open_lab):
    page = open_lab("lora", width=1920, height=1080)
    edges = "[...document.querySelectorAll('.stage > .card, .facts, .notes.lang-en .md')].map(node => node.getBoundingClientRect().right)"
    page.locator(".notes.lang-en .md").wait_for()
    assert all(1920 - edge < 80 for edge in page.evaluate(edges))
    assert page.locator("#figure .plot").bounding_box()["height"] > 600


def test_on_a_phone_the_figure_stays_while_its_control_is_touched(open_lab):
    page = open_lab("lora", width=390, height=844)
    slider = page.locator("#p-decay")
    slider.evaluate("node => scrollTo(0, scrollY + node.getBoundingClientRect().top - 700)")
    seen = page.locator(".held").bounding_box()
    assert slider.is_visible() and seen["y"] == 0 and seen["height"] >= 0.4 * 844
    for strip in (".presets", ".views"):  # what goes on beyond the edge is swiped
        assert page.locator(strip).evaluate("node => node.scrollWidth > node.clientWidth && getComputedStyle(node).maskImage !== 'none'")
