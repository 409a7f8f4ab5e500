"""The one training loop: what it counts, notes and reports; and that every recipe runs, resumes and reproduces."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from engine.core import checkpoints, recipes, training
from engine.core.progress import Progress


class Stopped(Exception):
    """Somebody ends a run in the middle."""


def toy(folder: Path, resume: bool = False, **more: Any) -> tuple[Progress, Callable[[int], float]]:
    """A line that is fitted by plain gradient descent, and the step of a number."""
    torch.manual_seed(0)
    line = nn.Linear(3, 1)
    optimiser = torch.optim.SGD(line.parameters(), 0.1)
    progress = Progress(folder, {"line": line, "optimiser": optimiser}, "cpu", resume, **more)

    def step(number: int) -> float:
        x = torch.randn(8, 3, generator=torch.Generator().manual_seed(number))
        loss = (line(x) - x.sum(1, keepdim=True)).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return loss.item()

    return progress, step


def test_points_hold_the_mean_since_the_last_one_and_are_told(tmp_path):
    progress, step = toy(tmp_path)
    losses, told = [], []
    counted = lambda number: losses.append(step(number)) or losses[-1]  # noqa: E731
    training.fit(progress, counted, last=7, every=3, report=lambda *said: told.append(said), judge=lambda: {"judged": 5.0})
    assert [point["step"] for point in progress.curve] == [3, 6, 7] and len(losses) == 7
    for point, part in zip(progress.curve, (losses[:3], losses[3:6], losses[6:]), strict=True):
        assert point["loss"] == pytest.approx(np.mean(part), rel=1e-12) and point["judged"] == 5
    assert [share for share, _ in told] == [3 / 7, 6 / 7, 1]
    assert told[0][1].startswith(f"step 3, loss {np.mean(losses[:3]):.4g}, judged 5; ")


def test_several_losses_have_their_names(tmp_path):
    progress, step = toy(tmp_path)
    training.fit(progress, lambda number: [step(number), number], last=4, every=2, report=lambda *_: None, losses=("loss", "number"))
    assert [point["number"] for point in progress.curve] == [0.5, 2.5]


def test_a_stage_counts_by_itself_and_is_taken_up_where_it_was(tmp_path):
    progress, step = toy(tmp_path, first=0)
    training.fit(progress, step, last=4, every=2, report=lambda *_: None, stage="first")
    assert progress.more["first"] == 4 and progress.step == 0 and progress.curve == []
    again, step = toy(tmp_path, True, first=0)
    taken = []
    training.fit(again, lambda number: taken.append(number) or step(number), last=6, every=2, report=lambda *_: None, stage="first")
    assert taken == [4, 5]


def test_a_run_is_ended_early_by_a_file(tmp_path):
    progress, step = toy(tmp_path, falls=80)
    (tmp_path / training.END_EARLY).touch()
    training.fit(
        progress,
        step,
        last=lambda: min(100, progress.more["falls"] + 20),
        every=10,
        report=lambda *_: None,
        before_point=lambda: training.ended_early(progress),
    )
    assert progress.more["falls"] == 10 and progress.step == 30


def test_the_rate_rises_stays_and_falls():
    factors = [training.rise_stay_fall(step, rise=4, last=12, fall=4) for step in range(12)]
    assert factors == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 1, 0.75, 0.5, 0.25])


def test_a_run_begins_anew_unless_it_is_resumed(tmp_path):
    (tmp_path / "state").mkdir()
    assert training.begin(tmp_path, "cpu", True) == "cpu" and (tmp_path / "state").is_dir()
    assert training.begin(tmp_path, "cpu", False) == "cpu" and not tmp_path.exists()


# --- every recipe, at tiny settings through its own plan ---


def code_model() -> dict[str, Any]:
    from engine.language.code_model import architecture, corpus, loop

    shape = architecture.Shape(layers=1, width=32, heads=2, inner=64, context=64, vocabulary=320)
    plan = loop.Plan(shape, steps=12, decay=4, tokens=256, context=32, longer=64, warm_up=3, every=4)
    modules = tuple(m for m in corpus.sources() if m.path.startswith(("json/", "email/_p", "email/errors")))
    return {"plans": {"target": plan, "draft": plan}, "modules": modules}


def image_models() -> dict[str, Any]:
    from engine.generation.image_models import loop, quality, train

    plans = {name: loop.Plan(steps=6, decay=3, batch=8, warm_up=2, every=2) for name in train.CPU["digits"].plans}
    protocol = quality.Protocol(samples=12, steps=2, known=40)
    small = {"widths": (8, 8), "readers": (8, 8), "features": 8, "plans": plans, "protocol": protocol}
    return {"setups": {"digits": dataclasses.replace(train.CPU["digits"], **small)}}


def position_models() -> dict[str, Any]:
    from engine.attention.position_models import train
    from engine.attention.position_models.models import SHAPE

    shape = dataclasses.replace(SHAPE, layers=1, width=32, heads=2)
    plan = dataclasses.replace(train.PLAN, shape=shape, steps=8, decay=4, tokens=256, context=32, longer=32, warm_up=2, every=4)
    judging = train.Judging(windows=2, length=64, short_windows=2, short=16, shifts=(0, 8), target_windows=1, target_length=64, factor=4.0)
    return {"modules": code_model()["modules"], "plan": plan, "judging": judging, "encodings": ("learned", "rotary")}


def vq_vae() -> dict[str, Any]:
    from engine.generation.picture_codes import train
    from engine.generation.picture_codes.learning import Plan
    from engine.generation.picture_codes.networks import Shape
    from engine.generation.picture_codes.prior import PriorShape
    from engine.generation.picture_codes.prior_learning import PriorPlan

    shape, prior = Shape(8, (8, 8, 12), 1, 1, codebooks=(16,)), PriorShape(codes=16, layers=1, width=32, heads=2)
    plan = Plan(shape, steps=6, decay=2, again=2, cuts=((2, 64), (1, 96)), every=2)
    return {"plans": train.Plans((plan,), PriorPlan(prior, scenes=6, held_out=2, steps=4, decay=2, batch=2, every=2))}


def detr() -> dict[str, Any]:
    from engine.vision.detector import learning
    from engine.vision.detector.architecture import Shape

    small = Shape(
        size=32,
        width=32,
        inner=32,
        heads=2,
        grid=3,
        stem=16,
        channels=(16, 32),
        depths=(1, 1),
        encoder_layers=1,
        decoder_layers=2,
        mask_width=8,
    )
    sizes = {"scenes": 24, "token_steps": 3, "steps": 6, "decay": 2, "mask_steps": 4, "batch": 4, "warm_up": 2, "every": 2}
    return {"plan": learning.Plan(small, judged=4, final=8, **sizes)}


@dataclass(frozen=True)
class Case:
    """A recipe's arguments, and the line at which its first sitting ends. close: how near the two ends come, in units of
    rounding in bfloat16, where threads may add in another order; None for the same bits."""

    arguments: Callable[[], dict[str, Any]]
    stop: str
    close: tuple[float, float] | None = None


CASES = {
    "code-model": Case(code_model, "draft: step 4", (2e-3, 2e-2)),
    "image-models": Case(image_models, "digits, denoiser: step 4"),
    "position-models": Case(position_models, "rotary: step 4", (2e-3, 2e-2)),
    "vq-vae": Case(vq_vae, "prior: step 2"),
    "detr": Case(detr, "step 4", (1e-5, 1e-3)),
}
# Too short a training to be resumed: every run starts anew.
ANEW = {"lora-digits"}


def test_every_recipe_is_here():
    assert CASES.keys() | ANEW == recipes.discover().keys()


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_recipe_runs_and_an_interruption_changes_nothing(name, tmp_path, monkeypatch):
    case, recipe = CASES[name], recipes.discover()[name]
    arguments, told = case.arguments(), []
    if name == "vq-vae":
        monkeypatch.setattr("engine.generation.picture_codes.judging.palettes", lambda factor, sizes: {})  # no part of the training

    def stop(share: float, line: str) -> None:
        if line.startswith(case.stop):
            raise Stopped

    recipe.run(tmp_path / "whole", "cpu", False, lambda *said: told.append(said), **arguments)
    shares = [round(share, 6) for share, _ in told]
    assert shares == sorted(shares) and shares[-1] == 1
    with pytest.raises(Stopped):
        recipe.run(tmp_path / "halves", "cpu", False, stop, **arguments)
    recipe.run(tmp_path / "halves", "cpu", True, lambda *_: None, **arguments)
    made = sorted(path.name for path in (tmp_path / "whole" / "checkpoints").iterdir())
    assert made == sorted(path.name for path in (tmp_path / "halves" / "checkpoints").iterdir()) and made
    for folder in made:
        one, other = (checkpoints.load(folder, name, tmp_path / run / "checkpoints") for run in ("whole", "halves"))
        assert one.config == other.config and one.meta.keys() == other.meta.keys() and one.state.keys() == other.state.keys()
        for tensor, value in one.state.items():
            atol, rtol = case.close or (0.0, 0.0)
            torch.testing.assert_close(other.state[tensor], value, atol=atol, rtol=rtol, msg=f"{folder}: {tensor}")
    if name == "detr":  # what is kept to be replayed was kept once
        with np.load(tmp_path / "halves" / "checkpoints" / "detr" / "training.npz") as kept:
            assert kept["step"].tolist() == [0, 1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("name", CASES)
def test_the_larger_setting_needs_a_gpu(name, tmp_path):
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(ValueError, match="the setting gpu needs a CUDA device"):
        recipes.discover()[name].run(tmp_path, "gpu", True, lambda *_: None)
