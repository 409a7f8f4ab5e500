"""The diffusion model and the noise-aware classifier of a world, behind one set of conventions.

x: (B, C, H, W), alpha_bar ᾱ: in (0, 1), labels: (B,) with −1 for no class. Variance preserving throughout:
x_t = √ᾱ x₀ + √(1−ᾱ) ε. The denoiser predicts v = √ᾱ ε − √(1−ᾱ) x₀ (Salimans & Ho 2022, appendix D), from which every
other form follows.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from engine.core import checkpoints
from engine.core.words import T
from engine.generation.image_models import networks
from engine.generation.image_models.pictures import WORLDS

if TYPE_CHECKING:
    from torch.nn import Module


@dataclass(frozen=True)
class ImageModel:
    """A class-conditional diffusion model with condition dropout, so that it also knows "no class", and a classifier.

    Made by `engine.generation.image_models.load`. Inputs are on `device`, in float32.
    """

    world: str
    denoiser: Module
    classifier: Module
    device: str = "cpu"

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one picture."""
        return WORLDS[self.world].shape

    @property
    def classes(self) -> tuple[T, ...]:
        """The classes' names, English and Chinese, in the order of the labels."""
        return WORLDS[self.world].classes

    def epsilon(self, x: Tensor, alpha_bar: float | Tensor, labels: Tensor) -> Tensor:
        """The noise that the network sees in x_t, (B, C, H, W) float32; no gradient is kept.

        alpha_bar: ᾱ in (0, 1), one or (B,). labels: (B,) int64, −1 for no class: concatenate both halves of
        classifier-free guidance into one call. Raises ValueError for shapes that differ, ᾱ outside (0, 1), or an
        unknown label.
        """
        alpha_bar = self._checked(x, alpha_bar, labels)
        with torch.no_grad(), self._precision():
            v = networks.predict(self.denoiser, x, alpha_bar, labels, len(self.classes))
        a = alpha_bar.view(-1, 1, 1, 1)
        return a.sqrt() * v.float() + (1 - a).sqrt() * x

    def class_log_probabilities(self, x: Tensor, alpha_bar: float | Tensor) -> Tensor:
        """log p(y | x_t) of every class by the noise-aware classifier, (B, classes) float32; differentiable in x."""
        alpha_bar = self._checked(x, alpha_bar, torch.zeros(len(x), dtype=torch.int64))
        with self._precision():
            return self.classifier(x, networks.timestep(alpha_bar)).float().log_softmax(-1)

    def classifier_gradient(self, x: Tensor, alpha_bar: float | Tensor, labels: Tensor) -> Tensor:
        """∇ₓ log p(y | x_t) by the noise-aware classifier, (B, C, H, W) float32; 0 where the label is −1.

        Guidance is ε − √(1−ᾱ) s times this (Dhariwal & Nichol 2021, algorithm 2). Raises as `epsilon` does.
        """
        self._checked(x, alpha_bar, labels)
        with torch.enable_grad():
            inputs = x.detach().requires_grad_()
            chosen = self.class_log_probabilities(inputs, alpha_bar).gather(1, labels.clamp(min=0)[:, None])[:, 0]
            (gradient,) = torch.autograd.grad(chosen[labels >= 0].sum(), inputs)
        return gradient

    def _checked(self, x: Tensor, alpha_bar: float | Tensor, labels: Tensor) -> Tensor:
        """ᾱ as (B,) float32. Raises ValueError for what the networks cannot take."""
        if x.ndim != 4 or not len(x) or tuple(x.shape[1:]) != self.shape:
            raise ValueError(f"x must be (B, {', '.join(map(str, self.shape))}), B at least 1; got {tuple(x.shape)}")
        if labels.shape != x.shape[:1]:
            raise ValueError(f"labels must be ({len(x)},); got {tuple(labels.shape)}")
        if not -1 <= int(labels.min()) <= int(labels.max()) < len(self.classes):
            raise ValueError(f"labels must be from −1 to {len(self.classes) - 1}; got {labels.tolist()[:8]}")
        values = torch.as_tensor(alpha_bar, dtype=torch.float32, device=x.device).expand(len(x))
        if not ((values > 0) & (values < 1)).all():
            raise ValueError(f"alpha_bar must lie in (0, 1); got {values.tolist()[:4]}")
        return values

    def _precision(self) -> Any:
        return torch.autocast("cuda", torch.bfloat16) if self.device.startswith("cuda") else nullcontext()


def revive(world: str, config: Mapping[str, Any], state: Mapping[str, Tensor], device: str = "cpu") -> ImageModel:
    """The model of a saved configuration and state; strict. Raises ValueError where they do not fit."""
    parts = {}
    for name, build in (("denoiser", networks.denoiser), ("classifier", networks.classifier)):
        module = build(config[name])
        checkpoints.fill(module, networks.part(state, name))
        parts[name] = module.eval().requires_grad_(False).to(device)
    return ImageModel(world, device=device, **parts)
