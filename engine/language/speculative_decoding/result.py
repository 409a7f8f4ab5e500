"""What a speculative run wrote, and all that was measured around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from engine.core import Finding, T

Judged = Literal["above", "below", "undecided"]


@dataclass(frozen=True)
class Models:
    """Which models ran: a line on each, their parameters, the prompt's tokens, the early exit's layers (0: none)."""

    target: T
    draft: T
    target_parameters: int
    draft_parameters: int
    prompt_tokens: int
    exit_layer: int


@dataclass(frozen=True)
class Trace:
    """E events in S steps. An accepted guess, a resampled and a bonus token stand in the text; a rejected guess does not.

    kind: 0 accepted, 1 rejected, 2 resampled (behind a rejection), 3 bonus (all guesses stood, or there was none).
    step: the target's pass; position: place in its block; place: in the text that was written, all from 0.
    p, q, ratio, uniform: of the token: target's and draft's chance, p / q, and the number it was compared with (accepted
    where uniform < ratio); NaN where there was no guess. overlap: Σ min(p, q) at that place. options: the likeliest
    tokens there, with their chances and what a rejection draws from. unseen: guesses of each step that nobody looked at,
    behind a rejection. emitted: tokens of each step.
    """

    kind: Int[np.ndarray, " E"]
    step: Int[np.ndarray, " E"]
    position: Int[np.ndarray, " E"]
    place: Int[np.ndarray, " E"]
    ids: Int[np.ndarray, " E"]
    pieces: tuple[str, ...]
    p: Float[np.ndarray, " E"]
    q: Float[np.ndarray, " E"]
    ratio: Float[np.ndarray, " E"]
    uniform: Float[np.ndarray, " E"]
    overlap: Float[np.ndarray, " E"]
    options: tuple[tuple[str, ...], ...]
    option_ids: Int[np.ndarray, "E 8"]
    option_p: Float[np.ndarray, "E 8"]
    option_q: Float[np.ndarray, "E 8"]
    option_residual: Float[np.ndarray, "E 8"]
    unseen: Int[np.ndarray, " S"]
    emitted: Int[np.ndarray, " S"]


@dataclass(frozen=True)
class Race:
    """The same prompt and seed, by both ways: seconds at which each step was done, medians over `runs` interleaved runs,
    tokens written by then, and the tokens."""

    plain: Float[np.ndarray, " steps"]
    speculative: Float[np.ndarray, " steps"]
    plain_tokens: Int[np.ndarray, " steps"]
    speculative_tokens: Int[np.ndarray, " steps"]
    plain_pieces: tuple[str, ...]
    speculative_pieces: tuple[str, ...]
    runs: int

    @property
    def speedup(self) -> float:
        """How many times faster a token was written."""
        return float(self.plain[-1] / self.plain_tokens[-1] / (self.speculative[-1] / self.speculative_tokens[-1]))


@dataclass(frozen=True)
class Costs:
    """Seconds of one guess, of a target's pass over one token, and of one over γ + 1, each with its drawing: medians, and
    the spans that hold the middle 60 %. c = guess / single, v = block / single. least_alpha: the acceptance above which
    γ guesses pay (v taken for 1), NaN where they never do.
    """

    guess: float
    single: float
    block: float
    spans: Float[np.ndarray, "3 2"]
    c: float
    v: float
    least_alpha: float


@dataclass(frozen=True)
class Sweep:
    """Over γ, measured and by the formulas at `alpha`, the acceptance over all of these runs, and c.

    speedup, speedup_low, speedup_high: over plain decoding in the same rounds; the span is from the slow end of the
    middle 60 % of its runs over the fast end of plain decoding's to the other way round. with_block: the formula with the
    cost v of checking, as measured at the one γ. best_found, best_expected, best_with_block: the γ where each is greatest.
    """

    alpha: float
    gammas: Int[np.ndarray, " n"]
    tokens_per_step: Float[np.ndarray, " n"]
    speedup: Float[np.ndarray, " n"]
    speedup_low: Float[np.ndarray, " n"]
    speedup_high: Float[np.ndarray, " n"]
    expected_tokens: Float[np.ndarray, " n"]
    expected_speedup: Float[np.ndarray, " n"]
    with_block: Float[np.ndarray, " n"]
    best_found: int
    best_expected: int
    best_with_block: int
    runs: int


@dataclass(frozen=True)
class Sources:
    """Each source of guesses on the one prompt, at the one γ. proposed: guesses a pass on average; judged: whether its
    speed-up lies above or below 1, or the clock cannot tell; least_alpha: the acceptance from which each would pay.
    """

    names: tuple[str, ...]
    acceptance: Float[np.ndarray, " n"]
    tokens_per_step: Float[np.ndarray, " n"]
    proposed: Float[np.ndarray, " n"]
    cost_ratio: Float[np.ndarray, " n"]
    speedup: Float[np.ndarray, " n"]
    speedup_low: Float[np.ndarray, " n"]
    speedup_high: Float[np.ndarray, " n"]
    judged: tuple[Judged, ...]
    expected_speedup: Float[np.ndarray, " n"]
    least_alpha: Float[np.ndarray, " n"]


@dataclass(frozen=True)
class Budget:
    """Seconds to a token: of plain decoding, and of speculative decoding in its parts, which add up to `speculative`.

    guessing, checking: the measured passes, by how many of them a token took; other: what is left, down to 0.
    """

    plain: float
    speculative: float
    guessing: float
    checking: float
    other: float


@dataclass(frozen=True)
class Payoff:
    """The formula's speed-up at one γ. break_even: the α at which it is 1 for each c, NaN where there is none."""

    alphas: Float[np.ndarray, " n"]
    costs: Float[np.ndarray, " m"]
    speedup: Float[np.ndarray, "n m"]
    break_even: Float[np.ndarray, " m"]


