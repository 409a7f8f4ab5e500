"""The recipe of the embedded models: autoencoders for cells of 8 and of 4 pixels, and a prior over codes."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.core import checkpoints, devices
from engine.core.recipes import Recipe, Report, Setting
from engine.data import pictures
from engine.generation.vq_vae import coding, judging, patches, quality
from engine.generation.vq_vae.learning import Plan, Run
from engine.generation.vq_vae.models import NAME, folder
from engine.generation.vq_vae.nearest import nearest_code
from engine.generation.vq_vae.networks import SHAPES, Autoencoder
from engine.generation.vq_vae.prior_learning import PriorPlan, PriorRun, bits_a_code

AROUND = 3  # cells of the same code to each side of an atom


@dataclass(frozen=True)
class Plans:
    """What is trained, one after another; the prior reads the pages of its factor's autoencoder."""

    autoencoders: tuple[Plan, ...]
    prior: PriorPlan


CPU = Plans(
    (
        Plan(SHAPES[8], steps=5000, decay=4500, again=3500, patches=5, side=96),
        Plan(SHAPES[4], steps=3000, decay=2600, again=1000),
    ),
    PriorPlan(),
)
GPU = Plans(
    (Plan(SHAPES[8], 60_000, 55_000, patches=40, side=128), Plan(SHAPES[4], 60_000, 55_000, patches=60, side=96)),
    PriorPlan(scenes=40_000, steps=20_000, decay=6000, batch=64),
)


@torch.inference_mode()
def atoms(model: Autoencoder, size: int) -> Tensor:
    """(K, a, a, 3) uint8: what the decoder paints in the middle of a small page full of one code; a is 8 pixels."""
    f, reach = model.shape.factor, AROUND
    cells, across = -(-8 // f), 2 * reach + -(-8 // f)
    made = []
    for first in range(0, size, 16):
        pages = torch.arange(first, min(size, first + 16))[:, None, None].expand(-1, across, across)
        middle = slice(reach * f, (reach + cells) * f)
        made += [torch.from_numpy(coding.image(one[:, middle, middle])) for one in coding.paint(model, pages, size)]
    return torch.stack(made)


@torch.inference_mode()
def variety(model: Autoencoder, plan: Plan) -> dict[str, float]:
    """The perplexity of each codebook over fresh patches such as it learned from."""
    x = torch.from_numpy(patches.batch(patches.stock(), 120, 96, np.random.default_rng((plan.seed, 10**7))))
    z = model.encoder(x).permute(0, 1, 3, 4, 2).flatten(1, 3)
    return {
        f"patch_perplexity_{k}": quality.perplexity(
            np.bincount(nearest_code(z[model.book(k)], model.codebook(k)).numpy(), minlength=k)
        )
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
            "rate_falls_from_step": now.falls,
            "cpu_seconds": round(now.cpu_seconds),
            "wall_seconds": round(now.wall_seconds),
            "plan": dataclasses.asdict(run.plan),
            "curve": [{k: round(v, 4) for k, v in point.items()} for point in now.curve],
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
    run.model.eval()
    for k in shape.codebooks:
        run.model.atoms(k).copy_(atoms(run.model.cpu(), k))
    state = dict(run.model.named_parameters()) | dict(run.model.named_buffers())
    config = {"shape": dataclasses.asdict(shape)}
    meta = {"name": name, **described(run, setting)}
    meta["data"] = {"photographs": pictures.TRAINING, "others": pictures.TRAINING_OTHER, "shares": patches.SHARES,
                    "scenes": patches.SCENE_SEED, "held_out": pictures.HELD_OUT}  # fmt: skip
    checkpoints.save(root / name, state, config, meta)
    model = Autoencoder(shape).eval().requires_grad_(False)
    checkpoints.fill(model, checkpoints.load(name, NAME, root).state)
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
    metrics = {"held_out_bits": bits_a_code(run.model.cpu().eval(), unseen),
               "share_bits": float(-(used * np.log2(used)).sum()),
               "even_bits": float(np.log2(run.plan.shape.codes))}  # fmt: skip
    meta = {"name": name, **described(run, setting), "metrics": {k: round(v, 4) for k, v in metrics.items()}}
    checkpoints.save(root / name, dict(run.model.named_parameters()), config, meta)


def train(folder: Path, setting: Setting, resume: bool, report: Report, *, plans: Plans | None = None) -> None:
    """Two autoencoders of pictures, for cells of 8 and of 4 pixels, and a prior over the pages of the first.

    Each encoder and decoder is trained once, with five codebooks of 64 to 1024 codes at the same time: every step deals
    its patches out to the codebooks, each of which has its own last layer of the encoder. It takes 67 minutes of one
    core of a Xeon: 38 for cells of 8 pixels, 25 for cells of 4, and 4 for the prior. Reached on held-out photographs
    with 256 codes: 26.1 dB with cells of 4 pixels, 23.7 dB with cells of 8, which is 2.5 and 1.9 dB more than one of
    256 colours a cell gives; 219 and 143 of the codes are at work there. The rate falls nearly all
    the way: at a constant one the codebooks do not keep up with the encoder. The setting gpu takes 60,000 steps of
    larger batches for each; it has not been run yet.
    plans: other sizes, for tests. Raises ValueError where "gpu" is asked for and there is none.
    """
    if setting == "gpu" and not torch.cuda.is_available():
        raise ValueError("the setting gpu needs a CUDA device; this machine has none: use the setting cpu")
    device = "cuda" if setting == "gpu" else "cpu"
    plans = plans or (GPU if setting == "gpu" else CPU)
    if not resume:
        shutil.rmtree(folder, ignore_errors=True)
    root, models = folder / "checkpoints", {}
    for i, plan in enumerate(plans.autoencoders):
        f = plan.shape.factor
        run = Run(folder / "state" / f"factor-{f}", plan, device, resume)
        told = lambda done, line, i=i, f=f: report(0.4 * (i + done), f"factor {f}: {line}")  # noqa: E731
        run.go(functools.partial(judging.judge, codebooks=(plan.shape.codebooks[0], plan.shape.codebooks[-1])), told)
        models[f] = publish(run, root, setting)
    last = PriorRun(folder / "state" / "prior", plans.prior, device, resume)
    model = models[plans.prior.shape.factor]
    last.go(model, lambda done, line: report(0.8 + 0.2 * done, f"prior: {line}"))
    publish_prior(last, last.pages(model, report)[1], root, setting)
    report(1.0, f"done: {root}")


RECIPE = Recipe(NAME, train)
