"""How an embedded autoencoder learns: one encoder and one decoder, and five codebooks that share them.

Each step's patches are dealt out to the codebooks, so that the decoder learns to paint from every one of them; all
codebooks follow the averages of all the step's vectors. It begins as classical vector quantisation, with principal
components of the cells' pixels and codes by k-means; the convolutions then learn what that leaves over.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import mse_loss, pixel_unshuffle

from engine.core.recipes import Report
from engine.generation.vq_vae import patches
from engine.generation.vq_vae.averages import Averages, k_means
from engine.generation.vq_vae.gradients import commitment, straight_through
from engine.generation.vq_vae.nearest import nearest_code
from engine.generation.vq_vae.networks import Autoencoder, Shape


@dataclass(frozen=True)
class Plan:
    """One autoencoder's training. The learning rate rises, stays, and falls linearly over the last `decay` steps."""

    shape: Shape
    steps: int
    decay: int
    patches: int = 10
    side: int = 64
    rate: float = 1e-3
    warm_up: int = 100
    beta: float = 0.25
    average: float = 0.99  # decay of the codebooks' averages
    dead: float = 0.1  # codes used less than this share of the mean are drawn anew
    restart: int = 10  # steps between two looks for dead codes
    seed: int = 11
    every: int = 200  # steps between two points of the curve, and two states on disk


@dataclass
class Progress:
    """What a run carries across interruptions beside its tensors. falls: the step at which the rate begins to fall."""

    step: int = 0
    falls: int = -1
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    curve: list[dict[str, float]] = dataclasses.field(default_factory=list)


class Run:
    """A training whose state is in `folder` after every `plan.every` steps.

    A file `decay` put into the folder makes the rate begin to fall at the next of these points: a run can be ended
    early and yet be whole.
    """

    def __init__(self, folder: Path, plan: Plan, device: str, resume: bool):
        torch.manual_seed(plan.seed)
        self.folder, self.plan, self.device = folder, plan, device
        self.model = Autoencoder(plan.shape).to(device).to(memory_format=torch.channels_last)
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(), lr=plan.rate, betas=(0.9, 0.99), weight_decay=1e-3, fused=True
        )
        self.averages = {k: Averages.of(self.model.codebook(k)) for k in plan.shape.codebooks}
        self.progress = Progress(falls=plan.steps - plan.decay)
        folder.mkdir(parents=True, exist_ok=True)
        if resume and (folder / "state.pt").exists():
            self._take(torch.load(folder / "state.pt", map_location=device, weights_only=True))
        else:
            self._begin()

    def _take(self, state: dict) -> None:
        self.model.load_state_dict(state["model"], strict=False)
        self.optimiser.load_state_dict(state["optimiser"])
        self.averages = {k: Averages(*pair) for k, pair in state["averages"].items()}
        self.progress = Progress(**state["progress"])

    def keep(self) -> None:
        """Write the state, whole or not at all."""
        state = {
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "averages": {k: (a.count, a.total) for k, a in self.averages.items()},
            "progress": dataclasses.asdict(self.progress),
        }
        torch.save(state, self.folder / "state.part")
        (self.folder / "state.part").replace(self.folder / "state.pt")

    @property
    def last(self) -> int:
        """The step at which the run is over."""
        return min(self.plan.steps, self.progress.falls + self.plan.decay)

    def go(self, judge: Callable[[Autoencoder], dict[str, float]], report: Report) -> None:
        """Train until the last step. judge(model) gives the figures of a point on the curve."""
        now, begun = self.progress, (time.perf_counter(), time.process_time())
        before, seen, found = (now.wall_seconds, now.cpu_seconds), [], patches.stock()
        while now.step < self.last:
            rng = np.random.default_rng((self.plan.seed, now.step))
            x = torch.from_numpy(patches.batch(found, self.plan.patches, self.plan.side, rng)).to(self.device)
            seen.append(self.step(x.to(memory_format=torch.channels_last)))
            now.step += 1
            if now.step % self.plan.every == 0 or now.step >= self.last:
                now.wall_seconds = before[0] + time.perf_counter() - begun[0]
                now.cpu_seconds = before[1] + time.process_time() - begun[1]
                if (self.folder / "decay").exists():
                    now.falls = min(now.falls, now.step)
                point = {"step": now.step, "loss": float(np.mean(seen)), **judge(self.model.eval())}
                self.model.train()
                now.curve.append(point)
                self.keep()
                told = ", ".join(f"{k} {v:.4g}" for k, v in point.items())
                report(now.step / self.last, f"{told}; {now.wall_seconds:.0f} s, CPU {now.cpu_seconds:.0f} s")
                seen = []

    def step(self, x: Tensor) -> float:
        """One update of everything; the mean squared error before it."""
        plan, step = self.plan, self.progress.step
        share = min((step + 1) / plan.warm_up, (self.last - step) / plan.decay, 1.0)
        for group in self.optimiser.param_groups:
            group["lr"] = plan.rate * share
        with torch.autocast(self.device.partition(":")[0], torch.bfloat16):
            z = self.model.encoder(x)
        z = z.float()
        chosen, apart = self._chosen(z, step)
        with torch.autocast(self.device.partition(":")[0], torch.bfloat16):
            painted = self.model.decoder(chosen)
        error = mse_loss(painted.float(), x)
        (error + plan.beta * apart).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        return error.item()

    def _chosen(self, z: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """What the decoder is given, with straight-through gradients, and the mean squared distance of the encoder's
        vectors to it. The codebooks take a step."""
        plan = self.plan
        flat = z.detach().permute(0, 2, 3, 1).reshape(-1, plan.shape.code)
        generator = torch.Generator().manual_seed(plan.seed * 1_000_003 + step)
        cells = flat.shape[0] // len(z)
        bounds = np.linspace(0, len(z), len(plan.shape.codebooks) + 1).round().astype(int) * cells
        q = torch.empty_like(flat)
        for k, first, last in zip(plan.shape.codebooks, bounds, bounds[1:], strict=False):
            codebook = self.model.codebook(k)
            index = nearest_code(flat, codebook)
            q[first:last] = codebook[index[first:last]]
            self.averages[k].update(codebook, flat, index, plan.average)
            if step % plan.restart == 0 and step < self.progress.falls + plan.decay // 2:
                self.averages[k].restart(codebook, flat, plan.dead, generator)
        q = q.view(len(z), z.shape[2], z.shape[3], -1).permute(0, 3, 1, 2)
        # In units of a pixel's squared error, as the reconstruction's is.
        return straight_through(z, q), plan.shape.code * commitment(z, q)

    def _begin(self) -> None:
        """Principal components, and codebooks by k-means, of a few steps' patches."""
        plan, found = self.plan, patches.stock()
        rng = np.random.default_rng((plan.seed, 10**6))
        x = torch.from_numpy(patches.batch(found, 8 * plan.patches, plan.side, rng))
        cells = pixel_unshuffle(x, plan.shape.factor).permute(0, 2, 3, 1).flatten(0, 2)
        self.model.begin(cells.to(self.device))
        with torch.no_grad():
            z = self.model.encoder(x.to(self.device)).permute(0, 2, 3, 1).flatten(0, 2)
        generator = torch.Generator().manual_seed(plan.seed)
        for k in plan.shape.codebooks:
            codebook = self.model.codebook(k)
            codebook.copy_(k_means(z, k, generator))
            self.averages[k] = Averages.of(codebook, len(z) / 8 / k)
