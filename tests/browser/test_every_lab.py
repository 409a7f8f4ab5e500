"""What every lab's page must do, for whichever labs there are."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from driver import figure, paints, parameters, settle, view, wait_painted

import pages
from engine.core import experiments

LABS = [page.lab for found in pages.discover().values() for page in found]
SLUGS = [lab.slug for lab in LABS]


@pytest.mark.parametrize("lab", LABS, ids=SLUGS)
def test_every_view_is_painted(lab, open_lab):
    page = open_lab(lab.slug)
    for place, _ in enumerate(lab.views):
        if page.locator(f"#tab-{place}").is_hidden():
            continue
        if place:
            view(page, place)
        assert figure(page), lab.views[place].question.en
        assert page.locator("#figure .plot .main-svg").count(), lab.views[place].question.en
        assert page.locator("#figure .plot").get_attribute("aria-label").strip()
    assert page.locator(".prov").inner_text().startswith(("measured", "exact", "modelled", "recorded"))


@pytest.mark.parametrize("lab", LABS, ids=SLUGS)
def test_a_slider_repaints_and_moves_the_address(lab, open_lab):
    page = open_lab(lab.slug)
    slider = page.locator("#controls input[type=range]:visible").first
    name = slider.get_attribute("id").removeprefix("p-")
    before, count = parameters(page), paints(page)
    slider.focus()
    at_top = before[name] == page.evaluate(f"ORRERY.lab.schema['{name}'].maximum")
    page.keyboard.press("ArrowLeft" if at_top else "ArrowRight")
    wait_painted(page, count)
    settle(page)
    after = parameters(page)
    assert after[name] != before[name]
    page.wait_for_function(f"location.search.includes('{name}=')")


@pytest.mark.parametrize("lab", LABS, ids=SLUGS)
def test_the_address_is_the_state(lab, open_lab):
    if not lab.presets:
        pytest.skip("no presets")
    preset = lab.presets[-1]
    first = open_lab(lab.slug)
    first.locator(".preset").nth(len(lab.presets) - 1).click()
    settle(first)
    first.wait_for_timeout(300)
    address = first.url.split("?")[1] if "?" in first.url else ""
    second = open_lab(lab.slug, address)
    settle(second)
    assert parameters(second) == parameters(first) | dict(preset.values)
    if lab.experiment.cost_of(lab.experiment.params.parse(preset.values)) == "instant":
        one, two = figure(first), figure(second)
        assert [t["type"] for t in one] == [t["type"] for t in two]
        for a, b in zip(one, two, strict=True):
            if isinstance(a["y"], np.ndarray):
                np.testing.assert_array_equal(a["y"], b["y"])


@pytest.mark.parametrize("lab", LABS, ids=SLUGS)
def test_a_phone_shows_the_figure_first_and_nothing_sideways(lab, open_lab):
    page = open_lab(lab.slug, width=390, height=844, scheme="dark")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    top = page.evaluate("document.querySelector('#figure').getBoundingClientRect().top")
    assert top < page.evaluate("document.querySelector('#controls').getBoundingClientRect().top")
    assert top < 700


@pytest.mark.parametrize("lab", LABS, ids=SLUGS)
def test_chinese_is_complete_at_first_sight(lab, open_lab):
    page = open_lab(lab.slug, locale="zh-CN")
    assert page.locator("h1").inner_text() == lab.title.zh
    assert lab.views[0].question.zh in page.locator(".views").inner_text()
    page.locator("#language").click()
    assert page.locator("h1").inner_text() == lab.title.en


@pytest.mark.parametrize("lab", LABS, ids=SLUGS)
def test_everything_can_be_taken_away(lab, open_lab, tmp_path):
    page = open_lab(lab.slug)
    files = {}
    for kind in ("PNG", "SVG", "CSV", "JSON", "NPZ"):
        with page.expect_download() as download:
            page.locator(f"[data-save={kind}]").click()
        files[kind] = tmp_path / f"file.{kind.lower()}"
        download.value.save_as(files[kind])
    assert files["PNG"].read_bytes().startswith(b"\x89PNG")
    assert "<svg" in files["SVG"].read_text()[:200] and "var(--" not in files["SVG"].read_text()
    rows = list(csv.reader(files["CSV"].read_text().splitlines()))
    assert rows[0] == ["trace", "x", "y", "z"] and len(rows) > 2
    made = json.loads(files["JSON"].read_text())
    assert made["lab"] == lab.slug and made["params"] == json.loads(lab.defaults().model_dump_json())
    assert set(made["provenance"]) >= {"device", "dtype", "backend", "seed", "seconds", "versions", "recorded"}
    with np.load(files["NPZ"], allow_pickle=False) as arrays:
        assert arrays.files
    assert f"python -m engine run {lab.slug}" in page.locator("#call").inner_text()
    assert lab.slug in experiments.discover()
