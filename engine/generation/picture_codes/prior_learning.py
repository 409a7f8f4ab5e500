"""How the prior learns: pages of codes of many scenes, read once by the finished autoencoder, then predicted."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor
from torch.nn.functional import cross_entropy

from engine.core.progress import Progress
from engine.core.recipes import Report
from engine.core.training import ended_early, fit, rise_stay_fall
from engine.data import scenes
from engine.generation.picture_codes import coding
from engine.generation.picture_codes.networks import Autoencoder
from engine.generation.picture_codes.prior import Prior, PriorShape

SCENE_SEED, OBJECTS = 47, (1, 3)


@dataclass(frozen=True)
class PriorPlan:
    """scenes: to learn from; held_out: as many more, unseen. A step takes `batch` pages."""

    shape: PriorShape = dataclasses.field(default_factory=PriorShape)
    scenes: int = 2400
    held_out: int = 100
    steps: int = 1400
    decay: int = 700
    batch: int = 16
    rate: float = 1e-3
    warm_up: int = 100
    seed: int = 13
    every: int = 100


def read(model: Autoencoder, plan: PriorPlan, report: Report, first: int = 0) -> ndarray:
    """Pages (scenes + held out − first, T) uint16 of scenes from the `first` on, half of them mirrored, as the encoder
    writes them: what a correction gains on one picture, nothing foresees."""
    side = plan.shape.side * plan.shape.factor
    count = plan.scenes + plan.held_out
    made = np.empty((count - first, plan.shape.side**2), np.uint16)
    for i in range(first, count):
        pixels = scenes.render(scenes.compose(SCENE_SEED, i, OBJECTS), side).pixels
        pixels = np.ascontiguousarray(pixels[:, ::-1]) if i % 2 else pixels
        made[i - first] = coding.read(model, pixels, plan.shape.codes, corrections=0).codes.numpy().ravel()
        if i % 500 == 499:
            report(0.3 * (i + 1) / count, f"{i + 1} scenes read")
    return made


class PriorRun:
    """The prior's training, resumable as the autoencoders' are; the file `decay` ends it early in the same way."""

    def __init__(self, folder: Path, plan: PriorPlan, device: str, resume: bool):
        torch.manual_seed(plan.seed)
        self.folder, self.plan, self.device = folder, plan, device
        self.model = Prior(plan.shape).to(device)
        self.optimiser = torch.optim.AdamW(self.model.parameters(), plan.rate, (0.9, 0.95), weight_decay=0.05)
        parts = {"model": self.model, "optimiser": self.optimiser}
        self.progress = Progress(folder, parts, device, resume, falls=plan.steps - plan.decay)

    def pages(self, model: Autoencoder, report: Report) -> tuple[ndarray, ndarray]:
        """Those to learn from and those held out; read once, then from the folder."""
        path = self.folder / "pages.npy"
        if not path.exists():
            np.save(path, read(model, self.plan, report))
        found = np.load(path)
        return found[: self.plan.scenes], found[self.plan.scenes :]

    def go(self, model: Autoencoder, report: Report) -> None:
        """Train until the last step."""
        (learned, unseen), plan = self.pages(model, report), self.plan

        def step(number: int) -> float:
            rng = np.random.default_rng((plan.seed, number))
            rows = learned[rng.integers(len(learned), size=plan.batch)].astype(np.int64)
            return self._step(torch.from_numpy(rows).to(self.device))

        fit(
            self.progress,
            step,
            last=lambda: self.last,
            every=plan.every,
            report=lambda share, line: report(0.3 + 0.7 * share, line),
            judge=lambda: {"held_out_bits": bits_a_code(self.model, unseen)},
            before_point=lambda: ended_early(self.progress),
        )

    @property
    def last(self) -> int:
        """The step at which the run is over."""
        return min(self.plan.steps, self.progress.more["falls"] + self.plan.decay)

    def _step(self, pages: Tensor) -> float:
        plan, step = self.plan, self.progress.step
        for group in self.optimiser.param_groups:
            group["lr"] = plan.rate * rise_stay_fall(step, rise=plan.warm_up, last=self.last, fall=plan.decay)
        with torch.autocast(self.device.partition(":")[0], torch.bfloat16):
            logits = self.model(pages)
        loss = cross_entropy(logits.float().flatten(0, 1), pages.flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        return loss.item()


@torch.inference_mode()
def bits_a_code(model: Prior, pages: ndarray) -> float:
    """The mean −log₂ of the probability of each code of pages (n, T)."""
    device = next(model.parameters()).device
    total = 0.0
    for first in range(0, len(pages), 32):
        part = torch.from_numpy(pages[first : first + 32].astype(np.int64)).to(device)
        total += cross_entropy(model(part).float().flatten(0, 1), part.flatten(), reduction="sum").item()
    return total / math.log(2) / pages.size
