"""The lesson of speculative decoding: guesses that survive, a law that stays, and a speed-up that shrinks."""

from __future__ import annotations

import numpy as np

from engine.language.speculative_decoding import Speculated
from pages.shell import Choice, Curve, Number, Step, T

TRACE, RACE, COSTS, SOURCES, LOSSLESS, LENGTHS = 0, 1, 3, 4, 5, 6
PAIR = ("target's p", "draft's q")
BLIND = {"task": "toy", "p": "0.5, 0.3, 0.1, 0.05, 0.05", "q": "0.2, 0.2, 0.2, 0.2, 0.2"}


def nearest_law(r: Speculated) -> int:
    """Which option the law of what is written comes nearest to: the draft's, one halfway, the target's."""
    assert r.toy is not None
    t = r.toy
    return int(np.argmin([np.abs(t.law - law).sum() for law in (t.q, (t.p + t.q) / 2, t.p)]))


def kept(p: str, q: str) -> float:
    """Σ min(p, q) of chances as they are written."""
    return sum(min(float(a), float(b)) for a, b in zip(p.split(","), q.split(","), strict=True))


def speed_by_guesses(r: Speculated) -> tuple[np.ndarray, np.ndarray]:
    assert r.toy is not None
    return r.toy.gammas, r.toy.expected_speedups


