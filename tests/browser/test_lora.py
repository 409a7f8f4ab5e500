"""How the views of LoRA answer to their parameters, judged by closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from driver import enter, facts, figure, parameters, preset, said, settle, view, words

LONG = 240_000  # milliseconds that a run may take where others load the machine


def named(page, name):
    return next(trace for trace in figure(page) if trace["name"] == name)


def run(page):
    """Press Run where it is offered, and wait for the whole result."""
    button = page.locator(".run:visible")
    if button.count():
        button.first.click()
    page.wait_for_function("document.querySelector('.work').hidden && Orrery.stage.settled()", timeout=LONG)


def test_it_opens_on_the_elbow_and_the_optimum_is_eckart_and_youngs(open_lab):
    page = open_lab("lora")
    line, points = named(page, "Eckart–Young optimum"), named(page, "LoRA")
    assert page.locator(".prov").inner_text().startswith("recorded")
    s = 0.85 ** np.arange(8)
    for r, x, y in zip((1, 2, 4, 8, 16, 32), line["x"], line["y"], strict=True):
        assert x == r * 128
        assert y == pytest.approx(np.sqrt((s[r:] ** 2).sum() / (s**2).sum()), abs=1e-4)
    np.testing.assert_allclose(points["y"], line["y"], atol=0.01)
    assert any("r = r* = 8" in text for text in words(page))
    view(page, 2)
    np.testing.assert_allclose(named(page, "the known ΔW")["y"][:8], s / np.linalg.norm(s), rtol=1e-3)


def test_a_sweep_streams_moves_its_elbow_and_names_a_divergence(open_lab):
    page = open_lab("lora", "steps=60&seeds=2&ranks=0,1,4,full&true_rank=2&decay=0.5")
    run(page)
    line = named(page, "Eckart–Young optimum")
    np.testing.assert_allclose(line["y"], [np.sqrt(0.25 / 1.25), 0], atol=1e-4)
    view(page, 1)
    curve = named(page, "frozen")
    np.testing.assert_allclose(curve["y"], 1, atol=1e-4)
    enter(page, "learning_rate", 8)
    run(page)
    page.wait_for_function("document.querySelector('.findings').textContent.includes('diverges at step')", timeout=LONG)
    assert facts(page)["diverged"] != "0"


def test_bad_ranks_are_refused_in_a_sentence(open_lab):
    page = open_lab("lora")
    enter(page, "ranks", "1,100")
    page.wait_for_function("document.querySelector('.said').textContent.includes('at most 64')")
    assert "ranks must be at most 64" in said(page)


def test_memory_is_the_formula_and_is_checked_here(open_lab):
    page = open_lab("lora", "task=memory&ranks=8,full&targets=qv&view=5")
    run(page)
    settle(page)
    weights = named(page, "weights")["x"]
    np.testing.assert_allclose(weights[1], 2 * 72.706203648, rtol=1e-5)
    assert facts(page)["full, 16 bytes a parameter"].endswith("15 × 80 GB")
    assert facts(page)["full, 20 bytes a parameter"].startswith("1.47\u00a0TB")  # 20 · 72.706… and 15 GB of activations
    page.locator("input.scrub").fill("3")
    settle(page)
    np.testing.assert_allclose(named(page, "weights")["x"][1], 2 * 7.615616512, rtol=1e-5)
    view(page, 5)
    assert float(facts(page)["off by at most"].split()[0]) < 10


def test_digits_are_learned_and_forgotten(open_lab):
    page = open_lab("lora", "task=digits&steps=20&seeds=1&ranks=0,4,full&learning_rate=0.01")
    assert page.locator(".run:visible").count(), "minutes wait for Run"
    run(page)
    assert named(page, "frozen")["y"][0] == pytest.approx(0.104, abs=0.01)
    assert facts(page)["step"] == "20 / 20"
    view(page, 3)
    before = named(page, "before")
    assert before["y"][0] == pytest.approx(0.98, abs=0.01)


def test_presets_set_their_parameters(open_lab):
    page = open_lab("lora")
    preset(page, 3)
    state = parameters(page)
    assert state["task"] == "digits" and state["steps"] == 300
