"""What linear attention gives: the maps, random features, the recurrence, counts, and what a sweep measured."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float, Int
from numpy import ndarray

from engine.attention.contest.result import Measured
from engine.core import Finding, T


@dataclass(frozen=True)
class Maps:
    """n tokens weighed in k ways, softmax the first.

    weights: rows sum to 1, or to 0 where a token gets no weight at all. outputs: of the values, d numbers each. features:
    numbers to a token after the map, 0 for softmax. error, raw_error: relative, of the outputs against softmax's, and of
    those that were never divided. distance: half the sum of |difference of weights| from softmax's, mean over rows.
    entropies, entropy: of each row in nats, and their mean; entropy_bound: the largest possible. singular_values, rank,
    effective_rank: of the map without mask and decay, which no feature map of F features lifts above F; effective rank is
    the exponential of the entropy of the singular values.
    """

    names: tuple[str, ...]
    titles: tuple[T, ...]
    weights: Float[ndarray, "k n n"]
    outputs: Float[ndarray, "k n d"]
    features: Int[ndarray, " k"]
    error: Float[ndarray, " k"]
    raw_error: Float[ndarray, " k"]
    distance: Float[ndarray, " k"]
    entropies: Float[ndarray, "k n"]
    entropy: Float[ndarray, " k"]
    entropy_bound: Float[ndarray, " n"]
    singular_values: Float[ndarray, "k n"]
    rank: Int[ndarray, " k"]
    effective_rank: Float[ndarray, " k"]


@dataclass(frozen=True)
class Variance:
    """How the estimate of exp(x . y) by m positive random features varies, over its square; two unit directions apart.

    features: numbers of features m. independent, orthogonal: measured, with the standard errors of those variances; 64
    directions are drawn `repeats` times and cut into as many estimates as they give. ..._exact: the formulas. angles:
    degrees between x and y; by_angle_...: the formulas at `at` features.
    """

    features: Int[ndarray, " f"]
    independent: Float[ndarray, " f"]
    independent_error: Float[ndarray, " f"]
    independent_exact: Float[ndarray, " f"]
    orthogonal: Float[ndarray, " f"]
    orthogonal_error: Float[ndarray, " f"]
    orthogonal_exact: Float[ndarray, " f"]
    repeats: int
    angles: Float[ndarray, " a"]
    by_angle_independent: Float[ndarray, " a"]
    by_angle_orthogonal: Float[ndarray, " a"]
    at: int


@dataclass(frozen=True)
class Recurrence:
    """The first t tokens one by one, F features and D numbers to a value, and how far the three forms stray in fp64.

    writes, states: what a token adds, and the state after. sums: the running sum of keys z. reads: phi(q) S. totals:
    phi(q) z. outputs: their quotient. kept: how much of what token j wrote is left at token i (the decay to the power of
    i - j). chunks, chunk_difference: chunk sizes, and the largest |chunked - recurrent| over all tokens;
    parallel_difference: the same of all pairs at once.
    """

    writes: Float[ndarray, "t F D"]
    states: Float[ndarray, "t F D"]
    sums: Float[ndarray, "t F"]
    reads: Float[ndarray, "t D"]
    totals: Float[ndarray, " t"]
    outputs: Float[ndarray, "t D"]
    kept: Float[ndarray, "t t"]
    chunks: Int[ndarray, " c"]
    chunk_difference: Float[ndarray, " c"]
    parallel_difference: float


@dataclass(frozen=True)
class Brackets:
    """(Q K^T) V against Q (K^T V): multiplications and additions, and numbers held between the two products.

    lengths: values of N, with the FLOPs of each order. crossing: the N at which they are equal, 2 F D / (F + D), which is
    D where F = D. here: FLOPs and numbers at the chosen N. chosen, width: N and D. first: the order shown, left or right. moments: lengths up to N;
    moments_left, moments_right: FLOPs there.
    """

    lengths: Int[ndarray, " x"]
    left_flops: Float[ndarray, " x"]
    right_flops: Float[ndarray, " x"]
    crossing: float
    here: dict[str, float]
    chosen: int
    width: int
    moments: Int[ndarray, " m"]
    moments_left: Float[ndarray, " m"]
    moments_right: Float[ndarray, " m"]
    first: str = "left"


@dataclass(frozen=True)
class Chunks:
    """The causal form by chunk size: flops of all tokens, steps that must follow one another, numbers moved (queries,
    keys, values and outputs once, the state once a chunk each way). best: the size where neither FLOPs nor numbers moved
    are many times their least; about D / sqrt(2) where F = D."""

    sizes: Int[ndarray, " x"]
    flops: Float[ndarray, " x"]
    steps: Int[ndarray, " x"]
    moved: Float[ndarray, " x"]
    best: int


@dataclass(frozen=True)
class Cache:
    """Memory while generating, of one layer: a key-value cache after so many tokens, and the state S with its z, in fp32.
    crossing: the number of tokens from which the state is the smaller."""

    tokens: Int[ndarray, " x"]
    cache_bytes: Float[ndarray, " x"]
    state_bytes: float
    crossing: float


@dataclass(frozen=True)
class Crossing:
    """Where linear attention (row `ours`) overtakes the best softmax: best_softmax_milliseconds at each length;
    crossover, memory_crossover: the length from which it stays faster, smaller; NaN where that is not found."""

    ours: int
    best_softmax_milliseconds: Float[ndarray, " p"]
    crossover: float
    memory_crossover: float


@dataclass(frozen=True)
class LinearAttended:
    """What linear attention computes (always), and what it costs on this machine beside softmax (task "timing").

    topics: of the example's tokens; those of one attend to each other. letters: what they are, where they were typed. chosen: the place among the maps of the feature
    map of the recurrence. brackets, chunks, cache: counts of FLOPs and bytes. timing, crossing: measured, None in the
    other task.
    """

    topics: Int[ndarray, " n"]
    chosen: int
    maps: Maps
    variance: Variance
    recurrence: Recurrence
    brackets: Brackets
    chunks: Chunks
    cache: Cache
    timing: Measured | None = None
    crossing: Crossing | None = None
    findings: tuple[Finding, ...] = ()
    backend: str = "numpy"
    dtype: str = "float64"
    letters: str = ""
