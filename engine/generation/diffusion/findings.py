"""What a run shows, said in sentences: with how many samples, how sure, and no verdict that they cannot carry."""

from __future__ import annotations

import math

import numpy as np

from engine.core import Finding, T, gather
from engine.core.findings import verdict
from engine.generation.diffusion.parameters import Diffuse
from engine.generation.diffusion.result import GUIDANCES, GUIDED, Diffused, Quality

NAMES = {
    "unconditional": T("no class", "无类别"),
    "conditional": T("the class alone", "仅类别"),
    "classifier": T("classifier guidance", "分类器引导"),
    "classifier-free": T("classifier-free guidance", "无分类器引导"),
}
FAR = 6.0  # no world has a sample with a larger coordinate, and guidance within reason does not go there
NORMAL = 1.959964  # standard deviations to each side of 95 % of a normal law
ENOUGH = 100  # samples from which on a mean distance is known to about a tenth of itself
APART = 2.0  # times the distance that the solver leaves without guidance: more is another law
SOLVERS = {"euler": "Euler", "heun": "Heun", "dpm": "DPM-Solver++ (2M)"}
LEARNING = Finding(
    T(
        "The network is still learning: what it draws now is drawn in few steps and without any comparison.",
        "网络仍在学习：此刻的样本只用很少步数得到，尚无对照。",
    )
)


def wilson(share: float, count: int) -> tuple[float, float]:
    """The 95 % interval of a probability of which `share` was observed in `count` trials. Source: Wilson 1927."""
    square = NORMAL**2 / count
    centre = (share + square / 2) / (1 + square)
    reach = NORMAL / (1 + square) * math.sqrt(share * (1 - share) / count + square / (4 * count))
    return max(0.0, centre - reach), min(1.0, centre + reach)


def difference(one: Quality, other: Quality) -> tuple[float, float]:
    """The 95 % interval of one recognised share minus another, from their own intervals. Source: Newcombe 1998, method
    10; for independent samples, and so wider than need be for ours, which start from the same noise."""
    (low, high), (low_, high_) = (wilson(q.accuracy, q.count) for q in (one, other))
    apart = one.accuracy - other.accuracy
    return apart - math.hypot(one.accuracy - low, high_ - other.accuracy), apart + math.hypot(high - one.accuracy, other.accuracy - low_)


def recognised(quality: Quality) -> T:
    """A share with its number of samples and its interval."""
    low, high = wilson(quality.accuracy, quality.count)
    values = {"share": quality.accuracy, "count": quality.count, "low": low, "high": high}
    return T(
        "{share:percent} of {count:count} (95 % interval: {low:percent} to {high:percent})",
        "{share:percent}（{count:count} 个样本，95% 置信区间 {low:percent} 至 {high:percent}）",
        **values,
    )


def beyond(params: Diffuse, classes: tuple[T, ...]) -> list[T]:
    """That classes were asked for which this world does not have."""
    last, said = len(classes) - 1, []
    for name, called in (("label", T("Class", "类别")), ("against", T("Away from class", "远离类别"))):
        if (asked := getattr(params, name)) > last:
            said.append(
                T(
                    "{called}: this world's last class is {last} ({name}); {asked} is read as that.",
                    "{called}：此世界的最后一类是 {last}（{name}）；{asked} 按它处理。",
                    called=called,
                    last=last,
                    name=classes[last],
                    asked=asked,
                )
            )
    return said


def of(r: Diffused, said: list[T]) -> tuple[Finding, ...]:
    """All that is to be said of a result as far as it is known, after what was said before."""
    end = r.chosen.samples
    if not np.isfinite(end).all() or np.abs(end).max() > FAR:
        lost = int((~np.isfinite(end) | (np.abs(end) > FAR)).reshape(len(end), -1).any(1).sum())
        return gather(
            *said,
            T(
                "The run diverged: {lost:count} of {count:count} samples are far from anything that this world knows. Take a smaller w, more steps, or another schedule.",
                "采样发散：{count:count} 个样本中有 {lost:count} 个远离此世界的一切。请减小 w、增加步数或换一种噪声表。",
                lost=lost,
                count=len(end),
            ),
        )
    if r.guidance not in r.quality:
        return gather(*said)
    return gather(*said, Finding(gained(r), "guidance"), *laws(r))


