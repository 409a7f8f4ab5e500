"""The lesson of LoRA: what training all of a model costs, what a rank is, and what each rank buys."""

from __future__ import annotations

import numpy as np

from engine.training.lora import Adapted
from engine.training.lora.parameters import LARGEST
from engine.training.memory import FULL
from pages.shell import Choice, Curve, Number, Step, T

QUALITY, LOSSES, SPECTRUM, MEMORY = 0, 1, 2, 4
MODEL, GIGA = "7B", 1e9
WIDTH = LARGEST["linear"]  # of the square matrix with a known answer
SAME = 0.02  # of a singular value: nearer than that is the same


def model_bytes(r: Adapted) -> tuple[float, float, float]:
    """Bytes of training the model: its weights, all of it at the fewest bytes a parameter, and by the smallest rank."""
    m = r.memory
    ways = m.bytes[m.architectures.index(MODEL)]
    full = np.flatnonzero(m.full)
    least = full[np.argmin(m.trained_bytes[full])]
    return float(ways[least, 0]), float(ways[least].sum()), float(ways[0].sum())


def as_many_as_full(r: Adapted) -> int:
    """The least rank that trains as many numbers as the whole matrix has."""
    full = r.trainable_parameters[r.ranks == FULL][0]
    return int(min(rank for rank, n in zip(r.ranks, r.trainable_parameters, strict=True) if rank > 0 and n >= full))


def errors_by_rank(r: Adapted) -> tuple[np.ndarray, np.ndarray, list[T]]:
    low = np.flatnonzero(r.ranks > 0)
    return r.trainable_parameters[low], r.quality[low], [r.titles[s] for s in low]


