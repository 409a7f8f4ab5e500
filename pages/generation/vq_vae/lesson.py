"""The lesson of the VQ-VAE: what an integer is, how far it reaches, and how one learns through a rounding."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from engine.generation.vq_vae import VqVaed
from engine.generation.vq_vae.number import SHIFT, SLOPE, STEP, nearest
from pages.generation.vq_vae.picture import WHOLE, moved
from pages.shell import Choice, Curve, Place, Step, T

INTEGER, KEPT, USED, NUMBER = 0, 1, 2, 10
CODED, ROUNDED = {"edit_code": -1}, {"task": "number"}
CLOSE = 8  # numbers that stand side by side, if any do


def touched(r: VqVaed) -> tuple[int, int, int, int]:
    """The box (x0, y0, x1, y1) in the picture that holds every pixel that moved."""
    down, across = np.nonzero(moved(r.cell))
    top, _, left, _ = r.cell.window
    return left + across.min(), top + down.min(), left + across.max() + 1, top + down.max() + 1


def uses(r: VqVaed) -> tuple[np.ndarray, np.ndarray]:
    """How often the codes are used, the most used first."""
    return np.arange(len(r.usage)) + 1, np.sort(r.usage)[::-1]


def explained(r: VqVaed) -> float:
    """How much of what tells the picture's squares apart the mean colours of their codes know; 1: all of it."""
    f, (height, width) = r.factor, (n // r.factor for n in r.image.shape[:2])
    squares = r.image[: height * f, : width * f].reshape(height, f, width, f, 3).mean((1, 3))
    painted = r.atoms.pixels.mean((1, 2))[r.codes[:height, :width]]
    return 1 - float(np.square(painted - squares).mean() / squares.var((0, 1)).mean())


def apart(r: VqVaed) -> int:
    """How far in number the most similar of the other codes stands from the cell's own."""
    others = [int(k) for k in r.cell.nearest if k != r.cell.before]
    return abs(others[0] - r.cell.before)


def stepped(r: VqVaed) -> int:
    """Whether a step leaves z where it is, moves it within its code, or takes it to another."""
    return 0 if r.number.moved == r.number.z else 1 if nearest(r.number.moved) == r.number.code else 2


LESSON = [
    Step(
        lambda p: T(
            "Drag the line: the cat on one side, on the other what is left of it. "
            "Every square of {side} × {side} pixels was thrown away, and one integer below {codes:count} kept instead: one byte for {raw:count}.",
            "拖动分界线：一边是猫，另一边是它留下的样子。每个 {side} × {side} 像素的方块都被丢掉，只留一个小于 {codes:count} 的整数：一个字节顶替 {raw:count} 个。",
            side=p.factor,
            codes=p.codebook,
            raw=3 * p.factor**2,
        ),
        params=CODED,
        view=KEPT,
        only=0,
    ),
    Step(
        T(
            "Each integer is the number of a code, and each code, wherever it stands, paints some colour on the average. "
            "Now paint every square in the average colour of its code.",
            "每个整数是一个码字的编号；每个码字不论用在哪里，平均起来总画出某种颜色。现在把每个方块涂成其码字的平均颜色。",
        ),
        params=CODED,
        view=KEPT,
        only=1,
        predict=Choice(
            T("What will you see?", "你会看到什么？"),
            lambda r: int(explained(r) < 0.5),  # half known would be a mosaic
            lambda r: T(
                "One takes a code for a tile of colour. But the decoder reads each code together with its neighbours: it is less a tile than a word, "
                "which means little by itself.",
                "人们以为码字就是一块色砖。但解码器总是连同邻居一起读它：它不像砖，更像一个词，单独看没有多少意思。",
            ),
            options=[
                T("the cat as a coarse mosaic", "猫的粗糙马赛克"),
                T("patches of colour, the cat hardly to be seen", "一片色块，几乎看不出猫"),
            ],
            keep=(WHOLE.en,),
        ),
    ),
    Step(
        lambda p: T(
            "The brass square is one cell on the cat's cheek. Its integer is replaced by {code}; all others stay. Then the decoder paints the page anew.",
            "黄铜色的小方块是猫脸上的一格。把它的整数换成 {code}，其余不动，再让解码器重画整页。",
            code=p.edit_code,
        ),
        view=INTEGER,
        only=2,
        predict=Place(
            T("Draw the box that holds every pixel that changes.", "画一个框，框住所有会变化的像素。"),
            touched,
            lambda r: T(
                "{changed:count} pixels move, though the cell has {own:count}: the decoder's convolutions pass each code on to the cells around it, "
                "layer after layer. Far out the changes are too faint to see.",
                "这一格只有 {own:count} 个像素，变化的却有 {changed:count} 个：解码器的卷积一层一层把码字传给周围的格子。离得远的变化太弱，肉眼看不见。",
                changed=r.cell.changed,
                own=r.factor**2,
            ),
            keep=(WHOLE.en, "scatter"),
            box=True,
            unit=T("px", "像素"),
        ),
    ),
    Step(
        lambda p: T(
            "Some integers would change this cell much, some hardly. The codes are numbered from 0 to {last:count}. Think of the one that is most like the cell's own.",
            "换成别的整数，有的会让这一格大变，有的几乎不变。码字从 0 编到 {last:count}。想想与这一格自己的码字最相像的那一个。",
            last=p.codebook - 1,
        ),
        params=CODED,
        view=INTEGER,
        only=3,
        predict=Choice(
            T("What is its number?", "它的编号会是多少？"),
            lambda r: int(apart(r) > CLOSE),
            lambda r: T(
                "It is {other}, and this cell's is {own}. The integers look like amounts, but they are names: nothing in the training knows their order. "
                "Likeness is a distance between vectors.",
                "是 {other}，而这一格的编号是 {own}。整数看上去像数量，其实只是名字：训练从不理会它们的顺序。相像与否，要看向量之间的距离。",
                other=next(int(k) for k in r.cell.nearest if k != r.cell.before),
                own=r.cell.before,
            ),
            options=[
                T("close by: like numbers, like pictures", "就在旁边：编号相近，画面也相近"),
                T("far away: the number says nothing", "离得很远：编号说明不了什么"),
            ],
        ),
    ),
    Step(
        lambda p: T(
            "A text has a few words that come all the time, and many that come once. Here the words are {codes:count} codes, and the text is this cat. "
            "Dotted: each code used as often as any other.",
            "一篇文章里，少数词反复出现，许多词只出现一次。这里的词是 {codes:count} 个码字，文章就是这只猫。点线：每个码字用得一样多。",
            codes=p.codebook,
        ),
        params=CODED,
        view=USED,
        only=1,
        predict=Curve(
            T("Draw how often each code is used, the most used at the left.", "画出每个码字被用了多少次，用得最多的放在左边。"),
            uses,
            lambda r: T(
                "Far flatter than words: the most used code takes {top:count} of {cells:count} cells. In training it paid to use all codes. "
                "Still, {unused:count} are not needed for this one picture.",
                "比词频平坦得多：用得最多的码字也只占 {cells:count} 格中的 {top:count} 格。训练时，把码字都用上才有利。不过就这一张图而言，仍有 {unused:count} 个用不着。",
                top=r.usage.max(),
                cells=r.codes.size,
                unused=(r.usage == 0).sum(),
            ),
            keep=("if all were used evenly",),
            x=(0, 257),
            y=(0, 60),
        ),
    ),
    Step(
        lambda p: T(
            "How are codes learned? The smallest case: one number z is rounded to the nearest whole number q. The decoder answers {slope} q + {shift}, "
            "and should answer {target:number}. The loss is the square of what it is off.",
            "码字怎样学？看最小的例子：一个数 z 取整为最近的整数 q；解码器答 {slope} q + {shift}，应当答 {target:number}；损失是差的平方。",
            slope=Fraction(SLOPE).limit_denominator(9),
            shift=Fraction(SHIFT).limit_denominator(9),
            target=p.target,
        ),
        params=ROUNDED,
        view=NUMBER,
        only=1,
        predict=Curve(
            T("Draw the loss for every z.", "画出每个 z 的损失。"),
            lambda r: (r.number.at, r.number.losses),
            lambda r: T(
                "Many draw a smooth valley. But z counts only by what it is rounded to, so the loss is a flight of stairs: flat wherever one stands. "
                "A slope of {true:number} tells no one which way is down.",
                "许多人画出一条光滑的山谷。但 z 只以取整后的值起作用，损失于是成了一级级台阶：站在哪里都是平的。斜率为 {true:number}，谁也不知道往哪边是下坡。",
                true=r.number.true,
            ),
            x=(-2.5, 2.5),
            y=(-0.5, 10),
        ),
    ),
    Step(
        lambda p: T(
            "The way out is a lie: going back, training acts as if z had not been rounded, and hands z the slope that q should follow. "
            "z stands at {z:number}. One step downhill is taken.",
            "出路是撒一个谎：反向传播时装作 z 没有取整，把 q 该走的斜率直接交给 z。z 现在位于 {z:number}，沿下坡走一步。",
            z=p.value,
        ),
        params=ROUNDED,
        view=NUMBER,
        control="value",
        predict=Choice(
            T("What comes of it?", "结果如何？"),
            stepped,
            lambda r: T(
                "The slope handed on is {through:number}, and a step of {step:number} times that leads from the code {before:number} to {after:number}. "
                "A wrong slope may point the right way. Turn z: from some places the step changes nothing, from others the next one will.",
                "传下去的斜率是 {through:number}，乘以步长 {step:number}，z 便从码字 {before:number} 走到 {after:number}。斜率是假的，方向却可以是对的。转动 z：有些位置走一步毫无改变，要到下一步才见效。",
                through=r.number.through,
                step=STEP,
                before=r.number.code,
                after=nearest(r.number.moved),
            ),
            options=[
                T("z stays: the ground is flat", "z 不动：脚下是平的"),
                T("z moves, but its code and the loss stay", "z 动了，码字与损失都没变"),
                T("z reaches another code, and the loss changes", "z 走到另一个码字，损失变了"),
            ],
            keep=("code of z", "loss", "z"),
        ),
    ),
    Step(
        T(
            "A picture as a page of integers can be written like a text: that is how many models draw. "
            "Change the integer here; then leave the lesson and see codes collapse, and what a bit buys against JPEG.",
            "图片成了一页整数，就能像文章一样逐个写出来：许多模型正是这样作画。在这里改动整数；然后离开课程，看码字怎样坍缩，看一个比特与 JPEG 相比能换来什么。",
        ),
        view=INTEGER,
        control="edit_code",
    ),
]
