"""How an embedded autoencoder learns: one encoder and one decoder, and five codebooks that share them.

Each step's patches are dealt out to the codebooks, so that the decoder learns to paint from every one of them; all
codebooks follow the averages of all the step's vectors, and their codes are to be used evenly. It begins as classical
vector quantisation, with principal components of the cells' pixels and codes by k-means; the convolutions then learn
what that leaves over.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import mse_loss, pixel_unshuffle

from engine.core.optimisers import MuonAdamW
from engine.core.progress import Progress, Tensors
from engine.core.recipes import Report
from engine.core.training import ended_early, fit, rise_stay_fall
from engine.generation.picture_codes import patches
from engine.generation.picture_codes.networks import Autoencoder, Shape
from engine.generation.quantisation.averages import Averages, k_means
from engine.generation.quantisation.gradients import commitment, straight_through
from engine.generation.quantisation.nearest import nearest_code


@dataclass(frozen=True)
class Plan:
    """One autoencoder's training. The learning rate rises, stays, and falls linearly over the last `decay` of `steps`;
    then, for `again` steps more, it falls once more from half of it (warm restarts, Loshchilov & Hutter 2017).

    In the first fall and in the second: cuts, how many patches a step and their side in pixels: small ones are cheaper,
    but most of their cells see the zeros beyond an edge, and codes are spent on those; varieties, the weight of the
    entropy (nats) of 256 codes' use, and the power of K with which that of K codes grows.
    """

    shape: Shape
    steps: int
    decay: int
    again: int = 0
    cuts: tuple[tuple[int, int], tuple[int, int]] = ((10, 64), (5, 128))
    matrices: float = 2e-3  # learning rate of Muon
    rate: float = 1e-3  # of AdamW
    warm_up: int = 100
    beta: float = 0.25
    varieties: tuple[tuple[float, float], tuple[float, float]] = ((0.025, 0.5), (0.01, 0.5))
    average: float = 0.99  # decay of the codebooks' averages
    dead: float = 0.1  # codes used less than this share of the mean are drawn anew
    restart: int = 10  # steps between two looks for dead codes
    seed: int = 11
    every: int = 400  # steps between two points of the curve, and two states on disk


def optimiser(model: Autoencoder, plan: Plan) -> MuonAdamW:
    """Muon over the convolutions between the layers, AdamW over the linear maps, the last layer before the codes, and
    what is no matrix."""

    def inside(name: str, p: Tensor) -> bool:
        return p.ndim == 4 and not name.rpartition(".")[0].endswith(("plain", "out"))

    return MuonAdamW(model, inside, matrices=plan.matrices, others=plan.rate, matrices_decay=0.01, others_decay=1e-3)


class Run:
    """A training whose state is in `folder` after every `plan.every` steps.

    A file `decay` put into the folder makes the rate begin to fall at the next of these points: a run can be ended
    early and yet be whole.
    """

    def __init__(self, folder: Path, plan: Plan, device: str, resume: bool):
        torch.manual_seed(plan.seed)
        self.folder, self.plan, self.device = folder, plan, device
        self.model = Autoencoder(plan.shape).to(device).to(memory_format=torch.channels_last)
        self.optimiser = optimiser(self.model, plan)
        self.averages = {k: Averages.of(self.model.codebook(k)) for k in plan.shape.codebooks}
        moving = {f"{k} {name}": value for k, a in self.averages.items() for name, value in vars(a).items()}
        parts = {"model": self.model, "optimiser": self.optimiser, "averages": Tensors(moving)}
        # falls: the step at which the rate begins to fall.
        self.progress = Progress(folder, parts, device, resume, falls=plan.steps - plan.decay)
        if not self.progress.resumed:
            self._begin()

    @property
    def fallen(self) -> int:
        """The step at which the rate has fallen for the first time."""
        return min(self.plan.steps, self.progress.more["falls"] + self.plan.decay)

    @property
    def last(self) -> int:
        """The step at which the run is over."""
        return self.fallen + self.plan.again

    def share(self, step: int) -> float:
        """The learning rate's factor, 0 to 1."""
        if step >= self.fallen:
            return 0.5 * (self.last - step) / self.plan.again
        return rise_stay_fall(step, rise=self.plan.warm_up, last=self.fallen, fall=self.plan.decay)

    def go(self, judge: Callable[[Autoencoder], dict[str, float]], report: Report) -> None:
        """Train until the last step. judge(model) gives the figures of a point on the curve."""
        found = patches.stock()

        def step(number: int) -> float:
            rng = np.random.default_rng((self.plan.seed, number))
            x = torch.from_numpy(patches.batch(found, *self.plan.cuts[number >= self.fallen], rng)).to(self.device)
            return self.step(x.to(memory_format=torch.channels_last))

        fit(
            self.progress,
            step,
            last=lambda: self.last,
            every=self.plan.every,
            report=report,
            judge=lambda: judge(copy.deepcopy(self.model).cpu().eval()),
            before_point=lambda: ended_early(self.progress),
        )

    def step(self, x: Tensor) -> float:
        """One update of everything; the mean squared error before it."""
        plan, step = self.plan, self.progress.step
        with torch.autocast(self.device.partition(":")[0], torch.bfloat16):
            z = self.model.encoder(x)
        chosen, book, apart, variety = self._chosen(z.float(), step)
        with torch.autocast(self.device.partition(":")[0], torch.bfloat16):
            painted = self.model.decoder(chosen, book)
        error = mse_loss(painted.float(), x)
        (error + plan.beta * apart - variety).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step(self.share(step))
        return error.item()

    def _chosen(self, z: Tensor, step: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What the decoder is given, with straight-through gradients, of which codebook each patch of it is, the mean
        squared distance of the encoder's vectors to it, and how varied the codes are, weighted. The codebooks take a
        step.

        z: (S, B, D, H, W).
        """
        plan, (books, count) = self.plan, z.shape[:2]
        generator = torch.Generator().manual_seed(plan.seed * 1_000_003 + step)
        book = (torch.arange(count, device=z.device) * books) // count
        weight, power = plan.varieties[step >= self.fallen]
        given, q, variety = [], [], z.new_zeros(())
        for s, k in enumerate(plan.shape.codebooks):
            codebook = self.model.codebook(k)
            vectors = z[s].permute(0, 2, 3, 1)  # (B, H, W, D)
            flat = vectors.detach().flatten(0, 2)
            index = nearest_code(flat, codebook)
            if weight:
                size = weight * (k / 256) ** power
                variety = variety + size / books * spread(vectors.flatten(1, 2), codebook.clone())
            mine = book == s
            given.append(z[s, mine])
            q.append(codebook[index].view_as(vectors)[mine].permute(0, 3, 1, 2))
            self.averages[k].update(codebook, flat, index, plan.average)
            if step % plan.restart == 0 and step < self.progress.more["falls"] + plan.decay // 2:
                self.averages[k].restart(codebook, flat, plan.dead, generator)
        z, q = torch.cat(given), torch.cat(q)
        # In units of a pixel's squared error, as the reconstruction's is.
        return straight_through(z, q), book, plan.shape.code * commitment(z, q), variety

    def _begin(self) -> None:
        """Principal components, and codebooks by k-means, of a few steps' patches."""
        plan, found = self.plan, patches.stock()
        rng = np.random.default_rng((plan.seed, 10**6))
        count, side = plan.cuts[0]
        x = torch.from_numpy(patches.batch(found, 8 * count, side, rng))
        cells = pixel_unshuffle(x, plan.shape.factor).permute(0, 2, 3, 1).flatten(0, 2)
        self.model.begin(cells.to(self.device))
        with torch.no_grad():
            z = self.model.encoder(x.to(self.device))[0].permute(0, 2, 3, 1).flatten(0, 2)
        generator = torch.Generator().manual_seed(plan.seed)
        for k in plan.shape.codebooks:
            codebook = self.model.codebook(k)
            codebook.copy_(k_means(z, k, generator))
            self.averages[k].begin(codebook, len(z) / 8 / k)


def spread(z: Tensor, codebook: Tensor) -> Tensor:
    """How varied the codes (K, D) of patches' vectors z (B, n, D) are: the entropy (nats) within a patch and over all
    patches, the mean of both. Codes are assigned softly, so that there is a gradient: a vector's shares are as
    exp(−4 d² / d̄²), d̄² being the mean squared distance to the nearest.

    Source: the entropy term of Yu et al. 2024 (MAGVIT-v2), eq. 5, here of each patch too.
    """
    d = codebook.square().sum(1) - 2 * (z @ codebook.T) + z.square().sum(2, keepdim=True)
    share = (-4 * d / d.detach().amin(2).mean().clamp(min=1e-12)).softmax(2)
    own, all_ = (s + 1e-7 for s in (share.mean(1), share.mean((0, 1))))  # the gradient is log s
    return (torch.special.entr(own).sum(1).mean() + torch.special.entr(all_).sum()) / 2
