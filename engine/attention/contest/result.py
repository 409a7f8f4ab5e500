"""What a contest found: contenders by points of a sweep, the machine's own ceilings, and ratios with their spread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from engine.core.words import T


def attention_flops(N: int, d: int, causal: bool, backward: bool) -> float:
    """Multiplications and additions of the matrix products of one head: two products forward, five backward."""
    pairs = N * (N + 1) / 2 if causal else float(N) * N
    return (10.0 if backward else 4.0) * pairs * d


class Ratio(NamedTuple):
    """A ratio of two measured times, and the ends that the middle 60 % of either's runs allow."""

    low: float
    middle: float
    high: float
    runs: int


@dataclass(frozen=True)
class Measured:
    """c contenders at p points of a sweep; NaN where nothing was measured (yet).

    axis, swept: what is swept, and its values; lengths: the tokens at each point.
    milliseconds: medians, between the ends of the middle 60 % of `runs`. extra_bytes: most memory held at one time beyond
    the inputs (of forward and backward together for the backward pass). tflops: FLOPs of the mathematics (masked pairs
    not counted) over the median; share: of `ceiling_tflops`, what a large matrix product reached in the same run.
    bandwidth: GB/s of a copy in the same run. error: relative, against fp64, over 64 rows of the first head.
    least_milliseconds: the first contender's FLOPs at the ceiling. matrix_bytes: one matrix of all pairs. rounding: half
    the format's epsilon. time_exponents, memory_exponents: slope of log cost over log `swept`.
    """

    axis: str
    swept: Int[ndarray, " p"]
    lengths: Int[ndarray, " p"]
    contenders: tuple[str, ...]
    titles: tuple[T, ...]
    milliseconds: Float[ndarray, "c p"]
    milliseconds_low: Float[ndarray, "c p"]
    milliseconds_high: Float[ndarray, "c p"]
    runs: Int[ndarray, "c p"]
    extra_bytes: Float[ndarray, "c p"]
    tflops: Float[ndarray, "c p"]
    share: Float[ndarray, "c p"]
    error: Float[ndarray, "c p"]
    ceiling_tflops: float
    bandwidth: float
    least_milliseconds: Float[ndarray, " p"]
    matrix_bytes: Float[ndarray, " p"]
    rounding: float
    time_exponents: Float[ndarray, " c"]
    memory_exponents: Float[ndarray, " c"]

    def row(self, name: str) -> int:
        """The place of a contender."""
        return self.contenders.index(name)

    def last(self, *names: str) -> int | None:
        """The last point at which all of these contenders were timed."""
        rows = [self.row(name) for name in names]
        points = np.flatnonzero(np.isfinite(self.milliseconds[rows]).all(0))
        return int(points[-1]) if len(points) else None

    def ratio(self, one: str, other: str, point: int) -> Ratio:
        """The time of one contender over that of another."""
        a, b = self.row(one), self.row(other)
        return Ratio(
            float(self.milliseconds_low[a, point] / self.milliseconds_high[b, point]),
            float(self.milliseconds[a, point] / self.milliseconds[b, point]),
            float(self.milliseconds_high[a, point] / self.milliseconds_low[b, point]),
            int(min(self.runs[a, point], self.runs[b, point])),
        )