@dataclass(frozen=True)
class Toy:
    """n tokens, γ guesses a step.

    p, q: what target and draft say, scaled to sum to 1; p_sum, q_sum: what they summed to as given. alpha: Σ min(p, q),
    the chance that a guess is kept. minimum, residual: min(p, q) and (p − q)₊ scaled. law: the output's exact law, by
    enumeration, in its two parts; pairs: that of the first two tokens; largest_error: how far both are from the target's.
    observed: shares among the tokens of `steps` simulated steps. lengths: 1 … γ + 1 tokens a step, with their exact and
    their simulated shares. gammas, expected_tokens, expected_speedups: the formulas; best: the γ of the greatest speed-up.
    """

    p: Float[np.ndarray, " n"]
    q: Float[np.ndarray, " n"]
    p_sum: float
    q_sum: float
    alpha: float
    minimum: Float[np.ndarray, " n"]
    residual: Float[np.ndarray, " n"]
    law: Float[np.ndarray, " n"]
    through_guess: Float[np.ndarray, " n"]
    through_residual: Float[np.ndarray, " n"]
    pairs: Float[np.ndarray, "n n"]
    largest_error: float
    observed: Float[np.ndarray, " n"]
    steps: int
    accepted: int
    rejected: int
    tokens: int
    lengths: Int[np.ndarray, " γ+1"]
    length_law: Float[np.ndarray, " γ+1"]
    length_observed: Float[np.ndarray, " γ+1"]
    mean_length: float
    gammas: Int[np.ndarray, " 12"]
    expected_tokens: Float[np.ndarray, " 12"]
    expected_speedups: Float[np.ndarray, " 12"]
    best: int


@dataclass(frozen=True)
class Speculated:
    """A speculative run. What is not known yet, or not at all, is None.

    tokens: what was written. trace: every decision. acceptance_rate: accepted ÷ (accepted + rejected), NaN without a
    decision. tokens_per_step: tokens to a pass of the target, of which there were target_calls; expected by eq. 1.
    cost_ratio: c, a guess's time over that of a target's pass. speedup: of the clock, over plain decoding; judged: whether
    it lies above or below 1, or the clock cannot tell; expected_speedup: theorem 3.8's.
    """

    task: str
    gamma: int
    drafting: str
    tokens: tuple[str, ...]
    trace: Trace | None
    acceptance_rate: float
    tokens_per_step: float
    expected_tokens_per_step: float
    cost_ratio: float | None
    speedup: float | None
    expected_speedup: float | None
    target_calls: int
    findings: tuple[Finding, ...] = ()
    judged: Judged | None = None
    models: Models | None = None
    race: Race | None = None
    costs: Costs | None = None
    sweep: Sweep | None = None
    sources: Sources | None = None
    budget: Budget | None = None
    payoff: Payoff | None = None
    toy: Toy | None = None
    backend: str = "torch, one thread"
    dtype: str = "float32"
