"""What a sweep reached, and what it learned. Letters: S settings, n seeds, K steps, M matrices looked at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from engine.core import Finding, T


@dataclass(frozen=True)
class Spectrum:
    """Singular values of ΔW, first seed: zero beyond a rank, NaN where a run diverged. base: of W itself."""

    names: tuple[str, ...]
    values: Float[np.ndarray, "M S k"]
    base: Float[np.ndarray, "M k"]


@dataclass(frozen=True)
class Peaks:
    """Predicted and measured bytes of training steps in float32, and what was trained, on how many tokens a step."""

    titles: tuple[T, ...]
    tokens: Int[np.ndarray, " runs"]
    trained: Int[np.ndarray, " runs"]
    predicted: Float[np.ndarray, " runs"]
    measured: Float[np.ndarray, " runs"]


@dataclass(frozen=True)
class Memory:
    """What training would hold: A architectures, W ways (the ranks that train anything, full fine-tuning once for each
    way of accounting). bytes: of weights, gradients, optimiser and activations. trained_bytes: a trained parameter's.
    """

    architectures: tuple[str, ...]
    parameters: Int[np.ndarray, " A"]
    titles: tuple[T, ...]
    full: Bool[np.ndarray, " W"]
    trained_bytes: Int[np.ndarray, " W"]
    bytes: Float[np.ndarray, "A W 4"]
    cards: Int[np.ndarray, "A W"]
    targets: T
    tokens: int
    checkpointing: bool


@dataclass(frozen=True)
class Adapted:
    """A sweep of settings. Where there is nothing (yet), numbers are NaN and parts None.

    metric: what `quality` is; `higher` says whether more of it is better. ranks: the largest in each setting, −1 for full
    fine-tuning. runs: quality of each run, NaN where it diverged, with mean and standard deviation over seeds; frozen:
    without adapting. optimum: the least error that theory allows (task "linear"). original, original_frozen: quality on
    the task that the network came from, after and before. truncated, truncated_original: full fine-tuning's ΔW cut to
    each rank by SVD. losses: of training, step so many steps made. diverged: the step at which a run was given up, −1
    where none. true_spectrum, true_rank: of the known ΔW.
    """

    task: str
    metric: T
    higher: bool
    names: tuple[str, ...]
    titles: tuple[T, ...]
    ranks: Int[np.ndarray, " S"]
    trainable_parameters: Int[np.ndarray, " S"]
    runs: Float[np.ndarray, "S n"]
    quality: Float[np.ndarray, " S"]
    quality_spread: Float[np.ndarray, " S"]
    frozen: float
    optimum: Float[np.ndarray, " S"]
    original: Float[np.ndarray, " S"]
    original_spread: Float[np.ndarray, " S"]
    original_frozen: float
    truncated: Float[np.ndarray, " S"]
    truncated_spread: Float[np.ndarray, " S"]
    truncated_original: Float[np.ndarray, " S"]
    losses: Float[np.ndarray, "S n K"]
    step: int
    diverged: Int[np.ndarray, "S n"]
    memory: Memory
    true_spectrum: Float[np.ndarray, " d"] | None = None
    true_rank: int = 0
    spectrum: Spectrum | None = None
    peaks: Peaks | None = None
    findings: tuple[Finding, ...] = ()
    backend: str = "torch"
    dtype: str = "float32"
    device: str = "cpu"
