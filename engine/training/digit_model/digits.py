"""Handwritten digits read upright, and the small transformer that has learned to read them so.

Letters: G runs, B images a run, T = 8 tokens: an image of 8 × 8 pixels is read row by row.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.core import checkpoints

if TYPE_CHECKING:
    from torch import Tensor

    from engine.training.digit_model.transformer import Body, Maps

NAME = RECIPE_NAME = "lora-digits"
SIDE, CLASSES, HELD_OUT = 8, 10, 597
LAYERS, WIDTH, HEADS, INNER = 2, 72, 4, 120


@dataclass(frozen=True)
class Digits:
    """Images (n, 8, 8) from 0 to 1 and labels (n,), to learn from and held out."""

    images: np.ndarray
    labels: np.ndarray
    unseen_images: np.ndarray
    unseen_labels: np.ndarray


@functools.cache
def upright() -> Digits:
    """scikit-learn's 1,797 real digits: 1,200 to learn from, 597 held out, the split drawn once."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(images))
    images = (images[order] / 16).reshape(-1, SIDE, SIDE).astype(np.float32)
    labels = labels[order].astype(np.int64)
    at = len(images) - HELD_OUT
    return Digits(images[:at], labels[:at], images[at:], labels[at:])


def body() -> Body:
    """The network's sizes."""
    from engine.training.digit_model.transformer import Body

    return Body(LAYERS, WIDTH, HEADS, INNER, causal=False)


def fresh(seed: int) -> dict[str, Tensor]:
    """Weights as training begins: Gaussian with variance 1 / d_in, norms at one."""
    import torch

    drawn = torch.Generator().manual_seed(seed)
    normal = lambda *shape: torch.randn(*shape, generator=drawn) / shape[-1] ** 0.5  # noqa: E731
    made = {m.name: normal(m.outputs, m.inputs) for m in body().matrices()}
    for layer in range(LAYERS):
        for part in ("attention", "feed-forward"):
            made[f"before {part} {layer}"] = torch.ones(WIDTH)
    return made | {
        "last": torch.ones(WIDTH),
        "embed": normal(WIDTH, SIDE),
        "place": 0.1 * normal(SIDE, WIDTH),
        "head": normal(CLASSES, WIDTH),
    }


def logits(weights: dict[str, Tensor], maps: Maps, images: Tensor) -> Tensor:
    """(G, B, 8, 8) -> (G, B, 10): rows embedded, the body, the mean over rows, the head."""
    from engine.training.digit_model import transformer

    x = images @ weights["embed"].T + weights["place"]
    return transformer.forward(body(), maps, weights, x).mean(2) @ weights["head"].T


def load() -> dict[str, Tensor]:
    """The weights that read upright digits. Raises FileNotFoundError that names the command that makes them."""
    found = checkpoints.load(NAME, RECIPE_NAME)
    return {name: tensor.float() for name, tensor in found.state.items()}
