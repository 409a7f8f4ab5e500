"""The quantisers that are trained live, each from its equation.

Letters: N vectors z (N, D), K codes. Every quantiser gives what the decoder takes, with a path for the gradient, the
integer of each vector, and what it adds to the loss; `learn` is what it does beside the gradient.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.generation.quantisation import fsq
from engine.generation.quantisation.averages import Averages, k_means
from engine.generation.quantisation.gradients import codebook_loss, commitment, rotated, straight_through
from engine.generation.quantisation.nearest import lookup, nearest_code

DEAD = 0.02  # a code used less than this share of the mean is dead
EVENLY = 0.1  # weight of the loss that keeps the codes of Gumbel-softmax in use
WATCH = 0.95  # of the moving counts by which dead codes are told


@dataclass(frozen=True)
class Quantised:
    """out: (N, D), what the decoder takes. index: (N,). loss: the codebook's. commitment: the encoder's, times β."""

    out: Tensor
    index: Tensor
    loss: Tensor
    commitment: Tensor


@dataclass(frozen=True)
class Choice:
    """What a person chooses of a quantiser."""

    codes: int
    beta: float
    decay: float
    start: str  # "origin", "data" or "k-means"
    restarts: bool


class Codebook(nn.Module):
    """Plain VQ: the nearest code, moved by its gradient; straight-through to the encoder. Source: van den Oord 2017.

    Its codes start near the origin, on vectors of the data, or by k-means.
    """

    fixed = False  # whether the range of what it gives is fixed
    through = staticmethod(straight_through)

    def __init__(self, choice: Choice, z: Tensor, generator: torch.Generator):
        super().__init__()
        self.choice = choice
        self.codebook = nn.Parameter(begun(choice.codes, choice.start, z, generator))
        self.recent = Averages.of(self.codebook.detach().clone())

    def forward(self, z: Tensor, share: float, generator: torch.Generator) -> Quantised:
        index = nearest_code(z, self.codebook)
        q = lookup(self.codebook, index)
        return Quantised(self.through(z, q), index, codebook_loss(z, q), self.choice.beta * commitment(z, q))

    def assign(self, z: Tensor) -> Tensor:
        """The integer of each vector once trained."""
        return nearest_code(z, self.codebook)

    def codes(self) -> Tensor:
        """All vectors that the decoder can be given (K, D)."""
        return self.codebook.detach()

    @torch.no_grad()
    def learn(self, z: Tensor, index: Tensor, generator: torch.Generator, step: int) -> None:
        """Draw dead codes anew, where that is asked for."""
        if not self.choice.restarts:
            return
        self.recent.update(self.codebook.detach().clone(), z, index, WATCH)
        if step % 20 == 19:
            self.recent.restart(self.codebook.data, z, DEAD, generator)


class Rotation(Codebook):
    """The same, but the gradient turns with the vector. Source: Fifty et al. 2024."""

    through = staticmethod(rotated)


class Ema(Codebook):
    """The codes follow the averages of what they are given. Source: van den Oord 2017, appendix A.1."""

    def __init__(self, choice: Choice, z: Tensor, generator: torch.Generator):
        super().__init__(choice, z, generator)
        self.codebook.requires_grad_(False)
        self.averages = Averages.of(self.codebook.clone(), len(z) / choice.codes)

    def forward(self, z: Tensor, share: float, generator: torch.Generator) -> Quantised:
        index = nearest_code(z, self.codebook)
        q = self.codebook[index]
        return Quantised(self.through(z, q), index, z.new_zeros(()), self.choice.beta * commitment(z, q))

    @torch.no_grad()
    def learn(self, z: Tensor, index: Tensor, generator: torch.Generator, step: int) -> None:
        self.averages.update(self.codebook.data, z, index, self.choice.decay)
        if self.choice.restarts and step % 20 == 19:
            self.averages.restart(self.codebook.data, z, DEAD, generator)


class Gumbel(Codebook):
    """A code is drawn by softmax((−‖z − e‖²/v + Gumbel noise)/τ), softly while τ falls from 1 to 1/16; hard in the end.

    v is a quarter of the data's variance. No commitment: the gradient passes the softmax. A loss keeps the codes in
    use: how far the entropy of their mean probability is below ln K.
    Source: Jang et al. 2017, eq. 2; Baevski et al. 2020 (wav2vec 2.0), eq. 4, for the loss.
    """

    def __init__(self, choice: Choice, z: Tensor, generator: torch.Generator):
        super().__init__(choice, z, generator)
        self.scale = float(z.var(0).mean()) / 4

    def forward(self, z: Tensor, share: float, generator: torch.Generator) -> Quantised:
        logits = -torch.cdist(z, self.codebook).square() / self.scale
        noise = -torch.empty_like(logits).exponential_(generator=generator).log()
        soft = ((logits + noise) * 16**share).softmax(-1)
        mean = logits.softmax(-1).mean(0) + 1e-7  # the gradient of the entropy is log of it
        uneven = math.log(len(mean)) - torch.special.entr(mean).sum()
        return Quantised(soft @ self.codebook, logits.argmax(-1), EVENLY * uneven, z.new_zeros(()))


class Fsq(nn.Module):
    """Each number is rounded to a few levels; nothing is learned. Source: Mentzer et al. 2023.

    The paper advises 5 levels or more a number, for codebooks of 2⁸ and more. Of at most 64 codes that would leave one
    or two numbers; here all are used, with 2 levels if need be, which loses less on the digits.
    """

    fixed = True

    def __init__(self, choice: Choice, z: Tensor, generator: torch.Generator):
        super().__init__()
        self.levels = fsq.levels_for(choice.codes, z.shape[1])
        # The range is laid over the first vectors once; the encoder may move within it.
        self.centre, self.scale = z.mean(0), z.std(0) * 1.2

    def forward(self, z: Tensor, share: float, generator: torch.Generator) -> Quantised:
        q, zero = self._rounded(z), z.new_zeros(())
        return Quantised(self._placed(q), fsq.indices(q.detach(), self.levels), zero, zero)

    def _rounded(self, z: Tensor) -> Tensor:
        return fsq.quantise(((z - self.centre) / self.scale)[:, : len(self.levels)], self.levels)

    def _placed(self, q: Tensor) -> Tensor:
        return nn.functional.pad(q, (0, len(self.scale) - q.shape[1])) * self.scale + self.centre

    def assign(self, z: Tensor) -> Tensor:
        return fsq.indices(self._rounded(z), self.levels)

    def codes(self) -> Tensor:
        return self._placed(fsq.codes(self.levels))

    def learn(self, z: Tensor, index: Tensor, generator: torch.Generator, step: int) -> None:
        """Nothing."""


class Residual(nn.Module):
    """RVQ: a second codebook quantises what the first leaves over; K = K₁ · K₂ sums. Both follow averages.

    Source: Zeghidour et al. 2021 (SoundStream), algorithm 1.
    """

    fixed = False

    def __init__(self, choice: Choice, z: Tensor, generator: torch.Generator):
        super().__init__()
        first = max(1, math.isqrt(choice.codes - 1) + 1)  # the root, rounded up
        sizes = [first, max(1, choice.codes // first)]
        self.stages = nn.ModuleList()
        left = z
        for size in sizes:
            stage = Ema(Choice(size, choice.beta, choice.decay, choice.start, choice.restarts), left, generator)
            left = left - stage.codebook[stage.assign(left)]
            self.stages.append(stage)

    def forward(self, z: Tensor, share: float, generator: torch.Generator) -> Quantised:
        q, index = self._steps(z)
        beta = self.stages[0].choice.beta
        return Quantised(straight_through(z, q), index, z.new_zeros(()), beta * commitment(z, q))

    def _steps(self, z: Tensor) -> tuple[Tensor, Tensor]:
        q, index = torch.zeros_like(z), torch.zeros(len(z), dtype=torch.int64)
        for stage in self.stages:
            chosen = stage.assign(z - q)
            q = q + stage.codebook[chosen]
            index = index * len(stage.codebook) + chosen
        return q, index

    def assign(self, z: Tensor) -> Tensor:
        return self._steps(z)[1]

    def codes(self) -> Tensor:
        first, second = (stage.codes() for stage in self.stages)
        return (first[:, None] + second[None]).flatten(0, 1)

    @torch.no_grad()
    def learn(self, z: Tensor, index: Tensor, generator: torch.Generator, step: int) -> None:
        left = z
        for stage in self.stages:
            chosen = stage.assign(left)
            q = stage.codebook[chosen]
            stage.learn(left, chosen, generator, step)
            left = left - q


def begun(codes: int, start: str, z: Tensor, generator: torch.Generator) -> Tensor:
    """A codebook (K, D) to begin with."""
    z = z.detach()
    match start:
        case "origin":  # uniform within 1/K, as the first implementations had it
            return (2 * torch.rand(codes, z.shape[1], generator=generator) - 1) / codes
        case "data":
            return z[torch.randperm(len(z), generator=generator)[:codes]].clone()
    return k_means(z, codes, generator)


QUANTISERS = {"gradient": Codebook, "ema": Ema, "rotation": Rotation, "gumbel": Gumbel, "fsq": Fsq, "rvq": Residual}
