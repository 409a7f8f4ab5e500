"""What is worth saying aloud, in both languages."""

from __future__ import annotations

import numpy as np

from engine.attention.position_encoding.family import Encoding, Words
from engine.attention.position_encoding.losses import Losses, SmallLosses


def measured(encoding: Encoding, departure: float, offset: int, context: int) -> Words:
    """Whether the score of the chosen encoding was found to depend on m − n alone."""
    (en, zh), told = encoding.title, f"{departure:.1e}".replace("-", "−") if departure else "0"
    if np.isnan(departure):
        return (f"{en}: no position to measure at.", f"{zh}：没有可测的位置。")
    end_en = end_zh = ""
    if encoding.name == "learned" and offset + 24 > context:
        end_en = f" The table ends at position {context - 1}: beyond it there is no row."
        end_zh = f"表只到位置 {context - 1}：再往后没有行。"
    if encoding.name == "none":
        return (
            "Nothing is encoded: the score is the same everywhere. Without a causal mask, order would be invisible.",
            "无编码：分数处处相同。没有因果掩码，就看不见词序。",
        )
    if departure < 1e-9:
        return (
            f"{en}: pairs at the same distance, here and {offset} positions on, differ by {told} of the largest score:"
            " rounding. It depends on m − n alone.",
            f"{zh}：相同距离的各对（此处与平移 {offset} 之后）只差最大分数的 {told}：这是舍入误差。它只依赖 m − n。",
        )
    return (
        f"{en}: pairs at the same distance differ by {departure:.0%} of the largest score."
        f" It depends on more than m − n.{end_en}",
        f"{zh}：相同距离的各对最多相差最大分数的 {departure:.0%}。它不只依赖 m − n。{end_zh}",
    )


def losses(found: Losses, task: str) -> Words:
    """What a run has measured."""
    part = found.target if task == "target" else found.small
    if not np.isfinite(part.at_end).any():
        return ("Nothing was measured.", "没有测得结果。")
    best, end = int(np.nanargmin(part.at_end)), part.length
    (en, zh), own = part.titles[best], part.at_end[best]
    if task == "target":
        first = part.at_end[0]
        return (
            f"Near token {end} the embedded model loses {first:.2f} nats as trained and {own:.2f} with {en}.",
            f"在第 {end} 个词元附近，内置模型照旧时损失 {first:.2f} nat，用{zh}时为 {own:.2f} nat。",
        )
    return (
        f"Near token {end}, trained on {part.context}, {en} loses least: {own:.2f} nats.",
        f"训练长度为 {part.context}，到第 {end} 个词元附近，{zh}的损失最小：{own:.2f} nat。",
    )


def consequence(small: SmallLosses, name: str) -> Words:
    """What the chosen encoding comes to in a trained model, inside and far beyond the training length."""
    if name not in small.names or not np.isfinite(small.at_end).any():
        return ("", "")
    at, best = small.names.index(name), int(np.nanargmin(small.at_end))
    (en, zh), (other_en, other_zh) = small.titles[at], small.titles[best]
    inside, end = small.inside[at], small.at_end[at]
    if np.isnan(inside):
        return ("", "")
    told_en = f"{en}, in a small model trained on {small.context} tokens: {inside:.2f} nats a token within them"
    told_zh = f"{zh}，在训练长度为 {small.context} 的小模型中：此长度以内每词元 {inside:.2f} nat"
    far_en, far_zh = f", {end:.2f} near token {small.length}.", f"，到第 {small.length} 个词元附近为 {end:.2f}。"
    if np.isnan(end):
        far_en, far_zh = ", and no positions beyond.", "，再往后没有位置。"
    if best == at:
        return (f"{told_en}{far_en} No other is lower there.", f"{told_zh}{far_zh}远处没有更低的。")
    least = small.at_end[best]
    return (
        f"{told_en}{far_en} Least far out: {other_en}, {least:.2f}.",
        f"{told_zh}{far_zh}远处最低的是{other_zh}：{least:.2f}。",
    )
