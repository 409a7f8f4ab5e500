"""LoRA: rank, matrices and starts swept at once, on a linear map, on digits, and on the embedded language model.

The layers are `engine.training.lora.layers`; torch is imported only where it is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from pydantic import model_validator

from engine.core import Field, Params, Partial, Refused, devices, experiment
from engine.training.lora import memory, settings
from engine.training.lora.published import Published

if TYPE_CHECKING:
    from engine.training.lora.merging import Merging
    from engine.training.lora.peaks import Peaks
    from engine.training.lora.subspaces import Similarity, Spectrum

LARGEST = {"linear": 64, "digits": 72, "language": 256, "memory": 128}  # the matrices' smaller sides
LONGEST_TEXT = 20_000
LINEAR, DIGITS, LANGUAGE, MEMORY = ({"task": [name]} for name in ("linear", "digits", "language", "memory"))
SWEPT = {"task": ["digits", "language"]}
TRAINED = {"task": ["linear", "digits", "language"]}


class Lora(Params):
    """A frozen network is adapted by low-rank updates of every rank, and by full fine-tuning beside them."""

    task: Literal["linear", "digits", "language", "memory"] = Field(
        "linear", title="Task", zh="任务",
        labels={
            "linear": ("a linear map with a known shift", "已知偏移的线性映射"),
            "digits": ("handwritten digits", "手写数字"), "language": ("the embedded language model", "内置语言模型"),
            "memory": ("memory and speed", "内存与速度"),
        },
    )  # fmt: skip
    sweep: Literal["ranks", "matrices"] = Field(
        "ranks", title="Sweep", zh="扫描", when=SWEPT,
        labels={"ranks": ("ranks", "秩"), "matrices": ("which matrices, equal parameters", "哪些矩阵（参数量相等）")},
    )  # fmt: skip
    ranks: str = Field(
        "0,1,2,4,8,16,32,full", title="Ranks r", zh="秩 r", max_length=60, control="text",
        help=("0 is the frozen network, full is full fine-tuning.", "0 为冻结的网络，full 为全量微调。"),
    )  # fmt: skip
    true_rank: int = Field(8, ge=1, le=64, title="True rank r* of ΔW", zh="ΔW 的真实秩 r*", when=LINEAR)
    decay: float = Field(
        0.85, ge=0.3, le=1, step=0.01, title="Each singular value over the last", zh="相邻奇异值之比", when=LINEAR
    )
    condition: float = Field(
        1.0, ge=1, le=100, title="Condition number of inputs", zh="输入的条件数", scale="log", when=LINEAR,
        help=("1: whitened inputs.", "1 为白化的输入。"),
    )  # fmt: skip
    shift: Literal["rotated", "inverted", "permuted"] = Field(
        "rotated", title="New digits are", zh="新数字的样子", when=DIGITS,
        labels={"rotated": ("turned by 90°", "旋转 90°"), "inverted": ("dark for light", "黑白反转"),
                "permuted": ("pixels permuted", "像素打乱")},
    )  # fmt: skip
    source: Literal["c", "json", "prose", "pasted"] = Field(
        "c", title="New text", zh="新文本", when=LANGUAGE,
        labels={"c": ("C-like code", "类 C 代码"), "json": ("JSON", "JSON"), "prose": ("docstring prose", "文档字符串"),
                "pasted": ("pasted below", "粘贴在下方")},
    )  # fmt: skip
    text: str = Field(
        "", title="Your text", zh="你的文本", max_length=LONGEST_TEXT, control="code", when={"source": ["pasted"]},
        help=("From 2 000 to 20 000 characters.", "2 000 到 20 000 个字符。"),
    )  # fmt: skip
    targets: Literal["q", "k", "v", "o", "qv", "attention", "feed-forward", "all"] = Field(
        "qv", title="Matrices adapted", zh="调整的矩阵", labels=settings.TARGET_TITLES,
        when={"task": ["digits", "language", "memory"]},
    )  # fmt: skip
    budget: int = Field(
        8, ge=1, le=32, title="Budget: rank on W_q", zh="预算：W_q 上的秩", when={"sweep": ["matrices"]}
    )
    method: Literal["lora", "dora"] = Field(
        "lora", title="Method", zh="方法", labels={"lora": ("LoRA", "LoRA"), "dora": ("DoRA", "DoRA")}, when=TRAINED
    )
    initialisation: Literal["gaussian", "random", "pissa"] = Field(
        "gaussian", title="Start of A and B", zh="A 与 B 的初值", when=TRAINED,
        labels={"gaussian": ("A Gaussian, B zero", "A 高斯，B 为零"), "random": ("both random", "两者随机"),
                "pissa": ("PiSSA, from W’s SVD", "PiSSA，取自 W 的 SVD")},
    )  # fmt: skip
    scaling: Literal["lora", "rslora"] = Field(
        "lora", title="Scaling s", zh="缩放 s", when=TRAINED,
        labels={"lora": ("α / r", "α / r"), "rslora": ("α / √r (rsLoRA)", "α / √r (rsLoRA)")},
    )  # fmt: skip
    alpha: float = Field(16.0, ge=0.25, le=256, title="α", zh="α", scale="log", when=TRAINED)
    learning_rate: float = Field(0.03, ge=1e-5, le=10, title="Learning rate", zh="学习率", scale="log", when=TRAINED)
    full_share: float = Field(
        0.2,
        ge=0.01,
        le=2,
        title="Full fine-tuning’s, as a share",
        zh="全量微调的学习率（占比）",
        scale="log",
        when=TRAINED,
    )
    steps: int = Field(400, ge=10, le=2000, title="Steps", zh="步数", scale="log", when=TRAINED)
    seeds: int = Field(3, ge=1, le=8, title="Seeds", zh="种子数", when=TRAINED)
    tokens: int = Field(4096, ge=128, le=131_072, title="Tokens a step", zh="每步词元数", scale="log", when=MEMORY)
    checkpointing: bool = Field(True, title="Recompute activations", zh="重新计算激活", when=MEMORY)
    seed: int = Field(0, ge=0, le=2**31 - 1, title="Seed", zh="随机种子", control="seed")

    @property
    def swept(self) -> tuple[int, ...]:
        """The ranks of the sweep, ascending, full fine-tuning last."""
        return settings.parse_ranks(self.ranks, LARGEST[self.task])

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        assert self.swept
        if self.task == "language" and self.source == "pasted" and len(self.text) < 2000:
            raise Refused(f"text must have at least 2000 characters to train on; got {len(self.text)}",
                          f"text 至少要有 2000 个字符才能训练；收到 {len(self.text)} 个", "text")  # fmt: skip
        return self


@dataclass(frozen=True)
class Adapted:
    """What a sweep reached and what it learned; S settings, n seeds, K steps.

    task, metric: what was adapted to what; `metric` names the quality, `higher` says whether more is better.
    names, titles: the settings. ranks: (S,) the largest rank in each, -1 for full fine-tuning.
    trainable_parameters: (S,). runs: (S, n) quality of each run, NaN where it diverged; quality, quality_spread: (S,)
    mean and standard deviation over seeds. frozen: the quality without adapting.
    optimum: (S,) the least that theory allows (task "linear"), else NaN. original, original_spread: (S,) quality on
    the task that the network came from, original_frozen before adapting; NaN where there is none.
    truncated, truncated_spread: (S,) full fine-tuning's ΔW cut to each rank by SVD, NaN where that has no meaning.
    truncated_original: (S,) the same on the task it came from.
    losses: (S, n, K) training losses; NaN where no step was made. step: made so far. diverged: (S, n) the step at
    which a run was given up, -1 where none. true_spectrum: of the known ΔW, or None.
    spectrum, similarity: of what was learned, once training is done. merging: speed of a merged layer.
    memory_bytes: (architectures, S, 4) predicted bytes of weights, gradients, optimiser and activations;
    memory_titles: the S of it. cards: (architectures, S). architectures: names. architecture_parameters.
    peaks: what was measured against the formula (task "memory"). published: the paper's own tables.
    findings: what it comes to.
    """

    task: str
    metric: tuple[str, str]
    higher: bool
    names: tuple[str, ...]
    titles: tuple[tuple[str, str], ...]
    ranks: np.ndarray
    trainable_parameters: np.ndarray
    runs: np.ndarray
    quality: np.ndarray
    quality_spread: np.ndarray
    frozen: float
    optimum: np.ndarray
    original: np.ndarray
    original_spread: np.ndarray
    original_frozen: float
    truncated: np.ndarray
    truncated_spread: np.ndarray
    truncated_original: np.ndarray
    losses: np.ndarray
    step: int
    diverged: np.ndarray
    true_spectrum: np.ndarray | None
    true_rank: int
    spectrum: Spectrum | None
    similarity: Similarity | None
    merging: Merging | None
    memory_bytes: np.ndarray
    memory_titles: tuple[tuple[str, str], ...]
    cards: np.ndarray
    architectures: tuple[str, ...]
    architecture_parameters: np.ndarray
    targets: tuple[str, str]
    tokens: int
    checkpointing: bool
    peaks: Peaks | None
    published: Published
    findings: tuple[tuple[str, str], ...]
    backend: str = "torch"
    dtype: str = "float32"
    device: str = "cpu"


def cost(params: Lora) -> Literal["instant", "seconds", "minutes"]:
    """The linear map and memory take seconds, networks take minutes; so does a linear sweep of many steps."""
    if params.task == "memory":
        return "seconds"
    if params.task == "linear" and params.steps * params.seeds <= 3000:
        return "seconds"
    return "minutes"


def warm_up() -> None:
    """Import torch and what training needs."""
    from engine.training.lora import running

    running.warm_up()


@experiment("lora", cost=cost, uses_gpu=True, warm_up=warm_up)
def lora(params: Lora) -> Iterator[Partial[Adapted]]:
    """Every setting and every seed trained at once, streamed; then what was learned, taken apart."""
    from engine.training.lora import running

    device = "cuda" if params.task == "language" and devices.current().kind == "cuda" else "cpu"
    yield from running.run(params, costs(params), device)


@dataclass(frozen=True)
class Costs:
    """The fields of a result that a formula gives."""

    memory_bytes: np.ndarray
    memory_titles: tuple[tuple[str, str], ...]
    cards: np.ndarray
    architectures: tuple[str, ...]
    architecture_parameters: np.ndarray
    targets: tuple[str, str]
    tokens: int
    checkpointing: bool


def costs(params: Lora) -> Costs:
    """What training would hold in memory on real architectures, for the ranks of the sweep that train anything."""
    chosen = settings.by_rank([r for r in params.swept if r], settings.TARGETS[params.targets])
    found = memory.table(chosen, params.tokens, params.checkpointing)
    return Costs(
        found, tuple(setting.title for setting in chosen),
        np.array([[memory.cards(parts) for parts in row] for row in found]),
        tuple(arch.name for arch in memory.ARCHITECTURES),
        np.array([arch.parameters for arch in memory.ARCHITECTURES]), settings.TARGET_TITLES[params.targets],
        params.tokens, params.checkpointing,
    )  # fmt: skip
