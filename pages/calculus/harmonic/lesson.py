"""The lesson of the harmonic series: endless but slow, stopped by machines, and met again in blocks and collections."""

from __future__ import annotations

import numpy as np

from engine.calculus.harmonic import Summed
from engine.calculus.harmonic.formats import number_format
from pages.shell import Choice, Curve, Number, Step, T

STOP, GROWTH, PROOF, REACHED, COLLECTED, TOWER, HAND = 0, 3, 4, 5, 6, 7, 8


def reached(r: Summed) -> int:
    """Which option holds: the rearranged sum has come as near to its target as its bound says, or has stayed."""
    near = abs(r.rearranged.sums[-1] - r.rearranged.target) <= r.rearranged.bound[-1]
    return 2 if near else 0


def per_kind(r: Summed) -> tuple[np.ndarray, np.ndarray]:
    return r.coupons.stage, r.coupons.exact_wait


LESSON = [
    Step(
        T(
            "Four equal blocks at the edge of a table. Drag each by its end, and get the top one out as far as you can before anything tips. "
            "A triangle marks the centre of mass of all that lies above. Can the top block hang wholly in the air?",
            "桌沿上有四块同样的积木。拖动每一块的末端，在翻倒之前把最上面一块尽量往外送。三角形标出它上方各块的共同重心。最上面一块能整个悬空吗？",
        ),
        view=HAND,
    ),
    Step(
        lambda p: T(
            "Now {blocks:count} blocks, each pushed out as far as it will go without falling. No glue, no counterweight.",
            "现在用 {blocks:count} 块，每块都尽量往外推，只要不掉下来。不用胶水，也不用配重。",
            blocks=p.blocks,
        ),
        view=TOWER,
        only=0,
        predict=Number(
            T("How far beyond the edge can the top block reach?", "最上面一块最远能伸出桌沿多少？"),
            lambda r: r.tower.overhang,
            lambda r: T(
                "Most people stay below one length, as the top block would hang wholly in the air. It may: only the common centre of mass must "
                "lie above the table. From the top the shifts are halves of 1, 1/2, 1/3, …",
                "多数人不敢超过一个块长，因为那样最上面一块就整个悬空了。悬空也行：只要整体的重心还在桌面之上。从上往下，各块依次移出 1、1/2、1/3……的一半。",
            ),
            between=(0, 4),
            unit=T("block lengths", "个块长"),
            along="x",
            x=(-1.25, 4.2),
            y=(-0.8, 35),
        ),
    ),
    Step(
        lambda p: T(
            "So the tower adds up 1 + 1/2 + 1/3 + … Add {n:count} of these terms, without any rounding.",
            "可见这座塔是在把 1 + 1/2 + 1/3 + … 加起来。不作任何舍入，把 {n:count} 项相加。",
            n=p.n,
        ),
        params={"n": 10_000},
        view=GROWTH,
        only=0,
        predict=Number(
            T("How large is the sum?", "和有多大？"),
            lambda r: r.h_n,
            lambda r: T(
                "It grows like a logarithm: ten times the terms bring only {more:number.2} more. We feel that many terms must make much, "
                "or that small ones make nothing.",
                "它像对数一样增长：项数十倍，和只多 {more:number.2}。人们总觉得项多和就大，或者项小就不值一提。",
                more=np.log(10),
            ),
            between=(0, 100),
            along="y",
            x=(1, 10_000),
            y=(0, 100),
        ),
    ),
    Step(
        T(
            "So slow, and yet without end. Oresme, six centuries ago, bundled the terms: each bundle doubles the last k, and each is worth at least a half. "
            "Half upon half passes every bound.",
            "长得这么慢，却没有尽头。六百多年前，奥雷姆把各项分组：每组把末项的 k 翻一倍，而每组都不小于一半。一半又一半，终会超过任何界限。",
        ),
        view=PROOF,
        control="bars",
    ),
    Step(
        lambda p: T(
            "Now a machine adds the {n:count} terms one after another, in half precision: every sum is rounded to {bits} binary digits. "
            "It can still tell a single term from zero when the term is as small as {least:number.1}.",
            "现在让机器用半精度逐项相加 {n:count} 项：每次的和都舍入到 {bits} 位二进制数字。单独一项哪怕小到 {least:number.1}，它仍能与零区分。",
            n=p.n,
            bits=number_format(p.dtype).precision,
            least=2.0 ** number_format(p.dtype).lowest,
        ),
        view=STOP,
        predict=Number(
            T("At which term does the sum stop changing for good?", "从第几项起，和就再也不变了？"),
            lambda r: r.stall_at,
            lambda r: T(
                "One waits for terms too small for the machine. But a term is lost much earlier: as soon as it is smaller than half the last digit "
                "of the sum. Here {k:count} terms are enough, and everything after them adds nothing.",
                "人们以为要等到项小得机器存不下。其实早得多：一项只要小于和的末位的一半，就丢掉了。这里到第 {k:count} 项就停，后面全都白加。",
                k=r.stall_at,
            ),
            between=(1, 2000),
            log=True,
            whole=True,
            along="x",
            keep=("exact",),
            x=(1, 2080),
            y=(0, 9.2),
        ),
    ),
    Step(
        lambda p: T(
            "Give every other term a minus: 1 − 1/2 + 1/3 − 1/4 + … settles at ln 2 = {ln:fixed.3}. "
            "Now take the very same terms, each once, in another order.",
            "隔一项加一个负号：1 − 1/2 + 1/3 − 1/4 + … 停在 ln 2 = {ln:fixed.3}。现在取完全相同的项，每项用一次，只换次序。",
            ln=np.log(2),
        ),
        view=REACHED,
        only=0,
        predict=Choice(
            T("Which sums can be reached?", "能得到哪些和？"),
            reached,
            lambda r: T(
                "Sums of finitely many terms do not mind the order, and we take that with us to infinity. Here the plus terms alone are endless, and "
                "so are the minus terms: add while below the target {target:number}, subtract while above.",
                "有限项的和不在乎次序，人们便把这个习惯带到了无穷。可这里正项之和没有尽头，负项也没有：低于目标 {target:number} 就加，高于就减。",
                target=r.rearranged.target,
            ),
            options=[
                T("only ln 2: the terms are the same", "只有 ln 2：项都一样"),
                T("a few others, near ln 2", "还有 ln 2 附近的几个"),
                T("any number whatever", "任何一个数"),
            ],
            keep=("ln 2: usual order",),
            x=(0, 60),
            y=(0, 2),
        ),
    ),
    Step(
        lambda p: T(
            "Every packet holds one of {kinds:count} pictures, by chance. You want them all. With none in your album, the first packet brings a new one.",
            "每包里随机装着 {kinds:count} 种卡片中的一张。你想集齐。册子还空着时，第一包必定是新的。",
            kinds=p.coupons,
        ),
        view=COLLECTED,
        only=1,
        predict=Curve(
            T("Draw how many packets the next new picture costs, by how many you have.", "画出：已有若干种时，再得到一种新的要买多少包？"),
            per_kind,
            lambda r: T(
                "We expect the price to climb evenly. But with half the album full a new one still costs two packets; the last costs {last:number}. "
                "Read from the end it is {last:number} times 1, 1/2, 1/3, …: {all:number.3} packets in all.",
                "人们以为代价会匀速上升。可是集到一半时，一张新的仍只要两包；最后一张却要 {last:number} 包。倒着看，就是 {last:number} 乘以 1、1/2、1/3……共 {all:number.3} 包。",
                last=r.coupons.exact_wait[-1],
                all=r.coupons.exact_mean,
            ),
            unit=T("packets", "包"),
            x=(0, 50),
            y=(0.8, 120),
        ),
    ),
    Step(
        lambda p: T(
            "Blocks, album, machine: one series. It passes every bound, but ever more dearly: this tower of {blocks:count} blocks leans out "
            "only a few lengths. Change it, and see what one length more costs.",
            "积木、卡片、机器：同一个级数。它超过任何界限，代价却是指数式的：这座 {blocks:count} 块的塔只伸出几个块长。改变块数，看看多伸一个块长要多少。",
            blocks=p.blocks,
        ),
        params={"blocks": 12_367},
        view=TOWER,
        control="blocks",
    ),
]
