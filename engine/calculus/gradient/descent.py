"""Seven ways down a slope: each one a step p, state -> p, state from the gradient, as `torch.optim` defines it.

p, g and the states are arrays whose first axis holds the coordinates x, y: the same lines serve one point and a picture
of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from engine.calculus.gradient.landscape import Landscape
from engine.calculus.gradient.parameters import METHODS, Settings
from engine.calculus.gradient.result import Race, Run
from engine.core import T, amounts

FAR = 1000.0  # half-widths of the map: whoever is further away has diverged
SETTLED = 1e-3  # of the first gradient's length
ADAGRAD_EPSILON, EPSILON = 1e-10, 1e-8  # torch's defaults


def gd(s: Settings, p: Any, g: Any, state: Any, step: int) -> tuple[Any, Any]:
    """p ← p − ηg."""
    return p - s.rate["gd"] * g, state


def momentum(s: Settings, p: Any, g: Any, state: Any, step: int) -> tuple[Any, Any]:
    """b ← βb + g, p ← p − ηb. Source: Polyak 1964, in torch's scaling."""
    b = g if state is None else s.momentum * state + g
    return p - s.rate["momentum"] * b, b


def nesterov(s: Settings, p: Any, g: Any, state: Any, step: int) -> tuple[Any, Any]:
    """b ← βb + g, p ← p − η(g + βb). Source: Sutskever et al. 2013, as torch writes it."""
    b = g if state is None else s.momentum * state + g
    return p - s.rate["nesterov"] * (g + s.momentum * b), b


def adagrad(s: Settings, p: Any, g: Any, state: Any, step: int) -> tuple[Any, Any]:
    """G ← G + g², p ← p − ηg / (√G + ε). Source: Duchi, Hazan and Singer 2011."""
    total = g * g if state is None else state + g * g
    return p - s.rate["adagrad"] * g / (total**0.5 + ADAGRAD_EPSILON), total


def rmsprop(s: Settings, p: Any, g: Any, state: Any, step: int) -> tuple[Any, Any]:
    """v ← αv + (1 − α)g², p ← p − ηg / (√v + ε). Source: Hinton 2012, lecture 6e."""
    v = (1 - s.beta2) * g * g if state is None else s.beta2 * state + (1 - s.beta2) * g * g
    return p - s.rate["rmsprop"] * g / (v**0.5 + EPSILON), v


def adam(s: Settings, p: Any, g: Any, state: Any, step: int) -> tuple[Any, Any]:
    """Two moments with their bias undone; `step` counts from 1. Source: Kingma and Ba 2015, algorithm 1."""
    m, v = (0.0 * g, 0.0 * g) if state is None else state
    m = s.beta1 * m + (1 - s.beta1) * g
    v = s.beta2 * v + (1 - s.beta2) * g * g
    root = v**0.5 / (1 - s.beta2**step) ** 0.5 + EPSILON
    return p - s.rate["adam"] / (1 - s.beta1**step) * m / root, (m, v)


def newton(s: Settings, p: Any, g: Any, bend: Any) -> Any:
    """p ← p − ηH⁻¹g, H's entries in `bend` as (xx, xy, yy), by Cramer's rule. Not finite where H is singular."""
    xx, xy, yy = bend
    determinant = xx * yy - xy * xy
    p = p + 0.0 * g
    p[0] -= s.rate["newton"] * (yy * g[0] - xy * g[1]) / determinant
    p[1] -= s.rate["newton"] * (xx * g[1] - xy * g[0]) / determinant
    return p


RULES: dict[str, Callable[[Settings, Any, Any, Any, int], tuple[Any, Any]]] = {
    "gd": gd,
    "momentum": momentum,
    "nesterov": nesterov,
    "adagrad": adagrad,
    "rmsprop": rmsprop,
    "adam": adam,
}


def advance(method: str, s: Settings, p: Any, g: Any, bend: Any, state: Any, step: int) -> tuple[Any, Any]:
    """One step of one method from p, where the gradient is g and the Hessian's entries are `bend`."""
    return (newton(s, p, g, bend), None) if method == "newton" else RULES[method](s, p, g, state, step)


def run(land: Landscape, start: tuple[float, float], steps: int, settings: Settings, reach: float) -> Run:
    """The paths, losses, gradients (x, y) and Hessians (xx, xy, yy) of every method from one start, step by step.

    A method stops when it comes further than `reach` away, or to a point where f has no value; NaN follows.
    """
    p = np.repeat(np.asarray(start, np.float64)[None, :], len(METHODS), axis=0)
    states: list[Any] = [None] * len(METHODS)
    beyond = np.zeros(len(METHODS), bool)
    paths, surveys = [], []
    with np.errstate(all="ignore"):
        for step in range(1, steps + 2):
            seen = np.array(land.survey(p[:, 0], p[:, 1]))  # a new one every time: methods keep their first gradient as a state
            far = (np.abs(p) > reach).any(1)
            beyond |= far
            lost = far | ~np.isfinite(seen[0])
            p[lost] = seen[:, lost] = np.nan
            paths.append(p)
            surveys.append(seen)
            ahead = []
            for k, method in enumerate(METHODS):
                point, states[k] = advance(method, settings, p[k], seen[1:3, k], seen[3:, k], states[k], step)
                ahead.append(point)
            p = np.array(ahead)
    record = np.array(surveys).transpose(2, 0, 1)  # (M, T+1, 6)
    return Run(np.array(paths).transpose(1, 0, 2), record[..., 0], record[..., 1:3], record[..., 3:], beyond)


