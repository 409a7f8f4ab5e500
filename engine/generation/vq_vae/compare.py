"""The same training by every quantiser, and by plain VQ with every weight of the commitment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy import ndarray

from engine.core.words import T
from engine.generation.vq_vae import live
from engine.generation.vq_vae.quantisers import Choice
from engine.generation.vq_vae.result import Compared, Trained

# Name, quantiser, where its codes start, whether dead ones are drawn anew.
CONTENDERS = (
    (T("VQ, codes from the origin", "VQ，码字从原点出发"), "gradient", "origin", False),
    (T("VQ, codes on data", "VQ，码字取自数据"), "gradient", "data", False),
    (T("VQ, k-means", "VQ，k 均值起步"), "gradient", "k-means", False),
    (T("VQ, origin, restarts", "VQ，原点出发，重启死码字"), "gradient", "origin", True),
    (T("EMA, origin", "EMA，原点出发"), "ema", "origin", False),
    (T("EMA, origin, restarts", "EMA，原点出发，重启死码字"), "ema", "origin", True),
    (T("rotation trick, on data", "旋转技巧，码字取自数据"), "rotation", "data", False),
    (T("Gumbel-softmax, on data", "Gumbel-softmax，码字取自数据"), "gumbel", "data", False),
    (T("FSQ", "FSQ"), "fsq", "data", False),
    (T("RVQ, on data", "RVQ，码字取自数据"), "rvq", "data", False),
)
PAUSE = 50  # steps after which a stop is heard
BETAS = (0.0, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0)


def compare(world: str, codes: int, steps: int, seed: int) -> Iterator[tuple[Compared, float]]:
    """All of them from the same seed, one after another, and the share of the steps that is done."""
    choices = [(method, Choice(codes, 0.25, 0.95, start, restarts)) for _, method, start, restarts in CONTENDERS]
    choices += [("gradient", Choice(codes, beta, 0.95, "data", False)) for beta in BETAS]
    done: list[Trained] = []
    for i, (method, choice) in enumerate(choices):
        run = live.Training(world, method, choice, steps, seed)
        for number in range(steps):
            if number % PAUSE == PAUSE - 1:
                yield compared(world, done), (i + number / steps) / len(choices)
            run.step(number)
        run.note(steps)
        done.append(run.result())
        yield compared(world, done), (i + 1) / len(choices)


def compared(world: str, done: Sequence[Trained]) -> Compared:
    """The comparison as far as its trainings have come."""
    c = len(CONTENDERS)

    def column(value: Callable[[Trained], float], begin: int, count: int) -> ndarray:
        known = [value(one) for one in done[begin : begin + count]]
        return np.array(known + [np.nan] * (count - len(known)))

    return Compared(
        world,
        tuple(name for name, *_ in CONTENDERS),
        *(column(value, 0, c) for value in (lambda t: t.error, lambda t: t.perplexity, lambda t: len(t.usage))),
        np.array(BETAS),
        *(column(value, c, len(BETAS)) for value in (lambda t: t.error, lambda t: t.perplexity, _apart)),
    )


def _apart(made: Trained) -> float:
    """What quantising loses, over the variance of the vectors."""
    return made.distortion / float(made.vectors[-1].var(0).mean())
