"""From logits to the next token: temperature, top-k, top-p, draws. All on stored logits: the model is not run again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.language.models import Loaded

SHOWN = 24  # candidates


@dataclass(frozen=True)
class NextToken:
    """The likeliest tokens after the text, most likely first, m of them.

    ids (m,), tokens (m,): the candidates. probability (m,): as the model says; whole (m,): with all heads on. law (m,):
    after temperature, top-k and top-p; from it drawn (m,) of `draws` draws came. kept: how many tokens of the
    vocabulary can be drawn; share: what probability the model gave those. entropy, entropy_of_law: in bits.
    others: the probability of all tokens that are not listed.
    """

    ids: np.ndarray
    tokens: tuple[str, ...]
    probability: np.ndarray
    whole: np.ndarray
    law: np.ndarray
    drawn: np.ndarray
    draws: int
    kept: int
    share: float
    entropy: float
    entropy_of_law: float
    others: float


def softmax(z: np.ndarray) -> np.ndarray:
    """exp(z)/Σ exp(z) in float64; −∞ stays without a share."""
    z = z.astype(np.float64)
    e = np.exp(z - z.max())
    return e / e.sum()


def law(logits: np.ndarray, temperature: float, top_k: int, top_p: float) -> np.ndarray:
    """The distribution from which the next token is drawn, (vocabulary,).

    In this order: logits/temperature (0: the likeliest token alone); of those the `top_k` likeliest, ties kept
    (0: all); of those the likeliest until their shares reach `top_p`, at least one (Holtzman et al. 2020).
    """
    z = logits.astype(np.float64)
    if temperature == 0:
        found = np.zeros(len(z))
        found[int(z.argmax())] = 1.0
        return found
    z = (z - z.max()) / temperature
    if 0 < top_k < len(z):
        z = np.where(z >= np.partition(z, -top_k)[-top_k], z, -np.inf)
    if top_p < 1:
        p = softmax(z)
        order = np.argsort(-p, kind="stable")
        before = np.cumsum(p[order]) - p[order]  # the share of all that is likelier
        gone = before >= top_p
        gone[0] = False
        z[order[gone]] = -np.inf
    return softmax(z)


def draw(p: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """How often each token comes up in so many draws, (vocabulary,)."""
    return np.random.Generator(np.random.PCG64(seed)).multinomial(draws, p / p.sum())


def next_token(
    loaded: Loaded, logits: np.ndarray, whole: np.ndarray, temperature: float, top_k: int, top_p: float,
    draws: int, seed: int,
) -> NextToken:  # fmt: skip
    """The candidates after a text by logits (V,), and by those of the model with all its heads."""
    p, before = softmax(logits), softmax(whole)
    q = law(logits, temperature, top_k, top_p)
    count = draw(q, draws, seed)
    ids = np.argsort(-p, kind="stable")[:SHOWN]
    kept = q > 0
    return NextToken(
        ids, tuple(loaded.pieces(ids.tolist())), p[ids], before[ids], q[ids], count[ids], draws,
        kept=int(kept.sum()), share=float(p[kept].sum()), entropy=bits(p), entropy_of_law=bits(q),
        others=float(1 - p[ids].sum()),
    )  # fmt: skip


def bits(p: np.ndarray) -> float:
    """Entropy of a distribution in bits."""
    return float(np.abs((p * np.log2(np.where(p > 0, p, 1.0))).sum()))
