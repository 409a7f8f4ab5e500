"""Sentences that a person should hear about a result, in both languages."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from engine.language.attention_maps.ablation import Ablated
from engine.language.attention_maps.switches import written

NEGLIGIBLE = 5e-4  # nats


def findings(
    shown: int, given: int, asked: tuple[int, int], taken: tuple[int, int], mask: str, prefix: int, ablated: Ablated
) -> Iterator[tuple[str, str]]:
    """What was left out, clamped or changed, and what switching heads off did."""
    if given > shown:
        yield (
            f"The text has {given} tokens; the first {shown} are read.",
            f"文本共有 {given} 个词元；只读入前 {shown} 个。",
        )
    if asked != taken:
        yield (
            f"The model has no head {asked[0]}.{asked[1]}; head {taken[0]}.{taken[1]} is shown.",
            f"模型没有注意力头 {asked[0]}.{asked[1]}；显示的是 {taken[0]}.{taken[1]}。",
        )
    if mask == "prefix":
        yield (
            f"Tokens 2 to {min(prefix, shown)} are seen before they are predicted, so they count in no loss.",
            f"第 2 到第 {min(prefix, shown)} 个词元在预测之前就已可见，因此不计入损失。",
        )
    if np.isnan(ablated.whole_loss):
        yield "No token is predicted here: there is no loss.", "这里没有被预测的词元：没有损失可算。"
    elif ablated.off.any():
        yield _switched(ablated)


def _switched(ablated: Ablated) -> tuple[str, str]:
    heads, change = written(ablated.off), ablated.loss - ablated.whole_loss
    if abs(change) < NEGLIGIBLE:
        return (
            f"Without {heads} this text is predicted as well as before.",
            f"关闭 {heads} 后，对这段文本的预测与之前一样好。",
        )
    en, zh = ("costs", "多花") if change > 0 else ("saves", "节省")
    return (
        f"Switching off {heads} {en} {abs(change):.3f} nats a token: "
        f"{ablated.whole_loss:.3f} becomes {ablated.loss:.3f}.",
        f"关闭 {heads} 使每个词元{zh} {abs(change):.3f} nat：{ablated.whole_loss:.3f} 变为 {ablated.loss:.3f}。",
    )
