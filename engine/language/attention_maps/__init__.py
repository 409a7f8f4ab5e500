"""Attention maps: what every head of a language model looks at in a text, and what it is worth.

The model runs once over a text; what is chosen afterwards (a head, a temperature) is read off what was kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from engine.core import Partial, Refused, T, experiment, gather
from engine.core.params import Cost
from engine.core.recent import Recent
from engine.language import models
from engine.language.attention_maps import ablation, findings, kinds, one_head, reading, reference, sampling, switches
from engine.language.attention_maps.opened import Opened, open_model
from engine.language.attention_maps.parameters import AttentionMaps
from engine.language.attention_maps.reading import Reading
from engine.language.attention_maps.result import Attended, HeadKinds
from engine.language.sampling import Rule

CAPACITY = 128 * 2**20  # bytes of readings that stay at hand
_store: Recent[Any] = Recent(CAPACITY)


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
    window = params.window if params.mask == "sliding" else 0
    return params.model.strip(), params.text, params.mask, window, prefix, params.tokens, off


def _kept(key: tuple, make: Callable[[], Any]) -> Any:
    """What is kept under the key, made where there is nothing (any more)."""
    found = _store.get(key)
    if found is None:
        found = make()
        _store.put(key, found)
    return found


@experiment("attention-maps", cost=cost, warm_up=warm_up)
def attention_maps(params: AttentionMaps) -> Iterator[Partial[Attended]]:
    """Read the text with all heads and without those switched off, then measure what each head alone is worth.

    Source: Vaswani et al. 2017. Raises `Refused` for a model or a head that is not there, or a text without a token.
    """
    opened = open_model(params.model)
    everything = opened.loaded.encode(params.text)
    ids = everything[: min(params.tokens, opened.loaded.context)]
    if not ids:
        raise Refused(T("text must have at least one token; got none", "text 至少要有一个词元；现在没有"), "text")
    off = switches.off(params.ablate, opened.layers, opened.heads)
    seen = None if params.mask == "causal" else reference.allowed(len(ids), params.mask, params.window, params.prefix)

    def read(heads: np.ndarray, key: tuple) -> Reading:
        return _kept(key, lambda: reading.read(opened, ids, seen, heads))

    whole = read(np.zeros_like(off), _key(params, whole=True))
    found = read(off, _key(params)) if off.any() else whole
    measured = _kept(("kinds", params.model.strip()), lambda: kinds.measure(opened))
    key = ("worth", *_key(params, whole=True))
    alone = np.full(off.shape, np.nan)
    if key not in _store:
        yield Partial(attended(params, opened, everything, found, whole, measured, off, alone), 0.1)
        for alone in ablation.each_alone(opened, ids, seen, whole.seen):
            done = float(np.isfinite(alone).mean())
            if done < 1:
                yield Partial(attended(params, opened, everything, found, whole, measured, off, alone), 0.1 + 0.9 * done)
    alone = _kept(key, lambda: alone)
    yield Partial(attended(params, opened, everything, found, whole, measured, off, alone), 1.0)


def attended(
    params: AttentionMaps,
    opened: Opened,
    ids: list[int],
    found: Reading,
    whole: Reading,
    measured: HeadKinds,
    off: np.ndarray,
    alone: np.ndarray,
) -> Attended:
    """The result from what is kept: nothing here runs the model."""
    n, read = len(found.losses), ids[: len(found.losses)]
    choosing = found.seen.sum(-1) > 1
    even = reference.even(found.seen)
    chosen = one_head.take_apart(found, params.layer, params.head)
    judged = ablation.judged(off, found.losses, whole.losses, alone)
    rule = Rule(params.temperature, params.top_k, params.top_p)
    sampled = sampling.next_token(opened.loaded, read, found.logits, whole.logits, rule, params.draws, params.seed)

    def mean(rows: np.ndarray) -> np.ndarray:
        return rows[..., choosing].mean(-1) if choosing.any() else np.zeros(rows.shape[:-1])

    asked, taken = (params.layer, params.head), (chosen.layer, chosen.head)
    return Attended(
        tokens=tuple(opened.loaded.pieces(read)),
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
        model=opened.loaded.description,
        findings=gather(*findings.of_text(n, len(ids), asked, taken, params.mask, params.prefix, judged)),
    )
