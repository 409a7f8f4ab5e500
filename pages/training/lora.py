"""LoRA on a page: what a rank buys, what was learned, and what it costs."""

from __future__ import annotations

from engine.core import recordings
from engine.training.lora import Adapted, lora, memory, settings
from pages.shell import Lab, Preset, T, View
from pages.training.lora_costs import memory_figure, merging_figure, peaks_figure
from pages.training.lora_quality import forgetting_figure, losses_figure, matrices_figure, quality_figure
from pages.training.lora_updates import amplification_figure, similarity_figure, spectrum_figure

TRAINED, NETWORKS, MEMORY = (
    {"task": list(tasks)} for tasks in (("linear", "digits", "language"), ("digits", "language"), ("memory",))
)
GPU = "nvidia-h200"


def findings(r: Adapted) -> list[T]:
    """What the run comes to, and whether a GPU's figures are at hand."""
    said = [T(*sentence) for sentence in r.findings]
    if r.task == "language" and r.device == "cpu" and not recordings.on_device(LAB.slug, GPU):
        said.append(T("There is no recording from an NVIDIA H200 yet.", "尚无 NVIDIA H200 上的录制结果。"))
    return said


def sample(r: Adapted) -> T:
    """How many runs were trained."""
    if r.task == "memory":
        done = 0 if r.peaks is None else len(r.peaks.measured)
        return T(f"{done} training steps measured", f"实测 {done} 个训练步")
    return T(f"{r.runs.size} runs at once, step {r.step}", f"同时训练 {r.runs.size} 次，第 {r.step} 步")


DIGITS = {"task": "digits", "learning_rate": 0.01, "full_share": 0.3, "steps": 300}
LANGUAGE = {
    "task": "language", "ranks": "0,1,4,16,full", "learning_rate": 0.01, "full_share": 0.1, "steps": 60, "seeds": 2,
}  # fmt: skip

LAB = Lab(
    experiment=lora,
    title=T("LoRA", "LoRA 低秩适配"),
    claim=T("Freeze a trained matrix and learn an update of low rank beside it: how much of full fine-tuning does each rank buy, and at what price?",
            "冻结训练好的矩阵，只在旁边学一个低秩更新：每个秩能换来全量微调的多少，代价又是多少？"),
    order=1,
    views=[
        View(T("What does a rank buy?", "一个秩换来什么？"), quality_figure, when=TRAINED),
        View(T("How does it learn?", "怎样学会？"), losses_figure, when=TRAINED),
        View(T("How many directions?", "用了几个方向？"), spectrum_figure, when=TRAINED),
        View(T("Do ranks and seeds agree?", "秩与种子一致吗？"), similarity_figure, when=TRAINED),
        View(T("What is amplified?", "放大了什么？"), amplification_figure, when=TRAINED),
        View(T("Which matrices?", "调整哪些矩阵？"), matrices_figure, when=NETWORKS),
        View(T("What is forgotten?", "忘了什么？"), forgetting_figure, when=NETWORKS),
        View(T("Does merging cost?", "合并后更慢吗？"), merging_figure),
        View(T("What does it cost?", "要多少内存？"), memory_figure, "modelled"),
        View(T("Does the formula hold?", "公式可靠吗？"), peaks_figure, when=MEMORY),
    ],
    presets=[
        Preset(T("The elbow at r*", "拐点在 r*"), {}, view=0),
        Preset(T("A spectrum that fades", "渐弱的谱"), {"true_rank": 40, "decay": 0.8, "steps": 600}, view=2),
        Preset(T("Inputs that are not white", "未白化的输入"), {"condition": 50.0, "decay": 0.9, "steps": 1000}, view=0),
        Preset(T("PiSSA starts elsewhere", "PiSSA 的另一个起点"), {"initialisation": "pissa"}, view=0),
        Preset(T("A rate too high", "学习率过高"), {"learning_rate": 4.0}, view=1),
        Preset(T("Digits, turned", "旋转的数字"), DIGITS, view=0),
        Preset(T("Digits: which matrices?", "数字：哪些矩阵？"), DIGITS | {"sweep": "matrices"}, view=5),
        Preset(T("From Python to C", "从 Python 到 C"), LANGUAGE, view=0),
        Preset(T("What do 7B and 72B need?", "7B 与 72B 要多少？"), {"task": "memory", "ranks": "1,8,64,full", "targets": "all"}, view=8),
    ],
    sources=[
        settings, memory, "engine.training.lora.layers", "engine.training.lora.bank", "engine.training.lora.fit",
        "engine.training.lora.subspaces", "engine.training.lora.peaks",
    ],
    sample=sample,
    findings=findings,
)  # fmt: skip
