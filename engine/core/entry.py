"""What people type: one normaliser for every field that has a grammar, and numbers that are read exactly or refused.

Nothing is thrown away: a comma is grouping, a decimal mark, or a reason to ask. The browser has the same rule
(`pages/shell/static/text.js`); both are run against `tests/engine/core/entries.json`. Prose is never touched.
"""

from __future__ import annotations

import re

from engine.core.words import T

# Full-width forms lie 0xFEE0 above ASCII's.
FULL_WIDTH = {code + 0xFEE0: chr(code) for code in range(0x21, 0x7F)}
ALIKE = FULL_WIDTH | str.maketrans({"、": ",", "。": ".", "−": "-", "–": "-", "\u3000": " ", "\u00a0": " ", "\u202f": " ", "\u2009": " "})
GROUPED_BY_SPACE = re.compile(r"[+-]?\d{1,3}(?: \d{3})+(?=[.,eE]|$)", re.ASCII)
NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?", re.ASCII)
GROUPED_BY_COMMA = re.compile(r"([+-]?[1-9]\d{0,2}(?:,\d{3})+)(\.\d*)?([eE][+-]?\d{1,4})?", re.ASCII)
DECIMAL_COMMA = re.compile(r"([+-]?\d*),(\d+)([eE][+-]?\d{1,4})?", re.ASCII)
LONGEST = 400  # characters of a number; none that anyone needs has more


def normalised(text: str) -> str:
    """A text with full-width digits, signs and punctuation, an ideographic comma or stop, and odd spaces as ASCII has them."""
    return text.translate(ALIKE)


class Unreadable(ValueError):
    """A text that is no number; `why` says what else it might be, or is None."""

    def __init__(self, why: T | None = None):
        super().__init__(why.en if why else "not a number")
        self.why = why


def read_number(text: str, whole: bool = False) -> int | float:
    """The number that a text says: "20,000" and "20 000" are grouped, "1,5" is 1.5, "１２" is 12, "1e6" a million.

    whole: the field takes whole numbers, so that "1,500" can only be grouped; elsewhere it could be 1500 or 1.5, and is
    not guessed. Raises `Unreadable`.
    """
    plain = normalised(text).strip()
    if len(plain) > LONGEST:
        raise Unreadable
    if GROUPED_BY_SPACE.match(plain):
        plain = plain.replace(" ", "")
    grouped, decimal = GROUPED_BY_COMMA.fullmatch(plain), DECIMAL_COMMA.fullmatch(plain)
    if grouped and decimal and not whole:
        many, few = plain.replace(",", ""), plain.replace(",", ".")
        raise Unreadable(
            T("which is {many} or {few}: write it without a comma", "可能是 {many} 或 {few}：请不要写逗号", many=many, few=few)
        )
    if grouped:
        plain = plain.replace(",", "")
    elif decimal and not whole:
        plain = plain.replace(",", ".")
    if not NUMBER.fullmatch(plain):
        raise Unreadable
    try:
        return int(plain)
    except ValueError:
        value = float(plain)
    if whole and value.is_integer():
        return int(value)
    return value
