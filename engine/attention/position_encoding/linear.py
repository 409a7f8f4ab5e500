"""Rotary positions inside linear attention: turned features are still a product, so a state can carry them.

N tokens, d features of a query or key, φ(x) = elu(x) + 1. Source: Su et al. 2021, eq. 19; Katharopoulos et al. 2020.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.attention.position_encoding import rotation
from engine.attention.position_encoding.family import FAMILY, Given, Places

TOKENS, WIDTH = 32, 8


@dataclass(frozen=True)
class LinearRotary:
    """weights, turned: (N, N) of causal linear attention without and with rotation, rows divided by the plain sums.
    negative: share of the turned weights below 0. state_gap: largest difference between outputs of the running state
    and of the whole matrix, over the largest output. moved_gap: the same when all positions move. width: d.
    names, titles: encodings. singular: (e, N) singular values of φ(q)·φ(k) as each encoding changes it, over the
    largest: rotation works on q and k, the others multiply the product by exp of what they add to a score.
    ranks: (e,) how many are above 1e−9: a state of d rows can carry d.
    """

    weights: np.ndarray
    turned: np.ndarray
    negative: float
    state_gap: float
    moved_gap: float
    width: int
    names: tuple[str, ...]
    titles: tuple[tuple[str, str], ...]
    singular: np.ndarray
    ranks: np.ndarray


def feature(x: np.ndarray) -> np.ndarray:
    """elu(x) + 1."""
    return np.where(x > 0, x + 1, np.exp(np.minimum(x, 0)))


def running(fq: np.ndarray, fk: np.ndarray, v: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """(N, d): outputs token by token from a state of d x d numbers, each divided by sums (N,)."""
    state, out = np.zeros((fk.shape[1], v.shape[1])), np.empty_like(v)
    for i in range(len(v)):
        state += np.outer(fk[i], v[i])
        out[i] = fq[i] @ state
    return out / sums[:, None]


def linear_rotary(given: Given, base_rates: np.ndarray, shift: int) -> LinearRotary:
    """An example of N random tokens of `WIDTH` features; base_rates (WIDTH / 2,) turn them, `shift` moves them all."""
    x = given.drawn("tokens", 3, TOKENS, WIDTH)
    fq, fk, v = feature(x[0]), feature(x[1]), x[2]
    at = np.arange(TOKENS)
    before = np.tri(TOKENS)
    plain = fq @ fk.T
    sums = (plain * before).sum(1)
    turned_q, turned_k = (rotation.turn(f, at[:, None] * base_rates) for f in (fq, fk))
    weights = turned_q @ turned_k.T * before / sums[:, None]
    out = weights @ v
    moved = [rotation.turn(f, (at + shift)[:, None] * base_rates) for f in (fq, fk)]
    gap = lambda other: float(np.abs(other - out).max() / np.abs(out).max())  # noqa: E731
    kept = [one for one in FAMILY if one.name in ("rotary", "alibi", "t5", "shaw", "xlnet", "deberta")]
    products = [turned_q @ turned_k.T if e.name == "rotary" else plain * np.exp(bias(e, given)) for e in kept]
    singular = np.linalg.svd(np.stack(products), compute_uv=False)
    singular /= singular[:, :1]
    return LinearRotary(
        weights=plain * before / sums[:, None], turned=weights, negative=float((weights[before > 0] < 0).mean()),
        state_gap=gap(running(turned_q, turned_k, v, sums)), moved_gap=gap(running(*moved, v, sums)), width=WIDTH,
        names=tuple(e.name for e in kept), titles=tuple(e.title for e in kept), singular=singular,
        ranks=(singular > 1e-9).sum(1),
    )  # fmt: skip


def bias(encoding, given: Given) -> np.ndarray:
    """(N, N): what an encoding adds to the score of the query and key at hand, beyond q·k."""
    places = Places(np.arange(TOKENS), np.arange(TOKENS))
    return np.sum(encoding.terms(given, places)[1:], axis=0)
