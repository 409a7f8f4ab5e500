"""The lesson of position encoding: order told to a bag of tokens, by turning; and what happens further out than trained."""

from __future__ import annotations

import numpy as np

from engine.attention.position_encoding import PositionEncoded
from pages.shell import Choice, Curve, Step, T

PARTS, TURNING, STRETCH, TARGET, SMALL, DECAY, MOVED = 1, 2, 3, 4, 5, 7, 10
STILL = 1e-9  # what changes less does not change
DRAWN = 60  # places of a curve over the logarithm of the distance


def over_distance(p: PositionEncoded) -> tuple[np.ndarray, np.ndarray]:
    """Distances, evenly on a logarithmic axis, and the score of equal vectors there."""
    at = np.unique(np.geomspace(1, len(p.decay.distances) - 1, DRAWN).astype(int))
    return p.decay.distances[at], p.decay.alike[at]


def gained(p: PositionEncoded, name: str) -> float:
    """Nats that a model loses more when all positions are moved furthest; NaN where there is none to give."""
    s = p.loss_by_position.small
    losses = s.shifted[s.names.index(name)]
    return float(losses[-1] - losses[0])


def unmoved(p: PositionEncoded) -> int:
    """Which of learned, sinusoidal, rotary loses least by the move."""
    return int(np.nanargmin([gained(p, name) for name in ("learned", "sinusoidal", "rotary")]))


def rotary_by_place(p: PositionEncoded) -> tuple[np.ndarray, np.ndarray]:
    s = p.loss_by_position.small
    return s.places, s.losses[s.names.index("rotary")]


def small(p: PositionEncoded, values: np.ndarray, name: str) -> float:
    return float(values[p.loss_by_position.small.names.index(name)])


