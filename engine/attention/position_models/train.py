"""The recipe of the small models: one for each encoding, on the same tokens in the same order from the same start."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import json
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from engine.attention.position_models import frequencies, measure
from engine.attention.position_models.models import ENCODINGS, SHAPE, SmallModel
from engine.attention.position_models.record import NAME, text
from engine.core import checkpoints, devices, training
from engine.core.recipes import Recipe, Report, Setting
from engine.language import code_model
from engine.language.code_model import corpus, evaluate, tokenizer
from engine.language.code_model.corpus import Source
from engine.language.code_model.loop import Plan, Run

if TYPE_CHECKING:
    from torch import Tensor

PLAN = Plan(SHAPE, steps=1100, decay=250, tokens=2048, context=128, longer=128, every=100)


@dataclass(frozen=True)
class Judging:
    """On what the finished models are measured: texts from the held-out files, and their tokens.

    windows, length: for the loss by place. short_windows, short: for that of texts whose positions all move by each of
    `shifts`. target_windows, target_length: for the embedded model, stretched by `factor`.
    """

    windows: int = 64
    length: int = 1024
    short_windows: int = 256
    short: int = 64
    shifts: tuple[int, ...] = (0, 16, 32, 64, 128, 256, 512, 1024)
    target_windows: int = 24
    target_length: int = 2048
    factor: float = 4.0


def prediction_loss(model: SmallModel, windows: Tensor, plan: Plan | None = None, step: int = 0) -> Tensor:
    """Mean cross-entropy (nats a token) of windows (B, T + 1)."""
    return cross_entropy(model(windows[:, :-1]).float().flatten(0, 1), windows[:, 1:].flatten())


def streams(folder: Path, modules: tuple[Source, ...] | None) -> tuple[list[np.ndarray], dict[str, Any]]:
    """Training and held-out tokens, by the embedded model's tokenizer, and what they are made of."""
    tokens = tokenizer.read(checkpoints.ROOT / code_model.folder("target") / "tokenizer.json")
    parts = corpus.split(modules)
    path = folder / "tokens.npz"
    folder.mkdir(parents=True, exist_ok=True)
    if not path.is_file():
        np.savez(path, *(evaluate.stream(tokens, part) for part in parts))
    with np.load(path) as store:
        ids = [store["arr_0"], store["arr_1"]]
    described = {
        "source": "the standard library of the interpreter that trained them",
        "python": platform.python_version(),
        "training_files": len(parts[0]),
        "training_tokens": len(ids[0]),
        "training_sha256": corpus.fingerprint(parts[0]),
        "held_out_files": len(parts[1]),
        "held_out_tokens": len(ids[1]),
        "held_out_sha256": corpus.fingerprint(parts[1]),
    }
    return ids, described


def judge(unseen: np.ndarray, device: str, context: int) -> Callable[[SmallModel], dict[str, float]]:
    """Loss on unseen windows of the training length."""

    def figures(model: SmallModel) -> dict[str, float]:
        with torch.inference_mode(), torch.autocast(device, torch.bfloat16):
            windows = evaluate.batches(unseen, 96, size=32, window=context)
            return {"held_out_loss": float(np.mean([prediction_loss(model, w.to(device)).item() for w in windows]))}

    return figures


