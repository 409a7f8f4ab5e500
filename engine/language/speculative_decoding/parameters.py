"""What a speculative run is asked for."""

from __future__ import annotations

from typing import ClassVar, Literal

from engine.core import Field, Params, T, Task
from engine.core.params import Cost
from engine.language.models import EMBEDDED

PROMPT = '''import os


class Cache:
    """Keeps the text of files that were read."""

    def __init__(self, path, encoding="utf-8"):
        self.path = path
        self.encoding = encoding
        self.entries = {}

    def read(self, name):
        """Return the text of a file."""
'''


SOURCES = {
    "model": T("draft model", "草稿模型"),
    "lookup": T("n-gram lookup", "文内查找"),
    "both": T("lookup, else the model", "先查找，再用模型"),
    "exit": T("early exit", "提前退出"),
}
ON_MODELS = ("drafting", "temperature", "top_k", "top_p", "tokens_out", "prompt", "exit_layer", "target", "draft")


def _models_cost(params: Speculate) -> Cost:
    """Other models than the embedded ones may have to be fetched."""
    own = {"", EMBEDDED}
    return "seconds" if {params.target.strip().lower(), params.draft.strip().lower()} <= own else "minutes"


class Speculate(Params):
    """Tokens written by speculative decoding: a draft guesses up to γ tokens, the target checks them in one pass.

    Or, as a toy, one pair of distributions for which everything is known exactly.
    """

    tasks: ClassVar = {"models": Task(ON_MODELS, _models_cost), "toy": Task(("p", "q", "cost"))}

    task: Literal["models", "toy"] = Field(
        "models",
        title=T("What runs", "运行什么"),
        labels={"models": T("two models", "两个模型"), "toy": T("a pair to drag", "可拖动的一对分布")},
    )
    gamma: int = Field(4, ge=1, le=12, title=T("Guesses at a time γ", "每次猜测数 γ"))
    drafting: Literal["model", "lookup", "both", "exit"] = Field("model", title=T("Who guesses", "谁来猜"), labels=SOURCES)
    temperature: float = Field(
        0.7,
        ge=0,
        le=2,
        step=0.05,
        title=T("Temperature", "温度"),
        help=T("0 is greedy: always the likeliest token", "0 为贪心：总取最可能的词元"),
    )
    top_k: int = Field(
        0,
        ge=0,
        le=200,
        title=T("Only the likeliest k", "只留最可能的 k 个"),
        help=T("0 keeps all; both models are cut alike", "0 表示全留；两个模型同样截断"),
    )
    top_p: float = Field(1.0, ge=0.05, le=1, step=0.05, title=T("Only the mass p", "只留概率质量 p"))
    tokens_out: int = Field(80, ge=8, le=192, title=T("Tokens to write", "写出的词元数"))
    prompt: str = Field(PROMPT, max_length=4000, control="code", title=T("Prompt", "提示"))
    exit_layer: int = Field(
        2,
        ge=1,
        le=64,
        title=T("Layers before the exit", "退出前的层数"),
        when={"drafting": ["exit"]},
        help=T("at most all but one", "至多比总层数少一层"),
    )
    target: str = Field(
        EMBEDDED,
        max_length=200,
        control="text",
        title=T("Target model", "目标模型"),
        help=T("embedded, a Hub id, or folder:NAME", "embedded、Hub 名称或 folder:名称"),
    )
    draft: str = Field(EMBEDDED, max_length=200, control="text", title=T("Draft model", "草稿模型"))
    p: str = Field("0.45, 0.25, 0.15, 0.1, 0.05", max_length=120, control="text", title=T("Target's p", "目标的 p"))
    q: str = Field("0.2, 0.35, 0.1, 0.25, 0.1", max_length=120, control="text", title=T("Draft's q", "草稿的 q"))
    cost: float = Field(
        0.15,
        ge=0,
        le=1.5,
        step=0.01,
        title=T("Cost of a guess c", "一次猜测的代价 c"),
        help=T("in passes of the target", "以目标模型一次运算为单位"),
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, title=T("Seed", "种子"), control="seed")
