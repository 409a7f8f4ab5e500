"""What the figures of speculative decoding have in common: words for sources and kinds, tokens as labels."""

from __future__ import annotations

import html
from typing import Any

import numpy as np

from engine.language.speculative_decoding.result import Judged, Rates
from pages.shell import T, draw

SHORT = 12
NOT_YET = T("Not measured yet: this part of the run comes later.", "尚未测得：运行的这一部分稍后进行。")
SOURCES = {
    "model": T("draft model", "草稿模型"),
    "lookup": T("n-gram lookup", "文内查找"),
    "both": T("lookup, else model", "先查找，再用模型"),
    "exit": T("early exit", "提前退出"),
}
KINDS = {
    "indentation": T("indentation", "缩进"),
    "line end": T("line end", "行尾"),
    "keyword": T("keyword", "关键字"),
    "name": T("name", "名称"),
    "number": T("number", "数字"),
    "bracket": T("bracket", "括号"),
    "quote": T("quote", "引号"),
    "operator": T("operator", "运算符"),
    "other": T("other", "其他"),
}
VERDICTS: dict[Judged | None, T] = {
    "above": T("yes", "是"),
    "below": T("no", "否"),
    "undecided": T("the clock cannot tell", "计时无法判断"),
    None: T("not timed yet", "尚未计时"),
}
PER_SPEED = draw.Axis(T("times as fast", "加速倍数"))


def word(token: str, most: int = SHORT) -> str:
    """A token as one visible word for a label: spaces before it as dots, a line's end as an arrow."""
    text = token.replace("\n", "↵").replace("\r", "␍").replace("\t", "→")
    text = "·" * (len(text) - len(text.lstrip(" "))) + text.lstrip(" ")
    text = text[: most - 1] + "…" if len(text) > most else text or "∅"
    return html.escape(f"\u200b{text}" if text.startswith("--") else text, quote=False)


def measured_rates(rates: Rates, x: np.ndarray, panel: int, across: bool = False, **options: Any) -> list[dict]:
    """Bars of measured rates with their standard errors, and strokes where the distributions say they should be."""
    error = {"type": "data", "array": np.nan_to_num(rates.error), "color": draw.INK_3, "thickness": 1.2, "width": 3}
    rate, stroke = (
        np.nan_to_num(rates.rate),
        draw.ticks(x, rates.expected, name=T("expected: Σ min(p, q)", "期望：Σ min(p, q)"), panel=panel),
    )
    name = T("kept ÷ decided", "保留 ÷ 判定")
    if not across:
        return [draw.bars(x, rate, name=name, panel=panel, error_y=error, **options), stroke]
    stroke |= {"x": rates.expected, "y": x, "marker": stroke["marker"] | {"symbol": "line-ns-open"}}
    return [draw.bars(rate, x, name=name, panel=panel, orientation="h", error_x=error), stroke]


def spans(value: np.ndarray, low: np.ndarray, high: np.ndarray) -> dict[str, Any]:
    """Error bars of what was measured between two ends."""
    return {"type": "data", "array": high - value, "arrayminus": value - low, "color": draw.MEASURED, "thickness": 1.3, "width": 3}
