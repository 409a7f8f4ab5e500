"""Speculative decoding on a page: which guesses survive, whether it pays, and why nothing is lost."""

from __future__ import annotations

from engine.language.speculative_decoding import (
    Speculated,
    decoding,
    enumeration,
    formulas,
    reference,
    speculative_decoding,
)
from pages.language.speculative_decoding_pace import (
    costs_figure,
    gamma_figure,
    race_figure,
    rates_figure,
    sources_figure,
)
from pages.language.speculative_decoding_toy import lengths_figure, lossless_figure
from pages.language.speculative_decoding_trace import trace_figure
from pages.shell import Lab, Preset, T, View, grouped

MODELS, TOY = {"task": ["models"]}, {"task": ["toy"]}
ROWS = """\
COLORS = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "white": (255, 255, 255),
    "black": (0, 0, 0),
"""


def sample(r: Speculated) -> T:
    """How much was written, or simulated."""
    if r.toy is not None:
        return T(f"{grouped(r.toy.tokens)} tokens simulated", f"模拟 {grouped(r.toy.tokens)} 个词元")
    return T(f"{len(r.tokens)} tokens, {r.target_calls} passes", f"{len(r.tokens)} 个词元，{r.target_calls} 次运算")


def pair(r: Speculated) -> T:
    """Which models ran."""
    if r.models is None:
        return T(f"Σ min(p, q) = {r.toy.alpha:.3f}", f"Σ min(p, q) = {r.toy.alpha:.3f}") if r.toy else T("", "")
    m = r.models
    sizes = f"{m.target_parameters / 1e6:.2f} M", f"{m.draft_parameters / 1e6:.2f} M"
    return T(f"target {sizes[0]}, draft {sizes[1]}", f"目标 {sizes[0]}，草稿 {sizes[1]}")


LAB = Lab(
    experiment=speculative_decoding,
    title=T("Speculative decoding", "推测解码"),
    claim=T("A small model guesses ahead, the large one checks all guesses in one pass; what comes out has exactly the large one's law.",
            "小模型抢先猜测，大模型一次检查所有猜测；输出的分布与大模型自己写的完全一样。"),
    order=2,
    views=[
        View(T("Which guesses survive?", "哪些猜测留下？"), trace_figure, when=MODELS),
        View(T("Who is first?", "谁更快？"), race_figure, when=MODELS),
        View(T("When is the draft right?", "草稿何时猜对？"), rates_figure, when=MODELS),
        View(T("How many at a time?", "一次猜几个？"), gamma_figure, when=MODELS),
        View(T("Where does the time go?", "时间花在哪里？"), costs_figure, when=MODELS),
        View(T("Who should guess?", "该由谁来猜？"), sources_figure, when=MODELS),
        View(T("Why is nothing lost?", "为何毫无损失？"), lossless_figure, kind="exact", when=TOY),
        View(T("What is a pair worth?", "一对分布值多少？"), lengths_figure, kind="exact", when=TOY),
    ],
    presets=[
        Preset(T("A draft a sixth the size", "六分之一大小的草稿"), {}, view=0),
        Preset(T("Greedy, and it repeats itself", "贪心，不断重复"), {"temperature": 0.0, "gamma": 8}, view=1),
        Preset(T("The text guesses itself", "文本自己猜自己"), {"drafting": "lookup", "prompt": ROWS, "temperature": 0.5, "gamma": 6}, view=0),
        Preset(T("Look it up, else ask the small model", "先查找，找不到再问小模型"), {"drafting": "both", "gamma": 2}, view=5),
        Preset(T("An early exit that does not pay", "不划算的提前退出"), {"drafting": "exit"}, view=4),
        Preset(T("Too many at a time", "一次猜得太多"), {"gamma": 12, "temperature": 1.2}, view=3),
        Preset(T("Cut to the likeliest eight", "只留最可能的八个"), {"top_k": 8, "top_p": 0.9, "temperature": 1.0}, view=2),
        Preset(T("A pair to drag", "可拖动的一对分布"), {"task": "toy"}, view=6),
    ],
    sources=[decoding.decode, reference, formulas, enumeration],
    sample=sample,
    fit=pair,
    findings=lambda r: [T(*r.finding)],
)  # fmt: skip
