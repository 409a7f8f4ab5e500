"""Detection metrics: dragging a corner moves overlap and matching; each mistake moves the score that it should."""

from __future__ import annotations

import numpy as np
import pytest
from driver import enter, facts, figure, parameters, preset, settle, view


def drag(page, knob: int, right: float, down: float) -> None:
    """Move one of the figure's handles by that many pixels of the screen."""
    box = page.locator("#figure .knob").nth(knob).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + right, y + down, steps=4)
    page.mouse.up()
    settle(page)


def test_a_list_of_scores_gives_the_curve_by_definition(open_lab):
    page = open_lab("detection-metrics", "source=rows")
    curve = next(trace for trace in figure(page) if trace["name"] == "precision")
    np.testing.assert_allclose(curve["x"], [0.25, 0.25, 0.5, 0.75, 0.75], atol=1e-6)
    np.testing.assert_allclose(curve["y"], [1, 1 / 2, 2 / 3, 3 / 4, 3 / 5], atol=1e-6)
    assert facts(page)["it is"] == "false", "the last moment tells of the last detection"
    page.locator("[data-scrub]").press("Home")
    settle(page)
    curve = next(trace for trace in figure(page) if trace["name"] == "precision")
    assert facts(page)["it is"] == "right" and len(curve["x"]) == 1


def test_scrubbing_shows_the_detection_and_so_does_pointing_at_it(open_lab):
    page = open_lab("detection-metrics")
    last = figure(page)
    page.locator("[data-scrub]").press("Home")
    settle(page)
    first = figure(page)
    box = [next(t["x"][:4] for t in traces if t["name"] == "taken last" and len(t["x"]) > 1) for traces in (first, last)]
    assert facts(page)["in picture"].isdigit() and not np.allclose(*box)
    place = next(i for i, t in enumerate(first) if t["name"] == "detections")
    page.evaluate(
        "i => { const { plot } = Orrery.stage.drawing; plot.emit('plotly_hover', {points: [{pointIndex: 4, data: plot.data[i]}]}); }", place
    )
    page.wait_for_function("document.querySelector('.moment').innerText.includes('5:')")


def test_dragging_a_corner_changes_the_overlap(open_lab):
    page = open_lab("detection-metrics", "view=2")
    before = parameters(page)["box_b"]
    drag(page, 2, 40, 30)
    after = [float(v) for v in parameters(page)["box_b"].split(",")]
    assert parameters(page)["box_b"] != before
    a, b = (np.array([20.0, 30, 70, 80]), np.array([*np.minimum(after[:2], after[2:]), *np.maximum(after[:2], after[2:])]))
    shared = np.prod(np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None))
    union = np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared
    iou = page.locator(".table td").nth(3).inner_text()
    assert float(iou) == pytest.approx(shared / union, abs=6e-4)


def test_a_hand_drawn_detection_stops_counting_when_it_is_dragged_away(open_lab):
    page = open_lab("detection-metrics", "source=boxes")

    def right() -> int:
        """How many detections moved the curve to the right."""
        curve = next(trace for trace in figure(page) if trace["name"] == "precision")
        return int((np.diff(curve["x"], prepend=0) > 0).sum())

    before = right()
    for knob in (1, 0):
        drag(page, knob, 160, 120)
    assert right() < before


def test_mistakes_cost_what_they_should(open_lab):
    page = open_lab("detection-metrics", "view=4&jitter=0&misnamed=0&missed=0&duplicated=0&background=0")
    counts, cost = figure(page)
    assert not counts["y"].any() and not cost["y"].any()
    enter(page, "missed", 0.5)
    counts, cost = figure(page)
    assert counts["y"].argmax() == 5 and cost["y"].argmax() == 5 and cost["y"][5] > 0.2


def test_a_cell_of_the_confusion_matrix_opens_its_picture(open_lab):
    page = open_lab("detection-metrics", "view=5")
    counts = figure(page)[0]["z"]
    before = parameters(page)["picture"]
    rows, columns = np.nonzero(counts)
    last = len(rows) - 1
    page.evaluate(
        "([r, c]) => Orrery.stage.drawing.plot.emit('plotly_click', {points: [{x: c, y: r, pointNumber: [r, c],"
        " data: {}, fullData: {xaxis: 'x'}}]})",
        [int(rows[last]), int(columns[last])],
    )
    settle(page)
    assert parameters(page)["picture"] != before
    view(page, 0)
    preset(page, 2)
    assert parameters(page)["duplicated"] == 1.0
