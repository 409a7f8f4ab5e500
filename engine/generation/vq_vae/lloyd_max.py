"""The best scalar quantiser of a law with K levels: what a trained one is judged by.

Source: Lloyd 1957 (1982), Max 1960: each level is the mean of its cell, each border the middle of two levels.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy import ndarray


@dataclass(frozen=True)
class Best:
    """levels: (K,) ascending. borders: (K − 1,). shares: (K,) of the law in each cell. distortion: the mean square."""

    levels: ndarray
    borders: ndarray
    shares: ndarray
    distortion: float

    @property
    def perplexity(self) -> float:
        return float(np.exp(-(self.shares * np.log(self.shares)).sum()))


@functools.cache
def normal(levels: int) -> Best:
    """Of the unit normal law, to 1e-12: Lloyd's rounds, each exact, sped up by Newton's on the levels' equations."""
    from scipy.optimize import root
    from scipy.special import ndtr, ndtri

    def cells(at: ndarray) -> tuple[ndarray, ndarray, ndarray]:
        borders = (at[1:] + at[:-1]) / 2
        edges = np.concatenate([[-np.inf], borders, [np.inf]])
        height = np.exp(-(edges**2) / 2) / np.sqrt(2 * np.pi)
        shares = np.diff(ndtr(edges))
        return borders, shares, (height[:-1] - height[1:]) / shares

    at = ndtri((np.arange(levels) + 0.5) / levels)
    for _ in range(50):
        at = cells(at)[2]
    if levels > 1:
        at = root(lambda a: cells(a)[2] - a, at, tol=1e-14).x
    borders, shares, means = cells(at)
    return Best(at, borders, shares, float(1 - (shares * means**2).sum()))


def uniform(levels: int) -> Best:
    """Of the uniform law on [0, 1]: equal cells, 1/(12 K²)."""
    at = (np.arange(levels) + 0.5) / levels
    return Best(at, np.arange(1, levels) / levels, np.full(levels, 1 / levels), 1 / (12 * levels**2))


LAWS = {"normal": normal, "uniform": uniform}
