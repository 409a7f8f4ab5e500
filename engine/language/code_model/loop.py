"""The training loop: a plan, its batches, its optimiser, and a run that can be interrupted anywhere.

Letters: B windows, T tokens a window, V vocabulary.
Muon (Jordan 2024) moves the matrices inside the layers, AdamW the embedding and the norms; the learning rate rises,
stays, and falls linearly over the last part (WSD, Hu et al. 2024), where the windows are also longer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.core.progress import Progress
from engine.core.recipes import Report
from engine.core.training import fit, rise_stay_fall
from engine.language.code_model import architecture
from engine.language.code_model.architecture import Shape

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from transformers import LlamaForCausalLM

    from engine.core.optimisers import MuonAdamW

    # loss(model, windows (B, T + 1), plan, step) -> scalar
    Loss = Callable[[LlamaForCausalLM, Tensor, "Plan", int], Tensor]
    # judge(model) -> the figures of a point on the curve
    Judge = Callable[[LlamaForCausalLM], dict[str, float]]


@dataclass(frozen=True)
class Plan:
    """How one model is trained. A step sees `tokens` tokens in windows of `context`, of `longer` while it decays."""

    shape: Shape
    steps: int
    decay: int
    tokens: int = 4096
    context: int = 256
    longer: int = 512
    warm_up: int = 100
    matrices: float = 3e-3  # learning rate of Muon, matched to AdamW's step size
    others: float = 3e-3  # learning rate of AdamW
    weight_decay: float = 0.1
    seed: int = 5
    every: int = 50  # steps between two points of the curve, and between two states on disk

    def rate(self, step: int) -> float:
        """The learning rate's factor, 0 to 1."""
        return rise_stay_fall(step, rise=self.warm_up, last=self.steps, fall=self.decay)

    def window(self, step: int) -> int:
        """Tokens a window at this step."""
        return self.context if step < self.steps - self.decay else self.longer


def batch(stream: np.ndarray, plan: Plan, step: int) -> np.ndarray:
    """Windows (B, T + 1) at random places of the token stream; the same for the same seed and step."""
    T = plan.window(step)
    rng = np.random.default_rng((plan.seed, step))
    starts = rng.integers(0, len(stream) - T, plan.tokens // T)
    return stream[starts[:, None] + np.arange(T + 1)].astype(np.int64)


def optimiser(model: torch.nn.Module, plan: Plan) -> MuonAdamW:
    """Muon over the layers' matrices, AdamW over the rest."""
    from engine.core.optimisers import MuonAdamW

    return MuonAdamW(
        model,
        lambda name, p: ".layers." in name and p.ndim == 2,
        matrices=plan.matrices,
        others=plan.others,
        matrices_decay=plan.weight_decay,
        betas=(0.9, 0.95),
    )


def prediction_loss(model: LlamaForCausalLM, inputs: Tensor, plan: Plan, step: int) -> Tensor:
    """Mean cross-entropy (nats a token) of windows (B, T + 1)."""
    from torch.nn.functional import cross_entropy

    logits = model(input_ids=inputs[:, :-1], use_cache=False).logits.float()  # (B, T, V)
    return cross_entropy(logits.flatten(0, 1), inputs[:, 1:].flatten())


def imitation_loss(target: LlamaForCausalLM) -> Loss:
    """The loss of a draft: prediction like the target's own; while the rate decays, to imitate `target`.

    Imitation is KL(p, q) up to a constant, with the total variation between p and q, since 1 − total variation is
    Σ min(p, q), the chance that a drafted token is accepted (Leviathan et al. 2023, cor. 3.6).
    """
    import torch

    def loss(model: LlamaForCausalLM, inputs: Tensor, plan: Plan, step: int) -> Tensor:
        if step < plan.steps - plan.decay:
            return prediction_loss(model, inputs, plan, step)
        with torch.no_grad():
            p = target(input_ids=inputs[:, :-1], use_cache=False).logits.float().softmax(-1)
        log_q = model(input_ids=inputs[:, :-1], use_cache=False).logits.float().log_softmax(-1)
        variation = (p - log_q.exp()).abs().sum(-1).mean() / 2
        return -0.2 * (p * log_q).sum(-1).mean() + 4 * variation

    return loss


class Run:
    """One model's training, whose state is in `folder` after every `plan.every` steps. `build` makes the model."""

    def __init__(self, folder: Path, plan: Plan, device: str, resume: bool, build: Callable[[Shape], torch.nn.Module] = architecture.build):
        import torch

        torch.manual_seed(plan.seed)
        self.folder, self.plan, self.device = folder, plan, device
        self.model: Any = build(plan.shape).to(device)
        self.optimiser = optimiser(self.model, plan)
        parts = {"model": self.model, "optimiser": self.optimiser}
        self.progress = Progress(folder, parts, device, resume)

    def go(self, stream: np.ndarray, loss: Loss, judge: Judge, report: Report) -> None:
        """Train until the plan's last step. judge(model) gives the figures of a point on the curve."""
        import torch

        fit(
            self.progress,
            lambda step: self.step(torch.from_numpy(batch(stream, self.plan, step)).to(self.device), loss, step),
            last=self.plan.steps,
            every=self.plan.every,
            report=report,
            judge=lambda: judge(self.model),
            losses=("training_loss",),
        )

    def step(self, inputs: Tensor, loss: Loss, step: int) -> float:
        """One update; the loss before it."""
        import torch

        with torch.autocast(self.device.partition(":")[0], torch.bfloat16):
            value = loss(self.model, inputs, self.plan, step)
        value.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step(self.plan.rate(step))
        return value.item()
