"""Speculative decoding: a draft guesses, the target checks many guesses in one pass, and the law stays the target's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from engine.core import Field, Params, Partial, Refused, experiment
from engine.core.experiments import Cost
from engine.language import code_model
from engine.language.models import EMBEDDED
from engine.language.speculative_decoding import formulas
from engine.language.speculative_decoding.racing import Budget, Costs, Payoff, Race, Sources, Sweep
from engine.language.speculative_decoding.tallying import Rates
from engine.language.speculative_decoding.toy import Toy, explore
from engine.language.speculative_decoding.tracing import Trace
from engine.language.speculative_decoding.wording import of_toy

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
WITH_MODELS, WITH_TOY = {"task": ["models"]}, {"task": ["toy"]}


class Speculate(Params):
    """Tokens written by speculative decoding: a draft guesses up to γ tokens, the target checks them in one pass.

    Or, as a toy, one pair of distributions for which everything is known exactly.
    """

    task: Literal["models", "toy"] = Field(
        "models", title="What runs", zh="运行什么",
        labels={"models": ("two models", "两个模型"), "toy": ("a pair to drag", "可拖动的一对分布")},
    )  # fmt: skip
    gamma: int = Field(4, ge=1, le=12, title="Guesses at a time γ", zh="每次猜测数 γ")
    drafting: Literal["model", "lookup", "both", "exit"] = Field(
        "model", title="Who guesses", zh="谁来猜", when=WITH_MODELS,
        labels={
            "model": ("draft model", "草稿模型"),
            "lookup": ("n-gram lookup", "文内查找"),
            "both": ("lookup, else the model", "先查找，再用模型"),
            "exit": ("early exit", "提前退出"),
        },
    )  # fmt: skip
    temperature: float = Field(
        0.7, ge=0, le=2, step=0.05, title="Temperature", zh="温度", when=WITH_MODELS,
        help=("0 is greedy: always the likeliest token", "0 为贪心：总取最可能的词元"),
    )  # fmt: skip
    top_k: int = Field(
        0, ge=0, le=200, title="Only the likeliest k", zh="只留最可能的 k 个", when=WITH_MODELS,
        help=("0 keeps all; both models are cut alike", "0 表示全留；两个模型同样截断"),
    )  # fmt: skip
    top_p: float = Field(1.0, ge=0.05, le=1, step=0.05, title="Only the mass p", zh="只留概率质量 p", when=WITH_MODELS)
    tokens_out: int = Field(80, ge=8, le=192, title="Tokens to write", zh="写出的词元数", when=WITH_MODELS)
    prompt: str = Field(PROMPT, max_length=4000, control="code", title="Prompt", zh="提示", when=WITH_MODELS)
    exit_layer: int = Field(
        2, ge=1, le=64, title="Layers before the exit", zh="退出前的层数",
        when={"task": ["models"], "drafting": ["exit"]},
        help=("at most all but one", "至多比总层数少一层"),
    )  # fmt: skip
    target: str = Field(
        EMBEDDED, max_length=200, control="text", title="Target model", zh="目标模型", when=WITH_MODELS,
        help=("embedded, a Hub id, or folder:NAME", "embedded、Hub 名称或 folder:名称"),
    )  # fmt: skip
    draft: str = Field(EMBEDDED, max_length=200, control="text", title="Draft model", zh="草稿模型", when=WITH_MODELS)
    p: str = Field(
        "0.45, 0.25, 0.15, 0.1, 0.05", max_length=120, control="text", title="Target's p", zh="目标的 p", when=WITH_TOY
    )
    q: str = Field(
        "0.2, 0.35, 0.1, 0.25, 0.1", max_length=120, control="text", title="Draft's q", zh="草稿的 q", when=WITH_TOY
    )
    cost: float = Field(
        0.15, ge=0, le=1.5, step=0.01, title="Cost of a guess c", zh="一次猜测的代价 c", when=WITH_TOY,
        help=("in passes of the target", "以目标模型一次运算为单位"),
    )  # fmt: skip
    seed: int = Field(0, ge=0, le=2**31 - 1, title="Seed", zh="种子", control="seed")


@dataclass(frozen=True)
class Models:
    """Which models ran: a line on each, their parameters, the prompt's tokens, the early exit's layers (0: none)."""

    target: tuple[str, str]
    draft: tuple[str, str]
    target_parameters: int
    draft_parameters: int
    prompt_tokens: int
    exit_layer: int


@dataclass(frozen=True)
class Speculated:
    """A speculative run and all that was measured around it. Fields that are not known yet, or not at all, are None.

    tokens: what was written, token by token. trace: every decision. acceptance_rate: accepted ÷ (accepted + rejected)
    over the decisions made, NaN where there were none. tokens_per_step: tokens to a pass of the target, of which there
    were target_calls; expected_tokens_per_step: (1 − α^(γ+1)) / (1 − α). cost_ratio: c, a guess's time over that of a
    target's pass. speedup: of the clock, over plain decoding; expected_speedup: (1 − α^(γ+1)) / ((1 − α)(γc + 1)).
    positions, token_kinds, temperatures: acceptance by place in the block, by kind of token, by temperature.
    race, costs, sweep, sources, budget, payoff: see `racing`. toy: see `toy`.
    finding: what it comes to, in English and in Chinese.
    """

    task: str
    gamma: int
    drafting: str
    tokens: tuple[str, ...]
    trace: Trace | None
    acceptance_rate: float
    tokens_per_step: float
    expected_tokens_per_step: float
    cost_ratio: float | None
    speedup: float | None
    expected_speedup: float | None
    target_calls: int
    finding: tuple[str, str]
    models: Models | None = None
    positions: Rates | None = None
    token_kinds: Rates | None = None
    temperatures: Rates | None = None
    race: Race | None = None
    costs: Costs | None = None
    sweep: Sweep | None = None
    sources: Sources | None = None
    budget: Budget | None = None
    payoff: Payoff | None = None
    toy: Toy | None = None
    backend: str = "torch, one thread"
    dtype: str = "float32"


def cost(params: Speculate) -> Cost:
    """The toy is instant; other models than the embedded ones may have to be fetched."""
    if params.task == "toy":
        return "instant"
    own = {"", EMBEDDED}
    return "seconds" if {params.target.strip().lower(), params.draft.strip().lower()} <= own else "minutes"


@experiment("speculative-decoding", cost=cost, warm_up=code_model.warm_up)
def speculative_decoding(params: Speculate) -> Iterator[Partial[Speculated]]:
    """Write with a draft and a target, then measure around it; the toy's result comes at once."""
    if params.task == "toy":
        yield Partial(dragged(params), 1.0)
        return
    from engine.language.speculative_decoding import alone, session

    yield from alone.stream(lambda: session.run(params))


def dragged(params: Speculate) -> Speculated:
    """The toy pair as a result. Raises `Refused`."""
    made = explore(params.p, params.q, params.gamma, params.cost, params.seed)
    return Speculated(
        "toy", params.gamma, "model", (), None, made.accepted / max(1, made.accepted + made.rejected),
        made.tokens / made.steps, float(formulas.tokens_per_step(made.alpha, params.gamma)), params.cost, None,
        float(formulas.speedup(made.alpha, params.gamma, params.cost)), made.steps, of_toy(made), toy=made,
        backend="numpy", dtype="float64",
    )  # fmt: skip


__all__ = ["Refused", "Speculate", "Speculated", "speculative_decoding"]
