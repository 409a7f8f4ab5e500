"""What the figures of speculative decoding have in common: words for sources and kinds, tokens as labels."""

from __future__ import annotations

import html

import numpy as np

from engine.language.speculative_decoding import Speculated
from engine.language.speculative_decoding.tallying import Rates
from pages.shell.colors import INK_3, MEASURED, THEORY
from pages.shell.text import T
from pages.shell.traces import trace

SHORT = 12
NOT_YET = T("Not measured yet: this part of the run comes later.", "尚未测得：运行的这一部分稍后进行。")
SOURCES = {
    "model": T("draft model", "草稿模型"),
    "lookup": T("n-gram lookup", "文内查找"),
    "both": T("lookup, else model", "先查找，再用模型"),
    "exit": T("early exit", "提前退出"),
}
KINDS = {
    "indentation": T("indentation", "缩进"), "line end": T("line end", "行尾"), "keyword": T("keyword", "关键字"),
    "name": T("name", "名称"), "number": T("number", "数字"), "bracket": T("bracket", "括号"),
    "quote": T("quote", "引号"), "operator": T("operator", "运算符"), "other": T("other", "其他"),
}  # fmt: skip


def word(token: str, most: int = SHORT) -> str:
    """A token as one visible word for a label: spaces before it as dots, a line's end as an arrow."""
    text = token.replace("\n", "↵").replace("\r", "␍").replace("\t", "→")
    text = "·" * (len(text) - len(text.lstrip(" "))) + text.lstrip(" ")
    text = text[: most - 1] + "…" if len(text) > most else text or "∅"
    return html.escape(f"\u200b{text}" if text.startswith("--") else text, quote=False)


def share(value: float) -> str:
    """A chance as it is read: 0.42, 0.0031, or a dash where there is none."""
    if value != value:
        return "–"
    if value == 0:
        return "0"
    return f"{value:.3f}" if value >= 0.01 else f"{value:.1e}".replace("e-0", "e−").replace("e-", "e−")


def milliseconds(seconds: float) -> str:
    """A time to read off."""
    return f"{1e3 * seconds:.2f} ms"


def times(value: float | None) -> str:
    """A speed-up to read off."""
    return "–" if value is None else f"{value:.2f}×"


def measured_rates(rates: Rates, x: np.ndarray, panel: int, across: bool = False) -> list[dict]:
    """Bars of measured rates with their standard errors, and strokes where the distributions say they should be."""
    error = {"type": "data", "array": np.nan_to_num(rates.error), "color": INK_3, "thickness": 1.2, "width": 3}
    style = {"color": MEASURED, "line": {"width": 0}}
    stroke = {"color": THEORY, "size": 9, "symbol": "line-ns-open" if across else "line-ew-open",
              "line": {"width": 2, "color": THEORY}}  # fmt: skip
    rate = np.nan_to_num(rates.rate)
    one, two = (
        ({"x": rate, "y": x}, {"x": rates.expected, "y": x})
        if across
        else ({"x": x, "y": rate}, {"x": x, "y": rates.expected})
    )
    return [
        trace("bar", panel=panel, name=T("kept ÷ decided", "保留 ÷ 判定"), opacity=0.75, marker=style,
              orientation="h" if across else "v", **one, **{"error_x" if across else "error_y": error}),
        trace("scatter", panel=panel, name=T("expected", "期望"), mode="markers", marker=stroke, **two),
    ]  # fmt: skip


def pays(r: Speculated) -> T:
    """Whether it pays, as a fact."""
    if r.speedup is None:
        return T("not timed yet", "尚未计时")
    return T("yes", "是") if r.speedup >= 1 else T("no", "否")
