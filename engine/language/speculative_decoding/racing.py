"""Wall clocks: plain against speculative decoding, every γ, every source, and where the time goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from engine.core import timing
from engine.core.timing import Timing
from engine.language.sampling import Rule
from engine.language.speculative_decoding import formulas
from engine.language.speculative_decoding.decoding import Step, decode
from engine.language.speculative_decoding.findings import judged
from engine.language.speculative_decoding.pair import Drafting, Pair
from engine.language.speculative_decoding.result import Budget, Costs, Payoff, Race, Sources, Sweep
from engine.language.speculative_decoding.tallying import Tally
from engine.language.verification import reference

if TYPE_CHECKING:
    from engine.language.speculative_decoding.drafting import Plain

GAMMAS = (1, 2, 3, 4, 6, 8, 12)
TIMED_TOKENS = 48
ROUNDS = 5
SECONDS = 5.0
COST_RUNS = 40


def payoff(gamma: int) -> Payoff:
    """Where γ guesses at a time pay."""
    alphas, costs = np.linspace(0, 1, 51), np.linspace(0, 1, 51)
    even = np.array([formulas.least_alpha(c, gamma) for c in costs])
    return Payoff(alphas, costs, formulas.speedup(alphas[:, None], gamma, costs), even)


@dataclass(frozen=True)
class Contender:
    """One way to decode: a source, γ, and what it did in the runs so far."""

    source: Drafting | str
    gamma: int
    tally: Tally

    @property
    def name(self) -> str:
        return f"{self.source} {self.gamma}"


class Contest:
    """Everything that is timed against plain decoding of the same prompt under the same rule."""

    def __init__(self, pair: Pair, rule: Rule, gamma: int, chosen: Drafting, seed: int):
        self.pair, self.rule, self.gamma, self.chosen, self.seed = pair, rule, gamma, chosen, seed
        self.tokens = min(pair.tokens, TIMED_TOKENS)
        self.sources: list[Drafting] = ["model", "lookup", "both"] + (["exit"] if pair.early else [])  # type: ignore[assignment]
        wanted = [(chosen, g) for g in sorted({*GAMMAS, gamma})]
        wanted += [(name, gamma) for name in self.sources if name != chosen]
        self.contenders = [Contender(s, g, Tally()) for s, g in wanted]
        self.timings: dict[str, Timing] = {}
        self.opened: dict[str, Plain] = {}

    def run(self) -> Iterator[float]:
        """Race all of them in turn; after every run, which share of the rounds is done."""
        jobs: dict[str, Callable[[int], None]] = {"plain": self._job("plain", 0, None)}
        jobs |= {c.name: self._job(c.source, c.gamma, c.tally) for c in self.contenders}
        seeds = [(self.seed + turn,) for turn in range(ROUNDS)]
        rounds = timing.interleave(jobs, seeds, warm_up=0, runs=ROUNDS, seconds=SECONDS, every_run=True)
        for count, timings in enumerate(rounds, 1):
            self.timings = timings
            yield min(1.0, count / (ROUNDS * len(jobs)))

    def _job(self, source: str, gamma: int, tally: Tally | None) -> Callable[[int], None]:
        made = self.opened[source] = self.opened.get(source) or self.pair.source(source, self.rule)

        def job(seed: int) -> None:
            made.settle(len(self.pair.prompt))
            for step in decode(made, self.pair.prompt, self.rule, tokens=self.tokens, gamma=gamma, seed=seed):
                if tally is not None:
                    tally.add(step)

        return job

    @property
    def ready(self) -> bool:
        """Whether every contender has run at least once."""
        return len(self.timings) == 1 + len(self.contenders)

    def rate(self, source: str) -> float:
        """The acceptance of a source over all of its runs."""
        mine = [c.tally for c in self.contenders if c.source == source]
        decided = sum(t.decided for t in mine)
        return sum(t.kept for t in mine) / decided if decided else float("nan")

    def asked(self, source: str) -> float:
        """Which share of a source's guesses took a pass of the draft."""
        return self.opened[source].asked_share

    def times_faster(self, contender: Contender) -> tuple[float, float, float]:
        """Plain seconds over the contender's: of the medians, and what both spans together allow at least and at most."""
        plain, mine = self.timings["plain"], self.timings[contender.name]
        return plain.median / mine.median, plain.low / mine.high, plain.high / mine.low

    def sweep(self, costs: Costs) -> Sweep:
        """The chosen source over γ."""
        mine = [c for c in self.contenders if c.source == self.chosen]
        mine.sort(key=lambda c: c.gamma)
        gammas = np.array([c.gamma for c in mine])
        alpha = nan_to_zero(self.rate(self.chosen))
        ratios = np.array([self.times_faster(c) for c in mine])
        return Sweep(
            alpha,
            gammas,
            np.array([c.tally.tokens / max(1, c.tally.steps) for c in mine]),
            *ratios.T,
            formulas.tokens_per_step(alpha, gammas),
            formulas.speedup(alpha, gammas, costs.c),
            formulas.speedup(alpha, gammas, costs.c, formulas.checking(costs.v, self.gamma, gammas)),
            int(gammas[ratios[:, 0].argmax()]),
            formulas.best_gamma(alpha, costs.c),
            formulas.best_gamma(alpha, costs.c, v=costs.v, measured_at=self.gamma),
            self.timings["plain"].runs,
        )

    def budget(self, costs: Costs) -> Budget:
        """Where the chosen contender's time goes."""
        mine = next(c for c in self.contenders if (c.source, c.gamma) == (self.chosen, self.gamma))
        tokens = max(1, mine.tally.tokens)
        whole = self.timings[mine.name].median / self.tokens
        guessing, checking = costs.guess * mine.tally.proposed / tokens, costs.block * mine.tally.steps / tokens
        return Budget(self.timings["plain"].median / self.tokens, whole, guessing, checking, max(0.0, whole - guessing - checking))

    def compared(self, costs: dict[str, Costs]) -> Sources:
        """Every source at the one γ."""
        mine = [next(c for c in self.contenders if (c.source, c.gamma) == (s, self.gamma)) for s in self.sources]
        alpha = np.array([c.tally.rate for c in mine])
        c = np.array([costs[s].c for s in self.sources])
        ratios = np.array([self.times_faster(x) for x in mine])
        return Sources(
            tuple(self.sources),
            alpha,
            np.array([x.tally.tokens / max(1, x.tally.steps) for x in mine]),
            np.array([x.tally.proposed / max(1, x.tally.steps) for x in mine]),
            c,
            *ratios.T,
            tuple(judged(low, high, self.timings["plain"].runs) for _, low, high in ratios),
            formulas.speedup(np.nan_to_num(alpha), self.gamma, c),
            np.array([costs[s].least_alpha for s in self.sources]),
        )


