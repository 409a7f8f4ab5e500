"""Token strips: a text above a figure, its tokens tinted, pointed at and clicked one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.core.words import T, Words
from pages.shell.packing import packed


@dataclass(frozen=True)
class Strip:
    """Tokens that wrap as the text that they are; white space is made visible.

    colors: one token of the look for all, or one for each. strength: (n,) from 0 to 1, how strongly each is tinted.
    notes: what each says when pointed at. hide_ahead: what a frame's "upto" leaves out is hidden rather than faded.
    """

    tokens: Sequence[str]
    title: Words = ""
    colors: str | Sequence[str] = "--measured"
    strength: np.ndarray | None = None
    notes: Sequence[Words] | None = None
    hide_ahead: bool = False

    def data(self) -> dict[str, Any]:
        """As it is sent."""
        made = {"tokens": list(self.tokens), "title": T.of(self.title).data(), "colors": self.colors}
        if not isinstance(self.colors, str):
            palette = sorted(set(self.colors))
            made["colors"] = {"palette": palette, "at": packed(np.array([palette.index(c) for c in self.colors]))}
        if self.strength is not None:
            made["strength"] = packed(np.asarray(self.strength, dtype=float))
        if self.notes is not None:
            made["notes"] = [T.of(note).data() for note in self.notes]
        return made | ({"hide_ahead": True} if self.hide_ahead else {})
