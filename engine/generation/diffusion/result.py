"""What a run of the diffusion lab gives: plain arrays, of which the page draws and which a recording keeps."""

from __future__ import annotations

import math
from dataclasses import dataclass

from jaxtyping import Float, Int, UInt8
from numpy import ndarray

from engine.core import Finding, T

GUIDANCES = ("unconditional", "conditional", "classifier", "classifier-free")
GUIDED = GUIDANCES[2:]
EDGE = 2.7  # half the width of the shown plane


@dataclass(frozen=True)
class Path:
    """One way from noise to n samples x under one guidance. f moments are kept, of d samples; S steps.

    clean: x̂₀ at the moments. push: what guidance moved x̂₀'s noise by, with its sign turned: the way it pushes; 0 where
    none. guidance_norm: root mean square of the push at every step, where the noise itself has 1.
    calls: passes of model and classifier; evaluations: rows in them. seconds: of the whole; network_seconds: in the
    passes alone.
    """

    guidance: str
    samples: Float[ndarray, "n ..."]
    trajectory: Float[ndarray, "f d ..."]
    clean: Float[ndarray, "f d ..."]
    push: Float[ndarray, "f d ..."]
    guidance_norm: Float[ndarray, " S"]
    calls: int
    evaluations: int
    seconds: float
    network_seconds: float

    @property
    def solver_share(self) -> float:
        """What solver and guidance add to the network's time, as a share of it."""
        return self.seconds / self.network_seconds - 1 if self.network_seconds > 0 else math.nan


@dataclass(frozen=True)
class Quality:
    """What was measured on `count` samples that are finite. accuracy: share recognised as their class. diversity: mean
    distance between two samples of one class, in units of the judge: in a plane, of that between two real points of
    one class. precision: share of samples among real ones; recall: share of real ones among samples. frechet: distance
    between Gaussians fitted to both. NaN where there are too few samples."""

    count: int
    accuracy: float
    diversity: float
    precision: float
    recall: float
    frechet: float


@dataclass(frozen=True)
class Field:
    """f moments, g cells to a side from −EDGE to EDGE, a arrows, r real points.

    density: p at the moment's noise level over its largest value, 255 for 1, rows by y. tilted: p(x) p(y | x)^(1+w)
    over its largest value, at clean time, the only one at which it is that. arrows: −ε of the guided model at `places`:
    the score times √(1−ᾱ). real: fresh draws of what was asked for; owners: their classes.
    w2: for each of `GUIDANCES` the sliced W₂ of its samples to p(x | y), NaN where not run; w2_tilted: to the tilted
    law; w2_floor: of as many fresh draws; w2_exact: of the chosen guidance with the exact score in the network's place.
    score_error: root mean square of the network's ε minus the exact one, on noised data; 0 where the score is exact.
    """

    density: UInt8[ndarray, "f g g"]
    tilted: UInt8[ndarray, "g g"]
    places: Float[ndarray, "a 2"]
    arrows: Float[ndarray, "f a 2"]
    real: Float[ndarray, "r 2"]
    owners: Int[ndarray, " r"]
    w2: Float[ndarray, " 4"]
    w2_tilted: Float[ndarray, " 4"]
    w2_floor: float
    w2_exact: float
    score_error: Float[ndarray, " f"]


@dataclass(frozen=True)
class Convergence:
    """How far few steps end from where the ODE leads: for k solvers at s numbers of steps, the calls of the model, and
    the root mean square distance to the end of 96 Heun steps, from the same noise on the same schedule. slopes: of
    log error over log calls, at the finer half."""

    solvers: tuple[str, ...]
    calls: Int[ndarray, "k s"]
    error: Float[ndarray, "k s"]
    slopes: Float[ndarray, " k"]


@dataclass(frozen=True)
class Sweep:
    """k kinds of guidance at s scales w. samples: the first d of each, from the same noise. count: how many were
    measured. The measures are NaN where not measured, or not yet."""

    kinds: tuple[str, ...]
    scales: Float[ndarray, " s"]
    samples: Float[ndarray, "k s d ..."]
    count: int
    accuracy: Float[ndarray, "k s"]
    diversity: Float[ndarray, "k s"]
    precision: Float[ndarray, "k s"]
    recall: Float[ndarray, "k s"]
    frechet: Float[ndarray, "k s"]


@dataclass(frozen=True)
class Diffused:
    """Samples, the way to them, and what was measured around it. Parts not known yet, or not at all, are None.

    alphas_cumprod: ᾱ from noise to 1. moments: the steps that paths keep. labels: the wanted classes; classes: their
    names. guided: the steps, from and to, in which guidance acted. paths: one for each guidance that ran, from the
    same noise; quality: of each that has ended. losses: of the network trained on the spot.
    """

    world: str
    sampler: str
    schedule: str
    guidance: str
    scale: float
    alphas_cumprod: Float[ndarray, " S+1"]
    moments: Int[ndarray, " f"]
    labels: Int[ndarray, " n"]
    classes: tuple[T, ...]
    guided: tuple[int, int]
    paths: dict[str, Path]
    quality: dict[str, Quality]
    sweep: Sweep | None = None
    field: Field | None = None
    convergence: Convergence | None = None
    losses: tuple[float, ...] = ()
    findings: tuple[Finding, ...] = ()
    backend: str = "torch"
    dtype: str = "float64"
    device: str = "cpu"

    @property
    def chosen(self) -> Path:
        """The path under the guidance that was asked for."""
        return self.paths[self.guidance]

    @property
    def steps(self) -> int:
        return len(self.alphas_cumprod) - 1
