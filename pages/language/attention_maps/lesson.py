"""The lesson of attention maps: how a model says a word that it never saw."""

from __future__ import annotations

import numpy as np

from engine.language.attention_maps.result import Attended
from pages.language.attention_maps.parts import name, names, word
from pages.shell import Choice, Number, Step, T

MOSAIC, HEAD, UNFOLDED, WORTH, LENS, NEXT = 0, 1, 2, 3, 4, 5
LAST = "50 qu"
TEXT, TOKENS = "the text so far", "point at a token: tinted is what it looks at"
BEFORE, _, INDUCTION, _, INDENTATION = range(5)  # kinds of head
KINDS = (BEFORE, INDUCTION, INDENTATION)  # those that the lesson names


def chance(r: Attended, token: str) -> float:
    """What the model gives to a token that may come next."""
    return float(r.next_token.probability[r.next_token.tokens.index(token)])


def looked_at(r: Attended) -> int:
    """Which option tells where the last token looks most: at its twin, behind it, just before itself, at the beginning."""
    at, last = int(r.chosen.weights[-1].argmax()), len(r.tokens) - 1
    if r.tokens[at] == r.tokens[last] and at != last:
        return 0
    if at and r.tokens[at - 1] == r.tokens[last]:
        return 1
    return 2 if at >= last - 1 else 3


def settled(r: Attended) -> int:
    """The layer from which on the lens says of the last token what the model says."""
    assert r.lens is not None
    said = r.lens.tokens[:, -1, 0]
    return len(said) - int((said == said[-1])[::-1].cumprod().sum())


def before(r: Attended) -> str:
    """What the layer below said."""
    assert r.lens is not None
    return word(str(r.lens.tokens[settled(r) - 1, -1, 0]))


def dearest(r: Attended) -> tuple[int, int]:
    """The head without which the text is foreseen worst, counted from 0."""
    layer, head = np.unravel_index(np.argmax(r.ablated.alone), r.ablated.alone.shape)
    return int(layer), int(head)


def kind_of_dearest(r: Attended) -> int:
    """Which option names its kind; the last: none of those named."""
    kind = int(r.head_kinds.kind[dearest(r)])
    return KINDS.index(kind) if kind in KINDS else len(KINDS)


def why_dearest(r: Attended) -> T:
    """What such a head does for the text, by the kind that was found; and the heads that do harm."""
    layer, head = dearest(r)
    does = (
        T(
            "Induction gets the fame, but to be found, a token must first carry a note of what stood before it: head {head} writes it.",
            "名声归了归纳头，可要被它找到，词元得先带上一张字条，写明前面是谁：写字条的正是 {head}。",
            head=name(layer + 1, head + 1),
        ),
        T("Here it is {head}, which copies what followed.", "在这里是 {head}：它抄来后面的内容。", head=name(layer + 1, head + 1)),
        T("Here it is {head}: line by line this text is indented.", "在这里是 {head}：这段文本行行缩进。", head=name(layer + 1, head + 1)),
        T("Here it is {head}, which has no single job.", "在这里是 {head}：它并不专司一职。", head=name(layer + 1, head + 1)),
    )[kind_of_dearest(r)]
    better = T(
        "Green: without any one of these {better} of {all} heads the text is foreseen better.",
        "绿色：{all} 个头中有 {better} 个，单独关掉任何一个，预测反而更好。",
        better=int((r.ablated.alone < 0).sum()),
        all=r.ablated.alone.size,
    )
    return T.joined([does, better], " ", "")


