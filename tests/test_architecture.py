"""The house itself: who may import whom, which files mirror which, and what must not be there."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import pages
from engine.core import Experiment, experiments, runner
from pages.shell import Page, prose
from pages.shell.site import Site

ROOT = Path(__file__).parents[1]
NOT_OURS = {".hypothesis", ".venv", ".git", "build", "__pycache__", ".pytest_cache", ".ruff_cache", ".gradio", "node_modules"}
TEXTS = {".py", ".md", ".js", ".css", ".toml", ".txt", ".json", ".html", ".svg", ".yml", ".yaml", ".cfg", ".sh", ""}
LARGEST = 10_000_000  # bytes; a public hub asks for LFS beyond
HEAVY = ("torch", "triton", "sympy", "transformers", "diffusers", "sklearn", "skimage", "matplotlib", "pandas")
PAGES: list[Page] = [page for found in pages.discover().values() for page in found]
LABS = experiments.discover()


def files() -> Iterator[Path]:
    """Every file of the project."""
    for folder, inner, names in os.walk(ROOT):
        inner[:] = [name for name in inner if name not in NOT_OURS]
        yield from (Path(folder) / name for name in names)


def sources(*folders: str) -> list[Path]:
    """Every Python module below some folders."""
    return sorted(p for folder in folders for p in (ROOT / folder).rglob("*.py") if "__pycache__" not in p.parts)


def imported(path: Path) -> set[str]:
    """The dotted names that a module imports, at its top or within."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written in full"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def roots(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imported(path)}


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


FOREIGN = {"gradio", "gradio_client", "plotly", "pages", "tests", "starlette", "fastapi", "playwright"}


def test_the_engine_knows_nothing_of_pages():
    assert not {named(path): found for path in sources("engine") if (found := roots(path) & FOREIGN)}


def test_only_the_shell_knows_gradio():
    for path in sources("pages"):
        unwanted = {"tests"} if "shell" in path.parts else {"tests", "gradio", "plotly", "torch", "starlette"}
        assert not roots(path) & unwanted, named(path)


def test_pages_never_import_pages():
    for path in sources(*(f"pages/{chapter}" for chapter in pages.CHAPTERS)):
        own = path.relative_to(ROOT).parts[:3]
        for name in imported(path):
            parts = name.split(".")
            if parts[0] == "pages" and parts[1] != "shell":
                assert tuple(parts[:3]) == own, f"{named(path)}: {name} is another lab's"


def test_packages_use_each_others_public_names():
    for path in sources("engine"):
        package = path.parent.relative_to(ROOT).parts[:3]
        for name in imported(path):
            parts = name.split(".")
            if parts[0] == "engine" and tuple(parts[:3]) != package:
                assert not any(part.startswith("_") and part != "__version__" for part in parts), f"{named(path)}: {name}"


def test_the_three_trees_mirror_each_other():
    for page in PAGES:
        chapter, name = page.folder.parent.name, page.folder.name
        assert page.lab.chapter == chapter in pages.CHAPTERS
        assert page.lab.slug == name.replace("_", "-")
        assert (ROOT / "engine" / chapter / name / "__init__.py").is_file()
        assert (ROOT / "tests" / "engine" / chapter / f"test_{name}.py").is_file()
        assert (ROOT / "tests" / "browser" / f"test_{name}.py").is_file()
        assert LABS[page.lab.slug] is page.lab.experiment


def test_every_page_has_its_experiment():
    assert {page.lab.slug for page in PAGES} <= set(LABS)


def test_slugs_are_addresses_of_one_segment_each_once():
    slugs = [page.lab.slug for page in PAGES]
    assert len(slugs) == len(set(slugs))
    taken = {"config", "login", "logout", "monitoring", "static", "assets", "svelte", "docs", "manifest", "favicon", "robots"}
    assert all(re.fullmatch(r"[a-z0-9-]+", slug) and slug not in taken for slug in slugs)


def test_notes_say_the_same_in_both_languages():
    for page in PAGES:
        compare_notes(page)


