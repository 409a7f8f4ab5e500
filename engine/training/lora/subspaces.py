"""What was learned, looked at as matrices: spectra, shared subspaces, and full updates cut down.

Letters: M matrices looked at, S settings, n seeds, ΔW (d_out, d_in) = U Σ Vᵀ, r a rank.
Source: Hu et al. 2021, section 7 (eq. 4).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from engine.training.lora.fit import Fit, fixed
from engine.training.lora.result import Similarity, Spectrum
from engine.training.memory import FULL, Matrix

MOST_MATRICES = 14
KEPT = 64  # singular values of a matrix
SHOWN = 16  # of a subspace's directions


def looked_at(fit: Fit) -> list[Matrix]:
    """The matrices that were adapted; of a deep network those of its first and last layers."""
    found = [m for m in fit.task.matrices if fit.banks[m.name].adapted]
    if len(found) <= MOST_MATRICES:
        return found
    ends = {found[0].layer, found[-1].layer}
    return [m for m in found if m.layer in ends][:MOST_MATRICES]


def spectrum(fit: Fit) -> Spectrum:
    """The spectra of a sweep, first seed."""
    matrices = looked_at(fit)
    most = max(min(KEPT, m.outputs, m.inputs) for m in matrices)
    values, base = np.zeros((len(matrices), len(fit.settings), most)), np.zeros((len(matrices), most))
    for m, matrix in enumerate(matrices):
        bank, lost = fit.banks[matrix.name], fit.diverged[:, 0] >= 0
        updates = fit.deltas(matrix.name)[:, 0].cpu()
        updates[torch.from_numpy(lost)] = 0.0
        own = torch.linalg.svdvals(fit.task.weights[matrix.name].cpu())[:most]
        base[m, : len(own)] = own.numpy()
        values[m, :, : len(own)] = torch.linalg.svdvals(updates)[:, : len(own)].numpy()
        for s, rank in enumerate(bank.ranks[:: fit.plan.seeds]):
            if rank != FULL and bank.turned is None:  # beyond the rank there is only rounding; PiSSA's own start doubles it
                values[m, s, 2 * rank if bank.start is not None else rank :] = 0.0
        values[m, lost] = np.nan
    return Spectrum(tuple(m.name for m in matrices), values, base)


def overlap(first: Tensor, second: Tensor) -> np.ndarray:
    """φ(i, j) of orthonormal rows (i, d) and (j, d): (rows of first, rows of second)."""
    squares = (first @ second.T).double().square().cumsum(0).cumsum(1).cpu().numpy()
    i, j = (np.arange(1, n + 1) for n in squares.shape)
    return squares / np.minimum(i[:, None], j[None])


def pair(ranks: Sequence[int]) -> tuple[int, int] | None:
    """The places of two settings to compare: the largest rank, and the largest that is at most a quarter of it."""
    found = sorted((r, s) for s, r in enumerate(ranks) if r > 0)
    if len({r for r, _ in found}) < 2:
        return None
    large = found[-1]
    small = max([f for f in found if 4 * f[0] <= large[0]] or [f for f in found if f[0] < large[0]])
    return small[1], large[1]


def similarity(fit: Fit) -> Similarity:
    """Whether ranks and seeds found the same directions."""
    matrices, seeds = looked_at(fit), fit.plan.seeds
    names = ("of_a", "of_update", "seeds_a", "seeds_update")
    made = {name: np.full((len(matrices), SHOWN, SHOWN), np.nan) for name in names}
    ranks = np.zeros((len(matrices), 2), int)
    for m, matrix in enumerate(matrices):
        bank = fit.banks[matrix.name]
        mine = bank.ranks[::seeds]
        chosen = pair(mine)
        if chosen is None:
            continue
        small, large = chosen
        ranks[m] = mine[small], mine[large]
        other = [(large, 0), (large, 1)] if seeds > 1 else []
        for kinds, places in ((names[:2], [(small, 0), (large, 0)]), (names[2:], other)):
            if not places or any(fit.diverged[place] >= 0 for place in places):
                continue
            for name, of in zip(kinds, ("A", "update"), strict=True):
                one, two = (_directions(fit, matrix, of, s, seed, mine[s]) for s, seed in places)
                phi = overlap(one, two)
                made[name][m, : phi.shape[0], : phi.shape[1]] = phi
    return Similarity(tuple(m.name for m in matrices), ranks, *(made[n] for n in names), np.array([m.inputs for m in matrices]))


def _directions(fit: Fit, matrix: Matrix, of: str, setting: int, seed: int, rank: int) -> Tensor:
    """The first right singular vectors of a run's A or ΔW, as rows."""
    bank = fit.banks[matrix.name]
    if of == "A":
        held = bank.A.detach()[setting * fit.plan.seeds + seed, :rank]
    else:
        held = fit.deltas(matrix.name)[setting, seed]
    return torch.linalg.svd(held, full_matrices=False).Vh[: min(rank, SHOWN)]


def truncated(fit: Fit, ranks: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Full fine-tuning's ΔW cut by SVD to each rank, in every adapted matrix: (scores, kept), each (ranks, seeds).

    A sweep without full fine-tuning gives empty arrays. Runs that diverged are NaN.
    """
    place = next((s for s, setting in enumerate(fit.settings) if setting.rank == FULL), None)
    if place is None:
        return np.empty((0, 0)), np.empty((0, 0))
    seeds, weights = fit.plan.seeds, {}
    for matrix in fit.task.matrices:
        W = fit.task.weights[matrix.name]
        if not fit.banks[matrix.name].adapted:
            weights[matrix.name] = W.expand(len(ranks) * seeds, *W.shape)
            continue
        updates = torch.nan_to_num(fit.deltas(matrix.name)[place])
        U, S, Vt = torch.linalg.svd(updates, full_matrices=False)
        cut = [U[:, :, :r] * S[:, None, :r] @ Vt[:, :r] for r in (S.shape[1] if r == FULL else r for r in ranks)]
        weights[matrix.name] = (W + torch.stack(cut)).flatten(0, 1)
    maps, runs = fixed(weights), len(ranks) * seeds
    found = [np.asarray(f(maps, runs), float).reshape(len(ranks), seeds) for f in (fit.task.scores, fit.task.kept)]
    for values, seed in itertools.product(found, range(seeds)):
        if fit.diverged[place, seed] >= 0:
            values[:, seed] = np.nan
    return found[0], found[1]
