"""The recipe of the embedded pair: a target that learns from the corpus, a draft that learns to be accepted by it."""

from __future__ import annotations

import math
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.core import checkpoints, devices, training
from engine.core.recipes import Recipe, Report, Setting
from engine.language.code_model import architecture, corpus, evaluate, tokenizer
from engine.language.code_model.corpus import Source
from engine.language.code_model.loop import Plan, Run, imitation_loss, prediction_loss

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

    from engine.language.code_model.loop import Judge

NAME = "code-model"

PLANS: dict[Setting, dict[str, Plan]] = {
    "cpu": {
        "target": Plan(architecture.SHAPES["target"], steps=1110, decay=160),
        "draft": Plan(architecture.SHAPES["draft"], steps=3200, decay=1000),
    },
    "gpu": {
        "target": Plan(architecture.SHAPES["larger target"], 6000, 1500, tokens=32_768, context=512),
        "draft": Plan(architecture.SHAPES["draft"], 6000, 1500, tokens=32_768, context=512),
    },
}


@dataclass(frozen=True)
class Material:
    """What a run learns from and is judged on: modules, tokenizer, and both parts as streams of ids."""

    training: list[Source]
    held_out: list[Source]
    tokens: PreTrainedTokenizerFast
    stream: np.ndarray
    unseen: np.ndarray

    @staticmethod
    def prepare(folder: Path, modules: tuple[Source, ...] | None, vocabulary: int) -> Material:
        """Split the corpus and fit the tokenizer on its training part, or take up the one in `folder`."""
        training, held_out = corpus.split(modules)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "tokenizer.json").exists():
            fitted = tokenizer.fit((m.text for m in training), vocabulary)
            fitted.backend_tokenizer.save(str(folder / "tokenizer.json"))
        tokens = tokenizer.read(folder / "tokenizer.json")
        streams = (evaluate.stream(tokens, part) for part in (training, held_out))
        return Material(training, held_out, tokens, *streams)

    def judge(self, device: str, windows: int = 48) -> Judge:
        """Loss on unseen windows in nats a token, and about how many bits per byte that is; in bfloat16."""
        import torch

        tokens_per_byte = len(self.unseen) / sum(m.size for m in self.held_out)

        def figures(model: LlamaForCausalLM) -> dict[str, float]:
            with torch.no_grad(), torch.autocast(device, torch.bfloat16):
                losses = [prediction_loss(model, inputs.to(device), None, 0).item() for inputs in evaluate.batches(self.unseen, windows)]
            nats = float(np.mean(losses))
            return {"held_out_loss": nats, "bits_per_byte": nats / math.log(2) * tokens_per_byte}

        return figures

    def described(self) -> dict[str, Any]:
        """For meta.json."""
        return {
            "source": "the standard library of the interpreter that trained it",
            "python": platform.python_version(),
            "training_files": len(self.training),
            "training_bytes": sum(m.size for m in self.training),
            "training_tokens": len(self.stream),
            "training_sha256": corpus.fingerprint(self.training),
            "held_out_files": len(self.held_out),
            "held_out_bytes": sum(m.size for m in self.held_out),
            "held_out_tokens": len(self.unseen),
        }


def described(name: str, run: Run, material: Material, setting: Setting) -> dict[str, Any]:
    """The meta.json of a run, its metrics yet to come."""
    now = run.progress
    return {
        "name": name,
        "recipe": f"python -m engine train {NAME}",
        "setting": setting,
        "parameters": sum(p.numel() for p in run.model.parameters()),
        "seed": run.plan.seed,
        "data": material.described(),
        "training": {
            "device": devices.processor() if setting == "cpu" else devices.current().name,
            "steps": now.step,
            "tokens": now.step * run.plan.tokens,
            **training.described(now, run.plan),
        },
    }


