"""Attention maps on a page: what every head of a real language model looks at, and what it is worth."""

from __future__ import annotations

from engine.language.attention_maps import Attended, ablation, attention_maps, kinds, lens, opened, reference
from engine.language.sampling import Rule
from pages.language.attention_maps.heads import head_figure, mosaic_figure, unfolded_figure
from pages.language.attention_maps.lesson import LESSON
from pages.language.attention_maps.measures import ablation_figure, kinds_figure, spread_figure
from pages.language.attention_maps.next import lens_figure, sampling_figure
from pages.shell import Lab, Preset, T, View

TEXT = ("text", "model", "tokens", "mask", "window", "prefix", "ablate")
HEAD = (*TEXT, "layer", "head")
DRAW = (*TEXT, "temperature", "top_k", "top_p", "draws", "seed")
DEPTH = """\
def count(words):
    found = {}
    for word in words:
        if word in found:
            found[word] += 1
        else:
            found[word] = 1
    return found
"""


def sample(r: Attended) -> T:
    """What was read."""
    layers, heads = r.entropy.shape
    return T(
        "{tokens} tokens · {layers} × {heads} heads",
        "{tokens} 个词元 · {layers} × {heads} 个注意力头",
        tokens=len(r.tokens),
        layers=layers,
        heads=heads,
    )


LAB = Lab(
    experiment=attention_maps,
    title=T("Attention maps", "注意力图"),
    words=T(
        "self-attention, transformer, heads, head, heat map, induction head, attention sink, logit lens, GPT, ablation, interpretability, softmax, tokens",
        "自注意力、注意力头、热力图、归纳头、可解释性、消融、词元、大语言模型",
    ),
    claim=T(
        "Every head of a language model asks its own question of the text; here are all the answers, down to the numbers.",
        "语言模型的每个注意力头都向文本提出自己的问题；所有答案都在这里，直到每一个数。",
    ),
    order=1,
    lesson=LESSON,
    views=[
        View(T("Where does every head look?", "每个头看哪里？"), mosaic_figure, uses=HEAD, topics=("worth",)),
        View(T("What does one head look at?", "一个头看什么？"), head_figure, uses=HEAD),
        View(T("How is a weight made?", "权重如何算出？"), unfolded_figure, uses=HEAD),
        View(T("What is a head worth?", "一个头值多少？"), ablation_figure, uses=TEXT, topics=("worth",)),
        View(T("At which layer is it settled?", "到哪一层有了定论？"), lens_figure, uses=TEXT),
        View(T("Which token comes next?", "下一个词元是什么？"), sampling_figure, uses=DRAW, topics=("worth",)),
        View(T("Which kinds of head are there?", "注意力头有哪些类型？"), kinds_figure, uses=("model", "layer", "head"), more=True),
        View(T("How far do heads look, and how evenly?", "各头看多远、多均匀？"), spread_figure, uses=HEAD, more=True),
    ],
    presets=[
        Preset(T("A word it never saw", "从未见过的词"), {}, view=0),
        Preset(T("Without its induction heads", "没有归纳头"), {"ablate": "4.2, 4.3, 5.3, 5.4"}, view=3),
        Preset(T("How deep is the next line?", "下一行缩进多深？"), {"text": DEPTH, "layer": 6, "head": 4}, view=1),
        Preset(T("A prefix read both ways", "前缀双向可见"), {"mask": "prefix", "prefix": 12, "layer": 1, "head": 2}, view=1),
        Preset(T("Warmer, and cut to nine tenths", "升温并截到九成"), {"temperature": 1.6, "top_p": 0.9}, view=5),
    ],
    sources=[reference, opened, kinds.measure, ablation.each_alone, lens.through, Rule],
    sample=sample,
    fit=lambda r: r.model,
)