LESSON = [
    Step(
        T(
            "A small language model has read Python’s own library and nothing else. This text calls its things qubits, a word in none of those files, "
            "and stops in the middle of it: zigzag(qu. The model knows two thousand tokens.",
            "一个小语言模型只读过 Python 自带的库。这段文本里的东西叫 qubits，那些文件里从没有这个词；文本停在它的半中间：zigzag(qu。模型认识两千个词元。",
        ),
        view=NEXT,
        predict=Number(
            T("What chance does it give to b, the next piece of qubits?", "它认为下一个是 b（qubits 的下一段）的概率有多大？"),
            lambda r: chance(r, "b"),
            lambda r: T(
                "It is natural to think that a model can only say words that it has learned. It has also learned to look: the text itself tells how qu goes on. "
                "The next best, {other}, gets {small:percent}.",
                "人们以为模型只会说学过的词。可它还学会了看：文本自己早已说过 qu 之后是什么。第二名 {other} 只得 {small:percent}。",
                other=word(r.next_token.tokens[1]),
                small=r.next_token.probability[1],
            ),
            keep=(TEXT,),
            between=(0, 1),
            share=True,
        ),
    ),
    Step(
        lambda p: T(
            "Attention is how it looks: for each token every head spreads a weight of one over the tokens up to it. "
            "Take one head, number {layer}.{head}, and the last token, qu.",
            "它靠注意力来看：每个头为每个词元把总和为一的权重分给它之前（含自身）的词元。取其中一个头 {layer}.{head}，看最后一个词元 qu。",
            layer=p.layer,
            head=p.head,
        ),
        view=HEAD,
        moment=LAST,
        only=1,
        predict=Choice(
            T("Where does nearly all of its weight go?", "它几乎全部的权重落在哪里？"),
            looked_at,
            lambda r: T(
                "Its earlier twin is the natural guess: it is what looks alike. But a copy of qu is of no use here. What is needed is the token "
                "that came next then, and {weight:percent} of the weight goes there. Such heads are called induction heads.",
                "最自然的猜测是前面那个一模一样的 qu。但再看一遍 qu 毫无用处，需要的是当时紧随其后的那个词元：{weight:percent} 的权重就在那里。这样的头叫归纳头。",
                weight=r.chosen.weights[-1].max(),
            ),
            keep=(TOKENS,),
            options=[
                T("on the qu of the first line, its twin", "第一行的 qu，与它一模一样"),
                T("on the b that follows that qu", "那个 qu 之后的 b"),
                T("on the bracket just before, and itself", "紧挨着的括号和它自己"),
                T("on the beginning of the text", "文本的开头"),
            ],
        ),
    ),
    Step(
        T(
            "How is such a weight made? Each number of the query is multiplied by that of each key; the products of a key are summed, and a softmax "
            "turns the sums into shares. Point at other tokens: for most there is nothing to copy.",
            "这样的权重怎么算出来？查询的每个数与每个键的对应数相乘，同一个键的乘积加起来，再由 softmax 把这些和变成份额。指向别的词元看看：多数没有什么可抄。",
        ),
        view=UNFOLDED,
        moment=LAST,
    ),
    Step(
        lambda p: T(
            "A token passes through the layers one after another. The lens asks each of them: if you were the last, what would come after qu? "
            "The head that you saw sits in layer {layer}.",
            "词元一层接一层地通过模型。透镜问每一层：假如你就是最后一层，qu 之后会是什么？刚才看到的头在第 {layer} 层。",
            layer=p.layer,
        ),
        view=LENS,
        moment=LAST,
        only=1,
        predict=Number(
            T("From which layer on is the answer b?", "从第几层起，回答一直是 b？"),
            settled,
            lambda r: T(
                "One expects the answer as soon as that head has looked. Yet layer {below} still says “{other}”. Not one head does it but several: "
                "{heads} are of its kind, and only from layer {settled} on does b lead for good.",
                "人们以为那个头一看过，答案就有了。可第 {below} 层仍说“{other}”。做成这件事的不是一个头，而是好几个：{heads} 都是同类；从第 {settled} 层起，b 才一直领先。",
                below=settled(r) - 1,
                other=before(r),
                heads=names(r.head_kinds.kind == INDUCTION),
                settled=settled(r),
            ),
            between=(0, 6),
            whole=True,
            x=(0, 1.02),
            y=(-0.5, 6.5),
        ),
    ),
    Step(
        T(
            "Heads have their jobs. Some look at the token just before, some at how deep a line is indented, and some, as you saw, behind an earlier twin: "
            "induction. Each is now switched off alone, and the whole text read again.",
            "注意力头各有分工：有的看紧邻的前一个词元，有的看一行缩进多深，还有的像刚才那样看孪生词元之后，即归纳。现在逐个单独关掉，重读整段文本。",
        ),
        view=WORTH,
        only=0,
        look=lambda r: (dearest(r)[0] * r.ablated.alone.shape[1] + dearest(r)[1], float(r.ablated.alone.max())),
        predict=Choice(
            T("Of which kind is the head that is missed most?", "最缺不得的那个头，属于哪一类？"),
            kind_of_dearest,
            why_dearest,
            options=[
                T("one that looks at the token before", "看前一个词元的"),
                T("an induction head", "归纳头"),
                T("one that looks for indentation", "看缩进的"),
                T("one that does a bit of everything", "什么都做一点的"),
            ],
        ),
    ),
    Step(
        lambda p: T(
            "Now all at once: heads {off}, which look behind an earlier twin, are switched off together. The strokes are what the model said with all its heads.",
            "现在一起来：把看孪生词元之后的头 {off} 同时关掉。短线是所有头都在时模型的回答。",
            off=p.ablate,
        ),
        params={"ablate": "4.2, 4.3, 5.3, 5.4"},
        view=WORTH,
        only=1,
        predict=Number(
            T("What chance is left to b?", "b 还剩多大的概率？"),
            lambda r: chance(r, "b"),
            lambda r: T(
                "One expects it to shrink; it all but goes, though {others} heads still work. Without looking back the model falls back on words it has learned: "
                "{top}, {p:percent}. Copying hangs on a few heads.",
                "人们以为它会小一些；其实几乎没了，尽管还有 {others} 个头在工作。不能回头看，模型就退回学过的词：{top}，{p:percent}。抄写全靠少数几个头。",
                others=int((~r.ablated.off).sum()),
                top=word(r.next_token.tokens[0]),
                p=r.next_token.probability[0],
            ),
            keep=("all heads",),
            between=(0, 1),
            share=True,
            along="y",
            x=(-0.6, 9.6),
            y=(0, 0.8),
        ),
    ),
    Step(
        T(
            "All heads at once, layers from left to right. Look for the stripes, just under the diagonal and further down: where notes are written, and where they are read. "
            "Click a head to choose it, once more to switch it off, and watch the bars. Then bring a text of your own.",
            "所有的头放在一起，层从左到右。找一找那些斜纹，有的紧贴对角线，有的更靠下：字条写在哪里，又在哪里被读。点击选中一个头，再点一次关闭它，看条形怎样变。然后放进自己的文本。",
        ),
        view=MOSAIC,
        control="text",
    ),
]
