"""A pair of distributions that a person drags: the same p and q at every place, so that everything is known exactly."""

from __future__ import annotations

import numpy as np

from engine.core import Refused, T
from engine.core.entry import normalised
from engine.core.params import shown
from engine.language.speculative_decoding import enumeration, formulas
from engine.language.speculative_decoding.result import Toy
from engine.language.verification import reference

MOST_TOKENS = 8
STEPS = 4000
CURVE = 12


def weights(text: str, name: str) -> np.ndarray:
    """Numbers ≥ 0 from a text such as "0.5, 0.3, 0.2". Raises `Refused`."""
    parts = normalised(text).replace(";", ",").split(",")
    try:
        found = np.array([float(part) for part in parts])
    except ValueError:
        found = np.array([np.nan])
    if not (np.isfinite(found).all() and (found >= 0).all() and 0 < found.sum() < 1e6):
        raise Refused(
            T(
                "{name} must be numbers from 0 up, separated by commas, not all of them 0; got {text}",
                "{name} 必须是以逗号分隔、不小于 0 且不全为 0 的数；收到 {text}",
                name=name,
                text=shown(text),
            ),
            name,
        )
    if not 2 <= len(found) <= MOST_TOKENS:
        raise Refused(
            T(
                "{name} must name 2 to {most_tokens} tokens; got {found}",
                "{name} 必须给出 2 到 {most_tokens} 个词元；收到 {found} 个",
                name=name,
                most_tokens=MOST_TOKENS,
                found=len(found),
            ),
            name,
        )
    return found


def explore(p_text: str, q_text: str, gamma: int, c: float, seed: int) -> Toy:
    """All that there is to know about the pair. The shorter of p and q is filled up with zeros. Raises `Refused`."""
    given = [weights(p_text, "p"), weights(q_text, "q")]
    n = max(map(len, given))
    p, q = (np.pad(w, (0, n - len(w))) / w.sum() for w in given)
    minimum = np.minimum(p, q)
    law = enumeration.output_law(lambda _: p, lambda _: q, gamma, 1)
    two = enumeration.output_law(lambda _: p, lambda _: q, gamma, 2)
    pairs = np.zeros((n, n))
    for text, chance in two.items():
        pairs[text] = chance
    one = np.array([law[(t,)] for t in range(n)])
    alpha = float(minimum.sum())
    length_law = lengths_by_enumeration(p, q, gamma)
    gammas = np.arange(1, CURVE + 1)
    return Toy(
        p,
        q,
        float(given[0].sum()),
        float(given[1].sum()),
        alpha,
        minimum,
        reference.residual(p, q),
        one,
        minimum,
        one - minimum,
        pairs,
        float(max(abs(one - p).max(), abs(pairs - np.outer(p, p)).max())),
        **simulate(p, q, gamma, seed),
        lengths=np.arange(1, gamma + 2),
        length_law=length_law,
        mean_length=float(length_law @ np.arange(1, gamma + 2)),
        gammas=gammas,
        expected_tokens=formulas.tokens_per_step(alpha, gammas),
        expected_speedups=formulas.speedup(alpha, gammas, c),
        best=formulas.best_gamma(alpha, c, CURVE),
    )


def lengths_by_enumeration(p: np.ndarray, q: np.ndarray, gamma: int) -> np.ndarray:
    """(γ + 1,): chance that a step yields 1 … γ + 1 tokens, over every guess and verdict at each place."""
    possible = q > 0
    kept = float((q[possible] * np.minimum(1, p[possible] / q[possible])).sum())
    law, alive = [], 1.0
    for _ in range(gamma):
        law.append(alive * (1 - kept))
        alive *= kept
    return np.array([*law, alive])


def simulate(p: np.ndarray, q: np.ndarray, gamma: int, seed: int, steps: int = STEPS) -> dict:
    """Steps of the algorithm on the pair: shares of tokens and lengths, and how many guesses were kept and refused."""
    u = np.random.Generator(np.random.PCG64(seed)).random((2 * gamma + 1, steps))
    guesses = _draw(q, u[:gamma])
    kept = np.cumprod(u[gamma:-1] * q[guesses] < p[guesses], axis=0)
    count = kept.sum(0)
    added = np.where(count < gamma, _draw(reference.residual(p, q), u[-1]), _draw(p, u[-1]))
    seen = np.bincount(guesses[kept.astype(bool)], minlength=len(p)) + np.bincount(added, minlength=len(p))
    return {
        "observed": seen / seen.sum(),
        "steps": steps,
        "accepted": int(count.sum()),
        "rejected": int((count < gamma).sum()),
        "tokens": int(seen.sum()),
        "length_observed": np.bincount(count, minlength=gamma + 1) / steps,
    }


def _draw(weights: np.ndarray, uniforms: np.ndarray) -> np.ndarray:
    sums = weights.cumsum()
    return np.minimum(sums.searchsorted(uniforms * sums[-1], side="right"), np.flatnonzero(weights)[-1])
