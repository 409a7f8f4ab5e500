"""Codebooks that follow the averages of what is assigned to them, are begun by k-means, and revive their dead codes.

Letters: N vectors z, D numbers each, K codes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.generation.quantisation.nearest import nearest_code

TINY = 1e-20


@dataclass
class Averages:
    """The moving count n (K,) and sum m (K, D) of the vectors assigned to each code; the code is m / n."""

    count: Tensor
    total: Tensor

    @classmethod
    def of(cls, codebook: Tensor, count: float = 1.0) -> Averages:
        """As if each code had just been given `count` vectors equal to itself."""
        n = torch.full((len(codebook),), count, dtype=codebook.dtype, device=codebook.device)
        return cls(n, codebook * n[:, None])

    def begin(self, codebook: Tensor, count: float) -> None:
        """The same, in place."""
        self.count.fill_(count)
        self.total.copy_(codebook * count)

    def update(self, codebook: Tensor, z: Tensor, index: Tensor, decay: float) -> None:
        """One step of n ← γn + (1 − γ)·(number assigned), m ← γm + (1 − γ)·(their sum), e ← m / n, in place.

        A code that nothing was given to decays in count and sum alike and stays where it is.
        Source: van den Oord et al. 2017, appendix A.1, eqs. 6 to 8.
        """
        n, m = assigned(z, index, len(codebook))
        self.count.mul_(decay).add_(n, alpha=1 - decay)
        self.total.mul_(decay).add_(m, alpha=1 - decay)
        held = self.count[:, None] > TINY  # else both have decayed to nothing
        codebook.copy_(torch.where(held, self.total / self.count.clamp(min=TINY)[:, None], codebook))

    def restart(self, codebook: Tensor, z: Tensor, below: float, generator: torch.Generator) -> Tensor:
        """Codes whose count is under `below` times the mean are put on vectors of `z` drawn at random; says which.

        Source: Dhariwal et al. 2020 (Jukebox), section 3.1 (random restarts).
        """
        mean = self.count.mean()
        dead = self.count < below * mean
        if dead.any():
            drawn = z[torch.randint(len(z), (int(dead.sum()),), generator=generator).to(z.device)]
            codebook[dead] = drawn
            self.count[dead] = mean
            self.total[dead] = drawn * mean
        return dead


def assigned(z: Tensor, index: Tensor, codes: int) -> tuple[Tensor, Tensor]:
    """How many vectors each code was given (K,), and their sum (K, D)."""
    count = torch.bincount(index, minlength=codes).to(z.dtype)
    return count, torch.zeros(codes, z.shape[1], dtype=z.dtype, device=z.device).index_add_(0, index, z)


def k_means(z: Tensor, codes: int, generator: torch.Generator, rounds: int = 15) -> Tensor:
    """A codebook (K, D) by Lloyd's rounds from vectors drawn without repetition; an empty cell gets a new vector."""
    if len(z) < codes:
        raise ValueError(f"k-means of {codes} codes needs at least as many vectors; got {len(z)}")
    order = torch.randperm(len(z), generator=generator).to(z.device)
    codebook = z[order[:codes]].clone()
    for _ in range(rounds):
        count, total = assigned(z, nearest_code(z, codebook), codes)
        codebook = torch.where(count[:, None] > 0, total / count.clamp(min=1)[:, None], codebook)
        if int(empty := (count == 0).sum()):
            drawn = torch.randint(len(z), (int(empty),), generator=generator).to(z.device)
            codebook[count == 0] = z[drawn]
    return codebook
