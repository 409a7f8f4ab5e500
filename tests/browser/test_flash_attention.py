"""How the views of FlashAttention answer to their parameters, judged by closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from driver import choose, enter, facts, figure, parameters, preset, settle, view, words

CHIP = {"t4": (8.1, 320.0)}  # fp32 TFLOP/s and GB/s, from its datasheet


def named(page, name: str) -> list[dict]:
    return [trace for trace in figure(page) if trace["name"] == name]


def scrub(page, at: int) -> None:
    page.locator("input.scrub").fill(str(at))
    settle(page)


def table(page) -> list[list[str]]:
    return page.evaluate("() => [...document.querySelectorAll('.table tbody tr')].map(r => [...r.children].map(c => c.innerText))")


def number(text: str) -> float:
    """A number with its unit's prefix: 8.42 MB, 1 140."""
    value, _, unit = text.replace("\u2212", "-").partition("\u00a0")
    return float(value.replace("\u202f", "")) * {"k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}.get(unit[:1], 1.0)


def test_tiles_are_scrubbed_and_end_at_the_exact_output(open_lab):
    page = open_lab("flash-attention")
    query, key, value = (np.nan_to_num(named(page, name)[0]["z"]) for name in ("Q", "K", "V"))
    weights = np.exp(query @ key / 2)
    exact = weights / weights.sum(1, keepdims=True) @ value.T
    scrub(page, 0)
    assert facts(page)["comes in"] == str(3 * 4 * 4) and facts(page)["goes out"] == "0"
    assert np.isnan(named(page, "O")[0]["z"][4:]).all()
    page.keyboard.press("ArrowRight")
    settle(page)
    assert facts(page)["comes in"] == str(2 * 4 * 4)
    tells = page.locator(".tells").inner_text()
    row = next(row for row in table(page) if f"Row {row[0]} " in tells)
    assert row[4].split()[-1] in tells, "the sum in words is the table's"
    scrub(page, 8)
    assert facts(page)["goes out"] == str(4 * 4 + 4) and facts(page)["answer still off by"] == "0"
    np.testing.assert_allclose(named(page, "O")[0]["z"], exact, atol=1e-5)
    # Q in and O, lse out once; K and V once for each of the three blocks of rows
    assert facts(page)["moved so far"] == str(2 * 12 * 4 + 12 + 3 * 2 * 12 * 4)
    assert len(table(page)) == 4


def test_a_causal_mask_leaves_tiles_out(open_lab):
    page = open_lab("flash-attention")
    last = page.evaluate("Number(document.querySelector('input.scrub').max)")
    assert last == 8 and "never computed" not in words(page)
    choose(page, "causal", True)
    assert page.evaluate("Number(document.querySelector('input.scrub').max)") == 5 and "never computed" in words(page)


def test_three_passes_two_and_one(open_lab):
    page = open_lab("flash-attention", "view=2")
    for reads, done in ((12, ["flash"]), (24, ["flash", "online", "naive"]), (36, ["flash", "online", "naive", "safe"])):
        scrub(page, reads - 1)
        says = {row[0].split(",")[0]: row[-1] for row in table(page)}
        assert sorted(k for k, v in says.items() if v == "done") == sorted({"flash": "FlashAttention"}.get(name, name) for name in done)
    sums = {row[0].split(",")[0]: row[3] for row in table(page)}
    assert sums["safe"] == sums["online"] == sums["FlashAttention"]
    preset(page, 2)
    scrub(page, 47)
    assert table(page)[0][-1].startswith("overflow") and "naive: half precision ends" in words(page)


def test_bytes_fall_with_fast_memory_and_rise_with_the_square_of_the_head_dimension(open_lab):
    page = open_lab("flash-attention", "view=3&length=16384&heads=1")
    moved = number(facts(page)["tiled moves"])
    assert number(facts(page)["naive moves"]) == pytest.approx(4 * (4 * 16_384 * 64 + 4 * 16_384**2), rel=0.01)
    enter(page, "fast_memory", 384)
    assert moved / number(facts(page)["tiled moves"]) == pytest.approx(2, rel=0.1)
    half = number(facts(page)["tiled moves"])
    enter(page, "head_dim", 32)
    assert half / number(facts(page)["tiled moves"]) == pytest.approx(4, rel=0.15)
    view(page, 3)
    roof = named(page, "roof")[0]
    peak, bandwidth = CHIP["t4"]
    np.testing.assert_allclose(roof["y"], np.minimum(peak, roof["x"] * bandwidth / 1000), rtol=1e-5)


def test_the_recorded_sweep_stands_beside_the_ceiling(open_lab):
    page = open_lab("flash-attention")
    preset(page, 4)
    assert parameters(page)["task"] == "timing" and page.locator(".prov").inner_text().startswith("recorded")
    seen = {name: named(page, name)[-1]["y"] for name in ("naive", "ours", "at the ceiling")}
    assert (seen["ours"] > 0.5 * seen["at the ceiling"]).all() and seen["naive"][-1] > seen["ours"][-1]
    said = page.locator(".findings").inner_text()
    assert "times as fast as naive attention" in said and "runs each" in said and "memory of ours" not in said
    view(page, 5)
    held = {name: named(page, name)[-1]["y"] for name in ("naive", "ours", "one matrix")}
    assert held["ours"][-1] < held["one matrix"][-1] < held["naive"][-1]
    said = page.locator(".findings").inner_text()
    assert "memory of ours" in said and "as fast as" not in said


def test_a_sweep_is_measured_here_and_fills_the_figure(open_lab):
    page = open_lab("flash-attention", "task=timing&length=128&head_dim=16&heads=1&view=5")
    settle(page)
    page.wait_for_function("document.querySelector('.prov').innerText.startsWith('measured')")
    ours = named(page, "ours")[-1]
    assert ours["x"].tolist() == [16, 32, 64, 128] and (ours["y"] > 0).all()
    assert page.locator(".table tbody tr").count() >= 3