LESSON = [
    Step(
        T(
            "Take one query and one key, and put them at every pair of places in a text. The table shows their score, "
            "the query’s place downward, the key’s across. So far the model is told nothing about places.",
            "取一个查询和一个键，让它们站到文本里的每一对位置上。表中是它们的分数：查询的位置向下，键的位置向右。到目前为止，模型对位置一无所知。",
        ),
        params={"encoding": "none"},
        view=PARTS,
        only=1,
        predict=Choice(
            T("What does the table look like?", "这张表是什么样？"),
            lambda p: 2 if np.ptp(p.chosen.scores) < STILL else 1,
            lambda p: T(
                "We read in order, so we think a model must. But a score is a product of two vectors, and none of them knows where it stands: "
                "attention by itself sees a bag of words, and “dog bites man” holds the same words as “man bites dog”.",
                "我们按顺序阅读，便以为模型也如此。但分数只是两个向量之积，而它们都不知道自己站在哪里：注意力本身看到的是一袋词，“狗咬人”与“人咬狗”装的是同样的词。",
            ),
            options=[
                T("brightest along the diagonal, where they are near", "对角线附近最亮，因为那里离得近"),
                T("different in each row, by the order of reading", "按阅读顺序逐行不同"),
                T("one colour everywhere", "处处同一种颜色"),
            ],
            x=(-0.5, 31.5),
            y=(-4.4, 31.5),
        ),
    ),
    Step(
        lambda p: T(
            "Rotary encoding turns: each pair of a vector’s numbers is a hand, and position m turns it by m times its own rate. "
            "Query and key walk through the text together, {distance} places apart, and all hands turn. Each pair adds a bar to the score.",
            "旋转编码靠转动：向量中每两个数是一根指针，位置 m 把它转过 m 倍的自身速率。查询与键相隔 {distance} 个位置，一起走过文本，所有指针都在转。每一对为分数贡献一根条形。",
            distance=p.distance,
        ),
        params={"dimension": 16},
        view=TURNING,
        predict=Choice(
            T("While they walk, which bars move?", "一路走去，哪些条形会动？"),
            lambda p: 2 if np.ptp(p.turning.products, axis=0).max() < STILL else 0,
            lambda p: T(
                "One watches the hands, and they never rest. But the product of two hands depends on the angle between them alone, "
                "and both turn alike: what stays is the distance.",
                "人们盯着指针，而指针从不停歇。但两根指针之积只取决于它们的夹角，而两根转得一样快：留下的只有距离。",
            ),
            keep=("query at m", "key at n", "circles"),
            options=[
                T("all, each at its own pace", "全部，各按自己的速度"),
                T("only those of the fast hands", "只有快指针的那些"),
                T("none of them", "一根也不动"),
            ],
        ),
    ),
    Step(
        lambda p: T(
            "Now query and key are one and the same vector, and move apart. The fastest of {pairs} pairs turns once in {fast:number.2} places, "
            "each next one is slower by the same factor, and the slowest needs {slow:count}. Scores are means over all such vectors.",
            "现在查询与键是同一个向量，逐渐拉开距离。{pairs} 对中最快的每 {fast:number.2} 个位置转一圈，往后每一对都按同一倍数变慢，最慢的要 {slow:count} 个位置。分数是对所有这样的向量取的平均。",
            pairs=p.dimension // 2,
            fast=2 * np.pi,
            slow=2 * np.pi * p.base ** (1 - 2 / p.dimension),
        ),
        view=DECAY,
        control="base",
        predict=Curve(
            T("Draw the score over the distance.", "画出分数随距离的变化。"),
            over_distance,
            lambda p: T(
                "Most draw a cliff: near or forgotten. But at each distance only the pairs that have turned away drop out, and rates are even on a "
                "logarithm: every tenfold distance costs about the same. Below a half for good it falls only from distance {half:count} on.",
                "多数人画成悬崖：近就记得，远就忘了。但每个距离上只有已经转开的那些数对退出，而速率在对数上均匀分布：距离每增十倍，代价大致相同。从距离 {half:count} 起才一直低于一半。",
                half=p.decay.falls_to_half,
            ),
            x=(1, 32_768),
            y=(-0.4, 1.1),
        ),
    ),
    Step(
        T(
            "Small models, alike but for their encoding, read short texts. Then the same texts are read again, but their first token is said to stand "
            "a thousand places further on, and so are all others. Distances stay.",
            "一批小模型，除编码外完全相同，各读一些短文本。然后同样的文本再读一遍，只是谎称首个词元的位置往后挪了一千，其余也跟着挪。距离不变。",
        ),
        view=MOVED,
        predict=Choice(
            T("Which of these models does not notice?", "这几个模型中，哪个毫无察觉？"),
            unmoved,
            lambda p: T(
                "Waves never end, and their paper hoped that models would learn distances from them. Moved this far, the one with waves loses {waves:number.2} nats "
                "more, the one that turns {turned:number.2}; learned rows simply end at {context}. Turning leaves nothing else to learn than the distance.",
                "正弦波永不终止，原论文也希望模型能从中学到距离。可平移到这么远，用正弦波的多损失 {waves:number.2} nat，转动的多损失 {turned:number.2}；可学习的行到 {context} 就没有了。转动除了距离，没有别的可学。",
                waves=gained(p, "sinusoidal"),
                turned=round(gained(p, "rotary"), 6),
                context=p.loss_by_position.small.context,
            ),
            options=[
                T("the one with a learned row for each place", "每个位置有一行可学习向量的"),
                T("the one with waves added, which never end", "加上永不终止的正弦波的"),
                T("the one that turns", "转动的"),
            ],
        ),
    ),
    Step(
        T(
            "So turning sees the distance alone. The stroke marks the longest text on which the small models were trained. "
            "Now the one that turns reads on, far beyond it.",
            "所以转动只看距离。竖线标出小模型训练时最长的文本。现在让转动的那个继续读下去，远远越过竖线。",
        ),
        view=SMALL,
        only=1,
        predict=Curve(
            T("Draw its loss by place in the text.", "画出它在文本各处的损失。"),
            rotary_by_place,
            lambda p: T(
                "To see distance alone is not to know every distance: beyond the stroke come angles that it never met. Its loss is {inside:fixed} up to there and {end:fixed} "
                "at the end. ALiBi, which only subtracts the distance, ends at {slope:fixed}.",
                "只看距离，不等于认识每个距离：越过竖线就是它从没见过的角度。竖线以内损失 {inside:fixed}，末端 {end:fixed}。只是减去距离的 ALiBi，末端是 {slope:fixed}。",
                inside=small(p, p.loss_by_position.small.inside, "rotary"),
                end=small(p, p.loss_by_position.small.at_end, "rotary"),
                slope=small(p, p.loss_by_position.small.at_end, "alibi"),
            ),
            keep=("trained on 128",),
            unit=T("nats", "nat"),
            x=(0, 1382),
            y=(2.8, 6),
        ),
    ),
    Step(
        lambda p: T(
            "Can a larger model be stretched to {factor:number} times its length without any training? Four ways to set the rates for it. "
            "Squeezed positions meet only angles that the model knows.",
            "不做任何训练，能把一个更大的模型拉长到 {factor:number} 倍吗？速率有四种设法。把位置压缩后，遇到的全是模型认识的角度。",
            factor=p.factor,
        ),
        view=TARGET,
        only=0,
        predict=Choice(
            T("Which reads worst at the far end?", "哪种办法在最远处读得最差？"),
            lambda p: int(np.argmax(p.loss_by_position.target.at_end)),
            lambda p: T(
                "Squeezing all alike looks safe. But it squeezes the fast pairs too, by which a model tells neighbours apart: {linear:fixed} nats at the end. "
                "YaRN squeezes only the slow ones: {yarn:fixed}. Rates as trained end at {none:fixed}, a larger base at {ntk:fixed}.",
                "一律压缩看似稳妥。但它把快的数对也压了，而模型正是靠它们分清相邻的词元：末端为 {linear:fixed} nat。YaRN 只压缩慢的：{yarn:fixed}。速率照旧为 {none:fixed}，换更大的底数为 {ntk:fixed}。",
                **dict(zip(p.loss_by_position.target.names, p.loss_by_position.target.at_end.tolist(), strict=True)),
            ),
            options=[
                T("rates as trained", "速率照旧"),
                T("all positions squeezed alike (interpolation)", "所有位置一律压缩（线性内插）"),
                T("a larger base: the slower, the more squeezed", "换更大的底数：越慢压得越多"),
                T("only the slow pairs squeezed (YaRN)", "只压缩慢的数对（YaRN）"),
            ],
            keep=("trained on 512",),
            x=(0, 2765),
            y=(1.5, 4.5),
        ),
    ),
    Step(
        T(
            "Here is why. Every pair of hands, from fast to slow: how long it takes for a turn, and which angles the longer text brings. "
            "Stretch further and see which pairs each way leaves alone.",
            "原因在这里。从快到慢的每一对指针：转一圈要多久，更长的文本又带来哪些角度。再拉长些，看每种办法放过了哪些数对。",
        ),
        params={"scaling": "yarn"},
        view=STRETCH,
        control="factor",
    ),
]