LESSON = [
    Step(
        lambda p: T(
            "A large model writes code. A small one, a sixth its size, runs ahead and guesses {gamma} tokens; the large one looks at all of them in a single pass "
            "and keeps them up to the first that it refuses. What it then writes itself is always right.",
            "一个大模型在写代码。只有它六分之一大的小模型抢先猜 {gamma} 个词元；大模型一次运算就看完全部，从头保留到第一个被否决的为止，再由自己补上一个，这一个总是对的。",
            gamma=p.gamma,
        ),
        view=TRACE,
        predict=Number(
            T("Of the guesses that are judged, how many are kept?", "受到判定的猜测，有多少被保留？"),
            lambda r: r.acceptance_rate,
            lambda r: T(
                "Who thinks of the hard tokens guesses low: most are easy. Indentation, brackets, a name begun: there both models agree. "
                "So a pass of the large model yields {each:number.2} tokens in place of one. Point at a red one.",
                "只想到难写的词元，就会猜低：多数词元很容易。缩进、括号、写了一半的名字，两个模型在那里意见一致。于是大模型每次运算得到 {each:number.2} 个词元，而不是一个。指向一个红色的看看。",
                each=r.tokens_per_step,
            ),
            between=(0, 1),
            share=True,
        ),
    ),
    Step(
        T(
            "How is a guess judged? Blue is how likely the large model finds each of five tokens, orange how likely the small one draws it. "
            "A guess is kept with chance p/q, at most one; after a refusal the large model draws from what is left of p.",
            "猜测怎样判定？蓝色是大模型认为五个词元各自的概率，橙色是小模型抽到它们的概率。猜测以 p/q（至多为一）的概率保留；否决之后，大模型从 p 余下的部分中重抽。",
        ),
        params={"task": "toy"},
        view=LOSSLESS,
        predict=Choice(
            T("In the end, how are the written tokens spread?", "最终写出的词元服从什么分布？"),
            nearest_law,
            lambda r: T(
                "Most of what stands there was drawn by the small model, so it should show: that is the slip. What it guesses too often is refused just as often, "
                "and the refusals fill up what it guesses too rarely. A bad guesser costs time, never truth.",
                "写出的大多由小模型抽得，总该留下痕迹吧？错就错在这里。它猜得过多的，恰好按多出的份额被否决；否决又恰好补足它猜得过少的。猜得差只费时间，从不失真。",
            ),
            keep=PAIR,
            options=[
                T("nearly as the small model draws", "接近小模型抽取的分布"),
                T("in between, nearer to the large model if it refuses often", "介于两者之间，否决越多越接近大模型"),
                T("exactly as the large model would", "与大模型自己写的完全一样"),
            ],
            x=(-0.6, 4.6),
            y=(0, 0.6),
        ),
    ),
    Step(
        T(
            "Now the small model is replaced by one that knows nothing: it draws each of the five tokens alike. "
            "The large one has its favourites. The same rule judges.",
            "现在把小模型换成一个什么都不懂的：五个词元它抽得一样多。大模型则有自己的偏好。判定的规则不变。",
        ),
        params=BLIND,
        view=LOSSLESS,
        control="q",
        predict=Number(
            T("How many of these blind guesses are kept?", "这些瞎猜有多少被保留？"),
            lambda r: r.toy.alpha,
            lambda r: T(
                "One counts how often both would draw the same token: {same:percent}. But nobody compares two draws. A guess is kept whenever the large model finds it "
                "no less likely, and often otherwise: the overlap of both laws counts.",
                "人们算的是两者抽到同一个词元的机会：{same:percent}。可并没有比较两次抽取。只要大模型认为它的概率不更低就保留，否则也常常保留：算的是两个分布的重叠。",
                same=float(r.toy.p @ r.toy.q),
            ),
            keep=PAIR,
            between=(0, 1),
            share=True,
            x=(-0.6, 4.6),
            y=(0, 0.6),
        ),
    ),
    Step(
        lambda p: T(
            "Suppose a guess stands with a chance of {alpha:percent}, and drawing one costs {cost:percent} of a pass of the large model. "
            "How many should one guess before each check? The dotted line is plain decoding.",
            "设每个猜测站得住的机会是 {alpha:percent}，抽一个猜测的代价是大模型一次运算的 {cost:percent}。每次检查之前该猜几个？虚线是普通解码。",
            alpha=kept(p.p, p.q),
            cost=p.cost,
        ),
        params={"task": "toy"},
        view=LENGTHS,
        only=1,
        control="cost",
        predict=Curve(
            T("Draw how many times as fast it gets, by the number of guesses.", "画出加速倍数随猜测个数的变化。"),
            speed_by_guesses,
            lambda r: T(
                "More guesses, more speed: so one draws a rising line. But the tenth counts only if the nine before it stand, while it costs as much as the first. "
                "The summit is at {best} guesses, and it is flat.",
                "猜得越多越快，于是画成一路上升。但第十个要等前九个都站住才算数，代价却与第一个相同。顶点在 {best} 个，而且很平。",
                best=r.toy.best,
            ),
            keep=("plain decoding",),
            unit=T("times", "倍"),
            x=(0.5, 14),
            y=(0, 3.5),
        ),
    ),
    Step(
        T(
            "Back to the real pair, by the clock. Both ways write from the same beginning on the same machine, plain decoding one token a pass. "
            "You saw how many tokens a pass yields with guesses.",
            "回到真实的那一对，看表。两种解码在同一台机器上从同一处写起，普通解码每次运算写一个词元。有猜测时每次运算得到多少，你已经看到。",
        ),
        view=RACE,
        predict=Number(
            T("How many times as fast is a token written with guesses?", "有猜测时，写一个词元快多少倍？"),
            lambda r: r.race.speedup,
            lambda r: T(
                "One takes the {each:number.2} tokens a pass for the speed-up. But each guess costs {guess:percent} of a pass, checking {many} tokens "
                "takes {check:number.2} times as long as checking one, and the bookkeeping is not free.",
                "人们把每次运算的 {each:number.2} 个词元当成加速。但每个猜测要花一次运算的 {guess:percent}，检查 {many} 个词元的耗时是一个的 {check:number.2} 倍，簿记也不是白做的。",
                each=r.tokens_per_step,
                guess=r.costs.c,
                many=r.gamma + 1,
                check=r.costs.v,
            ),
            between=(0, 5),
            unit=T("times", "倍"),
        ),
    ),
    Step(
        T(
            "Who else could guess? The text itself: where the last tokens have stood before, it says what followed. Or the large model’s own first layers. "
            "Or the text wherever it can, and else the small model.",
            "还有谁能猜？文本自己：最后几个词元若出现过，它会说出后面是什么。或者大模型自己的前几层。或者文本能猜就让文本猜，否则才问小模型。",
        ),
        view=SOURCES,
        predict=Choice(
            T("Which was the fastest on this text?", "在这段文本上，哪种最快？"),
            lambda r: int(np.argmax(r.sources.speedup)),
            lambda r: T(
                "One looks for the best guesser. But what counts is right guesses for their price: the text is right in only {text:percent} and costs next to nothing, "
                "the first layers cost {exit:percent} of a pass each and fall to {loss:number.2} times the speed of plain decoding.",
                "人们在找猜得最准的。但要看的是每份代价换来多少猜中：文本只有 {text:percent} 猜中，却几乎不花钱；前几层每猜一次要花一次运算的 {exit:percent}，速度只有普通解码的 {loss:number.2} 倍。",
                text=r.sources.acceptance[r.sources.names.index("lookup")],
                exit=r.sources.cost_ratio[r.sources.names.index("exit")],
                loss=r.sources.speedup[r.sources.names.index("exit")],
            ),
            options=[
                T("the small model", "小模型"),
                T("the text itself", "文本自己"),
                T("the text, else the small model", "先问文本，再问小模型"),
                T("the large model’s first layers", "大模型的前几层"),
            ],
        ),
    ),
    Step(
        T(
            "On the map of acceptance and cost one sees who can win: below the line no guessing pays. "
            "Change the temperature or the prompt, and find a text on which guessing loses.",
            "在接受率与代价的地图上，谁能取胜一目了然：线的下方，怎么猜都不划算。换个温度或提示，找一段猜了反而吃亏的文本。",
        ),
        view=COSTS,
        control="temperature",
    ),
]
