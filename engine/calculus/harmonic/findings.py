"""What the numbers say: a sentence for each picture, which is its topic."""

from __future__ import annotations

from engine.calculus.harmonic.parameters import ORDERS
from engine.calculus.harmonic.result import Coupons, MachineSum, Rearranged, Stall, Summed, Tower
from engine.core import Finding, T

SHORT_OF = 0.01  # of the exact sum: so much missing is more than rounding


def all_of(found: Summed, stall: Stall) -> tuple[Finding, ...]:
    """A sentence a topic. `stall`: where the chosen format's forward sum stops."""
    said = {
        "growth": growth(found.n, found.h_n),
        "machine": machine(found.machine, stall),
        "rearranged": rearranged(found.rearranged),
        "coupons": coupons(found.coupons),
        "tower": tower(found.tower),
    }
    return tuple(Finding(text, topic) for topic, text in said.items())


def terms(n: int) -> T:
    return T.many("{n:count} term", "{n:count} terms", "{n:count} 项", n=n)


def growth(n: int, h_n: float) -> T:
    return T.many(
        "{n:count} term reaches {h_n:number.6}; ten times as many would add only about ln 10 ≈ 2.30.",
        "{n:count} terms reach {h_n:number.6}; ten times as many would add only about ln 10 ≈ 2.30.",
        "{n:count} 项之和为 {h_n:number.6}；项数再增至十倍，也只多出约 ln 10 ≈ 2.30。",
        n=n,
        h_n=h_n,
    )


def machine(found: MachineSum, stall: Stall) -> T:
    """Of the chosen format and order."""
    if found.order == "forward":
        return _forward(found, stall)
    if found.order == "kahan" and found.still_from is not None:
        return T(
            "Kahan's sum in {dtype} passes the forward stall at {stall:count} but stops as well, at k = {still:count}: there 1/k no longer "
            "moves the correction either. It is {total:number.8}, {error:number.2} off.",
            "{dtype} 的 Kahan 和越过了从前往后相加的停点 {stall:count}，但也停在 k = {still:count}：此处 1/k 连补偿量也改变不了。"
            "结果为 {total:number.8}，误差 {error:number.2}。",
            dtype=found.dtype,
            stall=stall.stall_at,
            still=found.still_from,
            total=found.total,
            error=abs(found.error),
        )
    if found.order == "backward" and -found.error > SHORT_OF * found.exact:
        return T(
            "Small terms first is no cure at this length: in {dtype} the growing sum soon outweighs each tiny term, and {total:number.8} is "
            "{missing:number.2} short of the exact {exact:number.8}.",
            "项数这么多时，先加小项也无济于事：{dtype} 的和很快大得盖过每一个小项，结果 {total:number.8} 比精确值 {exact:number.8} 少 "
            "{missing:number.2}。",
            dtype=found.dtype,
            total=found.total,
            missing=-found.error,
            exact=found.exact,
        )
    return T(
        "The {order} sum of {terms} in {dtype} is {total:number.8}, {error:number.2} off the exact {exact:number.8}.",
        "{order}：{dtype} 中 {terms}之和为 {total:number.8}，与精确值 {exact:number.8} 相差 {error:number.2}。",
        order=ORDERS[found.order],
        terms=terms(found.added),
        dtype=found.dtype,
        total=found.total,
        error=abs(found.error),
        exact=found.exact,
    )


def _forward(found: MachineSum, stall: Stall) -> T:
    if found.added < stall.stall_at:
        return T(
            "Forward, the sum of {terms} in {dtype} is {total:number.8}, {error:number.2} off; at k = {stall:count} it would stop, at "
            "{stalled:number.8}.",
            "从前往后，{dtype} 中 {terms}之和为 {total:number.8}，误差 {error:number.2}；到 k = {stall:count} 时和将停在 {stalled:number.8}。",
            terms=terms(found.added),
            dtype=found.dtype,
            total=found.total,
            error=abs(found.error),
            stall=stall.stall_at,
            stalled=stall.total,
        )
    return T(
        "In {dtype} the forward sum stops at {total:number.8}: from k = {stall:count} on, 1/k is at most half a unit in its last place and "
        "is rounded away. The exact sum is {exact:number.8}.",
        "{dtype} 中从前往后的和停在 {total:number.8}：从 k = {stall:count} 起，1/k 不超过末位单位的一半，被舍去。精确值为 {exact:number.8}。",
        dtype=found.dtype,
        total=found.total,
        stall=stall.stall_at,
        exact=found.exact,
    )


def rearranged(found: Rearranged) -> T:
    return T(
        "{added} added and {subtracted:count} subtracted bring the sum to {sum:number.9}, {distance:number.2} from the target "
        "{target:number.6}; in the long run {ratio:number.4} are added for each one subtracted.",
        "加 {added}、减 {subtracted:count} 项后，和为 {sum:number.9}，离目标 {target:number.6} 还差 {distance:number.2}；长远看，"
        "每减一项要加 {ratio:number.4} 项。",
        added=terms(int(found.positives[-1])),
        subtracted=found.negatives[-1],
        sum=found.sums[-1],
        distance=abs(found.drift[-1]),
        target=found.target,
        ratio=found.ratio_limit,
    )


def coupons(found: Coupons) -> T:
    return T(
        "{collections} of {kinds} took {mean:fixed.1} draws on average; exactly, it is {count:count} · H = {exact_mean:fixed.1}, with a "
        "spread of {exact_spread:fixed.1}.",
        "{collections}，集齐 {kinds}平均抽 {mean:fixed.1} 次；精确值为 {count:count} · H = {exact_mean:fixed.1}，标准差 {exact_spread:fixed.1}。",
        collections=T.many("{n:count} collection", "{n:count} collections", "{n:count} 次收集", n=found.runs),
        kinds=T.many("{n:count} kind", "{n:count} kinds", "{n:count} 种", n=found.kinds),
        count=found.kinds,
        mean=found.mean,
        exact_mean=found.exact_mean,
        exact_spread=found.exact_spread,
    )


def tower(found: Tower) -> T:
    return T.many(
        "{blocks:count} block reaches {overhang:number.4} block lengths beyond the table; 2 lengths take {two:count} of them, 5 take {five:count}.",
        "{blocks:count} blocks reach {overhang:number.4} block lengths beyond the table; 2 lengths take {two:count} of them, 5 take {five:count}.",
        "{blocks:count} 块伸出桌沿 {overhang:number.4} 个块长；伸出 2 个块长要 {two:count} 块，5 个块长要 {five:count} 块。",
        by="blocks",
        blocks=int(found.level[-1]),
        overhang=found.overhang,
        two=found.needed[1],
        five=found.needed[4],
    )
