"""The recipe of the embedded models: autoencoders for cells of 8 and of 4 pixels, and a prior over codes."""

from __future__ import annotations

import dataclasses
import datetime
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.core import checkpoints, devices, training
from engine.core.recipes import Recipe, Report, Setting
from engine.data import pictures
from engine.generation.picture_codes import coding, judging, patches, quality
from engine.generation.picture_codes.learning import Plan, Run
from engine.generation.picture_codes.models import NAME, folder
from engine.generation.picture_codes.networks import ATOM, SHAPES, Autoencoder
from engine.generation.picture_codes.prior_learning import PriorPlan, PriorRun, bits_a_code
from engine.generation.quantisation.nearest import nearest_code


@dataclass(frozen=True)
class Plans:
    """What is trained, one after another; the prior reads the pages of its factor's autoencoder."""

    autoencoders: tuple[Plan, ...]
    prior: PriorPlan


CPU = Plans(
    (Plan(SHAPES[8], steps=3000, decay=2600, again=4000, cuts=((10, 96), (5, 192))), Plan(SHAPES[4], steps=4000, decay=3600, again=1500)),
    PriorPlan(),
)
GPU = Plans(
    (
        Plan(SHAPES[8], 40_000, 36_000, again=20_000, cuts=((40, 128), (40, 256))),
        Plan(SHAPES[4], 40_000, 36_000, again=20_000, cuts=((60, 96), (40, 192))),
    ),
    PriorPlan(scenes=40_000, steps=20_000, decay=6000, batch=64),
)


def atoms(model: Autoencoder, size: int) -> Tensor:
    """(K, 8, 8, 3) uint8: the mean of what the decoder paints in the cells of each code, over the colour photographs
    learned from, as they are, mirrored, and upside down. A smaller cell's pixels are repeated. Grey: never used there.
    """
    f = model.shape.factor
    total, count = np.zeros((size, f, f, 3)), np.zeros(size)
    for pixels in map(pictures.photograph, pictures.TRAINING):
        for seen in (pixels, pixels[:, ::-1], pixels[::-1]):
            page = coding.read(model, np.ascontiguousarray(seen), size, 0)
            cells = page.painted.reshape(page.codes.shape[0], f, -1, f, 3).swapaxes(1, 2).reshape(-1, f, f, 3)
            np.add.at(total, page.codes.numpy().ravel(), cells)
            np.add.at(count, page.codes.numpy().ravel(), 1)
    mean = np.where(count[:, None, None, None] > 0, total / np.maximum(count, 1)[:, None, None, None], 128)
    times = ATOM // f
    return torch.from_numpy(mean.round().astype(np.uint8).repeat(times, 1).repeat(times, 2))


@torch.inference_mode()
def variety(model: Autoencoder, plan: Plan) -> dict[str, float]:
    """The perplexity of each codebook over fresh patches such as it learned from."""
    x = torch.from_numpy(patches.batch(patches.stock(), 30, 192, np.random.default_rng((plan.seed, 10**7))))
    z = model.encoder(x).permute(0, 1, 3, 4, 2).flatten(1, 3)
    return {
        f"patch_perplexity_{k}": quality.perplexity(np.bincount(nearest_code(z[model.book(k)], model.codebook(k)).numpy(), minlength=k))
        for k in plan.shape.codebooks
    }


def described(run: Run | PriorRun, setting: Setting) -> dict[str, Any]:
    """What meta.json says of how a model was trained."""
    now = run.progress
    return {
        "recipe": f"python -m engine train {NAME}",
        "setting": setting,
        "parameters": sum(p.numel() for p in run.model.parameters()),
        "seed": run.plan.seed,
        "training": {
            "device": devices.processor() if setting == "cpu" else devices.current().name,
            "steps": now.step,
            "rate_falls_from_step": now.more["falls"],
            **training.described(now, run.plan),
        },
        "measured": {
            "device": f"{devices.cpu_name()} ({devices.processor()})",
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        },
    }


