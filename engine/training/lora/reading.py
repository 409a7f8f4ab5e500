"""The digits as a task: a network that reads them upright learns to read them otherwise."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from engine.training.digit_model import digits
from engine.training.digit_model.transformer import Maps

Shift = Literal["rotated", "inverted", "permuted"]
BATCH = 32


def shifted(images: np.ndarray, shift: Shift) -> np.ndarray:
    """The images (n, 8, 8) as the new task shows them: turned by a quarter, dark for light, or with the 64 pixels
    in another order, the same for all."""
    if shift == "rotated":
        return np.ascontiguousarray(np.rot90(images, axes=(1, 2)))
    if shift == "inverted":
        return 1 - images
    order = np.random.default_rng(1).permutation(digits.SIDE**2)
    return images.reshape(-1, digits.SIDE**2)[:, order].reshape(images.shape)


class Reading:
    """Digits turned, inverted or permuted, for the network of `digits.load()`. Quality is the share read right."""

    low_rank_path = False  # matrices of 72 × 72 are small: one effective weight a run is the cheaper way
    blind = float(np.log(digits.CLASSES))

    def __init__(self, shift: Shift, seed: int, device: str = "cpu"):
        found, put = digits.upright(), lambda array: torch.from_numpy(array).to(device)
        self.matrices = digits.body().matrices()
        self.weights = {name: tensor.to(device) for name, tensor in digits.load().items()}
        self.images, self.labels = put(shifted(found.images, shift)), put(found.labels)
        self.unseen, self.answers = put(shifted(found.unseen_images, shift)), put(found.unseen_labels)
        self.upright, self.seed = put(found.unseen_images), seed

    def losses(self, maps: Maps, runs: int, step: int, seeds: int) -> Tensor:
        drawn = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        taken = torch.randint(len(self.images), (seeds, BATCH), generator=drawn).to(self.images.device)
        images, answers = self.images[taken].repeat(runs // seeds, 1, 1, 1), self.labels[taken].repeat(runs // seeds, 1)
        out = digits.logits(self.weights, maps, images)
        return cross_entropy(out.flatten(0, 1), answers.flatten(), reduction="none").view(answers.shape).mean(1)

    def scores(self, maps: Maps, runs: int) -> np.ndarray:
        return self._right(maps, runs, self.unseen)

    def kept(self, maps: Maps, runs: int) -> np.ndarray:
        return self._right(maps, runs, self.upright)

    @torch.no_grad()
    def _right(self, maps: Maps, runs: int, images: Tensor) -> np.ndarray:
        out = digits.logits(self.weights, maps, images.expand(runs, *images.shape))
        right = (out.argmax(-1) == self.answers).float().mean(1)
        return torch.where(out.isfinite().all(-1).all(-1), right, torch.nan).cpu().numpy()
