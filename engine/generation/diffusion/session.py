"""A run of the lab: the chosen guidance first, then what stands around it, each shown as soon as it is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from engine.core import Partial
from engine.generation import image_models
from engine.generation.diffusion import PLANES, Diffuse, Diffused, fields, wording, worlds
from engine.generation.diffusion.guidance import NO_CLASS, Plan
from engine.generation.diffusion.paths import Course, Kept, follow, moments
from engine.generation.diffusion.quality import Judge, PlaneJudge, measure
from engine.generation.diffusion.results import GUIDANCES, Branch, Path, Sweep
from engine.generation.diffusion.schedules import alphas_cumprod
from engine.generation.diffusion.sweep import KINDS, SCALES, sweep
from engine.generation.diffusion.worlds import World

SHOWN_POINTS, SHOWN_PICTURES = 300, 16
STRIP = 6  # pictures at each scale
NEWS = 0.12  # of the chosen path between two previews
GUIDED = KINDS


@dataclass
class Board:
    """What is known so far."""

    params: Diffuse
    world: World
    course: Course
    plan: Plan
    judge: Judge
    notices: tuple[tuple[str, str], ...]
    paths: dict[str, Path] = field(default_factory=dict)
    quality: dict[str, tuple[float, float, float, float, float]] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)
    news: bool = False  # whether there is something that no result holds yet

    def put(self, path: Path, ended: bool = True) -> None:
        """Keep a path; measure it once it has ended."""
        self.paths[path.guidance] = path
        if ended:
            q = measure(self.judge, torch.from_numpy(path.samples), self.plan.labels.cpu())
            self.quality[path.guidance] = (q.accuracy, q.diversity, q.precision, q.recall, q.frechet)

    def result(self) -> Diffused:
        """All of it, frozen."""
        p, course = self.params, self.course
        chosen, quality = self.paths[p.guidance], self.quality.get(p.guidance)
        made = Diffused(
            p.world, p.sampler, p.schedule, p.guidance, p.scale, chosen.samples, chosen.trajectory,
            chosen.guidance_norm, course.levels, course.moments, self.plan.labels.cpu().numpy(), self.world.names,
            interval(p, course.steps), {g: self.paths[g] for g in GUIDANCES if g in self.paths},
            {g: self.quality[g] for g in GUIDANCES if g in self.quality},
            quality and quality[0], quality and quality[4], notices=self.notices, losses=self.world.losses,
            dtype=str(self.world.dtype).removeprefix("torch."), device=self.world.device, **self.more,
        )  # fmt: skip
        return replace(made, finding=wording.of(made))


def run(params: Diffuse) -> Iterator[Partial[Diffused]]:
    """Everything that was asked for, piece by piece."""
    if params.world not in PLANES:
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
    *_, kept = follow(world.model, made.plan, made.course, world.shape, world.dtype)
    made.put(kept.path(), ended=False)
    return replace(made.result(), finding=wording.LEARNING)


def board(params: Diffuse, world: World) -> Board:
    """The start of a run: levels, labels, interval, judge."""
    steps, notices = params.steps, []
    count = params.points if world.is_plane else params.count
    wanted = {}
    for name in ("label", "against", "switch_to"):
        wanted[name] = min(getattr(params, name), len(world.names) - 1)
        if wanted[name] < getattr(params, name) and (name != "switch_to" or params.branch):
            notices.append(wording.clamped(name, getattr(params, name), world.names))
    label = wanted["label"]
    levels = alphas_cumprod(params.schedule, steps)
    first, last = interval(params, steps)
    course = Course(
        params.sampler, levels, params.eta if params.sampler == "ddim" else 0.0, params.seed, moments(steps),
        min(count, SHOWN_POINTS if world.is_plane else SHOWN_PICTURES), world.limit, world.device,
    )  # fmt: skip
    labels = torch.arange(count) % len(world.names) if label == NO_CLASS else torch.full((count,), label)
    plan = Plan(
        params.guidance, labels.to(world.device), params.scale, wanted["against"], float(levels[first]),
        float(levels[last - 1]),
    )  # fmt: skip
    judge: Judge = image_models.judge(world.name) if world.exact is None else PlaneJudge(
        world.exact, fields.asked(world.exact, label)
    )  # fmt: skip
    return Board(params, world, course, plan, judge, tuple(notices), more={"branch": None})


def interval(params: Diffuse, steps: int) -> tuple[int, int]:
    """The steps in which guidance acts, from and to (exclusive); at least one."""
    first = min(round(params.guide_from * steps), steps - 1)
    return first, max(first + 1, round(params.guide_to * steps))


def around(made: Board, begin: float) -> Iterator[Partial[Diffused]]:
    """The chosen path, the others, the branch, the scales, and on a plane what is known exactly."""
    p, world = made.params, made.world
    rest = [g for g in GUIDANCES if g != p.guidance]
    stages: list[tuple[float, Callable[[Board], Iterator[float]]]] = [(2.0, chosen)]
    stages += [(1.0 + (g in GUIDED), _other(g)) for g in rest]
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
    """The chosen guidance, previewed on the way, and the branch from its state where one was asked for."""
    p, seen = made.params, -1.0
    at = min(round(p.switch_at * p.steps), p.steps - 1)
    state: Tensor | None = None
    kept: Kept | None = None
    for kept in walk(made, p.guidance):
        if kept.index == at:
            state = kept.x
        if kept.fraction >= seen + NEWS and kept.fraction < 1:
            made.put(kept.path(), ended=False)
            made.news, seen = True, kept.fraction
        yield kept.fraction
    assert kept is not None and state is not None
    made.put(kept.path())
    made.news = True
    yield 1.0
    if p.branch:
        after = min(p.switch_to, len(made.world.names) - 1)
        plan = replace(made.plan, labels=torch.full_like(made.plan.labels, after))
        for kept in follow(made.world.model, plan, made.course, made.world.shape, made.world.dtype, state, at):
            yield 1.0
        made.more["branch"] = Branch(at, min(p.label, len(made.world.names) - 1), after, kept.path())
        made.news = True
        yield 1.0


def walk(made: Board, guidance: str) -> Iterator[Kept]:
    """A run of the board's course under a guidance."""
    plan = replace(made.plan, guidance=guidance)
    return follow(made.world.model, plan, made.course, made.world.shape, made.world.dtype)


