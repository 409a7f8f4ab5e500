"""What the brackets, the chunk size and the state cost, counted.

N tokens, F features, D numbers to a value, C tokens to a chunk.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

POINTS = 49
MOMENTS = 24


@dataclass(frozen=True)
class Brackets:
    """(Q K^T) V against Q (K^T V): multiplications and additions, and numbers held between the two products.

    lengths: (x,) values of N. left_flops, right_flops, left_numbers, right_numbers: (x,) of each. crossing: the N at
    which the FLOPs are equal, 2 F D / (F + D), which is D where F = D. here: the same four numbers at the chosen N.
    chosen, width: N and D. moments: (m,) lengths up to N; moments_left, moments_right: (m,) FLOPs there.
    """

    lengths: np.ndarray
    left_flops: np.ndarray
    right_flops: np.ndarray
    left_numbers: np.ndarray
    right_numbers: np.ndarray
    crossing: float
    here: dict[str, float]
    chosen: int
    width: int
    moments: np.ndarray
    moments_left: np.ndarray
    moments_right: np.ndarray


@dataclass(frozen=True)
class Chunks:
    """The causal form by chunk size: sizes (x,), flops (x,) of all tokens, steps (x,) that must follow one another,
    moved (x,) numbers read and written: queries, keys, values and outputs once, the state once a chunk each way.
    best: the size where neither FLOPs nor numbers moved are many times their least; about D / sqrt(2) where F = D."""

    sizes: np.ndarray
    flops: np.ndarray
    steps: np.ndarray
    moved: np.ndarray
    best: int


@dataclass(frozen=True)
class Cache:
    """Memory while generating, of one layer: tokens (x,) so far, cache_bytes (x,) of a key-value cache, state_bytes of
    the state S with its z, in fp32; crossing: the number of tokens from which the state is the smaller."""

    tokens: np.ndarray
    cache_bytes: np.ndarray
    state_bytes: float
    crossing: float


def spread(low: float, high: float, number: int = POINTS) -> np.ndarray:
    """Whole numbers from low to high, each about the same factor above the last."""
    return np.unique(np.rint(np.exp(np.linspace(np.log(low), np.log(high), number))).astype(int))


def brackets(N: int, F: int, D: int) -> Brackets:
    """Both orders of the two products of one head, without a mask."""
    left = lambda n: 2.0 * n * n * (F + D)  # noqa: E731
    right = lambda n: 4.0 * n * F * D  # noqa: E731
    lengths = spread(4, max(4 * N, 1024))
    moments = spread(min(max(4, D / 8), N), N, MOMENTS)
    here = {"left_flops": left(N), "right_flops": right(N), "left_numbers": float(N) * N, "right_numbers": float(F * D)}
    return Brackets(
        lengths, left(lengths), right(lengths), lengths.astype(float) ** 2, np.full(len(lengths), float(F * D)),
        2 * F * D / (F + D), here, N, D, moments, left(moments), right(moments),
    )  # fmt: skip


def chunks(N: int, F: int, D: int) -> Chunks:
    """The chunked causal form of one head: all C^2 pairs of a chunk (masked ones are computed too), and the state."""
    sizes = spread(1, N)
    whole, rest = np.divmod(N, sizes)
    number, pairs = whole + (rest > 0), whole * sizes.astype(float) ** 2 + rest**2
    flops = 2.0 * pairs * (F + D) + 4.0 * N * F * D
    moved = 2.0 * N * (F + D) + 2.0 * number * F * D
    worse = np.maximum(flops / flops.min(), moved / moved.min())
    return Chunks(sizes, flops, number, moved, int(sizes[np.argmin(worse)]))


def cache(heads: int, F: int, D: int, item: int, most: int) -> Cache:
    """A key and a value of D numbers for every token and head, against F (D + 1) numbers in fp32 for every head."""
    tokens = spread(1, most)
    state = 4.0 * heads * F * (D + 1)
    return Cache(tokens, 2.0 * heads * D * item * tokens, state, state / (2.0 * heads * D * item))
