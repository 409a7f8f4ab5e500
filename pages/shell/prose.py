"""A lab's notes and its code, as the page shows them."""

from __future__ import annotations

import ast
import functools
import importlib.util
import inspect
import re
from pathlib import Path
from types import ModuleType
from typing import Any

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from pages.shell.lab import Lab

HEADINGS = {"en": ("What to look for", "The mathematics"), "zh": ("看什么", "数学")}


def sections(markdown: str) -> list[tuple[str, str]]:
    """The parts of a lab's notes, each under a second-level heading: (heading, Markdown body)."""
    parts = re.split(r"^## (.+)$", markdown, flags=re.MULTILINE)
    assert not parts[0].strip(), f"notes start with a '## ' heading; got {parts[0][:40]!r}"
    return [(parts[i].strip(), parts[i + 1].strip()) for i in range(1, len(parts), 2)]


def formulas(markdown: str) -> list[str]:
    """Every formula of a text, without spaces."""
    return [re.sub(r"\s", "", m) for m in re.findall(r"\$\$.+?\$\$|\$[^$]+\$", markdown, flags=re.DOTALL)]


def sources(lab: Lab) -> list[tuple[str, str]]:
    """Name and source of what ran: the experiment's function, then what the lab names beside it."""
    found = []
    for thing in (lab.experiment.function, *lab.sources):
        if isinstance(thing, str):
            found.append((thing.replace(":", "."), unimported(thing)))
        elif isinstance(thing, ModuleType):
            found.append((thing.__name__, inspect.getsource(thing)))
        else:
            thing = inspect.unwrap(getattr(thing, "fn", thing))
            found.append((f"{thing.__module__}.{thing.__qualname__}", inspect.getsource(thing)))
    return found


def unimported(name: str) -> str:
    """The source of "package.module", or of a name at its top, "package.module:name", which is not imported for it."""
    module, _, part = name.partition(":")
    spec = importlib.util.find_spec(module)
    assert spec is not None and spec.origin is not None, f"there is no module {module}"
    text = Path(spec.origin).read_text()
    if not part:
        return text
    node = next(node for node in ast.parse(text).body if getattr(node, "name", "") == part)
    first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", ()))])
    return "\n".join(text.splitlines()[first - 1 : node.end_lineno]) + "\n"


def highlighted(source: str) -> str:
    """Python source as HTML, coloured by the classes of `site.css`."""
    return highlight(source, PythonLexer(), HtmlFormatter(nowrap=True))


@functools.cache
def _code_html(slug: str, parts: tuple[tuple[str, str], ...]) -> str:
    return "".join(f'<h3 class="code-name">{name}</h3><pre class="code"><code>{highlighted(text)}</code></pre>' for name, text in parts)


def code_html(lab: Lab) -> str:
    """The lab's code as HTML."""
    return _code_html(lab.slug, tuple(sources(lab)))


def call(lab: Lab) -> Any:
    """What the browser needs to write the call that made a figure: module and names."""
    experiment = lab.experiment
    return {
        "module": experiment.function.__module__,
        "function": experiment.function.__name__,
        "params": experiment.params.__name__,
        "slug": experiment.slug,
    }
