"""What is asked of a text and a model."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from engine.core import Field, Params, T
from engine.language import models
from engine.language.attention_maps import switches

CODE = """\
def zigzag(qubits):
    for qubit in qubits:
        if qubit.marked:
            yield qubit.zigzag
    return zigzag(qu"""


class AttentionMaps(Params):
    """A text read by a language model: every head's attention, kinds of heads, ablation, logit lens, sampling."""

    text: str = Field(CODE, max_length=4000, control="code", title=T("Text", "文本"))
    model: str = Field(
        models.EMBEDDED,
        max_length=200,
        control="text",
        title=T("Model", "模型"),
        help=T("embedded, owner/name of the Hub, or folder:NAME", "embedded、Hub 上的 owner/name，或 folder:名称"),
    )
    layer: int = Field(4, ge=1, le=256, control="number", title=T("Layer", "层"))
    head: int = Field(3, ge=1, le=1024, control="number", title=T("Head", "注意力头"))
    ablate: str = Field(
        "",
        max_length=200,
        control="text",
        title=T("Heads switched off", "关闭的注意力头"),
        help=T("layer.head, such as 4.3, 5.*", "层.头，例如 4.3, 5.*"),
    )
    mask: Literal["causal", "sliding", "prefix"] = Field(
        "causal",
        title=T("Mask", "掩码"),
        labels={"causal": T("causal", "因果"), "sliding": T("sliding window", "滑动窗口"), "prefix": T("prefix", "前缀")},
    )
    window: int = Field(16, ge=2, le=128, title=T("Window", "窗口"), unit=T("tokens", "词元"), when={"mask": ["sliding"]})
    prefix: int = Field(16, ge=1, le=128, title=T("Prefix", "前缀长度"), unit=T("tokens", "词元"), when={"mask": ["prefix"]})
    tokens: int = Field(128, ge=8, le=256, title=T("Tokens read at most", "最多读入词元数"))
    temperature: float = Field(1.0, ge=0, le=3, step=0.05, title=T("Temperature", "温度"))
    top_k: int = Field(0, ge=0, le=200, title=T("Top-k (0: all)", "Top-k（0 为全部）"))
    top_p: float = Field(1.0, ge=0, le=1, step=0.01, title=T("Top-p", "Top-p"))
    draws: int = Field(1000, ge=1, le=1_000_000, title=T("Draws", "抽样次数"))
    seed: int = Field(0, ge=0, le=2**31 - 1, control="seed", title=T("Seed", "种子"))

    @model_validator(mode="after")
    def _heads_are_written_as_heads(self) -> Self:
        switches.entries(self.ablate)
        return self