def publish(run: Run, root: Path, setting: Setting) -> Autoencoder:
    """An autoencoder's checkpoint, and what is measured on it as everybody will read it back; made once for a state."""
    shape, name = run.plan.shape, folder(run.plan.shape.factor)
    if (root / name / "meta.json").exists():
        made = checkpoints.load(name, NAME, root)
        if "metrics" in made.meta and made.meta["training"]["steps"] == run.progress.step:
            model = Autoencoder(shape).eval().requires_grad_(False)
            checkpoints.fill(model, made.state)
            return model
    config = {"shape": dataclasses.asdict(shape)}
    meta = {"name": name, **described(run, setting)}
    meta["data"] = {
        "photographs": pictures.TRAINING,
        "others": pictures.TRAINING_OTHER,
        "shares": patches.SHARES,
        "scenes": patches.SCENE_SEED,
        "held_out": pictures.HELD_OUT,
    }

    def save(made: Autoencoder) -> None:
        checkpoints.save(root / name, dict(made.named_parameters()) | dict(made.named_buffers()), config, meta)

    save(run.model)
    model = Autoencoder(shape).eval().requires_grad_(False)
    checkpoints.fill(model, checkpoints.load(name, NAME, root).state)
    for k in shape.codebooks:
        model.atoms(k).copy_(atoms(model, k))
    save(model)
    metrics = judging.judge(model, shape.codebooks) | judging.palettes(shape.factor, shape.codebooks)
    metrics |= variety(model, run.plan)
    checkpoints.write(root / name, meta=meta | {"metrics": {k: round(v, 4) for k, v in metrics.items()}})
    return model


def publish_prior(run: PriorRun, unseen: np.ndarray, root: Path, setting: Setting) -> None:
    """The prior's checkpoint, with the bits that it needs a code and those of drawing each by its share alone."""
    name = f"{NAME}-prior"
    config = {"shape": dataclasses.asdict(run.plan.shape)}
    share = np.bincount(unseen.ravel(), minlength=run.plan.shape.codes) / unseen.size
    used = share[share > 0]
    metrics = {
        "held_out_bits": bits_a_code(run.model.cpu().eval(), unseen),
        "share_bits": float(-(used * np.log2(used)).sum()),
        "even_bits": float(np.log2(run.plan.shape.codes)),
    }
    meta = {"name": name, **described(run, setting), "metrics": {k: round(v, 4) for k, v in metrics.items()}}
    checkpoints.save(root / name, dict(run.model.named_parameters()), config, meta)


def train(folder: Path, setting: Setting, resume: bool, report: Report, *, plans: Plans | None = None) -> None:
    """Two autoencoders of pictures, for cells of 8 and of 4 pixels, and a prior over the pages of the first.

    Each encoder and decoder is trained once, with five codebooks of 64 to 1024 codes at the same time: every step deals
    its patches out to the codebooks, each of which has its own last layer of the encoder. It takes two hours of one
    core of a Xeon: 55 minutes for cells of 8 pixels, 40 for cells of 4, the rest for the prior and for looking at what
    was made; the figures reached are in meta.json. The rate falls nearly all the way: at a constant one the codebooks
    do not keep up with the encoder. The setting gpu takes 60,000 steps of larger batches for each; it has not been run.
    plans: other sizes, for tests. Raises ValueError where "gpu" is asked for and there is none.
    """
    device = training.begin(folder, setting, resume)
    plans = plans or (GPU if setting == "gpu" else CPU)
    root, models = folder / "checkpoints", {}
    for i, plan in enumerate(plans.autoencoders):
        f = plan.shape.factor
        run = Run(folder / "state" / f"factor-{f}", plan, device, resume)
        told = lambda done, line, i=i, f=f: report(0.4 * (i + done), f"factor {f}: {line}")  # noqa: E731
        ends = plan.shape.codebooks[0], plan.shape.codebooks[-1]
        run.go(functools.partial(judging.judge, codebooks=ends, corrections=0), told)
        models[f] = publish(run, root, setting)
    last = PriorRun(folder / "state" / "prior", plans.prior, device, resume)
    model = models[plans.prior.shape.factor]
    last.go(model, lambda done, line: report(0.8 + 0.2 * done, f"prior: {line}"))
    publish_prior(last, last.pages(model, report)[1], root, setting)
    report(1.0, f"done: {root}")


RECIPE = Recipe(NAME, train)
