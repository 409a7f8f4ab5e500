"""What was learned, looked at as matrices: spectra, and full updates cut down.

Letters: M matrices looked at, S settings, n seeds, ΔW (d_out, d_in) = U Σ Vᵀ, r a rank.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch

from engine.training.lora.fit import Fit, fixed
from engine.training.lora.result import Spectrum
from engine.training.memory import FULL, Matrix

MOST_MATRICES = 14
KEPT = 64  # singular values of a matrix


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
