"""The lesson of attention maps: how a model says a word that it never saw."""

from __future__ import annotations

import numpy as np

from engine.language.attention_maps.result import Attended
from pages.shell import Choice, Number, Step, T

MOSAIC, HEAD, UNFOLDED, WORTH, LENS, NEXT = 0, 1, 2, 3, 4, 5
LAST = "50 qu"
TOKENS = "point at a token: tinted is what it looks at"
INDUCTION = 2  # its place among the kinds


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
    return str(r.lens.tokens[settled(r) - 1, -1, 0])


def dearest(r: Attended) -> tuple[int, int]:
    """The head without which the text is foreseen worst."""
    layer, head = np.unravel_index(np.argmax(r.ablated.alone), r.ablated.alone.shape)
    return int(layer), int(head)


def helped(r: Attended) -> int:
    """How many heads the text is foreseen better without."""
    return int((r.ablated.alone < 0).sum())


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
                "One thinks that a model can only say what it has learned. It has also learned to look: the text itself has said how qu goes on. "
                "The next best, {other}, gets {small:percent}.",
                "人们以为模型只会说学过的东西。可它还学会了看：文本自己早已说过 qu 之后是什么。第二名 {other} 只得 {small:percent}。",
                other=r.next_token.tokens[1],
                small=r.next_token.probability[1],
            ),
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
                "One expects an answer that grows from the bottom up, or one that stands when the head has looked. "
                "Layer {below} still says “{other}”. Such heads sit in the layer above it too, and only behind those does b lead for good.",
                "人们以为答案会自下而上逐渐长成，或在那个头看过之后就定下。可第 {below} 层仍说“{other}”。再上一层也有这样的头，过了它们，b 才一直领先。",
                below=settled(r) - 1,
                other=before(r),
            ),
            between=(0, 6),
            along="y",
            unit=T("(layer)", "（层）"),
            x=(0, 1.02),
            y=(-0.5, 6.5),
        ),
    ),
    Step(
        T(
            "Some heads look at the token just before, some at the first of all, some for brackets or indentation, and some, as you saw, behind an earlier twin: "
            "induction. Each is now switched off alone, and the whole text read again.",
            "有的头看紧邻的前一个词元，有的看最开头，有的找括号或缩进，还有的像刚才那样看孪生词元之后：归纳。现在逐个单独关掉，重读整段文本。",
        ),
        view=WORTH,
        only=0,
        predict=Choice(
            T("Of which kind is the head that is missed most?", "最缺不得的那个头，属于哪一类？"),
            lambda r: int(r.head_kinds.kind[dearest(r)]),
            lambda r: T(
                "Induction gets the fame, but it cannot work alone: to be found, each token must first carry a note of what stood before it, and head {layer}.{head} "
                "writes that. {better} of the {all} heads even do harm here: without any one of them the text is foreseen a little better.",
                "名声归了归纳头，可它单独做不成事：要被找到，每个词元得先带上一张字条，写明前面是谁，而写字条的正是 {layer}.{head}。{all} 个头中还有 {better} 个在此帮倒忙：单独关掉任何一个，预测反而略好。",
                layer=dearest(r)[0] + 1,
                head=dearest(r)[1] + 1,
                better=helped(r),
                all=r.ablated.alone.size,
            ),
            options=[
                T("one that looks at the token before", "看前一个词元的"),
                T("one that looks at the first token", "看首个词元的"),
                T("an induction head", "归纳头"),
                T("one that looks for brackets", "找括号的"),
                T("one that looks for indentation", "看缩进的"),
            ],
        ),
    ),
    Step(
        T(
            "All heads at once: layers go from left to right. Look for the stripes, just under the diagonal and further down, and find where the notes "
            "are written and where they are read. Then bring a text of your own.",
            "所有的头放在一起，层从左到右。找一找那些斜纹，有的紧贴对角线，有的更靠下：看字条写在哪里，又在哪里被读。然后放进自己的文本。",
        ),
        view=MOSAIC,
        control="text",
    ),
]
