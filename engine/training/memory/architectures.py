"""Sizes of decoders, and how many numbers an adapter of some rank trains in them.

Letters: P parameters, L layers, d width, k width of keys and values, i inner width, V vocabulary, r rank.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

FULL = -1  # the "rank" of full fine-tuning: every entry of the matrix is trained
ATTENTION, FEED_FORWARD = ("q", "k", "v", "o"), ("gate", "up", "down")
KINDS = (*ATTENTION, *FEED_FORWARD)


@dataclass(frozen=True)
class Matrix:
    """One weight matrix of a network: y = Wx with W of shape (outputs, inputs)."""

    name: str
    kind: str
    layer: int
    outputs: int
    inputs: int


@dataclass(frozen=True)
class Architecture:
    """A decoder's sizes. tied: input and output embedding are one matrix. biased: q, k and v have biases."""

    name: str
    layers: int
    width: int
    heads: int
    kv_heads: int
    inner: int
    vocabulary: int
    tied: bool
    biased: bool = True

    @property
    def kv_width(self) -> int:
        return self.width // self.heads * self.kv_heads

    def matrices(self) -> tuple[Matrix, ...]:
        """Every weight matrix inside the layers."""
        d, k, i = self.width, self.kv_width, self.inner
        sizes = {"q": (d, d), "k": (k, d), "v": (k, d), "o": (d, d), "gate": (i, d), "up": (i, d), "down": (d, i)}
        return tuple(Matrix(f"{n}{layer}", n, layer, *s) for layer in range(self.layers) for n, s in sizes.items())

    @property
    def parameters(self) -> int:
        """P: embeddings, matrices, biases, norms."""
        d = self.width
        inside = sum(m.inputs * m.outputs for m in self.matrices())
        around = self.layers * (2 * d + (d + 2 * self.kv_width if self.biased else 0)) + d
        return inside + around + self.vocabulary * d * (1 if self.tied else 2)


# Qwen2.5 (Qwen team 2024): sizes as their configurations give them.
ARCHITECTURES = (
    Architecture("0.5B", 24, 896, 14, 2, 4864, 151_936, True),
    Architecture("1.5B", 28, 1536, 12, 2, 8960, 151_936, True),
    Architecture("3B", 36, 2048, 16, 2, 11_008, 151_936, True),
    Architecture("7B", 28, 3584, 28, 4, 18_944, 152_064, False),
    Architecture("14B", 48, 5120, 40, 8, 13_824, 152_064, False),
    Architecture("32B", 64, 5120, 40, 8, 27_648, 152_064, False),
    Architecture("72B", 80, 8192, 64, 8, 29_568, 152_064, False),
)


def trainable(ranks: Mapping[str, int], matrices: Sequence[Matrix], dora: bool = False) -> int:
    """Numbers that are trained: Σ r (d_in + d_out), with d_out magnitudes more for DoRA; Σ d_in d_out when full.

    ranks: by kind of matrix, `FULL` for all entries; other kinds stay frozen.
    """
    count = 0
    for matrix in matrices:
        r = ranks.get(matrix.kind, 0)
        if r == FULL:
            count += matrix.inputs * matrix.outputs
        elif r:
            count += r * (matrix.inputs + matrix.outputs) + (matrix.outputs if dora else 0)
    return count
