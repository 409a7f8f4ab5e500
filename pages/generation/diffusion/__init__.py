"""Diffusion on a page: what guidance does to the way from noise to a sample, in a plane and for pictures."""

from __future__ import annotations

from engine.generation.diffusion import PLANES, Diffused, diffusion, samplers, schedules
from pages.generation.diffusion.lesson import LESSON
from pages.generation.diffusion.measures import law_figure, learnt_figure, push_figure, scales_figure, solvers_figure, trade_figure
from pages.generation.diffusion.ways import step_figure, ways_figure
from pages.shell import Lab, Picture, Preset, T, View

PLANE = {"world": PLANES}
LOBES = {"world": "lobes"}
SOURCE = ("world", "drawing", "score")
BENT = ("guidance", "label", "against", "guide_from", "guide_to")
SAMPLED = (*SOURCE, "sampler", "eta", "schedule", "steps", "points", "count", "task", "measured", "seed")


def sample(r: Diffused) -> T:
    """How much was drawn, and in how many calls."""
    return T("{n:count} samples, {calls:count} calls", "{n:count} 个样本，{calls:count} 次调用", n=len(r.labels), calls=r.chosen.calls)


LAB = Lab(
    experiment=diffusion,
    picture=Picture(values={"world": "scenes", "schedule": "cosine"}),
    needs=("random-walk",),
    title=T("Diffusion and guidance", "扩散与引导"),
    claim=T(
        "A sample is noise undone step by step. Guidance bends every step towards a class, and what it gains in likeness it pays for in variety.",
        "样本就是逐步去除的噪声。引导使每一步偏向所要的类别：得到的是相像，付出的是多样。",
    ),
    words=T(
        "DDPM, DDIM, score, CFG, classifier-free guidance, denoising, noise schedule, flow matching, sampler, Euler, Heun, DPM-Solver, ODE, SDE, stable diffusion, image generation",
        "扩散模型、去噪、引导、无分类器引导、噪声调度、采样器、流匹配、图像生成、文生图",
    ),
    order=1,
    views=[
        View(T("What does guidance change?", "引导改变了什么？"), ways_figure, topics=("guidance",)),
        View(T("What happens at each step?", "每一步发生了什么？"), step_figure, topics=("guidance",)),
        View(T("How strong should it be?", "引导该多强？"), scales_figure, uses=(*SAMPLED, *BENT)),
        View(T("What is gained, what is lost?", "得失如何？"), trade_figure, uses=(*SAMPLED, *BENT[1:])),
        View(T("Which law is drawn?", "采的是哪个分布？"), law_figure, when=PLANE, topics=("guidance", "law")),
        View(
            T("How many steps?", "需要多少步？"),
            solvers_figure,
            when=PLANE,
            uses=(*SOURCE, "guidance", "label", "against", "scale", "schedule", "seed"),
            topics=("solvers",),
        ),
        View(T("How hard does it push?", "引导推得多用力？"), push_figure, topics=("guidance",), more=True),
        View(T("What was learnt?", "学到了什么？"), learnt_figure, when={**PLANE, "score": ["network"]}, topics=("guidance",), more=True),
    ],
    presets=[
        Preset(T("Ten digits", "十个数字"), {}, view=0),
        Preset(T("Three classes", "三个类别"), LOBES, view=0),
        Preset(T("Far too strong", "过强"), LOBES | {"scale": 10.0, "label": 0}, view=4),
        Preset(T("Only midway", "只在中途"), LOBES | {"scale": 4.0, "guide_from": 0.3, "guide_to": 0.7}, view=6),
        Preset(T("Learnt in seconds", "几秒学成"), LOBES | {"world": "moons", "score": "network"}, view=7),
        Preset(T("Digits: the trade-off", "数字的权衡"), {"count": 16, "task": "trade-off"}, view=3),
    ],
    sources=[
        samplers,
        schedules,
        "engine.generation.diffusion.guidance",
        "engine.generation.plane_models.mixtures",
        "engine.generation.plane_models.network",
    ],
    sample=sample,
    lesson=LESSON,
)
