"""VQ-VAE: a line dragged, an integer changed, a picture of one's own, a codebook in training."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from driver import choose, enter, facts, figure, paints, parameters, preset, said, settle, view, wait_painted
from PIL import Image

from engine.data import pictures

SLOW = 240_000


def run(page) -> None:
    """Wait for a costly run that began by itself."""
    page.wait_for_function("!Orrery.stage.busy && !Orrery.stage.cost", timeout=SLOW)
    settle(page)


def place(page, panel: int, x: float, y: float) -> tuple[float, float]:
    """Where a point of a panel is on the screen."""
    return tuple(
        page.evaluate(
            """([n, x, y]) => {
                const { plot } = Orrery.stage.drawing, box = plot.getBoundingClientRect();
                const [a, b] = [plot._fullLayout[`xaxis${n}`], plot._fullLayout[`yaxis${n}`]];
                return [box.left + a._offset + a.l2p(x), box.top + b._offset + b.l2p(y)];
            }""",
            ["" if panel == 0 else str(panel + 1), x, y],
        )
    )


def click(page, panel: int, x: float, y: float) -> None:
    page.evaluate("window.scrollTo(0, 0)")
    count = paints(page)
    at = place(page, panel, x, y)
    page.mouse.move(at[0] - 3, at[1] - 3)
    page.mouse.move(*at)
    page.wait_for_timeout(150)
    page.mouse.click(*at)
    wait_painted(page, count)
    settle(page)


def cut(page) -> float:
    """How much of the upper picture of the first panel is cut away, in per cent."""
    path = page.evaluate("document.querySelectorAll('#figure .subplot.xy .imagelayer image')[1].style.clipPath")
    return float(re.findall(r"([\d.]+)%", path)[0])


def test_the_line_between_two_pictures_is_dragged_and_moved_by_keys(open_lab):
    page = open_lab("vq-vae", "view=2")
    line = page.locator("#figure .divider")
    assert line.get_attribute("aria-valuenow") == "50" and cut(page) == pytest.approx(50, abs=1)
    at, to = place(page, 0, 128, 40), place(page, 0, 64, 40)
    page.mouse.move(*at)
    page.mouse.down()
    page.mouse.move(*to)
    page.mouse.up()
    assert line.get_attribute("aria-valuenow") == "25" and cut(page) == pytest.approx(25, abs=1)
    line.focus()
    page.keyboard.press("ArrowRight")
    assert line.get_attribute("aria-valuenow") == "27"
    page.keyboard.press("End")
    assert cut(page) > 99
    view(page, 2)
    assert line.is_hidden()


def test_a_cell_is_clicked_and_an_atom_painted_there(open_lab):
    page = open_lab("vq-vae")
    assert float(facts(page)["pixels that moved"].replace("\u202f", "")) > 0, "one integer is changed already"
    view(page, 1)
    before = facts(page)["PSNR"]
    click(page, 1, 8 * 5 + 4, 8 * 3 + 4)
    assert (parameters(page)["edit_row"], parameters(page)["edit_column"]) == (3, 5)
    view(page, 2)
    codes = next(t["z"] for t in figure(page) if t["type"] == "heatmap")
    click(page, 0, 9 * 12 + 4.5, 9 * 15 + 4.5)
    assert parameters(page)["edit_code"] == codes[15, 12]
    view(page, 1)
    run(page)
    assert facts(page)["PSNR"] <= before and facts(page)["changed"].endswith(f"→ {int(codes[15, 12])}")
    view(page, 0)
    assert float(facts(page)["pixels that moved"].replace("\u202f", "")) > 0
    nearest = page.evaluate("Orrery.stage.drawing.figure.picks[0].sets[2].edit_code")
    bars = next(t for t in figure(page) if t["type"] == "bar")
    click(page, 3, 2, bars["y"][2] / 2)
    assert parameters(page)["edit_code"] == nearest


def test_what_the_page_or_the_codebook_lacks_is_said(open_lab):
    page = open_lab("vq-vae", "codebook=64&edit_code=900&edit_row=120&edit_column=3")
    run(page)
    told = page.locator(".findings").inner_text()
    assert "row 21, column 3 is taken" in told and "no code 900 among 64" in told


def test_every_control_of_a_picture_moves_its_views(open_lab):
    page = open_lab("vq-vae", "edit_code=-1&view=2")
    seen = [facts(page)]
    for name, value in (("factor", 4), ("codebook", 1024)):
        choose(page, name, value)
        run(page)
        seen.append(facts(page))
    told = [f"{bits * cells / (170 * 256):.4g}" for bits, cells in ((8, 32 * 22), (8, 64 * 43), (10, 64 * 43))]
    assert [f["bits per pixel"] for f in seen] == told
    enter(page, "corrections", 3)
    run(page)
    decibels = [float(v) for v in re.findall(r"[\d.]+", facts(page)["after each correction"])]
    assert len(decibels) == 4 and max(decibels) > decibels[0] and facts(page)["PSNR"] == f"{max(decibels):.2f}\u00a0dB"
    enter(page, "corrections", 0)
    run(page)
    assert "after each correction" not in facts(page) and facts(page)["PSNR"] == f"{decibels[0]:.2f}\u00a0dB"
    enter(page, "side", 96)
    run(page)
    assert facts(page)["the page takes"] != seen[-1]["the page takes"]
    assert next(t for t in figure(page) if t["type"] == "heatmap")["z"].shape == (16, 24)


def file(height: int, width: int) -> bytes:
    made = io.BytesIO()
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.stack([255 * x / width, 255 * y / height, 255 * ((x // 40 + y // 40) % 2)], -1)
    Image.fromarray(pixels.astype(np.uint8)).save(made, "PNG")
    return made.getvalue()


def test_a_picture_of_ones_own_is_taken_reduced_and_kept_out_of_the_address(open_lab):
    page = open_lab("vq-vae")
    count = paints(page)
    chooser = page.locator("[data-param=image] input[type=file]")
    chooser.set_input_files({"name": "mine.png", "mimeType": "image/png", "buffer": file(900, 1200)})
    wait_painted(page, count)
    page.wait_for_function("Orrery.controls.state.image.startsWith('data:image/png')", timeout=SLOW)
    run(page)
    assert "reduced from 1200 × 900 to 640 × 480" in page.locator("[data-param=image]").inner_text()
    mine = parameters(page)["image"]
    assert pictures.from_text(mine).shape == (480, 640, 3)
    assert "image=" not in page.url and "A longer run" not in said(page)
    assert mine in page.locator("#call").text_content(), "the call runs as it is pasted"
    assert page.locator("[data-param=image] img.thumb").is_visible()
    chooser.set_input_files({"name": "text.png", "mimeType": "image/png", "buffer": b"hello, I am a text"})
    page.wait_for_function("document.querySelector('.said .refused') !== null", timeout=SLOW)
    assert "PNG, JPEG or WebP" in said(page) and parameters(page)["image"] == mine
    page.locator("[data-param=image] select").select_option(label="temple (china)")
    run(page)
    assert parameters(page)["image"] == "china" and page.locator("[data-param=image] img.thumb").is_hidden()


@pytest.mark.slow
def test_rates_pages_and_trainings_run_and_answer(open_lab):
    page = open_lab("vq-vae")
    preset(page, 2)
    settle(page)  # a preset opens on its recording
    assert {"the page of integers", "as JPEG", "as WebP"} == set(facts(page)) and page.locator("#figure .divider").is_visible()
    filled = page.evaluate("Orrery.stage.drawing.plot._fullLayout.yaxis._length / Orrery.stage.drawing.plot.clientHeight")
    assert filled > 0.75, "as large as there is room"
    view(page, 4)
    jpeg = next(t for t in figure(page) if t["name"] == "JPEG")
    assert np.all(np.diff(jpeg["x"]) > 0) and jpeg["y"][-1] > jpeg["y"][0] + 5
    preset(page, 3)
    settle(page)  # a preset opens on its recording
    page.locator(".scrub").focus()
    page.keyboard.press("ArrowLeft")
    settle(page)
    assert "0.25" in page.locator(".moment").inner_text()
    preset(page, 4)
    settle(page)  # a preset opens on its recording
    assert "Collapse" in page.locator(".findings").inner_text()
    fallen = facts(page)["perplexity"]
    preset(page, 5)
    settle(page)  # a preset opens on its recording
    assert float(facts(page)["perplexity"].split()[0]) > float(fallen.split()[0])
    assert page.locator(".findings").inner_text() == ""
    preset(page, 6)
    settle(page)  # a preset opens on its recording
    assert "exact" in facts(page)["distortion, trained"] and 1 <= float(facts(page)["ratio"]) < 1.03


def test_one_number_follows_its_sliders(open_lab):
    page = open_lab("vq-vae", "task=number")
    enter(page, "value", 0.7)
    rows = page.locator(".table tbody tr").all_inner_texts()
    assert "1" in rows[0] and "straight through" in rows[7]
    enter(page, "target", 0.2)
    assert page.locator(".table tbody tr").all_inner_texts() != rows
