"""All adapters of one weight matrix at once: every rank and every seed in one padded tensor.

Letters: G runs (settings × seeds), R the largest rank among them, A (L, R, d_in), B (L, d_out, R) of the L low-rank
runs, D (F, d_out, d_in) of the F fully fine-tuned ones, which come last; G = L + F.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import linear

from engine.training.lora import layers
from engine.training.lora.layers import Initialisation
from engine.training.lora.settings import Setting
from engine.training.memory import FULL, Matrix


@dataclass(frozen=True)
class Method:
    """How adapters are built: α, rsLoRA's scaling, the start, DoRA's magnitudes."""

    alpha: float = 16.0
    stabilised: bool = False
    initialisation: Initialisation = "gaussian"
    dora: bool = False


class Bank:
    """The adapters of one frozen matrix in G runs.

    A rank below R leaves rows of A and columns of B at zero. Their gradients are products with each other's zeros:
    they stay zero through any optimiser that does not move what has no gradient, and no mask is needed.
    """

    def __init__(self, weight: Tensor, ranks: Sequence[int], method: Method, seeds: Sequence[int]):
        low = [r for r in ranks if r != FULL]
        assert list(ranks) == low + [FULL] * (len(ranks) - len(low)), "fully fine-tuned runs come last"
        self.weight, self.runs, self.ranks, self.low = weight, len(ranks), tuple(ranks), len(low)
        most, (outputs, inputs) = max(low, default=0), weight.shape
        self.adapted = most > 0 or len(low) < len(ranks)
        A, B = torch.zeros(len(low), most, inputs), torch.zeros(len(low), outputs, most)
        scales = [layers.scaling(method.alpha, r, method.stabilised) for r in low]
        plain = weight.cpu()
        for g, (r, s, seed) in enumerate(zip(low, scales, seeds[: len(low)], strict=True)):
            drawn = torch.Generator().manual_seed(seed)
            A[g, :r], B[g, :, :r] = layers.initial(plain, r, s, method.initialisation, drawn)
        device = weight.device
        self.A, self.B = A.to(device).requires_grad_(), B.to(device).requires_grad_()
        self.scale = torch.tensor(scales, device=device)[:, None, None]
        self.D = torch.zeros(len(ranks) - len(low), outputs, inputs, device=device).requires_grad_()
        # PiSSA's frozen part is W less what the adapter took: the update is what A and B have become since.
        self.start = (self.A.detach().clone(), self.B.detach().clone()) if method.initialisation == "pissa" else None
        self.turned: Tensor | None = None  # DoRA: how far the magnitudes have moved, (L, d_out)
        if method.dora:
            self.turned = torch.zeros(len(low), outputs, device=device).requires_grad_()
            self.magnitude = (weight + self._low_delta()).detach().norm(dim=2)
            self.moves = (torch.tensor(low, device=device) > 0)[:, None]

    def parameters(self, full: bool) -> list[Tensor]:
        """What is trained, of the fully fine-tuned runs or of the others."""
        if full:
            return [self.D] if len(self.D) else []
        if self.A.numel() == 0:
            return []
        return [self.A, self.B] + ([self.turned] if self.turned is not None else [])

    def _low_delta(self) -> Tensor:
        made = self.scale * (self.B @ self.A)
        return made if self.start is None else made - self.scale * (self.start[1] @ self.start[0])

    def _gain(self, low: Tensor) -> Tensor:
        assert self.turned is not None
        return (self.magnitude + self.moves * self.turned) / low.detach().norm(dim=2)

    def effective(self) -> Tensor:
        """(G, d_out, d_in): the weight of each run."""
        low = self.weight + self._low_delta()
        if self.turned is not None:
            low = self._gain(low)[..., None] * low
        return torch.cat([low, self.weight + self.D]) if len(self.D) else low

    def delta(self) -> Tensor:
        """(G, d_out, d_in): what was added to the weight in each run, without gradient."""
        with torch.no_grad():
            return self.effective() - self.weight

    def beside(self, x: Tensor) -> Tensor:
        """`forward` without ever writing down an effective weight: the base's product is one for all runs.

        The cheaper way where ranks are small against the matrix. (G, N, d_in) -> (G, N, d_out).
        """
        y = linear(x, self.weight)
        low, updates = x[: self.low], []
        if self.A.numel():
            update = torch.bmm(torch.bmm(low, self.A.mT), self.B.mT)
            if self.start is not None:
                update = update - torch.bmm(torch.bmm(low, self.start[0].mT), self.start[1].mT)
            update = self.scale * update
            if self.turned is not None:
                gain = self._gain((self.weight + self._low_delta()).detach())[:, None]
                update = gain * (y[: self.low] + update) - y[: self.low]
            updates.append(update)
        elif self.low:
            updates.append(torch.zeros_like(y[: self.low]))
        if len(self.D):
            updates.append(torch.bmm(x[self.low :], self.D.mT))
        return y + torch.cat(updates)

    def forward(self, x: Tensor) -> Tensor:
        """The product of every run's effective weight: (G, N, d_in) -> (G, N, d_out)."""
        return torch.bmm(x, self.effective().mT) if self.adapted else linear(x, self.weight)


def banks(
    weights: Mapping[str, Tensor], matrices: Sequence[Matrix], settings: Sequence[Setting], seeds: int, seed: int, method: Method
) -> dict[str, Bank]:
    """A bank for every matrix. Runs are ordered by setting, then by seed; every adapter has its own start."""
    made = {}
    for place, matrix in enumerate(matrices):
        ranks = [setting.of(matrix) for setting in settings for _ in range(seeds)]
        starts = [(seed * 7919 + place) * 10_007 + g for g in range(len(ranks))]
        made[matrix.name] = Bank(weights[matrix.name], ranks, method, starts)
    return made


def trained(found: Mapping[str, Bank], full: bool) -> Iterator[Tensor]:
    """What is trained in all banks, of the fully fine-tuned runs or of the others."""
    for bank in found.values():
        yield from bank.parameters(full)
