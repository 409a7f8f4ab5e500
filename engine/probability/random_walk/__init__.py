"""The random walk: where walkers are after n steps, how far they stray, whether they come home, and who is ruined."""

from __future__ import annotations

from collections.abc import Iterator

from engine.core import Partial, devices, experiment
from engine.core.params import Cost
from engine.probability.random_walk import end_points, exact, findings, functionals, simulate
from engine.probability.random_walk.parameters import RandomWalk
from engine.probability.random_walk.plan import Plan
from engine.probability.random_walk.result import Walked

POWERS = 12
LONG = 20.0  # seconds from which a run waits for its button

__all__ = ["Plan", "RandomWalk", "Walked", "cost", "random_walk"]


def estimated_seconds(params: RandomWalk) -> float:
    """The processor time that the laws and the steps need."""
    plan = Plan.of(params)
    return plan.law_seconds + sum(block.work for block in simulate.blocks(plan, devices.current().kind == "cuda"))


def cost(params: RandomWalk) -> Cost:
    """By the processor time: at most 50 ms, at most 20 s, or more."""
    seconds = estimated_seconds(params)
    return "instant" if seconds < simulate.AT_ONCE else "seconds" if seconds < LONG else "minutes"


def summarise(run: simulate.Simulation, params: RandomWalk) -> Walked:
    """What has been counted so far, beside the exact laws."""
    plan = run.plan
    fields = end_points.where(run) | end_points.spread(run) | end_points.paths(run)
    fields |= functionals.home(run) | functionals.last_home(run) | functionals.gambler(run)
    backend = "numpy" if plan.gaussian else "numpy, packed bits"
    if run.gpu is not None:
        backend = f"triton for walkers who are not followed, {backend} for the rest"
    return Walked(
        **fields,
        law=findings.law(plan),
        triangle=exact.multiplied_out(plan.up, POWERS),
        diffusion=end_points.rescaled(plan, fields),
        findings=findings.findings(params, plan, fields),
        backend=backend,
    )


@experiment("random-walk", cost=cost, seconds=estimated_seconds, uses_gpu=True, apart=True, limits={"cpu": {"walkers": 10_000_000}})
def random_walk(params: RandomWalk) -> Iterator[Partial[Walked]]:
    """Simulate the walkers and set what they did beside the exact laws; the result improves as walkers come in."""
    run = simulate.Simulation(Plan.of(params), "cuda" if devices.current().kind == "cuda" else None)
    result, drawn, work = None, 0.0, run.run()
    try:
        for fraction in work:
            fresh = result is None or (not drawn and run.tally)
            if fresh or fraction - drawn >= simulate.REDRAWN or fraction == 1:
                result, drawn = summarise(run, params), fraction if run.tally else 0.0
            yield Partial(result, fraction)
    finally:
        work.close()
