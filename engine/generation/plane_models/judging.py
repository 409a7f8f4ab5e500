"""An exact world as the judge of points: recognition, precision and recall, Fréchet distance, sliced W₂ to exact laws."""

from __future__ import annotations

import numpy as np
import torch
from numpy import ndarray
from scipy.special import ndtr
from torch import Tensor

from engine.generation.image_models.judging import frechet_distance, manifold_share
from engine.generation.plane_models.mixtures import Mixture

DIRECTIONS = 32
REFERENCE = 600
CLEAN = 1.0  # ᾱ without noise


class PlaneJudge:
    """An exact world as the judge of points: its own posterior recognises the class, fresh draws are the reality."""

    def __init__(self, world: Mixture, law: Mixture, seed: int = 20_000):
        """law: what was asked for, of which fresh draws are the reality."""
        self.world = world
        real, owners = law.draw_labelled(REFERENCE, seed)
        self.real = torch.from_numpy(real)
        groups = [self.real[torch.from_numpy(owners == y)] for y in np.unique(owners)]
        self.spread = float(np.mean([torch.pdist(group).mean().item() for group in groups if len(group) > 1]))

    def accuracy(self, samples: Tensor, labels: Tensor) -> float:
        return float((self.world.log_posterior(samples.double(), CLEAN).argmax(-1) == labels).double().mean())

    def frechet(self, samples: Tensor) -> float:
        points = samples.double()
        return frechet_distance(points.mean(0), torch.cov(points.T), self.real.mean(0), torch.cov(self.real.T))

    def precision_recall(self, samples: Tensor) -> tuple[float, float]:
        points = samples.double()[:REFERENCE]
        return manifold_share(points, self.real), manifold_share(self.real, points)

    def diversity(self, samples: Tensor) -> float:
        return float(torch.pdist(samples.double()[:REFERENCE]).mean()) / self.spread


def directions(count: int = DIRECTIONS) -> ndarray:
    """Fixed unit vectors, evenly turned over the half plane: (count, 2)."""
    turn = np.arange(count) * np.pi / count
    return np.stack([np.cos(turn), np.sin(turn)], -1)


def quantiles(world: Mixture, count: int, fine: int = 8001) -> ndarray:
    """The exact (i + ½)/count quantiles of the world's shadow on each direction: (directions, count)."""
    asked = (np.arange(count) + 0.5) / count
    made = np.empty((DIRECTIONS, count))
    for row, way in zip(made, directions(), strict=True):
        centre, spread = world.means @ way, np.sqrt(world.deviations**2 @ way**2)
        places = np.linspace((centre - 6 * spread).min(), (centre + 6 * spread).max(), fine)
        row[:] = np.interp(asked, ndtr((places[:, None] - centre) / spread) @ world.weights, places)
    return made


def sliced_w2(points: ndarray, target: ndarray) -> float:
    """The sliced 2-Wasserstein distance of points (n, 2) to a world whose `quantiles` (directions, n) are given.

    The root of the mean over directions of ∫ (F⁻¹ − G⁻¹)², as Bonneel et al. 2015, eq. 9.
    """
    shadow = np.sort(np.asarray(points, float) @ directions().T, axis=0).T
    return float(np.sqrt(((shadow - target) ** 2).mean()))
