"""The one training loop: a recipe says what a step does and what is judged; steps, points, reports and states are here.

    device = begin(folder, setting, resume)
    fit(progress, step, last=plan.steps, every=plan.every, report=report, judge=lambda: judge(model))

A step is a function of its number: batches and noise are drawn from generators seeded by it, so that a run that was
interrupted anywhere ends as one that was not.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engine.core.progress import Progress
from engine.core.recipes import Report, Setting

END_EARLY = "decay"  # a file of this name in a run's folder lets its rate begin to fall at the next state


def begin(folder: Path, setting: Setting, resume: bool) -> str:
    """The kind of device that a setting asks for; without `resume` what an earlier run left is taken away.

    Raises ValueError where "gpu" is asked for and there is none.
    """
    import torch

    if setting == "gpu" and not torch.cuda.is_available():
        raise ValueError("the setting gpu needs a CUDA device; this machine has none: use the setting cpu")
    if not resume:
        shutil.rmtree(folder, ignore_errors=True)
    return "cuda" if setting == "gpu" else "cpu"


def rise_stay_fall(step: int, *, rise: int, last: int, fall: int) -> float:
    """The learning rate's factor at a step: up over the first `rise` steps, down to nothing over the `fall` before `last`.

    A run may be made longer or shorter while its rate stays. Source: Hu et al. 2024 (MiniCPM), section 4 (WSD).
    """
    return min((step + 1) / rise, (last - step) / fall, 1.0)


def fit(
    progress: Progress,
    step: Callable[[int], float | Sequence[float]],
    *,
    last: int | Callable[[], int],
    every: int,
    report: Report,
    judge: Callable[[], Mapping[str, float]] | None = None,
    losses: Sequence[str] = ("loss",),
    stage: str = "",
    before_point: Callable[[], None] | None = None,
) -> None:
    """Take steps until `last`, from where `progress` stands; after every `every` of them, and at the end, a point.

    step: does the step of a number and gives its loss, or several, by the names `losses`. A point holds their means
    since the point before, and what `judge` gives; it is added to the curve, the state is kept, then it is reported.
    last: may move while the run goes on. stage: a part of a longer run that counts its steps in `progress.more` under
    this name, and puts no points on the curve. before_point: runs ahead of each point.
    """
    ends = last if callable(last) else lambda: last
    seen: list[Any] = []
    while (done := progress.more[stage] if stage else progress.step) < ends():
        seen.append(step(done))
        done += 1
        if stage:
            progress.more[stage] = done
        else:
            progress.step = done
        if done % every and done < ends():
            continue
        if before_point is not None:
            before_point()
        point = dict(zip(losses, np.atleast_1d(np.mean(seen, 0)).tolist(), strict=True)) | dict(judge() if judge else {})
        if stage:
            progress.keep()
        else:
            progress.note(**point)
        told = ", ".join(f"{name} {value:.4g}" for name, value in point.items())
        report(done / ends(), f"step {done}, {told}; {progress.took}")
        seen = []


def ended_early(progress: Progress) -> None:
    """Let the rate fall from this step on, `progress.more["falls"]`, where a person has asked for it by a file."""
    if (progress.path.parent / END_EARLY).exists():
        progress.more["falls"] = min(progress.more["falls"], progress.step)


def described(progress: Progress, plan: Any) -> dict[str, Any]:
    """What meta.json says of how a run went: its seconds, its plan, its curve."""
    return {
        "cpu_seconds": round(progress.cpu_seconds),
        "wall_seconds": round(progress.wall_seconds),
        "plan": dataclasses.asdict(plan),
        "curve": [{name: round(value, 4) for name, value in point.items()} for point in progress.curve],
    }
