"""Position encodings: the whole family side by side, rotation in depth, and what each does to a model's loss.

The operator is `engine.attention.position_encoding.operator.rotate_both`; torch is imported only where it is used.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.attention.position_encoding import decay as decays
from engine.attention.position_encoding import family, findings, frequencies, linear, losses, pictures, rotation
from engine.attention.position_encoding.decay import Decay
from engine.attention.position_encoding.family import Given, Places
from engine.attention.position_encoding.frequencies import Stretch
from engine.attention.position_encoding.linear import LinearRotary
from engine.attention.position_encoding.losses import Losses
from engine.attention.position_encoding.pictures import Chosen
from engine.attention.position_encoding.rotation import Composition, Turning
from engine.core import Field, Params, Partial, experiment

RELATIVE = 1e-9  # of the largest score: what rounding may leave
TILE = 24  # positions to a side where all encodings are drawn side by side
FRAMES = 48
HEADS = 8
LIVE_LENGTH = {"target": 2048, "models": 512}
QUICK_TEXTS = 16
MEASURED = {"task": ["target", "models"]}


class PositionEncoding(Params):
    """Eleven ways of telling attention where a token stands, as formulas and in trained models."""

    task: Literal["encodings", "target", "models"] = Field(
        "encodings", title="Task", zh="任务",
        labels={
            "encodings": ("the formulas", "公式"), "target": ("measure the embedded model", "实测内置模型"),
            "models": ("measure the small models", "实测小模型"),
        },
        help=("The formulas come with losses recorded earlier.", "公式任务附带先前录制的损失。"),
    )  # fmt: skip
    encoding: Literal[
        "none", "learned", "sinusoidal", "recurrent", "complex", "shaw", "xlnet", "t5", "deberta", "alibi", "rotary"
    ] = Field(
        "rotary", title="Encoding", zh="编码", labels={one.name: one.title for one in family.FAMILY}
    )  # fmt: skip
    dimension: Literal[8, 16, 32, 64, 128] = Field(64, title="Head dimension d", zh="头维度 d")
    base: float = Field(10_000.0, ge=2, le=10_000_000, title="Base", zh="底数", scale="log")
    scaling: Literal["none", "linear", "ntk", "yarn"] = Field(
        "none", title="Scaling of rotary rates", zh="旋转速率的缩放",
        labels=dict(zip(frequencies.SCALINGS, frequencies.TITLES, strict=True)),
    )  # fmt: skip
    factor: float = Field(4.0, ge=1, le=32, step=0.5, title="Longer by the factor s", zh="延长倍数 s")
    context: int = Field(512, ge=16, le=4096, title="Training length L", zh="训练长度 L", scale="log")
    offset: int = Field(
        100, ge=0, le=1024, title="Move all positions by", zh="所有位置平移",
        help=("Moves queries and keys alike.", "查询与键一同平移。"),
    )  # fmt: skip
    distance: int = Field(3, ge=0, le=64, title="Distance m − n", zh="距离 m − n")
    length: int = Field(32, ge=8, le=48, title="Positions drawn", zh="绘出的位置数")
    content: Literal["drawn", "same"] = Field(
        "drawn", title="Query and key", zh="查询与键",
        labels={"drawn": ("two random vectors", "两个随机向量"), "same": ("the same vector", "同一个向量")},
    )  # fmt: skip
    reach: int = Field(
        8, ge=1, le=64, title="Distances clipped at K", zh="距离截断 K", when={"encoding": ["shaw", "deberta"]}
    )
    buckets: Literal[8, 16, 32, 64] = Field(32, title="Buckets", zh="桶数", when={"encoding": ["t5"]})
    furthest: int = Field(128, ge=32, le=1024, title="Last bucket from", zh="末桶起点", when={"encoding": ["t5"]})
    head: int = Field(4, ge=1, le=HEADS, title="Head h of 8", zh="第 h 个头（共 8 个）", when={"encoding": ["alibi"]})
    windows: int = Field(
        4, ge=1, le=96, title="Texts to read", zh="阅读的文本数", when=MEASURED,
        help=("Held-out files; more texts, less noise.", "取自留出的文件；文本越多，噪声越小。"),
    )  # fmt: skip
    shift: int = Field(
        0, ge=0, le=1024, title="Texts begin at position", zh="文本起始位置", when=MEASURED,
        help=("What a model has learned of positions ends with its training length.", "模型学到的位置止于训练长度。"),
    )  # fmt: skip
    seed: int = Field(0, ge=0, le=2**31 - 1, title="Seed", zh="随机种子", control="seed")


@dataclass(frozen=True)
class PositionEncoded:
    """What each encoding makes of a score, rotation in depth, and the losses of models.

    e = 11 encodings, N positions, d numbers to a head.
    names, titles: the encodings. scores: (e, t, t) of one query and key at each pair of the first t positions, NaN
    where there is no position. departure: (e,) how far scores are from depending on m − n alone, over the largest;
    relative_only: (e,) whether that is rounding. theory: (e,) whether the formula says so.
    chosen: the encoding that is asked for, in detail. turning, composition, decay, stretch, linear: rotation.
    loss_by_position: of the embedded model under each scaling and of the small models, recorded or measured now.
    finding: what it comes to, in a sentence.
    """

    names: tuple[str, ...]
    titles: tuple[tuple[str, str], ...]
    scores: np.ndarray
    departure: np.ndarray
    relative_only: np.ndarray
    theory: np.ndarray
    offset: int
    chosen: Chosen
    turning: Turning
    composition: Composition
    decay: Decay
    stretch: Stretch
    linear: LinearRotary
    loss_by_position: Losses
    scaling: str
    base: float
    finding: tuple[str, str]
    backend: str = "numpy"
    dtype: str = "float64"


def cost(params: PositionEncoding) -> Literal["instant", "seconds", "minutes"]:
    """Formulas are instant; reading texts takes seconds, and minutes where they are many."""
    if params.task == "encodings":
        return "instant"
    return "seconds" if params.windows <= QUICK_TEXTS else "minutes"


@experiment("position-encoding", cost=cost)
def position_encoding(params: PositionEncoding) -> Iterator[Partial[PositionEncoded]]:
    """The formulas at once; the losses of real models, when asked for, as they are measured."""
    result = picture(params)
    if params.task == "encodings":
        yield Partial(result, 1.0)
        return
    from engine.attention.position_encoding import live

    now, length = result.loss_by_position, LIVE_LENGTH[params.task]
    if params.task == "target":
        steps = live.target(now, params.windows, length, params.factor, params.base, params.shift)
    else:
        steps = live.small(now, params.windows, length, params.shift)
    for found, share in steps:
        finding = findings.losses(found, params.task) if share == 1 else result.finding
        yield Partial(
            dataclasses.replace(result, loss_by_position=found, finding=finding, backend="torch", dtype="float32"),
            share,
        )


def given(params: PositionEncoding) -> Given:
    """The query, the key and all that encodings are built from."""
    d = params.dimension
    rates = frequencies.scaled(d, params.base, params.scaling, params.factor, params.context)
    rng = np.random.Generator(np.random.SFC64(params.seed))
    q, k = rng.standard_normal((2, d))
    return Given(
        q=q, k=q.copy() if params.content == "same" else k, rates=rates,
        temperature=frequencies.temperature(params.scaling, params.factor), context=params.context, reach=params.reach,
        buckets=params.buckets, furthest=params.furthest, slope=float(family.slopes(HEADS)[params.head - 1]),
        seed=params.seed,
    )  # fmt: skip


def picture(params: PositionEncoding) -> PositionEncoded:
    """Everything that is computed at once."""
    with_all = given(params)
    own = frequencies.rates(params.dimension, params.base)
    at = np.arange(TILE)
    near, far = Places(at, at), Places(at + params.offset, at + params.offset)
    scores = np.stack([one.score(with_all, near) for one in family.FAMILY])
    moved = [one.score(with_all, far) for one in family.FAMILY]
    departure = np.array([family.departure(a, b) for a, b in zip(scores, moved, strict=True)])
    encoding = family.FAMILY[family.NAMES.index(params.encoding)]
    m, n = params.offset, params.offset + params.distance
    small = frequencies.scaled(linear.WIDTH, params.base, params.scaling, params.factor, params.context)
    return PositionEncoded(
        names=family.NAMES, titles=tuple(one.title for one in family.FAMILY), scores=scores, departure=departure,
        relative_only=departure < RELATIVE, theory=np.array([one.relative for one in family.FAMILY]),
        offset=params.offset, chosen=pictures.choose(encoding, with_all, params.length, params.offset, params.distance),
        turning=rotation.turning(with_all.q, with_all.k, with_all.rates, params.distance, params.offset, FRAMES),
        composition=rotation.composition(with_all.q, with_all.k, with_all.rates, m, n),
        decay=decays.decay(with_all.q, with_all.k, with_all.rates, own, with_all.temperature),
        stretch=frequencies.stretch(params.dimension, params.base, params.factor, params.context),
        linear=linear.linear_rotary(with_all, small, params.offset), loss_by_position=losses.recorded(),
        scaling=params.scaling, base=params.base,
        finding=findings.measured(encoding, float(departure[family.NAMES.index(params.encoding)]), params.offset,
                                  params.context),
    )  # fmt: skip
