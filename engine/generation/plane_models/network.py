"""A small network that learns a plane's score from samples alone, in seconds; and a classifier that knows noise.

The denoiser is EDM's: x̂₀ = c_skip x + c_out F(c_in x, log σ, y), so that F has targets of unit size at every noise
level (Karras et al. 2022, eq. 7, here for variance-preserving states). It learns by denoising score matching (Vincent
2011) with the condition dropped in part of the batch; what it is scored by, the exact score, it never sees.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.generation.plane_models.mixtures import NO_CLASS, Mixture

WIDTH, DEPTH = 64, 3
ROUNDS, BATCH, RATE = 1500, 4096, 0.01
CLASSIFIER_ROUNDS, CLASSIFIER_BATCH = 500, 1024
DROPPED = 0.4
LEVEL_MEAN, LEVEL_DEVIATION = -0.3, 1.6  # of log σ in training
PITCHES = (1.0, 2.0, 4.0)
LEVEL_PITCHES = (1.5, 3.0, 6.0, 12.0)


class Features(nn.Module):
    """A multilayer perceptron over a point, its noise level and its class."""

    def __init__(self, extra: int, outputs: int, width: int, depth: int, scale: float):
        """extra: numbers beside point and level. scale: the root mean square of clean points, per coordinate."""
        super().__init__()
        self.scale = scale
        size = 2 + 4 * len(PITCHES) + 1 + 2 * len(LEVEL_PITCHES) + extra
        layers: list[nn.Module] = []
        for k in range(depth):
            layers += [nn.Linear(size if k == 0 else width, width), nn.SiLU()]
        self.body = nn.Sequential(*layers, nn.Linear(width, outputs))
        nn.init.zeros_(self.body[-1].weight)
        nn.init.zeros_(self.body[-1].bias)

    def forward(self, x: Tensor, alpha_bar: Tensor, extra: Tensor | None = None) -> Tensor:
        """x: (B, 2), alpha_bar: (B, 1), extra: (B, …)."""
        inner = x / (alpha_bar * self.scale**2 + 1 - alpha_bar).sqrt()
        level = ((1 - alpha_bar) / alpha_bar).log() / 16
        waves = (inner[..., None] * x.new_tensor(PITCHES)).flatten(1)
        tides = level * 2 * x.new_tensor(LEVEL_PITCHES)
        parts = [inner, waves.sin(), waves.cos(), level, tides.sin(), tides.cos()]
        return self.body(torch.cat(parts if extra is None else [*parts, extra], 1))


class PlaneNetwork:
    """A trained denoiser and classifier, offered as a model to sample from. Made by `train`."""

    shape = (2,)

    def __init__(self, world: Mixture):
        self.names = world.names
        # Of the world's data, not of its formula: what any training set tells.
        clean = torch.from_numpy(world.draw(4096, seed=1))
        scale = float(clean.square().mean().sqrt())
        self.denoiser = Features(len(self.names) + 1, 2, WIDTH, DEPTH, scale)
        self.classifier = Features(0, len(self.names), 64, 2, scale)

    def coefficients(self, alpha_bar: Tensor) -> tuple[Tensor, Tensor]:
        """c_skip and c_out at a noise level."""
        clean = self.denoiser.scale**2
        whole = alpha_bar * clean + 1 - alpha_bar
        return alpha_bar.sqrt() * clean / whole, ((1 - alpha_bar) * clean / whole).sqrt()

    def estimate(self, x: Tensor, alpha_bar: Tensor, labels: Tensor) -> Tensor:
        """F, (B, 2)."""
        marks = nn.functional.one_hot(labels - NO_CLASS, len(self.names) + 1).to(x.dtype)
        return self.denoiser(x, alpha_bar, marks)

    def epsilon(self, x: Tensor, alpha_bar: float, labels: Tensor) -> Tensor:
        """The noise that the network sees at x (n, 2), labels −1 for no class."""
        with torch.no_grad():
            point, level = x.float(), torch.full((len(x), 1), alpha_bar)
            skip, out = self.coefficients(level)
            clean = skip * point + out * self.estimate(point, level, labels)
        return (x - math.sqrt(alpha_bar) * clean.to(x.dtype)) / math.sqrt(1 - alpha_bar)

    def log_posterior(self, x: Tensor, alpha_bar: float) -> Tensor:
        """log p(y | x) at a noise level, by the classifier: (n, classes), differentiable in x."""
        return self.classifier(x.float(), torch.full((len(x), 1), alpha_bar)).log_softmax(-1)

    def classifier_gradient(self, x: Tensor, alpha_bar: float, labels: Tensor) -> Tensor:
        """∇ₓ log p(y | x) by the classifier: (n, 2)."""
        with torch.enable_grad():
            point = x.detach().float().requires_grad_()
            chosen = self.log_posterior(point, alpha_bar).gather(1, labels[:, None])
            return torch.autograd.grad(chosen.sum(), point)[0].to(x.dtype)


@dataclass(frozen=True)
class Training:
    """Where a training stands: the share of its rounds done, the losses so far, and the network as it is; at a share
    of 1, with its averaged weights for good."""

    fraction: float
    losses: tuple[float, ...]
    network: PlaneNetwork


def train(world: Mixture, seed: int = 0, rounds: int = ROUNDS, every: int = 25) -> Iterator[Training]:
    """Train a network on samples of a world. Yields every `every` rounds, and at the end the network.

    About 9 s of one core. Not one draw per point but pairs of opposite noises over evenly spread levels: the same
    mean, with less chance in it.
    """
    with torch.random.fork_rng(devices=[]):  # initial weights are drawn from the global generator
        torch.manual_seed(seed)
        network = PlaneNetwork(world)
    draw = _Draws(world, torch.Generator().manual_seed(seed))
    losses: list[float] = []
    whole = rounds + CLASSIFIER_ROUNDS
    fit = _Fit(network.denoiser, rounds)
    for k in range(rounds):
        clean, owners, x, alpha_bar = draw(BATCH)
        labels = torch.where(torch.rand(BATCH, generator=draw.chance) < DROPPED, NO_CLASS, owners)
        skip, out = network.coefficients(alpha_bar)
        loss = (network.estimate(x, alpha_bar, labels) - (clean - skip * x) / out).square().mean()
        fit.step(loss)
        if k % every == 0:
            losses.append(loss.item())
            yield Training(k / whole, tuple(losses), network)
    fit.finish()
    fit = _Fit(network.classifier, CLASSIFIER_ROUNDS)
    for k in range(CLASSIFIER_ROUNDS):
        _, owners, x, alpha_bar = draw(CLASSIFIER_BATCH)
        fit.step(nn.functional.cross_entropy(network.classifier(x, alpha_bar), owners))
        if k % every == 0:
            yield Training((rounds + k) / whole, tuple(losses), network)
    fit.finish()
    yield Training(1.0, tuple(losses), network)


class _Draws:
    """Batches of clean points, their classes, noised points and noise levels."""

    def __init__(self, world: Mixture, chance: torch.Generator):
        self.chance = chance
        self.means, self.deviations = (torch.tensor(a, dtype=torch.float32) for a in (world.means, world.deviations))
        self.owners = torch.tensor(world.owners)
        self.edges = torch.tensor(world.weights).cumsum(0)

    def __call__(self, count: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        half, chance = count // 2, self.chance
        even = (torch.arange(half) + torch.rand((), generator=chance)) / half
        which = torch.searchsorted(self.edges, even.double()).clamp(max=len(self.edges) - 1)
        clean = self.means[which] + self.deviations[which] * torch.randn(half, 2, generator=chance)
        place = (torch.randperm(half, generator=chance) + torch.rand(half, generator=chance)) / half
        level = torch.special.ndtri(place.clamp(1e-5, 1 - 1e-5)) * LEVEL_DEVIATION + LEVEL_MEAN
        noise = torch.randn(half, 2, generator=chance)
        clean, owners, level = (torch.cat([part, part]) for part in (clean, self.owners[which], level))
        alpha_bar = 1 / (1 + (2 * level).exp())[:, None]
        x = alpha_bar.sqrt() * clean + (1 - alpha_bar).sqrt() * torch.cat([noise, -noise])
        return clean, owners, x, alpha_bar


class _Fit:
    """Adam with a warm-up and a cosine to zero, and a running mean of the weights, which is what is kept."""

    def __init__(self, module: nn.Module, rounds: int):
        self.weights, self.rounds, self.done = list(module.parameters()), rounds, 0
        self.optimizer = torch.optim.Adam(self.weights, lr=RATE, betas=(0.9, 0.99), foreach=True)
        self.mean = [w.detach().clone() for w in self.weights]

    def step(self, loss: Tensor) -> None:
        rate = RATE * min(1.0, (self.done + 1) / 50) * 0.5 * (1 + math.cos(math.pi * self.done / self.rounds))
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.done += 1
        with torch.no_grad():
            torch._foreach_lerp_(self.mean, self.weights, max(0.005, 9 / (self.done + 9)))

    def finish(self) -> None:
        with torch.no_grad():
            for weight, mean in zip(self.weights, self.mean, strict=True):
                weight.copy_(mean)
            for weight in self.weights:
                weight.requires_grad_(False)
