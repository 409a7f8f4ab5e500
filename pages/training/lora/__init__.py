"""LoRA on a page: what a rank buys, what was learned, and what it costs."""

from __future__ import annotations

from engine.training import memory
from engine.training.lora import Adapted, lora, settings
from pages.shell import Lab, Preset, T, View
from pages.training.lora.costs import memory_figure, peaks_figure
from pages.training.lora.lesson import LESSON
from pages.training.lora.quality import forgetting_figure, losses_figure, quality_figure
from pages.training.lora.updates import spectrum_figure

TRAINED, NETWORKS = ("linear", "digits", "language"), ("digits", "language")


def sample(r: Adapted) -> T:
    """How many runs were trained."""
    if r.task == "memory":
        return T("{n} training steps measured", "实测 {n} 个训练步", n=0 if r.peaks is None else len(r.peaks.measured))
    return T("{n} runs at once, step {step:count}", "同时训练 {n} 次，第 {step:count} 步", n=r.runs.size, step=r.step)


DIGITS = {"task": "digits", "learning_rate": 0.01, "full_share": 0.3, "steps": 300}
LANGUAGE = {"task": "language", "ranks": "0,1,4,16,full", "learning_rate": 0.01, "full_share": 0.1, "steps": 60, "seeds": 2}

LAB = Lab(
    experiment=lora,
    needs=("gradient",),
    title=T("LoRA", "LoRA 低秩适配"),
    words=T(
        "low rank, adapter, fine-tuning, PEFT, QLoRA, DoRA, rank, SVD, weights, memory, Adam, optimizer states",
        "低秩、适配器、微调、参数高效、秩、奇异值分解、显存、优化器状态",
    ),
    claim=T(
        "Freeze a trained matrix and learn an update of low rank beside it: how much of full fine-tuning does each rank buy, and at what price?",
        "冻结训练好的矩阵，只在旁边学一个低秩更新：每个秩能换来全量微调的多少，代价又是多少？",
    ),
    order=1,
    lesson=LESSON,
    views=[
        View(T("What does a rank buy?", "一个秩换来什么？"), quality_figure, task=TRAINED, topics=("quality",)),
        View(T("How does it learn?", "怎样学会？"), losses_figure, task=TRAINED),
        View(T("How many directions does it use?", "用了几个方向？"), spectrum_figure, task=TRAINED),
        View(T("What is forgotten?", "忘了什么？"), forgetting_figure, task=NETWORKS),
        View(T("How much memory does it take?", "要多少内存？"), memory_figure, "modelled", topics=("memory",)),
        View(T("Does the memory formula hold?", "内存公式可靠吗？"), peaks_figure, task="memory", topics=("peaks",)),
    ],
    presets=[
        Preset(T("The elbow at r*", "拐点在 r*"), {}, view=0),
        Preset(T("Inputs that are not white", "未白化的输入"), {"condition": 50.0, "decay": 0.9, "steps": 1000}, view=0),
        Preset(T("A rate too high", "学习率过高"), {"learning_rate": 4.0}, view=1),
        Preset(T("Digits, turned", "旋转的数字"), DIGITS, view=0),
        Preset(T("From Python to C", "从 Python 到 C"), LANGUAGE, view=0),
        Preset(T("What do 7B and 72B need?", "7B 与 72B 要多少？"), {"task": "memory", "ranks": "1,8,64,full", "targets": "all"}, view=4),
    ],
    sources=[
        settings,
        memory.parts,
        "engine.training.lora.layers",
        "engine.training.lora.bank",
        "engine.training.lora.fit",
        "engine.training.lora.subspaces",
        "engine.training.lora.peaks",
    ],
    sample=sample,
)
