"""What a sweep of LoRA is asked for."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from engine.core import Field, Params, Refused, T, Task
from engine.core.params import Cost
from engine.training.lora import settings

LARGEST = {"linear": 64, "digits": 72, "language": 256, "memory": 128}  # the matrices' smaller sides
LONGEST_TEXT = 20_000
SHORTEST_TEXT = 2_000
QUICK = 3000  # steps × seeds of the linear map that take a few seconds
TRAINING = ("method", "initialisation", "scaling", "alpha", "learning_rate", "full_share", "steps", "seeds")
NETWORK = ("sweep", "targets", "budget", *TRAINING)


def _linear_cost(params: Lora) -> Cost:
    return "seconds" if params.steps * params.seeds <= QUICK else "minutes"


class Lora(Params):
    """A frozen network is adapted by low-rank updates of every rank, and by full fine-tuning beside them."""

    tasks: ClassVar = {
        "linear": Task(("true_rank", "decay", "condition", *TRAINING), _linear_cost),
        "digits": Task(("shift", *NETWORK), "minutes"),
        "language": Task(("source", "text", *NETWORK), "minutes"),
        "memory": Task(("targets", "tokens", "checkpointing"), "seconds"),
    }

    task: Literal["linear", "digits", "language", "memory"] = Field(
        "linear",
        title=T("Task", "任务"),
        labels={
            "linear": T("a linear map with a known shift", "已知偏移的线性映射"),
            "digits": T("handwritten digits", "手写数字"),
            "language": T("the embedded language model", "内置语言模型"),
            "memory": T("memory", "内存"),
        },
    )
    sweep: Literal["ranks", "matrices"] = Field(
        "ranks",
        title=T("Sweep", "扫描"),
        labels={"ranks": T("ranks", "秩"), "matrices": T("which matrices, equal parameters", "哪些矩阵（参数量相等）")},
    )
    ranks: str = Field(
        "0,1,2,4,8,16,32,full",
        title=T("Ranks r", "秩 r"),
        max_length=60,
        control="text",
        help=T("0 is the frozen network, full is full fine-tuning.", "0 为冻结的网络，full 为全量微调。"),
    )
    true_rank: int = Field(8, ge=1, le=64, title=T("True rank r* of ΔW", "ΔW 的真实秩 r*"))
    decay: float = Field(0.85, ge=0.3, le=1, step=0.01, title=T("Each singular value over the last", "相邻奇异值之比"))
    condition: float = Field(
        1.0,
        ge=1,
        le=100,
        title=T("Condition number of inputs", "输入的条件数"),
        scale="log",
        help=T("1: whitened inputs.", "1 为白化的输入。"),
    )
    shift: Literal["rotated", "inverted", "permuted"] = Field(
        "rotated",
        title=T("New digits are", "新数字的样子"),
        labels={
            "rotated": T("turned by 90°", "旋转 90°"),
            "inverted": T("dark for light", "黑白反转"),
            "permuted": T("pixels permuted", "像素打乱"),
        },
    )
    source: Literal["c", "json", "prose", "pasted"] = Field(
        "c",
        title=T("New text", "新文本"),
        labels={
            "c": T("C-like code", "类 C 代码"),
            "json": "JSON",
            "prose": T("docstring prose", "文档字符串"),
            "pasted": T("pasted below", "粘贴在下方"),
        },
    )
    text: str = Field(
        "",
        title=T("Your text", "你的文本"),
        max_length=LONGEST_TEXT,
        control="code",
        when={"source": ["pasted"]},
        help=T(
            "From {least:count} to {most:count} characters.",
            "{least:count} 到 {most:count} 个字符。",
            least=SHORTEST_TEXT,
            most=LONGEST_TEXT,
        ),
    )
    targets: Literal["q", "k", "v", "o", "qv", "attention", "feed-forward", "all"] = Field(
        "qv", title=T("Matrices adapted", "调整的矩阵"), labels=settings.TARGET_TITLES
    )
    budget: int = Field(8, ge=1, le=32, title=T("Budget: rank on W_q", "预算：W_q 上的秩"), when={"sweep": ["matrices"]})
    method: Literal["lora", "dora"] = Field("lora", title=T("Method", "方法"), labels={"lora": "LoRA", "dora": "DoRA"})
    initialisation: Literal["gaussian", "random", "pissa"] = Field(
        "gaussian",
        title=T("Start of A and B", "A 与 B 的初值"),
        labels={
            "gaussian": T("A Gaussian, B zero", "A 高斯，B 为零"),
            "random": T("both random", "两者随机"),
            "pissa": T("PiSSA, from W’s SVD", "PiSSA，取自 W 的 SVD"),
        },
    )
    scaling: Literal["lora", "rslora"] = Field(
        "lora", title=T("Scaling s", "缩放 s"), labels={"lora": "α / r", "rslora": "α / √r (rsLoRA)"}
    )
    alpha: float = Field(16.0, ge=0.25, le=256, title=T.of("α"), scale="log")
    learning_rate: float = Field(0.03, ge=1e-5, le=10, title=T("Learning rate", "学习率"), scale="log")
    full_share: float = Field(0.2, ge=0.01, le=2, title=T("Full fine-tuning’s, as a share", "全量微调的学习率（占比）"), scale="log")
    steps: int = Field(400, ge=10, le=2000, title=T("Steps", "步数"), scale="log")
    seeds: int = Field(3, ge=1, le=8, title=T("Seeds", "种子数"))
    tokens: int = Field(4096, ge=128, le=131_072, title=T("Tokens a step", "每步词元数"), scale="log")
    checkpointing: bool = Field(True, title=T("Recompute activations", "重新计算激活"))
    seed: int = Field(0, ge=0, le=2**31 - 1, title=T("Seed", "随机种子"), control="seed")

    @property
    def swept(self) -> tuple[int, ...]:
        """The ranks of the sweep, ascending, full fine-tuning last."""
        return settings.parse_ranks(self.ranks, LARGEST[self.task])

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        assert self.swept
        if self.task == "language" and self.source == "pasted" and len(self.text) < SHORTEST_TEXT:
            raise Refused(
                T(
                    "text must have at least {least} characters to train on; got {given}",
                    "text 至少要有 {least} 个字符才能训练；收到 {given} 个",
                    least=SHORTEST_TEXT,
                    given=len(self.text),
                ),
                "text",
            )
        return self
