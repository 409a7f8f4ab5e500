"""Exact worlds: mixtures of Gaussians in the plane, of which everything is known in closed form at every noise level.

Letters: n points, m components, ᾱ as in `schedules`. Noised by x = √ᾱ x₀ + √(1−ᾱ) ε, a component N(μ, diag s²)
becomes N(√ᾱ μ, diag(ᾱ s² + 1 − ᾱ)): the world stays a mixture, and its score is a weighted mean of straight lines.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor

from engine.core.words import T
from engine.generation.plane_models.names import CLASSES

NO_CLASS = -1


@dataclass(frozen=True)
class Mixture:
    """A mixture whose components carry classes. means, deviations: (m, 2); weights: (m,), sum 1; owners: (m,) class of
    each; names: of the classes, in both languages."""

    means: ndarray
    deviations: ndarray
    weights: ndarray
    owners: ndarray
    names: tuple[T, ...]

    shape = (2,)

    @functools.cached_property
    def _parts(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        mean, deviation, weight = (torch.tensor(a, dtype=torch.float64) for a in (self.means, self.deviations, self.weights))
        return mean, deviation**2, weight.log(), torch.tensor(self.owners)

    def log_parts(self, x: Tensor, alpha_bar: float) -> Tensor:
        """log(weight · density) of each component at x (n, 2), noised to ᾱ: (n, m)."""
        mean, variance, weight, _ = self._parts
        spread = alpha_bar * variance + 1 - alpha_bar
        away = x[:, None] - math.sqrt(alpha_bar) * mean
        return weight - 0.5 * (away**2 / spread + torch.log(2 * math.pi * spread)).sum(-1)

    def log_density(self, x: Tensor, alpha_bar: float, labels: Tensor | None = None) -> Tensor:
        """log p(x), or log p(x | y) for the labels (n,) that are classes, at noise level ᾱ: (n,)."""
        parts = self.log_parts(x, alpha_bar)
        if labels is None:
            return torch.logsumexp(parts, -1)
        mask = self._of_class(labels)
        share = torch.logsumexp(torch.where(mask, self._parts[2], -math.inf), -1)
        return torch.logsumexp(torch.where(mask, parts, -math.inf), -1) - share

    def log_posterior(self, x: Tensor, alpha_bar: float) -> Tensor:
        """log p(y | x) at noise level ᾱ for every class: (n, classes)."""
        parts, owners = self.log_parts(x, alpha_bar), self._parts[3]
        of = torch.stack([torch.logsumexp(parts[:, owners == y], -1) for y in range(len(self.names))], -1)
        return of - torch.logsumexp(of, -1, keepdim=True)

    def score(self, x: Tensor, alpha_bar: float, labels: Tensor) -> Tensor:
        """∇ log p(x | y) at noise level ᾱ, of p(x) where the label is −1: (n, 2)."""
        mean, variance, _, _ = self._parts
        parts = torch.where(self._of_class(labels), self.log_parts(x, alpha_bar), -math.inf)
        share = torch.softmax(parts, -1)
        precise = 1 / (alpha_bar * variance + 1 - alpha_bar)
        return math.sqrt(alpha_bar) * share @ (precise * mean) - (share @ precise) * x

    def epsilon(self, x: Tensor, alpha_bar: float, labels: Tensor) -> Tensor:
        """E[ε | x, y] = −√(1−ᾱ) ∇ log p(x | y): what the best network would say."""
        return -math.sqrt(1 - alpha_bar) * self.score(x.double(), alpha_bar, labels).to(x.dtype)

    def classifier_gradient(self, x: Tensor, alpha_bar: float, labels: Tensor) -> Tensor:
        """∇ₓ log p(y | x) at noise level ᾱ: (n, 2)."""
        plain = torch.full_like(labels, NO_CLASS)
        both = self.score(torch.cat([x, x]).double(), alpha_bar, torch.cat([labels, plain])).to(x.dtype)
        return both[: len(x)] - both[len(x) :]

    def draw(self, count: int, seed: int, label: int = NO_CLASS) -> ndarray:
        """`count` clean points of a class, or of all: (count, 2)."""
        return self.draw_labelled(count, seed, label)[0]

    def draw_labelled(self, count: int, seed: int, label: int = NO_CLASS) -> tuple[ndarray, ndarray]:
        """Clean points and the class of each."""
        rng = np.random.Generator(np.random.PCG64(seed))
        weight = self.weights * ((self.owners == label) | (label == NO_CLASS))
        which = rng.choice(len(weight), count, p=weight / weight.sum())
        return self.means[which] + self.deviations[which] * rng.standard_normal((count, 2)), self.owners[which]

    def _of_class(self, labels: Tensor) -> Tensor:
        """Which components a point's label allows: (n, m)."""
        return (labels[:, None] == self._parts[3]) | (labels[:, None] == NO_CLASS)


def mixture_of(means: ndarray, deviations: ndarray | float, owners: ndarray, names: tuple[T, ...]) -> Mixture:
    """A mixture of components of equal weight."""
    means = np.asarray(means, float)
    spread = np.broadcast_to(np.asarray(deviations, float), means.shape).copy()
    return Mixture(means, spread, np.full(len(means), 1 / len(means)), np.asarray(owners), names)


def gaussian() -> Mixture:
    """One Gaussian, long in x and short in y."""
    return mixture_of(np.array([[0.5, -0.3]]), np.array([[1.0, 0.4]]), np.array([0]), CLASSES["gaussian"])


def lobes() -> Mixture:
    """Three classes of two lobes each: near the centre they overlap, further out they do not."""
    turn = np.deg2rad([90, 210, 330])
    way = np.stack([np.cos(turn), np.sin(turn)], -1)
    means = np.concatenate([0.45 * way, 1.5 * way])
    deviations = np.repeat([0.42, 0.2], 3)[:, None] * np.ones(2)
    return mixture_of(means, deviations, np.tile(np.arange(3), 2), CLASSES["lobes"])


def moons() -> Mixture:
    """Two interlocking half circles."""
    turn = np.linspace(0, np.pi, 24)
    upper = np.stack([np.cos(turn) - 0.5, np.sin(turn) - 0.25], -1)
    means = 1.25 * np.concatenate([upper, -upper])
    return mixture_of(means, 0.1, np.repeat([0, 1], 24), CLASSES["moons"])


def spirals() -> Mixture:
    """Two spiral arms."""
    along = np.linspace(0.12, 1, 44) ** 0.6
    turn = 3.2 * np.pi * along
    arm = 2.0 * along[:, None] * np.stack([np.cos(turn), np.sin(turn)], -1)
    return mixture_of(np.concatenate([arm, -arm]), 0.08, np.repeat([0, 1], 44), CLASSES["spirals"])
