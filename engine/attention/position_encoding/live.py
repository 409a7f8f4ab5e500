"""Losses measured now, in place of the recorded ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from engine.attention.position_encoding import losses
from engine.attention.position_encoding.result import Losses, SmallLosses
from engine.attention.position_models import measure
from engine.core import devices
from engine.core.words import T

HERE = T("measured here on {device}", "在此实测：{device}", device=devices.cpu_name())


def target(now: Losses, windows: int, length: int, factor: float, base: float, shift: int) -> Iterator[tuple[Losses, float]]:
    """`now` with the embedded model's curves measured here, text by text."""
    context = measure.target_context()
    for curves, seen, share in measure.target_curves(windows, length, factor, base, shift):
        found = {"context": context, "factor": factor, "base": base, "shift": shift, "windows": seen, "length": length}
        target = losses.target_losses(found, curves)
        yield dataclasses.replace(now, target=target, target_source=HERE, target_recorded=False), share


def small(now: Losses, windows: int, length: int, shift: int) -> Iterator[tuple[Losses, float]]:
    """`now` with the small models' losses by place measured here, one model after another."""
    before = now.small
    places = losses.middles(measure.PARTS, length)
    for curves, share in measure.small_curves(windows, length, shift):
        rows = np.stack([curves[name] for name in before.names])
        fresh: SmallLosses = dataclasses.replace(
            before, places=places, losses=rows, **losses.means(places, rows, before.context), windows=windows, length=length, shift=shift
        )
        yield dataclasses.replace(now, small=fresh, small_source=HERE, small_recorded=False), share
