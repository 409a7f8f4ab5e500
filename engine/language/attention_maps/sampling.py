"""From logits to the next token: a rule, draws. All on stored logits: the model is not run again."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from engine.language.attention_maps.result import NextToken
from engine.language.models import Loaded
from engine.language.sampling import Rule

SHOWN = 24  # candidates


def law(logits: Float[np.ndarray, " V"], rule: Rule) -> Float[np.ndarray, " V"]:
    """The distribution from which the next token is drawn, in float64."""
    import torch

    return rule.probabilities(torch.from_numpy(logits.astype(np.float64))[None])[0]


def draw(p: Float[np.ndarray, " V"], draws: int, seed: int) -> Int[np.ndarray, " V"]:
    """How often each token comes up in so many draws."""
    return np.random.Generator(np.random.PCG64(seed)).multinomial(draws, p / p.sum())


def next_token(
    loaded: Loaded, read: list[int], logits: Float[np.ndarray, " V"], whole: Float[np.ndarray, " V"], rule: Rule, draws: int, seed: int
) -> NextToken:
    """The candidates after the tokens that were read, by logits, and by those of the model with all its heads."""
    p, before, q = law(logits, Rule()), law(whole, Rule()), law(logits, rule)
    count = draw(q, draws, seed)
    ids = np.argsort(-p, kind="stable")[:SHOWN]
    kept = q > 0
    return NextToken(
        ids,
        tuple(loaded.after(read, ids.tolist())),
        p[ids],
        before[ids],
        q[ids],
        count[ids],
        draws,
        kept=int(kept.sum()),
        share=1.0 if kept.all() else float(p[kept].sum()),  # a sum of all would miss 1 by rounding
        entropy=bits(p),
        entropy_of_law=bits(q),
        others=max(0.0, float(1 - p[ids].sum())),
    )


def bits(p: Float[np.ndarray, " V"]) -> float:
    """Entropy of a distribution in bits."""
    return float(np.abs((p * np.log2(np.where(p > 0, p, 1.0))).sum()))
