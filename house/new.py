"""The skeleton of a new lab: `python -m engine new <chapter> <lab>` writes it, and it runs and passes its tests at once.

It is a small true lab (the average of n throws settles, and how fast is known), to be changed into another.
"""

from __future__ import annotations

import re
from pathlib import Path

from engine.core import Refused, T

ROOT = Path(__file__).parents[1]
TEMPLATES = Path(__file__).parent / "new_lab"
# Where each template goes.
PLACES = {
    "parameters.txt": "engine/{chapter}/{name}/parameters.py",
    "result.txt": "engine/{chapter}/{name}/result.py",
    "experiment.txt": "engine/{chapter}/{name}/__init__.py",
    "page.txt": "pages/{chapter}/{name}/__init__.py",
    "en.txt": "pages/{chapter}/{name}/en.md",
    "zh.txt": "pages/{chapter}/{name}/zh.md",
    "test_engine.txt": "tests/engine/{chapter}/test_{name}.py",
    "test_browser.txt": "tests/browser/test_{name}.py",
}


def make(chapter: str, slug: str, root: Path = ROOT) -> list[Path]:
    """Write a lab's files, and its row of the README's table. Raises `Refused` where there is one, or no such chapter."""
    chapters = sorted(p.parent.name for p in (root / "engine").glob("*/__init__.py") if p.parent.name not in ("core", "data"))
    if chapter not in chapters:
        raise Refused(
            T(
                "chapter must be one of {known}; got {chapter!r}",
                "chapter 必须是下列之一：{known}；收到 {chapter!r}",
                known=", ".join(chapters),
                chapter=chapter,
            ),
            "chapter",
        )
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", slug):
        rule = T(
            "lab must be small letters, digits and hyphens, such as random-walk; got {slug!r}",
            "lab 必须由小写字母、数字与连字符组成，例如 random-walk；收到 {slug!r}",
            slug=slug,
        )
        raise Refused(rule, "lab")
    name, title = slug.replace("-", "_"), slug.replace("-", " ").capitalize()
    names = {"chapter": chapter, "name": name, "slug": slug, "title": title, "Class": title.title().replace(" ", "")}
    made = [root / place.format_map(names) for place in PLACES.values()]
    if taken := [path for path in made if path.exists()]:
        where = str(taken[0].relative_to(root))
        raise Refused(T("lab must be new; {where} is there", "lab 必须是新的；{where} 已存在", where=where), "lab")
    for template, path in zip(PLACES, made, strict=True):
        text = (TEMPLATES / template).read_text()
        for key, value in names.items():
            text = text.replace(f"«{key}»", value)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return made