def nan_to_zero(value: float) -> float:
    return 0.0 if value != value else value


def costs(pair: Pair, rule: Rule, source: Drafting, gamma: int) -> Iterator[Costs]:
    """Measure a guess and the passes that check, at the end of the prompt; better with every item."""
    # Of lookup, else the model, it is the model's guess that is measured; `shared` counts how few it makes.
    made, alone = pair.source("model" if source == "both" else source, rule), pair.source("plain", rule)
    text, fixed = list(pair.prompt), np.linspace(0.1, 0.9, gamma)
    last = text[-1]

    def guess() -> None:
        # the draft takes up again what it already knew of the prompt, as it does after a step
        made.settle(len(text))
        made.propose(text, gamma, fixed)

    def single() -> None:
        alone.settle(len(text))
        reference.draw(rule.probabilities(alone.verify(last, []))[0], 0.5)

    drafted, q = made.propose(text, gamma, fixed)
    drafted = drafted or [last] * gamma
    q = q if len(q) else np.full((gamma, pair.vocabulary), 1 / pair.vocabulary, np.float32)
    decide = np.append(np.zeros(len(drafted)), 0.5)

    def block() -> None:
        made.settle(len(text))
        if source == "exit":
            made.propose(text, len(drafted), fixed)
        reference.verify(rule.probabilities(made.verify(last, drafted)), q, drafted, decide)

    rounds = timing.interleave({"guess": guess, "single": single, "block": block}, [()], warm_up=2, runs=COST_RUNS, seconds=0.7)
    for timings in rounds:
        yield _costs(timings, gamma, source == "exit")


def shared(costs: Costs, asked: float, gamma: int) -> Costs:
    """The same where only the share `asked` of the guesses takes a pass of the draft."""
    spans = costs.spans.copy()
    spans[0] *= asked
    c = costs.c * asked
    return replace(costs, guess=costs.guess * asked, spans=spans, c=c, least_alpha=formulas.least_alpha(c, gamma))


def _costs(timings: dict[str, Timing], gamma: int, together: bool) -> Costs:
    guess, single, block = (timings[name] for name in ("guess", "single", "block"))
    if together:  # an early exit's check cannot be made without its guesses
        block = replace(
            block, median=max(block.median - guess.median, 0.0), low=max(block.low - guess.low, 0.0), high=max(block.high - guess.high, 0.0)
        )
    c = guess.median / gamma / single.median
    spans = np.array([[t.low / by, t.high / by] for t, by in ((guess, gamma), (single, 1), (block, 1))])
    return Costs(guess.median / gamma, single.median, block.median, spans, c, block.median / single.median, formulas.least_alpha(c, gamma))


class Clocked:
    """Interleaved runs of one and the same decoding, and when each of their steps was done."""

    def __init__(self) -> None:
        self.laps: list[list[float]] = []
        self.steps: list[int] = []
        self.emitted: list[int] = []

    def run(self, steps: Iterator[Step]) -> Iterator[Step]:
        """The steps, their durations noted."""
        self.laps.append([])
        self.steps, self.emitted = [], []
        for step, seconds in timing.laps(steps):
            self.laps[-1].append(seconds)
            self.steps.append(len(step.emitted))
            self.emitted += step.emitted
            yield step

    def clock(self) -> np.ndarray:
        """(steps,): seconds at which each was done, by the median duration of each."""
        whole = [lap for lap in self.laps if len(lap) == len(self.laps[0])]
        return np.cumsum(np.median(np.array(whole), axis=0))


def race(plain: Clocked, speculative: Clocked, pieces: Callable[[Sequence[int]], list[str]]) -> Race:
    """What the two clocks say."""
    return Race(
        plain.clock(),
        speculative.clock(),
        np.cumsum(plain.steps),
        np.cumsum(speculative.steps),
        tuple(pieces(plain.emitted)),
        tuple(pieces(speculative.emitted)),
        len(speculative.laps),
    )
