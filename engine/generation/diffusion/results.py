"""What a run of the diffusion lab gives: plain arrays, of which the page draws and which a recording keeps."""

from __future__ import annotations

import math
from dataclasses import dataclass

from numpy import ndarray

GUIDANCES = ("unconditional", "conditional", "classifier", "classifier-free")
EDGE = 2.7  # half the width of the shown plane


@dataclass(frozen=True)
class Path:
    """One way from noise to n samples under one guidance. f moments are kept, of d samples; S steps.

    guidance: which. samples: (n, …). trajectory: (f, d, …) x at the moments; clean: (f, d, …) x̂₀ there;
    push: (f, d, …) what guidance moved x̂₀'s noise by, with its sign turned: the way it pushes; 0 where none.
    guidance_norm: (S,) root mean square of the push at every step, where the noise itself has 1.
    calls: passes of model and classifier; evaluations: rows in them. seconds: of the whole; network_seconds: in the
    passes alone.
    """

    guidance: str
    samples: ndarray
    trajectory: ndarray
    clean: ndarray
    push: ndarray
    guidance_norm: ndarray
    calls: int
    evaluations: int
    seconds: float
    network_seconds: float

    @property
    def solver_share(self) -> float:
        """What solver and guidance add to the network's time, as a share of it."""
        return self.seconds / self.network_seconds - 1 if self.network_seconds > 0 else math.nan


@dataclass(frozen=True)
class Branch:
    """A run whose class is changed on its way. step: where; before, after: the classes; path: from there on, under the
    other class, with the noise of the run that kept the first."""

    step: int
    before: int
    after: int
    path: Path


@dataclass(frozen=True)
class Field:
    """f moments, g cells to a side from −EDGE to EDGE, a arrows.

    density: (f, g, g) uint8, p at the moment's noise level over its largest value, 255 for 1, rows by y.
    tilted: (g, g) uint8, p(x) p(y | x)^(1+w) over its largest value, at clean time, the only one at which it is that.
    places: (a, 2); arrows: (f, a, 2) −ε of the guided model there: the score times √(1−ᾱ).
    real: (r, 2) fresh draws of what was asked for; owners: (r,) their classes.
    w2: for each guidance (in the order of `GUIDANCES`) the sliced W₂ of its samples to p(x | y), NaN where not run;
    w2_tilted: to the tilted law; w2_floor: of as many fresh draws; w2_exact: of the chosen guidance with the exact
    score in the network's place. score_error: (f,) root mean square of the network's ε minus the exact one, on noised
    data; 0 where the score is exact.
    """

    density: ndarray
    tilted: ndarray
    places: ndarray
    arrows: ndarray
    real: ndarray
    owners: ndarray
    w2: ndarray
    w2_tilted: ndarray
    w2_floor: float
    w2_exact: float
    score_error: ndarray


@dataclass(frozen=True)
class Convergence:
    """How far few steps end from where the ODE leads. solvers: names. calls: (k, s) of the model. error: (k, s) root
    mean square distance to the end of 96 Heun steps, from the same noise on the same schedule. slopes: (k,) of
    log error over log calls, at the finer half."""

    solvers: tuple[str, ...]
    calls: ndarray
    error: ndarray
    slopes: ndarray


@dataclass(frozen=True)
class Sweep:
    """k kinds of guidance, s scales w. samples: (k, s, d, …) the first d of each, from the same noise. count: how many
    were measured. accuracy, diversity, precision, recall, frechet: (k, s), NaN where not measured or not yet."""

    kinds: tuple[str, ...]
    scales: ndarray
    samples: ndarray
    count: int
    accuracy: ndarray
    diversity: ndarray
    precision: ndarray
    recall: ndarray
    frechet: ndarray
