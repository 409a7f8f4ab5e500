"""The lesson of FlashAttention: the table that is never written, what tiles save, and what that is worth."""

from __future__ import annotations

import numpy as np

from engine.attention.flash_attention import Attention
from pages.shell import Choice, Curve, Number, Step, T

TILES, PASSES, BYTES, ROOF = range(4)
SHARP = {"sharpness": 9.0, "tokens": 16}


def so_far(r: Attention) -> int:
    """Which option tells what O / ℓ is after the first tile: tried, not taken on faith."""
    s = r.steps
    rows, columns = s.tile_weights.shape[1:]
    weights = np.exp(s.scores[:rows, :columns])
    exact = weights @ s.v[:columns] / weights.sum(1, keepdims=True)
    return 1 if np.allclose(exact, s.answer[0][: len(exact)]) else 2


def kibibytes(fast_bytes: float) -> T:
    """A size of fast memory as the axis names it."""
    return T("{n:number} KiB", "{n:number} KiB", n=fast_bytes / 1024)


def at_twice(r: Attention) -> float:
    """Bytes of tiles at this head dimension over those at half of it."""
    along, d = r.accounting.by_head_dim, r.accounting.chosen["head_dim"]
    return float(r.accounting.tiled_bytes / np.interp(d / 2, along.values, along.tiled))


