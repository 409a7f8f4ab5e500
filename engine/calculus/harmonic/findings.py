"""What the numbers say: a sentence for each picture, which is its topic."""

from __future__ import annotations

from engine.calculus.harmonic.coupons import Coupons
from engine.calculus.harmonic.machine import MachineSum, Stall
from engine.calculus.harmonic.pictures import Tower
from engine.calculus.harmonic.rearranged import Rearranged
from engine.core import amounts
from engine.core.words import T


def growth(n: int, h_n: float) -> T:
    return T(
        "{n:count} terms reach {h_n:number.6}; ten times as many would add only about ln 10 ≈ 2.30.",
        "{n:count} 项之和为 {h_n:number.6}；项数再增至十倍，也只多出约 ln 10 ≈ 2.30。",
        n=n,
        h_n=h_n,
    )


def machine(found: MachineSum, stall: Stall) -> T:
    """Of the chosen format and order. `stall` is the format's forward stall."""
    name, total, error = found.dtype, amounts.number(found.total, 8), amounts.number(abs(found.error), 2)
    if found.order == "forward":
        return _forward(found, stall, total, error)
    if found.order == "kahan" and found.still_from is not None:
        still = amounts.count(found.still_from)
        return T(
            "Kahan's sum in {name} passes the forward stall at {stall_at:count} but stops as well, at k = {still}: there 1/k no longer moves the correction either. It is {total}, {error} off.",
            "{name} 的 Kahan 和越过了从前往后相加的停点 {stall_at:count}，但也停在 k = {still}：此处 1/k 连补偿量也改变不了。结果为 {total}，误差 {error}。",
            name=name,
            stall_at=stall.stall_at,
            still=still,
            total=total,
            error=error,
        )
    lost = found.order == "backward" and found.error < 0 and abs(found.error) > 1e-2 * found.exact
    if lost:
        return T(
            "Small terms first is no cure at this length: in {name} the growing sum soon outweighs each tiny term, and {total} is {error} short of the exact {exact:number.8}.",
            "项数这么多时，先加小项也无济于事：{name} 的和很快大得盖过每一个小项，结果 {total} 比精确值 {exact:number.8} 少 {error}。",
            name=name,
            total=total,
            error=error,
            exact=found.exact,
        )
    en = {"backward": "Backward", "pairwise": "Pairwise", "kahan": "Kahan"}[found.order]
    zh = {"backward": "从后往前", "pairwise": "两两相加", "kahan": "Kahan 补偿"}[found.order]
    return T(
        "{en}, the sum of {added:count} terms in {name} is {total}, {error} off the exact {exact:number.8}.",
        "{en}：{name} 中 {added:count} 项之和为 {total}，与精确值 {exact:number.8} 相差 {error}。",
        en=T(en, zh),
        added=found.added,
        name=name,
        total=total,
        error=error,
        exact=found.exact,
    )


def _forward(found: MachineSum, stall: Stall, total: str, error: str) -> T:
    name, at = found.dtype, amounts.count(stall.stall_at)
    if found.added < stall.stall_at:
        return T(
            "Forward, {added:count} terms in {name} add up to {total}, {error} off; at k = {at} the sum would stop, at {total2:number.8}.",
            "从前往后，{name} 中 {added:count} 项之和为 {total}，误差 {error}；到 k = {at} 时和将停在 {total2:number.8}。",
            added=found.added,
            name=name,
            total=total,
            error=error,
            at=at,
            total2=stall.total,
        )
    return T(
        "In {name} the forward sum stops at {total}: from k = {at} on, 1/k is at most half a unit in its last place and is rounded away. The exact sum is {exact:number.8}.",
        "{name} 中从前往后的和停在 {total}：从 k = {at} 起，1/k 不超过末位单位的一半，被舍去。精确值为 {exact:number.8}。",
        name=name,
        total=total,
        at=at,
        exact=found.exact,
    )


def rearranged(found: Rearranged) -> T:
    plus, minus = int(found.positives[-1]), int(found.negatives[-1])
    return T(
        "{plus:count} terms added and {minus:count} subtracted bring the sum to {sums:number.9}, {drift:number.2} from the target {target:number.6}; in the long run {ratio_limit:number.4} are added for each one subtracted.",
        "加 {plus:count} 项、减 {minus:count} 项后，和为 {sums:number.9}，离目标 {target:number.6} 还差 {drift:number.2}；长远看，每减一项要加 {ratio_limit:number.4} 项。",
        plus=plus,
        minus=minus,
        sums=found.sums[-1],
        drift=abs(found.drift[-1]),
        target=found.target,
        ratio_limit=found.ratio_limit,
    )


def coupons(found: Coupons) -> T:
    return T(
        "All {kinds:count} kinds took {mean:fixed.1} draws on average over {runs:count} collections; exactly, it is {kinds:count} · H = {exact_mean:fixed.1}, with a spread of {exact_spread:fixed.1}.",
        "{runs:count} 次收集中，集齐 {kinds:count} 种平均抽 {mean:fixed.1} 次；精确值为 {kinds:count} · H = {exact_mean:fixed.1}，标准差 {exact_spread:fixed.1}。",
        kinds=found.kinds,
        mean=found.mean,
        runs=found.runs,
        exact_mean=found.exact_mean,
        exact_spread=found.exact_spread,
    )


def tower(blocks: int, found: Tower) -> T:
    return T(
        "{blocks:count} blocks reach {overhang:number.4} block lengths beyond the table; 2 lengths take 31 of them, 5 take 12 367.",
        "{blocks:count} 块伸出桌沿 {overhang:number.4} 个块长；伸出 2 个块长要 31 块，5 个块长要 12 367 块。",
        blocks=blocks,
        overhang=found.overhang,
    )
