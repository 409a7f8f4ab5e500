"""A whole run on two models: the trace first, then what is timed around it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engine.core import Partial, Refused, T, gather
from engine.language.models.pieces import LONGEST_CHARACTER
from engine.language.sampling import Rule
from engine.language.speculative_decoding import findings, formulas, racing
from engine.language.speculative_decoding.decoding import Step, decode
from engine.language.speculative_decoding.pair import Pair, open_pair
from engine.language.speculative_decoding.parameters import Speculate
from engine.language.speculative_decoding.result import Models, Speculated
from engine.language.speculative_decoding.tallying import Tally
from engine.language.speculative_decoding.tracing import Tracer

RACES = 3
SHARES = {"trace": 0.2, "race": 0.2, "sweep": 0.6}  # of the work, about


def run(params: Speculate) -> Iterator[Partial[Speculated]]:
    """Results as they grow. Raises `Refused`."""
    pair = open_pair(params.target, params.draft, params.prompt, params.tokens_out, params.exit_layer)
    if params.drafting == "exit" and not pair.early:
        raise Refused(
            T(
                "drafting by early exit needs a target built as Llama is; got {target}",
                "提前退出要求目标模型为 Llama 结构；收到 {target}",
                target=params.target,
            ),
            "drafting",
        )
    yield from Session(params, pair).stream()


class Session:
    """One run's parts, and the result so far."""

    def __init__(self, params: Speculate, pair: Pair):
        self.params, self.pair = params, pair
        self.rule = Rule(params.temperature, params.top_k, params.top_p)
        self.tracer = Tracer(pair.target, pair.prompt[-LONGEST_CHARACTER:])
        self.tally = Tally()
        self.made: Speculated | None = None
        self.clocks = {"plain": racing.Clocked(), params.drafting: racing.Clocked()}
        self.known: dict = {"models": self.models()}

    def models(self) -> Models:
        target, draft = self.pair.target, self.pair.draft
        return Models(target.description, draft.description, target.parameters, draft.parameters, len(self.pair.prompt), self.pair.early)

    def stream(self) -> Iterator[Partial[Speculated]]:
        """One part of the work after the other."""
        done = 0.0
        for name, part in (("trace", self.trace), ("race", self.race), ("sweep", self.sweep)):
            for share in part():
                self.made = self.made or self.result()
                yield Partial(self.made, done + SHARES[name] * min(share, 0.999))
            done += SHARES[name]
        yield Partial(self.result(), 1.0)

    def learn(self, **found: Any) -> None:
        """Take in what the result is to show from now on."""
        self.known |= found
        self.made = None

    def decode(self, drafting: str) -> Iterator[Step]:
        """Steps of a run from the end of the prompt."""
        params, pair = self.params, self.pair
        length = {"tokens": params.tokens_out, "gamma": params.gamma, "seed": params.seed}
        return decode(pair.source(drafting, self.rule), pair.prompt, self.rule, **length, ends=pair.target.ends)

    def trace(self) -> Iterator[float]:
        """The run that is shown, step by step."""
        params = self.params
        for step in self.clocks[params.drafting].run(self.decode(params.drafting)):
            self.tracer.add(step)
            self.tally.add(step)
            self.learn()
            yield self.tracer.written / params.tokens_out

    def race(self) -> Iterator[float]:
        """The shown run again and again, plain decoding in between."""
        params = self.params
        names = ["plain"] + [params.drafting, "plain"] * (RACES - 1)
        for done, name in enumerate(names):
            for _ in self.clocks[name].run(self.decode(name)):
                yield done / len(names)
            both = self.clocks["plain"], self.clocks[params.drafting]
            self.learn(race=racing.race(*both, self.pair.target.pieces))

    def sweep(self) -> Iterator[float]:
        """What a guess and a check cost, every γ, every source."""
        params = self.params
        contest = racing.Contest(self.pair, self.rule, params.gamma, params.drafting, params.seed)
        costs = {}
        for name in contest.sources:
            for found in racing.costs(self.pair, self.rule, name, params.gamma):
                costs[name] = found
                yield 0.0
        self.learn(costs=costs[params.drafting], payoff=racing.payoff(params.gamma))
        for share in contest.run():
            if contest.ready:
                paid = {name: racing.shared(found, contest.asked(name), params.gamma) for name, found in costs.items()}
                mine = paid[params.drafting]
                self.learn(costs=mine, sweep=contest.sweep(mine), sources=contest.compared(paid), budget=contest.budget(mine))
            yield share

    def result(self) -> Speculated:
        """All that is known by now."""
        params, tracer, tally = self.params, self.tracer, self.tally
        alpha, per_step = tally.rate, tally.tokens / max(1, tally.steps)
        costs, sweep = self.known.get("costs"), self.known.get("sweep")
        speedup = expected_speedup = judged = paced = None
        if costs is not None and sweep is not None:
            at, race = sweep.gammas.tolist().index(params.gamma), self.known.get("race")
            speedup, expected_speedup = float(sweep.speedup[at]), float(sweep.expected_speedup[at])
            low, high = float(sweep.speedup_low[at]), float(sweep.speedup_high[at])
            judged = findings.judged(low, high, sweep.runs, race and race.speedup)
            paced = findings.of_pace(params.drafting, params.gamma, sweep, costs, race)
        return Speculated(
            "models",
            params.gamma,
            params.drafting,
            tracer.text(),
            tracer.trace(),
            alpha,
            per_step,
            float(formulas.tokens_per_step(racing.nan_to_zero(alpha), params.gamma)),
            None if costs is None else costs.c,
            speedup,
            expected_speedup,
            tally.steps,
            gather(paced, findings.of_run(params.drafting, params.gamma, alpha, per_step, tally.decided)),
            judged,
            **self.known,
        )
