"""Linear attention: the brackets moved, the maps compared, the recurrence watched, and the crossover measured.

The operator is `engine.attention.linear_attention.operator.linear_attention`; torch is imported only where it is used.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.attention.linear_attention import counts, features, maps, recurrence, rotary
from engine.attention.linear_attention.counts import Brackets, Cache, Chunks
from engine.attention.linear_attention.features import Variance
from engine.attention.linear_attention.recurrence import Recurrence
from engine.attention.linear_attention.rotary import Rotary
from engine.core import Field, Params, Partial, devices, experiment

SLOW_WORK = {"cpu": 2e12, "cuda": 3e15}  # FLOPs of the whole sweep beyond which it is a matter of minutes
SMALL = {"task": ["maps"]}
TIMED = {"task": ["timing"]}


class LinearAttention(Params):
    """Attention whose weights are products of features: what that changes in the maps, and what it saves in time."""

    task: Literal["maps", "timing"] = Field(
        "maps", title="Task", zh="任务",
        labels={"maps": ("maps and states", "注意力图与状态"), "timing": ("time it here", "在本机计时")},
        help=("Timing also computes the maps and states.", "计时任务同样会给出注意力图与状态。"),
    )  # fmt: skip
    tokens: int = Field(32, ge=4, le=64, title="Tokens n", zh="词元数 n", when=SMALL)
    width: int = Field(8, ge=2, le=32, title="Numbers to a token d", zh="每个词元的数 d", when=SMALL)
    sharpness: float = Field(1.5, ge=0, le=6, step=0.1, title="Sharpness", zh="锐度", when=SMALL)
    feature_map: Literal["elu", "relu", "exp", "performer", "orthogonal"] = Field(
        "elu", title="Feature map", zh="特征映射", when=SMALL,
        labels=dict(zip(maps.NAMES[1:], maps.TITLES[1:], strict=True)),
        help=("The one in blue; the state's as well.", "图中蓝色的一种，状态也用它。"),
    )  # fmt: skip
    features: int = Field(16, ge=1, le=64, title="Random features m", zh="随机特征数 m", when=SMALL)
    radius: float = Field(0.5, ge=0, le=1.5, step=0.05, title="Length of x and y", zh="x 与 y 的长度", when=SMALL)
    angle: float = Field(
        60.0, ge=0, le=180, step=1, title="Angle between them", zh="两者的夹角", unit=("°", "°"), when=SMALL
    )
    rotary: bool = Field(False, title="Rotary positions", zh="旋转位置编码", when=SMALL)
    base: float = Field(10_000.0, ge=2, le=1_000_000, title="Base of the rotation", zh="旋转的底数", scale="log",
                        when=SMALL)  # fmt: skip
    causal: bool = Field(True, title="Causal", zh="因果")
    decay: float = Field(
        1.0, ge=0.5, le=1, step=0.005, title="Decay γ", zh="衰减 γ",
        help=("Of the causal state, at each token.", "因果状态在每个词元处的衰减。"),
    )  # fmt: skip
    batch: int = Field(1, ge=1, le=64, title="Batch", zh="批大小")
    heads: int = Field(2, ge=1, le=128, title="Heads", zh="头数")
    head_dim: int = Field(64, ge=16, le=256, step=8, title="Head dimension D", zh="头维度 D")
    length: int = Field(4096, ge=64, le=65_536, title="Length N", zh="长度 N")
    dtype: Literal["float32", "bfloat16", "float16"] = Field("float32", title="Number format", zh="数值格式")
    pass_: Literal["forward", "backward"] = Field(
        "forward", title="Pass", zh="方向", when=TIMED,
        labels={"forward": ("forward", "前向"), "backward": ("backward", "反向")},
    )  # fmt: skip
    seed: int = Field(0, ge=0, le=2**31 - 1, title="Seed", zh="随机种子", control="seed")

    @property
    def lengths(self) -> tuple[int, ...]:
        """The points of the sweep, ending at the length that is set."""
        return tuple(sorted({max(16, self.length >> k) for k in range(6)}))


@dataclass(frozen=True)
class LinearAttended:
    """What linear attention computes (always), and what it costs on this machine beside softmax (task "timing").

    n tokens, d numbers to a token, k maps; softmax is the first of them.
    names, map_titles: k names, and what a page calls them. chosen: the place among them of the feature map of the
        recurrence and of rotary positions. topics: (n,) of the example; tokens of one attend to each
        other. values: (n, d). maps: (k, n, n) weights whose rows sum to 1. raw_maps: (k, n, n) before the division.
    outputs: (k, n, d). map_features: (k,) numbers to a token after the map, 0 for softmax. map_error: (k,) relative
        error of the outputs against softmax's; raw_map_error: of those never divided. map_distance: (k,) total
        variation from softmax's map, mean over rows. entropies (k, n), entropy (k,): of the rows, in nats;
        entropy_bound: (n,) the largest possible. singular_values (k, n), rank, effective_rank (k,): of the unmasked
        maps.
    variance: of random features. recurrence: the state, token by token. rotary: the relative encoding.
    brackets, chunks, cache: counts of FLOPs and bytes.

    Timing, None in the other task; c contenders by p lengths, NaN where nothing was measured (yet):
    lengths: (p,). contenders, titles: c names, and what a page calls them. milliseconds, milliseconds_low,
        milliseconds_high: (c, p) median and the span of the middle 60 % of `runs` runs. extra_bytes: (c, p) most
        memory held at one time beyond the inputs. tflops: (c, p) of the mathematics of its own form; share: of
        ceiling_tflops, what a large matrix product reached in the same run. bandwidth: GB/s of a copy. error: (c, p)
        relative error against fp64 of the same form of attention, over 64 rows of the first head.
    best_softmax_milliseconds: (p,). crossover, memory_crossover: the length from which linear attention stays faster,
        smaller, than the best softmax; NaN where that is not found. time_exponents, memory_exponents: (c,).
    chunk_sizes (s,), chunk_length, chunk_milliseconds, chunk_milliseconds_low, chunk_milliseconds_high (s,): the
        chunked form by chunk size (causal only).
    finding: what it comes to, in a sentence. notes: what was left out and why.
    """

    names: tuple[str, ...]
    map_titles: tuple[tuple[str, str], ...]
    chosen: int
    topics: np.ndarray
    values: np.ndarray
    maps: np.ndarray
    raw_maps: np.ndarray
    outputs: np.ndarray
    map_features: np.ndarray
    map_error: np.ndarray
    raw_map_error: np.ndarray
    map_distance: np.ndarray
    entropies: np.ndarray
    entropy: np.ndarray
    entropy_bound: np.ndarray
    singular_values: np.ndarray
    rank: np.ndarray
    effective_rank: np.ndarray
    variance: Variance
    recurrence: Recurrence
    rotary: Rotary
    brackets: Brackets
    chunks: Chunks
    cache: Cache
    lengths: np.ndarray | None = None
    contenders: tuple[str, ...] | None = None
    titles: tuple[tuple[str, str], ...] | None = None
    milliseconds: np.ndarray | None = None
    milliseconds_low: np.ndarray | None = None
    milliseconds_high: np.ndarray | None = None
    runs: np.ndarray | None = None
    extra_bytes: np.ndarray | None = None
    tflops: np.ndarray | None = None
    share: np.ndarray | None = None
    ceiling_tflops: float | None = None
    bandwidth: float | None = None
    error: np.ndarray | None = None
    best_softmax_milliseconds: np.ndarray | None = None
    crossover: float | None = None
    memory_crossover: float | None = None
    time_exponents: np.ndarray | None = None
    memory_exponents: np.ndarray | None = None
    chunk_sizes: np.ndarray | None = None
    chunk_length: int | None = None
    chunk_milliseconds: np.ndarray | None = None
    chunk_milliseconds_low: np.ndarray | None = None
    chunk_milliseconds_high: np.ndarray | None = None
    finding: tuple[str, str] = ("", "")
    notes: tuple[tuple[str, str], ...] = ()
    backend: str = "numpy"
    dtype: str = "float64"


def cost(params: LinearAttention) -> Literal["instant", "seconds", "minutes"]:
    """Maps are instant; a sweep takes seconds, or minutes where its FLOPs are many for this device."""
    if params.task == "maps":
        return "instant"
    work = 40.0 * params.batch * params.heads * params.length**2 * params.head_dim
    return (
        "minutes" if (3 if params.pass_ == "backward" else 1) * work > SLOW_WORK[devices.current().kind] else "seconds"
    )


@experiment("linear-attention", cost=cost, uses_gpu=True, limits={"cpu": {"length": 16_384}})
def linear_lab(params: LinearAttention) -> Iterator[Partial[LinearAttended]]:
    """Maps, states and counts at once; the timing sweep, when asked for, as it is measured."""
    result = picture(params)
    if params.task == "maps":
        yield Partial(result, 1.0)
        return
    from engine.attention.flash_attention import contenders
    from engine.attention.flash_attention.sweep import device, dtype
    from engine.attention.linear_attention import sweep

    shape = contenders.Shape(
        params.batch, params.heads, params.heads, params.length, params.head_dim, params.causal, dtype(params.dtype),
        params.pass_ == "backward",
    )  # fmt: skip
    decay = params.decay if params.causal and params.decay < 1 else None
    plan = sweep.Plan(shape, params.lengths, params.head_dim, decay, params.seed, device())
    for fields, fraction in sweep.run(plan):
        yield Partial(dataclasses.replace(result, **fields), fraction)


def picture(params: LinearAttention) -> LinearAttended:
    """Everything that is computed at once."""
    tokens = maps.example(params.tokens, params.width, params.sharpness, params.seed)
    pairs = maps.mapped(tokens, params.features, params.seed)
    found = maps.all_maps(tokens, pairs, params.causal, params.decay, params.base if params.rotary else None)
    fq, fk = pairs[params.feature_map]
    turned = [rotary.rotate(x, params.base) if params.rotary else x for x in (fq, fk)]
    seen = np.arange(1, params.tokens + 1) if params.causal else np.full(params.tokens, params.tokens)
    item = 4 if params.dtype == "float32" else 2
    width, length = params.head_dim, params.length
    return LinearAttended(
        names=maps.NAMES, map_titles=maps.TITLES, chosen=maps.NAMES.index(params.feature_map), topics=tokens.topics,
        values=tokens.v, maps=found.weights,
        raw_maps=found.raw, outputs=found.outputs, map_features=found.features, map_error=found.error,
        raw_map_error=found.raw_error, map_distance=found.distance, entropies=found.entropies, entropy=found.entropy,
        entropy_bound=np.log(seen), singular_values=found.singular_values, rank=found.rank,
        effective_rank=found.effective_rank,
        variance=features.variances(params.width, params.radius, params.angle, params.features, params.seed),
        recurrence=recurrence.trace(*turned, tokens.v, params.decay, fq, fk),
        rotary=rotary.relative(fq[-1], fk[0], params.base),
        brackets=counts.brackets(length, width, width),
        chunks=counts.chunks(length, width, width),
        cache=counts.cache(params.batch * params.heads, width, width, item, length),
        finding=_closest(found.error),
    )  # fmt: skip


def _closest(errors: np.ndarray) -> tuple[str, str]:
    """Which feature map comes nearest to softmax on this example."""
    best = 1 + int(np.argmin(errors[1:]))
    (en, zh), error = maps.TITLES[best], errors[best]
    return (
        f"Nearest to softmax here is {en}: its outputs are {error:.1%} off.",
        f"在此例中最接近 softmax 的是{zh}：输出相差 {error:.1%}。",
    )
