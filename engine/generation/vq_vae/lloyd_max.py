"""Scalar quantisers of a law, exactly: the best one with K levels, and what any other loses.

Source: Lloyd 1957 (1982), Max 1960: each level is the mean of its cell, each border the middle of two levels.
"""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from engine.core.recent import remembered
from engine.generation.vq_vae.result import Scalar


def of(law: str, levels: ndarray) -> Scalar:
    """What the quantiser with these levels (K,), each number given to the nearest, is on the law."""
    at = np.sort(levels.astype(np.float64))
    borders = (at[1:] + at[:-1]) / 2
    shares, first, second = MOMENTS[law](borders)
    return Scalar(at, borders, shares, float((second - 2 * at * first + at**2 * shares).sum()))


def _normal(borders: ndarray) -> tuple[ndarray, ndarray, ndarray]:
    """∫ φ, ∫ x φ and ∫ x² φ over each cell, (K,) each: φ' = −x φ, and (x φ)' = φ − x² φ."""
    from scipy.special import ndtr

    edges = np.concatenate([[-np.inf], borders, [np.inf]])
    height = np.exp(-(edges**2) / 2) / np.sqrt(2 * np.pi)
    slope = np.concatenate([[0], borders * height[1:-1], [0]])
    shares = np.diff(ndtr(edges))
    return shares, -np.diff(height), shares - np.diff(slope)


def _uniform(borders: ndarray) -> tuple[ndarray, ndarray, ndarray]:
    """∫ 1, ∫ x and ∫ x² over what each cell has of [0, 1], (K,) each."""
    edges = np.concatenate([[0], borders, [1]]).clip(0, 1)
    return np.diff(edges), np.diff(edges**2) / 2, np.diff(edges**3) / 3


MOMENTS = {"normal": _normal, "uniform": _uniform}


@remembered(64)
def normal(levels: int) -> Scalar:
    """The best of the unit normal law, to 1e-12: Lloyd's rounds, each exact, sped up by Newton's on their equations."""
    from scipy.optimize import root
    from scipy.special import ndtri

    def means(at: ndarray) -> ndarray:
        shares, first, _ = _normal((at[1:] + at[:-1]) / 2)
        return first / shares

    at = ndtri((np.arange(levels) + 0.5) / levels)
    for _ in range(50):
        at = means(at)
    if levels > 1:
        at = root(lambda a: means(a) - a, at, tol=1e-14).x
    return of("normal", at)


def uniform(levels: int) -> Scalar:
    """The best of the uniform law on [0, 1]: equal cells, 1/(12 K²)."""
    return of("uniform", (np.arange(levels) + 0.5) / levels)


LAWS = {"normal": normal, "uniform": uniform}
