"""A linear map with a known shift: where theory says exactly what each rank can reach.

Letters: d width, W₀ (d, d) the frozen map, ΔW (d, d) the shift, of rank r* and ‖ΔW‖_F = 1, σ its singular values,
C (d, d) the second moment of the inputs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from engine.training.digit_model.transformer import Maps
from engine.training.memory import FULL, Matrix

WIDTH, SAMPLES = 64, 256
ROUNDING = 1e-12  # of an optimum in float64: below, it is 0
NAME = "w"


class Shifted:
    """Targets y = (W₀ + ΔW) x. Quality is the error √(E|ŷ − y|² / E|ΔW x|²), so that the frozen map has 1.

    decay: each singular value of ΔW over the one before. condition: the largest eigenvalue of C over the smallest, 1
    for whitened inputs. Losses are exact means over 256 inputs, which enter through C = XᵀX / 256 alone.
    """

    matrices = (Matrix(NAME, NAME, 0, WIDTH, WIDTH),)
    low_rank_path = False
    blind = 1.0

    def __init__(self, true_rank: int, decay: float, condition: float, seed: int, device: str = "cpu"):
        drawn = torch.Generator().manual_seed(seed)
        normal = lambda *shape: torch.randn(*shape, generator=drawn, dtype=torch.float64)  # noqa: E731
        U, V, turn = (torch.linalg.qr(normal(WIDTH, WIDTH)).Q for _ in range(3))
        spectrum = torch.zeros(WIDTH, dtype=torch.float64)
        spectrum[:true_rank] = decay ** torch.arange(true_rank, dtype=torch.float64)
        self.spectrum = spectrum / spectrum.norm()
        self.shift = U @ torch.diag(self.spectrum) @ V.T
        stretch = condition ** -torch.linspace(0, 0.5, WIDTH, dtype=torch.float64)
        stretch *= (WIDTH / (stretch**2).sum()).sqrt()
        X = torch.linalg.qr(normal(SAMPLES, WIDTH)).Q * SAMPLES**0.5 @ torch.diag(stretch) @ turn
        self.moment = X.T @ X / SAMPLES
        self.size = float(torch.trace(self.shift @ self.moment @ self.shift.T))
        put = lambda tensor: tensor.float().to(device)  # noqa: E731
        self.weights = {NAME: put(normal(WIDTH, WIDTH) / WIDTH**0.5)}
        self._C, self._aim, self._ones = put(self.moment), self.weights[NAME] + put(self.shift), put(torch.eye(WIDTH))

    def losses(self, maps: Maps, runs: int, step: int, seeds: int) -> Tensor:
        error = maps[NAME](self._ones.expand(runs, WIDTH, WIDTH)) - self._aim.T  # (G, d_in, d_out)
        return (error * (self._C @ error)).sum((1, 2)) / self.size

    @torch.no_grad()
    def scores(self, maps: Maps, runs: int) -> np.ndarray:
        return self.losses(maps, runs, 0, 1).clamp_min(0).sqrt().cpu().numpy()

    def kept(self, maps: Maps, runs: int) -> np.ndarray:
        return np.full(runs, np.nan)

    def optimum(self, ranks: Sequence[int], pissa: bool = False) -> np.ndarray:
        """The least error of any update of each rank: √Σ_{i>r} σᵢ² of ΔW C^½, over its norm (Eckart and Young 1936).

        pissa: of updates s BA − U_r Σ_r V_rᵀ instead, which can only reach what is near in rank to W₀'s own.
        """
        values, vectors = torch.linalg.eigh(self.moment)
        root = vectors @ torch.diag(values.sqrt()) @ vectors.T
        U, S, Vt = torch.linalg.svd(self.weights[NAME].double().cpu())
        found = []
        for r in ranks:
            if r == FULL:
                found.append(0.0)
                continue
            aim = self.shift + (U[:, :r] * S[:r] @ Vt[:r] if pissa else 0.0)
            rest = torch.linalg.svdvals(aim @ root)[r:]
            least = float((rest**2).sum() / self.size) ** 0.5
            found.append(least if least > ROUNDING else 0.0)
        return np.array(found)
