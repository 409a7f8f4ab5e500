"""What can be asked of the lab, task by task, and what each costs."""

from __future__ import annotations

from typing import ClassVar, Literal

from engine.core import Field, Params, T, Task
from engine.core.params import Cost
from engine.data import pictures
from engine.generation.picture_codes.models import CORRECTIONS

LEARNED = ("gradient", "ema", "rotation", "rvq")
NEAREST = ("gradient", "ema", "rotation", "gumbel")  # those that give each vector to the nearest code
CODED = ("image", "side", "factor", "codebook", "corrections")
TRAINED = ("world", "codes", "steps", "seed")
IMAGES = {name: pictures.PHOTOGRAPHS[name] for name in (*pictures.HELD_OUT, "astronaut", "coffee", "flower")}
SCENE_IMAGES = {"scene 1": T("scene 1", "场景 1"), "scene 2": T("scene 2", "场景 2")}


def _picture_cost(params: VqVae) -> Cost:
    """Instant where the page is at hand: a changed integer is painted alone."""
    from engine.generation.vq_vae import store

    return "instant" if store.key(params) in store.AT_HAND else "seconds"


def _rate_cost(params: VqVae) -> Cost:
    """Ten pages, each painted once more for a correction."""
    return "minutes" if (params.side / 256) ** 2 * (1 + params.corrections) > 16 else "seconds"


def _compare_cost(params: VqVae) -> Cost:
    """Eighteen trainings."""
    return "minutes" if params.steps > 600 else "seconds"


class VqVae(Params):
    """A picture coded by an embedded VQ-VAE, one integer changed; or a small quantiser trained while one watches."""

    tasks: ClassVar = {
        "picture": Task((*CODED, "edit_row", "edit_column", "edit_code"), _picture_cost),
        "rate": Task(CODED, _rate_cost),
        "pages": Task((*CODED, "other", "temperature", "seed"), "seconds"),
        "train": Task((*TRAINED, "method", "start", "restarts", "beta", "decay"), "seconds"),
        "compare": Task(TRAINED, _compare_cost),
        "number": Task(("value", "target")),
    }

    task: Literal["picture", "rate", "pages", "train", "compare", "number"] = Field(
        "picture",
        title=T("What is looked at", "观察什么"),
        labels={
            "picture": T("a picture as integers", "图片变成整数"),
            "rate": T("what a bit buys", "一个比特换来什么"),
            "pages": T("other pages", "其他整数页"),
            "train": T("train a codebook", "训练码本"),
            "compare": T("quantisers compared", "比较各种量化器"),
            "number": T("one number", "一个数"),
        },
    )
    image: str = Field("chelsea", max_length=pictures.TEXT, title=T("Picture", "图片"), control="picture", labels=IMAGES | SCENE_IMAGES)
    side: int = Field(
        256,
        ge=64,
        le=pictures.SIDE,
        step=16,
        title=T("Longer side", "长边"),
        unit=T("px", "像素"),
        help=T("What is larger is reduced to it; for other pages to 128 pixels.", "更大的会缩小到此尺寸；“其他整数页”最多 128 像素。"),
    )
    factor: Literal[4, 8] = Field(8, title=T("Pixels to a cell's side", "每格边长像素数"))
    codebook: Literal[64, 128, 256, 512, 1024] = Field(256, title=T("Codes K", "码字数 K"))
    corrections: int = Field(
        CORRECTIONS,
        ge=0,
        le=4,
        title=T("Corrections", "修正次数"),
        help=T("Each moves the cells' vectors down the gradient of this picture's error.", "每次让编码向量沿此图误差的梯度下降一步。"),
    )
    edit_row: int = Field(9, ge=0, le=159, title=T("Cell: row", "格子：行"))
    edit_column: int = Field(8, ge=0, le=159, title=T("Cell: column", "格子：列"))
    edit_code: int = Field(
        5,
        ge=-1,
        le=1023,
        title=T("Its integer", "改成整数"),
        help=T(
            "−1 leaves it as it was coded. Click a cell of the page, then an atom.",
            "−1 表示保留编码结果。先点整数页中的一格，再点一个原子。",
        ),
    )
    other: Literal["china", "chelsea", "astronaut", "coffee", "flower"] = Field(
        "astronaut", title=T("Mixed with", "与之混合"), labels=IMAGES
    )
    temperature: float = Field(0.9, ge=0, le=1.5, step=0.05, title=T("Temperature of the prior", "先验的温度"))
    world: Literal["plane", "digits", "normal", "uniform"] = Field(
        "plane",
        title=T("Data", "数据"),
        labels={
            "plane": T("points of a plane", "平面上的点"),
            "digits": T("handwritten digits", "手写数字"),
            "normal": T("the normal law", "正态分布"),
            "uniform": T("the uniform law", "均匀分布"),
        },
    )
    method: Literal["gradient", "ema", "rotation", "gumbel", "fsq", "rvq"] = Field(
        "gradient",
        title=T("Quantiser", "量化器"),
        labels={
            "gradient": T("VQ, by gradient", "VQ（梯度）"),
            "ema": T("VQ, by averages (EMA)", "VQ（滑动平均 EMA）"),
            "rotation": T("VQ, rotation trick", "VQ（旋转技巧）"),
            "gumbel": T("Gumbel-softmax", "Gumbel-softmax"),
            "fsq": T("FSQ", "FSQ"),
            "rvq": T("residual (RVQ)", "残差量化（RVQ）"),
        },
    )
    codes: int = Field(16, ge=2, le=64, title=T("Codes K", "码字数 K"))
    start: Literal["origin", "data", "k-means"] = Field(
        "origin",
        title=T("Codes start", "码字的起点"),
        when={"method": [*LEARNED, "gumbel"]},
        labels={"origin": T("near the origin", "原点附近"), "data": T("on data", "数据上"), "k-means": T("by k-means", "k 均值")},
    )
    restarts: bool = Field(False, title=T("Dead codes are drawn anew", "重启死码字"), when={"method": [*LEARNED]})
    beta: float = Field(
        0.25, ge=0, le=4, step=0.05, title=T("Commitment β", "承诺系数 β"), when={"method": [*LEARNED], "world": ["plane", "digits"]}
    )
    decay: float = Field(
        0.95, ge=0.5, le=0.999, step=0.001, title=T("Decay of the averages γ", "滑动平均衰减 γ"), when={"method": ["ema", "rvq"]}
    )
    steps: int = Field(500, ge=50, le=4000, title=T("Steps", "步数"), scale="log")
    value: float = Field(0.3, ge=-2, le=2, step=0.01, title=T("The number z", "数 z"))
    target: float = Field(1.2, ge=-2, le=2, step=0.01, title=T("What the decoder should give", "解码器的目标"))
    seed: int = Field(0, ge=0, le=2**31 - 1, title=T("Seed", "随机种子"), control="seed")
