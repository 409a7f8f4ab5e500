"""README's table of labs, from the labs that are found: `python -m house.readme`."""

from __future__ import annotations

import re
from pathlib import Path

import pages

README = Path(__file__).parents[1] / "README.md"


def table() -> str:
    """One row a lab, in reading order."""
    found = [page.lab for labs in pages.discover().values() for page in labs]
    rows = [f"| {lab.title.en} | `{lab.slug}` | {lab.claim.en} |" for lab in found]
    return "\n".join(["| lab | slug | what it shows |", "|---|---|---|", *rows])


if __name__ == "__main__":
    text = README.read_text()
    README.write_text(re.sub(r"(<!-- labs -->\n).*?(\n<!-- /labs -->)", lambda m: m[1] + table() + m[2], text, flags=re.DOTALL))
