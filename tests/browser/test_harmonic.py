"""How the views of the harmonic series answer to their parameters, judged by closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from driver import choose, enter, facts, figure, parameters, preset, settle, view, words

SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
LABEL_OF_UNITS = "half a unit in the last place"


def number(text: str) -> float:
    plain = text.translate(SUPERSCRIPTS).replace("\u2212", "-").replace("\u202f", "").replace("\u00a0×\u00a010", "e")
    return float(plain)


def named(page, name):
    return next(trace for trace in figure(page) if trace["name"] == name)


def harmonic(n):
    return np.cumsum(1 / np.arange(1, n + 1))


def test_the_machine_stands_still_while_the_true_sum_goes_on(open_lab):
    page = open_lab("harmonic")
    settle(page)
    exact, machine = named(page, "exact"), named(page, "on the machine")
    k = exact["x"].astype(int)
    np.testing.assert_allclose(exact["y"], harmonic(2000)[k - 1], rtol=1e-6)
    still = machine["x"] >= 513
    assert still.sum() > 5 and (machine["y"][still] == 7.0859375).all()
    assert facts(page)["stops at k"] == "513"
    assert any("is missing" in text for text in words(page))


def test_three_bits_fewer_stop_eight_times_sooner(open_lab):
    page = open_lab("harmonic")
    choose(page, "dtype", "bf16")
    assert facts(page)["stops at k"] == "65" and number(facts(page)["the machine's sum"]) == 5.0625
    choose(page, "dtype", "fp64")
    assert facts(page)["stops at k"] == "not by here"
    assert abs(number(facts(page)["error"])) < 1e-12


def test_the_last_moment_is_shown_first_and_the_scrubber_goes_back(open_lab):
    page = open_lab("harmonic")
    settle(page)
    whole = len(named(page, "exact")["x"])
    scrub = page.locator("[data-scrub]")
    scrub.focus()
    page.keyboard.press("Home")
    page.wait_for_function("Orrery.stage.drawing.at === 0")
    settle(page)
    assert len(named(page, "exact")["x"]) < whole


def test_terms_cross_half_a_unit_where_the_sum_stops(open_lab):
    page = open_lab("harmonic", "view=2")
    settle(page)
    half, term = named(page, LABEL_OF_UNITS), named(page, "the term 1/k")
    np.testing.assert_allclose(term["y"], 1 / term["x"], rtol=1e-6)
    lost = term["y"] < half["y"]
    assert 512 <= term["x"][lost].min() < 560 and term["x"][~lost].max() <= 512
    rows = page.locator(".table tbody tr")
    assert rows.count() == 4
    assert "281\u202f474\u202f976\u202f710\u202f657" in rows.nth(3).inner_text()


def test_errors_stay_under_their_bounds(open_lab):
    page = open_lab("harmonic", "view=3")
    settle(page)
    traces = figure(page)
    assert len(traces) == 8
    for bound, error in zip(traces[::2], traces[1::2], strict=True):
        seen = np.isfinite(error["y"].astype(float))
        assert (error["y"][seen] <= bound["y"][seen] * (1 + 1e-5)).all()
    assert abs(number(facts(page)["Kahan"])) < abs(number(facts(page)["forward"])) / 100


def test_the_gap_to_the_logarithm_is_eulers_constant(open_lab):
    page = open_lab("harmonic", "view=4")
    enter(page, "n", 30000)
    n = figure(page)[0]["x"]
    assert n[-1] == 30000
    gap = figure(page)[0]["y"] - figure(page)[1]["y"]
    assert gap[-1] == pytest.approx(np.euler_gamma + 0.5 / 30000, abs=2e-6)
    assert number(facts(page)["Hₙ − ln n"]) == pytest.approx(np.euler_gamma + 0.5 / 30000, abs=1e-9)


def test_bars_and_groups_are_what_they_should_be(open_lab):
    page = open_lab("harmonic", "view=5&bars=7&n=64")
    settle(page)
    traces = figure(page)
    np.testing.assert_allclose(traces[0]["y"], 1 / np.arange(1, 8), rtol=1e-6)
    groups = named(page, "sum of the group")["y"]
    assert len(groups) == 7 and (groups >= 0.5).all() and groups.sum() == pytest.approx(harmonic(64)[-1], rel=1e-6)


def test_any_target_is_reached_and_the_ratio_follows_it(open_lab):
    page = open_lab("harmonic", "view=6")
    enter(page, "target", -0.25)
    assert number(facts(page)["sum"]) == pytest.approx(-0.25, abs=2e-3)
    assert number(facts(page)["limit ¼ exp(2 · target)"]) == pytest.approx(np.exp(-0.5) / 4, rel=1e-4)
    assert number(facts(page)["ratio"]) == pytest.approx(np.exp(-0.5) / 4, rel=1e-2)
    assert set(named(page, "target")["y"]) == {-0.25}


def test_coupons_take_m_times_the_harmonic_number(open_lab):
    page = open_lab("harmonic", "view=7")
    preset(page, 5)
    mean, spread = 365 * harmonic(365)[-1], number(facts(page)["spread, exact"])
    assert number(facts(page)["m · H, exact"]) == pytest.approx(mean, rel=1e-5)
    assert number(facts(page)["mean, measured"]) == pytest.approx(mean, abs=4.5 * spread / np.sqrt(1000))
    exact = named(page, "exact")
    np.testing.assert_allclose(exact["y"], 365 / (365 - exact["x"]), rtol=1e-6)


def test_the_tower_reaches_half_the_harmonic_number(open_lab):
    page = open_lab("harmonic", "view=8&blocks=20")
    settle(page)
    assert f"{harmonic(20)[-1] / 2:.3f} out" in words(page)
    enter(page, "blocks", 12367)
    assert "5.000 out" in words(page)
    here = named(page, "this tower")
    assert here["y"][0] == 12367 and here["x"][0] == pytest.approx(5, abs=1e-4)
    view(page, 8)
    assert facts(page) == {"the top block’s end": "0.650", "the tower": "it stands"}
    box, axis = page.locator("#figure .knob").first.bounding_box(), page.evaluate("Orrery.stage.drawing.plot._fullLayout.xaxis")
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 0.4 * axis["_length"] / 3.2, y + 60, steps=6)
    page.mouse.up()
    settle(page)
    assert parameters(page)["shift_1"] == pytest.approx(0.6, abs=0.02) and parameters(page)["shift_2"] == 0.2
    assert "the top block tips over" in words(page), "its centre of mass is 0.1 beyond the block below"
