"""Guidance: the noise that a model sees, bent towards a class, with the bend itself kept for all to see.

Let y be the wanted class, u no class (or a class to stay away from), w the strength beyond the plain condition.
Both kinds aim at p(x) p(y | x)^(1+w) at every noise level and agree exactly where the model is exact:

    classifier        ε = ε_u − √(1−ᾱ) s ∇ log p(y | x), with s = 1 + w        Dhariwal & Nichol 2021, algorithm 2
    classifier-free   ε = (1 + w) ε_y − w ε_u                                   Ho & Salimans 2022, eq. 6
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

NO_CLASS = -1


class Model(Protocol):
    """What is sampled: a noise predictor with labels, and a classifier that knows noise. labels: (B,), −1 for none."""

    def epsilon(self, x: Tensor, alpha_bar: float, labels: Tensor) -> Tensor: ...

    def classifier_gradient(self, x: Tensor, alpha_bar: float, labels: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class Plan:
    """What a run wants. guidance: a key of `GUIDANCE`. labels: (B,) classes. scale: w. against: the class to stay away
    from, −1 for none. lowest, highest: the interval of ᾱ in which guidance acts; outside of it w is 0."""

    guidance: str
    labels: Tensor
    scale: float = 0.0
    against: int = NO_CLASS
    lowest: float = 0.0
    highest: float = 1.0

    def strength(self, alpha_bar: float) -> float:
        """w at a noise level."""
        return self.scale if self.lowest <= alpha_bar <= self.highest else 0.0


class Guided:
    """A model under a plan, as samplers call it. After each call `push` is what guidance added to the noise beyond the
    plain condition, None where nothing was. calls: passes of model and classifier; evaluations: the rows in them."""

    def __init__(self, model: Model, plan: Plan, limit: float | None = None):
        """limit: x̂₀ is held within ±limit, where samples are known to be (pictures); None leaves it free."""
        self.model, self.plan, self.limit = model, plan, limit
        self.push: Tensor | None = None
        self.calls = self.evaluations = 0
        self.seconds = 0.0

    def __call__(self, x: Tensor, alpha_bar: float) -> Tensor:
        found, self.push = GUIDANCE[self.plan.guidance](self, x, alpha_bar)
        return found if self.limit is None else within(x, found, alpha_bar, self.limit)

    def epsilon(self, x: Tensor, alpha_bar: float, labels: Tensor) -> Tensor:
        """The model's ε, counted and timed."""
        return self._asked(self.model.epsilon, x, alpha_bar, labels)

    def gradient(self, x: Tensor, alpha_bar: float, labels: Tensor) -> Tensor:
        """The classifier's ∇ log p(y | x), counted and timed."""
        return self._asked(self.model.classifier_gradient, x, alpha_bar, labels)

    def _asked(self, ask: object, x: Tensor, alpha_bar: float, labels: Tensor) -> Tensor:
        begun = time.perf_counter()
        found = ask(x, alpha_bar, labels)  # type: ignore[operator]
        if found.device.type == "cuda":
            torch.cuda.synchronize()
        self.seconds += time.perf_counter() - begun
        self.calls += 1
        self.evaluations += len(x)
        return found


def unconditional(guided: Guided, x: Tensor, alpha_bar: float) -> tuple[Tensor, None]:
    """ε without a class."""
    return guided.epsilon(x, alpha_bar, torch.full_like(guided.plan.labels, NO_CLASS)), None


def conditional(guided: Guided, x: Tensor, alpha_bar: float) -> tuple[Tensor, None]:
    """ε of the class, no more."""
    return guided.epsilon(x, alpha_bar, guided.plan.labels), None


def classifier(guided: Guided, x: Tensor, alpha_bar: float) -> tuple[Tensor, Tensor | None]:
    """The unconditional ε, bent by a classifier's gradient; away from the other class's where there is one."""
    plan, w, root = guided.plan, guided.plan.strength(alpha_bar), math.sqrt(1 - alpha_bar)
    base, _ = unconditional(guided, x, alpha_bar)
    if plan.against == NO_CLASS or w == 0:
        slope = guided.gradient(x, alpha_bar, plan.labels)
        beyond = slope
    else:
        other = torch.full_like(plan.labels, plan.against)
        slope, away = guided.gradient(torch.cat([x, x]), alpha_bar, torch.cat([plan.labels, other])).chunk(2)
        beyond = slope - away
    push = None if w == 0 else -root * w * beyond
    found = base - root * slope
    return (found if push is None else found + push), push


def classifier_free(guided: Guided, x: Tensor, alpha_bar: float) -> tuple[Tensor, Tensor | None]:
    """Both branches in one call of twice the batch; only one branch where w is 0."""
    plan, w = guided.plan, guided.plan.strength(alpha_bar)
    if w == 0:
        return conditional(guided, x, alpha_bar)
    other = torch.full_like(plan.labels, plan.against)
    with_class, without = guided.epsilon(torch.cat([x, x]), alpha_bar, torch.cat([plan.labels, other])).chunk(2)
    push = w * (with_class - without)
    return with_class + push, push


def within(x: Tensor, epsilon: Tensor, alpha_bar: float, limit: float) -> Tensor:
    """The ε whose x̂₀ is the given one's, held within ±limit. As the code of Ho et al. 2020 does."""
    clean = ((x - math.sqrt(1 - alpha_bar) * epsilon) / math.sqrt(alpha_bar)).clamp(-limit, limit)
    return (x - math.sqrt(alpha_bar) * clean) / math.sqrt(1 - alpha_bar)


GUIDANCE = {"unconditional": unconditional, "conditional": conditional, "classifier": classifier, "classifier-free": classifier_free}
