"""Speculative decoding: a draft guesses, the target checks many guesses in one pass, and the law stays the target's."""

from __future__ import annotations

from collections.abc import Iterator

from engine.core import Partial, experiment, gather
from engine.language import code_model
from engine.language.speculative_decoding import findings, formulas
from engine.language.speculative_decoding.parameters import Speculate
from engine.language.speculative_decoding.result import Speculated
from engine.language.speculative_decoding.toy import explore


@experiment("speculative-decoding", warm_up=code_model.warm_up)
def speculative_decoding(params: Speculate) -> Iterator[Partial[Speculated]]:
    """Write with a draft and a target, then measure around it; the toy's result comes at once."""
    if params.task == "toy":
        yield Partial(dragged(params), 1.0)
        return
    from engine.language.speculative_decoding import alone, session

    yield from alone.stream(lambda: session.run(params))


def dragged(params: Speculate) -> Speculated:
    """The toy pair as a result. Raises `Refused`."""
    toy = explore(params.p, params.q, params.gamma, params.cost, params.seed)
    return Speculated(
        "toy",
        params.gamma,
        "model",
        (),
        None,
        toy.accepted / max(1, toy.accepted + toy.rejected),
        toy.tokens / toy.steps,
        float(formulas.tokens_per_step(toy.alpha, params.gamma)),
        params.cost,
        None,
        float(formulas.speedup(toy.alpha, params.gamma, params.cost)),
        toy.steps,
        gather(findings.of_toy(toy)),
        toy=toy,
        backend="numpy",
        dtype="float64",
    )


__all__ = ["Speculate", "Speculated", "speculative_decoding"]
