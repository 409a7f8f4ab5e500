"""The timing sweep: softmax attention against linear attention in each of its forms, and the chunk size."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.attention.flash_attention import contenders, contest
from engine.attention.flash_attention.contenders import Shape, Trial
from engine.attention.flash_attention.contest import Entry
from engine.attention.linear_attention.features import EPS
from engine.attention.linear_attention.operator import linear_attention
from engine.core import timing

SECONDS = {"cpu": 0.5, "cuda": 0.5}  # aim of the timing rounds of one point; twice as much for the longest
CHUNKS = (16, 32, 64, 128, 256, 512)
# Beyond these lengths a form would only show, slowly, what is seen already: a launch for each token, a square.
LONGEST = {"cpu": {"recurrent": 256, "all pairs": 2048}, "cuda": {"recurrent": 512}}
TITLES = {
    "naive": ("softmax, naive", "softmax，朴素"),
    "flash": ("softmax, torch: flash", "softmax，torch：flash"),
    "efficient": ("softmax, torch: efficient", "softmax，torch：efficient"),
    "cudnn": ("softmax, torch: cuDNN", "softmax，torch：cuDNN"),
    "chunked": ("linear, chunked", "线性，分块"),
    "unmasked": ("linear, Q(KᵀV)", "线性，Q(KᵀV)"),
    "with features": ("linear, features included", "线性，含特征映射"),
    "all pairs": ("linear, all pairs", "线性，逐对计算"),
    "recurrent": ("linear, token by token", "线性，逐词元递推"),
}
SOFTMAXES = ("naive", "flash", "efficient", "cudnn")
Linear = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Plan:
    """What is swept: the lengths; `features` numbers to a token after the feature map; and a decay, or None."""

    shape: Shape
    lengths: tuple[int, ...]
    features: int
    decay: float | None
    seed: int
    device: str


def phi(x: Tensor) -> Tensor:
    """elu(x) + 1, the feature map that is timed."""
    return torch.nn.functional.elu(x) + 1


def pairs(q: Tensor, k: Tensor, v: Tensor, *, causal: bool, log_decay: Tensor | None) -> Tensor:
    """Linear attention with every pair of tokens multiplied out, in the inputs' dtype."""
    weights = q @ k.mT
    if log_decay is not None:
        n = torch.arange(q.shape[2], device=q.device)
        apart = (n[:, None] - n).clamp_min(0)
        weights = weights * torch.exp(log_decay[:, None, None] * apart).to(q.dtype)
    if causal:
        weights = weights.tril()
    return (weights @ v) / (weights.sum(-1, keepdim=True) + EPS)


def recurrent(q: Tensor, k: Tensor, v: Tensor, *, log_decay: Tensor | None) -> Tensor:
    """Causal linear attention one token after another, the state in fp32."""
    kept = 1.0 if log_decay is None else log_decay.exp()[:, None, None]
    q, k, wide = q.float(), k.float(), torch.cat([v.float(), torch.ones_like(v[..., :1], dtype=torch.float32)], -1)
    state = torch.zeros(*k.shape[:2], k.shape[-1], wide.shape[-1], device=q.device)
    outs = []
    for i in range(q.shape[2]):
        state = kept * state + k[:, :, i, :, None] * wide[:, :, i, None, :]
        outs.append((q[:, :, i, None, :] @ state)[:, :, 0])
    out = torch.stack(outs, 2)
    return (out[..., :-1] / (out[..., -1:] + EPS)).to(v.dtype)


class LinearTrial(Trial):
    """The inputs of one point as features, and the truth about linear attention on a sample of them."""

    def __init__(self, plan: Plan, shape: Shape):
        self.features, self.decay = plan.features, plan.decay
        super().__init__(shape, plan.seed, plan.device)

    def make(self, generator: torch.Generator, device: str) -> tuple[Tensor, ...]:
        s = self.shape
        widths = (self.features, self.features, s.head_dim, s.head_dim)
        q, k, v, do = (
            torch.randn(s.batch, s.heads, s.length, w, generator=generator, device=device).to(s.dtype) for w in widths
        )
        return phi(q), phi(k), v, do

    def weigh(self, scores: Tensor, hidden: Tensor | None) -> Tensor:
        """Products of features to weights: (G, rows, T) -> rows that sum to almost 1."""
        weights = scores / self.shape.scale
        if self.decay is not None:
            columns = torch.arange(scores.shape[-1], device=scores.device)
            weights = weights * self.decay ** (self.rows[:, None] - columns).clamp_min(0)
        weights = weights if hidden is None else weights.masked_fill(hidden, 0.0)
        return weights / (weights.sum(-1, keepdim=True) + EPS)


