"""Diffusion: from noise to a sample step by step, and how guidance bends the way: in a plane and for pictures."""

from __future__ import annotations

from collections.abc import Iterator

from engine.core import Partial, Refused, T, experiment
from engine.generation.diffusion.parameters import MOST_PASSES, PICTURES, PLANES, Diffuse, cost
from engine.generation.diffusion.result import Diffused


def warm_up() -> None:
    """Import what a first run needs."""
    from engine.generation.diffusion import session  # noqa: F401


@experiment("diffusion", cost=cost, uses_gpu=True, warm_up=warm_up)
def diffusion(params: Diffuse) -> Iterator[Partial[Diffused]]:
    """Draw samples under the chosen guidance, then all around it: the other guidances, the scales, the exact law."""
    if not params.on_plane and params.passes > MOST_PASSES:
        raise Refused(
            T(
                "count × steps must stay below {most} passes of one picture; got {got}",
                "count × steps 不能超过 {most} 次单图运算；收到 {got}",
                most=MOST_PASSES,
                got=params.passes,
            ),
            "steps",
        )
    from engine.generation.diffusion import session
    from engine.language.speculative_decoding import alone

    # A plane's arrays are small: shared out among cores they would mostly wait for one another.
    yield from alone.stream(lambda: session.run(params)) if params.on_plane else session.run(params)


__all__ = ["PICTURES", "PLANES", "Diffuse", "Diffused", "diffusion"]