def _other(guidance: str) -> Callable[[Board], Iterator[float]]:
    def stage(made: Board) -> Iterator[float]:
        kept: Kept | None = None
        for kept in walk(made, guidance):
            yield kept.fraction
        assert kept is not None
        made.put(kept.path())
        made.news = True
        yield 1.0

    return stage


def exact(made: Board) -> Iterator[float]:
    """On a plane: the densities, the field, the distances, and the solvers' errors."""
    label = min(made.params.label, len(made.world.names) - 1)
    made.more["field"] = fields.survey(made.world, made.course, made.plan, label, made.paths)
    yield 0.5
    made.more["convergence"] = fields.converge(made.world, made.course, made.plan, made.params.schedule)
    made.news = True
    yield 1.0


def scales(made: Board) -> Iterator[float]:
    """The strip of scales; measured on a plane, and where the trade-off was asked for."""
    p, world, plan = made.params, made.world, made.plan
    kinds = KINDS if world.is_plane or p.task == "trade-off" else (
        (p.guidance,) if p.guidance in KINDS else ("classifier-free",)
    )  # fmt: skip
    judge = made.judge if world.is_plane or p.task == "trade-off" else None
    if not world.is_plane:
        count = p.measured if p.task == "trade-off" else STRIP
        label = min(p.label, len(world.names) - 1)
        labels = torch.arange(count) % len(world.names) if label == NO_CLASS else torch.full((count,), label)
        plan = replace(plan, labels=labels.to(world.device))
    shown = min(len(plan.labels), SHOWN_POINTS if world.is_plane else STRIP)
    found: Sweep | None = None
    for swept, fraction in sweep(world, judge, plan, made.course, kinds, shown):
        if swept is not found and found is not None:
            made.more["sweep"] = swept
            made.news = True
        found = swept
        yield fraction
    made.more["sweep"] = found


__all__ = ["SCALES", "run"]
