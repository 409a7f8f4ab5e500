"""The training loop: a plan, its batches, what is minimised, and a run that can be interrupted anywhere.

Letters: B pictures a batch. The learning rate rises, stays, and falls linearly over the last part (WSD, Hu et al.
2024), so that a run may be made longer or shorter while it stays: only `steps` has to change.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import affine_grid, cross_entropy, grid_sample

from engine.core.optimisers import MuonAdamW
from engine.core.progress import Progress, Tensors
from engine.core.recipes import Report
from engine.core.training import fit, rise_stay_fall
from engine.generation.image_models import networks

if TYPE_CHECKING:
    from engine.generation.image_models.pictures import Pictures

# loss(network, pictures (B, C, H, W) in [−1, 1], marks (B, k), the batch's own random numbers) -> scalar
Loss = Callable[[nn.Module, Tensor, Tensor, torch.Generator], Tensor]


@dataclass(frozen=True)
class Plan:
    """How one network is trained."""

    steps: int
    decay: int
    batch: int = 64
    matrices: float = 2e-3  # learning rate of Muon, matched to AdamW's step size
    others: float = 1e-3  # learning rate of AdamW
    warm_up: int = 200
    average: float = 0.999  # of the moving average of the weights that is kept
    weight_decay: float = 0.01
    seed: int = 7
    every: int = 100  # steps between two points of the curve, and between two states on disk

    def factor(self, step: int) -> float:
        """The learning rate's factor, 0 to 1."""
        return rise_stay_fall(step, rise=self.warm_up, last=self.steps, fall=self.decay)


def noise_levels(count: int, chance: torch.Generator) -> Tensor:
    """ᾱ of a batch, (B,): cos² of a quarter turn's parts, one in each of B equal ones, so that every batch holds all.

    It is the cosine schedule in continuous time: log-SNRs spread about 0 (Nichol & Dhariwal 2021; Kingma & Gao 2023).
    """
    parts = (torch.arange(count) + torch.rand(count, generator=chance)) / count
    return (parts * (np.pi / 2)).cos().square().clamp(1e-6, 1 - 1e-6)


