"""Texts that come as files: kept once under a handle, which stands for the whole text, or refused in a sentence."""

from __future__ import annotations

import numpy as np
import pytest

from engine.core import Refused
from pages.shell import files

TEXT = "2,1;1,3\n" * 5000


def test_a_file_goes_up_once_and_its_handle_stands_for_it(running):
    reply = running.http.post("/orrery-file/upload", content=b"\xef\xbb\xbf" + TEXT.encode()).json()
    assert reply["characters"] == len(TEXT) and files.HANDLE.fullmatch(reply["handle"])
    assert files.expanded({"a": reply["handle"], "b": 3, "c": "file:no"}) == {"a": TEXT, "b": 3, "c": "file:no"}


def test_a_handle_that_is_gone_is_a_sentence(running):
    gone = "file:" + "0" * 40
    with pytest.raises(Refused, match="matrix must be a file that is still here") as refused:
        files.expanded({"matrix": gone})
    assert refused.value.name == "matrix"
    asked = {"params": {"matrix": gone}, "id": 1}
    reply = running.http.post("/orrery-ask/quadratic-form", json=asked).json()
    assert "load it again" in reply["error"]["en"] and "请重新载入" in reply["error"]["zh"]


def test_the_largest_file_that_cannot_be_packed_is_kept():
    letters = np.random.default_rng(0).integers(0, 128, files.LARGEST, np.uint8).tobytes()  # seven bits in eight say something
    handle = files.keep(letters)["handle"]
    assert files.expanded({"a": handle})["a"].encode() == letters


@pytest.mark.parametrize(("data", "said"), [(b"\xff\xfe\x00", "byte 1 is not"), (b"x" * (files.LARGEST + 1), "at most 21")])
def test_what_is_no_text_is_refused(data, said):
    with pytest.raises(Refused, match=said):
        files.keep(data)


def test_an_address_that_is_none_gets_a_page_and_a_program_what_it_expects(running):
    page = running.http.get("/nowhere/at/all", headers={"accept": "text/html"})
    assert page.status_code == 404 and page.headers["content-type"].startswith("text/html")
    assert "There is no such page here" in page.text and 'href="../../random-walk"' in page.text
    assert running.http.get("/nowhere", headers={"accept": "application/json"}).headers["content-type"].startswith("application/json")


def test_a_refusal_in_chinese_calls_the_control_as_the_page_does(running):
    reply = running.http.post("/orrery-ask/random-walk", json={"params": {"steps": 0}, "id": 1}).json()
    assert reply["error"]["zh"].startswith("步数 n 必须") and reply["error"]["en"].startswith("steps must be")
