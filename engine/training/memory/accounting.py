"""Bytes that training holds: weights, gradients, the optimiser's state, activations.

Letters: P parameters, d width, k width of keys and values, i inner width, H heads, N tokens a step, r rank.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from engine.core import T
from engine.training.memory.architectures import ATTENTION, FULL, KINDS, Architecture, trainable

CARD = 80e9  # bytes of one card
PARTS = ("weights", "gradients", "optimiser", "activations")


@dataclass(frozen=True)
class Accounting:
    """Bytes a trained parameter takes with Adam. weight, gradient: as the passes use them; wide_gradient: a copy of the
    gradient in float32 beside it; master: of the weight in float32; moments: Adam's two. who: which frameworks do so.
    """

    key: str
    who: T
    weight: int
    gradient: int
    wide_gradient: int
    master: int
    moments: int
    activation: int = 2
    logit: int = 4

    @property
    def trained(self) -> int:
        """Bytes a trained parameter."""
        return self.weight + self.gradient + self.wide_gradient + self.master + self.moments


HALF = Accounting("16", T("ZeRO’s paper; DeepSpeed with float16 gradients", "ZeRO 论文；梯度为 float16 的 DeepSpeed"), 2, 2, 0, 4, 8)
SINGLE = Accounting("single", T("float32 throughout", "全程 float32"), 4, 4, 0, 0, 8, activation=4)
WIDE = Accounting(
    "20",
    T(
        "Megatron with float16 gradients; DeepSpeed and nanotron where float32 gradients are kept beside bfloat16 ones",
        "梯度为 float16 的 Megatron；在 bfloat16 梯度之外另存 float32 梯度的 DeepSpeed 与 nanotron",
    ),
    2,
    2,
    4,
    4,
    8,
)
# From the least to the most. Sources: Rajbhandari et al. 2020 (16); Megatron-LM's documentation of its optimizer (18 and 20).
ACCOUNTINGS = (
    HALF,
    Accounting(
        "18", T("Megatron and transformers with float32 gradients alone", "只存 float32 梯度的 Megatron 与 transformers"), 2, 0, 4, 4, 8
    ),
    WIDE,
)


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
    arch: Architecture, ranks: Mapping[str, int], tokens: int, sizes: Accounting, checkpointing: bool, everything: bool
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
    arch: Architecture, ranks: Mapping[str, int], tokens: int, *, checkpointing: bool = False, sizes: Accounting = HALF
) -> Float[np.ndarray, " 4"]:
    """Bytes of weights, gradients, optimiser and activations, in the order of `PARTS`.

    ranks: by kind of matrix; where any is `FULL` all there is is trained, embeddings, norms and biases too, and else the
    adapters alone.
    """
    full = FULL in ranks.values()
    count = arch.parameters if full else trainable(ranks, arch.matrices())
    if full:
        ranks = dict.fromkeys(KINDS, FULL)
    return np.array(
        [
            sizes.weight * (arch.parameters + (0 if full else count)),
            (sizes.gradient + sizes.wide_gradient) * count,
            (sizes.master + sizes.moments) * count,
            activations(arch, ranks, tokens, sizes, checkpointing, full) if count else 0.0,
        ]
    )


def peak(found: Float[np.ndarray, " 4"]) -> float:
    """The most that is held at once, of the parts.

    Gradients come while activations go, layer by layer: whichever is more decides.
    """
    return float(found[0] + found[2] + max(found[1], found[3]))


def cards(found: Float[np.ndarray, " 4"]) -> int:
    """How many cards of 80 GB hold the sum of the parts, split evenly and with nothing else on them.

    The sum, not the peak: where gradients are accumulated over several steps all four parts are there at once.
    """
    return int(np.ceil(found.sum() / CARD))
