"""All that a person sees. The chapters stand here in reading order; their labs are found by walking the tree."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

from engine.core.words import T
from pages.shell.lab import Page

CHAPTERS: dict[str, T] = {
    "probability": T("Probability", "概率"),
    "calculus": T("Calculus", "微积分"),
    "attention": T("Attention", "注意力"),
    "training": T("Training", "训练"),
    "language": T("Language", "语言"),
    "generation": T("Generation", "生成"),
    "vision": T("Vision", "视觉"),
    "retrieval": T("Retrieval", "检索"),
}


def discover() -> dict[str, list[Page]]:
    """Every lab page by chapter, in reading order. A page is a package of a chapter that declares `LAB`."""
    found: dict[str, list[Page]] = {}
    for chapter in CHAPTERS:
        folder = Path(__file__).parent / chapter
        names = [m.name for m in pkgutil.iter_modules([str(folder)]) if m.ispkg]
        modules = [importlib.import_module(f"pages.{chapter}.{name}") for name in names]
        pages = [Page(module.LAB, folder / module.__name__.rpartition(".")[2]) for module in modules if hasattr(module, "LAB")]
        if pages:
            found[chapter] = sorted(pages, key=lambda page: (page.lab.order, page.lab.slug))
    slugs = [page.lab.slug for pages in found.values() for page in pages]
    assert len(slugs) == len(set(slugs)), f"two labs share a slug: {sorted(slugs)}"
    return found
