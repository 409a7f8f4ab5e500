"""What FlashAttention is asked: an example to step through, sizes to count bytes for, a sweep to time."""

from __future__ import annotations

from typing import ClassVar, Literal

from engine.attention.contest.result import attention_flops
from engine.core import Field, Params, T, Task, devices

# FLOPs of a whole sweep beyond which it takes minutes: a minute of a slow laptop, some seconds of a data-centre GPU.
SLOW_WORK = {"cpu": 2e12, "cuda": 3e15}
CONTENDERS = 20  # passes over the largest point that a sweep makes, all contenders and repetitions together
CHIPS = {
    "t4": "NVIDIA T4",
    "rtx4090": "NVIDIA RTX 4090",
    "a100": "NVIDIA A100 80 GB SXM",
    "h100": "NVIDIA H100 SXM",
    "h200": "NVIDIA H200 SXM",
}
MOST_TILES = 8  # to a side: what can still be drawn and stepped through


def sweep_cost(params: FlashAttention) -> Literal["seconds", "minutes"]:
    """A sweep takes seconds, or minutes where its FLOPs are many for this device."""
    backward = params.pass_ == "backward"
    work = params.batch * params.heads * attention_flops(params.length, params.head_dim, params.causal, backward)
    return "minutes" if CONTENDERS * work > SLOW_WORK[devices.current().kind] else "seconds"


class FlashAttention(Params):
    """Exact attention computed in tiles: on a small example step by step, as bytes moved, and timed on this machine."""

    task: Literal["steps", "timing"] = Field(
        "steps",
        title=T("Task", "任务"),
        labels={"steps": T("steps and bytes", "步骤与字节"), "timing": T("time it here", "在本机计时")},
        help=T("Timing also computes the steps and the bytes.", "计时任务同样会给出步骤与字节。"),
    )
    tokens: int = Field(12, ge=2, le=32, title=T("Tokens of the example", "示例的词元数"))
    width: int = Field(4, ge=1, le=8, title=T("Numbers to a token", "每个词元的数"))
    tile_rows: int = Field(4, ge=1, le=16, title=T("Rows to a tile", "每块的行数"))
    tile_columns: int = Field(
        4,
        ge=1,
        le=16,
        title=T("Columns to a tile", "每块的列数"),
        help=T(
            "Tiles are made larger where they would be more than {most} to a side.",
            "若每边超过 {most} 块，则自动加大分块。",
            most=MOST_TILES,
        ),
    )
    sharpness: float = Field(
        2.0,
        ge=0,
        le=20,
        step=0.1,
        title=T("Sharpness of the scores", "分数的锐度"),
        help=T(
            "The scores' standard deviation; past 11 exp overflows half precision.", "分数的标准差；分数超过 11 时半精度的 exp 会溢出。"
        ),
    )
    batch: int = Field(1, ge=1, le=64, title=T("Batch", "批大小"))
    heads: int = Field(2, ge=1, le=128, title=T("Query heads", "查询头数"))
    group: int = Field(
        1,
        ge=1,
        le=16,
        title=T("Query heads to a key head", "每个键头的查询头数"),
        help=T("Taken down to the next number that divides the heads.", "取不超过它且能整除头数的最大值。"),
    )
    head_dim: int = Field(64, ge=16, le=256, step=8, title=T("Head dimension d", "头维度 d"))
    length: int = Field(4096, ge=64, le=65_536, title=T("Length N", "长度 N"))
    causal: bool = Field(False, title=T("Causal", "因果"))
    dtype: Literal["float32", "bfloat16", "float16"] = Field("float32", title=T("Number format", "数值格式"))
    pass_: Literal["forward", "backward"] = Field(
        "forward", title=T("Pass", "方向"), labels={"forward": T("forward", "前向"), "backward": T("backward", "反向")}
    )
    axis: Literal["length", "tokens", "heads", "head_dim"] = Field(
        "length",
        title=T("Sweep over", "扫描"),
        labels={
            "length": T("length", "长度"),
            "tokens": T("length, batch × N held", "长度（批 × N 不变）"),
            "heads": T("heads", "头数"),
            "head_dim": T("head dimension", "头维度"),
        },
        help=T("Up to the value that is set for it.", "直到所设的值。"),
    )
    fast_memory: int = Field(192, ge=8, le=4096, title=T("Fast memory M", "快速存储 M"), unit="KiB", scale="log")
    chip: Literal["t4", "rtx4090", "a100", "h100", "h200"] = Field(
        "t4",
        title=T("Roofline of", "屋顶线"),
        labels=CHIPS,
        help=T("Datasheet figures; a timing run measures this machine's own.", "数据手册数值；计时会测出本机的。"),
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, title=T("Seed", "随机种子"), control="seed")

    tasks: ClassVar = {
        "steps": Task(fields=("tokens", "width", "tile_rows", "tile_columns", "sharpness", "fast_memory", "chip")),
        "timing": Task(fields=("axis",), cost=sweep_cost),
    }

    @property
    def kv_heads(self) -> int:
        """Key-value heads: the heads over the largest number up to `group` that divides them."""
        return self.heads // max(g for g in range(1, self.group + 1) if self.heads % g == 0)

    @property
    def backward(self) -> bool:
        return self.pass_ == "backward"

    @property
    def item(self) -> int:
        """Bytes of a number."""
        return 4 if self.dtype == "float32" else 2
