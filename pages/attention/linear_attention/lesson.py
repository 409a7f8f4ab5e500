"""The lesson of linear attention: brackets that move, a state in place of a cache, and what the softmax was good for."""

from __future__ import annotations

import numpy as np

from engine.attention.linear_attention import LinearAttended
from pages.shell import Curve, Number, Step, T

BRACKETS, MAPS, RANK, STATE, CACHE, TIMING = 0, 1, 2, 3, 4, 5
LATER = 10  # tokens after which one asks what is left of the first


def times_as_much(r: LinearAttended) -> float:
    """How many times the work of Q(KᵀV) the other order takes."""
    return r.brackets.here["left_flops"] / r.brackets.here["right_flops"]


def width_of_look(r: LinearAttended) -> tuple[np.ndarray, np.ndarray]:
    """Each token, counted from 1, and the entropy of its row under the feature map."""
    entropies = r.maps.entropies[r.chosen]
    return np.arange(1, len(entropies) + 1), entropies


LESSON = [
    Step(
        lambda p: T(
            "Attention without its softmax is three tables multiplied, QKᵀV: {n:count} tokens, {d} numbers in each row. "
            "Matrix products may be bracketed either way; the result is the same.",
            "去掉 softmax，注意力就是三张表相乘：QKᵀV。共 {n:count} 个词元，每行 {d} 个数。矩阵乘法怎么加括号都行，结果不变。",
            n=p.length,
            d=p.head_dim,
        ),
        view=BRACKETS,
        only=0,
        predict=Number(
            T("How many times the work of Q(KᵀV) does (QKᵀ)V take?", "(QKᵀ)V 的计算量是 Q(KᵀV) 的多少倍？"),
            times_as_much,
            lambda r: T(
                "“The same result, so the same work” is the usual slip; the other is to compare the two tables, {held:count} numbers with "
                "{small:count}. Each of their numbers costs a sum as well, over {d} or over {n:count} terms, and n/d is what is left.",
                "常见的错误是“结果一样，工作量也就一样”；另一种是直接比较两张中间表：{held:count} 个数对 {small:count} 个数。"
                "但表中每个数还要各求一次和，分别有 {d} 项与 {n:count} 项，最后剩下的是 n/d。",
                held=r.brackets.here["left_numbers"],
                small=r.brackets.here["right_numbers"],
                d=r.brackets.width,
                n=r.brackets.chosen,
            ),
            between=(1, 10_000),
            log=True,
            unit=T("times", "倍"),
            keep=("Q", "Kᵀ", "V"),
        ),
    ),
    Step(
        lambda p: T(
            "Now a model writes on, token by token. Softmax needs every earlier key and value: a cache that grows by two rows of {d} numbers a token. "
            "The other order keeps KᵀV, a table of {d} × {d}, and one row for its divisor.",
            "现在模型逐个词元往下写。softmax 需要先前所有的键和值：缓存每个词元增加两行，每行 {d} 个数。另一种次序只保存 KᵀV 这张 {d} × {d} 的表，外加一行作除数。",
            d=p.head_dim,
        ),
        view=CACHE,
        predict=Number(
            T("From which token on is the table the smaller of the two?", "从第几个词元起，这张表比缓存小？"),
            lambda r: np.floor(r.cache.crossing) + 1,
            lambda r: T(
                "{d} is what many say: there the keys are as many as the table has rows. But the cache holds values as well, and both are even at {even:number} "
                "tokens. In shorter texts the table is the larger: it is paid for from the first token on.",
                "许多人说 {d}：那时键的个数等于表的行数。但缓存还存着值，到 {even:number} 个词元时两者就已持平。文本更短时反而是表更大：它从第一个词元起就占着那么多。",
                d=r.brackets.width,
                even=r.cache.crossing,
            ),
            keep=("key–value cache",),
            between=(1, 4096),
            log=True,
            along="x",
            whole=True,
            unit=T("tokens", "个词元"),
            x=(0.8, 6000),
            y=(500, 10_000_000),
        ),
    ),
    Step(
        lambda p: T(
            "The price: the softmax takes the exponential of each score, and that cannot be split into two factors. Stand-ins can, φ(q)·φ(k). "
            "Here are six maps of {n} tokens. Make the scores sharper: which maps follow, and which do not?",
            "代价在这里：softmax 对每个分数取指数，而它拆不成两个因子。替身可以：φ(q)·φ(k)。这里是 {n} 个词元的六张图。把分数调得更锐利：哪些图跟得上，哪些跟不上？",
            n=p.tokens,
        ),
        view=MAPS,
        control="sharpness",
    ),
    Step(
        T(
            "How widely does each token look? At zero it looks at one token alone, on the dotted line at all those before it alike. "
            "The curve in sight is softmax’s, the question is about the plainest stand-in, φ = elu + 1.",
            "每个词元看得多宽？为零时只看一个词元，落在虚线上则对前面的一视同仁。图中的曲线属于 softmax，现在问的是最朴素的替身：φ = elu + 1。",
        ),
        view=RANK,
        only=1,
        predict=Curve(
            T("Draw how widely the tokens look through the stand-in.", "画出用这个替身时各词元看得多宽。"),
            width_of_look,
            lambda r: T(
                "One expects a softer softmax, up and down with it. But without the exponential hardly any weight stands out: on average "
                "{wide:number} nats against {narrow:number}, so nearly every token looks at nearly everything.",
                "人们以为会得到一个柔和些的 softmax，随之起伏。但没有指数，几乎没有哪个权重突出：平均为 {wide:number} 奈特，而 softmax 是 {narrow:number}。于是几乎每个词元都在看几乎所有词元。",
                wide=r.maps.entropy[r.chosen],
                narrow=r.maps.entropy[0],
            ),
            keep=("softmax", "most possible"),
            unit=T("nats", "奈特"),
            x=(0, 40),
            y=(0, 4),
        ),
    ),
    Step(
        lambda p: T(
            "A map that can say {n} different things has {n} directions; softmax’s has them all, as its singular values show. "
            "The stand-in gives each token a φ of {d} numbers.",
            "一张能说出 {n} 件不同事情的图有 {n} 个方向；从奇异值看，softmax 的图全都有。而替身给每个词元的 φ 只有 {d} 个数。",
            n=p.tokens,
            d=p.width,
        ),
        view=RANK,
        only=0,
        predict=Number(
            T("Behind which singular value does the stand-in’s map end?", "替身的图到第几个奇异值就到头了？"),
            lambda r: r.maps.rank[r.chosen],
            lambda r: T(
                "The map looks as large as softmax’s, but it is a product of two thin tables, and that cannot have more directions than they are wide. "
                "Even these are used unevenly: they count for {effective:number.2} directions of equal strength.",
                "这张图看上去与 softmax 的一样大，却是两张窄表之积，方向不会多于表的宽度。就连这些方向也用得很不均匀：只抵得上 {effective:number.2} 个同样强的方向。",
                effective=r.maps.effective_rank[r.chosen],
            ),
            keep=("softmax",),
            between=(1, 40),
            along="x",
            x=(0, 40),
            y=(1e-4, 2),
        ),
    ),
    Step(
        lambda p: T(
            "Token by token the table fills up, and nothing is ever taken out. So let it fade: before each token is written, "
            "all that stands there is multiplied by {decay}.",
            "表随着一个个词元写满，却从不取出任何东西。那就让它褪色：每写入一个词元之前，先把已有的一切乘以 {decay}。",
            decay=p.decay,
        ),
        params={"decay": 0.8},
        view=STATE,
        moment=str(LATER + 1),
        control="decay",
        predict=Number(
            lambda p: T(
                "How much of the first token is left after {later} more?", "再过 {later} 个词元，第一个词元还剩多少？", later=LATER
            ),
            lambda r: r.recurrence.kept[LATER, 0],
            lambda r: T(
                "Losses do not add up, they multiply: {kept} times {kept}, {later} times over. Less than half is left after {half} tokens, and yet something for ever. "
                "What softmax decides for each pair, one number decides here for all.",
                "损失不是相加而是相乘：{kept} 自乘 {later} 次。{half} 个词元之后已不足一半，但总会留下一点。softmax 对每一对分别决定的事，这里由一个数为全体决定。",
                kept=round(float(r.recurrence.kept[1, 0]), 3),
                later=LATER,
                half=int(np.argmax(r.recurrence.kept[:, 0] < 0.5)),
            ),
            between=(0, 1),
            share=True,
            keep=("written", "tokens read so far (letter and colour: topic)"),
        ),
    ),
    Step(
        lambda p: T(
            "Counted, both orders cost the same at {d} tokens, and beyond that the moved brackets win. "
            "Now a real machine runs both, the softmax in its best program.",
            "按计数，{d} 个词元时两种次序代价相同，再长就是挪过的括号胜出。现在让真实的机器跑一跑，softmax 用它最好的程序。",
            d=p.head_dim,
        ),
        params={"task": "timing"},
        view=TIMING,
        predict=Number(
            T("From which length on was linear attention the faster?", "实测从多长开始，线性注意力更快？"),
            lambda r: r.crossing.crossover,
            lambda r: T(
                "Operations are not time. The best softmax never writes its large table down and has been polished for years; a state that every chunk "
                "must wait for keeps a machine less busy. At {longest:count} tokens it is {times:number} times as fast all the same.",
                "运算次数不等于时间。最好的 softmax 从不写出那张大表，而且打磨多年；而状态要一块等一块，机器忙不起来。但到 {longest:count} 个词元，它仍然快 {times:number} 倍。",
                longest=r.timing.lengths[-1],
                times=r.crossing.best_softmax_milliseconds[-1] / r.timing.milliseconds[r.crossing.ours, -1],
            ),
            between=(32, 8192),
            log=True,
            along="x",
            unit=T("tokens", "个词元"),
            x=(32, 36_864),
            y=(0.05, 200),
        ),
    ),
    Step(
        T(
            "So a table of all pairs shrinks to a state, at the price of a blunt look. Random features come nearer to the softmax, the more of them there are. "
            "Now write something of your own: equal letters want to find each other. Which maps still let them?",
            "于是，所有词元两两配对的大表缩成一个状态，代价是目光变钝。随机特征越多，就越接近 softmax。现在写点自己的：相同的字想找到彼此，哪些图还能让它们找到？",
        ),
        params={"feature_map": "orthogonal", "text": "abracadabra", "sharpness": 4.0},
        view=MAPS,
        control="text",
    ),
]
