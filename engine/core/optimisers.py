"""The optimiser of the recipes: Muon over the matrices between a network's layers, AdamW over all the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


class MuonAdamW:
    """Muon (Jordan 2024), scaled to the size of AdamW's steps (Liu et al. 2025), over the parameters that `inside`
    takes by name and value; AdamW over the others.

    A convolution's weights are a matrix of its outputs by all that one of them sees. matrices, others: learning rates.
    matrices_decay, others_decay: weight decay. betas: AdamW's.
    """

    def __init__(
        self,
        model: nn.Module,
        inside: Callable[[str, Tensor], bool],
        *,
        matrices: float,
        others: float,
        matrices_decay: float,
        others_decay: float = 0.0,
        betas: tuple[float, float] = (0.9, 0.99),
    ):
        chosen = {name: p for name, p in model.named_parameters() if inside(name, p)}
        rest = [p for name, p in model.named_parameters() if name not in chosen]
        # Views on the same memory, since torch's Muon takes matrices alone.
        self.pairs = [(p, nn.Parameter(flat(p.detach(), like=p))) for p in chosen.values()]
        self.both: list[tuple[float, torch.optim.Optimizer]] = [
            (
                matrices,
                torch.optim.Muon(
                    [matrix for _, matrix in self.pairs], lr=matrices, weight_decay=matrices_decay, adjust_lr_fn="match_rms_adamw"
                ),
            ),
            (others, torch.optim.AdamW(rest, lr=others, betas=betas, weight_decay=others_decay, fused=True)),
        ]

    def step(self, factor: float) -> None:
        """Move the parameters against their gradients, by the learning rates times `factor`; clear the gradients."""
        for p, matrix in self.pairs:
            matrix.grad = None if p.grad is None else flat(p.grad, like=p)
            p.grad = None
        for rate, optimiser in self.both:
            for group in optimiser.param_groups:
                group["lr"] = rate * factor
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)

    def state_dict(self) -> list[dict[str, Any]]:
        """What both carry from step to step."""
        return [optimiser.state_dict() for _, optimiser in self.both]

    def load_state_dict(self, states: list[dict[str, Any]]) -> None:
        """Take up what `state_dict` gave."""
        for (_, optimiser), state in zip(self.both, states, strict=True):
            optimiser.load_state_dict(state)


def flat(weight: Tensor, like: Tensor) -> Tensor:
    """A weight or its gradient (out, …) as a matrix (out, n), its numbers in the order in which they lie in `like`: of
    a tensor that lies as `like` does, which may be channels last, a view."""
    if like.ndim == 4 and not like.is_contiguous():
        weight = weight.permute(0, 2, 3, 1)
    return weight.reshape(len(weight), -1)
