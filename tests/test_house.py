"""What the project makes of itself: a new lab that works at once, a catalogue of all words, a house without circles."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import pages
from engine.core import Refused
from house import catalogue, imports, new, operators, pictures, readme

ROOT = Path(__file__).parents[1]


def test_a_new_lab_runs_and_passes_its_tests(tmp_path):
    for folder in ("engine", "pages", "tests", "house"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    made = new.make("probability", "many-throws", tmp_path)
    assert sum(bool(line.strip()) for path in made for line in path.read_text().splitlines()) <= 220
    with pytest.raises(Refused, match="lab must be new"):
        new.make("probability", "many-throws", tmp_path)
    run = [sys.executable, "-m"]
    for command in (
        ["pytest", "-q", "-p", "no:cacheprovider", "tests/engine/probability/test_many_throws.py"],
        ["engine", "run", "many-throws", "--throws", "20"],
        ["ruff", "check", *map(str, made[:4])],
        ["ruff", "format", "--check", *map(str, made[:4])],
    ):
        ran = subprocess.run([*run, *command], cwd=tmp_path, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stdout + ran.stderr
    shown = subprocess.run([sys.executable, "-c", DRAWN], cwd=tmp_path, capture_output=True, text=True)
    assert shown.stdout.strip() == "many-throws 1", shown.stderr


DRAWN = """
from pages.probability.many_throws import LAB
print(LAB.slug, len([view.figure(LAB.experiment(LAB.defaults())).data() for view in LAB.views]))
"""


@pytest.mark.parametrize(("chapter", "slug", "said"), [("magic", "x", "chapter must be one of"), ("vision", "X y", "small letters")])
def test_what_makes_no_lab_is_refused(chapter, slug, said, tmp_path):
    shutil.copytree(ROOT / "engine" / "vision", tmp_path / "engine" / "vision", ignore=shutil.ignore_patterns("__pycache__"))
    with pytest.raises(Refused, match=said):
        new.make(chapter, slug, tmp_path)


def test_the_catalogue_holds_every_text_once():
    text = catalogue.catalogue()
    assert 'msgid "measured"\nmsgstr "实测"' in text
    ids = [block.partition("msgctxt")[2] for block in text.split("\n\n")[1:]]
    assert len(ids) == len(set(ids)) > 1000


def test_the_readme_lists_the_labs_that_are_found():
    assert readme.table() in readme.README.read_text()


def test_no_arrow_leads_up_and_none_in_a_circle():
    """Also inside packages: inner rooms import the ground, never the experiment on top of them."""
    uses = imports.graph("engine", "pages")
    assert imports.circles(uses) == []
    up = {(module, other) for module, others in uses.items() for other in others if module.startswith(f"{other}.")}
    # Discovery walks the engine's own tree; the recipe names the checkpoints of its package.
    assert up <= {("engine.core.experiments", "engine"), ("engine.generation.image_models.train", "engine.generation.image_models")}


def test_what_is_written_from_the_code_is_up_to_date():
    assert operators.page() == (ROOT / "OPERATORS.md").read_text(), "run python -m house.operators"


def test_the_gallerys_pictures_are_small_and_of_labs():
    slugs = {page.lab.slug for found in pages.discover().values() for page in found}
    for path in pictures.statics.PICTURES.iterdir():
        slug, theme, kind = path.name.split(".")
        assert slug in slugs and theme in pictures.THEMES and pictures.statics.KINDS[f".{kind}"] == "image/webp", path.name
        assert path.stat().st_size < 40_000, path.name
