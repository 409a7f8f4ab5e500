"""Feature maps phi, with which phi(q) . phi(k) stands in for exp(q . k), and how far random ones stray from it.

Rows are tokens; d numbers to a token, m random features. Sources: Katharopoulos et al. 2020 (elu + 1); Choromanski et
al. 2021, "Performer", lemmas 1 and 2 (positive random features, their variance, orthogonal directions).
"""

from __future__ import annotations

import functools
import math

import numpy as np

from engine.attention.linear_attention.result import Variance

EPS = 1e-6  # the operator adds it to the sum of weights that divides, which a feature map with zeros can bring to 0
REPEATS = 128
MOST = 64  # features at once
TERMS = 48  # of the series below: beyond, 1 / i! is nothing against the first for |z|² / 2 up to 4.5


def elu(x: np.ndarray) -> np.ndarray:
    """elu(x) + 1: x + 1 above 0, exp(x) below."""
    return np.where(x > 0, x + 1, np.exp(np.minimum(x, 0)))


def relu(x: np.ndarray) -> np.ndarray:
    """max(x, 0), which may give a token no weight at all."""
    return np.maximum(x, 0)


def divided(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """above / below; 0 where the weights sum to 0, as a map with zeros can bring about."""
    return above / np.where(below == 0, 1.0, below)


def directions(m: int, d: int, orthogonal: bool, generator: np.random.Generator) -> np.ndarray:
    """m Gaussian directions (m, d); orthogonal within blocks of d, their lengths still those of Gaussian vectors."""
    gaussian = generator.standard_normal((m, d))
    if not orthogonal:
        return gaussian
    blocks = generator.standard_normal((math.ceil(m / d), d, d))
    rotation, upper = np.linalg.qr(blocks)
    # The uniform law over rotations, which QR's own choice of signs is not.
    rotation = rotation * np.sign(np.diagonal(upper, axis1=1, axis2=2))[:, None, :]
    return rotation.reshape(-1, d)[:m] * np.linalg.norm(gaussian, axis=1, keepdims=True)


def positive(x: np.ndarray, omega: np.ndarray) -> np.ndarray:
    """Performer's features exp(omega . x - |x|^2 / 2) / sqrt(m): (n, d), (m, d) -> (n, m)."""
    return np.exp(x @ omega.T - (x**2).sum(1, keepdims=True) / 2) / math.sqrt(len(omega))


def relative_variance(squared: np.ndarray | float, m: np.ndarray | int) -> np.ndarray | float:
    """Var / exp(x . y)^2 = (exp(|x + y|^2) - 1) / m for independent directions; `squared` is |x + y|^2 (lemma 2)."""
    return np.expm1(squared) / m


@functools.cache
def _orders(d: int) -> np.ndarray:
    """Coefficients, highest first, of E exp((w_1 + w_2) . z) in |z|^2 / 2, for w_1 and w_2 of one orthogonal block.

    For independent directions the coefficient of order i + j is the sum of 1 / (i! j!). Orthogonal ones (chi_d lengths,
    a uniform frame) multiply each term by G(i) G(j) / (G(0) G(i+j)) <= 1 with G(i) = Gamma(d/2 + i): the moments of
    the lengths over those of a uniform unit vector.
    """
    i = np.arange(TERMS)
    steps = (d / 2 + i[:-1]) / (d / 2 + i[:, None] + i[:-1])
    ratio = np.concatenate([np.ones((TERMS, 1)), np.cumprod(steps, axis=1)], axis=1)
    inverse = np.cumprod(np.concatenate([[1.0], 1 / i[1:]]))  # 1 / i!
    terms = ratio * inverse[:, None] * inverse
    return np.array([np.trace(terms[:, ::-1], TERMS - 1 - order) for order in reversed(range(TERMS))])


def orthogonal_variance(squared: np.ndarray | float, m: np.ndarray | int, d: int) -> np.ndarray | float:
    """The same for directions that are orthogonal within blocks of d; never more."""
    squared, m = np.asarray(squared, dtype=float), np.asarray(m)
    covariance = np.polyval(_orders(d), squared / 2) * np.exp(-squared) - 1
    full, rest = np.divmod(m, d)
    pairs = full * d * (d - 1) + rest * (rest - 1)
    return (m * np.expm1(squared) + pairs * covariance) / m.astype(float) ** 2


def variances(d: int, radius: float, angle: float, at: int, seed: int) -> Variance:
    """Measured and exact variance for x and y of length `radius`, `angle` degrees apart, in d dimensions.

    Only the projections on x + y matter: for a block of orthogonal directions the coordinates of a uniform unit vector
    times independent chi_d lengths. With each coordinate taken from another repeat they are independent, so that both
    ways are measured on the same numbers.
    """
    generator = np.random.Generator(np.random.SFC64(seed))
    along = lambda degrees: 2 * radius**2 * (1 + np.cos(np.radians(degrees)))  # noqa: E731  |x + y|^2
    squared = float(along(angle))
    numbers = 2 ** np.arange(7)
    blocks = generator.standard_normal((REPEATS, math.ceil(MOST / d), d))
    unit = blocks / np.sqrt((blocks**2).sum(2, keepdims=True))
    orthogonal = unit * np.sqrt(2 * generator.standard_gamma(d / 2, unit.shape))
    column = np.arange(d)
    independent = orthogonal[(np.arange(REPEATS)[:, None] + column) % REPEATS, :, column].transpose(0, 2, 1)
    measured = [m for projections in (independent, orthogonal) for m in _spread(projections, squared, numbers)]
    angles = np.linspace(0, 180, 61)
    return Variance(
        numbers,
        measured[0],
        measured[1],
        relative_variance(squared, numbers),
        measured[2],
        measured[3],
        orthogonal_variance(squared, numbers, d),
        REPEATS,
        angles,
        relative_variance(along(angles), at),
        orthogonal_variance(along(angles), at, d),
        at,
    )


def _spread(projections: np.ndarray, squared: float, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean square of (estimate - truth) / truth for each number of features, and its standard error.

    projections: (repeats, blocks, d) of unit Gaussian size. Each estimate begins with a block of its own.
    """
    ratios = np.exp(math.sqrt(squared) * projections - squared / 2)
    repeats, blocks, d = ratios.shape
    found = []
    for m in numbers.tolist():
        each = -(-m // d)
        count = repeats * (blocks // each)
        groups = ratios[:, : blocks // each * each].reshape(count, each * d)[:, :m]
        squares = (groups.sum(1) / m - 1) ** 2
        mean = squares.sum() / count
        found.append((mean, math.sqrt(max(squares @ squares / count - mean**2, 0.0) / count)))
    return tuple(np.array(found).T)
