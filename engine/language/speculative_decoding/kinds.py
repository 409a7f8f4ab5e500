"""What kind of thing a token of source code is, judged by its text alone."""

from __future__ import annotations

import keyword

KINDS = ("indentation", "line end", "keyword", "name", "number", "bracket", "quote", "operator", "other")


def kind(piece: str) -> str:
    """One of `KINDS` for the text of a token. A run of signs counts as the first of bracket and quote that is in it."""
    text = piece.strip(" ")
    if "\n" in piece or "\r" in piece:
        return "line end"
    if not piece.strip():
        return "indentation"
    if keyword.iskeyword(text):
        return "keyword"
    if text.replace("_", "a").isidentifier() and not text.isdigit():
        return "name"
    if text.isdecimal():
        return "number"
    if any(c in "()[]{}" for c in text):
        return "bracket"
    if any(c in "\"'" for c in text):
        return "quote"
    return "operator" if text.isascii() and not any(c.isalnum() for c in text) and "\\" not in text else "other"
