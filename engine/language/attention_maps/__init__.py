"""Attention maps: what every head of a language model looks at in a text, and what it is worth.

The model runs once over a text; what is chosen afterwards (a head, a temperature) is read off what was kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import model_validator

from engine.core import Field, Params, Partial, Refused, experiment
from engine.core.experiments import Cost
from engine.language import models
from engine.language.attention_maps import (
    ablation,
    kinds,
    one_head,
    reading,
    reference,
    sampling,
    switches,
    wording,
)  # fmt: skip
from engine.language.attention_maps.ablation import Ablated
from engine.language.attention_maps.kinds import HeadKinds
from engine.language.attention_maps.lens import Lens
from engine.language.attention_maps.one_head import OneHead
from engine.language.attention_maps.opened import Opened, open_model
from engine.language.attention_maps.reading import Held, Reading, Store
from engine.language.attention_maps.sampling import NextToken

CODE = """\
def zigzag(qubits):
    for qubit in qubits:
        if qubit.marked:
            yield qubit.zigzag
    return zigzag(qu"""

_store = Store()


class AttentionMaps(Params):
    """A text read by a language model: every head's attention, kinds of heads, ablation, logit lens, sampling."""

    text: str = Field(CODE, max_length=4000, control="code", title="Text", zh="文本")
    model: str = Field(
        models.EMBEDDED, max_length=200, control="text", title="Model", zh="模型",
        help=("embedded, owner/name of the Hub, or folder:NAME", "embedded、Hub 上的 owner/name，或 folder:名称"),
    )  # fmt: skip
    layer: int = Field(4, ge=1, le=256, control="number", title="Layer", zh="层")
    head: int = Field(3, ge=1, le=1024, control="number", title="Head", zh="注意力头")
    ablate: str = Field(
        "", max_length=200, control="text", title="Heads switched off", zh="关闭的注意力头",
        help=("layer.head, such as 4.3, 5.*", "层.头，例如 4.3, 5.*"),
    )  # fmt: skip
    mask: Literal["causal", "sliding", "prefix"] = Field(
        "causal", title="Mask", zh="掩码",
        labels={"causal": ("causal", "因果"), "sliding": ("sliding window", "滑动窗口"), "prefix": ("prefix", "前缀")},
    )  # fmt: skip
    window: int = Field(16, ge=2, le=128, title="Window", zh="窗口", unit=("tokens", "词元"))
    prefix: int = Field(
        16, ge=1, le=128, title="Prefix", zh="前缀长度", unit=("tokens", "词元"), when={"mask": ["prefix"]}
    )
    tokens: int = Field(64, ge=8, le=128, title="Tokens read at most", zh="最多读入词元数")
    temperature: float = Field(1.0, ge=0, le=3, step=0.05, title="Temperature", zh="温度")
    top_k: int = Field(0, ge=0, le=200, title="Top-k (0: all)", zh="Top-k（0 为全部）")
    top_p: float = Field(1.0, ge=0, le=1, step=0.01, title="Top-p", zh="Top-p")
    draws: int = Field(1000, ge=1, le=1_000_000, title="Draws", zh="抽样次数")
    seed: int = Field(0, ge=0, le=2**31 - 1, control="seed", title="Seed", zh="种子")

    @model_validator(mode="after")
    def _heads_are_written_as_heads(self):
        switches.entries(self.ablate)
        return self


@dataclass(frozen=True)
class Attended:
    """What was found in one text. Letters: L layers, H heads, n tokens.

    tokens (n,): those that were read, of `given` in the text. attentions (L, H, n, n): weights, row query, column key.
    seen (n, n) bool: what the mask lets each query see. entropy (L, H): bits, the mean over queries that may choose;
    distance (L, H): tokens between query and key, likewise; entropy_even, distance_even: the same of a head that
    prefers nothing. rollout (L, n, n): `reference.rollout`. model: its description. findings: what is to be said.
    """

    tokens: tuple[str, ...]
    given: int
    attentions: np.ndarray
    seen: np.ndarray
    entropy: np.ndarray
    distance: np.ndarray
    entropy_even: float
    distance_even: float
    head_kinds: HeadKinds
    next_token: NextToken
    chosen: OneHead
    ablated: Ablated
    lens: Lens | None
    rollout: np.ndarray
    held: Held
    window: int
    model: tuple[str, str]
    findings: tuple[tuple[str, str], ...]
    backend: str = "torch"
    dtype: str = "float32"


def warm_up() -> None:
    """Import the libraries, load the embedded model, measure its heads: what a first use would have to wait for."""
    attention_maps(AttentionMaps(text=""))


def cost(params: AttentionMaps) -> Cost:
    """ "instant" where the passes are at hand, "seconds" with a model in memory, "minutes" where one must be brought.

    Raises `Refused` for a model that is not allowed here.
    """
    if not models.at_hand(params.model):
        return "minutes"
    return "instant" if _key(params) in _store and ("worth", *_key(params, whole=True)) in _store else "seconds"


def _key(params: AttentionMaps, *, whole: bool = False) -> tuple:
    off = () if whole else tuple(sorted(set(switches.entries(params.ablate))))
    prefix = params.prefix if params.mask == "prefix" else 0
    return params.model.strip(), params.text, params.mask, params.window, prefix, params.tokens, off


@experiment("attention-maps", cost=cost, warm_up=warm_up)
def attention_maps(params: AttentionMaps) -> Iterator[Partial[Attended]]:
    """Read the text with all heads and without those switched off, then measure what each head alone is worth.

    Source: Vaswani et al. 2017. Raises `Refused` for a model or a head that is not there, or a text without a token.
    """
    opened = open_model(params.model)
    everything = opened.loaded.encode(params.text)
    ids = everything[: min(params.tokens, opened.loaded.context)]
    if not ids:
        raise Refused("text must have at least one token; got none", "text 至少要有一个词元；现在没有", "text")
    off = switches.off(params.ablate, opened.layers, opened.heads)
    seen = None if params.mask == "causal" else reference.allowed(len(ids), params.mask, params.window, params.prefix)

    def read(heads: np.ndarray, key: tuple) -> Reading:
        return _store.get(key, lambda: reading.read(opened, ids, seen, heads, params.window))

    whole = read(np.zeros_like(off), _key(params, whole=True))
    found = read(off, _key(params)) if off.any() else whole
    measured = _store.get(("kinds", params.model.strip()), lambda: kinds.measure(opened))
    key = ("worth", *_key(params, whole=True))
    alone = np.full(off.shape, np.nan)
    if key not in _store:
        yield Partial(attended(params, opened, everything, found, whole, measured, off, alone), 0.1)
        for alone in ablation.each_alone(opened, ids, seen, whole.seen):
            done = float(np.isfinite(alone).mean())
            if done < 1:
                yield Partial(
                    attended(params, opened, everything, found, whole, measured, off, alone), 0.1 + 0.9 * done
                )
    alone = _store.get(key, lambda: alone)
    yield Partial(attended(params, opened, everything, found, whole, measured, off, alone), 1.0)


def attended(
    params: AttentionMaps, opened: Opened, ids: list[int], found: Reading, whole: Reading, measured: HeadKinds,
    off: np.ndarray, alone: np.ndarray,
) -> Attended:  # fmt: skip
    """The result from what is kept: nothing here runs the model."""
    n = len(found.losses)
    choosing = found.seen.sum(-1) > 1
    even = reference.even(found.seen)
    chosen = one_head.take_apart(found, params.layer, params.head)
    judged = ablation.judged(off, found.losses, whole.losses, alone)
    sampled = sampling.next_token(
        opened.loaded, found.logits, whole.logits, params.temperature, params.top_k, params.top_p,
        params.draws, params.seed,
    )  # fmt: skip

    def mean(rows: np.ndarray) -> np.ndarray:
        return rows[..., choosing].mean(-1) if choosing.any() else np.zeros(rows.shape[:-1])

    asked, taken = (params.layer, params.head), (chosen.layer, chosen.head)
    return Attended(
        tokens=tuple(opened.loaded.pieces(ids[:n])),
        given=len(ids),
        attentions=found.attentions,
        seen=found.seen,
        entropy=mean(found.entropy),
        distance=mean(found.distance),
        entropy_even=float(mean(reference.entropy(even))),
        distance_even=float(mean(reference.distance(even))),
        head_kinds=measured,
        next_token=sampled,
        chosen=chosen,
        ablated=judged,
        lens=found.lens,
        rollout=found.rollout,
        held=found.held,
        window=params.window,
        model=opened.loaded.description,
        findings=tuple(wording.findings(n, len(ids), asked, taken, params.mask, params.prefix, judged)),
    )
