"""What can be asked of the diffusion lab, and what a run of it costs."""

from __future__ import annotations

from typing import Literal

from engine.core import Field, Params, T
from engine.core.params import Cost
from engine.generation.diffusion import samplers
from engine.generation.image_models.pictures import WORLDS
from engine.generation.plane_models.names import CLASSES, COLOURS

PLANES = ("gaussian", "lobes", "moons", "spirals", "drawn")
PICTURES = ("scenes", "digits")
ON_PLANE, ON_PICTURES, GUIDING = {"world": PLANES}, {"world": PICTURES}, {"guidance": ["classifier", "classifier-free"]}
MOST_PASSES = 20_000  # of one picture through an image network in a run: about ten minutes of two cores
HEART = (
    "0*32 x4;0*7,1*6,0*6,2*6,0*7 x2;0*5,1*10,0*2,2*10,0*5 x2;0*4,1*12,2*12,0*4 x4;0*5,1*11,2*11,0*5 x3;"
    "0*7,1*9,2*9,0*7 x3;0*9,1*7,2*7,0*9 x3;0*11,1*5,2*5,0*11 x3;0*13,1*3,2*3,0*13 x2;0*15,1,2,0*15 x2;0*32 x4"
)
NAMES = {
    "unconditional": T("no class", "无类别"),
    "conditional": T("class only", "仅类别"),
    "classifier": T("classifier", "分类器引导"),
    "classifier-free": T("classifier-free", "无分类器引导"),
}
Label = Literal[-1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
WORDS = CLASSES | {"drawn": COLOURS} | {name: world.classes for name, world in WORLDS.items()}
CALLED = ("world", {world: dict(enumerate(names)) for world, names in WORDS.items()})


class Diffuse(Params):
    """Samples drawn by undoing noise, under guidance towards a class, from the same noise as without it."""

    world: Literal["gaussian", "lobes", "moons", "spirals", "drawn", "scenes", "digits"] = Field(
        "digits",
        title=T("World", "世界"),
        labels={
            "gaussian": T("plane: one Gaussian", "平面：单个高斯"),
            "lobes": T("plane: three classes of lobes", "平面：三类团块"),
            "moons": T("plane: two moons", "平面：双月"),
            "spirals": T("plane: two spirals", "平面：双螺旋"),
            "drawn": T("plane: your own drawing", "平面：自己画"),
            "scenes": T("pictures: six shapes", "图像：六种形状"),
            "digits": T("pictures: handwritten digits", "图像：手写数字"),
        },
    )
    drawing: str = Field(
        HEART,
        max_length=200_000,
        title=T("Distribution", "分布"),
        control="mask",
        when={"world": ["drawn"]},
        help=T("Each colour is a class; 0 is empty.", "每种颜色为一类；0 为空。"),
    )
    score: Literal["exact", "network"] = Field(
        "exact",
        title=T("Score", "得分函数"),
        when=ON_PLANE,
        labels={"exact": T("exact", "精确"), "network": T("learnt on the spot", "当场学习")},
    )
    guidance: Literal["unconditional", "conditional", "classifier", "classifier-free"] = Field(
        "classifier-free", title=T("Guidance", "引导"), labels=NAMES
    )
    scale: float = Field(
        2.0,
        ge=-4,
        le=20,
        step=0.1,
        title=T("Strength w", "强度 w"),
        when=GUIDING,
        help=T("0 is the class alone; below 0 leads away from it.", "0 即仅类别；负值使其远离该类。"),
    )
    label: Label = Field(-1, title=T("Class", "类别"), labels={-1: T("every class in turn", "各类轮流")}, labels_by=CALLED)
    against: Label = Field(
        -1, title=T("Away from class", "远离类别"), labels={-1: T("none, as usual", "无（通常如此）")}, labels_by=CALLED, when=GUIDING
    )
    guide_from: float = Field(
        0.0,
        ge=0,
        le=1,
        step=0.05,
        title=T("Guided from", "引导始于"),
        below="guide_to",
        when=GUIDING,
        help=T("0 is noise, 1 the sample.", "0 为噪声，1 为样本。"),
    )
    guide_to: float = Field(1.0, ge=0, le=1, step=0.05, title=T("Guided until", "引导止于"), when=GUIDING)
    sampler: Literal["ddpm", "ddim", "euler", "heun", "dpm"] = Field(
        "ddim",
        title=T("Sampler", "采样器"),
        labels={"ddpm": "DDPM", "ddim": "DDIM", "euler": T("Euler", "欧拉法"), "heun": T("Heun", "Heun 法"), "dpm": "DPM-Solver++ (2M)"},
    )
    eta: float = Field(
        0.0,
        ge=0,
        le=1,
        step=0.05,
        title=T("Fresh noise η", "新噪声 η"),
        when={"sampler": ["ddim"]},
        help=T("1 adds as much as DDPM.", "1 与 DDPM 一样多。"),
    )
    schedule: Literal["linear", "cosine", "edm"] = Field(
        "linear", title=T("Schedule", "噪声表"), labels={"linear": T("linear", "线性"), "cosine": T("cosine", "余弦"), "edm": "EDM"}
    )
    steps: int = Field(20, ge=1, le=1000, scale="log", title=T("Steps", "步数"))
    points: int = Field(2000, ge=100, le=20_000, title=T("Points", "点数"), when=ON_PLANE)
    count: int = Field(10, ge=1, le=64, title=T("Pictures", "图像数"), when=ON_PICTURES)
    task: Literal["sample", "trade-off"] = Field(
        "sample",
        title=T("Task", "任务"),
        when=ON_PICTURES,
        labels={"sample": T("draw samples", "采样"), "trade-off": T("measure the trade-off", "测量权衡")},
    )
    measured: int = Field(96, ge=16, le=512, title=T("Pictures measured", "测量的图像数"), when={"world": PICTURES, "task": ["trade-off"]})
    seed: int = Field(0, ge=0, le=2**31 - 1, title=T("Seed", "种子"), control="seed")

    @property
    def on_plane(self) -> bool:
        return self.world in PLANES

    @property
    def passes(self) -> int:
        """How often a picture, or a point, goes through the model in the chosen path, one branch counted."""
        return (self.points if self.on_plane else self.count) * samplers.calls(self.sampler, self.steps)


def cost(params: Diffuse) -> Cost:
    """What a run computes, in rows through a network of pictures, or in points."""
    if params.on_plane:
        return "minutes" if params.passes > 400_000 else "seconds"
    return "minutes" if params.task == "trade-off" or params.passes > 700 else "seconds"
