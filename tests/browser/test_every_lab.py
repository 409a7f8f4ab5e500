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
def test_every_view_is_painted_and_can_be_taken_away(lab, open_lab, tmp_path):
    page = open_lab(lab.slug)
    assert page.locator(".prov").inner_text().startswith(("measured", "exact", "modelled", "recorded"))
    take_away(page, lab, tmp_path)
    for place, _ in enumerate(lab.views):
        if page.locator(f"#tab-{place}").get_attribute("hidden") is not None:
            continue
        if place:
            view(page, place)
        assert figure(page), lab.views[place].question.en
        assert page.locator("#figure .plot .main-svg").count(), lab.views[place].question.en
        assert page.locator("#figure .plot").get_attribute("aria-label").strip()


def take_away(page, lab, folder):
    """Save the first figure in every format, and read each file back."""
    files = {}
    for kind in ("PNG", "SVG", "CSV", "JSON", "NPZ"):
        with page.expect_download() as download:
            page.locator(f"[data-save={kind}]").click()
        files[kind] = folder / f"file.{kind.lower()}"
        download.value.save_as(files[kind])
    assert files["PNG"].read_bytes().startswith(b"\x89PNG")
    drawn = files["SVG"].read_text()
    assert "<svg" in drawn[:200] and "var(--" not in drawn and page.url in drawn and '<rect width="100%"' in drawn
    lines = files["CSV"].read_text().splitlines()
    head = [line for line in lines if line.startswith("# ")]
    assert lab.views[0].question.en in head[0] and page.url in head[-1]
    rows = list(csv.reader(lines[len(head) :]))
    assert rows[0][0] == "curve" and len(rows[0]) == len(set(rows[0])) > 1
    # A figure of pictures alone has a row a picture, where it begins; any other has its points.
    assert len(rows) > (1 if all(trace["type"] == "image" for trace in figure(page)) else 2)
    made = json.loads(files["JSON"].read_text())
    assert made["lab"] == lab.slug and made["params"] == json.loads(lab.defaults().model_dump_json())
    assert set(made["provenance"]) >= {"device", "dtype", "backend", "seed", "seconds", "versions", "recorded"}
    with np.load(files["NPZ"], allow_pickle=False) as arrays:
        assert arrays.files
    assert f"python -m engine run {lab.slug}" in page.locator("#shell").inner_text()
    assert lab.slug in experiments.discover()


@pytest.mark.parametrize("lab", LABS, ids=SLUGS)
def test_a_slider_repaints_and_the_address_is_the_state(lab, open_lab):
    first = open_lab(lab.slug)
    slider = first.locator("#controls input[type=range]:visible").first
    name = slider.get_attribute("id").removeprefix("p-")
    before, count = parameters(first), paints(first)
    slider.focus()
    at_top = before[name] == first.evaluate(f"ORRERY.lab.schema['{name}'].maximum")
    first.keyboard.press("ArrowLeft" if at_top else "ArrowRight")
    wait_painted(first, count)
    settle(first)
    assert parameters(first)[name] != before[name]
    first.wait_for_function(f"location.search.includes('{name}=')")

    preset = lab.presets[-1]
    first.locator(".preset").nth(len(lab.presets) - 1).click()
    settle(first)
    first.wait_for_timeout(300)
    second = open_lab(lab.slug, first.url.partition("?")[2])
    settle(second)
    assert parameters(second) == parameters(first) == lab.defaults().model_dump() | dict(preset.values)
    if lab.experiment.cost_of(lab.experiment.params.parse(preset.values)) == "instant":
        one, two = figure(first), figure(second)
        assert [t["type"] for t in one] == [t["type"] for t in two]
        for a, b in zip(one, two, strict=True):
            if isinstance(a["y"], np.ndarray):
                np.testing.assert_array_equal(a["y"], b["y"])


@pytest.mark.parametrize("lab", LABS, ids=SLUGS)
def test_a_phone_in_chinese_shows_the_figure_first_and_nothing_sideways(lab, open_lab):
    page = open_lab(lab.slug, width=390, height=844, scheme="dark", locale="zh-CN")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    top = page.evaluate("document.querySelector('#figure').getBoundingClientRect().top")
    assert top < page.evaluate("document.querySelector('#controls').getBoundingClientRect().top")
    assert top < 700
    assert page.locator("h1").inner_text() == lab.title.zh
    assert lab.views[0].question.zh in page.locator(".views").inner_text()
    page.locator("#language").click()
    assert page.locator("h1").inner_text() == lab.title.en
