"""A whole run: the task, its sweep in training, and what is made of it afterwards."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.core import Partial
from engine.training.lora import Adapted, Costs, Lora, findings, linear, merging, peaks, reading, settings, subspaces
from engine.training.lora.bank import Method
from engine.training.lora.fit import Fit, Plan, Task, frozen
from engine.training.lora.published import published
from engine.training.lora.settings import Setting

if TYPE_CHECKING:
    from engine.training.lora.linear import Shifted

METRICS = {
    "linear": ("error over ‖ΔW‖", "误差 ÷ ‖ΔW‖"), "digits": ("held-out digits read right", "留出数字的正确率"),
    "language": ("bits per byte, held out", "每字节比特数（留出文本）"), "memory": ("none", "无"),
}  # fmt: skip
LOOKS = {"linear": 12, "digits": 6, "language": 3}  # at the held-out part while training
YIELDS = {"linear": 50, "digits": 400, "language": 400}  # results while training, at most
TRAINING = 0.88  # of the whole work
BUILDS: dict[str, Any] = {
    "linear": lambda p, device: linear.Shifted(p.true_rank, p.decay, p.condition, p.seed),
    "digits": lambda p, device: reading.Reading(p.shift, p.seed),
    "language": lambda p, device: _writing(p, device),
}  # fmt: skip


def warm_up() -> None:
    """A first small use of everything that training needs: torch, and the digits with scikit-learn behind them."""
    for task in ("linear", "digits"):
        next(run_fit(Lora(task=task, ranks="1,full", steps=10, seeds=1)))


def run_fit(params: Lora) -> Iterator[int]:
    task = BUILDS[params.task](params, "cpu")
    return Fit(task, choose(params, task), plan(params)).run()


def _writing(params: Lora, device: str) -> Task:
    from engine.training.lora import texts, writing

    text = params.text if params.source == "pasted" else texts.preset(params.source, params.seed)
    return writing.Writing(text, params.seed, device)


def method(params: Lora) -> Method:
    """How adapters are built."""
    return Method(params.alpha, params.scaling == "rslora", params.initialisation, params.method == "dora")


def plan(params: Lora) -> Plan:
    """How to train."""
    return Plan(params.learning_rate, params.full_share, params.steps, params.seeds, params.seed, method(params))


def choose(params: Lora, task: Task) -> tuple[Setting, ...]:
    """The settings of the sweep."""
    if params.task == "linear":
        return settings.by_rank(params.swept, (linear.NAME,))
    if params.sweep == "matrices":
        return settings.by_matrices(task.matrices, params.budget)
    return settings.by_rank(params.swept, settings.TARGETS[params.targets])


def run(params: Lora, costs: Costs, device: str) -> Iterator[Partial[Adapted]]:
    """Results as they improve."""
    if params.task == "memory":
        yield from measure(params, costs)
        return
    task = BUILDS[params.task](params, device)
    chosen = choose(params, task)
    fit = Fit(task, chosen, plan(params))
    now = empty(params, costs, fit, device)
    yield Partial(now, 0.0)
    looks = {round(params.steps * k / LOOKS[params.task]) for k in range(1, LOOKS[params.task])}
    every = max(1, params.steps // YIELDS[params.task])
    for step in fit.run():
        looked = scored(fit) if step in looks else {}
        now = dataclasses.replace(now, losses=fit.losses.copy(), step=step, diverged=fit.diverged.copy(), **looked)
        if step % every == 0 or looked:
            yield Partial(now, TRAINING * step / params.steps)
    yield from afterwards(params, fit, now)


def empty(params: Lora, costs: Costs, fit: Fit, device: str) -> Adapted:
    """The result before the first step."""
    shape, blank, task = fit.diverged.shape, np.full(len(fit.settings), np.nan), fit.task
    base = frozen(fit.banks)
    ranks = np.array([setting.rank for setting in fit.settings])
    known: Shifted | None = task if isinstance(task, linear.Shifted) else None
    pissa = params.initialisation == "pissa"
    return Adapted(
        task=params.task, metric=METRICS[params.task], higher=params.task == "digits",
        names=tuple(s.key for s in fit.settings), titles=tuple(s.title for s in fit.settings), ranks=ranks,
        trainable_parameters=settings.counts(fit.settings, task.matrices, params.method == "dora"),
        runs=np.full(shape, np.nan), quality=blank, quality_spread=blank, frozen=float(task.scores(base, 1)[0]),
        optimum=known.optimum(ranks.tolist(), pissa) if known else blank, original=blank, original_spread=blank,
        original_frozen=float(task.kept(base, 1)[0]), truncated=blank, truncated_spread=blank,
        truncated_original=blank, losses=fit.losses.copy(), step=0, diverged=fit.diverged.copy(),
        true_spectrum=known.spectrum.numpy() if known else None, true_rank=params.true_rank, spectrum=None,
        similarity=None, merging=None, peaks=None, published=published(), findings=(), device=device,
        **dataclasses.asdict(costs),
    )  # fmt: skip


def scored(fit: Fit) -> dict[str, np.ndarray]:
    """Quality on what was held out, as it is now."""
    runs = fit.by_setting(fit.task.scores(fit.maps, fit.runs))
    mean, spread = means(runs)
    return {"runs": runs, "quality": mean, "quality_spread": spread}


def means(runs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
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
    now = dataclasses.replace(now, findings=tuple(said(params, fit, now)))
    yield Partial(now, TRAINING + 0.02)
    now = dataclasses.replace(now, **cut(fit, now))
    yield Partial(now, TRAINING + 0.04)
    now = dataclasses.replace(now, spectrum=subspaces.spectrum(fit))
    yield Partial(now, TRAINING + 0.06)
    now = dataclasses.replace(now, similarity=subspaces.similarity(fit))
    yield Partial(now, TRAINING + 0.08)
    for timed in merging.merging(largest(now.ranks), method(params), params.seed):
        now = dataclasses.replace(now, merging=timed)
        yield Partial(now, min(0.999, TRAINING + 0.08 + 0.04 * timed.runs / merging.RUNS))
    yield Partial(now, 1.0)


def largest(ranks: np.ndarray) -> int:
    """The largest low rank of a sweep, 8 where there is none."""
    return int(max([r for r in ranks if r > 0], default=8))


def cut(fit: Fit, now: Adapted) -> dict[str, np.ndarray]:
    """Full fine-tuning's update cut to every rank of the sweep, the same for all of its columns."""
    scores, kept = subspaces.truncated(fit, now.ranks.tolist())
    if not scores.size:
        return {}
    mean, spread = means(scores)
    return {"truncated": mean, "truncated_spread": spread, "truncated_original": means(kept)[0]}


