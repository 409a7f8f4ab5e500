"""Verification as it is written: which of the draft's tokens the target keeps, and the one token it adds itself.

p (γ + 1, V): the target's distributions at the γ drafted places and after them; q (γ, V): the draft's at those places;
drafted (γ,): the tokens drawn from q; uniforms (γ + 1,): numbers in [0, 1), one a decision and one for the added token.
A row of p or q is used as weights: it need not sum to exactly one.
Source: Leviathan, Kalman & Matias 2023, algorithm 1; Chen et al. 2023, algorithm 2.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def accepts(p: float, q: float, uniform: float) -> bool:
    """Whether a token drafted with chance q > 0 is kept where the target's is p: with probability min(1, p/q)."""
    return bool(uniform * q < p)


def residual(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """(p − q)₊ scaled to sum to 1: what the target adds after a rejection. Shape (…, V).

    Where nothing is left (p = q up to rounding, when nothing is rejected either) it is p.
    """
    left = np.maximum(p - q, 0)
    mass = left.sum(-1, keepdims=True)
    return np.where(mass > 0, left, p) / np.where(mass > 0, mass, p.sum(-1, keepdims=True))


def draw(weights: np.ndarray, uniform: float) -> int:
    """The token at which the running sum of the weights (V,) first exceeds `uniform` of the whole.

    Never one of weight 0. Sums are accumulated in fp64 whatever the weights' dtype.
    """
    sums = weights.cumsum(dtype=np.float64)
    place = int(sums.searchsorted(uniform * sums[-1], side="right"))
    return place if place < len(weights) else int(np.flatnonzero(weights)[-1])


def verify(p: np.ndarray, q: np.ndarray, drafted: Sequence[int], uniforms: Sequence[float]) -> tuple[int, int]:
    """How many of the drafted tokens are kept, and the token that is added after them.

    The added one is drawn from the residual at the first rejection, or from p[γ] where all are kept (the bonus).
    """
    for place, token in enumerate(drafted):
        if not accepts(p[place, token], q[place, token], uniforms[place]):
            return place, draw(residual(p[place], q[place]), uniforms[-1])
    return len(drafted), draw(p[len(drafted)], uniforms[-1])