def forms(plan: Plan) -> dict[str, Linear]:
    """The ways of computing linear attention here, on features already mapped."""
    causal = plan.shape.causal
    backend = contenders.own_backend(plan.device)
    log_decay = None
    if plan.decay is not None:
        log_decay = torch.full((plan.shape.heads,), float(np.log(plan.decay)), device=plan.device)
    ours = functools.partial(linear_attention, causal=causal, log_decay=log_decay, backend=backend)
    found: dict[str, Linear] = {"chunked" if causal else "unmasked": ours}
    if plan.features == plan.shape.head_dim:
        found["with features"] = lambda q, k, v: ours(phi(q), phi(k), v)
    found["all pairs"] = functools.partial(pairs, causal=causal, log_decay=log_decay)
    if causal:
        found["recurrent"] = functools.partial(recurrent, log_decay=log_decay)
    return found


def flops(shape: Shape, features: int) -> float:
    """Of the linear form: writing and reading a state of features x head dimension; backward three times as many."""
    return shape.batch * shape.heads * 4.0 * shape.length * features * shape.head_dim * (3 if shape.backward else 1)


def run(plan: Plan) -> Iterator[tuple[dict[str, Any], float]]:
    """Fields of the result as they fill, with the fraction of the work done."""
    found, _notes, backend = contenders.present(plan.shape, plan.device)
    softmaxes = {name: found[name] for name in SOFTMAXES if name in found}
    linears = forms(plan)
    names = [*softmaxes, *linears]
    board = contest.Board(names, len(plan.lengths))
    longest = {name: n for name, n in LONGEST[plan.device].items() if name in linears and n < plan.lengths[-1]}
    for name, n in longest.items():
        en, zh = TITLES[name]
        board.note(f"“{en}” is left out beyond length {n}.", f"长度超过 {n} 时略去“{zh}”。")
    ceiling, bandwidth = contest.ceilings(plan.shape.dtype, plan.device)
    fixed = {
        "lengths": np.array(plan.lengths), "contenders": tuple(names), "titles": tuple(TITLES[n] for n in names),
        "ceiling_tflops": ceiling, "bandwidth": bandwidth, "backend": backend,
        "dtype": str(plan.shape.dtype).removeprefix("torch."),
    }  # fmt: skip
    weights = np.array([float(n) ** 1.5 for n in plan.lengths])
    done = 0.95 * np.concatenate([[0.0], np.cumsum(weights)]) / weights.sum()
    fields = lambda: fixed | board.fields(ceiling) | crossings(plan, board)  # noqa: E731
    yield fields(), 0.0
    for point, length in enumerate(plan.lengths):
        shape = replace(plan.shape, length=length)
        if 5 * shape.input_bytes * contenders.rotation(shape, plan.device) > contest.free_memory(plan.device):
            board.note(f"The inputs alone do not fit in memory at length {length}.",
                       f"长度为 {length} 时，仅输入就已放不进内存。")  # fmt: skip
            break
        soft, linear = Trial(shape, plan.seed, plan.device), LinearTrial(plan, shape)
        entries = {name: soft.entry(name, attend) for name, attend in softmaxes.items()}
        entries |= {
            name: _entry(linear, plan, shape, name, form) for name, form in linears.items()
            if length <= longest.get(name, length)
        }  # fmt: skip
        steps = len(entries) + contest.ROUNDS
        where = (f"length {length}", f"长度 {length}")
        race = board.race(
            point, where, entries, inputs=len(soft.inputs), device=plan.device, ceiling=ceiling,
            seconds=SECONDS[plan.device] * (2 if length == plan.lengths[-1] else 1),
        )  # fmt: skip
        for step, _ in enumerate(race):
            share = min(1.0, (step + 1) / steps)
            yield fields(), float(done[point] + share * (done[point + 1] - done[point]))
        del soft, linear, entries
    last = fields()
    if plan.shape.causal:
        for swept in chunk_sweep(plan, backend):
            last |= swept
            yield last, 0.99
    yield last | {"finding": finding(plan, last)}, 1.0


def _entry(trial: LinearTrial, plan: Plan, shape: Shape, name: str, form: Linear) -> Entry:
    """A linear form at one point; "all pairs" holds matrices as naive softmax does."""
    entry = trial.entry("naive" if name == "all pairs" else name, form)
    work = shape.flops if name == "all pairs" else flops(shape, plan.features)
    error = entry.error if name != "with features" else lambda _results: float("nan")
    return replace(entry, flops=flops(shape, plan.features), work=work, error=error)


