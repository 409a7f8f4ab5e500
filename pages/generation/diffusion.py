"""Diffusion on a page: what guidance does to the way from noise to a sample, in a plane and for pictures."""

from __future__ import annotations

from engine.generation.diffusion import PLANES, Diffused, diffusion, samplers, schedules
from pages.generation.diffusion_measures import (
    law_figure,
    learnt_figure,
    push_figure,
    scales_figure,
    solvers_figure,
    trade_figure,
)
from pages.generation.diffusion_ways import branch_figure, step_figure, ways_figure
from pages.shell import Lab, Preset, T, View, grouped

PLANE = {"world": PLANES}
SOURCE = ("world", "drawing", "score")
BENT = ("guidance", "label", "against", "guide_from", "guide_to")
SAMPLED = (*SOURCE, "sampler", "eta", "schedule", "steps", "points", "count", "task", "measured", "seed")


def sample(r: Diffused) -> T:
    """How much was drawn, and in how many calls."""
    calls = r.paths[r.guidance].calls
    return T(f"{grouped(len(r.samples))} samples, {calls} calls", f"{grouped(len(r.samples))} 个样本，{calls} 次调用")


def findings(r: Diffused) -> list[T]:
    return [T(*text) for text in (*r.notices, r.finding) if text[0]]


LAB = Lab(
    experiment=diffusion,
    title=T("Diffusion and guidance", "扩散与引导"),
    claim=T("A sample is noise undone step by step. Guidance bends every step towards a class, and what it gains in likeness it pays for in variety.",
            "样本就是逐步去除的噪声。引导使每一步偏向所要的类别：得到的是相像，付出的是多样。"),
    order=1,
    views=[
        View(T("What does guidance change?", "引导改变了什么？"), ways_figure),
        View(T("What happens at each step?", "每一步发生了什么？"), step_figure),
        View(T("How hard does it push?", "它推得多用力？"), push_figure),
        View(T("How strong?", "该多强？"), scales_figure, uses=(*SAMPLED, *BENT)),
        View(T("What is gained, what is lost?", "得失如何？"), trade_figure, uses=(*SAMPLED, *BENT)),
        View(T("Which law is drawn?", "采的是哪个分布？"), law_figure, when=PLANE),
        View(T("How many steps?", "需要多少步？"), solvers_figure, when=PLANE, uses=(*SOURCE, *BENT, "scale", "schedule", "seed")),
        View(T("A change of mind?", "中途改变主意？"), branch_figure, when={"branch": [True]}),
        View(T("What was learnt?", "学到了什么？"), learnt_figure, when={**PLANE, "score": ["network"]}),
    ],
    presets=[
        Preset(T("Three classes", "三个类别"), {}, view=0),
        Preset(T("Far too strong", "过强"), {"scale": 10.0, "label": 0}, view=5),
        Preset(T("Only midway", "只在中途"), {"scale": 4.0, "guide_from": 0.3, "guide_to": 0.7}, view=2),
        Preset(T("Away from a class", "远离一类"), {"label": 0, "against": 1, "scale": 3.0}, view=1),
        Preset(T("Learnt in seconds", "几秒学成"), {"world": "moons", "score": "network"}, view=8),
        Preset(T("Draw your own", "自己画"), {"world": "drawn"}, view=0),
        Preset(T("Euler or Heun", "欧拉法或 Heun 法"), {"world": "spirals", "sampler": "heun", "schedule": "edm", "steps": 10}, view=6),
        Preset(T("A change of mind", "改变主意"), {"label": 0, "branch": True, "switch_to": 2, "sampler": "ddpm", "steps": 40}, view=7),
        Preset(T("Six shapes", "六种形状"), {"world": "scenes", "schedule": "cosine"}, view=0),
        Preset(T("Digits", "手写数字"), {"world": "digits", "label": 3}, view=3),
        Preset(T("Digits: the trade-off", "数字的权衡"), {"world": "digits", "task": "trade-off"}, view=4),
        Preset(T("Shapes: the trade-off", "形状的权衡"), {"world": "scenes", "schedule": "cosine", "task": "trade-off", "measured": 48}, view=4),
    ],
    sources=[samplers, schedules, "engine.generation.diffusion.guidance", "engine.generation.diffusion.plane",
             "engine.generation.diffusion.network"],
    sample=sample,
    findings=findings,
)  # fmt: skip
