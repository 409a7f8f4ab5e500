"""The same tokens through softmax and through each feature map: the maps themselves, their error, rank and entropy.

n tokens, d numbers to a query or key, k maps, softmax first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.attention.linear_attention import features
from engine.attention.linear_attention.features import divided
from engine.attention.linear_attention.recurrence import kept
from engine.attention.linear_attention.rotary import rotate

NAMES = ("softmax", "elu", "relu", "exp", "performer", "orthogonal")
TITLES = (
    ("softmax", "softmax"),
    ("elu + 1", "elu + 1"),
    ("relu", "relu"),
    ("exp, entry by entry", "逐元素 exp"),
    ("random features", "随机特征"),
    ("orthogonal random features", "正交随机特征"),
)
TOPICS = 5
RANK_TOLERANCE = 1e-10
Features = dict[str, tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Tokens:
    """An example: topics (n,) that come and go, and q, k, v (n, d) such that tokens of one topic attend to each other.

    q and k carry the fourth root of 1/d each, so that their product is the softmax score.
    """

    topics: np.ndarray
    q: np.ndarray
    k: np.ndarray
    v: np.ndarray


@dataclass(frozen=True)
class Maps:
    """Every way of weighing the tokens. weights (k, n, n): rows sum to 1, or to 0 where a token gets no weight at all.

    raw (k, n, n): before the division. outputs (k, n, d). features (k,): numbers to a token after the map, 0 for
    softmax. error, raw_error (k,): relative, of the outputs against softmax's, and of those that were never divided.
    distance (k,): half the sum of |difference of weights|, mean over rows. entropies (k, n), entropy (k,): of each row
    in nats, and their mean (NaN where weights turn negative). singular_values (k, n), rank, effective_rank (k,): of the
    map without mask and decay, which no feature map of F features lifts above F; effective rank is the exponential of
    the entropy of the singular values.
    """

    weights: np.ndarray
    raw: np.ndarray
    outputs: np.ndarray
    features: np.ndarray
    error: np.ndarray
    raw_error: np.ndarray
    distance: np.ndarray
    entropies: np.ndarray
    entropy: np.ndarray
    singular_values: np.ndarray
    rank: np.ndarray
    effective_rank: np.ndarray


def example(n: int, d: int, sharpness: float, seed: int) -> Tokens:
    """Tokens of a few topics that change now and then; `sharpness` scales the scores."""
    generator = np.random.Generator(np.random.SFC64(seed))
    centres = generator.standard_normal((TOPICS, d))
    changes = generator.random(n) < 0.25
    drawn = generator.integers(TOPICS, size=n)
    topics = drawn[np.maximum.accumulate(np.where(changes | (np.arange(n) == 0), np.arange(n), 0))]
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


def all_maps(tokens: Tokens, pairs: Features, causal: bool, decay: float, rotary_base: float | None) -> Maps:
    """Every map on the same tokens. Decay, causal only, is the linear maps' own.

    With a rotary base, features are rotated in what is summed, not in what divides (Su et al. 2021, eq. 19), and
    softmax's queries and keys are rotated as usual.
    """
    n, q, k = len(tokens.q), tokens.q, tokens.k
    below = np.stack([np.empty((n, n)), *(fq @ fk.T for fq, fk in pairs.values())])
    above = below if rotary_base is None else below.copy()
    if rotary_base is not None:
        q, k = rotate(q, rotary_base), rotate(k, rotary_base)
        for row, (fq, fk) in enumerate(pairs.values(), 1):
            above[row] = rotate(fq, rotary_base) @ rotate(fk, rotary_base).T
    below[0] = above[0] = np.exp(q @ k.T)
    left = np.stack([kept(n, causal, 1.0), kept(n, causal, decay)])[[0] + [1] * len(pairs)]
    weights = divided(above * left, (below * left).sum(2, keepdims=True))
    whole = divided(above, below.sum(2, keepdims=True)) if causal else weights
    return _describe(weights, above * left, whole, tokens.v, [0, *(fq.shape[1] for fq, _ in pairs.values())])


def _describe(weights: np.ndarray, raw: np.ndarray, whole: np.ndarray, v: np.ndarray, counts: list[int]) -> Maps:
    outputs, undivided = weights @ v, raw @ v
    size = np.linalg.norm(outputs[0])
    error, raw_error = (np.sqrt(((x - outputs[0]) ** 2).sum((1, 2))) / size for x in (outputs, undivided))
    singular = np.linalg.svd(whole, compute_uv=False)
    rank = (singular > RANK_TOLERANCE * singular[:, :1]).sum(1)
    shares = divided(singular, singular.sum(1, keepdims=True))
    entropies = np.where((weights < 0).any(2), np.nan, _entropy(np.maximum(weights, 0)))
    return Maps(
        weights, raw, outputs, np.array(counts), error, raw_error,
        np.abs(weights - weights[0]).sum(2).mean(1) / 2, entropies, entropies.mean(1), singular, rank,
        np.where(rank > 0, np.exp(_entropy(shares)), 0.0),
    )  # fmt: skip


def _entropy(p: np.ndarray) -> np.ndarray:
    """Entropy of each row in nats, 0 log 0 being 0."""
    return -(p * np.log(np.where(p > 0, p, 1.0))).sum(-1)
