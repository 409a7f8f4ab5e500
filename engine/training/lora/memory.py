"""What training holds in memory, as a formula, for real architectures and for the runs that check it.

Letters: P parameters, T trained ones, L layers, d width, k width of keys and values, i inner width, H heads,
V vocabulary, N tokens a step, r rank.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.training.lora.settings import ATTENTION, FULL, KINDS, Matrix, Setting, trainable

CARD = 80e9  # bytes of one card
PARTS = ("weights", "gradients", "optimiser", "activations")


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
)  # fmt: skip


@dataclass(frozen=True)
class Bytes:
    """Bytes a number takes: a frozen or working weight, its gradient, what the optimiser keeps of a trained number,
    an activation, a logit. Mixed precision as in ZeRO (Rajbhandari et al. 2020): 2 + 2 + 12."""

    weight: int = 2
    gradient: int = 2
    optimiser: int = 12
    activation: int = 2
    logit: int = 4


SINGLE = Bytes(4, 4, 8, 4, 4)  # float32 throughout: what the checked runs use


def layer_numbers(arch: Architecture, ranks: Mapping[str, int], norms: bool = False) -> float:
    """Numbers a token leaves behind in one layer for the backward pass.

    2d inputs of the norms, d + 2k queries, keys and values, d attention's output, 3i inside SwiGLU, H + 2 statistics;
    the input of a product only where its matrix is trained: d for q, k, v together, d for gate and up, i for down
    (o's is attention's output, kept anyway); r for every adapter; 2d where the norms' own weights are trained.
    """
    d, k, i = arch.width, arch.kv_width, arch.inner
    trained = {kind for kind, r in ranks.items() if r != 0}
    kept = 2 * d + (d + 2 * k) + d + 3 * i + arch.heads + 2 + 2 * d * norms
    kept += d * bool(trained & {"q", "k", "v"}) + d * bool(trained & {"gate", "up"}) + i * ("down" in trained)
    return kept + sum(r for r in ranks.values() if r != FULL)


def activations(
    arch: Architecture, ranks: Mapping[str, int], tokens: int, sizes: Bytes, checkpointing: bool, everything: bool
) -> float:
    """Bytes at the peak, where the backward pass begins: all layers' numbers, the last norm's input, three arrays of
    logits (the logarithm of the softmax, and two gradients).

    checkpointing: only the input of every layer, d a token, and one layer's numbers at a time. everything: embeddings
    and norms are trained as well. Where they are not, nothing is kept of what comes before the first trained matrix.
    """
    each, d = layer_numbers(arch, ranks, everything), arch.width
    numbers = arch.layers * d + each if checkpointing else arch.layers * each
    if not everything and not checkpointing and not any(ranks.get(kind) for kind in ATTENTION):
        numbers -= 2 * d + (d + 2 * arch.kv_width) + d + arch.heads + 2  # the first layer's attention
    around = d + 1 + 2 * d * everything
    return tokens * (sizes.activation * (numbers + around) + sizes.logit * 3 * arch.vocabulary)


def parts(
    arch: Architecture, setting: Setting, tokens: int, *, checkpointing: bool = False, sizes: Bytes | None = None
) -> np.ndarray:
    """(4,) bytes of weights, gradients, optimiser and activations, in the order of `PARTS`.

    Full fine-tuning trains all there is, embeddings, norms and biases too; every other setting its adapters alone.
    """
    sizes, full = sizes or Bytes(), setting.rank == FULL
    count = arch.parameters if full else trainable(setting, arch.matrices())
    ranks = dict.fromkeys(KINDS, FULL) if full else setting.ranks
    return np.array([
        sizes.weight * (arch.parameters + (0 if full else count)), sizes.gradient * count, sizes.optimiser * count,
        activations(arch, ranks, tokens, sizes, checkpointing, full) if count else 0.0,
    ])  # fmt: skip


def peak(found: np.ndarray) -> float:
    """The most that is held at once, of (4,) parts.

    Gradients come while activations go, layer by layer: whichever is more decides.
    """
    return float(found[0] + found[2] + max(found[1], found[3]))


def table(settings: Sequence[Setting], tokens: int, checkpointing: bool) -> np.ndarray:
    """(architectures, S, 4) bytes in mixed precision."""
    return np.array([
        [parts(arch, setting, tokens, checkpointing=checkpointing) for setting in settings] for arch in ARCHITECTURES
    ])  # fmt: skip


def cards(found: np.ndarray) -> int:
    """How many cards of 80 GB hold the sum of (4,) parts, split evenly and with nothing else on them.

    The sum, not the peak: where gradients are accumulated over several steps all four parts are there at once.
    """
    return int(np.ceil(found.sum() / CARD))
