"""What is worth saying aloud, and what texts are too few to say."""

from __future__ import annotations

import numpy as np

from engine.attention.position_encoding.family import Encoding
from engine.attention.position_encoding.losses import ending
from engine.attention.position_encoding.result import Curves, Losses
from engine.core import Finding, T, gather
from engine.core.findings import verdict

FEWEST = 8  # texts below which their differences from one another hide any lead
ERRORS = 2  # standard errors to either side of a difference


def measured(encoding: Encoding, departure: float, offset: int, context: int, tile: int) -> Finding:
    """Whether the score of the chosen encoding was found to depend on m − n alone."""
    values = {"title": encoding.title, "offset": offset, "departure": departure, "last": context - 1}
    if np.isnan(departure):
        said = T("{title}: no position to measure at.", "{title}：没有可测的位置。", **values)
    elif encoding.name == "none":
        said = T(
            "Nothing is encoded: the score is the same everywhere. Without a causal mask, order would be invisible.",
            "无编码：分数处处相同。没有因果掩码，就看不见词序。",
        )
    elif departure < 1e-9:
        said = T(
            "{title}: pairs at the same distance, here and {offset} positions on, differ by {departure:number.2} of the largest score: rounding. It depends on m − n alone.",
            "{title}：相同距离的各对（此处与平移 {offset} 之后）只差最大分数的 {departure:number.2}：这是舍入误差。它只依赖 m − n。",
            **values,
        )
    else:
        said = T(
            "{title}: pairs at the same distance differ by {departure:percent.2} of the largest score. It depends on more than m − n.",
            "{title}：相同距离的各对最多相差最大分数的 {departure:percent.2}。它不只依赖 m − n。",
            **values,
        )
        if encoding.name == "learned" and offset + tile > context:
            end = T("The table ends at position {last}: beyond it there is no row.", "表只到位置 {last}：再往后没有行。", **values)
            said = T.joined([said, end], " ", "")
    return Finding(said, "scores")


def gap(curves: Curves, one: int, other: int) -> tuple[float, float]:
    """How much more one model loses than another at the end of the same texts, and the standard error by its parts."""
    end = ending(curves.places)
    apart = curves.losses[one, end] - curves.losses[other, end]
    return float(apart.mean()), float(apart.std(ddof=1) / np.sqrt(len(apart)))


def leads(curves: Curves, one: int, other: int) -> bool:
    """Whether these texts carry the verdict that one model loses less than another at their end."""
    mean, error = gap(curves, other, one)
    return curves.windows >= FEWEST and verdict(mean - ERRORS * error, mean + ERRORS * error, 0.0) == "above"


def losses(found: Losses, encoding: str) -> tuple[Finding, ...]:
    """What real models come to: the embedded one stretched, and the small one with the chosen encoding."""
    return gather(stretched(found.target), consequence(found.small, encoding))


def stretched(target: Curves) -> Finding | None:
    """The best scaling beside none."""
    if not np.isfinite(target.at_end).any():
        return None
    best = 1 + int(np.nanargmin(target.at_end[1:]))
    values = {"end": target.length, "n": target.windows, "own": target.at_end[0], "best": target.at_end[best], "title": target.titles[best]}
    if leads(target, best, 0):
        said = T(
            "Near token {end:count} of {n} texts the embedded model loses {own:fixed} nats as trained and {best:fixed} with {title}.",
            "{n} 篇文本，在第 {end:count} 个词元附近，内置模型照旧时损失 {own:fixed} nat，用{title}时为 {best:fixed} nat。",
            **values,
        )
    else:
        said = T(
            "Near token {end:count} the embedded model loses {own:fixed} nats as trained and {best:fixed} with {title}: {n} texts cannot tell them apart.",
            "在第 {end:count} 个词元附近，内置模型照旧时损失 {own:fixed} nat，用{title}时为 {best:fixed} nat：{n} 篇文本分不出高下。",
            **values,
        )
    return Finding(said, "target")


def consequence(small: Curves, name: str) -> Finding | None:
    """What the chosen encoding comes to in a trained model, inside and far beyond the training length."""
    if name not in small.names or not np.isfinite(small.at_end).any():
        return None
    at, order = small.names.index(name), np.argsort(np.where(np.isfinite(small.at_end), small.at_end, np.inf))
    best, rival = int(order[0]), int(order[1] if order[0] == at else order[0])
    values = {"title": small.titles[at], "context": small.context, "n": small.windows, "inside": small.inside[at], "end": small.at_end[at]}
    values |= {"length": small.length, "other": small.titles[rival], "least": small.at_end[rival]}
    if np.isnan(small.inside[at]):
        return None
    said = [
        T(
            "{title}, in a small model trained on {context} tokens: {inside:fixed} nats a token within them over {n} texts",
            "{title}，在训练长度为 {context} 的小模型中：{n} 篇文本，此长度以内每词元 {inside:fixed} nat",
            **values,
        )
    ]
    if np.isnan(small.at_end[at]):
        said.append(T(", and no positions beyond.", "，再往后没有位置。"))
    elif at == best and leads(small, at, rival):
        said.append(
            T(
                ", {end:fixed} near token {length:count}. No other is lower there.",
                "，到第 {length:count} 个词元附近为 {end:fixed}。远处没有更低的。",
                **values,
            )
        )
    elif at != best and leads(small, rival, at):
        said.append(
            T(
                ", {end:fixed} near token {length:count}. Least far out: {other}, {least:fixed}.",
                "，到第 {length:count} 个词元附近为 {end:fixed}。远处最低的是{other}：{least:fixed}。",
                **values,
            )
        )
    else:
        said.append(
            T(
                ", {end:fixed} near token {length:count}; these texts cannot tell it there from {other}, {least:fixed}.",
                "，到第 {length:count} 个词元附近为 {end:fixed}；这些文本在远处分不出它与{other}（{least:fixed}）。",
                **values,
            )
        )
    return Finding(T.joined(said, "", ""), "small")
