"""A whole run: the task, its sweep in training, and what is made of it afterwards."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from engine.core import Partial, T, gather
from engine.training import memory
from engine.training.lora import findings, linear, peaks, reading, settings, subspaces
from engine.training.lora.bank import Method
from engine.training.lora.fit import Fit, Plan, Task, frozen
from engine.training.lora.parameters import Lora
from engine.training.lora.result import Adapted, Memory
from engine.training.lora.settings import Setting
from engine.training.memory import FULL, Matrix

METRICS = {
    "linear": T("error over ‖ΔW‖", "误差 ÷ ‖ΔW‖"),
    "digits": T("held-out digits read right", "留出数字的正确率"),
    "language": T("bits per byte, held out", "每字节比特数（留出文本）"),
    "memory": T("none", "无"),
}
LOOKS = {"linear": 12, "digits": 6, "language": 3}  # at the held-out part while training
YIELDS = {"linear": 50, "digits": 400, "language": 400}  # results while training, at most
TRAINING = 0.9  # of the whole work
BUILDS: dict[str, Any] = {
    "linear": lambda p, device: linear.Shifted(p.true_rank, p.decay, p.condition, p.seed),
    "digits": lambda p, device: reading.Reading(p.shift, p.seed),
    "language": lambda p, device: _writing(p, device),
}


def warm_up() -> None:
    """A first small use of everything that training needs: torch, and the digits with scikit-learn behind them."""
    for task in ("linear", "digits"):
        next(begin(Lora(task=task, ranks="1,full", steps=10, seeds=1), "cpu").run())


def begin(params: Lora, device: str) -> Fit:
    """A sweep before its first step."""
    task = BUILDS[params.task](params, device)
    return Fit(task, choose(params, task.matrices), plan(params))


def _writing(params: Lora, device: str) -> Task:
    from engine.training.lora import texts, writing

    text = params.text if params.source == "pasted" else texts.preset(params.source, params.seed)
    return writing.Writing(text, params.seed, device)


def plan(params: Lora) -> Plan:
    """How to train."""
    method = Method(params.alpha, params.scaling == "rslora", params.initialisation, params.method == "dora")
    return Plan(params.learning_rate, params.full_share, params.steps, params.seeds, params.seed, method)


def choose(params: Lora, matrices: Sequence[Matrix]) -> tuple[Setting, ...]:
    """The settings of the sweep."""
    if params.task == "linear":
        return settings.by_rank(params.swept, (linear.NAME,))
    if params.sweep == "matrices" and params.task != "memory":
        return settings.by_matrices(matrices, params.budget)
    return settings.by_rank(params.swept, settings.TARGETS[params.targets])


def footprint(params: Lora) -> Memory:
    """What training would hold on real architectures: adapters of the swept ranks, and full fine-tuning under every way
    of accounting, so that what is said elsewhere can be placed."""
    ways = [(s, memory.HALF, s.title) for s in settings.by_rank([r for r in params.swept if r > 0], settings.TARGETS[params.targets])]
    (full,) = settings.by_rank([FULL], memory.KINDS)
    ways += [(full, a, T("full, {n} bytes a parameter", "全量，每参数 {n} 字节", n=a.trained)) for a in memory.ACCOUNTINGS]
    found = np.array(
        [
            [memory.parts(arch, s.ranks, params.tokens, checkpointing=params.checkpointing, sizes=a) for s, a, _ in ways]
            for arch in memory.ARCHITECTURES
        ]
    )
    return Memory(
        tuple(arch.name for arch in memory.ARCHITECTURES),
        np.array([arch.parameters for arch in memory.ARCHITECTURES]),
        tuple(title for _, _, title in ways),
        np.array([s.rank == FULL for s, _, _ in ways]),
        np.array([a.trained for _, a, _ in ways]),
        found,
        np.array([[memory.cards(bytes_) for bytes_ in row] for row in found]),
        settings.TARGET_TITLES[params.targets],
        params.tokens,
        params.checkpointing,
    )


def run(params: Lora, device: str) -> Iterator[Partial[Adapted]]:
    """Results as they improve."""
    if params.task == "memory":
        yield from measure(params)
        return
    fit = begin(params, device)
    now = untrained(params, fit, device)
    yield Partial(now, 0.0)
    looks = {round(params.steps * k / LOOKS[params.task]) for k in range(1, LOOKS[params.task])}
    every = max(1, params.steps // YIELDS[params.task])
    for step in fit.run():
        looked = scored(fit) if step in looks else {}
        now = dataclasses.replace(now, losses=fit.losses.copy(), step=step, diverged=fit.diverged.copy(), **looked)
        if step % every == 0 or looked:
            yield Partial(now, TRAINING * step / params.steps)
    yield from afterwards(params, fit, now)


def empty(params: Lora, chosen: Sequence[Setting], matrices: Sequence[Matrix], seeds: int, steps: int) -> dict[str, Any]:
    """The fields of a result of which nothing is known yet but what is swept."""
    blanks = ("quality", "quality_spread", "optimum", "original", "original_spread", "truncated", "truncated_spread", "truncated_original")
    return dict.fromkeys(blanks, np.full(len(chosen), np.nan)) | {
        "task": params.task,
        "metric": METRICS[params.task],
        "higher": params.task == "digits",
        "names": tuple(s.key for s in chosen),
        "titles": tuple(s.title for s in chosen),
        "ranks": np.array([s.rank for s in chosen]),
        "trainable_parameters": settings.counts(chosen, matrices, params.method == "dora"),
        "runs": np.full((len(chosen), seeds), np.nan),
        "frozen": float("nan"),
        "original_frozen": float("nan"),
        "losses": np.full((len(chosen), seeds, steps), np.nan),
        "step": 0,
        "diverged": np.full((len(chosen), seeds), -1),
        "memory": footprint(params),
    }


def untrained(params: Lora, fit: Fit, device: str) -> Adapted:
    """The result before the first step."""
    task, base = fit.task, frozen(fit.banks)
    made = empty(params, fit.settings, task.matrices, params.seeds, params.steps)
    made |= {"frozen": float(task.scores(base, 1)[0]), "original_frozen": float(task.kept(base, 1)[0]), "device": device}
    if isinstance(task, linear.Shifted):
        made["optimum"] = task.optimum(made["ranks"].tolist(), params.initialisation == "pissa")
        made |= {"true_spectrum": task.spectrum.numpy(), "true_rank": params.true_rank}
    return Adapted(**made)


def scored(fit: Fit) -> dict[str, np.ndarray]:
    """Quality on what was held out, as it is now."""
    runs = fit.by_setting(fit.task.scores(fit.maps, fit.runs))
    mean, spread = means(runs)
    return {"runs": runs, "quality": mean, "quality_spread": spread}


def means(runs: Float[np.ndarray, "S n"]) -> tuple[Float[np.ndarray, " S"], Float[np.ndarray, " S"]]:
    """Mean and standard deviation over the runs of each row that arrived; NaN where none, or only one, did."""
    count = np.isfinite(runs).sum(1)
    filled = np.where(np.isfinite(runs), runs, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = filled.sum(1) / np.where(count, count, np.nan)
        squares = np.where(np.isfinite(runs), (runs - mean[:, None]) ** 2, 0.0).sum(1)
        return mean, np.sqrt(squares / np.where(count > 1, count - 1, np.nan))


def afterwards(params: Lora, fit: Fit, now: Adapted) -> Iterator[Partial[Adapted]]:
    """What is made of the trained sweep, part by part."""
    original, original_spread = means(fit.by_setting(fit.task.kept(fit.maps, fit.runs)))
    now = dataclasses.replace(now, **scored(fit), original=original, original_spread=original_spread)
    now = dataclasses.replace(now, findings=gather(*findings.of_sweep(now, bound=params.method == "lora")))
    yield Partial(now, TRAINING + 0.02)
    now = dataclasses.replace(now, **cut(fit, now))
    yield Partial(now, TRAINING + 0.05)
    yield Partial(dataclasses.replace(now, spectrum=subspaces.spectrum(fit)), 1.0)


def cut(fit: Fit, now: Adapted) -> dict[str, np.ndarray]:
    """Full fine-tuning's update cut to every rank of the sweep, the same for all of its columns."""
    scores, kept = subspaces.truncated(fit, now.ranks.tolist())
    if not scores.size:
        return {}
    mean, spread = means(scores)
    return {"truncated": mean, "truncated_spread": spread, "truncated_original": means(kept)[0]}


def measure(params: Lora) -> Iterator[Partial[Adapted]]:
    """Peaks of real training steps against the formula."""
    chosen = choose(params, peaks.SMALL.matrices())
    now = Adapted(**empty(params, chosen, peaks.SMALL.matrices(), 1, 1))
    yield Partial(now, 0.0)
    for found, share in peaks.check(chosen, params.seed):
        said = gather(findings.peaks(found), findings.accounting(now.memory)) if share == 1 else ()
        now = dataclasses.replace(now, peaks=found, findings=said)
        yield Partial(now, share)