def halfway(r: Adapted) -> int:
    """The place of the setting of half the known rank."""
    return r.ranks.tolist().index(r.true_rank // 2)


def learned(r: Adapted) -> int:
    """Which option tells what the update of half the rank became: 1 the strongest directions, 2 a blend."""
    assert r.spectrum is not None and r.true_spectrum is not None
    s = halfway(r)
    k = int(r.ranks[s])
    return 1 if np.allclose(r.spectrum.values[0, s, :k], r.true_spectrum[:k], rtol=SAME) else 2


LESSON = [
    Step(
        T(
            "A language model of seven billion parameters, each kept in two bytes. To run it, one must hold its weights. "
            "To train it one must hold more: Adam, the usual optimiser, remembers something about each of them.",
            "一个七十亿参数的语言模型，每个参数占两个字节。要运行它，得装下权重；要训练它，还得装下更多：常用的优化器 Adam 要为每个参数记住一些东西。",
        ),
        view=MEMORY,
        moment=MODEL,
        predict=Number(
            T("How many gigabytes does it take to train all of it, at the least?", "训练它的全部参数，至少要多少 GB？"),
            lambda r: model_bytes(r)[1] / GIGA,
            lambda r: T(
                "One counts the weights, {weights:bytes}, perhaps twice. But each trained number also has a gradient, a precise copy and two running "
                "means of Adam’s: eight times its bytes. Freeze the weights and train little beside them, and {low:bytes} are enough.",
                "人们只数权重：{weights:bytes}，顶多翻一倍。但每个被训练的数还有梯度、一份高精度副本和 Adam 的两个滑动平均：是自身字节的八倍。冻结权重，只在旁边训练一点，{low:bytes} 就够了。",
                weights=model_bytes(r)[0],
                low=model_bytes(r)[2],
            ),
            between=(0, 300),
            unit=T("GB", "GB"),
        ),
    ),
    Step(
        lambda p: T(
            "So leave a trained matrix W as it is, here {d} × {d}, and learn two thin ones beside it: the output is (W + BA)x, "
            "where B has r columns and A has r rows. That r is the rank.",
            "所以让训练好的矩阵 W 保持原样（这里是 {d} × {d}），只在旁边学两个窄矩阵：输出为 (W + BA)x，其中 B 有 r 列，A 有 r 行。这个 r 就是秩。",
            d=WIDTH,
        ),
        view=QUALITY,
        predict=Number(
            T("At which rank does one train as many numbers as W has?", "秩为多少时，要训练的数就和 W 一样多？"),
            as_many_as_full,
            lambda r: T(
                "Most say {d}, the width. But there are two thin matrices, and both are {d} long: the saving ends at half the width.",
                "多数人说 {d}，即宽度。但窄矩阵有两个，每个都有 {d} 那么长：省到宽度的一半就到头了。",
                d=WIDTH,
            ),
            between=(1, WIDTH),
        ),
    ),
    Step(
        lambda p: T(
            "Now a task whose answer is known: W has been shifted by a ΔW made of a few directions, each only {decay:percent} as strong as the one before. "
            "LoRA of each rank is trained to follow; frozen, the error is all of it.",
            "现在做一道答案已知的题：W 被加上了 ΔW，它由几个方向组成，每个方向的强度只有前一个的 {decay:percent}。各个秩的 LoRA 都训练去追上它；若冻结不动，误差就是全部。",
            decay=p.decay,
        ),
        view=QUALITY,
        predict=Curve(
            T("Draw the error that is left, by rank.", "画出各个秩还剩多少误差。"),
            errors_by_rank,
            lambda r: T(
                "A curve that falls at once and then levels off is what one knows from learning. Here most is still to come at rank {half}: error {left:percent}. "
                "Errors add up as squares, so what is left keeps its weight, until at rank {rank} nothing is left at all.",
                "人们熟悉的学习曲线先急降再走平。这里在秩 {half} 处仍剩 {left:percent} 的误差：误差按平方相加，剩下的方向分量不轻；直到秩 {rank}，才一下子什么也不剩。",
                half=r.ranks[halfway(r)],
                left=r.quality[halfway(r)],
                rank=r.true_rank,
            ),
            keep=("frozen",),
            x=(85, 8192),
            y=(-0.1, 1.1),
        ),
    ),
    Step(
        lambda p: T(
            "The strokes are the strengths of the directions of ΔW. Take the rank that is half as large as their number: "
            "too small to be right. Nobody told it about directions; it only lowered its error.",
            "图中短线是 ΔW 各个方向的强度。取它们个数一半的秩：装不下正确答案。没有人告诉它什么是方向，它只是在降低误差。",
        ),
        view=SPECTRUM,
        predict=Choice(
            T("What did it learn?", "它学到了什么？"),
            learned,
            lambda r: T(
                "One thinks that training finds some compromise. But the best matrix of a rank is known since Eckart and Young (1936): the strongest directions "
                "whole, the others not at all. Gradient descent goes there by itself.",
                "人们以为训练会找到某种折中。但给定秩的最佳矩阵早已知道（Eckart 与 Young，1936）：最强的几个方向完整保留，其余一点不要。梯度下降自己就走到了那里。",
            ),
            keep=("the known ΔW",),
            options=[
                T("whichever directions it happened to start near", "碰巧离起点最近的几个方向"),
                T("the strongest directions, at their full strength", "最强的几个方向，且强度完整"),
                T("a blend of all directions, each weakened", "所有方向的混合，每个都减弱"),
            ],
            x=(0.85, 77),
            y=(1e-4, 3.4),
        ),
    ),
    Step(
        T(
            "The same runs while they learn. Too small a rank levels off at its own floor, however long one trains; patience does not replace a rank. "
            "Above that the extra directions cost memory and win nothing here.",
            "同样的训练，看过程。秩太小就停在自己的底线上，练多久都没用：耐心代替不了秩。秩再大，多出的方向只占内存，在这里毫无收益。",
        ),
        view=LOSSES,
    ),
    Step(
        T(
            "Real tasks do not tell their rank. Turn the digits that a small network reads, or feed a model of Python with C: "
            "the presets do it. Does a large rank buy more than the spread of its seeds?",
            "真实的任务不会告诉你它的秩。把小网络认的数字转个方向，或让学 Python 的模型去读 C：预设里都有。大的秩换来的，比各种子之间的差别更多吗？",
        ),
        view=QUALITY,
        control="true_rank",
    ),
]
