"""How the views of speculative decoding answer to their parameters, judged by closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from driver import enter, facts, figure, parameters, settle, view


def named(page, name: str) -> dict:
    return next(trace for trace in figure(page) if trace["name"] == name)


def read(text: str) -> float:
    """A number as it is shown: 0.6, 1.7 ×, 3.4 × 10⁻⁶."""
    plain = text.replace("\u00a0", " ").translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻−", "0123456789--"))
    if plain.startswith("10-"):
        return float(f"1e{plain[2:]}")
    return float(plain.replace(" × 10", "e").removesuffix("×"))


def toy(open_lab, query: str = "", place: int = 6):
    page = open_lab("speculative-decoding", f"task=toy&p=0.5,0.3,0.2&q=0.2,0.2,0.6&gamma=3&cost=0.1&view={place}{query}")
    settle(page)
    return page


def test_the_written_law_is_p_in_two_parts(open_lab):
    page = toy(open_lab)
    kept, added = named(page, "a kept guess: min(p, q)")["y"], named(page, "resampled: (p − q)₊")["y"]
    np.testing.assert_allclose(kept, [0.2, 0.2, 0.2], atol=1e-6)
    np.testing.assert_allclose(kept + added, [0.5, 0.3, 0.2], atol=1e-6)
    assert read(facts(page)["α = Σ min(p, q)"]) == pytest.approx(0.6)
    enter(page, "q", "5, 3, 2")
    assert read(facts(page)["α = Σ min(p, q)"]) == pytest.approx(1)
    np.testing.assert_allclose(named(page, "resampled: (p − q)₊")["y"], 0, atol=1e-6)


def test_dragging_a_bar_keeps_a_distribution(open_lab):
    page = toy(open_lab)
    knob = page.locator(".knob").first  # p of A
    box = knob.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 90, steps=3)
    page.mouse.up()
    settle(page)
    p = [float(v) for v in parameters(page)["p"].split(",")]
    assert p[0] < 0.45 and sum(p) == pytest.approx(1, abs=2e-3) and p[1] / p[2] == pytest.approx(1.5, rel=5e-3)
    np.testing.assert_allclose(named(page, "target's p")["y"], np.array(p) / sum(p), atol=1e-4)


def test_tokens_of_a_step_and_their_worth_are_the_formulas(open_lab):
    page = toy(open_lab, place=7)
    told = facts(page)
    want = sum(0.6**k for k in range(4))
    assert read(told["tokens a step, enumerated"]) == pytest.approx(want, abs=1e-4)
    np.testing.assert_allclose(named(page, "exact")["y"], [0.4, 0.24, 0.144, 0.216], atol=1e-6)
    assert read(told["speed-up here"]) == pytest.approx(want / 1.3, abs=0.006)
    enter(page, "cost", 1)
    assert read(facts(page)["speed-up here"]) == pytest.approx(want / 4, abs=0.006)


def test_pointing_at_a_token_shows_its_decision(open_lab):
    page = open_lab("speculative-decoding")
    chips = page.locator(".strip .token")
    refused = [text.startswith("✗") for text in chips.all_text_contents()].index(True)
    chips.nth(refused).hover()
    settle(page)
    told = facts(page)
    assert read(told["u"]) >= read(told["p"]) / read(told["q"]) - 2e-2
    left = named(page, "after a rejection: (p − q)₊")["x"]
    p, q = named(page, "target's p")["x"], named(page, "draft's q")["x"]
    np.testing.assert_allclose(left, np.maximum(p - q, 0) / (1 - read(told["Σ min(p, q)"])), rtol=2e-2, atol=1e-3)
    page.locator(".round.small").first.click()
    settle(page)
    assert page.locator("[data-scrub]").input_value() == str(refused - 1)


def test_the_measured_points_stand_on_their_formulas(open_lab):
    page = open_lab("speculative-decoding", "view=3")
    told, one = facts(page), named(page, "formula, eq. 1")
    alpha, c = read(told["α"]), read(told["c"])
    want = (1 - alpha ** (one["x"] + 1)) / (1 - alpha)
    np.testing.assert_allclose(one["y"], want, rtol=1e-2)
    np.testing.assert_allclose(named(page, "formula, measured c")["y"], want / (one["x"] * c + 1), rtol=2e-2)
    view(page, 1)
    assert page.locator(".strip").count() == 2
    assert page.locator(".speed").is_visible()