def said(params: Lora, fit: Fit, now: Adapted) -> list[tuple[str, str]]:
    """The findings of a sweep: divergence first."""
    found = findings.diverged(fit.settings, now.diverged)
    if params.task == "linear":
        bound = params.method == "lora"
        found.append(findings.linear(now.ranks, now.quality, now.optimum, params.true_rank, bound))
    else:
        trained = now.trainable_parameters
        found.append(findings.sweep(fit.settings, trained, now.quality, now.quality_spread, now.higher))
    return found


def measure(params: Lora, costs: Costs) -> Iterator[Partial[Adapted]]:
    """Peaks of real training steps against the formula, and the speed of a merged layer."""
    chosen = settings.by_rank(params.swept, settings.TARGETS[params.targets])
    blank, none = np.full(len(chosen), np.nan), np.full((len(chosen), 1), np.nan)
    now = Adapted(
        task="memory", metric=METRICS["memory"], higher=False, names=tuple(s.key for s in chosen),
        titles=tuple(s.title for s in chosen), ranks=np.array([s.rank for s in chosen]),
        trainable_parameters=settings.counts(chosen, peaks.SMALL.matrices()), runs=none, quality=blank,
        quality_spread=blank, frozen=float("nan"), optimum=blank, original=blank, original_spread=blank,
        original_frozen=float("nan"), truncated=blank, truncated_spread=blank, truncated_original=blank,
        losses=none[..., None], step=0, diverged=np.full((len(chosen), 1), -1), true_spectrum=None,
        true_rank=params.true_rank, spectrum=None, similarity=None, merging=None, peaks=None, published=published(),
        findings=(), **dataclasses.asdict(costs),
    )  # fmt: skip
    yield Partial(now, 0.0)
    for found, share in peaks.check(chosen, params.seed):
        now = dataclasses.replace(now, peaks=found)
        yield Partial(now, 0.8 * share)
    worst = float(np.abs(now.peaks.predicted / now.peaks.measured - 1).max()) if now.peaks else 0.0
    now = dataclasses.replace(now, findings=(
        (f"The formula misses the measured peaks by {worst:.1%} at most.", f"公式与实测峰值至多相差 {worst:.1%}。"),
    ))  # fmt: skip
    for timed in merging.merging(largest(now.ranks), method(params), params.seed):
        now = dataclasses.replace(now, merging=timed)
        yield Partial(now, min(0.999, 0.8 + 0.2 * timed.runs / merging.RUNS))
    yield Partial(now, 1.0)