def race(land: Landscape, start: tuple[float, float], steps: int, settings: Settings, half_width: float) -> Race:
    """All methods from one start, and what became of each. f must have a value at the start."""
    reach, methods = FAR * half_width + max(map(abs, start)), tuple(METHODS)
    seen = run(land, start, steps, settings, reach)
    alive = np.isfinite(seen.losses)
    slopes = np.where(alive, np.hypot(seen.gradients[..., 0], seen.gradients[..., 1]), np.nan)
    last = alive.sum(1) - 1
    stopped = np.where(alive[:, -1], -1, last + 1)
    rows = np.arange(len(METHODS))
    ends, final, slope, bends = (part[rows, last] for part in (seen.paths, seen.losses, slopes, seen.bends))
    first, ruler = slopes[0, 0], np.abs(seen.bends[0, 0]).max()
    fates = tuple(fate(method, stopped[k], slope[k], first, bends[k], ruler, seen.beyond[k]) for k, method in enumerate(methods))
    ranked = np.where(stopped < 0, final, np.inf)
    winner = methods[int(np.argmin(ranked))] if np.isfinite(ranked).any() else ""
    verdicts = tuple(sentence(fates[k], ends[k], final[k], slope[k], int(stopped[k]), steps) for k in range(len(methods)))
    lowest = np.where(alive, seen.losses, np.inf).min(1)
    return Race(methods, seen.paths, seen.losses, slopes, stopped, ends, lowest, fates, verdicts, winner)


def fate(method: str, stopped: int, slope: float, first: float, bend: np.ndarray, ruler: float, beyond: bool) -> str:
    """What became of a method that was last seen, with a value, at a slope and a Hessian `bend` (xx, xy, yy).

    first, ruler: the slope and the largest entry of the Hessian at the start.
    """
    if stopped >= 0:
        if not np.isfinite(slope):
            return "lost"
        determinant = bend[0] * bend[2] - bend[1] ** 2
        if method == "newton" and (determinant == 0 or not np.isfinite(determinant)):
            return "singular"
        return "diverged" if beyond else "outside"
    if slope > SETTLED * max(first, 1e-9):
        return "moving"
    return kind_of(bend, ruler)


def kind_of(bend: np.ndarray, ruler: float) -> str:
    """What a stationary point with this Hessian (xx, xy, yy) is: "minimum", "maximum", "saddle", or "flat".

    It is "flat", and the Hessian cannot say, where one eigenvalue is nothing beside the other or beside `ruler`.
    """
    if not np.isfinite(bend).all():
        return "flat"
    xx, xy, yy = bend
    middle, spread = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    low, high = middle - spread, middle + spread
    large = max(abs(low), abs(high))
    if min(abs(low), abs(high)) <= 1e-6 * large or large <= 1e-6 * ruler:
        return "flat"
    return "minimum" if low > 0 else "maximum" if high < 0 else "saddle"


VERDICTS = {
    "diverged": T("diverged at step {step}: its steps grow instead of shrinking", "第 {step} 步发散：步子不减反增"),
    "singular": T(
        "stopped at step {step}: the Hessian at {at} has no inverse, so Newton has no step",
        "第 {step} 步停止：{at} 处的 Hessian 不可逆，牛顿法没有步子可走",
    ),
    "lost": T("stopped at step {step}: the gradient has no value at {at}", "第 {step} 步停止：{at} 处的梯度没有值"),
    "outside": T("stopped at step {step}: from {at} it stepped to where f has no value", "第 {step} 步停止：从 {at} 走到了 f 没有值的地方"),
    "moving": T(
        "still moving after {steps} steps, at {at}: f = {f:number.4}, |∇f| = {slope:number.2}",
        "{steps} 步后仍在移动，位于 {at}：f = {f:number.4}，|∇f| = {slope:number.2}",
    ),
    "minimum": T("settled at a minimum, {at}: f = {f:number.4}", "停在极小值点 {at}：f = {f:number.4}"),
    "maximum": T("settled at a maximum, {at}: f = {f:number.4}", "停在极大值点 {at}：f = {f:number.4}"),
    "saddle": T("settled at a saddle, {at}: f = {f:number.4}", "停在鞍点 {at}：f = {f:number.4}"),
    "flat": T(
        "settled at a stationary point where the Hessian is singular, {at}: f = {f:number.4}",
        "停在 Hessian 奇异的驻点 {at}：f = {f:number.4}",
    ),
}


def sentence(fate: str, end: np.ndarray, f: float, slope: float, stopped: int, steps: int) -> T:
    """A method's fate in words."""
    at = amounts.point(np.where(np.abs(end) < 1e-12, 0.0, end), 4)  # what is nothing but rounding is 0
    return T(*VERDICTS[fate], at=at, f=f, slope=slope, step=stopped, steps=steps)
