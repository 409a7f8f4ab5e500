"""What a lab's notes say was measured is what was measured."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from engine.generation.picture_codes import models

NOTES = Path(__file__).parents[2] / "pages"


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("factor", models.FACTORS)
def test_the_figures_of_vq_vae_are_those_of_its_checkpoints(language, factor):
    text = (NOTES / "generation" / "vq_vae" / f"{language}.md").read_text(encoding="utf-8")
    told = next(line for line in text.splitlines() if "chelsea" in line)
    numbers, measured = re.findall(r"\d+(?:\.\d+)?", told), models.meta(factor)["metrics"]
    for name in ("psnr_256", "encoder_psnr_256", "palette_psnr_256"):
        assert f"{measured[name]:.1f}" in numbers, name
    assert f"{measured['perplexity_256']:.0f}" in numbers
