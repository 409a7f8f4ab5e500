"""Position encodings: the whole family side by side, rotation in depth, and what each does to a model's loss.

The operator is `engine.attention.position_encoding.operator.rotate_both`; torch is imported only where it is used.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from engine.attention.position_encoding import decay as decays
from engine.attention.position_encoding import family, findings, linear, losses, pictures, rotation, stretching
from engine.attention.position_encoding.family import Given, Places
from engine.attention.position_encoding.parameters import HEADS, PositionEncoding
from engine.attention.position_encoding.result import PositionEncoded
from engine.attention.position_models import frequencies
from engine.core import Partial, experiment, gather

__all__ = ["PositionEncoded", "PositionEncoding", "position_encoding"]

RELATIVE = 1e-9  # of the largest score: what rounding may leave
TILE = 24  # positions to a side where all encodings are drawn side by side
FRAMES = 48
LIVE_LENGTH = {"target": 2048, "models": 512}


@experiment("position-encoding")
def position_encoding(params: PositionEncoding) -> Iterator[Partial[PositionEncoded]]:
    """The formulas at once; the losses of real models, when asked for, as they are measured."""
    result = picture(params)
    if params.task == "encodings":
        yield Partial(result, 1.0)
        return
    from engine.attention.position_encoding import live

    result = dataclasses.replace(result, backend="torch", dtype="float32")
    now, length = result.loss_by_position, LIVE_LENGTH[params.task]
    if params.task == "target":
        steps = live.target(now, params.windows, length, params.factor, params.base, params.shift)
    else:
        steps = live.small(now, params.windows, length, params.shift)
    for found, share in steps:
        said = result.findings if share < 1 else (result.findings[0], *findings.losses(found, params.encoding))
        yield Partial(dataclasses.replace(result, loss_by_position=found, findings=said), share)


def given(params: PositionEncoding) -> Given:
    """The query, the key and all that encodings are built from."""
    d = params.dimension
    rng = np.random.Generator(np.random.SFC64(params.seed))
    q, k = rng.standard_normal((2, d))
    return Given(
        q=q,
        k=q.copy() if params.content == "same" else k,
        rates=frequencies.scaled(d, params.base, params.scaling, params.factor, params.context),
        temperature=frequencies.temperature(params.scaling, params.factor),
        context=params.context,
        reach=params.reach,
        buckets=params.buckets,
        furthest=params.furthest,
        slope=float(family.slopes(HEADS)[params.head - 1]),
        seed=params.seed,
    )


def picture(params: PositionEncoding) -> PositionEncoded:
    """Everything that is computed at once."""
    own = given(params)
    at = np.arange(TILE)
    near, far = Places(at, at), Places(at + params.offset, at + params.offset)
    scores = np.stack([one.score(own, near) for one in family.FAMILY])
    moved = [one.score(own, far) for one in family.FAMILY]
    departure = np.array([family.departure(a, b) for a, b in zip(scores, moved, strict=True)])
    place = family.NAMES.index(params.encoding)
    encoding, recorded = family.FAMILY[place], losses.recorded()
    small = frequencies.scaled(linear.WIDTH, params.base, params.scaling, params.factor, params.context)
    unscaled = frequencies.rates(params.dimension, params.base)
    return PositionEncoded(
        names=family.NAMES,
        titles=tuple(one.title for one in family.FAMILY),
        scores=scores,
        departure=departure,
        relative_only=departure < RELATIVE,
        theory=np.array([one.relative for one in family.FAMILY]),
        offset=params.offset,
        scaling=params.scaling,
        base=params.base,
        chosen=pictures.choose(encoding, own, params.length),
        turning=rotation.turning(own.q, own.k, own.rates, params.distance, params.offset, FRAMES),
        formats=rotation.formats(own.q, own.k, own.rates),
        decay=decays.decay(own.q, own.k, own.rates, unscaled, own.temperature),
        stretch=stretching.stretch(params.dimension, params.base, params.factor, params.context),
        linear=linear.linear_rotary(own, small, params.offset),
        loss_by_position=recorded,
        findings=gather(
            findings.measured(encoding, float(departure[place]), params.offset, params.context, TILE),
            *findings.losses(recorded, params.encoding),
        ),
    )
