"""The site padded with copies of its labs until there are thirty, served on the port that is given.

It says when it is built and when all is warm, a line each.
"""

from __future__ import annotations

import dataclasses
import itertools
import sys
import time
from pathlib import Path

LABS = 30
sys.path.insert(0, str(Path(__file__).parents[2]))

import pages  # noqa: E402  from the folder above
from pages.shell.lab import Page  # noqa: E402
from pages.shell.site import Site  # noqa: E402


class Told(Site):
    """Says when it is warm."""

    def warm(self) -> None:
        super().warm()
        print("warm", flush=True)


def padded() -> Site:
    """The site of thirty labs. Copies share their original's engine and figures under a slug of their own."""
    chapters = {chapter: list(found) for chapter, found in pages.discover().items()}
    originals = [page for found in chapters.values() for page in found]
    # The copy of a lab that opens on a recording would have none.
    quick = [page for page in originals if page.lab.experiment.cost_of(page.lab.defaults()) == "instant"]
    for number, page in zip(range(len(originals), LABS), itertools.cycle(quick), strict=False):
        copy = dataclasses.replace(page.lab.experiment, slug=f"{page.lab.slug}-{number}")
        lab = dataclasses.replace(page.lab, experiment=copy)
        chapters[page.lab.chapter].append(Page(lab, page.folder))
    return Told(chapters, pages.CHAPTERS)


if __name__ == "__main__":
    start = time.perf_counter()
    site = padded()
    print(f"built {time.perf_counter() - start:.3f}", flush=True)
    site.launch(server_port=int(sys.argv[1]))