def kept(path: Path, key: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `make` gives, from `path` where it was made before under the same key."""
    if path.is_file() and (found := json.loads(path.read_text()))["key"] == key:
        return found["value"]
    value = make()
    path.write_text(json.dumps({"key": key, "value": value}))
    return value


def measured(model: SmallModel, unseen: np.ndarray, judging: Judging) -> dict[str, Any]:
    """A model's loss by place, and that of texts whose positions moved."""
    for losses in measure.small_curve(model, measure.windows(unseen, judging.windows, judging.length)):
        pass
    short = measure.windows(unseen, judging.short_windows, judging.short)
    shifted = [
        measure.position_losses(model, short, shift).mean().item()
        if measure.reach(model.positions, judging.short, shift) == judging.short
        else np.nan
        for shift in judging.shifts
    ]
    by_place = text(measure.parts_of(losses))
    return {"loss_by_position": by_place, "shifted": text(np.array(shifted))}


def described(run: Run) -> dict[str, Any]:
    """What meta.json says of how one encoding's model was trained."""
    description = training.described(run.progress, run.plan)
    del description["plan"]  # the same for all of them, said once
    return {"parameters": sum(p.numel() for p in run.model.parameters()), **description}


def described_target(judging: Judging, report: Report) -> dict[str, Any]:
    """The embedded model's loss by place under each scaling, and what the measurement was."""
    plan = {"windows": judging.target_windows, "length": judging.target_length, "factor": judging.factor}
    base, reported = 10_000.0, -1
    for curves, seen, share in measure.target_curves(*plan.values(), base):
        if seen > reported:
            reported = seen
            report(0.97 + 0.03 * share, f"the embedded model: {seen} texts read")
    model = code_model.meta("target")
    return plan | {
        "base": base,
        "shift": 0,
        "context": measure.target_context(),
        "model": {"name": model["name"], "seed": model["seed"], "steps": model["training"]["steps"]},
        "losses": {name: text(row) for name, row in zip(frequencies.SCALINGS, curves, strict=True)},
    }


def publish(
    folder: Path, runs: dict[str, Run], data: dict[str, Any], unseen: np.ndarray, setting: Setting, judging: Judging, report: Report
) -> None:
    """One checkpoint that holds all models, and what was measured on them as everybody will read them back."""
    plan = next(iter(runs.values())).plan
    state = {f"{name}.{key}": p for name, run in runs.items() for key, p in run.model.named_parameters()}
    config = {"shape": dataclasses.asdict(plan.shape), "encodings": list(runs)}
    device = devices.processor() if setting == "cpu" else devices.current().name
    meta = {
        "name": NAME,
        "recipe": f"python -m engine train {NAME}",
        "setting": setting,
        "parameters": sum(p.numel() for p in state.values()),
        "seed": plan.seed,
        "data": data,
        "training": {"device": device, "steps": plan.steps, "tokens": plan.steps * plan.tokens, "plan": dataclasses.asdict(plan)},
        "measured": {
            "device": f"{devices.cpu_name()} ({devices.processor()})",
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        },
        "judged_on": dataclasses.asdict(judging),
    }
    checkpoints.save(folder, state, config, meta)
    found = checkpoints.load(folder.name, NAME, folder.parent).state
    models = {}
    for i, (name, run) in enumerate(runs.items()):
        model = SmallModel(name, plan.shape).eval().requires_grad_(False)
        checkpoints.fill(model, measure.part(found, name))
        key = f"{judging} after {run.progress.step} steps"
        found_now = kept(run.folder / "measured.json", key, lambda m=model: measured(m, unseen, judging))
        models[name] = described(run) | found_now
        report(0.95 + 0.02 * (i + 1) / len(runs), f"{name}: measured by position")
    key = f"{judging} on {code_model.meta('target')['metrics']}"
    target = kept(run.folder.parent / "target.json", key, lambda: described_target(judging, report))
    checkpoints.write(folder, meta=meta | {"models": models, "target": target})


def train(
    folder: Path,
    setting: Setting,
    resume: bool,
    report: Report,
    *,
    plan: Plan = PLAN,
    judging: Judging = Judging(),
    encodings: tuple[str, ...] = tuple(ENCODINGS),
    modules: tuple[Source, ...] | None = None,
) -> None:
    """Eleven small decoders that differ only in how they encode positions.

    The checkpoint at hand was made with the setting "cpu": eleven models of 0.4 to 0.5 M parameters, 2.25 M tokens
    each, in 1,534 CPU seconds of a Xeon altogether, one thread to a model (OMP_NUM_THREADS=1), and some minutes more
    for what is measured on them. They reach 3.52 (XLNet's) to 3.88 (no position) nats a token on held-out windows of
    the training length. Reproducible up to rounding.

    plan, judging, encodings, modules: other sizes, fewer encodings and another corpus, for tests.
    Raises ValueError where "gpu" is asked for and there is none.
    """
    device = training.begin(folder, setting, resume)
    (learned, unseen), data = streams(folder / "state", modules)
    runs = {}
    for i, name in enumerate(encodings):
        run = Run(folder / "state" / name, plan, device, resume, functools.partial(SmallModel, name))
        progress = lambda done, line, i=i, name=name: report(0.95 * (i + done) / len(encodings), f"{name}: {line}")  # noqa: E731
        run.go(learned, prediction_loss, judge(unseen, device, plan.context), progress)
        runs[name] = run
    publish(folder / "checkpoints" / NAME, runs, data, unseen, setting, judging, report)
    report(1.0, f"done: {folder / 'checkpoints'}")


RECIPE = Recipe(NAME, train)
