"""DETR: confidence without a trip, a dragged box that moves the matching, layers scrubbed, slots and tokens clicked."""

from __future__ import annotations

import io

import numpy as np
import pytest
from driver import enter, facts, figure, parameters, preset, settle, view
from PIL import Image

SLUG = "detr"
KINDS = ["circle", "square", "triangle", "star", "cross", "ring"]


@pytest.fixture
def opened(open_lab):
    """The lab's page, every answer of which is at hand: the model is loaded and the slots are counted."""

    def open_(query: str = ""):
        page = open_lab(SLUG, query)
        page.wait_for_function(
            """async () => { const body = JSON.stringify({params: {...Orrery.controls.state}, view: 1, id: 0});
                const answer = await fetch('./orrery-ask/detr', {method: 'POST', body});
                return !(await answer.json()).needs; }""",
            timeout=120_000,
            polling=2000,
        )
        return page

    return open_


def asked(page) -> list[str]:
    """The questions that the page asks the server from now on."""
    seen: list[str] = []
    page.on("request", lambda request: seen.append(request.url) if "orrery-ask" in request.url else None)
    return seen


def boxes(page) -> int:
    """How many boxes are drawn on the picture, the true ones left out."""
    return page.evaluate(
        """kinds => Orrery.stage.drawing.plot._fullData.filter(t => t.mode === 'lines' && kinds.includes(t.name))
            .reduce((sum, t) => sum + (t.x || []).length / 6, 0)""",
        KINDS,
    )


def drag(page, knob: int, right: float, down: float) -> None:
    """Move one of the figure's handles by that many pixels of the screen."""
    box = page.locator("#figure .knob").nth(knob).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + right, y + down, steps=4)
    page.mouse.up()
    settle(page)


def click(page, x: float, y: float, panel: str = "x", **point) -> None:
    """Click at a place of the figure, as Plotly tells of it."""
    page.evaluate(
        "([x, y, axes, more]) => Orrery.stage.drawing.plot.emit('plotly_click', {points: [{x, y, ...more, data: {},"
        " fullData: {xaxis: axes}}]})",
        [x, y, panel, point],
    )
    settle(page)


def test_the_confidence_acts_without_a_trip(opened):
    page = opened()
    questions = asked(page)
    few = boxes(page)
    assert int(facts(page)["boxes"]) == few == int(facts(page)["right"]) + int(facts(page)["false"])
    page.locator("[data-scrub]").press("Home")
    settle(page)
    every = boxes(page)
    assert parameters(page)["threshold"] == 0 and every > few, "the scrubber sets the parameter"
    enter(page, "threshold", 0.99)
    assert boxes(page) <= few and questions == [], "neither asked the server"
    page.wait_for_function("location.search.includes('threshold=0.99')")
    assert page.locator(".moment").inner_text().endswith("0.99")
    view(page, 2)
    assert questions, "another question is asked for this confidence"


def test_dragging_a_box_moves_the_matching(opened):
    page = opened("view=2")
    before, cost = facts(page), next(t for t in figure(page) if t["type"] == "heatmap")["z"].copy()
    drag(page, 0, 60, 40)
    after = next(t for t in figure(page) if t["type"] == "heatmap")["z"]
    changed = np.abs(after - cost).max(0) > 1e-4
    assert changed.tolist() == [True] + [False] * (len(changed) - 1), "only the moved object's column"
    assert facts(page)["cost of the assignment"] != before["cost of the assignment"]
    assert parameters(page)["moved"] != "0,0,0,0"
    click(page, 2, 3, "x2")
    assert parameters(page)["object"] == 2 and parameters(page)["query"] == 3
    page.locator("[data-scrub]").press("Home")
    settle(page)
    one = next(t for t in figure(page) if t["type"] == "heatmap")["z"]
    assert ((one >= -1) & (one <= 0)).all(), "the first layer is minus a probability"


def test_layers_are_scrubbed_and_the_control_follows(opened):
    page = opened("view=3")
    questions = asked(page)
    last = figure(page)
    page.locator("[data-scrub]").press("Home")
    settle(page)
    first = figure(page)
    assert parameters(page)["layer"] == 1 and questions == []
    moved = [
        i
        for i, (a, b) in enumerate(zip(first, last, strict=True))
        if a["name"].startswith("query") and len(a["x"]) == 6 and not np.allclose(a["x"][:5], b["x"][:5])
    ]
    assert moved, "boxes move from layer to layer"
    enter(page, "query", 3)
    assert questions and "query 3" in page.locator("#figure .plot").get_attribute("aria-label").lower()


def test_a_slot_and_a_token_are_clicked(opened):
    page = opened("view=4")
    click(page, 2, 1)
    tiles = page.evaluate("Orrery.stage.drawing.figure.picks[0].columns")
    assert parameters(page)["query"] == tiles + 2
    page = opened("view=7")
    click(page, 20.0, 44.0)
    assert (parameters(page)["column"], parameters(page)["row"]) == (2, 5), "tokens are eight pixels wide"


def test_a_person_places_the_shapes(opened):
    page = opened()
    preset(page, 1)
    page.wait_for_function("Orrery.stage.drawing.figure.handles && Orrery.stage.drawing.figure.handles.length === 4")
    settle(page)
    before = figure(page)[1]["x"].copy()
    drag(page, 0, 70, 0)
    after = figure(page)[1]["x"]
    assert not np.allclose(before[:4], after[:4]) and np.allclose(before[6:10], after[6:10])
    assert parameters(page)["composition"].split(",")[:2] == ["circle", "blue"]
    page.locator("[data-param=composition] textarea").fill("cat,blue,0.5,0.5,0.1")
    page.wait_for_function("document.querySelector('.said').innerText.includes('shape among circle')")


def test_an_uploaded_photograph_is_looked_at(opened, tmp_path):
    page = opened("source=photo")
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)).save(file, "PNG")
    (tmp_path / "mine.png").write_bytes(file.getvalue())
    page.locator("[data-param=photo] input[type=file]").set_input_files(tmp_path / "mine.png")
    page.wait_for_function("Orrery.controls.state.photo.startsWith('data:image/')")
    settle(page)
    page.wait_for_function("document.querySelector('.findings').innerText.includes('nothing is matched or judged')")
    sides = page.evaluate("['x', 'y'].map(a => Math.max(...Orrery.stage.drawing.plot._fullLayout[`${a}axis`].range))")
    assert sides == [64, 40], "the longer side as asked, both in eights"
    assert set(facts(page)) == {"boxes"}, "no verdict without truth"
    click(page, 20.0, 20.0)
    assert len(parameters(page)["truth"].split(",")) == 5 and {"right", "false", "missed"} < set(facts(page))
    before = parameters(page)["truth"]
    drag(page, 1, 30, 20)
    assert parameters(page)["truth"] != before and len(parameters(page)["truth"].split(",")) == 5
