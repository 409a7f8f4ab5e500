"""Seven ways down a slope: each one a step p, state -> p, state from the gradient, as `torch.optim` defines it.

p, g and the states are arrays or tensors whose first axis holds the coordinates x, y. The steps use arithmetic alone,
so that the same lines serve one point in numpy and a million in torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.calculus.gradient.landscape import Landscape
from engine.core.words import T

METHODS = ("gd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "newton")
FAR = 1000.0  # half-widths of the map: whoever is further away has diverged
SETTLED = 1e-3  # of the first gradient's length
ADAGRAD_EPSILON, EPSILON = 1e-10, 1e-8  # torch's defaults


@dataclass(frozen=True)
class Settings:
    """rate: the learning rates by method. momentum: momentum's and Nesterov's β. beta2: Adam's β₂ and RMSProp's α."""

    rate: Mapping[str, float]
    momentum: float
    beta1: float
    beta2: float


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


@dataclass(frozen=True)
class Race:
    """Every method from one start. M = 7 methods, in the order of `methods`; T steps.

    paths (M, T+1, 2), losses and slopes (M, T+1): where each is after every step, f there and the gradient's length;
    NaN from the step on at which the method stopped. stopped_at (M,): that step, or −1. ends (M, 2): the last point
    with a value; lowest (M,): the least f on the way. winner: the method whose last value is lowest among those that
    did not stop, or "". verdicts: each one's fate in a sentence, in English and Chinese.
    fate (M,): settled at a "minimum", "saddle", "maximum" or "flat" point (where the Hessian cannot say); "moving";
    "diverged"; "outside" (it stepped to where f has no value); "lost" (the gradient has no value there); "singular"
    (Newton met a Hessian without inverse).
    """

    methods: tuple[str, ...]
    paths: np.ndarray
    losses: np.ndarray
    slopes: np.ndarray
    stopped_at: np.ndarray
    ends: np.ndarray
    lowest: np.ndarray
    fate: tuple[str, ...]
    verdicts: tuple[T, ...]
    winner: str


@dataclass(frozen=True)
class Run:
    """The bare record of `run`: paths (M, T+1, 2), losses (M, T+1), gradients (M, T+1, 2) and bends (M, T+1, 3).

    beyond (M,): whether a method was last seen out of reach rather than out of the domain.
    """

    paths: np.ndarray
    losses: np.ndarray
    gradients: np.ndarray
    bends: np.ndarray
    beyond: np.ndarray


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
            seen = np.empty((6, len(p)))  # a new one every time: methods keep their first gradient as a state
            for row, values in zip(seen, land.survey(p[:, 0], p[:, 1]), strict=True):
                row[:] = values
            if not (np.abs(p).max() <= reach and np.isfinite(seen[0]).all()):
                beyond |= (np.abs(p) > reach).any(1)
                lost = ~((np.abs(p) <= reach).all(1) & np.isfinite(seen[0]))
                p[lost] = seen[:, lost] = np.nan
            paths.append(p)
            surveys.append(seen)
            g = seen[1:3].T
            ahead = []
            for k, method in enumerate(METHODS[:-1]):
                point, states[k] = RULES[method](settings, p[k], g[k], states[k], step)
                ahead.append(point)
            p = np.array([*ahead, newton(settings, p[-1], g[-1], seen[3:, -1])])
    record = np.array(surveys).transpose(2, 0, 1)  # (M, T+1, 6)
    return Run(np.array(paths).transpose(1, 0, 2), record[..., 0], record[..., 1:3], record[..., 3:], beyond)


def race(land: Landscape, start: tuple[float, float], steps: int, settings: Settings, half_width: float) -> Race:
    """All methods from one start, and what became of each. f must have a value at the start."""
    reach = FAR * half_width + max(map(abs, start))
    seen = run(land, start, steps, settings, reach)
    alive = np.isfinite(seen.losses)
    slopes = np.where(alive, np.hypot(seen.gradients[..., 0], seen.gradients[..., 1]), np.nan)
    last = alive.sum(1) - 1
    stopped = np.where(alive[:, -1], -1, last + 1)
    rows = np.arange(len(METHODS))
    ends, final, slope, bends = (part[rows, last] for part in (seen.paths, seen.losses, slopes, seen.bends))
    first, ruler = slopes[0, 0], np.abs(seen.bends[0, 0]).max()
    fates = tuple(fate(method, stopped[k], slope[k], first, bends[k], ruler, seen.beyond[k]) for k, method in enumerate(METHODS))
    ranked = np.where(stopped < 0, final, np.inf)
    winner = METHODS[int(np.argmin(ranked))] if np.isfinite(ranked).any() else ""
    verdicts = tuple(sentence(fates[k], ends[k], final[k], slope[k], int(stopped[k]), steps) for k in range(len(METHODS)))
    lowest = np.where(alive, seen.losses, np.inf).min(1)
    return Race(METHODS, seen.paths, seen.losses, slopes, stopped, ends, lowest, fates, verdicts, winner)


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


def sentence(fate: str, end: np.ndarray, f: float, slope: float, stopped: int, steps: int) -> T:
    """A method's fate in words."""
    at = f"({rounded(end[0])}, {rounded(end[1])})"
    match fate:
        case "diverged":
            return T(
                "diverged at step {stopped}: its steps grow instead of shrinking", "第 {stopped} 步发散：步子不减反增", stopped=stopped
            )
        case "singular":
            return T(
                "stopped at step {stopped}: the Hessian at {at} has no inverse, so Newton has no step",
                "第 {stopped} 步停止：{at} 处的 Hessian 不可逆，牛顿法没有步子可走",
                stopped=stopped,
                at=at,
            )
        case "lost":
            return T(
                "stopped at step {stopped}: the gradient has no value at {at}",
                "第 {stopped} 步停止：{at} 处的梯度没有值",
                stopped=stopped,
                at=at,
            )
        case "outside":
            return T(
                "stopped at step {stopped}: from {at} it stepped to where f has no value",
                "第 {stopped} 步停止：从 {at} 走到了 f 没有值的地方",
                stopped=stopped,
                at=at,
            )
        case "moving":
            return T(
                "still moving after {steps} steps, at {at}: f = {f:.4g}, |∇f| = {slope:.2g}",
                "{steps} 步后仍在移动，位于 {at}：f = {f:.4g}，|∇f| = {slope:.2g}",
                steps=steps,
                at=at,
                f=f,
                slope=slope,
            )
    names = {
        "minimum": T("a minimum", "极小值点"),
        "maximum": T("a maximum", "极大值点"),
        "saddle": T("a saddle", "鞍点"),
        "flat": T("a stationary point where the Hessian is singular", "Hessian 奇异的驻点"),
    }
    en, zh = names[fate]
    return T("settled at {en}, {at}: f = {f:.4g}", "停在{en} {at}：f = {f:.4g}", en=T(en, zh), at=at, f=f)


def rounded(coordinate: float) -> str:
    """A coordinate to four digits, what is nothing but rounding as 0."""
    return f"{0.0 if abs(coordinate) < 1e-12 else coordinate:.4g}"
