"""Sentences that a person should hear about a result."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from engine.core import Finding, T
from engine.language.attention_maps.result import Ablated
from engine.language.attention_maps.switches import written

NEGLIGIBLE = 5e-4  # nats


def of_text(
    read: int, given: int, asked: tuple[int, int], taken: tuple[int, int], mask: str, prefix: int, ablated: Ablated
) -> Iterator[Finding | T]:
    """What was left out, clamped or changed, and what switching heads off did."""
    if given > read:
        yield T(
            "The text has {given:count} tokens; the first {read} are read.",
            "文本共有 {given:count} 个词元；只读入前 {read} 个。",
            given=given,
            read=read,
        )
    if asked != taken:
        yield T(
            "The model has no head {asked}; head {taken} is shown.",
            "模型没有注意力头 {asked}；显示的是 {taken}。",
            asked=".".join(map(str, asked)),
            taken=".".join(map(str, taken)),
        )
    if mask == "prefix":
        yield T(
            "Tokens 2 to {last} are seen before they are predicted, so they count in no loss.",
            "第 2 到第 {last} 个词元在预测之前就已可见，因此不计入损失。",
            last=min(prefix, read),
        )
    if np.isnan(ablated.whole_loss):
        yield Finding(T("No token is predicted here: there is no loss.", "这里没有被预测的词元：没有损失可算。"), "worth")
    elif ablated.off.any():
        yield Finding(_switched(ablated), "worth")


def _switched(ablated: Ablated) -> T:
    change = ablated.loss - ablated.whole_loss
    values = {
        "heads": written(ablated.off),
        "change": abs(change),
        "before": ablated.whole_loss,
        "after": ablated.loss,
        "n": int(np.isfinite(ablated.losses).sum()),
    }
    if abs(change) < NEGLIGIBLE:
        return T(
            "Without {heads} the {n} tokens of this text are predicted as well as before.",
            "关闭 {heads} 后，对这段文本 {n} 个词元的预测与之前一样好。",
            **values,
        )
    if change > 0:
        return T(
            "Switching off {heads} costs {change:number} nats a token, over the {n} predicted here: {before:number} becomes {after:number}.",
            "关闭 {heads} 使此处预测的 {n} 个词元平均各多花 {change:number} nat：{before:number} 变为 {after:number}。",
            **values,
        )
    return T(
        "Switching off {heads} saves {change:number} nats a token, over the {n} predicted here: {before:number} becomes {after:number}.",
        "关闭 {heads} 使此处预测的 {n} 个词元平均各节省 {change:number} nat：{before:number} 变为 {after:number}。",
        **values,
    )