def compare_notes(page: Page) -> None:
    english, chinese = (prose.sections(page.notes(language)) for language in ("en", "zh"))
    assert tuple(h for h, _ in english) == prose.HEADINGS["en"] and tuple(h for h, _ in chinese) == prose.HEADINGS["zh"]
    for (heading, one), (_, two) in zip(english, chinese, strict=True):
        assert sorted(prose.formulas(one)) == sorted(prose.formulas(two)), f"the formulas of {heading!r} differ"
        assert re.findall(r"!\[[^\]]*\]\(([^)]*)\)", one) == re.findall(r"!\[[^\]]*\]\(([^)]*)\)", two)
        assert re.search("[\u4e00-\u9fff]", two) and not re.search("[\u4e00-\u9fff]", one)
        assert one.count("$") % 2 == 0, f"a formula of {heading!r} does not end"
        for kind, parts in {"quotation": r"(?:^>.*\n?)+", "list item": r"^(?:- |\d+\. )", "table row": r"^\|"}.items():
            counts = [len(re.findall(parts, text, re.MULTILINE)) for text in (one, two)]
            assert counts[0] == counts[1], f"{heading!r} has not as many parts of the kind {kind} in both languages"


def test_building_the_site_computes_nothing(monkeypatch):
    def computes(*_):
        raise AssertionError("a page computes while it is built")

    for name in ("run", "stream", "_compute"):
        monkeypatch.setattr(runner.Runner, name, computes)
    for name in ("stream", "__call__"):
        monkeypatch.setattr(Experiment, name, computes)
    site = Site(pages.discover(), pages.CHAPTERS)
    html = "<html><head><style></style></head><body><gradio-app></gradio-app></body></html>"
    for slug in ["", *site.pages]:
        framed = site.frame(f"/{slug}", html)
        assert "</html>" in framed and all(f'href="./{other}"' in framed for other in site.pages)


PROBE = """
import json, sys
{code}
print(json.dumps([name for name in sys.argv[1:] if name in sys.modules]))
"""


@pytest.mark.parametrize(
    ("code", "unwanted"),
    [
        ("from engine.core import experiments; assert experiments.discover()", (*HEAVY, "gradio", "plotly")),
        ("import engine.__main__", (*HEAVY, "gradio", "plotly", "scipy")),
        ("import pages; assert pages.discover()", (*HEAVY[:6], "plotly.graph_objects", "matplotlib")),
    ],
    ids=["engine", "command line", "pages"],
)
def test_heavy_libraries_wait_until_they_are_needed(code, unwanted):
    ran = subprocess.run(
        [sys.executable, "-c", PROBE.format(code=code), *unwanted],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout.splitlines()[-1]) == []


def test_app_only_assembles():
    lines = (ROOT / "app.py").read_text().splitlines()
    assert len(lines) <= 60
    assert not re.search(r"^(async )?def |^class ", "\n".join(lines), re.MULTILINE)


def test_requirements_are_pinned_exactly():
    for name in ("requirements.txt", "requirements-test.txt"):
        lines = [line.partition("#")[0].strip() for line in (ROOT / name).read_text().splitlines()]
        for line in filter(None, lines):
            assert re.fullmatch(r"[\w.\[\]-]+==[\w.+]+(; .+)?", line), f"{name}: {line}"


def test_no_file_is_too_large_for_a_hub():
    large = {named(p): p.stat().st_size for p in files() if not p.is_symlink() and p.stat().st_size > LARGEST}
    assert not large


def test_there_is_no_room_for_odds_and_ends():
    odd = {"utils", "util", "common", "shared", "helpers", "helper", "misc", "tools"}
    modules = [p.relative_to(ROOT) for p in files() if p.suffix == ".py"]
    assert not [str(p) for p in modules if odd & {p.stem, *p.parts[:-1]}]


def test_sources_name_no_place_on_somebodys_machine():
    homes = re.compile("|".join(re.escape(f"{a}{b}") for a, b in (("/ho", "me/"), ("/Us", "ers/"), ("/ro", "ot/"), ("C:\\Us", "ers"))))
    here = re.compile(re.escape(str(ROOT)) + r"\b") if len(ROOT.parts) > 2 else None
    for path in files():
        if path.suffix in TEXTS and path.stat().st_size < 2_000_000:
            text = path.read_text(errors="replace")
            assert not homes.search(text) and not (here and here.search(text)), named(path)


def test_what_the_browser_loads_is_ours():
    for path in (ROOT / "pages" / "shell" / "static").iterdir():
        found = re.findall(r"(?:https?:)?//(?!www\.w3\.org/)[a-z0-9-]+\.[a-z]{2,}[/\w.-]*", re.sub(r"(?m)^\s*//.*$", "", path.read_text()))
        assert not found, f"{path.name} names {found}"