def gained(r: Diffused) -> T:
    """What guidance gains in recognition, and costs in diversity and in work."""
    own, plain, name = r.quality[r.guidance], r.quality.get("conditional"), NAMES[r.guidance]
    if own.count == 0 or (plain is not None and plain.count == 0):
        return T("No sample is finite: there is nothing to recognise.", "没有一个样本是有限的数：无从辨认。")
    share = recognised(own)
    if len(r.classes) == 1:
        return T("This world has one class: guidance has nothing to tell apart.", "此世界只有一类：引导无可区分。")
    if plain is None or r.guidance not in GUIDED:
        return T(
            "With {name}, {share} are recognised as their class.", "使用{name}，被认作所要类别的比例：{share}。", name=name, share=share
        )
    judged = {
        "above": T("guidance is recognised more often", "有引导时更常被认出"),
        "below": T("guidance is recognised less often", "有引导时更少被认出"),
        "undecided": T("too few samples, or too small a difference, to tell which is more", "样本太少或差别太小，无法判断哪个更高"),
    }[verdict(*difference(own, plain), than=0.0)]
    lost = T("", "")
    if min(own.count, plain.count) >= ENOUGH:
        lost = T(
            " Diversity goes from {before:number.2} to {after:number.2}.",
            "多样性由 {before:number.2} 变为 {after:number.2}。",
            before=plain.diversity,
            after=own.diversity,
        )
    return T(
        "With {name} of w = {w:number}, {share} are recognised as their class, without it {before}: {judged}.{lost} It costs {evaluations:times.2} the evaluations.",
        "使用 w = {w:number} 的{name}，被认作所要类别的比例：{share}；不引导时：{before}。{judged}。{lost}运算量为 {evaluations:times.2}。",
        name=name,
        w=r.scale,
        share=share,
        before=recognised(plain),
        judged=judged,
        lost=lost,
        evaluations=r.chosen.evaluations / r.paths["conditional"].evaluations,
    )


def laws(r: Diffused) -> list[Finding]:
    """Whether guided samples follow the law whose powers guidance multiplies, as far as the solver's error tells; and
    how few steps keep slopes from their orders."""
    said = []
    if (f := r.field) is not None:
        bent = r.guidance if r.guidance in GUIDED else "classifier-free"
        k = GUIDANCES.index(bent)
        own = max(f.w2[GUIDANCES.index("conditional")], f.w2_floor)
        values = {"name": NAMES[bent], "apart": f.w2_tilted[k], "unguided": own, "count": len(r.labels)}
        said.append(
            T(
                "{count:count} samples under {name} are {apart:number.2} from the product of powers (sliced W₂); unguided ones, in as many steps, {unguided:number.2} from their law: guidance draws another law.",
                "{name}的 {count:count} 个样本与幂乘积分布相距 {apart:number.2}（切片 W₂）；无引导的样本以同样步数与其分布相距 {unguided:number.2}：引导所采的是另一个分布。",
                **values,
            )
            if f.w2_tilted[k] > APART * own
            else T(
                "{count:count} samples under {name} are {apart:number.2} from the product of powers (sliced W₂), unguided ones {unguided:number.2} from their law: at this strength and in so few steps the two laws are not told apart.",
                "{name}的 {count:count} 个样本与幂乘积分布相距 {apart:number.2}（切片 W₂），无引导的样本与其分布相距 {unguided:number.2}：在此强度与步数下，无法分辨两个分布。",
                **values,
            )
        )
    found = [Finding(text, "law") for text in said]
    if (c := r.convergence) is not None:
        slopes = T.joined(
            [
                T("{name} {slope:fixed.2}", "{name} {slope:fixed.2}", name=name, slope=slope)
                for name, slope in zip(SOLVERS.values(), c.slopes, strict=True)
            ]
        )
        found.append(
            Finding(
                T(
                    "Slopes over the finer half, {few} to {many} steps: {slopes}. In the limit of many steps they are 1, 2 and 2; so few steps are not there yet.",
                    "较细一半（{few} 至 {many} 步）的斜率：{slopes}。步数趋于无穷时为 1、2、2；这么少的步数尚未到达极限。",
                    few=int(c.calls[0, len(c.calls[0]) // 2]),
                    many=int(c.calls[0, -1]),
                    slopes=slopes,
                ),
                "solvers",
            )
        )
    return found
