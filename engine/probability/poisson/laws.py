"""The exact laws of a Poisson process on [0, t]: what every measurement is held against.

Letters: λ `rate`, t `window`, μ = λt `mean`. All laws are exact for the finite window; rounding aside, nothing is
a limit unless its name says so.
"""

from __future__ import annotations

import numpy as np
from scipy import special

STIRLING_FROM = 16
TINY = 1e-300
LADDER_STEPS = (1, 1.5, 2, 3, 5, 7)  # the rungs of a decade


def support(mean: float) -> np.ndarray:
    """Consecutive counts (k,) around `mean` that carry all but about 1e-15 of the Poisson law."""
    reach = 8 * mean**0.5 + 12
    return np.arange(max(0, int(mean - reach)), int(mean + reach) + 1)


def pmf(k: np.ndarray, mean: np.ndarray | float) -> np.ndarray:
    """P(N = k) = e^{-μ} μ^k / k! for whole k >= 0 and μ >= 0 (broadcast together), to about 1e-12 relative.

    From k = 16 on by the saddle point, since μ^k / k! loses digits as its two logarithms grow alike.
    Source: C. Loader, "Fast and accurate computation of binomial probabilities", 2000.
    """
    k = np.asarray(k, dtype=float)
    small = special.xlogy(k, mean) - mean - special.gammaln(k + 1)
    n, mean = np.maximum(k, STIRLING_FROM), np.maximum(mean, TINY)
    deviance = n * np.log1p((n - mean) / mean) - (n - mean)
    stirling = (1 / 12 - (1 / 360 - (1 / 1260 - 1 / (1680 * n**2)) / n**2) / n**2) / n
    large = -deviance - stirling - 0.5 * np.log(2 * np.pi * n)
    return np.exp(np.where(k < STIRLING_FROM, small, large))


def at_least(k: np.ndarray, mean: float) -> np.ndarray:
    """P(N >= k), by the waiting time: the k-th arrival has come by t. The regularised incomplete gamma function."""
    k = np.asarray(k, dtype=float)
    return np.where(k <= 0, 1.0, special.gammainc(np.maximum(k, 1), mean))


def gap_survival(x: np.ndarray, rate: float) -> np.ndarray:
    """P(gap > x) = e^{-λx}."""
    return np.exp(-rate * np.asarray(x, dtype=float))


def gap_density(x: np.ndarray, rate: float) -> np.ndarray:
    """λ e^{-λx}."""
    return rate * np.exp(-rate * np.asarray(x, dtype=float))


def erlang_survival(x: np.ndarray, k: int, rate: float) -> np.ndarray:
    """P(the k-th arrival comes after x) = P(fewer than k arrivals by x)."""
    return special.gammaincc(k, rate * np.asarray(x, dtype=float))


def erlang_density(x: np.ndarray, k: int, rate: float) -> np.ndarray:
    """λ (λx)^{k-1} e^{-λx} / (k-1)!, the density of the k-th arrival time."""
    return rate * pmf(k - 1, rate * np.asarray(x, dtype=float))


def inspected_survival(x: np.ndarray, rate: float, window: float) -> np.ndarray:
    """P(L > x) for the gap L that covers a moment S, uniform on [0, t], of a process started at 0.

    The gap reaches back to the last arrival or to 0, whichever is later, so P(L > x | S) = e^{-λx}(1 + λ min(x, S)).
    """
    x = np.asarray(x, dtype=float)
    return np.exp(-rate * x) * (1 + rate * _mean_of_lesser(x, window))


def inspected_density(x: np.ndarray, rate: float, window: float) -> np.ndarray:
    """The density of `inspected_survival`; for x far below t it nears the size-biased λ² x e^{-λx}."""
    x = np.asarray(x, dtype=float)
    return rate * np.exp(-rate * x) * (rate * _mean_of_lesser(x, window) + np.minimum(x / window, 1))


def _mean_of_lesser(x: np.ndarray, window: float) -> np.ndarray:
    """E min(x, S), S uniform on [0, t]."""
    return np.where(x < window, x - x * x / (2 * window), window / 2)


def inspected_mean(rate: float, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Mean length of the gap that covers a moment uniform on [low, high]: that of (2 - e^{-λs}) / λ over it.

    It starts at 1/λ for s = 0 and nears 2/λ.
    """
    low, high = np.asarray(low, dtype=float), np.asarray(high, dtype=float)
    width = rate * (high - low)
    return (2 - np.exp(-rate * low) * -np.expm1(-width) / width) / rate


def order_statistic_share(edges: np.ndarray, j: int, n: int) -> np.ndarray:
    """Chances that the j-th of n uniform points on [0, 1] falls between consecutive `edges`: Beta(j, n + 1 - j)."""
    return np.diff(special.betainc(j, n + 1 - j, edges))


def varying_rate(at: np.ndarray, rate: float, depth: float, period: float) -> np.ndarray:
    """λ(s) = λ (1 + a sin(2π s / P)), arrivals per unit of time; a `depth` from 0 to 1."""
    return rate * (1 + depth * np.sin(2 * np.pi * np.asarray(at, dtype=float) / period))


def varying_integral(low: np.ndarray, high: np.ndarray, rate: float, depth: float, period: float) -> np.ndarray:
    """Expected arrivals between `low` and `high`: the integral of `varying_rate`.

    The difference of cosines is written as a product, which keeps its digits on short spans.
    """
    low, high = np.asarray(low, dtype=float), np.asarray(high, dtype=float)
    swing = np.sin(np.pi * (high + low) / period) * np.sin(np.pi * (high - low) / period)
    return rate * (high - low) + rate * depth * period / np.pi * swing


def ladder(mean: float, most: int) -> np.ndarray:
    """Numbers of trials n (r,), round ones, from the least with μ/n <= 1 up to `most` (raised to that least)."""
    first = max(1, int(np.ceil(mean)))
    last = max(first, most)
    decades = 10.0 ** np.arange(0, np.ceil(np.log10(last)) + 1)
    rungs = np.outer(decades, LADDER_STEPS).ravel()
    rungs = rungs[(rungs == np.rint(rungs)) & (rungs > first) & (rungs < last)]
    return np.unique(np.array([first, *rungs, last], dtype=np.int64))


def binomial_excess(trials: np.ndarray, mean: float, poisson: np.ndarray) -> np.ndarray:
    """Binomial(n, μ/n) minus Poisson(μ) (r, k) for n in `trials` (r,) >= μ, at the counts 0 … k - 1 of `poisson` (k,).

    From the logarithm of the ratio of the two laws, so that the difference keeps its digits when n is large.
    Beyond n the binomial law is 0 and the excess is minus the Poisson tail.
    """
    k, n = np.arange(len(poisson)), trials[:, None]
    falling = np.zeros((len(trials), len(k)))  # log of n (n-1) … (n-k+1) / n^k
    with np.errstate(divide="ignore"):  # log 0 = -inf is the chance 0 of more than n successes
        np.cumsum(np.log1p(-np.minimum(k[:-1] / n, 1.0)), axis=1, out=falling[:, 1:])
    log_ratio = falling + special.xlog1py(np.maximum(n - k, 0), -mean / n) + mean
    return poisson * np.expm1(log_ratio)
