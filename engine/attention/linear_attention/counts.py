"""What the brackets, the chunk size and the state cost, counted.

N tokens, F features, D numbers to a value, C tokens to a chunk.
"""

from __future__ import annotations

import numpy as np

from engine.attention.linear_attention.result import Brackets, Cache, Chunks

POINTS = 49
MOMENTS = 24


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
    return Brackets(lengths, left(lengths), right(lengths), 2 * F * D / (F + D), here, N, D, moments, left(moments), right(moments))


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
