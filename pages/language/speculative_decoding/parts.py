"""What the figures of speculative decoding have in common: verdicts, tokens as labels."""

from __future__ import annotations

import html
from typing import Any

import numpy as np

from engine.language.speculative_decoding.result import Judged
from pages.shell import T, draw

SHORT = 12
NOT_YET = T("Not measured yet: this part of the run comes later.", "尚未测得：运行的这一部分稍后进行。")
VERDICTS: dict[Judged | None, T] = {
    "above": T("yes", "是"),
    "below": T("no", "否"),
    "undecided": T("the clock cannot tell", "计时无法判断"),
    None: T("not timed yet", "尚未计时"),
}


def word(token: str, most: int = SHORT) -> str:
    """A token as one visible word for a label: spaces before it as dots, a line's end as an arrow."""
    text = token.replace("\n", "↵").replace("\r", "␍").replace("\t", "→")
    text = "·" * (len(text) - len(text.lstrip(" "))) + text.lstrip(" ")
    text = text[: most - 1] + "…" if len(text) > most else text or "∅"
    return html.escape(f"\u200b{text}" if text.startswith("--") else text, quote=False)


def spans(value: np.ndarray, low: np.ndarray, high: np.ndarray) -> dict[str, Any]:
    """Error bars of what was measured between two ends."""
    return {"type": "data", "array": high - value, "arrayminus": value - low, "color": draw.MEASURED, "thickness": 1.3, "width": 3}
