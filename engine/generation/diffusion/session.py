"""A run of the lab: the chosen guidance first, then what stands around it, each shown as soon as it is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from engine.core import Partial, T
from engine.generation import image_models
from engine.generation.diffusion import fields, findings, worlds
from engine.generation.diffusion.guidance import NO_CLASS, Plan
from engine.generation.diffusion.parameters import Diffuse
from engine.generation.diffusion.paths import Course, Kept, finish, follow, moments
from engine.generation.diffusion.quality import Judge, measure
from engine.generation.diffusion.result import GUIDANCES, GUIDED, Diffused, Path, Quality
from engine.generation.diffusion.schedules import alphas_cumprod
from engine.generation.diffusion.sweep import sweep
from engine.generation.diffusion.worlds import World
from engine.generation.plane_models.judging import PlaneJudge

SHOWN_POINTS, SHOWN_PICTURES = 300, 16
STRIP = 6  # pictures at each scale
NEWS = 0.12  # of the chosen path between two previews


@dataclass
class Board:
    """What is known so far."""

    params: Diffuse
    world: World
    course: Course
    plan: Plan
    judge: Judge
    said: list[T]
    paths: dict[str, Path] = field(default_factory=dict)
    quality: dict[str, Quality] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)
    news: bool = False  # whether there is something that no result holds yet

    def put(self, path: Path, ended: bool = True) -> None:
        """Keep a path; measure it once it has ended."""
        self.paths[path.guidance], self.news = path, True
        if ended:
            self.quality[path.guidance] = measure(self.judge, torch.from_numpy(path.samples), self.plan.labels.cpu())

    def add(self, **parts: Any) -> None:
        """Keep parts of the result by name."""
        self.more |= parts
        self.news = True

    def walk(self, guidance: str) -> Iterator[Kept]:
        """A run of the course under a guidance."""
        return follow(self.world.model, replace(self.plan, guidance=guidance), self.course, self.world.shape, self.world.dtype)

    def result(self) -> Diffused:
        """All of it, frozen."""
        p, course = self.params, self.course
        made = Diffused(
            p.world,
            p.sampler,
            p.schedule,
            p.guidance,
            p.scale,
            course.levels,
            course.moments,
            self.plan.labels.cpu().numpy(),
            self.world.names,
            interval(p, course.steps),
            {g: self.paths[g] for g in GUIDANCES if g in self.paths},
            {g: self.quality[g] for g in GUIDANCES if g in self.quality},
            losses=self.world.losses,
            dtype=str(self.world.dtype).removeprefix("torch."),
            device=self.world.device,
            **self.more,
        )
        return replace(made, findings=findings.of(made, self.said))


def run(params: Diffuse) -> Iterator[Partial[Diffused]]:
    """Everything that was asked for, piece by piece."""
    if not params.on_plane:
        yield from around(board(params, worlds.open_pictures(params.world)), 0.0)
        return
    exact = worlds.mixture(params.world, params.drawing)
    world, begin = worlds.open_plane(params.world, exact), 0.0
    if params.score == "network":
        shown: Diffused | None = None
        for k, training in enumerate(worlds.trained(exact)):
            world = worlds.open_plane(params.world, exact, training)
            if training.fraction == 1:
                break
            begin = 0.7
            if shown is None or k % 10 == 0:
                shown = preview(params, world)
            yield Partial(shown, begin * training.fraction)
    yield from around(board(params, world), begin)


def preview(params: Diffuse, world: World) -> Diffused:
    """What a network draws while it is still learning."""
    made = board(params.model_copy(update={"points": 300, "steps": min(params.steps, 12)}), world)
    made.put(finish(made.walk(params.guidance)), ended=False)
    return replace(made.result(), findings=(findings.LEARNING,))


def wanted(params: Diffuse, world: World, count: int) -> Tensor:
    """The class of each of `count` samples; one that the world lacks is read as its last."""
    if params.label == NO_CLASS:
        return torch.arange(count, device=world.device) % len(world.names)
    return torch.full((count,), min(params.label, len(world.names) - 1), device=world.device)


def board(params: Diffuse, world: World) -> Board:
    """The start of a run: levels, labels, interval, judge."""
    steps, last = params.steps, len(world.names) - 1
    count = params.points if world.is_plane else params.count
    levels = alphas_cumprod(params.schedule, steps)
    first, end = interval(params, steps)
    course = Course(
        params.sampler,
        levels,
        params.eta if params.sampler == "ddim" else 0.0,
        params.seed,
        moments(steps),
        min(count, SHOWN_POINTS if world.is_plane else SHOWN_PICTURES),
        world.limit,
        world.device,
    )
    labels = wanted(params, world, count)
    plan = Plan(params.guidance, labels, params.scale, min(params.against, last), float(levels[first]), float(levels[end - 1]))
    exact = world.exact
    judge = image_models.judge(world.name) if exact is None else PlaneJudge(exact, fields.asked(exact, min(params.label, last)))
    return Board(params, world, course, plan, judge, findings.beyond(params, world.names))


def interval(params: Diffuse, steps: int) -> tuple[int, int]:
    """The steps in which guidance acts, from and to (exclusive); at least one."""
    first = min(round(params.guide_from * steps), steps - 1)
    return first, max(first + 1, round(params.guide_to * steps))


def around(made: Board, begin: float) -> Iterator[Partial[Diffused]]:
    """The chosen path, the others, the scales, and on a plane what is known exactly."""
    p, world = made.params, made.world
    stages: list[tuple[float, Callable[[Board], Iterator[float]]]] = [(2.0, chosen)]
    # Guided paths ask the model twice a step.
    stages += [(1.0 + (g in GUIDED), _other(g)) for g in GUIDANCES if g != p.guidance]
    stages += [(2.0, exact)] if world.is_plane else []
    stages += [(4.0 if world.is_plane or p.task == "sample" else 60.0, scales)]
    whole, done = sum(weight for weight, _ in stages), 0.0
    for weight, stage in stages:
        result = None
        for fraction in stage(made):
            if result is None or made.news:
                result, made.news = made.result(), False
            yield Partial(result, begin + (1 - begin) * (done + weight * min(fraction, 1.0)) / whole * 0.999)
        done += weight
    yield Partial(made.result(), 1.0)


def chosen(made: Board) -> Iterator[float]:
    """The chosen guidance, previewed on the way."""
    previewed = -1.0
    for kept in made.walk(made.params.guidance):
        if previewed + NEWS <= kept.fraction < 1:
            made.put(kept.path(), ended=False)
            previewed = kept.fraction
        elif kept.fraction == 1:
            made.put(kept.path())
        yield kept.fraction


def _other(guidance: str) -> Callable[[Board], Iterator[float]]:
    def stage(made: Board) -> Iterator[float]:
        for kept in made.walk(guidance):
            if kept.fraction == 1:
                made.put(kept.path())
            yield kept.fraction

    return stage


def exact(made: Board) -> Iterator[float]:
    """On a plane: the densities, the field, the distances, and the solvers' errors."""
    label = min(made.params.label, len(made.world.names) - 1)
    made.add(field=fields.survey(made.world, made.course, made.plan, label, made.paths))
    yield 0.5
    made.add(convergence=fields.converge(made.world, made.course, made.plan, made.params.schedule))
    yield 1.0


def scales(made: Board) -> Iterator[float]:
    """The strip of scales; measured on a plane, and where the trade-off was asked for."""
    p, world, plan = made.params, made.world, made.plan
    measured = world.is_plane or p.task == "trade-off"
    kinds = GUIDED if measured else ((p.guidance,) if p.guidance in GUIDED else ("classifier-free",))
    if not world.is_plane:
        plan = replace(plan, labels=wanted(p, world, p.measured if measured else STRIP))
    shown = min(len(plan.labels), SHOWN_POINTS if world.is_plane else STRIP)
    for found, fraction in sweep(world, made.judge if measured else None, plan, made.course, kinds, shown):
        if found is not made.more.get("sweep") and fraction > 0:
            made.add(sweep=found)
        yield fraction
