"""Texts in both languages of the site; the browser shows the one that the page is read in."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any, NamedTuple


class T(NamedTuple):
    """One text in English and in Simplified Chinese."""

    en: str
    zh: str

    @classmethod
    def of(cls, value: T | tuple[str, str] | str) -> T:
        """A text as given, or the same words for both languages (names, symbols, numbers)."""
        return cls(value, value) if isinstance(value, str) else cls(*value)

    def data(self) -> Any:
        """As the browser takes it: a plain string where both languages agree."""
        return self.en if self.en == self.zh else {"en": self.en, "zh": self.zh}

    def html(self) -> str:
        """Both languages in one fragment; the style sheet hides the one that is not read."""
        if self.en == self.zh:
            return html.escape(self.en)
        return (
            f'<span class="lang-en" lang="en">{html.escape(self.en)}</span>'
            f'<span class="lang-zh" lang="zh-CN">{html.escape(self.zh)}</span>'
        )


Words = T | tuple[str, str] | str


def cells(rows: Sequence[Sequence[Words]]) -> list[list[Any]]:
    """Rows of words as the browser takes them."""
    return [[T.of(cell).data() for cell in row] for row in rows]


def grouped(value: float) -> str:
    """A count as people read it: 20 000, with thin spaces."""
    return f"{value:,.0f}".replace(",", "\u202f")
