"""FlashAttention: the online softmax tile by tile, the bytes that it saves, and the time that it takes.

The operator is `engine.attention.flash_attention.operator.flash_attention`; torch is imported only where it is used.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.attention.flash_attention import steps, traffic
from engine.attention.flash_attention.steps import Steps
from engine.attention.flash_attention.traffic import CHIPS, Accounting
from engine.core import Field, Params, Partial, devices, experiment

SLOW_WORK = {"cpu": 2e12, "cuda": 3e15}  # FLOPs of the whole sweep beyond which it is a matter of minutes
SMALL = {"task": ["steps"]}
TIMED = {"task": ["timing"]}


class FlashAttention(Params):
    """Exact attention computed in tiles: on a small example step by step, as bytes moved, and timed on this machine."""

    task: Literal["steps", "timing"] = Field(
        "steps", title="Task", zh="任务",
        labels={"steps": ("steps and bytes", "步骤与字节"), "timing": ("time it here", "在本机计时")},
        help=("Timing also computes the steps and the bytes.", "计时任务同样会给出步骤与字节。"),
    )  # fmt: skip
    tokens: int = Field(12, ge=2, le=32, title="Tokens of the example", zh="示例的词元数", when=SMALL)
    width: int = Field(4, ge=1, le=8, title="Numbers to a token", zh="每个词元的数", when=SMALL)
    tile_rows: int = Field(4, ge=1, le=16, title="Rows to a tile", zh="每块的行数", when=SMALL)
    tile_columns: int = Field(
        4, ge=1, le=16, title="Columns to a tile", zh="每块的列数", when=SMALL,
        help=(f"Tiles are made larger where they would be more than {steps.MOST_TILES} to a side.",
              f"若每边超过 {steps.MOST_TILES} 块，则自动加大分块。"),
    )  # fmt: skip
    sharpness: float = Field(
        2.0, ge=0, le=20, step=0.1, title="Sharpness of the scores", zh="分数的锐度", when=SMALL,
        help=("The scores' standard deviation; past 11 exp overflows half precision.",
              "分数的标准差；分数超过 11 时半精度的 exp 会溢出。"),
    )  # fmt: skip
    batch: int = Field(1, ge=1, le=64, title="Batch", zh="批大小")
    heads: int = Field(2, ge=1, le=128, title="Query heads", zh="查询头数")
    group: int = Field(
        1, ge=1, le=16, title="Query heads to a key head", zh="每个键头的查询头数",
        help=("Taken down to the next number that divides the heads.", "取不超过它且能整除头数的最大值。"),
    )  # fmt: skip
    head_dim: int = Field(64, ge=16, le=256, step=8, title="Head dimension d", zh="头维度 d")
    length: int = Field(4096, ge=64, le=65_536, title="Length N", zh="长度 N")
    causal: bool = Field(False, title="Causal", zh="因果")
    dtype: Literal["float32", "bfloat16", "float16"] = Field("float32", title="Number format", zh="数值格式")
    pass_: Literal["forward", "backward"] = Field(
        "forward", title="Pass", zh="方向", labels={"forward": ("forward", "前向"), "backward": ("backward", "反向")}
    )
    axis: Literal["length", "tokens", "heads", "head_dim"] = Field(
        "length", title="Sweep over", zh="扫描", when=TIMED,
        labels={"length": ("length", "长度"), "tokens": ("length, batch × N held", "长度（批 × N 不变）"),
                "heads": ("heads", "头数"), "head_dim": ("head dimension", "头维度")},
        help=("Up to the value that is set for it.", "直到所设的值。"),
    )  # fmt: skip
    fast_memory: int = Field(
        192, ge=8, le=4096, title="Fast memory M", zh="快速存储 M", unit=("KiB", "KiB"), when=SMALL, scale="log"
    )
    chip: Literal["t4", "rtx4090", "a100", "h100", "h200"] = Field(
        "t4", title="Roofline of", zh="屋顶线", when=SMALL,
        labels={name: (chip[0], chip[0]) for name, chip in CHIPS.items()},
        help=("Datasheet figures; a timing run measures this machine's own.", "数据手册数值；计时会测出本机的。"),
    )  # fmt: skip
    seed: int = Field(0, ge=0, le=2**31 - 1, title="Seed", zh="随机种子", control="seed")

    @property
    def kv_heads(self) -> int:
        """Key-value heads: the heads over the largest number up to `group` that divides them."""
        return self.heads // max(g for g in range(1, self.group + 1) if self.heads % g == 0)

    @property
    def values(self) -> tuple[int, ...]:
        """The points of the sweep, ending at the value that is set."""
        least = {"length": 16, "tokens": 16, "heads": 1, "head_dim": 16}[self.axis]
        most = self.length if self.axis == "tokens" else getattr(self, self.axis)
        return tuple(sorted({max(least, most >> k) for k in range(6)}))


@dataclass(frozen=True)
class Attention:
    """What FlashAttention does (always), and what every way of attending costs on this machine (task "timing").

    steps: the example, tile by tile. accounting: bytes moved and the roofline, at the chosen sizes, modelled.

    Timing, None in the other task; c contenders by p points, NaN where nothing was measured (yet):
    lengths: (p,) N at each point. axis, swept: what is swept, and its values (p,).
    contenders, titles: c names, and what a page calls them. milliseconds, milliseconds_low, milliseconds_high: (c, p)
        median and the span of the middle 60 % of `runs` runs. extra_bytes: (c, p) most memory held at one time beyond
        the inputs (of forward and backward together for the backward pass). tflops: (c, p) FLOPs of the mathematics
        (masked pairs not counted) over the median. share: (c, p) of ceiling_tflops, what a large matrix product
        reached in the same run. bandwidth: GB/s of a copy in the same run. error: (c, p) relative error against fp64,
        over 64 rows of the first head. machine_roof: (165,) TFLOP/s that this ceiling and this bandwidth allow at
        `accounting.intensities`. least_milliseconds: (p,) the FLOPs at that ceiling. matrix_bytes: (p,) one matrix of
        all pairs. rounding: half the format's epsilon.
    time_exponents, memory_exponents: (c,) slope of log cost over log `swept`.
    finding: what it comes to, in a sentence. notes: what was left out and why.
    """

    steps: Steps
    accounting: Accounting
    lengths: np.ndarray | None = None
    axis: str = "length"
    swept: np.ndarray | None = None
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
    machine_roof: np.ndarray | None = None
    least_milliseconds: np.ndarray | None = None
    matrix_bytes: np.ndarray | None = None
    rounding: float | None = None
    time_exponents: np.ndarray | None = None
    memory_exponents: np.ndarray | None = None
    finding: tuple[str, str] = ("", "")
    notes: tuple[tuple[str, str], ...] = ()
    backend: str = "numpy"
    dtype: str = "float64"


def cost(params: FlashAttention) -> Literal["instant", "seconds", "minutes"]:
    """Steps are instant; a sweep takes seconds, or minutes where its FLOPs are many for this device."""
    if params.task == "steps":
        return "instant"
    work = params.batch * params.heads * traffic.flops(
        params.length, params.head_dim, params.causal, params.pass_ == "backward"
    )  # fmt: skip
    return "minutes" if 20 * work > SLOW_WORK[devices.current().kind] else "seconds"


@experiment("flash-attention", cost=cost, uses_gpu=True, limits={"cpu": {"length": 16_384}})
def flash_lab(params: FlashAttention) -> Iterator[Partial[Attention]]:
    """Steps and accounting at once; the timing sweep, when asked for, as it is measured."""
    example = steps.example(params.tokens, params.width, params.sharpness, params.seed)
    item = 4 if params.dtype == "float32" else 2
    result = Attention(
        steps=steps.trace(*example, params.tile_rows, params.tile_columns, params.causal),
        accounting=traffic.account(
            params.batch * params.heads, params.length, params.head_dim, params.fast_memory * 1024, item,
            params.causal, params.pass_ == "backward", params.chip,
        ),
        finding=_saving(params),
    )  # fmt: skip
    if params.task == "steps":
        yield Partial(result, 1.0)
        return
    from engine.attention.flash_attention import contenders, sweep

    shape = contenders.Shape(
        params.batch, params.heads, params.kv_heads, params.length, params.head_dim, params.causal,
        sweep.dtype(params.dtype), params.pass_ == "backward",
    )  # fmt: skip
    plan = sweep.Plan(shape, params.axis, params.values, params.seed, sweep.device())
    for fields, fraction in sweep.run(plan):
        roof = np.minimum(fields["ceiling_tflops"], result.accounting.intensities * fields["bandwidth"] / 1000)
        yield Partial(dataclasses.replace(result, **fields, machine_roof=roof), fraction)


def _saving(params: FlashAttention) -> tuple[str, str]:
    """How the counted bytes compare, in a sentence."""
    item = 4 if params.dtype == "float32" else 2
    backward = params.pass_ == "backward"
    naive = traffic.naive_numbers(params.length, params.head_dim, backward)
    tiled = traffic.tiled_numbers(
        params.length, params.head_dim, params.fast_memory * 1024 / item, params.causal, backward
    )
    times = naive / tiled
    shown = f"{times:.0f}" if times >= 10 else f"{times:.{max(0, 1 - math.floor(math.log10(times)))}f}"
    return (
        f"With {params.fast_memory} KiB of fast memory, tiles move {shown} times fewer bytes than naive attention.",
        f"快速存储为 {params.fast_memory} KiB 时，分块搬运的字节是朴素注意力的 1/{shown}。",
    )
