"""Rotary positions inside linear attention: turned features are still a product, so a state can carry them.

N tokens, d features of a query or key, φ(x) = elu(x) + 1. Source: Su et al. 2021, eq. 19; Katharopoulos et al. 2020.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from engine.attention.position_encoding import rotation
from engine.attention.position_encoding.family import FAMILY, Encoding, Given, Places
from engine.attention.position_encoding.result import LinearRotary

TOKENS, WIDTH = 32, 8


def feature(x: np.ndarray) -> np.ndarray:
    """elu(x) + 1."""
    return np.where(x > 0, x + 1, np.exp(np.minimum(x, 0)))


def running(
    fq: Float[np.ndarray, "N F"], fk: Float[np.ndarray, "N F"], v: Float[np.ndarray, "N d"], sums: Float[np.ndarray, " N"]
) -> Float[np.ndarray, "N d"]:
    """Outputs token by token from a state of F x d numbers, each divided by its sum."""
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
        turned=weights,
        negative=float((weights[before > 0] < 0).mean()),
        state_gap=gap(running(turned_q, turned_k, v, sums)),
        moved_gap=gap(running(*moved, v, sums)),
        width=WIDTH,
        names=tuple(e.name for e in kept),
        titles=tuple(e.title for e in kept),
        singular=singular,
        ranks=(singular > 1e-9).sum(1),
    )


def bias(encoding: Encoding, given: Given) -> Float[np.ndarray, "N N"]:
    """What an encoding adds to the score of the query and key at hand, beyond q·k."""
    places = Places(np.arange(TOKENS), np.arange(TOKENS))
    return np.sum(encoding.terms(given, places)[1:], axis=0)
