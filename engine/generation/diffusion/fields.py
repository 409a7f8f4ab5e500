"""What is known exactly of a plane, to be laid beside what was sampled: densities, the field of scores, distances."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy import ndarray

from engine.generation.diffusion.guidance import NO_CLASS, Guided, Plan
from engine.generation.diffusion.paths import Course, finish, follow
from engine.generation.diffusion.result import EDGE, GUIDANCES, Convergence, Field, Path
from engine.generation.diffusion.samplers import calls
from engine.generation.diffusion.schedules import alphas_cumprod
from engine.generation.diffusion.worlds import World
from engine.generation.plane_models.judging import CLEAN, directions, quantiles, sliced_w2
from engine.generation.plane_models.mixtures import Mixture

CELLS, ARROWS = 44, 11
REAL = 600  # real points that are shown
TILTED_DRAWS = 16  # for every point that is kept of them
SOLVERS = ("euler", "heun", "dpm")
FEW_STEPS = (4, 6, 9, 13, 19, 28, 40)
FINE_STEPS = 96
FOLLOWED = 100  # points


def asked(world: Mixture, label: int) -> Mixture:
    """The law that was asked for: that of a class; or, at −1, every class as often as any other."""
    of_class = np.bincount(world.owners, world.weights)[world.owners]
    weights = world.weights / of_class * ((world.owners == label) | (label == NO_CLASS))
    return replace(world, weights=weights / weights.sum())


def grid(cells: int) -> ndarray:
    """Centres of the cells, row by row from the lowest: (cells², 2)."""
    along = (np.arange(cells) + 0.5) / cells * 2 * EDGE - EDGE
    return np.stack([a.ravel() for a in np.meshgrid(along, along)], -1)


def tilt(world: Mixture, points: torch.Tensor, label: int, scale: float) -> ndarray:
    """log of p(x | y) p(y | x)^w up to a constant, at clean points (n, 2); a sum over classes where none is chosen."""
    posterior = world.log_posterior(points, CLEAN)
    classes = range(len(world.names)) if label == NO_CLASS else [label]
    each = [world.log_density(points, CLEAN, torch.full((len(points),), y)) + scale * posterior[:, y] for y in classes]
    return torch.logsumexp(torch.stack(each), 0).numpy()


def draw_tilted(world: Mixture, labels: ndarray, scale: float, seed: int) -> ndarray:
    """Points of the laws p(x | y) p(y | x)^w at clean time, one for each label: (n, 2), by resampling many draws."""
    rng = np.random.Generator(np.random.PCG64(seed))
    made = np.empty((len(labels), 2))
    for y in np.unique(labels):
        wanted = labels == y
        draws = world.draw(TILTED_DRAWS * int(wanted.sum()), seed + 1 + int(y), int(y))
        log_weight = scale * world.log_posterior(torch.from_numpy(draws), CLEAN)[:, int(y)].numpy()
        weight = np.exp(log_weight - log_weight.max())
        made[wanted] = draws[rng.choice(len(draws), int(wanted.sum()), p=weight / weight.sum())]
    return made


def survey(world: World, course: Course, plan: Plan, label: int, paths: dict[str, Path]) -> Field:
    """All of a field; `plan` is the chosen one."""
    exact = world.exact
    assert exact is not None
    levels = course.levels[course.moments]
    wide, few = torch.from_numpy(grid(CELLS)), torch.from_numpy(grid(ARROWS))
    law = asked(exact, label)
    arrows = np.zeros((len(levels), len(few), 2), np.float32)
    guided = Guided(world.model, replace(plan, labels=torch.full((len(few),), max(label, 0))))
    if label == NO_CLASS:
        guided.plan = replace(guided.plan, guidance="unconditional")
    for k, level in enumerate(levels[:-1]):
        arrows[k] = -guided(few, float(level)).numpy()
    points = len(plan.labels)
    target = quantiles(law, points)
    labels = plan.labels.numpy()
    tilted = quantiles_of(draw_tilted(exact, labels, plan.scale, course.seed))
    w2 = np.array([sliced_w2(paths[g].samples, target) if g in paths else np.nan for g in GUIDANCES])
    w2_tilted = np.array([sliced_w2(paths[g].samples, tilted) if g in paths else np.nan for g in GUIDANCES])
    real, owners = law.draw_labelled(points, course.seed + 7)
    own = world.model is exact
    chosen = paths[plan.guidance]
    as_exact = chosen if own else finish(follow(exact, plan, course, world.shape, world.dtype))
    return Field(
        np.stack([scaled(law.log_density(wide, float(level)).numpy()) for level in levels]),
        scaled(tilt(exact, wide, label, plan.scale)),
        few.numpy(),
        arrows,
        real[:REAL],
        owners[:REAL],
        w2,
        w2_tilted,
        sliced_w2(real, target),
        sliced_w2(as_exact.samples, target),
        np.zeros(len(levels)) if own else _errors(world, exact, levels, course.seed),
    )


def quantiles_of(points: ndarray) -> ndarray:
    """The sorted shadows of points, as `quantiles` gives them of a world."""
    return np.sort(points @ directions().T, axis=0).T


def scaled(log_density: ndarray) -> ndarray:
    """A density (g²,) by its largest value, as a square of bytes."""
    side = int(np.sqrt(len(log_density)))
    return np.rint(255 * np.exp(log_density - log_density.max())).astype(np.uint8).reshape(side, side)


def _errors(world: World, exact: Mixture, levels: ndarray, seed: int) -> ndarray:
    clean = torch.from_numpy(exact.draw(1000, seed + 11))
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(seed), dtype=clean.dtype)
    none = torch.full((len(clean),), NO_CLASS)
    made = np.zeros(len(levels))
    for k, level in enumerate(map(float, levels[:-1])):
        x = level**0.5 * clean + (1 - level) ** 0.5 * noise
        made[k] = float((world.model.epsilon(x, level, none) - exact.epsilon(x, level, none)).square().mean().sqrt())
    return made


def converge(world: World, course: Course, plan: Plan, schedule: str) -> Convergence:
    """The error of each solver at ever more steps, on the chosen schedule from the same noise."""
    few = replace(plan, labels=plan.labels[:FOLLOWED], lowest=0.0, highest=1.0)
    course = replace(course, shown=1, eta=0.0)

    def end(sampler: str, steps: int) -> ndarray:
        way = replace(course, sampler=sampler, levels=alphas_cumprod(schedule, steps), moments=np.array([steps]))
        return finish(follow(world.model, few, way, world.shape, world.dtype)).samples

    truth = end("heun", FINE_STEPS)
    error = np.array([[np.sqrt(((end(s, n) - truth) ** 2).sum(-1).mean()) for n in FEW_STEPS] for s in SOLVERS])
    spent = np.array([[calls(s, n) for n in FEW_STEPS] for s in SOLVERS])
    half = len(FEW_STEPS) // 2
    finer = zip(np.log(spent[:, half:]), np.log(np.maximum(error[:, half:], 1e-12)), strict=True)
    slopes = np.array([-np.polyfit(x, y, 1)[0] for x, y in finer])
    return Convergence(SOLVERS, spent, error, slopes)
