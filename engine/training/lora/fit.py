"""Training every setting and every seed at once: one optimiser over padded banks, one loss a run.

Letters: S settings, n seeds, G = S n runs, K steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from engine.training.digit_model.transformer import Maps
from engine.training.lora.bank import Bank, Method, banks, trained
from engine.training.lora.settings import Setting
from engine.training.memory import Matrix

BETAS = (0.9, 0.95)  # a short memory: small singular values are learned when gradients have long become small
WARM_UP = 0.05  # of the steps: the learning rate rises, then falls linearly to zero
TOO_HIGH = 4.0  # times the loss at the start, or of a blind guess if that is more: a run beyond has diverged


class Task(Protocol):
    """What is adapted to what: the frozen network, and the losses that runs have on it.

    Losses and scores are one number a run, (G,), for maps that hold `runs` = G runs.
    blind: the loss of a guess that knows nothing. low_rank_path: whether products go beside the frozen weights
    instead of through effective ones.
    """

    matrices: tuple[Matrix, ...]
    weights: Mapping[str, Tensor]
    blind: float
    low_rank_path: bool

    def losses(self, maps: Maps, runs: int, step: int, seeds: int) -> Tensor:
        """Training losses of one step. Run g has seed g mod `seeds`; runs of a seed see the same examples."""
        ...

    def scores(self, maps: Maps, runs: int) -> np.ndarray:
        """Quality on what was held out of the new task."""
        ...

    def kept(self, maps: Maps, runs: int) -> np.ndarray:
        """Quality on what was held out of the task that the network came from."""
        ...


@dataclass(frozen=True)
class Plan:
    """How to train: the rate of the low-rank runs, that of full fine-tuning as a share of it, steps, seeds."""

    learning_rate: float
    full_share: float
    steps: int
    seeds: int
    seed: int
    method: Method


class Fit:
    """One sweep in training. Fields are filled as it goes.

    losses: (S, n, K), NaN where no step was made yet. diverged: (S, n) the step at which a run was given up, or -1.
    """

    def __init__(self, task: Task, settings: Sequence[Setting], plan: Plan):
        self.task, self.settings, self.plan = task, tuple(settings), plan
        self.banks = banks(task.weights, task.matrices, settings, plan.seeds, plan.seed, plan.method)
        self.maps: Maps = {
            name: (bank.beside if task.low_rank_path and bank.adapted else bank.forward) for name, bank in self.banks.items()
        }
        shape = len(self.settings), plan.seeds
        self.runs = len(self.settings) * plan.seeds
        self.losses = np.full((*shape, plan.steps), np.nan)
        self.diverged = np.full(shape, -1)
        rates = {False: plan.learning_rate, True: plan.learning_rate * plan.full_share}
        groups = [{"params": list(trained(self.banks, full)), "lr": rates[full], "rate": rates[full]} for full in rates]
        self.optimiser = torch.optim.Adam([g for g in groups if g["params"]], betas=BETAS, eps=1e-12)

    def run(self) -> Iterator[int]:
        """Steps made so far, after each."""
        device = next(iter(self.task.weights.values())).device
        alive = torch.ones(self.diverged.size, dtype=torch.bool, device=device)
        ceiling: Tensor | None = None
        for step in range(self.plan.steps):
            losses = self.task.losses(self.maps, self.runs, step, self.plan.seeds)
            now = losses.detach()
            if ceiling is None:
                ceiling = TOO_HIGH * now.clamp_min(self.task.blind)
            gone = alive & ~(now <= ceiling)  # not a number is not below either
            self.diverged.reshape(-1)[gone.cpu().numpy()] = step
            alive &= ~gone
            self.losses[..., step] = np.where(alive.cpu(), now.cpu(), np.nan).reshape(self.diverged.shape)
            self._move(losses, alive, step)
            yield step + 1

    def _move(self, losses: Tensor, alive: Tensor, step: int) -> None:
        """One step of Adam. Runs do not touch each other: each has slices of its own, of weights and of moments."""
        warm = min(1.0, (step + 1) / (WARM_UP * self.plan.steps + 1))
        for group in self.optimiser.param_groups:
            group["lr"] = group["rate"] * warm * (1 - step / self.plan.steps)
        self.optimiser.zero_grad()
        if losses.requires_grad:
            losses.sum().backward()
        if not alive.all():
            self._hold(alive)
        self.optimiser.step()

    def _hold(self, alive: Tensor) -> None:
        """Runs that have diverged stay where they are, out of the sum's way."""
        for bank in self.banks.values():
            for full in (False, True):
                part = alive[bank.low :] if full else alive[: bank.low]
                for tensor in bank.parameters(full):
                    if tensor.grad is not None:
                        tensor.grad[~part] = 0.0

    def by_setting(self, values: np.ndarray) -> np.ndarray:
        """(G,) -> (S, n), without the runs that diverged."""
        made = np.asarray(values, float).reshape(self.diverged.shape).copy()
        made[self.diverged >= 0] = np.nan
        return made

    def deltas(self, name: str) -> Tensor:
        """(S, n, d_out, d_in): what one matrix has gained in each run."""
        delta = self.banks[name].delta()
        return delta.view(*self.diverged.shape, *delta.shape[1:])


def fixed(weights: Mapping[str, Tensor]) -> Maps:
    """Maps of effective weights (G, d_out, d_in) that are given."""
    return {name: lambda x, w=w: torch.bmm(x, w.mT) for name, w in weights.items()}


def frozen(bank_of: Mapping[str, Bank]) -> Maps:
    """Maps of the frozen network, for any number of runs."""
    return {name: lambda x, w=bank.weight: torch.nn.functional.linear(x, w) for name, bank in bank_of.items()}
