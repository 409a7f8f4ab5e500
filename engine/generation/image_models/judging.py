"""What is gained and lost by guidance, measured by a network that had no part in drawing: accuracy, Fréchet distance,
precision and recall, diversity.

Letters: n, m pictures; D features of each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from engine.core import checkpoints
from engine.generation.image_models import networks

if TYPE_CHECKING:
    from torch.nn import Module

BATCH = 256
NEIGHBOURS = 3


def frechet_distance(mean: Tensor, covariance: Tensor, other_mean: Tensor, other_covariance: Tensor) -> float:
    """‖μ − μ′‖² + tr(Σ + Σ′ − 2 (Σ Σ′)^½), of two Gaussians in D dimensions, in float64.

    The trace of the root is the sum of the roots of the eigenvalues of Σ^½ Σ′ Σ^½. Source: Heusel et al. 2017, eq. 6.
    """
    mean, covariance, other_mean, other_covariance = (t.double() for t in (mean, covariance, other_mean, other_covariance))
    values, vectors = torch.linalg.eigh(covariance)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    shared = torch.linalg.eigvalsh(root @ other_covariance @ root).clamp(min=0).sqrt().sum()
    return float((mean - other_mean).square().sum() + covariance.trace() + other_covariance.trace() - 2 * shared)


def manifold_share(points: Tensor, reference: Tensor, neighbours: int = NEIGHBOURS) -> float:
    """The share of `points` (n, D) that lie in some ball around a point of `reference` (m, D), whose radius is the
    distance to its own k-th nearest neighbour. Raises ValueError where the reference has k points or fewer.

    Precision is that of samples in real pictures, recall the reverse. Source: Kynkäänniemi et al. 2019, eq. 1–2.
    """
    if len(reference) <= neighbours:
        raise ValueError(f"the manifold needs more than {neighbours} points; got {len(reference)}")
    radii = torch.cdist(reference, reference).kthvalue(neighbours + 1, dim=1).values  # a point is its own nearest
    return (torch.cdist(points, reference) <= radii).any(1).float().mean().item()


@dataclass(frozen=True)
class Judge:
    """An independent classifier of clean pictures, its features as the small feature net, and those of held-out
    pictures to compare with.

    Samples are (n, C, H, W) in [−1, 1], clamped to it. Made by `engine.generation.image_models.judge`.

    reference: (m, D), the features of held-out pictures. mean, covariance: theirs. spread: the mean distance of two.
    """

    world: str
    network: Module
    classes: int
    reference: Tensor
    mean: Tensor
    covariance: Tensor
    spread: float

    def logits(self, samples: Tensor) -> Tensor:
        """log-odds of each class, (n, classes)."""
        with torch.no_grad():
            return torch.cat([self.network(part)[:, : self.classes] for part in self._batches(samples)])

    def classify(self, samples: Tensor) -> Tensor:
        """The likeliest class of each sample, (n,) int64."""
        return self.logits(samples).argmax(1)

    def accuracy(self, samples: Tensor, labels: Tensor) -> float:
        """The share of samples recognised as their class, 0 to 1."""
        return (self.classify(samples) == labels.cpu()).float().mean().item()

    def features(self, samples: Tensor) -> Tensor:
        """(n, D), what the network's last layer is given."""
        with torch.no_grad():
            return torch.cat([self.network.describe(part) for part in self._batches(samples)])

    def frechet(self, samples: Tensor) -> float:
        """Fréchet distance of the samples' features to those of held-out pictures; raises ValueError below 2 samples.

        It is biased upward where samples are few: compare only equal numbers of them.
        """
        if len(samples) < 2:
            raise ValueError(f"the Fréchet distance needs at least 2 samples; got {len(samples)}")
        found = self.features(samples)
        return frechet_distance(found.mean(0), torch.cov(found.T), self.mean, self.covariance)

    def precision_recall(self, samples: Tensor) -> tuple[float, float]:
        """How many samples lie among real pictures, and how many real pictures among the samples; each 0 to 1.

        In feature space, by balls up to the third neighbour. Recall, too, grows with the number of samples; raises
        ValueError for fewer than 4.
        """
        found = self.features(samples)
        return manifold_share(found, self.reference), manifold_share(self.reference, found)

    def diversity(self, samples: Tensor) -> float:
        """Mean distance of two samples' features over that of two held-out pictures: 1 is as diverse as the world.

        Raises ValueError below 2 samples.
        """
        if len(samples) < 2:
            raise ValueError(f"diversity needs at least 2 samples; got {len(samples)}")
        return torch.pdist(self.features(samples)).mean().item() / self.spread

    def _batches(self, samples: Tensor) -> tuple[Tensor, ...]:
        return samples.detach().float().cpu().clamp(-1, 1).split(BATCH)


def revive(world: str, config: Mapping[str, Any], state: Mapping[str, Tensor]) -> Judge:
    """The judge of a saved configuration and state; strict. Raises ValueError where they do not fit."""
    network = networks.classifier(config["judge"])
    checkpoints.fill(network, networks.part(state, "judge"))
    reference = state["reference.features"]
    return Judge(
        world,
        network.eval().requires_grad_(False),
        config["classes"],
        reference,
        reference.mean(0),
        torch.cov(reference.T),
        torch.pdist(reference).mean().item(),
    )
