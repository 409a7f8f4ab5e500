"""A lab's notes and its code, as the page shows them."""

from __future__ import annotations

import ast
import functools
import html
import importlib.util
import inspect
import re
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from pages.shell.lab import Lab, Page

HEADINGS = {"en": ("What to look for", "The mathematics"), "zh": ("看什么", "数学")}


def sections(markdown: str) -> list[tuple[str, str]]:
    """The parts of a lab's notes, each under a second-level heading: (heading, Markdown body)."""
    parts = re.split(r"^## (.+)$", markdown, flags=re.MULTILINE)
    assert not parts[0].strip(), f"notes start with a '## ' heading; got {parts[0][:40]!r}"
    return [(parts[i].strip(), parts[i + 1].strip()) for i in range(1, len(parts), 2)]


def parts(body: str, lab: Lab, language: str) -> list[tuple[tuple[int, ...], str]]:
    """A section in parts, each with the views that it belongs to, by their numbers from 1; with none, to the whole text only.

    A part begins under a comment that names its views by their questions: `<!-- Why zig-zag? Why momentum? -->`; an empty
    comment begins one of no view. Raises KeyError at a question that the lab does not ask.
    """
    numbers = {getattr(view.question, language): number for number, view in enumerate(lab.views, 1)}
    before, *marked = re.split(r"^<!--(.*?)-->$", body, flags=re.MULTILINE)
    found = [("", before), *zip(marked[::2], marked[1::2], strict=True)]
    asked = [(re.findall(r"\S[^?？]*[?？]", named), text.strip()) for named, text in found]
    return [(tuple(numbers[question] for question in questions), text) for questions, text in asked if text]


def following(page: Page, language: str) -> str:
    """A lab's notes as Markdown in which every part, and every section, says by its classes which views it belongs to."""
    made = []
    for heading, body in sections(page.notes(language)):
        found = parts(body, page.lab, language)
        inner = "\n\n".join(f'<div class="{of(numbers)}">\n\n{text}\n\n</div>' for numbers, text in found)
        every = sorted({number for numbers, _ in found for number in numbers})
        made.append(f'<section class="note {of(every)}">\n\n## {heading}\n\n{inner}\n\n</section>')
    return "\n\n".join(made)


def of(numbers: Iterable[int]) -> str:
    """The classes of what belongs to these views."""
    return " ".join(["of", *(f"of-{number}" for number in numbers)])


def plain(page: Page) -> str:
    """A lab's notes for a browser without scripts: whole, in both languages, formulas as they are written."""
    rows = []
    for language, lang in (("en", "en"), ("zh", "zh-CN")):
        for heading, body in sections(page.notes(language)):
            text = "\n\n".join(text for _, text in parts(body, page.lab, language))
            rows.append(f'<div lang="{lang}"><h2>{heading}</h2><p>{html.escape(text)}</p></div>')
    return f'<noscript class="page plain">{"".join(rows)}</noscript>'


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
