"""The lesson of diffusion: from the mean of everything to one sample, and what guidance is paid with."""

from __future__ import annotations

import numpy as np

from engine.generation.diffusion import Diffused
from engine.generation.diffusion.result import GUIDANCES
from pages.shell import Choice, Curve, Number, Step, T

WAYS, STEPS, SCALES, TRADE, LAW, SOLVERS, PUSH = range(7)
RECALL = 3  # its panel among the measures
FEW_CALLS = 8
LOBES = {"world": "lobes"}
DIGITS = {"count": 16, "task": "trade-off"}
FREE = GUIDANCES.index("classifier-free")


def spread(points: np.ndarray) -> float:
    """Root mean square distance from the mean."""
    return float(np.sqrt(points.var(0).sum()))


def first_guess(r: Diffused) -> int:
    """Which option tells what is predicted at the first step, by how wide it is within a class and over all, beside the samples."""
    made, labels = r.chosen.clean[0], r.labels[: len(r.chosen.clean[0])]
    within = float(np.mean([spread(made[labels == k]) for k in np.unique(labels)]))
    if spread(made) < 0.1 * spread(r.chosen.samples):
        return 2
    return 1 if within < 0.2 * spread(made) else 0


def law(r: Diffused) -> int:
    """Which law the guided samples follow, if fresh draws of it are as far away."""
    f = r.field
    assert f is not None
    near = 2 * f.w2_floor
    return 0 if f.w2[FREE] < near else 1 if f.w2_tilted[FREE] < near else 2


def best(r: Diffused) -> int:
    """The solver that is nearest after few calls, its errors read between its own numbers of calls."""
    c = r.convergence
    assert c is not None
    ends = [np.interp(np.log(FEW_CALLS), np.log(calls), np.log(error)) for calls, error in zip(c.calls, c.error, strict=True)]
    return int(np.argmin(ends))


