"""The Poisson page: how each view answers to its parameters."""

from __future__ import annotations

import numpy as np
import pytest
from driver import choose, enter, facts, figure, paints, parameters, preset, settle, view, wait_painted, words
from scipy import stats

TIMELINE, COUNTS, WAITS, LIMIT, TWO, LOST, UNIFORM, INSPECTED, VARYING = range(9)
MANY = "runs=20000"


def scrub_to(page, at: int) -> None:
    """Drag the scrubber to the frame at a place; -1 is the last."""
    count = paints(page)
    page.evaluate(
        """at => { const s = document.querySelector('[data-scrub]'); s.value = at < 0 ? s.max : at;
                   s.dispatchEvent(new Event('input')); }""",
        at,
    )
    wait_painted(page, count)


def test_strokes_come_as_time_passes_and_their_counts_follow_the_law(open_lab):
    page = open_lab("poisson")
    strokes, now, bars, marks = figure(page)
    arrived = len(strokes["x"])
    assert strokes["x"].max() < 1 and 80 < arrived < 160
    np.testing.assert_allclose(marks["y"][:12], stats.poisson(3).pmf(np.arange(12)), atol=1e-6)
    assert np.abs(bars["y"] - marks["y"]).max() < 4.5 * np.sqrt(0.25 / 2000)
    scrub_to(page, 0)
    strokes, now, bars, marks = figure(page)
    assert len(strokes["x"]) == 0 and bars["y"][0] == marks["y"][0] == 1
    scrub_to(page, 30)
    strokes, now, bars, marks = figure(page)
    at = now["x"][0]
    assert 0 < at < 1 and 0 < len(strokes["x"]) < arrived and strokes["x"].max() <= at + 1e-6
    np.testing.assert_allclose(marks["y"][:12], stats.poisson(3 * at).pmf(np.arange(12)), atol=1e-6)


def test_time_plays_as_fast_as_it_is_told(open_lab):
    page = open_lab("poisson", "rate=20&window=3&unit_of_time=second")
    assert page.locator(".moment").inner_text() == "t = 3.0 s"
    assert page.locator(".speed option").all_inner_texts() == ["×1"]
    seconds = page.evaluate(
        """() => new Promise(done => {
            const begun = performance.now(), play = document.querySelector('.time [aria-pressed]');
            play.click();
            const wait = () => play.getAttribute('aria-pressed') === 'true'
                ? setTimeout(wait, 20) : done((performance.now() - begun) / 1000);
            wait();
        })"""
    )
    assert seconds >= 2.9 and page.locator(".moment").inner_text() == "t = 3.0 s"
    choose(page, "unit_of_time", "day")
    assert page.locator(".speed").input_value() == "36000"
    scrub_to(page, -1)
    assert page.locator(".moment").inner_text() == "t = 3 d 00:00:00"


def test_the_box_answers_exactly(open_lab):
    page = open_lab("poisson")
    assert facts(page)["Exactly 6 births in the next hour"].startswith("5.041\u00a0%")
    assert facts(page)["No births"].startswith("4.979\u00a0%") and facts(page)["At least 6 births"].startswith("8.392\u00a0%")
    enter(page, "at_least", 2)
    law = stats.poisson(3)
    assert facts(page)["At least 2 births"].startswith(f"{100 * law.sf(1):.4g}\u00a0%")
    view(page, COUNTS)
    fewer, asked, _ = figure(page)
    assert fewer["x"].tolist() == [0, 1] and asked["x"][0] == 2
    page.locator("#language").click()
    assert "接下来 1 小时内恰好 2 次出生" in page.locator(".facts").inner_text()


def test_the_heap_moves_with_the_rate_and_widens_with_its_root(open_lab):
    page = open_lab("poisson", f"view={COUNTS + 1}&{MANY}")
    settle(page)
    for rate in (4, 64):
        enter(page, "rate", rate)
        fewer, asked, law = figure(page)
        k, share = np.r_[fewer["x"], asked["x"]], np.r_[fewer["y"], asked["y"]]
        mean = share @ k
        assert mean == pytest.approx(rate, abs=4.5 * (rate / 20_000) ** 0.5)
        assert ((k - mean) ** 2 @ share) ** 0.5 == pytest.approx(rate**0.5, rel=0.03)
        np.testing.assert_allclose(law["y"], stats.poisson(rate).pmf(law["x"]), atol=1e-6)
    enter(page, "window", 0.5)
    assert facts(page)["Mean"].endswith("(exact 32)")


def test_waits_stretch_as_the_rate_falls_and_the_kth_comes_k_times_as_late(open_lab):
    page = open_lab("poisson", f"view={WAITS + 1}")
    for rate, k in ((3, 3), (0.5, 7)):
        enter(page, "rate", rate)
        enter(page, "kth", k)
        gaps, blind, law, waits, erlang = figure(page)
        width = gaps["x"][1] - gaps["x"][0]
        assert (gaps["y"] * width) @ gaps["x"] == pytest.approx(1 / rate, rel=0.1)
        assert (blind["y"] * width) @ blind["x"] == pytest.approx(1 / rate, rel=0.15)
        np.testing.assert_allclose(law["y"], rate * np.exp(-rate * law["x"]), atol=1e-5)
        np.testing.assert_allclose(erlang["y"], stats.gamma(k, scale=1 / rate).pdf(erlang["x"]), atol=1e-5)
        assert (waits["y"] * (waits["x"][1] - waits["x"][0])) @ waits["x"] == pytest.approx(k / rate, rel=0.1)
    assert any("Erlang" in text for text in words(page))


