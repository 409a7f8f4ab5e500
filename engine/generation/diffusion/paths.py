"""A run from noise to samples, with all that is kept of it: moments of the way, the push of guidance, the cost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor

from engine.generation.diffusion.guidance import Guided, Model, Plan
from engine.generation.diffusion.result import Path
from engine.generation.diffusion.samplers import SAMPLERS, Step

MOST_MOMENTS = 21


@dataclass(frozen=True)
class Course:
    """What a run goes by, the same for every guidance. levels: ᾱ (S + 1,). moments: the steps that are kept.
    shown: of how many samples. limit: holds x̂₀ within ±limit. device: where the model computes."""

    sampler: str
    levels: ndarray
    eta: float
    seed: int
    moments: ndarray
    shown: int
    limit: float | None = None
    device: str = "cpu"

    @property
    def steps(self) -> int:
        return len(self.levels) - 1


def moments(steps: int, most: int = MOST_MOMENTS) -> ndarray:
    """The steps that are kept, first and last among them."""
    return np.unique(np.linspace(0, steps, min(steps + 1, most)).round().astype(int))


class Noise:
    """Standard normal numbers, the same for the same seed, step and shape on every device and under every guidance."""

    def __init__(self, shape: tuple[int, ...], seed: int, dtype: torch.dtype, device: str = "cpu"):
        self.shape, self.seed, self.dtype, self.device = shape, seed, dtype, device

    def __call__(self, step: int) -> Tensor:
        """Fresh noise of a step; of step −1, the start."""
        word = int(np.random.SeedSequence([self.seed, step + 1]).generate_state(1, np.uint64)[0] >> 1)
        chance = torch.Generator().manual_seed(word)
        return torch.randn(self.shape, generator=chance, dtype=self.dtype).to(self.device)


def follow(model: Model, plan: Plan, course: Course, shape: tuple[int, ...], dtype: torch.dtype) -> Iterator[Kept]:
    """Walk a course under a plan from pure noise; yields before every step, and at the end, what there is so far."""
    noise = Noise((len(plan.labels), *shape), course.seed, dtype, course.device)
    guided = Guided(model, plan, course.limit)
    kept = Kept(guided, course)
    begun, paused = time.perf_counter(), 0.0
    for step in SAMPLERS[course.sampler](guided, noise(-1), course.levels, noise, course.eta):
        asked = time.perf_counter()
        kept.see(step, asked - begun - paused)
        yield kept
        paused += time.perf_counter() - asked


class Kept:
    """What is kept of a run while it goes. index: the step it is at, x: the state there."""

    def __init__(self, guided: Guided, course: Course):
        self.guided, self.course, self.wanted = guided, course, set(course.moments.tolist())
        self.rows: list[tuple[ndarray, ndarray, ndarray]] = []
        self.norms = np.full(course.steps, np.nan)

    def see(self, step: Step, seconds: float) -> None:
        """Take in where the sampler stands, after so many seconds of its own."""
        self.index, self.x, self.clean, self.seconds = step.index, step.x, step.clean, seconds
        push = self.guided.push if step.epsilon is not None else None
        if step.epsilon is not None:
            self.norms[self.index] = 0.0 if push is None else float(push.square().mean().sqrt())
        if self.index in self.wanted:
            some = slice(self.course.shown)
            bend = torch.zeros_like(step.x[some]) if push is None else -push[some]
            self.rows.append((plain(step.x[some]), plain(step.clean[some]), plain(bend)))

    @property
    def fraction(self) -> float:
        return self.index / self.course.steps

    def path(self) -> Path:
        """The run so far; its samples are the x̂₀ of the moment."""
        guided = self.guided
        trajectory, clean, push = (np.stack(part) for part in zip(*self.rows, strict=True))
        return Path(
            guided.plan.guidance,
            plain(self.clean),
            trajectory,
            clean,
            push,
            self.norms.copy(),
            guided.calls,
            guided.evaluations,
            self.seconds,
            guided.seconds,
        )


def plain(values: Tensor) -> ndarray:
    """As float32 numbers of this machine's memory."""
    return values.detach().float().cpu().numpy()


def finish(run: Iterator[Kept]) -> Path:
    """The path of a whole run."""
    kept = None
    for kept in run:
        pass
    assert kept is not None
    return kept.path()