LESSON = [
    Step(
        lambda p: T(
            "{points:count} points of noise become samples in {steps} steps. At each step the model sees a noisy point and a wanted class, and says "
            "where it thinks the clean point is. At the very first step there is nothing but noise to see.",
            "{points:count} 个噪声点经过 {steps} 步变成样本。每一步，模型看到一个带噪的点和想要的类别，说出它认为干净的点在哪里。而在最初一步，眼前只有噪声。",
            points=p.points,
            steps=p.steps,
        ),
        params=LOBES,
        view=STEPS,
        only=1,
        moment="0",
        predict=Choice(
            T("Where does it say the clean points are, at that first step?", "在最初一步，它认为干净的点在哪里？"),
            first_guess,
            lambda r: T(
                "It cannot know which sample this noise will become; what makes the least error is the mean, of the class alone. That is why early predictions of pictures are blurs. "
                "Play on: the points leave their mean one decision after another.",
                "它不可能知道这团噪声会变成哪个样本；误差最小的回答是均值，而且只是该类的均值。所以早期对图像的预测总是一片模糊。继续播放：各点一次次做出决定，逐渐离开均值。",
            ),
            options=[
                T("all over the data, like a finished sample", "散布在整个数据上，像完成的样本"),
                T("in one small heap for each class", "每个类别聚成一小团"),
                T("all in one place", "全在同一处"),
            ],
            x=(-2.7, 2.7),
            y=(-2.7, 2.7),
        ),
    ),
    Step(
        lambda p: T(
            "The same noise, four ways: with no class named; with its class; and with two kinds of guidance, which at each step go {w:number} times further "
            "in the direction in which the class differs from no class. Play it.",
            "同一团噪声，四种走法：不说类别；说出类别；以及两种引导——每一步都沿“有类别与无类别之差”的方向再多走 {w:number} 倍。播放看看。",
            w=p.scale,
        ),
        params=LOBES,
        view=WAYS,
    ),
    Step(
        T(
            "Stronger guidance makes samples look more like their class; that is what it is for. "
            "Recall asks the opposite: what share of the real points has a sample near it?",
            "引导越强，样本越像所要的类别，这正是它的用处。召回率问的则相反：真实的点里，有多大比例附近有样本？",
        ),
        params=LOBES,
        view=TRADE,
        only=RECALL,
        predict=Curve(
            T("Draw recall against the strength w of guidance.", "画出召回率随引导强度 w 的变化。"),
            lambda r: (r.sweep.scales, r.sweep.recall[-1]),
            lambda r: T(
                "A little guidance costs nothing, and most people let it fall gently from there. But at w = {w:number} {left:percent} of the real points are left: "
                "samples crowd where the classifier is surest, and the edges of a class are not drawn any more.",
                "少许引导几乎没有代价，多数人会让它从那里缓缓下降。但 w = {w:number} 时只剩 {left:percent} 的真实点：样本挤在分类器最确信的地方，类别的边缘再也画不出来。",
                w=r.sweep.scales[-1],
                left=r.sweep.recall[-1, -1],
            ),
            share=True,
            x=(-0.2, 8.2),
            y=(0, 1.05),
        ),
    ),
    Step(
        lambda p: T(
            "At each of the {steps} steps guidance pushes the points, from step 0, which is pure noise, to the finished sample.",
            "在 {steps} 步中的每一步，引导都推动这些点：从第 0 步的纯噪声，到完成的样本。",
            steps=p.steps,
        ),
        params=LOBES,
        view=PUSH,
        only=0,
        predict=Curve(
            T("Draw how hard it pushes at each step.", "画出它在每一步推得多用力。"),
            lambda r: (np.arange(r.steps), r.chosen.guidance_norm),
            lambda r: T(
                "Neither at the beginning, where all classes look alike, nor at the end, where the point has decided: the class is decided around step {peak}, "
                "and only there does guidance have something to say.",
                "既不在开头——那时各类看起来都一样，也不在结尾——那时点已做出决定：类别大约在第 {peak} 步定下来，引导只在那里有话可说。",
                peak=int(np.nanargmax(r.chosen.guidance_norm)),
            ),
            x=(-0.5, 19.5),
            y=(0, 0.8),
        ),
    ),
    Step(
        T(
            "Each push follows the score of a product: the class’s law times the classifier’s certainty, raised to the power w. "
            "Where that product is large is shaded.",
            "每一次推动都沿着一个乘积的得分：类别的分布，乘以分类器确信度的 w 次方。阴影处是这个乘积较大的地方。",
        ),
        params=LOBES,
        view=LAW,
        predict=Choice(
            T("From which law do the guided samples come?", "引导得到的样本服从哪个分布？"),
            law,
            lambda r: T(
                "Their distance from the shaded law is {apart:number.2}, where fresh draws would be {floor:number.2} away. At a noisy step the product of the noised laws is not the noised product: "
                "many papers say “guidance samples the sharpened law”; it does not.",
                "它们与阴影分布的距离是 {apart:number.2}，而真实抽样只有 {floor:number.2}。在带噪的步上，加噪分布的乘积并不是乘积的加噪：许多文章说“引导从锐化的分布中采样”，其实不是。",
                apart=r.field.w2_tilted[FREE],
                floor=r.field.w2_floor,
            ),
            options=[
                T("the class’s own, p(x | y)", "类别自身的 p(x | y)"),
                T("the shaded one, p(x | y) p(y | x)ʷ", "阴影所示的 p(x | y) p(y | x)ʷ"),
                T("neither of both", "两者都不是"),
            ],
            keep=("density",),
        ),
    ),
    Step(
        lambda p: T(
            "Following the way from noise is solving an equation. Euler takes one call of the model a step; Heun takes two and corrects itself; DPM-Solver++ remembers the last. "
            "Both of these are of second order: their error falls with the square.",
            "从噪声出发的路就是在解一个方程。欧拉法每步调用模型一次；Heun 法调用两次并自我修正；DPM-Solver++ 记住上一次。后两者都是二阶：误差随平方下降。",
        ),
        params=LOBES,
        view=SOLVERS,
        predict=Choice(
            lambda p: T(
                "With only {calls} calls to spend, who ends nearest to where the equation leads?",
                "只有 {calls} 次调用可用时，谁的终点最接近方程的终点？",
                calls=FEW_CALLS,
            ),
            best,
            lambda r: T(
                "An order is a promise about small steps. With few large ones the second call of Heun would have been better spent on another step; "
                "with many small ones the order wins, and the lines cross.",
                "阶数是对小步长的承诺。步子又少又大时，Heun 的第二次调用不如用来多走一步；步子又多又小时，高阶获胜，曲线相交。",
            ),
            options=[T("Euler", "欧拉法"), T("Heun", "Heun 法"), T("DPM-Solver++ (2M)", "DPM-Solver++（2M）")],
            x=(3.5, 420),
            y=(0.003, 3),
        ),
    ),
    Step(
        T(
            "All of this in a plane, where it can be proved. Here are handwritten digits, drawn by a network that learned them, from one noise: "
            "with guidance they are tidier, and more alike.",
            "以上都在平面上，可以证明。这里是手写数字，由一个学过它们的网络从同一团噪声画出：有引导时更工整，也更雷同。",
        ),
        params=DIGITS,
        view=TRADE,
        only=0,
        predict=Number(
            T(
                "With its class named but no guidance (w = 0), what share of the digits is recognised?",
                "只说出类别、不加引导（w = 0）时，有多大比例的数字被认出？",
            ),
            lambda r: r.sweep.accuracy[-1, 0],
            lambda r: T(
                "So much for a network that knows the classes: guidance brings the rest, {strong:percent} at w = {w:number}, and costs variety all the way. "
                "It pays where the model alone is unsure; here it hardly is.",
                "网络本来就认得这些类别：引导只补上其余，w = {w:number} 时为 {strong:percent}，而多样性一路在付出。模型自己没把握时引导才划算；这里它几乎都有把握。",
                strong=r.sweep.accuracy[-1, 3],
                w=r.sweep.scales[3],
            ),
            between=(0, 1),
            share=True,
            along="y",
            x=(-0.2, 8.2),
            y=(0, 1.05),
        ),
    ),
]
