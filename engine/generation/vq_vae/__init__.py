"""VQ-VAE: a picture as a page of integers, what each of them paints, and how such codes are learned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from numpy import ndarray

from engine.core import Field, Params, Partial, experiment
from engine.data import pictures

if TYPE_CHECKING:
    from engine.core.experiments import Cost
    from engine.generation.vq_vae.coded import Atoms, Cell, Projection
    from engine.generation.vq_vae.compare import Compared
    from engine.generation.vq_vae.live import Trained
    from engine.generation.vq_vae.lloyd_max import Scalar
    from engine.generation.vq_vae.number import Passed
    from engine.generation.vq_vae.other_pages import OtherPages
    from engine.generation.vq_vae.rates import Rates

LARGEST_SIDE = pictures.SIDE
CORRECTIONS = 1  # of a page, where nothing else is asked for
LEARNED = ("gradient", "ema", "rotation", "rvq")
NEAREST = ("gradient", "ema", "rotation", "gumbel")  # those that give each vector to the nearest code
CODED, TRAINING = {"task": ["picture", "rate", "pages"]}, {"task": ["train", "compare"]}
IMAGES = {name: pictures.PHOTOGRAPHS[name] for name in (*pictures.HELD_OUT, "astronaut", "coffee", "flower")}
SCENE_IMAGES = {"scene 1": ("scene 1", "场景 1"), "scene 2": ("scene 2", "场景 2")}


class VqVae(Params):
    """A picture coded by an embedded VQ-VAE, one integer changed; or a small quantiser trained while one watches."""

    task: Literal["picture", "rate", "pages", "train", "compare", "number"] = Field(
        "picture", title="What is looked at", zh="观察什么",
        labels={"picture": ("a picture as integers", "图片变成整数"), "rate": ("what a bit buys", "一个比特换来什么"),
                "pages": ("other pages", "其他整数页"), "train": ("train a codebook", "训练码本"),
                "compare": ("quantisers compared", "比较各种量化器"), "number": ("one number", "一个数")},
    )  # fmt: skip
    image: str = Field("chelsea", max_length=pictures.TEXT, title="Picture", zh="图片", control="picture",
                       labels=IMAGES | SCENE_IMAGES, when=CODED)  # fmt: skip
    side: int = Field(256, ge=64, le=LARGEST_SIDE, step=16, title="Longer side", zh="长边", unit=("px", "像素"),
                      when=CODED, help=("What is larger is reduced to it; for other pages to 128 pixels.",
                            "更大的会缩小到此尺寸；“其他整数页”最多 128 像素。"))  # fmt: skip
    factor: Literal[4, 8] = Field(8, title="Pixels to a cell's side", zh="每格边长像素数", when=CODED)
    codebook: Literal[64, 128, 256, 512, 1024] = Field(256, title="Codes K", zh="码字数 K", when=CODED)
    corrections: int = Field(CORRECTIONS, ge=0, le=4, title="Corrections", zh="修正次数", when=CODED,
                             help=("Each moves the cells' vectors down the gradient of this picture's error.",
                                   "每次让编码向量沿此图误差的梯度下降一步。"))  # fmt: skip
    edit_row: int = Field(10, ge=0, le=159, title="Cell: row", zh="格子：行", when={"task": ["picture"]})
    edit_column: int = Field(16, ge=0, le=159, title="Cell: column", zh="格子：列", when={"task": ["picture"]})
    edit_code: int = Field(-1, ge=-1, le=1023, title="Its integer", zh="改成整数", when={"task": ["picture"]},
                           help=("−1 leaves it as it was coded. Click a cell of the page, then an atom.",
                                 "−1 表示保留编码结果。先点整数页中的一格，再点一个原子。"))  # fmt: skip
    other: Literal["china", "chelsea", "astronaut", "coffee", "flower"] = Field(
        "astronaut", title="Mixed with", zh="与之混合", labels=IMAGES, when={"task": ["pages"]}
    )
    temperature: float = Field(0.9, ge=0, le=1.5, step=0.05, title="Temperature of the prior", zh="先验的温度",
                               when={"task": ["pages"]})  # fmt: skip
    world: Literal["plane", "digits", "normal", "uniform"] = Field(
        "plane", title="Data", zh="数据", when=TRAINING,
        labels={"plane": ("points of a plane", "平面上的点"), "digits": ("handwritten digits", "手写数字"),
                "normal": ("the normal law", "正态分布"), "uniform": ("the uniform law", "均匀分布")},
    )  # fmt: skip
    method: Literal["gradient", "ema", "rotation", "gumbel", "fsq", "rvq"] = Field(
        "gradient", title="Quantiser", zh="量化器", when={"task": ["train"]},
        labels={"gradient": ("VQ, by gradient", "VQ（梯度）"), "ema": ("VQ, by averages (EMA)", "VQ（滑动平均 EMA）"),
                "rotation": ("VQ, rotation trick", "VQ（旋转技巧）"), "gumbel": ("Gumbel-softmax", "Gumbel-softmax"),
                "fsq": ("FSQ", "FSQ"), "rvq": ("residual (RVQ)", "残差量化（RVQ）")},
    )  # fmt: skip
    codes: int = Field(16, ge=2, le=64, title="Codes K", zh="码字数 K", when=TRAINING)
    start: Literal["origin", "data", "k-means"] = Field(
        "origin", title="Codes start", zh="码字的起点", when={"task": ["train"], "method": [*LEARNED, "gumbel"]},
        labels={"origin": ("near the origin", "原点附近"), "data": ("on data", "数据上"),
                "k-means": ("by k-means", "k 均值")},
    )  # fmt: skip
    restarts: bool = Field(False, title="Dead codes are drawn anew", zh="重启死码字",
                           when={"task": ["train"], "method": [*LEARNED]})  # fmt: skip
    beta: float = Field(0.25, ge=0, le=4, step=0.05, title="Commitment β", zh="承诺系数 β",
                        when={"task": ["train"], "method": [*LEARNED], "world": ["plane", "digits"]})  # fmt: skip
    decay: float = Field(0.95, ge=0.5, le=0.999, step=0.001, title="Decay of the averages γ", zh="滑动平均衰减 γ",
                         when={"task": ["train"], "method": ["ema", "rvq"]})  # fmt: skip
    steps: int = Field(500, ge=50, le=4000, title="Steps", zh="步数", scale="log", when=TRAINING)
    value: float = Field(0.3, ge=-2, le=2, step=0.01, title="The number z", zh="数 z", when={"task": ["number"]})
    target: float = Field(1.2, ge=-2, le=2, step=0.01, title="What the decoder should give", zh="解码器的目标",
                          when={"task": ["number"]})  # fmt: skip
    seed: int = Field(0, ge=0, le=2**31 - 1, title="Seed", zh="随机种子", control="seed",
                      when={"task": ["pages", "train", "compare"]})  # fmt: skip


@dataclass(frozen=True)
class VqVaed:
    """What was asked for; what was not is None, NaN or empty. K codes, h × w cells, f pixels to a cell's side.

    codes: (h, w) the page of integers as it is painted; of a training, (n,) those of the samples shown.
    usage: (K,) how often each code is used. perplexity: exp(H) of that. distortion: mean square of what a number of a
    vector loses by being quantised. psnr (dB), ssim: of the reconstruction. bits_per_pixel: log₂ K for
    each cell.
    corrected: (corrections + 1,) psnr of the encoder's own page and after each correction; the best of them is kept.
    image, reconstruction: (H, W, 3) uint8, the second with the change that was made; error: (H, W) the mean of its
    three absolute differences. flat, flat_psnr: each cell in one of K colours fitted to this picture, as many bits.
    cell: the changed cell. atoms: the codebook. projection: vectors and codes in two dimensions. held_out: what
    `meta.json` says of this factor and codebook on photographs never trained on. best: of a law the best codes there
    are; reached: what the trained ones are on it, exactly, where each number is given to the nearest of them.
    """

    task: str
    codes: ndarray | None = None
    usage: ndarray | None = None
    perplexity: float = float("nan")
    distortion: float = float("nan")
    psnr: float = float("nan")
    ssim: float = float("nan")
    bits_per_pixel: float = float("nan")
    corrected: ndarray | None = None
    factor: int = 0
    codebook: int = 0
    image: ndarray | None = None
    reconstruction: ndarray | None = None
    error: ndarray | None = None
    flat: ndarray | None = None
    flat_psnr: float = float("nan")
    cell: Cell | None = None
    atoms: Atoms | None = None
    projection: Projection | None = None
    held_out: dict[str, float] | None = None
    rates: Rates | None = None
    pages: OtherPages | None = None
    training: Trained | None = None
    best: Scalar | None = None
    reached: Scalar | None = None
    compared: Compared | None = None
    number: Passed | None = None
    dtype: str = "float32"
    backend: str = "torch"


def cost(params: VqVae) -> Cost:
    """One number is instant, and so is a picture whose page is at hand: a changed integer is painted alone."""
    match params.task:
        case "number":
            return "instant"
        case "picture":
            from engine.generation.vq_vae import store

            return "instant" if store.key(params) in store.AT_HAND else "seconds"
        case "rate":  # ten pages, each painted once more for a correction
            return "minutes" if (params.side / 256) ** 2 * (1 + params.corrections) > 16 else "seconds"
        case "compare":  # eighteen trainings
            return "minutes" if params.steps > 600 else "seconds"
    return "seconds"


def warm_up() -> None:
    """Load the models, code the default picture and change an integer of large ones: a first change is at once."""
    import torch

    from engine.generation.vq_vae import coded, coding, models

    models.warm_up()
    coded.looked_at(VqVae())
    for factor in models.FACTORS:
        large = torch.zeros(64, 64, dtype=torch.int64)
        coding.repaint(models.autoencoder(factor), large, 256, 0, 0)


def forget() -> None:
    """Drop the pages at hand."""
    from engine.generation.vq_vae import store

    store.AT_HAND.clear()


@experiment("vq-vae", cost=cost, warm_up=warm_up, forget=forget)
def vq_vae(params: VqVae) -> Iterator[Partial[VqVaed]]:
    """The picture's page and what it paints; or a training as it goes."""
    match params.task:
        case "number":
            from engine.generation.vq_vae import number

            found = number.passed(params.value, params.target)
            yield Partial(VqVaed("number", number=found, dtype="float64"), 1.0)
        case "train":
            yield from _training(params)
        case "compare":
            from engine.generation.vq_vae import compare

            for found, fraction in compare.compare(params.world, params.codes, params.steps, params.seed):
                yield Partial(VqVaed("compare", compared=found), fraction)
        case "rate":
            from engine.generation.vq_vae import coded

            for made, fraction in coded.rates(params):
                yield Partial(made, fraction)
        case "pages":
            from engine.generation.vq_vae import coded

            yield Partial(coded.other_pages(params), 1.0)
        case _:
            from engine.generation.vq_vae import coded

            yield Partial(coded.looked_at(params), 1.0)


def _training(params: VqVae) -> Iterator[Partial[VqVaed]]:
    from engine.generation.vq_vae import live, lloyd_max
    from engine.generation.vq_vae.quantisers import Choice

    choice = Choice(params.codes, params.beta, params.decay, params.start, params.restarts)
    law = lloyd_max.LAWS.get(params.world)
    best = law(params.codes) if law else None
    exactly = law is not None and params.method in NEAREST
    for found, fraction in live.train(params.world, params.method, choice, params.steps, params.seed):
        yield Partial(
            VqVaed("train", codes=found.index[-1], usage=found.usage, perplexity=found.perplexity,
                   distortion=found.distortion, codebook=params.codes, training=found, best=best,
                   reached=lloyd_max.of(params.world, found.codes[-1, :, 0]) if exactly else None),
            fraction,
        )  # fmt: skip