def write(folder: Path, run: Run, meta: dict[str, Any]) -> LlamaForCausalLM:
    """Write the checkpoint, and the model as everybody will read it back: in half precision, on the CPU."""
    config = architecture.configuration(run.plan.shape)
    checkpoints.save(folder, dict(run.model.named_parameters()), config, meta)
    shutil.copy(run.folder.parent / "tokenizer.json", folder / "tokenizer.json")
    model = architecture.revive(config).eval().requires_grad_(False)
    checkpoints.fill(model, checkpoints.load(folder.name, NAME, folder.parent).state)
    return model


def file_figures(model: LlamaForCausalLM, material: Material) -> list[dict[str, Any]]:
    """For each held-out file what it takes, and the hash by which a test knows that it is the same file."""
    return [
        {
            "path": module.path,
            "sha256": module.sha256,
            "bytes": module.size,
            "bits": round(evaluate.file_bits(model, material.tokens, module.text), 1),
        }
        for module in material.held_out
    ]


def publish(folder: Path, runs: dict[str, Run], material: Material, setting: Setting) -> None:
    """Write both checkpoints, read them back, and complete each meta.json with what was measured on that."""
    metas = {kind: described(f"{NAME}-{kind}", run, material, setting) for kind, run in runs.items()}
    models = {kind: write(folder / f"{NAME}-{kind}", run, metas[kind]) for kind, run in runs.items()}
    acceptance = evaluate.acceptance(models["target"], models["draft"], material.unseen)
    others = evaluate.baselines(material.training, material.held_out, material.tokens)
    for kind, meta in metas.items():
        files = file_figures(models[kind], material)
        meta["metrics"] = {
            "bits_per_byte": round(sum(f["bits"] for f in files) / sum(f["bytes"] for f in files), 4),
            "baselines": {name: round(value, 4) for name, value in others.items()},
            "acceptance": {name: round(value, 4) for name, value in acceptance.items()},
        }
        meta["held_out"] = files
        checkpoints.write(folder / f"{NAME}-{kind}", meta=meta)


def train(
    folder: Path,
    setting: Setting,
    resume: bool,
    report: Report,
    *,
    plans: dict[str, Plan] | None = None,
    modules: tuple[Source, ...] | None = None,
) -> None:
    """The embedded language model: a target and a draft, on the standard library's own source.

    The checkpoints at hand were made with the setting "cpu" (target 5.3 M parameters, 4.5 M tokens; draft 0.8 M,
    13.1 M tokens) in 2,146 + 1,951 CPU seconds of a Xeon, one thread at a time: 68 minutes of one core to itself, less
    on two. (The cores were shared with much else, so that more than twice that went by on the clock.) They reach 1.18
    and 1.53 bits per byte on the held-out files, where xz takes 1.84, a 5-gram model 1.69 and xz after the training
    files 1.49; 62 % of sampled drafts would be accepted. One thread is the best use of a shared machine:
    OMP_NUM_THREADS=1. The setting "gpu", larger, has not been run.

    Reproducible up to rounding, but for the target's decay: its first 100 steps belonged to a longer plan, see `note`
    in meta.json.

    plans, modules: other sizes and another corpus, for tests. Raises ValueError where "gpu" is asked for and there
    is none.
    """
    device = training.begin(folder, setting, resume)
    plans, state = plans or PLANS[setting], folder / "state"
    material = Material.prepare(state, modules, plans["target"].shape.vocabulary)
    judge = material.judge(device)

    target = Run(state / "target", plans["target"], device, resume)
    target.go(material.stream, prediction_loss, judge, lambda done, line: report(0.75 * done, f"target: {line}"))
    teacher = target.model.eval().requires_grad_(False)
    draft = Run(state / "draft", plans["draft"], device, resume)
    loss = imitation_loss(teacher)
    draft.go(material.stream, loss, judge, lambda done, line: report(0.75 + 0.2 * done, f"draft: {line}"))

    report(0.95, "measuring on the held-out files")
    publish(folder / "checkpoints", {"target": target, "draft": draft}, material, setting)
    report(1.0, f"done: {folder / 'checkpoints'}")


RECIPE = Recipe(NAME, train)
