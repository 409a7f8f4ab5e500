"""Texts in both languages of Orrery: two templates side by side over one set of values.

    T("exact law", "精确分布")
    T("{n:count} walkers", "{n:count} 名行走者", n=walked.ended)
    T.many("{n} run", "{n} runs", "{n} 次模拟", n=runs)

A value is written once, and formatted by `engine.core.amounts` where the template names a kind of it ({share:percent});
a value may itself be a text, and is then said in the same language. Pages, findings, refusals and fields all use `T`;
command line and API speak its English.
"""

from __future__ import annotations

import functools
import html
import string
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from engine.core.amounts import formatted

EN, ZH = 0, 1


class T:
    """One text in English and in Simplified Chinese. Immutable; equal to any pair of the same two texts."""

    __slots__ = ("_said", "_templates", "_values")

    def __init__(self, en: str, zh: str, /, **values: Any):
        self._templates, self._values = (en, zh), values
        self._said: list[str | None] = [None, None] if values else [en, zh]

    @classmethod
    def of(cls, value: T | Sequence[str] | str) -> T:
        """A text as given, or the same words for both languages (names, symbols, numbers)."""
        if isinstance(value, T):
            return value
        return cls(value, value) if isinstance(value, str) else cls(*value)

    @classmethod
    def many(cls, one: str, several: str, zh: str, /, *, by: str = "n", **values: Any) -> T:
        """A text with a count, the value called `by`: English alone has a plural."""
        return cls(one if values[by] == 1 else several, zh, **values)

    @classmethod
    def joined(cls, texts: Sequence[T | str], en: str = ", ", zh: str = "、") -> T:
        """Several texts as one, with each language's own mark between them."""
        parts = [T.of(text) for text in texts]
        return cls(en.join(part.en for part in parts), zh.join(part.zh for part in parts))

    def having(self, **values: Any) -> T:
        """The same text with other values."""
        return T(*self._templates, **self._values | values)

    @property
    def en(self) -> str:
        """The text in English."""
        return self._in(EN)

    @property
    def zh(self) -> str:
        """The text in Simplified Chinese."""
        return self._in(ZH)

    def data(self) -> Any:
        """As the browser takes it: a plain string where both languages agree."""
        return self.en if self.en == self.zh else {"en": self.en, "zh": self.zh}

    def html(self) -> str:
        """Both languages in one fragment; the style sheet hides the one that is not read."""
        if self.en == self.zh:
            return html.escape(self.en)
        return (
            f'<span class="lang-en" lang="en">{html.escape(self.en)}</span><span class="lang-zh" lang="zh-CN">{html.escape(self.zh)}</span>'
        )

    def _in(self, language: int) -> str:
        text = self._said[language]
        if text is None:
            text = self._said[language] = filled(self._templates[language], self._values, language)
        return text

    def __iter__(self) -> Iterator[str]:
        return iter((self.en, self.zh))

    def __getitem__(self, language: int) -> str:
        return self._in(language)

    def __bool__(self) -> bool:
        return bool(self.en)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, (T, tuple, list)):
            return (self.en, self.zh) == tuple(other)
        return NotImplemented

    def __hash__(self) -> int:
        return hash((self.en, self.zh))

    def __repr__(self) -> str:
        return f"T({self.en!r}, {self.zh!r})"

    def __str__(self) -> str:
        return self.en


Words = T | str


@functools.lru_cache(8192)
def parts(template: str) -> tuple[tuple[str, str | None, str | None, str | None], ...]:
    """A template taken apart once: literal text, then name, kind and conversion of the value behind it."""
    return tuple(string.Formatter().parse(template))


def filled(template: str, values: Mapping[str, Any], language: int) -> str:
    """A template with its values, in one language."""
    made = []
    for literal, name, kind, conversion in parts(template):
        made.append(literal)
        if name is None:
            continue
        value = values[name]
        if isinstance(value, T):
            value = value[language]
        if conversion == "r":
            value = repr(value)
        said = formatted(value, kind) if kind else str(value)
        made.append(format(value, kind or "") if said is None else said)
    return "".join(made)


def cells(rows: Sequence[Sequence[Words]]) -> list[list[Any]]:
    """Rows of words as the browser takes them."""
    return [[T.of(cell).data() for cell in row] for row in rows]
