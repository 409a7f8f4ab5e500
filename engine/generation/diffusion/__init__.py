"""Diffusion: from noise to a sample step by step, and how guidance bends the way: in a plane and for pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from numpy import ndarray

from engine.core import Field, Params, Partial, Refused, experiment
from engine.core.experiments import Cost
from engine.generation.diffusion import samplers
from engine.generation.diffusion.results import Branch, Convergence, Path, Sweep
from engine.generation.diffusion.results import Field as PlaneField

PLANES = ("gaussian", "lobes", "moons", "spirals", "drawn")
PICTURES = ("scenes", "digits")
ON_PLANE, ON_PICTURES, GUIDING = {"world": PLANES}, {"world": PICTURES}, {"guidance": ["classifier", "classifier-free"]}
MOST_ROWS = 40_000  # rows through an image network in one run
HEART = (
    "0*32 x4;0*7,1*6,0*6,2*6,0*7 x2;0*5,1*10,0*2,2*10,0*5 x2;0*4,1*12,2*12,0*4 x4;0*5,1*11,2*11,0*5 x3;"
    "0*7,1*9,2*9,0*7 x3;0*9,1*7,2*7,0*9 x3;0*11,1*5,2*5,0*11 x3;0*13,1*3,2*3,0*13 x2;0*15,1,2,0*15 x2;0*32 x4"
)


class Diffuse(Params):
    """Samples drawn by undoing noise, under guidance towards a class, from the same noise as without it."""

    world: Literal["gaussian", "lobes", "moons", "spirals", "drawn", "scenes", "digits"] = Field(
        "lobes", title="World", zh="世界",
        labels={"gaussian": ("plane: one Gaussian", "平面：单个高斯"),
                "lobes": ("plane: three classes of lobes", "平面：三类团块"),
                "moons": ("plane: two moons", "平面：双月"),
                "spirals": ("plane: two spirals", "平面：双螺旋"), "drawn": ("plane: your own drawing", "平面：自己画"),
                "scenes": ("pictures: six shapes", "图像：六种形状"),
                "digits": ("pictures: handwritten digits", "图像：手写数字")},
    )  # fmt: skip
    drawing: str = Field(HEART, max_length=200_000, title="Distribution", zh="分布", control="mask",
                         when={"world": ["drawn"]},
                         help=("Each colour is a class; 0 is empty.", "每种颜色为一类；0 为空。"))  # fmt: skip
    score: Literal["exact", "network"] = Field(
        "exact", title="Score", zh="得分函数", when=ON_PLANE,
        labels={"exact": ("exact", "精确"), "network": ("learnt on the spot", "当场学习")},
    )  # fmt: skip
    guidance: Literal["unconditional", "conditional", "classifier", "classifier-free"] = Field(
        "classifier-free", title="Guidance", zh="引导",
        labels={"unconditional": ("no class", "无类别"), "conditional": ("class only", "仅类别"),
                "classifier": ("classifier", "分类器"), "classifier-free": ("classifier-free", "无分类器")},
    )  # fmt: skip
    scale: float = Field(
        2.0, ge=-4, le=20, step=0.1, title="Strength w", zh="强度 w", when=GUIDING,
        help=("0 is the class alone; below 0 leads away from it.", "0 即仅类别；负值使其远离该类。"),
    )  # fmt: skip
    label: int = Field(
        -1, ge=-1, le=9, title="Class", zh="类别",
        help=("Counted from 0; −1 takes every class in turn.", "从 0 数起；−1 表示各类轮流。"),
    )  # fmt: skip
    against: int = Field(-1, ge=-1, le=9, title="Away from class", zh="远离类别", when=GUIDING,
                         help=("−1: from what has no class, as usual.", "−1：照常，远离无类别的预测。"))  # fmt: skip
    guide_from: float = Field(0.0, ge=0, le=1, step=0.05, title="Guided from", zh="引导始于", below="guide_to",
                              when=GUIDING, help=("0 is noise, 1 the sample.", "0 为噪声，1 为样本。"))  # fmt: skip
    guide_to: float = Field(1.0, ge=0, le=1, step=0.05, title="Guided until", zh="引导止于", when=GUIDING)
    sampler: Literal["ddpm", "ddim", "euler", "heun", "dpm"] = Field(
        "ddim", title="Sampler", zh="采样器",
        labels={"ddpm": ("DDPM", "DDPM"), "ddim": ("DDIM", "DDIM"), "euler": ("Euler", "欧拉法"),
                "heun": ("Heun", "Heun 法"), "dpm": ("DPM-Solver++ (2M)", "DPM-Solver++ (2M)")},
    )  # fmt: skip
    eta: float = Field(0.0, ge=0, le=1, step=0.05, title="Fresh noise η", zh="新噪声 η", when={"sampler": ["ddim"]},
                       help=("1 adds as much as DDPM.", "1 与 DDPM 一样多。"))  # fmt: skip
    schedule: Literal["linear", "cosine", "edm"] = Field(
        "linear", title="Schedule", zh="噪声表",
        labels={"linear": ("linear", "线性"), "cosine": ("cosine", "余弦"), "edm": ("EDM", "EDM")},
    )  # fmt: skip
    steps: int = Field(20, ge=1, le=1000, scale="log", title="Steps", zh="步数")
    points: int = Field(2000, ge=100, le=20_000, title="Points", zh="点数", when=ON_PLANE)
    count: int = Field(16, ge=1, le=64, title="Pictures", zh="图像数", when=ON_PICTURES)
    task: Literal["sample", "trade-off"] = Field(
        "sample", title="Task", zh="任务", when=ON_PICTURES,
        labels={"sample": ("draw samples", "采样"), "trade-off": ("measure the trade-off", "测量权衡")},
    )  # fmt: skip
    measured: int = Field(96, ge=16, le=512, title="Pictures measured", zh="测量的图像数",
                          when={"world": PICTURES, "task": ["trade-off"]})  # fmt: skip
    branch: bool = Field(False, title="Change the class on the way", zh="中途改变类别")
    switch_at: float = Field(0.4, ge=0, le=0.95, step=0.05, title="Changed at", zh="改变于", when={"branch": [True]})
    switch_to: int = Field(1, ge=0, le=9, title="To class", zh="改为类别", when={"branch": [True]})
    seed: int = Field(0, ge=0, le=2**31 - 1, title="Seed", zh="种子", control="seed")


@dataclass(frozen=True)
class Diffused:
    """Samples, the way to them, and what was measured around it. Fields not known yet, or not at all, are None.

    S steps, n samples, f moments, d samples that are kept at each. samples: (n, 2) or (n, C, H, W) of the chosen
    guidance; trajectory: (f, d, …) its x at `moments`; guidance_norm: (S,) its push at every step, root mean square,
    where noise has 1; accuracy: share recognised as their class, by the plane's exact posterior or by an independent
    classifier; frechet: Fréchet distance to real samples, of points or of features. alphas_cumprod: (S + 1,) ᾱ, from
    noise to 1. labels: (n,) wanted classes; classes: their names. paths: one for each guidance that ran, from the
    same noise; quality: for each of them accuracy, diversity, precision, recall, Fréchet distance. guided: the steps,
    from and to, in which guidance acted. field, convergence: of a plane. losses: of the network trained on the spot.
    finding: what it comes to, in English and in Chinese; notices: what else must be said.
    """

    world: str
    sampler: str
    schedule: str
    guidance: str
    scale: float
    samples: ndarray
    trajectory: ndarray
    guidance_norm: ndarray
    alphas_cumprod: ndarray
    moments: ndarray
    labels: ndarray
    classes: tuple[tuple[str, str], ...]
    guided: tuple[int, int]
    paths: dict[str, Path]
    quality: dict[str, tuple[float, float, float, float, float]]
    accuracy: float | None = None
    frechet: float | None = None
    sweep: Sweep | None = None
    branch: Branch | None = None
    field: PlaneField | None = None
    convergence: Convergence | None = None
    losses: tuple[float, ...] = ()
    finding: tuple[str, str] = ("", "")
    notices: tuple[tuple[str, str], ...] = ()
    backend: str = "torch"
    dtype: str = "float64"
    device: str = "cpu"


def cost(params: Diffuse) -> Cost:
    """What a run computes, in rows through a network of pictures, or in points."""
    calls = samplers.calls(params.sampler, params.steps)
    if params.world in PLANES:
        return "minutes" if params.points * calls > 400_000 else "seconds"
    return "minutes" if params.task == "trade-off" or params.count * calls > 700 else "seconds"


def rows(params: Diffuse) -> int:
    """How many rows the image network sees in a run's guided path."""
    return 2 * params.count * samplers.calls(params.sampler, params.steps)


def warm_up() -> None:
    """Import what a first run needs."""
    from engine.generation.diffusion import session  # noqa: F401


@experiment("diffusion", cost=cost, uses_gpu=True, warm_up=warm_up)
def diffusion(params: Diffuse) -> Iterator[Partial[Diffused]]:
    """Draw samples under the chosen guidance, then all around it: the other guidances, the scales, the exact law."""
    if params.world in PICTURES and rows(params) > MOST_ROWS:
        raise Refused(
            f"count × steps must stay below {MOST_ROWS // 2} passes of one picture; got {rows(params) // 2}",
            f"count × steps 不能超过 {MOST_ROWS // 2} 次单图运算；收到 {rows(params) // 2}", "steps",
        )  # fmt: skip
    from engine.generation.diffusion import session
    from engine.language.speculative_decoding import alone

    # A plane's arrays are small: shared out among cores they would mostly wait for one another.
    yield from session.run(params) if params.world in PICTURES else alone.stream(lambda: session.run(params))


__all__ = ["Diffuse", "Diffused", "Refused", "diffusion"]
