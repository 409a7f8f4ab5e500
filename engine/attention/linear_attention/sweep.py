"""The timing sweep: softmax attention against linear attention in each of its forms, and the chunk size."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from engine.attention.contest import machine, softmax
from engine.attention.contest import sweep as contest
from engine.attention.contest.race import Entry
from engine.attention.contest.result import Measured
from engine.attention.contest.softmax import Shape, Trial
from engine.attention.contest.sweep import Sweep
from engine.attention.flash_attention import operator
from engine.attention.linear_attention.features import EPS
from engine.attention.linear_attention.operator import linear_attention
from engine.attention.linear_attention.parameters import LinearAttention
from engine.attention.linear_attention.result import Crossing
from engine.core import Finding, T, gather
from engine.core.findings import verdict

SECONDS = 0.5  # aim of the timing rounds of one point; twice as much for the longest
SHORTEST = 16
# Beyond these lengths a form would only show, slowly, what is seen already: a launch for each token, a square.
LONGEST = {"cpu": {"recurrent": 256, "all pairs": 2048}, "cuda": {"recurrent": 512}}
TITLES = {
    "naive": T("softmax, naive", "softmax，朴素"),
    "flash": T("softmax, torch: flash", "softmax，torch：flash"),
    "efficient": T("softmax, torch: efficient", "softmax，torch：efficient"),
    "cudnn": T("softmax, torch: cuDNN", "softmax，torch：cuDNN"),
    "chunked": T("linear, chunked", "线性，分块"),
    "unmasked": T("linear, Q(KᵀV)", "线性，Q(KᵀV)"),
    "with features": T("linear, features included", "线性，含特征映射"),
    "all pairs": T("linear, all pairs", "线性，逐对计算"),
    "recurrent": T("linear, token by token", "线性，逐词元递推"),
}
SOFTMAXES = ("naive", "flash", "efficient", "cudnn")
Linear = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Plan:
    """What is measured at every length: the size, features to a token, a decay or None, and where."""

    shape: Shape
    features: int
    decay: float | None
    seed: int
    device: str

    @property
    def log_decay(self) -> Tensor | None:
        return None if self.decay is None else torch.full((self.shape.heads,), float(np.log(self.decay)), device=self.device)

    @property
    def ours(self) -> str:
        """The form of linear attention that stands for it."""
        return "chunked" if self.shape.causal else "unmasked"


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
        q, k, v, do = (torch.randn(s.batch, s.heads, s.length, w, generator=generator, device=device).to(s.dtype) for w in widths)
        return phi(q), phi(k), v, do

    def weigh(self, scores: Tensor, hidden: Tensor | None) -> Tensor:
        """Products of features to weights: rows that sum to almost 1."""
        weights = scores / self.shape.scale
        if self.decay is not None:
            columns = torch.arange(scores.shape[-1], device=scores.device)
            weights = weights * self.decay ** (self.rows[:, None] - columns).clamp_min(0)
        weights = weights if hidden is None else weights.masked_fill(hidden, 0.0)
        return weights / (weights.sum(-1, keepdim=True) + EPS)

    def linear_entry(self, name: str, form: Linear) -> Entry:
        """A linear form at this point; "all pairs" holds matrices as naive softmax does."""
        entry = self.entry("naive" if name == "all pairs" else name, form)
        linear = flops(self.shape, self.features)
        work = self.shape.flops if name == "all pairs" else linear
        error = entry.error if name != "with features" else lambda _results: float("nan")  # it maps features anew
        return replace(entry, flops=linear, work=work, error=error)


def forms(plan: Plan) -> dict[str, Linear]:
    """The ways of computing linear attention here, on features already mapped."""
    causal, log_decay = plan.shape.causal, plan.log_decay
    ours = functools.partial(linear_attention, causal=causal, log_decay=log_decay, backend=operator.fastest(plan.device))
    found: dict[str, Linear] = {plan.ours: ours}
    if plan.features == plan.shape.head_dim:
        found["with features"] = lambda q, k, v: ours(phi(q), phi(k), v)
    found["all pairs"] = functools.partial(pairs, causal=causal, log_decay=log_decay)
    if causal:
        found["recurrent"] = functools.partial(recurrent, log_decay=log_decay)
    return found


def flops(shape: Shape, features: int) -> float:
    """Of the linear form: writing and reading a state of features x head dimension; backward three times as many."""
    return shape.batch * shape.heads * 4.0 * shape.length * features * shape.head_dim * (3 if shape.backward else 1)


def planned(params: LinearAttention) -> Plan:
    """The plan of a sweep up to the length that is set."""
    dtype, causal = softmax.DTYPES[params.dtype], params.causal
    shape = Shape(params.batch, params.heads, params.heads, params.length, params.head_dim, causal, dtype, params.pass_ == "backward")
    return Plan(shape, params.head_dim, params.decay if causal and params.decay < 1 else None, params.seed, machine.device())


def run(params: LinearAttention) -> Iterator[tuple[dict[str, Any], float]]:
    """Fields of the result as they fill, with the fraction of the work done."""
    plan, lengths = planned(params), contest.halves(params.length, SHORTEST)
    present, _ = softmax.present(plan.shape, plan.device)
    softmaxes = {name: present[name] for name in SOFTMAXES if name in present}
    linears = forms(plan)
    longest = {name: n for name, n in LONGEST[plan.device].items() if name in linears and n < params.length}

    def entries(shape: Shape) -> tuple[dict[str, Entry], int]:
        soft, linear = Trial(shape, plan.seed, plan.device), LinearTrial(plan, shape)
        admitted = {name: form for name, form in linears.items() if shape.length <= longest.get(name, shape.length)}
        found = {name: soft.entry(name, attend) for name, attend in softmaxes.items()}
        found |= {name: linear.linear_entry(name, form) for name, form in admitted.items()}
        return found, min(len(soft.inputs), len(linear.inputs))

    sweep = Sweep(
        axis="length",
        values=lengths,
        shapes=[replace(plan.shape, length=length) for length in lengths],
        where=lambda length: T("length {length:count}", "长度 {length:count}", length=length),
        titles={name: TITLES[name] for name in (*softmaxes, *linears)},
        entries=entries,
        device=plan.device,
        weights=[length**1.5 for length in lengths],
        seconds=[SECONDS * (2 if length == lengths[-1] else 1) for length in lengths],
        inputs_held=5.0,
        notes=[
            T("“{title}” is left out beyond length {n:count}.", "长度超过 {n:count} 时略去“{title}”。", title=TITLES[name], n=n)
            for name, n in longest.items()
        ],
    )
    for found, notes, fraction in contest.run(sweep):
        crossing = crossed(plan, found)
        said = (overtaking(found, crossing), contest.too_high(found, "rate")) if fraction == 1 else ()
        findings = gather(*said, *(Finding(note, "timing") for note in notes))
        yield {"timing": found, "crossing": crossing, "findings": findings}, fraction


def crossing(lengths: Float[np.ndarray, " p"], one: Float[np.ndarray, " p"], other: Float[np.ndarray, " p"]) -> float:
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


def crossed(plan: Plan, found: Measured) -> Crossing:
    """Where linear attention becomes the faster, and the smaller, than the best softmax at each length."""
    ours, lengths = found.row(plan.ours), found.lengths.astype(float)
    rows = [found.row(name) for name in SOFTMAXES if name in found.contenders]
    best, least = (np.fmin.reduce(costs[rows]) for costs in (found.milliseconds, found.extra_bytes))
    return Crossing(ours, best, crossing(lengths, found.milliseconds[ours], best), crossing(lengths, found.extra_bytes[ours], least))


def overtaking(found: Measured, crossed: Crossing) -> Finding:
    """Where the lines cross, or by how much one leads, as far as the clock tells."""
    both = np.flatnonzero(np.isfinite(found.milliseconds[crossed.ours]) & np.isfinite(crossed.best_softmax_milliseconds))
    if not len(both):
        return Finding(T("No length was measured for both.", "没有一个长度同时测得两者。"), "timing")
    at = int(both[-1])
    fastest = min(
        (name for name in SOFTMAXES if name in found.contenders),
        key=lambda name: np.nan_to_num(found.milliseconds[found.row(name), at], nan=np.inf),
    )
    where = T("length {length:count}", "长度 {length:count}", length=int(found.lengths[at]))
    names = {"where": where, "theirs": T("the best softmax", "最快的 softmax"), "ours": T("linear attention", "线性注意力")}
    lead = contest.faster(found, fastest, found.contenders[crossed.ours], at, names)
    time = found.ratio(fastest, found.contenders[crossed.ours], at)
    if verdict(time.low, time.high) == "above" and np.isfinite(crossed.crossover):
        crossing = T("The medians cross near length {n:count}.", "中位数在长度约 {n:count} 处交叉。", n=round(crossed.crossover))
        lead = T.joined([lead, crossing], " ", "")
    return Finding(lead, "time")