LESSON = [
    Step(
        lambda p: T(
            "{n:count} tokens, {heads} heads of {d} numbers. Queries, keys, values and the output together hold {least:bytes}. "
            "Between them stands a table with a score for every pair of tokens, and naive attention writes it to memory and reads it again.",
            "{n:count} 个词元，{heads} 个头，每头 {d} 个数。查询、键、值与输出合计 {least:bytes}。中间隔着一张表，每对词元一个分数；朴素注意力把它写入内存，再读回来。",
            n=p.length,
            heads=p.heads,
            d=p.head_dim,
            least=4 * p.batch * p.heads * p.length * p.head_dim * p.item,
        ),
        view=BYTES,
        only=0,
        predict=Number(
            T("How many bytes does naive attention move in all?", "朴素注意力总共搬运多少字节？"),
            lambda r: r.accounting.naive_bytes,
            lambda r: T(
                "The table has N² scores a head, and is written and read twice over: {times:number.2} times the bytes of all that goes in and comes out. "
                "Most people think of the arithmetic; memory is what waits.",
                "每个头的表有 N² 个分数，要写两遍、读两遍：是输入与输出总和的 {times:number.2} 倍。多数人只想到计算量，真正在等的是内存。",
                times=r.accounting.naive_bytes / r.accounting.least_bytes,
            ),
            between=(1e6, 1e11),
            unit="B",
            log=True,
            along="y",
            x=(64, 16_384),
            y=(1e5, 1e11),
        ),
    ),
    Step(
        T(
            "Now no table. A block of rows of Q stays in the fast memory of the chip; blocks of K and V pass by; scores are used at once and forgotten. "
            "Small memory means small blocks, and K and V must pass by more often.",
            "现在不要这张表。Q 的一块行留在芯片的快速存储里，K 与 V 的块依次经过，分数随用随弃。快速存储越小，块越小，K 与 V 就得经过更多遍。",
        ),
        view=BYTES,
        only=1,
        predict=Curve(
            T("Draw the bytes that tiles move against the size of the fast memory.", "画出分块搬运的字节随快速存储大小的变化。"),
            lambda r: (r.accounting.by_memory.values, r.accounting.by_memory.tiled, [kibibytes(m) for m in r.accounting.by_memory.values]),
            lambda r: T(
                "It is a law, not a switch: twice the memory, half the bytes, down to {least:bytes} where everything fits at once. "
                "With {small} of it the tiles move more than the naive way: few people draw the line above it.",
                "这是一条规律，而不是一个开关：存储翻倍，字节减半，直到全部装得下时的 {least:bytes}。而只有 {small} 时，分块反而比朴素方法搬得更多：很少有人会画到那条线上方。",
                least=r.accounting.by_memory.tiled[-1],
                small=kibibytes(r.accounting.by_memory.values[0]),
            ),
            unit="B",
            keep=("naive",),
            x=(8192, 4_194_304),
            y=(3e6, 6e9),
        ),
    ),
    Step(
        lambda p: T(
            "How can a softmax be right before all scores are known? Here are {n} tokens in tiles. Of a row stay its maximum m, its sum ℓ, its output O. "
            "The first {columns} keys have been seen.",
            "分数还没到齐，softmax 怎么可能算对？这里是 {n} 个词元，分块计算。每行只留下最大值 m、和 ℓ、输出 O。现在只看过前 {columns} 个键。",
            n=p.tokens,
            columns=p.tile_columns,
        ),
        view=TILES,
        moment="1 / 9",
        predict=Choice(
            T("What is O / ℓ at this moment?", "此刻 O / ℓ 是什么？"),
            so_far,
            lambda r: T(
                "Nothing is approximated, at no time: after any tile it is the whole answer to a shorter question. Up to {off:number.2} still lie between it and the final output: the other keys have not come. "
                "Play the tiles: when a higher maximum comes, one factor α puts all that was summed right again.",
                "任何时刻都没有近似：每一块之后，它都是一个较短问题的完整答案。它与最终输出最多还差 {off:number.2}，只因其余的键还没来。播放各块看看：遇到更大的最大值时，乘一个因子 α，之前的和就全都对了。",
                off=r.steps.distance[0],
            ),
            options=[
                T("a third of the final answer", "最终答案的三分之一"),
                T("exactly the attention over the keys seen so far", "恰好是对已见过的键的注意力"),
                T("a guess that the last tile corrects", "一个由最后一块来修正的估计"),
            ],
            keep=("Q", "K", "V", "Kᵀ", "Vᵀ"),
        ),
    ),
    Step(
        lambda p: T(
            "Why keep a maximum at all? exp of a score is quickly large, and half precision ends at {most:count}. "
            "Here are {n} sharp scores of one row, summed without the maximum being taken off.",
            "为什么要记住最大值？分数的 exp 很快变得很大，而半精度到 {most:count} 为止。这里是一行的 {n} 个尖锐分数，不减最大值就直接求和。",
            most=65_504,
            n=p.tokens,
        ),
        params=SHARP,
        view=PASSES,
        predict=Choice(
            T("One score is too large. What becomes of the row?", "有一个分数太大。这一行会怎样？"),
            lambda r: 2 if np.isnan(r.steps.passes.naive_sum[:, -1]).any() else 0,
            lambda r: T(
                "One score above {most:fixed.2} makes the sum infinite, and every weight of the row infinite over infinite. "
                "Taking the maximum off costs another read of the row; carrying it along, as here, costs none: {flash} read instead of {safe}.",
                "只要有一个分数超过 {most:fixed.2}，和就成了无穷，整行权重都是无穷除以无穷。先减去最大值要多读一遍；像这样边走边更新则不必：读 {flash} 遍，而不是 {safe} 遍。",
                most=r.steps.passes.overflow,
                flash=r.steps.passes.reads["flash"],
                safe=r.steps.passes.reads["safe"],
            ),
            options=[
                T("its weights lose a few digits", "权重损失几位精度"),
                T("that one token takes all the weight", "那个词元拿走全部权重"),
                T("every weight of the row is lost", "整行的权重全部作废"),
            ],
            keep=("score",),
        ),
    ),
    Step(
        lambda p: T(
            "Back to large sizes, with heads twice as wide: d = {d} instead of {half}. The naive table does not care: it has N² scores whatever d is.",
            "回到大尺寸，把头加宽一倍：d = {d}，原来是 {half}。朴素的那张表不受影响：无论 d 多大，都是 N² 个分数。",
            d=p.head_dim,
            half=p.head_dim // 2,
        ),
        params={"head_dim": 128},
        view=BYTES,
        only=2,
        control="head_dim",
        predict=Number(
            T("How many times as many bytes do the tiles move now?", "分块搬运的字节变成原来的多少倍？"),
            at_twice,
            lambda r: T(
                "Rows are twice as wide, so half as many fit, so K and V pass by twice as often, and are twice as wide themselves: the square of d, "
                "and a little more for tiles that do not fill up. Turn d and see where the tiles lose.",
                "行宽一倍，能放下的行就少一半，K 与 V 经过的次数加倍，而它们自己也宽了一倍：随 d 的平方增长，再加上装不满的零头。转动 d，看看分块在哪里输掉。",
            ),
            between=(1, 10),
            unit=T("times", "倍"),
            keep=("naive",),
            x=(14, 290),
            y=(3e6, 6e9),
        ),
    ),
    Step(
        lambda p: T(
            "Fewer bytes are worth something only while memory is what holds one back. Under a chip’s roof, memory holds on the slope, arithmetic on the level. "
            "Both ways do the same arithmetic, here at d = {d}; the tiles move far fewer bytes.",
            "只有在受制于内存时，少搬字节才值钱。在芯片的“屋顶”下，斜坡上受内存限制，平顶处受算力限制。两种方法的计算量相同（此处 d = {d}），分块搬运的字节则少得多。",
            d=p.head_dim,
        ),
        view=ROOF,
        control="chip",
        predict=Number(
            T("How many times as fast can the tiles be on this chip, at best?", "在这块芯片上，分块最多能快多少倍？"),
            lambda r: r.roof.modelled_ms["naive"] / r.roof.modelled_ms["tiled"],
            lambda r: T(
                "Bytes fell {bytes:number.2} times, but from {ridge:number.2} FLOP to a byte on arithmetic holds, and no byte that is saved beyond it makes it faster. "
                "Try other chips: the further right the ridge, the more the tiles are worth. A newer chip need not have it further right.",
                "字节少到 1/{bytes:number.2}，但每字节超过 {ridge:number.2} FLOP 之后就由算力限制，再省字节也不会更快。换几块芯片看看：脊点越靠右，分块越值钱；更新的芯片脊点未必更靠右。",
                bytes=r.accounting.naive_bytes / r.accounting.tiled_bytes,
                ridge=r.roof.ridge,
            ),
            between=(1, 10),
            unit=T("times", "倍"),
            x=(1, 10_000),
            y=(0.1, 20),
        ),
    ),
]
