"""A lab's notes stand with the questions that they belong to; what they say was measured is what was measured."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import pages
from engine.generation.picture_codes import models
from pages.shell import prose

NOTES = Path(__file__).parents[2] / "pages"
PAGES = [page for found in pages.discover().values() for page in found]


@pytest.mark.parametrize("page", PAGES, ids=[page.lab.slug for page in PAGES])
def test_every_question_has_its_part_of_the_notes_and_every_part_its_questions(page):
    found = {}
    for language in ("en", "zh"):
        written = page.notes(language)
        found[language] = [prose.parts(body, page.lab, language) for _, body in prose.sections(written)]
        texts = [text for section in found[language] for _, text in section]
        assert "".join("".join(texts).split()) == "".join(re.sub(r"<!--.*?-->|^## .*$", "", written, flags=re.MULTILINE).split())
        whole = prose.following(page, language)
        assert whole.count("<div") == whole.count("</div>") == len(texts) and "<!--" not in whole
    places = {language: [[numbers for numbers, _ in section] for section in sections] for language, sections in found.items()}
    assert places["en"] == places["zh"], "the languages show other parts"
    assert {number for section in places["en"] for numbers in section for number in numbers} == set(range(1, len(page.lab.views) + 1))
    # A part is read without those before it: it does not begin inside a sentence or a formula.
    for _, text in (part for section in found["en"] for part in section):
        assert not re.match(r"[a-z$]", text) and text.count("$") % 2 == 0, text[:60]
        assert text.rstrip("*_")[-1] in ".?:$", text[-60:]


def test_a_part_of_a_question_that_is_not_asked_does_not_build():
    with pytest.raises(KeyError):
        prose.parts("<!-- Is this asked? -->\n\nNo.", PAGES[0].lab, "en")


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("factor", models.FACTORS)
def test_the_figures_of_vq_vae_are_those_of_its_checkpoints(language, factor):
    text = (NOTES / "generation" / "vq_vae" / f"{language}.md").read_text(encoding="utf-8")
    told = next(line for line in text.splitlines() if "chelsea" in line)
    numbers, measured = re.findall(r"\d+(?:\.\d+)?", told), models.meta(factor)["metrics"]
    for name in ("psnr_256", "encoder_psnr_256", "palette_psnr_256"):
        assert f"{measured[name]:.1f}" in numbers, name
    assert f"{measured['perplexity_256']:.0f}" in numbers
