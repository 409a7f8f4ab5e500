"""Pictures that a person brings: what the server answers to a file, whatever it is."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from engine.core.runner import Runner
from engine.data import masks, pictures
from pages.shell import uploads


def png(height: int, width: int) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    made = io.BytesIO()
    Image.fromarray(pixels).save(made, "PNG")
    return made.getvalue()


def test_a_picture_comes_back_as_a_text(running):
    data = png(700, 1000)
    reply = running.http.post(uploads.PATH, content=data)
    found = reply.json()
    assert reply.status_code == 200 and (found["width"], found["height"]) == (640, 448)
    assert np.array_equal(pictures.from_text(found["text"]), pictures.opened(data).pixels)
    assert found["said"][0]["en"].startswith("It was reduced from 1000 × 700") and "缩小" in found["said"][0]["zh"]


def test_what_is_sent_up_to_the_limit_is_let_in(running):
    """Larger than any question may be."""
    data = png(1500, 1500)
    assert len(data) > 5 * 2**20
    assert running.http.post(uploads.PATH, content=data).json()["width"] == pictures.SIDE


@pytest.mark.parametrize("data", [b"", b"hello", png(40, 40)[:900], bytes(pictures.BYTES + 5)])
def test_other_files_are_refused_in_both_languages(running, data):
    found = running.http.post(uploads.PATH, content=data).json()
    assert set(found) == {"error"} and found["error"]["en"].startswith("picture must be") and found["error"]["zh"]


def test_other_requests_are_not_answered(running):
    assert running.http.get(uploads.PATH).status_code == 404
    headers = {"origin": "http://elsewhere.example.org"}
    assert running.http.post(uploads.PATH, content=png(40, 40), headers=headers).status_code == 403


def test_a_failure_of_ours_is_said_without_a_trace(monkeypatch):
    monkeypatch.setattr(pictures, "opened", lambda *_, **__: 1 / 0)
    assert b"the fault is the program's" in uploads.opened(b"x")


def test_a_long_parameter_is_no_long_key(running):
    """A thousand uploads' texts as keys of the cache would outweigh the results."""
    lab = next(page.lab for page in running.site.pages.values())

    class Long:
        @staticmethod
        def model_dump_json() -> str:
            return "x" * 10**6

    key = Runner.key(lab.experiment, Long)
    assert len(str(key)) < 300 and key == Runner.key(lab.experiment, Long)


def test_a_label_picture_comes_back_with_its_labels(running):
    labels = np.random.default_rng(1).integers(0, 30, (40, 60)).astype(np.uint8)
    made = io.BytesIO()
    Image.fromarray(labels).save(made, "PNG")
    found = running.http.post(uploads.MASKS, content=made.getvalue()).json()
    assert (found["width"], found["height"]) == (60, 40)
    np.testing.assert_array_equal(masks.read(found["text"], "truth").labels, labels)
    colours = io.BytesIO()
    Image.new("RGB", (20, 20), (255, 0, 0)).save(colours, "PNG")
    found = running.http.post(f"{uploads.MASKS}?colours=%23000000,%23ff0000", content=colours.getvalue()).json()
    assert found["text"] == "#000000,#ff0000;1*20 x20"
    refused = running.http.post(uploads.MASKS, content=made.getvalue()[:80]).json()
    assert "damaged or ends early" in refused["error"]["en"] and refused["error"]["zh"]