def chunk_sweep(plan: Plan, backend: str) -> Iterator[dict[str, Any]]:
    """Time of the chunked form by chunk size, at the longest length up to 4096."""
    length = min(plan.lengths[-1], 4096)
    trial = LinearTrial(plan, replace(plan.shape, length=length, backward=False))
    sizes = [c for c in CHUNKS if c <= min(length, 128 if backend == "triton" else length)]
    log_decay = None
    if plan.decay is not None:
        log_decay = torch.full((plan.shape.heads,), float(np.log(plan.decay)), device=plan.device)

    @torch.no_grad()
    def timed(i: int, chunk: int) -> Tensor:
        q, k, v, _ = trial.inputs[i]
        return linear_attention(q, k, v, causal=True, log_decay=log_decay, chunk=chunk, backend=backend)

    jobs = {str(c): functools.partial(timed, chunk=c) for c in sizes}
    rotation = [(i,) for i in range(len(trial.inputs))]
    for timings in timing.interleave(
        jobs, rotation, device=plan.device, runs=contest.ROUNDS, seconds=SECONDS[plan.device]
    ):
        each = np.array([[1e3 * t for t in (x.median, x.low, x.high)] for x in timings.values()])
        yield {
            "chunk_sizes": np.array(sizes), "chunk_length": length, "chunk_milliseconds": each[:, 0],
            "chunk_milliseconds_low": each[:, 1], "chunk_milliseconds_high": each[:, 2],
        }  # fmt: skip


def crossing(lengths: np.ndarray, one: np.ndarray, other: np.ndarray) -> float:
    """The length from which `one` stays below `other`, on straight lines between the points of a log-log plot.

    NaN where there is none: it is not below at the last point that both have, or already was at the first.
    """
    both = np.flatnonzero(np.isfinite(one) & np.isfinite(other) & (one > 0) & (other > 0))
    gap = np.log(one[both] / other[both])
    if len(both) < 2 or gap[-1] > 0 or (gap <= 0).all():
        return float("nan")
    i = int(np.flatnonzero(gap > 0)[-1])
    a, b = np.log(lengths[both[i]]), np.log(lengths[both[i + 1]])
    return float(np.exp(a + (b - a) * gap[i] / (gap[i] - gap[i + 1])))


def crossings(plan: Plan, board: contest.Board) -> dict[str, Any]:
    """Where linear attention becomes the faster, and the smaller, than the best softmax at each length."""
    ours = board.names.index("chunked" if plan.shape.causal else "unmasked")
    rows = [board.names.index(name) for name in SOFTMAXES if name in board.names]
    lengths = np.array(plan.lengths, dtype=float)
    best = lambda costs: np.fmin.reduce(costs[rows])  # noqa: E731
    return {
        "crossover": crossing(lengths, board.milliseconds[ours], best(board.milliseconds)),
        "memory_crossover": crossing(lengths, board.extra_bytes[ours], best(board.extra_bytes)),
        "best_softmax_milliseconds": best(board.milliseconds),
        "time_exponents": contest.exponents(lengths, board.milliseconds),
        "memory_exponents": contest.exponents(lengths, board.extra_bytes),
    }


def finding(plan: Plan, fields: dict[str, Any]) -> tuple[str, str]:
    """One sentence: where the lines cross, or by how much one leads."""
    ours = fields["milliseconds"][fields["contenders"].index("chunked" if plan.shape.causal else "unmasked")]
    best = fields["best_softmax_milliseconds"]
    both = np.flatnonzero(np.isfinite(ours) & np.isfinite(best))
    if not len(both):
        return ("No length was measured for both.", "没有一个长度同时测得两者。")
    at = both[-1]
    length, times = plan.lengths[at], best[at] / ours[at]
    if times >= 1:
        lead = (f"at {length} it is {times:.3g} times as fast", f"长度 {length} 时其速度为 {times:.3g} 倍")
    else:
        lead = (f"at {length} it takes {1 / times:.3g} times as long", f"长度 {length} 时其用时为 {1 / times:.3g} 倍")
    if np.isfinite(fields["crossover"]):
        where = round(fields["crossover"])
        return (f"Linear attention overtakes the best softmax near length {where}; {lead[0]}.",
                f"线性注意力在长度约 {where} 处超过最快的 softmax；{lead[1]}。")  # fmt: skip
    if times >= 1:
        return (f"Linear attention leads the best softmax from the shortest length measured; {lead[0]}.",
                f"从测得的最短长度起，线性注意力就快于最快的 softmax；{lead[1]}。")  # fmt: skip
    return (f"Linear attention does not overtake the best softmax up to length {length}; {lead[0]}.",
            f"直到长度 {length}，线性注意力都未超过最快的 softmax；{lead[1]}。")  # fmt: skip
