"""Segmentation metrics: painting moves every score, and each error moves the scores that it should."""

from __future__ import annotations

import numpy as np
import pytest
from driver import enter, figure, parameters, preset, settle, view
from PIL import Image


def scores(page) -> np.ndarray:
    """The seven scores as they are drawn."""
    return next(trace["x"] for trace in figure(page) if trace["name"] == "score")


def paint(page, name: str, *places: tuple[float, float]) -> None:
    """Draw on a mask through places given as shares of its width and height."""
    canvas = page.locator(f"[data-param={name}] canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    for i, (x, y) in enumerate(places):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
        if i == 0:
            page.mouse.down()
    page.mouse.up()
    settle(page)


def test_predicting_background_alone_is_97_per_cent_right(open_lab):
    page = open_lab("segmentation-metrics")
    preset(page, 1)
    accuracy, _, iou, *_ = scores(page)
    assert accuracy == pytest.approx(1 - 120 / 4096, abs=1e-4) and iou == pytest.approx(accuracy / 2, abs=1e-4)
    assert "97.1\u00a0%" in page.locator(".findings").inner_text()


def test_scores_follow_the_brush_and_undo_takes_it_back(open_lab):
    page = open_lab("segmentation-metrics", "source=masks")
    before, text = scores(page), parameters(page)["prediction"]
    page.locator("[data-param=prediction] [data-label='1']").click()
    paint(page, "prediction", (0.74, 0.36), (0.88, 0.36), (0.88, 0.42), (0.74, 0.42))
    after = scores(page)
    assert (after[[0, 2, 4, 5]] > before[[0, 2, 4, 5]]).all(), "painting over the object helps every score"
    truth, found, *_ = figure(page)
    assert (found["z"] == 1).sum() > 60 and (truth["z"] == 1).sum() == 120
    page.locator("[data-param=prediction] button", has_text="Undo").click()
    settle(page)
    assert parameters(page)["prediction"] == text
    np.testing.assert_allclose(scores(page), before)


def test_a_mask_is_painted_and_sized_by_the_keyboard(open_lab):
    page = open_lab("segmentation-metrics", "source=masks")
    page.locator("[data-param=truth] canvas").focus()
    page.keyboard.press("3")
    page.keyboard.press("Space")
    settle(page)
    assert (figure(page)[0]["z"] == 3).sum() == pytest.approx(np.pi * 3.5**2, rel=0.15), "a brush of 7 pixels"
    page.locator("[data-param=truth] .tools select").nth(1).select_option("128")
    settle(page)
    assert all(figure(page)[i]["z"].shape == (128, 128) for i in range(3))
    page.locator("[data-param=truth] summary").click()
    enter(page, "truth", "0,0;0")
    page.wait_for_function("document.querySelector('.said').innerText.includes('rows of one length')")


def test_each_error_moves_what_it_should(open_lab):
    page = open_lab("segmentation-metrics", "shrink=0&shift=0&forgotten=0&confused=0")
    np.testing.assert_allclose(scores(page), 1)
    enter(page, "forgotten", 2)
    forgot = scores(page)
    assert forgot[0] > 0.9 and forgot[2] < forgot[0]
    enter(page, "forgotten", 0)
    enter(page, "specks", 0.01)
    specks = scores(page)
    assert specks[0] == pytest.approx(0.99, abs=0.005) and specks[6] < 0.2, "every speck is an object too many"


def test_the_formulas_are_filled_with_the_pair_s_numbers(open_lab):
    page = open_lab("segmentation-metrics", "source=confusion&confusion=3,0;1,2")
    view(page, 1)
    cells = page.locator(".table td").all_inner_texts()
    assert cells[2].replace("\u202f", "") == "5 / 6" and cells[3] == "0.833"
    assert cells[10] == "(0.750 + 0.667) / 2" and cells[11] == "0.708"


def test_label_pictures_keep_their_labels(open_lab, tmp_path):
    """VOC's sparse labels in a palette, the class of one file missing in the other: ranks of colours would mix them up."""
    truth = np.kron(np.array([[0, 8], [12, 15]]), np.ones((16, 16), int))
    found = np.where(truth == 12, 0, np.where(truth == 0, 20, truth))
    page = open_lab("segmentation-metrics", "source=masks")
    for name, labels in (("truth", truth), ("prediction", found)):
        image = Image.frombytes("P", (32, 32), labels.astype(np.uint8).tobytes())
        image.putpalette([v for k in range(256) for v in (k * 37 % 256, k * 91 % 256, k * 53 % 256)])
        image.save(tmp_path / f"{name}.png")
        page.locator(f"[data-param={name}] input[type=file]").first.set_input_files(tmp_path / f"{name}.png")
        page.wait_for_function("([n, v]) => Orrery.controls.state[n].includes(v)", arg=[name, "15*16"])
        assert "32 × 32" in page.locator(f"[data-param={name}]").inner_text()
    settle(page)
    accuracy, mean_accuracy, iou, *_ = scores(page)
    assert accuracy == pytest.approx(0.5, abs=1e-6) and mean_accuracy == pytest.approx(0.5, abs=1e-6)
    assert iou == pytest.approx(2 / 5, abs=1e-6), "two of five classes whole, three not at all"
    (tmp_path / "cut.png").write_bytes((tmp_path / "truth.png").read_bytes()[:200])
    page.locator("[data-param=truth] input[type=file]").first.set_input_files(tmp_path / "cut.png")
    page.wait_for_function("document.querySelector('.said').innerText.includes('damaged or ends early')")
