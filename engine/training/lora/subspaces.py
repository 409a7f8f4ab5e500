"""What was learned, looked at as matrices: spectra, shared subspaces, what is amplified, and full updates cut down.

Letters: M matrices looked at, S settings, n seeds, ΔW (d_out, d_in) = U Σ Vᵀ, r a rank.
Sources: Hu et al. 2021, section 7 (eq. 4 and table 7).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.training.lora.fit import Fit, fixed
from engine.training.lora.settings import FULL, Matrix

MOST_MATRICES = 14
KEPT = 64  # singular values of a matrix
SHOWN = 16  # of a subspace's directions


@dataclass(frozen=True)
class Spectrum:
    """Singular values of ΔW, first seed.

    names: M matrices. values: (M, S, k), zero beyond a rank, NaN where a run diverged. base: (M, k) of W itself.
    amplification: (M, S) ‖ΔW‖_F / ‖UᵀWV‖_F with U, V the first `directions` (M, S) singular vectors of ΔW, NaN where
    ΔW is zero: how much more of these directions there is than W had. gained (M, S): ‖ΔW‖_F. already (M, S):
    ‖UᵀWV‖_F. own, chance (M, S): the same for W's own first directions, and expected for random ones.
    """

    names: tuple[str, ...]
    values: np.ndarray
    base: np.ndarray
    amplification: np.ndarray
    gained: np.ndarray
    already: np.ndarray
    own: np.ndarray
    chance: np.ndarray
    directions: np.ndarray


@dataclass(frozen=True)
class Similarity:
    """φ(i, j) = ‖V₁[:, :i]ᵀ V₂[:, :j]‖_F² / min(i, j), of the right singular vectors of two runs: 1 where the smaller
    subspace lies in the larger, max(i, j) / d_in expected of random ones.

    names: M matrices. ranks: (M, 2) of the pair that is compared, 0 where there is none. of_a, of_update: (M, i, j)
    between these ranks, first seed, of A and of ΔW. seeds_a, seeds_update: (M, j, j) between the first two seeds of
    the larger rank. width: (M,) d_in. NaN beyond a rank, or where there is nothing to compare.
    """

    names: tuple[str, ...]
    ranks: np.ndarray
    of_a: np.ndarray
    of_update: np.ndarray
    seeds_a: np.ndarray
    seeds_update: np.ndarray
    width: np.ndarray


def looked_at(fit: Fit) -> list[Matrix]:
    """The matrices that were adapted; of a deep network those of its first and last layers."""
    found = [m for m in fit.task.matrices if fit.banks[m.name].adapted]
    if len(found) <= MOST_MATRICES:
        return found
    ends = {found[0].layer, found[-1].layer}
    return [m for m in found if m.layer in ends][:MOST_MATRICES]


def spectrum(fit: Fit) -> Spectrum:
    """The spectra of a sweep, and what it amplified."""
    rows = [_spectrum(fit, matrix) for matrix in looked_at(fit)]
    most = max(len(row["base"]) for row in rows)
    wide = lambda array: np.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, most - array.shape[-1])])  # noqa: E731
    stack = lambda name: np.stack([row[name] for row in rows])  # noqa: E731
    return Spectrum(
        tuple(m.name for m in looked_at(fit)),
        np.stack([wide(row["values"]) for row in rows]), np.stack([wide(row["base"]) for row in rows]),
        *(stack(name) for name in ("amplification", "gained", "already", "own", "chance", "directions")),
    )  # fmt: skip


def _spectrum(fit: Fit, matrix: Matrix) -> dict[str, np.ndarray]:
    W, bank = fit.task.weights[matrix.name].cpu(), fit.banks[matrix.name]
    updates = fit.deltas(matrix.name)[:, 0].cpu()
    lost = fit.diverged[:, 0] >= 0
    updates[torch.from_numpy(lost)] = 0.0
    U, S, Vt = torch.linalg.svd(updates, full_matrices=False)
    base = torch.linalg.svdvals(W)
    most, settings = min(KEPT, len(base)), len(fit.settings)
    made = {name: np.full(settings, np.nan) for name in ("amplification", "gained", "already", "own", "chance")}
    made["directions"] = np.zeros(settings, int)
    for s, rank in enumerate(bank.ranks[:: fit.plan.seeds]):
        norm = float(S[s].norm())
        r = SHOWN if rank == FULL else rank
        if lost[s] or norm == 0.0 or r == 0:
            continue
        within = float((U[s, :, :r].T @ W @ Vt[s, :r].T).norm())
        made["directions"][s], made["gained"][s], made["already"][s] = r, norm, within
        made["amplification"][s] = norm / within
        made["own"][s] = float(base[:r].norm())
        made["chance"][s] = float(W.norm()) * r / (W.shape[0] * W.shape[1]) ** 0.5
    values = S[:, :most].numpy().astype(float)
    for s, rank in enumerate(bank.ranks[:: fit.plan.seeds]):
        if rank != FULL and bank.turned is None:  # beyond the rank there is only rounding
            values[s, 2 * rank if bank.start is not None else rank :] = 0.0
    values[lost] = np.nan
    return made | {"values": values, "base": base[:most].numpy().astype(float)}


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
    return Similarity(tuple(m.name for m in matrices), ranks, *(made[n] for n in names),
                      np.array([m.inputs for m in matrices]))  # fmt: skip


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
