"""The timing sweep: every contender at every point, streamed as it is measured."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from engine.attention.flash_attention import contenders, contest
from engine.attention.flash_attention.contenders import Shape, Trial
from engine.core import devices

POINTS = 6
AXES = {"length": ("length", "长度"), "tokens": ("length", "长度"), "heads": ("heads", "头数"),
        "head_dim": ("head dimension", "头维度")}  # fmt: skip
SECONDS = {"cpu": 1.7, "cuda": 0.5}  # aim of the timing rounds of one point


@dataclass(frozen=True)
class Plan:
    """What is swept: `values` of `axis` ("length", "heads" or "head_dim"), all else as in `shape`.

    "tokens" sweeps the length as well, with batch x length held at what `shape` has.
    """

    shape: Shape
    axis: str
    values: tuple[int, ...]
    seed: int
    device: str

    def at(self, value: int) -> Shape:
        changes: dict[str, Any] = {"length" if self.axis == "tokens" else self.axis: value}
        if self.axis == "tokens":
            changes["batch"] = max(1, self.shape.batch * self.shape.length // value)
        elif self.axis == "heads":
            changes["kv_heads"] = value // math.gcd(value, self.shape.heads // self.shape.kv_heads)
        return Shape(**(vars(self.shape) | changes))

    def named(self, value: int) -> contest.Note:
        """A point as a sentence names it."""
        return (f"{AXES[self.axis][0]} {value}", f"{AXES[self.axis][1]} {value}")


def points(most: int, least: int, number: int = POINTS) -> tuple[int, ...]:
    """At most `number` values that end at `most`, each about half of the next, none below `least`."""
    values = {max(least, most >> k) for k in range(number)} | {most}
    return tuple(sorted(v for v in values if v <= most))


def device() -> str:
    """Where torch computes: "cuda" or "cpu"."""
    return "cuda" if devices.current().kind == "cuda" else "cpu"


def run(plan: Plan) -> Iterator[tuple[dict[str, Any], float]]:
    """Fields of the result as they fill, with the fraction of the work done."""
    found, notes, backend = contenders.present(plan.shape, plan.device)
    shapes = [plan.at(value) for value in plan.values]
    board = contest.Board(list(found), len(shapes))
    for en, zh in notes:
        board.note(en, zh)
    ceiling, bandwidth = contest.ceilings(plan.shape.dtype, plan.device)
    fixed = {
        "lengths": np.array([s.length for s in shapes]), "axis": plan.axis, "swept": np.array(plan.values),
        "contenders": tuple(found), "titles": tuple(contenders.TITLES[name] for name in found),
        "ceiling_tflops": ceiling, "bandwidth": bandwidth, "backend": backend,
        "least_milliseconds": np.array([s.flops / (ceiling * 1e9) for s in shapes]),
        "matrix_bytes": np.array([float(s.matrix_bytes()) for s in shapes]),
        "rounding": torch.finfo(plan.shape.dtype).eps / 2,
        "dtype": str(plan.shape.dtype).removeprefix("torch."),
    }  # fmt: skip
    weights = np.array([s.flops**0.7 for s in shapes])  # small points cost more than their FLOPs
    done = np.concatenate([[0.0], np.cumsum(weights)]) / weights.sum()
    fields = lambda: fixed | board.fields(ceiling) | fits(plan.values, board)  # noqa: E731
    yield fields(), 0.0
    for point, shape in enumerate(shapes):
        if 2.5 * shape.input_bytes * contenders.rotation(shape, plan.device) > contest.free_memory(plan.device):
            en, zh = plan.named(plan.values[point])
            board.note(f"The inputs alone do not fit in memory at {en}.", f"{zh} 时，仅输入就已放不进内存。")
            break
        trial = Trial(shape, plan.seed, plan.device)
        entries = {name: trial.entry(name, attend) for name, attend in found.items()}
        steps = len(entries) + contest.ROUNDS
        race = board.race(
            point, plan.named(plan.values[point]), entries, inputs=len(trial.inputs), device=plan.device,
            ceiling=ceiling, seconds=SECONDS[plan.device],
        )  # fmt: skip
        for step, _ in enumerate(race):
            share = min(1.0, (step + 1) / steps)
            yield fields(), min(0.999, float(done[point] + share * (done[point + 1] - done[point])))
        del trial, entries
    yield fields() | {"finding": finding(plan, board)}, 1.0


def fits(values: Sequence[int], board: contest.Board) -> dict[str, np.ndarray]:
    """Growth of time and of memory with what is swept: exponents at the far end."""
    x = np.array(values, dtype=float)
    return {
        "time_exponents": contest.exponents(x, board.milliseconds),
        "memory_exponents": contest.exponents(x, board.extra_bytes),
    }


def finding(plan: Plan, board: contest.Board) -> tuple[str, str]:
    """One sentence on the last point where both naive attention and ours were measured."""
    naive, ours = board.names.index("naive"), board.names.index("ours")
    both = np.flatnonzero(np.isfinite(board.milliseconds[naive]) & np.isfinite(board.milliseconds[ours]))
    if not len(both):
        return ("No point was measured for both naive attention and ours.", "没有一个点同时测得朴素注意力与本站实现。")
    at = both[-1]
    times = board.milliseconds[naive, at] / board.milliseconds[ours, at]
    memory = board.extra_bytes[naive, at] / board.extra_bytes[ours, at]
    en, zh = plan.named(plan.values[at])
    en_times = f"{times:.1f} times as fast as" if times >= 1 else f"{1 / times:.1f} times as slow as"
    zh_times = f"的速度是朴素注意力的 {times:.2g} 倍"
    return (
        f"At {en} ours is {en_times} naive attention and holds {memory:.3g} times less memory.",
        f"{zh} 时，本站实现{zh_times}，占用内存为其 1/{memory:.3g}。",
    )


def dtype(name: str) -> torch.dtype:
    """torch's dtype of that name."""
    return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[name]
