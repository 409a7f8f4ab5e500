"""LoRA and DoRA as layers: a frozen linear map and the low-rank update that is trained beside it.

Letters: W (d_out, d_in) the frozen weight, A (r, d_in), B (d_out, r), s the scaling, m (d_out,) DoRA's magnitudes.
Sources: LoRA, Hu et al. 2021, eq. 3; rsLoRA, Kalajdzievski 2023; DoRA, Liu et al. 2024, eq. 5 and section 4.3;
PiSSA, Meng et al. 2024, eqs. 2–4.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear

Initialisation = Literal["gaussian", "random", "pissa"]
SPREAD = 0.02  # of B's entries where both factors are random


def scaling(alpha: float, rank: int, stabilised: bool = False) -> float:
    """What multiplies BA: α / r, or α / √r when rank-stabilised; 0 at rank 0."""
    if rank == 0:
        return 0.0
    return alpha / math.sqrt(rank) if stabilised else alpha / rank


def initial(
    weight: Float[Tensor, "d_out d_in"], rank: int, scale: float, how: Initialisation, generator: torch.Generator | None = None
) -> tuple[Float[Tensor, "r d_in"], Float[Tensor, "d_out r"]]:
    """First values of A and B.

    "gaussian": A from 𝒩(0, 1/d_in), B = 0, so that BA = 0. "random": B from 𝒩(0, 0.02²) instead: the network no
    longer starts where it was. "pissa": the r principal components of W, split evenly between the two, so that
    s BA = U_r Σ_r V_rᵀ; the frozen weight must give up the same (see `LoRALinear`).
    """
    if how == "pissa":
        U, S, Vt = torch.linalg.svd(weight, full_matrices=False)
        root = (S[:rank] / scale).sqrt() if rank else S[:0]
        return root[:, None] * Vt[:rank], U[:, :rank] * root
    outputs, inputs = weight.shape
    A = torch.randn(rank, inputs, generator=generator, dtype=weight.dtype) / math.sqrt(inputs)
    if how == "gaussian":
        return A, torch.zeros(outputs, rank, dtype=weight.dtype)
    return A, torch.randn(outputs, rank, generator=generator, dtype=weight.dtype) * SPREAD


class LoRALinear(nn.Module):
    """y = W x + s B (A x) (+ bias), with W and the bias frozen.

    Raises ValueError for a rank outside 0 … min(d_out, d_in).
    With "pissa" the frozen weight becomes W − s B₀A₀, so that the layer starts as the map it adapts.
    """

    def __init__(
        self,
        weight: Float[Tensor, "d_out d_in"],
        bias: Float[Tensor, " d_out"] | None = None,
        *,
        rank: int = 8,
        alpha: float = 16.0,
        stabilised: bool = False,
        initialisation: Initialisation = "gaussian",
        generator: torch.Generator | None = None,
    ):
        super().__init__()
        most = min(weight.shape)
        if not 0 <= rank <= most:
            raise ValueError(f"rank must be from 0 to {most}, the smaller side of the matrix; got {rank}")
        self.rank, self.scale, self.merged = rank, scaling(alpha, rank, stabilised), False
        self.register_buffer("weight", weight.detach().clone())
        self.register_buffer("bias", None if bias is None else bias.detach().clone())
        A, B = initial(self.weight, rank, self.scale, initialisation, generator)
        self.A, self.B = nn.Parameter(A), nn.Parameter(B)
        if initialisation == "pissa":
            self.weight -= self.delta().detach()
        self._unmerged: Tensor | None = None

    def delta(self) -> Float[Tensor, "d_out d_in"]:
        """s BA, of rank at most r."""
        return self.scale * (self.B @ self.A)

    def effective(self) -> Float[Tensor, "d_out d_in"]:
        """The weight that the layer amounts to."""
        return self.weight + self.delta()

    def forward(self, x: Float[Tensor, "... d_in"]) -> Float[Tensor, "... d_out"]:
        """Merged, it is one product, as before there was an adapter."""
        y = linear(x, self.weight, self.bias)
        if self.merged:
            return y
        return y + self.scale * linear(linear(x, self.A), self.B)

    @torch.no_grad()
    def merge(self) -> None:
        """Write the effective weight into W; the frozen one is kept aside, so that `unmerge` restores every bit."""
        if not self.merged:
            self._unmerged, self.weight = self.weight, self.effective().detach()
            self.merged = True

    @torch.no_grad()
    def unmerge(self) -> None:
        """Undo `merge`."""
        if self.merged:
            assert self._unmerged is not None
            self.weight, self._unmerged, self.merged = self._unmerged, None, False


class DoRALinear(LoRALinear):
    """y = m ∘ (W + s BA) x / ‖W + s BA‖ (+ bias), the norm taken of every row and held constant in the gradient.

    m starts as the rows' norms, so that the layer starts as LoRA does.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None, **options: object):
        super().__init__(weight, bias, **options)  # type: ignore[arg-type]
        self.m = nn.Parameter(super().effective().detach().norm(dim=1))

    def gain(self) -> Tensor:
        """m over the rows' norms, (d_out,)."""
        return self.m / super().effective().detach().norm(dim=1)

    def effective(self) -> Tensor:
        return self.gain()[:, None] * super().effective()

    def forward(self, x: Tensor) -> Tensor:
        if self.merged:
            return linear(x, self.weight, self.bias)
        y = self.gain() * (linear(x, self.weight) + self.scale * linear(linear(x, self.A), self.B))
        return y if self.bias is None else y + self.bias
