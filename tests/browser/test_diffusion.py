"""Diffusion: four ways from one noise, scrubbed; drawing a distribution; every question answers to its parameters."""

from __future__ import annotations

import numpy as np
import pytest
from driver import choose, enter, facts, figure, parameters, said, settle, view, words

PATIENCE = 300_000  # milliseconds; a shared machine may be slow
FEW = "world=lobes&points=300&steps=10"


@pytest.fixture
def open_diffusion(open_lab):
    """The lab's page, with patience for runs of seconds on a busy machine."""

    def open_(query: str = FEW):
        page = open_lab("diffusion", query, ignore=("422",))  # how a refusal answers
        page.set_default_timeout(PATIENCE)
        settle(page)
        return page

    return open_


def ways(page) -> dict[str, np.ndarray]:
    """The points of each guidance, as they are drawn: (n, 2)."""
    names = ("no class", "class only", "classifier", "classifier-free")
    return {t["name"]: np.stack([t["x"], t["y"]], -1) for t in figure(page) if t["name"] in names}


def scrub(page, moment: int) -> None:
    """Go to a moment of the figure."""
    page.locator("[data-scrub]").fill(str(moment))
    page.wait_for_function("Orrery.stage.settled()")


def table(page) -> dict[str, list[str]]:
    """The table's rows by their first cell."""
    rows = page.locator(".table tbody tr").all()
    return {cells[0]: cells[1:] for cells in ([c.inner_text() for c in row.locator("td").all()] for row in rows)}


def test_four_ways_leave_from_one_noise_and_part(open_diffusion):
    page = open_diffusion()
    ends = ways(page)
    assert list(ends) == ["no class", "class only", "classifier", "classifier-free"]
    np.testing.assert_allclose(ends["classifier"], ends["classifier-free"], atol=1e-4)
    assert np.abs(ends["class only"] - ends["classifier-free"]).max() > 0.3
    scrub(page, 0)
    begun = ways(page)
    for points in begun.values():
        np.testing.assert_array_equal(points, begun["no class"])
    assert facts(page)["step"] == "0 / 10" and float(facts(page)["σ"]) > 100
    rows = table(page)
    assert float(rows["class only"][1]) > float(rows["classifier-free"][1]), "guidance costs diversity"
    assert rows["classifier-free"][6:] == ["10", "6 000".replace(" ", "\u202f")]


def test_each_parameter_moves_what_it_should(open_diffusion):
    page = open_diffusion()
    before = ways(page)
    enter(page, "scale", 0)
    after = ways(page)
    np.testing.assert_allclose(after["classifier-free"], after["class only"], atol=1e-4)
    np.testing.assert_allclose(after["class only"], before["class only"])
    enter(page, "seed", 5)
    assert not np.allclose(ways(page)["class only"], before["class only"])
    choose(page, "sampler", "heun")
    assert table(page)["class only"][6] == "19"
    choose(page, "schedule", "edm")
    enter(page, "steps", 6)
    scrub(page, 0)
    assert facts(page) == facts(page) | {"step": "0 / 6", "σ": "80"}


def test_the_push_is_confined_to_its_interval(open_diffusion):
    page = open_diffusion(f"{FEW}&guide_from=0.3&guide_to=0.7&view=7")
    pushes = next(t for t in figure(page) if t["name"] == "classifier-free")["y"]
    assert (pushes[3:7] > 0).all() and (pushes[:3] == 0).all() and (pushes[7:] == 0).all()
    assert "guided here" in words(page)


def test_every_step_shows_where_it_is_headed(open_diffusion):
    page = open_diffusion(f"{FEW}&view=2&guidance=unconditional")
    scrub(page, 0)
    state, clean = (next(t for t in figure(page) if t["name"].startswith(n)) for n in ("state", "predicted"))
    assert np.std(clean["x"]) < 0.5 * np.std(state["x"]), "out of pure noise all are headed for the mean"
    scrub(page, 10)
    state, clean = (next(t for t in figure(page) if t["name"].startswith(n)) for n in ("state", "predicted"))
    np.testing.assert_allclose(clean["x"], state["x"], atol=1e-5)


def test_scales_trade_the_law_and_the_solvers_are_measured(open_diffusion):
    page = open_diffusion()
    view(page, 2)
    spread = [np.std(np.stack([t["x"], t["y"]])) for t in figure(page) if t["name"].startswith("w =")]
    assert len(spread) == 6 and len([w for w in words(page) if "recognised" in w]) == 6
    view(page, 3)
    recall = [t for t in figure(page) if t["name"] == "classifier-free"][3]["y"]
    assert recall[0] > recall[-1] + 0.3
    view(page, 4)
    near, tilted = (next(t for t in figure(page) if t["name"].startswith(n)) for n in ("to p(x | y)", "to p(x | y) p"))
    assert near["y"][3] > near["y"][1] and np.isfinite(tilted["y"]).all()
    view(page, 5)
    error = {t["name"].partition(",")[0]: t["y"] for t in figure(page)}
    assert error["Heun"][-1] < error["Euler"][-1]
    assert "so few steps are not there yet" in page.locator(".findings").inner_text()


def test_a_distribution_is_drawn_and_one_point_is_refused(open_diffusion):
    page = open_diffusion()
    choose(page, "world", "drawn")
    page.locator("[data-param=drawing] button", has_text="Clear").click()
    page.wait_for_function("document.querySelector('.said').innerText.includes('at least 2 places')")
    canvas = page.locator("[data-param=drawing] canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    page.locator("[data-param=drawing] [data-label='3']").click()
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.25 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 0.25 * box["height"])
    page.mouse.up()
    page.wait_for_function("!document.querySelector('.said').innerText")
    settle(page)
    drawn = ways(page)["class only"]
    assert drawn[:, 1].mean() > 0.8 and np.ptp(drawn[:, 0]) > 2, "a bar across the upper half"


def test_bad_input_is_told_and_what_a_world_lacks(open_diffusion):
    page = open_diffusion(FEW)
    box = page.locator("[data-param=steps] input.num")
    box.fill("0")
    box.press("Enter")
    assert "steps must be a whole number from 1 to 1000; got '0'" in said(page)
    box.fill("8")
    box.press("Enter")
    settle(page)
    choose(page, "label", "2")
    offered = page.locator("[data-param=label] option:not([hidden])").all_inner_texts()
    assert offered == ["every class in turn", "top", "left", "right"]
    choose(page, "world", "moons")
    assert "this world's last class is 1 (lower); 2 is read as that" in page.locator(".findings").inner_text()
    assert parameters(page)["label"] == 2


def test_a_network_learns_while_one_looks_on(open_diffusion):
    page = open_diffusion()
    choose(page, "score", "network")
    view(page, 7)
    loss = next(t for t in figure(page) if t["name"] == "loss")["y"]
    assert loss[-10:].mean() < loss[0]
    bars = next(t for t in figure(page) if t["type"] == "bar")["y"]
    assert len(bars) == 3 and (bars > 0).all()
    view(page, 0)
    ends = ways(page)
    assert np.abs(ends["classifier"] - ends["classifier-free"]).max() > 1e-3, "two networks, two answers"
