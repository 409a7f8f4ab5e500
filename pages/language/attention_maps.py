"""Attention maps on a page: what every head of a real language model looks at, and what it is worth."""

from __future__ import annotations

from engine.language.attention_maps import (
    Attended,
    ablation,
    attention_maps,
    kinds,
    lens,
    opened,
    reference,
    sampling,
)
from pages.language.attention_maps_heads import arcs_figure, head_figure, mosaic_figure, unfolded_figure
from pages.language.attention_maps_measures import (
    ablation_figure,
    kinds_figure,
    memory_figure,
    rollout_figure,
    spread_figure,
)
from pages.language.attention_maps_next import lens_figure, sampling_figure
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
        f"{len(r.tokens)} tokens · {layers} × {heads} heads", f"{len(r.tokens)} 个词元 · {layers} × {heads} 个注意力头"
    )


LAB = Lab(
    experiment=attention_maps,
    title=T("Attention maps", "注意力图"),
    claim=T("Every head of a language model asks its own question of the text; here are all the answers, down to the numbers.",
            "语言模型的每个注意力头都向文本提出自己的问题；所有答案都在这里，直到每一个数。"),
    order=1,
    views=[
        View(T("Where does every head look?", "每个头看哪里？"), mosaic_figure, uses=HEAD),
        View(T("And this one?", "这一个呢？"), head_figure, uses=HEAD),
        View(T("From where to where?", "从何处到何处？"), arcs_figure, uses=HEAD),
        View(T("How is a weight made?", "权重如何算出？"), unfolded_figure, uses=HEAD),
        View(T("What kinds are there?", "有哪些类型？"), kinds_figure, uses=("model", "layer", "head")),
        View(T("How far?", "看多远？"), spread_figure, uses=HEAD),
        View(T("Without some heads?", "关掉一些头？"), ablation_figure, uses=TEXT),
        View(T("When does it know?", "何时知道？"), lens_figure, uses=TEXT),
        View(T("What comes next?", "下一个是什么？"), sampling_figure, uses=DRAW),
        View(T("What feeds what?", "谁汇入谁？"), rollout_figure, uses=HEAD),
        View(T("What is remembered?", "记住多少？"), memory_figure, uses=TEXT),
    ],
    presets=[
        Preset(T("A word it never saw", "从未见过的词"), {}, view=0),
        Preset(T("Without its induction heads", "没有归纳头"), {"ablate": "4.2, 4.3, 5.3, 5.4"}, view=6),
        Preset(T("How deep is the next line?", "下一行缩进多深？"), {"text": DEPTH, "layer": 6, "head": 4}, view=2),
        Preset(T("Eight tokens back, no further", "只看最近八个"), {"mask": "sliding", "window": 8}, view=1),
        Preset(T("A prefix read both ways", "前缀双向可见"), {"mask": "prefix", "prefix": 12, "layer": 1, "head": 2}, view=1),
        Preset(T("Warmer, and cut to nine tenths", "升温并截到九成"), {"temperature": 1.6, "top_p": 0.9}, view=8),
    ],
    sources=[reference, opened, kinds.measure, ablation.each_alone, lens.through, sampling.law],
    sample=sample,
    fit=lambda r: T(*r.model),
    findings=lambda r: [T(*finding) for finding in r.findings],
)  # fmt: skip
