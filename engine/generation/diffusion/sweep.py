"""The same noise under ever stronger guidance: what comes out, and what it gains and loses."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch

from engine.generation.diffusion.guidance import Plan
from engine.generation.diffusion.paths import Course, Kept, follow
from engine.generation.diffusion.quality import Judge, measure
from engine.generation.diffusion.result import Sweep
from engine.generation.diffusion.worlds import World

SCALES = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
BATCH = 32  # pictures at a time


def sweep(
    world: World, judge: Judge | None, plan: Plan, course: Course, kinds: tuple[str, ...], shown: int
) -> Iterator[tuple[Sweep, float]]:
    """Run every kind at every scale with the plan's labels. Yields after every batch what is known, and the share done.

    judge: measures the samples; without it they are only shown.
    """
    course = replace(course, moments=np.array([course.steps]), shown=1)
    count = len(plan.labels)
    samples = np.zeros((len(kinds), len(SCALES), shown, *world.shape), np.float32)
    numbers = np.full((5, len(kinds), len(SCALES)), np.nan)
    batches = torch.arange(count).split(count if world.is_plane else BATCH)
    whole = len(kinds) * len(SCALES) * len(batches)
    made = Sweep(kinds, np.array(SCALES), samples.copy(), count, *numbers.copy())
    done = 0
    for s, scale in enumerate(SCALES):
        for k, kind in enumerate(kinds):
            found = []
            for b, rows in enumerate(batches):
                part = replace(plan, guidance=kind, scale=scale, labels=plan.labels[rows])
                kept: Kept | None = None
                for kept in follow(world.model, part, replace(course, seed=course.seed + 7919 * b), world.shape, world.dtype):
                    yield made, (done + kept.fraction) / whole
                assert kept is not None
                found.append(kept.x)
                done += 1
            ends = torch.cat(found)
            samples[k, s] = ends[:shown].float().cpu().numpy()
            if judge is not None:
                quality = measure(judge, ends.cpu(), plan.labels.cpu())
                numbers[:, k, s] = dataclasses.astuple(quality)[1:]
            made = Sweep(kinds, np.array(SCALES), samples.copy(), count, *numbers.copy())
            yield made, done / whole
