"""What the numbers say, a sentence at a time, in English and Chinese."""

from __future__ import annotations

from dataclasses import dataclass

from engine.calculus.harmonic.coupons import Coupons
from engine.calculus.harmonic.machine import MachineSum, Stall
from engine.calculus.harmonic.pictures import Tower
from engine.calculus.harmonic.rearranged import Rearranged

Sentence = tuple[str, str]


@dataclass(frozen=True)
class Findings:
    """One sentence (English, Chinese) for each picture."""

    growth: Sentence
    machine: Sentence
    rearranged: Sentence
    coupons: Sentence
    tower: Sentence


def growth(n: int, h_n: float) -> Sentence:
    return (
        f"{n:,} terms reach {h_n:.6g}; ten times as many would add only about ln 10 ≈ 2.30.",
        f"{n:,} 项之和为 {h_n:.6g}；项数再增至十倍，也只多出约 ln 10 ≈ 2.30。",
    )


def machine(found: MachineSum, stall: Stall) -> Sentence:
    """Of the chosen format and order. `stall` is the format's forward stall."""
    name, total, error = found.dtype, f"{found.total:.8g}", f"{abs(found.error):.2g}"
    if found.order == "forward":
        return _forward(found, stall, total, error)
    if found.order == "kahan" and found.still_from is not None:
        still = f"{found.still_from:,}"
        return (
            f"Kahan's sum in {name} passes the forward stall at {stall.stall_at:,} but stops as well, at k = {still}: "
            f"there 1/k no longer moves the correction either. It is {total}, {error} off.",
            f"{name} 的 Kahan 和越过了从前往后相加的停点 {stall.stall_at:,}，但也停在 k = {still}："
            f"此处 1/k 连补偿量也改变不了。结果为 {total}，误差 {error}。",
        )
    lost = found.order == "backward" and found.error < 0 and abs(found.error) > 1e-2 * found.exact
    if lost:
        return (
            f"Small terms first is no cure at this length: in {name} the growing sum soon outweighs each tiny term, "
            f"and {total} is {error} short of the exact {found.exact:.8g}.",
            f"项数这么多时，先加小项也无济于事：{name} 的和很快大得盖过每一个小项，"
            f"结果 {total} 比精确值 {found.exact:.8g} 少 {error}。",
        )
    en = {"backward": "Backward", "pairwise": "Pairwise", "kahan": "Kahan"}[found.order]
    zh = {"backward": "从后往前", "pairwise": "两两相加", "kahan": "Kahan 补偿"}[found.order]
    return (
        f"{en}, the sum of {found.added:,} terms in {name} is {total}, {error} off the exact {found.exact:.8g}.",
        f"{zh}：{name} 中 {found.added:,} 项之和为 {total}，与精确值 {found.exact:.8g} 相差 {error}。",
    )


def _forward(found: MachineSum, stall: Stall, total: str, error: str) -> Sentence:
    name, at = found.dtype, f"{stall.stall_at:,}"
    if found.added < stall.stall_at:
        return (
            f"Forward, {found.added:,} terms in {name} add up to {total}, {error} off; "
            f"at k = {at} the sum would stop, at {stall.total:.8g}.",
            f"从前往后，{name} 中 {found.added:,} 项之和为 {total}，误差 {error}；"
            f"到 k = {at} 时和将停在 {stall.total:.8g}。",
        )
    return (
        f"In {name} the forward sum stops at {total}: from k = {at} on, 1/k is at most half a unit in its last place "
        f"and is rounded away. The exact sum is {found.exact:.8g}.",
        f"{name} 中从前往后的和停在 {total}：从 k = {at} 起，1/k 不超过末位单位的一半，被舍去。"
        f"精确值为 {found.exact:.8g}。",
    )


def rearranged(found: Rearranged) -> Sentence:
    plus, minus = int(found.positives[-1]), int(found.negatives[-1])
    return (
        f"{plus:,} terms added and {minus:,} subtracted bring the sum to {found.sums[-1]:.9g}, "
        f"{abs(found.drift[-1]):.2g} from the target {found.target:g}; "
        f"in the long run {found.ratio_limit:.4g} are added for each one subtracted.",
        f"加 {plus:,} 项、减 {minus:,} 项后，和为 {found.sums[-1]:.9g}，离目标 {found.target:g} 还差 "
        f"{abs(found.drift[-1]):.2g}；长远看，每减一项要加 {found.ratio_limit:.4g} 项。",
    )


def coupons(found: Coupons) -> Sentence:
    return (
        f"All {found.kinds:,} kinds took {found.mean:.1f} draws on average over {found.runs:,} collections; "
        f"exactly, it is {found.kinds:,} · H = {found.exact_mean:.1f}, with a spread of {found.exact_spread:.1f}.",
        f"{found.runs:,} 次收集中，集齐 {found.kinds:,} 种平均抽 {found.mean:.1f} 次；"
        f"精确值为 {found.kinds:,} · H = {found.exact_mean:.1f}，标准差 {found.exact_spread:.1f}。",
    )


def tower(blocks: int, found: Tower) -> Sentence:
    return (
        f"{blocks:,} blocks reach {found.overhang:.4g} block lengths beyond the table; "
        "2 lengths take 31 of them, 5 take 12,367.",
        f"{blocks:,} 块伸出桌沿 {found.overhang:.4g} 个块长；伸出 2 个块长要 31 块，5 个块长要 12,367 块。",
    )
