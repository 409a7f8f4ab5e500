"""What was found in one text. Letters: L layers, H heads, n tokens, d width of a head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from engine.core import Finding, T


@dataclass(frozen=True)
class HeadKinds:
    """Five kinds of head. counted: over how many tokens each was measured; kind: the place of the kind that a head goes
    furthest towards, −1 for none."""

    names: tuple[T, ...]
    scores: Float[np.ndarray, "5 L H"]
    chance: Float[np.ndarray, " 5"]
    counted: Int[np.ndarray, " 5"]
    kind: Int[np.ndarray, "L H"]


@dataclass(frozen=True)
class NextToken:
    """The m likeliest tokens after the text, most likely first.

    probability: as the model says; whole: with all heads on. law: after temperature, top-k and top-p; from it drawn of
    `draws` draws came. kept: how many tokens of the vocabulary can be drawn; share: what probability the model gave
    those. entropy, entropy_of_law: in bits. others: the probability of all tokens that are not listed.
    """

    ids: Int[np.ndarray, " m"]
    tokens: tuple[str, ...]
    probability: Float[np.ndarray, " m"]
    whole: Float[np.ndarray, " m"]
    law: Float[np.ndarray, " m"]
    drawn: Int[np.ndarray, " m"]
    draws: int
    kept: int
    share: float
    entropy: float
    entropy_of_law: float
    others: float


@dataclass(frozen=True)
class OneHead:
    """layer, head: from 1. q, k: as they meet, after the rotary encoding. scores: q·k · scaling, before the mask.
    weights: softmax over the keys that the mask lets through."""

    layer: int
    head: int
    q: Float[np.ndarray, "n d"]
    k: Float[np.ndarray, "n d"]
    scaling: float
    scores: Float[np.ndarray, "n n"]
    weights: Float[np.ndarray, "n n"]


@dataclass(frozen=True)
class Ablated:
    """off: the heads switched off. losses, whole_losses: nats by which each token surprises the model without them and
    with all, NaN where that is not scored; loss, whole_loss: their means. alone: change of the mean loss for each head
    switched off alone, NaN where it is not computed (yet). toggled: what `ablate` would be with each head switched over.
    """

    off: Bool[np.ndarray, "L H"]
    losses: Float[np.ndarray, " n"]
    whole_losses: Float[np.ndarray, " n"]
    loss: float
    whole_loss: float
    alone: Float[np.ndarray, "L H"]
    toggled: tuple[str, ...]


@dataclass(frozen=True)
class Lens:
    """Row 0 is the embedding, row l what leaves layer l, the last what the model says.

    tokens: the likeliest next tokens as texts, with their probabilities. truth: the probability of the token that does
    follow, NaN where none does.
    """

    tokens: np.ndarray  # (L + 1, n, 5)
    probabilities: Float[np.ndarray, "L+1 n 5"]
    truth: Float[np.ndarray, "L+1 n"]


@dataclass(frozen=True)
class Attended:
    """tokens: those that were read, of `given` in the text. attentions: weights, row query, column key. seen: what the mask
    lets each query see. entropy: bits, the mean over queries that may choose; distance: tokens between query and key,
    likewise; entropy_even, distance_even: the same of a head that prefers nothing. model: its description.
    """

    tokens: tuple[str, ...]
    given: int
    attentions: Float[np.ndarray, "L H n n"]
    seen: Bool[np.ndarray, "n n"]
    entropy: Float[np.ndarray, "L H"]
    distance: Float[np.ndarray, "L H"]
    entropy_even: float
    distance_even: float
    head_kinds: HeadKinds
    next_token: NextToken
    chosen: OneHead
    ablated: Ablated
    lens: Lens | None
    model: T
    findings: tuple[Finding, ...]
    backend: str = "torch"
    dtype: str = "float32"
