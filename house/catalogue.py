"""A gettext catalogue of every text, for the day on which a third language comes: `python -m house.catalogue zh.po`.

The English template is the id, the Chinese one its translation; a language is then a file of its own, in which only the
second lines are changed. What stays in the code until then is both templates side by side.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
HEADER = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n"Plural-Forms: nplurals=1; plural=0;\\n"\n'


def texts(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The templates of every `T(…)` and `T.many(…)` of a file with their lines; those that are not written there are left out."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("T", "T.many") and len(node.args) in (2, 3):
            templates = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
            if len(templates) == len(node.args):
                yield node.lineno, templates


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def catalogue() -> str:
    """Every text once for each lab that says it, with the places where it stands."""
    found: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for path in sorted(p for folder in ("engine", "pages") for p in (ROOT / folder).rglob("*.py")):
        parts = path.relative_to(ROOT).parts
        context = "/".join(parts[1:3]) if len(parts) > 3 else "/".join(parts[:2])
        for line, templates in texts(path):
            found[context, *templates].append(f"{path.relative_to(ROOT)}:{line}")
    entries = []
    for (context, english, *rest), places in found.items():
        if not english:
            continue  # the empty id is a catalogue's header
        several = f"msgid_plural {quoted(rest[0])}\nmsgstr[0]" if len(rest) == 2 else "msgstr"
        entries.append(f"#: {' '.join(places[:3])}\nmsgctxt {quoted(context)}\nmsgid {quoted(english)}\n{several} {quoted(rest[-1])}\n")
    return "\n".join([HEADER, *entries])


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(catalogue())
