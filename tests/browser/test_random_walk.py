"""How the views of the random walk answer to its parameters, judged by closed forms."""

from __future__ import annotations

import re

import numpy as np
import pytest
from driver import choose, enter, facts, figure, preset, settle
from scipy import stats


def heap(page):
    """Sites, measured shares, exact shares where there are any."""
    measured, law = figure(page)[:2]
    assert (measured["x"] == law["x"]).all()
    return measured["x"], measured["y"], np.nan_to_num(law["y"])


def numbers(text: str) -> tuple[float, float]:
    """A fact: what was measured, and the exact value behind it."""
    plain = text.replace("\u202f", "").replace("\u2212", "-")
    measured, exact = re.findall(r"-?\d+(?:\.\d+)?", plain)
    return float(measured), float(exact)


def test_the_marks_are_the_binomial_law_with_its_gaps(open_lab):
    page = open_lab("random-walk", "steps=37&up=0.31")
    settle(page)
    sites, measured, law = heap(page)
    exact = np.where((sites + 37) % 2 == 0, stats.binom.pmf((sites + 37) // 2, 37, 0.31), 0)
    np.testing.assert_allclose(law[exact > 1e-4], exact[exact > 1e-4], rtol=1e-4)
    assert (measured[(sites + 37) % 2 == 1] == 0).all()


def test_four_times_the_steps_make_the_heap_twice_as_wide(open_lab):
    page = open_lab("random-walk", "steps=100")
    settle(page)

    def width():
        sites, measured, _ = heap(page)
        return np.sqrt((measured * sites**2).sum() - (measured * sites).sum() ** 2)

    before = width()
    enter(page, "steps", 400)
    assert width() / before == pytest.approx(2, rel=0.03)


def test_a_new_seed_moves_the_bars_and_leaves_the_law(open_lab):
    page = open_lab("random-walk")
    _, measured, law = heap(page)
    page.locator(".again").click()
    settle(page)
    _, again, law_again = heap(page)
    assert (again != measured).any() and (law == law_again).all()


def test_walls_pile_up_the_ruined(open_lab):
    page = open_lab("random-walk")
    preset(page, 2)
    sites, measured, law = heap(page)
    assert sites[0] == 0 and sites[-1] == 40
    assert measured[0] == pytest.approx(law[0], abs=0.02) and law[0] > 0.3


def test_spread_has_slope_one_or_two(open_lab):
    page = open_lab("random-walk", "view=3")
    settle(page)
    assert numbers(facts(page)["slope"])[0] == pytest.approx(1, abs=0.05)
    enter(page, "up", 0.9)
    enter(page, "steps", 1000)
    assert numbers(facts(page)["slope"])[1] == pytest.approx(2, abs=0.15)


def test_coming_home_depends_on_the_dimension(open_lab):
    page = open_lab("random-walk", "view=4&walkers=5000")
    settle(page)
    line = numbers(facts(page)["home by step n"])[0]
    choose(page, "dimension", 3)
    space = numbers(facts(page)["home by step n"])[0]
    assert line > 90 and 28 < space < 36
    assert "34.1" in facts(page)["ever, on a line, in a plane, in space"]


def test_the_gambler_wins_as_the_closed_form_says(open_lab):
    page = open_lab("random-walk", "view=5&up=0.45&start=6&target=11")
    settle(page)
    odds = 0.55 / 0.45
    right = 100 * (1 - odds**6) / (1 - odds**11)
    measured, exact = numbers(facts(page)["won"])
    assert exact == pytest.approx(right, rel=1e-2) and measured == pytest.approx(right, abs=4.5 * 50 / np.sqrt(20000) + 0.1)


def test_start_and_target_push_each_other(open_lab):
    page = open_lab("random-walk", "view=5")
    enter(page, "start", 30)
    assert page.evaluate("Orrery.controls.state.target") == 31
    enter(page, "target", 4)
    assert page.evaluate("Orrery.controls.state.start") == 3


def test_the_product_is_multiplied_out_power_by_power(open_lab):
    page = open_lab("random-walk", "view=7&up=0.3")
    settle(page)
    scrub = page.locator("[data-scrub]")
    scrub.focus()
    page.keyboard.press("End")
    page.wait_for_function("Orrery.stage.drawing.at === 11")
    settle(page)
    bars = figure(page)[0]
    exact = stats.binom.pmf((bars["x"] + 12) / 2, 12, 0.3)
    np.testing.assert_allclose(np.nan_to_num(bars["y"].astype(float)), exact, atol=1e-6)


def test_the_last_zero_is_most_often_early_or_late(open_lab):
    page = open_lab("random-walk", "view=8")
    settle(page)
    measured, law = figure(page)[:2]
    assert measured["y"][0] > 3 * np.median(measured["y"]) < measured["y"][-1]
    assert law["y"].sum() == pytest.approx(1, abs=1e-4)


def test_curve_and_bars_peak_at_one_height_in_the_plane(open_lab):
    page = open_lab("random-walk", "dimension=2&steps=5000")
    settle(page)
    _, law, limit = figure(page)[:3]
    assert np.nanmax(law["y"]) == pytest.approx(np.nanmax(limit["y"]), rel=0.01)
