"""Speculative decoding on a page: which guesses survive, whether it pays, and why nothing is lost."""

from __future__ import annotations

from engine.core import amounts
from engine.language.speculative_decoding import Speculated, decoding, enumeration, formulas, speculative_decoding
from engine.language.verification import reference
from pages.language.speculative_decoding.lesson import LESSON
from pages.language.speculative_decoding.pace import costs_figure, gamma_figure, race_figure, sources_figure
from pages.language.speculative_decoding.toy import lengths_figure, lossless_figure
from pages.language.speculative_decoding.trace import trace_figure
from pages.shell import Lab, Picture, Preset, T, View

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
        return T("{tokens:count} tokens simulated", "模拟 {tokens:count} 个词元", tokens=r.toy.tokens)
    return T(
        "{tokens} tokens, {target_calls} passes",
        "{tokens} 个词元，{target_calls} 次运算",
        tokens=len(r.tokens),
        target_calls=r.target_calls,
    )


def pair(r: Speculated) -> T:
    """Which models ran."""
    if r.models is None:
        return T("Σ min(p, q) = {alpha:number}", "Σ min(p, q) = {alpha:number}", alpha=r.toy.alpha) if r.toy else T("", "")
    sizes = {"target": amounts.quantity(r.models.target_parameters, ""), "draft": amounts.quantity(r.models.draft_parameters, "")}
    return T("target {target}, draft {draft}", "目标 {target}，草稿 {draft}", **sizes)


LAB = Lab(
    experiment=speculative_decoding,
    picture=Picture(view=1),
    needs=("attention-maps",),
    title=T("Speculative decoding", "推测解码"),
    words=T(
        "draft model, speculative sampling, Medusa, multi-token prediction, MTP, acceptance rate, KV cache, LLM inference, latency, speed-up, generation",
        "草稿模型、投机解码、推测采样、接受率、推理加速、大语言模型、多词元预测、延迟",
    ),
    claim=T(
        "A small model guesses ahead, the large one checks all guesses in one pass; what comes out has exactly the large one's law.",
        "小模型抢先猜测，大模型一次检查所有猜测；输出的分布与大模型自己写的完全一样。",
    ),
    order=2,
    lesson=LESSON,
    views=[
        View(T("Which guesses survive?", "哪些猜测留下？"), trace_figure, task="models"),
        View(T("Which way is faster?", "哪种解码更快？"), race_figure, task="models", topics=("pace",)),
        View(T("How many at a time?", "一次猜几个？"), gamma_figure, task="models", topics=("pace",)),
        View(T("Where does the time go?", "时间花在哪里？"), costs_figure, task="models", topics=("pace",)),
        View(T("Who should guess?", "该由谁来猜？"), sources_figure, task="models"),
        View(T("Why is nothing lost?", "为何毫无损失？"), lossless_figure, kind="exact", task="toy"),
        View(T("What is this pair worth?", "这对分布值多少？"), lengths_figure, kind="exact", task="toy", more=True),
    ],
    presets=[
        Preset(T("A draft a sixth the size", "六分之一大小的草稿"), {}, view=0),
        Preset(T("Greedy, and it repeats itself", "贪心，不断重复"), {"temperature": 0.0, "gamma": 8}, view=1),
        Preset(
            T("The text guesses itself", "文本自己猜自己"), {"drafting": "lookup", "prompt": ROWS, "temperature": 0.5, "gamma": 6}, view=0
        ),
        Preset(T("An early exit that does not pay", "不划算的提前退出"), {"drafting": "exit"}, view=3),
        Preset(T("A pair to drag", "可拖动的一对分布"), {"task": "toy"}, view=5),
    ],
    sources=[decoding.decode, reference, formulas, enumeration],
    sample=sample,
    fit=pair,
)