def noised(pictures: Tensor, chance: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """x_t, ε and ᾱ (B, 1, 1, 1) of a batch."""
    a = noise_levels(len(pictures), chance).to(pictures.device).view(-1, 1, 1, 1)
    noise = torch.randn(pictures.shape, generator=chance).to(pictures.device)
    return a.sqrt() * pictures + (1 - a).sqrt() * noise, noise, a


@dataclass(frozen=True)
class DenoisingLoss:
    """Mean squared error of v, the class left out of a share `dropout` of the pictures (Ho & Salimans 2022)."""

    classes: int
    dropout: float = 0.15

    def __call__(self, network: nn.Module, pictures: Tensor, marks: Tensor, chance: torch.Generator) -> Tensor:
        x, noise, a = noised(pictures, chance)
        dropped = (torch.rand(len(x), generator=chance) < self.dropout).to(x.device)
        labels = torch.where(dropped, -1, marks[:, 0])
        v = networks.predict(network, x, a.flatten(), labels, self.classes)
        return (v.float() - (a.sqrt() * noise - (1 - a).sqrt() * pictures)).square().mean()


def noisy_class_loss(network: nn.Module, pictures: Tensor, marks: Tensor, chance: torch.Generator) -> Tensor:
    """Cross-entropy of the class from x_t, in nats, over all noise levels."""
    x, _, a = noised(pictures, chance)
    return cross_entropy(network(x, networks.timestep(a.flatten())).float(), marks[:, 0])


@dataclass(frozen=True)
class MarksLoss:
    """Cross-entropy of each mark of a clean picture, in nats: the class counts once, all others together once.

    turn, shift: how far pictures are turned (radians) and moved (halves of a side) at random, where there are few.
    """

    kinds: tuple[int, ...]
    turn: float = 0.0
    shift: float = 0.0

    def __call__(self, network: nn.Module, pictures: Tensor, marks: Tensor, chance: torch.Generator) -> Tensor:
        if self.turn or self.shift:
            pictures = self.moved(pictures, chance)
        logits = network(pictures).float().split(self.kinds, 1)
        losses = [cross_entropy(part, marks[:, i]) for i, part in enumerate(logits)]
        return losses[0] + (sum(losses[1:]) / len(losses[1:]) if losses[1:] else 0)

    def moved(self, pictures: Tensor, chance: torch.Generator) -> Tensor:
        """Each turned, moved and stretched by up to a tenth; what comes in is black."""
        u = 2 * torch.rand(len(pictures), 4, generator=chance) - 1
        angle, stretch = self.turn * u[:, 0], 1 + 0.1 * u[:, 1]
        cos, sin = stretch * angle.cos(), stretch * angle.sin()
        rows = [torch.stack([cos, -sin, self.shift * u[:, 2]], 1), torch.stack([sin, cos, self.shift * u[:, 3]], 1)]
        grid = affine_grid(torch.stack(rows, 1), list(pictures.shape), align_corners=False).to(pictures.device)
        return grid_sample(pictures + 1, grid, align_corners=False) - 1


def optimiser(network: nn.Module, plan: Plan) -> MuonAdamW:
    """Muon over the matrices inside the blocks, AdamW over the rest."""
    return MuonAdamW(
        network,
        lambda name, p: "block" in name and p.ndim > 1,
        matrices=plan.matrices,
        others=plan.others,
        matrices_decay=plan.weight_decay,
    )


def batch(known: Pictures, plan: Plan, step: int) -> tuple[Tensor, Tensor]:
    """Pictures in [−1, 1] and their marks; the same for the same seed and step."""
    chosen = np.random.default_rng((plan.seed, step)).integers(0, len(known), plan.batch)
    return scaled(known.pixels[chosen]), torch.from_numpy(known.marks[chosen])


def scaled(pixels: np.ndarray) -> Tensor:
    """uint8 to float32 in [−1, 1]."""
    return torch.from_numpy(pixels).float() / 127.5 - 1


class Run:
    """One network's training, whose state is in `folder` after every `plan.every` steps. `build` makes the network."""

    def __init__(self, folder: Path, plan: Plan, device: str, resume: bool, build: Callable[[], nn.Module]):
        torch.manual_seed(plan.seed)
        self.plan, self.device = plan, device
        self.network = build().to(device)
        # Kept apart from the network, which goes on learning: the running mean of its weights.
        self.average = {name: p.detach().clone() for name, p in self.network.named_parameters()}
        self.optimiser = optimiser(self.network, plan)
        parts = {"network": self.network, "average": Tensors(self.average), "optimiser": self.optimiser}
        self.progress = Progress(folder, parts, device, resume)

    def step(self, number: int, known: Pictures, loss: Loss) -> float:
        """The step of a number; the loss before it."""
        pictures, marks = (t.to(self.device) for t in batch(known, self.plan, number))
        chance = torch.Generator().manual_seed(self.plan.seed * 1_000_003 + number)
        with torch.autocast(self.device, torch.bfloat16):
            value = loss(self.network, pictures, marks, chance)
        value.backward()
        self.optimiser.step(self.plan.factor(number))
        share = 1 - min(self.plan.average, (1 + number) / (10 + number))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.values()), list(self.network.parameters()), share)
        return float(value.detach())

    def go(self, known: Pictures, loss: Loss, report: Report) -> None:
        """Train to the plan's end."""
        step = functools.partial(self.step, known=known, loss=loss)
        fit(self.progress, step, last=self.plan.steps, every=self.plan.every, report=report)

    def finished(self) -> nn.Module:
        """The network with the averaged weights, ready to be used."""
        with torch.no_grad():
            for name, p in self.network.named_parameters():
                p.copy_(self.average[name])
        return self.network.eval()
