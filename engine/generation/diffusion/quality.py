"""What is gained and lost: accuracy, diversity, precision, recall, Fréchet distance, by a plane's judge or the pictures'."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from engine.generation.diffusion.result import Quality


class Judge(Protocol):
    """What measures samples, apart from what made them."""

    def accuracy(self, samples: Tensor, labels: Tensor) -> float: ...
    def frechet(self, samples: Tensor) -> float: ...
    def precision_recall(self, samples: Tensor) -> tuple[float, float]: ...
    def diversity(self, samples: Tensor) -> float: ...


def measure(judge: Judge, samples: Tensor, labels: Tensor, enough: int = 8) -> Quality:
    """All of it at once; only accuracy where there are fewer than `enough` samples."""
    finite = torch.isfinite(samples).all(dim=tuple(range(1, samples.ndim)))
    samples, labels = samples[finite], labels[finite]
    if len(samples) < enough:
        accuracy = judge.accuracy(samples, labels) if len(samples) else math.nan
        return Quality(len(samples), accuracy, math.nan, math.nan, math.nan, math.nan)
    precision, recall = judge.precision_recall(samples)
    groups = [samples[labels == y] for y in labels.unique()]
    diversity = [judge.diversity(group) for group in groups if len(group) > 1]
    spread = float(np.mean(diversity)) if diversity else math.nan
    return Quality(len(samples), judge.accuracy(samples, labels), spread, precision, recall, judge.frechet(samples))
