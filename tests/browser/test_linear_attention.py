"""How the views of linear attention answer to their parameters, judged by closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from driver import choose, enter, facts, figure, settle, words


def named(page, name):
    return next(trace for trace in figure(page) if trace["name"] == name)


def moment(page, key):
    """Press a key on the scrubber and wait for the picture."""
    page.locator("[data-scrub]").focus()
    page.keyboard.press(key)
    settle(page)


def number(text: str) -> float:
    return float(text.replace("\u202f", "").split()[0])


def test_the_square_grows_with_the_length_and_the_state_with_the_width(open_lab):
    page = open_lab("linear-attention", "length=1024&head_dim=64")
    side = lambda name: np.ptp(named(page, name)["x"])  # noqa: E731
    assert (side("QKᵀ"), side("KᵀV")) == pytest.approx((1024, 64), abs=0.01)
    assert number(facts(page)["times as much"]) == 16
    moment(page, "Home")
    page.wait_for_function("Orrery.stage.drawing.at === 0")
    assert (side("QKᵀ"), side("KᵀV")) == pytest.approx((8, 64), abs=0.01)
    enter(page, "head_dim", 128)
    assert side("KᵀV") == pytest.approx(128, abs=0.01) and "equal at n = 128" in words(page)
    left, right = named(page, "(QKᵀ)V"), named(page, "Q(KᵀV)")
    np.testing.assert_allclose(left["y"] / right["y"], left["x"] / 128, rtol=1e-5)
    assert "KᵀV: never made" in words(page)
    choose(page, "first", "right")
    assert {"QKᵀ: never made", "KᵀV: 16\u202f384 numbers"} <= set(words(page)), "the brackets move, and with them what is made"


def test_without_sharpness_every_token_looks_at_all_before_it_alike(open_lab):
    page = open_lab("linear-attention", "view=2&tokens=12")
    enter(page, "sharpness", 0)
    for name in ("softmax", "elu + 1", "exp", "orthog."):
        z = named(page, name)["z"]
        np.testing.assert_allclose(np.nansum(z, 1), 1, atol=1e-6)
        np.testing.assert_allclose(z[7][:8], 1 / 8, atol=1e-6)
    assert any(text.startswith("elu + 1 · 0") for text in words(page))
    choose(page, "causal", False)
    np.testing.assert_allclose(named(page, "softmax")["z"], 1 / 12, atol=1e-6)
    enter(page, "text", "abba cab")
    enter(page, "sharpness", 6)
    assert page.locator(".strip .text").first.inner_text() == "abbacab"
    alike = np.array(list("abbacab")) == np.array(list("abbacab"))[:, None]
    softmax = named(page, "softmax")["z"]
    assert softmax[alike].mean() > 3 * softmax[~alike].mean(), "equal characters attend to each other"


def test_the_variance_is_the_formulas(open_lab):
    page = open_lab("linear-attention", "view=7&radius=0.4&angle=90")
    settle(page)
    exact, measured = named(page, "independent, formula"), named(page, "independent, measured")
    np.testing.assert_allclose(exact["y"] * exact["x"], np.expm1(2 * 0.4**2), rtol=1e-5)
    np.testing.assert_allclose(measured["y"], exact["y"], rtol=0.6)
    enter(page, "angle", 180)
    assert facts(page)["formula"] == "0"


def test_a_state_is_what_was_written(open_lab):
    page = open_lab("linear-attention", "view=4&decay=0.5")
    settle(page)
    state = named(page, "state")["z"]
    moment(page, "Home")
    page.wait_for_function("Orrery.stage.drawing.at === 0")
    settle(page)
    first = named(page, "state")["z"]
    np.testing.assert_allclose(first, named(page, "written")["z"], rtol=1e-6)
    assert np.linalg.matrix_rank(first, tol=1e-5) == 1 < np.linalg.matrix_rank(state, tol=1e-5)
    moment(page, "ArrowRight")
    page.wait_for_function("Orrery.stage.drawing.at === 1")
    settle(page)
    np.testing.assert_allclose(named(page, "state")["z"], first / 2 + named(page, "written")["z"], atol=1e-5)


def test_every_chunk_size_gives_the_same_and_the_cheap_one_follows_the_width(open_lab):
    page = open_lab("linear-attention", "view=8&decay=0.9&tokens=40")
    settle(page)
    assert facts(page)["forms differ by"].endswith("10⁻¹⁶") or facts(page)["forms differ by"].endswith("10⁻¹⁵")
    for width in (64, 128):
        enter(page, "head_dim", width)
        best = number(facts(page)["both low at"].removeprefix("C = "))
        assert best == pytest.approx(width / np.sqrt(2), rel=0.15)


def test_the_state_is_the_smaller_from_its_width_on(open_lab):
    page = open_lab("linear-attention", "view=5&head_dim=64&dtype=bfloat16&heads=4")
    settle(page)
    cache, state = named(page, "key–value cache"), named(page, "state")
    np.testing.assert_allclose(cache["y"], 4 * 2 * 64 * 2 * cache["x"], rtol=1e-6)
    np.testing.assert_allclose(state["y"], 4 * 4 * 64 * 65, rtol=1e-6)
    assert number(facts(page)["equal at token"]) == 65


def test_timing_streams_and_ends(open_lab):
    page = open_lab("linear-attention", "task=timing&length=128&head_dim=16&heads=1&view=6")
    page.wait_for_function("Orrery.stage.drawing.figure.table && document.querySelector('.work').hidden")
    settle(page)
    lengths = named(page, "linear, chunked")["x"]
    assert lengths.tolist() == [16, 32, 64, 128]
    for name in ("softmax, naive", "linear, chunked", "linear, all pairs"):
        assert (named(page, name)["y"] > 0).all()
    rows = page.locator(".table tbody tr")
    assert rows.count() >= 5
    said = page.locator(".findings").inner_text()
    assert "runs each" in said and "Nearest to softmax" not in said
