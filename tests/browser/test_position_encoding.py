"""How the views of position encoding answer to their parameters, judged by closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from driver import choose, enter, facts, figure, parameters, settle, view, words

from engine.attention.position_encoding import parameters as parameters_of

ENCODINGS = {title.en for title in parameters_of.ENCODINGS.values()}


def scrub(page, at: int) -> None:
    page.locator("input.scrub").fill(str(at))
    settle(page)


def heatmaps(page) -> list[np.ndarray]:
    return [trace["z"] for trace in figure(page) if trace["type"] == "heatmap"]


def test_tiles_say_what_was_measured_and_open_their_encoding(open_lab):
    page = open_lab("position-encoding")
    assert {"✗ Sinusoidal", "✓ Rotary"} == {text for text in words(page) if text[:2] in ("✓ ", "✗ ") and text[2:] in ENCODINGS}
    view(page, 6)
    marks = {text[2:]: text[0] for text in words(page) if text[:2] in ("✓ ", "✗ ")}
    assert marks["Rotary"] == marks["ALiBi"] == marks["T5"] == marks["Shaw"] == "✓"
    assert marks["Sinusoidal"] == marks["Learned"] == marks["Recurrent"] == "✗"
    mosaic = heatmaps(page)[0]
    place = page.evaluate(
        """() => { const plot = Orrery.stage.drawing.plot, f = plot._fullLayout, b = plot.getBoundingClientRect();
        return [b.x + f.xaxis._offset + f.xaxis.c2p(44), b.y + f.yaxis._offset + f.yaxis.c2p(84)]; }"""
    )
    assert mosaic.shape == (96, 128)
    page.mouse.move(*place)
    page.mouse.click(*place)  # the second tile of the third row
    page.wait_for_function("Orrery.controls.state.encoding === 'alibi'")
    settle(page)
    view(page, 0)
    assert {"✗ Sinusoidal", "✓ ALiBi"} <= set(words(page))
    view(page, 1)
    assert facts(page)["Encoding"] == "ALiBi"


def test_the_terms_of_a_score_add_up(open_lab):
    page = open_lab("position-encoding", "view=2&encoding=xlnet")
    terms = []
    for moment in range(5):
        scrub(page, moment)
        terms.append(heatmaps(page)[1])
    np.testing.assert_allclose(sum(terms[:4]), terms[4], atol=1e-5)
    for term in terms[1:]:
        np.testing.assert_allclose(term[1:, 1:], term[:-1, :-1], atol=1e-5)
    choose(page, "encoding", "alibi")
    enter(page, "head", 3)
    slope = heatmaps(page)[0]
    np.testing.assert_allclose(slope[5], -0.125 * np.abs(5 - np.arange(slope.shape[1])), atol=1e-6)


def test_hands_turn_by_theta_while_the_score_stands_still(open_lab):
    page = open_lab("position-encoding", "view=3&dimension=16&base=100&offset=0&distance=5")

    def state():
        traces = figure(page)
        query = next(t for t in traces if t["name"] == "query at m")
        hand = np.array([query["x"][1] - query["x"][0], query["y"][1] - query["y"][0]])
        return np.arctan2(*hand[::-1]), next(t["y"] for t in traces if t["type"] == "bar"), facts(page)["score"]

    scrub(page, 0)
    before = state()
    scrub(page, 2)
    after = state()
    assert np.cos(after[0] - before[0]) == pytest.approx(np.cos(2.0), abs=1e-3)  # θ of the first pair is 1
    np.testing.assert_allclose(after[1], before[1], atol=1e-6)
    assert before[2] == after[2] and facts(page)["m"] == "7" and facts(page)["n"] == "2"


def test_wavelengths_stretch_as_each_scaling_says(open_lab):
    page = open_lab("position-encoding", "view=4&dimension=32&base=1000&factor=8")
    own, slower, ntk, _ = (t["y"] for t in figure(page)[:4])
    np.testing.assert_allclose(own, 2 * np.pi * 1000 ** (np.arange(16) / 16), rtol=1e-5)
    np.testing.assert_allclose(slower, 8 * own, rtol=1e-5)
    np.testing.assert_allclose(ntk[[0, -1]], own[[0, -1]] * [1, 8], rtol=1e-5)
    enter(page, "factor", 2)
    np.testing.assert_allclose(figure(page)[1]["y"], 2 * own, rtol=1e-5)


def tag(page) -> str:
    """How the figure's numbers are labelled, and where they are from."""
    return page.locator(".prov").inner_text()


def test_models_are_compared_and_read_here_on_request(open_lab):
    page = open_lab("position-encoding", "view=5")
    assert tag(page).startswith("recorded recorded on") and {"as trained", "YaRN"} <= set(words(page))
    view(page, 3)
    assert tag(page).startswith("exact")
    view(page, 5)
    assert tag(page).startswith("recorded") and "small model trained on" in page.locator(".findings").inner_text()
    page = open_lab("position-encoding", "task=models&windows=1&view=6")
    page.wait_for_function("document.querySelector('.prov').textContent.startsWith('measured')", timeout=120_000)
    page.wait_for_function("Orrery.stage.settled()", timeout=120_000)
    assert parameters(page)["task"] == "models" and " torch " in tag(page)
    curves = [trace for trace in figure(page) if trace["name"] == "Rotary" and trace["x"][-1] > 256]
    assert np.isfinite(curves[-1]["y"]).all() and curves[-1]["x"][-1] < 512
    assert "cannot tell" in page.locator(".findings").inner_text()  # one text is too few
    view(page, 10)
    assert tag(page).startswith("recorded")  # the run measured no moved texts
