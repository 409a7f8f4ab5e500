"""The same tokens through softmax and through each feature map: the maps themselves, their error, rank and entropy."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from engine.attention.linear_attention import features
from engine.attention.linear_attention.features import divided
from engine.attention.linear_attention.parameters import MAPS
from engine.attention.linear_attention.recurrence import kept
from engine.attention.linear_attention.result import Maps

TOPICS = 5
RANK_TOLERANCE = 1e-10
Features = dict[str, tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Tokens:
    """An example: topics that come and go, and q, k, v such that tokens of one topic attend to each other.

    q and k carry the fourth root of 1/d each, so that their product is the softmax score.
    """

    topics: Int[np.ndarray, " n"]
    q: Float[np.ndarray, "n d"]
    k: Float[np.ndarray, "n d"]
    v: Float[np.ndarray, "n d"]


def example(n: int, d: int, sharpness: float, seed: int, letters: str = "") -> Tokens:
    """Tokens of a few topics that change now and then, or a topic for each distinct letter, the most frequent first;
    `sharpness` scales the scores."""
    generator = np.random.Generator(np.random.SFC64(seed))
    alike = [letter for letter, _ in Counter(letters).most_common()]
    n = len(letters) or n
    centres = generator.standard_normal((max(TOPICS, len(alike)), d))
    changes = generator.random(n) < 0.25
    candidates = generator.integers(TOPICS, size=n)
    drawn = candidates[np.maximum.accumulate(np.where(changes | (np.arange(n) == 0), np.arange(n), 0))]
    topics = np.array([alike.index(letter) for letter in letters]) if letters else drawn
    x = 0.8 * centres[topics] + 0.6 * generator.standard_normal((n, d))
    turn = np.eye(d) + 0.3 * generator.standard_normal((d, d)) / np.sqrt(d)
    scale = np.sqrt(sharpness) / d**0.25
    v = centres[topics] + 0.3 * generator.standard_normal((n, d))
    return Tokens(topics, scale * x @ turn, scale * x, v)


def mapped(tokens: Tokens, m: int, seed: int) -> Features:
    """phi(q) and phi(k) by name of the map, for m random features."""
    q, k = tokens.q, tokens.k
    plain = {"elu": features.elu, "relu": features.relu, "exp": np.exp}
    pairs = {name: (phi(q), phi(k)) for name, phi in plain.items()}
    for name in ("performer", "orthogonal"):
        generator = np.random.Generator(np.random.SFC64(seed + 1))
        omega = features.directions(m, q.shape[1], name == "orthogonal", generator)
        pairs[name] = features.positive(q, omega), features.positive(k, omega)
    return pairs


def all_maps(tokens: Tokens, pairs: Features, causal: bool, decay: float) -> Maps:
    """Every map on the same tokens. Decay, causal only, is the linear maps' own."""
    n = len(tokens.q)
    products = np.stack([np.exp(tokens.q @ tokens.k.T), *(fq @ fk.T for fq, fk in pairs.values())])
    left = np.stack([kept(n, causal, 1.0), kept(n, causal, decay)])[[0] + [1] * len(pairs)]
    raw = products * left
    weights = divided(raw, raw.sum(2, keepdims=True))
    whole = divided(products, products.sum(2, keepdims=True)) if causal else weights
    outputs, undivided = weights @ tokens.v, raw @ tokens.v
    size = np.linalg.norm(outputs[0])
    error, raw_error = (np.sqrt(((x - outputs[0]) ** 2).sum((1, 2))) / size for x in (outputs, undivided))
    singular = np.linalg.svd(whole, compute_uv=False)
    rank = (singular > RANK_TOLERANCE * singular[:, :1]).sum(1)
    entropies = _entropy(weights)
    seen = np.arange(1, n + 1) if causal else np.full(n, n)
    return Maps(
        names=tuple(MAPS),
        titles=tuple(MAPS.values()),
        weights=weights,
        outputs=outputs,
        features=np.array([0, *(fq.shape[1] for fq, _ in pairs.values())]),
        error=error,
        raw_error=raw_error,
        distance=np.abs(weights - weights[0]).sum(2).mean(1) / 2,
        entropies=entropies,
        entropy=entropies.mean(1),
        entropy_bound=np.log(seen),
        singular_values=singular,
        rank=rank,
        effective_rank=np.where(rank > 0, np.exp(_entropy(divided(singular, singular.sum(1, keepdims=True)))), 0.0),
    )


def _entropy(p: Float[np.ndarray, "*rows n"]) -> Float[np.ndarray, "*rows"]:
    """Entropy of each row in nats, 0 log 0 being 0."""
    return -(p * np.log(np.where(p > 0, p, 1.0))).sum(-1)