def test_the_binomial_law_nears_the_poisson_law_below_both_bounds(open_lab):
    page = open_lab("poisson", f"view={LIMIT + 1}")
    distances = []
    for at in (0, 8, -1):
        scrub_to(page, at)
        law, limit, le_cam, barbour_hall, distance, shown = figure(page)
        n = int(shown["x"][0])
        np.testing.assert_allclose(law["y"], stats.binom(n, 3 / n).pmf(law["x"]), atol=1e-6)
        np.testing.assert_allclose(limit["y"], stats.poisson(3).pmf(limit["x"]), atol=1e-6)
        distances.append(shown["y"][0])
    assert n == 1000 and distances == sorted(distances, reverse=True)
    assert (distance["y"] <= barbour_hall["y"]).all() and (barbour_hall["y"] <= le_cam["y"]).all()
    np.testing.assert_allclose(le_cam["y"], 9 / le_cam["x"], rtol=1e-6)
    enter(page, "most_trials", 100_000)
    assert figure(page)[2]["x"].max() == 100_000


def test_two_streams_add_and_a_thinned_one_falls_in_two(open_lab):
    page = open_lab("poisson", f"view={TWO + 1}&second_rate=5")
    settle(page)
    together, law = figure(page)[2:4]
    assert together["y"] @ together["x"] == pytest.approx(8, abs=4.5 * (8 / 2000) ** 0.5)
    np.testing.assert_allclose(law["y"], stats.poisson(8).pmf(law["x"]), atol=1e-6)
    assert facts(page)["The first to come is of the first stream"].endswith("(exact 37.5\u00a0%)")
    view(page, LOST)
    enter(page, "keep", 0.25)
    kept, kept_law, lost = figure(page)[2:5]
    k = np.rint(kept_law["x"] + 0.2)
    np.testing.assert_allclose(kept_law["y"], stats.poisson(0.75).pmf(k), atol=1e-6)
    assert kept["y"] @ np.rint(kept["x"] + 0.2) == pytest.approx(0.75, abs=0.1)
    assert lost["y"] @ np.rint(lost["x"] - 0.2) == pytest.approx(2.25, abs=0.16)


def test_given_their_number_arrivals_are_uniform_and_a_blind_moment_finds_long_gaps(open_lab):
    page = open_lab("poisson", f"view={UNIFORM + 1}&{MANY}&rate=2&window=2")
    settle(page)
    pooled, law, *ranks = figure(page)
    np.testing.assert_allclose(law["y"], 0.5)
    assert np.abs(pooled["y"] - 0.5).max() < 0.5 * 4.5 * (40 / 80_000) ** 0.5
    assert len(ranks) == 8
    first = ranks[1]
    np.testing.assert_allclose(first["y"], stats.beta(1, 4).pdf(first["x"] / 2) / 2, atol=0.01)
    preset(page, 4)
    assert parameters(page)["rate"] == 20 and page.locator(f"#tab-{INSPECTED}").get_attribute("aria-selected") == "true"
    measured, exact = figure(page)[3:5]
    assert np.abs(measured["y"][5:] - 0.1).max() < 0.012
    np.testing.assert_allclose(exact["y"][5:], (2 - np.exp(-20 * exact["x"][5:])) / 20, rtol=1e-3)


def test_candidates_under_the_curve_stay(open_lab):
    page = open_lab("poisson", f"view={VARYING + 1}")
    enter(page, "depth", 1)
    enter(page, "cycles", 2)
    kept, lost, curve = figure(page)[:3]
    rate = lambda s: 3 * (1 + np.sin(4 * np.pi * s))  # noqa: E731
    np.testing.assert_allclose(curve["y"], rate(curve["x"]), atol=1e-5)
    assert (kept["y"] <= rate(kept["x"]) + 1e-5).all() and (lost["y"] >= rate(lost["x"]) - 1e-5).all()
    assert facts(page)["Kept of the candidates"].endswith("(exact 50\u00a0%)")


def test_controls_of_other_questions_are_folded_away(open_lab):
    page = open_lab("poisson")
    assert page.locator("[data-param=rate]").is_visible() and page.locator("[data-param=kth]").is_hidden()
    view(page, WAITS)
    assert page.locator("[data-param=kth]").is_visible() and page.locator("[data-param=at_least]").is_hidden()
    order = page.evaluate("[...document.querySelectorAll('#controls [data-param]')].map(b => b.dataset.param)")
    assert order[:4] == ["rate", "window", "runs", "kth"]
    page.locator(".more summary").click()
    assert page.locator("[data-param=at_least]").is_visible()
    choose(page, "event", "visit")
    enter(page, "at_least", 9)
    view(page, TIMELINE)
    assert "Exactly 9 visits in the next hour" in facts(page)
